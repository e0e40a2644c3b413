//! The ports: the only things that a shell must supply.
//!
//! What waits for a resident is async, and no thread is held meanwhile: a camera or a browser may take minutes. Keys are
//! async, too, since a key may ask for a fingerprint. [`SecretStore`], [`Clock`] and [`Observer`] answer at once. The
//! client begins every call of a port on a thread where blocking is fine.

pub mod software;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use onecity_protocol::service::ServiceId;
pub use onecity_store::{SecretError, SecretStore};

use crate::error::Error;
use crate::views::{HandOverView, Topic};

/// Why the platform did not do what it was asked for. It holds no personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// The key is gone for good.
    #[error("the device's key is gone")]
    KeyInvalidated,
    /// It does not answer now, and may later.
    #[error("the device does not answer: {why}")]
    Unavailable {
        /// What it said, for a log.
        why: String,
    },
}

impl From<PlatformError> for Error {
    fn from(error: PlatformError) -> Self {
        match error {
            PlatformError::KeyInvalidated => Self::DeviceKeyGone,
            PlatformError::Unavailable { why } => Self::Unavailable { why },
        }
    }
}

/// What a key is for. Keys are never shared between purposes, so that nobody can link them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum KeyPurpose {
    /// Proves that an account's tokens are used by this phone (DPoP). Not bound to user authentication.
    Session,
    /// Signs the codes of one pass. In the TEE or Secure Enclave, not bound to user authentication.
    Pass,
    /// Signs what the resident has read and agreed to. Each signature asks for the resident (fingerprint, face, code).
    Signing,
}

/// A key that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedKey {
    /// Its id on this device.
    pub id: String,
    /// What proves to others that the key is in hardware, as the platform gives it: on Android the certificate chain of
    /// key attestation in DER, leaf first; empty where there is none.
    pub attestation: Vec<Vec<u8>>,
}

/// P-256 keys in the Secure Enclave or the Android Keystore.
#[async_trait]
pub trait DeviceKeys: Send + Sync {
    /// Makes a key. `challenge` is what its attestation shall prove to be fresh; empty for none.
    async fn create(&self, purpose: KeyPurpose, challenge: &[u8]) -> Result<CreatedKey, PlatformError>;
    /// The public key as an uncompressed SEC 1 point, 65 bytes.
    async fn public_key(&self, id: &str) -> Result<Vec<u8>, PlatformError>;
    /// ECDSA over the SHA-256 of `message`, in DER as both platforms return it.
    async fn sign(&self, id: &str, message: &[u8]) -> Result<Vec<u8>, PlatformError>;
    /// Deletes a key; one that is not there is fine.
    async fn delete(&self, id: &str) -> Result<(), PlatformError>;
}

/// The device's clocks. They answer at once.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970 by the wall clock, which the resident may have set wrong.
    fn wall(&self) -> i64;
    /// Milliseconds since the device started, sleep included.
    fn since_boot_including_sleep(&self) -> i64;
    /// What tells one start of the device from another.
    fn boot_id(&self) -> String;
    /// Waits until so many milliseconds have passed by this clock. That is the process's own time, unless a clock goes at another
    /// speed, as a virtual phone's does.
    fn wait(&self, milliseconds: u64) -> BoxFuture<'static, ()> {
        Box::pin(async move { tokio::time::sleep(Duration::from_millis(milliseconds)).await })
    }
}

/// What the resident is asked to agree to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ConsentRequest {
    /// The service that asks, in the resident's language.
    pub service: String,
    /// Who publishes it.
    pub publisher: String,
    /// What it asks for, by the permission's name.
    pub permission: String,
    /// Why, in the publisher's words.
    pub reason: String,
    /// Exactly what would be shown, if something is.
    pub fields: Vec<String>,
    /// Whose data they are, by name; empty if the resident's own alone.
    pub people: Vec<String>,
    /// The servers that it may go to, as the publisher declares them. A version of the service that declares another one
    /// asks again.
    pub origins: Vec<String>,
}

/// Asks the resident.
#[async_trait]
pub trait ConsentPrompt: Send + Sync {
    /// Whether the resident agrees. It takes as long as they do.
    async fn ask(&self, request: ConsentRequest) -> bool;
}

/// An order that is to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The service that asks, in the resident's language.
    pub service: String,
    /// Who publishes it.
    pub publisher: String,
    /// The city's number for the order.
    pub order: String,
    /// What it comes to, in the currency's smallest unit.
    pub amount: u64,
    /// ISO 4217, for example `CNY`.
    pub currency: String,
    /// The payment page.
    pub url: String,
}

/// Where the phone is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Position {
    /// Degrees north (WGS 84).
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Metres.
    pub accuracy: f64,
}

/// A photo that the resident took or chose.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Photo {
    /// A file name.
    pub name: String,
    /// For example `image/jpeg`.
    pub media_type: String,
    /// At most 20 MiB. A shell takes the place and time out of it unless the resident wants them in.
    pub bytes: Vec<u8>,
}

/// What goes to the phone's own sheet for sharing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct Shared {
    pub text: String,
    pub url: Option<String>,
}

/// What a mini-service can have the shell do. Each returns when the resident is done; none or false if they went back.
#[async_trait]
pub trait ServiceHost: Send + Sync {
    /// Shows a pass's code full screen.
    async fn show_pass(&self, pass_id: String);
    /// Shows a draft's code until the resident closes it.
    async fn show_hand_over(&self, shown: HandOverView);
    /// Lets the resident scan a code.
    async fn scan(&self) -> Option<String>;
    /// Where the phone is, after the system's own question.
    async fn locate(&self) -> Option<Position>;
    /// Lets the resident take or choose a photo.
    async fn pick_photo(&self) -> Option<Photo>;
    /// Opens the sheet for sharing.
    async fn share(&self, shared: Shared) -> bool;
    /// Opens an address in the system browser, or dials a `tel:` number, after showing where to.
    async fn open_browser(&self, url: String) -> bool;
    /// Opens a payment page in the system browser, after showing who asks for how much. A shell that shows nothing of its
    /// own shows where to.
    async fn pay(&self, payment: Payment) -> bool {
        self.open_browser(payment.url).await
    }
    /// Opens another service over this one, with what it was handed as JSON, and returns what it finished with.
    async fn open_service(&self, link: String, data: String, from: ServiceId) -> Option<String>;
    /// A service that was opened over another has come to its end, with this result as JSON.
    async fn finish_service(&self, service: ServiceId, result: String);
}

/// Told that a screen is out of date; it carries no data, the shell asks again.
pub trait Observer: Send + Sync {
    /// What changed.
    fn changed(&self, topic: Topic);
}

/// All ports together.
#[derive(Clone)]
#[expect(missing_docs, reason = "the types say it")]
pub struct Platform {
    pub keys: Arc<dyn DeviceKeys>,
    pub secrets: Arc<dyn SecretStore>,
    pub clock: Arc<dyn Clock>,
    pub consent: Arc<dyn ConsentPrompt>,
    pub host: Arc<dyn ServiceHost>,
    pub observer: Arc<dyn Observer>,
}
