//! Everything that the world knows. Servers come and go; the world keeps its state.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use onecity_core::NationAnchor;
use onecity_protocol::credential::{Status, TrustList, UnixTime};
use onecity_protocol::region::{RegionId, RegionTree, UnitId};
use onecity_protocol::trust::{ANNOUNCEMENT_TARGET, Announcement, TRUST_LIST_TARGET};
use onecity_publisher::PublicKey;
use ring::hmac;
use ring::rand::SystemRandom;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::capsule::{Deed, History};
use crate::city::{self, CityState};
use crate::clock::WorldClock;
use crate::content::{Additions, Content, ContentError, People, regions};
use crate::exchange;
use crate::faults::{Faults, Preset, Rule, RuleError, Strike, What};
use crate::gates::{GateSettings, Gates, region_of};
use crate::identity::IdentityState;
use crate::issuer::{IssuerError, Issuers};
use crate::journal::{Journal, Redaction};
use crate::registry::{Origins, Registry, RegistryError, providers};
use crate::server::Server;
use crate::serving::{ConnectionLimits, Tls, TlsError};
use crate::settings::ClockSettings;
use crate::state::{Changes, Rows, StateError, StateFile};
use crate::stubs::Stubs;

static SERIALS: AtomicU64 = AtomicU64::new(0);

/// The name of a server's first world.
pub(crate) const FIRST: &str = "default";
/// Where the others are.
pub(crate) const PREFIX: &str = "/w/";

/// What the world is started with.
#[derive(Debug, Clone, Default)]
pub struct WorldOptions {
    /// The port on loopback; 0 for a free one.
    pub port: u16,
    /// Whether other machines in the same network reach it, too.
    pub network: bool,
    /// Repeats the same personas, ids and decisions.
    pub seed: u64,
    /// What goes wrong from the start.
    pub faults: Vec<Preset>,
    /// The same, as rules.
    pub rules: Vec<Rule>,
    /// When its clock stands still, in milliseconds since 1970; without it, it goes by this machine's.
    pub frozen_at: Option<i64>,
    /// What somebody on another machine proves to be the tester with; a random one without it.
    pub admin_token: Option<String>,
    /// What strangers may do with its server's connections.
    pub connections: ConnectionLimits,
    /// What is laid over the built-in world.
    pub additions: Additions,
    /// Where all of it is written down, so that another server can go on with it.
    pub state: Option<PathBuf>,
    /// Whether HTTPS is spoken, too, and with which certificate. From other machines then nothing else is.
    pub tls: Option<Tls>,
    /// The origins whose pages may use the controls, beside its own.
    pub origins: Vec<String>,
}

impl WorldOptions {
    /// A port on loopback; without one, a free one is taken.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Decides ids and lots.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Something goes wrong from the start, by name.
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        self.faults.push(preset);
        self
    }

    /// Something goes wrong from the start.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Something is laid over the built-in world.
    #[must_use]
    pub fn with(mut self, additions: Additions) -> Self {
        self.additions = additions;
        self
    }

    /// All of it is written to a file, and goes on from there.
    #[must_use]
    pub fn state(mut self, file: impl Into<PathBuf>) -> Self {
        self.state = Some(file.into());
        self
    }

    /// HTTPS is spoken, too.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Pages of this origin may use the controls.
    #[must_use]
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// The clock stands still at a time, in milliseconds since 1970.
    #[must_use]
    pub fn frozen_at(mut self, milliseconds: i64) -> Self {
        self.frozen_at = Some(milliseconds);
        self
    }

    /// Makes the world and serves it.
    pub async fn start(self) -> Result<Server, WorldError> {
        Server::start(self).await
    }
}

/// Why the world could not be made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum WorldError {
    #[error("the port: {0}")]
    Port(#[from] std::io::Error),
    #[error("the registry: {0}")]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error("the issuers: {0}")]
    Issuer(#[from] IssuerError),
    #[error("a fault: {0}")]
    Rule(#[from] RuleError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("{0} is no origin: it is a scheme, a host and perhaps a port, as in http://localhost:3000")]
    Origin(String),
    #[error("the system has no random numbers")]
    Random,
}

/// Why something can't be laid over a world.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum LayError {
    #[error(
        "regions and circles are laid down when a world begins: start the server again, and with a new state file if it has one"
    )]
    Regions,
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error("the registry: {0}")]
    Registry(#[from] Box<RegistryError>),
}

/// A world. Its registry is signed when somebody asks for it: a world that nobody looks at costs next to nothing.
pub struct World {
    /// Tells it from every other, also from one that had its name before.
    serial: u64,
    /// Whether it was taken away.
    ended: watch::Sender<bool>,
    name: String,
    /// Of the server, without a path.
    web_origin: String,
    /// Where it is on the server: nothing, or `/w/NAME`.
    prefix: String,
    origin: String,
    seed: u64,
    ids: hmac::Key,
    counter: AtomicU64,
    /// What everybody in it goes by.
    pub clock: Arc<WorldClock>,
    pub(crate) tree: Arc<RegionTree>,
    content: Content,
    people: RwLock<Arc<People>>,
    /// What lies over what is built in.
    additions: Mutex<Additions>,
    /// What a file has last set its clock to.
    clock_said: Mutex<Option<ClockSettings>>,
    kept: Option<Kept>,
    registry: OnceLock<RwLock<Registry>>,
    pub(crate) identity: Mutex<IdentityState>,
    pub(crate) issuers: Issuers,
    pub(crate) cities: Mutex<CityState>,
    /// What goes wrong just now.
    pub faults: Faults,
    /// What has arrived.
    pub journal: Journal,
    /// What was done to it, and in what order everything happened.
    pub(crate) history: Arc<History>,
    /// What lay over what is built in when it began.
    began_with: Additions,
    /// The gates that stand in it.
    pub gates: Gates,
    /// Answers in the place of its cities' back ends.
    pub stubs: Stubs,
}

/// Where a world is written down.
struct Kept {
    file: Arc<StateFile>,
    /// Changes are given to the file one after another, in their order.
    settling: Mutex<Settled>,
}

/// What of the world itself is in the file.
#[derive(Default)]
struct Settled {
    world: Option<StoredWorld>,
    counter: u64,
}

/// The parts of a state file that are the world's own.
const WORLD: &str = "world";
const COUNTER: &str = "counter";

/// A world as a state file has it, without its parts.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredWorld {
    seed: u64,
    additions: Additions,
    clock_said: Option<ClockSettings>,
}

/// What a world begins with.
pub(crate) struct Beginning<'b> {
    /// Of its server, without a path.
    pub web_origin: &'b str,
    /// None for a server's first.
    pub name: Option<&'b str>,
    pub seed: u64,
    pub additions: &'b Additions,
    /// Where it is written down, with what there is of it already.
    pub state: Option<(Arc<StateFile>, Rows)>,
}

/// The gates that stand in each world from the start: two of a metro station in Jinan, a clinic's, and one in Ha Noi.
const GATES: &str = r#"{
    "metro-1": { "region": "cn-sd", "number": 1, "types": ["transit"], "scope": 37, "open_hours_without_status": 24, "station": "metro" },
    "metro-2": { "region": "cn-sd", "number": 2, "types": ["transit"], "scope": 37, "open_hours_without_status": 24, "station": "metro" },
    "clinic": { "region": "cn-sd", "number": 3, "types": ["health"], "codes_for": "this-moment" },
    "hanoi-1": { "region": "vn-hn", "number": 4, "types": ["transit"], "open_hours_without_status": 24 }
}"#;

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Settled> {
        self.settling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// What a world is started with, to be changed and started.
    pub fn builder() -> WorldOptions {
        WorldOptions { seed: 1, ..WorldOptions::default() }
    }

    /// Another world of the same server, below `/w/NAME`; or, without a name, the first.
    pub(crate) fn begin(beginning: Beginning<'_>) -> Result<Self, WorldError> {
        onecity_core::install_providers();
        let Beginning { web_origin, name, mut seed, additions, state } = beginning;
        let (file, mut rows) = state.unzip();
        let stored: Option<StoredWorld> =
            rows.as_mut().and_then(|rows| rows.take_one(WORLD).transpose()).transpose()?;
        let is_new = stored.is_none();
        let mut additions = additions.clone();
        let mut clock_said = None;
        if let Some(stored) = &stored {
            (seed, additions, clock_said) = (stored.seed, stored.additions.clone(), stored.clock_said.clone());
        }
        // What was published is in the file, wherever its folder has got to.
        let services = if is_new { additions.services.clone() } else { Vec::new() };
        let content = Content::with(&Additions { services, ..additions.clone() })?;
        let tree = Arc::clone(&content.tree);
        let prefix = name.map(|name| format!("{PREFIX}{name}")).unwrap_or_default();
        let origin = format!("{web_origin}{prefix}");
        let issuers = Issuers::new(&origin, &tree)?;
        let secret = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| WorldError::Random)?;
        let clock = Arc::<WorldClock>::default();
        let history = Arc::new(History::new(Arc::clone(&clock)));
        let gates = Gates::new(&origin, Arc::clone(&clock), Arc::clone(&history));
        let world = Self {
            serial: SERIALS.fetch_add(1, Ordering::Relaxed),
            ended: watch::Sender::new(false),
            name: name.unwrap_or(FIRST).to_owned(),
            web_origin: web_origin.to_owned(),
            prefix,
            seed,
            ids: hmac::Key::new(hmac::HMAC_SHA256, &seed.to_be_bytes()),
            counter: AtomicU64::new(0),
            clock,
            tree,
            people: RwLock::new(Arc::new(content.people.clone())),
            content,
            additions: Mutex::new(additions.clone()),
            clock_said: Mutex::new(clock_said),
            kept: file.map(|file| Kept { file, settling: Mutex::default() }),
            registry: OnceLock::new(),
            identity: Mutex::new(IdentityState::new()),
            issuers,
            cities: Mutex::default(),
            faults: Faults::new(seed, Arc::clone(&history)),
            journal: Journal::new(Redaction::new(secret)),
            gates,
            stubs: Stubs::new(Arc::clone(&history)),
            history,
            began_with: additions.clone(),
            origin,
        };
        if let Some(mut rows) = rows {
            world.restore(stored, &mut rows)?;
        }
        if is_new {
            world.put_gates();
            if *world.lock_additions() != Additions::default() {
                // Whether it can be published is found out now.
                let _ = world.registry.set(RwLock::new(world.build_registry()?));
            }
            world.history.begin(0);
        } else {
            world.history.goes_on();
        }
        Ok(world)
    }

    /// Goes on with what a state file has.
    fn restore(&self, stored: Option<StoredWorld>, rows: &mut Rows) -> Result<(), StateError> {
        self.clock.restore(rows)?;
        self.lock_identity().restore(rows)?;
        self.issuers.restore(rows)?;
        self.lock_cities().restore(rows)?;
        self.faults.restore(rows)?;
        self.stubs.restore(rows)?;
        self.gates.restore(rows)?;
        if let Some(registry) = Registry::restore(rows, self.now())? {
            let _ = self.registry.set(RwLock::new(registry));
        }
        let counter = rows.take_one(COUNTER)?.unwrap_or(0);
        self.counter.store(counter, Ordering::Relaxed);
        if let Some(kept) = &self.kept {
            *kept.lock() = Settled { world: stored, counter };
        }
        Ok(())
    }

    /// What a state file does not have yet.
    fn unwritten(&self, settled: &mut Settled) -> Changes {
        let mut changes = Changes::default();
        let (additions, clock_said) = (self.lock_additions().clone(), self.lock_clock_said().clone());
        let own = StoredWorld { seed: self.seed, additions, clock_said };
        if settled.world.as_ref() != Some(&own) {
            changes.put(WORLD, "", &own);
            settled.world = Some(own);
        }
        let counter = self.counter.load(Ordering::Relaxed);
        if std::mem::replace(&mut settled.counter, counter) != counter {
            changes.put(COUNTER, "", &counter);
        }
        self.clock.unwritten(&mut changes);
        self.lock_identity().unwritten(&mut changes);
        self.issuers.unwritten(&mut changes);
        self.lock_cities().unwritten(&mut changes);
        self.faults.unwritten(&mut changes);
        self.stubs.unwritten(&mut changes);
        self.gates.unwritten(&mut changes);
        if let Some(registry) = self.registry.get() {
            let has_unwritten = registry.read().unwrap_or_else(PoisonError::into_inner).has_unwritten();
            if has_unwritten {
                registry.write().unwrap_or_else(PoisonError::into_inner).unwritten(&mut changes);
            }
        }
        changes
    }

    /// Comes back once all that has happened so far is in the state file, if there is one: no later stop undoes it.
    pub async fn settle(&self) -> Result<(), StateError> {
        let Some(kept) = &self.kept else { return Ok(()) };
        let number = {
            let mut settled = kept.lock();
            if *self.ended.borrow() {
                return Ok(());
            }
            kept.file.give(&self.name, self.unwritten(&mut settled))
        };
        kept.file.is_written(number).await
    }

    /// Whether its state can be written, if it is.
    pub(crate) async fn is_well(&self) -> Result<(), StateError> {
        match &self.kept {
            Some(kept) => kept.file.is_well().await,
            None => Ok(()),
        }
    }

    /// Takes it out of the state file, for good.
    pub(crate) async fn forget(&self) -> Result<(), StateError> {
        let Some(kept) = &self.kept else { return Ok(()) };
        let number = {
            let _settled = kept.lock();
            kept.file.forget(&self.name)
        };
        kept.file.is_written(number).await
    }

    /// Where it is written down.
    pub(crate) fn state_file(&self) -> Option<Arc<StateFile>> {
        self.kept.as_ref().map(|kept| Arc::clone(&kept.file))
    }

    fn lock_additions(&self) -> MutexGuard<'_, Additions> {
        self.additions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock_clock_said(&self) -> MutexGuard<'_, Option<ClockSettings>> {
        self.clock_said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The gates that it has from the start.
    fn put_gates(&self) {
        let all: BTreeMap<String, GateSettings> = serde_json::from_str(GATES).expect("gates that are built in");
        for (name, settings) in all {
            let trust = region_of(&settings).ok().and_then(|region| self.trust_list(&region));
            self.gates.put(&name, settings, trust).expect("a gate that is built in");
        }
    }

    fn origins(&self) -> Origins<'_> {
        Origins { web: &self.web_origin, world: &self.origin }
    }

    fn build_registry(&self) -> Result<Registry, RegistryError> {
        Registry::build(
            &self.content,
            self.origins(),
            &providers(&self.origin),
            &self.issuers.trust_lists(),
            self.now(),
        )
    }

    fn registry_lock(&self) -> &RwLock<Registry> {
        // It is made from what is built in, and the tests make it.
        self.registry.get_or_init(|| RwLock::new(self.build_registry().expect("a registry of what is built in")))
    }

    /// Lays something else over what is built in: other personas, services beside those that it has, or their next versions. Its
    /// regions are those that it began with.
    pub fn lay(&self, additions: &Additions) -> Result<(), LayError> {
        let mut before = self.lock_additions();
        if *before == *additions && additions.services.is_empty() {
            return Ok(());
        }
        if !before.has_regions_of(additions) {
            return Err(LayError::Regions);
        }
        let people = People::with(&additions.personas)?;
        let services = additions.services.iter().map(|own| Content::publication(&self.tree, own));
        let services = services.collect::<Result<Vec<_>, _>>()?;
        let now = self.now();
        for own in &services {
            self.registry_mut(|registry| registry.add(own, self.origins(), now)).map_err(Box::new)?;
        }
        *self.people.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(people);
        *before = additions.clone();
        self.history.note(Deed::Lay { additions: additions.clone() });
        Ok(())
    }

    /// Whether it is a unit of a tester's own.
    pub(crate) fn has_own_unit(&self, unit: &UnitId) -> bool {
        let own = self.lock_additions();
        own.services.iter().any(|own| own.unit == *unit)
    }

    /// Who lives in it just now.
    pub(crate) fn people(&self) -> Arc<People> {
        Arc::clone(&self.people.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells it from every other, also from one that had its name before.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// It is taken away: nobody is to hold it for longer.
    pub(crate) fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Tells those who hold it for long that it was taken away.
    pub(crate) fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    /// Whether its registry is there.
    pub(crate) fn is_signed(&self) -> bool {
        self.registry.get().is_some()
    }

    /// Its name; that of the first is `default`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What decides its ids and lots.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Where it is on its server: nothing for the first world, `/w/NAME` for another.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The address of its server, without a path: the origin of its pages (RFC 6454).
    pub fn web_origin(&self) -> &str {
        &self.web_origin
    }

    /// The address of the world, without a trailing slash.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// All regions.
    pub fn tree(&self) -> &RegionTree {
        &self.tree
    }

    /// Seconds since 1970, by the world's own clock.
    pub fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// The same as its servers say it: a fault may have their clocks wrong.
    pub(crate) fn told(&self) -> UnixTime {
        self.now() + exchange::skew()
    }

    /// The same as a header (RFC 9110 §5.6.7), off by some seconds.
    pub(crate) fn date(&self, skew: i64) -> Option<HeaderValue> {
        let now = jiff::Timestamp::from_second(self.now() + skew).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
        HeaderValue::from_str(&now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
    }

    /// Lets seconds pass without anybody waiting for them. The registries are signed again meanwhile.
    pub fn skip(&self, seconds: i64) {
        self.clock.jump(seconds.saturating_mul(1000));
        if self.registry.get().is_some() {
            self.history.note(Deed::Renew);
            self.renew_registry(self.now());
        }
    }

    /// What lay over what is built in when it began.
    pub(crate) fn began_with(&self) -> &Additions {
        &self.began_with
    }

    /// Signs those registries again that are due, as their online keys do by themselves.
    pub(crate) fn renew_registry(&self, now: UnixTime) {
        if let Err(error) = self.registry_mut(|registry| registry.renew(now)) {
            tracing::error!(%error, "the registries were not signed again");
        }
    }

    /// As it was at first, with the same keys and anchors, so that phones go on.
    pub fn reset(&self) -> Result<(), WorldError> {
        self.faults.reset();
        self.lock_identity().reset();
        self.issuers.reset();
        self.lock_cities().reset();
        self.counter.store(0, Ordering::Relaxed);
        self.clock.follow_machine();
        self.stubs.clear();
        self.gates.clear();
        self.put_gates();
        if let Some(registry) = self.registry.get() {
            let now = self.now();
            registry.write().unwrap_or_else(PoisonError::into_inner).reset(now)?;
            // What passes are signed with goes on, and so must the lists of it.
            if self.issuers.has_other_keys() {
                self.publish_trust_lists()?;
            }
        }
        self.journal.clear();
        self.history.begin(self.journal.count());
        Ok(())
    }

    /// What strikes the exchange that is under way, of the kinds that are meant.
    pub(crate) fn struck(&self, is_meant: impl Fn(&What) -> bool) -> Option<Strike> {
        exchange::struck(self, is_meant)
    }

    /// The persona whose request it is, as far as its token or form tells.
    pub(crate) fn who_asks(&self, path: &str, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        if !headers.contains_key(header::AUTHORIZATION) && !path.starts_with("/idp/") {
            return None;
        }
        self.lock_identity().who_asks(headers, body, self.now(), &self.people())
    }

    /// An id that the seed decides: 16 hexadecimal digits for a label.
    pub(crate) fn id(&self, label: &str) -> String {
        hex::encode(&hmac::sign(&self.ids, label.as_bytes()).as_ref()[..8])
    }

    /// The next id of a kind.
    pub(crate) fn next_id(&self, kind: &str) -> String {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        self.id(&format!("{kind} {count}"))
    }

    /// Looks at the registry.
    pub fn registry<T>(&self, look: impl FnOnce(&Registry) -> T) -> T {
        look(&self.registry_lock().read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the registry.
    pub fn registry_mut<T>(&self, change: impl FnOnce(&mut Registry) -> T) -> T {
        change(&mut self.registry_lock().write().unwrap_or_else(PoisonError::into_inner))
    }

    /// The trust list of a first-level region, as a gate gets it.
    pub fn trust_list(&self, region: &RegionId) -> Option<TrustList> {
        self.issuers.trust_lists().remove(region)
    }

    /// The status lists of a first-level region, as its gates get them, signed now.
    pub fn status_lists(&self, region: &RegionId) -> Vec<Vec<u8>> {
        self.issuers.status_lists(region, self.now())
    }

    /// Revokes (1), suspends (2) or reinstates (0) a pass; answers whether an issuer knows it.
    pub fn set_pass_status(&self, pass: &str, status: u8) -> bool {
        self.history.note(Deed::Pass { pass: pass.to_owned(), status });
        self.issuers.set_status(pass, status, self.now())
    }

    /// Lets an issuer sign with a new key, and lists it beside the old one.
    pub fn rotate_issuer_key(&self, issuer: &str) -> Result<(), WorldError> {
        self.history.note(Deed::RotateIssuer { issuer: issuer.to_owned() });
        self.issuers.rotate_key(issuer, self.now())?;
        self.publish_trust_lists()
    }

    /// Takes all keys of an issuer but the newest off the trust list.
    pub fn withdraw_old_issuer_keys(&self, issuer: &str) -> Result<(), WorldError> {
        self.history.note(Deed::WithdrawIssuerKeys { issuer: issuer.to_owned() });
        self.issuers.withdraw_old_keys(issuer);
        self.publish_trust_lists()
    }

    /// What a nation or first-level region announces to all of its residents from now on; none: it is over.
    pub fn announce(&self, region: &RegionId, announcement: Option<&Announcement>) -> Result<(), WorldError> {
        let path = format!("{region}/{ANNOUNCEMENT_TARGET}");
        let bytes = announcement.map(serde_json::to_vec).transpose().map_err(RegistryError::from)?;
        self.history.note(Deed::Announce { region: region.clone(), announcement: announcement.cloned() });
        self.registry_mut(|registry| {
            registry.change(region, self.now(), |repository, _| match bytes {
                Some(bytes) => repository.add_target(&path, bytes, None),
                None => repository.remove_target(&path).map(drop),
            })
        })?;
        Ok(())
    }

    fn publish_trust_lists(&self) -> Result<(), WorldError> {
        for (region, list) in self.issuers.trust_lists() {
            let path = format!("{region}/{TRUST_LIST_TARGET}");
            let bytes = serde_json::to_vec(&list).map_err(RegistryError::from)?;
            self.registry_mut(|registry| {
                registry.change(&region, self.now(), |repository, _| repository.add_target(&path, bytes, None))
            })?;
        }
        Ok(())
    }

    /// The identity providers sign with a new key from now on.
    pub fn rotate_identity_key(&self) {
        self.history.note(Deed::RotateProviders);
        self.lock_identity().rotate_key();
    }

    /// Ends a persona's sessions, or all; answers how many.
    pub(crate) fn end_sessions(&self, persona: Option<&str>) -> usize {
        self.history.note(Deed::EndSessions { persona: persona.map(str::to_owned) });
        self.lock_identity().end_sessions_of(persona, self.now())
    }

    /// Lets a persona's access tokens expire, or all; answers how many.
    pub(crate) fn expire_tokens(&self, persona: Option<&str>) -> usize {
        self.history.note(Deed::ExpireTokens { persona: persona.map(str::to_owned) });
        self.lock_identity().expire_tokens_of(persona, self.now())
    }

    /// Signs a registry again, so that its versions go up.
    pub fn sign_again(&self, region: &RegionId) -> Result<(), RegistryError> {
        self.history.note(Deed::Sign { region: region.clone() });
        let now = self.now();
        self.registry_mut(|registry| registry.change(region, now, |_, _| Ok(())))
    }

    /// Lets the one who holds a key publish as a unit of the world.
    pub fn entrust(&self, unit: &UnitId, key: PublicKey) -> Result<(), RegistryError> {
        self.history.note(Deed::Entrust { unit: unit.clone(), key: key.pem() });
        let now = self.now();
        self.registry_mut(|registry| registry.entrust(unit, key, now))
    }

    /// How many sessions the identity providers know.
    pub fn sessions(&self) -> usize {
        self.lock_identity().sessions()
    }

    /// The keys that the tokens of services are bound to, each once: what could link a resident across services.
    pub fn service_keys(&self) -> std::collections::BTreeSet<String> {
        self.lock_identity().service_keys()
    }

    /// What an issuer says of a pass, if one knows it.
    pub fn pass_status(&self, pass: &str) -> Option<Status> {
        self.issuers.status(pass)
    }

    /// The nonce that proofs must hold at this time; it changes every minute.
    pub(crate) fn dpop_nonce(&self) -> String {
        self.id(&format!("nonce {}", self.now() / 60))
    }

    /// Goes on with a submission, as its city would: it stands in its timeline from now on.
    pub fn progress(&self, submission: &str, status: &str, text: &str) -> bool {
        let [number, status_of, said] = [submission, status, text].map(str::to_owned);
        self.history.note(Deed::Progress { number, status: status_of, text: said });
        self.lock_cities().progress(submission, self.now(), status, text)
    }

    /// The bytes of an attachment that the cities have whole, by its id.
    pub fn attachment(&self, id: &str) -> Option<Vec<u8>> {
        self.lock_cities().attachment(id)
    }

    /// What a shell's browser comes back with after somebody has paid on a payment page.
    pub fn pay(&self, url: &str) -> Option<String> {
        city::paid(self, url)
    }

    /// A document that a region's issuer signs: claims that everybody sees, and fields that can be left out.
    pub fn document(&self, region: &RegionId, claims: Value, fields: &Value) -> Option<String> {
        self.issuers.document(region, claims, fields, self.now())
    }

    /// What a counter shows the issuer's resource server that it is who it says.
    pub fn verifier_secret(&self, number: u32) -> String {
        self.id(&format!("verifier {number}"))
    }

    /// How many different submissions the back ends have taken.
    pub fn submissions_taken(&self) -> usize {
        self.lock_cities().taken()
    }

    /// Ends every session at the identity providers.
    pub fn end_all_sessions(&self) {
        self.history.note(Deed::EndAllSessions);
        self.lock_identity().end_all();
    }

    pub(crate) fn lock_cities(&self) -> MutexGuard<'_, CityState> {
        self.cities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock_identity(&self) -> MutexGuard<'_, IdentityState> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a phone's trust begins.
    pub fn anchors(&self) -> Result<Vec<NationAnchor>, WorldError> {
        self.registry(|registry| {
            let anchor = |nation: RegionId| {
                let root = registry.first_root(&nation)?.to_vec();
                Ok(NationAnchor { url: format!("{}/registry/{nation}", self.origin), nation, root })
            };
            regions::nations().into_iter().map(anchor).collect()
        })
    }

    /// What a phone in another process or language needs to know to live in this world.
    pub fn describe(&self) -> Result<Value, WorldError> {
        let nations = self.anchors()?.into_iter().map(|anchor| {
            let root = String::from_utf8_lossy(&anchor.root).into_owned();
            json!({ "nation": anchor.nation, "url": anchor.url, "root": root })
        });
        let personas: Vec<Value> = self
            .people()
            .iter()
            .map(|persona| json!({ "id": persona.id, "name": persona.name, "kind": persona.kind }))
            .collect();
        let identity = self.lock_identity();
        let (client_id, client_secret) = identity.gateway();
        Ok(json!({
            "origin": self.origin, "nations": nations.collect::<Vec<_>>(), "personas": personas,
            "introspection": { "client_id": client_id, "client_secret": client_secret },
        }))
    }
}

/// The world that a request is for, which it was let into by its path.
pub(crate) struct In(pub Arc<World>);

impl<S: Sync> FromRequestParts<S> for In {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get::<Arc<World>>().cloned().map(Self).ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
