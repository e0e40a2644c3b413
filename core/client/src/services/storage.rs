//! What is on this phone, by service.

use std::collections::HashMap;
use std::sync::Arc;

use onecity_protocol::service::ServiceId;
use onecity_store::{Owner, Slot, StoreError, Vault};

use super::drafts;
use super::mini_service::StoredValue;
use crate::device::Device;
use crate::error::Error;
use crate::identity::{self, Accounts};
use crate::views::{ServiceStorage, StorageView};
use crate::{registry, wallet};

/// Reports on the two files.
pub(crate) struct Storage {
    device: Arc<Device>,
    accounts: Arc<Accounts>,
}

impl Storage {
    pub(crate) fn new(device: &Arc<Device>, accounts: &Arc<Accounts>) -> Arc<Self> {
        Arc::new(Self { device: Arc::clone(device), accounts: Arc::clone(accounts) })
    }

    /// What every service has on this phone for the active account, and what can't be read.
    pub(crate) async fn report(&self) -> Result<StorageView, Error> {
        let owner = self.accounts.active_owner().await?;
        let (sizes, unreadable) =
            self.device.vault(move |vault| Ok((vault.service_sizes(&owner)?, unreadable(vault, &owner)?))).await?;
        let languages = self.device.languages();
        let found = self.device.catalogue(move |catalogue| {
            let packages = catalogue.package_sizes()?;
            let mut services = HashMap::new();
            let ids = packages.iter().map(|size| &size.service).chain(sizes.iter().map(|size| &size.service));
            for id in ids {
                if services.contains_key(id) {
                    continue;
                }
                let has = catalogue.installed(id, Slot::Current)?.map(|own| own.version_code);
                let releases = catalogue.releases_of(id)?;
                let release = releases.iter().find(|own| Some(own.version_code) == has).or_else(|| releases.first());
                let name = release.map(|release| release.entry.names.best(&languages)).unwrap_or_default();
                services.insert(id.clone(), empty(id, name));
            }
            for size in packages {
                if let Some(own) = services.get_mut(&size.service) {
                    own.packages += size.bytes;
                }
            }
            for size in sizes {
                let Some(own) = services.get_mut(&size.service) else { continue };
                match size.kind.as_str() {
                    "response" => own.answers += size.bytes,
                    "attachment" => own.attachments += size.bytes,
                    _ => own.values += size.bytes,
                }
            }
            Ok(services)
        });
        let mut services: Vec<ServiceStorage> = found.await?.into_values().collect();
        let total = |own: &ServiceStorage| own.packages + own.values + own.answers + own.attachments;
        services.sort_by(|one, other| total(other).cmp(&total(one)).then_with(|| one.name.cmp(&other.name)));
        let (catalogue, vault) = self.device.files().sizes().await?;
        Ok(StorageView { services, catalogue, vault, budget: self.device.config.package_budget, unreadable })
    }
}

fn empty(id: &ServiceId, name: &str) -> ServiceStorage {
    let name = if name.is_empty() { id.app_id.clone() } else { name.to_owned() };
    ServiceStorage { id: id.clone(), name, packages: 0, values: 0, answers: 0, attachments: 0 }
}

/// How many records of an account and of the phone can't be read. Answers of back ends are not counted: they are fetched
/// again.
fn unreadable(vault: &Vault, owner: &Owner) -> Result<u64, StoreError> {
    let owners = if *owner == Owner::Phone { vec![Owner::Phone] } else { vec![Owner::Phone, owner.clone()] };
    let mut count = 0;
    for owner in &owners {
        count += identity::unreadable(vault, owner)?;
        count += wallet::unreadable(vault, owner)?;
        count += registry::unreadable(vault, owner)?;
        count += drafts::unreadable(vault, owner)? + vault.list::<StoredValue>(owner)?.unreadable;
        count += vault.submissions(owner)?.unreadable;
    }
    Ok(count)
}
