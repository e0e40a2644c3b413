//! What a mini-service says of itself: `manifest.json`, after the W3C MiniApp Manifest draft.
//!
//! Where the draft is silent or wrong the project decides: `app_id` compares by code point and case-sensitively,
//! `min_code` and `target_code` are integers. The project's own members stand under `onecity`.

use serde::{Deserialize, Serialize};

use crate::names::Names;

/// Largest manifest that is read, in bytes.
pub const MAX_MANIFEST: usize = 256 * 1024;

/// Why a manifest was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ManifestError {
    #[error("manifest.json is larger than {MAX_MANIFEST} bytes")]
    TooLarge,
    #[error("manifest.json can't be read: {0}")]
    Malformed(String),
    #[error("manifest.json: {member}: {why}")]
    Member { member: &'static str, why: String },
}

/// An icon (W3C MiniApp Manifest §5, `icons`, an image resource).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
pub struct PlatformVersion {
    /// The least version of the platform.
    pub min_code: u32,
    /// The version it was tested with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_code: Option<u32>,
}

/// The version of the mini-service (`version`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The number that decides which is newer.
    pub code: u64,
    /// What people read.
    pub name: String,
}

/// A permission that the mini-service asks for (`req_permissions`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionRequest {
    /// One of [`Permission`]'s names.
    pub name: Permission,
    /// Why, in words for the resident.
    #[serde(default)]
    pub reason: String,
}

/// What a page may be allowed to do beyond its own files and storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Add and list the passes that the service's region issues.
    Passes,
}

/// Who can use the mini-service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// The project's own members (`onecity`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneCityMembers {
    /// One word that groups services, for example `transport`.
    pub category: String,
    /// The only origins that its pages may reach, each `https://host[:port]`.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Names by language.
    #[serde(default)]
    pub names: Names,
    /// Descriptions by language.
    #[serde(default)]
    pub descriptions: Names,
    /// Words that it is found by.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Who can use it.
    #[serde(default)]
    pub account: AccountKind,
    /// The authentication context that it needs (OpenID Connect `acr`), where it needs more than a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
}

/// A checked manifest: every value that one holds has passed [`Manifest::parse`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The identifier, unique among a unit's services.
    pub app_id: String,
    /// The name where no language fits better.
    pub name: String,
    /// The language of the texts above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
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
    /// The project's own members.
    pub onecity: OneCityMembers,
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// Names the first member that is missing or wrong, and why.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST {
            return Err(ManifestError::TooLarge);
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| ManifestError::Malformed(e.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        let refuse = |member, why: &str| Err(ManifestError::Member { member, why: why.to_owned() });
        if !is_app_id(&self.app_id) {
            return refuse("app_id", "1 to 64 letters, digits, dots, hyphens or underscores, beginning with a letter");
        }
        if self.name.trim().is_empty() || self.name.chars().count() > 64 {
            return refuse("name", "1 to 64 characters");
        }
        if self.icons.is_empty() {
            return refuse("icons", "at least one icon");
        }
        if self.pages.is_empty() || self.pages.len() > 200 {
            return refuse("pages", "1 to 200 pages");
        }
        if self.version.code == 0 || self.version.code > u64::from(u32::MAX) {
            return refuse("version.code", "a whole number from 1 to 4294967295");
        }
        if self.onecity.category.is_empty() {
            return refuse("onecity.category", "a word such as transport");
        }
        for origin in &self.onecity.origins {
            let parsed = url::Url::parse(origin).ok();
            if parsed.map(|url| url.origin().ascii_serialization()).as_deref() != Some(origin) {
                return refuse("onecity.origins", "each an origin such as https://services.example");
            }
        }
        Ok(())
    }

    /// The file of the entry page.
    pub fn entry(&self) -> String {
        format!("{}.html", self.pages[0])
    }

    /// Whether a permission is asked for.
    pub fn requests(&self, permission: Permission) -> bool {
        self.req_permissions.iter().any(|request| request.name == permission)
    }
}

/// Whether a text can be an `app_id`; it is also one segment of a target path.
pub fn is_app_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.as_bytes()[0].is_ascii_alphabetic()
        && !text.ends_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn sample() -> Value {
        json!({
            "app_id": "report", "name": "Report", "icons": [{"src": "common/icon.svg"}],
            "pages": ["pages/index/index"], "platform_version": {"min_code": 1},
            "version": {"code": 1, "name": "1.0"},
            "onecity": {"category": "report", "origins": ["https://city.example"]}
        })
    }

    fn parse(value: &Value) -> Result<Manifest, ManifestError> {
        Manifest::parse(value.to_string().as_bytes())
    }

    #[test]
    fn a_complete_manifest_is_read() {
        let manifest = parse(&sample()).expect("valid");
        assert_eq!(manifest.entry(), "pages/index/index.html");
    }

    #[test]
    fn a_wrong_member_is_named() {
        let refused = |pointer: &str, value: Value| {
            let mut manifest = sample();
            *manifest.pointer_mut(pointer).expect("there") = value;
            parse(&manifest).expect_err("refused").to_string()
        };
        assert!(refused("/app_id", json!("../up")).contains("app_id"));
        assert!(refused("/version/code", json!(0)).contains("version.code"));
        assert!(refused("/onecity/origins", json!(["https://city.example/path"])).contains("origins"));
        assert!(refused("/icons", json!([])).contains("icons"));
        let mut missing = sample();
        missing.as_object_mut().expect("an object").remove("pages");
        assert!(parse(&missing).expect_err("refused").to_string().contains("pages"));
    }
}
