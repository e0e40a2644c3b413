//! Opened services, and what was handed in, begun and paid through them.

use std::sync::Arc;

use onecity_core::{Launch, Lifecycle, ResourceRequest, ServiceSession};
use onecity_protocol::miniapp_uri::MiniAppUri;

use super::{OneCity, region, service_id};
use crate::error::OneCityError;
use crate::views::{DraftView, ReceiptView, StorageView, SubmissionView};

#[uniffi::export]
impl OneCity {
    /// Opens a mini-service in a region.
    pub async fn open_service(
        self: Arc<Self>,
        unit_id: String,
        app_id: String,
        region_id: String,
    ) -> Result<Arc<OpenService>, OneCityError> {
        let service = service_id(&unit_id, app_id)?;
        let session = self.client.open_service(&service, &region(&region_id)?).await?;
        Ok(Arc::new(OpenService { phone: self, session }))
    }

    /// Opens what a link leads to, in a region if it is offered there.
    pub async fn open_link(self: Arc<Self>, link: String, region_id: String) -> Result<Arc<OpenService>, OneCityError> {
        let session = self.client.open_link(&link, &region(&region_id)?).await?;
        Ok(Arc::new(OpenService { phone: self, session }))
    }

    /// Opens a service for another, with what that handed over as JSON.
    pub async fn open_service_for(
        self: Arc<Self>,
        link: String,
        region_id: String,
        data: String,
        from_service: String,
    ) -> Result<Arc<OpenService>, OneCityError> {
        let wrong = |field: &str, why: String| OneCityError::InvalidInput { field: field.to_owned(), why };
        let link: MiniAppUri = link.parse().map_err(|error| wrong("link", format!("{error}")))?;
        let data = serde_json::from_str(&data).map_err(|error| wrong("data", error.to_string()))?;
        let service = link.service.clone();
        let from = from_service.parse().map_err(|error| wrong("from_service", format!("{error}")))?;
        let launch = Launch { data, from: Some(from), ..Launch::from(&link) };
        let session = self.client.open_service_with(&service, &region(&region_id)?, launch).await?;
        Ok(Arc::new(OpenService { phone: self, session }))
    }

    /// What is kept on this phone, by service.
    pub async fn storage(&self) -> Result<StorageView, OneCityError> {
        Ok(self.client.storage().await?.into())
    }

    /// Removes everything that a service keeps on this phone but what waits to be sent.
    pub async fn clear_service(&self, unit_id: String, app_id: String) -> Result<(), OneCityError> {
        Ok(self.client.clear_service(&service_id(&unit_id, app_id)?).await?)
    }

    /// Takes a draft over that another phone shows as a code.
    pub async fn accept_draft(&self, link: String) -> Result<DraftView, OneCityError> {
        Ok(self.client.accept_draft(&link).await?.into())
    }

    /// Ends a payment with the URL that the browser came back with.
    pub async fn finish_payment(&self, callback_url: String) -> Result<ReceiptView, OneCityError> {
        Ok(self.client.finish_payment(&callback_url).await?.into())
    }

    /// All submissions of the active account, newest first.
    pub async fn submissions(&self) -> Result<Vec<SubmissionView>, OneCityError> {
        Ok(self.client.submissions().await?.into_iter().map(Into::into).collect())
    }

    /// Tries to deliver everything that waits.
    pub async fn deliver(&self) -> Result<u32, OneCityError> {
        Ok(self.client.deliver().await?)
    }

    /// Takes a submission back that no city has.
    pub async fn cancel_submission(&self, id: String) -> Result<(), OneCityError> {
        Ok(self.client.cancel_submission(&id).await?)
    }

    /// Asks the cities what they did with what they were handed; answers how many submissions have news.
    pub async fn update_submissions(&self) -> Result<u32, OneCityError> {
        Ok(self.client.update_submissions().await?)
    }
}

/// A file for the web view.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ServiceFile {
    pub status: u32,
    pub mime: String,
    pub headers: std::collections::HashMap<String, String>,
    pub body: Vec<u8>,
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

    /// A file of the package, by what the web view asks with; the method is empty for GET.
    pub async fn resource(
        &self,
        path: String,
        method: String,
        range: Option<String>,
        if_none_match: Option<String>,
    ) -> Result<ServiceFile, OneCityError> {
        let request = ResourceRequest { path, method, range, if_none_match };
        let found = self.phone.client.resource(&self.session, request).await?;
        let headers = found.headers.into_iter().collect();
        Ok(ServiceFile { status: found.status.into(), mime: found.mime, headers, body: found.body })
    }

    /// The service has come to work; pages with `onecity.js` say so themselves.
    pub async fn ready(&self) -> Result<(), OneCityError> {
        Ok(self.phone.client.service_ready(&self.session).await?)
    }

    /// The service is on the screen.
    pub fn shown(&self) {
        self.session.lifecycle(Lifecycle::Shown);
    }

    /// Something else is on the screen, or the app is in the background.
    pub fn hidden(&self) {
        self.session.lifecycle(Lifecycle::Hidden);
    }

    /// The service has been closed; nothing is answered any more.
    pub fn unloaded(&self) {
        self.session.lifecycle(Lifecycle::Unloaded);
    }

    /// A page's call to the bridge, JSON in and JSON out.
    pub async fn call(&self, json: String) -> Result<String, OneCityError> {
        Ok(self.phone.client.bridge(&self.session, &json).await?)
    }
}
