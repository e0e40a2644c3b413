//! The outbox: what was handed in waits here, and is sent one after the other within a service, so that the order stays,
//! and side by side with what other services' cities are sent.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use onecity_protocol::credential::UnixTime;
use onecity_protocol::service::ServiceId;
use onecity_store::{Delivery, Lane, Next, Owner, PendingReason, Submission, SubmissionState, Vault};
use serde_json::Value;
use tokio::task::AbortHandle;

use super::delivering::LONGEST_WAIT;
use super::lanes::Lanes;
use crate::device::{Device, spawn};
use crate::error::{Error, Refusal};
use crate::identity::{Accounts, Consents, Sessions};
use crate::views::messages::{Message, message};
use crate::views::{SubmissionView, Topic};

/// For how long a city is asked what it did with a submission, in seconds, and about how many at a time.
const ASKED_FOR: i64 = 180 * 86_400;
const MAX_ASKED: usize = 50;
/// After how long a lane is looked at again that could not be read or written, in seconds.
const AFTER_TROUBLE: i64 = 60;
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

/// What residents hand in.
pub(crate) struct Submissions {
    pub(super) device: Arc<Device>,
    accounts: Arc<Accounts>,
    pub(super) consents: Arc<Consents>,
    pub(super) sessions: Arc<Sessions>,
    lanes: Lanes,
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
            lanes: Lanes::default(),
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
        let lane = self.device.vault(move |vault| vault.enqueue(&owner, &stored)).await?;
        self.device.notices.changed(Topic::Submissions);
        self.begin_round(lane);
        Ok(self.view(submission))
    }

    /// Tries everything that waits, because the network is back. Answers how many the cities have taken or refused.
    pub(crate) async fn deliver(self: &Arc<Self>) -> Result<u32, Error> {
        // Each was promised to be sent, also those of accounts that are not in use now.
        let of_owners = self.accounts.owners().await?.into_iter().map(|owner| self.deliver_of(owner));
        Ok(join_all(of_owners).await.into_iter().sum())
    }

    /// The same for what one account has handed in.
    pub(crate) async fn deliver_of(self: &Arc<Self>, owner: Owner) -> u32 {
        // What is wrong with one account, or one service, keeps no other's from being sent.
        let lanes = match self.device.vault(move |vault| vault.lanes(&owner)).await {
            Ok(lanes) => lanes,
            Err(error) => {
                tracing::warn!(%error, "an account's submissions wait");
                return 0;
            }
        };
        join_all(lanes.into_iter().map(|lane| self.round(lane, true))).await.into_iter().sum()
    }

    /// Sends what is due in a lane, beside the caller.
    fn begin_round(self: &Arc<Self>, lane: Lane) {
        let submissions = Arc::clone(self);
        spawn(async move { submissions.round(lane, false).await });
    }

    /// Sends what is due in a lane; with `hurry` everything that waits there. Answers how many the city has taken or
    /// refused.
    async fn round(self: &Arc<Self>, lane: Lane, hurry: bool) -> u32 {
        let turns = self.lanes.lane(&lane);
        let _round = turns.round.lock().await;
        let mut settled = 0;
        let due = self.send_due(&lane, hurry, &mut settled).await;
        let now = self.device.time.now().await;
        let wait = match due {
            Ok(due) => due.map(|due| due - now),
            Err(error) => {
                tracing::info!(%error, "submissions wait");
                Some(AFTER_TROUBLE)
            }
        };
        turns.wakes(wait.map(|wait| self.wake(lane, wait)));
        settled
    }

    /// Comes back to a lane when its next try is due, as long as the app runs.
    fn wake(self: &Arc<Self>, lane: Lane, wait: i64) -> AbortHandle {
        let wait = self.device.time.wait(u64::try_from(wait.clamp(1, LONGEST_WAIT)).unwrap_or(1));
        let later = Arc::downgrade(self);
        let waking = spawn(async move {
            wait.await;
            // The app may have been closed meanwhile.
            if let Some(submissions) = later.upgrade() {
                submissions.begin_round(lane);
            }
        });
        waking.abort_handle()
    }

    /// Sends what is due, one after the other, until one has to wait; answers until when.
    async fn send_due(&self, lane: &Lane, hurry: bool, settled: &mut u32) -> Result<Option<UnixTime>, Error> {
        let turns = self.lanes.lane(lane);
        if hurry {
            let (of, now) = (lane.clone(), self.device.time.now().await);
            self.device.vault(move |vault| vault.hurry(&of, now)).await?;
        }
        loop {
            let unit = match self.next(lane).await? {
                Next::Due(due) => due.submission.service.unit,
                Next::Later(due) => return Ok(Some(due)),
                Next::Nothing => return Ok(None),
            };
            let _room = self.lanes.room(&unit).await;
            let _turn = turns.turn.lock().await;
            // It may have been taken back while there was no room.
            let Next::Due(due) = self.next(lane).await? else { continue };
            let submission = due.submission.clone();
            let (of, id) = (lane.owner().clone(), submission.id.clone());
            if !self.device.vault(move |vault| vault.begin_delivery(&of, &id)).await? {
                continue;
            }
            let delivery = self.attempt(lane.owner(), *due).await;
            // It is the first of its lane, and has had its try: whatever the clock did meanwhile, the next one is later.
            let waits = if let Delivery::Postponed { until, .. } = &delivery { Some(*until) } else { None };
            let (of, at) = (lane.owner().clone(), self.device.time.now().await);
            self.device.vault(move |vault| vault.record_delivery(&of, submission, delivery, at)).await?;
            self.device.notices.changed(Topic::Submissions);
            if waits.is_some() {
                return Ok(waits);
            }
            *settled += 1;
        }
    }

    /// What comes next in a lane, as of now.
    async fn next(&self, lane: &Lane) -> Result<Next, Error> {
        let (of, now) = (lane.clone(), self.device.time.now().await);
        self.device.vault(move |vault| vault.next(&of, now)).await
    }

    /// Takes a submission back that the city does not have. It waits for a try of this one, and of no other.
    ///
    /// # Errors
    /// [`Refusal::AlreadySent`] if the city has it, or may have it and there is no network to ask.
    pub(crate) async fn cancel(self: &Arc<Self>, id: &str) -> Result<(), Error> {
        let (owner, _) = self.find(id).await?;
        let (of, name) = (owner.clone(), id.to_owned());
        let lane = self.device.vault(move |vault| vault.lane_of(&of, &name)).await?;
        let (of, name) = (owner.clone(), id.to_owned());
        if !self.device.vault(move |vault| vault.remove_untouched(&of, &name)).await? {
            // Only the first of a lane is ever tried. So if this one was tried and a try is going on, it is a try of this one.
            let turns = lane.as_ref().map(|lane| self.lanes.lane(lane));
            let _turn = match &turns {
                Some(turns) => Some(turns.turn.lock().await),
                None => None,
            };
            self.remove_tried(owner, id).await?;
        }
        self.device.notices.changed(Topic::Submissions);
        // What waited behind it need not wait any longer.
        lane.into_iter().for_each(|lane| self.begin_round(lane));
        Ok(())
    }

    /// Removes one that was tried before, if the city says that it does not have it.
    async fn remove_tried(&self, owner: Owner, id: &str) -> Result<(), Error> {
        let sent = |why: &str| Error::refused(Refusal::AlreadySent, why);
        let (_, submission) = self.find(id).await?;
        match &submission.state {
            SubmissionState::Delivered { .. } => return Err(sent("the city has it already; ask the city")),
            // What was refused is only a note.
            SubmissionState::Refused { .. } => {}
            SubmissionState::Waiting { .. } => match self.status(&owner, &submission).await {
                Ok(None) => {}
                Ok(Some(_)) => return Err(sent("the city has it already; ask the city")),
                Err(_) => return Err(sent("the city may have it already; try again when there is a network")),
            },
        }
        let id = id.to_owned();
        self.device.vault(move |vault| vault.remove_submission(&owner, &id)).await?;
        Ok(())
    }

    /// Asks the cities what they did with what they were handed. Answers how many have news.
    pub(crate) async fn update(&self) -> Result<u32, Error> {
        let now = self.device.time.now().await;
        let mut asked: Vec<(Owner, Vec<Submission>)> = Vec::new();
        for owner in self.accounts.owners().await? {
            let of = owner.clone();
            let all = self.device.vault(move |vault| vault.submissions(&of)).await?.records;
            let open = all.into_iter().filter(|own| {
                let last = own.timeline.last().map(|entry| entry.status.as_str()).unwrap_or_default();
                let delivered = matches!(own.state, SubmissionState::Delivered { .. });
                delivered && now - own.created < ASKED_FOR && !FINAL.contains(&last)
            });
            let mut services: HashMap<ServiceId, Vec<Submission>> = HashMap::new();
            for submission in open.take(MAX_ASKED) {
                services.entry(submission.service.clone()).or_default().push(submission);
            }
            asked.extend(services.into_values().map(|of_service| (owner.clone(), of_service)));
        }
        let answers = join_all(asked.into_iter().map(|(owner, of_service)| self.ask(owner, of_service))).await;
        let mut news = 0;
        for answer in answers {
            news += answer?;
        }
        if news > 0 {
            self.device.notices.changed(Topic::Submissions);
        }
        Ok(news)
    }

    /// Asks what became of a service's submissions, one after the other.
    async fn ask(&self, owner: Owner, of_service: Vec<Submission>) -> Result<u32, Error> {
        let mut news = 0;
        for submission in of_service {
            let room = self.lanes.room(&submission.service.unit).await;
            let said = self.status(&owner, &submission).await;
            drop(room);
            // A city that does not say has no news.
            let Ok(Some(said)) = said else { continue };
            if said.timeline == submission.timeline || said.timeline.is_empty() {
                continue;
            }
            let (of, id) = (owner.clone(), submission.id.clone());
            self.device.vault(move |vault| vault.keep_timeline(&of, &id, said.timeline)).await?;
            news += 1;
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
            advice: advice.map(|advice| message(advice, &self.device.languages(), &[])),
        }
    }
}
