//! DPoP proofs (RFC 9449), and the nonces that a server may want in them.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use onecity_protocol::credential::UnixTime;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::Value;

use crate::faults::What;
use crate::problem::Problem;
use crate::world::World;

/// Longest identifier of a proof, in bytes.
const MAX_JTI: usize = 256;

#[derive(Clone, Deserialize)]
struct ProofClaims {
    jti: String,
    htm: String,
    htu: String,
    iat: UnixTime,
    #[serde(default)]
    ath: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
}

/// Checks a DPoP proof (RFC 9449 §4.3) and returns the thumbprint of its key.
pub(super) fn check_proof(
    world: &World,
    headers: &HeaderMap,
    method: &str,
    target: &str,
    token: Option<&str>,
) -> Result<String, Problem> {
    // At a resource it is the proof of a right (RFC 9449 §7.1).
    let wrong = |why| match token {
        Some(_) => Problem::wrong_proof(why),
        None => Problem::bad("invalid_dpop_proof", why),
    };
    let mut proofs = headers.get_all("dpop").iter();
    let proof = proofs.next().and_then(|value| value.to_str().ok()).ok_or(wrong("there is no DPoP proof"))?;
    if proofs.next().is_some() {
        return Err(wrong("there is more than one DPoP proof"));
    }
    let (claims, thumbprint): (ProofClaims, _) = verify_with_own_key(proof, "dpop+jwt").ok_or(wrong("the proof"))?;
    let now = world.now();
    let hash = token.map(|token| URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())));
    if claims.jti.len() > MAX_JTI {
        return Err(wrong("its jti has more than 256 bytes"));
    }
    if claims.htm != method
        || !is_at(&claims.htu, target)
        || claims.ath != hash
        || world.told().abs_diff(claims.iat) > 300
    {
        return Err(wrong("the proof is for another request"));
    }
    if !world.lock_identity().is_new_proof(&format!("{thumbprint} {}", claims.jti), now) {
        return Err(wrong("the proof was used before"));
    }
    if world.struck(|what| matches!(what, What::DpopNonce)).is_some() {
        let nonce = world.dpop_nonce();
        if claims.nonce.as_ref() != Some(&nonce) {
            return Err(Problem::wants_nonce(nonce, token.is_some()));
        }
    }
    Ok(thumbprint)
}

/// Whether an address is this one, whatever its query and fragment (RFC 9449 §4.3), as RFC 3986 §6.2.2 and §6.2.3 compare them.
fn is_at(htu: &str, target: &str) -> bool {
    let plain = |address: &str| {
        let mut url = url::Url::parse(address).ok()?;
        url.set_query(None);
        url.set_fragment(None);
        Some(url)
    };
    plain(htu).is_some_and(|own| Some(own) == plain(target))
}

/// Verifies a JWS that carries its own P-256 key, and returns its claims with the key's thumbprint (RFC 7638).
pub(super) fn verify_with_own_key<T: for<'de> Deserialize<'de> + Clone>(jws: &str, typ: &str) -> Option<(T, String)> {
    let (claims, jwk) = verify_jws(jws, typ)?;
    let AlgorithmParameters::EllipticCurve(key) = &jwk.algorithm else { return None };
    Some((claims, thumbprint(&key.x, &key.y)))
}

/// A P-256 key's thumbprint (RFC 7638 §3).
fn thumbprint(x: &str, y: &str) -> String {
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}

/// The thumbprint of a P-256 key that is written as a JWK.
pub(crate) fn key_of(jwk: &Value) -> Option<String> {
    Some(thumbprint(jwk["x"].as_str()?, jwk["y"].as_str()?))
}

/// Whether the key that a JWS carries is the private one (RFC 9449 §4.3, RFC 7518 §6.2.2 and §6.3.2).
fn carries_private_key(jws: &str) -> bool {
    let head = jws.split('.').next().and_then(|head| URL_SAFE_NO_PAD.decode(head).ok()).unwrap_or_default();
    let head: Value = serde_json::from_slice(&head).unwrap_or_default();
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    head["jwk"].as_object().is_some_and(|jwk| private.iter().any(|member| jwk.contains_key(*member)))
}

/// Verifies a JWS that carries its own key.
pub(crate) fn verify_jws<T: for<'de> Deserialize<'de> + Clone>(jws: &str, typ: &str) -> Option<(T, Jwk)> {
    let head = decode_header(jws).ok()?;
    if head.typ.as_deref() != Some(typ) || head.alg != Algorithm::ES256 {
        return None;
    }
    let jwk = head.jwk?;
    if carries_private_key(jws) {
        return None;
    }
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_required_spec_claims::<&str>(&[]);
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let claims = decode::<T>(jws, &DecodingKey::from_jwk(&jwk).ok()?, &validation).ok()?.claims;
    Some((claims, jwk))
}
