//! Getting a service's package onto the phone, and choosing the version that opens.
//!
//! Stale-while-revalidate: what is installed opens at once, a newer version is fetched behind it and opens at the next
//! start. Only what was withdrawn, and a service that is not there yet, waits for the network.

use std::sync::Arc;

use onecity_protocol::package::Package;
use onecity_protocol::region::RegionId;
use onecity_protocol::trust::{Release, WhyNot};
use onecity_store::{Installed, Slot};

use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::offers::{Standing, why_not};
use crate::registry_sync::fetch_target;
use crate::views::{ServiceId, Topic};

/// A version that is open.
pub struct Opened {
    pub package: Package,
    pub installed: Installed,
}

/// Opens a service in the version that this phone is to open now.
pub async fn open(inner: &Arc<Inner>, service: &ServiceId, region: &RegionId) -> Result<Opened, Error> {
    let (releases, current) = known(inner, service).await?;
    let standing = Standing::of(inner).await?;
    let has = current.as_ref().map(|current| current.version_code);
    let offered = match standing.choose(&releases, has) {
        Ok(offered) => Some(offered),
        // What is there opens, unless the registry says that it must not: that a rollout has not come by is no reason.
        Err(Some(WhyNot::Rollout { .. } | WhyNot::Paused)) if has.is_some() => None,
        Err(_) => return Err(refusal(inner, service, region).await),
    };
    // Versions that may still open: those that this phone would be offered if it had them.
    let valid = releases.iter().filter(|release| standing.is_offered(release, Some(release.version_code)));
    let valid: Vec<u64> = valid.map(|release| release.version_code).collect();
    let now = inner.time.now();
    let (unit, app_id, still) = (service.unit.clone(), service.app_id.clone(), valid.clone());
    let opens = inner.catalogue_mut(move |catalogue| catalogue.begin_opening(&unit, &app_id, &still, now)).await?;
    // A version that the registry no longer lists is old, not wrong; one that it lists as withdrawn does not open.
    let listed = |version: u64| releases.iter().any(|release| release.version_code == version);
    let opens = opens.filter(|opens| valid.contains(&opens.version_code) || !listed(opens.version_code));
    if let Some(installed) = opens
        && let Some(package) = kept_package(inner, installed.sha256).await?
    {
        if let Some(newer) = offered.filter(|offered| offered.version_code != installed.version_code) {
            update_behind(inner, service, newer.clone());
        }
        return Ok(Opened { package, installed });
    }
    let Some(offered) = offered else { return Err(refusal(inner, service, region).await) };
    let (package, installed) = install(inner, service, offered, Slot::Current).await?;
    Ok(Opened { package, installed })
}

async fn known(inner: &Arc<Inner>, service: &ServiceId) -> Result<(Vec<Release>, Option<Installed>), Error> {
    let (unit, app_id) = (service.unit.clone(), service.app_id.clone());
    inner
        .catalogue(move |catalogue| {
            Ok((catalogue.releases_of(&unit, &app_id)?, catalogue.installed(&unit, &app_id, Slot::Current)?))
        })
        .await
}

/// Why nothing is offered, as an error.
async fn refusal(inner: &Arc<Inner>, service: &ServiceId, region: &RegionId) -> Error {
    use crate::views::Obstacle;
    match why_not(inner, service, region).await {
        Ok(Some(view)) => {
            let reason = match view.obstacle {
                Obstacle::Withdrawn => Refusal::Withdrawn,
                Obstacle::Platform => Refusal::PlatformTooOld,
                Obstacle::Region | Obstacle::Rollout => Refusal::NotOffered,
                _ => Refusal::NotFound,
            };
            Error::refused(reason, view.words)
        }
        Ok(None) => {
            Error::refused(Refusal::NotFound, format!("{service} is not in the catalogue; sync the region first"))
        }
        Err(error) => error,
    }
}

/// Fetches a newer version while the installed one is open.
fn update_behind(inner: &Arc<Inner>, service: &ServiceId, release: Release) {
    let (inner, service) = (Arc::clone(inner), service.clone());
    tokio::spawn(async move {
        let (unit, app_id, version) = (service.unit.clone(), service.app_id.clone(), release.version_code);
        let failed = inner.catalogue(move |catalogue| catalogue.has_failed(&unit, &app_id, version)).await;
        if !matches!(failed, Ok(false)) {
            return;
        }
        match install(&inner, &service, &release, Slot::Next).await {
            Ok(_) => inner.platform.observer.changed(Topic::Home),
            Err(error) => tracing::info!(%service, %error, "the new version waits for another time"),
        }
    });
}

/// The package of a hash, if its bytes are there and still are what they were.
async fn kept_package(inner: &Arc<Inner>, sha256: [u8; 32]) -> Result<Option<Package>, Error> {
    let Some(bytes) = inner.catalogue(move |catalogue| catalogue.blob(&sha256)).await? else { return Ok(None) };
    // The hash is that of bytes that have passed every rule before.
    inner.blocking(move || Ok(Package::reopen(bytes).ok())).await
}

/// Fetches a release's package, checks it, and keeps it in a slot.
pub async fn install(
    inner: &Arc<Inner>,
    service: &ServiceId,
    release: &Release,
    slot: Slot,
) -> Result<(Package, Installed), Error> {
    let first = service.unit.region().first_level();
    let first = first.ok_or_else(|| Error::refused(Refusal::NotFound, "a nation publishes no services"))?;
    let repository =
        inner.repository(&first).await?.ok_or_else(|| Error::internal("a release without a repository"))?;
    if inner.time.now().max(repository.checked) >= repository.expires {
        let what = format!("the registry of {first} has not been signed anew in time; sync before installing");
        return Err(Error::Expired { what });
    }
    let unit = service.unit.clone();
    let (ends, broken) =
        inner.catalogue(move |catalogue| Ok((catalogue.unit_expires(&unit)?, catalogue.broken(&unit)?))).await?;
    if inner.time.now() >= ends {
        let what = format!("{} has not signed anew in time; what is installed opens", service.unit);
        return Err(Error::Expired { what });
    }
    if broken.is_some() {
        // There is news that can't be read: perhaps that this very release was withdrawn.
        let what = format!("what {} published last can't be verified; what is installed opens", service.unit);
        return Err(Error::SignatureInvalid { what });
    }
    let sha256 = release.target.sha256;
    let bytes = match inner.catalogue(move |catalogue| catalogue.blob(&sha256)).await? {
        Some(kept) => kept,
        None => fetch_target(inner, &repository.url, &release.target).await?.into(),
    };
    let opened = Arc::clone(&bytes);
    let package = inner.blocking(move || Ok(Package::open(opened)?)).await?;
    let manifest = package.manifest();
    if manifest.app_id != service.app_id || manifest.version.code != release.version_code {
        let detail = format!("the package of {service} says that it is {} {}", manifest.app_id, manifest.version.code);
        return Err(Error::refused(Refusal::Package, detail));
    }
    let card = &release.card;
    let asks = manifest.req_permissions.iter().map(|request| request.name);
    let more = asks.clone().any(|permission| !card.permissions.contains(&permission))
        || manifest.onecity.origins.iter().any(|origin| !card.origins.contains(origin));
    if more {
        let detail = format!("the package of {service} asks for more than its card in the registry says");
        return Err(Error::refused(Refusal::Package, detail));
    }
    let installed = Installed {
        unit: service.unit.clone(),
        app_id: service.app_id.clone(),
        version_code: release.version_code,
        sha256,
    };
    let (kept, now, budget) = (installed.clone(), inner.time.now(), inner.config.package_budget);
    inner
        .catalogue_mut(move |catalogue| {
            catalogue.install(&kept, slot, &bytes, now)?;
            catalogue.make_room(budget, (&kept.unit, &kept.app_id))
        })
        .await?;
    Ok((package, installed))
}
