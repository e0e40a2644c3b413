//! What is kept on this phone, by service, and making room.

use std::collections::HashMap;
use std::sync::Arc;

use onecity_store::Slot;

use crate::client::Inner;
use crate::consents;
use crate::error::Error;
use crate::views::{ServiceId, ServiceStorage, StorageView, Topic};

/// What every service keeps for the active account.
pub async fn report(inner: &Arc<Inner>) -> Result<StorageView, Error> {
    let owner = inner.active_owner().await?;
    let scopes = inner.vault(move |vault| vault.scope_sizes(&owner)).await?;
    let languages = inner.config.languages.clone();
    let (packages, names) = inner
        .catalogue(move |catalogue| {
            let sizes = catalogue.package_sizes()?;
            let mut names = HashMap::new();
            let ids = sizes.iter().map(|size| (size.unit.clone(), size.app_id.clone()));
            let ids = ids.chain(scopes.iter().filter_map(|size| {
                let (unit, app_id) = size.scope.as_str().rsplit_once('/')?;
                Some((unit.parse().ok()?, app_id.to_owned()))
            }));
            for (unit, app_id) in ids.collect::<Vec<_>>() {
                let has = catalogue.installed(&unit, &app_id, Slot::Current)?.map(|own| own.version_code);
                let releases = catalogue.releases_of(&unit, &app_id)?;
                let release = releases.iter().find(|own| Some(own.version_code) == has).or_else(|| releases.first());
                let name = release.map(|release| release.card.names.best(&languages).to_owned());
                names.insert(ServiceId { unit, app_id }, name.unwrap_or_default());
            }
            Ok(((sizes, scopes), names))
        })
        .await?;
    let (packages, scopes) = packages;
    let mut services: HashMap<ServiceId, ServiceStorage> = names
        .into_iter()
        .map(|(id, name)| {
            let name = if name.is_empty() { id.app_id.clone() } else { name };
            let empty = ServiceStorage { id: id.clone(), name, packages: 0, values: 0, answers: 0, attachments: 0 };
            (id, empty)
        })
        .collect();
    for size in packages {
        if let Some(own) = services.get_mut(&ServiceId { unit: size.unit, app_id: size.app_id }) {
            own.packages += size.bytes;
        }
    }
    for size in scopes {
        let own = services.values_mut().find(|own| own.id.to_string() == size.scope.as_str());
        let Some(own) = own else { continue };
        match size.kind.as_str() {
            "response" => own.answers += size.bytes,
            "attachment" => own.attachments += size.bytes,
            _ => own.values += size.bytes,
        }
    }
    let mut services: Vec<ServiceStorage> = services.into_values().collect();
    let total = |own: &ServiceStorage| own.packages + own.values + own.answers + own.attachments;
    services.sort_by(|one, other| total(other).cmp(&total(one)).then_with(|| one.name.cmp(&other.name)));
    let folder = inner.config.folder.clone();
    let sizes = inner.blocking(move || {
        let size = |name: &str| {
            let files = ["", "-wal"].map(|suffix| folder.join(format!("{name}{suffix}")));
            files.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum::<u64>()
        };
        Ok((size("catalogue.sqlite"), size("vault.sqlite")))
    });
    let (catalogue, vault) = sizes.await?;
    Ok(StorageView { services, catalogue, vault, budget: inner.config.package_budget })
}

/// Removes everything that a service keeps on this phone but what waits to be sent.
pub async fn clear(inner: &Arc<Inner>, service: &ServiceId) -> Result<(), Error> {
    consents::clear_service(inner, service).await?;
    let (unit, app_id) = (service.unit.clone(), service.app_id.clone());
    inner.catalogue_mut(move |catalogue| catalogue.remove_packages(&unit, &app_id)).await?;
    inner.platform.observer.changed(Topic::Home);
    Ok(())
}
