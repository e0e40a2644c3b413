//! What an issuer says of itself (OpenID4VCI), and how the phone talks to it: with a token that is good at this issuer alone.

use std::collections::HashMap;

use onecity_store::Owner;
use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use super::wallet::Passes;
use crate::device::http::{Answer, Outgoing};
use crate::error::{Error, Refusal};

/// What OpenID4VCI's metadata (§12.2.4) says of an issuer.
#[derive(Debug, Deserialize)]
pub(super) struct IssuerMetadata {
    pub credential_issuer: String,
    pub credential_endpoint: String,
    pub nonce_endpoint: String,
    pub credential_configurations_supported: HashMap<String, Configuration>,
    #[serde(default)]
    pub batch_credential_issuance: Option<Batch>,
    #[serde(default)]
    pub onecity_holders_endpoint: Option<String>,
    #[serde(default)]
    pub onecity_revocation_endpoint: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Configuration {
    pub format: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Batch {
    pub batch_size: usize,
}

pub(super) fn accepted(answer: &Answer) -> Result<&Answer, Error> {
    if answer.status == StatusCode::UNAUTHORIZED {
        return Err(Error::login_required("the issuer does not take this session any more"));
    }
    Ok(answer)
}

impl Passes {
    /// Sends a request to an issuer on behalf of an account.
    pub(super) async fn send(&self, owner: &Owner, issuer: &str, request: Outgoing) -> Result<Answer, Error> {
        let Owner::Account(account) = owner else {
            return Err(Error::login_required("nobody is logged in"));
        };
        self.sessions.send_to_issuer(account.clone(), issuer, request).await
    }

    pub(super) async fn metadata(&self, issuer: &str) -> Result<IssuerMetadata, Error> {
        let answer = self.device.http.send(Outgoing::get(self.device.http.url(&metadata_url(issuer)?)?)).await?;
        let metadata: IssuerMetadata = answer.json()?;
        if metadata.credential_issuer != issuer {
            let why = "the issuer calls itself by another name than the registry does";
            return Err(Error::refused(Refusal::WrongIssuer, why));
        }
        // The phone's tokens and key proofs go to the issuer alone, whatever it says of its endpoints.
        let own = Url::parse(issuer).map(|url| url.origin());
        let endpoints = [Some(&metadata.credential_endpoint), Some(&metadata.nonce_endpoint)];
        let optional = [metadata.onecity_holders_endpoint.as_ref(), metadata.onecity_revocation_endpoint.as_ref()];
        for endpoint in endpoints.into_iter().chain(optional).flatten() {
            if Url::parse(endpoint).map(|url| url.origin()) != own {
                let why = "the issuer names an endpoint that is not its own";
                return Err(Error::refused(Refusal::WrongIssuer, why));
            }
        }
        Ok(metadata)
    }
}

/// OpenID4VCI 1.0 §12.2.2: the well-known part goes between host and path.
fn metadata_url(issuer: &str) -> Result<String, Error> {
    let mut url =
        Url::parse(issuer).map_err(|error| Error::SignatureInvalid { what: format!("an issuer: {error}") })?;
    let path = format!("/.well-known/openid-credential-issuer{}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_s_metadata_is_where_the_specification_says() {
        let at = |issuer| metadata_url(issuer).expect("a URL");
        assert_eq!(at("https://a.example"), "https://a.example/.well-known/openid-credential-issuer");
        assert_eq!(at("https://a.example/x/y"), "https://a.example/.well-known/openid-credential-issuer/x/y");
    }
}
