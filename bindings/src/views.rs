//! The screens as plain records.

use onecity_core as core;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum ChangedTopic {
    Account,
    Home,
    Passes,
    Submissions,
    Documents,
}

impl From<core::Topic> for ChangedTopic {
    fn from(topic: core::Topic) -> Self {
        match topic {
            core::Topic::Account => Self::Account,
            core::Topic::Home => Self::Home,
            core::Topic::Passes => Self::Passes,
            core::Topic::Submissions => Self::Submissions,
            core::Topic::Documents => Self::Documents,
        }
    }
}

/// How far a screen can be relied on; times are seconds since 1970.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum Freshness {
    Fresh,
    Stale { since: i64 },
    Offline { since: i64 },
}

impl From<core::Freshness> for Freshness {
    fn from(freshness: core::Freshness) -> Self {
        match freshness {
            core::Freshness::Fresh => Self::Fresh,
            core::Freshness::Stale { since } => Self::Stale { since },
            core::Freshness::Offline { since } => Self::Offline { since },
        }
    }
}

/// A region.
#[derive(Debug, Clone, uniffi::Record)]
pub struct RegionView {
    pub id: String,
    pub name: String,
    pub latin: String,
    pub kind: String,
    pub hotline: Option<String>,
}

impl From<core::RegionView> for RegionView {
    fn from(view: core::RegionView) -> Self {
        let kind = format!("{:?}", view.kind).to_lowercase();
        Self { id: view.id.to_string(), name: view.name, latin: view.latin, kind, hotline: view.hotline }
    }
}

/// A service on the home screen.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ServiceCard {
    pub unit: String,
    pub app_id: String,
    pub name: String,
    pub summary: String,
    pub category: String,
    pub publisher: String,
    pub version: String,
    pub icon: Option<String>,
    pub installed: bool,
    pub withdrawn: Option<String>,
}

impl From<core::ServiceCard> for ServiceCard {
    fn from(card: core::ServiceCard) -> Self {
        Self {
            unit: card.id.unit.to_string(),
            app_id: card.id.app_id,
            name: card.name,
            summary: card.summary,
            category: card.category,
            publisher: card.publisher,
            version: card.version,
            icon: card.icon,
            installed: card.installed,
            withdrawn: card.withdrawn,
        }
    }
}

/// The home screen.
#[derive(Debug, Clone, uniffi::Record)]
pub struct HomeView {
    pub region: RegionView,
    pub above: Vec<RegionView>,
    pub services: Vec<ServiceCard>,
    /// Where `services` goes on, if there are more.
    pub next: Option<u32>,
    pub account: Option<AccountView>,
    pub waiting: u32,
    pub freshness: Freshness,
}

impl From<core::HomeView> for HomeView {
    fn from(view: core::HomeView) -> Self {
        Self {
            region: view.region.into(),
            above: view.above.into_iter().map(Into::into).collect(),
            services: view.services.into_iter().map(Into::into).collect(),
            next: view.next,
            account: view.account.map(Into::into),
            waiting: view.waiting,
            freshness: view.freshness.into(),
        }
    }
}

/// Further services of a region.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ServicePage {
    pub services: Vec<ServiceCard>,
    pub next: Option<u32>,
}

impl From<core::ServicePage> for ServicePage {
    fn from(page: core::ServicePage) -> Self {
        Self { services: page.services.into_iter().map(Into::into).collect(), next: page.next }
    }
}

/// An icon.
#[derive(Debug, Clone, uniffi::Record)]
pub struct IconView {
    pub media_type: String,
    pub body: Vec<u8>,
}

impl From<core::IconView> for IconView {
    fn from(icon: core::IconView) -> Self {
        Self { media_type: icon.media_type, body: icon.body }
    }
}

/// What keeps a service from opening.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum Obstacle {
    Unknown,
    Region,
    Platform,
    Permission,
    Rollout,
    Withdrawn,
    Signature,
    Network,
}

/// Why a service can't be opened here.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ObstacleView {
    pub obstacle: Obstacle,
    /// What it is and what to do, in the resident's language.
    pub words: String,
}

impl From<core::ObstacleView> for ObstacleView {
    fn from(view: core::ObstacleView) -> Self {
        let obstacle = match view.obstacle {
            core::Obstacle::Unknown => Obstacle::Unknown,
            core::Obstacle::Region => Obstacle::Region,
            core::Obstacle::Platform => Obstacle::Platform,
            core::Obstacle::Permission => Obstacle::Permission,
            core::Obstacle::Rollout => Obstacle::Rollout,
            core::Obstacle::Withdrawn => Obstacle::Withdrawn,
            core::Obstacle::Signature => Obstacle::Signature,
            core::Obstacle::Network => Obstacle::Network,
        };
        Self { obstacle, words: view.words }
    }
}

/// A service in a travel plan.
#[derive(Debug, Clone, uniffi::Record)]
pub struct PlannedService {
    pub unit: String,
    pub app_id: String,
    pub name: String,
    pub publisher: String,
    pub bytes: u64,
    pub installed: bool,
}

impl From<core::PlannedService> for PlannedService {
    fn from(service: core::PlannedService) -> Self {
        let core::PlannedService { id, name, publisher, bytes, installed } = service;
        Self { unit: id.unit.to_string(), app_id: id.app_id, name, publisher, bytes, installed }
    }
}

/// What it takes to have a region's services on the phone.
#[derive(Debug, Clone, uniffi::Record)]
pub struct TravelPlan {
    pub region: String,
    pub services: Vec<PlannedService>,
    pub bytes_to_fetch: u64,
}

impl From<core::TravelPlan> for TravelPlan {
    fn from(plan: core::TravelPlan) -> Self {
        let services = plan.services.into_iter().map(Into::into).collect();
        Self { region: plan.region.to_string(), services, bytes_to_fetch: plan.bytes_to_fetch }
    }
}

/// A service that another region lacks.
#[derive(Debug, Clone, uniffi::Record)]
pub struct MissingService {
    pub service: PlannedService,
    /// What comes nearest to it there.
    pub nearest: Option<PlannedService>,
}

/// How another region compares with home.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ParityView {
    pub shared: u32,
    pub missing: Vec<MissingService>,
}

impl From<core::ParityView> for ParityView {
    fn from(view: core::ParityView) -> Self {
        let missing = view.missing.into_iter().map(|missing| MissingService {
            service: missing.service.into(),
            nearest: missing.nearest.map(Into::into),
        });
        Self { shared: view.shared, missing: missing.collect() }
    }
}

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

/// A field of a document.
#[derive(Debug, Clone, uniffi::Record)]
pub struct DocumentField {
    pub name: String,
    pub value: String,
}

/// What a document is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum DocumentStanding {
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
    pub standing: DocumentStanding,
    pub fields: Vec<DocumentField>,
}

impl From<core::DocumentView> for DocumentView {
    fn from(view: core::DocumentView) -> Self {
        let standing = match view.standing {
            core::DocumentStanding::Good => DocumentStanding::Good,
            core::DocumentStanding::Expired => DocumentStanding::Expired,
            core::DocumentStanding::Unverified => DocumentStanding::Unverified,
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
            standing,
            fields: fields.collect(),
        }
    }
}

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

/// What a sync came to.
#[derive(Debug, Clone, uniffi::Record)]
pub struct SyncReport {
    pub changed: bool,
    pub units: u32,
    /// Units whose news could not be read.
    pub broken: Vec<String>,
}

impl From<core::SyncReport> for SyncReport {
    fn from(report: core::SyncReport) -> Self {
        let broken = report.broken.into_iter().map(|(unit, why)| format!("{unit}: {why}")).collect();
        Self { changed: report.changed, units: report.units, broken }
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
    pub standing: PassStanding,
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
pub enum PassStanding {
    Good,
    RenewalDue,
    Expired,
    NeedsRenewal,
    Suspended,
    Revoked,
}

impl From<core::PassStanding> for PassStanding {
    fn from(standing: core::PassStanding) -> Self {
        match standing {
            core::PassStanding::Good => Self::Good,
            core::PassStanding::RenewalDue => Self::RenewalDue,
            core::PassStanding::Expired => Self::Expired,
            core::PassStanding::NeedsRenewal => Self::NeedsRenewal,
            core::PassStanding::Suspended => Self::Suspended,
            core::PassStanding::Revoked => Self::Revoked,
        }
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
            standing: view.standing.into(),
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

/// What became of a submission.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum SubmissionState {
    Waiting {
        attempts: u32,
        holdup: Option<Holdup>,
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
pub enum Holdup {
    Network,
    Login,
    StepUp,
    Consent,
    Storage,
}

impl From<core::Holdup> for Holdup {
    fn from(holdup: core::Holdup) -> Self {
        match holdup {
            core::Holdup::Network => Self::Network,
            core::Holdup::Login => Self::Login,
            core::Holdup::StepUp => Self::StepUp,
            core::Holdup::Consent => Self::Consent,
            core::Holdup::Storage => Self::Storage,
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
            core::SubmissionState::Waiting { attempts, holdup } => {
                SubmissionState::Waiting { attempts, holdup: holdup.map(Into::into) }
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
