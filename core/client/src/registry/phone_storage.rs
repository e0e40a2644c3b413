//! The phone's place for a repository's metadata: the catalogue, and the version floors in the vault.

use std::collections::BTreeMap;
use std::sync::Arc;

use onecity_protocol::region::RegionId;
use onecity_store::{KeptMetadata, Owner, Record};
use serde::{Deserialize, Serialize};

use super::updater::MetadataStorage;
use crate::device::Device;
use crate::error::Error;

/// The versions below which this phone never goes again. In the vault, for the phone as a whole: neither a catalogue
/// that was created again nor a logout forgets them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Floors {
    versions: BTreeMap<String, u64>,
    /// SHA-256 of the root that the repository begins with, in hexadecimal: they count for no other. None in records of
    /// earlier versions, until the nation is next asked.
    #[serde(default)]
    first_root: Option<String>,
}

impl Record for Floors {
    const KIND: &'static str = "floors";
    const FORMAT: u8 = 1;
    const GUARDED: bool = true;
}

/// One repository's part of the catalogue.
pub(super) struct PhoneStorage {
    device: Arc<Device>,
    repository: RegionId,
    kept_floors: Floors,
    floors: Floors,
}

impl PhoneStorage {
    pub(super) async fn open(device: &Arc<Device>, repository: &RegionId) -> Result<Self, Error> {
        let name = repository.to_string();
        let floors = device.vault(move |vault| vault.get::<Floors>(&Owner::Phone, &name)).await?.unwrap_or_default();
        Ok(Self { device: Arc::clone(device), repository: repository.clone(), kept_floors: floors.clone(), floors })
    }

    /// That a repository begins with this root, as its nation lists it. The floors of another one are forgotten: the
    /// nation's word is how a repository starts again, also if it was taken out in between.
    pub(super) async fn begins_with(
        device: &Arc<Device>,
        repository: &RegionId,
        first_root: &[u8; 32],
        replaced: bool,
    ) -> Result<(), Error> {
        let (name, root) = (repository.to_string(), hex::encode(first_root));
        device
            .vault(move |vault| {
                let known = vault.get::<Floors>(&Owner::Phone, &name)?.unwrap_or_default();
                if known.first_root.as_ref() == Some(&root) {
                    return Ok(());
                }
                let another = known.first_root.is_some() || replaced;
                let versions = if another { BTreeMap::new() } else { known.versions };
                vault.put(&Owner::Phone, &name, &Floors { versions, first_root: Some(root) })
            })
            .await
    }

    /// Writes the floors down, if one has risen.
    pub(super) async fn keep_floors(&mut self) -> Result<(), Error> {
        if self.floors != self.kept_floors {
            let (name, floors) = (self.repository.to_string(), self.floors.clone());
            self.device.vault(move |vault| vault.put(&Owner::Phone, &name, &floors)).await?;
            self.kept_floors = self.floors.clone();
        }
        Ok(())
    }

    fn raise(&mut self, kept: &KeptMetadata) {
        let floor = self.floors.versions.entry(kept.role.clone()).or_default();
        *floor = kept.version.max(*floor);
    }
}

impl MetadataStorage for PhoneStorage {
    async fn load(&mut self) -> Result<Vec<KeptMetadata>, Error> {
        let name = self.repository.clone();
        self.device.catalogue(move |catalogue| catalogue.metadata(&name)).await
    }

    async fn keep(&mut self, kept: &KeptMetadata) -> Result<(), Error> {
        self.raise(kept);
        let (name, kept) = (self.repository.clone(), kept.clone());
        self.device.catalogue(move |catalogue| catalogue.keep_metadata(&name, &kept)).await
    }

    async fn keep_root(&mut self, kept: &KeptMetadata, new_keys: bool) -> Result<(), Error> {
        // Of a rotation that was seen before, the recovery is long done: climbing to it again must not undo the floors.
        let seen = self.floors.versions.get("root").is_some_and(|root| kept.version <= *root);
        if new_keys && !seen {
            self.floors.versions.retain(|role, _| role == "root");
        }
        self.raise(kept);
        let (name, root) = (self.repository.clone(), kept.clone());
        self.device.catalogue(move |catalogue| catalogue.keep_root(&name, &root, new_keys)).await?;
        self.keep_floors().await
    }

    fn check_floor(&self, role: &str, offered: u64) -> Result<(), Error> {
        match self.floors.versions.get(role) {
            Some(floor) if offered < *floor => Err(Error::RollbackRejected {
                what: format!("{role} of the registry, version {offered} after {floor}; try another network"),
            }),
            _ => Ok(()),
        }
    }
}
