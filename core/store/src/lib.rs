//! What the phone keeps, in two files, because the two kinds of data want opposite rules.
//!
//! ```text
//!   catalogue.sqlite   public, can be fetched again    regions, registry, packages     damaged: rebuilt
//!   vault.sqlite       private, every value sealed     sessions, credentials, outbox   damaged: kept, reported
//! ```
//!
//! The only crate that knows SQLite. Everything here blocks; its callers run it where blocking is fine.
//!
//! # Example
//!
//! ```
//! use onecity_store::{Owner, Record, SecretStore, Vault};
//! # use onecity_store::SecretError;
//! # struct Keychain;
//! # impl SecretStore for Keychain {
//! #     fn wrap(&self, secret: &[u8]) -> Result<Vec<u8>, SecretError> { Ok(secret.to_vec()) }
//! #     fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, SecretError> { Ok(wrapped.to_vec()) }
//! #     fn remember(&self, _: u64) -> Result<(), SecretError> { Ok(()) }
//! #     fn recall(&self) -> Result<Option<u64>, SecretError> { Ok(None) }
//! # }
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Draft(String);
//! impl Record for Draft {
//!     const KIND: &'static str = "draft";
//!     const FORMAT: u8 = 1;
//! }
//!
//! let folder = tempfile::tempdir()?;
//! let vault = Vault::open(&folder.path().join("vault.sqlite"), std::sync::Arc::new(Keychain))?;
//! vault.put(&Owner::Phone, "report", &Draft("a lamp is out".to_owned()))?;
//! let kept: Option<Draft> = vault.get(&Owner::Phone, "report")?;
//! assert_eq!(kept.map(|draft| draft.0).as_deref(), Some("a lamp is out"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod catalogue;
mod database;
mod error;
mod outbox;
mod sealing;
mod search;
mod vault;

pub use catalogue::{
    Catalogue, CatalogueKey, Installed, KeptMetadata, KeptRepository, PackageSize, Slot, TakenDown, Unsealed,
    VerifiedRole,
};
pub use database::FolderLock;
pub use error::StoreError;
pub use outbox::{
    Attachment, Delivery, Due, Lane, MAX_ATTACHMENT, Next, PART, PendingReason, Submission, SubmissionState,
    TimelineEntry,
};
pub use sealing::{SecretError, SecretStore};
pub use vault::{AccountId, Listed, Owner, Record, ServiceSize, Vault, VaultReader};
