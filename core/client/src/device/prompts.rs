//! Questions to the resident, one at a time: two at once could not be told apart on a screen.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use super::threads::foreign;
use crate::error::Error;
use crate::platform::{ConsentPrompt, ConsentRequest};

/// The way to the resident.
pub(crate) struct Prompts {
    port: Arc<dyn ConsentPrompt>,
    turn: Mutex<()>,
}

/// The right to ask. While it is held, nobody else asks.
pub(crate) struct Turn<'a> {
    port: &'a Arc<dyn ConsentPrompt>,
    _held: MutexGuard<'a, ()>,
}

impl Prompts {
    pub(crate) fn new(port: Arc<dyn ConsentPrompt>) -> Self {
        Self { port, turn: Mutex::default() }
    }

    /// Waits until no other question is on the screen.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        Turn { port: &self.port, _held: self.turn.lock().await }
    }
}

impl Turn<'_> {
    /// Whether the resident agrees. No thread is held while they decide.
    pub(crate) async fn ask(&self, request: ConsentRequest) -> Result<bool, Error> {
        let port = Arc::clone(self.port);
        foreign(async move { port.ask(request).await }).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// Answers when the test says so, and counts how many questions were on the screen at once.
    #[derive(Default)]
    struct Slow {
        open: AtomicUsize,
        most: AtomicUsize,
        asked: Notify,
        answer: Notify,
    }

    #[async_trait::async_trait]
    impl ConsentPrompt for Slow {
        async fn ask(&self, _: ConsentRequest) -> bool {
            let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(open, Ordering::SeqCst);
            self.asked.notify_one();
            self.answer.notified().await;
            self.open.fetch_sub(1, Ordering::SeqCst);
            true
        }
    }

    fn question() -> ConsentRequest {
        ConsentRequest {
            service: "Report".to_owned(),
            publisher: "Jinan".to_owned(),
            permission: "locate".to_owned(),
            reason: String::new(),
            fields: Vec::new(),
            people: Vec::new(),
            origins: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_second_question_waits_until_the_first_is_answered() {
        let resident = Arc::new(Slow::default());
        let prompts = Arc::new(Prompts::new(Arc::clone(&resident) as _));
        let ask = || {
            let prompts = Arc::clone(&prompts);
            tokio::spawn(async move { prompts.turn().await.ask(question()).await })
        };
        let (one, other) = (ask(), ask());
        for _ in 0..2 {
            resident.asked.notified().await;
            resident.answer.notify_one();
        }
        assert_eq!((one.await.expect("asked"), other.await.expect("asked")), (Ok(true), Ok(true)));
        assert_eq!(resident.most.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_shell_that_panics_is_an_error_and_not_an_agreement() {
        struct Broken;
        #[async_trait::async_trait]
        impl ConsentPrompt for Broken {
            async fn ask(&self, _: ConsentRequest) -> bool {
                panic!("a fault of the shell's")
            }
        }
        let prompts = Prompts::new(Arc::new(Broken));
        let refused = prompts.turn().await.ask(question()).await;
        assert!(matches!(refused, Err(Error::Internal { .. })));
    }
}
