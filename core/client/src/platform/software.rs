//! Ports in software, for tests, virtual phones and a publisher's preview. Not for a resident's phone: the keys are
//! in memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use async_trait::async_trait;
use onecity_protocol::service::ServiceId;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

use super::{
    Clock, ConsentPrompt, ConsentRequest, CreatedKey, DeviceKeys, KeyPurpose, Observer, Photo, Platform, PlatformError,
    Position, SecretError, SecretStore, ServiceHost, Shared,
};
use crate::views::{HandOverView, Topic};

/// A platform with fresh keys, this machine's clock, a resident who agrees to everything, and nobody watching.
pub fn platform() -> Platform {
    Platform {
        keys: Arc::new(Keys::default()),
        secrets: Arc::new(Secrets::default()),
        clock: Arc::new(MachineClock::default()),
        consent: Arc::new(Agreeable),
        host: Arc::new(Nobody),
        observer: Arc::new(Nobody),
    }
}

/// P-256 keys in memory.
pub struct Keys {
    pairs: Mutex<HashMap<String, Arc<EcdsaKeyPair>>>,
    random: SystemRandom,
}

impl Default for Keys {
    fn default() -> Self {
        Self { pairs: Mutex::default(), random: SystemRandom::new() }
    }
}

fn unavailable(error: impl ToString) -> PlatformError {
    PlatformError::Unavailable { why: error.to_string() }
}

impl Keys {
    fn pair(&self, id: &str) -> Result<Arc<EcdsaKeyPair>, PlatformError> {
        let pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        pairs.get(id).cloned().ok_or(PlatformError::KeyInvalidated)
    }

    /// Loses a key, as a key store does when the screen lock is removed.
    pub fn lose(&self, id: &str) {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

#[async_trait]
impl DeviceKeys for Keys {
    async fn create(&self, purpose: KeyPurpose, _: &[u8]) -> Result<CreatedKey, PlatformError> {
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &self.random).map_err(unavailable)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &self.random).map_err(unavailable)?;
        let mut id = [0; 8];
        self.random.fill(&mut id).map_err(unavailable)?;
        let id = format!("{purpose:?}-{}", hex::encode(id)).to_lowercase();
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), Arc::new(pair));
        Ok(CreatedKey { id, attestation: Vec::new() })
    }

    async fn public_key(&self, id: &str) -> Result<Vec<u8>, PlatformError> {
        Ok(self.pair(id)?.public_key().as_ref().to_vec())
    }

    async fn sign(&self, id: &str, message: &[u8]) -> Result<Vec<u8>, PlatformError> {
        Ok(self.pair(id)?.sign(&self.random, message).map_err(unavailable)?.as_ref().to_vec())
    }

    async fn delete(&self, id: &str) -> Result<(), PlatformError> {
        self.lose(id);
        Ok(())
    }
}

/// Wraps with an AES key that is in memory, fresh each time.
pub struct Secrets {
    key: LessSafeKey,
    random: SystemRandom,
    generation: AtomicU64,
    is_locked: AtomicBool,
    is_lost: AtomicBool,
}

impl Default for Secrets {
    fn default() -> Self {
        let random = SystemRandom::new();
        let mut key = [0; 32];
        random.fill(&mut key).expect("the system has random numbers");
        let key = UnboundKey::new(&AES_256_GCM, &key).expect("32 bytes are an AES-256 key");
        Self {
            key: LessSafeKey::new(key),
            random,
            generation: AtomicU64::new(0),
            is_locked: AtomicBool::new(false),
            is_lost: AtomicBool::new(false),
        }
    }
}

impl Secrets {
    /// Answers nothing, as a key store does while the phone is locked; or answers again.
    pub fn set_locked(&self, locked: bool) {
        self.is_locked.store(locked, Ordering::Relaxed);
    }

    /// Knows nothing of what it has wrapped, as a key store does when the screen lock is removed; or knows it again.
    pub fn set_lost(&self, lost: bool) {
        self.is_lost.store(lost, Ordering::Relaxed);
    }

    fn answers(&self) -> Result<(), SecretError> {
        if self.is_locked.load(Ordering::Relaxed) { Err(SecretError::Unavailable) } else { Ok(()) }
    }
}

impl SecretStore for Secrets {
    fn wrap(&self, secret: &[u8]) -> Result<Vec<u8>, SecretError> {
        self.answers()?;
        let mut nonce = [0; 12];
        self.random.fill(&mut nonce).map_err(|_| SecretError::Unavailable)?;
        let mut wrapped = secret.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut wrapped)
            .map_err(|_| SecretError::Unavailable)?;
        Ok([&nonce[..], &wrapped].concat())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, SecretError> {
        self.answers()?;
        if self.is_lost.load(Ordering::Relaxed) {
            return Err(SecretError::Invalidated);
        }
        let (nonce, sealed) = wrapped.split_first_chunk::<12>().ok_or(SecretError::Invalidated)?;
        let mut sealed = sealed.to_vec();
        let opened = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut sealed)
            .map_err(|_| SecretError::Invalidated)?;
        Ok(opened.to_vec())
    }

    fn remember(&self, generation: u64) -> Result<(), SecretError> {
        self.generation.fetch_max(generation, Ordering::Relaxed);
        Ok(())
    }

    fn recall(&self) -> Result<Option<u64>, SecretError> {
        Ok(Some(self.generation.load(Ordering::Relaxed)).filter(|generation| *generation > 0))
    }
}

/// This machine's clock, which a test can set wrong.
pub struct MachineClock {
    started: Instant,
    /// Milliseconds that the wall clock is off.
    wall_offset: AtomicI64,
    /// Milliseconds that passed without anybody waiting for them.
    skipped: AtomicI64,
    restarts: AtomicU64,
}

impl Default for MachineClock {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            wall_offset: AtomicI64::new(0),
            skipped: AtomicI64::new(0),
            restarts: AtomicU64::new(0),
        }
    }
}

impl MachineClock {
    /// Sets the wall clock off by some milliseconds.
    pub fn set_wall_offset(&self, milliseconds: i64) {
        self.wall_offset.store(milliseconds, Ordering::Relaxed);
    }

    /// Lets time pass, for the wall clock and the counter alike.
    pub fn skip(&self, milliseconds: i64) {
        self.skipped.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// The device starts again.
    pub fn restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }
}

impl Clock for MachineClock {
    fn wall(&self) -> i64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let offset = self.wall_offset.load(Ordering::Relaxed) + self.skipped.load(Ordering::Relaxed);
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX).saturating_add(offset)
    }

    fn since_boot_including_sleep(&self) -> i64 {
        let counted = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        counted.saturating_add(self.skipped.load(Ordering::Relaxed))
    }

    fn boot_id(&self) -> String {
        format!("{:?} {}", self.started, self.restarts.load(Ordering::Relaxed))
    }
}

/// Agrees to everything.
pub struct Agreeable;

#[async_trait]
impl ConsentPrompt for Agreeable {
    async fn ask(&self, _: ConsentRequest) -> bool {
        true
    }
}

/// Watches nothing and shows nothing.
pub struct Nobody;

impl Observer for Nobody {
    fn changed(&self, _: Topic) {}
}

#[async_trait]
impl ServiceHost for Nobody {
    async fn show_pass(&self, _: String) {}
    async fn show_hand_over(&self, _: HandOverView) {}
    async fn scan(&self) -> Option<String> {
        None
    }
    async fn locate(&self) -> Option<Position> {
        None
    }
    async fn pick_photo(&self) -> Option<Photo> {
        None
    }
    async fn share(&self, _: Shared) -> bool {
        false
    }
    async fn open_browser(&self, _: String) -> bool {
        false
    }
    async fn open_service(&self, _: String, _: String, _: ServiceId) -> Option<String> {
        None
    }
    async fn finish_service(&self, _: ServiceId, _: String) {}
}
