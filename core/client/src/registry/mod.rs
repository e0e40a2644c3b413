//! Which services there are, and having them: the registry, verified, and the packages that it lists.
//!
//! ```text
//!   lookup         what is known of repositories, regions and units
//!   listed         identity providers and trust lists, and for how long they count
//!   sync           bringing that up to date: only what a region's screens need
//!     updater      one TUF repository; phone_storage: where its metadata are; download: its files
//!   announced      what a place's registries tell all residents
//!   offers         which release this phone is offered, and why one is not
//!   install        packages, and the version that opens
//!   home, travel   screens: a region's services, search, taking a city along
//!   tuf_client     the same updater for any TUF repository and a folder
//! ```

mod announced;
mod download;
mod home;
mod install;
mod listed;
mod lookup;
mod offers;
mod phone_storage;
mod sync;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod travel;
mod tuf_client;
mod updater;

use onecity_store::{Owner, StoreError, Vault};

pub(crate) use install::Opened;
pub(crate) use lookup::Registry;
pub use sync::{BrokenUnit, SyncReport};
pub use tuf_client::{MetadataFolder, TufClient};

/// How many records of this part can't be read.
pub(crate) fn unreadable(vault: &Vault, owner: &Owner) -> Result<u64, StoreError> {
    let own = [
        vault.list::<phone_storage::Floors>(owner)?.unreadable,
        vault.list::<offers::StoredSeed>(owner)?.unreadable,
        vault.list::<offers::KeptInvitations>(owner)?.unreadable,
    ];
    Ok(own.iter().sum())
}
