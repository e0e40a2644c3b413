//! Credentials whose issuer's signature has held, and the gate's memory of them.

use std::collections::HashMap;
use std::sync::Arc;

use ring::digest::{SHA256, digest};

use super::format::{Claims, Credential};
use super::key::PublicKey;
use super::refusal::Refusal;
use super::trust_list::TrustList;

/// A credential whose issuer's signature has held, with the holder's key as a point.
#[derive(Debug, Clone)]
pub struct IssuerVerified {
    claims: Claims,
    holder: PublicKey,
    issuer: String,
    id: [u8; 16],
}

impl IssuerVerified {
    /// Finds the key that signed `credential` and checks what that key may issue. Four bytes of `kid` can collide:
    /// each key that has them is tried.
    pub fn verify(credential: &Credential, trust: &TrustList) -> Result<Self, Refusal> {
        let claims = credential.claims();
        let mut known = false;
        for trusted in trust.keys(credential.kid()) {
            known = true;
            if !credential.is_signed_by(&trusted.key) {
                continue;
            }
            let allowed = trusted.types.contains(&claims.pass_type)
                && claims.scopes.iter().all(|scope| trusted.scopes.contains(scope))
                && (trusted.not_before..trusted.not_after).contains(&claims.issued);
            if !allowed {
                return Err(Refusal::IssuerNotAllowed);
            }
            let holder = credential.holder().ok_or(Refusal::HolderKey)?;
            let id = pass_id(&trusted.issuer, &claims.cti);
            return Ok(Self { claims: claims.clone(), holder, issuer: trusted.issuer.clone(), id });
        }
        Err(if known { Refusal::IssuerSignature } else { Refusal::UnknownIssuer })
    }

    /// What the issuer said.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The phone's key.
    pub fn holder(&self) -> &PublicKey {
        &self.holder
    }

    /// Whose word it is.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What the pass is known by: see [`pass_id`].
    pub fn id(&self) -> [u8; 16] {
        self.id
    }
}

/// What a phone and a gate's memory know a pass by: the first 16 bytes of SHA-256 over the issuer's URL, a zero byte and
/// the `cti`. Two issuers may use the same `cti`, and none can take another's pass with it.
pub fn pass_id(issuer: &str, cti: &[u8; 8]) -> [u8; 16] {
    let digest = digest(&SHA256, &[issuer.as_bytes(), &[0], cti].concat());
    *digest.as_ref().first_chunk().expect("SHA-256 is 32 bytes")
}

/// Credentials that this gate has verified under its present trust list, so that a regular costs one signature
/// check. In two generations: when the younger is full, the older is forgotten, in one step and without a pause.
/// Only what a trusted issuer signed gets in, so a flood of forgeries can't push anybody out.
pub(super) struct KnownCredentials {
    half: usize,
    younger: HashMap<[u8; 32], Arc<IssuerVerified>>,
    older: HashMap<[u8; 32], Arc<IssuerVerified>>,
}

impl KnownCredentials {
    /// Room for at most `capacity`.
    pub(super) fn new(capacity: usize) -> Self {
        Self { half: (capacity / 2).max(1), younger: HashMap::new(), older: HashMap::new() }
    }

    /// The verified form of a credential, by the digest of all its bytes; if it is not known, it is verified.
    pub(super) fn verify(
        &mut self,
        credential: &Credential,
        trust: &TrustList,
    ) -> Result<Arc<IssuerVerified>, Refusal> {
        // A code without a known issuer's name does not even get a digest.
        if trust.keys(credential.kid()).next().is_none() {
            return Err(Refusal::UnknownIssuer);
        }
        let digest: [u8; 32] = digest(&SHA256, credential.bytes()).as_ref().try_into().expect("SHA-256 is 32 bytes");
        if let Some(known) = self.younger.get(&digest) {
            return Ok(Arc::clone(known));
        }
        let verified = match self.older.remove(&digest) {
            Some(known) => known,
            None => Arc::new(IssuerVerified::verify(credential, trust)?),
        };
        if self.younger.len() >= self.half {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(digest, Arc::clone(&verified));
        Ok(verified)
    }

    /// Forgets all: the trust list is another one.
    pub(super) fn clear(&mut self) {
        self.younger.clear();
        self.older.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.younger.len() + self.older.len()
    }
}
