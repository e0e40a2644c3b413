//! The ID token: who logged in, as the provider says it (OpenID Connect Core §3.1.3.7).

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use onecity_protocol::credential::UnixTime;
use serde::Deserialize;

use crate::error::{Error, Refusal};
use crate::views::AccountKind;

/// How far a provider's clock may be off, in seconds.
const LEEWAY: i64 = 60;

/// What a verified ID token says.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct IdToken {
    pub sub: String,
    exp: UnixTime,
    iat: UnixTime,
    nonce: Option<String>,
    azp: Option<String>,
    aud: Audience,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub account_kind: Option<AccountKind>,
    #[serde(default)]
    pub acr: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(#[expect(dead_code, reason = "compared by the library")] String),
    Many(Vec<String>),
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
pub(super) fn verify(token: &str, keys: &JwkSet, expected: &Expected<'_>) -> Result<IdToken, Error> {
    let invalid = |what: &str| Error::SignatureInvalid { what: format!("the login's ID token: {what}") };
    let header = decode_header(token).map_err(|_| invalid("it can't be read"))?;
    if !matches!(header.alg, Algorithm::ES256 | Algorithm::RS256 | Algorithm::PS256) {
        return Err(invalid("its algorithm is not accepted"));
    }
    let key = match &header.kid {
        Some(kid) => keys.find(kid),
        // Without a name there must be no choice.
        None => keys.keys.first().filter(|_| keys.keys.len() == 1),
    };
    let key = key.ok_or_else(|| invalid("its key is not one of the provider's"))?;
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
