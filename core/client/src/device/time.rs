//! The time that codes and signatures are judged by: the last server time that came over a verified connection, plus
//! what the device has counted since, sleep included. The wall clock alone is only a guess.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::future::BoxFuture;
use onecity_protocol::credential::UnixTime;
use onecity_store::{Owner, Record};
use reqwest::header::{AGE, DATE, HeaderMap};
use serde::{Deserialize, Serialize};

use super::files::Files;
use super::threads::blocking;
use crate::error::Error;
use crate::platform::Clock;

/// How long the device's counter is relied on, in milliseconds: at 50 millionths of drift, a week is the half minute
/// that a gate allows.
const TRUSTED: i64 = 7 * 86_400_000;
/// After how long a server's time is stored again though it changes little, in milliseconds.
const REFRESH: i64 = 86_400_000;

/// No server's time before the first or after the second is believed, in seconds since 1970.
/// By how much a wall clock that was set differs from one that drifts, in milliseconds.
const WALL_SET: u64 = 10_000;
const YEAR_2024: UnixTime = 1_704_067_200;
const YEAR_2100: UnixTime = 4_102_444_800;

/// When a server last told the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Anchor {
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
    const GUARDED: bool = true;
}

/// A reading of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Seconds since 1970.
    pub now: UnixTime,
    /// Whether it rests on a server's word since the device started.
    pub verified: bool,
}

/// What the device's clocks say at one moment.
struct Clocks {
    wall: i64,
    since_boot: i64,
    boot_id: String,
}

impl Clocks {
    fn read(clock: &dyn Clock) -> Self {
        Self { wall: clock.wall(), since_boot: clock.since_boot_including_sleep(), boot_id: clock.boot_id() }
    }
}

/// The clock of the client. Everybody may read it; only a [`ClockTeacher`] sets it.
pub(crate) struct Time {
    clock: Arc<dyn Clock>,
    anchor: Mutex<Option<Anchor>>,
    /// Where the time is stored. The files may be closed by then.
    files: Weak<Files>,
}

/// The right to set the clock by what a server said. There is one, and the identity part has it: a registry, an issuer
/// or a city's back end is judged by the time and must not be able to move it.
pub(crate) struct ClockTeacher {
    time: Arc<Time>,
}

impl Time {
    /// With the anchor that was stored, if any, and the right to set it.
    pub(crate) fn new(clock: Arc<dyn Clock>, anchor: Option<Anchor>, files: &Arc<Files>) -> (Arc<Self>, ClockTeacher) {
        let time = Arc::new(Self { clock, anchor: Mutex::new(anchor), files: Arc::downgrade(files) });
        (Arc::clone(&time), ClockTeacher { time })
    }

    /// The time now, and how far it can be relied on. The device's clocks are asked where blocking is fine.
    pub(crate) async fn read(&self) -> Reading {
        let clock = Arc::clone(&self.clock);
        match blocking(move || Ok(Clocks::read(&*clock))).await {
            Ok(clocks) => {
                if let Some(anchor) = self.follow_wall(&clocks) {
                    self.keep(anchor);
                }
                self.judge(&clocks)
            }
            // Better a guess that says so than no time at all.
            Err(error) => {
                tracing::error!(%error, "the device's clock failed");
                let anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
                let now = anchor.as_ref().map_or(0, |anchor| anchor.server.div_euclid(1000));
                Reading { now, verified: false }
            }
        }
    }

    /// Waits until so many seconds have passed by the device's clock.
    pub(crate) fn wait(&self, seconds: u64) -> BoxFuture<'static, ()> {
        self.clock.wait(seconds.saturating_mul(1000))
    }

    /// Seconds since 1970.
    pub(crate) async fn now(&self) -> UnixTime {
        self.read().await.now
    }

    /// The same, and no earlier than a server has ever told: what has ended by a server's word does not become good again
    /// because a clock is turned back.
    pub(crate) async fn now_or_later_known(&self) -> UnixTime {
        let now = self.now().await;
        let anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        anchor.as_ref().map_or(now, |anchor| now.max(anchor.server.div_euclid(1000)))
    }

    /// Whether a time has come by a server's word, not only by the device's clock.
    pub(crate) async fn has_surely_come(&self, time: UnixTime) -> bool {
        let now = self.read().await;
        let anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let told = anchor.as_ref().map_or(i64::MIN, |anchor| anchor.server.div_euclid(1000));
        told >= time || (now.verified && now.now >= time)
    }

    /// The wall clock was set since the device started: how far it is off now. After the next start that is all there is
    /// to go by.
    fn follow_wall(&self, clocks: &Clocks) -> Option<Anchor> {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let own = anchor.as_mut().filter(|own| own.boot_id == clocks.boot_id)?;
        let elapsed = clocks.since_boot.saturating_sub(own.since_boot);
        let behind = own.server.saturating_add(elapsed).saturating_sub(clocks.wall);
        if own.wall_behind.abs_diff(behind) <= WALL_SET {
            return None;
        }
        own.wall_behind = behind;
        Some(own.clone())
    }

    fn keep(&self, anchor: Anchor) {
        if let Some(files) = self.files.upgrade() {
            files.write_later(move |vault| vault.put(&Owner::Phone, "", &anchor));
        }
    }

    fn judge(&self, clocks: &Clocks) -> Reading {
        let anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let (milliseconds, verified) = match &*anchor {
            Some(anchor) if anchor.boot_id == clocks.boot_id => {
                let elapsed = clocks.since_boot.saturating_sub(anchor.since_boot);
                (anchor.server.saturating_add(elapsed), elapsed < TRUSTED)
            }
            Some(anchor) => {
                let guess = clocks.wall.saturating_add(anchor.wall_behind);
                // Time does not run backwards: the wall clock was set while nobody looked.
                (if guess < anchor.server { clocks.wall.max(anchor.server) } else { guess }, false)
            }
            None => (clocks.wall, false),
        };
        Reading { now: milliseconds.div_euclid(1000), verified }
    }

    /// Takes a server's time; answers with an anchor to store if it moves the clock by more than a second.
    fn learn(&self, server_seconds: UnixTime, clocks: &Clocks) -> Option<Anchor> {
        let before = self.judge(clocks);
        let server = server_seconds.checked_mul(1000)?;
        let new = Anchor {
            server,
            since_boot: clocks.since_boot,
            boot_id: clocks.boot_id.clone(),
            wall_behind: server.saturating_sub(clocks.wall),
        };
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let age = anchor.as_ref().map_or(i64::MAX, |own| clocks.since_boot.saturating_sub(own.since_boot));
        let moved = !before.verified || before.now.abs_diff(server_seconds) > 1 || age > REFRESH;
        if moved {
            *anchor = Some(new.clone());
        }
        moved.then_some(new)
    }
}

impl ClockTeacher {
    /// Sets the clock by the date of an answer that came over a verified connection.
    pub(crate) async fn learn(&self, headers: &HeaderMap) -> Result<(), Error> {
        match date_of(headers) {
            Some(date) => self.learn_date(date).await,
            None => Ok(()),
        }
    }

    /// Sets the clock by a date that a server has just said, if it can be the time of now.
    pub(crate) async fn learn_date(&self, date: UnixTime) -> Result<(), Error> {
        if !is_possible(date) {
            return Ok(());
        }
        let time = Arc::clone(&self.time);
        let moved = blocking(move || Ok(time.learn(date, &Clocks::read(&*time.clock)))).await?;
        if let Some(anchor) = moved {
            self.time.keep(anchor);
        }
        Ok(())
    }
}

/// Whether this can be the time of now.
fn is_possible(date: UnixTime) -> bool {
    (YEAR_2024..YEAR_2100).contains(&date)
}

/// An answer's date, if it can be the time of now: a stored answer tells the time of then (RFC 9111 §5.1).
fn date_of(headers: &HeaderMap) -> Option<UnixTime> {
    if headers.contains_key(AGE) {
        return None;
    }
    http_date(headers.get(DATE)?.to_str().ok()?).filter(|date| is_possible(*date))
}

/// RFC 9110 §5.6.7's preferred form, which is RFC 2822's with GMT.
fn http_date(text: &str) -> Option<UnixTime> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::software::MachineClock;

    struct Kit {
        clock: Arc<MachineClock>,
        time: Time,
    }

    impl Kit {
        fn new(anchor: Option<Anchor>) -> Self {
            let clock = Arc::new(MachineClock::default());
            Self {
                time: Time { clock: Arc::clone(&clock) as _, anchor: Mutex::new(anchor), files: Weak::new() },
                clock,
            }
        }

        fn read(&self) -> Reading {
            self.time.judge(&Clocks::read(&*self.clock))
        }

        fn learn(&self, seconds: UnixTime) -> Option<Anchor> {
            self.time.learn(seconds, &Clocks::read(&*self.clock))
        }
    }

    #[test]
    fn sleep_counts_and_after_a_week_without_a_server_the_time_is_a_guess() {
        let kit = Kit::new(None);
        let truth = kit.read().now;
        kit.learn(truth).expect("the first word");
        kit.clock.skip(8 * 3_600_000);
        assert!(kit.read().verified && kit.read().now.abs_diff(truth + 8 * 3600) <= 1, "a night asleep");
        kit.clock.set_wall_offset(3_600_000);
        assert!(kit.read().now.abs_diff(truth + 8 * 3600) <= 1, "the wall clock does not matter");
        kit.clock.skip(7 * 86_400_000);
        assert!(!kit.read().verified, "drift may have become half a minute");
        let later = kit.read().now;
        kit.learn(later).expect("stored again though nothing moved");
        assert!(kit.read().verified);
        kit.clock.skip(2 * 86_400_000);
        assert!(kit.learn(later + 2 * 86_400).is_some(), "stored again each day");
    }

    #[test]
    fn a_wrong_wall_clock_no_longer_matters_once_a_server_has_told_the_time() {
        let kit = Kit::new(None);
        let truth = kit.read().now;
        kit.clock.set_wall_offset(-3_600_000);
        assert!(!kit.read().verified && kit.read().now < truth - 3500);
        let anchor = kit.learn(truth).expect("the clock moved");
        assert!(kit.read().verified && kit.read().now.abs_diff(truth) <= 1);
        assert_eq!(kit.learn(truth), None);

        let restarted = Kit::new(Some(anchor));
        restarted.clock.set_wall_offset(-3_600_000);
        assert!(!restarted.read().verified && restarted.read().now.abs_diff(truth) <= 1);
    }

    #[test]
    fn a_wall_clock_that_was_set_right_is_not_corrected_again_after_a_restart() {
        const DAY: i64 = 86_400_000;
        for off in [DAY, -DAY] {
            // Somebody sets it while the app looks on, and the device restarts.
            let kit = Kit::new(None);
            let truth = kit.read().now;
            kit.clock.set_wall_offset(off);
            kit.learn(truth).expect("the first word");
            kit.clock.set_wall_offset(0);
            let anchor = kit.time.follow_wall(&Clocks::read(&*kit.clock)).expect("it was set");
            assert_eq!(kit.time.follow_wall(&Clocks::read(&*kit.clock)), None, "once");
            assert!(Kit::new(Some(anchor)).read().now.abs_diff(truth) <= 2, "{off}");
        }
        // Nobody looks on: a time before the server's word can't be right, so the wall clock's word is taken.
        let kit = Kit::new(None);
        let truth = kit.read().now;
        kit.clock.set_wall_offset(DAY);
        let anchor = kit.learn(truth).expect("the first word");
        let restarted = Kit::new(Some(anchor));
        assert!(restarted.read().now.abs_diff(truth) <= 2 && !restarted.read().verified);
    }

    #[tokio::test]
    async fn a_clock_that_is_turned_back_behind_a_server_s_word_makes_nothing_good_again() {
        let kit = Kit::new(None);
        let truth = kit.read().now;
        let anchor = kit.learn(truth).expect("the first word");
        let restarted = Kit::new(Some(anchor));
        restarted.clock.set_wall_offset(-30 * 86_400_000);
        assert!(restarted.time.now_or_later_known().await >= truth);
    }

    #[test]
    fn a_server_s_date_is_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("yesterday"), None);
    }

    #[test]
    fn a_stored_answer_and_another_century_do_not_tell_the_time() {
        let of = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(http::HeaderName::from_static(name), value.parse().expect("a value"));
            }
            date_of(&headers)
        };
        assert_eq!(of(&[("date", "Wed, 25 Nov 2026 09:00:00 GMT")]), Some(1_795_597_200));
        assert_eq!(of(&[("date", "Wed, 25 Nov 2026 09:00:00 GMT"), ("age", "0")]), None);
        assert_eq!(of(&[("date", "Sun, 06 Nov 1994 08:49:37 GMT")]), None);
        assert_eq!(of(&[("date", "Mon, 25 Nov 2126 09:00:00 GMT")]), None);
        assert_eq!(of(&[]), None);
    }

    #[tokio::test]
    async fn the_clock_is_never_read_on_a_worker_of_the_runtime() {
        struct Watching(Mutex<Vec<std::thread::ThreadId>>);
        impl Clock for Watching {
            fn wall(&self) -> i64 {
                self.0.lock().expect("whole").push(std::thread::current().id());
                5000
            }
            fn since_boot_including_sleep(&self) -> i64 {
                0
            }
            fn boot_id(&self) -> String {
                String::new()
            }
        }
        let clock = Arc::new(Watching(Mutex::default()));
        let time = Time { clock: Arc::clone(&clock) as _, anchor: Mutex::default(), files: Weak::new() };
        assert_eq!(time.now().await, 5);
        assert!(!clock.0.lock().expect("whole").contains(&std::thread::current().id()));
    }
}
