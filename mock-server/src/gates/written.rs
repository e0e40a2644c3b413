//! What of the gates is in a state file.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use onecity_protocol::credential::{Gate, StationKey, StatusListToken, TrustList, UnixTime};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{GateSettings, Gates, OneGate};
use crate::state::{self, Changes, Pieces, Rows, StateError};

/// How long a state file has what a gate has let through, in seconds: longer than a code counts.
pub(crate) const PASSAGES_LAST: i64 = 600;
/// The parts of a state file that are the gates'.
const GATES: &str = "gates";
const PASSAGES: &str = "passages";

/// The key under which passages stand in a state file. Nobody but their own server reads it, who has far greater secrets there.
pub(crate) fn file_key() -> StationKey {
    StationKey::new(b"passages that a state file keeps")
}

/// Lets a gate know again what it has let through.
pub(crate) fn remember(gate: &mut Gate, passages: Pieces, now: UnixTime) {
    for (_, told) in passages {
        if let Err(error) = gate.learn_passages(&told, &file_key(), now) {
            tracing::warn!(%error, "passages in the state file are not understood");
        }
    }
}

/// A gate as a state file has it.
#[derive(Serialize, Deserialize)]
struct StoredGate {
    settings: GateSettings,
    trust: Value,
    seen: UnixTime,
    fetched: Option<UnixTime>,
    /// When it began, for how long it may do without a list.
    began: UnixTime,
    lists: Vec<Option<StoredList>>,
}

/// A status list as it was signed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredList(#[serde(with = "state::bytes")] pub Vec<u8>);

/// What a state file does not have of a gate.
#[derive(Default)]
pub(super) struct UnwrittenGate {
    /// Whether it is that it is there, or has fetched its lists.
    pub settings: bool,
    /// Since when it has let somebody through.
    pub passages: Option<UnixTime>,
}

impl Gates {
    pub(super) fn is_gone(&self, name: &str) {
        if self.is_written.load(Ordering::Relaxed) {
            self.gone.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        }
    }

    /// Goes on with what a state file has.
    pub(crate) fn restore(&self, rows: &mut Rows) -> Result<(), StateError> {
        let damaged = || StateError::Damaged(GATES.to_owned());
        self.is_written.store(true, Ordering::Relaxed);
        let (stored, mut passages) = (rows.take_all::<StoredGate>(GATES)?, rows.take(PASSAGES));
        for (name, StoredGate { settings, trust, seen, fetched, began, lists }) in stored {
            let trust = TrustList::parse(trust.to_string().as_bytes()).map_err(|_| damaged())?;
            let now = self.clock.now().max(seen);
            let mut own = OneGate::new(settings, trust, began.min(now)).map_err(|_| damaged())?;
            own.seen = now;
            remember(&mut own.gate, passages.remove(&name).unwrap_or_default(), now);
            for StoredList(list) in lists.iter().flatten() {
                let token = StatusListToken::parse(list).map_err(|_| damaged())?;
                // One that has ended meanwhile is as if it were not there.
                let _ = own.gate.set_status_list(token, now);
            }
            (own.lists, own.fetched, own.unwritten) = (lists, fetched, UnwrittenGate::default());
            self.lock().insert(name, own);
        }
        Ok(())
    }

    /// What a state file does not have yet.
    pub(crate) fn unwritten(&self, changes: &mut Changes) {
        let mut all = self.lock();
        for name in std::mem::take(&mut *self.gone.lock().unwrap_or_else(PoisonError::into_inner)) {
            changes.remove(GATES, &name);
            changes.remove(PASSAGES, &name);
            if let Some(own) = all.get_mut(&name) {
                own.unwritten.settings = true;
            }
        }
        for (name, own) in all.iter_mut() {
            let UnwrittenGate { settings, passages } = std::mem::take(&mut own.unwritten);
            if settings {
                let trust = serde_json::to_value(&own.trust).unwrap_or_default();
                let (settings, lists) = (own.settings.clone(), own.lists.clone());
                let (seen, fetched, began) = (own.seen, own.fetched, own.began);
                let stored = StoredGate { settings, trust, seen, fetched, began, lists };
                changes.put(GATES, name, &stored);
            }
            if let Some(since) = passages {
                changes.remove_below(PASSAGES, name, since - PASSAGES_LAST);
                // What comes in the same second once more is all of it again.
                changes.put_piece(PASSAGES, name, since, own.gate.passages(since, &file_key()));
            }
        }
    }
}
