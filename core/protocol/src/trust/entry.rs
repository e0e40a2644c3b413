//! A release as the registry lists it: a target's path, hash and length, and the entry that the catalogue shows.

use serde::{Deserialize, Serialize};

use super::repository::Target;
use super::rollout::Rollout;
use ring::digest::{SHA256, digest};

use crate::limits::{
    CATEGORY_BYTES, ENTRY_TEXT_BYTES, ICON_BYTES, INVITATIONS, KEYWORDS, LANGUAGES, NAME_CHARS, ORIGIN_BYTES, ORIGINS,
    PERMISSIONS, TEXT_CHARS, VERSION_BYTES,
};
use crate::manifest::{AccountKind, Permission, is_app_id};
use crate::names::Names;
use crate::package::{Package, media_type};
use crate::region::UnitId;

/// Why a release is no longer offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The reason, for the resident to read.
    pub reason: Names,
}

/// A reason is there, and short enough to be read on a phone.
pub(super) fn check_reason(reason: &Names) -> Result<(), &'static str> {
    let fits = |text: &str| (1..=TEXT_CHARS).contains(&text.chars().count());
    if (1..=LANGUAGES).contains(&reason.iter().count()) && reason.iter().all(|(_, text)| fits(text)) {
        Ok(())
    } else {
        Err("a reason has 1 to 300 characters, in at least one language and at most 32")
    }
}

/// What browsing and search need to know of a mini-service, so that its package need not be downloaded: the target's
/// `custom` object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueEntry {
    /// Names by language.
    pub names: Names,
    /// One sentence by language.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub summaries: Names,
    /// One word that groups services.
    pub category: String,
    /// Words that it is found by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// The permissions that it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<Permission>,
    /// The origins that it may reach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// Who can use it.
    #[serde(default, skip_serializing_if = "anybody")]
    pub account: AccountKind,
    /// The least version of the platform.
    #[serde(default = "first_platform", skip_serializing_if = "is_first_platform")]
    pub min_platform: u32,
    /// What people read as its version.
    pub version: String,
    /// The icon in the store of icons: `DIGEST.ENDING`, the digest being 128 bits of its SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<IconName>,
    /// Who is offered it.
    #[serde(default, skip_serializing_if = "Rollout::is_everybody")]
    pub rollout: Rollout,
    /// Set once it is no longer offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawn>,
    /// Set on the phone, from a [`Takedown`](super::Takedown): the service is offered in no version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_down: Option<Withdrawn>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn anybody(account: &AccountKind) -> bool {
    *account == AccountKind::None
}

fn first_platform() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_first_platform(platform: &u32) -> bool {
    *platform == 1
}

/// What an icon is called in its unit's store: by its bytes, so that it can be kept for ever and needs no signature of
/// its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IconName(String);

impl IconName {
    /// The name of an icon's bytes; none if the path's ending is no picture's.
    pub fn of(path: &str, bytes: &[u8]) -> Option<Self> {
        let ending = path.rsplit_once('.')?.1.to_ascii_lowercase();
        let digest = digest(&SHA256, bytes);
        Self::try_from(format!("{}.{ending}", hex::encode(&digest.as_ref()[..16]))).ok()
    }

    /// Whether these bytes are the icon.
    pub fn is(&self, bytes: &[u8]) -> bool {
        bytes.len() <= ICON_BYTES && Self::of(&self.0, bytes).as_ref() == Some(self)
    }

    /// Its media type.
    pub fn media_type(&self) -> &'static str {
        media_type(&self.0)
    }

    /// Where a repository serves a unit's icon, below `targets/`.
    pub fn path(&self, unit: &UnitId) -> String {
        format!("{unit}/icons/{}", self.0)
    }
}

impl From<IconName> for String {
    fn from(name: IconName) -> Self {
        name.0
    }
}

impl TryFrom<String> for IconName {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (digest, _) = text.split_once('.').ok_or("an icon is called DIGEST.ENDING")?;
        let hex = digest.len() == 32 && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex && text.len() < 40 && media_type(&text).starts_with("image/") {
            Ok(Self(text))
        } else {
            Err("an icon is called by 32 hexadecimal digits and a picture's ending")
        }
    }
}

impl CatalogueEntry {
    /// The entry of a package, offered to every phone.
    pub fn of(package: &Package) -> Self {
        let manifest = package.manifest();
        let own = &manifest.onecity;
        let icon = manifest.icons.first().and_then(|icon| IconName::of(&icon.src, &package.read(&icon.src).ok()??));
        let fallback = Names::new().with(manifest.lang.as_deref().unwrap_or("en"), &manifest.name);
        Self {
            names: if own.names.is_empty() { fallback } else { own.names.clone() },
            summaries: own.descriptions.clone(),
            category: own.category.clone(),
            keywords: own.keywords.clone(),
            permissions: manifest.req_permissions.iter().map(|request| request.name).collect(),
            origins: own.origins.clone(),
            account: own.account,
            min_platform: manifest.platform_version.min_code,
            version: manifest.version.name.clone(),
            icon,
            rollout: Rollout::default(),
            withdrawn: None,
            taken_down: None,
        }
    }

    /// An entry is held to what a manifest is held to: the one who signs one without the other gains nothing.
    fn check(&self) -> Result<(), &'static str> {
        let fits = |names: &Names, most: usize| {
            names.iter().count() <= LANGUAGES && names.iter().all(|(_, text)| text.chars().count() <= most)
        };
        if self.names.is_empty() || !fits(&self.names, NAME_CHARS) || !fits(&self.summaries, TEXT_CHARS) {
            return Err("names of 1 to 64 characters, summaries of at most 300, in at most 32 languages");
        }
        let many = self.keywords.len() > KEYWORDS || self.origins.len() > ORIGINS;
        if many || self.category.len() > CATEGORY_BYTES || self.version.len() > VERSION_BYTES {
            return Err("more keywords or origins, or longer words, than a manifest may have");
        }
        let short = self.keywords.iter().all(|word| word.chars().count() <= NAME_CHARS)
            && self.origins.iter().all(|origin| origin.len() <= ORIGIN_BYTES);
        if !short || self.permissions.len() > PERMISSIONS {
            return Err("keywords of at most 64 characters, origins of at most 256 bytes, at most 64 permissions");
        }
        if entry_text_bytes(&self.names, &self.summaries, &self.keywords, &self.origins) > ENTRY_TEXT_BYTES {
            return Err("names, summaries, keywords and origins of at most 8192 bytes together");
        }
        if self.rollout.percent > 100 || self.rollout.invited.len() > INVITATIONS {
            return Err("a rollout is 0 to 100 percent and at most 64 invitations");
        }
        Ok(())
    }

    /// An entry with a name and a category, and nothing else to say.
    pub fn titled(names: Names, category: &str) -> Self {
        Self {
            names,
            summaries: Names::default(),
            category: category.to_owned(),
            keywords: Vec::new(),
            permissions: Vec::new(),
            origins: Vec::new(),
            account: AccountKind::None,
            min_platform: 1,
            version: "1".to_owned(),
            icon: None,
            rollout: Rollout::default(),
            withdrawn: None,
            taken_down: None,
        }
    }
}

/// How long the texts of an entry are together, in bytes.
pub(crate) fn entry_text_bytes(names: &Names, summaries: &Names, keywords: &[String], origins: &[String]) -> usize {
    let texts = names.iter().chain(summaries.iter()).map(|(_, text)| text.len());
    texts.chain(keywords.iter().chain(origins).map(String::len)).sum()
}

/// The target path of a package: `UNIT/APP_ID/VERSION_CODE.ma`.
pub fn target_path(unit: &UnitId, app_id: &str, version_code: u64) -> String {
    format!("{unit}/{app_id}/{version_code}.ma")
}

/// Why a target is not offered as a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ReleaseError {
    #[error("{0}: a package's path is UNIT/APP_ID/VERSION_CODE.ma")]
    Path(String),
    #[error("{path}: signed by {role}, which publishes for itself only")]
    Foreign { path: String, role: String },
    #[error("{path}: its entry can't be read: {why}")]
    Entry { path: String, why: String },
}

/// One published version of a mini-service, as a role of the registry signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Who published it; with `app_id` this is the service.
    pub unit: UnitId,
    /// The identifier among the unit's services.
    pub app_id: String,
    /// Which version.
    pub version_code: u64,
    /// What the catalogue shows.
    pub entry: CatalogueEntry,
    /// The package's path, hash and length.
    pub target: Target,
}

impl Release {
    /// Reads a package's target. Coverage can't be claimed: the unit in the path must be the one that signed.
    pub fn from_target(role: &str, target: Target) -> Result<Self, ReleaseError> {
        let wrong_path = || ReleaseError::Path(target.path.clone());
        let (rest, file) = target.path.rsplit_once('/').ok_or_else(wrong_path)?;
        let (unit, app_id) = rest.rsplit_once('/').ok_or_else(wrong_path)?;
        let unit: UnitId = unit.parse().map_err(|_| wrong_path())?;
        let version = file.strip_suffix(".ma").filter(|code| !code.starts_with(['0', '+']));
        let version_code = version.and_then(|code| code.parse::<u32>().ok()).map(u64::from).ok_or_else(wrong_path)?;
        if !is_app_id(app_id) {
            return Err(wrong_path());
        }
        if unit.role() != role {
            return Err(ReleaseError::Foreign { path: target.path.clone(), role: role.to_owned() });
        }
        let entry = target.custom.clone().unwrap_or_default();
        let wrong_entry = |why: String| ReleaseError::Entry { path: target.path.clone(), why };
        let entry: CatalogueEntry = serde_json::from_value(entry).map_err(|error| wrong_entry(error.to_string()))?;
        if entry.taken_down.is_some() {
            return Err(wrong_entry("a service is taken down by a file of its own".to_owned()));
        }
        entry.check().map_err(|why| wrong_entry(why.to_owned()))?;
        Ok(Self { unit, app_id: app_id.to_owned(), version_code, entry, target })
    }
}
