//! Places and what is there: regions, services, travelling.

use onecity_protocol::region::{RegionId, RegionKind};
use onecity_protocol::service::ServiceId;

use super::{AccountView, Freshness};

/// A region on a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct RegionView {
    pub id: RegionId,
    pub name: String,
    /// The name in Latin letters, for those who can't read the other.
    pub latin: String,
    pub kind: RegionKind,
    pub hotline: Option<String>,
}

/// A region that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceView {
    /// Which.
    pub region: RegionView,
    /// The names of what is above it, nearest first.
    pub above: Vec<String>,
}

/// A service on the home screen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ServiceCard {
    /// Which service.
    pub id: ServiceId,
    /// Its name.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// One word that groups services.
    pub category: String,
    /// Whose it is.
    pub publisher: String,
    /// The version that this phone is offered.
    pub version: String,
    /// What its icon is called; `Client::icon` has it.
    pub icon: Option<String>,
    /// Whether it opens with no network.
    pub installed: bool,
    /// Why it is no longer offered, if so.
    pub withdrawn: Option<String>,
}

/// Further services of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ServicePage {
    /// At most 200.
    pub services: Vec<ServiceCard>,
    /// Where the next page begins, if there is one.
    pub next: Option<u32>,
}

/// An icon.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct IconView {
    pub media_type: String,
    pub body: Vec<u8>,
}

/// What keeps a service from opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Obstacle {
    /// The region or the service is not known on this phone.
    Unknown,
    /// Its publisher does not publish for this region.
    Region,
    /// The app is too old.
    Platform,
    /// Another kind of account is needed.
    Permission,
    /// Its rollout has not reached this phone.
    Rollout,
    /// It was withdrawn.
    Withdrawn,
    /// What its publisher signed can't be verified.
    Signature,
    /// It has never been fetched, and there is no network.
    Network,
}

/// Why a service can't be opened here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ObstacleView {
    /// For programs.
    pub obstacle: Obstacle,
    /// For the resident: what it is, and what to do.
    pub words: String,
}

/// A service in a travel plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PlannedService {
    /// Which service.
    pub id: ServiceId,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub publisher: String,
    /// Size of its package.
    pub bytes: u64,
    /// Whether that is on the phone in the newest version.
    pub installed: bool,
}

/// What it takes to have a region's services on the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct TravelPlan {
    /// Where to.
    pub region: RegionId,
    /// Its services, nearest publisher first.
    pub services: Vec<PlannedService>,
    /// What is not on the phone yet, all together.
    pub bytes_to_fetch: u64,
}

/// A service that another region lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MissingService {
    /// At home.
    pub service: PlannedService,
    /// What comes nearest to it there.
    pub nearest: Option<PlannedService>,
}

/// How another region compares with home.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ParityView {
    /// How many of home's services are there, too.
    pub shared: u32,
    /// Those that are not.
    pub missing: Vec<MissingService>,
}

/// What is announced to all residents of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum AnnouncementKind {
    /// Its services do not work for now; what is on the phone does.
    Outage,
    /// This app is too old for its services.
    Update,
}

/// What the one who runs a place's registry tells all of its residents.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct AnnouncementView {
    /// Which it is, in every language: what is announced instead of it has another.
    pub id: String,
    /// The name of the province or nation that says so.
    pub by: String,
    /// What it is.
    pub kind: AnnouncementKind,
    /// Why.
    pub reason: String,
    /// Until when, in seconds since 1970, if that is known.
    pub until: Option<i64>,
}

/// The home screen of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HomeView {
    /// Where.
    pub region: RegionView,
    /// What is above it, nearest first.
    pub above: Vec<RegionView>,
    /// The services offered here, nearest publisher first; at most 200.
    pub services: Vec<ServiceCard>,
    /// Where `Client::services` goes on, if there are more.
    pub next: Option<u32>,
    /// Who is logged in.
    pub account: Option<AccountView>,
    /// How many submissions wait for a network.
    pub waiting: u32,
    /// How current this is.
    pub freshness: Freshness,
    /// What its province or nation announces, if anything.
    pub announcement: Option<AnnouncementView>,
}
