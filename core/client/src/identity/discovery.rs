//! How to speak to an identity provider, as its discovery document says it.

use serde::Deserialize;

use super::values;
use crate::device::Http;
use crate::device::http::Answer;
use crate::error::{Error, Refusal};

/// What a login needs of OpenID Connect Discovery 1.0 §3.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Discovery {
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
    #[serde(default, deserialize_with = "values::flag")]
    pub authorization_response_iss_parameter_supported: bool,
    #[serde(default, deserialize_with = "values::list")]
    code_challenge_methods_supported: Vec<String>,
    #[serde(default, deserialize_with = "values::list")]
    dpop_signing_alg_values_supported: Vec<String>,
}

impl Discovery {
    /// Where a provider's document is (§4).
    pub(super) fn url(issuer: &str) -> String {
        format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
    }

    /// Reads and checks a provider's document (§4.3: the issuer must be the one that was asked).
    pub(super) fn read(answer: &Answer, issuer: &str, http: &Http) -> Result<Self, Error> {
        let found: Self = answer.json()?;
        found.check(issuer)?;
        for endpoint in found.endpoints() {
            http.url(endpoint)?;
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
            return Err(Error::login_denied(
                None,
                "the identity provider does not protect logins well enough (it lacks PKCE or DPoP)",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Discovery {
        serde_json::from_str(text).expect("read")
    }

    #[test]
    fn a_public_provider_with_proofs_pushed_requests_and_named_answers_can_be_logged_in_at() {
        // As https://bsky.social/.well-known/oauth-authorization-server has it.
        let found = document(include_str!("discovery/bluesky.json"));
        found.check("https://bsky.social").expect("good enough");
        assert!(found.authorization_response_iss_parameter_supported);
        assert_eq!(found.pushed_authorization_request_endpoint.as_deref(), Some("https://bsky.social/oauth/par"));
        assert_eq!(found.endpoints().count(), 5);
    }

    #[test]
    fn a_public_provider_whose_tokens_anybody_could_use_is_refused_by_name() {
        // As https://accounts.google.com/.well-known/openid-configuration has it.
        let found = document(include_str!("discovery/google.json"));
        let refused = found.check("https://accounts.google.com").expect_err("bearer tokens");
        assert!(
            matches!(&refused, Error::Refused { reason: Refusal::LoginDenied { .. }, detail, .. } if detail.contains("DPoP"))
        );
        assert!(found.pushed_authorization_request_endpoint.is_none());
        let impostor = found.check("https://accounts.google.com.evil.example").expect_err("another name");
        assert!(matches!(impostor, Error::Refused { reason: Refusal::WrongIssuer, .. }));
    }
}
