//! One try to deliver: with whose token, whether to ask first, and what an answer means.

use std::sync::Arc;
use std::time::Duration;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::manifest::Permission;
use onecity_store::{AccountId, Delivery, Due, Holdup, Owner, Submission, SubmissionState, TimelineEntry};
use reqwest::StatusCode;
use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{plain, reason_of, upload};
use crate::client::Inner;
use crate::consents;
use crate::error::{Error, Refusal};
use crate::net::{Answer, Outgoing};
use crate::session::OnBehalf;
use crate::views::ServiceId;

/// The first wait after a failed try, in seconds; it doubles up to the longest.
const FIRST_WAIT: i64 = 5;
pub const LONGEST_WAIT: i64 = 3600;
/// How long one try may take: a city that trickles holds nobody else up.
const LONGEST_TRY: Duration = Duration::from_secs(120);
/// For how long a city keeps the keys of what it was sent, in seconds.
const KEYS_KEPT: i64 = 90 * 86_400;
/// Most entries of a timeline.
const MAX_TIMELINE: usize = 200;

/// The account whose token a submission goes with, if the resident still agrees to that.
async fn on_behalf(inner: &Arc<Inner>, owner: &Owner, submission: &Submission) -> Result<Option<OnBehalf>, Holdup> {
    let Some(fields) = &submission.fields else { return Ok(None) };
    let Owner::Account(account) = owner else { return Err(Holdup::Login) };
    let service = ServiceId { unit: submission.unit.clone(), app_id: submission.app_id.clone() };
    let agreed = consents::covers(inner, &service, owner, Permission::Login, fields, &[]).await;
    if !agreed.map_err(|_| Holdup::Storage)? {
        return Err(Holdup::Consent);
    }
    let account: AccountId = account.clone();
    Ok(Some(OnBehalf { account, service, fields: fields.clone() }))
}

/// Sends a request for a submission, with the resident's token where that was agreed to.
pub async fn send(
    inner: &Arc<Inner>,
    owner: &Owner,
    submission: &Submission,
    request: Outgoing,
) -> Result<Answer, Holdup> {
    let sent = match on_behalf(inner, owner, submission).await? {
        Some(whom) => inner.sessions.send_on_behalf(inner, &whom, request).await,
        None => inner.net.send(request.timeless()).await,
    };
    sent.map_err(|error| match error {
        Error::LoginRequired { .. } | Error::Refused { reason: Refusal::LoginDenied, .. } => Holdup::Login,
        Error::Refused { reason: Refusal::Consent, .. } => Holdup::Consent,
        Error::StepUpRequired { .. } => Holdup::StepUp,
        Error::Refused { reason: Refusal::StorageFull, .. } => Holdup::Storage,
        _ => Holdup::Network,
    })
}

/// The city's own page for a submission.
pub fn own_url(inner: &Arc<Inner>, submission: &Submission, more: &[&str]) -> Result<url::Url, Error> {
    let mut url = inner.net.url(&submission.url)?;
    url.set_query(None);
    match url.path_segments_mut() {
        Ok(mut path) => drop(path.pop_if_empty().push(&submission.id).extend(more)),
        Err(()) => return Err(Error::internal("an address without a path")),
    }
    Ok(url)
}

#[derive(Deserialize)]
pub struct Status {
    #[serde(default)]
    pub timeline: Vec<TimelineEntry>,
}

/// What the city says of a submission; none if it has no such.
pub async fn status(inner: &Arc<Inner>, owner: &Owner, submission: &Submission) -> Result<Option<Status>, Holdup> {
    let url = own_url(inner, submission, &[]).map_err(|_| Holdup::Network)?;
    let answer = send(inner, owner, submission, Outgoing::get(url)).await?;
    if answer.status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let mut status: Status = answer.json().map_err(|_| Holdup::Network)?;
    status.timeline.truncate(MAX_TIMELINE);
    for entry in &mut status.timeline {
        entry.text = plain(&entry.text);
        entry.status = plain(&entry.status);
    }
    Ok(Some(status))
}

/// One try to deliver.
///
/// `began` is when the round began: a next try is never due within the same round, whatever the clock does.
pub async fn attempt(inner: &Arc<Inner>, owner: &Owner, due: Due, began: UnixTime) -> Delivery {
    let Due { submission, doubtful } = due;
    let attempts = match submission.state {
        SubmissionState::Waiting { attempts, .. } => attempts,
        SubmissionState::Delivered { .. } | SubmissionState::Refused { .. } => 0,
    };
    let asks_first = doubtful || is_old(inner, &submission, attempts);
    let trying = tokio::time::timeout(LONGEST_TRY, try_once(inner, owner, &submission, asks_first));
    // What was uploaded by then stays; others have their turn.
    let outcome = trying.await.unwrap_or(Err(Holdup::Network));
    let now = inner.time.now().max(began);
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
            Delivery::Refused { reason: reason_of(&answer), conflict }
        }
        Ok(Tried::Answered(answer)) => {
            let holdup = if answer.status == StatusCode::UNAUTHORIZED { Holdup::Login } else { Holdup::Network };
            Delivery::Postponed { until: now + asked_wait(&answer).unwrap_or_else(|| wait(attempts)), holdup }
        }
        Err(holdup) => Delivery::Postponed { until: now + wait(attempts), holdup },
    }
}

enum Tried {
    /// The city has it already.
    Has(Value),
    Answered(Answer),
}

/// Whether a city may have forgotten the key of what it was perhaps sent.
fn is_old(inner: &Arc<Inner>, submission: &Submission, attempts: u32) -> bool {
    attempts > 0 && inner.time.now() - submission.created > KEYS_KEPT
}

async fn try_once(inner: &Arc<Inner>, owner: &Owner, submission: &Submission, doubtful: bool) -> Result<Tried, Holdup> {
    if doubtful {
        let url = own_url(inner, submission, &[]).map_err(|_| Holdup::Network)?;
        let answer = send(inner, owner, submission, Outgoing::get(url)).await?;
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
        match upload::all(inner, owner, submission).await? {
            upload::Outcome::Sent(list) => match body.as_object_mut() {
                Some(fields) => drop(fields.insert("attachments".to_owned(), list)),
                None => body = json!({ "body": body, "attachments": list }),
            },
            upload::Outcome::Answered(answer) => return Ok(Tried::Answered(answer)),
        }
    }
    let url = inner.net.url(&submission.url).map_err(|_| Holdup::Network)?;
    // The draft's value is a structured-field string: quoted.
    let key = HeaderValue::from_str(&format!("\"{}\"", submission.id)).map_err(|_| Holdup::Network)?;
    let request = Outgoing::post_json(url, &body).header(HeaderName::from_static("idempotency-key"), key);
    Ok(Tried::Answered(send(inner, owner, submission, request).await?))
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
