//! Accounts, sessions, and what was agreed to and disclosed.

use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::RegionId;
use onecity_protocol::service::ServiceId;
use serde::{Deserialize, Serialize};

use super::HolderView;

/// Whom an account stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum AccountKind {
    Person,
    Enterprise,
}

/// An account on a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct AccountView {
    /// Tells nothing about the resident.
    pub id: String,
    /// The name that the provider gave.
    pub name: String,
    /// Person or enterprise.
    pub kind: AccountKind,
    /// Who vouches for it.
    pub provider: String,
    /// Whether it is the one in use.
    pub active: bool,
    /// Whether the session has lapsed: passes go on working, anything else asks for a login.
    pub lapsed: bool,
    /// When the session ends whatever is done, if the provider says so, in seconds.
    pub ends: Option<UnixTime>,
    /// Whether that is within a week: log in again while there is time.
    pub ends_soon: bool,
    /// How strongly the resident logged in (OpenID Connect `acr`).
    pub acr: Option<String>,
}

/// A session of an account, on this phone or another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SessionView {
    /// The provider's id for it.
    pub id: String,
    /// What it was begun on, as the provider knows it.
    #[serde(default)]
    pub device: String,
    /// When it was begun, in seconds.
    pub created: UnixTime,
    /// When it was last used, in seconds.
    pub last_used: UnixTime,
    /// Whether it is this one.
    #[serde(default)]
    pub current: bool,
}

/// Where one can log in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct ProviderView {
    pub id: String,
    pub name: String,
}

/// A login that was begun: open `url` in the system browser, and hand what comes back to `finish_login`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct LoginAttempt {
    pub id: String,
    pub url: String,
}

/// What the resident has agreed to, or has refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ConsentView {
    /// Which service.
    pub service: ServiceId,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub publisher: String,
    /// To what, by the permission's name.
    pub permission: String,
    /// Exactly what it learns.
    pub fields: Vec<String>,
    /// Whose data they are, by name; empty if the resident's own alone.
    pub people: Vec<String>,
    /// Where that goes.
    pub origins: Vec<String>,
    /// Since when, in seconds.
    pub since: UnixTime,
    /// Whether the resident agreed. If not, the service does not ask again, or only after a touch: to take this back lets
    /// it ask.
    pub given: bool,
}

/// Which pass something was shown from, also after it was issued again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ShownPass {
    /// Where it is from.
    pub region: RegionId,
    /// Its type, as [`PassView::pass_type`](super::PassView) has it.
    pub pass_type: String,
}

/// What was shown to a counter or a service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct DisclosureView {
    /// When.
    pub at: UnixTime,
    /// The pass or service that it was shown from.
    pub what: String,
    /// The pass, if it was one.
    pub pass: Option<ShownPass>,
    /// Whose, if not the resident's own.
    pub holder: Option<HolderView>,
    /// To whom.
    pub verifier: String,
    /// What for.
    pub purpose: String,
    /// What could be read.
    pub fields: Vec<String>,
}
