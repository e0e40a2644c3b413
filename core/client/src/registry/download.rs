//! Files that the registry lists. A download that breaks off goes on where it was.

use onecity_protocol::limits::{ICON_BYTES, PACKAGE_BYTES};
use onecity_protocol::region::UnitId;
use onecity_protocol::trust::{IconName, Target};
use reqwest::StatusCode;

use super::lookup::Registry;
use crate::device::http::Outgoing;
use crate::error::{Error, Refusal};

/// Largest target that is fetched, in bytes: what a package may be.
const MAX_FILE: u64 = PACKAGE_BYTES as u64;

impl Registry {
    /// Fetches a file that the registry lists, and checks it.
    pub(super) async fn fetch_target(&self, repository_url: &str, target: &Target) -> Result<Vec<u8>, Error> {
        if target.length > MAX_FILE {
            return Err(Error::SignatureInvalid { what: format!("{} is larger than {MAX_FILE} bytes", target.path) });
        }
        let url = self.device.http.url(&format!("{repository_url}/targets/{}", target.file_name()))?;
        let limit = usize::try_from(target.length).map_err(Error::internal)?;
        let sha256 = target.sha256;
        let begun = self.device.catalogue(move |catalogue| catalogue.partial(&sha256)).await?;
        let begun = if begun.len() < limit { begun } else { Vec::new() };
        let resumed = !begun.is_empty();
        let (bytes, outcome) = self.device.http.download(Outgoing::get(url).limit(limit), begun).await;
        match outcome {
            Ok(status) if status.is_success() && target.check(&bytes).is_ok() => {
                if resumed {
                    self.device.catalogue(move |catalogue| catalogue.keep_partial(&sha256, &[])).await?;
                }
                Ok(bytes)
            }
            Ok(status) => {
                // Whatever came is not the file: nothing of it is worth going on with.
                self.device.catalogue(move |catalogue| catalogue.keep_partial(&sha256, &[])).await?;
                if !status.is_success() && status != StatusCode::RANGE_NOT_SATISFIABLE {
                    let (status, path) = (status.as_u16(), &target.path);
                    return Err(Error::network(format!("the registry answered {status} for {path}")));
                }
                if resumed {
                    // What was begun may have been spoilt: once more from the first byte.
                    return Box::pin(self.fetch_target(repository_url, target)).await;
                }
                target.check(&bytes)?;
                Err(Error::network("the registry's answer is of no use"))
            }
            Err(error) => {
                self.device.catalogue(move |catalogue| catalogue.keep_partial(&sha256, &bytes)).await?;
                Err(error)
            }
        }
    }

    /// Fetches a unit's icon, which its name vouches for.
    pub(super) async fn fetch_icon(
        &self,
        repository_url: &str,
        unit: &UnitId,
        icon: &IconName,
    ) -> Result<Vec<u8>, Error> {
        let url = self.device.http.url(&format!("{repository_url}/targets/{}", icon.path(unit)))?;
        let answer = self.device.http.send(Outgoing::get(url).limit(ICON_BYTES)).await?;
        if !answer.status.is_success() {
            return Err(Error::refused(Refusal::NotFound, "the registry does not have this icon"));
        }
        if icon.is(&answer.body) {
            Ok(answer.body)
        } else {
            Err(Error::SignatureInvalid { what: format!("an icon of {unit} is not the one that was signed for") })
        }
    }
}
