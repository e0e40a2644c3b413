//! Opened services, and what was handed in, begun and paid through them.

use std::sync::Arc;

use onecity_core::{
    DraftView, Error, Launch, Lifecycle, ReceiptView, Resource, ResourceRequest, ServiceId, ServiceSession,
    StorageView, SubmissionView,
};
use onecity_protocol::miniapp_uri::MiniAppUri;
use onecity_protocol::region::RegionId;

use super::OneCity;

#[uniffi::export]
impl OneCity {
    /// Opens a mini-service in a region.
    pub async fn open_service(
        self: Arc<Self>,
        service: ServiceId,
        region: RegionId,
    ) -> Result<Arc<OpenService>, Error> {
        let session = self.client.open_service(&service, &region).await?;
        Ok(Arc::new(OpenService { phone: self, session }))
    }

    /// Opens what a link leads to, in a region if it is offered there.
    pub async fn open_link(self: Arc<Self>, link: String, region: RegionId) -> Result<Arc<OpenService>, Error> {
        let session = self.client.open_link(&link, &region).await?;
        Ok(Arc::new(OpenService { phone: self, session }))
    }

    /// Opens a service for another, with what that handed over as JSON.
    pub async fn open_service_for(
        self: Arc<Self>,
        link: String,
        region: RegionId,
        data: String,
        from_service: ServiceId,
    ) -> Result<Arc<OpenService>, Error> {
        let wrong = |field: &str, why: String| Error::InvalidInput { field: field.to_owned(), why };
        let link: MiniAppUri = link.parse().map_err(|error| wrong("link", format!("{error}")))?;
        let data = serde_json::from_str(&data).map_err(|error| wrong("data", error.to_string()))?;
        let launch = Launch { data, from: Some(from_service), ..Launch::from(&link) };
        let session = self.client.open_service_with(&link.service, &region, launch).await?;
        Ok(Arc::new(OpenService { phone: self, session }))
    }

    /// What this phone stores, by service.
    pub async fn storage(&self) -> Result<StorageView, Error> {
        self.client.storage().await
    }

    /// Removes everything that a service keeps on this phone but what waits to be sent.
    pub async fn clear_service(&self, service: ServiceId) -> Result<(), Error> {
        self.client.clear_service(&service).await
    }

    /// Takes a draft over that another phone shows as a code.
    pub async fn accept_draft(&self, link: String) -> Result<DraftView, Error> {
        self.client.accept_draft(&link).await
    }

    /// Ends a payment with the URL that the browser came back with.
    pub async fn finish_payment(&self, callback_url: String) -> Result<ReceiptView, Error> {
        self.client.finish_payment(&callback_url).await
    }

    /// All submissions of the active account, newest first.
    pub async fn submissions(&self) -> Result<Vec<SubmissionView>, Error> {
        self.client.submissions().await
    }

    /// Tries to deliver everything that waits.
    pub async fn deliver(&self) -> Result<u32, Error> {
        self.client.deliver().await
    }

    /// Takes a submission back that no city has.
    pub async fn cancel_submission(&self, id: String) -> Result<(), Error> {
        self.client.cancel_submission(&id).await
    }

    /// Asks the cities what they did with what they were handed; answers how many submissions have news.
    pub async fn update_submissions(&self) -> Result<u32, Error> {
        self.client.update_submissions().await
    }
}

/// A mini-service that is open.
#[derive(uniffi::Object)]
pub struct OpenService {
    phone: Arc<OneCity>,
    session: Arc<ServiceSession>,
}

#[uniffi::export]
impl OpenService {
    /// The path of the page to show first.
    pub fn entry(&self) -> String {
        self.session.entry()
    }

    /// The host name of the service's own origin.
    pub fn origin_host(&self) -> String {
        self.session.origin_host()
    }

    /// A file of the package, as the web view asks for it.
    pub async fn resource(&self, request: ResourceRequest) -> Result<Resource, Error> {
        self.phone.client.resource(&self.session, request).await
    }

    /// The service has come to work; pages with `onecity.js` say so themselves.
    pub async fn ready(&self) -> Result<(), Error> {
        self.phone.client.service_ready(&self.session).await
    }

    /// Whether it still answers. Ask after a sync: a service that was taken down is to be closed, and `why_not` says why.
    pub fn is_open(&self) -> bool {
        self.session.is_open()
    }

    /// What happens to it: it is shown, hidden, or closed.
    pub fn lifecycle(&self, event: Lifecycle) {
        self.session.lifecycle(event);
    }

    /// The resident has touched the page: after a refusal it may ask once more.
    pub fn touched(&self) {
        self.session.touched();
    }

    /// A page's call to the bridge, JSON in and JSON out.
    pub async fn call(&self, json: String) -> Result<String, Error> {
        self.phone.client.bridge(&self.session, &json).await
    }
}
