//! What the app adds to the client: from a touch to a screen that can be painted.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use onecity_app::{App, AppPlatform, Effect, Environment, Event, Kind, Screen, Shell, Tab};
use onecity_core::platform::software::{self, Keys, MachineClock, Secrets};
use onecity_core::{AppRecordOwner, Client, ClientConfig};
use tokio::runtime::{Handle, Runtime};

use crate::phone::{fill, phone};
use crate::{Figure, against, median, micros, stated};

/// The tiles that a screen begins with.
const FIRST_TILES: usize = 60;

/// A shell that looks when it is told that something has changed, as every shell does.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Bell {
    fn wait(&self) {
        let mut rung = self.rung.lock().expect("no panic");
        while !std::mem::take(&mut *rung) {
            rung = self.rings.wait(rung).expect("no panic");
        }
    }

    /// Waits until the app has had nothing to say for a while: what came before is not measured.
    fn quiet(&self) {
        let mut rung = self.rung.lock().expect("no panic");
        loop {
            let (now, waited) = self.rings.wait_timeout(rung, Duration::from_millis(30)).expect("no panic");
            rung = now;
            if waited.timed_out() && !std::mem::take(&mut *rung) {
                return;
            }
            *rung = false;
        }
    }
}

impl Shell for Bell {
    fn changed(&self) {
        *self.rung.lock().expect("no panic") = true;
        self.rings.notify_one();
    }

    fn perform(&self, _: Effect) {}
}

/// An app that is at home in a city of 1,000 services and has no network.
struct AtHome {
    app: App,
    bell: Arc<Bell>,
    sent: u64,
    _runtime: Runtime,
    _folder: tempfile::TempDir,
}

impl AtHome {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (keys, secrets) = (Arc::new(Keys::default()), Arc::new(Secrets::default()));
        let clock = Arc::new(MachineClock::default());
        let sealing: Arc<dyn onecity_store::SecretStore> = Arc::clone(&secrets) as _;
        fill(folder.path(), &sealing, 1, 1);
        let runtime = Runtime::new().expect("a runtime");
        let config = ClientConfig { folder: folder.path().to_owned(), ..ClientConfig::default() };
        let platform = onecity_core::platform::Platform {
            keys: Arc::clone(&keys) as _,
            secrets: Arc::clone(&secrets) as _,
            clock: Arc::clone(&clock) as _,
            ..software::platform()
        };
        let client = Client::open(config.clone(), platform).expect("a phone");
        let settings = r#"{"started":true,"home":"cn-aa/city-0","place":"cn-aa/city-0"}"#.to_owned();
        let keeping = client.keep_app_record(AppRecordOwner::Phone, "settings", Some(settings));
        client.runtime().block_on(keeping).expect("kept");
        client.close();
        let handle: &Handle = runtime.handle();
        let platform = AppPlatform { keys, secrets, clock };
        let environment = Environment { languages: vec!["zh".to_owned()], ..Environment::default() };
        let bell = Arc::<Bell>::default();
        let app = App::start(handle, config, platform, environment, Arc::clone(&bell) as _);
        let mut at_home = Self { app, bell, sent: 0, _runtime: runtime, _folder: folder };
        at_home.does(Event::Network { online: false });
        at_home.shows_tiles();
        at_home
    }

    /// Sends an event, and waits until it is applied.
    fn does(&mut self, event: Event) {
        self.sent = self.app.send(event);
        while self.app.frame().applied < self.sent {
            self.bell.wait();
        }
    }

    fn screen(&self) -> Screen {
        let frame = self.app.frame();
        self.app.screen(frame.stack.last().expect("a screen")).expect("it is there")
    }

    /// Waits until the home screen has its first tiles.
    fn shows_tiles(&self) -> Screen {
        loop {
            let screen = self.screen();
            let tiles = screen.blocks.iter().filter(|block| matches!(block.kind, Kind::Tile { .. })).count();
            if tiles >= FIRST_TILES {
                return screen;
            }
            self.bell.wait();
        }
    }
}

/// From the touch that goes back to a home screen that is known, to that screen.
pub(crate) fn screen_home_1000() -> Figure {
    let mut phone = AtHome::new();
    let home = phone.app.frame().stack[0].clone();
    let times: Vec<Duration> = (0..200)
        .map(|_| {
            phone.does(Event::Tap { entry: home.clone(), key: "find".to_owned() });
            let began = Instant::now();
            phone.does(Event::Back);
            let screen = phone.screen();
            let took = began.elapsed();
            assert!(screen.entry == home && screen.blocks.len() > FIRST_TILES);
            took
        })
        .collect();
    stated("screen_home_1000", (micros(median(times)) / 10.0).round() / 100.0, "ms", Some(2.0))
}

/// From the touch of a tab to a home screen that was not there before, against the client's call alone.
pub(crate) fn screen_home_1000_cold() -> Figure {
    let mut app = AtHome::new();
    let (_folder, client) = phone(1, 1);
    let city = "cn-aa/city-0".parse().expect("a region");
    let (mut cold, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        app.does(Event::Tab { tab: Tab::Me });
        app.bell.quiet();
        let began = Instant::now();
        app.does(Event::Tab { tab: Tab::Home });
        app.shows_tiles();
        cold.push(began.elapsed());
        app.bell.quiet();
        let began = Instant::now();
        client.runtime().block_on(client.home(&city)).expect("home");
        alone.push(began.elapsed());
    }
    against("screen_home_1000_cold", "the client's home alone", 1.3, (median(cold), median(alone)))
}

/// What a home screen of 1,000 services takes for a shell, with its first 60 tiles, as JSON.
pub(crate) fn screen_bytes_home() -> Figure {
    let phone = AtHome::new();
    let bytes = serde_json::to_vec(&phone.shows_tiles()).expect("plain JSON").len();
    #[expect(clippy::cast_precision_loss, reason = "a size to show")]
    stated("screen_bytes_home", bytes as f64, "bytes", Some(32_768.0))
}
