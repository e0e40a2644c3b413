//! One try to deliver: with whose token, whether to ask first, and what an answer means.

use std::time::Duration;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::manifest::Permission;
use onecity_store::{AccountId, Delivery, Due, Owner, PendingReason, Submission, SubmissionState, TimelineEntry};
use reqwest::StatusCode;
use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use serde_json::{Value, json};

use super::queue::Submissions;
use super::upload;
use crate::device::http::plain;
use crate::device::http::{Answer, Outgoing};
use crate::error::{Error, Refusal};
use crate::identity::{Extent, OnBehalf};

/// The first wait after a failed try, in seconds; it doubles up to the longest.
const FIRST_WAIT: i64 = 5;
pub(super) const LONGEST_WAIT: i64 = 3600;
/// How long one try may take: a city that trickles holds nobody else up.
const LONGEST_TRY: Duration = Duration::from_secs(120);
/// For how long a city keeps the keys of what it was sent, in seconds.
const KEYS_KEPT: i64 = 90 * 86_400;
/// Most entries of a timeline.
const MAX_TIMELINE: usize = 200;

impl Submissions {
    /// The account whose token a submission goes with, if the resident still agrees to that.
    async fn on_behalf(&self, owner: &Owner, submission: &Submission) -> Result<Option<OnBehalf>, PendingReason> {
        let Some(fields) = &submission.fields else { return Ok(None) };
        let Owner::Account(account) = owner else { return Err(PendingReason::Login) };
        let service = submission.service.clone();
        let asked = Extent { fields, people: &[], origins: &[] };
        let agreed = self.consents.covers(&service, owner, Permission::Login, asked).await;
        if !agreed.map_err(|_| PendingReason::Storage)? {
            return Err(PendingReason::Consent);
        }
        let account: AccountId = account.clone();
        Ok(Some(OnBehalf { account, service, fields: fields.clone() }))
    }

    /// Sends a request for a submission, with the resident's token where that was agreed to.
    pub(super) async fn send(
        &self,
        owner: &Owner,
        submission: &Submission,
        request: Outgoing,
    ) -> Result<Answer, PendingReason> {
        let sent = match self.on_behalf(owner, submission).await? {
            Some(whom) => self.sessions.send_on_behalf(&whom, request).await,
            None => self.device.http.send(request).await,
        };
        sent.map_err(|error| match error {
            Error::LoginRequired { .. } | Error::Refused { reason: Refusal::LoginDenied { .. }, .. } => {
                PendingReason::Login
            }
            Error::Refused { reason: Refusal::Consent, .. } => PendingReason::Consent,
            Error::StepUpRequired { .. } => PendingReason::StepUp,
            Error::Refused { reason: Refusal::StorageFull, .. } => PendingReason::Storage,
            _ => PendingReason::Network,
        })
    }

    /// The city's own page for a submission.
    pub(super) fn own_url(&self, submission: &Submission, more: &[&str]) -> Result<url::Url, Error> {
        let mut url = self.device.http.url(&submission.url)?;
        url.set_query(None);
        match url.path_segments_mut() {
            Ok(mut path) => drop(path.pop_if_empty().push(&submission.id).extend(more)),
            Err(()) => return Err(Error::internal("an address without a path")),
        }
        Ok(url)
    }
}

#[derive(Deserialize)]
pub(super) struct Status {
    #[serde(default)]
    pub timeline: Vec<TimelineEntry>,
}

impl Submissions {
    /// What the city says of a submission; none if it has no such.
    pub(super) async fn status(&self, owner: &Owner, submission: &Submission) -> Result<Option<Status>, PendingReason> {
        let url = self.own_url(submission, &[]).map_err(|_| PendingReason::Network)?;
        let answer = self.send(owner, submission, Outgoing::get(url)).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let mut status: Status = answer.json().map_err(|_| PendingReason::Network)?;
        status.timeline.truncate(MAX_TIMELINE);
        for entry in &mut status.timeline {
            entry.text = plain(&entry.text);
            entry.status = plain(&entry.status);
        }
        Ok(Some(status))
    }

    /// One try to deliver.
    pub(super) async fn attempt(&self, owner: &Owner, due: Due) -> Delivery {
        let Due { submission, doubtful } = due;
        let attempts = match submission.state {
            SubmissionState::Waiting { attempts, .. } => attempts,
            SubmissionState::Delivered { .. } | SubmissionState::Refused { .. } => 0,
        };
        let asks_first = doubtful || self.is_old(&submission, attempts).await;
        let trying = tokio::time::timeout(LONGEST_TRY, self.try_once(owner, &submission, asks_first));
        // What was uploaded by then stays; others have their turn.
        let outcome = trying.await.unwrap_or(Err(PendingReason::Network));
        let now = self.device.time.now().await;
        match outcome {
            Ok(Tried::Has(receipt)) => Delivery::Accepted { receipt },
            Ok(Tried::Answered(answer)) if answer.status.is_success() => {
                Delivery::Accepted { receipt: serde_json::from_slice(&answer.body).unwrap_or(Value::Null) }
            }
            // Without a token no login will help: it would be tried for ever, and hold up all that follow.
            Ok(Tried::Answered(answer))
                if answer.status.is_client_error()
                    && (!asks_for_patience(answer.status)
                        || (answer.status == StatusCode::UNAUTHORIZED && submission.fields.is_none())) =>
            {
                let conflict = answer.status == StatusCode::UNPROCESSABLE_ENTITY && is_conflict(&answer);
                Delivery::Refused { reason: answer.reason(), conflict }
            }
            Ok(Tried::Answered(answer)) => {
                let pending = if answer.status == StatusCode::UNAUTHORIZED {
                    PendingReason::Login
                } else {
                    PendingReason::Network
                };
                Delivery::Postponed { until: now + asked_wait(&answer).unwrap_or_else(|| wait(attempts)), pending }
            }
            Err(pending) => Delivery::Postponed { until: now + wait(attempts), pending },
        }
    }
}

enum Tried {
    /// The city has it already.
    Has(Value),
    Answered(Answer),
}

impl Submissions {
    /// Whether a city may have forgotten the key of what it was perhaps sent.
    async fn is_old(&self, submission: &Submission, attempts: u32) -> bool {
        attempts > 0 && self.device.time.now().await - submission.created > KEYS_KEPT
    }

    async fn try_once(&self, owner: &Owner, submission: &Submission, doubtful: bool) -> Result<Tried, PendingReason> {
        if doubtful {
            let url = self.own_url(submission, &[]).map_err(|_| PendingReason::Network)?;
            let answer = self.send(owner, submission, Outgoing::get(url)).await?;
            if answer.status.is_success() {
                return Ok(Tried::Has(serde_json::from_slice(&answer.body).unwrap_or(Value::Null)));
            }
            // A city that has no such page still knows its keys.
            if asks_for_patience(answer.status) || answer.status.is_server_error() {
                return Ok(Tried::Answered(answer));
            }
        }
        let mut body = submission.body.clone();
        if !submission.attachments.is_empty() {
            match self.upload_all(owner, submission).await? {
                upload::Outcome::Sent(list) => match body.as_object_mut() {
                    Some(fields) => drop(fields.insert("attachments".to_owned(), list)),
                    None => body = json!({ "body": body, "attachments": list }),
                },
                upload::Outcome::Answered(answer) => return Ok(Tried::Answered(answer)),
            }
        }
        let url = self.device.http.url(&submission.url).map_err(|_| PendingReason::Network)?;
        // The draft's value is a structured-field string: quoted.
        let key = HeaderValue::from_str(&format!("\"{}\"", submission.id)).map_err(|_| PendingReason::Network)?;
        let request = Outgoing::post_json(url, &body).header(HeaderName::from_static("idempotency-key"), key);
        Ok(Tried::Answered(self.send(owner, submission, request).await?))
    }
}

/// Whether a 422 means that the key came with other content (the draft's §2.7), by the problem's type or title.
fn is_conflict(answer: &Answer) -> bool {
    let problem = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    ["type", "title", "error"].iter().any(|name| {
        problem[name]
            .as_str()
            .is_some_and(|text| text.to_ascii_lowercase().replace(['-', '_', ' '], "").contains("idempotencykey"))
    })
}

/// Answers that say «not now» rather than «no»: a lapsed login, too early, too many, another try under way.
fn asks_for_patience(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::CONFLICT
            | StatusCode::TOO_EARLY
            | StatusCode::TOO_MANY_REQUESTS
    )
}

fn asked_wait(answer: &Answer) -> Option<i64> {
    let seconds: i64 = answer.headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(seconds.clamp(1, LONGEST_WAIT))
}

/// Doubling, with up to a quarter of jitter so that a city's phones don't all come back at once.
fn wait(attempts: u32) -> UnixTime {
    let base = FIRST_WAIT.saturating_mul(1 << attempts.min(20)).min(LONGEST_WAIT);
    let mut byte = [0; 1];
    SystemRandom::new().fill(&mut byte).expect("the system has random numbers");
    base + base * i64::from(byte[0]) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_an_hour_and_a_quarter() {
        assert!((5..=7).contains(&wait(0)));
        assert!((10..=13).contains(&wait(1)));
        assert!((3600..=4500).contains(&wait(40)));
    }
}
