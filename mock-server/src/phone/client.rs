//! A phone of the world: the real core with software keys, and a resident who uses the system browser.

use std::path::Path;
use std::sync::Arc;

use onecity_core::platform::{Platform, software};
use onecity_core::{AccountView, Client, ClientConfig, Error};
use tempfile::TempDir;

use crate::clock::PhoneClock;
use crate::world::{World, WorldError};

/// Where the phone's logins come back to.
const REDIRECT_URI: &str = "onecity://login";

/// Why the phone, or its resident, failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PhoneError {
    #[error("the core: {0}")]
    Core(#[from] Error),
    #[error("the world: {0}")]
    World(#[from] WorldError),
    #[error("the folder: {0}")]
    Folder(#[from] std::io::Error),
    #[error("the browser: {0}")]
    Browser(String),
    #[error("24 phones are shown already: close a page first")]
    TooMany,
}

/// A phone with its two files in a temporary folder.
pub struct Phone {
    client: Client,
    config: ClientConfig,
    platform: Platform,
    folder: TempDir,
}

impl Phone {
    /// A new phone that knows this world's registries and nothing else. Its clock goes with the world's.
    pub fn new(world: &Arc<World>, languages: &[&str]) -> Result<Self, PhoneError> {
        let clock = Arc::new(PhoneClock::new(Arc::clone(&world.clock)));
        Self::with_platform(world, languages, Platform { clock, ..software::platform() })
    }

    /// The same with ports of one's own.
    pub fn with_platform(world: &Arc<World>, languages: &[&str], platform: Platform) -> Result<Self, PhoneError> {
        Self::with_config(world, languages, platform, |_| ())
    }

    /// The same with something in its configuration changed.
    pub fn with_config(
        world: &Arc<World>,
        languages: &[&str],
        platform: Platform,
        change: impl FnOnce(&mut ClientConfig),
    ) -> Result<Self, PhoneError> {
        let folder = tempfile::tempdir()?;
        let mut config = ClientConfig {
            folder: folder.path().to_owned(),
            languages: languages.iter().map(|language| (*language).to_owned()).collect(),
            nations: world.anchors()?,
            allow_loopback: true,
            ..ClientConfig::default()
        };
        change(&mut config);
        let client = Client::open(config.clone(), platform.clone())?;
        Ok(Self { client, config, platform, folder })
    }

    /// What the shell calls.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// How it is configured.
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Its ports.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// The folder of the two files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the app and starts it again on the same files, keys and clock.
    pub async fn restart(self) -> Result<Self, PhoneError> {
        let platform = self.platform.clone();
        self.reopen(platform, |_| Ok(())).await
    }

    /// Ends the app and starts it again with other ports, as after a reboot.
    pub async fn restart_with(self, platform: Platform) -> Result<Self, PhoneError> {
        self.reopen(platform, |_| Ok(())).await
    }

    /// Ends the app, puts a copy of its files back in their place, and starts it again.
    pub async fn restore(self, copy: &Path) -> Result<Self, PhoneError> {
        let (platform, copy) = (self.platform.clone(), copy.to_owned());
        self.reopen(platform, move |folder| {
            for old in std::fs::read_dir(folder)? {
                std::fs::remove_file(old?.path())?;
            }
            for file in std::fs::read_dir(copy)? {
                let file = file?;
                std::fs::copy(file.path(), folder.join(file.file_name()))?;
            }
            Ok(())
        })
        .await
    }

    async fn reopen(
        self,
        platform: Platform,
        meanwhile: impl FnOnce(&Path) -> std::io::Result<()> + Send + 'static,
    ) -> Result<Self, PhoneError> {
        let Self { client, config, folder, .. } = self;
        let reopened = tokio::task::spawn_blocking(move || {
            client.close();
            meanwhile(folder.path())?;
            let client = Client::open(config.clone(), platform.clone())?;
            Ok(Self { client, config, platform, folder })
        });
        reopened.await.map_err(std::io::Error::other)?
    }

    /// Logs in as a persona, the way a resident does: the app opens a URL, the browser comes back.
    pub async fn log_in(&self, provider: &str, persona: &str) -> Result<AccountView, PhoneError> {
        let attempt = self.client.begin_login(provider, REDIRECT_URI).await?;
        let callback = browse(&attempt.url, persona).await?;
        Ok(self.client.finish_login(&callback).await?)
    }

    /// Chooses a persona on the page that a login was begun with, and returns what the browser would come back with.
    pub async fn browse(&self, url: &str, persona: &str) -> Result<String, PhoneError> {
        browse(url, persona).await
    }

    /// Begins a login and returns what the browser would come back with.
    pub async fn callback(&self, provider: &str, persona: &str) -> Result<String, PhoneError> {
        let attempt = self.client.begin_login(provider, REDIRECT_URI).await?;
        browse(&attempt.url, persona).await
    }
}

/// Chooses a persona on the provider's page and returns the address that the browser is sent to.
pub(super) async fn browse(url: &str, persona: &str) -> Result<String, PhoneError> {
    let failed = |error: reqwest::Error| PhoneError::Browser(error.to_string());
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().map_err(failed)?;
    let page = browser.get(url).send().await.map_err(failed)?;
    if !page.status().is_success() {
        return Err(PhoneError::Browser(format!("the provider's page answered {}", page.status())));
    }
    let mut form = url::Url::parse(url).map_err(|error| PhoneError::Browser(error.to_string()))?;
    form.query_pairs_mut().append_pair("persona", persona);
    let body = form.query().unwrap_or_default().to_owned();
    form.set_query(None);
    let chosen = browser
        .post(form)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .map_err(failed)?;
    let location = chosen.headers().get("location").and_then(|location| location.to_str().ok());
    location.map(str::to_owned).ok_or_else(|| PhoneError::Browser(format!("no way back: {}", chosen.status())))
}
