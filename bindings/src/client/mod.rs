//! The façade, by the subjects that the core's has.

mod accounts;
mod regions;
mod services;
mod wallet;

use std::sync::Arc;

use onecity_core::{Client, ClientConfig, Error, NationAnchor, TaskHandle};

use crate::background;
use crate::ports::Ports;

pub use services::OpenService;

/// What a shell decides once.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Options {
    /// The folder of the two files.
    pub folder: String,
    /// The resident's languages as BCP 47 tags, best first.
    pub languages: Vec<String>,
    /// The nations that this app knows.
    pub nations: Vec<NationAnchor>,
    /// Allows plain HTTP to this very machine, for tests.
    pub allow_loopback: bool,
    /// How many bytes packages may take before the least recently used give way; 0 for the usual.
    pub package_budget: u64,
}

impl From<Options> for ClientConfig {
    fn from(options: Options) -> Self {
        let usual = Self::default();
        Self {
            folder: options.folder.into(),
            languages: options.languages,
            nations: options.nations,
            allow_loopback: options.allow_loopback,
            package_budget: if options.package_budget == 0 { usual.package_budget } else { options.package_budget },
            ..usual
        }
    }
}

/// The phone.
#[derive(uniffi::Object)]
pub struct OneCity {
    client: Client,
}

#[uniffi::export]
impl OneCity {
    /// Opens the two files of a folder, or makes them.
    #[uniffi::constructor]
    pub fn open(options: Options, ports: Ports) -> Result<Arc<Self>, Error> {
        let client = Client::open_on(&background::handle()?, options.into(), ports.into())?;
        Ok(Arc::new(Self { client }))
    }

    /// Waits for what is being written and closes the files, before the app goes to the background.
    pub async fn suspend(&self) -> Result<(), Error> {
        self.client.suspend().await
    }

    /// Opens the files again.
    pub async fn resume(&self) -> Result<(), Error> {
        self.client.resume().await
    }

    /// Whether both files can be read whole; a damaged catalogue is begun again.
    pub async fn check_files(&self) -> Result<(), Error> {
        self.client.check_files().await
    }
}

/// Work that goes on until it is cancelled or let go.
#[derive(uniffi::Object)]
pub struct RunningTask(TaskHandle);

#[uniffi::export]
impl RunningTask {
    /// Stops it.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

/// Moves the private file that can't be opened into quarantine, because the resident has decided to go on without it.
#[uniffi::export]
pub(crate) fn quarantine_vault(options: Options) -> Result<(), Error> {
    Client::quarantine_vault(&options.into())
}

/// Restores the newest private file from quarantine that opens again; answers whether there was one.
#[uniffi::export]
pub(crate) fn restore_vault(options: Options, ports: Ports) -> Result<bool, Error> {
    Client::restore_vault(&options.into(), &ports.into())
}

/// Creates a new private file with every row that can still be read of a damaged one, which stays in quarantine.
#[uniffi::export]
pub(crate) fn recover_vault(options: Options) -> Result<u64, Error> {
    Client::recover_vault(&options.into())
}

/// What every service page can ask of the phone, in TypeScript.
#[uniffi::export]
pub(crate) fn page_types() -> String {
    onecity_protocol::bridge::PAGE_TYPES.to_owned()
}

/// What a web view has to run in every frame, blank ones too, before any script of a page: it takes away what reaches a
/// network past the phone.
#[uniffi::export]
pub(crate) fn page_guard() -> String {
    onecity_protocol::bridge::PAGE_GUARD.to_owned()
}
