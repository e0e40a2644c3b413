//! Regions: what is offered where, found, fetched and taken along.

use std::sync::Arc;

use onecity_protocol::region::RegionId;

use super::Client;
use crate::error::Error;
use crate::registry_sync::{Silent, SyncReport};
use crate::task::{ProgressListener, TaskHandle};
use crate::views::{
    HomeView, IconView, ObstacleView, ParityView, RegionView, ServiceCard, ServiceId, ServicePage, TravelPlan,
};
use crate::{home, offers, travel};

impl Client {
    /// Brings what a region's screens need up to date.
    pub async fn sync(&self, region: &RegionId) -> Result<SyncReport, Error> {
        let region = region.clone();
        self.run(|inner| async move {
            if region.first_level().is_none() {
                inner.registry.nation(&inner, &region).await
            } else {
                inner.registry.region(&inner, &region, &Silent).await
            }
        })
        .await
    }

    /// The same in the background, telling how far it is. Cancelling or dropping the handle stops it; what had been
    /// verified by then is kept, and the next sync goes on from there.
    pub fn start_sync(&self, region: &RegionId, listener: Arc<dyn ProgressListener>) -> TaskHandle {
        let region = region.clone();
        self.start(listener, |inner, listener| async move {
            inner.registry.region(&inner, &region, &*listener).await.map(drop)
        })
    }

    /// The regions directly below one, as far as they have been synced.
    pub async fn regions(&self, parent: &RegionId) -> Result<Vec<RegionView>, Error> {
        let parent = parent.clone();
        self.run(|inner| async move {
            let below = inner.catalogue(move |catalogue| catalogue.regions_below(&parent)).await?;
            Ok(below.iter().map(|region| home::region_view(region, None, &inner.config.languages)).collect())
        })
        .await
    }

    /// How many regions of a nation are on the phone.
    pub async fn region_count(&self, nation: &RegionId) -> Result<u64, Error> {
        let nation = nation.clone();
        self.run(|inner| async move { inner.catalogue(move |catalogue| catalogue.region_count(&nation)).await }).await
    }

    /// The home screen of any region, from what is on the phone.
    pub async fn home(&self, region: &RegionId) -> Result<HomeView, Error> {
        let region = region.clone();
        self.run(|inner| async move { home::home(&inner, region).await }).await
    }

    /// More services of a region, from the place that [`HomeView::next`] or the page before named.
    pub async fn services(&self, region: &RegionId, from: u32) -> Result<ServicePage, Error> {
        let region = region.clone();
        self.run(|inner| async move { home::services(&inner, region, from).await }).await
    }

    /// The services that fit what a resident typed: in Chinese, pinyin or initials, in Vietnamese with or without its
    /// marks, with one slip of the finger; the nearest first.
    pub async fn search(&self, text: &str, region: &RegionId) -> Result<Vec<ServiceCard>, Error> {
        let (text, region) = (text.to_owned(), region.clone());
        self.run(|inner| async move { home::search(&inner, text, region).await }).await
    }

    /// A service's icon, if it has one.
    pub async fn icon(&self, service: &ServiceId) -> Result<Option<IconView>, Error> {
        let service = service.clone();
        self.run(|inner| async move { home::icon(&inner, service).await }).await
    }

    /// Why a service can't be opened in a region, in plain words; none if it can.
    pub async fn why_not(&self, service: &ServiceId, region: &RegionId) -> Result<Option<ObstacleView>, Error> {
        let (service, region) = (service.clone(), region.clone());
        self.run(|inner| async move { offers::why_not(&inner, &service, &region).await }).await
    }

    /// Takes an invitation to a release that is not offered to everybody yet, as a tester types it in. It is kept on
    /// the phone and told to nobody.
    pub async fn accept_invitation(&self, code: &str) -> Result<(), Error> {
        let code = code.to_owned();
        self.run(|inner| async move { offers::invite(&inner, &code).await }).await
    }

    /// What it takes to have a region's services on the phone, in bytes.
    pub async fn travel_plan(&self, region: &RegionId) -> Result<TravelPlan, Error> {
        let region = region.clone();
        self.run(|inner| async move { travel::plan(&inner, &region).await }).await
    }

    /// What home has and another region lacks, with what comes nearest there. Both must have been synced.
    pub async fn parity(&self, home: &RegionId, there: &RegionId) -> Result<ParityView, Error> {
        let (home, there) = (home.clone(), there.clone());
        self.run(|inner| async move { travel::parity(&inner, &home, &there).await }).await
    }

    /// Fetches services of a region, all of them if none is named, so that they open without a network.
    pub fn prefetch(&self, region: &RegionId, only: &[ServiceId], listener: Arc<dyn ProgressListener>) -> TaskHandle {
        let (region, only) = (region.clone(), only.to_vec());
        self.start(
            listener,
            |inner, listener| async move { travel::prefetch(&inner, &region, &only, &*listener).await },
        )
    }

    /// Pins a region, so that its services are the last to give way when the phone has no room; or takes the pin away.
    pub async fn pin(&self, region: &RegionId, pinned: bool) -> Result<(), Error> {
        let region = region.clone();
        self.run(|inner| async move { inner.catalogue(move |catalogue| catalogue.pin(&region, pinned)).await }).await
    }
}
