//! The time that codes and signatures are judged by: the last server time that came over a verified connection, plus
//! what the device has counted since, sleep included. The wall clock alone is only a guess.

use std::sync::{Arc, Mutex, PoisonError};

use onecity_protocol::credential::UnixTime;
use onecity_store::Record;
use serde::{Deserialize, Serialize};

use crate::platform::Clock;

/// How long the device's counter is relied on, in milliseconds: at 50 millionths of drift, a week is the half minute
/// that a gate allows.
const TRUSTED: i64 = 7 * 86_400_000;
/// After how long a server's word is kept anew though it changes little, in milliseconds.
const REFRESH: i64 = 86_400_000;

/// When a server last told the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The server's time, in milliseconds since 1970.
    server: i64,
    /// The device's counter at that moment.
    since_boot: i64,
    /// Which start of the device it counted from.
    boot_id: String,
    /// How far the wall clock was behind the server, in milliseconds.
    wall_behind: i64,
}

impl Record for Anchor {
    const KIND: &'static str = "time_anchor";
    const FORMAT: u8 = 1;
}

/// A reading of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Seconds since 1970.
    pub now: UnixTime,
    /// Whether it rests on a server's word since the device started.
    pub verified: bool,
}

/// The clock of the client.
pub struct TrustedTime {
    clock: Arc<dyn Clock>,
    anchor: Mutex<Option<Anchor>>,
}

impl TrustedTime {
    /// With the anchor that was kept, if any.
    pub fn new(clock: Arc<dyn Clock>, anchor: Option<Anchor>) -> Self {
        Self { clock, anchor: Mutex::new(anchor) }
    }

    /// Takes a server's time; answers with an anchor to keep if it moves the clock by more than a second.
    pub fn learn(&self, server_seconds: UnixTime) -> Option<Anchor> {
        let before = self.read();
        let server = server_seconds.checked_mul(1000)?;
        let anchor = Anchor {
            server,
            since_boot: self.clock.since_boot_including_sleep(),
            boot_id: self.clock.boot_id(),
            wall_behind: server - self.clock.wall(),
        };
        let moved = !before.verified || before.now.abs_diff(server_seconds) > 1 || self.age() > REFRESH;
        if moved {
            *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = Some(anchor.clone());
        }
        moved.then_some(anchor)
    }

    /// The time now.
    pub fn read(&self) -> Reading {
        let anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let (milliseconds, verified) = match &*anchor {
            Some(anchor) if anchor.boot_id == self.clock.boot_id() => {
                let elapsed = self.clock.since_boot_including_sleep() - anchor.since_boot;
                (anchor.server + elapsed, elapsed < TRUSTED)
            }
            Some(anchor) => (self.clock.wall() + anchor.wall_behind, false),
            None => (self.clock.wall(), false),
        };
        Reading { now: milliseconds.div_euclid(1000), verified }
    }

    /// How long ago a server told the time, in milliseconds.
    fn age(&self) -> i64 {
        let anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        anchor.as_ref().map_or(i64::MAX, |anchor| self.clock.since_boot_including_sleep() - anchor.since_boot)
    }

    /// Seconds since 1970.
    pub fn now(&self) -> UnixTime {
        self.read().now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::software::MachineClock;

    #[test]
    fn sleep_counts_and_after_a_week_without_a_server_the_time_is_a_guess() {
        let clock = Arc::new(MachineClock::default());
        let time = TrustedTime::new(Arc::clone(&clock) as Arc<dyn Clock>, None);
        let truth = time.now();
        time.learn(truth).expect("the first word");
        clock.skip(8 * 3_600_000);
        assert!(time.read().verified && time.now().abs_diff(truth + 8 * 3600) <= 1, "a night asleep");
        clock.set_wall_offset(3_600_000);
        assert!(time.now().abs_diff(truth + 8 * 3600) <= 1, "the wall clock does not matter");
        clock.skip(7 * 86_400_000);
        assert!(!time.read().verified, "drift may have become half a minute");
        let later = time.now();
        time.learn(later).expect("kept anew though nothing moved");
        assert!(time.read().verified);
        clock.skip(2 * 86_400_000);
        assert!(time.learn(later + 2 * 86_400).is_some(), "kept anew each day");
    }

    #[test]
    fn a_wrong_wall_clock_no_longer_matters_once_a_server_has_told_the_time() {
        let clock = Arc::new(MachineClock::default());
        let time = TrustedTime::new(Arc::clone(&clock) as Arc<dyn Clock>, None);
        let truth = time.now();
        clock.set_wall_offset(-3_600_000);
        assert!(!time.read().verified && time.now() < truth - 3500);
        let anchor = time.learn(truth).expect("the clock moved");
        assert!(time.read().verified && time.now().abs_diff(truth) <= 1);
        assert_eq!(time.learn(truth), None);

        let rebooted = Arc::new(MachineClock::default());
        rebooted.set_wall_offset(-3_600_000);
        let time = TrustedTime::new(rebooted, Some(anchor));
        assert!(!time.read().verified && time.now().abs_diff(truth) <= 1);
    }
}
