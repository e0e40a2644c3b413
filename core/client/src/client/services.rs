//! Services: opened, served, called, cleared; what was handed in through them, begun in them and paid.

use std::sync::Arc;

use onecity_protocol::miniapp_uri::MiniAppUri;
use onecity_protocol::region::RegionId;
use onecity_protocol::service::ServiceId;

use super::Client;
use crate::error::Error;
use crate::services::{Launch, Lifecycle, ResourceRequest, ServiceSession};
use crate::views::{DraftView, ReceiptView, StorageView, SubmissionView};

impl Client {
    /// Opens a mini-service in a region.
    pub async fn open_service(&self, service: &ServiceId, region: &RegionId) -> Result<Arc<ServiceSession>, Error> {
        self.open_service_with(service, region, Launch::default()).await
    }

    /// The same with what it is to begin with.
    pub async fn open_service_with(
        &self,
        service: &ServiceId,
        region: &RegionId,
        launch: Launch,
    ) -> Result<Arc<ServiceSession>, Error> {
        let (service, region) = (service.clone(), region.clone());
        self.run(|parts| async move { Ok(Arc::new(parts.services.open(service, region, launch).await?)) }).await
    }

    /// Opens what a link (`onecity://miniapp/…`) leads to (one whose fragment begins with `draft=` is for
    /// [`Client::accept_draft`], `onecity://pay` for [`Client::finish_payment`]): in `region` if the service is offered there, else where its
    /// publisher is.
    pub async fn open_link(&self, link: &str, region: &RegionId) -> Result<Arc<ServiceSession>, Error> {
        let link: MiniAppUri = link.parse().map_err(|error| Error::invalid("link", error))?;
        let region = region.clone();
        self.run(|parts| async move { Ok(Arc::new(parts.services.open_link(&link, region).await?)) }).await
    }

    /// A file of an opened service, by its path or by all that the web view asks with.
    pub async fn resource(
        &self,
        session: &Arc<ServiceSession>,
        request: impl Into<ResourceRequest>,
    ) -> Result<crate::Resource, Error> {
        let (session, request) = (Arc::clone(session), request.into());
        self.run(|_| async move { session.resource(&request).await }).await
    }

    /// Tells an opened service what happens to it: it is shown, hidden, or closed.
    pub fn lifecycle(&self, session: &Arc<ServiceSession>, event: Lifecycle) {
        session.lifecycle(event);
    }

    /// Tells an opened service that the resident has touched its page: after a refusal it may ask once more.
    pub fn touched(&self, session: &Arc<ServiceSession>) {
        session.touched();
    }

    /// An opened service has come to work: its version stays, and the one before it may go. Pages say so themselves
    /// through `onecity.js`; a shell says it for pages that do not.
    pub async fn service_ready(&self, session: &Arc<ServiceSession>) -> Result<(), Error> {
        let session = Arc::clone(session);
        self.run(|_| async move { session.ready().await }).await
    }

    /// A page's call to the bridge of an opened service.
    pub async fn bridge(&self, session: &Arc<ServiceSession>, json: &str) -> Result<String, Error> {
        let (session, json) = (Arc::clone(session), json.to_owned());
        self.run(|_| async move { Ok(session.call(&json).await) }).await
    }

    /// What this phone stores, by service.
    pub async fn storage(&self) -> Result<StorageView, Error> {
        self.run(|parts| async move { parts.storage.report().await }).await
    }

    /// Removes everything that a service keeps on this phone for the active account, consents included, and its
    /// package; what waits to be sent stays.
    pub async fn clear_service(&self, service: &ServiceId) -> Result<(), Error> {
        let service = service.clone();
        self.run(|parts| async move { parts.erasure.clear_service(&service).await }).await
    }

    /// Takes a draft over that another phone shows as a code. It waits in its service.
    pub async fn accept_draft(&self, link: &str) -> Result<DraftView, Error> {
        let link = link.to_owned();
        self.run(|parts| async move { parts.drafts.accept(&link).await }).await
    }

    /// Ends a payment with the URL that the browser came back with (`onecity://pay?…`).
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`] if the receipt is not genuine or for another order, [`Error::Cancelled`] if there is
    /// none.
    pub async fn finish_payment(&self, callback_url: &str) -> Result<ReceiptView, Error> {
        let callback_url = callback_url.to_owned();
        self.run(|parts| async move { parts.payments.finish(&callback_url).await }).await
    }

    /// All submissions of the active account, and those from before anybody logged in, newest first.
    pub async fn submissions(&self) -> Result<Vec<SubmissionView>, Error> {
        self.run(|parts| async move { parts.submissions.list().await }).await
    }

    /// Tries to deliver everything that waits: call it after opening, after [`Client::resume`] and when the network is
    /// back. Answers how many submissions the cities
    /// have taken or refused.
    pub async fn deliver(&self) -> Result<u32, Error> {
        self.run(|parts| async move {
            let settled = parts.submissions.deliver().await?;
            parts.sessions.tell_ended().await;
            Ok(settled)
        })
        .await
    }

    /// Takes a submission back that no city has; one that was refused is removed from the list.
    ///
    /// # Errors
    /// [`crate::Refusal::AlreadySent`].
    pub async fn cancel_submission(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.run(|parts| async move { parts.submissions.cancel(&id).await }).await
    }

    /// Asks the cities what they did with what they were handed. Answers how many submissions have news.
    pub async fn update_submissions(&self) -> Result<u32, Error> {
        self.run(|parts| async move { parts.submissions.update().await }).await
    }
}
