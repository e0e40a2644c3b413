//! What a city's IT team does to publish: check and pack a folder of pages, sign it, put it into the registry, roll it
//! out, and take it back.
//!
//! ```text
//!   folder ── check, pack ──> package.ma ── publish ──> a unit's role ── sign ──> files for any web server
//!                              (same input,              (own key, delegated
//!                               same bytes)               by the province)
//! ```
//!
//! Nothing here reads a clock: the time comes in, files go out. The binary `onecity` is this library at a terminal.
//!
//! # Example
//!
//! ```
//! use onecity_protocol::trust::TrustedRepository;
//! use onecity_publisher::{Holders, KeyRing, Lifetimes, Repository, RepositoryFiles};
//!
//! let mut ring = KeyRing::default();
//! let root = (0..5).map(|_| ring.generate()).collect::<Result<Vec<_>, _>>()?;
//! let (targets, snapshot, timestamp) = (ring.generate()?, ring.generate()?, ring.generate()?);
//! let holders = Holders { root, root_threshold: 3, targets, snapshot, timestamp };
//!
//! let (now, lifetimes) = (1_800_000_000, Lifetimes::default());
//! let mut repository =
//!     Repository::create("cn-sd".parse()?, RepositoryFiles::new(), &holders, &ring, now, &lifetimes)?;
//! repository.add_target("cn-sd/regions.json", b"{\"regions\":[]}".to_vec(), None)?;
//! repository.sign(&ring, now, &lifetimes)?;
//!
//! let files = repository.storage();
//! let mut phone = TrustedRepository::from_root(&files["metadata/1.root.json"])?;
//! assert!(phone.update_timestamp(&files["metadata/timestamp.json"], now + 1)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod check;
mod history;
mod import;
mod ingest;
mod key;
mod pack;
mod rehearse;
mod repository;
pub mod synthetic;
mod templates;
mod web;

pub use check::{Checked, badge_page, check, sarif};
pub use history::{Entry, history};
pub use import::{ImportError, ImportOptions, Imported, import, named_origins};
pub use ingest::{Ingest, IngestError, Ingested};
pub use key::{KeyError, KeyRing, PublicKey, SigningKey, write_secret};
pub use pack::{PackError, pack, read_folder};
pub use rehearse::{Rehearsal, rehearse};
pub use repository::{
    Change, Folder, Holders, Lifetimes, ListedTarget, Overlay, PublishError, RegistryStorage, Repair, Repository,
    RepositoryFiles, RoleStatus, is_wanted_file, write_whole,
};
pub use templates::{Template, shared_files};
pub use web::{Accepted, Extent, Web, WebError};
