//! What a mini-service says of itself: `manifest.json`, after the W3C MiniApp Manifest draft.
//!
//! Where the draft is silent or wrong the project decides: `app_id` compares by code point and case-sensitively,
//! `min_code` and `target_code` are integers, and a member with a value that the draft does not give it is refused
//! rather than passed over. The project's own members stand under `onecity`. `docs/manifest.schema.json` is made from
//! the types here.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json;
use crate::names::{Names, is_language_tag};
use crate::rules::{self, Finding, Place, Rule};

/// Largest manifest that is read, in bytes.
pub const MAX_MANIFEST: usize = 256 * 1024;
/// The manifest's path in a package.
pub const MANIFEST_PATH: &str = "manifest.json";

const MAX_NAME: usize = 64;
const MAX_PAGES: usize = 200;
const MAX_ICONS: usize = 16;
const MAX_ORIGINS: usize = 16;
const MAX_TEXT: usize = 300;
const MAX_KEYWORDS: usize = 64;

/// The base direction of the texts (Web Application Manifest, `dir`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum Direction {
    #[default]
    Auto,
    Ltr,
    Rtl,
}

/// The preferred colours (`color_scheme`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum ColorScheme {
    #[default]
    Auto,
    Light,
    Dark,
}

/// An icon (`icons`, a W3C Image Resource).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Icon {
    /// Its path in the package.
    pub src: String,
    /// Its sizes, for example `48x48`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizes: Option<String>,
    /// A text for those who can't see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The versions of the platform that a mini-service runs on (`platform_version`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlatformVersion {
    /// The least version of the platform.
    pub min_code: u32,
    /// The version it was tested with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_code: Option<u32>,
    /// Which kind of release of the platform, for example `Beta1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_type: Option<String>,
}

/// The version of the mini-service (`version`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Version {
    /// The number that decides which is newer.
    pub code: u64,
    /// What people read.
    pub name: String,
}

/// A permission that the mini-service asks for (`req_permissions`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PermissionRequest {
    /// One of [`Permission`]'s names.
    pub name: Permission,
    /// Why, in words for the resident; `onecity.reasons` has it by language.
    #[serde(default)]
    pub reason: String,
}

/// What a page may be allowed to do beyond its own files and storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Add and list the passes that the service's region issues.
    Passes,
}

impl Permission {
    /// Its name in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passes => "passes",
        }
    }
}

/// Who can use the mini-service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// Anybody, logged in or not.
    #[default]
    None,
    /// A person who has logged in.
    Person,
    /// An enterprise that has logged in.
    Enterprise,
}

/// A page that is shown outside of the mini-service (`widgets`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Widget {
    /// Its name, unique in the mini-service.
    pub name: String,
    /// The route of its page.
    pub path: String,
    /// The least version of the platform, where it differs from the mini-service's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_code: Option<u32>,
}

/// Dark or light text over a window's background.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum TextStyle {
    Dark,
    Light,
}

/// The colour of the text in the navigation bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum BarTextStyle {
    Black,
    White,
}

/// Whose navigation bar it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum NavigationStyle {
    Default,
    Custom,
}

/// How the screen is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum Orientation {
    Portrait,
    Landscape,
}

/// The look of the mini-service's frame (`window`). What is not said is the platform's to choose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub struct Window {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_design_width: Option<bool>,
    /// An sRGB colour, `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background_color: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background_text_style: Option<TextStyle>,
    /// In pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub design_width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_pull_down_refresh: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fullscreen: Option<bool>,
    /// An sRGB colour, `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub navigation_bar_background_color: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub navigation_bar_text_style: Option<BarTextStyle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub navigation_bar_title_text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub navigation_style: Option<NavigationStyle>,
    /// In pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_reach_bottom_distance: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orientation: Option<Orientation>,
}

/// The project's own members (`onecity`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OneCityMembers {
    /// One word that groups services, for example `transport`.
    pub category: String,
    /// The only origins that its pages may reach, each `https://host[:port]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// Names by language.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub names: Names,
    /// Descriptions by language.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub descriptions: Names,
    /// Words that it is found by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Why it asks for each permission, by language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<Permission, Names>,
    /// Who can use it.
    #[serde(default)]
    pub account: AccountKind,
    /// The authentication context that it needs (OpenID Connect `acr`), where it needs more than a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// A JSON file of the package: an object whose members are what the service's storage answers before a page has
    /// written them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
}

/// A checked manifest: every value that one holds has passed [`Manifest::parse`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Manifest {
    /// The identifier, unique among a unit's services.
    pub app_id: String,
    /// The name where no language fits better.
    pub name: String,
    /// A shorter name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The language of the texts above, a BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// Their direction.
    #[serde(default)]
    pub dir: Direction,
    /// The colours that it prefers.
    #[serde(default)]
    pub color_scheme: ColorScheme,
    /// The devices that it is made for, for example `smartphone`; any if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_type: Vec<String>,
    /// The icons.
    pub icons: Vec<Icon>,
    /// The routes of the pages, the first being the entry: `pages/index/index` is `pages/index/index.html`.
    pub pages: Vec<String>,
    /// What platform it needs.
    pub platform_version: PlatformVersion,
    /// Its version.
    pub version: Version,
    /// The permissions it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub req_permissions: Vec<PermissionRequest>,
    /// The pages that can be shown outside of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub widgets: Vec<Widget>,
    /// The look of its frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// The project's own members.
    pub onecity: OneCityMembers,
}

/// Members of the specifications: ours, and those of the Web Application Manifest that the draft lets stand.
const MEMBERS: [&str; 18] = [
    "app_id",
    "name",
    "short_name",
    "description",
    "lang",
    "dir",
    "color_scheme",
    "device_type",
    "icons",
    "pages",
    "platform_version",
    "version",
    "req_permissions",
    "widgets",
    "window",
    "onecity",
    "start_url",
    "scope",
];

fn found(rule: &'static Rule, member: &str, what: impl Into<String>) -> Finding {
    Finding::new(rule, MANIFEST_PATH, what).at(Place::Member(member.to_owned()))
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// The first rule of severity error that it breaks, with the member.
    pub fn parse(bytes: &[u8]) -> Result<Self, Finding> {
        let (manifest, findings) = Self::examine(bytes);
        if let Some(refusal) = findings.into_iter().find(Finding::refuses) {
            return Err(refusal);
        }
        Ok(manifest.expect("a manifest that breaks no rule can be read"))
    }

    /// Everything that there is to say about a manifest, and the manifest if it can be read at all.
    pub fn examine(bytes: &[u8]) -> (Option<Self>, Vec<Finding>) {
        if bytes.len() > MAX_MANIFEST {
            let what = format!("{} bytes, of at most {MAX_MANIFEST}", bytes.len());
            return (None, vec![Finding::new(&rules::MANIFEST_SIZE, MANIFEST_PATH, what)]);
        }
        let value = match json::parse(bytes) {
            Ok(value) => value,
            Err(error) => {
                let place = Place::Line(error.line, error.column);
                return (None, vec![Finding::new(&rules::MANIFEST_JSON, MANIFEST_PATH, error.why).at(place)]);
            }
        };
        let Some(object) = value.as_object() else {
            return (None, vec![Finding::new(&rules::MANIFEST_JSON, MANIFEST_PATH, "not an object")]);
        };
        let unknown = object.keys().filter(|name| !MEMBERS.contains(&name.as_str()));
        let mut findings: Vec<Finding> = unknown
            .map(|name| {
                let nearest = MEMBERS.iter().find(|member| is_slip(member, name));
                let hint = nearest.map(|member| format!("; is it meant to be \"{member}\"?")).unwrap_or_default();
                found(&rules::UNKNOWN_MEMBER, &pointer([name]), format!("no specification has \"{name}\"{hint}"))
            })
            .collect();
        findings.extend(missing(&value));
        match serde_path_to_error::deserialize::<_, Self>(value) {
            Ok(manifest) => {
                manifest.check(&mut findings);
                (Some(manifest), findings)
            }
            Err(error) => {
                let why = in_words(&error.inner().to_string());
                if !why.starts_with("missing field") || !findings.iter().any(Finding::refuses) {
                    let path = error.path().to_string();
                    let member = if path == "." {
                        String::new()
                    } else {
                        format!("/{}", path.replace(['.', '['], "/").replace(']', ""))
                    };
                    findings.push(found(&rules::MEMBER_VALUE, &member, why));
                }
                (None, findings)
            }
        }
    }

    fn check(&self, findings: &mut Vec<Finding>) {
        let mut say = |rule, member: &str, what: &str| findings.push(found(rule, member, what));
        if !is_app_id(&self.app_id) {
            say(
                &rules::APP_ID,
                "/app_id",
                "1 to 64 letters, digits, dots, hyphens or underscores, beginning with a letter",
            );
        } else if !self.app_id.split('.').all(is_recommended) {
            say(&rules::APP_ID_FORM, "/app_id", "not of the form that the draft recommends");
        }
        if !is_name(&self.name) {
            say(&rules::NAME_LENGTH, "/name", "1 to 64 characters");
        }
        if self.short_name.as_ref().is_some_and(|name| !is_name(name)) {
            say(&rules::NAME_LENGTH, "/short_name", "1 to 64 characters");
        }
        if self.description.as_ref().is_some_and(|text| text.chars().count() > MAX_TEXT) {
            say(&rules::MEMBER_VALUE, "/description", "at most 300 characters");
        }
        if self.lang.as_ref().is_some_and(|lang| !is_language_tag(lang)) {
            say(&rules::LANGUAGE_TAG, "/lang", "not a language tag such as zh");
        }
        if self.icons.is_empty() || self.icons.len() > MAX_ICONS {
            say(&rules::ICONS, "/icons", "1 to 16 icons");
        }
        for (at, icon) in self.icons.iter().enumerate() {
            if icon.src.contains("://") || icon.src.starts_with("//") {
                say(&rules::ICONS, &format!("/icons/{at}/src"), "an icon is a file of the package");
            }
            if icon.label.as_ref().is_none_or(|label| label.trim().is_empty()) {
                say(&rules::ICON_LABEL, &format!("/icons/{at}"), "no label");
            }
        }
        if self.pages.is_empty() || self.pages.len() > MAX_PAGES {
            say(&rules::PAGES, "/pages", "1 to 200 pages");
        }
        let mut seen = HashSet::new();
        for (at, route) in self.pages.iter().enumerate() {
            if !seen.insert(page_file(route)) {
                say(&rules::PAGES, &format!("/pages/{at}"), "this page stands twice");
            }
        }
        if !(1..=u64::from(u32::MAX)).contains(&self.version.code) {
            say(&rules::VERSION_CODE, "/version/code", "a whole number from 1 to 4294967295");
        }
        if self.version.name.is_empty() || self.version.name.chars().count() > 32 {
            say(&rules::MEMBER_VALUE, "/version/name", "1 to 32 characters");
        }
        let mut asked = HashSet::new();
        for (at, request) in self.req_permissions.iter().enumerate() {
            if !asked.insert(request.name) {
                say(&rules::PERMISSION_TWICE, &format!("/req_permissions/{at}"), "this permission is asked for twice");
            }
            if request.reason.trim().is_empty() && !self.onecity.reasons.contains_key(&request.name) {
                say(&rules::PERMISSION_REASON, &format!("/req_permissions/{at}"), "no reason");
            }
        }
        let mut widgets = HashSet::new();
        for (at, widget) in self.widgets.iter().enumerate() {
            if !is_name(&widget.name) || !widgets.insert(&widget.name) {
                say(&rules::WIDGETS, &format!("/widgets/{at}/name"), "1 to 64 characters, and unlike the others");
            }
        }
        if let Some(window) = &self.window {
            let colours = [
                ("background_color", &window.background_color),
                ("navigation_bar_background_color", &window.navigation_bar_background_color),
            ];
            for (member, colour) in colours {
                if colour.as_ref().is_some_and(|colour| !is_colour(colour)) {
                    say(&rules::MEMBER_VALUE, &format!("/window/{member}"), "a colour such as #ffffff");
                }
            }
        }
        self.onecity.check(&mut say);
    }

    /// The file of the entry page.
    pub fn entry(&self) -> String {
        page_file(&self.pages[0])
    }

    /// The files of all pages and widgets, with the member that names each.
    pub fn page_files(&self) -> impl Iterator<Item = (String, String)> {
        let pages = self.pages.iter().enumerate().map(|(at, route)| (page_file(route), format!("/pages/{at}")));
        let widgets = self.widgets.iter().enumerate();
        pages.chain(widgets.map(|(at, widget)| (page_file(&widget.path), format!("/widgets/{at}/path"))))
    }

    /// Whether a permission is asked for.
    pub fn requests(&self, permission: Permission) -> bool {
        self.req_permissions.iter().any(|request| request.name == permission)
    }

    /// Why a permission is asked for, in one of the resident's languages.
    pub fn reason(&self, permission: Permission, languages: &[String]) -> String {
        let own = self.onecity.reasons.get(&permission).map(|names| names.best(languages).to_owned());
        let asked = || self.req_permissions.iter().find(|request| request.name == permission);
        own.filter(|reason| !reason.is_empty()).or_else(|| Some(asked()?.reason.clone())).unwrap_or_default()
    }
}

impl OneCityMembers {
    fn check(&self, say: &mut impl FnMut(&'static Rule, &str, &str)) {
        let word = |text: &str| {
            (1..=32).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        if !word(&self.category) {
            say(&rules::CATEGORY, "/onecity/category", "one word of small letters such as transport");
        }
        if self.origins.len() > MAX_ORIGINS {
            say(&rules::ORIGINS, "/onecity/origins", "at most 16 origins");
        }
        for (at, origin) in self.origins.iter().enumerate() {
            let parsed = url::Url::parse(origin).ok();
            let place = format!("/onecity/origins/{at}");
            // Plain HTTP is for tests on one machine.
            let web = parsed.as_ref().is_some_and(|url| match (url.scheme(), url.host()) {
                ("https", Some(url::Host::Domain(host))) => !host.contains('*'),
                ("https", Some(_)) => true,
                ("http", Some(url::Host::Ipv4(host))) => host.is_loopback(),
                ("http", Some(url::Host::Ipv6(host))) => host.is_loopback(),
                ("http", Some(url::Host::Domain(host))) => host == "localhost",
                _ => false,
            });
            let plain = parsed.map(|url| url.origin().ascii_serialization());
            match plain.filter(|_| web) {
                None => say(&rules::ORIGINS, &place, "an origin is https://HOST, of one host and without a wildcard"),
                Some(plain) if plain != *origin => say(&rules::ORIGINS, &place, &format!("write {plain}")),
                Some(_) => {}
            }
        }
        for (member, texts, most) in [("names", &self.names, MAX_NAME), ("descriptions", &self.descriptions, MAX_TEXT)]
        {
            for (language, text) in texts.iter() {
                let place = format!("/onecity/{member}{}", pointer([language]));
                if !is_language_tag(language) {
                    say(&rules::LANGUAGE_TAG, &place, "not a language tag such as zh");
                }
                if text.trim().is_empty() || text.chars().count() > most {
                    say(&rules::NAME_LENGTH, &place, &format!("1 to {most} characters"));
                }
            }
        }
        if self.keywords.len() > MAX_KEYWORDS || self.keywords.iter().any(|word| word.chars().count() > MAX_NAME) {
            say(&rules::MEMBER_VALUE, "/onecity/keywords", "at most 64 words of at most 64 characters");
        }
    }
}

/// The members that must be there, as far as they are not.
fn missing(manifest: &Value) -> Vec<Finding> {
    const REQUIRED: [&str; 8] = [
        "/app_id",
        "/name",
        "/icons",
        "/pages",
        "/platform_version/min_code",
        "/version/code",
        "/version/name",
        "/onecity/category",
    ];
    let absent = |member: &&&str| manifest.pointer(member).is_none();
    let say = |member: &&str| {
        let name = member.trim_start_matches('/').replace('/', ".");
        found(&rules::MEMBER_MISSING, member, format!("\"{name}\" is missing"))
    };
    REQUIRED.iter().filter(absent).map(say).collect()
}

/// What a reader of JSON says, in words for whoever writes it.
fn in_words(why: &str) -> String {
    let plain = [
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected an object"),
        ("expected u32", "expected a whole number"),
        ("expected u64", "expected a whole number"),
        ("expected a string", "expected a text"),
        ("invalid type: ", "not the right type: "),
        ("unknown variant ", "no such value: "),
        ("sequence,", "a list,"),
        ("map,", "an object,"),
    ];
    let said = plain.iter().fold(why.to_owned(), |said, (from, to)| said.replace(from, to));
    match said.split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected an object"),
        None => said,
    }
}

/// A pointer (RFC 6901) to what lies under these names.
fn pointer<'a>(names: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>) -> String {
    names.into_iter().map(|name| format!("/{}", name.as_ref().replace('~', "~0").replace('/', "~1"))).collect()
}

/// Whether two names are the same but for the order of their letters or one of them.
fn is_slip(member: &str, name: &str) -> bool {
    let sorted = |text: &str| {
        let mut letters: Vec<char> = text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
        letters.sort_unstable();
        letters
    };
    let (one, other) = (sorted(member), sorted(name));
    one == other
        || (one.len().abs_diff(other.len()) == 1 && {
            let (long, short) = if one.len() > other.len() { (&one, &other) } else { (&other, &one) };
            (0..long.len()).any(|at| long[..at] == short[..at] && long[at + 1..] == short[at..])
        })
}

/// The file of a route; its `.html` may be left out.
pub fn page_file(route: &str) -> String {
    let route = route.strip_prefix("./").unwrap_or(route);
    if route.ends_with(".html") { route.to_owned() } else { format!("{route}.html") }
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= MAX_NAME
}

fn is_colour(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| matches!(hex.len(), 3 | 6 | 8) && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a text can be an `app_id`; it is also one segment of a target path.
pub fn is_app_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.as_bytes()[0].is_ascii_alphabetic()
        && !text.ends_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// One part of the form that the draft recommends for `app_id`.
fn is_recommended(part: &str) -> bool {
    part.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && part.as_bytes().last().is_some_and(u8::is_ascii_alphanumeric)
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Value {
        json!({
            "app_id": "report", "name": "Report", "icons": [{"src": "common/icon.svg", "label": "Report"}],
            "pages": ["pages/index/index"], "platform_version": {"min_code": 1},
            "version": {"code": 1, "name": "1.0"},
            "onecity": {"category": "report", "origins": ["https://city.example"]}
        })
    }

    fn parse(value: &Value) -> Result<Manifest, Finding> {
        Manifest::parse(value.to_string().as_bytes())
    }

    /// The draft's own example with our members, and with `min_code` as the integer that the tables ask for.
    fn draft_example() -> Value {
        json!({
            "dir": "ltr", "lang": "en-US", "app_id": "org.example.miniapp", "name": "MiniApp Demo",
            "short_name": "MiniApp", "version": {"name": "1.0.1", "code": 11}, "description": "A Simple MiniApp Demo",
            "icons": [{"label": "Red lightning", "src": "common/icons/icon.png", "sizes": "48x48"}],
            "platform_version": {"min_code": 1, "release_type": "Beta1", "target_code": 2},
            "pages": ["pages/index/index", "pages/detail/detail"],
            "window": {"background_color": "#ffffff", "fullscreen": false, "navigation_bar_text_style": "black",
                "navigation_bar_title_text": "My MiniApp", "navigation_bar_background_color": "#f8f8f8"},
            "widgets": [{"name": "widget", "min_code": 2, "path": "widgets/index/index"}],
            "req_permissions": [{"name": "passes", "reason": "To show your pass"}],
            "color_scheme": "light", "device_type": ["phone", "tv", "car"],
            "onecity": {"category": "demo"}
        })
    }

    #[test]
    fn every_member_of_the_draft_is_read_and_written_again() {
        let (manifest, findings) = Manifest::examine(draft_example().to_string().as_bytes());
        assert_eq!(findings, []);
        let written = serde_json::to_value(manifest.expect("read")).expect("plain JSON");
        for (member, value) in draft_example().as_object().expect("an object") {
            if member != "onecity" {
                assert_eq!(&written[member], value, "{member}");
            }
        }
    }

    #[test]
    fn a_wrong_member_is_named_with_its_rule_and_place() {
        let refused = |pointer: &str, value: Value| {
            let mut manifest = draft_example();
            *manifest.pointer_mut(pointer).expect("there") = value;
            let finding = parse(&manifest).expect_err("refused");
            let Place::Member(place) = &finding.place else { panic!("{finding}") };
            format!("{} {place}", finding.rule.id)
        };
        assert_eq!(refused("/app_id", json!("../up")), "OC106 /app_id");
        assert_eq!(refused("/version/code", json!(0)), "OC110 /version/code");
        assert_eq!(refused("/dir", json!("left")), "OC105 /dir");
        assert_eq!(refused("/platform_version/min_code", json!("1")), "OC105 /platform_version/min_code");
        assert_eq!(refused("/window", json!({"orientation": "up"})), "OC105 /window/orientation");
        assert_eq!(refused("/icons/0/src", json!(7)), "OC105 /icons/0/src");
        assert_eq!(refused("/req_permissions/0/name", json!("root")), "OC105 /req_permissions/0/name");
        assert_eq!(
            refused("/onecity", json!({"category": "a", "origins": ["https://a.example/b"]})),
            "OC112 /onecity/origins/0"
        );
        assert_eq!(
            refused("/onecity", json!({"category": "a", "origins": ["file:///etc"]})),
            "OC112 /onecity/origins/0"
        );
        assert_eq!(refused("/icons", json!([])), "OC108 /icons");
        assert_eq!(refused("/pages", json!(["a", "a.html"])), "OC109 /pages/1");
        assert_eq!(refused("/window/background_color", json!("red")), "OC105 /window/background_color");
        assert_eq!(refused("/onecity", json!({"category": "Two words"})), "OC111 /onecity/category");
    }

    #[test]
    fn each_required_member_is_missed_by_name() {
        for member in ["app_id", "name", "icons", "pages", "platform_version", "version", "onecity"] {
            let mut without = sample();
            without.as_object_mut().expect("an object").remove(member);
            let finding = parse(&without).expect_err("refused");
            assert_eq!(finding.rule.id, "OC104");
            assert!(finding.to_string().contains(member), "{finding}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_a_warning_with_a_guess() {
        let mut manifest = sample();
        manifest["req_premissions"] = json!([]);
        let (read, findings) = Manifest::examine(manifest.to_string().as_bytes());
        assert!(read.is_some());
        assert_eq!(findings.len(), 1);
        assert!(findings[0].to_string().contains("req_permissions"), "{}", findings[0]);
    }

    #[test]
    fn a_huge_deep_or_ambiguous_manifest_is_refused_at_once() {
        let refused = |bytes: &[u8]| Manifest::parse(bytes).expect_err("refused").rule.id;
        assert_eq!(refused(&vec![b' '; 10 << 20]), "OC102");
        let deep = format!("{{\"window\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(refused(deep.as_bytes()), "OC103");
        let twice = sample().to_string().replacen("{", "{\"app_id\": \"other\",", 1);
        assert_eq!(refused(twice.as_bytes()), "OC103");
    }

    #[test]
    fn a_reason_is_said_in_the_residents_language() {
        let mut manifest = sample();
        manifest["req_permissions"] = json!([{"name": "passes", "reason": "To show your pass"}]);
        manifest["onecity"]["reasons"] = json!({"passes": {"zh": "用于出示乘车码"}});
        let manifest = parse(&manifest).expect("valid");
        assert_eq!(manifest.reason(Permission::Passes, &["zh".to_owned()]), "用于出示乘车码");
        assert_eq!(parse(&draft_example()).expect("valid").reason(Permission::Passes, &[]), "To show your pass");
    }

    #[test]
    fn the_schema_in_docs_is_made_from_these_types() {
        let mut schema = serde_json::to_value(schemars::schema_for!(Manifest)).expect("plain JSON");
        schema["title"] = json!("OneCity mini-service manifest");
        schema["description"] = json!(
            "A W3C MiniApp manifest with OneCity's own members. Made from the types in core/protocol/src/manifest.rs."
        );
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).expect("plain JSON"));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manifest.schema.json");
        if std::env::var_os("ONECITY_WRITE_DOCS").is_some() {
            std::fs::write(path, &text).expect("written");
        }
        let kept = std::fs::read_to_string(path).expect("docs/manifest.schema.json");
        assert!(kept == text, "run ONECITY_WRITE_DOCS=1 cargo test -p onecity-protocol to write it anew");
        for member in MEMBERS.iter().filter(|member| !matches!(**member, "start_url" | "scope")) {
            assert!(schema["properties"][member].is_object(), "{member}");
        }
    }
}
