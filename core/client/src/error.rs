//! The few errors that a shell has to tell apart. Every crate below has precise ones; this file converts them.
//!
//! None holds personal data: no name, no number, no address that was looked for, no token. [`Error::may_retry`] says
//! whether the same call may work later without anybody doing anything.

use onecity_protocol::credential::{MalformedCode, TrustListError};
use onecity_protocol::identity_provider::ProvidersError;
use onecity_protocol::region::{IdError, RegionDataError};
use onecity_protocol::rules::Finding;
use onecity_protocol::trust::TrustError;
use onecity_store::StoreError;

/// What a shell can be told went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error), uniffi(name = "OneCityError"))]
pub enum Error {
    /// The server can't be reached, or the connection broke off.
    #[error("the network: {why}")]
    Network {
        /// What happened, without addresses of the resident.
        why: String,
    },
    /// A server answered, and its answer can't be used. Trying again does not help until the server is repaired.
    #[error("a server's answer can't be used: {why}")]
    BadAnswer {
        /// What is wrong with it.
        why: String,
    },
    /// Somebody has to log in first, or again.
    #[error("please log in: {why}")]
    LoginRequired {
        /// Why the last session does not do.
        why: String,
    },
    /// The resident has to log in more strongly: `Client::begin_step_up`.
    #[error("please log in more strongly ({acr})")]
    StepUpRequired {
        /// How, as OpenID Connect's `acr`.
        acr: String,
    },
    /// The other side, or a rule, says no.
    #[error("{reason}: {detail}")]
    Refused {
        /// What was refused, for programs.
        reason: Refusal,
        /// What happened and what to do, in the resident's language.
        text: String,
        /// The same more exactly and in English, for a log.
        detail: String,
    },
    /// A signature, hash or key is not what was expected.
    #[error("not genuine: {what}")]
    SignatureInvalid {
        /// Whose, and what to do.
        what: String,
    },
    /// The registry offers what is older than what this phone has seen.
    #[error("older than what this phone has seen: {what}")]
    RollbackRejected {
        /// Which part.
        what: String,
    },
    /// The registry was not signed again in time: what is installed goes on working, nothing new installs.
    #[error("out of date: {what}")]
    Expired {
        /// Which part.
        what: String,
    },
    /// The phone's key for the vault is gone; the file is kept until the resident decides: `Client::restore_vault` or
    /// `Client::quarantine_vault`. A key of one account or pass that is gone is [`Error::DeviceKeyGone`].
    #[error("the key that protects this phone's private data has changed; the data is kept until you decide")]
    KeyInvalidated,
    /// The device no longer has a key that one account, service or pass was bound to: log in again, or get the pass
    /// again. Everything else is as it was.
    #[error("a key of this device is gone: log in again")]
    DeviceKeyGone,
    /// The device's key store does not answer just now, for example because the phone is locked; or what the phone
    /// knew of the registry was altered, and is fetched again.
    #[error("not just now: {why}")]
    Unavailable {
        /// What it said, for a log.
        why: String,
    },
    /// A newer version of the app wrote the files.
    #[error("a newer version of the app has written this phone's data: update the app")]
    StoreTooNew,
    /// A caller's mistake.
    #[error("{field}: {why}")]
    InvalidInput {
        /// Which argument.
        field: String,
        /// What is wrong with it.
        why: String,
    },
    /// The call was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// A fault of ours or of the device.
    #[error("something went wrong on this phone: {what}")]
    Internal {
        /// For a log.
        what: String,
    },
}

/// Why something was refused. What a screen says of it is in [`Error::Refused`]'s `text`. None holds personal data but what
/// the other side itself says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Refusal {
    /// The answer to a login does not belong to one that was begun here, or it took too long.
    LoginState,
    /// The provider did not log the resident in.
    LoginDenied {
        /// What it said, if it said something.
        said: Option<String>,
    },
    /// The provider is not the one that the registry names.
    WrongIssuer,
    /// The login's proof was made for another login.
    WrongNonce,
    /// There is no such service, region or pass here.
    NotFound,
    /// The service is not offered in this region.
    NotOffered,
    /// The service was withdrawn.
    Withdrawn {
        /// Why, in the resident's language.
        why: String,
    },
    /// The app is too old for the service.
    PlatformTooOld,
    /// The service's package breaks a rule.
    Package {
        /// Which, as `docs/rules.md` numbers it; none for what only a phone can see.
        rule: Option<String>,
    },
    /// The resident did not agree.
    Consent,
    /// The manifest does not declare this.
    NotDeclared,
    /// The issuer did not issue the pass.
    Issuance {
        /// What it said, if it said something.
        said: Option<String>,
    },
    /// The pass has expired, and there was no network to renew it.
    PassExpired,
    /// The issuer has revoked the pass.
    PassRevoked,
    /// The issuer has suspended the pass.
    PassSuspended,
    /// The phone's key for the pass is gone, and the pass could not be issued again yet.
    PassKeyGone,
    /// Another process has the files open.
    InUse,
    /// The phone's storage is full.
    StorageFull,
    /// A mini-service, or the resident, keeps as much as may be kept.
    Quota,
    /// The private file can't be read; it is kept until the resident decides.
    VaultDamaged,
    /// The city has the submission, or may have it: it can't be cancelled here any more.
    AlreadySent,
    /// A draft from another phone can't be taken over any more.
    DraftExpired,
    /// A form is begun in this service already.
    DraftThere,
    /// A document no longer counts.
    DocumentExpired,
    /// Submissions of the account wait to be sent.
    StillWaiting,
    /// This phone's date seems to be wrong: what is published has ended by it, and no server has confirmed it.
    PhoneClock,
}

impl Refusal {
    /// A stable name for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LoginState => "login_state",
            Self::LoginDenied { .. } => "login_denied",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongNonce => "wrong_nonce",
            Self::NotFound => "not_found",
            Self::NotOffered => "not_offered",
            Self::Withdrawn { .. } => "withdrawn",
            Self::PlatformTooOld => "platform_too_old",
            Self::Package { .. } => "package",
            Self::Consent => "consent",
            Self::NotDeclared => "not_declared",
            Self::Issuance { .. } => "issuance",
            Self::PassExpired => "pass_expired",
            Self::PassRevoked => "pass_revoked",
            Self::PassSuspended => "pass_suspended",
            Self::PassKeyGone => "pass_key_gone",
            Self::InUse => "in_use",
            Self::StorageFull => "storage_full",
            Self::Quota => "quota",
            Self::VaultDamaged => "vault_damaged",
            Self::AlreadySent => "already_sent",
            Self::DraftExpired => "draft_expired",
            Self::DraftThere => "draft_there",
            Self::DocumentExpired => "document_expired",
            Self::StillWaiting => "still_waiting",
            Self::PhoneClock => "phone_clock",
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Error {
    /// Whether the same call may work later without anybody doing anything.
    pub fn may_retry(&self) -> bool {
        matches!(
            self,
            Self::Network { .. }
                | Self::Expired { .. }
                | Self::Unavailable { .. }
                | Self::Cancelled
                | Self::Refused { reason: Refusal::PhoneClock, .. }
        )
    }

    pub(crate) fn network(why: impl Into<String>) -> Self {
        Self::Network { why: why.into() }
    }

    pub(crate) fn answer(why: impl Into<String>) -> Self {
        Self::BadAnswer { why: why.into() }
    }

    pub(crate) fn login_required(why: impl Into<String>) -> Self {
        Self::LoginRequired { why: why.into() }
    }

    pub(crate) fn refused(reason: Refusal, detail: impl Into<String>) -> Self {
        Self::Refused { reason, text: String::new(), detail: detail.into() }
    }

    pub(crate) fn login_denied(said: Option<String>, detail: impl Into<String>) -> Self {
        Self::refused(Refusal::LoginDenied { said }, detail)
    }

    pub(crate) fn invalid(field: &str, why: impl ToString) -> Self {
        Self::InvalidInput { field: field.to_owned(), why: why.to_string() }
    }

    pub(crate) fn internal(what: impl ToString) -> Self {
        Self::Internal { what: what.to_string() }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooNew { .. } => Self::StoreTooNew,
            StoreError::KeyInvalidated => Self::KeyInvalidated,
            StoreError::KeyUnavailable | StoreError::CatalogueAltered => Self::Unavailable { why: error.to_string() },
            StoreError::NoSuchAccount => Self::LoginRequired { why: error.to_string() },
            StoreError::InUse => Self::refused(Refusal::InUse, error.to_string()),
            StoreError::Full => {
                Self::refused(Refusal::StorageFull, "the phone's storage is full; free some and try again")
            }
            StoreError::Quota { .. } => Self::refused(Refusal::Quota, error.to_string()),
            StoreError::FileDamaged { .. } => Self::refused(Refusal::VaultDamaged, error.to_string()),
            StoreError::NoSuchAttachment => Self::refused(Refusal::NotFound, error.to_string()),
            other => Self::internal(other),
        }
    }
}

impl From<TrustError> for Error {
    fn from(error: TrustError) -> Self {
        let what = error.to_string();
        match error {
            TrustError::Expired { .. } => Self::Expired { what },
            TrustError::Rollback { .. } => Self::RollbackRejected { what },
            TrustError::NotListed(_) => Self::refused(Refusal::NotFound, what),
            TrustError::Limit(_) => Self::refused(Refusal::Quota, what),
            TrustError::Signatures { .. }
            | TrustError::Mismatch(_)
            | TrustError::Malformed(_)
            | TrustError::WrongFile { .. } => Self::SignatureInvalid { what },
        }
    }
}

impl From<Finding> for Error {
    fn from(finding: Finding) -> Self {
        let reason = Refusal::Package { rule: Some(finding.rule.id.to_owned()) };
        Self::refused(reason, finding.to_string())
    }
}

impl From<RegionDataError> for Error {
    fn from(error: RegionDataError) -> Self {
        Self::SignatureInvalid { what: error.to_string() }
    }
}

impl From<TrustListError> for Error {
    fn from(error: TrustListError) -> Self {
        Self::SignatureInvalid { what: error.to_string() }
    }
}

impl From<MalformedCode> for Error {
    fn from(error: MalformedCode) -> Self {
        Self::SignatureInvalid { what: error.to_string() }
    }
}

impl From<ProvidersError> for Error {
    fn from(error: ProvidersError) -> Self {
        Self::SignatureInvalid { what: error.to_string() }
    }
}

impl From<IdError> for Error {
    fn from(error: IdError) -> Self {
        Self::invalid("region", error)
    }
}
