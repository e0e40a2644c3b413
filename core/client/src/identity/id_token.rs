//! The ID token: who logged in, as the provider says it (OpenID Connect Core §3.1.3.7).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use onecity_protocol::credential::UnixTime;
use serde::Deserialize;

use super::values;
use crate::error::{Error, Refusal};
use crate::views::AccountKind;

/// How far a provider's clock may be off, in seconds.
const LEEWAY: i64 = 60;

/// What a verified ID token says.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct IdToken {
    pub sub: String,
    #[serde(deserialize_with = "values::date")]
    exp: UnixTime,
    #[serde(deserialize_with = "values::date")]
    pub iat: UnixTime,
    nonce: Option<String>,
    azp: Option<String>,
    aud: Audience,
    #[serde(default, deserialize_with = "values::text")]
    pub name: Option<String>,
    /// None of a kind that this app does not know, too: nothing is offered because of it.
    #[serde(default, deserialize_with = "values::known_word")]
    pub account_kind: Option<AccountKind>,
    #[serde(default, deserialize_with = "values::text")]
    pub acr: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(#[expect(dead_code, reason = "compared by the library")] String),
    Many(Vec<String>),
}

/// A provider's keys (RFC 7517 §5): those of a kind that is not understood are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct ProviderKeys {
    #[serde(deserialize_with = "values::readable")]
    keys: Vec<Jwk>,
}

impl ProviderKeys {
    /// The keys that a token of this header may be signed with. Without a name there must be no choice (OpenID Connect
    /// Core §10.1).
    fn of(&self, header: &Header) -> Vec<&Jwk> {
        let fits = |key: &&Jwk| {
            let kind = match key.algorithm {
                AlgorithmParameters::RSA(_) => matches!(header.alg, Algorithm::RS256 | Algorithm::PS256),
                AlgorithmParameters::EllipticCurve(_) => header.alg == Algorithm::ES256,
                _ => false,
            };
            let signs = key.common.public_key_use.as_ref().is_none_or(|own| *own == PublicKeyUse::Signature);
            kind && signs && (header.kid.is_none() || key.common.key_id == header.kid)
        };
        let all: Vec<&Jwk> = self.keys.iter().filter(fits).collect();
        if header.kid.is_none() && all.len() > 1 { Vec::new() } else { all }
    }
}

/// Whether a header names extensions that have to be understood (RFC 7515 §4.1.11): this app understands none.
fn is_critical(token: &str) -> bool {
    #[derive(Deserialize)]
    struct Critical {
        crit: Option<serde_json::Value>,
    }
    let header = token.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok()).unwrap_or_default();
    serde_json::from_slice::<Critical>(&header).is_ok_and(|header| header.crit.is_some())
}

/// What the token must be for.
pub(super) struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub now: UnixTime,
}

/// Verifies an ID token with the provider's keys.
///
/// # Errors
/// [`Refusal::WrongIssuer`] and [`Refusal::WrongNonce`] by name; anything else is [`Error::SignatureInvalid`].
pub(super) fn verify(token: &str, keys: &ProviderKeys, expected: &Expected<'_>) -> Result<IdToken, Error> {
    let invalid = |what: &str| Error::SignatureInvalid { what: format!("the login's ID token: {what}") };
    let header = decode_header(token).map_err(|_| invalid("it can't be read"))?;
    if !matches!(header.alg, Algorithm::ES256 | Algorithm::RS256 | Algorithm::PS256) {
        return Err(invalid("its algorithm is not accepted"));
    }
    if is_critical(token) {
        return Err(invalid("it has extensions that this app does not know"));
    }
    let [key, ..] = keys.of(&header)[..] else { return Err(invalid("its key is not one of the provider's")) };
    let key = DecodingKey::from_jwk(key).map_err(|_| invalid("its key can't be used"))?;
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.client_id]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // The library would ask the wall clock; the time is judged below by the trusted one.
    validation.validate_exp = false;
    let claims = decode::<IdToken>(token, &key, &validation).map_err(|error| {
        use jsonwebtoken::errors::ErrorKind;
        match error.kind() {
            ErrorKind::InvalidIssuer => Error::refused(
                Refusal::WrongIssuer,
                "the login was answered by another provider than the one that was asked; log in again",
            ),
            ErrorKind::InvalidAudience => invalid("it is meant for another app"),
            ErrorKind::InvalidSignature => invalid("its signature does not hold"),
            _ => invalid("it can't be read"),
        }
    })?;
    let claims = claims.claims;
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(Error::refused(Refusal::WrongNonce, "the answer belongs to another login; log in again"));
    }
    let several = matches!(&claims.aud, Audience::Many(all) if all.len() > 1);
    let party = claims.azp.as_deref();
    if party.is_some_and(|party| party != expected.client_id) || (several && party.is_none()) {
        return Err(invalid("it was issued to another app"));
    }
    if claims.exp.saturating_add(LEEWAY) <= expected.now || claims.iat > expected.now + LEEWAY {
        return Err(invalid("it is not valid at this time; check the phone's clock"));
    }
    if claims.sub.is_empty() || claims.sub.len() > 255 {
        return Err(invalid("it names nobody"));
    }
    Ok(claims)
}
