//! The façade: what a shell calls, by subject.
//!
//! ```text
//!   mod.rs       opening, closing, the background      compose.rs   the parts, built in order
//!   accounts.rs  logging in, consents                  erasure.rs   what reaches across the parts
//!   services.rs  opened services, submissions          regions.rs   what is offered where
//!   wallet.rs    passes and documents             records.rs   what an app keeps of its own
//! ```

mod accounts;
mod compose;
mod erasure;
mod records;
mod regions;
mod services;
mod wallet;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};

use compose::Parts;
pub use records::AppRecordOwner;

use crate::device::http::Network;
use crate::device::{self, ClientConfig, Device, ProgressSender, Task};
use crate::error::Error;
use crate::identity::distrust;
use crate::platform::Platform;
use crate::task::{ProgressListener, TaskHandle};
use crate::views::messages::localized;

/// How long closing waits for what runs, and then for the threads.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// What the calls of a client run on: a runtime of its own, or one that is shared with others.
struct Background {
    own: Option<Runtime>,
    handle: Handle,
}

impl Background {
    /// Waits until what runs has ended, if it is the client's own. It blocks.
    fn end(mut self) {
        if let Some(runtime) = self.own.take() {
            runtime.shutdown_timeout(CLOSE_WITHIN);
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Dropping a runtime waits, which an async caller must not; what runs still finishes its write.
        if let Some(runtime) = self.own.take() {
            runtime.shutdown_background();
        }
    }
}

/// The phone.
pub struct Client {
    parts: Arc<Parts>,
    background: Background,
}

impl Client {
    /// Opens the two files of a folder, or makes them. It blocks for a few milliseconds.
    ///
    /// # Errors
    /// [`Error::KeyInvalidated`] if the vault's key is another one, [`Error::StoreTooNew`] if a newer app wrote the
    /// files, [`crate::Refusal::VaultDamaged`], or [`crate::Refusal::InUse`] if another process has them open; all leave
    /// them as they are.
    pub fn open(config: ClientConfig, platform: Platform) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("onecity")
            .enable_all()
            .build()
            .map_err(Error::internal)?;
        let handle = runtime.handle().clone();
        Self::open_with(config, platform, Background { own: Some(runtime), handle })
    }

    /// The same on a runtime that others use, too: many clients of one process share its threads. It must have its
    /// timer and its I/O enabled, and outlive the client.
    pub fn open_on(runtime: &Handle, config: ClientConfig, platform: Platform) -> Result<Self, Error> {
        Self::open_with(config, platform, Background { own: None, handle: runtime.clone() })
    }

    fn open_with(config: ClientConfig, platform: Platform, background: Background) -> Result<Self, Error> {
        device::install_providers();
        let network = Network::new(config.allow_loopback, config.virtual_name.as_deref(), config.timeouts)?;
        let entered = background.handle.enter();
        let languages = config.languages.clone();
        let opened = Device::open(config, platform, Arc::new(network), distrust);
        let (device, teacher) = opened.map_err(|error| localized(error, &languages))?;
        drop(entered);
        Ok(Self { parts: Arc::new(Parts::compose(device, teacher)), background })
    }

    /// Lets what runs finish, and closes the files. It blocks, for at most ten seconds.
    pub fn close(self) {
        let Self { parts, background } = self;
        // On a thread of its own: a runtime may not be waited for inside another.
        let waiting = std::thread::spawn(move || {
            let closing = async { tokio::time::timeout(CLOSE_WITHIN, parts.device.files().suspend()).await };
            if !matches!(background.handle.block_on(closing), Ok(Ok(()))) {
                tracing::warn!("the files were not closed in order");
            }
            background.end();
        });
        let _ = waiting.join();
    }

    /// Waits for what is being written and closes the files, before the app goes to the background: a phone ends an app
    /// that holds a database's lock there. Calls that come meanwhile wait for [`Client::resume`].
    pub async fn suspend(&self) -> Result<(), Error> {
        self.run(|parts| async move { parts.device.files().suspend().await }).await
    }

    /// Opens the files again.
    ///
    /// # Errors
    /// As of [`Client::open`]; calls that waited get the same.
    pub async fn resume(&self) -> Result<(), Error> {
        self.run(|parts| async move { parts.device.files().resume().await }).await
    }

    /// Moves a private file that can't be opened into quarantine, because the resident has decided to go on without it.
    /// It is not deleted: [`Client::restore_vault`].
    pub fn quarantine_vault(config: &ClientConfig) -> Result<(), Error> {
        device::quarantine_vault(config).map_err(|error| localized(error, &config.languages))
    }

    /// Restores the newest private file from quarantine that opens again; the one in use goes into quarantine for it.
    /// Answers whether there was one.
    pub fn restore_vault(config: &ClientConfig, platform: &Platform) -> Result<bool, Error> {
        device::restore_vault(config, &platform.secrets).map_err(|error| localized(error, &config.languages))
    }

    /// Creates a new private file with every row that can still be read of a damaged one, which stays in quarantine.
    /// Answers how many rows that are.
    pub fn recover_vault(config: &ClientConfig) -> Result<u64, Error> {
        device::recover_vault(config).map_err(|error| localized(error, &config.languages))
    }

    /// Whether both files can be read whole. It takes a while. The private file can be read and written meanwhile; calls
    /// that need the public one wait while that is checked, and so does [`Client::suspend`]. A damaged public file is
    /// created again.
    ///
    /// # Errors
    /// [`crate::Refusal::VaultDamaged`].
    pub async fn check_files(&self) -> Result<(), Error> {
        self.run(|parts| async move {
            parts.device.files().check_vault().await?;
            parts.device.files().check_catalogue().await
        })
        .await
    }

    /// The resident has chosen other languages, as BCP 47 tags, best first: every answer from now on is in them.
    pub fn set_languages(&self, languages: &[String]) {
        self.parts.device.set_languages(languages.to_vec());
    }

    /// Whether there is a network, as the platform says: without one, calls fail at once instead of waiting for a
    /// connection. A platform that can't tell says nothing.
    pub fn set_online(&self, online: bool) {
        self.parts.device.http.set_online(online);
    }

    /// The runtime that the calls run on.
    pub fn runtime(&self) -> &Handle {
        &self.background.handle
    }

    /// Runs a call to its end on the client's runtime, even if the caller no longer waits.
    fn run<T, F>(&self, call: impl FnOnce(Arc<Parts>) -> F) -> impl Future<Output = Result<T, Error>> + Send
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.outcome_of(device::spawn_on(self.runtime(), call(Arc::clone(&self.parts))))
    }

    async fn outcome_of<T>(&self, task: Task<Result<T, Error>>) -> Result<T, Error> {
        let outcome = task.await.unwrap_or_else(|error| {
            if error.is_cancelled() { Err(Error::Cancelled) } else { Err(Error::internal("a call panicked")) }
        });
        outcome.map_err(|error| localized(error, &self.parts.device.languages()))
    }

    fn start<F>(
        &self,
        listener: Arc<dyn ProgressListener>,
        work: impl FnOnce(Arc<Parts>, ProgressSender) -> F + Send + 'static,
    ) -> TaskHandle
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let parts = Arc::clone(&self.parts);
        let localized_work = move |progress| async move {
            let languages = parts.device.languages();
            work(parts, progress).await.map_err(|error| localized(error, &languages))
        };
        let task = device::spawn_on(self.runtime(), device::with_progress(listener, localized_work));
        TaskHandle::new(task.abort_handle())
    }

    /// Waits until so many seconds have passed by the device's clock.
    pub async fn wait(&self, seconds: u64) -> Result<(), Error> {
        self.run(move |parts| async move {
            parts.device.time.wait(seconds).await;
            Ok(())
        })
        .await
    }

    /// Seconds since 1970 by the time that codes are signed with, and whether a server's word backs it.
    pub async fn time(&self) -> Result<(i64, bool), Error> {
        self.run(|parts| async move {
            let reading = parts.device.time.read().await;
            Ok((reading.now, reading.verified))
        })
        .await
    }
}
