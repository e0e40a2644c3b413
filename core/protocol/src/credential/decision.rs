//! What a gate decides, and the line for its log.

use std::fmt;

use super::refusal::Refusal;

/// All that a gate learns of a holder: a type, a scope, and whose word it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Admission {
    pub pass_type: u64,
    pub scopes: Vec<u64>,
    pub fare_class: u64,
    pub issuer: String,
    /// What the holder lets be done; 0 for a passage.
    pub purpose: u64,
    /// Whether it was admitted although the status list is out of date, as the gate's policy says.
    pub status_unchecked: bool,
}

/// What the gate does. Its text is a line for the gate's log, without personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Open.
    Accepted(Admission),
    /// The very code that has just opened it: no second opening, and no scary refusal.
    AlreadyAccepted(Admission),
    /// Stay shut.
    Refused(Refusal),
}

impl Decision {
    /// Whether the gate opens.
    pub fn opens(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    /// One word: `accepted`, `already_accepted` or `refused`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::AlreadyAccepted(_) => "already_accepted",
            Self::Refused(_) => "refused",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(own) | Self::AlreadyAccepted(own) => {
                let scopes: Vec<String> = own.scopes.iter().map(u64::to_string).collect();
                let status = if own.status_unchecked { "unchecked" } else { "valid" };
                write!(f, "{} type={} scopes={}", self.name(), own.pass_type, scopes.join(","))?;
                write!(f, " fare={} purpose={} status={status} issuer={}", own.fare_class, own.purpose, own.issuer)
            }
            Self::Refused(refusal) => write!(f, "refused reason={}", refusal.name()),
        }
    }
}
