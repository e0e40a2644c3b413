//! Everything that the world knows. Servers come and go; the world keeps its state.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

use onecity_core::NationAnchor;
use onecity_protocol::credential::{Status, TrustList, UnixTime};
use onecity_protocol::region::{RegionId, RegionTree};
use onecity_protocol::trust::{ANNOUNCEMENT_TARGET, Announcement, TRUST_LIST_TARGET};
use ring::hmac;
use serde_json::{Value, json};

use crate::city::{self, CityState};
use crate::identity::IdentityState;
use crate::issuer::{IssuerError, Issuers};
use crate::regions::{self, RegionTableError};
use crate::registry::{Registry, RegistryError, providers};

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
    pub faults: Vec<Fault>,
}

/// Why the world could not be made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum WorldError {
    #[error("the port: {0}")]
    Port(#[from] std::io::Error),
    #[error("the registry: {0}")]
    Registry(#[from] RegistryError),
    #[error("the regions: {0}")]
    Regions(#[from] RegionTableError),
    #[error("the issuers: {0}")]
    Issuer(#[from] IssuerError),
}

/// What can be made to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Fault {
    /// The identity provider puts another login's nonce into its ID tokens.
    WrongNonce,
    /// The identity provider's discovery document names another issuer.
    WrongIssuer,
    /// A city's back end takes the next submission, and then answers 504 as a gateway would; once.
    LoseReply,
    /// The identity provider renews the next session, and then answers 504; once.
    LoseRefresh,
    /// Every proof of possession must hold the server's nonce.
    DpopNonce,
    /// The identity providers answer 503.
    ProviderDown,
    /// The cities' back ends answer 503.
    CityDown,
}

/// What goes wrong just now.
#[derive(Debug, Default)]
pub struct Faults(Mutex<HashSet<Fault>>);

impl Faults {
    /// Lets something go wrong from now on.
    pub fn begin(&self, fault: Fault) {
        self.lock().insert(fault);
    }

    /// Ends it; answers whether it was going on.
    pub fn end(&self, fault: Fault) -> bool {
        self.lock().remove(&fault)
    }

    pub(crate) fn is_on(&self, fault: Fault) -> bool {
        self.lock().contains(&fault)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The world.
pub struct World {
    origin: String,
    seed: hmac::Key,
    counter: AtomicU64,
    skipped: AtomicI64,
    pub(crate) tree: RegionTree,
    registry: RwLock<Registry>,
    pub(crate) identity: Mutex<IdentityState>,
    pub(crate) issuers: Issuers,
    pub(crate) cities: Mutex<CityState>,
    /// What goes wrong just now.
    pub faults: Faults,
}

impl World {
    /// A world whose server is at `origin`.
    pub fn new(origin: &str, seed: u64) -> Result<Self, WorldError> {
        onecity_core::install_providers();
        let tree = regions::tree()?;
        let issuers = Issuers::new(origin, &tree)?;
        let lists: BTreeMap<RegionId, TrustList> = issuers.trust_lists();
        let registry = Registry::build(origin, &providers(origin), &lists, now())?;
        Ok(Self {
            origin: origin.to_owned(),
            seed: hmac::Key::new(hmac::HMAC_SHA256, &seed.to_be_bytes()),
            counter: AtomicU64::new(0),
            skipped: AtomicI64::new(0),
            tree,
            registry: RwLock::new(registry),
            identity: Mutex::new(IdentityState::new()),
            issuers,
            cities: Mutex::default(),
            faults: Faults::default(),
        })
    }

    /// The address of the world's server, without a trailing slash.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// All regions.
    pub fn tree(&self) -> &RegionTree {
        &self.tree
    }

    /// Seconds since 1970, by the world's own clock.
    pub fn now(&self) -> UnixTime {
        now() + self.skipped.load(Ordering::Relaxed)
    }

    /// Lets seconds pass without anybody waiting for them. The registries are signed again meanwhile, as their online keys
    /// do by themselves.
    pub fn skip(&self, seconds: i64) {
        self.skipped.fetch_add(seconds, Ordering::Relaxed);
        let now = self.now();
        if let Err(error) = self.registry_mut(|registry| registry.renew(now)) {
            tracing::error!(%error, "the registries were not signed again");
        }
    }

    /// An id that the seed decides: 16 hexadecimal digits for a label.
    pub(crate) fn id(&self, label: &str) -> String {
        hex::encode(&hmac::sign(&self.seed, label.as_bytes()).as_ref()[..8])
    }

    /// The next id of a kind.
    pub(crate) fn next_id(&self, kind: &str) -> String {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        self.id(&format!("{kind} {count}"))
    }

    /// Looks at the registry.
    pub fn registry<T>(&self, look: impl FnOnce(&Registry) -> T) -> T {
        look(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the registry.
    pub fn registry_mut<T>(&self, change: impl FnOnce(&mut Registry) -> T) -> T {
        change(&mut self.registry.write().unwrap_or_else(PoisonError::into_inner))
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
        self.issuers.set_status(pass, status)
    }

    /// Lets an issuer sign with a new key, and lists it beside the old one.
    pub fn rotate_issuer_key(&self, issuer: &str) -> Result<(), WorldError> {
        self.issuers.rotate_key(issuer, self.now())?;
        self.publish_trust_lists()
    }

    /// Takes all keys of an issuer but the newest off the trust list.
    pub fn withdraw_old_issuer_keys(&self, issuer: &str) -> Result<(), WorldError> {
        self.issuers.withdraw_old_keys(issuer);
        self.publish_trust_lists()
    }

    /// What a nation or first-level region announces to all of its residents from now on; none: it is over.
    pub fn announce(&self, region: &RegionId, announcement: Option<&Announcement>) -> Result<(), WorldError> {
        let path = format!("{region}/{ANNOUNCEMENT_TARGET}");
        let bytes = announcement.map(serde_json::to_vec).transpose().map_err(RegistryError::from)?;
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
        self.lock_identity().rotate_key();
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
        let personas: Vec<Value> = crate::identity::PERSONAS
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

fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
