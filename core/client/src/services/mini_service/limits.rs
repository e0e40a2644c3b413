//! How much a page may ask: so many calls at a time and a second, so many requests at a time. One that asks for more is
//! told so, and slows down nobody else.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use onecity_protocol::bridge::BridgeError;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Calls at once.
const CALLS: usize = 32;
/// Requests and submissions at once.
const REQUESTS: usize = 8;
/// Calls a second, in the long run and in a burst.
const RATE: f64 = 100.0;
const BURST: f64 = 200.0;

/// What is left of a page's share.
pub(super) struct Limits {
    calls: Semaphore,
    requests: Semaphore,
    /// A page waits for the next event once, however many listeners it has.
    events: Semaphore,
    tokens: Mutex<(f64, Instant)>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: Semaphore::new(CALLS),
            requests: Semaphore::new(REQUESTS),
            events: Semaphore::new(1),
            tokens: Mutex::new((BURST, Instant::now())),
        }
    }
}

fn busy(why: &str) -> BridgeError {
    BridgeError::new("busy", why.to_owned())
}

impl Limits {
    /// Whether another call may be read at all, whatever it says.
    pub(super) fn read(&self) -> Result<(), BridgeError> {
        if self.take(Instant::now()) { Ok(()) } else { Err(busy("too many calls within a second")) }
    }

    /// A place for a call.
    pub(super) fn call(&self) -> Result<SemaphorePermit<'_>, BridgeError> {
        self.calls.try_acquire().map_err(|_| busy("too many calls at once"))
    }

    /// The place for the one that waits for an event.
    pub(super) fn event(&self) -> Result<SemaphorePermit<'_>, BridgeError> {
        self.events.try_acquire().map_err(|_| busy("the page waits for events already"))
    }

    /// A place for a request.
    pub(super) fn request(&self) -> Result<SemaphorePermit<'_>, BridgeError> {
        self.requests.try_acquire().map_err(|_| busy("too many requests at once"))
    }

    fn take(&self, now: Instant) -> bool {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, since) = *tokens;
        let left = (left + now.saturating_duration_since(since).as_secs_f64() * RATE).min(BURST);
        *tokens = (if left >= 1.0 { left - 1.0 } else { left }, now);
        left >= 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_is_fine_and_a_flood_is_not() {
        let limits = Limits::default();
        let start = Instant::now();
        assert_eq!((0..500).filter(|_| limits.take(start)).count(), 200);
        let later = start + Duration::from_millis(500);
        assert_eq!((0..500).filter(|_| limits.take(later)).count(), 50);
    }

    #[test]
    fn only_so_much_goes_on_at_once() {
        let limits = Limits::default();
        let held: Vec<_> = (0..REQUESTS).map(|_| limits.request().expect("a place")).collect();
        assert_eq!(limits.request().map(drop).expect_err("none left").code, "busy");
        drop(held);
        assert!(limits.request().is_ok());
    }
}
