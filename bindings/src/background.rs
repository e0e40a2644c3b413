//! The one runtime that all phones of a process share, and its end. When another language's interpreter ends, a thread of
//! ours that is about to call it would end the process with a fault: [`end`] makes sure that none is left.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onecity_core::Error;
use tokio::runtime::{Builder, Handle, Runtime};

/// How long the end waits for what runs.
const END_WITHIN: Duration = Duration::from_secs(5);

static RUNTIME: Mutex<State> = Mutex::new(State::Unused);
static ENDED: AtomicBool = AtomicBool::new(false);

enum State {
    Unused,
    Running(Runtime),
    Ended,
}

fn state() -> MutexGuard<'static, State> {
    RUNTIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The runtime, which is begun when it is first needed.
pub(crate) fn handle() -> Result<Handle, Error> {
    let mut state = state();
    if let State::Unused = &*state {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("onecity")
            .enable_all()
            .build()
            .map_err(|error| Error::Internal { what: error.to_string() })?;
        *state = State::Running(runtime);
    }
    match &*state {
        State::Running(runtime) => Ok(runtime.handle().clone()),
        State::Unused | State::Ended => Err(Error::Cancelled),
    }
}

/// Whether the other language may still be called.
pub(crate) fn is_open() -> bool {
    !ENDED.load(Ordering::SeqCst)
}

/// Ends everything that runs in the background, for good: what is being written is finished, no port and no listener is
/// called afterwards, and calls that wait are cancelled. The generated Python package calls it when the process exits; a
/// shell needs it only where its runtime ends before the process does. It blocks for five seconds at most.
#[uniffi::export]
pub fn end() {
    let before = std::mem::replace(&mut *state(), State::Ended);
    if let State::Running(runtime) = before {
        // First what waits in the other language is let go, while that is still there to hear of it.
        runtime.shutdown_timeout(END_WITHIN);
    }
    ENDED.store(true, Ordering::SeqCst);
}
