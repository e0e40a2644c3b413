//! Everything that the world knows. Servers come and go; the world keeps its state.
//!
//! ```text
//!   mod.rs       the world and its parts
//!   options.rs   what it is started with, and why it can't be
//!   written.rs   what of it is in a state file
//!   deeds.rs     what a tester does to it; all of it is noted in its history
//! ```

mod deeds;
mod options;
mod written;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use onecity_core::NationAnchor;
use onecity_protocol::credential::{Status, TrustList, UnixTime};
use onecity_protocol::region::{RegionId, RegionTree, UnitId};
use ring::hmac;
use ring::rand::SystemRandom;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::capsule::History;
use crate::city::{self, CityState};
use crate::clock::WorldClock;
use crate::content::{Additions, Content, People, regions};
use crate::exchange;
use crate::faults::{Faults, Strike, What};
use crate::gates::{GateSettings, Gates, region_of};
use crate::identity::IdentityState;
use crate::issuer::Issuers;
use crate::journal::{Journal, Redaction};
use crate::registry::{Origins, Registry, RegistryError, providers};
use crate::settings::ClockSettings;
use crate::state::{Rows, StateFile};
use crate::stubs::Stubs;

pub use options::{LayError, WorldError, WorldOptions};
use written::{Kept, StoredWorld, WORLD};

static SERIALS: AtomicU64 = AtomicU64::new(0);

/// The name of a server's first world.
pub(crate) const FIRST: &str = "default";
/// Where the others are.
pub(crate) const PREFIX: &str = "/w/";

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
    additions: Mutex<Arc<Additions>>,
    /// What a file has last set its clock to.
    clock_said: Mutex<Option<ClockSettings>>,
    /// Held while something else is laid over it.
    laying: Mutex<()>,
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
    began_with: Mutex<Additions>,
    /// The gates that stand in it.
    pub gates: Gates,
    /// Answers in the place of its cities' back ends.
    pub stubs: Stubs,
}

/// What a world begins with.
pub(crate) struct Beginning<'b> {
    /// Of its server, without a path.
    pub web_origin: &'b str,
    /// None for a server's first.
    pub name: Option<&'b str>,
    pub seed: u64,
    pub additions: &'b Additions,
    /// When its clock stands still, if it does from the start, in milliseconds since 1970.
    pub frozen_at: Option<i64>,
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

impl World {
    /// What a world is started with, to be changed and started.
    pub fn builder() -> WorldOptions {
        WorldOptions { seed: 1, ..WorldOptions::default() }
    }

    /// Another world of the same server, below `/w/NAME`; or, without a name, the first.
    pub(crate) fn begin(beginning: Beginning<'_>) -> Result<Self, WorldError> {
        onecity_core::install_providers();
        let Beginning { web_origin, name, mut seed, additions, frozen_at, state } = beginning;
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
        if let Some(time) = frozen_at {
            clock.run_at(0.0);
            clock.set(time);
        }
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
            additions: Mutex::new(Arc::new(additions.clone())),
            clock_said: Mutex::new(clock_said),
            laying: Mutex::default(),
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
            began_with: Mutex::new(additions.clone()),
            origin,
        };
        if let Some(mut rows) = rows {
            world.restore(stored, &mut rows)?;
        }
        if is_new {
            world.put_gates();
            if **world.lock_additions() != Additions::default() {
                // Whether it can be published is found out now.
                let _ = world.registry.set(RwLock::new(world.build_registry()?));
            }
        }
        world.history.begin(0, !is_new);
        Ok(world)
    }

    fn lock_additions(&self) -> MutexGuard<'_, Arc<Additions>> {
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

    /// Whether it is a unit that publishes something.
    pub(crate) fn has_own_unit(&self, unit: &UnitId) -> bool {
        let registry = self.registry.get().map(|own| own.read().unwrap_or_else(PoisonError::into_inner));
        registry.is_some_and(|registry| registry.publishes(unit))
    }

    /// Who lives in it just now.
    pub(crate) fn people(&self) -> Arc<People> {
        Arc::clone(&self.people.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells it from every other, also from one that had its name before.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
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

    /// What lay over what is built in when it began.
    pub(crate) fn began_with(&self) -> Additions {
        self.began_with.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Signs those registries again that are due, as their online keys do by themselves.
    pub(crate) fn renew_registry(&self, now: UnixTime) {
        if let Err(error) = self.registry_mut(|registry| registry.renew(now)) {
            tracing::error!(%error, "the registries were not signed again");
        }
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
