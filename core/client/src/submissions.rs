//! Handed in once, delivered once: a submission is sealed on disk before the call returns, and sent with the same
//! idempotency key (draft-ietf-httpapi-idempotency-key-header) until the city has answered.

use std::sync::Arc;

use onecity_protocol::credential::UnixTime;
use onecity_store::{Delivery, Owner, Submission, SubmissionState, Vault};
use reqwest::StatusCode;
use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::client::Inner;
use crate::error::Error;
use crate::net::{Answer, Outgoing};
use crate::views::{ServiceId, SubmissionView, Topic};

/// The first wait after a failed try, in seconds; it doubles up to the longest.
const FIRST_WAIT: i64 = 5;
const LONGEST_WAIT: i64 = 3600;

/// The outbox's sender: one at a time, so that the order within an account is kept.
#[derive(Default)]
pub struct Submissions {
    turn: Mutex<()>,
}

impl Submissions {
    /// Keeps a submission, and sets off to deliver it.
    pub async fn submit(
        &self,
        inner: &Arc<Inner>,
        owner: Owner,
        service: ServiceId,
        title: String,
        url: String,
        body: Value,
    ) -> Result<SubmissionView, Error> {
        inner.net.url(&url)?;
        let submission = Submission {
            id: Vault::new_submission_id(),
            unit: service.unit,
            app_id: service.app_id,
            title,
            url,
            body,
            created: inner.time.now(),
            state: SubmissionState::Waiting { attempts: 0 },
        };
        let kept = submission.clone();
        inner.vault(move |vault| vault.enqueue(&owner, &kept)).await?;
        inner.platform.observer.changed(Topic::Submissions);
        let sender = Arc::clone(inner);
        tokio::spawn(async move {
            if let Err(error) = sender.submissions.deliver(&sender, false).await {
                tracing::info!(%error, "a submission waits");
            }
        });
        Ok(view(submission))
    }

    /// Tries what is due; with `hurry` everything that waits, because the network is back. Answers how many the city
    /// has taken or refused.
    pub async fn deliver(&self, inner: &Arc<Inner>, hurry: bool) -> Result<u32, Error> {
        let _turn = self.turn.lock().await;
        // Whoever handed it in, it was promised: those of the other accounts go, too.
        let owners = inner.vault(|vault| {
            let accounts = vault.accounts()?.into_iter().map(Owner::Account);
            Ok(std::iter::once(Owner::Phone).chain(accounts).collect::<Vec<_>>())
        });
        let mut settled = 0;
        for owner in owners.await? {
            settled += self.deliver_of(inner, owner, hurry).await?;
        }
        Ok(settled)
    }

    async fn deliver_of(&self, inner: &Arc<Inner>, owner: Owner, hurry: bool) -> Result<u32, Error> {
        let now = inner.time.now();
        if hurry {
            let owner = owner.clone();
            inner.vault(move |vault| vault.hurry(&owner, now)).await?;
        }
        let mut settled = 0;
        loop {
            let due_of = owner.clone();
            let due = inner.vault(move |vault| vault.next_due(&due_of, now)).await?;
            let Some(submission) = due else { break };
            let delivery = attempt(inner, &submission, now).await;
            let waits = matches!(delivery, Delivery::Postponed { .. });
            let (record_of, at) = (owner.clone(), inner.time.now());
            inner.vault(move |vault| vault.record_delivery(&record_of, submission, delivery, at)).await?;
            settled += u32::from(!waits);
            inner.platform.observer.changed(Topic::Submissions);
        }
        Ok(settled)
    }

    /// All submissions of the active account, and those from before anybody logged in, newest first.
    pub async fn list(&self, inner: &Arc<Inner>) -> Result<Vec<SubmissionView>, Error> {
        let owner = inner.active_owner().await?;
        let mut all = inner
            .vault(move |vault| {
                let mut all = vault.submissions(&owner)?;
                if owner != Owner::Phone {
                    all.extend(vault.submissions(&Owner::Phone)?);
                }
                Ok(all)
            })
            .await?;
        all.sort_by_key(|submission| std::cmp::Reverse(submission.created));
        Ok(all.into_iter().map(view).collect())
    }
}

/// One try to deliver.
///
/// `began` is when the round began: a next try is never due within the same round, whatever the clock does.
async fn attempt(inner: &Arc<Inner>, submission: &Submission, began: UnixTime) -> Delivery {
    let attempts = match submission.state {
        SubmissionState::Waiting { attempts } => attempts,
        SubmissionState::Delivered { .. } | SubmissionState::Refused { .. } => 0,
    };
    let sent = async {
        let request = Outgoing::post_json(inner.net.url(&submission.url)?, &submission.body);
        // The draft's value is a structured-field string: quoted.
        let key = HeaderValue::from_str(&format!("\"{}\"", submission.id)).map_err(Error::internal)?;
        inner.net.send(request.header(HeaderName::from_static("idempotency-key"), key).timeless()).await
    };
    let answer = sent.await;
    let now = inner.time.now().max(began);
    match answer {
        Ok(answer) if answer.status.is_success() => {
            Delivery::Accepted { receipt: serde_json::from_slice(&answer.body).unwrap_or(Value::Null) }
        }
        Ok(answer) if answer.status.is_client_error() && !asks_for_patience(answer.status) => {
            Delivery::Refused { reason: reason_of(&answer) }
        }
        Ok(answer) => Delivery::Postponed { until: now + asked_wait(&answer).unwrap_or_else(|| wait(attempts)) },
        Err(_) => Delivery::Postponed { until: now + wait(attempts) },
    }
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

/// What the other side says of a refusal: RFC 9457's `detail` or `title`, or the status alone.
pub fn reason_of(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Problem {
        detail: Option<String>,
        title: Option<String>,
    }
    let problem = serde_json::from_slice::<Problem>(&answer.body).ok();
    let words = problem.and_then(|problem| problem.detail.or(problem.title));
    let words = words.map(|words| words.chars().filter(|c| !c.is_control()).take(500).collect());
    words.unwrap_or_else(|| format!("the server answered {}", answer.status.as_u16()))
}

fn view(submission: Submission) -> SubmissionView {
    SubmissionView {
        id: submission.id,
        service: ServiceId { unit: submission.unit, app_id: submission.app_id },
        title: submission.title,
        created: submission.created,
        state: submission.state,
    }
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
