//! A TUF repository on its publisher's side: static files in a [`RegistryStorage`], and drafts that are signed next.
//!
//! Every file but `metadata/timestamp.json` is written once and never again, so that any web server, object store or
//! cache can serve it. Anyone who holds a role's keys changes that role alone; snapshot and timestamp then take in what
//! has been signed, after checking it as a phone would.

mod delegating;
mod ingesting;
mod limiting;
mod metadata;
mod releasing;
mod repairing;
mod signing;
mod status;
mod storage;
mod takedown;
mod verified;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::package::Package;
use onecity_protocol::region::{RegionId, UnitId};
use onecity_protocol::rules::Finding;
use onecity_protocol::trust::{
    CatalogueEntry, IconName, Invitation, LimitExceeded, Release, ReleaseError, Takedown, Target, TrustError,
    TrustedRepository, Withdrawn, target_path,
};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use sigstore_tuf::{Key, Metadata, Role, RoleKeys, Snapshot, Targets};

pub use ingesting::is_wanted_file;
pub use metadata::ListedTarget;
use metadata::{Delegation, Signers, sign, signed_part};
pub(crate) use metadata::{RoleDraft, RootDraft, signers};
pub use repairing::Repair;
pub use storage::{Folder, Overlay, RegistryStorage, RepositoryFiles, write_whole};

use delegating::check_root;
use releasing::listed;

use crate::key::{KeyError, KeyRing, PublicKey};

const DAY: i64 = 86_400;
/// A registry whose timestamp ended so long ago was given up, or the clock that says so is wrong; in seconds.
const CLOCK_DOUBTED: i64 = 30 * DAY;
/// Current and previous version of a service.
const KEPT_VERSIONS: usize = 2;

/// Why something was not published.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PublishError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the package: {0}")]
    Package(#[from] Finding),
    #[error("{0} has no role in this repository; the one who is above delegates to it first: onecity repo delegate")]
    NotDelegated(UnitId),
    #[error("{0} is not published here")]
    NotPublished(String),
    #[error("{path} is not newer than version {newest}, which was published; raise version.code in manifest.json")]
    NotNewer { path: String, newest: u64 },
    #[error("{app_id} has no earlier version to go back to: withdraw it instead")]
    NothingBefore { app_id: String },
    #[error("{unit} is not part of {repository}")]
    Foreign { unit: UnitId, repository: RegionId },
    #[error("{0}")]
    Release(#[from] ReleaseError),
    #[error("this is no repository: {0} is missing; make one with: onecity repo init")]
    NoRepository(String),
    #[error("{role} of the repository: {why}")]
    Metadata { role: String, why: String },
    #[error(
        "timestamp or snapshot of the repository: not signed by any keys that the roots name; if nobody has altered them, \
         sign them again with: onecity repo repair"
    )]
    OnlineMetadata,
    #[error(
        "by this machine's clock it is {now}, but the newest of the registry's roles was signed on {signed} and its \
         timestamp ends on {ended}: set the clock; if the date is right, say --clock-is-right"
    )]
    Clock { now: String, signed: String, ended: String },
    #[error("{0}; see docs/limits.md")]
    Limit(#[from] LimitExceeded),
    #[error("{0}")]
    Usage(String),
    #[error("the metadata: {0}")]
    Tuf(#[from] sigstore_tuf::Error),
    #[error("the metadata: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the repository's files: {0}")]
    RegistryStorage(#[from] std::io::Error),
    #[error("the time is out of range")]
    Time,
}

/// How long signed metadata last, in seconds.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Lifetimes {
    pub root: i64,
    pub targets: i64,
    pub snapshot: i64,
    pub timestamp: i64,
}

/// Longest that a unit's role may last, in seconds: what says more was signed with a wrong clock.
const LONGEST_ROLE: i64 = 400 * DAY;

impl Default for Lifetimes {
    fn default() -> Self {
        Self { root: 365 * DAY, targets: 90 * DAY, snapshot: 30 * DAY, timestamp: 30 * DAY }
    }
}

/// Who holds a repository's keys.
#[derive(Debug, Clone)]
pub struct Holders {
    /// The root's, offline, each with another person.
    pub root: Vec<PublicKey>,
    /// How many of them must sign together.
    pub root_threshold: usize,
    /// The repository's own targets: a province's own services, region data, trust list, its delegations.
    pub targets: PublicKey,
    /// Online.
    pub snapshot: PublicKey,
    /// Online.
    pub timestamp: PublicKey,
}

/// A change of a published release's entry.
#[derive(Debug, Clone)]
pub enum Change {
    /// Offers it to so many percent of phones; a pause ends.
    Percent(u8),
    /// Nobody new gets it; who has it keeps it.
    Pause,
    /// Phones that were told this code get it.
    Invite(String),
    /// Nobody is offered it any more.
    Withdraw(Withdrawn),
}

/// How a role stands.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RoleStatus {
    pub role: String,
    /// The version that the snapshot names, or would name next.
    pub version: u64,
    pub expires: UnixTime,
    /// The ids of the keys that may sign it.
    pub keys: Vec<String>,
    pub threshold: usize,
    /// Services that it offers.
    pub services: usize,
    /// Whether the snapshot does not name this version yet.
    pub pending: bool,
    /// What is wrong with it, if anything.
    pub trouble: Option<String>,
}

/// One region's (or nation's) repository.
pub struct Repository<S> {
    storage: S,
    root: RootDraft,
    /// Drafts that were read or made, by role.
    roles: BTreeMap<String, RoleDraft>,
    changed: BTreeSet<String>,
    /// All versions of each role's metadata in the storage.
    versions: BTreeMap<String, BTreeSet<u64>>,
    /// What the last snapshot names.
    pinned: BTreeMap<String, u64>,
    /// Snapshot and timestamp are signed together and share their version.
    version: u64,
    /// Files that were verified before: role and version, and whether it held.
    held: BTreeMap<(String, u64), bool>,
}

impl<S: RegistryStorage> Repository<S> {
    /// A new repository with its first root, in an empty storage.
    pub fn create(
        id: RegionId,
        storage: S,
        holders: &Holders,
        ring: &KeyRing,
        now: UnixTime,
        lifetimes: &Lifetimes,
    ) -> Result<Self, PublishError> {
        if !storage.metadata_names()?.is_empty() {
            return Err(PublishError::Usage("there is a repository already".to_owned()));
        }
        let expires = now.checked_add(lifetimes.root).ok_or(PublishError::Time)?;
        let mut root = RootDraft {
            region: id,
            version: 1,
            expires,
            signed: Some(now),
            consistent_snapshot: true,
            keys: BTreeMap::new(),
            roles: BTreeMap::new(),
        };
        root.entrust("root", &holders.root, holders.root_threshold);
        root.entrust("targets", std::slice::from_ref(&holders.targets), 1);
        root.entrust("snapshot", std::slice::from_ref(&holders.snapshot), 1);
        root.entrust("timestamp", std::slice::from_ref(&holders.timestamp), 1);
        check_root(&root)?;
        let file = sign("root", "root", &root, &[&root.roles["root"]], ring)?;
        let mut repository = Self {
            storage,
            root,
            roles: BTreeMap::from([("targets".to_owned(), RoleDraft::delegating())]),
            changed: BTreeSet::from(["targets".to_owned()]),
            versions: BTreeMap::new(),
            pinned: BTreeMap::new(),
            version: 0,
            held: BTreeMap::new(),
        };
        repository.put("root", 1, file)?;
        Ok(repository)
    }

    /// A repository that is in a storage. Its roots, timestamp and snapshot are verified as a phone does it, from the
    /// first root on; the one who has that from elsewhere compares it with [`Repository::first_root`].
    pub fn open(storage: S) -> Result<Self, PublishError> {
        let mut repository = Self::with_roots(storage)?;
        let stamped = repository.read_online()?;
        // After its keys were changed a timestamp counts for its number alone: the next one is signed with the new keys.
        if stamped && !repository.online_holds()? && !repository.online_held()? {
            return Err(PublishError::OnlineMetadata);
        }
        if !repository.versions.contains_key("targets") {
            repository.roles.insert("targets".to_owned(), RoleDraft::delegating());
            repository.changed.insert("targets".to_owned());
        }
        Ok(repository)
    }

    /// The repository with its roots verified, and nothing else read.
    fn with_roots(storage: S) -> Result<Self, PublishError> {
        let mut versions: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for name in storage.metadata_names()? {
            let numbered = name.strip_suffix(".json").and_then(|name| name.split_once('.'));
            if let Some((version, role)) = numbered.and_then(|(version, role)| Some((version.parse().ok()?, role))) {
                versions.entry(role.to_owned()).or_default().insert(version);
            }
        }
        let file = |path: String| storage.read(&path)?.ok_or(PublishError::NoRepository(path));
        let wrong =
            |role: &str, error: TrustError| PublishError::Metadata { role: role.to_owned(), why: error.to_string() };
        let mut trusted =
            TrustedRepository::from_root(&file("metadata/1.root.json".to_owned())?).map_err(|e| wrong("root", e))?;
        while let Some(next) = storage.read(&format!("metadata/{}.root.json", trusted.root_version() + 1))? {
            trusted.update_root(&next).map_err(|error| wrong("root", error))?;
        }
        versions.insert("root".to_owned(), (1..=trusted.root_version()).collect());
        Ok(Self {
            root: signed_part(trusted.root())?,
            storage,
            roles: BTreeMap::new(),
            changed: BTreeSet::new(),
            versions,
            pinned: BTreeMap::new(),
            version: 0,
            held: BTreeMap::new(),
        })
    }

    /// Takes over the timestamp's number and what its snapshot names, as they say. Answers whether there is one.
    fn read_online(&mut self) -> Result<bool, PublishError> {
        let Some(timestamp) = self.storage.read("metadata/timestamp.json")? else { return Ok(false) };
        let timestamp: Value = signed_part(&timestamp).map_err(|_| PublishError::OnlineMetadata)?;
        self.version = timestamp["version"].as_u64().unwrap_or_default();
        if let Some(snapshot) = self.storage.read(&format!("metadata/{}.snapshot.json", self.version))? {
            self.pinned = pins(&signed_part(&snapshot).map_err(|_| PublishError::OnlineMetadata)?);
        }
        Ok(true)
    }

    /// Whether a machine's clock can be right, by what is signed here: not before that was signed, and not long after it
    /// all ended. What is signed with a wrong clock has ended already, or lasts for years.
    pub fn check_clock(&self, now: UnixTime) -> Result<(), PublishError> {
        let roles = self.roles.values().map(|draft| draft.signed);
        let signed = roles.chain(self.root.signed).max().unwrap_or_default();
        let timestamp = self.storage.read("metadata/timestamp.json")?;
        let ended = timestamp.as_deref().map(expires).unwrap_or(now);
        if now + DAY < signed || now > ended + CLOCK_DOUBTED {
            return Err(PublishError::Clock { now: day(now), signed: day(signed), ended: day(ended) });
        }
        Ok(())
    }

    /// Whose it is.
    pub fn id(&self) -> &RegionId {
        &self.root.region
    }

    /// Where its files are.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// Its files, to go on with elsewhere.
    pub fn into_storage(self) -> S {
        self.storage
    }

    fn needed(&self, role: &str, version: u64) -> Result<Arc<[u8]>, PublishError> {
        let path = format!("metadata/{version}.{role}.json");
        self.storage.read(&path)?.ok_or(PublishError::NoRepository(path))
    }

    fn put(&mut self, role: &str, version: u64, file: Arc<[u8]>) -> Result<(), PublishError> {
        self.storage.write(&format!("metadata/{version}.{role}.json"), file)?;
        self.held.remove(&(role.to_owned(), version));
        self.versions.entry(role.to_owned()).or_default().insert(version);
        Ok(())
    }

    /// Who may sign a role, with the keys, as the role that delegates to it says.
    fn authority(&mut self, role: &str) -> Result<(Signers, BTreeMap<String, Value>), PublishError> {
        if let Some(signers) = self.root.roles.get(role) {
            return Ok((signers.clone(), self.root.keys.clone()));
        }
        let parent = self.parent_of(role)?.ok_or_else(|| PublishError::NotDelegated(unit_of(role)))?;
        let delegations = self.role(&parent)?.delegations.clone().unwrap_or_default();
        let delegation = delegations.roles.iter().find(|delegation| delegation.name == role);
        Ok((delegation.expect("its parent delegates to it").signers.clone(), delegations.keys))
    }

    /// The role that delegates to this one.
    fn parent_of(&mut self, role: &str) -> Result<Option<String>, PublishError> {
        let above = UnitId::from_role(role).map(|unit| unit.may_be_delegated_by()).unwrap_or_default();
        for parent in above.iter().map(UnitId::role).chain(["targets".to_owned()]) {
            if parent != "targets" && !self.has_role(&parent)? {
                continue;
            }
            let delegations = self.role(&parent)?.delegations.as_ref();
            if delegations.is_some_and(|all| all.roles.iter().any(|delegation| delegation.name == role)) {
                return Ok(Some(parent));
            }
        }
        Ok(None)
    }

    fn has_role(&mut self, role: &str) -> Result<bool, PublishError> {
        Ok(role == "targets" || self.parent_of(role)?.is_some())
    }

    /// A role as it stands, read when it is first asked for.
    fn role(&mut self, role: &str) -> Result<&mut RoleDraft, PublishError> {
        if !self.roles.contains_key(role) {
            let draft = match self.newest(role)? {
                0 => RoleDraft::empty(),
                version => {
                    let file = self.needed(role, version)?;
                    let draft: RoleDraft = signed_part(&file)
                        .map_err(|error| PublishError::Metadata { role: role.to_owned(), why: error.to_string() })?;
                    RoleDraft { version, bytes: file.len(), ..draft }
                }
            };
            self.roles.insert(role.to_owned(), draft);
        }
        Ok(self.roles.get_mut(role).expect("just put there"))
    }

    fn role_to_change(&mut self, unit: &UnitId) -> Result<&mut RoleDraft, PublishError> {
        let role = self.role_of(unit)?;
        self.changed.insert(role.clone());
        self.role(&role)
    }

    fn role_of(&mut self, unit: &UnitId) -> Result<String, PublishError> {
        let role = unit.role();
        let own = role != "targets" || *unit.region() == self.root.region;
        if own && self.has_role(&role)? { Ok(role) } else { Err(PublishError::NotDelegated(unit.clone())) }
    }

    /// Every role that is delegated to, parents before children, `targets` first.
    pub fn tree(&mut self) -> Result<Vec<String>, PublishError> {
        self.tree_below("targets".to_owned())
    }

    /// Reads a role, so that it is signed again when it is due.
    pub fn read_role(&mut self, role: &str) -> Result<(), PublishError> {
        self.role(role).map(drop)
    }

    /// A role and every one below it.
    fn tree_below(&mut self, role: String) -> Result<Vec<String>, PublishError> {
        let mut seen = BTreeSet::from([role.clone()]);
        let mut roles = vec![role];
        let mut at = 0;
        while at < roles.len() {
            // A department or a circle delegates to nobody: it need not be read to know that.
            if UnitId::from_role(&roles[at]).is_none_or(|unit| !unit.is_office()) {
                let role = roles[at].clone();
                let delegations = self.role(&role)?.delegations.clone().unwrap_or_default();
                let may =
                    |name: &String| UnitId::from_role(name).is_some_and(|unit| unit.may_be_delegated_by_role(&role));
                let below: Vec<String> =
                    delegations.roles.into_iter().map(|delegation| delegation.name).filter(may).collect();
                // A role counts where it is first delegated to, and once.
                roles.extend(below.into_iter().filter(|name| seen.insert(name.clone())));
            }
            at += 1;
        }
        Ok(roles)
    }

    /// The first `root.json`: what a phone's trust in this repository begins with.
    pub fn first_root(&self) -> Result<Arc<[u8]>, PublishError> {
        self.needed("root", 1)
    }
}

fn unit_of(role: &str) -> UnitId {
    UnitId::from_role(role).unwrap_or_else(|| "zz".parse().expect("an id"))
}

/// What a snapshot names: roles with their versions.
fn pins(snapshot: &Value) -> BTreeMap<String, u64> {
    let meta = snapshot["meta"].as_object().into_iter().flatten();
    meta.filter_map(|(name, pin)| Some((name.strip_suffix(".json")?.to_owned(), pin["version"].as_u64()?))).collect()
}

/// When a metadata file says that it ends; the epoch if it can't be read.
fn expires(file: &[u8]) -> UnixTime {
    let signed: Value = signed_part(file).unwrap_or_default();
    let time = signed["expires"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    time.map_or(0, jiff::Timestamp::as_second)
}

/// A time as a date for people.
pub(crate) fn day(time: UnixTime) -> String {
    let date = |time: jiff::Timestamp| time.strftime("%Y-%m-%d").to_string();
    jiff::Timestamp::from_second(time).map_or_else(|_| "no date of the calendar".to_owned(), date)
}

fn read_target(path: &str, target: &ListedTarget) -> Result<Target, PublishError> {
    let mut sha256 = [0; 32];
    let hash = target.hashes.get("sha256").map(|hash| hex::decode_to_slice(hash, &mut sha256));
    if hash != Some(Ok(())) {
        return Err(PublishError::Usage(format!("{path} has no SHA-256")));
    }
    Ok(Target { path: path.to_owned(), sha256, length: target.length, custom: target.custom.clone() })
}

/// Consistent snapshots (TUF 1.0 §6.2): a file's hash is part of its name, so that it never changes.
fn hashed_name(path: &str, target: &ListedTarget) -> String {
    let hash = target.hashes.get("sha256").map(String::as_str).unwrap_or_default();
    match path.rsplit_once('/') {
        Some((folder, file)) => format!("{folder}/{hash}.{file}"),
        None => format!("{hash}.{path}"),
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

#[cfg(test)]
mod tests;
