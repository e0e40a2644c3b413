//! How a value is sealed: AES-256-GCM under a versioned header, keys by HKDF from one 32-byte secret for each owner.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
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
    /// Keeps a number that never goes back, outside of the two files and of every backup: a lower one than is there
    /// already is not kept.
    fn remember(&self, generation: u64) -> Result<(), SecretError>;
    /// The number that was kept last; none if there never was one.
    fn recall(&self) -> Result<Option<u64>, SecretError>;
}

/// The layouts of a sealed value: this byte, the record format's version, since the second also the number of the
/// sealing key, then 12 bytes of nonce and the ciphertext with its tag.
const FIRST_HEADER: u8 = 1;
const HEADER: u8 = 2;
const PREFIX: usize = 15;

/// After how many values a new sealing key begins. With random nonces of 96 bits, 2^32 under one key is the limit
/// (NIST SP 800-38D §8.3).
const SEALS_PER_KEY: u64 = 1 << 31;
/// How many values are counted ahead, so that sealing does not write twice.
const BLOCK: u64 = 1 << 16;

/// The keys of one owner.
pub(crate) struct OwnerKeys {
    /// What sealing keys are derived from.
    root: Prk,
    /// The sealing key in use and its number.
    seal: LessSafeKey,
    number: u8,
    /// What has been opened with an older sealing key.
    older: Mutex<HashMap<u8, Arc<LessSafeKey>>>,
    /// How many more values were counted ahead.
    counted: AtomicU64,
    name: hmac::Key,
    /// For the fingerprint of guarded records.
    guard: hmac::Key,
    random: SystemRandom,
}

/// Where a value belongs; a value that is moved elsewhere no longer opens.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub owner: &'a str,
    pub kind: &'static str,
    pub key: &'a [u8],
    pub format: u8,
}

impl Place<'_> {
    fn associated_data(&self, header: u8) -> Vec<u8> {
        let mut data = Vec::with_capacity(96);
        for part in [self.owner.as_bytes(), self.kind.as_bytes(), self.key] {
            data.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            data.extend_from_slice(part);
        }
        data.extend_from_slice(&[header, self.format]);
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
    pub(crate) fn new_secret() -> Zeroizing<[u8; 32]> {
        let mut secret = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(secret.as_mut()).expect("the system has random numbers");
        secret
    }

    /// Derives the keys from an owner's secret (RFC 5869), with a label for each purpose. `seals` is how many values
    /// may have been sealed before.
    pub(crate) fn derive(secret: &[u8], seals: u64) -> Result<Self, StoreError> {
        if secret.len() != 32 {
            return Err(StoreError::KeyInvalidated);
        }
        let root = Salt::new(HKDF_SHA256, b"onecity/vault/1").extract(secret);
        let name = hmac::Key::new(hmac::HMAC_SHA256, expand(&root, &[b"name"]).as_ref());
        let guard = hmac::Key::new(hmac::HMAC_SHA256, expand(&root, &[b"guard"]).as_ref());
        let number = u8::try_from(seals / SEALS_PER_KEY).map_err(|_| StoreError::KeyUsedUp)?;
        let (older, counted) = (Mutex::default(), AtomicU64::new(0));
        let (seal, random) = (sealing_key(&root, number), SystemRandom::new());
        Ok(Self { seal, number, older, counted, name, guard, root, random })
    }

    /// The key of the guarded records' fingerprint.
    pub(crate) fn guard_key(&self) -> &hmac::Key {
        &self.guard
    }

    /// The secret that vouches for the public file's rows.
    pub(crate) fn catalogue_secret(&self) -> Zeroizing<[u8; 32]> {
        expand(&self.root, &[b"catalogue"])
    }

    /// Counts one value to be sealed. Answers how many to count ahead in the file first, if that is due.
    pub(crate) fn count_one(&self) -> Option<u64> {
        let left = self.counted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.is_err().then_some(BLOCK)
    }

    /// Values were counted ahead in the file, one of them for the one that asked.
    pub(crate) fn counted_ahead(&self, block: u64) {
        self.counted.fetch_add(block.saturating_sub(1), Ordering::Relaxed);
    }

    /// The row key of a record's name: 16 bytes of an HMAC.
    pub(crate) fn row_key(&self, kind: &str, name: &str) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.name);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(name.as_bytes());
        context.sign().as_ref()[..16].to_vec()
    }

    /// Seals a value for a place.
    pub(crate) fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; 12];
        self.random.fill(&mut nonce).expect("the system has random numbers");
        let mut sealed = Vec::with_capacity(PREFIX + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&[HEADER, place.format, self.number]);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self
            .seal
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.associated_data(HEADER)),
                &mut sealed[PREFIX..],
            )
            .expect("a value in memory is short enough for AES-GCM");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Opens a value that was sealed for this place, in the place's format or an older one. Answers the format that it
    /// was sealed in, which is authenticated with it.
    pub(crate) fn open(&self, place: &Place<'_>, mut sealed: Vec<u8>) -> Result<(u8, Zeroizing<Vec<u8>>), StoreError> {
        let damaged = || StoreError::Damaged(place.kind);
        let (header, format, number, prefix) = match *sealed.as_slice() {
            [HEADER, format, number, ..] => (HEADER, format, number, PREFIX),
            [FIRST_HEADER, format, ..] => (FIRST_HEADER, format, 0, PREFIX - 1),
            _ => return Err(damaged()),
        };
        let stored = Place { format, ..*place };
        let nonce = sealed.get(prefix - 12..prefix).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let aad = Aad::from(stored.associated_data(header));
        let plain = if number == self.number {
            self.seal.open_within(nonce, aad, &mut sealed, prefix..)
        } else if number < self.number {
            self.older(number).open_within(nonce, aad, &mut sealed, prefix..)
        } else {
            return Err(damaged());
        };
        let plain = plain.map_err(|_| damaged())?;
        let length = plain.len();
        sealed.truncate(length);
        // Only after it has proved to be genuine: anybody can write a number.
        if format > place.format {
            return Err(StoreError::RecordTooNew { kind: place.kind, found: format, known: place.format });
        }
        Ok((format, Zeroizing::new(sealed)))
    }

    fn older(&self, number: u8) -> Arc<LessSafeKey> {
        let mut older = self.older.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(older.entry(number).or_insert_with(|| Arc::new(sealing_key(&self.root, number))))
    }
}

fn expand(root: &Prk, labels: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    root.expand(labels, Length(32)).and_then(|okm| okm.fill(key.as_mut())).expect("32 bytes are in range");
    key
}

/// The first sealing key has the bare label that files of the first schema were sealed under.
fn sealing_key(root: &Prk, number: u8) -> LessSafeKey {
    let number = [number];
    let labels: &[&[u8]] = if number == [0] { &[b"seal"] } else { &[b"seal", &number] };
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, expand(root, labels).as_ref()).expect("32 bytes are an AES-256 key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(kind: &'static str) -> Place<'static> {
        Place { owner: "phone", kind, key: b"key", format: 1 }
    }

    #[test]
    fn a_value_opens_in_its_own_place_only() {
        let keys = OwnerKeys::derive(OwnerKeys::new_secret().as_ref(), 0).expect("32 bytes");
        let sealed = keys.seal(&place("session"), b"secret");
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_eq!(keys.open(&place("session"), sealed.clone()).expect("own place").1.as_slice(), b"secret");
        assert!(keys.open(&place("draft"), sealed.clone()).is_err());
        let other = OwnerKeys::derive(OwnerKeys::new_secret().as_ref(), 0).expect("32 bytes");
        assert!(other.open(&place("session"), sealed.clone()).is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(keys.open(&place("session"), altered).is_err(), "byte {at}");
            assert!(keys.open(&place("session"), sealed[..at].to_vec()).is_err());
        }
    }

    #[test]
    fn a_value_of_an_older_format_opens_with_its_number_and_one_of_a_newer_is_named() {
        let keys = OwnerKeys::derive(OwnerKeys::new_secret().as_ref(), 0).expect("32 bytes");
        let at = |format| Place { format, ..place("session") };
        let sealed = keys.seal(&at(3), b"secret");
        let (format, plain) = keys.open(&at(5), sealed.clone()).expect("older");
        assert_eq!((format, plain.as_slice()), (3, &b"secret"[..]));
        let refused = keys.open(&at(2), sealed.clone()).expect_err("newer");
        assert!(matches!(refused, StoreError::RecordTooNew { kind: "session", found: 3, known: 2 }));
        let mut relabelled = sealed;
        relabelled[1] = 4;
        assert!(
            matches!(keys.open(&at(5), relabelled), Err(StoreError::Damaged("session"))),
            "the number is sealed, too"
        );
    }

    #[test]
    fn after_two_thousand_million_values_a_new_key_seals_and_the_old_values_still_open() {
        let secret = OwnerKeys::new_secret();
        let young = OwnerKeys::derive(secret.as_ref(), SEALS_PER_KEY - 1).expect("32 bytes");
        let old = OwnerKeys::derive(secret.as_ref(), SEALS_PER_KEY).expect("32 bytes");
        let sealed = young.seal(&place("session"), b"before");
        assert_eq!(old.open(&place("session"), sealed.clone()).expect("older key").1.as_slice(), b"before");
        let later = old.seal(&place("session"), b"after");
        assert_ne!(sealed[2], later[2]);
        assert!(young.open(&place("session"), later.clone()).is_err(), "the key is another one");
        let mut relabelled = later;
        relabelled[2] = 0;
        assert!(old.open(&place("session"), relabelled).is_err());
        assert!(OwnerKeys::derive(secret.as_ref(), SEALS_PER_KEY << 8).is_err(), "never round to the first");
    }
}
