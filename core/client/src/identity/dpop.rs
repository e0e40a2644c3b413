//! Proofs that this phone's hardware key is at hand: DPoP (RFC 9449) and OpenID4VCI key proofs. Both are compact JWS
//! (RFC 7515), and `jsonwebtoken` can't sign through a key that never leaves the device: hence the one function here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onecity_protocol::credential::{PublicKey, UnixTime};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

use super::secret::Secret;
use crate::device::DeviceKey;
use crate::error::Error;

fn jwk(key: &PublicKey) -> Value {
    let (x, y) = (URL_SAFE_NO_PAD.encode(key.x()), URL_SAFE_NO_PAD.encode(key.y()));
    json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
}

/// The JWK thumbprint (RFC 7638) that tokens are bound to.
pub(super) fn thumbprint(key: &PublicKey) -> String {
    let (x, y) = (URL_SAFE_NO_PAD.encode(key.x()), URL_SAFE_NO_PAD.encode(key.y()));
    // The members in the order and form that RFC 7638 §3.2 asks for.
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}

/// A compact JWS of a type over some claims, with the public key in its header.
pub(crate) async fn sign_jwt(key: &DeviceKey, typ: &str, claims: &Value) -> Result<String, Error> {
    let header = json!({ "typ": typ, "alg": "ES256", "jwk": jwk(&key.public().await?) });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&header), encode(claims));
    let signature = key.sign(message.as_str()).await?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.raw())))
}

/// A DPoP proof (RFC 9449 §4.2) for one request, with the hash of the access token it goes with and the nonce that the
/// server wants, if any.
pub(super) async fn proof(
    key: &DeviceKey,
    method: &str,
    url: &str,
    token: Option<&Secret>,
    nonce: Option<&str>,
    now: UnixTime,
) -> Result<String, Error> {
    // The proof names the target without query and fragment.
    let target = url.split(['?', '#']).next().unwrap_or(url);
    let mut claims = json!({ "jti": random_text(), "htm": method, "htu": target, "iat": now });
    if let Some(token) = token {
        claims["ath"] = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.expose().as_bytes())).into();
    }
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    sign_jwt(key, "dpop+jwt", &claims).await
}

/// 128 random bits as text.
pub(crate) fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(random::<16>())
}

/// A PKCE code verifier (RFC 7636 §4.1), of 256 random bits, and its S256 challenge (§4.2).
pub(super) fn pkce() -> (Secret, String) {
    let verifier = URL_SAFE_NO_PAD.encode(random::<32>());
    let challenge = challenge_of(&verifier);
    (verifier.into(), challenge)
}

fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_the_one_of_the_standard_s_example() {
        // RFC 7636, appendix B.
        let challenge = challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let (verifier, challenge) = pkce();
        assert_eq!(verifier.expose().len(), 43);
        assert_eq!(challenge, challenge_of(verifier.expose()));
    }
}
