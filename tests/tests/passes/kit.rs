//! A phone whose clock, keys, answers and screen a test can reach, and the gates it stands before.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mock_server::{Phone, Server, World, WorldOptions};
use onecity_core::platform::{
    ConsentPrompt, ConsentRequest, CreatedKey, DeviceKeys, KeyPurpose, Platform, PlatformError, software,
};
use onecity_core::{Client, CodeListener, CodeView, Error, PassSituation, PassView, Refusal, TaskHandle};
use onecity_protocol::credential::{Audience, Gate, GatePolicy, StatusListToken};
use onecity_protocol::region::RegionId;
use tokio::sync::{oneshot, watch};

pub(crate) const DAY: i64 = 86_400;
/// How long a test waits for something that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const CLINIC: u32 = 900;

pub(crate) fn region(text: &str) -> RegionId {
    text.parse().expect("a region")
}

/// A phone whose clock, keys and answers a test can reach.
pub(crate) struct Kit {
    pub clock: Arc<software::MachineClock>,
    pub keys: Arc<BreakableKeys>,
    pub consent: Arc<Answers>,
    pub platform: Platform,
}

impl Kit {
    /// Time passes, for the phone and for everybody else.
    pub(crate) fn skip(&self, world: &World, seconds: i64) {
        self.clock.skip(seconds * 1000);
        world.skip(seconds);
    }

    pub(crate) fn new() -> Self {
        let clock = Arc::new(software::MachineClock::default());
        let keys = Arc::new(BreakableKeys::default());
        let consent = Arc::new(Answers::default());
        let platform = Platform {
            clock: Arc::clone(&clock) as _,
            keys: Arc::clone(&keys) as _,
            consent: Arc::clone(&consent) as _,
            ..software::platform()
        };
        Self { clock, keys, consent, platform }
    }
}

/// Software keys that a test can take away, as a key store does after a change of the screen lock.
#[derive(Default)]
pub(crate) struct BreakableKeys {
    keys: software::Keys,
    made: Mutex<Vec<String>>,
    deleted: Mutex<Vec<String>>,
    signed: watch::Sender<usize>,
}

impl BreakableKeys {
    pub(crate) fn lose_pass_keys(&self) {
        let made = self.made.lock().expect("no panic").clone();
        made.iter().for_each(|id| self.keys.lose(id));
    }
    pub(crate) fn signed(&self) -> usize {
        *self.signed.borrow()
    }
    /// Waits until this many signatures have been made.
    pub(crate) async fn signed_at_least(&self, count: usize) {
        let mut signed = self.signed.subscribe();
        tokio::time::timeout(PATIENCE, signed.wait_for(|made| *made >= count)).await.expect("in time").expect("there");
    }
    /// Pass keys that were made and not deleted.
    pub(crate) fn living(&self) -> usize {
        let deleted = self.deleted.lock().expect("no panic");
        self.made.lock().expect("no panic").iter().filter(|id| !deleted.contains(id)).count()
    }
}

#[async_trait]
impl DeviceKeys for BreakableKeys {
    async fn create(&self, purpose: KeyPurpose, challenge: &[u8]) -> Result<CreatedKey, PlatformError> {
        let created = self.keys.create(purpose, challenge).await?;
        if purpose == KeyPurpose::Pass {
            self.made.lock().expect("no panic").push(created.id.clone());
        }
        Ok(created)
    }
    async fn public_key(&self, id: &str) -> Result<Vec<u8>, PlatformError> {
        self.keys.public_key(id).await
    }
    async fn sign(&self, id: &str, message: &[u8]) -> Result<Vec<u8>, PlatformError> {
        let signature = self.keys.sign(id, message).await;
        self.signed.send_modify(|made| *made += 1);
        signature
    }
    async fn delete(&self, id: &str) -> Result<(), PlatformError> {
        self.deleted.lock().expect("no panic").push(id.to_owned());
        self.keys.delete(id).await
    }
}

/// A resident who remembers what was asked, and says no once told to.
#[derive(Default)]
pub(crate) struct Answers {
    pub asked: Mutex<Vec<ConsentRequest>>,
    pub no: Mutex<bool>,
}

#[async_trait]
impl ConsentPrompt for Answers {
    async fn ask(&self, request: ConsentRequest) -> bool {
        self.asked.lock().expect("no panic").push(request);
        !*self.no.lock().expect("no panic")
    }
}

/// A phone of Lan in Shandong, logged in and synced.
pub(crate) async fn lan() -> (Server, Arc<World>, Phone, Kit) {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let world = server.world();
    let kit = Kit::new();
    let phone = Phone::with_platform(&world, &["en"], kit.platform.clone()).expect("a phone");
    phone.log_in("shandong", "lan").await.expect("logged in");
    phone.client().sync(&region("cn-sd")).await.expect("synced");
    (server, world, phone, kit)
}

pub(crate) async fn transit(phone: &Phone) -> PassView {
    phone.client().add_pass(&region("cn-sd"), "transit", None).await.expect("a pass")
}

pub(crate) async fn passes(phone: &Phone) -> Vec<PassView> {
    phone.client().passes(&PassSituation::default()).await.expect("listed")
}

pub(crate) async fn code(phone: &Phone, pass: &PassView) -> CodeView {
    phone.client().code(&pass.id, Audience::ANY).await.expect("a code")
}

/// A gate as its operator sets it up: trust list, status lists, started an hour ago.
pub(crate) fn gate_with(world: &World, policy: GatePolicy) -> Gate {
    let mut gate = Gate::new(world.trust_list(&region("cn-sd")).expect("a list"), policy, world.now() - 3600);
    refresh(&mut gate, world);
    gate
}

pub(crate) fn gate(world: &World) -> Gate {
    gate_with(world, GatePolicy::any())
}

pub(crate) fn refresh(gate: &mut Gate, world: &World) {
    for list in world.status_lists(&region("cn-sd")) {
        gate.set_status_list(StatusListToken::parse(&list).expect("a token"), world.now()).expect("a list");
    }
}

pub(crate) fn refused(outcome: Result<CodeView, Error>) -> Refusal {
    match outcome {
        Err(Error::Refused { reason, text, detail }) => {
            assert!(!text.is_empty() && !detail.is_empty());
            reason
        }
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

#[derive(Default)]
pub(crate) struct Screen {
    pub codes: watch::Sender<Vec<CodeView>>,
    errors: watch::Sender<Vec<Error>>,
}

impl Screen {
    pub(crate) async fn codes(&self, count: usize) -> Vec<CodeView> {
        let mut codes = self.codes.subscribe();
        let shown = tokio::time::timeout(PATIENCE, codes.wait_for(|codes| codes.len() >= count)).await;
        shown.unwrap_or_else(|_| panic!("no code {count}: {:?}", self.errors.borrow())).expect("there").clone()
    }
    pub(crate) async fn error(&self) -> Error {
        let mut errors = self.errors.subscribe();
        let told = tokio::time::timeout(PATIENCE, errors.wait_for(|errors| !errors.is_empty())).await;
        told.expect("in time").expect("there")[0].clone()
    }
}

/// What the core holds of a screen; when it lets go, nothing more can come.
pub(crate) struct Ears {
    screen: Arc<Screen>,
    _held: oneshot::Sender<()>,
}

impl CodeListener for Ears {
    fn code(&self, code: CodeView) {
        self.screen.codes.send_modify(|codes| codes.push(code));
    }
    fn failed(&self, error: Error) {
        self.screen.errors.send_modify(|errors| errors.push(error));
    }
}

pub(crate) fn watch(client: &Client, pass: &str) -> (Arc<Screen>, TaskHandle, oneshot::Receiver<()>) {
    let screen = Arc::new(Screen::default());
    let (held, let_go) = oneshot::channel();
    let ears = Ears { screen: Arc::clone(&screen), _held: held };
    (screen, client.watch_code(pass, Audience::ANY, Arc::new(ears)), let_go)
}
