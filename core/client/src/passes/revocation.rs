//! Taking passes back: an issuer is told of each that was deleted or replaced here, until it has revoked it.

use std::sync::Arc;

use onecity_store::Owner;
use reqwest::StatusCode;
use serde_json::json;

use super::issuer::{access_of, metadata, send_with};
use super::record::Deleted;
use crate::client::Inner;
use crate::error::Error;
use crate::net::Outgoing;

/// Tells issuers of passes that were deleted or replaced here, so that they are revoked. What fails is tried again next
/// time, and one issuer that does not answer keeps no other from it.
pub async fn report_deleted(inner: &Arc<Inner>, owner: &Owner) {
    let of = owner.clone();
    let deleted: Vec<Deleted> = inner.vault(move |vault| vault.list(&of)).await.unwrap_or_default();
    for pass in deleted {
        let told = match tell(inner, owner, &pass).await {
            Ok(told) => told,
            Err(error) => {
                tracing::info!(may_retry = error.may_retry(), "an issuer could not be told of a deleted pass yet");
                continue;
            }
        };
        let of = owner.clone();
        if told && inner.vault(move |vault| vault.delete::<Deleted>(&of, &pass.id)).await.is_err() {
            tracing::warn!("a deleted pass will be reported again");
        }
    }
}

/// Whether nothing is left to tell: the issuer has revoked the pass, does not know it, or takes no such word.
async fn tell(inner: &Arc<Inner>, owner: &Owner, pass: &Deleted) -> Result<bool, Error> {
    let metadata = metadata(inner, &pass.issuer).await?;
    let Some(endpoint) = metadata.onecity_revocation_endpoint else { return Ok(true) };
    let url = inner.net.url(&endpoint)?;
    let body = json!({ "pass": pass.cti });
    let access = access_of(inner, owner).await?;
    let answer = send_with(inner, Outgoing::post_json(url, &body), access).await?;
    let unknown =
        || serde_json::from_slice::<serde_json::Value>(&answer.body).is_ok_and(|own| own["error"] == "unknown_pass");
    Ok(answer.status.is_success() || (answer.status == StatusCode::BAD_REQUEST && unknown()))
}
