//! What is offered where.

use onecity_core as core;

use super::Freshness;
use super::accounts::AccountView;

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
