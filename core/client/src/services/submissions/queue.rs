//! The outbox: what was handed in waits here, and is sent one after the other, so that the order within a service stays.

use std::pin::Pin;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use onecity_protocol::service::ServiceId;
use onecity_store::{Delivery, Owner, PendingReason, Submission, SubmissionState, Vault};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use super::delivering::LONGEST_WAIT;
use crate::device::{Device, spawn};
use crate::error::{Error, Refusal};
use crate::identity::{Accounts, Consents, Sessions};
use crate::views::messages::{Message, message};
use crate::views::{SubmissionView, Topic};

/// For how long a city is asked what it did with a submission, in seconds, and about how many at a time.
const ASKED_FOR: i64 = 180 * 86_400;
const MAX_ASKED: usize = 50;
/// What a city says of a submission that nothing more will happen to.
const FINAL: [&str; 4] = ["done", "closed", "rejected", "withdrawn"];

/// Something that a page hands in.
pub(crate) struct NewSubmission {
    pub service: ServiceId,
    pub title: String,
    pub url: String,
    pub body: Value,
    pub attachments: Vec<String>,
    /// What the city learns of the resident, if it goes with their token.
    pub fields: Option<Vec<String>>,
}

/// What residents hand in. One sender at a time.
pub(crate) struct Submissions {
    pub(super) device: Arc<Device>,
    accounts: Arc<Accounts>,
    pub(super) consents: Arc<Consents>,
    pub(super) sessions: Arc<Sessions>,
    turn: Mutex<()>,
    /// What wakes up when the next try is due.
    timer: Lock<Option<AbortHandle>>,
}

impl Submissions {
    pub(crate) fn new(
        device: &Arc<Device>,
        accounts: &Arc<Accounts>,
        consents: &Arc<Consents>,
        sessions: &Arc<Sessions>,
    ) -> Arc<Self> {
        Arc::new(Self {
            device: Arc::clone(device),
            accounts: Arc::clone(accounts),
            consents: Arc::clone(consents),
            sessions: Arc::clone(sessions),
            turn: Mutex::default(),
            timer: Lock::default(),
        })
    }

    /// Stores a submission, and begins to deliver it.
    pub(crate) async fn submit(self: &Arc<Self>, owner: Owner, new: NewSubmission) -> Result<SubmissionView, Error> {
        self.device.http.url(&new.url)?;
        let submission = Submission {
            id: Vault::new_submission_id(),
            service: new.service,
            title: new.title,
            url: new.url,
            body: new.body,
            created: self.device.time.now().await,
            attachments: new.attachments,
            timeline: Vec::new(),
            fields: new.fields,
            state: SubmissionState::Waiting { attempts: 0, pending: None },
        };
        let stored = submission.clone();
        self.device.vault(move |vault| vault.enqueue(&owner, &stored)).await?;
        self.device.notices.changed(Topic::Submissions);
        spawn(next_round(Arc::clone(self)));
        Ok(self.view(submission))
    }

    /// Tries what is due; with `hurry` everything that waits, because the network is back. Answers how many the city
    /// has taken or refused.
    pub(crate) async fn deliver(self: &Arc<Self>, hurry: bool) -> Result<u32, Error> {
        let _turn = self.turn.lock().await;
        // Each was promised to be sent, also those of accounts that are not in use now.
        let mut settled = 0;
        for owner in self.accounts.owners().await? {
            // What is wrong with one account keeps no other's from being sent.
            match self.deliver_of(owner, hurry).await {
                Ok(count) => settled += count,
                Err(error) => tracing::warn!(%error, "an account's submissions wait"),
            }
        }
        self.wake_when_due().await;
        Ok(settled)
    }

    /// Comes back when the next try is due, as long as the app runs.
    async fn wake_when_due(self: &Arc<Self>) {
        let Ok(Some(due)) = self.device.vault(|vault| vault.next_wake()).await else { return };
        let wait = u64::try_from((due - self.device.time.now().await).clamp(1, LONGEST_WAIT)).unwrap_or(1);
        let later = Arc::downgrade(self);
        let waking = spawn(async move {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            // The app may have been closed meanwhile, and another round may be what this one waits for.
            if let Some(submissions) = later.upgrade() {
                spawn(next_round(submissions));
            }
        });
        let before = self.timer.lock().unwrap_or_else(PoisonError::into_inner).replace(waking.abort_handle());
        if let Some(before) = before {
            before.abort();
        }
    }

    async fn deliver_of(&self, owner: Owner, hurry: bool) -> Result<u32, Error> {
        let now = self.device.time.now().await;
        if hurry {
            let owner = owner.clone();
            self.device.vault(move |vault| vault.hurry(&owner, now)).await?;
        }
        let mut settled = 0;
        loop {
            let of = owner.clone();
            let due = self.device.vault(move |vault| vault.next_due(&of, now)).await?;
            let Some(due) = due else { break };
            let submission = due.submission.clone();
            let (of, id) = (owner.clone(), submission.id.clone());
            self.device.vault(move |vault| vault.begin_delivery(&of, &id)).await?;
            let delivery = self.attempt(&owner, due, now).await;
            let waits = matches!(delivery, Delivery::Postponed { .. });
            let (of, at) = (owner.clone(), self.device.time.now().await);
            self.device.vault(move |vault| vault.record_delivery(&of, submission, delivery, at)).await?;
            settled += u32::from(!waits);
            self.device.notices.changed(Topic::Submissions);
        }
        Ok(settled)
    }

    /// Takes a submission back that the city does not have. Nothing is sent meanwhile.
    ///
    /// # Errors
    /// [`Refusal::AlreadySent`] if the city has it, or may have it and there is no network to ask.
    pub(crate) async fn cancel(&self, id: &str) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let sent = |why: &str| Error::refused(Refusal::AlreadySent, why);
        let (owner, submission) = self.find(id).await?;
        let (of, own) = (owner.clone(), submission.clone());
        let untouched = self.device.vault(move |vault| vault.is_untouched(&of, &own)).await?;
        match &submission.state {
            SubmissionState::Delivered { .. } => return Err(sent("the city has it already; ask the city")),
            // What was refused is only a note.
            SubmissionState::Refused { .. } => {}
            SubmissionState::Waiting { .. } if untouched => {}
            SubmissionState::Waiting { .. } => match self.status(&owner, &submission).await {
                Ok(None) => {}
                Ok(Some(_)) => return Err(sent("the city has it already; ask the city")),
                Err(_) => return Err(sent("the city may have it already; try again when there is a network")),
            },
        }
        let id = id.to_owned();
        self.device.vault(move |vault| vault.remove_submission(&owner, &id)).await?;
        self.device.notices.changed(Topic::Submissions);
        Ok(())
    }

    /// Asks the cities what they did with what they were handed. Answers how many have news.
    pub(crate) async fn update(&self) -> Result<u32, Error> {
        let now = self.device.time.now().await;
        let mut news = 0;
        for owner in self.accounts.owners().await? {
            let of = owner.clone();
            let all = self.device.vault(move |vault| vault.submissions(&of)).await?.records;
            let open = all.into_iter().filter(|own| {
                let last = own.timeline.last().map(|entry| entry.status.as_str()).unwrap_or_default();
                let delivered = matches!(own.state, SubmissionState::Delivered { .. });
                delivered && now - own.created < ASKED_FOR && !FINAL.contains(&last)
            });
            for submission in open.take(MAX_ASKED) {
                // A city that does not say has no news.
                let Ok(Some(said)) = self.status(&owner, &submission).await else { continue };
                if said.timeline == submission.timeline || said.timeline.is_empty() {
                    continue;
                }
                let (of, id) = (owner.clone(), submission.id.clone());
                self.device.vault(move |vault| vault.keep_timeline(&of, &id, said.timeline)).await?;
                news += 1;
            }
        }
        if news > 0 {
            self.device.notices.changed(Topic::Submissions);
        }
        Ok(news)
    }

    /// How many submissions of an account, and from before anybody logged in, wait.
    pub(crate) async fn waiting(&self, owner: &Owner) -> Result<u32, Error> {
        let of = [Owner::Phone, owner.clone()];
        self.device.vault(move |vault| vault.waiting(&of)).await
    }

    /// All submissions of the active account, and those from before anybody logged in, newest first.
    pub(crate) async fn list(&self) -> Result<Vec<SubmissionView>, Error> {
        let owner = self.accounts.active_owner().await?;
        let listed = self.device.vault(move |vault| {
            let mut all = vault.submissions(&owner)?.records;
            if owner != Owner::Phone {
                all.extend(vault.submissions(&Owner::Phone)?.records);
            }
            Ok(all)
        });
        let mut all = listed.await?;
        all.sort_by_key(|submission| std::cmp::Reverse(submission.created));
        Ok(all.into_iter().map(|own| self.view(own)).collect())
    }

    /// What was handed in through one service.
    pub(crate) async fn of_service(&self, owner: Owner, service: &ServiceId) -> Result<Vec<Submission>, Error> {
        let all = self.device.vault(move |vault| vault.submissions(&owner)).await?.records;
        Ok(all.into_iter().filter(|own| own.service == *service).collect())
    }

    /// A submission of the active account, or from before anybody logged in.
    async fn find(&self, id: &str) -> Result<(Owner, Submission), Error> {
        let active = self.accounts.active_owner().await?;
        for owner in [active, Owner::Phone] {
            let (of, name) = (owner.clone(), id.to_owned());
            if let Some(found) = self.device.vault(move |vault| vault.submission(&of, &name)).await? {
                return Ok((owner, found));
            }
        }
        Err(Error::refused(Refusal::NotFound, "there is no such submission"))
    }

    fn view(&self, submission: Submission) -> SubmissionView {
        let advice = match &submission.state {
            SubmissionState::Waiting { pending: None, .. } | SubmissionState::Delivered { .. } => None,
            SubmissionState::Waiting { pending: Some(pending), .. } => Some(match pending {
                PendingReason::Network => Message::WaitsForNetwork,
                PendingReason::Login => Message::WaitsForLogin,
                PendingReason::StepUp => Message::WaitsForStepUp,
                PendingReason::Consent => Message::WaitsForConsent,
                PendingReason::Storage => Message::WaitsForRoom,
            }),
            SubmissionState::Refused { conflict: true, .. } => Some(Message::Conflict),
            SubmissionState::Refused { .. } => Some(Message::Refused),
        };
        SubmissionView {
            id: submission.id,
            service: submission.service,
            title: submission.title,
            created: submission.created,
            state: submission.state,
            timeline: submission.timeline,
            attachments: u32::try_from(submission.attachments.len()).unwrap_or(u32::MAX),
            advice: advice.map(|advice| message(advice, &self.device.config.languages, &[])),
        }
    }
}

/// A round of its own: the one that it follows has ended.
fn next_round(submissions: Arc<Submissions>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if let Err(error) = submissions.deliver(false).await {
            tracing::info!(%error, "submissions wait");
        }
    })
}
