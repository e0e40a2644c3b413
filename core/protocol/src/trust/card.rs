//! A release as the registry lists it: a target's path, hash and length, and the card that the catalogue shows.

use serde::{Deserialize, Serialize};

use super::repository::Target;
use crate::manifest::{AccountKind, Manifest, Permission, is_app_id};
use crate::names::Names;
use crate::region::UnitId;

/// Why a release is no longer offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The reason, for the resident to read.
    pub reason: Names,
}

/// What browsing and search need to know of a mini-service, so that its package need not be downloaded: the target's
/// `custom` object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
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
    #[serde(default)]
    pub account: AccountKind,
    /// The least version of the platform.
    pub min_platform: u32,
    /// What people read as its version.
    pub version: String,
    /// Percent of phones that are offered it.
    #[serde(default = "everybody", skip_serializing_if = "is_everybody")]
    pub rollout: u8,
    /// Set once it is no longer offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawn>,
}

fn everybody() -> u8 {
    100
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_everybody(percent: &u8) -> bool {
    *percent == 100
}

impl Card {
    /// The card of a package, offered to every phone.
    pub fn of(manifest: &Manifest) -> Self {
        let own = &manifest.onecity;
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
            rollout: 100,
            withdrawn: None,
        }
    }
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
    #[error("{path}: its card can't be read: {why}")]
    Card { path: String, why: String },
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
    pub card: Card,
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
        let card = target.custom.clone().unwrap_or_default();
        let card = serde_json::from_value(card)
            .map_err(|error| ReleaseError::Card { path: target.path.clone(), why: error.to_string() })?;
        Ok(Self { unit, app_id: app_id.to_owned(), version_code, card, target })
    }
}
