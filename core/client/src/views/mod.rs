//! What a screen shows: plain records, already in the resident's language (`messages`: the core's own sentences).

#[cfg(feature = "uniffi")]
mod foreign;
pub(crate) mod messages;
mod qr;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::{RegionId, RegionKind};
use onecity_protocol::service::ServiceId;
use serde::{Deserialize, Serialize};

pub use qr::{Background, QrPicture};

pub use onecity_store::{PendingReason, SubmissionState, TimelineEntry};

/// How far what a screen shows can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Freshness {
    /// Checked with the registry within the last hour.
    Fresh,
    /// Last checked at this second.
    Stale {
        /// Seconds since 1970.
        since: UnixTime,
    },
    /// The last attempt found no network; last checked at this second, 0 for never.
    Offline {
        /// Seconds since 1970.
        since: UnixTime,
    },
}

/// What changed, for a shell to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[expect(missing_docs, reason = "the names say it")]
pub enum Topic {
    Account,
    Home,
    Passes,
    Submissions,
    Documents,
}

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
}

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

/// What the resident has agreed to.
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
    /// Where that goes.
    pub origins: Vec<String>,
    /// Since when, in seconds.
    pub since: UnixTime,
}

/// A field of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct DocumentField {
    pub name: String,
    pub value: String,
}

/// What a document is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum DocumentStatus {
    /// It is genuine and counts.
    Good,
    /// It is genuine and has expired.
    Expired,
    /// It can't be verified just now: its region has not been synced, or its issuer has changed keys.
    Unverified,
}

/// A document on a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct DocumentView {
    /// Its id on this phone; empty for one that is not kept.
    pub id: String,
    /// Whose trust list vouches for it.
    pub region: RegionId,
    /// One word for what it is.
    pub kind: String,
    /// What it is called.
    pub title: String,
    /// Who signed it.
    pub issuer: String,
    /// When, in seconds.
    pub issued: UnixTime,
    /// From when on it no longer counts.
    pub expires: Option<UnixTime>,
    /// Whether it counts.
    pub status: DocumentStatus,
    /// What it says.
    pub fields: Vec<DocumentField>,
}

/// A receipt that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ReceiptView {
    /// The city's number for the order.
    pub order: String,
    /// In the currency's smallest unit.
    pub amount: u64,
    /// ISO 4217.
    pub currency: String,
    /// When it was paid, in seconds.
    pub paid_at: UnixTime,
    /// To whom.
    pub payee: String,
}

/// A draft that was taken over from another phone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct DraftView {
    /// The service that it waits in.
    pub service: ServiceId,
    /// What it is called.
    pub title: String,
    /// Who filled it in, as they call themselves.
    pub by: Option<String>,
    /// Until when it can be submitted, in seconds.
    pub expires: UnixTime,
}

/// A draft's code, for another phone to take it over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HandOverView {
    /// The text in the code.
    pub link: String,
    /// The picture.
    pub picture: QrPicture,
    /// Until when it can be taken over, in seconds.
    pub expires: UnixTime,
}

/// What a service keeps on this phone for the active account, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ServiceStorage {
    /// Which service.
    pub id: ServiceId,
    /// Its name.
    pub name: String,
    /// Its packages; they are fetched again when it is opened.
    pub packages: u64,
    /// Its values, drafts, consents and receipts.
    pub values: u64,
    /// Kept answers of its back end; they are fetched again.
    pub answers: u64,
    /// Photos that wait to be sent.
    pub attachments: u64,
}

/// What is kept on this phone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct StorageView {
    /// By service, the largest first.
    pub services: Vec<ServiceStorage>,
    /// The size of the public file, which can be fetched again.
    pub catalogue: u64,
    /// The size of the private file.
    pub vault: u64,
    /// What packages may take altogether before the least recently used are removed.
    pub budget: u64,
    /// How many records of the active account and of the phone can't be read. They are kept: an update of the app may
    /// read them.
    pub unreadable: u64,
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

/// A pass on a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PassView {
    /// Its id on this phone.
    pub id: String,
    /// Its name.
    pub title: String,
    /// One word for its type, for example `transit`.
    pub pass_type: String,
    /// Who issued it.
    pub issuer: String,
    /// Where it came from.
    pub region: RegionId,
    /// Where it is good.
    pub valid_in: Vec<String>,
    /// What its holder pays, in words.
    pub fare: Option<String>,
    /// Whose it is, if not the resident's own.
    pub holder: Option<HolderView>,
    /// Issued then.
    pub issued: UnixTime,
    /// Not valid from this second on.
    pub expires: UnixTime,
    /// Whether it opens anything.
    pub status: PassStatus,
    /// When its last code was shown.
    pub last_used: Option<UnixTime>,
}

/// Somebody in the resident's care, as an issuer names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct HolderView {
    pub id: String,
    pub name: String,
    /// One word: `child` or `parent`.
    pub relation: String,
}

/// What a pass is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum PassStatus {
    /// It opens gates.
    Good,
    /// It opens gates, and should be renewed while there is a network.
    RenewalDue,
    /// It has expired: renew it.
    Expired,
    /// It opens nothing until it is renewed: the phone's key for it is gone, or its issuer changed keys.
    NeedsRenewal,
    /// Its issuer has suspended it.
    Suspended,
    /// Its issuer has revoked it.
    Revoked,
}

/// Where one is and what for, to order passes by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PassSituation {
    /// Where the resident is.
    pub region: Option<RegionId>,
    /// The type that is wanted, as one word.
    pub pass_type: Option<String>,
}

/// What was shown to a counter or a service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct DisclosureView {
    /// When.
    pub at: UnixTime,
    /// The pass or service that it was shown from.
    pub what: String,
    /// Whose, if not the resident's own.
    pub holder: Option<HolderView>,
    /// To whom.
    pub verifier: String,
    /// What for.
    pub purpose: String,
    /// What could be read.
    pub fields: Vec<String>,
}

/// A code to show at a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CodeView {
    /// The pass it is for.
    pub pass_id: String,
    /// The text in the QR code.
    pub text: String,
    /// The picture.
    pub picture: QrPicture,
    /// When it was signed for, in seconds.
    pub issued: UnixTime,
    /// When to show the next one.
    pub next: UnixTime,
    /// Whether the phone's time may be wrong, so that a gate may refuse.
    pub time_unverified: bool,
}

/// A submission on a screen.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct SubmissionView {
    pub id: String,
    pub service: ServiceId,
    pub title: String,
    pub created: UnixTime,
    pub state: SubmissionState,
    /// What the city did with it, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// How many photos go with it.
    pub attachments: u32,
    /// What the resident can do about it, in their language, if there is anything.
    pub advice: Option<String>,
}
