//! Passes and documents: what others look at.

use std::sync::Arc;

use onecity_protocol::credential::Audience;
use onecity_protocol::region::RegionId;

use super::Client;
use crate::error::Error;
use crate::task::TaskHandle;
use crate::views::{CodeView, DocumentView, HolderView, PassOffer, PassSituation, PassView, PurposeView};
use crate::wallet::CodeListener;

impl Client {
    /// Has a pass of a type (for example `transit`) issued by a region: the resident's own, or with `holder` that of
    /// somebody in their care.
    pub async fn add_pass(&self, region: &RegionId, pass_type: &str, holder: Option<&str>) -> Result<PassView, Error> {
        let (region, pass_type, holder) = (region.clone(), pass_type.to_owned(), holder.map(str::to_owned));
        self.run(|parts| async move { parts.passes.add(&region, &pass_type, holder.as_deref(), None).await }).await
    }

    /// Whom the resident may hold a type of pass for, beside themselves.
    pub async fn pass_holders(&self, region: &RegionId, pass_type: &str) -> Result<Vec<HolderView>, Error> {
        let (region, pass_type) = (region.clone(), pass_type.to_owned());
        self.run(|parts| async move { parts.passes.holders(&region, &pass_type).await }).await
    }

    /// The types of pass that can be had in a region, as its first-level region's trust list names them.
    ///
    /// # Errors
    /// [`crate::Refusal::NotFound`] if the region has none, or was never synced.
    pub async fn pass_offers(&self, region: &RegionId) -> Result<Vec<PassOffer>, Error> {
        let region = region.clone();
        self.run(|parts| async move { parts.passes.offers(&region).await }).await
    }

    /// The passes of the active account, the likeliest to be wanted in this situation first.
    pub async fn passes(&self, situation: &PassSituation) -> Result<Vec<PassView>, Error> {
        let situation = situation.clone();
        self.run(|parts| async move { parts.passes.list(&situation).await }).await
    }

    /// Brings passes up to date: what their issuers say of them, and new ones for those that are due. Call it after a
    /// sync; it answers those that were issued again.
    pub async fn update_passes(&self) -> Result<Vec<PassView>, Error> {
        self.run(|parts| async move { parts.passes.update().await }).await
    }

    /// Deletes a pass from this phone, and has it revoked as soon as there is a network.
    pub async fn remove_pass(&self, pass_id: &str) -> Result<(), Error> {
        let pass_id = pass_id.to_owned();
        self.run(|parts| async move { parts.passes.remove(&pass_id).await }).await
    }

    /// What the counter whose sign was scanned may ask of a pass, beyond a passage.
    pub async fn purposes(&self, pass_id: &str, verifier: Audience) -> Result<Vec<PurposeView>, Error> {
        let pass_id = pass_id.to_owned();
        self.run(|parts| async move { parts.passes.purposes(&pass_id, verifier).await }).await
    }

    /// A one-use grant: a code that a counter can trade, once, for what `purpose` shows, after the resident has agreed.
    ///
    /// # Errors
    /// [`crate::Refusal::NotFound`] if the registry does not let this counter ask for that, [`crate::Refusal::Consent`].
    pub async fn grant(&self, pass_id: &str, verifier: Audience, purpose: u64) -> Result<CodeView, Error> {
        let pass_id = pass_id.to_owned();
        self.run(|parts| async move { parts.passes.grant(&pass_id, verifier, purpose).await }).await
    }

    /// A fresh code over a pass: no network, no login. `audience` is what the gate shows, or
    /// [`Audience::ANY`].
    pub async fn code(&self, pass_id: &str, audience: Audience) -> Result<CodeView, Error> {
        let pass_id = pass_id.to_owned();
        self.run(|parts| async move { parts.passes.code(&pass_id, audience).await }).await
    }

    /// Calls `listener` with a code now and whenever another should be shown, until the handle is cancelled or dropped.
    pub fn watch_code(&self, pass_id: &str, audience: Audience, listener: Arc<dyn CodeListener>) -> TaskHandle {
        let _runtime = self.runtime().enter();
        self.parts.passes.watch(pass_id, audience, listener)
    }

    /// The documents of the active account, newest first.
    pub async fn documents(&self) -> Result<Vec<DocumentView>, Error> {
        self.run(|parts| async move { parts.documents.list().await }).await
    }

    /// Keeps a document that an issuer of a region's trust list has signed.
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`].
    pub async fn keep_document(&self, region: &RegionId, document: &str) -> Result<DocumentView, Error> {
        let (region, document) = (region.clone(), document.to_owned());
        self.run(|parts| async move {
            let owner = parts.accounts.active_owner().await?;
            parts.documents.keep(&owner, &region, &document).await
        })
        .await
    }

    /// What somebody else's document says, if it is genuine by a region's trust list. It needs no network.
    pub async fn check_document(&self, region: &RegionId, document: &str) -> Result<DocumentView, Error> {
        let (region, document) = (region.clone(), document.to_owned());
        self.run(|parts| async move { parts.documents.check(&region, &document).await }).await
    }

    /// Hands a document to whomever the resident chooses, with these of the fields that can be left out.
    pub async fn share_document(&self, id: &str, fields: &[String]) -> Result<(), Error> {
        let (id, fields) = (id.to_owned(), fields.to_vec());
        self.run(|parts| async move { parts.documents.share(&id, &fields).await }).await
    }

    /// Removes a document from this phone.
    pub async fn remove_document(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.run(|parts| async move { parts.documents.remove(&id).await }).await
    }
}
