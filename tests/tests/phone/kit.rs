//! A world with a service that may ask for everything, a phone on which it is open, and a resident who does as told.

use async_trait::async_trait;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_server::{Phone, Server, World, WorldOptions};
use onecity_core::platform::{
    ConsentPrompt, ConsentRequest, Observer, Photo, Platform, Position, ServiceHost, Shared, software,
};
use onecity_core::{HandOverView, ServiceId, ServiceSession, Topic};
use onecity_protocol::region::RegionId;
use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) use crate::everything::{manifest, publish};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn region(text: &str) -> RegionId {
    text.parse().expect("a region")
}

pub(crate) fn jinan() -> RegionId {
    region("cn-sd/jinan")
}

pub(crate) fn service(app_id: &str) -> ServiceId {
    ServiceId { unit: jinan().into(), app_id: app_id.to_owned() }
}

/// A resident who answers as told, remembers what was asked, watches the screens, and has a phone that does things.
#[derive(Default)]
pub(crate) struct Resident {
    /// Counts whatever happens on the phone, for those who wait for it.
    happened: watch::Sender<u64>,
    /// Answers to come; yes when there are none.
    pub answers: Mutex<VecDeque<bool>>,
    pub asked: Mutex<Vec<ConsentRequest>>,
    pub photo: Mutex<Option<Photo>>,
    pub scanned: Mutex<Option<String>>,
    pub browsed: Mutex<Vec<String>>,
    pub shared: Mutex<Vec<Shared>>,
    pub handed: Mutex<Vec<HandOverView>>,
    pub opened: Mutex<Vec<(String, String, ServiceId)>>,
    pub finished: Mutex<Vec<(ServiceId, String)>>,
}

impl Resident {
    pub(crate) fn will(&self, answer: bool) {
        self.answers.lock().expect("held").push_back(answer);
    }

    /// Waits until something holds, looking again whenever something has happened on the phone.
    pub(crate) async fn sees(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let mut happened = self.happened.subscribe();
        let seen = async {
            while !holds().await {
                happened.changed().await.expect("the resident is there");
            }
        };
        tokio::time::timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("never seen: {what}"));
    }

    fn note(&self) {
        self.happened.send_modify(|count| *count += 1);
    }

    pub(crate) fn was_asked(&self) -> Vec<ConsentRequest> {
        std::mem::take(&mut self.asked.lock().expect("held"))
    }
}

impl Observer for Resident {
    fn changed(&self, _: Topic) {
        self.note();
    }
}

#[async_trait]
impl ConsentPrompt for Resident {
    async fn ask(&self, request: ConsentRequest) -> bool {
        self.asked.lock().expect("held").push(request);
        self.answers.lock().expect("held").pop_front().unwrap_or(true)
    }
}

#[async_trait]
impl ServiceHost for Resident {
    async fn show_pass(&self, _: String) {}
    async fn show_hand_over(&self, shown: HandOverView) {
        self.handed.lock().expect("held").push(shown);
    }
    async fn scan(&self) -> Option<String> {
        self.scanned.lock().expect("held").clone()
    }
    async fn locate(&self) -> Option<Position> {
        Some(Position { latitude: 36.65, longitude: 117.12, accuracy: 20.0 })
    }
    async fn pick_photo(&self) -> Option<Photo> {
        self.photo.lock().expect("held").clone()
    }
    async fn share(&self, shared: Shared) -> bool {
        self.shared.lock().expect("held").push(shared);
        true
    }
    async fn open_browser(&self, url: String) -> bool {
        self.browsed.lock().expect("held").push(url);
        self.note();
        true
    }
    async fn open_service(&self, link: String, data: String, from: ServiceId) -> Option<String> {
        self.opened.lock().expect("held").push((link, data, from));
        Some(r#"{"chosen":7}"#.to_owned())
    }
    async fn finish_service(&self, service: ServiceId, result: String) {
        self.finished.lock().expect("held").push((service, result));
    }
}

/// The world's server, which comes and goes at the same address.
pub(crate) struct Serving {
    running: Mutex<Option<Server>>,
    address: SocketAddr,
    world: Arc<World>,
}

impl Serving {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// There is no network from now on.
    pub(crate) async fn stop(&self) {
        let running = self.running.lock().expect("held").take();
        if let Some(running) = running {
            running.stop().await;
        }
    }

    /// The network is back.
    pub(crate) fn start(&self) {
        let server = Server::restart(Arc::clone(&self.world), self.address).expect("the same port");
        *self.running.lock().expect("held") = Some(server);
    }
}

/// Everything that a test needs.
pub(crate) struct Kit {
    pub server: Serving,
    pub world: Arc<World>,
    pub phone: Phone,
    pub resident: Arc<Resident>,
    pub clock: Arc<software::MachineClock>,
}

/// A platform with a resident and a clock of one's own.
pub(crate) fn platform(resident: &Arc<Resident>, clock: &Arc<software::MachineClock>) -> Platform {
    Platform {
        consent: Arc::clone(resident) as _,
        host: Arc::clone(resident) as _,
        observer: Arc::clone(resident) as _,
        clock: Arc::clone(clock) as _,
        ..software::platform()
    }
}

impl Kit {
    /// A world, a phone that has synced Jinan, with nobody logged in.
    pub(crate) async fn new() -> Self {
        let (resident, clock) = (Arc::<Resident>::default(), Arc::<software::MachineClock>::default());
        Self::with(platform(&resident, &clock), resident, clock, 0).await
    }

    /// The same with ports of one's own (a clock that stands, keys that can be written down) and a world at this TCP port.
    pub(crate) async fn on(platform: Platform, resident: Arc<Resident>, port: u16) -> Self {
        Self::with(platform, resident, Arc::default(), port).await
    }

    async fn with(platform: Platform, resident: Arc<Resident>, clock: Arc<software::MachineClock>, port: u16) -> Self {
        let server = Server::start(WorldOptions { port, ..WorldOptions::default() }).await.expect("a world");
        let world = server.world();
        publish(&world, &manifest("everything", 1, world.origin()), &[]);
        publish(&world, &manifest("other", 1, world.origin()), &[]);
        let phone = Phone::with_platform(&world, &["en"], platform).expect("a phone");
        phone.client().sync(&jinan()).await.expect("synced");
        let (address, serving) = (server.address(), Arc::clone(&world));
        let server = Serving { running: Mutex::new(Some(server)), address, world: serving };
        Self { server, world, phone, resident, clock }
    }

    /// The same with Lan logged in.
    pub(crate) async fn logged_in() -> Self {
        let kit = Self::new().await;
        kit.phone.log_in("shandong", "lan").await.expect("logged in");
        kit
    }

    /// Lets time pass everywhere.
    pub(crate) fn skip(&self, seconds: i64) {
        self.world.skip(seconds);
        self.clock.skip(seconds * 1000);
    }

    pub(crate) async fn opens(&self, app_id: &str) -> Page<'_> {
        let session = self.phone.client().open_service(&service(app_id), &jinan()).await.expect("opened");
        Page { phone: &self.phone, session }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/city/cn-sd.jinan{path}", self.world.origin())
    }
}

/// A page of an open service, as its script sees the phone.
pub(crate) struct Page<'a> {
    pub phone: &'a Phone,
    pub session: Arc<ServiceSession>,
}

impl Page<'_> {
    /// A call's result, or the code that it was refused with.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Result<Value, String> {
        let call = json!({ "method": method, "params": params }).to_string();
        let answer = self.phone.client().bridge(&self.session, &call).await.expect("an answer");
        let mut answer: Value = serde_json::from_str(&answer).expect("JSON");
        match answer["error"]["code"].as_str() {
            Some(code) => Err(code.to_owned()),
            None => Ok(answer["result"].take()),
        }
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Value, String> {
        self.call("request", json!({ "method": "GET", "url": url })).await
    }

    pub(crate) async fn submit(&self, url: &str, body: Value) -> Result<String, String> {
        let params = json!({ "url": url, "title": "A lamp is out", "body": body });
        Ok(self.call("submit", params).await?["id"].as_str().expect("an id").to_owned())
    }
}
