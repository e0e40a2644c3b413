//! What services keep, hand in, and are paid.

use onecity_core as core;

/// A receipt that was verified.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ReceiptView {
    pub order: String,
    /// In the currency's smallest unit.
    pub amount: u64,
    pub currency: String,
    pub paid_at: i64,
    pub payee: String,
}

impl From<core::ReceiptView> for ReceiptView {
    fn from(view: core::ReceiptView) -> Self {
        let core::ReceiptView { order, amount, currency, paid_at, payee } = view;
        Self { order, amount, currency, paid_at, payee }
    }
}

/// A draft that was taken over from another phone.
#[derive(Debug, Clone, uniffi::Record)]
pub struct DraftView {
    pub unit: String,
    pub app_id: String,
    pub title: String,
    /// Who filled it in, as they call themselves.
    pub by: Option<String>,
    pub expires: i64,
}

impl From<core::DraftView> for DraftView {
    fn from(view: core::DraftView) -> Self {
        let core::DraftView { service, title, by, expires } = view;
        Self { unit: service.unit.to_string(), app_id: service.app_id, title, by, expires }
    }
}

/// A draft's code, for another phone to take it over.
#[derive(Debug, Clone, uniffi::Record)]
pub struct HandOverView {
    pub link: String,
    /// Modules on a side.
    pub width: u32,
    /// One bit a module, row by row, the highest bit first; 1 is dark.
    pub modules: Vec<u8>,
    pub expires: i64,
}

impl From<core::HandOverView> for HandOverView {
    fn from(view: core::HandOverView) -> Self {
        let core::HandOverView { link, picture, expires } = view;
        Self { link, width: picture.width, modules: picture.modules, expires }
    }
}

/// What a service keeps on this phone, in bytes.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ServiceStorage {
    pub unit: String,
    pub app_id: String,
    pub name: String,
    pub packages: u64,
    pub values: u64,
    pub answers: u64,
    pub attachments: u64,
}

/// What is kept on this phone.
#[derive(Debug, Clone, uniffi::Record)]
pub struct StorageView {
    pub services: Vec<ServiceStorage>,
    pub catalogue: u64,
    pub vault: u64,
    pub budget: u64,
}

impl From<core::StorageView> for StorageView {
    fn from(view: core::StorageView) -> Self {
        let services = view.services.into_iter().map(|own| {
            let core::ServiceStorage { id, name, packages, values, answers, attachments } = own;
            let (unit, app_id) = (id.unit.to_string(), id.app_id);
            ServiceStorage { unit, app_id, name, packages, values, answers, attachments }
        });
        let services = services.collect();
        Self { services, catalogue: view.catalogue, vault: view.vault, budget: view.budget }
    }
}

/// What became of a submission.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum SubmissionState {
    Waiting {
        attempts: u32,
        pending: Option<PendingReason>,
    },
    /// `receipt` is the city's answer as JSON.
    Delivered {
        at: i64,
        receipt: String,
    },
    Refused {
        at: i64,
        reason: String,
        conflict: bool,
    },
}

/// What keeps a submission from being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum PendingReason {
    Network,
    Login,
    StepUp,
    Consent,
    Storage,
}

impl From<core::PendingReason> for PendingReason {
    fn from(pending: core::PendingReason) -> Self {
        match pending {
            core::PendingReason::Network => Self::Network,
            core::PendingReason::Login => Self::Login,
            core::PendingReason::StepUp => Self::StepUp,
            core::PendingReason::Consent => Self::Consent,
            core::PendingReason::Storage => Self::Storage,
        }
    }
}

/// What a city did with a submission.
#[derive(Debug, Clone, uniffi::Record)]
pub struct TimelineEntry {
    pub at: i64,
    pub status: String,
    pub text: String,
}

/// A submission.
#[derive(Debug, Clone, uniffi::Record)]
pub struct SubmissionView {
    pub id: String,
    pub unit: String,
    pub app_id: String,
    pub title: String,
    pub created: i64,
    pub state: SubmissionState,
    pub timeline: Vec<TimelineEntry>,
    pub attachments: u32,
    /// What the resident can do about it, in their language, if there is anything.
    pub advice: Option<String>,
}

impl From<core::SubmissionView> for SubmissionView {
    fn from(view: core::SubmissionView) -> Self {
        let state = match view.state {
            core::SubmissionState::Waiting { attempts, pending } => {
                SubmissionState::Waiting { attempts, pending: pending.map(Into::into) }
            }
            core::SubmissionState::Delivered { at, receipt } => {
                SubmissionState::Delivered { at, receipt: receipt.to_string() }
            }
            core::SubmissionState::Refused { at, reason, conflict } => {
                SubmissionState::Refused { at, reason, conflict }
            }
        };
        let timeline = view.timeline.into_iter();
        let timeline = timeline.map(|own| TimelineEntry { at: own.at, status: own.status, text: own.text });
        Self {
            id: view.id,
            unit: view.service.unit.to_string(),
            app_id: view.service.app_id,
            title: view.title,
            created: view.created,
            state,
            timeline: timeline.collect(),
            attachments: view.attachments,
            advice: view.advice,
        }
    }
}
