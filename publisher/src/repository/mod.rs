//! A TUF repository as whoever runs it keeps it: static files on a [`Shelf`], and drafts of what is to be signed next.
//!
//! Every file but `metadata/timestamp.json` is written once and never again, so that any web server, object store or
//! cache can serve it. Whoever holds a role's keys changes that role alone; snapshot and timestamp then take in what
//! has been signed, after checking it as a phone would.

mod metadata;
mod shelf;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::package::Package;
use onecity_protocol::region::{RegionId, UnitId};
use onecity_protocol::rules::Finding;
use onecity_protocol::trust::{
    Card, IconName, Invitation, Release, ReleaseError, Target, TrustError, TrustedRepository, Withdrawn, target_path,
};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use sigstore_tuf::{Key, Metadata, RoleKeys, Targets};

pub use metadata::ListedTarget;
use metadata::{Delegation, Signers, sign, signed_part};
pub(crate) use metadata::{RoleDraft, RootDraft, signers};
pub use shelf::{Folder, Overlay, RepositoryFiles, Shelf};

use crate::key::{KeyError, KeyRing, PublicKey};

const DAY: i64 = 86_400;
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
    #[error("{0} has no role in this repository; whoever is above delegates to it first: onecity repo delegate")]
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
    #[error("{0}")]
    Usage(String),
    #[error("the metadata: {0}")]
    Tuf(#[from] sigstore_tuf::Error),
    #[error("the metadata: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the repository's files: {0}")]
    Shelf(#[from] std::io::Error),
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

/// A change of a published release's card.
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
    shelf: S,
    root: RootDraft,
    /// Drafts that were read or made, by role.
    roles: BTreeMap<String, RoleDraft>,
    changed: BTreeSet<String>,
    /// All versions of each role's metadata on the shelf.
    versions: BTreeMap<String, BTreeSet<u64>>,
    /// What the last snapshot names.
    pinned: BTreeMap<String, u64>,
    /// Snapshot and timestamp are signed together and share their version.
    version: u64,
    /// Files that were verified before: role and version, and whether it held.
    held: BTreeMap<(String, u64), bool>,
}

impl<S: Shelf> Repository<S> {
    /// A new repository with its first root, on an empty shelf.
    pub fn create(
        id: RegionId,
        shelf: S,
        holders: &Holders,
        ring: &KeyRing,
        now: UnixTime,
        lifetimes: &Lifetimes,
    ) -> Result<Self, PublishError> {
        if !shelf.metadata_names()?.is_empty() {
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
            shelf,
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

    /// A repository that is on a shelf. Its roots, timestamp and snapshot are verified as a phone does it, from the
    /// first root on; whoever has that from elsewhere compares it with [`Repository::first_root`].
    pub fn open(shelf: S) -> Result<Self, PublishError> {
        let mut versions: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for name in shelf.metadata_names()? {
            let numbered = name.strip_suffix(".json").and_then(|name| name.split_once('.'));
            if let Some((version, role)) = numbered.and_then(|(version, role)| Some((version.parse().ok()?, role))) {
                versions.entry(role.to_owned()).or_default().insert(version);
            }
        }
        let file = |path: String| shelf.read(&path)?.ok_or(PublishError::NoRepository(path));
        let wrong =
            |role: &str, error: TrustError| PublishError::Metadata { role: role.to_owned(), why: error.to_string() };
        let mut trusted =
            TrustedRepository::from_root(&file("metadata/1.root.json".to_owned())?).map_err(|e| wrong("root", e))?;
        while let Some(next) = shelf.read(&format!("metadata/{}.root.json", trusted.root_version() + 1))? {
            trusted.update_root(&next).map_err(|error| wrong("root", error))?;
        }
        versions.insert("root".to_owned(), (1..=trusted.root_version()).collect());
        let mut repository = Self {
            root: signed_part(trusted.root())?,
            shelf,
            roles: BTreeMap::new(),
            changed: BTreeSet::new(),
            versions,
            pinned: BTreeMap::new(),
            version: 0,
            held: BTreeMap::new(),
        };
        if let Some(timestamp) = repository.shelf.read("metadata/timestamp.json")? {
            // After its keys were changed it counts for its number alone: the next one is signed with the new keys.
            let timestamp: Value = signed_part(&timestamp)?;
            repository.version = timestamp["version"].as_u64().unwrap_or_default();
            let snapshot: Value = signed_part(&repository.needed("snapshot", repository.version)?)?;
            if !repository.online_holds()? && !repository.online_held()? {
                let why = "not signed by any keys that the roots name".to_owned();
                return Err(PublishError::Metadata { role: "timestamp or snapshot".to_owned(), why });
            }
            let meta = snapshot["meta"].as_object().cloned().unwrap_or_default();
            let pinned = meta
                .iter()
                .filter_map(|(name, pin)| Some((name.strip_suffix(".json")?.to_owned(), pin["version"].as_u64()?)));
            repository.pinned = pinned.collect();
        }
        if !repository.versions.contains_key("targets") {
            repository.roles.insert("targets".to_owned(), RoleDraft::delegating());
            repository.changed.insert("targets".to_owned());
        }
        Ok(repository)
    }

    /// Whether timestamp and snapshot are signed by the newest root's keys.
    fn online_holds(&self) -> Result<bool, PublishError> {
        self.online_holds_under(self.root.version)
    }

    /// Whether they are by an earlier root's.
    fn online_held(&self) -> Result<bool, PublishError> {
        for version in (1..self.root.version).rev() {
            if self.online_holds_under(version)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn online_holds_under(&self, root: u64) -> Result<bool, PublishError> {
        let read = |path: String| self.shelf.read(&path);
        let Some(timestamp) = read("metadata/timestamp.json".to_owned())? else { return Ok(false) };
        let snapshot = read(format!("metadata/{}.snapshot.json", self.version))?;
        let mut trusted = match TrustedRepository::from_root(&self.needed("root", root)?) {
            Ok(trusted) => trusted,
            Err(_) => return Ok(false),
        };
        // As of before they could expire: only the signatures count here.
        let timely = trusted.update_timestamp(&timestamp, 0).is_ok();
        Ok(timely && snapshot.is_some_and(|snapshot| trusted.update_snapshot(&snapshot, 0).is_ok()))
    }

    /// Whose it is.
    pub fn id(&self) -> &RegionId {
        &self.root.region
    }

    /// Where its files are.
    pub fn shelf(&self) -> &S {
        &self.shelf
    }

    /// Its files, to go on with elsewhere.
    pub fn into_shelf(self) -> S {
        self.shelf
    }

    fn needed(&self, role: &str, version: u64) -> Result<Arc<[u8]>, PublishError> {
        let path = format!("metadata/{version}.{role}.json");
        self.shelf.read(&path)?.ok_or(PublishError::NoRepository(path))
    }

    fn put(&mut self, role: &str, version: u64, file: Arc<[u8]>) -> Result<(), PublishError> {
        self.shelf.write(&format!("metadata/{version}.{role}.json"), file)?;
        self.held.remove(&(role.to_owned(), version));
        self.versions.entry(role.to_owned()).or_default().insert(version);
        Ok(())
    }

    /// Who may sign a role, with the keys, by whoever delegates to it.
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

    /// Whether a role's file is signed as its delegation asks.
    fn holds(&mut self, role: &str, version: u64) -> Result<Result<(), String>, PublishError> {
        let (signers, keys) = self.authority(role)?;
        let Some(file) = self.shelf.read(&format!("metadata/{version}.{role}.json"))? else {
            return Ok(Err("the file is missing".to_owned()));
        };
        Ok(verify(&file, role, version, &signers, &keys))
    }

    /// The newest version of a role that holds; 0 if there is none.
    fn newest(&mut self, role: &str) -> Result<u64, PublishError> {
        let pinned = self.pinned.get(role).copied().unwrap_or_default();
        let versions: Vec<u64> = self.versions.get(role).into_iter().flatten().rev().copied().collect();
        for version in versions {
            // What a snapshot names may be signed by keys that were replaced since.
            let good =
                if version > pinned { self.holds(role, version)?.is_ok() } else { self.has_held(role, version)? };
            if good {
                return Ok(version);
            }
        }
        Ok(0)
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
                    RoleDraft { version, ..draft }
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

    /// Lists a file of the repository's own.
    pub fn add_target(&mut self, path: &str, bytes: Vec<u8>, custom: Option<Value>) -> Result<(), PublishError> {
        self.list("targets", path, bytes.into(), custom)
    }

    fn list(&mut self, role: &str, path: &str, bytes: Arc<[u8]>, custom: Option<Value>) -> Result<(), PublishError> {
        let target = listed(&bytes, custom);
        self.shelf.write(&format!("targets/{}", hashed_name(path, &target)), bytes)?;
        self.role(role)?.targets.insert(path.to_owned(), target);
        self.changed.insert(role.to_owned());
        Ok(())
    }

    /// Stops listing a file of the repository's own; answers whether it was listed.
    pub fn remove_target(&mut self, path: &str) -> Result<bool, PublishError> {
        let removed = self.role("targets")?.targets.remove(path).is_some();
        if removed {
            self.changed.insert("targets".to_owned());
        }
        Ok(removed)
    }

    /// Gives a unit of this region a role with keys of its own, or other keys than it had. The nearest unit above
    /// that has a role delegates: a city to its departments and districts, the province to its cities and circles.
    /// Answers the role that now must be signed.
    pub fn delegate(&mut self, unit: &UnitId, keys: &[PublicKey], threshold: usize) -> Result<String, PublishError> {
        if !self.root.region.covers(unit.region()) || unit.role() == "targets" {
            return Err(PublishError::Foreign { unit: unit.clone(), repository: self.root.region.clone() });
        }
        let distinct: BTreeSet<&str> = keys.iter().map(PublicKey::id).collect();
        if threshold == 0 || threshold > distinct.len() || distinct.len() < keys.len() {
            return Err(PublishError::Usage(format!(
                "a threshold of {threshold} does not fit {} different keys",
                distinct.len()
            )));
        }
        let role = unit.role();
        let parent = match self.parent_of(&role)? {
            Some(parent) => parent,
            None => self.nearest_role_above(unit)?,
        };
        let delegation =
            Delegation { name: role, signers: Signers::of(keys, threshold), terminating: true, paths: unit.patterns() };
        self.role(&parent)?.delegations.get_or_insert_default().entrust(delegation, keys);
        self.changed.insert(parent.clone());
        Ok(parent)
    }

    fn nearest_role_above(&mut self, unit: &UnitId) -> Result<String, PublishError> {
        for above in unit.may_be_delegated_by() {
            if self.has_role(&above.role())? {
                return Ok(above.role());
            }
        }
        Ok("targets".to_owned())
    }

    /// Takes a unit's role away. What it published is no longer offered. Answers the role that now must be signed.
    pub fn withdraw_delegate(&mut self, unit: &UnitId) -> Result<String, PublishError> {
        let role = unit.role();
        let parent = self.parent_of(&role)?.ok_or_else(|| PublishError::NotDelegated(unit.clone()))?;
        self.role(&parent)?.delegations.get_or_insert_default().withdraw(&role);
        self.changed.insert(parent.clone());
        Ok(parent)
    }

    /// Publishes a package under a unit's role. The package is checked by the very rules that a phone applies. The
    /// role goes on listing the version before; older ones go.
    pub fn publish(&mut self, unit: &UnitId, package: Vec<u8>, rollout: u8) -> Result<String, PublishError> {
        let bytes: Arc<[u8]> = package.into();
        let package = Package::open(Arc::clone(&bytes))?;
        let manifest = package.manifest();
        let (app_id, code) = (manifest.app_id.clone(), manifest.version.code);
        let path = target_path(unit, &app_id, code);
        let releases = self.releases(unit)?;
        let newest =
            releases.iter().filter(|release| release.app_id == app_id).map(|release| release.version_code).max();
        if let Some(newest) = newest.filter(|newest| *newest >= code) {
            return Err(PublishError::NotNewer { path, newest });
        }
        let mut card = Card::of(&package);
        card.rollout.percent = rollout;
        if let (Some(name), Some(icon)) = (&card.icon, manifest.icons.first()) {
            let icon: Arc<[u8]> = package.read(&icon.src)?.unwrap_or_default().into();
            self.shelf.write(&format!("targets/{}", name.path(unit)), icon)?;
        }
        let role = self.role_of(unit)?;
        self.list(&role, &path, bytes, Some(serde_json::to_value(card)?))?;
        self.drop_old_versions(unit, &app_id)?;
        Ok(path)
    }

    /// Lists a release by its card and hash alone, without its package: for registries that are only measured.
    pub(crate) fn list_card(
        &mut self,
        unit: &UnitId,
        path: &str,
        sha256: &[u8; 32],
        length: u64,
        card: Value,
    ) -> Result<(), PublishError> {
        let hashes = BTreeMap::from([("sha256".to_owned(), hex::encode(sha256))]);
        let target = ListedTarget { length, hashes, custom: Some(card) };
        self.role_to_change(unit)?.targets.insert(path.to_owned(), target);
        Ok(())
    }

    fn drop_old_versions(&mut self, unit: &UnitId, app_id: &str) -> Result<(), PublishError> {
        let mut releases: Vec<Release> =
            self.releases(unit)?.into_iter().filter(|release| release.app_id == app_id).collect();
        releases.sort_unstable_by_key(|release| std::cmp::Reverse(release.version_code));
        let offered = |release: &&Release| release.card.withdrawn.is_none();
        let to_all = |release: &&Release| offered(release) && release.card.rollout.is_everybody();
        let oldest_kept =
            releases.iter().filter(offered).take(KEPT_VERSIONS).last().map(|release| release.version_code);
        // What everybody is offered stays until something newer is offered to everybody.
        let oldest_kept = oldest_kept.min(releases.iter().find(to_all).map(|release| release.version_code).or(Some(0)));
        let role = self.role_to_change(unit)?;
        for old in releases.iter().filter(|release| Some(release.version_code) < oldest_kept) {
            role.targets.remove(&old.target.path);
        }
        Ok(())
    }

    /// What a unit offers.
    pub fn releases(&mut self, unit: &UnitId) -> Result<Vec<Release>, PublishError> {
        let role = self.role_of(unit)?;
        let targets = &self.role(&role)?.targets;
        let packages = targets.iter().filter(|(path, _)| path.ends_with(".ma"));
        packages.map(|(path, target)| Ok(Release::from_target(&role, read_target(path, target)?)?)).collect()
    }

    /// Changes the card of a published release.
    pub fn change(
        &mut self,
        unit: &UnitId,
        app_id: &str,
        version_code: u64,
        change: Change,
    ) -> Result<(), PublishError> {
        let path = target_path(unit, app_id, version_code);
        let role = self.role_to_change(unit)?;
        let target = role.targets.get_mut(&path).ok_or(PublishError::NotPublished(path))?;
        let mut card: Card = serde_json::from_value(target.custom.clone().unwrap_or_default())?;
        if card.withdrawn.is_some() {
            return Err(PublishError::Usage(format!(
                "{app_id} {version_code} was withdrawn, and stays so; publish a newer version"
            )));
        }
        match change {
            Change::Percent(percent) if percent <= 100 => {
                (card.rollout.percent, card.rollout.paused) = (percent, false);
            }
            Change::Percent(_) => return Err(PublishError::Usage("a rollout is 0 to 100 percent".to_owned())),
            Change::Pause => card.rollout.paused = true,
            Change::Invite(code) => {
                let invitation = Invitation::of(&code);
                if !card.rollout.invited.contains(&invitation) {
                    card.rollout.invited.push(invitation);
                }
            }
            Change::Withdraw(withdrawn) => card.withdrawn = Some(withdrawn),
        }
        target.custom = Some(serde_json::to_value(card)?);
        Ok(())
    }

    /// Withdraws the newest release of a service that is offered, so that every phone goes back to the one before it,
    /// which is then offered to all. Answers both versions.
    pub fn roll_back(&mut self, unit: &UnitId, app_id: &str, withdrawn: Withdrawn) -> Result<(u64, u64), PublishError> {
        let releases = self.releases(unit)?;
        let own = releases.iter().filter(|release| release.app_id == app_id && release.card.withdrawn.is_none());
        let mut versions: Vec<u64> = own.map(|release| release.version_code).collect();
        versions.sort_unstable();
        let [.., before, newest] = versions[..] else {
            return Err(PublishError::NothingBefore { app_id: app_id.to_owned() });
        };
        self.change(unit, app_id, newest, Change::Withdraw(withdrawn))?;
        self.change(unit, app_id, before, Change::Percent(100))?;
        Ok((newest, before))
    }

    /// Marks a unit's role to be signed anew, though nothing in it has changed.
    pub fn renew(&mut self, unit: &UnitId) -> Result<(), PublishError> {
        self.role_to_change(unit).map(drop)
    }

    /// How many keys must sign a role of the root.
    pub fn threshold(&self, role: &str) -> Option<usize> {
        self.root.roles.get(role).map(|signers| signers.threshold)
    }

    /// Gives `root`, `targets`, `snapshot` or `timestamp` other keys: a new root, signed by the old one's keys and
    /// its own (TUF 1.0 §6.1).
    pub fn rotate(
        &mut self,
        role: &str,
        keys: &[PublicKey],
        threshold: usize,
        ring: &KeyRing,
        now: UnixTime,
        lifetimes: &Lifetimes,
    ) -> Result<u64, PublishError> {
        if !self.root.roles.contains_key(role) {
            return Err(PublishError::Usage(format!(
                "{role} is no role of a root: root, targets, snapshot or timestamp"
            )));
        }
        let mut root = self.root.clone();
        root.version += 1;
        root.signed = Some(now);
        root.expires = now.checked_add(lifetimes.root).ok_or(PublishError::Time)?;
        root.entrust(role, keys, threshold);
        check_root(&root)?;
        let file = sign("root", "root", &root, &[&self.root.roles["root"], &root.roles["root"]], ring)?;
        if role == "targets" {
            // Under the new keys it must be there when the new root is: phones would find nothing otherwise.
            let expires = now.checked_add(lifetimes.targets).ok_or(PublishError::Time)?;
            let draft = self.role("targets")?;
            let next = RoleDraft { version: draft.version + 1, expires, signed: now, ..draft.clone() };
            let targets = sign("targets", "targets", &next, &[&root.roles["targets"]], ring)?;
            self.put("targets", next.version, targets)?;
            self.roles.insert("targets".to_owned(), next);
            self.changed.remove("targets");
        }
        self.put("root", root.version, file)?;
        self.root = root;
        Ok(self.root.version)
    }

    /// Signs what has changed with the keys at hand, and what is loaded and in the second half of its life; then, if
    /// their keys are at hand, snapshot and timestamp, which take in everything that holds. Answers what was signed.
    pub fn sign(
        &mut self,
        ring: &KeyRing,
        now: UnixTime,
        lifetimes: &Lifetimes,
    ) -> Result<Vec<(String, u64)>, PublishError> {
        let mut signed = Vec::new();
        let due = |draft: &RoleDraft| draft.version > 0 && draft.expires < now + lifetimes.targets / 2;
        let loaded: Vec<String> =
            self.roles.iter().filter(|(_, draft)| due(draft)).map(|(role, _)| role.clone()).collect();
        let mut roles = self.changed.clone();
        for role in loaded {
            let (signers, _) = self.authority(&role)?;
            if ring.among(&signers.keyids).count() >= signers.threshold {
                roles.insert(role);
            }
        }
        // A parent's new keys for a role must be known before the role is signed with them.
        for role in roles {
            let (signers, _) = self.authority(&role)?;
            let expires = now.checked_add(lifetimes.targets).ok_or(PublishError::Time)?;
            let draft = self.role(&role)?;
            let next = RoleDraft { version: draft.version + 1, expires, signed: now, ..draft.clone() };
            let file = sign(&role, "targets", &next, &[&signers], ring)?;
            self.put(&role, next.version, file)?;
            signed.push((role.clone(), next.version));
            self.roles.insert(role.clone(), next);
            self.changed.remove(&role);
        }
        let online = ["snapshot", "timestamp"].map(|role| &self.root.roles[role]);
        if online.iter().all(|signers| ring.among(&signers.keyids).count() >= signers.threshold) {
            signed.extend(self.sign_online(ring, now, lifetimes)?);
        }
        Ok(signed)
    }

    /// Snapshot and timestamp, over the newest version of every role that holds.
    fn sign_online(
        &mut self,
        ring: &KeyRing,
        now: UnixTime,
        lifetimes: &Lifetimes,
    ) -> Result<Vec<(String, u64)>, PublishError> {
        let mut pins = self.pinned.clone();
        for role in self.tree()? {
            let newest = self.newest(&role)?;
            if newest > pins.get(&role).copied().unwrap_or_default() {
                pins.insert(role, newest);
            }
        }
        let meta: BTreeMap<String, Value> =
            pins.iter().map(|(role, version)| (format!("{role}.json"), json!({ "version": version }))).collect();
        let version = self.version + 1;
        let dated = |lasts: i64, meta: Value| -> Result<Value, PublishError> {
            let expires = now
                .checked_add(lasts)
                .and_then(|at| jiff::Timestamp::from_second(at).ok())
                .ok_or(PublishError::Time)?;
            Ok(
                json!({ "version": version, "expires": expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "meta": meta }),
            )
        };
        let snapshot = dated(lifetimes.snapshot, serde_json::to_value(meta)?)?;
        let snapshot = sign("snapshot", "snapshot", &snapshot, &[&self.root.roles["snapshot"]], ring)?;
        let pin = json!({ "snapshot.json": { "version": version, "length": snapshot.len(), "hashes": { "sha256": sha256(&snapshot) } } });
        let timestamp = dated(lifetimes.timestamp, pin)?;
        let timestamp = sign("timestamp", "timestamp", &timestamp, &[&self.root.roles["timestamp"]], ring)?;
        self.put("snapshot", version, snapshot)?;
        // Last, and the only file that is ever replaced: until it is there, phones see the registry as it was.
        self.shelf.write("metadata/timestamp.json", timestamp)?;
        (self.version, self.pinned) = (version, pins);
        Ok(vec![("snapshot".to_owned(), version), ("timestamp".to_owned(), version)])
    }

    /// Every role that is delegated to, parents before children, `targets` first.
    pub fn tree(&mut self) -> Result<Vec<String>, PublishError> {
        let mut roles = vec!["targets".to_owned()];
        let mut seen = BTreeSet::from(["targets".to_owned()]);
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
                roles.extend(below.into_iter().filter(|name| !seen.contains(name)).collect::<Vec<_>>());
                seen.extend(roles.iter().cloned());
            }
            at += 1;
        }
        Ok(roles)
    }

    /// How every role stands, the root's first.
    pub fn status(&mut self, now: UnixTime) -> Result<Vec<RoleStatus>, PublishError> {
        let mut all = Vec::new();
        for role in ["root", "timestamp", "snapshot"] {
            let (version, file) = match role {
                "root" => (self.root.version, self.shelf.read(&format!("metadata/{}.root.json", self.root.version))?),
                "timestamp" => (self.version, self.shelf.read("metadata/timestamp.json")?),
                _ => (self.version, self.shelf.read(&format!("metadata/{}.snapshot.json", self.version))?),
            };
            let expires = file.map_or(0, |file| {
                let signed: Value = signed_part(&file).unwrap_or_default();
                signed["expires"]
                    .as_str()
                    .and_then(|text| text.parse::<jiff::Timestamp>().ok())
                    .map_or(0, jiff::Timestamp::as_second)
            });
            let signers = self.root.roles[role].clone();
            let mut status = standing(role, version, expires, signers, 0, false, now);
            if role != "root" && version > 0 && !self.online_holds()? {
                status.trouble = Some("not signed by its present keys: onecity repo timestamp".to_owned());
            }
            all.push(status);
        }
        for role in self.tree()? {
            let (signers, _) = self.authority(&role)?;
            let ahead: Vec<u64> = self.versions.get(&role).into_iter().flatten().copied().collect();
            let newest = self.newest(&role)?;
            let pending = self.pinned.get(&role).copied().unwrap_or_default() < newest;
            let draft = self.role(&role)?;
            let services: BTreeSet<&str> = draft
                .targets
                .keys()
                .filter(|path| path.ends_with(".ma"))
                .filter_map(|path| path.rsplit('/').nth(1))
                .collect();
            let mut status = standing(&role, newest, draft.expires, signers, services.len(), pending, now);
            if newest > 0 && self.holds(&role, newest)?.is_err() {
                status.trouble = Some("not signed by its present keys: whoever holds them signs it anew".to_owned());
            }
            if let Some(unverified) = ahead.into_iter().rfind(|version| *version > newest) {
                status.trouble = Some(format!("version {unverified} is there and not signed as its delegation asks"));
            }
            all.push(status);
        }
        Ok(all)
    }

    /// Takes in a role's metadata that somebody else has signed, if it is the next version and holds.
    pub fn accept(&mut self, role: &str, file: &Arc<[u8]>) -> Result<u64, PublishError> {
        let draft: RoleDraft = signed_part(file)?;
        let wrong = |why: String| PublishError::Metadata { role: role.to_owned(), why };
        let newest = self.newest(role)?;
        if draft.version != newest + 1 {
            return Err(wrong(format!(
                "version {} does not follow {newest}; sign it anew over what is published",
                draft.version
            )));
        }
        let (signers, keys) = self.authority(role)?;
        verify(file, role, draft.version, &signers, &keys).map_err(wrong)?;
        for (path, target) in &draft.targets {
            let target = read_target(path, target)?;
            if role != "targets" {
                Release::from_target(role, target)?;
            }
        }
        for delegation in draft.delegations.iter().flat_map(|all| &all.roles) {
            let unit = UnitId::from_role(&delegation.name).filter(|unit| unit.may_be_delegated_by_role(role));
            let unit = unit.ok_or_else(|| wrong(format!("it may not delegate to {}", delegation.name)))?;
            if delegation.paths != unit.patterns() {
                return Err(wrong(format!("{unit} publishes below its own name: {}", unit.patterns().join(", "))));
            }
        }
        self.put(role, draft.version, Arc::clone(file))?;
        self.roles.insert(role.to_owned(), draft.clone());
        Ok(draft.version)
    }

    /// The files that a role's metadata list and that are not on the shelf: packages and icons, with their lengths.
    pub fn wanted(&self, role: &str, file: &[u8]) -> Result<Vec<(String, Option<ListedTarget>)>, PublishError> {
        let draft: RoleDraft = signed_part(file)?;
        let mut wanted = Vec::new();
        for (path, target) in &draft.targets {
            let served = format!("targets/{}", hashed_name(path, target));
            if !self.shelf.has(&served)? {
                wanted.push((served, Some(target.clone())));
            }
            if path.ends_with(".ma") {
                let release = Release::from_target(role, read_target(path, target)?)?;
                if let Some(icon) = release.card.icon.map(|icon| format!("targets/{}", icon.path(&release.unit)))
                    && !self.shelf.has(&icon)?
                    && !wanted.iter().any(|(path, _)| *path == icon)
                {
                    wanted.push((icon, None));
                }
            }
        }
        Ok(wanted)
    }

    /// Puts a role's metadata on the shelf as they are; [`Repository::sign`] takes them in if they hold.
    pub fn put_metadata(&mut self, role: &str, version: u64, file: Arc<[u8]>) -> Result<(), PublishError> {
        self.put(role, version, file)
    }

    /// Puts files on the shelf that [`Repository::wanted`] asked for.
    pub(crate) fn put_files(
        &mut self,
        files: impl IntoIterator<Item = (String, Arc<[u8]>)>,
    ) -> Result<(), PublishError> {
        for (path, bytes) in files {
            self.shelf.write(&path, bytes)?;
        }
        Ok(())
    }

    /// Every version of a role on the shelf, oldest first.
    pub(crate) fn history(&self, role: &str) -> Vec<u64> {
        self.versions.get(role).into_iter().flatten().copied().collect()
    }

    /// A version of a role, who signed it, and whether that is as what delegates to it asks or once asked.
    pub(crate) fn past(&mut self, role: &str, version: u64) -> Result<(RoleDraft, Vec<String>, bool), PublishError> {
        let holds = self.has_held(role, version)?;
        let file = self.needed(role, version)?;
        Ok((signed_part(&file)?, signers(&file), holds))
    }

    /// A root, and who signed it. All of them hold: the newest is trusted through every one before it.
    pub(crate) fn past_root(&self, version: u64) -> Result<(RootDraft, Vec<String>), PublishError> {
        let file = self.needed("root", version)?;
        Ok((signed_part(&file)?, signers(&file)))
    }

    /// Whether a version of a role is signed as any version of what delegates to it asks, which must itself hold.
    fn has_held(&mut self, role: &str, version: u64) -> Result<bool, PublishError> {
        if let Some(known) = self.held.get(&(role.to_owned(), version)) {
            return Ok(*known);
        }
        let path = format!("metadata/{version}.{role}.json");
        let Some(file) = self.shelf.read(&path)? else { return Ok(false) };
        let mut holds = false;
        if role == "targets" {
            for root in self.history("root") {
                let root: RootDraft = signed_part(&self.needed("root", root)?)?;
                holds |= verify(&file, role, version, &root.roles["targets"], &root.keys).is_ok();
            }
        } else {
            let above = UnitId::from_role(role).map(|unit| unit.may_be_delegated_by()).unwrap_or_default();
            for parent in above.iter().map(UnitId::role).chain(["targets".to_owned()]) {
                for parent_version in self.history(&parent) {
                    if holds || !self.has_held(&parent, parent_version)? {
                        continue;
                    }
                    let parent: RoleDraft = signed_part(&self.needed(&parent, parent_version)?)?;
                    let delegations = parent.delegations.unwrap_or_default();
                    let own = delegations.roles.iter().filter(|delegation| delegation.name == role);
                    for delegation in own {
                        holds |= verify(&file, role, version, &delegation.signers, &delegations.keys).is_ok();
                    }
                }
            }
        }
        self.held.insert((role.to_owned(), version), holds);
        Ok(holds)
    }

    /// Every role that ever had metadata here, whether or not it is delegated to now.
    pub(crate) fn all_roles(&self) -> Vec<String> {
        let role = |role: &&String| *role == "targets" || UnitId::from_role(role).is_some();
        self.versions.keys().filter(role).cloned().collect()
    }

    /// The first `root.json`: what a phone's trust in this repository begins with.
    pub fn first_root(&self) -> Result<Arc<[u8]>, PublishError> {
        self.needed("root", 1)
    }
}

fn standing(
    role: &str,
    version: u64,
    expires: UnixTime,
    signers: Signers,
    services: usize,
    pending: bool,
    now: UnixTime,
) -> RoleStatus {
    let trouble = if version == 0 {
        Some("nothing signed yet".to_owned())
    } else if expires <= now {
        Some("expired: phones install nothing new from it".to_owned())
    } else {
        None
    };
    let Signers { keyids: keys, threshold } = signers;
    RoleStatus { role: role.to_owned(), version, expires, keys, threshold, services, pending, trouble }
}

fn check_root(root: &RootDraft) -> Result<(), PublishError> {
    for (role, signers) in &root.roles {
        let distinct: BTreeSet<&String> = signers.keyids.iter().collect();
        if signers.threshold == 0 || signers.threshold > distinct.len() {
            let (threshold, keys) = (signers.threshold, distinct.len());
            return Err(PublishError::Usage(format!("{role}: a threshold of {threshold} does not fit {keys} keys")));
        }
    }
    Ok(())
}

fn verify(
    file: &[u8],
    role: &str,
    version: u64,
    signers: &Signers,
    keys: &BTreeMap<String, Value>,
) -> Result<(), String> {
    let check = || -> Result<u64, Box<dyn std::error::Error>> {
        onecity_protocol::trust::install_ring();
        let metadata = Metadata::<Targets>::from_slice(file)?;
        let keys: BTreeMap<String, Key> = serde_json::from_value(serde_json::to_value(keys)?)?;
        let role_keys: RoleKeys = serde_json::from_value(serde_json::to_value(signers)?)?;
        metadata.verify_threshold(&keys, &role_keys, role)?;
        Ok(metadata.signed().version)
    };
    match check() {
        Ok(signed) if signed == version => Ok(()),
        Ok(signed) => Err(format!("it says that it is version {signed}")),
        Err(error) => Err(error.to_string()),
    }
}

fn unit_of(role: &str) -> UnitId {
    UnitId::from_role(role).unwrap_or_else(|| "zz".parse().expect("an id"))
}

fn listed(bytes: &[u8], custom: Option<Value>) -> ListedTarget {
    let hashes = BTreeMap::from([("sha256".to_owned(), sha256(bytes))]);
    ListedTarget { length: bytes.len() as u64, hashes, custom }
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

/// Whether bytes are the file that a name among [`Repository::wanted`] stands for.
pub fn is_wanted_file(served: &str, target: Option<&ListedTarget>, bytes: &[u8]) -> bool {
    match target {
        Some(target) => target.length == bytes.len() as u64 && target.hashes.get("sha256") == Some(&sha256(bytes)),
        None => {
            let name = served.rsplit('/').next().unwrap_or_default().to_owned();
            IconName::try_from(name).is_ok_and(|icon| icon.is(bytes))
        }
    }
}

#[cfg(test)]
mod tests;
