//! Passes and documents.

use onecity_core as core;

/// A field of a document.
#[derive(Debug, Clone, uniffi::Record)]
pub struct DocumentField {
    pub name: String,
    pub value: String,
}

/// What a document is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum DocumentStatus {
    Good,
    Expired,
    Unverified,
}

/// A document.
#[derive(Debug, Clone, uniffi::Record)]
pub struct DocumentView {
    pub id: String,
    pub region: String,
    pub kind: String,
    pub title: String,
    pub issuer: String,
    pub issued: i64,
    pub expires: Option<i64>,
    pub status: DocumentStatus,
    pub fields: Vec<DocumentField>,
}

impl From<core::DocumentView> for DocumentView {
    fn from(view: core::DocumentView) -> Self {
        let status = match view.status {
            core::DocumentStatus::Good => DocumentStatus::Good,
            core::DocumentStatus::Expired => DocumentStatus::Expired,
            core::DocumentStatus::Unverified => DocumentStatus::Unverified,
        };
        let fields = view.fields.into_iter().map(|own| DocumentField { name: own.name, value: own.value });
        Self {
            id: view.id,
            region: view.region.to_string(),
            kind: view.kind,
            title: view.title,
            issuer: view.issuer,
            issued: view.issued,
            expires: view.expires,
            status,
            fields: fields.collect(),
        }
    }
}

/// A pass.
#[derive(Debug, Clone, uniffi::Record)]
pub struct PassView {
    pub id: String,
    pub title: String,
    pub pass_type: String,
    pub issuer: String,
    pub region: String,
    /// Where it is good.
    pub valid_in: Vec<String>,
    pub fare: Option<String>,
    /// Whose it is, if not one's own.
    pub holder: Option<HolderView>,
    pub issued: i64,
    pub expires: i64,
    pub status: PassStatus,
    pub last_used: Option<i64>,
}

/// Somebody in the resident's care.
#[derive(Debug, Clone, uniffi::Record)]
pub struct HolderView {
    pub id: String,
    pub name: String,
    pub relation: String,
}

impl From<core::HolderView> for HolderView {
    fn from(view: core::HolderView) -> Self {
        Self { id: view.id, name: view.name, relation: view.relation }
    }
}

/// What a pass is good for.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum PassStatus {
    Good,
    RenewalDue,
    Expired,
    NeedsRenewal,
    Suspended,
    Revoked,
}

impl From<core::PassStatus> for PassStatus {
    fn from(status: core::PassStatus) -> Self {
        match status {
            core::PassStatus::Good => Self::Good,
            core::PassStatus::RenewalDue => Self::RenewalDue,
            core::PassStatus::Expired => Self::Expired,
            core::PassStatus::NeedsRenewal => Self::NeedsRenewal,
            core::PassStatus::Suspended => Self::Suspended,
            core::PassStatus::Revoked => Self::Revoked,
        }
    }
}

impl From<core::PassView> for PassView {
    fn from(view: core::PassView) -> Self {
        Self {
            id: view.id,
            title: view.title,
            pass_type: view.pass_type,
            issuer: view.issuer,
            region: view.region.to_string(),
            valid_in: view.valid_in,
            fare: view.fare,
            holder: view.holder.map(Into::into),
            issued: view.issued,
            expires: view.expires,
            status: view.status.into(),
            last_used: view.last_used,
        }
    }
}

/// A code to show at a gate.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CodeView {
    pub pass_id: String,
    pub text: String,
    /// Modules on a side.
    pub width: u32,
    /// One bit a module, row by row, the highest bit first; 1 is dark.
    pub modules: Vec<u8>,
    pub issued: i64,
    pub next: i64,
    pub time_unverified: bool,
}

impl From<core::CodeView> for CodeView {
    fn from(view: core::CodeView) -> Self {
        Self {
            pass_id: view.pass_id,
            text: view.text,
            width: view.picture.width,
            modules: view.picture.modules,
            issued: view.issued,
            next: view.next,
            time_unverified: view.time_unverified,
        }
    }
}
