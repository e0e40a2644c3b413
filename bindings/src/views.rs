//! The screens as plain records.

use onecity_core as core;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum ChangedTopic {
    Account,
    Home,
    Passes,
    Submissions,
}

impl From<core::Topic> for ChangedTopic {
    fn from(topic: core::Topic) -> Self {
        match topic {
            core::Topic::Account => Self::Account,
            core::Topic::Home => Self::Home,
            core::Topic::Passes => Self::Passes,
            core::Topic::Submissions => Self::Submissions,
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
    pub lapsed: bool,
}

impl From<core::AccountView> for AccountView {
    fn from(view: core::AccountView) -> Self {
        let is_enterprise = view.kind == core::AccountKind::Enterprise;
        Self { id: view.id, name: view.name, is_enterprise, provider: view.provider, lapsed: view.lapsed }
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

/// What was shown to a counter.
#[derive(Debug, Clone, uniffi::Record)]
pub struct DisclosureView {
    pub at: i64,
    pub pass: String,
    pub holder: Option<HolderView>,
    pub verifier: String,
    pub purpose: String,
    pub fields: Vec<String>,
}

impl From<core::DisclosureView> for DisclosureView {
    fn from(view: core::DisclosureView) -> Self {
        Self {
            at: view.at,
            pass: view.pass,
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
    },
    /// `receipt` is the city's answer as JSON.
    Delivered {
        at: i64,
        receipt: String,
    },
    Refused {
        at: i64,
        reason: String,
    },
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
}

impl From<core::SubmissionView> for SubmissionView {
    fn from(view: core::SubmissionView) -> Self {
        let state = match view.state {
            core::SubmissionState::Waiting { attempts } => SubmissionState::Waiting { attempts },
            core::SubmissionState::Delivered { at, receipt } => {
                SubmissionState::Delivered { at, receipt: receipt.to_string() }
            }
            core::SubmissionState::Refused { at, reason } => SubmissionState::Refused { at, reason },
        };
        Self {
            id: view.id,
            unit: view.service.unit.to_string(),
            app_id: view.service.app_id,
            title: view.title,
            created: view.created,
            state,
        }
    }
}
