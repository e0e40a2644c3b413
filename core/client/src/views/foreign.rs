//! How types of other crates cross into Kotlin, Swift and Python: ids as text, which is checked on the way in. Everything
//! that crosses is declared in this crate, since a type that two components declare can't be used in Swift.

use onecity_protocol::region::{RegionId, RegionKind, UnitId};
use onecity_protocol::service::ServiceId;
use onecity_store::{PendingReason, SubmissionState, TimelineEntry};

use crate::error::Error;

/// A caller's mistake, which the call answers with as if it had noticed it itself.
fn wrong(field: &str, why: impl ToString) -> uniffi::deps::anyhow::Error {
    Error::invalid(field, why).into()
}

/// JSON as text.
type Json = serde_json::Value;

uniffi::custom_type!(RegionId, String, {
    remote,
    try_lift: |text| text.parse().map_err(|error| wrong("region", error)),
    lower: |id| id.to_string(),
});

uniffi::custom_type!(UnitId, String, {
    remote,
    try_lift: |text| text.parse().map_err(|error| wrong("unit", error)),
    lower: |id| id.to_string(),
});

uniffi::custom_type!(ServiceId, String, {
    remote,
    try_lift: |text| text.parse().map_err(|error| wrong("service", error)),
    lower: |id| id.to_string(),
});

uniffi::custom_type!(Json, String, {
    remote,
    try_lift: |text| Ok(serde_json::from_str(&text)?),
    lower: |value| value.to_string(),
});

/// What kind of region it is, independent of its depth.
#[uniffi::remote(Enum)]
pub enum RegionKind {
    Nation,
    Province,
    Municipality,
    City,
    District,
    County,
    Town,
    Ward,
}

/// What keeps a submission from being sent.
#[uniffi::remote(Enum)]
pub enum PendingReason {
    /// There is no network, or the city does not answer.
    Network,
    /// The resident has to log in again.
    Login,
    /// The resident has to log in more strongly.
    StepUp,
    /// The resident has taken back what they agreed to.
    Consent,
    /// The phone's storage is full.
    Storage,
}

/// What became of a submission.
#[uniffi::remote(Enum)]
pub enum SubmissionState {
    /// On the phone; it is tried again by itself.
    Waiting {
        /// How often it was tried.
        attempts: u32,
        /// What the last try failed on.
        pending: Option<PendingReason>,
    },
    /// The city has it.
    Delivered {
        /// When, in seconds.
        at: i64,
        /// What the city answered, as JSON.
        receipt: Json,
    },
    /// The city does not take it, for this reason.
    Refused {
        /// When, in seconds.
        at: i64,
        /// The city's words.
        reason: String,
        /// Whether something else was handed in under this very id before: somebody has to look at it.
        conflict: bool,
    },
}

/// What the city did with a submission, as it tells it.
#[uniffi::remote(Record)]
pub struct TimelineEntry {
    /// When, in seconds.
    pub at: i64,
    /// One word for programs, for example `received`, `in_progress`, `done`.
    pub status: String,
    /// The city's words.
    pub text: String,
    /// By when the city means to have taken the next step, in seconds, if it says so.
    pub due: Option<i64>,
}
