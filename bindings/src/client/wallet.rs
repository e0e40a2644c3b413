//! Passes and documents.

use std::sync::Arc;

use onecity_core::{CodeView, DocumentView, Error, HolderView, PassSituation, PassView};
use onecity_protocol::credential::Audience;
use onecity_protocol::region::RegionId;

use super::{OneCity, RunningTask};
use crate::ports::{CodeListener, Foreign};

fn audience_of(text: Option<String>) -> Result<Audience, Error> {
    let wrong = |error| Error::InvalidInput { field: "audience".to_owned(), why: format!("{error}") };
    text.map_or(Ok(Audience::ANY), |text| text.parse().map_err(wrong))
}

#[uniffi::export]
impl OneCity {
    /// Has a pass of a type issued by a region: one's own, or that of somebody in one's care.
    pub async fn add_pass(
        &self,
        region: RegionId,
        pass_type: String,
        holder: Option<String>,
    ) -> Result<PassView, Error> {
        self.client.add_pass(&region, &pass_type, holder.as_deref()).await
    }

    /// Whom one may hold a type of pass for, beside oneself.
    pub async fn pass_holders(&self, region: RegionId, pass_type: String) -> Result<Vec<HolderView>, Error> {
        self.client.pass_holders(&region, &pass_type).await
    }

    /// The passes of the active account, the likeliest to be wanted first.
    pub async fn passes(&self, situation: PassSituation) -> Result<Vec<PassView>, Error> {
        self.client.passes(&situation).await
    }

    /// Brings passes up to date; answers those that were issued again.
    pub async fn update_passes(&self) -> Result<Vec<PassView>, Error> {
        self.client.update_passes().await
    }

    /// Deletes a pass, and has it revoked as soon as there is a network.
    pub async fn remove_pass(&self, pass_id: String) -> Result<(), Error> {
        self.client.remove_pass(&pass_id).await
    }

    /// A fresh code over a pass; `audience` is what the gate shows (`CQ1A:…`), or nothing for any gate.
    pub async fn code(&self, pass_id: String, audience: Option<String>) -> Result<CodeView, Error> {
        self.client.code(&pass_id, audience_of(audience)?).await
    }

    /// A one-use grant for a counter, after the resident has agreed to what it shows.
    pub async fn grant(&self, pass_id: String, verifier: String, purpose: u64) -> Result<CodeView, Error> {
        self.client.grant(&pass_id, audience_of(Some(verifier))?, purpose).await
    }

    /// Calls the listener with a code now and at each change, until the task is cancelled or let go.
    pub fn watch_code(
        &self,
        pass_id: String,
        audience: Option<String>,
        listener: Arc<dyn CodeListener>,
    ) -> Result<Arc<RunningTask>, Error> {
        let listener = Arc::new(Foreign(listener));
        let handle = self.client.watch_code(&pass_id, audience_of(audience)?, listener);
        Ok(Arc::new(RunningTask(handle)))
    }

    /// The documents of the active account.
    pub async fn documents(&self) -> Result<Vec<DocumentView>, Error> {
        self.client.documents().await
    }

    /// Keeps a document that a region's issuer has signed.
    pub async fn keep_document(&self, region: RegionId, document: String) -> Result<DocumentView, Error> {
        self.client.keep_document(&region, &document).await
    }

    /// What somebody else's document says, if it is genuine.
    pub async fn check_document(&self, region: RegionId, document: String) -> Result<DocumentView, Error> {
        self.client.check_document(&region, &document).await
    }

    /// Hands a document to whomever the resident chooses, with these of the fields that can be left out.
    pub async fn share_document(&self, id: String, fields: Vec<String>) -> Result<(), Error> {
        self.client.share_document(&id, &fields).await
    }

    /// Removes a document from this phone.
    pub async fn remove_document(&self, id: String) -> Result<(), Error> {
        self.client.remove_document(&id).await
    }
}
