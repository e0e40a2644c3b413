//! What the phone does: one façade, [`Client`].
//!
//! ```text
//!   shell ── ports ──> platform   keys, secrets, clock, consent, host     (a shell supplies these, nothing else)
//!     │
//!     └── Client ──┬─ session         log in once: OpenID Connect, DPoP-bound rotating tokens
//!                  ├─ registry_sync   which services there are, verified (tuf: the same for any TUF repository)
//!                  ├─ home, offers    screens of services, search, what this phone is offered and why not
//!                  ├─ install, travel packages: the version that opens, taking a city along
//!                  ├─ passes          credentials, and the code over one
//!                  ├─ mini_service    an opened service: files, bridge, storage; http_cache: what its city answered
//!                  ├─ consents        what the resident agreed to, and what was disclosed because of it
//!                  ├─ submissions     handed in, delivered exactly once; drafts: begun, here or on a helper's phone
//!                  ├─ documents       signed by a city, shown, shared, handed in again; payment: receipts
//!                  ├─ storage, files  what is kept here, and letting go of it while in the background
//!                  └─ net             the only place that knows HTTP
//! ```
//!
//! Calls are coarse: each answers with a whole screen, a `…View`, already in the resident's language. Nothing blocks:
//! every call runs on the client's own runtime, so any executor may await it, and a caller that goes away does not
//! tear a change in half.
//!
//! # Example
//!
//! ```
//! use onecity_core::{Client, ClientConfig, platform::software};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let config = ClientConfig { folder: folder.path().to_owned(), languages: vec!["en".to_owned()], ..Default::default() };
//! let client = Client::open(config, software::platform())?;
//! let waiting = client.runtime().block_on(client.submissions())?;
//! assert!(waiting.is_empty());
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod client;
mod consents;
mod documents;
mod drafts;
mod drawing;
mod error;
mod files;
mod home;
mod http_cache;
mod install;
mod mini_service;
mod net;
mod offers;
mod passes;
mod payment;
pub mod platform;
mod registry_sync;
mod session;
mod storage;
mod submissions;
mod task;
mod travel;
mod trusted_time;
mod tuf;
mod views;
mod words;

pub use client::{Client, ClientConfig, NationAnchor};
pub use drawing::{Background, QrPicture};
pub use error::{Error, Refusal};
pub use mini_service::{Launch, Lifecycle, Resource, ResourceRequest, ServiceSession};
pub use net::Patience;
pub use passes::CodeListener;
pub use registry_sync::SyncReport;
pub use session::install_providers;
pub use task::{Progress, ProgressListener, Step, TaskHandle};
pub use tuf::{MetadataFolder, TufClient};
pub use views::{
    AccountKind, AccountView, CodeView, ConsentView, DisclosureView, DocumentField, DocumentStanding, DocumentView,
    DraftView, Freshness, HandOverView, HolderView, Holdup, HomeView, IconView, LoginAttempt, MissingService, Obstacle,
    ObstacleView, ParityView, PassSituation, PassStanding, PassView, PlannedService, ProviderView, ReceiptView,
    RegionView, ServiceCard, ServiceId, ServicePage, ServiceStorage, SessionView, StorageView, SubmissionState,
    SubmissionView, TimelineEntry, Topic, TravelPlan,
};
