//! Long work that can be stopped.

use tokio::task::AbortHandle;

use crate::error::Error;

/// What long work is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Step {
    /// Asking the registry what is new; counted in repositories.
    Registry,
    /// Fetching who publishes what; counted in publishers.
    Services,
    /// Fetching packages; counted in bytes.
    Packages,
}

/// How far long work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Progress {
    /// What it is at.
    pub step: Step,
    /// How much of that is done.
    pub done: u64,
    /// How much there is, as far as is known now.
    pub total: u64,
}

/// Told how long work goes.
pub trait ProgressListener: Send + Sync {
    /// It has come this far.
    fn progressed(&self, progress: Progress);
    /// It has come to its end. Not called when it was cancelled.
    fn finished(&self, outcome: Result<(), Error>);
}

/// Work that goes on until it is cancelled or this is dropped.
#[derive(Debug)]
pub struct TaskHandle(AbortHandle);

impl TaskHandle {
    pub(crate) fn new(handle: AbortHandle) -> Self {
        Self(handle)
    }

    /// Stops the work.
    pub fn cancel(&self) {
        self.0.abort();
    }
}

impl Drop for TaskHandle {
    fn drop(&mut self) {
        self.0.abort();
    }
}
