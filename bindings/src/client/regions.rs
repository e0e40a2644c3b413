//! What is offered where.

use std::sync::Arc;

use onecity_core::{
    Error, HomeView, IconView, ObstacleView, ParityView, RegionView, ServiceCard, ServiceId, ServicePage, SyncReport,
    TravelPlan,
};
use onecity_protocol::region::RegionId;

use super::{OneCity, RunningTask};
use crate::ports::{Foreign, ProgressListener};

#[uniffi::export]
impl OneCity {
    /// Brings what a region's screens need up to date.
    pub async fn sync(&self, region: RegionId) -> Result<SyncReport, Error> {
        self.client.sync(&region).await
    }

    /// The same as `sync` in the background, telling how far it is, until the task is cancelled or let go.
    pub fn start_sync(&self, region: RegionId, listener: Arc<dyn ProgressListener>) -> Arc<RunningTask> {
        Arc::new(RunningTask(self.client.start_sync(&region, Arc::new(Foreign(listener)))))
    }

    /// The regions directly below one.
    pub async fn regions(&self, parent: RegionId) -> Result<Vec<RegionView>, Error> {
        self.client.regions(&parent).await
    }

    /// The home screen of a region.
    pub async fn home(&self, region: RegionId) -> Result<HomeView, Error> {
        self.client.home(&region).await
    }

    /// More services of a region, from where the home screen or the page before ended.
    pub async fn services(&self, region: RegionId, from: u32) -> Result<ServicePage, Error> {
        self.client.services(&region, from).await
    }

    /// The services that fit what a resident typed, the nearest first.
    pub async fn search(&self, text: String, region: RegionId) -> Result<Vec<ServiceCard>, Error> {
        self.client.search(&text, &region).await
    }

    /// A service's icon, if it has one.
    pub async fn icon(&self, service: ServiceId) -> Result<Option<IconView>, Error> {
        self.client.icon(&service).await
    }

    /// Why a service can't be opened in a region, in plain words; nothing if it can.
    pub async fn why_not(&self, service: ServiceId, region: RegionId) -> Result<Option<ObstacleView>, Error> {
        self.client.why_not(&service, &region).await
    }

    /// Takes an invitation to a release that is not offered to everybody yet.
    pub async fn accept_invitation(&self, code: String) -> Result<(), Error> {
        self.client.accept_invitation(&code).await
    }

    /// What it takes to have a region's services on the phone.
    pub async fn travel_plan(&self, region: RegionId) -> Result<TravelPlan, Error> {
        self.client.travel_plan(&region).await
    }

    /// What home has and another region lacks, with what comes nearest there.
    pub async fn parity(&self, home: RegionId, there: RegionId) -> Result<ParityView, Error> {
        self.client.parity(&home, &there).await
    }

    /// Fetches all services of a region, so that they open without a network, until the task is cancelled or let go.
    pub fn prefetch(&self, region: RegionId, listener: Arc<dyn ProgressListener>) -> Arc<RunningTask> {
        Arc::new(RunningTask(self.client.prefetch(&region, &[], Arc::new(Foreign(listener)))))
    }

    /// Pins a region, so that its services are the last to give way; or takes the pin away.
    pub async fn pin(&self, region: RegionId, pinned: bool) -> Result<(), Error> {
        self.client.pin(&region, pinned).await
    }
}
