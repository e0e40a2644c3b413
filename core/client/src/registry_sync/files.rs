//! Files that the registry lists. A download that breaks off goes on where it was.

use std::sync::Arc;

use onecity_protocol::package::{MAX_ICON, MAX_PACKAGE};
use onecity_protocol::region::UnitId;
use onecity_protocol::trust::{IconName, Target};
use reqwest::StatusCode;

use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::net::Outgoing;

/// Largest target that is fetched, in bytes: what a package may be.
const MAX_FILE: u64 = MAX_PACKAGE as u64;

/// Fetches a file that the registry lists, and checks it.
pub async fn fetch_target(inner: &Arc<Inner>, repository_url: &str, target: &Target) -> Result<Vec<u8>, Error> {
    if target.length > MAX_FILE {
        return Err(Error::SignatureInvalid { what: format!("{} is larger than {MAX_FILE} bytes", target.path) });
    }
    let url = inner.net.url(&format!("{repository_url}/targets/{}", target.file_name()))?;
    let limit = usize::try_from(target.length).map_err(Error::internal)?;
    let sha256 = target.sha256;
    let begun = inner.catalogue(move |catalogue| catalogue.partial(&sha256)).await?;
    let begun = if begun.len() < limit { begun } else { Vec::new() };
    let resumed = !begun.is_empty();
    let (bytes, outcome) = inner.net.download(Outgoing::get(url).limit(limit).timeless(), begun).await;
    match outcome {
        Ok(status) if status.is_success() && target.check(&bytes).is_ok() => {
            if resumed {
                inner.catalogue(move |catalogue| catalogue.keep_partial(&sha256, &[])).await?;
            }
            Ok(bytes)
        }
        Ok(status) => {
            // Whatever came is not the file: nothing of it is worth going on with.
            inner.catalogue(move |catalogue| catalogue.keep_partial(&sha256, &[])).await?;
            if !status.is_success() && status != StatusCode::RANGE_NOT_SATISFIABLE {
                let (status, path) = (status.as_u16(), &target.path);
                return Err(Error::network(format!("the registry answered {status} for {path}")));
            }
            if resumed {
                // What was begun may have been spoilt: once more from the first byte.
                return Box::pin(fetch_target(inner, repository_url, target)).await;
            }
            target.check(&bytes)?;
            Err(Error::network("the registry's answer is of no use"))
        }
        Err(error) => {
            inner.catalogue(move |catalogue| catalogue.keep_partial(&sha256, &bytes)).await?;
            Err(error)
        }
    }
}

/// Fetches a unit's icon, which its name vouches for.
pub async fn fetch_icon(
    inner: &Arc<Inner>,
    repository_url: &str,
    unit: &UnitId,
    icon: &IconName,
) -> Result<Vec<u8>, Error> {
    let url = inner.net.url(&format!("{repository_url}/targets/{}", icon.path(unit)))?;
    let answer = inner.net.send(Outgoing::get(url).limit(MAX_ICON).timeless()).await?;
    if !answer.status.is_success() {
        return Err(Error::refused(Refusal::NotFound, "the registry does not have this icon"));
    }
    if icon.is(&answer.body) {
        Ok(answer.body)
    } else {
        Err(Error::SignatureInvalid { what: format!("an icon of {unit} is not the one that was signed for") })
    }
}
