//! A made-up issuer and phone with software keys, for examples, tests and benchmarks.

use std::sync::Arc;

use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

use super::{
    Audience, Claims, CredentialDraft, Gate, GatePolicy, Issuer, KeyError, PassType, PresentationDraft, PublicKey,
    Signature, StatusArray, StatusClaims, StatusEntry, StatusListDraft, StatusListToken, TrustList, TrustedKey,
    UnixTime, WINDOW_DEFAULT,
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

/// A P-256 key in software.
pub struct SoftwareKey {
    pair: EcdsaKeyPair,
    pkcs8: Vec<u8>,
    random: SystemRandom,
}

impl SoftwareKey {
    /// A new key.
    pub fn generate() -> Result<Self, SampleError> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    /// One that there was before, from PKCS#8 DER.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, SampleError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random)
            .map_err(|e| SampleError(e.to_string()))?;
        Ok(Self { pair, pkcs8: pkcs8.to_vec(), random })
    }

    /// As PKCS#8 DER.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
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
    issuer: Arc<SoftwareKey>,
    holder: SoftwareKey,
    claims: Claims,
    credential: Vec<u8>,
}

/// Where the sample issuer is.
const ISSUER: &str = "https://issuer.example";
const NEVER: UnixTime = 9_999_999_999;

impl World {
    /// A fresh one.
    pub fn new() -> Result<Self, SampleError> {
        Self::issue(Arc::new(SoftwareKey::generate()?), |_| ())
    }

    /// Another holder of the same issuer, with other claims.
    pub fn another(&self, change: impl FnOnce(&mut Claims)) -> Result<Self, SampleError> {
        Self::issue(Arc::clone(&self.issuer), change)
    }

    fn issue(issuer: Arc<SoftwareKey>, change: impl FnOnce(&mut Claims)) -> Result<Self, SampleError> {
        let holder = SoftwareKey::generate()?;
        let mut cti = [0; 8];
        SystemRandom::new().fill(&mut cti)?;
        let mut claims = Claims {
            expires: NEVER,
            issued: 1_700_000_000,
            cti,
            pass_type: 1,
            scopes: vec![37],
            fare_class: 2,
            status: StatusEntry { list: 3, index: 70_000 },
            window: WINDOW_DEFAULT,
        };
        change(&mut claims);
        let draft = CredentialDraft::new(&claims, &holder.public()?, issuer.public()?.kid());
        let signature = issuer.sign(draft.message())?;
        let credential = draft.sign(&signature);
        Ok(Self { issuer, holder, claims, credential })
    }

    /// The credential's bytes.
    pub fn credential(&self) -> &[u8] {
        &self.credential
    }

    /// What it says.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The phone's key.
    pub fn holder(&self) -> &SoftwareKey {
        &self.holder
    }

    /// The issuer's key.
    pub fn issuer(&self) -> &SoftwareKey {
        &self.issuer
    }

    /// The issuer's key as its own trust list has it: for type 1 and scope 37.
    pub fn trusted_key(&self) -> TrustedKey {
        TrustedKey {
            key: self.issuer.public().expect("a key that was generated is a point"),
            issuer: ISSUER.to_owned(),
            types: vec![1],
            scopes: vec![37],
            not_before: 0,
            not_after: NEVER,
        }
    }

    /// A trust list with this issuer alone.
    pub fn trust_list(&self) -> TrustList {
        Self::trust_list_of(vec![self.trusted_key()])
    }

    /// A trust list with these keys.
    pub fn trust_list_of(keys: Vec<TrustedKey>) -> TrustList {
        let types =
            vec![PassType { id: 1, word: "transit".to_owned(), names: Names::new().with("en", "Transit pass") }];
        let issuers =
            vec![Issuer { url: ISSUER.to_owned(), names: Names::new().with("en", "Sample issuer"), signs: Vec::new() }];
        TrustList::new(format!("{ISSUER}/status"), types, issuers, keys)
    }

    /// The issuer's status list as its server hands it out: list 3, 100,000 entries of two bits.
    pub fn status_list(
        &self,
        issued: UnixTime,
        expires: UnixTime,
        change: impl FnOnce(&mut StatusArray),
    ) -> Result<Vec<u8>, SampleError> {
        let mut statuses = StatusArray::new(2, 100_000).map_err(|e| SampleError(e.to_string()))?;
        change(&mut statuses);
        let uri = format!("{ISSUER}/status/{}", self.claims.status.list);
        let claims = StatusClaims { uri, issued, expires: Some(expires), ttl: None, statuses };
        let draft = StatusListDraft::new(&claims, self.issuer.public()?.kid());
        let signature = self.issuer.sign(draft.message())?;
        Ok(draft.sign(&signature))
    }

    /// A gate with this issuer's trust list and a status list on which nobody is revoked, current for ever.
    pub fn gate(&self, policy: GatePolicy, now: UnixTime) -> Result<Gate, SampleError> {
        let mut gate = Gate::new(self.trust_list(), policy, now);
        let list = self.status_list(now, NEVER, |_| ())?;
        let token = StatusListToken::parse(&list).map_err(|e| SampleError(e.to_string()))?;
        gate.set_status_list(token, now).map_err(|e| SampleError(e.to_string()))?;
        Ok(gate)
    }

    /// The code that the phone shows at a second.
    pub fn code_at(&self, now: UnixTime) -> Result<String, SampleError> {
        self.code_for(now, Audience::ANY, 0)
    }

    /// The same, addressed to one gate, for a purpose.
    pub(crate) fn code_for(&self, now: UnixTime, audience: Audience, purpose: u64) -> Result<String, SampleError> {
        self.code(&self.holder, now, audience, purpose)
    }

    /// A code over this phone's credential that another phone signed.
    #[cfg(test)]
    pub(crate) fn code_signed_by(&self, thief: &Self, now: UnixTime) -> Result<String, SampleError> {
        self.code(&thief.holder, now, Audience::ANY, 0)
    }

    fn code(&self, key: &SoftwareKey, now: UnixTime, audience: Audience, purpose: u64) -> Result<String, SampleError> {
        let draft =
            PresentationDraft::new(&self.credential, now, audience, purpose).map_err(|e| SampleError(e.to_string()))?;
        let signature = key.sign(draft.message())?;
        Ok(draft.sign(&signature))
    }
}
