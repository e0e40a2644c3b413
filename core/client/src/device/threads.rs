//! Where code runs that may block: never on a worker of the runtime.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::error::Error;

/// Runs what blocks where that is fine.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::internal("a blocking call panicked"))?
}

/// Awaits a port of the shell. Its first step runs code of the shell, which may block: it runs off the workers. No
/// thread is held after that, however long the resident takes.
pub(crate) async fn foreign<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Result<T, Error> {
    type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
    enum First<T> {
        Done(T),
        Goes(Boxed<T>),
    }
    let mut future: Boxed<T> = Box::pin(future);
    let first = blocking(move || {
        // Whatever wakes this waker is seen all the same: the future is polled again below, with its own.
        let mut context = Context::from_waker(Waker::noop());
        Ok(match future.as_mut().poll(&mut context) {
            Poll::Ready(outcome) => First::Done(outcome),
            Poll::Pending => First::Goes(future),
        })
    });
    match first.await? {
        First::Done(outcome) => Ok(outcome),
        First::Goes(future) => Ok(future.await),
    }
}
