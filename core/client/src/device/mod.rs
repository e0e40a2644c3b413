//! What every part of the client stands on, with no feature inside: configuration, the two files, HTTP, time, keys,
//! questions to the resident, and notices to the shell.
//!
//! Three rules are kept here by type, so that no caller has to remember them: an HTTP answer can't set the clock (only
//! [`ClockTeacher`] can, and only the identity part has it); nobody is asked without the turn ([`prompts`]); a port
//! of the shell never begins on a worker of the runtime ([`foreign`], [`blocking`]).

mod addresses;
mod config;
mod crypto;
mod files;
pub(crate) mod http;
mod keys;
mod notices;
mod prompts;
#[cfg(test)]
pub(crate) mod testing;
mod threads;
mod time;

use std::sync::{Arc, PoisonError, RwLock};

use onecity_store::{Catalogue, Owner, StoreError, Vault, VaultReader};

use crate::error::Error;
use crate::platform::{Platform, ServiceHost};

pub use config::{ClientConfig, NationAnchor, Timeouts};
pub use crypto::install_providers;
pub(crate) use files::{quarantine_vault, recover_vault, restore_vault};
pub(crate) use http::Http;
pub(crate) use keys::{DeviceKey, Keys, NewKeys};
pub(crate) use notices::{Notices, ProgressSender, with_progress};
pub(crate) use prompts::Prompts;
pub(crate) use threads::{Boxed, Task, blocking, foreign, spawn, spawn_on};
pub(crate) use time::{ClockTeacher, Reading, Time};

use files::Files;
use http::Transport;
use time::Anchor;

/// The phone below its features.
pub(crate) struct Device {
    pub config: ClientConfig,
    pub http: Http,
    pub time: Arc<Time>,
    pub keys: Keys,
    pub prompts: Prompts,
    pub notices: Notices,
    languages: RwLock<Arc<[String]>>,
    host: Arc<dyn ServiceHost>,
    files: Arc<Files>,
}

impl Device {
    /// Opens the two files of a folder, or makes them. It blocks for a few milliseconds, within a runtime.
    /// `on_rollback` says what changes in a vault that is an older copy of itself.
    pub(crate) fn open(
        config: ClientConfig,
        platform: Platform,
        transport: Arc<dyn Transport>,
        on_rollback: fn(&Vault) -> Result<(), StoreError>,
    ) -> Result<(Arc<Self>, ClockTeacher), Error> {
        let look = |vault: &Vault| vault.get::<Anchor>(&Owner::Phone, "");
        let (files, anchor) = Files::open(&config, Arc::clone(&platform.secrets), on_rollback, look)?;
        let files = Arc::new(files);
        let (time, teacher) = Time::new(platform.clock, anchor, &files);
        let device = Self {
            http: Http::new(config.allow_loopback, transport),
            time,
            keys: Keys::new(platform.keys),
            prompts: Prompts::new(platform.consent),
            notices: Notices::new(platform.observer),
            languages: RwLock::new(config.languages.clone().into()),
            host: platform.host,
            files,
            config,
        };
        Ok((Arc::new(device), teacher))
    }

    /// The resident's languages, best first.
    pub(crate) fn languages(&self) -> Arc<[String]> {
        Arc::clone(&self.languages.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The resident has chosen others: whatever is shown from now on is in them.
    pub(crate) fn set_languages(&self, languages: Vec<String>) {
        *self.languages.write().unwrap_or_else(PoisonError::into_inner) = languages.into();
    }

    /// Runs work on the private file where blocking is fine.
    pub(crate) fn vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        self.files.vault(work)
    }

    /// The same for what takes long: a photo.
    pub(crate) fn vault_patiently<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        self.files.vault_patiently(work)
    }

    /// Reads the private file without waiting for a write: for the codes that a resident shows at a gate.
    pub(crate) fn read_vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&VaultReader) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        self.files.read_vault(work)
    }

    /// Writes something whose loss costs little, without anybody waiting for the disk.
    pub(crate) fn write_later(&self, work: impl FnOnce(&Vault) -> Result<(), StoreError> + Send + 'static) {
        self.files.write_later(work);
    }

    /// Runs work on the public file where blocking is fine.
    pub(crate) fn catalogue<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Catalogue) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        self.files.catalogue(work)
    }

    /// The files themselves, to let go of them and to take them up again.
    pub(crate) fn files(&self) -> &Arc<Files> {
        &self.files
    }

    /// Has the shell do something for a page or a screen. It takes as long as the resident does.
    pub(crate) fn host<T, F>(
        &self,
        ask: impl FnOnce(Arc<dyn ServiceHost>) -> F,
    ) -> impl Future<Output = Result<T, Error>> + Send
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        foreign(ask(Arc::clone(&self.host)))
    }
}
