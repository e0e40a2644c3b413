//! Proofs that this phone's hardware key is at hand: DPoP (RFC 9449) and OpenID4VCI key proofs. Both are compact JWS
//! (RFC 7515), and `jsonwebtoken` can't sign through a key that never leaves the device: hence the one function here.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onecity_protocol::credential::{PublicKey, Signature, UnixTime};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

use crate::error::Error;
use crate::platform::DeviceKeys;

/// A device key that signs compact JWS. It blocks: call it where that is fine.
#[derive(Clone)]
pub struct JwtSigner {
    keys: Arc<dyn DeviceKeys>,
    id: String,
}

impl JwtSigner {
    pub fn new(keys: Arc<dyn DeviceKeys>, id: String) -> Self {
        Self { keys, id }
    }

    /// The key's id on this device.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn public_key(&self) -> Result<PublicKey, Error> {
        PublicKey::from_sec1(&self.keys.public_key(&self.id)?).map_err(Error::internal)
    }

    fn jwk(&self) -> Result<Value, Error> {
        let key = self.public_key()?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(key.x()), URL_SAFE_NO_PAD.encode(key.y()));
        Ok(json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y }))
    }

    /// The JWK thumbprint (RFC 7638) that tokens are bound to.
    pub fn thumbprint(&self) -> Result<String, Error> {
        let key = self.public_key()?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(key.x()), URL_SAFE_NO_PAD.encode(key.y()));
        // The members in the order and form that RFC 7638 §3.2 asks for.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        Ok(URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes())))
    }

    /// A compact JWS of a type over some claims, with the public key in its header.
    pub fn sign(&self, typ: &str, claims: &Value) -> Result<String, Error> {
        let header = json!({ "typ": typ, "alg": "ES256", "jwk": self.jwk()? });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.keys.sign(&self.id, message.as_bytes())?;
        let signature = Signature::from_der(&signature).map_err(Error::internal)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.raw())))
    }

    /// A DPoP proof (RFC 9449 §4.2) for one request, with the hash of the access token it goes with and the nonce
    /// that the server wants, if any.
    pub fn proof(
        &self,
        method: &str,
        url: &str,
        token: Option<&str>,
        nonce: Option<&str>,
        now: UnixTime,
    ) -> Result<String, Error> {
        // The proof names the target without query and fragment.
        let target = url.split(['?', '#']).next().unwrap_or(url);
        let mut claims = json!({ "jti": random_text(), "htm": method, "htu": target, "iat": now });
        if let Some(token) = token {
            claims["ath"] = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())).into();
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        self.sign("dpop+jwt", &claims)
    }
}

/// 128 random bits as text.
pub fn random_text() -> String {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    URL_SAFE_NO_PAD.encode(bytes)
}
