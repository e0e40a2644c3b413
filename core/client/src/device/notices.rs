//! What the shell is told: that a screen is out of date, and how far long work is. Everything here runs off the
//! runtime's workers, in order, and a slow shell hears less often instead of holding the core up.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::threads::{blocking, spawn};
use crate::error::Error;
use crate::platform::Observer;
use crate::task::{Progress, ProgressListener};
use crate::views::Topic;

/// Tells the shell what changed. A topic that has not been told yet is told once.
pub(crate) struct Notices {
    waiting: Arc<Mutex<Vec<Topic>>>,
    wake: mpsc::Sender<()>,
}

impl Notices {
    /// Begins to tell; it ends with the value. It must be called within a runtime.
    pub(crate) fn new(observer: Arc<dyn Observer>) -> Self {
        let (wake, mut woken) = mpsc::channel(1);
        let waiting = Arc::new(Mutex::new(Vec::new()));
        let due = Arc::clone(&waiting);
        spawn(async move {
            while woken.recv().await.is_some() {
                let topics = std::mem::take(&mut *lock(&due));
                let observer = Arc::clone(&observer);
                let told = blocking(move || {
                    topics.into_iter().for_each(|topic| observer.changed(topic));
                    Ok(())
                });
                if told.await.is_err() {
                    tracing::warn!("the shell's observer panicked");
                }
            }
        });
        Self { waiting, wake }
    }

    /// A screen is out of date.
    pub(crate) fn changed(&self, topic: Topic) {
        let mut waiting = lock(&self.waiting);
        if !waiting.contains(&topic) {
            waiting.push(topic);
        }
        drop(waiting);
        // A wake-up that is already due serves this topic, too.
        let _ = self.wake.try_send(());
    }
}

fn lock(waiting: &Mutex<Vec<Topic>>) -> std::sync::MutexGuard<'_, Vec<Topic>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where long work says how far it is. It never waits for the shell.
#[derive(Clone)]
pub(crate) struct ProgressSender(Option<mpsc::UnboundedSender<Progress>>);

impl ProgressSender {
    /// For work that nobody watches.
    pub(crate) fn silent() -> Self {
        Self(None)
    }

    /// The work is here now.
    pub(crate) fn at(&self, progress: Progress) {
        if let Some(sender) = &self.0 {
            let _ = sender.send(progress);
        }
    }
}

/// Runs long work, passes its progress on, and says at the end how it went. Within one step only the newest number
/// matters.
pub(crate) async fn with_progress<F>(listener: Arc<dyn ProgressListener>, work: impl FnOnce(ProgressSender) -> F)
where
    F: Future<Output = Result<(), Error>>,
{
    let (sender, mut receiver) = mpsc::unbounded_channel::<Progress>();
    let work = work(ProgressSender(Some(sender)));
    let telling = Arc::clone(&listener);
    let forwarding = async move {
        let mut ahead = None;
        while let Some(mut progress) = next(&mut ahead, &mut receiver).await {
            while let Ok(newer) = receiver.try_recv() {
                if newer.step != progress.step {
                    ahead = Some(newer);
                    break;
                }
                progress = newer;
            }
            let listener = Arc::clone(&telling);
            let _ = blocking(move || {
                listener.progressed(progress);
                Ok(())
            })
            .await;
        }
    };
    // The sender goes with the work, which ends the forwarding.
    let (outcome, ()) = tokio::join!(work, forwarding);
    let _ = blocking(move || {
        listener.finished(outcome);
        Ok(())
    })
    .await;
}

async fn next(ahead: &mut Option<Progress>, receiver: &mut mpsc::UnboundedReceiver<Progress>) -> Option<Progress> {
    match ahead.take() {
        Some(progress) => Some(progress),
        None => receiver.recv().await,
    }
}

#[cfg(test)]
mod tests {
    use std::thread::ThreadId;

    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    use super::*;
    use crate::task::Step;

    /// Notes what it was told and on which thread.
    struct Shell(UnboundedSender<(Topic, ThreadId)>);

    impl Observer for Shell {
        fn changed(&self, topic: Topic) {
            self.0.send((topic, std::thread::current().id())).expect("the test listens");
        }
    }

    fn shell() -> (Arc<Shell>, UnboundedReceiver<(Topic, ThreadId)>) {
        let (sender, receiver) = unbounded_channel();
        (Arc::new(Shell(sender)), receiver)
    }

    #[tokio::test]
    async fn the_shell_is_never_told_on_a_worker_of_the_runtime() {
        let (observer, mut heard) = shell();
        let notices = Notices::new(observer);
        notices.changed(Topic::Home);
        let (_, thread) = heard.recv().await.expect("told");
        // The one worker of this runtime is the test's own thread.
        assert_ne!(thread, std::thread::current().id());
    }

    #[tokio::test]
    async fn a_topic_that_changes_often_is_told_once_until_the_shell_has_heard_it() {
        let (observer, mut heard) = shell();
        let notices = Notices::new(observer);
        for topic in [Topic::Home, Topic::Passes, Topic::Home, Topic::Home] {
            notices.changed(topic);
        }
        assert_eq!(heard.recv().await.map(|own| own.0), Some(Topic::Home));
        assert_eq!(heard.recv().await.map(|own| own.0), Some(Topic::Passes));
        notices.changed(Topic::Home);
        assert_eq!(heard.recv().await.map(|own| own.0), Some(Topic::Home), "again, after it was heard");
        drop(notices);
        assert_eq!(heard.recv().await, None, "the telling ends with the notices");
    }

    #[tokio::test]
    async fn an_observer_that_panics_hears_of_the_next_change() {
        struct Once(UnboundedSender<Topic>, std::sync::atomic::AtomicBool);
        impl Observer for Once {
            fn changed(&self, topic: Topic) {
                let first = !self.1.swap(true, std::sync::atomic::Ordering::SeqCst);
                self.0.send(topic).expect("the test listens");
                assert!(!first, "a fault of the shell's");
            }
        }
        let (sender, mut heard) = unbounded_channel();
        let notices = Notices::new(Arc::new(Once(sender, false.into())));
        notices.changed(Topic::Home);
        assert_eq!(heard.recv().await, Some(Topic::Home));
        notices.changed(Topic::Account);
        assert_eq!(heard.recv().await, Some(Topic::Account));
    }

    struct Watcher(UnboundedSender<Result<Progress, Result<(), Error>>>);

    impl ProgressListener for Watcher {
        fn progressed(&self, progress: Progress) {
            self.0.send(Ok(progress)).expect("the test listens");
        }
        fn finished(&self, outcome: Result<(), Error>) {
            self.0.send(Err(outcome)).expect("the test listens");
        }
    }

    #[tokio::test]
    async fn every_step_is_told_with_its_last_number_and_then_the_end() {
        let (sender, mut heard) = unbounded_channel();
        with_progress(Arc::new(Watcher(sender)), |progress| async move {
            for done in 0..1000 {
                progress.at(Progress { step: Step::Registry, done, total: 1000 });
            }
            progress.at(Progress { step: Step::Services, done: 1, total: 1 });
            Err(Error::Cancelled)
        })
        .await;
        let mut told = Vec::new();
        while let Some(own) = heard.recv().await {
            told.push(own);
        }
        let (end, steps) = told.split_last().expect("something was told");
        assert_eq!(end, &Err(Err(Error::Cancelled)));
        let steps: Vec<(Step, u64)> =
            steps.iter().map(|own| own.as_ref().map(|own| (own.step, own.done)).expect("progress")).collect();
        assert_eq!(steps.last(), Some(&(Step::Services, 1)));
        assert!(steps.contains(&(Step::Registry, 999)) && steps.len() < 1000);
    }
}
