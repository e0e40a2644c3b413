//! Why a gate stays shut, by name.

use super::format::MalformedCode;

/// Why a gate stays shut. Each reason has one name, for a log line, and one sentence, for a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Refusal {
    #[error("this is not a OneCity code: {0}")]
    Malformed(MalformedCode),
    #[error("the issuer is not on the trust list")]
    UnknownIssuer,
    #[error("the issuer's signature does not hold")]
    IssuerSignature,
    #[error("the issuer may not issue this type of pass or this scope")]
    IssuerNotAllowed,
    #[error("the pass names a phone's key that is none")]
    HolderKey,
    #[error("the pass is not valid yet")]
    NotYetValid,
    #[error("the pass has expired: renew it in the app")]
    Expired,
    #[error("this type of pass does not open this gate")]
    WrongType,
    #[error("the pass is not good here")]
    WrongScope,
    #[error("the pass has been revoked: ask its issuer")]
    Revoked,
    #[error("the pass is suspended: ask its issuer")]
    Suspended,
    #[error("the gate can't tell whether the pass still stands: ask the staff")]
    StatusUnknown,
    #[error("the gate's list of revoked passes is out of date: ask the staff")]
    StatusStale,
    #[error("the code was not signed by the phone that holds the pass")]
    HolderSignature,
    #[error("the code is meant for another gate")]
    WrongAudience,
    #[error("scan what the gate shows, then show the new code")]
    ChallengeNeeded,
    #[error("the code was made for another purpose")]
    WrongPurpose,
    #[error("the code is too old: show a fresh one")]
    Stale,
    #[error("the code is from the future: the phone's clock is wrong")]
    FromTheFuture,
    #[error("the code has been used: show a fresh one")]
    Replayed,
    #[error("this pass has just been used here: wait a moment")]
    TooSoon,
    #[error("the gate does not remember that far back: show the next code")]
    BeforeMemory,
}

impl Refusal {
    /// The reason's name for logs and machines; it carries no personal data.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed(why) => why.name(),
            Self::UnknownIssuer => "unknown_issuer",
            Self::IssuerSignature => "issuer_signature",
            Self::IssuerNotAllowed => "issuer_not_allowed",
            Self::HolderKey => "holder_key",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::WrongType => "wrong_type",
            Self::WrongScope => "wrong_scope",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
            Self::StatusUnknown => "status_unknown",
            Self::StatusStale => "status_stale",
            Self::HolderSignature => "holder_signature",
            Self::WrongAudience => "wrong_audience",
            Self::ChallengeNeeded => "challenge_needed",
            Self::WrongPurpose => "wrong_purpose",
            Self::Stale => "stale",
            Self::FromTheFuture => "from_the_future",
            Self::Replayed => "replayed",
            Self::TooSoon => "too_soon",
            Self::BeforeMemory => "before_memory",
        }
    }

    /// Whether another code from the same phone, a moment later, may be accepted.
    pub fn may_retry(&self) -> bool {
        matches!(
            self,
            Self::ChallengeNeeded
                | Self::Stale
                | Self::Replayed
                | Self::TooSoon
                | Self::BeforeMemory
                | Self::WrongPurpose
        )
    }
}
