//! Taking passes back: an issuer is told of each that was deleted or replaced here, until it has revoked it.

use onecity_store::Owner;
use reqwest::StatusCode;
use serde_json::json;

use super::record::Deleted;
use super::wallet::Passes;
use crate::device::http::Outgoing;
use crate::error::Error;

impl Passes {
    /// Tells issuers of passes that were deleted or replaced here, so that they are revoked. What fails is tried again next
    /// time, and one issuer that does not answer keeps no other from it.
    pub(super) async fn report_deleted(&self, owner: &Owner) {
        let of = owner.clone();
        let deleted = self.device.vault(move |vault| vault.list::<Deleted>(&of)).await.unwrap_or_default();
        for pass in deleted.records {
            let told = match self.tell(owner, &pass).await {
                Ok(told) => told,
                Err(error) => {
                    tracing::info!(may_retry = error.may_retry(), "an issuer could not be told of a deleted pass yet");
                    continue;
                }
            };
            let of = owner.clone();
            if told && self.device.vault(move |vault| vault.delete::<Deleted>(&of, &pass.id)).await.is_err() {
                tracing::warn!("a deleted pass will be reported again");
            }
        }
    }

    /// Whether nothing is left to tell: the issuer has revoked the pass, does not know it, or takes no such word.
    async fn tell(&self, owner: &Owner, pass: &Deleted) -> Result<bool, Error> {
        let metadata = self.metadata(&pass.issuer).await?;
        let Some(endpoint) = metadata.onecity_revocation_endpoint else { return Ok(true) };
        let url = self.device.http.url(&endpoint)?;
        let body = json!({ "pass": pass.cti });
        let answer = self.send(owner, &pass.issuer, Outgoing::post_json(url, &body)).await?;
        let unknown = || {
            serde_json::from_slice::<serde_json::Value>(&answer.body).is_ok_and(|own| own["error"] == "unknown_pass")
        };
        Ok(answer.status.is_success() || (answer.status == StatusCode::BAD_REQUEST && unknown()))
    }
}
