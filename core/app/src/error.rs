//! What an error says to a resident: what happened, what is safe, what to do.

use onecity_core::{Error, Refusal};

use crate::shared::Shared;

/// The words for an error. A refusal brings its own from the core.
pub(crate) fn advice(shared: &Shared, error: &Error) -> String {
    let id = match error {
        Error::Refused { text, .. } if !text.is_empty() => return text.clone(),
        Error::Network { .. } => "error-network",
        Error::BadAnswer { .. } => "error-answer",
        Error::LoginRequired { .. } => "error-login",
        Error::StepUpRequired { .. } => "error-step-up",
        Error::SignatureInvalid { .. } => "error-not-genuine",
        Error::RollbackRejected { .. } => "error-older",
        Error::Expired { .. } => "error-expired",
        Error::KeyInvalidated | Error::DeviceKeyGone => "error-key",
        Error::Unavailable { .. } => "error-not-now",
        Error::StoreTooNew => "blocked-too-new",
        Error::Cancelled => "error-cancelled",
        Error::Refused { .. } | Error::InvalidInput { .. } | Error::Internal { .. } => "error-own",
    };
    shared.say(id)
}

/// Whether it is the phone's date that is wrong.
pub(crate) fn is_clock(error: &Error) -> bool {
    matches!(error, Error::Refused { reason: Refusal::PhoneClock, .. })
}
