//! What a city's IT team does to publish: pack a folder of pages, sign it, put it into the registry.
//!
//! ```text
//!   folder ── pack ──> package.ma ── publish ──> a unit's role ── sign ──> files for any web server
//!                        (same input,              (own key, delegated
//!                         same bytes)               by the province)
//! ```
//!
//! Nothing here reads a clock or a network: the time comes in, files go out.
//!
//! # Example
//!
//! ```
//! use onecity_protocol::trust::TrustedRepository;
//! use onecity_publisher::{Lifetimes, Repository};
//!
//! let mut repository = Repository::new("cn-sd".parse()?)?;
//! repository.add_target("cn-sd/regions.json", b"{\"regions\":[]}".to_vec(), None);
//! let files = repository.sign(1_800_000_000, &Lifetimes::default())?;
//!
//! let mut phone = TrustedRepository::from_root(&files["metadata/1.root.json"])?;
//! assert!(phone.update_timestamp(&files["metadata/timestamp.json"], 1_800_000_001)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod key;
mod pack;
mod repository;

pub use key::{KeyError, SigningKey};
pub use pack::{PackError, pack, read_folder};
pub use repository::{Lifetimes, PublishError, Repository, RepositoryFiles};
