//! A submission, what became of it, and what a try to deliver it came to.

use onecity_protocol::credential::UnixTime;
use onecity_protocol::service::ServiceId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What keeps a submission from being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum SubmissionState {
    /// On the phone; it is tried again by itself.
    Waiting {
        /// How often it was tried.
        attempts: u32,
        /// What the last try failed on.
        #[serde(default, alias = "holdup")]
        pending: Option<PendingReason>,
    },
    /// The city has it.
    Delivered {
        /// When, in seconds.
        at: UnixTime,
        /// What the city answered.
        receipt: Value,
    },
    /// The city does not take it, for this reason.
    Refused {
        /// When, in seconds.
        at: UnixTime,
        /// The city's words.
        reason: String,
        /// Whether something else was handed in under this very id before: somebody has to look at it.
        #[serde(default)]
        conflict: bool,
    },
}

/// What the city did with a submission, as it tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When, in seconds.
    pub at: UnixTime,
    /// One word for programs, for example `received`, `in_progress`, `done`.
    pub status: String,
    /// The city's words.
    #[serde(default)]
    pub text: String,
    /// By when the city means to have taken the next step, in seconds, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<UnixTime>,
}

/// Something that a resident hands in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// 32 hexadecimal digits; also its idempotency key.
    pub id: String,
    /// The service that it came from.
    #[serde(flatten)]
    pub service: ServiceId,
    /// What the resident sees in the list.
    pub title: String,
    /// Where it goes.
    pub url: String,
    /// What is sent.
    pub body: Value,
    /// When it was handed in, in seconds.
    pub created: UnixTime,
    /// What goes with it, by the attachments' ids.
    #[serde(default)]
    pub attachments: Vec<String>,
    /// What the city has told of it.
    #[serde(default)]
    pub timeline: Vec<TimelineEntry>,
    /// What the city learns of the resident with it, if it goes with a token.
    #[serde(default)]
    pub fields: Option<Vec<String>>,
    /// What became of it.
    pub state: SubmissionState,
}

/// What a try to deliver came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The city took it.
    Accepted {
        /// The city's answer.
        receipt: Value,
    },
    /// The city said no, and would say no again.
    Refused {
        /// The city's words.
        reason: String,
        /// Whether it has something else under this id.
        conflict: bool,
    },
    /// No answer, or one that asks for patience.
    Postponed {
        /// When to try next, in seconds.
        until: UnixTime,
        /// What it failed on.
        pending: PendingReason,
    },
}

/// A submission whose turn it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// The submission.
    pub submission: Submission,
    /// Whether the city may have it already, though this phone does not know: ask before sending.
    pub doubtful: bool,
}
