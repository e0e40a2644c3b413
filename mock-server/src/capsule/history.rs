//! What a tester has done to a world, and in what order everything happened.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use onecity_protocol::region::{RegionId, UnitId};
use onecity_protocol::trust::Announcement;
use serde::{Deserialize, Serialize};

use crate::clock::WorldClock;
use crate::content::Additions;
use crate::faults::Rule;
use crate::gates::GateSettings;
use crate::stubs::Stub;

/// Most deeds that are remembered, and most bytes of them.
const MOST: usize = 10_000;
const ROOM: usize = 32 << 20;

/// Something that was done to a world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Deed {
    Rule {
        rule: Rule,
        preset: Option<String>,
        is_from_file: bool,
    },
    EndRules {
        ids: Vec<String>,
    },
    Stub {
        stub: Stub,
    },
    FollowStubs {
        stubs: Vec<Stub>,
    },
    RemoveStub {
        id: String,
    },
    ClearStubs,
    Lay {
        additions: Additions,
    },
    /// A pass has another status: 0 valid, 1 revoked, 2 suspended.
    Pass {
        pass: String,
        status: u8,
    },
    Progress {
        number: String,
        status: String,
        text: String,
        /// In base64.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        picture: Option<String>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        signed: bool,
    },
    EndSessions {
        persona: Option<String>,
    },
    EndAllSessions,
    ExpireTokens {
        persona: Option<String>,
    },
    RotateProviders,
    RotateIssuer {
        issuer: String,
    },
    WithdrawIssuerKeys {
        issuer: String,
    },
    Announce {
        region: RegionId,
        announcement: Option<Announcement>,
    },
    Sign {
        region: RegionId,
    },
    Renew,
    Entrust {
        unit: UnitId,
        key: String,
    },
    Gate {
        name: String,
        settings: GateSettings,
    },
    RemoveGate {
        name: String,
    },
    Challenge {
        gate: String,
        random: u32,
    },
    /// A gate has fetched its lists, or could not.
    Fetch {
        gate: String,
        came: bool,
    },
    /// A code was held to a gate, and this is what it decided.
    Check {
        gate: String,
        code: String,
        decision: String,
        reason: Option<String>,
    },
}

/// When something happened: its turn among everything, and what the world's clock said, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub turn: u64,
    pub at: i64,
}

#[derive(Default)]
struct Deeds {
    all: VecDeque<(Moment, usize, Deed)>,
    weight: usize,
    lost: u64,
}

/// How a history began.
pub(super) struct Beginning {
    /// What the clock said, in milliseconds since 1970.
    pub began: i64,
    /// Its first turn.
    pub first: u64,
    /// How many exchanges there had been by then.
    pub exchanges: u64,
    /// Whether it began with something that no other world begins with.
    pub goes_on: bool,
}

/// The history of a world since it began, or was as it was at first.
pub(crate) struct History {
    clock: Arc<WorldClock>,
    turns: AtomicU64,
    began: AtomicI64,
    /// The first turn since then.
    first: AtomicU64,
    /// How many exchanges there had been by then.
    exchanges: AtomicU64,
    /// Whether it began with something that no other world begins with: a state file's, or registries that were signed before a reset.
    goes_on: AtomicBool,
    deeds: Mutex<Deeds>,
    drawing: Mutex<()>,
}

impl Default for History {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl History {
    pub(crate) fn new(clock: Arc<WorldClock>) -> Self {
        let began = AtomicI64::new(clock.milliseconds());
        let (turns, first, exchanges) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self {
            clock,
            turns,
            began,
            first,
            exchanges,
            goes_on: AtomicBool::new(false),
            deeds: Mutex::default(),
            drawing: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Deeds> {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins again from now on, after so many exchanges; whether from something that no other world begins with.
    pub(crate) fn begin(&self, exchanges: u64, goes_on: bool) {
        *self.lock() = Deeds::default();
        self.began.store(self.clock.milliseconds(), Ordering::Relaxed);
        self.exchanges.store(exchanges, Ordering::Relaxed);
        self.first.store(self.turns.load(Ordering::Relaxed), Ordering::Relaxed);
        self.goes_on.store(goes_on, Ordering::Relaxed);
    }

    /// While this is held, nobody else's lots are drawn: they are drawn in the order of their moments.
    pub(crate) fn draws(&self) -> MutexGuard<'_, ()> {
        self.drawing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next turn, and now.
    pub(crate) fn moment(&self) -> Moment {
        Moment { turn: self.turns.fetch_add(1, Ordering::Relaxed), at: self.clock.milliseconds() }
    }

    /// Something is done now.
    pub(crate) fn note(&self, deed: Deed) {
        let weight = 128 + serde_json::to_string(&deed).map_or(0, |text| text.len());
        let mut deeds = self.lock();
        let moment = self.moment();
        deeds.weight += weight;
        deeds.all.push_back((moment, weight, deed));
        while deeds.all.len() > MOST || deeds.weight > ROOM {
            let Some((_, weight, _)) = deeds.all.pop_front() else { break };
            deeds.weight -= weight;
            deeds.lost += 1;
        }
    }

    /// What was done, and how much of it is lost.
    pub(super) fn deeds(&self) -> (Vec<(Moment, Deed)>, u64) {
        let deeds = self.lock();
        (deeds.all.iter().map(|(moment, _, deed)| (*moment, deed.clone())).collect(), deeds.lost)
    }

    /// When it began, after how many exchanges, and whether with what no other world begins with.
    pub(super) fn beginning(&self) -> Beginning {
        Beginning {
            began: self.began.load(Ordering::Relaxed),
            first: self.first.load(Ordering::Relaxed),
            exchanges: self.exchanges.load(Ordering::Relaxed),
            goes_on: self.goes_on.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_remembers_so_much_and_says_how_much_it_has_lost() {
        let history = History::default();
        for number in 0..MOST + 5 {
            history.note(Deed::RemoveStub { id: number.to_string() });
        }
        let (deeds, lost) = history.deeds();
        assert_eq!((deeds.len(), lost), (MOST, 5));
        assert!(deeds.windows(2).all(|pair| pair[0].0.turn < pair[1].0.turn));
        let long = "x".repeat(1 << 20);
        for _ in 0..40 {
            history.note(Deed::RemoveStub { id: long.clone() });
        }
        assert!(history.lock().weight <= ROOM);
        history.begin(3, false);
        assert_eq!((history.deeds().0.len(), history.beginning().exchanges), (0, 3));
    }
}
