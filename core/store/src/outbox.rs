//! Submissions that wait for a network. One is on disk before the call that made it returns, and stays until the
//! city has answered; its id is the idempotency key, so that trying again can't deliver it twice.

use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::UnitId;
use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::StoreError;
use crate::sealing::Place;
use crate::vault::{Owner, Vault};

const KIND: &str = "outbox";
const FORMAT: u8 = 1;

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum SubmissionState {
    /// On the phone; it is tried again by itself.
    Waiting {
        /// How often it was tried.
        attempts: u32,
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
    },
}

/// Something that a resident hands in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// 32 hexadecimal digits; also its idempotency key.
    pub id: String,
    /// The unit whose service it came from.
    pub unit: UnitId,
    /// That service's id among the unit's.
    pub app_id: String,
    /// What the resident sees in the list.
    pub title: String,
    /// Where it goes.
    pub url: String,
    /// What is sent.
    pub body: Value,
    /// When it was handed in, in seconds.
    pub created: UnixTime,
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
    },
    /// No answer, or one that asks for patience.
    Postponed {
        /// When to try next, in seconds.
        until: UnixTime,
    },
}

impl Vault {
    /// An id for a submission: 128 random bits.
    pub fn new_submission_id() -> String {
        let mut id = [0; 16];
        SystemRandom::new().fill(&mut id).expect("the system has random numbers");
        id.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Keeps a submission; it is on disk when this returns.
    pub fn enqueue(&self, owner: &Owner, submission: &Submission) -> Result<(), StoreError> {
        let (key, value) = self.sealed(owner, submission)?;
        self.db
            .prepare_cached("INSERT INTO outbox (owner, key, waiting, due, value) VALUES (?1, ?2, 1, ?3, ?4)")?
            .execute(params![owner.name(), key, submission.created, value])?;
        Ok(())
    }

    /// The oldest submission of an owner whose time has come.
    pub fn next_due(&self, owner: &Owner, now: UnixTime) -> Result<Option<Submission>, StoreError> {
        let found: Option<(Vec<u8>, Vec<u8>)> = self
            .db
            .prepare_cached(
                "SELECT key, value FROM outbox WHERE owner = ?1 AND waiting = 1 AND due <= ?2 ORDER BY position",
            )?
            .query_row(params![owner.name(), now], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        found.map(|(key, value)| self.opened(owner, &key, value)).transpose()
    }

    /// Writes down what a try to deliver came to.
    pub fn record_delivery(
        &self,
        owner: &Owner,
        mut submission: Submission,
        delivery: Delivery,
        now: UnixTime,
    ) -> Result<Submission, StoreError> {
        let attempts = match submission.state {
            SubmissionState::Waiting { attempts } => attempts.saturating_add(1),
            _ => return Ok(submission),
        };
        let (state, due) = match delivery {
            Delivery::Accepted { receipt } => (SubmissionState::Delivered { at: now, receipt }, now),
            Delivery::Refused { reason } => (SubmissionState::Refused { at: now, reason }, now),
            Delivery::Postponed { until } => (SubmissionState::Waiting { attempts }, until),
        };
        let waiting = matches!(state, SubmissionState::Waiting { .. });
        submission.state = state;
        let (key, value) = self.sealed(owner, &submission)?;
        self.db
            .prepare_cached("UPDATE outbox SET waiting = ?3, due = ?4, value = ?5 WHERE owner = ?1 AND key = ?2")?
            .execute(params![owner.name(), key, waiting, due, value])?;
        Ok(submission)
    }

    /// Makes every waiting submission due at once, for example because the network is back.
    pub fn hurry(&self, owner: &Owner, now: UnixTime) -> Result<(), StoreError> {
        let mut update =
            self.db.prepare_cached("UPDATE outbox SET due = ?2 WHERE owner = ?1 AND waiting = 1 AND due > ?2")?;
        update.execute(params![owner.name(), now])?;
        Ok(())
    }

    /// How many submissions of two owners wait: the phone's, and the active account's.
    pub fn waiting(&self, owners: &[Owner; 2]) -> Result<u32, StoreError> {
        let mut query =
            self.db.prepare_cached("SELECT count(*) FROM outbox WHERE owner IN (?1, ?2) AND waiting = 1")?;
        Ok(query.query_row(owners.each_ref().map(Owner::name), |row| row.get(0))?)
    }

    /// All submissions of an owner, newest first.
    pub fn submissions(&self, owner: &Owner) -> Result<Vec<Submission>, StoreError> {
        let mut query =
            self.db.prepare_cached("SELECT key, value FROM outbox WHERE owner = ?1 ORDER BY position DESC")?;
        let rows = query.query_map([owner.name()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.map(|row| {
            let (key, value): (Vec<u8>, Vec<u8>) = row?;
            self.opened(owner, &key, value)
        })
        .collect()
    }

    fn sealed(&self, owner: &Owner, submission: &Submission) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
        let keys = self.keys(owner)?;
        let key = keys.row_key(KIND, &submission.id);
        let place = Place { owner: owner.name(), kind: KIND, key: &key, format: FORMAT };
        let value = keys.seal(&place, &serde_json::to_vec(submission)?);
        Ok((key, value))
    }

    fn opened(&self, owner: &Owner, key: &[u8], value: Vec<u8>) -> Result<Submission, StoreError> {
        let place = Place { owner: owner.name(), kind: KIND, key, format: FORMAT };
        Ok(serde_json::from_slice(&self.keys(owner)?.open(&place, value)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::tests::Shift;
    use std::sync::Arc;

    fn report(created: UnixTime) -> Submission {
        Submission {
            id: Vault::new_submission_id(),
            unit: "cn-sd/jinan".parse().expect("a unit"),
            app_id: "report".to_owned(),
            title: "A lamp is out".to_owned(),
            url: "https://jinan.example/reports".to_owned(),
            body: serde_json::json!({"text": "The lamp at the gate is out"}),
            created,
            state: SubmissionState::Waiting { attempts: 0 },
        }
    }

    #[test]
    fn a_submission_waits_in_order_and_survives_closing_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        let vault = Vault::open(&path, Arc::new(Shift(3))).expect("a vault");
        let (first, second) = (report(100), report(101));
        vault.enqueue(&Owner::Phone, &first).expect("kept");
        vault.enqueue(&Owner::Phone, &second).expect("kept");
        drop(vault);

        let vault = Vault::open(&path, Arc::new(Shift(3))).expect("a vault");
        let due = |now| vault.next_due(&Owner::Phone, now).expect("readable");
        assert_eq!(due(99), None);
        assert_eq!(due(200), Some(first.clone()));
        let record = |submission, delivery| {
            vault.record_delivery(&Owner::Phone, submission, delivery, 200).expect("written").state
        };
        assert_eq!(record(first, Delivery::Postponed { until: 230 }), SubmissionState::Waiting { attempts: 1 });
        let delivered = record(due(200).expect("the second"), Delivery::Accepted { receipt: Value::Null });
        assert!(matches!(delivered, SubmissionState::Delivered { at: 200, .. }));
        assert_eq!(due(229), None);
        vault.hurry(&Owner::Phone, 229).expect("hurried");
        assert!(due(229).is_some());
        assert_eq!(vault.submissions(&Owner::Phone).expect("listed").len(), 2);
    }
}
