//! A made-up issuer and phone with software keys, for examples, tests and benchmarks.

use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

use super::{
    Claims, CredentialDraft, Issuer, KeyError, PassType, PresentationDraft, PublicKey, Signature, StatusEntry,
    TrustList, TrustedKey, UnixTime, WINDOW_DEFAULT,
};
use crate::names::Names;

/// Why a sample could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the sample could not be made: {0}")]
pub struct SampleError(String);

impl From<KeyError> for SampleError {
    fn from(error: KeyError) -> Self {
        Self(error.to_string())
    }
}

impl From<ring::error::Unspecified> for SampleError {
    fn from(_: ring::error::Unspecified) -> Self {
        Self("no random numbers".to_owned())
    }
}

/// A P-256 key in software, fresh each time.
pub struct SoftwareKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl SoftwareKey {
    /// A new key.
    pub fn generate() -> Result<Self, SampleError> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
            .map_err(|e| SampleError(e.to_string()))?;
        Ok(Self { pair, random })
    }

    /// Its public half.
    pub fn public(&self) -> Result<PublicKey, SampleError> {
        Ok(PublicKey::from_sec1(self.pair.public_key().as_ref())?)
    }

    /// Signs with a low s.
    pub fn sign(&self, message: &[u8]) -> Result<Signature, SampleError> {
        let signature = self.pair.sign(&self.random, message)?;
        Ok(Signature::from_raw(signature.as_ref())?.into_low_s()?)
    }
}

/// One issuer, one holder, one credential of type 1 and scope 37, valid from 2023 to 2286.
pub struct World {
    issuer: SoftwareKey,
    holder: SoftwareKey,
    credential: Vec<u8>,
}

impl World {
    /// A fresh one.
    pub fn new() -> Result<Self, SampleError> {
        let (issuer, holder) = (SoftwareKey::generate()?, SoftwareKey::generate()?);
        let mut cti = [0; 8];
        SystemRandom::new().fill(&mut cti)?;
        let claims = Claims {
            expires: 9_999_999_999,
            issued: 1_700_000_000,
            cti,
            pass_type: 1,
            scopes: vec![37],
            fare_class: 2,
            status: StatusEntry { list: 3, index: 70_000 },
            window: WINDOW_DEFAULT,
        };
        let draft = CredentialDraft::new(&claims, &holder.public()?, issuer.public()?.kid());
        let signature = issuer.sign(draft.message())?;
        let credential = draft.sign(&signature);
        Ok(Self { issuer, holder, credential })
    }

    /// The credential's bytes.
    pub fn credential(&self) -> &[u8] {
        &self.credential
    }

    /// The phone's key.
    pub fn holder(&self) -> &SoftwareKey {
        &self.holder
    }

    /// A trust list with this issuer alone.
    pub fn trust_list(&self) -> TrustList {
        let url = "https://issuer.example".to_owned();
        let key = TrustedKey {
            key: self.issuer.public().expect("a key that was generated is a point"),
            issuer: url.clone(),
            types: vec![1],
            scopes: vec![37],
            not_before: 0,
            not_after: 9_999_999_999,
        };
        let types =
            vec![PassType { id: 1, word: "transit".to_owned(), names: Names::new().with("en", "Transit pass") }];
        let issuers = vec![Issuer { url, names: Names::new().with("en", "Sample issuer") }];
        TrustList::new("https://issuer.example/status".to_owned(), types, issuers, vec![key])
    }

    /// The code that the phone shows at a second.
    pub fn code_at(&self, now: UnixTime) -> Result<String, SampleError> {
        self.code(&self.holder, now, 0)
    }

    /// The same, addressed to one gate.
    pub fn code_for(&self, now: UnixTime, audience: u64) -> Result<String, SampleError> {
        self.code(&self.holder, now, audience)
    }

    /// A code over this phone's credential that another phone signed.
    pub fn code_signed_by(&self, thief: &Self, now: UnixTime) -> Result<String, SampleError> {
        self.code(&thief.holder, now, 0)
    }

    fn code(&self, key: &SoftwareKey, now: UnixTime, audience: u64) -> Result<String, SampleError> {
        let draft =
            PresentationDraft::new(&self.credential, now, audience, 0).map_err(|e| SampleError(e.to_string()))?;
        let signature = key.sign(draft.message())?;
        Ok(draft.sign(&signature))
    }
}
