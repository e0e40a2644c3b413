//! What a mini-service says of itself: `manifest.json`, after the W3C MiniApp Manifest draft.
//!
//! Where the draft is silent or wrong the project decides: `app_id` compares by code point and case-sensitively,
//! `min_code` and `target_code` are integers, and a member with a value that the draft does not give it is refused
//! rather than passed over. The project's own members stand under `onecity`. `docs/manifest.schema.json` is made from
//! the types here.

mod check;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::names::Names;
use crate::rules::Finding;

/// The manifest's path in a package.
pub const MANIFEST_PATH: &str = "manifest.json";

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
    #[cfg_attr(test, schemars(range(min = 1, max = 4_294_967_295_u64)))]
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
    #[serde(default, deserialize_with = "crate::text::line")]
    pub reason: String,
}

/// What a page may be allowed to do beyond its own files and storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Let the service's back end know who the resident is, by the fields that `onecity.fields` names.
    Login,
    /// Add and list the passes that the service's region issues.
    Passes,
    /// Hand in documents that the resident has already.
    Documents,
    /// Scan a code with the camera.
    Scan,
    /// Learn where the phone is.
    Locate,
    /// Take or choose a photo.
    Photos,
}

impl Permission {
    /// Its name in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Passes => "passes",
            Self::Documents => "documents",
            Self::Scan => "scan",
            Self::Locate => "locate",
            Self::Photos => "photos",
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
    #[cfg_attr(test, schemars(regex(pattern = "^[a-z0-9_]{1,32}$")))]
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
    /// What its back end learns of the resident after a login, beside a number that means nothing elsewhere: claims of
    /// OpenID Connect, for example `name` or `phone_number`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, schemars(length(max = 16), inner(regex(pattern = "^[a-z0-9_]{1,64}$"))))]
    pub fields: Vec<String>,
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
    #[cfg_attr(test, schemars(regex(pattern = "^[A-Za-z][A-Za-z0-9._-]{0,62}[A-Za-z0-9_-]$|^[A-Za-z]$")))]
    pub app_id: String,
    /// The name where no language fits better.
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    #[serde(deserialize_with = "crate::text::line")]
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
    #[cfg_attr(test, schemars(length(min = 1, max = 16)))]
    pub icons: Vec<Icon>,
    /// The routes of the pages, the first being the entry: `pages/index/index` is `pages/index/index.html`.
    #[cfg_attr(test, schemars(length(min = 1, max = 200)))]
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

    /// The file of the entry page.
    pub fn entry(&self) -> String {
        page_file(&self.pages[0])
    }

    /// The files of all pages and widgets, with the member that names each.
    pub(crate) fn page_files(&self) -> impl Iterator<Item = (String, String)> {
        let pages = self.pages.iter().enumerate().map(|(at, route)| (page_file(route), format!("/pages/{at}")));
        let widgets = self.widgets.iter().enumerate();
        pages.chain(widgets.map(|(at, widget)| (page_file(&widget.path), format!("/widgets/{at}/path"))))
    }

    /// Whether a permission is asked for.
    pub fn requests(&self, permission: Permission) -> bool {
        self.req_permissions.iter().any(|request| request.name == permission)
    }

    /// Its names by language; one of no known language if it has only that.
    pub fn names(&self) -> Names {
        let own = &self.onecity.names;
        if own.is_empty() { Names::new().with("und", &self.name) } else { own.clone() }
    }

    /// Why a permission is asked for, in one of the resident's languages.
    pub fn reason(&self, permission: Permission, languages: &[String]) -> String {
        let own = self.onecity.reasons.get(&permission).map(|names| names.best(languages).to_owned());
        let asked = || self.req_permissions.iter().find(|request| request.name == permission);
        own.filter(|reason| !reason.is_empty()).or_else(|| Some(asked()?.reason.clone())).unwrap_or_default()
    }
}

/// The file of a route; its `.html` may be left out.
pub fn page_file(route: &str) -> String {
    let route = route.strip_prefix("./").unwrap_or(route);
    if route.ends_with(".html") { route.to_owned() } else { format!("{route}.html") }
}

/// Whether a text can be an `app_id`; it is also one segment of a target path.
pub fn is_app_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.as_bytes()[0].is_ascii_alphabetic()
        && !text.ends_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests;
