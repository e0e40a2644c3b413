//! Passes and documents.

use std::sync::Arc;

use onecity_core::PassSituation;
use onecity_protocol::credential::Audience;

use super::{OneCity, RunningTask, region};
use crate::error::OneCityError;
use crate::ports::{CodeListener, Listener};
use crate::views::{CodeView, DocumentView, HolderView, PassView};

fn audience_of(text: Option<String>) -> Result<Audience, OneCityError> {
    let wrong = |error| OneCityError::InvalidInput { field: "audience".to_owned(), why: format!("{error}") };
    text.map_or(Ok(Audience::ANY), |text| text.parse().map_err(wrong))
}

#[uniffi::export]
impl OneCity {
    /// Has a pass of a type issued by a region: one's own, or that of somebody in one's care.
    pub async fn add_pass(
        &self,
        region_id: String,
        pass_type: String,
        holder: Option<String>,
    ) -> Result<PassView, OneCityError> {
        Ok(self.client.add_pass(&region(&region_id)?, &pass_type, holder.as_deref()).await?.into())
    }

    /// Whom one may hold a type of pass for, beside oneself.
    pub async fn pass_holders(&self, region_id: String, pass_type: String) -> Result<Vec<HolderView>, OneCityError> {
        let all = self.client.pass_holders(&region(&region_id)?, &pass_type).await?;
        Ok(all.into_iter().map(Into::into).collect())
    }

    /// The passes of the active account, the likeliest to be wanted first.
    pub async fn passes(
        &self,
        region_id: Option<String>,
        pass_type: Option<String>,
    ) -> Result<Vec<PassView>, OneCityError> {
        let region = region_id.map(|id| region(&id)).transpose()?;
        let all = self.client.passes(&PassSituation { region, pass_type }).await?;
        Ok(all.into_iter().map(Into::into).collect())
    }

    /// Brings passes up to date; answers those that were issued again.
    pub async fn update_passes(&self) -> Result<Vec<PassView>, OneCityError> {
        Ok(self.client.update_passes().await?.into_iter().map(Into::into).collect())
    }

    /// Deletes a pass, and has it revoked as soon as there is a network.
    pub async fn remove_pass(&self, pass_id: String) -> Result<(), OneCityError> {
        Ok(self.client.remove_pass(&pass_id).await?)
    }

    /// A fresh code over a pass; `audience` is what the gate shows (`CQ1A:…`), or nothing for any gate.
    pub async fn code(&self, pass_id: String, audience: Option<String>) -> Result<CodeView, OneCityError> {
        Ok(self.client.code(&pass_id, audience_of(audience)?).await?.into())
    }

    /// A one-use grant for a counter, after the resident has agreed to what it shows.
    pub async fn grant(&self, pass_id: String, verifier: String, purpose: u64) -> Result<CodeView, OneCityError> {
        Ok(self.client.grant(&pass_id, audience_of(Some(verifier))?, purpose).await?.into())
    }

    /// Calls the listener with a code now and at each change, until the task is cancelled or let go.
    pub fn watch_code(
        &self,
        pass_id: String,
        audience: Option<String>,
        listener: Arc<dyn CodeListener>,
    ) -> Result<Arc<RunningTask>, OneCityError> {
        let listener = Arc::new(Listener(listener));
        let handle = self.client.watch_code(&pass_id, audience_of(audience)?, listener);
        Ok(Arc::new(RunningTask(handle)))
    }

    /// The documents of the active account.
    pub async fn documents(&self) -> Result<Vec<DocumentView>, OneCityError> {
        Ok(self.client.documents().await?.into_iter().map(Into::into).collect())
    }

    /// Keeps a document that a region's issuer has signed.
    pub async fn keep_document(&self, region_id: String, document: String) -> Result<DocumentView, OneCityError> {
        Ok(self.client.keep_document(&region(&region_id)?, &document).await?.into())
    }

    /// What somebody else's document says, if it is genuine.
    pub async fn check_document(&self, region_id: String, document: String) -> Result<DocumentView, OneCityError> {
        Ok(self.client.check_document(&region(&region_id)?, &document).await?.into())
    }

    /// Hands a document to whomever the resident chooses, with these of the fields that can be left out.
    pub async fn share_document(&self, id: String, fields: Vec<String>) -> Result<(), OneCityError> {
        Ok(self.client.share_document(&id, &fields).await?)
    }

    /// Removes a document from this phone.
    pub async fn remove_document(&self, id: String) -> Result<(), OneCityError> {
        Ok(self.client.remove_document(&id).await?)
    }
}
