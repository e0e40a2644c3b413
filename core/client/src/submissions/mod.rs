//! Handed in once, delivered once: a submission is sealed on disk before the call returns, and sent with the same
//! idempotency key (draft-ietf-httpapi-idempotency-key-header) until the city has answered. What goes with it is sent
//! before it (`upload.rs`), what the city does with it is asked for after it.

mod upload;

use std::pin::Pin;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::manifest::Permission;
use onecity_store::{AccountId, Delivery, Due, Holdup, Owner, Submission, SubmissionState, TimelineEntry, Vault};
use reqwest::StatusCode;
use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use crate::client::Inner;
use crate::consents;
use crate::error::{Error, Refusal};
use crate::net::{Answer, Outgoing};
use crate::session::OnBehalf;
use crate::views::{ServiceId, SubmissionView, Topic};
use crate::words::{Word, word};

/// The first wait after a failed try, in seconds; it doubles up to the longest.
const FIRST_WAIT: i64 = 5;
const LONGEST_WAIT: i64 = 3600;
/// How long one try may take: a city that trickles holds nobody else up.
const LONGEST_TRY: Duration = Duration::from_secs(120);
/// For how long a city keeps the keys of what it was sent, in seconds.
const KEYS_KEPT: i64 = 90 * 86_400;
/// For how long a city is asked what it did with a submission, in seconds, and about how many at a time.
const FOLLOWED: i64 = 180 * 86_400;
const MAX_FOLLOWED: usize = 50;
const MAX_TIMELINE: usize = 200;
/// What a city says of a submission that nothing more will happen to.
const FINAL: [&str; 4] = ["done", "closed", "rejected", "withdrawn"];

/// Something that a page hands in.
pub struct Handing {
    pub service: ServiceId,
    pub title: String,
    pub url: String,
    pub body: Value,
    pub attachments: Vec<String>,
    /// What the city learns of the resident, if it goes with their token.
    pub fields: Option<Vec<String>>,
}

/// The outbox's sender: one at a time, so that the order within a service is kept.
#[derive(Default)]
pub struct Submissions {
    turn: Mutex<()>,
    /// What wakes up when the next try is due.
    timer: Lock<Option<AbortHandle>>,
}

impl Submissions {
    /// Keeps a submission, and sets off to deliver it.
    pub async fn submit(&self, inner: &Arc<Inner>, owner: Owner, handing: Handing) -> Result<SubmissionView, Error> {
        inner.net.url(&handing.url)?;
        let submission = Submission {
            id: Vault::new_submission_id(),
            unit: handing.service.unit,
            app_id: handing.service.app_id,
            title: handing.title,
            url: handing.url,
            body: handing.body,
            created: inner.time.now(),
            attachments: handing.attachments,
            timeline: Vec::new(),
            fields: handing.fields,
            state: SubmissionState::Waiting { attempts: 0, holdup: None },
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
        Ok(view(inner, submission))
    }

    /// Tries what is due; with `hurry` everything that waits, because the network is back. Answers how many the city
    /// has taken or refused.
    pub async fn deliver(&self, inner: &Arc<Inner>, hurry: bool) -> Result<u32, Error> {
        let _turn = self.turn.lock().await;
        // Whoever handed it in, it was promised: those of the other accounts go, too.
        let mut settled = 0;
        for owner in owners(inner).await? {
            // What is wrong with one account keeps no other's from being sent.
            match self.deliver_of(inner, owner, hurry).await {
                Ok(count) => settled += count,
                Err(error) => tracing::warn!(%error, "an account's submissions wait"),
            }
        }
        self.wake_when_due(inner).await;
        Ok(settled)
    }

    /// Comes back when the next try is due, as long as the app runs.
    async fn wake_when_due(&self, inner: &Arc<Inner>) {
        let Ok(Some(due)) = inner.vault(|vault| vault.next_wake()).await else { return };
        let wait = u64::try_from((due - inner.time.now()).clamp(1, LONGEST_WAIT)).unwrap_or(1);
        let later = Arc::downgrade(inner);
        let waking = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            // The app may have been closed meanwhile, and another round may be what this one waits for.
            if let Some(inner) = later.upgrade() {
                tokio::spawn(next_round(inner));
            }
        });
        let before = self.timer.lock().unwrap_or_else(PoisonError::into_inner).replace(waking.abort_handle());
        if let Some(before) = before {
            before.abort();
        }
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
            let Some(due) = due else { break };
            let submission = due.submission.clone();
            let (begun_of, id) = (owner.clone(), submission.id.clone());
            inner.vault(move |vault| vault.begin_delivery(&begun_of, &id)).await?;
            let delivery = attempt(inner, &owner, due, now).await;
            let waits = matches!(delivery, Delivery::Postponed { .. });
            let (record_of, at) = (owner.clone(), inner.time.now());
            inner.vault(move |vault| vault.record_delivery(&record_of, submission, delivery, at)).await?;
            settled += u32::from(!waits);
            inner.platform.observer.changed(Topic::Submissions);
        }
        Ok(settled)
    }

    /// Takes a submission back that the city does not have. Nothing is sent meanwhile.
    ///
    /// # Errors
    /// [`Refusal::AlreadySent`] if the city has it, or may have it and there is no network to ask.
    pub async fn cancel(&self, inner: &Arc<Inner>, id: &str) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let sent = |why: &str| Error::refused(Refusal::AlreadySent, why);
        let (owner, submission) = find(inner, id).await?;
        let (of, own) = (owner.clone(), submission.clone());
        let untouched = inner.vault(move |vault| vault.is_untouched(&of, &own)).await?;
        match &submission.state {
            SubmissionState::Delivered { .. } => return Err(sent("the city has it already; ask the city")),
            // What was refused is only a note.
            SubmissionState::Refused { .. } => {}
            SubmissionState::Waiting { .. } if untouched => {}
            SubmissionState::Waiting { .. } => match status(inner, &owner, &submission).await {
                Ok(None) => {}
                Ok(Some(_)) => return Err(sent("the city has it already; ask the city")),
                Err(_) => return Err(sent("the city may have it already; try again when there is a network")),
            },
        }
        let id = id.to_owned();
        inner.vault(move |vault| vault.remove_submission(&owner, &id)).await?;
        inner.platform.observer.changed(Topic::Submissions);
        Ok(())
    }

    /// Asks the cities what they did with what they were handed. Answers how many have news.
    pub async fn follow(&self, inner: &Arc<Inner>) -> Result<u32, Error> {
        let now = inner.time.now();
        let mut news = 0;
        for owner in owners(inner).await? {
            let of = owner.clone();
            let all = inner.vault(move |vault| vault.submissions(&of)).await?;
            let open = all.into_iter().filter(|own| {
                let last = own.timeline.last().map(|entry| entry.status.as_str()).unwrap_or_default();
                let delivered = matches!(own.state, SubmissionState::Delivered { .. });
                delivered && now - own.created < FOLLOWED && !FINAL.contains(&last)
            });
            for submission in open.take(MAX_FOLLOWED) {
                // A city that does not say has no news.
                let Ok(Some(said)) = status(inner, &owner, &submission).await else { continue };
                if said.timeline == submission.timeline || said.timeline.is_empty() {
                    continue;
                }
                let (of, id) = (owner.clone(), submission.id.clone());
                inner.vault(move |vault| vault.keep_timeline(&of, &id, said.timeline)).await?;
                news += 1;
            }
        }
        if news > 0 {
            inner.platform.observer.changed(Topic::Submissions);
        }
        Ok(news)
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
        Ok(all.into_iter().map(|own| view(inner, own)).collect())
    }
}

/// A round of its own: the one that it follows has ended.
fn next_round(inner: Arc<Inner>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if let Err(error) = inner.submissions.deliver(&inner, false).await {
            tracing::info!(%error, "submissions wait on");
        }
    })
}

async fn owners(inner: &Arc<Inner>) -> Result<Vec<Owner>, Error> {
    inner
        .vault(|vault| {
            let accounts = vault.accounts()?.into_iter().map(Owner::Account);
            Ok(std::iter::once(Owner::Phone).chain(accounts).collect())
        })
        .await
}

/// A submission of the active account, or from before anybody logged in.
async fn find(inner: &Arc<Inner>, id: &str) -> Result<(Owner, Submission), Error> {
    let active = inner.active_owner().await?;
    for owner in [active, Owner::Phone] {
        let (of, name) = (owner.clone(), id.to_owned());
        if let Some(found) = inner.vault(move |vault| vault.submission(&of, &name)).await? {
            return Ok((owner, found));
        }
    }
    Err(Error::refused(Refusal::NotFound, "there is no such submission"))
}

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
async fn send(inner: &Arc<Inner>, owner: &Owner, submission: &Submission, request: Outgoing) -> Result<Answer, Holdup> {
    let sent = match on_behalf(inner, owner, submission).await? {
        Some(whom) => inner.sessions.send_on_behalf(inner, &whom, request).await,
        None => inner.net.send(request.timeless()).await,
    };
    sent.map_err(|error| match error {
        Error::LoginRequired { .. } | Error::KeyInvalidated => Holdup::Login,
        Error::StepUpRequired { .. } => Holdup::StepUp,
        Error::Refused { reason: Refusal::StorageFull, .. } => Holdup::Storage,
        _ => Holdup::Network,
    })
}

/// The city's own page for a submission.
fn own_url(inner: &Arc<Inner>, submission: &Submission, more: &[&str]) -> Result<url::Url, Error> {
    let mut url = inner.net.url(&submission.url)?;
    url.set_query(None);
    match url.path_segments_mut() {
        Ok(mut path) => drop(path.pop_if_empty().push(&submission.id).extend(more)),
        Err(()) => return Err(Error::internal("an address without a path")),
    }
    Ok(url)
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    timeline: Vec<TimelineEntry>,
}

/// What the city says of a submission; none if it has no such.
async fn status(inner: &Arc<Inner>, owner: &Owner, submission: &Submission) -> Result<Option<Status>, Holdup> {
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
async fn attempt(inner: &Arc<Inner>, owner: &Owner, due: Due, began: UnixTime) -> Delivery {
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
        Ok(Tried::Answered(answer)) if answer.status.is_client_error() && !asks_for_patience(answer.status) => {
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

/// What the other side says of a refusal: RFC 9457's `detail` or `title`, or the status alone.
pub fn reason_of(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Problem {
        detail: Option<String>,
        title: Option<String>,
    }
    let problem = serde_json::from_slice::<Problem>(&answer.body).ok();
    let words = problem.and_then(|problem| problem.detail.or(problem.title));
    let words = words.map(|words| plain(&words));
    words.unwrap_or_else(|| format!("the server answered {}", answer.status.as_u16()))
}

/// Somebody else's words, as a screen may show them.
fn plain(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(500).collect()
}

fn view(inner: &Arc<Inner>, submission: Submission) -> SubmissionView {
    let advice = match &submission.state {
        SubmissionState::Waiting { holdup: None, .. } | SubmissionState::Delivered { .. } => None,
        SubmissionState::Waiting { holdup: Some(holdup), .. } => Some(match holdup {
            Holdup::Network => Word::WaitsForNetwork,
            Holdup::Login => Word::WaitsForLogin,
            Holdup::StepUp => Word::WaitsForStepUp,
            Holdup::Consent => Word::WaitsForConsent,
            Holdup::Storage => Word::WaitsForRoom,
        }),
        SubmissionState::Refused { conflict: true, .. } => Some(Word::Conflict),
        SubmissionState::Refused { .. } => Some(Word::Refused),
    };
    SubmissionView {
        id: submission.id,
        service: ServiceId { unit: submission.unit, app_id: submission.app_id },
        title: submission.title,
        created: submission.created,
        state: submission.state,
        timeline: submission.timeline,
        attachments: u32::try_from(submission.attachments.len()).unwrap_or(u32::MAX),
        advice: advice.map(|advice| word(advice, &inner.config.languages, &[])),
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
