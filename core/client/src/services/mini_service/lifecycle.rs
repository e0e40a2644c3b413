//! What happens to an open service (W3C MiniApp Lifecycle, Working Draft): it is launched, shown and hidden any number of
//! times, and unloaded. A page hears of it by one call that is answered when there is something to tell.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Most events that wait for a page that does not listen.
const MAX_WAITING: usize = 32;

/// What happens to an open service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Lifecycle {
    /// It has been opened.
    Launched,
    /// It is on the screen.
    Shown,
    /// Something else is on the screen, or the app is in the background.
    Hidden,
    /// It has been closed. Nothing is answered any more.
    Unloaded,
}

impl Lifecycle {
    /// As a page knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Launched => "launched",
            Self::Shown => "shown",
            Self::Hidden => "hidden",
            Self::Unloaded => "unloaded",
        }
    }
}

struct State {
    now: Lifecycle,
    waiting: VecDeque<Lifecycle>,
}

/// Where a service is in its life. A shell that says nothing shows what it opens.
pub(super) struct Life {
    state: Mutex<State>,
    told: Notify,
    touched: AtomicBool,
}

impl Default for Life {
    fn default() -> Self {
        let waiting = VecDeque::from([Lifecycle::Launched, Lifecycle::Shown]);
        Self {
            state: Mutex::new(State { now: Lifecycle::Shown, waiting }),
            told: Notify::new(),
            touched: AtomicBool::new(false),
        }
    }
}

impl Life {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event; after the last there is none.
    pub(super) fn tell(&self, event: Lifecycle) {
        {
            let mut state = self.lock();
            if state.now == event || state.now == Lifecycle::Unloaded {
                return;
            }
            state.now = event;
            if state.waiting.len() == MAX_WAITING {
                state.waiting.pop_front();
            }
            state.waiting.push_back(event);
        }
        self.told.notify_one();
    }

    /// The next event, when there is one.
    pub(super) async fn next(&self) -> Lifecycle {
        loop {
            if let Some(event) = self.lock().waiting.pop_front() {
                return event;
            }
            self.told.notified().await;
        }
    }

    /// The resident has touched the page.
    pub(super) fn touch(&self) {
        self.touched.store(true, Ordering::Relaxed);
    }

    /// Whether the resident has touched the page since this was last asked.
    pub(super) fn was_touched(&self) -> bool {
        self.touched.swap(false, Ordering::Relaxed)
    }

    pub(super) fn is_shown(&self) -> bool {
        self.lock().now == Lifecycle::Shown
    }

    pub(super) fn is_unloaded(&self) -> bool {
        self.lock().now == Lifecycle::Unloaded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_hears_of_everything_in_order_and_nothing_comes_after_the_end() {
        let life = Life::default();
        for event in [Lifecycle::Shown, Lifecycle::Hidden, Lifecycle::Shown, Lifecycle::Unloaded, Lifecycle::Shown] {
            life.tell(event);
        }
        let mut heard = Vec::new();
        while heard.last() != Some(&Lifecycle::Unloaded) {
            heard.push(life.next().await);
        }
        let all = [Lifecycle::Launched, Lifecycle::Shown, Lifecycle::Hidden, Lifecycle::Shown, Lifecycle::Unloaded];
        assert_eq!(heard, all);
        assert!(life.is_unloaded() && !life.is_shown());
    }
}
