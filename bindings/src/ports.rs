//! The ports as foreign traits, and the wrappers that make the core's ports of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use onecity_core::platform::{
    self, ConsentRequest, KeyPurpose, Photo, Platform, PlatformError, Position, SecretError, Shared,
};
use onecity_core::{CodeView, Error, HandOverView, Progress, ServiceId, Topic};

use crate::background::is_open;

/// Why a port did not do what it was asked for. It is declared here and not in the core: an error that a foreign trait
/// answers with has to be of the trait's own component, or Python can't hand it over.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum PortError {
    /// The key is gone for good.
    #[error("the key is gone")]
    KeyInvalidated,
    /// It does not answer now, and may later.
    #[error("unavailable: {why}")]
    Unavailable {
        /// What it said, for a log.
        why: String,
    },
}

/// A shell that fails in a way that it did not name does not answer now.
impl From<uniffi::UnexpectedUniFFICallbackError> for PortError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable { why: error.reason }
    }
}

impl From<PortError> for PlatformError {
    fn from(error: PortError) -> Self {
        match error {
            PortError::KeyInvalidated => Self::KeyInvalidated,
            PortError::Unavailable { why } => Self::Unavailable { why },
        }
    }
}

impl From<PortError> for SecretError {
    fn from(error: PortError) -> Self {
        match error {
            PortError::KeyInvalidated => Self::Invalidated,
            PortError::Unavailable { .. } => Self::Unavailable,
        }
    }
}

/// A key that was just made. It is declared here and not in the core for the same reason: a record that an async foreign
/// trait answers with has to be of the trait's own component, or Kotlin can't hand it over.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CreatedKey {
    /// Its id on this device.
    pub id: String,
    /// What proves to others that the key is in hardware: on Android the certificate chain of key attestation in DER, leaf
    /// first; empty where there is none.
    pub attestation: Vec<Vec<u8>>,
}

/// P-256 keys in the Secure Enclave or the Android Keystore.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait DeviceKeys: Send + Sync {
    /// Makes a key. `challenge` is what its attestation shall prove to be fresh; empty for none.
    async fn create(&self, purpose: KeyPurpose, challenge: Vec<u8>) -> Result<CreatedKey, PortError>;
    /// The public key as an uncompressed SEC 1 point, 65 bytes.
    async fn public_key(&self, id: String) -> Result<Vec<u8>, PortError>;
    /// ECDSA over the SHA-256 of `message`, in DER.
    async fn sign(&self, id: String, message: Vec<u8>) -> Result<Vec<u8>, PortError>;
    /// Deletes a key; one that is not there is fine.
    async fn delete(&self, id: String) -> Result<(), PortError>;
}

/// Wraps 32-byte secrets with a key that never leaves the key store. It answers at once.
#[uniffi::export(with_foreign)]
pub trait SecretStore: Send + Sync {
    /// Encrypts a secret.
    fn wrap(&self, secret: Vec<u8>) -> Result<Vec<u8>, PortError>;
    /// Decrypts what `wrap` returned.
    fn unwrap(&self, wrapped: Vec<u8>) -> Result<Vec<u8>, PortError>;
    /// Stores a number that never goes back, outside of the files and of every backup; a lower one than is there is not
    /// stored.
    fn remember(&self, generation: u64) -> Result<(), PortError>;
    /// The number that was stored last.
    fn recall(&self) -> Result<Option<u64>, PortError>;
}

/// The device's clocks. They answer at once.
#[uniffi::export(with_foreign)]
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970 by the wall clock.
    fn wall(&self) -> Result<i64, PortError>;
    /// Milliseconds since the device started, sleep included.
    fn since_boot_including_sleep(&self) -> Result<i64, PortError>;
    /// What tells one start of the device from another.
    fn boot_id(&self) -> Result<String, PortError>;
}

/// Asks the resident.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait ConsentPrompt: Send + Sync {
    /// Whether the resident agrees. It takes as long as they do.
    async fn ask(&self, request: ConsentRequest) -> Result<bool, PortError>;
}

/// What a mini-service can have the shell do. Each call ends when the resident is done.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait ServiceHost: Send + Sync {
    /// Shows a pass's code full screen.
    async fn show_pass(&self, pass_id: String) -> Result<(), PortError>;
    /// Shows a draft's code until the resident closes it.
    async fn show_hand_over(&self, shown: HandOverView) -> Result<(), PortError>;
    /// Lets the resident scan a code; nothing if they went back, as in all that follow.
    async fn scan(&self) -> Result<Option<String>, PortError>;
    /// Where the phone is.
    async fn locate(&self) -> Result<Option<Position>, PortError>;
    /// Lets the resident take or choose a photo.
    async fn pick_photo(&self) -> Result<Option<Photo>, PortError>;
    /// Opens the sheet for sharing.
    async fn share(&self, shared: Shared) -> Result<bool, PortError>;
    /// Opens an address in the system browser, or dials a `tel:` number, after showing where to.
    async fn open_browser(&self, url: String) -> Result<bool, PortError>;
    /// Opens another service over the one of `from_service`, with what it was handed as JSON, and returns what it
    /// finished with.
    async fn open_service(
        &self,
        link: String,
        data: String,
        from_service: ServiceId,
    ) -> Result<Option<String>, PortError>;
    /// A service that was opened over another has come to its end, with this result as JSON.
    async fn finish_service(&self, service: ServiceId, result: String) -> Result<(), PortError>;
}

/// Told that a screen is out of date.
#[uniffi::export(with_foreign)]
pub trait Observer: Send + Sync {
    /// What changed.
    fn changed(&self, topic: Topic) -> Result<(), PortError>;
}

/// Told each code that a screen should show.
#[uniffi::export(with_foreign)]
pub trait CodeListener: Send + Sync {
    /// Show this one, until the next comes.
    fn code(&self, code: CodeView) -> Result<(), PortError>;
    /// There will be no more, for this reason.
    fn failed(&self, error: Error) -> Result<(), PortError>;
}

/// Told how long work goes.
#[uniffi::export(with_foreign)]
pub trait ProgressListener: Send + Sync {
    /// It has come this far.
    fn progressed(&self, progress: Progress) -> Result<(), PortError>;
    /// It has come to its end: well, or with this error. Not called when it was cancelled.
    fn finished(&self, failure: Option<Error>) -> Result<(), PortError>;
}

/// All ports together.
#[derive(uniffi::Record)]
pub struct Ports {
    /// P-256 keys in hardware.
    pub keys: Arc<dyn DeviceKeys>,
    /// Wraps the vault's secrets.
    pub secrets: Arc<dyn SecretStore>,
    /// The device's clocks.
    pub clock: Arc<dyn Clock>,
    /// Asks the resident.
    pub consent: Arc<dyn ConsentPrompt>,
    /// What a mini-service can have the shell do.
    pub host: Arc<dyn ServiceHost>,
    /// Told that a screen is out of date.
    pub observer: Arc<dyn Observer>,
}

impl From<Ports> for Platform {
    fn from(ports: Ports) -> Self {
        Self {
            keys: Arc::new(Foreign(ports.keys)),
            secrets: Arc::new(Foreign(ports.secrets)),
            clock: device_clock(ports.clock),
            consent: Arc::new(Foreign(ports.consent)),
            host: Arc::new(Foreign(ports.host)),
            observer: Arc::new(Foreign(ports.observer)),
        }
    }
}

/// A port of the other language. It is not called any more once that has ended.
pub(crate) struct Foreign<P: ?Sized>(pub Arc<P>);

impl<P: ?Sized> Foreign<P> {
    pub(crate) fn port(&self) -> Result<&P, PortError> {
        if is_open() { Ok(&self.0) } else { Err(PortError::Unavailable { why: "the process ends".to_owned() }) }
    }
}

#[async_trait]
impl platform::DeviceKeys for Foreign<dyn DeviceKeys> {
    async fn create(&self, purpose: KeyPurpose, challenge: &[u8]) -> Result<platform::CreatedKey, PlatformError> {
        let CreatedKey { id, attestation } = self.port()?.create(purpose, challenge.to_vec()).await?;
        Ok(platform::CreatedKey { id, attestation })
    }
    async fn public_key(&self, id: &str) -> Result<Vec<u8>, PlatformError> {
        Ok(self.port()?.public_key(id.to_owned()).await?)
    }
    async fn sign(&self, id: &str, message: &[u8]) -> Result<Vec<u8>, PlatformError> {
        Ok(self.port()?.sign(id.to_owned(), message.to_vec()).await?)
    }
    async fn delete(&self, id: &str) -> Result<(), PlatformError> {
        Ok(self.port()?.delete(id.to_owned()).await?)
    }
}

impl platform::SecretStore for Foreign<dyn SecretStore> {
    fn wrap(&self, secret: &[u8]) -> Result<Vec<u8>, SecretError> {
        Ok(self.port()?.wrap(secret.to_vec())?)
    }
    fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, SecretError> {
        Ok(self.port()?.unwrap(wrapped.to_vec())?)
    }
    fn remember(&self, generation: u64) -> Result<(), SecretError> {
        Ok(self.port()?.remember(generation)?)
    }
    fn recall(&self) -> Result<Option<u64>, SecretError> {
        Ok(self.port()?.recall()?)
    }
}

/// A clock whose other side fails goes on with its last reading: time then stands still rather than jumps.
struct DeviceClock {
    clock: Arc<dyn Clock>,
    wall: AtomicI64,
    counter: AtomicI64,
}

pub(crate) fn device_clock(clock: Arc<dyn Clock>) -> Arc<dyn platform::Clock> {
    Arc::new(DeviceClock { clock, wall: AtomicI64::new(0), counter: AtomicI64::new(0) })
}

fn or_last(read: impl FnOnce() -> Result<i64, PortError>, last: &AtomicI64) -> i64 {
    match if is_open() { read() } else { return last.load(Ordering::Relaxed) } {
        Ok(reading) => {
            last.store(reading, Ordering::Relaxed);
            reading
        }
        Err(_) => last.load(Ordering::Relaxed),
    }
}

impl platform::Clock for DeviceClock {
    fn wall(&self) -> i64 {
        or_last(|| self.clock.wall(), &self.wall)
    }
    fn since_boot_including_sleep(&self) -> i64 {
        or_last(|| self.clock.since_boot_including_sleep(), &self.counter)
    }
    fn boot_id(&self) -> String {
        // An unknown start is another start: the time then counts as unverified.
        if is_open() { self.clock.boot_id().unwrap_or_default() } else { String::new() }
    }
}

#[async_trait]
impl platform::ConsentPrompt for Foreign<dyn ConsentPrompt> {
    async fn ask(&self, request: ConsentRequest) -> bool {
        let Ok(port) = self.port() else { return false };
        // Silence is not agreement.
        port.ask(request).await.unwrap_or(false)
    }
}

/// A host that fails has done nothing: the resident went back, as far as the page can tell.
#[async_trait]
impl platform::ServiceHost for Foreign<dyn ServiceHost> {
    async fn show_pass(&self, pass_id: String) {
        if let Ok(port) = self.port() {
            let _ = port.show_pass(pass_id).await;
        }
    }
    async fn show_hand_over(&self, shown: HandOverView) {
        if let Ok(port) = self.port() {
            let _ = port.show_hand_over(shown).await;
        }
    }
    async fn scan(&self) -> Option<String> {
        self.port().ok()?.scan().await.ok().flatten()
    }
    async fn locate(&self) -> Option<Position> {
        self.port().ok()?.locate().await.ok().flatten()
    }
    async fn pick_photo(&self) -> Option<Photo> {
        self.port().ok()?.pick_photo().await.ok().flatten()
    }
    async fn share(&self, shared: Shared) -> bool {
        let Ok(port) = self.port() else { return false };
        port.share(shared).await.unwrap_or(false)
    }
    async fn open_browser(&self, url: String) -> bool {
        let Ok(port) = self.port() else { return false };
        port.open_browser(url).await.unwrap_or(false)
    }
    async fn open_service(&self, link: String, data: String, from: ServiceId) -> Option<String> {
        self.port().ok()?.open_service(link, data, from).await.ok().flatten()
    }
    async fn finish_service(&self, service: ServiceId, result: String) {
        if let Ok(port) = self.port() {
            let _ = port.finish_service(service, result).await;
        }
    }
}

// A callback that fails was not told this. The next call is made all the same.

impl platform::Observer for Foreign<dyn Observer> {
    fn changed(&self, topic: Topic) {
        let _ = self.port().and_then(|port| port.changed(topic));
    }
}

impl onecity_core::CodeListener for Foreign<dyn CodeListener> {
    fn code(&self, code: CodeView) {
        let _ = self.port().and_then(|port| port.code(code));
    }
    fn failed(&self, error: Error) {
        let _ = self.port().and_then(|port| port.failed(error));
    }
}

impl onecity_core::ProgressListener for Foreign<dyn ProgressListener> {
    fn progressed(&self, progress: Progress) {
        let _ = self.port().and_then(|port| port.progressed(progress));
    }
    fn finished(&self, outcome: Result<(), Error>) {
        let _ = self.port().and_then(|port| port.finished(outcome.err()));
    }
}
