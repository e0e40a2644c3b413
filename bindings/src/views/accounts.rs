//! Who is logged in, and what they agreed to.

use onecity_core as core;

use super::wallet::HolderView;

/// An account.
#[derive(Debug, Clone, uniffi::Record)]
pub struct AccountView {
    pub id: String,
    pub name: String,
    pub is_enterprise: bool,
    pub provider: String,
    /// Whether it is the one in use.
    pub active: bool,
    pub lapsed: bool,
    /// When the session ends whatever is done, if the provider says so.
    pub ends: Option<i64>,
    /// Whether that is within a week.
    pub ends_soon: bool,
    pub acr: Option<String>,
}

impl From<core::AccountView> for AccountView {
    fn from(view: core::AccountView) -> Self {
        let is_enterprise = view.kind == core::AccountKind::Enterprise;
        let core::AccountView { id, name, provider, active, lapsed, ends, ends_soon, acr, .. } = view;
        Self { id, name, is_enterprise, provider, active, lapsed, ends, ends_soon, acr }
    }
}

/// A session of an account, on this phone or another.
#[derive(Debug, Clone, uniffi::Record)]
pub struct SessionView {
    pub id: String,
    pub device: String,
    pub created: i64,
    pub last_used: i64,
    pub current: bool,
}

impl From<core::SessionView> for SessionView {
    fn from(view: core::SessionView) -> Self {
        let core::SessionView { id, device, created, last_used, current } = view;
        Self { id, device, created, last_used, current }
    }
}

/// What the resident has agreed to.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ConsentView {
    pub unit: String,
    pub app_id: String,
    pub name: String,
    pub publisher: String,
    pub permission: String,
    pub fields: Vec<String>,
    pub origins: Vec<String>,
    pub since: i64,
}

impl From<core::ConsentView> for ConsentView {
    fn from(view: core::ConsentView) -> Self {
        let core::ConsentView { service, name, publisher, permission, fields, origins, since } = view;
        let (unit, app_id) = (service.unit.to_string(), service.app_id);
        Self { unit, app_id, name, publisher, permission, fields, origins, since }
    }
}

/// Where one can log in.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ProviderView {
    pub id: String,
    pub name: String,
}

impl From<core::ProviderView> for ProviderView {
    fn from(view: core::ProviderView) -> Self {
        Self { id: view.id, name: view.name }
    }
}

/// A login that was begun: open the URL in the system browser.
#[derive(Debug, Clone, uniffi::Record)]
pub struct LoginAttempt {
    pub id: String,
    pub url: String,
}

impl From<core::LoginAttempt> for LoginAttempt {
    fn from(attempt: core::LoginAttempt) -> Self {
        Self { id: attempt.id, url: attempt.url }
    }
}

/// What was shown to a counter or a service.
#[derive(Debug, Clone, uniffi::Record)]
pub struct DisclosureView {
    pub at: i64,
    /// The pass or service that it was shown from.
    pub what: String,
    pub holder: Option<HolderView>,
    pub verifier: String,
    pub purpose: String,
    pub fields: Vec<String>,
}

impl From<core::DisclosureView> for DisclosureView {
    fn from(view: core::DisclosureView) -> Self {
        Self {
            at: view.at,
            what: view.what,
            holder: view.holder.map(Into::into),
            verifier: view.verifier,
            purpose: view.purpose,
            fields: view.fields,
        }
    }
}
