//! How a value is sealed: AES-256-GCM under a versioned header, keys by HKDF from one 32-byte secret for each owner.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::error::StoreError;

/// Why the platform's key store did not answer with a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The key is gone for good, for example because the screen lock was removed.
    #[error("the wrapping key is gone or another one")]
    Invalidated,
    /// It does not answer now, and may later.
    #[error("the key store does not answer")]
    Unavailable,
}

impl From<SecretError> for StoreError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Invalidated => Self::KeyInvalidated,
            SecretError::Unavailable => Self::KeyUnavailable,
        }
    }
}

/// The platform's key store, as far as the vault needs it: it wraps 32-byte secrets with a key that never leaves it.
pub trait SecretStore: Send + Sync {
    /// Encrypts a secret.
    fn wrap(&self, secret: &[u8]) -> Result<Vec<u8>, SecretError>;
    /// Decrypts what [`SecretStore::wrap`] returned.
    fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, SecretError>;
}

/// The layout of a sealed value: this byte, the record format's version, 12 bytes of nonce, ciphertext with tag.
const HEADER: u8 = 1;
const PREFIX: usize = 14;

/// The keys of one owner.
pub struct OwnerKeys {
    seal: LessSafeKey,
    name: hmac::Key,
    random: SystemRandom,
}

/// Where a value belongs; a value that is moved elsewhere no longer opens.
pub struct Place<'a> {
    pub owner: &'a str,
    pub kind: &'static str,
    pub key: &'a [u8],
    pub format: u8,
}

impl Place<'_> {
    fn associated_data(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(96);
        for part in [self.owner.as_bytes(), self.kind.as_bytes(), self.key] {
            data.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            data.extend_from_slice(part);
        }
        data.extend_from_slice(&[HEADER, self.format]);
        data
    }
}

/// A key length for HKDF's output.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl OwnerKeys {
    /// A fresh secret of 32 bytes.
    pub fn new_secret() -> Zeroizing<[u8; 32]> {
        let mut secret = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(secret.as_mut()).expect("the system has random numbers");
        secret
    }

    /// Derives the keys from an owner's secret (RFC 5869), with a label for each purpose.
    pub fn derive(secret: &[u8]) -> Result<Self, StoreError> {
        if secret.len() != 32 {
            return Err(StoreError::KeyInvalidated);
        }
        let root = Salt::new(HKDF_SHA256, b"onecity/vault/1").extract(secret);
        let derive = |label: &'static [u8]| {
            let mut key = Zeroizing::new([0; 32]);
            root.expand(&[label], Length(32)).and_then(|okm| okm.fill(key.as_mut())).expect("32 bytes are in range");
            key
        };
        let seal = UnboundKey::new(&AES_256_GCM, derive(b"seal").as_ref()).expect("32 bytes are an AES-256 key");
        let name = hmac::Key::new(hmac::HMAC_SHA256, derive(b"name").as_ref());
        Ok(Self { seal: LessSafeKey::new(seal), name, random: SystemRandom::new() })
    }

    /// The row key of a record's name: 16 bytes of an HMAC.
    pub fn row_key(&self, kind: &str, name: &str) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.name);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(name.as_bytes());
        context.sign().as_ref()[..16].to_vec()
    }

    /// Seals a value for a place.
    pub fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; 12];
        self.random.fill(&mut nonce).expect("the system has random numbers");
        let mut sealed = Vec::with_capacity(PREFIX + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&[HEADER, place.format]);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self
            .seal
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.associated_data()),
                &mut sealed[PREFIX..],
            )
            .expect("a value in memory is short enough for AES-GCM");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Opens a value that was sealed for this place.
    pub fn open(&self, place: &Place<'_>, mut sealed: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let damaged = || StoreError::Damaged(place.kind);
        let nonce = match sealed.get(..PREFIX) {
            Some([HEADER, format, nonce @ ..]) if *format == place.format => {
                Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?
            }
            _ => return Err(damaged()),
        };
        let aad = Aad::from(place.associated_data());
        let plain = self.seal.open_within(nonce, aad, &mut sealed, PREFIX..).map_err(|_| damaged())?;
        let length = plain.len();
        sealed.truncate(length);
        Ok(Zeroizing::new(sealed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(kind: &'static str) -> Place<'static> {
        Place { owner: "phone", kind, key: b"key", format: 1 }
    }

    #[test]
    fn a_value_opens_in_its_own_place_only() {
        let keys = OwnerKeys::derive(OwnerKeys::new_secret().as_ref()).expect("32 bytes");
        let sealed = keys.seal(&place("session"), b"secret");
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_eq!(keys.open(&place("session"), sealed.clone()).expect("own place").as_slice(), b"secret");
        assert!(keys.open(&place("draft"), sealed.clone()).is_err());
        let other = OwnerKeys::derive(OwnerKeys::new_secret().as_ref()).expect("32 bytes");
        assert!(other.open(&place("session"), sealed.clone()).is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(keys.open(&place("session"), altered).is_err(), "byte {at}");
            assert!(keys.open(&place("session"), sealed[..at].to_vec()).is_err());
        }
    }
}
