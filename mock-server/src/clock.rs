//! The world's clock: its server, its gates and its phones go by it. It can be frozen, set, let jump and run at another speed.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::BoxFuture;
use onecity_core::platform::Clock;
use onecity_protocol::credential::UnixTime;
use serde::{Deserialize, Serialize, Serializer};
use tokio::sync::watch;

use crate::state::{Changes, Rows, StateError};

/// The year 9900, in milliseconds since 1970: no clock of a world is later, so that what is signed there can still end some day.
const LATEST: i64 = 250_246_627_200_000;
/// The highest speed: an hour in a tenth of a second.
pub const FASTEST: f64 = 36_000.0;

/// From a moment of this machine on.
#[derive(Debug, Clone, Copy)]
struct Course {
    since: Instant,
    /// Milliseconds since 1970 at that moment.
    wall: i64,
    /// Milliseconds that had passed in the world by then. It never goes back.
    passed: i64,
    /// Milliseconds of the world for each of this machine's; 0 while it is frozen.
    speed: f64,
}

impl Course {
    fn begin() -> Self {
        Self { since: Instant::now(), wall: machine(), passed: 0, speed: 1.0 }
    }

    #[expect(clippy::cast_possible_truncation, reason = "far below 2^53 milliseconds, and the cast saturates")]
    fn run(&self) -> i64 {
        (self.since.elapsed().as_secs_f64() * 1000.0 * self.speed) as i64
    }

    fn wall(&self) -> i64 {
        self.wall.saturating_add(self.run()).clamp(0, LATEST)
    }

    fn passed(&self) -> i64 {
        self.passed.saturating_add(self.run())
    }
}

/// Milliseconds since 1970 by this machine's clock.
fn machine() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A course as a state file has it: time has gone on while no server ran.
#[derive(Serialize, Deserialize)]
struct StoredCourse {
    /// Milliseconds since 1970 by the machine's clock, when it was as follows.
    machine: i64,
    wall: i64,
    passed: i64,
    speed: f64,
}

/// The part of a state file that is the clock's.
const CLOCK: &str = "clock";

/// The clock of a world. It begins at this machine's time, at its speed.
pub struct WorldClock {
    course: Mutex<Course>,
    /// Counts how often it was changed.
    changes: watch::Sender<u64>,
    /// How many changes are in the state file; what it began with is one.
    written: AtomicU64,
}

impl Default for WorldClock {
    fn default() -> Self {
        Self {
            course: Mutex::new(Course::begin()),
            changes: watch::Sender::default(),
            written: AtomicU64::new(u64::MAX),
        }
    }
}

impl WorldClock {
    fn lock(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with what a state file has.
    pub(crate) fn restore(&self, rows: &mut Rows) -> Result<(), StateError> {
        let Some(StoredCourse { machine: then, wall, passed, speed }) = rows.take_one(CLOCK)? else { return Ok(()) };
        let speed = if speed.is_finite() { speed.clamp(0.0, FASTEST) } else { 1.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the cast saturates")]
        let gone = (machine().saturating_sub(then).max(0) as f64 * speed) as i64;
        let (wall, passed) = (wall.saturating_add(gone).clamp(0, LATEST), passed.saturating_add(gone));
        *self.lock() = Course { since: Instant::now(), wall, passed, speed };
        self.written.store(*self.changes.borrow(), Ordering::Relaxed);
        Ok(())
    }

    /// What a state file does not have yet.
    pub(crate) fn unwritten(&self, changes: &mut Changes) {
        let count = *self.changes.borrow();
        if self.written.swap(count, Ordering::Relaxed) != count {
            let own = self.lock();
            let (wall, passed, speed) = (own.wall(), own.passed(), own.speed);
            changes.put(CLOCK, "", &StoredCourse { machine: machine(), wall, passed, speed });
        }
    }

    /// Milliseconds since 1970.
    pub fn milliseconds(&self) -> i64 {
        self.lock().wall()
    }

    /// Seconds since 1970.
    pub fn now(&self) -> UnixTime {
        self.milliseconds() / 1000
    }

    /// Milliseconds of the world for each of this machine's; 0 while it is frozen.
    pub fn speed(&self) -> f64 {
        self.lock().speed
    }

    /// Milliseconds that have passed in the world since it began. Setting it back takes none away.
    fn passed(&self) -> i64 {
        self.lock().passed()
    }

    fn change(&self, change: impl FnOnce(&mut Course)) {
        {
            let mut course = self.lock();
            let (wall, passed) = (course.wall(), course.passed());
            *course = Course { since: Instant::now(), wall, passed, speed: course.speed };
            change(&mut course);
            // Before anybody reads the new time.
            self.changes.send_modify(|count| *count += 1);
        }
    }

    /// Lets milliseconds pass without anybody waiting for them; or sets it back.
    pub fn jump(&self, milliseconds: i64) {
        self.change(|course| {
            let wall = course.wall.saturating_add(milliseconds).clamp(0, LATEST);
            course.passed = course.passed.saturating_add((wall - course.wall).max(0));
            course.wall = wall;
        });
    }

    /// Sets it to a time, in milliseconds since 1970.
    pub fn set(&self, milliseconds: i64) {
        self.jump(milliseconds.clamp(0, LATEST) - self.milliseconds());
    }

    /// How fast it goes from now on: 0 stops it, 1 is this machine's speed, [`FASTEST`] is the most.
    pub fn run_at(&self, speed: f64) {
        let speed = if speed.is_finite() { speed.clamp(0.0, FASTEST) } else { 1.0 };
        self.change(|course| course.speed = speed);
    }

    /// Goes by this machine's time again.
    pub fn follow_machine(&self) {
        self.change(|course| {
            let wall = machine();
            course.passed = course.passed.saturating_add((wall - course.wall).max(0));
            (course.wall, course.speed) = (wall, 1.0);
        });
    }

    /// Tells of each change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// The clock of a phone in a world. It goes with the world's; a resident may have set it wrong.
pub struct PhoneClock {
    world: Arc<WorldClock>,
    /// Milliseconds that the wall clock is off.
    wall_offset: AtomicI64,
    /// Milliseconds that have passed for this phone alone.
    skipped: watch::Sender<i64>,
    restarts: AtomicU64,
}

impl PhoneClock {
    /// A clock that is right.
    pub fn new(world: Arc<WorldClock>) -> Self {
        let (wall_offset, skipped, restarts) = (AtomicI64::new(0), watch::Sender::new(0), AtomicU64::new(0));
        Self { world, wall_offset, skipped, restarts }
    }

    /// Sets the wall clock off by some milliseconds.
    pub fn set_wall_offset(&self, milliseconds: i64) {
        self.wall_offset.store(milliseconds, Ordering::Relaxed);
    }

    /// Lets time pass for this phone alone, for the wall clock and the counter alike.
    pub fn skip(&self, milliseconds: i64) {
        self.skipped.send_modify(|skipped| *skipped = skipped.saturating_add(milliseconds));
    }

    /// The device starts again.
    pub fn restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }
}

impl Clock for PhoneClock {
    fn wall(&self) -> i64 {
        let offset = self.wall_offset.load(Ordering::Relaxed).saturating_add(*self.skipped.borrow());
        self.world.milliseconds().saturating_add(offset)
    }

    fn since_boot_including_sleep(&self) -> i64 {
        self.world.passed().saturating_add(*self.skipped.borrow())
    }

    fn boot_id(&self) -> String {
        format!("{:p} {}", Arc::as_ptr(&self.world), self.restarts.load(Ordering::Relaxed))
    }

    /// By the world's clock: where that stands still, it waits; where it jumps, it is over.
    fn wait(&self, milliseconds: u64) -> BoxFuture<'static, ()> {
        let (world, mut skips, mut changes) = (Arc::clone(&self.world), self.skipped.subscribe(), self.world.changes());
        let until = self.since_boot_including_sleep().saturating_add(i64::try_from(milliseconds).unwrap_or(i64::MAX));
        Box::pin(async move {
            loop {
                // First, so that what changes from now on is heard of.
                changes.borrow_and_update();
                let left = until.saturating_sub(world.passed().saturating_add(*skips.borrow_and_update()));
                if left <= 0 {
                    return;
                }
                let speed = world.speed();
                let real = async {
                    match speed > 0.0 {
                        // A whole millisecond more, so that it does not wake too early.
                        #[expect(clippy::cast_precision_loss, reason = "a wait is short of 2^53 milliseconds")]
                        true => {
                            tokio::time::sleep(Duration::from_secs_f64((left as f64 / speed + 1.0).min(1e9) / 1000.0))
                                .await
                        }
                        false => std::future::pending().await,
                    }
                };
                // Whose clock is gone waits for nothing but time.
                tokio::select! {
                    () = real => {}
                    Ok(()) = changes.changed() => {}
                    Ok(()) = skips.changed() => {}
                }
            }
        })
    }
}

/// A time in milliseconds as it is written (RFC 3339).
pub(crate) fn written(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default().to_string()
}

/// A time in seconds, for records that are shown.
pub(crate) fn write_seconds<S: Serializer>(seconds: &UnixTime, writer: S) -> Result<S::Ok, S::Error> {
    writer.serialize_str(&written(seconds.saturating_mul(1000)))
}

/// The same, if there is one.
pub(crate) fn write_seconds_if_any<S: Serializer>(seconds: &Option<UnixTime>, writer: S) -> Result<S::Ok, S::Error> {
    match seconds {
        Some(seconds) => write_seconds(seconds, writer),
        None => writer.serialize_none(),
    }
}

/// Longest text that can be a time, in bytes.
const LONGEST_TIME: usize = 64;

/// Reads a time as RFC 3339 writes it, in milliseconds.
pub(crate) fn read_time(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = (text.len() <= LONGEST_TIME).then(|| text.parse())?.ok()?;
    Some(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_frozen_clock_stands_still_jumps_and_goes_on_from_there() {
        let clock = WorldClock::default();
        clock.run_at(0.0);
        let began = clock.milliseconds();
        clock.jump(HOUR);
        assert_eq!((clock.milliseconds(), clock.speed()), (began + HOUR, 0.0));
        clock.run_at(1.0);
        assert!((began + HOUR..began + 2 * HOUR).contains(&clock.milliseconds()));
    }

    #[test]
    fn a_phone_counts_on_when_the_world_is_set_back() {
        let clock = Arc::new(WorldClock::default());
        clock.run_at(0.0);
        let phone = PhoneClock::new(Arc::clone(&clock));
        let (wall, counted) = (phone.wall(), phone.since_boot_including_sleep());
        clock.jump(HOUR);
        assert_eq!((phone.wall(), phone.since_boot_including_sleep()), (wall + HOUR, counted + HOUR));
        clock.jump(-2 * HOUR);
        assert_eq!((phone.wall(), phone.since_boot_including_sleep()), (wall - HOUR, counted + HOUR));
        phone.set_wall_offset(HOUR);
        phone.skip(1000);
        assert_eq!((phone.wall(), phone.since_boot_including_sleep()), (wall + 1000, counted + HOUR + 1000));
    }

    #[test]
    fn it_stays_between_1970_and_9900_whatever_it_is_told() {
        let clock = WorldClock::default();
        for (told, is) in [(i64::MAX, LATEST), (i64::MIN + 1, 0)] {
            clock.run_at(0.0);
            clock.jump(told);
            assert_eq!(clock.milliseconds(), is);
            clock.set(told);
            assert_eq!(clock.milliseconds(), is);
        }
        clock.run_at(f64::NAN);
        assert!((clock.speed() - 1.0).abs() < f64::EPSILON);
        clock.run_at(1e300);
        assert!((clock.speed() - FASTEST).abs() < f64::EPSILON);
    }

    #[tokio::test]
    async fn who_waits_by_a_phone_s_clock_waits_as_long_as_the_world_does() {
        let clock = Arc::new(WorldClock::default());
        clock.run_at(0.0);
        let phone = PhoneClock::new(Arc::clone(&clock));
        let is_over = |waits: &mut BoxFuture<'static, ()>| waits.now_or_never().is_some();
        let mut waits = phone.wait(2 * HOUR.unsigned_abs());
        assert!(!is_over(&mut waits), "it stands still");
        clock.jump(HOUR);
        assert!(!is_over(&mut waits));
        phone.skip(HOUR);
        assert!(is_over(&mut waits), "an hour of the world, and one of its own");
        // A day at the highest speed is no day.
        clock.run_at(FASTEST);
        let began = Instant::now();
        phone.wait(24 * HOUR.unsigned_abs()).await;
        assert!(began.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn those_who_wait_hear_of_each_change() {
        let clock = WorldClock::default();
        let heard = clock.changes();
        clock.jump(1);
        clock.run_at(2.0);
        assert_eq!(*heard.borrow(), 2);
    }
}
