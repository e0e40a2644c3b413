//! Handed in once, delivered once: a submission is sealed on disk before the call returns, and sent with the same
//! idempotency key (draft-ietf-httpapi-idempotency-key-header) until the city has answered. What goes with it is sent
//! before it (`upload.rs`; `delivering.rs` is one try), what the city does with it is asked for after it.

mod delivering;
mod upload;

use std::pin::Pin;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use onecity_store::{Delivery, Holdup, Owner, Submission, SubmissionState, Vault};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::net::Answer;
use crate::views::{ServiceId, SubmissionView, Topic};
use crate::words::{Word, word};
use delivering::{LONGEST_WAIT, attempt, status};

/// For how long a city is asked what it did with a submission, in seconds, and about how many at a time.
const FOLLOWED: i64 = 180 * 86_400;
const MAX_FOLLOWED: usize = 50;
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
