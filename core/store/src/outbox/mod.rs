//! Submissions that wait for a network. One is on disk before the call that made it returns, and stays until the
//! city has answered; its id is the idempotency key, so that trying again can't deliver it twice.
//!
//! ```text
//!   enqueue ──> waiting ──(attachments, then the submission)──> delivered ──> timeline
//!                  │  └─(the city says no)──> refused, with the city's words
//!                  └─(cancelled before it was sent)──> gone
//! ```
//!
//! Within a mini-service the order is kept: what was handed in later waits for what was handed in before.

mod attachments;
mod submission;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::service::ServiceId;
use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::{OptionalExtension, Row, params};
use serde_json::Value;

pub use attachments::{Attachment, MAX_ATTACHMENT, PART};
pub use submission::{Delivery, Due, PendingReason, Submission, SubmissionState, TimelineEntry};

use crate::error::StoreError;
use crate::sealing::Place;
use crate::vault::{Listed, Owner, Vault};

const KIND: &str = "outbox";
const FORMAT: u8 = 1;

/// Most submissions of a service that may wait at a time.
const MAX_WAITING: u32 = 200;

/// Most bytes of a service's submissions that may wait at a time, as sealed.
const MAX_BYTES: u64 = 20 << 20;
/// How many settled submissions of a service are kept to look back at.
const MAX_SETTLED: u32 = 500;
/// Nobody is asked to wait longer, in seconds: a time further ahead was set by a clock that has been put right since.
const LONGEST_WAIT: i64 = 2 * 3600;
/// Largest receipt that is kept, in bytes of JSON.
const MAX_RECEIPT: usize = 64 << 10;

/// What is sent in order, one after the other: an owner's submissions of one service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lane {
    owner: Owner,
    /// None for those from before services were told apart, which are one lane.
    scope: Option<Vec<u8>>,
}

impl Lane {
    /// Whose submissions they are.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }
}

/// What comes next in a lane.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// A submission whose time has come.
    Due(Box<Due>),
    /// One whose time will come, in seconds.
    Later(UnixTime),
    /// Nothing waits.
    Nothing,
}

/// Whether a row is still on its way.
mod way {
    pub(super) const SETTLED: u8 = 0;
    pub(super) const WAITING: u8 = 1;
    /// It can't be opened any more. It is kept, and holds nothing else up.
    pub(super) const DAMAGED: u8 = 2;
}

impl Vault {
    /// An id for a submission: 128 random bits.
    pub fn new_submission_id() -> String {
        let mut id = [0; 16];
        SystemRandom::new().fill(&mut id).expect("the system has random numbers");
        id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Keeps a submission with its attachments; it is on disk when this returns. Answers in which lane it waits.
    ///
    /// # Errors
    /// [`StoreError::Quota`] if too many of this service wait already.
    pub fn enqueue(&self, owner: &Owner, submission: &Submission) -> Result<Lane, StoreError> {
        let (key, value) = self.sealed(owner, submission)?;
        self.atomically(|vault| {
            let scope = vault.known_service(owner, &submission.service)?;
            let (waiting, bytes): (u32, i64) = vault
                .db
                .prepare_cached(
                    "SELECT count(*), coalesce(sum(size), 0) FROM (SELECT length(value) AS size FROM outbox
                     WHERE owner = ?1 AND scope = ?2 AND waiting = 1 LIMIT ?3)",
                )?
                .query_row(params![owner.name(), scope, MAX_WAITING], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if waiting == MAX_WAITING {
                return Err(StoreError::Quota { limit: MAX_WAITING.into() });
            }
            if u64::try_from(bytes).unwrap_or_default() + value.len() as u64 > MAX_BYTES {
                return Err(StoreError::Quota { limit: MAX_BYTES });
            }
            vault
                .db
                .prepare_cached(
                    "INSERT INTO outbox (owner, key, waiting, due, value, scope) VALUES (?1, ?2, 1, ?3, ?4, ?5)",
                )?
                .execute(params![owner.name(), key, submission.created, value, scope])?;
            for attachment in &submission.attachments {
                vault.attach(owner, &scope, attachment, &key)?;
            }
            Ok(Lane { owner: owner.clone(), scope: Some(scope) })
        })
    }

    /// The lanes of an owner in which something waits.
    pub fn lanes(&self, owner: &Owner) -> Result<Vec<Lane>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT DISTINCT scope FROM outbox WHERE owner = ?1 AND waiting = 1")?;
        let lane = |row: &Row<'_>| Ok(Lane { owner: owner.clone(), scope: row.get(0)? });
        Ok(query.query_map([owner.name()], lane)?.collect::<Result<_, _>>()?)
    }

    /// The lane of a submission.
    pub fn lane_of(&self, owner: &Owner, id: &str) -> Result<Option<Lane>, StoreError> {
        let key = self.keys(owner)?.row_key(KIND, id);
        let mut query = self.db.prepare_cached("SELECT scope FROM outbox WHERE owner = ?1 AND key = ?2")?;
        let lane = |row: &Row<'_>| Ok(Lane { owner: owner.clone(), scope: row.get(0)? });
        Ok(query.query_row(params![owner.name(), key], lane).optional()?)
    }

    /// What comes next in a lane: the oldest that waits, and no other before it.
    pub fn next(&self, lane: &Lane, now: UnixTime) -> Result<Next, StoreError> {
        let owner = &lane.owner;
        loop {
            let found: Option<(Vec<u8>, Vec<u8>, bool, UnixTime)> = self
                .db
                .prepare_cached(
                    "SELECT key, value, doubtful = 1, due FROM outbox
                     WHERE owner = ?1 AND scope IS ?2 AND waiting = 1 ORDER BY position LIMIT 1",
                )?
                .query_row(params![owner.name(), lane.scope], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })
                .optional()?;
            let Some((key, value, doubtful, due)) = found else { return Ok(Next::Nothing) };
            if (now + 1..=now + LONGEST_WAIT).contains(&due) {
                return Ok(Next::Later(due));
            }
            match self.opened(owner, &key, value) {
                Ok(submission) => return Ok(Next::Due(Box::new(Due { submission, doubtful }))),
                Err(StoreError::Damaged(_) | StoreError::Record(_) | StoreError::RecordTooNew { .. }) => {
                    tracing::error!("a submission that waits can't be opened; it is kept and passed over");
                    self.db.execute("UPDATE outbox SET waiting = ?2 WHERE key = ?1", params![key, way::DAMAGED])?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes down that a try to deliver begins: should the app end before its outcome is known, the city may have the
    /// submission. Answers whether it still waits; it may have been taken back.
    pub fn begin_delivery(&self, owner: &Owner, id: &str) -> Result<bool, StoreError> {
        let key = self.keys(owner)?.row_key(KIND, id);
        let begun = self
            .db
            .prepare_cached(
                "UPDATE outbox SET doubtful = CASE doubtful WHEN 0 THEN 2 ELSE doubtful END
                 WHERE owner = ?1 AND key = ?2 AND waiting = 1",
            )?
            .execute(params![owner.name(), key])?;
        Ok(begun > 0)
    }

    /// Removes a submission that has never been on its way, as far as anybody can know; answers whether it was such a
    /// one.
    pub fn remove_untouched(&self, owner: &Owner, id: &str) -> Result<bool, StoreError> {
        self.atomically(|vault| {
            let Some(submission) = vault.submission(owner, id)? else { return Ok(false) };
            let key = vault.keys(owner)?.row_key(KIND, id);
            let mut query = vault.db.prepare_cached("SELECT doubtful FROM outbox WHERE owner = ?1 AND key = ?2")?;
            let doubtful: Option<u8> = query.query_row(params![owner.name(), key], |row| row.get(0)).optional()?;
            let never = matches!(submission.state, SubmissionState::Waiting { attempts: 0, .. });
            Ok(never && doubtful.unwrap_or_default() == 0 && vault.remove_submission(owner, id)?)
        })
    }

    fn drop_oldest_settled(&self, owner: &Owner, service: &ServiceId) -> Result<(), StoreError> {
        let scope = self.known_service(owner, service)?;
        self.db
            .prepare_cached(
                "DELETE FROM outbox WHERE owner = ?1 AND scope = ?2 AND waiting = 0 AND position NOT IN (
                     SELECT position FROM outbox WHERE owner = ?1 AND scope = ?2 AND waiting = 0
                     ORDER BY position DESC LIMIT ?3)",
            )?
            .execute(params![owner.name(), scope, MAX_SETTLED])?;
        Ok(())
    }

    /// Writes down what a try to deliver came to.
    pub fn record_delivery(
        &self,
        owner: &Owner,
        mut submission: Submission,
        delivery: Delivery,
        now: UnixTime,
    ) -> Result<Submission, StoreError> {
        let SubmissionState::Waiting { attempts, .. } = submission.state else { return Ok(submission) };
        let attempts = attempts.saturating_add(1);
        let (state, due) = match delivery {
            Delivery::Accepted { receipt } => (SubmissionState::Delivered { at: now, receipt }, now),
            Delivery::Refused { reason, conflict } => (SubmissionState::Refused { at: now, reason, conflict }, now),
            Delivery::Postponed { until, pending } => {
                (SubmissionState::Waiting { attempts, pending: Some(pending) }, until)
            }
        };
        let way = if matches!(state, SubmissionState::Waiting { .. }) { way::WAITING } else { way::SETTLED };
        submission.state = state;
        if let SubmissionState::Delivered { receipt, .. } = &mut submission.state {
            // The city has it; the phone does not keep it a second time.
            submission.body = Value::Null;
            if receipt.to_string().len() > MAX_RECEIPT {
                *receipt = Value::Null;
            }
        }
        let (key, value) = self.sealed(owner, &submission)?;
        self.atomically(|vault| {
            vault
                .db
                .prepare_cached(
                    "UPDATE outbox SET waiting = ?3, due = ?4, value = ?5, doubtful = (doubtful = 1 AND ?3 = 1)
                     WHERE owner = ?1 AND key = ?2",
                )?
                .execute(params![owner.name(), key, way, due, value])?;
            // The city has the photos, or will never take them.
            if way == way::SETTLED {
                vault.drop_attachments_of(&key)?;
                vault.drop_oldest_settled(owner, &submission.service)?;
            }
            Ok(())
        })?;
        Ok(submission)
    }

    /// Keeps what the city has told of a submission that it has.
    pub fn keep_timeline(
        &self,
        owner: &Owner,
        id: &str,
        timeline: Vec<TimelineEntry>,
    ) -> Result<Option<Submission>, StoreError> {
        self.atomically(|vault| {
            let Some(mut submission) = vault.submission(owner, id)? else { return Ok(None) };
            submission.timeline = timeline;
            let (key, value) = vault.sealed(owner, &submission)?;
            vault.db.prepare_cached("UPDATE outbox SET value = ?3 WHERE owner = ?1 AND key = ?2")?.execute(params![
                owner.name(),
                key,
                value
            ])?;
            Ok(Some(submission))
        })
    }

    /// A submission by its id.
    pub fn submission(&self, owner: &Owner, id: &str) -> Result<Option<Submission>, StoreError> {
        let key = self.keys(owner)?.row_key(KIND, id);
        let mut query = self.db.prepare_cached("SELECT value FROM outbox WHERE owner = ?1 AND key = ?2")?;
        let value = query.query_row(params![owner.name(), key], |row| row.get(0)).optional()?;
        value.map(|value| self.opened(owner, &key, value)).transpose()
    }

    /// Removes a submission with what goes with it. The caller has made sure that no city has it, or that it is
    /// settled.
    pub fn remove_submission(&self, owner: &Owner, id: &str) -> Result<bool, StoreError> {
        let key = self.keys(owner)?.row_key(KIND, id);
        self.atomically(|vault| {
            vault.drop_attachments_of(&key)?;
            let gone =
                vault.db.execute("DELETE FROM outbox WHERE owner = ?1 AND key = ?2", params![owner.name(), key])?;
            Ok(gone > 0)
        })
    }

    /// Makes all that waits in a lane due at once, for example because the network is back.
    pub fn hurry(&self, lane: &Lane, now: UnixTime) -> Result<(), StoreError> {
        let mut update = self.db.prepare_cached(
            "UPDATE outbox SET due = ?3 WHERE owner = ?1 AND scope IS ?2 AND waiting = 1 AND due > ?3",
        )?;
        update.execute(params![lane.owner.name(), lane.scope, now])?;
        Ok(())
    }

    /// How many submissions of two owners wait: the phone's, and the active account's.
    pub fn waiting(&self, owners: &[Owner; 2]) -> Result<u32, StoreError> {
        let mut query =
            self.db.prepare_cached("SELECT count(*) FROM outbox WHERE owner IN (?1, ?2) AND waiting = 1")?;
        Ok(query.query_row(owners.each_ref().map(Owner::name), |row| row.get(0))?)
    }

    /// All submissions of an owner, newest first, with the number of those that can't be read.
    pub fn submissions(&self, owner: &Owner) -> Result<Listed<Submission>, StoreError> {
        let mut query =
            self.db.prepare_cached("SELECT key, value FROM outbox WHERE owner = ?1 ORDER BY position DESC")?;
        let rows = query.query_map([owner.name()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut all = Listed::default();
        for row in rows {
            let (key, value): (Vec<u8>, Vec<u8>) = row?;
            match self.opened(owner, &key, value) {
                Ok(submission) => all.records.push(submission),
                Err(error) => {
                    tracing::error!(%error, "a submission can't be read");
                    all.unreadable += 1;
                }
            }
        }
        Ok(all)
    }

    fn sealed(&self, owner: &Owner, submission: &Submission) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
        let keys = self.keys(owner)?;
        let key = keys.row_key(KIND, &submission.id);
        let place = Place { owner: owner.name(), kind: KIND, key: &key, format: FORMAT };
        let value = self.seal(owner, &keys, &place, &serde_json::to_vec(submission)?)?;
        Ok((key, value))
    }

    fn opened(&self, owner: &Owner, key: &[u8], value: Vec<u8>) -> Result<Submission, StoreError> {
        let place = Place { owner: owner.name(), kind: KIND, key, format: FORMAT };
        Ok(serde_json::from_slice(&self.keys(owner)?.open(&place, value)?.1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::tests::shift;

    fn report(app_id: &str, created: UnixTime) -> Submission {
        Submission {
            id: Vault::new_submission_id(),
            service: ServiceId::new("cn-sd/jinan".parse().expect("a unit"), app_id),
            title: "A lamp is out".to_owned(),
            url: "https://jinan.example/reports".to_owned(),
            body: serde_json::json!({"text": "The lamp at the gate is out"}),
            created,
            attachments: Vec::new(),
            timeline: Vec::new(),
            fields: None,
            state: SubmissionState::Waiting { attempts: 0, pending: None },
        }
    }

    fn postponed(until: UnixTime) -> Delivery {
        Delivery::Postponed { until, pending: PendingReason::Network }
    }

    #[test]
    fn a_submission_survives_closing_the_file_and_what_came_later_waits_for_what_came_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        let keys = shift(3);
        let vault = Vault::open(&path, keys.clone()).expect("a vault");
        let (first, second, other) = (report("report", 100), report("report", 101), report("parking", 102));
        for submission in [&first, &second, &other] {
            vault.enqueue(&Owner::Phone, submission).expect("kept");
        }
        drop(vault);

        let vault = Vault::open(&path, keys).expect("a vault");
        let lanes = vault.lanes(&Owner::Phone).expect("listed");
        let of = |submission: &Submission| {
            let lane = vault.lane_of(&Owner::Phone, &submission.id).expect("read").expect("there");
            assert!(lanes.contains(&lane));
            lane
        };
        assert_eq!((lanes.len(), of(&first)), (2, of(&second)));
        let next = |lane: &Lane, now| vault.next(lane, now).expect("readable");
        let is = |next: Next, expected: &Submission| matches!(next, Next::Due(due) if due.submission == *expected);
        assert_eq!(next(&of(&first), 99), Next::Later(100));
        assert!(is(next(&of(&first), 200), &first));
        let record = |submission, delivery| {
            vault.record_delivery(&Owner::Phone, submission, delivery, 200).expect("written").state
        };
        let waits = SubmissionState::Waiting { attempts: 1, pending: Some(PendingReason::Network) };
        assert_eq!(record(first.clone(), postponed(230)), waits);
        assert!(is(next(&of(&other), 200), &other), "another service does not wait");
        let delivered = record(other.clone(), Delivery::Accepted { receipt: Value::Null });
        assert!(matches!(delivered, SubmissionState::Delivered { at: 200, .. }));
        assert_eq!(next(&of(&other), 200), Next::Nothing);
        assert_eq!(next(&of(&second), 229), Next::Later(230), "the second waits for the first");
        assert_eq!(vault.lanes(&Owner::Phone).expect("listed"), [of(&first)]);
        vault.hurry(&of(&first), 229).expect("hurried");
        assert!(matches!(next(&of(&second), 229), Next::Due(due) if due.submission.id == first.id));
        assert_eq!(vault.submissions(&Owner::Phone).expect("listed").records.len(), 3);
    }

    #[test]
    fn a_time_that_was_set_by_a_clock_a_year_ahead_holds_nothing_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(3)).expect("a vault");
        let own = report("report", 100);
        let lane = vault.enqueue(&Owner::Phone, &own).expect("kept");
        vault.record_delivery(&Owner::Phone, own, postponed(100 + 365 * 86_400), 100).expect("written");
        assert!(matches!(vault.next(&lane, 200), Ok(Next::Due(_))));
    }

    #[test]
    fn a_damaged_submission_is_kept_and_holds_nothing_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(3)).expect("a vault");
        let (first, second) = (report("report", 100), report("report", 101));
        vault.enqueue(&Owner::Phone, &first).expect("kept");
        let lane = vault.enqueue(&Owner::Phone, &second).expect("kept");
        vault.db.execute("UPDATE outbox SET value = zeroblob(40) WHERE position = 1", []).expect("damaged");
        assert!(matches!(vault.next(&lane, 200), Ok(Next::Due(due)) if due.submission == second));
        let rows: u32 = vault.db.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0)).expect("counted");
        assert_eq!(rows, 2);
    }

    #[test]
    fn what_was_taken_back_is_not_sent_and_what_was_on_its_way_is_not_taken_back_unasked() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(3)).expect("a vault");
        let (first, second) = (report("report", 100), report("report", 101));
        for submission in [&first, &second] {
            vault.enqueue(&Owner::Phone, submission).expect("kept");
        }
        let begin = |id: &str| vault.begin_delivery(&Owner::Phone, id).expect("written");
        let remove = |id: &str| vault.remove_untouched(&Owner::Phone, id).expect("written");
        assert!(begin(&first.id));
        assert!(!remove(&first.id), "it is on its way");
        assert!(remove(&second.id));
        assert!(!begin(&second.id), "it is gone");
        vault.record_delivery(&Owner::Phone, first.clone(), postponed(230), 200).expect("written");
        assert!(!remove(&first.id), "it was tried");
        assert!(!remove("x"));
    }

    #[test]
    fn a_page_that_hands_in_without_end_is_stopped_and_harms_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(3)).expect("a vault");
        for _ in 0..MAX_WAITING {
            vault.enqueue(&Owner::Phone, &report("flood", 100)).expect("kept");
        }
        assert!(matches!(vault.enqueue(&Owner::Phone, &report("flood", 100)), Err(StoreError::Quota { .. })));
        vault.enqueue(&Owner::Phone, &report("report", 100)).expect("kept");
    }
}
