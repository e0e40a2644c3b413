//! What the phone knows of the registry: repositories, regions and their units.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex as Lock, PoisonError, RwLock};

use onecity_protocol::region::{Region, RegionId, RegionTree, UnitId};
use onecity_protocol::service::ServiceId;
use onecity_store::{KeptRepository, TakenDown};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::device::Device;
use crate::error::{Error, Refusal};
use crate::platform::Position;
use crate::views::{PlaceView, RegionView};

/// Most places that a search finds.
const MAX_PLACES: usize = 50;

/// The registry, as far as it is on this phone.
pub(crate) struct Registry {
    pub(super) device: Arc<Device>,
    /// Syncs with one repository are one at a time: two would fetch the same files twice. One that does not answer holds no
    /// other up.
    turns: Lock<HashMap<RegionId, Arc<Mutex<()>>>>,
    /// What a sync found taken down while the app runs: it stops also where it is open.
    stopped: RwLock<HashSet<ServiceId>>,
}

impl Registry {
    pub(crate) fn new(device: &Arc<Device>) -> Arc<Self> {
        Arc::new(Self { device: Arc::clone(device), turns: Lock::default(), stopped: RwLock::default() })
    }

    /// Waits until nobody else syncs with a repository. Who takes a province's turn may take its nation's after it, and not
    /// the other way round.
    pub(super) async fn turn(&self, repository: &RegionId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(repository.clone()).or_default())
        };
        turn.lock_owned().await
    }

    /// Takes these services of a unit down, and no others of it.
    pub(super) fn stop(&self, unit: &UnitId, stops: &TakenDown) {
        let mut stopped = self.stopped.write().unwrap_or_else(PoisonError::into_inner);
        stopped.retain(|service| service.unit != *unit);
        stopped.extend(stops.keys().map(|app_id| ServiceId { unit: unit.clone(), app_id: app_id.clone() }));
    }

    /// Whether a service was taken down since it was opened.
    pub(crate) fn is_stopped(&self, service: &ServiceId) -> bool {
        self.stopped.read().unwrap_or_else(PoisonError::into_inner).contains(service)
    }

    /// That something has ended, as an error. By a date that no server has confirmed, that date is rather wrong than all
    /// that was published.
    pub(super) async fn expired(&self, what: String) -> Error {
        if self.device.time.read().await.verified {
            Error::Expired { what }
        } else {
            Error::refused(Refusal::PhoneClock, what)
        }
    }

    /// A repository, if it has been synced or at least been listed.
    pub(super) async fn repository(&self, id: &RegionId) -> Result<Option<KeptRepository>, Error> {
        let id = id.clone();
        self.device.catalogue(move |catalogue| catalogue.repository(&id)).await
    }

    /// A region with what is above it and beside it.
    pub(crate) async fn tree_around(&self, region: &RegionId) -> Result<RegionTree, Error> {
        let region = region.clone();
        self.device.catalogue(move |catalogue| catalogue.tree_around(&region)).await
    }

    /// The units whose services a region has, nearest first.
    pub(crate) async fn units_for(&self, region: &RegionId) -> Result<Vec<UnitId>, Error> {
        let region = region.clone();
        self.device.catalogue(move |catalogue| catalogue.units_for(&catalogue.tree_around(&region)?, &region)).await
    }

    /// The regions directly below one, as far as they have been synced.
    pub(crate) async fn regions_below(&self, parent: RegionId) -> Result<Vec<RegionView>, Error> {
        let below = self.device.catalogue(move |catalogue| catalogue.regions_below(&parent)).await?;
        Ok(below.iter().map(|region| region_view(region, None, &self.device.languages())).collect())
    }

    /// The regions within one that fit a text, each with what is above it.
    pub(crate) async fn find_places(&self, text: String, within: RegionId) -> Result<Vec<PlaceView>, Error> {
        let languages = self.device.languages();
        let found = self.device.catalogue(move |catalogue| {
            let mut places = Vec::new();
            for region in catalogue.find_regions(&text, &within, MAX_PLACES)? {
                let mut above = Vec::new();
                for id in std::iter::successors(region.id.parent(), RegionId::parent) {
                    above.extend(catalogue.region(&id)?.map(|own| own.names.best(&languages).to_owned()));
                }
                places.push(PlaceView { region: region_view(&region, None, &languages), above });
            }
            Ok(places)
        });
        found.await
    }

    /// Of the regions directly below one the nearest to a position.
    pub(crate) async fn nearest_place(&self, parent: RegionId, at: Position) -> Result<Option<RegionView>, Error> {
        let at = onecity_protocol::region::Position { latitude: at.latitude, longitude: at.longitude };
        let nearest = self.device.catalogue(move |catalogue| catalogue.nearest_region(&parent, at)).await?;
        Ok(nearest.map(|region| region_view(&region, None, &self.device.languages())))
    }

    /// How many regions of a nation are on the phone.
    pub(crate) async fn region_count(&self, nation: RegionId) -> Result<u64, Error> {
        self.device.catalogue(move |catalogue| catalogue.region_count(&nation)).await
    }

    /// Pins a region, so that its services are removed last when there is no room; or takes the pin away.
    pub(crate) async fn pin(&self, region: RegionId, pinned: bool) -> Result<(), Error> {
        self.device.catalogue(move |catalogue| catalogue.pin(&region, pinned)).await
    }
}

/// A region on a screen.
pub(super) fn region_view(region: &Region, hotline: Option<&str>, languages: &[String]) -> RegionView {
    RegionView {
        id: region.id.clone(),
        name: region.names.best(languages).to_owned(),
        latin: region.names.best(&["en".to_owned()]).to_owned(),
        kind: region.kind,
        hotline: hotline.map(str::to_owned),
    }
}
