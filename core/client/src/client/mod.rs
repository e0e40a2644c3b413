//! The façade: what a shell calls, by subject.
//!
//! ```text
//!   mod.rs       opening, closing, the background      inner.rs     what all parts share
//!   accounts.rs  logging in, consents                  regions.rs   what is offered where
//!   services.rs  opened services, submissions          wallet.rs    passes and documents
//! ```

mod accounts;
mod inner;
mod regions;
mod services;
mod wallet;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use onecity_protocol::region::RegionId;
use onecity_store::{Owner, Vault};
use tokio::runtime::{Handle, Runtime};

use crate::error::Error;
use crate::files::{self, Files};
use crate::http_cache::Answers;
use crate::net::{Net, Patience};
use crate::passes::Passes;
use crate::payment::Payments;
use crate::platform::Platform;
use crate::registry_sync::RegistrySync;
use crate::session::{Sessions, install_providers};
use crate::submissions::Submissions;
use crate::task::{ProgressListener, TaskHandle};
use crate::trusted_time::{Anchor, TrustedTime};
use inner::write_later;

/// Where trust in a nation's registry begins: built into the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NationAnchor {
    /// The nation, for example `cn`.
    pub nation: RegionId,
    /// Where its repository is.
    pub url: String,
    /// Its first `root.json`.
    pub root: Vec<u8>,
}

/// What a shell decides once.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The folder of the two files.
    pub folder: PathBuf,
    /// The resident's languages as BCP 47 tags, best first.
    pub languages: Vec<String>,
    /// The nations that this app knows.
    pub nations: Vec<NationAnchor>,
    /// Allows plain HTTP to this very machine, for tests and virtual phones.
    pub allow_loopback: bool,
    /// How long servers are waited for.
    pub patience: Patience,
    /// How many bytes packages may take before the least recently used give way.
    pub package_budget: u64,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            languages: Vec::new(),
            nations: Vec::new(),
            allow_loopback: false,
            patience: Patience::default(),
            package_budget: 512 << 20,
        }
    }
}

/// What all parts of the client share.
pub struct Inner {
    pub config: ClientConfig,
    pub platform: Platform,
    pub net: Net,
    pub time: Arc<TrustedTime>,
    pub sessions: Sessions,
    pub passes: Passes,
    pub submissions: Submissions,
    pub payments: Payments,
    pub answers: Answers,
    /// One question to the resident at a time.
    pub consent_turn: tokio::sync::Mutex<()>,
    registry: RegistrySync,
    files: Arc<Files>,
}

/// The phone.
pub struct Client {
    inner: Arc<Inner>,
    runtime: Option<Runtime>,
}

impl Client {
    /// Opens the two files of a folder, or makes them. It blocks for a few milliseconds.
    ///
    /// # Errors
    /// [`Error::KeyInvalidated`] if the vault's key is another one, [`Error::StoreTooNew`] if a newer app wrote the
    /// files, [`crate::Refusal::VaultDamaged`], or [`crate::Refusal::InUse`] if another process has them open; all leave
    /// them as they are.
    pub fn open(config: ClientConfig, platform: Platform) -> Result<Self, Error> {
        install_providers();
        let look = |vault: &Vault| vault.get::<Anchor>(&Owner::Phone, "");
        let (files, anchor) = Files::open(config.clone(), Arc::clone(&platform.secrets), look)?;
        let files = Arc::new(files);
        let time = Arc::new(TrustedTime::new(Arc::clone(&platform.clock), anchor));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("onecity")
            .enable_all()
            .build()
            .map_err(Error::internal)?;
        let (keep, handle) = (Arc::downgrade(&files), runtime.handle().clone());
        let keep_anchor = move |anchor: Anchor| {
            if let Some(files) = keep.upgrade() {
                handle.spawn(
                    async move { write_later(&files, move |vault| vault.put(&Owner::Phone, "", &anchor)).await },
                );
            }
        };
        let net = Net::new(config.allow_loopback, config.patience, Arc::clone(&time), Box::new(keep_anchor))?;
        let inner = Inner {
            config,
            platform,
            net,
            time,
            sessions: Sessions::default(),
            passes: Passes::default(),
            submissions: Submissions::default(),
            payments: Payments::default(),
            answers: Answers::default(),
            consent_turn: tokio::sync::Mutex::default(),
            registry: RegistrySync::default(),
            files,
        };
        Ok(Self { inner: Arc::new(inner), runtime: Some(runtime) })
    }

    /// Lets what runs finish, and closes the files. It blocks, for at most ten seconds.
    pub fn close(mut self) {
        if let Some(runtime) = self.runtime.take() {
            let inner = Arc::clone(&self.inner);
            // On a thread of its own: a runtime may not be waited for inside another.
            let waiting = std::thread::spawn(move || {
                let closing = async { tokio::time::timeout(Duration::from_secs(5), inner.files.suspend()).await };
                if !matches!(runtime.block_on(closing), Ok(Ok(()))) {
                    tracing::warn!("the files were not closed in order");
                }
                runtime.shutdown_timeout(Duration::from_secs(5));
            });
            let _ = waiting.join();
        }
    }

    /// Waits for what is being written and closes the files, before the app goes to the background: a phone ends
    /// whoever holds a database's lock there. Calls that come meanwhile wait for [`Client::resume`].
    pub async fn suspend(&self) -> Result<(), Error> {
        self.run(|inner| async move { inner.files.suspend().await }).await
    }

    /// Opens the files again.
    ///
    /// # Errors
    /// As of [`Client::open`]; calls that waited get the same.
    pub async fn resume(&self) -> Result<(), Error> {
        self.run(|inner| async move { inner.files.resume().await }).await
    }

    /// Puts the private file aside that can't be opened, because the resident has decided to go on without it. It is
    /// kept, for [`Client::bring_vault_back`].
    pub fn put_vault_aside(config: &ClientConfig) -> Result<(), Error> {
        files::put_vault_aside(config)
    }

    /// Brings back the newest private file that was put aside and opens again; the one in use is put aside for it.
    /// Answers whether there was one.
    pub fn bring_vault_back(config: &ClientConfig, platform: &Platform) -> Result<bool, Error> {
        files::bring_vault_back(config, &platform.secrets)
    }

    /// Begins a new private file with every row that can still be read of a damaged one, which is kept. Answers how
    /// many rows that are.
    pub fn salvage_vault(config: &ClientConfig) -> Result<u64, Error> {
        files::salvage_vault(config)
    }

    /// Whether both files can be read whole. It takes a while: for a quiet moment. A damaged catalogue is begun anew.
    ///
    /// # Errors
    /// [`crate::Refusal::VaultDamaged`].
    pub async fn check_files(&self) -> Result<(), Error> {
        self.run(|inner| async move {
            inner.vault(Vault::check).await?;
            inner.files.check_catalogue().await
        })
        .await
    }

    /// The runtime that the calls run on.
    pub fn runtime(&self) -> &Handle {
        self.runtime.as_ref().expect("there until the client is dropped").handle()
    }

    /// Runs a call to its end on the client's runtime, even if whoever asked no longer waits.
    async fn run<T, F>(&self, call: impl FnOnce(Arc<Inner>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let task = self.runtime().spawn(call(Arc::clone(&self.inner)));
        task.await.unwrap_or_else(|error| {
            if error.is_cancelled() { Err(Error::Cancelled) } else { Err(Error::internal("a call panicked")) }
        })
    }

    fn start<F>(
        &self,
        listener: Arc<dyn ProgressListener>,
        work: impl FnOnce(Arc<Inner>, Arc<dyn ProgressListener>) -> F,
    ) -> TaskHandle
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let work = work(Arc::clone(&self.inner), Arc::clone(&listener));
        let task = self.runtime().spawn(async move { listener.finished(work.await) });
        TaskHandle::new(task.abort_handle())
    }

    /// Seconds since 1970 by the time that codes are signed with, and whether a server's word backs it.
    pub fn time(&self) -> (i64, bool) {
        let reading = self.inner.time.read();
        (reading.now, reading.verified)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Dropping a runtime waits, which an async caller must not; what runs still finishes its write.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
