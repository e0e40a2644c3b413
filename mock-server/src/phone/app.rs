//! A phone with the app's screens: its two files in a temporary folder, software keys, and a shell that only writes down
//! what it is told.

use std::sync::{Arc, Mutex, PoisonError};

use onecity_app::{App, AppPlatform, Effect, Environment, Shell};
use onecity_core::ClientConfig;
use onecity_core::platform::software::{Keys, MachineClock, Secrets};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::client::PhoneError;
use crate::world::World;

/// What the app has told its shell.
#[derive(Default)]
struct Told {
    /// Counts what happened.
    happened: watch::Sender<u64>,
    effects: Mutex<Vec<Effect>>,
}

impl Shell for Told {
    fn changed(&self) {
        self.happened.send_modify(|count| *count += 1);
    }

    fn perform(&self, effect: Effect) {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner).push(effect);
        self.changed();
    }
}

/// A phone with the app's screens.
pub struct AppPhone {
    app: Arc<App>,
    told: Arc<Told>,
    parts: Parts,
    folder: TempDir,
}

/// What outlives the app's process.
struct Parts {
    config: ClientConfig,
    keys: Arc<Keys>,
    secrets: Arc<Secrets>,
    clock: Arc<MachineClock>,
    environment: Environment,
}

impl AppPhone {
    /// A new phone that knows this world's registries and nothing else; its platform speaks these languages. It must be
    /// made within a runtime.
    pub fn new(world: &World, languages: &[&str]) -> Result<Self, PhoneError> {
        let folder = tempfile::tempdir()?;
        let environment = Environment {
            languages: languages.iter().map(|language| (*language).to_owned()).collect(),
            ..Environment::default()
        };
        let config = ClientConfig {
            folder: folder.path().to_owned(),
            languages: environment.languages.clone(),
            nations: world.anchors()?,
            allow_loopback: true,
            ..ClientConfig::default()
        };
        let parts = Parts { config, keys: Arc::default(), secrets: Arc::default(), clock: Arc::default(), environment };
        let told = Arc::new(Told::default());
        Ok(Self { app: Self::start(&parts, &told), told, parts, folder })
    }

    fn start(parts: &Parts, told: &Arc<Told>) -> Arc<App> {
        let platform = AppPlatform {
            keys: Arc::clone(&parts.keys) as _,
            secrets: Arc::clone(&parts.secrets) as _,
            clock: Arc::clone(&parts.clock) as _,
        };
        let (config, environment) = (parts.config.clone(), parts.environment.clone());
        Arc::new(App::start(&Handle::current(), config, platform, environment, Arc::clone(told) as _))
    }

    /// The app.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// What its platform says of itself.
    pub fn environment(&self) -> &Environment {
        &self.parts.environment
    }

    /// Its clock.
    pub fn clock(&self) -> &MachineClock {
        &self.parts.clock
    }

    /// Counts whatever happens on the phone, for those who wait for it.
    pub fn happened(&self) -> watch::Receiver<u64> {
        self.told.happened.subscribe()
    }

    /// What the platform is to do, in order; each is handed out once.
    pub fn take_effects(&self) -> Vec<Effect> {
        std::mem::take(&mut *self.told.effects.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Its key store.
    pub fn secrets(&self) -> &Secrets {
        &self.parts.secrets
    }

    /// Ends the app's process, as the system may at any moment, and starts it again on the same files and keys.
    pub async fn restart(&mut self) {
        self.restart_after(|_| ()).await;
    }

    /// The same, with something done to the folder of its files between.
    pub async fn restart_after(&mut self, done: impl FnOnce(&std::path::Path)) {
        self.app.close().await;
        done(self.folder.path());
        self.app = Self::start(&self.parts, &self.told);
    }

    /// Closes the app.
    pub async fn end(self) {
        self.app.close().await;
    }

    /// The folder of its two files.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}
