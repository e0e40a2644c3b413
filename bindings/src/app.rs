//! The app's screens: a shell paints them, sends events, performs effects, and decides nothing.

use std::sync::Arc;

use onecity_app::{Changes, Effect, Environment, Event, Frame, Screen};
use onecity_core::{Error, IconView, Resource, ResourceRequest};

use crate::background;
use crate::client::Options;
use crate::ports::{Clock, DeviceKeys, Foreign, PortError, SecretStore, device_clock};

/// What a shell does for the app.
#[uniffi::export(with_foreign)]
pub trait Shell: Send + Sync {
    /// Something has changed since the frame was read. It is told once until that is read again.
    fn changed(&self) -> Result<(), PortError>;
    /// Do this, and say with the event `Done` what came of it.
    fn perform(&self, effect: Effect) -> Result<(), PortError>;
}

/// What a shell supplies.
#[derive(uniffi::Record)]
pub struct AppPorts {
    /// P-256 keys in hardware.
    pub keys: Arc<dyn DeviceKeys>,
    /// Wraps the vault's secrets.
    pub secrets: Arc<dyn SecretStore>,
    /// The device's clocks.
    pub clock: Arc<dyn Clock>,
    /// The shell itself.
    pub shell: Arc<dyn Shell>,
}

/// The app.
#[derive(uniffi::Object)]
pub struct OneCityApp {
    app: onecity_app::App,
}

#[uniffi::export]
impl OneCityApp {
    /// Starts the app. It answers at once: the phone's files are opened meanwhile. The options' languages are those of
    /// `environment`.
    #[uniffi::constructor]
    pub fn start(options: Options, environment: Environment, ports: AppPorts) -> Result<Arc<Self>, Error> {
        let platform = onecity_app::AppPlatform {
            keys: Arc::new(Foreign(ports.keys)),
            secrets: Arc::new(Foreign(ports.secrets)),
            clock: device_clock(ports.clock),
        };
        let options = Options { languages: environment.languages.clone(), ..options };
        let shell = Arc::new(Foreign(ports.shell));
        let app = onecity_app::App::start(&background::handle()?, options.into(), platform, environment, shell);
        Ok(Arc::new(Self { app }))
    }

    /// Tells the app what happened, and answers the event's number: once `applied` of the frame is as high, this one has
    /// been applied.
    pub fn send(&self, event: Event) -> u64 {
        self.app.send(event)
    }

    /// What is on the screen.
    pub fn frame(&self) -> Frame {
        self.app.frame()
    }

    /// What an entry of the stack, or the sheet, shows; nothing if it is no longer there.
    pub fn screen(&self, entry: String) -> Option<Screen> {
        self.app.screen(&entry)
    }

    /// What has changed on an entry since a revision that was read in an epoch.
    pub fn changes_since(&self, entry: String, epoch: String, revision: u64) -> Option<Changes> {
        self.app.changes_since(&entry, &epoch, revision)
    }

    /// A picture that a block names.
    pub async fn image(&self, image: String) -> Option<IconView> {
        self.app.image(&image).await
    }

    /// A file of the service that an entry shows, as the web view asks for it.
    pub async fn resource(&self, entry: String, request: ResourceRequest) -> Result<Resource, Error> {
        self.app.resource(&entry, request).await
    }

    /// A call of the page that an entry shows, JSON in and JSON out.
    pub async fn bridge(&self, entry: String, call: String) -> Result<String, Error> {
        self.app.bridge(&entry, &call).await
    }

    /// The resident has touched the page that an entry shows.
    pub fn touched(&self, entry: String) {
        self.app.touched(&entry);
    }

    /// Saves where the resident is, and closes the phone's files: before the process may be ended. (`close` is Kotlin's own
    /// word for letting go of an object.)
    pub async fn shut_down(&self) {
        self.app.close().await;
    }
}

// A shell that fails was not told this. The next call is made all the same.
impl onecity_app::Shell for Foreign<dyn Shell> {
    fn changed(&self) {
        let _ = self.port().and_then(Shell::changed);
    }

    fn perform(&self, effect: Effect) {
        let _ = self.port().and_then(|shell| shell.perform(effect));
    }
}
