//! A phone with the app's screens: its two files in a temporary folder, software keys, and a shell that only writes down
//! what it is told.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use onecity_app::{App, AppPlatform, Effect, Environment, Event, Shell};
use onecity_core::ClientConfig;
use onecity_core::platform::software::{Keys, Secrets};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::client::PhoneError;
use crate::clock::{PhoneClock, WorldClock};
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

/// Lets an app look at its clock again each time that the world's is changed, as its shell does once a resident has set the date.
async fn goes_with(app: Weak<App>, mut changes: watch::Receiver<u64>) {
    while changes.changed().await.is_ok() {
        let Some(app) = app.upgrade() else { return };
        app.send(Event::Shown);
    }
}

/// A phone with the app's screens.
pub struct AppPhone {
    app: Arc<App>,
    /// Looks at the clock for it, as long as its process lives.
    _follows: JoinSet<()>,
    told: Arc<Told>,
    parts: Parts,
    folder: TempDir,
}

/// What outlives the app's process.
struct Parts {
    config: ClientConfig,
    keys: Arc<Keys>,
    secrets: Arc<Secrets>,
    clock: Arc<PhoneClock>,
    world_clock: Arc<WorldClock>,
    environment: Environment,
}

impl AppPhone {
    /// A new phone that knows this world's registries and nothing else; its platform speaks these languages, and its clock goes
    /// with the world's. It must be made within a runtime.
    pub fn new(world: &World, languages: &[&str]) -> Result<Self, PhoneError> {
        Self::named(world, None, languages)
    }

    /// The same with a name that the world's servers are told.
    pub(crate) fn named(world: &World, name: Option<&str>, languages: &[&str]) -> Result<Self, PhoneError> {
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
            virtual_name: name.map(str::to_owned),
            ..ClientConfig::default()
        };
        let world_clock = Arc::clone(&world.clock);
        let clock = Arc::new(PhoneClock::new(Arc::clone(&world_clock)));
        let (keys, secrets) = (Arc::default(), Arc::default());
        let parts = Parts { config, keys, secrets, clock, world_clock, environment };
        let told = Arc::new(Told::default());
        let (app, follows) = Self::start(&parts, &told);
        Ok(Self { app, _follows: follows, told, parts, folder })
    }

    fn start(parts: &Parts, told: &Arc<Told>) -> (Arc<App>, JoinSet<()>) {
        let platform = AppPlatform {
            keys: Arc::clone(&parts.keys) as _,
            secrets: Arc::clone(&parts.secrets) as _,
            clock: Arc::clone(&parts.clock) as _,
        };
        let (config, environment) = (parts.config.clone(), parts.environment.clone());
        let app = Arc::new(App::start(&Handle::current(), config, platform, environment, Arc::clone(told) as _));
        let mut follows = JoinSet::new();
        follows.spawn(goes_with(Arc::downgrade(&app), parts.world_clock.changes()));
        (app, follows)
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
    pub fn clock(&self) -> &PhoneClock {
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
        (self.app, self._follows) = Self::start(&self.parts, &self.told);
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
