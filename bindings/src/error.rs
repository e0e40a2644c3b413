//! Errors as another language sees them: one variant for each thing that a shell does differently.

use onecity_core::Error;
use onecity_core::platform::{PlatformError, SecretError};

/// What a shell can be told went wrong.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum OneCityError {
    /// No answer; the same call may work later.
    #[error("network: {why}")]
    Network { why: String },
    /// A server answered, and its answer can't be used.
    #[error("bad answer: {why}")]
    BadAnswer { why: String },
    /// Somebody has to log in first, or again.
    #[error("login required: {why}")]
    LoginRequired { why: String },
    /// A stronger login is needed: `begin_step_up` with this `acr`.
    #[error("a stronger login is required: {acr}")]
    StepUpRequired { acr: String },
    /// The other side, or a rule, says no; `reason` is a stable name.
    #[error("refused ({reason}): {detail}")]
    Refused { reason: String, detail: String },
    /// A signature, hash or key is not what was expected.
    #[error("not genuine: {what}")]
    SignatureInvalid { what: String },
    /// Older than what this phone has seen.
    #[error("rollback rejected: {what}")]
    RollbackRejected { what: String },
    /// The registry was not signed again in time.
    #[error("out of date: {what}")]
    Expired { what: String },
    /// The vault's key is gone; the file is kept until the resident decides.
    #[error("the key that protects this phone's private data has changed")]
    KeyInvalidated,
    /// The device no longer has a key that one account, service or pass was bound to: log in again.
    #[error("a key of this device is gone")]
    DeviceKeyGone,
    /// The device's key store does not answer just now; the same call may work later.
    #[error("the key store does not answer: {why}")]
    Unavailable { why: String },
    /// A newer app wrote the files.
    #[error("a newer version of the app has written this phone's data")]
    StoreTooNew,
    /// A caller's mistake.
    #[error("{field}: {why}")]
    InvalidInput { field: String, why: String },
    /// The call was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// A fault of the core or the device.
    #[error("internal: {what}")]
    Internal { what: String },
}

impl From<Error> for OneCityError {
    fn from(error: Error) -> Self {
        match error {
            Error::Network { why } => Self::Network { why },
            Error::BadAnswer { why } => Self::BadAnswer { why },
            Error::DeviceKeyGone => Self::DeviceKeyGone,
            Error::Unavailable { why } => Self::Unavailable { why },
            Error::LoginRequired { why } => Self::LoginRequired { why },
            Error::StepUpRequired { acr } => Self::StepUpRequired { acr },
            Error::Refused { reason, detail } => Self::Refused { reason: reason.name().to_owned(), detail },
            Error::SignatureInvalid { what } => Self::SignatureInvalid { what },
            Error::RollbackRejected { what } => Self::RollbackRejected { what },
            Error::Expired { what } => Self::Expired { what },
            Error::KeyInvalidated => Self::KeyInvalidated,
            Error::StoreTooNew => Self::StoreTooNew,
            Error::InvalidInput { field, why } => Self::InvalidInput { field, why },
            Error::Cancelled => Self::Cancelled,
            Error::Internal { what } => Self::Internal { what },
        }
    }
}

/// Why a port did not do what it was asked for.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum PortError {
    /// The key is gone for good.
    #[error("the key is gone")]
    KeyInvalidated,
    /// It does not answer now, and may later.
    #[error("unavailable: {why}")]
    Unavailable { why: String },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for PortError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable { why: error.reason }
    }
}

impl From<PortError> for PlatformError {
    fn from(error: PortError) -> Self {
        match error {
            PortError::KeyInvalidated => Self::KeyInvalidated,
            PortError::Unavailable { why } => Self::Unavailable(why),
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
