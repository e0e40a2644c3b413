//! Identity providers: which there are says the nation's registry, how to speak to one says its discovery document.

use onecity_protocol::names::Names;
use serde::Deserialize;

use crate::error::{Error, Refusal};
use crate::net::{Net, Outgoing};

/// A provider as the nation's repository lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Provider {
    /// One word.
    pub id: String,
    /// Names by language.
    pub names: Names,
    /// The issuer identifier, a URL.
    pub issuer: String,
    /// This app's id at the provider.
    pub client_id: String,
}

/// Reads the target `NATION/providers.json`.
pub fn parse_providers(bytes: &[u8]) -> Result<Vec<Provider>, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::SignatureInvalid { what: format!("the list of identity providers: {error}") })
}

/// What a login needs of OpenID Connect Discovery 1.0 §3.
#[derive(Debug, Clone, Deserialize)]
pub struct Discovery {
    issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    /// RFC 9126.
    #[serde(default)]
    pub pushed_authorization_request_endpoint: Option<String>,
    /// RFC 7009.
    #[serde(default)]
    pub revocation_endpoint: Option<String>,
    /// Our own: lists the account's sessions, and ends one by `DELETE`.
    #[serde(default)]
    pub onecity_sessions_endpoint: Option<String>,
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    code_challenge_methods_supported: Vec<String>,
    #[serde(default)]
    dpop_signing_alg_values_supported: Vec<String>,
}

impl Discovery {
    /// Fetches and checks a provider's document (§4.3: the issuer must be the one that was asked).
    pub async fn fetch(net: &Net, issuer: &str) -> Result<Self, Error> {
        let url = net.url(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))?;
        let found: Self = net.send(Outgoing::get(url)).await?.json()?;
        found.check(issuer)?;
        for endpoint in found.endpoints() {
            net.url(endpoint)?;
        }
        Ok(found)
    }

    fn endpoints(&self) -> impl Iterator<Item = &str> {
        let optional =
            [&self.pushed_authorization_request_endpoint, &self.revocation_endpoint, &self.onecity_sessions_endpoint];
        let needed = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        needed.into_iter().chain(optional.into_iter().flatten()).map(String::as_str)
    }

    fn check(&self, issuer: &str) -> Result<(), Error> {
        if self.issuer != issuer {
            return Err(Error::refused(
                Refusal::WrongIssuer,
                "the identity provider calls itself by another name than the registry does; it may be an impostor",
            ));
        }
        let lacks = |list: &[String], word: &str| !list.iter().any(|own| own == word);
        if lacks(&self.code_challenge_methods_supported, "S256")
            || lacks(&self.dpop_signing_alg_values_supported, "ES256")
        {
            return Err(Error::refused(
                Refusal::LoginDenied,
                "the identity provider does not protect logins well enough (it lacks PKCE or DPoP)",
            ));
        }
        Ok(())
    }
}
