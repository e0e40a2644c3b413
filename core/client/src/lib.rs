//! What the phone does: one façade, [`Client`].
//!
//! ```text
//!   shell ── ports ──> platform   keys, secrets, clock, consent, host     (a shell supplies these, nothing else)
//!     │
//!     └── Client ──┬─ session         log in once: OpenID Connect, DPoP-bound rotating tokens
//!                  ├─ registry_sync   which services there are, verified
//!                  ├─ passes          credentials, and the code over one
//!                  ├─ mini_service    an opened service: files, bridge, storage
//!                  ├─ submissions     handed in, delivered exactly once
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
mod drawing;
mod error;
mod mini_service;
mod net;
mod passes;
pub mod platform;
mod registry_sync;
mod session;
mod submissions;
mod task;
mod trusted_time;
mod views;

pub use client::{Client, ClientConfig, NationAnchor};
pub use drawing::{Background, QrPicture};
pub use error::{Error, Refusal};
pub use mini_service::{Resource, ServiceSession};
pub use passes::CodeListener;
pub use registry_sync::SyncReport;
pub use session::install_providers;
pub use task::TaskHandle;
pub use views::{
    AccountKind, AccountView, CodeView, DisclosureView, Freshness, HolderView, HomeView, LoginAttempt, PassSituation,
    PassStanding, PassView, ProviderView, RegionView, ServiceCard, ServiceId, SubmissionState, SubmissionView, Topic,
};
