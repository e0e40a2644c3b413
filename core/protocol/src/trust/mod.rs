//! Who may publish what, for whom: The Update Framework 1.0, one repository per first-level region.
//!
//! ```text
//!   nation's repository  ── targets ──> first root.json of each region's repository, region data, providers
//!   region's repository  root (3 of 5, offline)
//!                         ├─ timestamp ─> snapshot ─> versions of all roles
//!                         └─ targets (the province's own) ── delegates ──> cn-sd.jinan, cn-sd.~jiaodong, …
//!                                     cn-sd.jinan ── delegates ──> cn-sd.jinan.~transport, cn-sd.jinan.lixia, …
//! ```
//!
//! [`TrustedRepository`] is the phone's state machine: bytes and a time go in, verified facts come out. Fetching,
//! keeping and deciding when are the client's. Behind it stands the `sigstore-tuf` crate, with ring for the
//! signatures; nothing outside this module names that crate's state machine.

mod allowance;
mod announcement;
mod entry;
mod hashed_file;
mod provider;
mod repository;
mod rollout;
mod takedown;

pub use allowance::{Allowance, LimitExceeded, RoleUse};
pub use announcement::{Announcement, AnnouncementError, Outage, UpdateNeeded};
pub(crate) use entry::entry_text_bytes;
pub use entry::{CatalogueEntry, IconName, Release, ReleaseError, Withdrawn, target_path};
pub use hashed_file::HashedFile;
pub use provider::install_ring;
pub use repository::{RepositoryEntry, Target, TrustError, TrustedRepository, metadata_name};
pub use rollout::{Invitation, Offer, Rollout, RolloutSeed, WhyNot};
pub use takedown::Takedown;

/// The file of a repository's region data, below its unit's path.
pub const REGIONS_TARGET: &str = "regions.json";
/// The file of what lies below a nation's first level and has a name that residents look for: its cities. It is in the form of the
/// region data, and for finding alone; what a city is, its own repository says.
pub const PLACES_TARGET: &str = "places.json";
/// The file of a repository's trust list.
pub const TRUST_LIST_TARGET: &str = "trust.json";
/// The file of a nation's identity providers.
pub const PROVIDERS_TARGET: &str = "providers.json";
/// The file of what a registry tells all of its residents.
pub const ANNOUNCEMENT_TARGET: &str = "announcement.json";
