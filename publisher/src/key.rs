//! A publisher's P-256 key.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sigstore_tuf::Key;

/// Why a key can't be made or used.
#[derive(Debug, thiserror::Error)]
#[error("the key: {0}")]
pub struct KeyError(String);

/// A P-256 key that signs metadata.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    public: Value,
    id: String,
}

/// The DER of a P-256 public key up to its point (RFC 5480 §2).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

impl SigningKey {
    /// A fresh key.
    pub fn generate() -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
            .map_err(|_| KeyError("no random numbers".to_owned()))?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    /// From PKCS#8 DER.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyError> {
        onecity_protocol::trust::install_ring();
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8, &random)
            .map_err(|error| KeyError(error.to_string()))?;
        let spki = [&SPKI_PREFIX, pair.public_key().as_ref()].concat();
        let pem = sigstore_types::DerPublicKey::new(spki).to_pem();
        let public = json!({ "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": { "public": pem } });
        let key: Key = serde_json::from_value(public.clone()).map_err(|error| KeyError(error.to_string()))?;
        let id = key.key_id().map_err(|error| KeyError(error.to_string()))?;
        Ok(Self { pair, random, public, id })
    }

    /// The key's id in TUF metadata.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key as TUF metadata list it.
    pub fn public(&self) -> &Value {
        &self.public
    }

    /// A signature as TUF metadata carry it.
    pub fn sign(&self, canonical: &[u8]) -> Result<Value, KeyError> {
        let signature = self.pair.sign(&self.random, canonical).map_err(|_| KeyError("can't sign".to_owned()))?;
        Ok(json!({ "keyid": self.id, "sig": hex::encode(signature.as_ref()) }))
    }
}
