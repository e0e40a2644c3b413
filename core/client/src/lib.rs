//! What the phone does: one façade, [`Client`].
//!
//! ```text
//!   shell ── ports ──> platform   keys, secrets, clock, consent, host, observer   (a shell supplies these, nothing else)
//!     │
//!     └── Client ──┬─ identity   accounts, logging in once, consents, a token for each service
//!                  ├─ registry   which services there are, verified; packages; screens of services
//!                  ├─ wallet     passes and their codes, documents, receipts
//!                  ├─ services   opened services, their back ends' answers, what is handed in and begun
//!                  └─ device     what all of them stand on: files, HTTP, time, keys, prompts, notices
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

// What UniFFI generates turns another language's values into Rust's own types, which is unsafe code.
#![cfg_attr(not(feature = "uniffi"), forbid(unsafe_code))]

mod client;
mod device;
mod error;
mod identity;
pub mod platform;
mod registry;
mod services;
mod task;
mod views;
mod wallet;

pub use client::{AppRecordOwner, Client};
pub use device::{ClientConfig, NationAnchor, Timeouts, install_providers};
pub use error::{Error, Refusal};
#[doc(hidden)]
pub use identity::hostile::{callback_is_read, id_token_is_accepted};
pub use onecity_protocol::region::{RegionId, RegionKind, UnitId};
pub use onecity_protocol::service::ServiceId;
pub use registry::{BrokenUnit, MetadataFolder, SyncReport, TufClient};
pub use services::{Header, Launch, Lifecycle, Resource, ResourceRequest, ServiceSession};
pub use task::{Progress, ProgressListener, Step, TaskHandle};
pub use views::{
    AccountKind, AccountView, AnnouncementKind, AnnouncementView, Background, CodeView, ConsentView, DisclosureView,
    DocumentField, DocumentStatus, DocumentView, DraftView, Freshness, HandOverView, HolderView, HomeView, IconView,
    LoginAttempt, MissingService, Obstacle, ObstacleView, ParityView, PassOffer, PassSituation, PassStatus, PassView,
    PendingReason, PlaceView, PlannedService, ProviderView, PurposeView, QrPicture, ReceiptView, RegionView,
    ServiceCard, ServicePage, ServiceStorage, SessionView, ShownPass, StorageView, SubmissionState, SubmissionView,
    TimelineEntry, Topic, TravelPlan,
};
pub use wallet::CodeListener;

#[cfg(feature = "uniffi")]
uniffi::setup_scaffolding!();
