//! What a manifest is held to, member by member.

use std::collections::HashSet;

use serde_json::Value;

use super::{MANIFEST_PATH, Manifest, OneCityMembers, is_app_id, page_file};
use crate::json;
use crate::limits::{
    CLAIMS, ENTRY_TEXT_BYTES, ICONS, KEYWORDS, LANGUAGES, MANIFEST_BYTES, NAME_CHARS, ORIGIN_BYTES, ORIGINS, PAGES,
    PERMISSIONS, TEXT_CHARS,
};
use crate::names::is_language_tag;
use crate::rules::{self, Finding, Place, Rule};

/// Members of the specifications: ours, and those of the Web Application Manifest that the draft lets stand.
pub(super) const MEMBERS: [&str; 18] = [
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
    /// Everything that there is to say about a manifest, and the manifest if it can be read at all.
    pub fn examine(bytes: &[u8]) -> (Option<Self>, Vec<Finding>) {
        if bytes.len() > MANIFEST_BYTES {
            let what = format!("{} bytes, of at most {MANIFEST_BYTES}", bytes.len());
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
        if self.description.as_ref().is_some_and(|text| text.chars().count() > TEXT_CHARS) {
            say(&rules::MEMBER_VALUE, "/description", "at most 300 characters");
        }
        if self.lang.as_ref().is_some_and(|lang| !is_language_tag(lang)) {
            say(&rules::LANGUAGE_TAG, "/lang", "not a language tag such as zh");
        }
        if self.icons.is_empty() || self.icons.len() > ICONS {
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
        if self.pages.is_empty() || self.pages.len() > PAGES {
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
        if self.req_permissions.len() > PERMISSIONS {
            say(&rules::MEMBER_VALUE, "/req_permissions", "at most 64 permissions");
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
        if self.origins.len() > ORIGINS {
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
            if origin.len() > ORIGIN_BYTES {
                say(&rules::ORIGINS, &place, "at most 256 bytes");
            }
            let plain = parsed.map(|url| url.origin().ascii_serialization());
            match plain.filter(|_| web) {
                None => say(&rules::ORIGINS, &place, "an origin is https://HOST, of one host and without a wildcard"),
                Some(plain) if plain != *origin => say(&rules::ORIGINS, &place, &format!("write {plain}")),
                Some(_) => {}
            }
        }
        for (member, texts, most) in
            [("names", &self.names, NAME_CHARS), ("descriptions", &self.descriptions, TEXT_CHARS)]
        {
            if texts.iter().count() > LANGUAGES {
                say(&rules::MEMBER_VALUE, &format!("/onecity/{member}"), "at most 32 languages");
            }
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
        if self.keywords.len() > KEYWORDS || self.keywords.iter().any(|word| word.chars().count() > NAME_CHARS) {
            say(&rules::MEMBER_VALUE, "/onecity/keywords", "at most 64 words of at most 64 characters");
        }
        let bytes = crate::trust::entry_text_bytes(&self.names, &self.descriptions, &self.keywords, &self.origins);
        if bytes > ENTRY_TEXT_BYTES {
            let what =
                format!("names, descriptions, keywords and origins of {bytes} bytes, of at most {ENTRY_TEXT_BYTES}");
            say(&rules::MEMBER_VALUE, "/onecity", &what);
        }
        let claim = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let is_claim = |field: &String| (1..=NAME_CHARS).contains(&field.len()) && field.bytes().all(claim);
        if self.fields.len() > CLAIMS || !self.fields.iter().all(is_claim) {
            let form = "at most 16 claims of small letters, digits and '_', such as phone_number";
            say(&rules::MEMBER_VALUE, "/onecity/fields", form);
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

/// What a reader of JSON says, in words for the one who writes it.
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

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= NAME_CHARS
}

fn is_colour(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| matches!(hex.len(), 3 | 6 | 8) && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// One part of the form that the draft recommends for `app_id`.
fn is_recommended(part: &str) -> bool {
    part.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && part.as_bytes().last().is_some_and(u8::is_ascii_alphanumeric)
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
