//! The façade, by the subjects that the core's has.

mod accounts;
mod regions;
mod services;
mod wallet;

use std::sync::Arc;

use onecity_core::{Client, ClientConfig, NationAnchor, ServiceId, TaskHandle};
use onecity_protocol::region::{RegionId, UnitId};

use crate::error::OneCityError;
use crate::ports::Ports;

pub use services::{OpenService, ServiceFile};

/// Where trust in a nation's registry begins.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Nation {
    /// For example `cn`.
    pub nation: String,
    /// Where its repository is.
    pub url: String,
    /// Its first `root.json`.
    pub root: Vec<u8>,
}

/// What a shell decides once.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Options {
    /// The folder of the two files.
    pub folder: String,
    /// The resident's languages as BCP 47 tags, best first.
    pub languages: Vec<String>,
    /// The nations that this app knows.
    pub nations: Vec<Nation>,
    /// Allows plain HTTP to this very machine, for tests.
    pub allow_loopback: bool,
    /// How many bytes packages may take before the least recently used give way; 0 for the usual.
    pub package_budget: u64,
}

impl TryFrom<Options> for ClientConfig {
    type Error = OneCityError;

    fn try_from(options: Options) -> Result<Self, OneCityError> {
        let nations = options
            .nations
            .into_iter()
            .map(|own| Ok(NationAnchor { nation: region(&own.nation)?, url: own.url, root: own.root }));
        let usual = Self::default();
        Ok(Self {
            folder: options.folder.into(),
            languages: options.languages,
            nations: nations.collect::<Result<_, OneCityError>>()?,
            allow_loopback: options.allow_loopback,
            package_budget: if options.package_budget == 0 { usual.package_budget } else { options.package_budget },
            ..usual
        })
    }
}

/// The phone.
#[derive(uniffi::Object)]
pub struct OneCity {
    client: Client,
}

fn region(text: &str) -> Result<RegionId, OneCityError> {
    text.parse().map_err(|error| OneCityError::InvalidInput { field: "region".to_owned(), why: format!("{error}") })
}

fn unit(text: &str) -> Result<UnitId, OneCityError> {
    text.parse().map_err(|error| OneCityError::InvalidInput { field: "unit".to_owned(), why: format!("{error}") })
}

fn service_id(unit_id: &str, app_id: String) -> Result<ServiceId, OneCityError> {
    Ok(ServiceId { unit: unit(unit_id)?, app_id })
}

#[uniffi::export]
impl OneCity {
    /// Opens the two files of a folder, or makes them.
    #[uniffi::constructor]
    pub fn open(options: Options, ports: Ports) -> Result<Arc<Self>, OneCityError> {
        Ok(Arc::new(Self { client: Client::open(options.try_into()?, ports.into())? }))
    }

    /// Waits for what is being written and closes the files, before the app goes to the background.
    pub async fn suspend(&self) -> Result<(), OneCityError> {
        Ok(self.client.suspend().await?)
    }

    /// Opens the files again.
    pub async fn resume(&self) -> Result<(), OneCityError> {
        Ok(self.client.resume().await?)
    }

    /// Whether both files can be read whole; a damaged catalogue is begun again.
    pub async fn check_files(&self) -> Result<(), OneCityError> {
        Ok(self.client.check_files().await?)
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

/// Puts the private file aside that can't be opened, because the resident has decided to go on without it. It is kept.
#[uniffi::export]
pub fn quarantine_vault(options: Options) -> Result<(), OneCityError> {
    Ok(Client::quarantine_vault(&options.try_into()?)?)
}

/// Brings back the newest private file that was put aside and opens again; answers whether there was one.
#[uniffi::export]
pub fn restore_vault(options: Options, ports: Ports) -> Result<bool, OneCityError> {
    Ok(Client::restore_vault(&options.try_into()?, &ports.into())?)
}

/// Begins a new private file with every row that can still be read of a damaged one, which is kept.
#[uniffi::export]
pub fn recover_vault(options: Options) -> Result<u64, OneCityError> {
    Ok(Client::recover_vault(&options.try_into()?)?)
}

/// What every service page can ask of the phone, in TypeScript.
#[uniffi::export]
pub fn page_types() -> String {
    onecity_protocol::bridge::PAGE_TYPES.to_owned()
}
