//! Long work that can be stopped.

use tokio::task::AbortHandle;

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

    /// Whether it has come to its end.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for TaskHandle {
    fn drop(&mut self) {
        self.0.abort();
    }
}
