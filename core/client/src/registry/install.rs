//! Getting a service's package onto the phone, and choosing the version that opens.
//!
//! Stale-while-revalidate: what is installed opens at once, a newer version is fetched behind it and opens at the next
//! start. Only what was withdrawn, and a service that is not there yet, waits for the network.

use std::sync::Arc;

use onecity_protocol::package::Package;
use onecity_protocol::region::RegionId;
use onecity_protocol::service::ServiceId;
use onecity_protocol::trust::{Release, WhyNot};
use onecity_store::{Installed, Slot};

use super::lookup::Registry;
use crate::device::{ProgressSender, blocking, spawn};
use crate::error::{Error, Refusal};
use crate::views::{AccountKind, Topic};

/// A version that is open.
pub(crate) struct Opened {
    pub package: Package,
    pub installed: Installed,
}

impl Registry {
    /// Opens a service in the version that this phone is to open now. Where what is listed has ended, on a phone that slept for days,
    /// it is asked for again first.
    pub(crate) async fn open(
        self: &Arc<Self>,
        service: &ServiceId,
        region: &RegionId,
        account: Option<AccountKind>,
    ) -> Result<Opened, Error> {
        let ended = match self.open_as_listed(service, region, account).await {
            Err(ended @ (Error::Expired { .. } | Error::Refused { reason: Refusal::PhoneClock, .. })) => ended,
            outcome => return outcome,
        };
        let own = service.unit.region();
        let place = if own.first_level() == region.first_level() { region } else { own };
        match self.sync(place, &ProgressSender::silent()).await {
            Ok(_) => self.open_as_listed(service, region, account).await,
            Err(error) => {
                tracing::info!(%place, %error, "what is listed has ended, and is not to be had");
                Err(ended)
            }
        }
    }

    /// The same by what is listed on this phone.
    async fn open_as_listed(
        self: &Arc<Self>,
        service: &ServiceId,
        region: &RegionId,
        account: Option<AccountKind>,
    ) -> Result<Opened, Error> {
        if self.must_update(region).await?.is_some() {
            return Err(self.refusal(service, region, account).await);
        }
        let (releases, current) = self.known(service).await?;
        let eligibility = self.eligibility().await?;
        let has = current.as_ref().map(|current| current.version_code);
        let offered = match eligibility.choose(&releases, has) {
            Ok(offered) => Some(offered),
            // What is there opens, unless the registry says that it must not: that a rollout has not come by is no reason.
            Err(Some(WhyNot::Rollout { .. } | WhyNot::Paused)) if has.is_some() => None,
            Err(_) => return Err(self.refusal(service, region, account).await),
        };
        // Versions that may still open: those that this phone would be offered if it had them.
        let valid = releases.iter().filter(|release| eligibility.is_offered(release, Some(release.version_code)));
        let valid: Vec<u64> = valid.map(|release| release.version_code).collect();
        let now = self.device.time.now().await;
        let (own, still) = (service.clone(), valid.clone());
        let opens = self.device.catalogue(move |catalogue| catalogue.begin_opening(&own, &still, now)).await?;
        // A version that the registry no longer lists is old, not wrong; one that it lists as withdrawn does not open.
        let listed = |version: u64| releases.iter().any(|release| release.version_code == version);
        let opens = opens.filter(|opens| valid.contains(&opens.version_code) || !listed(opens.version_code));
        if let Some(installed) = opens
            && let Some(package) = self.kept_package(installed.sha256).await?
        {
            if let Some(newer) = offered.filter(|offered| offered.version_code != installed.version_code) {
                self.update_behind(service, newer.clone());
            }
            return Ok(Opened { package, installed });
        }
        let Some(offered) = offered else { return Err(self.refusal(service, region, account).await) };
        let (package, installed) = self.install(service, offered, Slot::Current).await?;
        Ok(Opened { package, installed })
    }

    async fn known(&self, service: &ServiceId) -> Result<(Vec<Release>, Option<Installed>), Error> {
        let own = service.clone();
        self.device
            .catalogue(move |catalogue| Ok((catalogue.releases_of(&own)?, catalogue.installed(&own, Slot::Current)?)))
            .await
    }

    /// Why nothing is offered, as an error.
    async fn refusal(&self, service: &ServiceId, region: &RegionId, account: Option<AccountKind>) -> Error {
        use crate::views::Obstacle;
        match self.why_not(service, region, account).await {
            Ok(Some(view)) => {
                let reason = match view.obstacle {
                    Obstacle::Withdrawn => Refusal::Withdrawn { why: view.words.clone() },
                    Obstacle::Platform => Refusal::PlatformTooOld,
                    Obstacle::Region | Obstacle::Rollout => Refusal::NotOffered,
                    _ => Refusal::NotFound,
                };
                Error::Refused { reason, text: view.words.clone(), detail: view.words }
            }
            Ok(None) => {
                Error::refused(Refusal::NotFound, format!("{service} is not in the catalogue; sync the region first"))
            }
            Err(error) => error,
        }
    }

    /// Fetches a newer version while the installed one is open.
    fn update_behind(self: &Arc<Self>, service: &ServiceId, release: Release) {
        let (registry, service) = (Arc::clone(self), service.clone());
        spawn(async move {
            let (own, version) = (service.clone(), release.version_code);
            let failed = registry.device.catalogue(move |catalogue| catalogue.has_failed(&own, version)).await;
            if !matches!(failed, Ok(false)) {
                return;
            }
            match registry.install(&service, &release, Slot::Next).await {
                Ok(_) => registry.device.notices.changed(Topic::Home),
                Err(error) => tracing::info!(%service, %error, "the new version waits for another time"),
            }
        });
    }

    /// The package of a hash, if its bytes are there and still are what they were.
    async fn kept_package(&self, sha256: [u8; 32]) -> Result<Option<Package>, Error> {
        let Some(bytes) = self.device.catalogue(move |catalogue| catalogue.blob(&sha256)).await? else {
            return Ok(None);
        };
        // The hash is that of bytes that have passed every rule before.
        blocking(move || Ok(Package::reopen(bytes).ok())).await
    }

    /// Fetches a release's package, checks it, and keeps it in a slot.
    pub(crate) async fn install(
        &self,
        service: &ServiceId,
        release: &Release,
        slot: Slot,
    ) -> Result<(Package, Installed), Error> {
        let first = service.unit.region().first_level();
        let first = first.ok_or_else(|| Error::refused(Refusal::NotFound, "a nation publishes no services"))?;
        let repository =
            self.repository(&first).await?.ok_or_else(|| Error::internal("a release without a repository"))?;
        if self.device.time.now_or_later_known().await >= repository.expires {
            let what = format!("the registry of {first} was not signed again in time; sync before installing");
            return Err(self.expired(what).await);
        }
        let unit = service.unit.clone();
        let (ends, broken) = self
            .device
            .catalogue(move |catalogue| Ok((catalogue.unit_expires(&unit)?, catalogue.broken(&unit)?)))
            .await?;
        if self.device.time.now_or_later_known().await >= ends {
            let what = format!("{} did not sign again in time; installed services still open", service.unit);
            return Err(self.expired(what).await);
        }
        if broken.is_some() {
            // There is news that can't be read: perhaps that this very release was withdrawn.
            let what = format!("what {} published last can't be verified; what is installed opens", service.unit);
            return Err(Error::SignatureInvalid { what });
        }
        let sha256 = release.target.sha256;
        let bytes = match self.device.catalogue(move |catalogue| catalogue.blob(&sha256)).await? {
            Some(kept) => kept,
            None => self.fetch_target(&repository.url, &release.target).await?.into(),
        };
        let opened = Arc::clone(&bytes);
        let package = blocking(move || Ok(Package::open(opened)?)).await?;
        let manifest = package.manifest();
        if manifest.app_id != service.app_id || manifest.version.code != release.version_code {
            let detail =
                format!("the package of {service} says that it is {} {}", manifest.app_id, manifest.version.code);
            return Err(Error::refused(Refusal::Package { rule: None }, detail));
        }
        let entry = &release.entry;
        let asks = manifest.req_permissions.iter().map(|request| request.name);
        let more = asks.clone().any(|permission| !entry.permissions.contains(&permission))
            || manifest.onecity.origins.iter().any(|origin| !entry.origins.contains(origin));
        if more {
            let detail = format!("the package of {service} asks for more than its entry in the registry says");
            return Err(Error::refused(Refusal::Package { rule: None }, detail));
        }
        let installed = Installed { service: service.clone(), version_code: release.version_code, sha256 };
        let (kept, now, budget) = (installed.clone(), self.device.time.now().await, self.device.config.package_budget);
        self.device
            .catalogue(move |catalogue| {
                catalogue.install(&kept, slot, &bytes, now)?;
                catalogue.make_room(budget, &kept.service)
            })
            .await?;
        Ok((package, installed))
    }
}
