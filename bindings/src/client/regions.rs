//! What is offered where.

use std::sync::Arc;

use super::{OneCity, RunningTask, region, service_id};
use crate::error::OneCityError;
use crate::ports::{ProgressListener, ProgressTold};
use crate::views::{
    HomeView, IconView, ObstacleView, ParityView, RegionView, ServiceCard, ServicePage, SyncReport, TravelPlan,
};

#[uniffi::export]
impl OneCity {
    /// Brings what a region's screens need up to date.
    pub async fn sync(&self, region_id: String) -> Result<SyncReport, OneCityError> {
        Ok(self.client.sync(&region(&region_id)?).await?.into())
    }

    /// The same as `sync` in the background, telling how far it is, until the task is cancelled or let go.
    pub fn start_sync(
        &self,
        region_id: String,
        listener: Arc<dyn ProgressListener>,
    ) -> Result<Arc<RunningTask>, OneCityError> {
        Ok(Arc::new(RunningTask(self.client.start_sync(&region(&region_id)?, Arc::new(ProgressTold(listener))))))
    }

    /// The regions directly below one.
    pub async fn regions(&self, parent: String) -> Result<Vec<RegionView>, OneCityError> {
        Ok(self.client.regions(&region(&parent)?).await?.into_iter().map(Into::into).collect())
    }

    /// The home screen of a region.
    pub async fn home(&self, region_id: String) -> Result<HomeView, OneCityError> {
        Ok(self.client.home(&region(&region_id)?).await?.into())
    }

    /// More services of a region, from where the home screen or the page before ended.
    pub async fn services(&self, region_id: String, from: u32) -> Result<ServicePage, OneCityError> {
        Ok(self.client.services(&region(&region_id)?, from).await?.into())
    }

    /// The services that fit what a resident typed, the nearest first.
    pub async fn search(&self, text: String, region_id: String) -> Result<Vec<ServiceCard>, OneCityError> {
        Ok(self.client.search(&text, &region(&region_id)?).await?.into_iter().map(Into::into).collect())
    }

    /// A service's icon, if it has one.
    pub async fn icon(&self, unit_id: String, app_id: String) -> Result<Option<IconView>, OneCityError> {
        Ok(self.client.icon(&service_id(&unit_id, app_id)?).await?.map(Into::into))
    }

    /// Why a service can't be opened in a region, in plain words; nothing if it can.
    pub async fn why_not(
        &self,
        unit_id: String,
        app_id: String,
        region_id: String,
    ) -> Result<Option<ObstacleView>, OneCityError> {
        let service = service_id(&unit_id, app_id)?;
        Ok(self.client.why_not(&service, &region(&region_id)?).await?.map(Into::into))
    }

    /// Takes an invitation to a release that is not offered to everybody yet.
    pub async fn accept_invitation(&self, code: String) -> Result<(), OneCityError> {
        Ok(self.client.accept_invitation(&code).await?)
    }

    /// What it takes to have a region's services on the phone.
    pub async fn travel_plan(&self, region_id: String) -> Result<TravelPlan, OneCityError> {
        Ok(self.client.travel_plan(&region(&region_id)?).await?.into())
    }

    /// What home has and another region lacks, with what comes nearest there.
    pub async fn parity(&self, home_id: String, there_id: String) -> Result<ParityView, OneCityError> {
        Ok(self.client.parity(&region(&home_id)?, &region(&there_id)?).await?.into())
    }

    /// Fetches all services of a region, so that they open without a network, until the task is cancelled or let go.
    pub fn prefetch(
        &self,
        region_id: String,
        listener: Arc<dyn ProgressListener>,
    ) -> Result<Arc<RunningTask>, OneCityError> {
        Ok(Arc::new(RunningTask(self.client.prefetch(&region(&region_id)?, &[], Arc::new(ProgressTold(listener))))))
    }

    /// Pins a region, so that its services are the last to give way; or takes the pin away.
    pub async fn pin(&self, region_id: String, pinned: bool) -> Result<(), OneCityError> {
        Ok(self.client.pin(&region(&region_id)?, pinned).await?)
    }
}
