//! Where code runs that may block, and what runs beside its caller.
//!
//! The runtime's code is generic over what it runs. Everything here reaches it in a box, so that the library holds one
//! copy of that code instead of one for each of several hundred calls.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinError, JoinHandle};

use crate::error::Error;

/// A future in a box. A method that answers with one is compiled once, not again in each crate that awaits it.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where work leaves its outcome for the one that waits for it.
pub(super) struct Outcome<T>(Arc<Mutex<Option<T>>>);

impl<T> Outcome<T> {
    pub(super) fn new() -> (Self, Self) {
        let place = Arc::new(Mutex::new(None));
        (Self(Arc::clone(&place)), Self(place))
    }

    pub(super) fn set(self, value: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }

    /// The outcome of work that has ended.
    pub(super) fn take(&self) -> T {
        let outcome = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        outcome.expect("work that ended has left its outcome")
    }
}

/// What runs beside its caller. It goes on if this is dropped.
pub(crate) struct Task<T> {
    running: JoinHandle<()>,
    outcome: Outcome<T>,
}

impl<T> Task<T> {
    pub(crate) fn abort_handle(&self) -> AbortHandle {
        self.running.abort_handle()
    }
}

impl<T> Future for Task<T> {
    /// An error if the work panicked or was aborted.
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = ready!(Pin::new(&mut self.running).poll(context));
        Poll::Ready(ended.map(|()| self.outcome.take()))
    }
}

/// Runs a future beside its caller on the runtime that the caller is on.
pub(crate) fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
    spawn_on(&Handle::current(), future)
}

/// The same on a runtime that is named.
pub(crate) fn spawn_on<T: Send + 'static>(
    runtime: &Handle,
    future: impl Future<Output = T> + Send + 'static,
) -> Task<T> {
    let (left, outcome) = Outcome::new();
    let future: Boxed<'static, ()> = Box::pin(async move { left.set(future.await) });
    Task { running: runtime.spawn(future), outcome }
}

/// Runs what blocks where that is fine.
pub(super) fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    let (left, outcome) = Outcome::new();
    let work: Box<dyn FnOnce() + Send> = Box::new(move || left.set(work()));
    Task { running: tokio::task::spawn_blocking(work), outcome }
}

/// The same for work that can fail.
pub(crate) fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> impl Future<Output = Result<T, Error>> + Send {
    settled(spawn_blocking(work))
}

async fn settled<T>(task: Task<Result<T, Error>>) -> Result<T, Error> {
    task.await.unwrap_or_else(|_| Err(Error::internal("a blocking call panicked")))
}

/// Runs what takes long on a thread of its own, which gives way to every other where the system knows priorities: a code at
/// a gate does not wait while a photo is sealed.
pub(super) async fn patiently<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let (sender, outcome) = oneshot::channel();
    let work = move || {
        give_way();
        // Without a receiver nobody waits any more.
        let _ = sender.send(work());
    };
    std::thread::Builder::new().name("onecity-patient".to_owned()).spawn(work).map_err(Error::internal)?;
    outcome.await.map_err(|_| Error::internal("a long call panicked"))
}

/// Lowers the priority of this thread for good. On Linux and Android the call's «process» 0 is the thread alone.
fn give_way() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = rustix::process::setpriority_process(None, 10) {
        tracing::info!(%error, "long work has the usual priority");
    }
}

/// Awaits a port of the shell. Its first step runs code of the shell, which may block: it runs off the workers. No
/// thread is held after that, however long the resident takes.
pub(crate) fn foreign<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = Result<T, Error>> + Send {
    async fn call<T: Send + 'static>(future: Boxed<'static, T>) -> Result<T, Error> {
        match first_step(future, Box::new(Ok)).await? {
            First::Done(answer) => Ok(answer),
            First::Goes(future, _) => Ok(future.await),
        }
    }
    call(Box::pin(future))
}

/// The same with work that follows, which may block, too. A port that answers at once costs one change of threads for both.
pub(crate) fn foreign_then<T: Send + 'static, U: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
    then: impl FnOnce(T) -> Result<U, Error> + Send + 'static,
) -> impl Future<Output = Result<U, Error>> + Send {
    async fn call<T: Send + 'static, U: Send + 'static>(
        future: Boxed<'static, T>,
        then: Then<T, U>,
    ) -> Result<U, Error> {
        match first_step(future, then).await? {
            First::Done(outcome) => Ok(outcome),
            First::Goes(future, then) => {
                let answer = future.await;
                blocking(move || then(answer)).await
            }
        }
    }
    call(Box::pin(future), Box::new(then))
}

type Then<T, U> = Box<dyn FnOnce(T) -> Result<U, Error> + Send>;

/// Where a port is after its first step.
enum First<T, U> {
    Done(U),
    Goes(Boxed<'static, T>, Then<T, U>),
}

fn first_step<T: Send + 'static, U: Send + 'static>(
    mut future: Boxed<'static, T>,
    then: Then<T, U>,
) -> impl Future<Output = Result<First<T, U>, Error>> + Send {
    blocking(move || {
        // Every wake-up of this waker is made up for later, when the future is polled with its own.
        let mut context = Context::from_waker(Waker::noop());
        match future.as_mut().poll(&mut context) {
            Poll::Ready(answer) => Ok(First::Done(then(answer)?)),
            Poll::Pending => Ok(First::Goes(future, then)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_ends_with_an_error_and_takes_nothing_with_it() {
        let panicked = blocking(|| -> Result<(), Error> { panic!("a fault of the shell") }).await;
        assert!(matches!(panicked, Err(Error::Internal { .. })), "{panicked:?}");
        assert!(spawn(async { panic!("a fault of the core") }).await.is_err_and(|error| error.is_panic()));
        assert_eq!(blocking(|| Ok(7)).await.expect("the threads go on"), 7);
    }

    #[tokio::test]
    async fn what_follows_a_port_never_runs_on_a_worker_whether_the_port_answers_at_once_or_later() {
        let worker = std::thread::current().id();
        let thread = |(): ()| Ok(std::thread::current().id());
        assert_ne!(foreign_then(std::future::ready(()), thread).await.expect("answered"), worker);
        let later = async {
            tokio::task::yield_now().await;
        };
        assert_ne!(foreign_then(later, thread).await.expect("answered"), worker);
        let failed = foreign_then(std::future::ready(()), |()| Err::<(), _>(Error::Cancelled)).await;
        assert!(matches!(failed, Err(Error::Cancelled)), "{failed:?}");
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[tokio::test]
    async fn long_work_gives_way_and_nothing_else_does() {
        let priority = || rustix::process::getpriority_process(None).expect("known");
        let usual = priority();
        assert!(patiently(priority).await.expect("it ends") > usual);
        assert_eq!(blocking(move || Ok(priority())).await.expect("it ends"), usual);
        assert_eq!(priority(), usual);
        let panicked = patiently(|| panic!("a fault of the core")).await;
        assert!(matches!(panicked, Err(Error::Internal { .. })), "{panicked:?}");
    }

    #[tokio::test]
    async fn a_task_that_is_aborted_says_so_and_one_that_is_dropped_goes_on() {
        let task = spawn(std::future::pending::<()>());
        task.abort_handle().abort();
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
        let (sender, receiver) = oneshot::channel();
        drop(spawn(async move { sender.send(7) }));
        assert_eq!(receiver.await, Ok(7));
    }
}
