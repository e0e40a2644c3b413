//! Regions: what is offered where, found, fetched and taken along.

use std::sync::Arc;

use onecity_protocol::region::RegionId;
use onecity_protocol::service::ServiceId;

use super::Client;
use crate::device::ProgressSender;
use crate::error::Error;
use crate::platform::Position;
use crate::registry::SyncReport;
use crate::task::{ProgressListener, TaskHandle};
use crate::views::{
    HomeView, IconView, ObstacleView, ParityView, PlaceView, RegionView, ServiceCard, ServicePage, TravelPlan,
};

impl Client {
    /// Brings what a region's screens need up to date.
    pub async fn sync(&self, region: &RegionId) -> Result<SyncReport, Error> {
        let region = region.clone();
        self.run(|parts| async move {
            parts.sessions.make_sure_of_the_time().await;
            parts.registry.sync(&region, &ProgressSender::silent()).await
        })
        .await
    }

    /// The same in the background, telling how far it is. Cancelling or dropping the handle stops it; what had been
    /// verified by then stays, and the next sync goes on from there.
    pub fn start_sync(&self, region: &RegionId, listener: Arc<dyn ProgressListener>) -> TaskHandle {
        let region = region.clone();
        self.start(listener, |parts, progress| async move {
            parts.sessions.make_sure_of_the_time().await;
            parts.registry.sync(&region, &progress).await.map(drop)
        })
    }

    /// The regions directly below one, as far as they have been synced.
    pub async fn regions(&self, parent: &RegionId) -> Result<Vec<RegionView>, Error> {
        let parent = parent.clone();
        self.run(|parts| async move { parts.registry.regions_below(parent).await }).await
    }

    /// The regions within one that fit what a resident typed (characters, pinyin, initials, Latin letters), as far as they
    /// have been synced, the largest first.
    pub async fn find_places(&self, text: &str, within: &RegionId) -> Result<Vec<PlaceView>, Error> {
        let (text, within) = (text.to_owned(), within.clone());
        self.run(|parts| async move { parts.registry.find_places(text, within).await }).await
    }

    /// Of the regions directly below one, the one whose centre is nearest to a position.
    pub async fn nearest_place(&self, parent: &RegionId, position: Position) -> Result<Option<RegionView>, Error> {
        let parent = parent.clone();
        self.run(move |parts| async move { parts.registry.nearest_place(parent, position).await }).await
    }

    /// How many regions of a nation are on the phone.
    pub async fn region_count(&self, nation: &RegionId) -> Result<u64, Error> {
        let nation = nation.clone();
        self.run(|parts| async move { parts.registry.region_count(nation).await }).await
    }

    /// The home screen of any region, from what is on the phone.
    pub async fn home(&self, region: &RegionId) -> Result<HomeView, Error> {
        let region = region.clone();
        self.run(|parts| async move {
            let account = parts.sessions.active_view().await?;
            let waiting = parts.submissions.waiting(&parts.accounts.active_owner().await?).await?;
            parts.registry.home(region, account, waiting).await
        })
        .await
    }

    /// More services of a region, from the place that [`HomeView::next`] or the page before named.
    pub async fn services(&self, region: &RegionId, from: u32) -> Result<ServicePage, Error> {
        let region = region.clone();
        self.run(|parts| async move { parts.registry.services(region, from).await }).await
    }

    /// The services that fit what a resident typed: in Chinese, pinyin or initials, in Vietnamese with or without its
    /// marks, with one slip of the finger; the nearest first.
    pub async fn search(&self, text: &str, region: &RegionId) -> Result<Vec<ServiceCard>, Error> {
        let (text, region) = (text.to_owned(), region.clone());
        self.run(|parts| async move { parts.registry.search(text, region).await }).await
    }

    /// The cards of services by their ids, for favourites and what was opened last: in that order, at most 200, without
    /// those that the phone does not know. `region` is whose names of publishers are at hand.
    pub async fn cards(&self, services: &[ServiceId], region: &RegionId) -> Result<Vec<ServiceCard>, Error> {
        let (services, region) = (services.to_vec(), region.clone());
        self.run(|parts| async move { parts.registry.cards(services, region).await }).await
    }

    /// A service's icon, if it has one.
    pub async fn icon(&self, service: &ServiceId) -> Result<Option<IconView>, Error> {
        let service = service.clone();
        self.run(|parts| async move { parts.registry.icon(service).await }).await
    }

    /// Why a service can't be opened in a region, in plain words; none if it can.
    pub async fn why_not(&self, service: &ServiceId, region: &RegionId) -> Result<Option<ObstacleView>, Error> {
        let (service, region) = (service.clone(), region.clone());
        self.run(|parts| async move {
            let account = parts.sessions.active().await?.map(|(_, session)| session.kind());
            parts.registry.why_not(&service, &region, account).await
        })
        .await
    }

    /// Takes an invitation to a release that is not offered to everybody yet, as a tester types it in. It is kept on
    /// the phone and told to nobody.
    pub async fn accept_invitation(&self, code: &str) -> Result<(), Error> {
        let code = code.to_owned();
        self.run(|parts| async move { parts.registry.invite(&code).await }).await
    }

    /// What it takes to have a region's services on the phone, in bytes.
    pub async fn travel_plan(&self, region: &RegionId) -> Result<TravelPlan, Error> {
        let region = region.clone();
        self.run(|parts| async move { parts.registry.plan(&region).await }).await
    }

    /// What home has and another region lacks, with what comes nearest there. Both must have been synced.
    pub async fn parity(&self, home: &RegionId, there: &RegionId) -> Result<ParityView, Error> {
        let (home, there) = (home.clone(), there.clone());
        self.run(|parts| async move { parts.registry.parity(&home, &there).await }).await
    }

    /// Fetches services of a region, all of them if none is named, so that they open without a network.
    pub fn prefetch(&self, region: &RegionId, only: &[ServiceId], listener: Arc<dyn ProgressListener>) -> TaskHandle {
        let (region, only) = (region.clone(), only.to_vec());
        self.start(listener, |parts, progress| async move { parts.registry.prefetch(&region, &only, &progress).await })
    }

    /// Pins a region, so that its services are the last to give way when the phone has no room; or takes the pin away.
    pub async fn pin(&self, region: &RegionId, pinned: bool) -> Result<(), Error> {
        let region = region.clone();
        self.run(|parts| async move { parts.registry.pin(region, pinned).await }).await
    }
}
