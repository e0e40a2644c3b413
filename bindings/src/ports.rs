//! The ports as foreign traits, and the wrappers that make the core's ports of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use onecity_core::Topic;
use onecity_core::platform::{self, Platform, PlatformError, SecretError};

use crate::error::{OneCityError, PortError};
use crate::views::{ChangedTopic, CodeView, HandOverView};

/// What a key is for.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum KeyUse {
    /// An account's tokens.
    Session,
    /// The codes of one pass.
    Pass,
    /// What the resident has read and agreed to: each signature asks for the resident.
    Signing,
}

/// A key that was just made.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CreatedKey {
    /// Its id on this device.
    pub id: String,
    /// The certificate chain of key attestation in DER, leaf first; empty where there is none.
    pub attestation: Vec<Vec<u8>>,
}

/// P-256 keys in the Secure Enclave or the Android Keystore.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait DeviceKeys: Send + Sync {
    /// Makes a key. `challenge` is what its attestation shall prove to be fresh; empty for none.
    async fn create(&self, purpose: KeyUse, challenge: Vec<u8>) -> Result<CreatedKey, PortError>;
    /// The public key as an uncompressed SEC 1 point, 65 bytes.
    async fn public_key(&self, id: String) -> Result<Vec<u8>, PortError>;
    /// ECDSA over the SHA-256 of `message`, in DER.
    async fn sign(&self, id: String, message: Vec<u8>) -> Result<Vec<u8>, PortError>;
    /// Forgets a key.
    async fn delete(&self, id: String) -> Result<(), PortError>;
}

/// Wraps 32-byte secrets with a key that never leaves the key store.
#[uniffi::export(with_foreign)]
pub trait SecretStore: Send + Sync {
    /// Encrypts a secret.
    fn wrap(&self, secret: Vec<u8>) -> Result<Vec<u8>, PortError>;
    /// Decrypts what `wrap` returned.
    fn unwrap(&self, wrapped: Vec<u8>) -> Result<Vec<u8>, PortError>;
    /// Keeps a number that never goes back, outside of the files and of every backup; a lower one than is there is not
    /// kept.
    fn remember(&self, generation: u64) -> Result<(), PortError>;
    /// The number that was kept last.
    fn recall(&self) -> Result<Option<u64>, PortError>;
}

/// The device's clocks.
#[uniffi::export(with_foreign)]
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970 by the wall clock.
    fn wall(&self) -> Result<i64, PortError>;
    /// Milliseconds since the device started, sleep included.
    fn since_boot_including_sleep(&self) -> Result<i64, PortError>;
    /// What tells one start of the device from another.
    fn boot_id(&self) -> Result<String, PortError>;
}

/// What the resident is asked to agree to.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ConsentQuestion {
    pub service: String,
    pub publisher: String,
    pub permission: String,
    pub reason: String,
    /// Exactly what would be shown, if something is.
    pub fields: Vec<String>,
    /// Of whom, if not of the resident.
    pub subject: Option<String>,
}

/// Asks the resident.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait ConsentPrompt: Send + Sync {
    /// Whether the resident agrees.
    async fn ask(&self, question: ConsentQuestion) -> Result<bool, PortError>;
}

/// What a mini-service can have the shell do.
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
    async fn share(&self, text: String, url: Option<String>) -> Result<bool, PortError>;
    /// Opens an address in the system browser, or dials a `tel:` number, after showing where to.
    async fn open_browser(&self, url: String) -> Result<bool, PortError>;
    /// Opens another service over the one of `from_service`, with what it was handed as JSON, and returns what it
    /// finished with.
    async fn open_service(&self, link: String, data: String, from_service: String)
    -> Result<Option<String>, PortError>;
    /// A service that was opened over another has come to its end, with this result as JSON.
    async fn finish_service(&self, service: String, result: String) -> Result<(), PortError>;
}

/// Where the phone is, in degrees (WGS 84) and metres.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct Position {
    pub latitude: f64,
    pub longitude: f64,
    pub accuracy: f64,
}

/// A photo that the resident took or chose.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Photo {
    pub name: String,
    pub media_type: String,
    /// At most 20 MiB.
    pub bytes: Vec<u8>,
}

/// Told that a screen is out of date.
#[uniffi::export(with_foreign)]
pub trait Observer: Send + Sync {
    /// What changed.
    fn changed(&self, topic: ChangedTopic) -> Result<(), PortError>;
}

/// Told each code that a screen should show.
#[uniffi::export(with_foreign)]
pub trait CodeListener: Send + Sync {
    /// Show this one, until the next comes.
    fn code(&self, code: CodeView) -> Result<(), PortError>;
    /// There will be no more.
    fn failed(&self, error: OneCityError) -> Result<(), PortError>;
}

/// The core's listener over a shell's.
pub struct Listener(pub Arc<dyn CodeListener>);

impl onecity_core::CodeListener for Listener {
    fn code(&self, code: onecity_core::CodeView) {
        // A listener that fails has shown nothing; the next code is told all the same.
        let _ = self.0.code(code.into());
    }
    fn failed(&self, error: onecity_core::Error) {
        let _ = self.0.failed(error.into());
    }
}

/// What long work is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Step {
    Registry,
    Services,
    Packages,
}

/// Told how long work goes.
#[uniffi::export(with_foreign)]
pub trait ProgressListener: Send + Sync {
    /// It has come this far; packages are counted in bytes.
    fn progressed(&self, step: Step, done: u64, total: u64) -> Result<(), PortError>;
    /// It has come to its end: well, or for this reason not. Not called when it was cancelled.
    fn finished(&self, failure: Option<OneCityError>) -> Result<(), PortError>;
}

/// The core's listener over a shell's.
pub struct ProgressTold(pub Arc<dyn ProgressListener>);

impl onecity_core::ProgressListener for ProgressTold {
    fn progressed(&self, progress: onecity_core::Progress) {
        let step = match progress.step {
            onecity_core::Step::Registry => Step::Registry,
            onecity_core::Step::Services => Step::Services,
            onecity_core::Step::Packages => Step::Packages,
        };
        let _ = self.0.progressed(step, progress.done, progress.total);
    }
    fn finished(&self, outcome: Result<(), onecity_core::Error>) {
        let _ = self.0.finished(outcome.err().map(Into::into));
    }
}

/// All ports together.
#[derive(uniffi::Record)]
pub struct Ports {
    pub keys: Arc<dyn DeviceKeys>,
    pub secrets: Arc<dyn SecretStore>,
    pub clock: Arc<dyn Clock>,
    pub consent: Arc<dyn ConsentPrompt>,
    pub host: Arc<dyn ServiceHost>,
    pub observer: Arc<dyn Observer>,
}

impl From<Ports> for Platform {
    fn from(ports: Ports) -> Self {
        Self {
            keys: Arc::new(Keys(ports.keys)),
            secrets: Arc::new(Secrets(ports.secrets)),
            clock: Arc::new(DeviceClock { clock: ports.clock, wall: AtomicI64::new(0), counter: AtomicI64::new(0) }),
            consent: Arc::new(Consent(ports.consent)),
            host: Arc::new(Host(ports.host)),
            observer: Arc::new(Watcher(ports.observer)),
        }
    }
}

struct Keys(Arc<dyn DeviceKeys>);

#[async_trait]
impl platform::DeviceKeys for Keys {
    async fn create(
        &self,
        purpose: platform::KeyPurpose,
        challenge: &[u8],
    ) -> Result<platform::CreatedKey, PlatformError> {
        let purpose = match purpose {
            platform::KeyPurpose::Session => KeyUse::Session,
            platform::KeyPurpose::Pass => KeyUse::Pass,
            platform::KeyPurpose::Signing => KeyUse::Signing,
        };
        let CreatedKey { id, attestation } = self.0.create(purpose, challenge.to_vec()).await?;
        Ok(platform::CreatedKey { id, attestation })
    }
    async fn public_key(&self, id: &str) -> Result<Vec<u8>, PlatformError> {
        Ok(self.0.public_key(id.to_owned()).await?)
    }
    async fn sign(&self, id: &str, message: &[u8]) -> Result<Vec<u8>, PlatformError> {
        Ok(self.0.sign(id.to_owned(), message.to_vec()).await?)
    }
    async fn delete(&self, id: &str) -> Result<(), PlatformError> {
        Ok(self.0.delete(id.to_owned()).await?)
    }
}

struct Secrets(Arc<dyn SecretStore>);

impl platform::SecretStore for Secrets {
    fn wrap(&self, secret: &[u8]) -> Result<Vec<u8>, SecretError> {
        Ok(self.0.wrap(secret.to_vec())?)
    }
    fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, SecretError> {
        Ok(self.0.unwrap(wrapped.to_vec())?)
    }
    fn remember(&self, generation: u64) -> Result<(), SecretError> {
        Ok(self.0.remember(generation)?)
    }
    fn recall(&self) -> Result<Option<u64>, SecretError> {
        Ok(self.0.recall()?)
    }
}

/// A clock whose other side fails goes on with its last reading: time then stands still rather than jumps.
struct DeviceClock {
    clock: Arc<dyn Clock>,
    wall: AtomicI64,
    counter: AtomicI64,
}

fn or_last(reading: Result<i64, PortError>, last: &AtomicI64) -> i64 {
    match reading {
        Ok(reading) => {
            last.store(reading, Ordering::Relaxed);
            reading
        }
        Err(_) => last.load(Ordering::Relaxed),
    }
}

impl platform::Clock for DeviceClock {
    fn wall(&self) -> i64 {
        or_last(self.clock.wall(), &self.wall)
    }
    fn since_boot_including_sleep(&self) -> i64 {
        or_last(self.clock.since_boot_including_sleep(), &self.counter)
    }
    fn boot_id(&self) -> String {
        // An unknown start is another start: the time then counts as unverified.
        self.clock.boot_id().unwrap_or_default()
    }
}

struct Consent(Arc<dyn ConsentPrompt>);

#[async_trait]
impl platform::ConsentPrompt for Consent {
    async fn ask(&self, request: platform::ConsentRequest) -> bool {
        let platform::ConsentRequest { service, publisher, permission, reason, fields, subject } = request;
        // Silence is not agreement.
        self.0.ask(ConsentQuestion { service, publisher, permission, reason, fields, subject }).await.unwrap_or(false)
    }
}

struct Host(Arc<dyn ServiceHost>);

#[async_trait]
impl platform::ServiceHost for Host {
    async fn show_pass(&self, pass_id: String) {
        let _ = self.0.show_pass(pass_id).await;
    }
    async fn show_hand_over(&self, shown: onecity_core::HandOverView) {
        let _ = self.0.show_hand_over(shown.into()).await;
    }
    // A host that fails has done nothing: the resident went back, as far as the page can tell.
    async fn scan(&self) -> Option<String> {
        self.0.scan().await.ok().flatten()
    }
    async fn locate(&self) -> Option<platform::Position> {
        let Position { latitude, longitude, accuracy } = self.0.locate().await.ok().flatten()?;
        Some(platform::Position { latitude, longitude, accuracy })
    }
    async fn pick_photo(&self) -> Option<platform::Photo> {
        let Photo { name, media_type, bytes } = self.0.pick_photo().await.ok().flatten()?;
        Some(platform::Photo { name, media_type, bytes })
    }
    async fn share(&self, shared: platform::Shared) -> bool {
        self.0.share(shared.text, shared.url).await.unwrap_or(false)
    }
    async fn open_browser(&self, url: String) -> bool {
        self.0.open_browser(url).await.unwrap_or(false)
    }
    async fn open_service(&self, link: String, data: String, from: onecity_core::ServiceId) -> Option<String> {
        self.0.open_service(link, data, from.to_string()).await.ok().flatten()
    }
    async fn finish_service(&self, service: onecity_core::ServiceId, result: String) {
        let _ = self.0.finish_service(service.to_string(), result).await;
    }
}

struct Watcher(Arc<dyn Observer>);

impl platform::Observer for Watcher {
    fn changed(&self, topic: Topic) {
        let _ = self.0.changed(topic.into());
    }
}
