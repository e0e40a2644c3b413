//! The world's registry: a small repository for each nation, and one for each of its first-level regions.
//!
//! ```text
//!   mod.rs      what is published and signed
//!   http.rs     files for phones, and the door for what cities have signed
//!   written.rs  what of it is in a state file
//! ```

pub(crate) mod http;
mod written;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use onecity_protocol::credential::{TrustList, UnixTime};
use onecity_protocol::region::{Region, RegionFile, RegionId, RegionKind, UnitId};
use onecity_protocol::trust::{PLACES_TARGET, PROVIDERS_TARGET, REGIONS_TARGET, RepositoryEntry, TRUST_LIST_TARGET};
use onecity_publisher::{
    Change, Holders, Ingest, IngestError, Ingested, KeyRing, Lifetimes, PublicKey, PublishError, Repository,
    RepositoryFiles,
};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::content::Content;
use crate::content::regions::{self, RegionTableError};
use crate::content::services::{Packed, Publication, ServiceError};
use crate::faults::Stale;

use written::Unwritten;

/// Why the registry could not be built.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error(transparent)]
    Regions(#[from] RegionTableError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("the registry's JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0} has no repository")]
    Unknown(RegionId),
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

/// What was published, to compare with what a phone opens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Published {
    /// The hash of the package.
    pub sha256: [u8; 32],
    /// The hash of each file in it.
    pub files: BTreeMap<String, [u8; 32]>,
    /// To how many phones of a hundred it is offered.
    pub rollout: u8,
}

impl Published {
    fn of(packed: &Packed, rollout: u8) -> Self {
        let files = packed.files.iter().map(|(path, bytes)| (path.clone(), sha256(bytes))).collect();
        Self { sha256: sha256(&packed.package), files, rollout }
    }
}

/// Where things of a world are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origins<'o> {
    /// The origin of the server's pages, without a path.
    pub web: &'o str,
    /// The world on it.
    pub world: &'o str,
}

/// How many states of a repository are remembered, beside the first.
const STATES: usize = 16;

/// What a repository has served, for those faults that serve it again.
#[derive(Default)]
struct Past {
    /// As it was first signed.
    first: RepositoryFiles,
    /// The newest states with the moments from which on they were served, the newest last.
    states: VecDeque<(Instant, RepositoryFiles)>,
}

impl Past {
    fn add(&mut self, files: RepositoryFiles) {
        if self.states.len() == STATES {
            self.states.pop_front();
        }
        self.states.push_back((Instant::now(), files));
    }

    /// The state of a moment; if that is forgotten, the oldest after it.
    fn at(&self, moment: Instant) -> Option<&RepositoryFiles> {
        let before = self.states.iter().rev().find(|(since, _)| *since <= moment);
        before.or(self.states.front()).map(|(_, files)| files)
    }
}

/// A repository with all its keys.
struct Kept {
    repository: Repository<RepositoryFiles>,
    ring: KeyRing,
    ingest: Ingest,
    root: Vec<PublicKey>,
    /// Whether it lists something else than at first.
    is_changed: bool,
    /// When it was last signed, and its root.
    signed: UnixTime,
    root_signed: UnixTime,
    /// What it would serve had all of it ended, and when that was asked.
    expired: Mutex<Option<(UnixTime, RepositoryFiles)>>,
}

/// How often a registry is signed again, in seconds, though nothing was published.
const SIGNED_EVERY: i64 = 86_400;
/// And its root.
const ROOT_SIGNED_EVERY: i64 = 180 * 86_400;
/// How long after it was signed all but a root has ended, in seconds.
const LONG_AGO: i64 = 400 * 86_400;
/// The version that its snapshots have when it is built.
const BUILT: u64 = 2;
/// How many snapshots stay at least: a phone that has begun ends with what it began with.
const VERSIONS: usize = 32;
/// How many of its keys sign a root.
const ROOT_THRESHOLD: usize = 3;

impl Kept {
    fn new(id: &RegionId, now: UnixTime) -> Result<Self, PublishError> {
        let mut ring = KeyRing::default();
        let root: Vec<PublicKey> = (0..5).map(|_| ring.generate()).collect::<Result<_, _>>()?;
        let (targets, snapshot, timestamp) = (ring.generate()?, ring.generate()?, ring.generate()?);
        let holders = Holders { root: root.clone(), root_threshold: ROOT_THRESHOLD, targets, snapshot, timestamp };
        let files = RepositoryFiles::new();
        let repository = Repository::create(id.clone(), files, &holders, &ring, now, &Lifetimes::default())?;
        Ok(Self {
            repository,
            ring,
            ingest: Ingest::default(),
            root,
            is_changed: false,
            signed: now,
            root_signed: now,
            expired: Mutex::default(),
        })
    }

    fn delegate(&mut self, unit: &UnitId) -> Result<(), PublishError> {
        if unit.role() != "targets" {
            let key = self.ring.generate()?;
            self.repository.delegate(unit, &[key], 1)?;
        }
        Ok(())
    }

    fn sign(&mut self, now: UnixTime) -> Result<RepositoryFiles, PublishError> {
        self.repository.sign(&self.ring, now, &Lifetimes::default())?;
        self.signed = now;
        *self.expired.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Err(error) = self.forget() {
            tracing::error!(%error, "old snapshots were not forgotten");
        }
        Ok(self.repository.storage().clone())
    }

    /// Forgets snapshots that nobody asks for any more: at a fast clock it is signed all the time, and each time there is another. All
    /// else stays: phones go from root to root (TUF §5.3), and what a unit has signed is judged by the role that listed its key then.
    fn forget(&mut self) -> Result<(), PublishError> {
        let version = |path: &String| match version_of(path) {
            Some((version, "snapshot")) => Some(version),
            _ => None,
        };
        let mut versions: Vec<u64> = self.repository.storage().keys().filter_map(version).collect();
        if versions.len() <= 2 * VERSIONS {
            return Ok(());
        }
        versions.sort_unstable();
        let oldest = versions[versions.len() - VERSIONS];
        let mut files = self.repository.storage().clone();
        files.retain(|path, _| version(path).is_none_or(|version| version >= oldest));
        self.repository = opened(files)?;
        Ok(())
    }

    /// What it would serve had it been signed so long ago that all of it has ended; signed once a day.
    fn expired(&self, now: UnixTime) -> Result<RepositoryFiles, PublishError> {
        let mut expired = self.expired.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, files)) = &*expired
            && now.abs_diff(*asked) < SIGNED_EVERY.unsigned_abs()
        {
            return Ok(files.clone());
        }
        let mut again = Repository::open(self.repository.storage().clone())?;
        again.sign(&self.ring, now - LONG_AGO, &Lifetimes::default())?;
        Ok(expired.insert((now, again.into_storage())).1.clone())
    }
}

/// Version and role of a file of versioned metadata (TUF §6.2).
fn version_of(path: &str) -> Option<(u64, &str)> {
    let (version, role) = path.strip_prefix("metadata/")?.strip_suffix(".json")?.split_once('.')?;
    Some((version.parse().ok()?, role))
}

/// A repository with all of its roles read: what is read is signed again when it is due.
fn opened(files: RepositoryFiles) -> Result<Repository<RepositoryFiles>, PublishError> {
    let mut repository = Repository::open(files)?;
    for role in repository.tree()? {
        repository.read_role(&role)?;
    }
    Ok(repository)
}

/// All repositories with their keys, and the files that the server serves.
pub struct Registry {
    repositories: BTreeMap<RegionId, Kept>,
    files: BTreeMap<RegionId, RepositoryFiles>,
    past: BTreeMap<RegionId, Past>,
    /// When it was last looked at whether something must be signed again.
    looked_at: UnixTime,
    published: HashMap<(UnitId, String), Published>,
    /// The same as it was at first.
    published_first: HashMap<(UnitId, String), Published>,
    unwritten: Unwritten,
}

impl Registry {
    /// Builds and signs everything, for a world at these addresses.
    pub(crate) fn build(
        content: &Content,
        origins: Origins<'_>,
        providers: &Value,
        trust_lists: &BTreeMap<RegionId, TrustList>,
        now: UnixTime,
    ) -> Result<Self, RegistryError> {
        let mut registry = Self {
            repositories: BTreeMap::new(),
            files: BTreeMap::new(),
            past: BTreeMap::new(),
            looked_at: now,
            published: HashMap::new(),
            published_first: HashMap::new(),
            unwritten: Unwritten { published: true, ..Unwritten::default() },
        };
        for nation in regions::nations() {
            let mut all = content.nation(&nation)?;
            let mut own = Kept::new(&nation, now)?;
            let (top, below): (Vec<_>, Vec<_>) =
                all.regions.drain(..).partition(|region| !region.id.as_str().contains('/'));
            for first in top.iter().map(|region| &region.id).filter(|id| **id != nation) {
                let mut kept = Kept::new(first, now)?;
                let regions = below.iter().filter(|region| first.covers(&region.id)).cloned().collect();
                let circles = all.circles.iter().filter(|circle| first.covers(circle.id.region())).cloned().collect();
                let file = serde_json::to_vec(&RegionFile { regions, circles })?;
                kept.repository.add_target(&format!("{first}/{REGIONS_TARGET}"), file, None)?;
                if let Some(list) = trust_lists.get(first) {
                    let path = format!("{first}/{TRUST_LIST_TARGET}");
                    kept.repository.add_target(&path, serde_json::to_vec(list)?, None)?;
                }
                for (unit, services) in content.published_below(first) {
                    kept.delegate(&unit)?;
                    for own in services {
                        registry.publish(&mut kept.repository, own, origins)?;
                    }
                }
                registry.keep(first, kept, now)?;
                let root = registry.first_root(first)?.to_vec();
                let entry =
                    RepositoryEntry { region: first.clone(), url: format!("{}/registry/{first}", origins.world) };
                own.repository.add_target(
                    &format!("{nation}/{first}/root.json"),
                    root,
                    Some(serde_json::to_value(entry)?),
                )?;
            }
            // Cities, and the districts of a municipality; wards are too many, and nobody looks for one in a whole nation.
            let is_city = |region: &&Region| matches!(region.kind, RegionKind::City | RegionKind::District);
            let is_second = |region: &&Region| region.id.as_str().matches('/').count() == 1;
            let regions = below.iter().filter(is_second).filter(is_city).cloned().collect();
            let file = serde_json::to_vec(&RegionFile { regions, circles: Vec::new() })?;
            own.repository.add_target(&format!("{nation}/{PLACES_TARGET}"), file, None)?;
            let file = serde_json::to_vec(&RegionFile { regions: top, circles: Vec::new() })?;
            own.repository.add_target(&format!("{nation}/{REGIONS_TARGET}"), file, None)?;
            let listed = providers[nation.as_str()].clone();
            own.repository.add_target(&format!("{nation}/{PROVIDERS_TARGET}"), serde_json::to_vec(&listed)?, None)?;
            registry.keep(&nation, own, now)?;
        }
        registry.published_first = registry.published.clone();
        Ok(registry)
    }

    fn publish(
        &mut self,
        repository: &mut Repository<RepositoryFiles>,
        own: &Publication,
        origins: Origins<'_>,
    ) -> Result<(), RegistryError> {
        let packed = own.pack(origins)?;
        let published = Published::of(&packed, own.rollout);
        repository.publish(&own.unit, packed.package, own.rollout)?;
        self.published.insert((own.unit.clone(), own.service.clone()), published);
        Ok(())
    }

    /// Publishes a service from now on, or its next version. The same again changes nothing.
    pub(crate) fn add(&mut self, own: &Publication, origins: Origins<'_>, now: UnixTime) -> Result<(), RegistryError> {
        let packed = own.pack(origins)?;
        let published = Published::of(&packed, own.rollout);
        let place = (own.unit.clone(), own.service.clone());
        let is_same = |before: &Published| before.sha256 == published.sha256 && before.rollout == published.rollout;
        if self.published.get(&place).is_some_and(is_same) {
            return Ok(());
        }
        let is_packed = self.published.get(&place).is_some_and(|before| before.sha256 == published.sha256);
        let unknown = || RegistryError::Unknown(own.unit.region().clone());
        let id = own.unit.region().first_level().ok_or_else(unknown)?;
        self.change(&id, now, |repository, ring| {
            if own.unit.role() != "targets" && repository.keys_of(&own.unit)?.is_empty() {
                let key = ring.generate()?;
                repository.delegate(&own.unit, &[key], 1)?;
            }
            if is_packed {
                let newest = repository.releases(&own.unit)?.into_iter().filter(|other| other.app_id == own.service);
                let newest = newest.map(|other| other.version_code).max().unwrap_or_default();
                return repository.change(&own.unit, &own.service, newest, Change::Percent(own.rollout));
            }
            repository.publish(&own.unit, packed.package, own.rollout).map(drop)
        })?;
        self.published.insert(place, published);
        self.unwritten.published = true;
        Ok(())
    }

    fn keep(&mut self, id: &RegionId, mut kept: Kept, now: UnixTime) -> Result<(), RegistryError> {
        // It has a past: who serves its first state again is found out by every phone that has seen a later one.
        self.past.entry(id.clone()).or_default().first = kept.sign(now)?;
        let files = kept.sign(now)?;
        self.serve(id, files);
        self.repositories.insert(id.clone(), kept);
        Ok(())
    }

    /// Whether a unit publishes something.
    pub(crate) fn publishes(&self, unit: &UnitId) -> bool {
        self.published.keys().any(|(own, _)| own == unit)
    }

    /// Whether nothing was signed again since it was built.
    pub(crate) fn is_as_built(&self) -> bool {
        let is_later = |path: &String| matches!(version_of(path), Some((version, "snapshot")) if version > BUILT);
        self.repositories.values().all(|own| !own.repository.storage().keys().any(is_later))
    }

    fn serve(&mut self, id: &RegionId, files: RepositoryFiles) {
        self.unwritten.repositories.insert(id.clone());
        self.past.entry(id.clone()).or_default().add(files.clone());
        self.files.insert(id.clone(), files);
    }

    /// Changes a repository and signs it again, as of `now`.
    pub fn change(
        &mut self,
        id: &RegionId,
        now: UnixTime,
        change: impl FnOnce(&mut Repository<RepositoryFiles>, &mut KeyRing) -> Result<(), PublishError>,
    ) -> Result<(), RegistryError> {
        let kept = self.repositories.get_mut(id).ok_or_else(|| RegistryError::Unknown(id.clone()))?;
        kept.is_changed = true;
        change(&mut kept.repository, &mut kept.ring)?;
        let files = kept.sign(now)?;
        self.serve(id, files);
        Ok(())
    }

    /// Whether a day has passed since it was last looked at whether something must be signed again.
    pub fn is_due(&self, now: UnixTime) -> bool {
        now - self.looked_at >= SIGNED_EVERY
    }

    /// Signs those repositories again that were last signed a day ago or more, as their online keys do by themselves; their roots
    /// twice a year.
    pub fn renew(&mut self, now: UnixTime) -> Result<(), RegistryError> {
        self.looked_at = now;
        let mut renewed = Vec::new();
        for (id, kept) in &mut self.repositories {
            if now.saturating_sub(kept.root_signed) >= ROOT_SIGNED_EVERY {
                let lifetimes = Lifetimes::default();
                kept.repository.rotate("root", &kept.root, ROOT_THRESHOLD, &kept.ring, now, &lifetimes)?;
                kept.root_signed = now;
            }
            if now.saturating_sub(kept.signed) >= SIGNED_EVERY {
                renewed.push((id.clone(), kept.sign(now)?));
            }
        }
        renewed.into_iter().for_each(|(id, files)| self.serve(&id, files));
        Ok(())
    }

    /// Lists again what was listed at first, signed once more with the same keys.
    pub(crate) fn reset(&mut self, now: UnixTime) -> Result<(), RegistryError> {
        self.looked_at = now;
        let mut again = Vec::new();
        for (id, kept) in &mut self.repositories {
            kept.ingest = Ingest::default();
            if kept.is_changed {
                let first = self.past.get(id).map(|past| past.first.clone()).unwrap_or_default();
                kept.repository.list_as(&mut Repository::open(first)?)?;
                kept.sign(now)?;
                kept.is_changed = false;
            }
            again.push((id.clone(), kept.repository.storage().clone()));
        }
        again.into_iter().for_each(|(id, files)| self.serve(&id, files));
        self.published = self.published_first.clone();
        self.unwritten.published = true;
        Ok(())
    }

    /// A file of a repository as somebody serves it who holds back what is current: see [`Stale`].
    pub(crate) fn stale_file(
        &self,
        id: &RegionId,
        path: &str,
        how: Stale,
        since: Instant,
        now: UnixTime,
    ) -> Option<Arc<[u8]>> {
        let (past, current) = (self.past.get(id)?, self.files.get(id)?);
        let is_role = |role: &str| path.starts_with("metadata/") && path.ends_with(&format!(".{role}.json"));
        match how {
            Stale::Frozen => past.at(since)?.get(path).cloned(),
            Stale::RolledBack => past.first.get(path).cloned(),
            Stale::Mixed if is_role("snapshot") => {
                past.first.iter().find(|(own, _)| own.ends_with(".snapshot.json")).map(|(_, bytes)| Arc::clone(bytes))
            }
            Stale::Mixed => current.get(path).cloned(),
            Stale::Expired => {
                let expired = self.repositories.get(id)?.expired(now);
                expired.ok()?.get(path).cloned()
            }
        }
    }

    /// Takes in what a city sent; when all of it is there, it is published.
    pub fn ingest(
        &mut self,
        id: &RegionId,
        path: &str,
        bytes: Arc<[u8]>,
        now: UnixTime,
    ) -> Result<Ingested, RegistryError> {
        let kept = self.repositories.get_mut(id).ok_or_else(|| RegistryError::Unknown(id.clone()))?;
        let taken = kept.ingest.take(&mut kept.repository, path, bytes, now)?;
        if matches!(taken, Ingested::Complete { .. }) {
            kept.is_changed = true;
            let files = kept.sign(now)?;
            self.serve(id, files);
        }
        Ok(taken)
    }

    /// Lets the one who holds a key publish as a unit of the world. What the world published for the unit goes on: its
    /// own key may sign, too.
    pub fn entrust(&mut self, unit: &UnitId, key: PublicKey, now: UnixTime) -> Result<(), RegistryError> {
        let unknown = || RegistryError::Unknown(unit.region().clone());
        let id = unit.region().first_level().ok_or_else(unknown)?;
        self.change(&id, now, |repository, ring| {
            let own = repository.keys_of(unit)?.into_iter().filter(|own| ring.has(own) && own.id() != key.id());
            let keys: Vec<PublicKey> = own.chain([key.clone()]).collect();
            repository.delegate(unit, &keys, 1).map(drop)
        })
    }

    /// The first root of a repository.
    pub fn first_root(&self, id: &RegionId) -> Result<Arc<[u8]>, RegistryError> {
        let kept = self.repositories.get(id).ok_or_else(|| RegistryError::Unknown(id.clone()))?;
        Ok(kept.repository.first_root()?)
    }

    /// The files of a repository as the server serves them.
    pub fn files(&self, id: &RegionId) -> Option<&RepositoryFiles> {
        self.files.get(id)
    }

    /// Puts other files in their place, as a fault would.
    pub fn serve_instead(&mut self, id: &RegionId, files: RepositoryFiles) {
        self.files.insert(id.clone(), files);
    }

    /// How many repositories there are.
    pub fn len(&self) -> usize {
        self.repositories.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.repositories.is_empty()
    }

    /// What a unit published.
    pub fn published(&self, unit: &UnitId, service: &str) -> Option<&Published> {
        self.published.get(&(unit.clone(), service.to_owned()))
    }

    /// The services that a unit has published from the start.
    pub(crate) fn services_of(&self, unit: &UnitId) -> Vec<String> {
        let own = self.published.keys().filter(|(of, _)| of == unit);
        let mut services: Vec<String> = own.map(|(_, service)| service.clone()).collect();
        services.sort_unstable();
        services
    }

    /// How many packages were published.
    pub fn packages(&self) -> usize {
        self.published.len()
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 is 32 bytes")
}

/// The identity providers that each nation's repository lists.
pub(crate) fn providers(origin: &str) -> Value {
    let provider = |id: &str, zh: &str, vi: &str, en: &str| {
        json!({
            "id": id, "names": { "zh": zh, "vi": vi, "en": en },
            "issuer": format!("{origin}/idp/{id}"), "client_id": crate::identity::CLIENT_ID,
        })
    };
    json!({
        "cn": [provider("shandong", "山东省统一身份认证(演示)", "Định danh tỉnh Sơn Đông (mô phỏng)", "Shandong identity (demo)")],
        "vn": [provider("vneid", "越南电子身份(演示)", "Định danh điện tử (mô phỏng)", "Viet Nam electronic identity (demo)")],
    })
}
