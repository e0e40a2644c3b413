//! A TUF repository as whoever runs it keeps it: keys, roles, targets; signed into files for any web server.

use std::collections::BTreeMap;
use std::sync::Arc;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::package::{Package, PackageError};
use onecity_protocol::region::{RegionId, UnitId};
use onecity_protocol::trust::{Card, Withdrawn, target_path};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use sigstore_tuf::canonical_json::to_canonical_bytes;

use crate::key::{KeyError, SigningKey};

/// Files by their path below the repository's URL.
pub type RepositoryFiles = BTreeMap<String, Vec<u8>>;

/// How many keys hold the root, and how many of them must sign.
const ROOT_KEYS: usize = 5;
const ROOT_THRESHOLD: usize = 3;
const DAY: i64 = 86_400;

/// Why something was not published.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PublishError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Package(#[from] PackageError),
    #[error("{0} has no key in this repository: the province delegates it first")]
    NotDelegated(UnitId),
    #[error("{0} is not published here")]
    NotPublished(String),
    #[error("{unit} is not part of {repository}")]
    Foreign { unit: UnitId, repository: RegionId },
    #[error("the metadata: {0}")]
    Metadata(#[from] sigstore_tuf::Error),
    #[error("the card: {0}")]
    Card(#[from] serde_json::Error),
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

struct TargetBytes {
    bytes: Arc<[u8]>,
    sha256: String,
    custom: Option<Value>,
}

impl TargetBytes {
    fn listed(&self) -> Value {
        let mut listed = json!({ "length": self.bytes.len(), "hashes": { "sha256": self.sha256 } });
        if let Some(custom) = &self.custom {
            listed["custom"] = custom.clone();
        }
        listed
    }
}

/// A role that lists targets, with the key that signs it.
struct Role {
    key: SigningKey,
    targets: BTreeMap<String, TargetBytes>,
    version: u64,
    changed: bool,
    /// When the signed metadata end, in seconds.
    expires: UnixTime,
}

impl Role {
    fn new() -> Result<Self, KeyError> {
        Ok(Self { key: SigningKey::generate()?, targets: BTreeMap::new(), version: 0, changed: true, expires: 0 })
    }
}

/// One region's (or nation's) repository with all its keys.
pub struct Repository {
    id: RegionId,
    root: Vec<SigningKey>,
    timestamp: SigningKey,
    snapshot: SigningKey,
    /// The repository's own `targets` role: a province's own services, region data, trust list.
    own: Role,
    units: BTreeMap<UnitId, Role>,
    root_file: Option<Vec<u8>>,
    /// Snapshot and timestamp are signed together and share their version.
    version: u64,
    files: RepositoryFiles,
}

impl Repository {
    /// An empty repository with fresh keys.
    pub fn new(id: RegionId) -> Result<Self, PublishError> {
        let root = (0..ROOT_KEYS).map(|_| SigningKey::generate()).collect::<Result<_, _>>()?;
        Ok(Self {
            id,
            root,
            timestamp: SigningKey::generate()?,
            snapshot: SigningKey::generate()?,
            own: Role::new()?,
            units: BTreeMap::new(),
            root_file: None,
            version: 0,
            files: RepositoryFiles::new(),
        })
    }

    /// Lists a file of the repository's own.
    pub fn add_target(&mut self, path: &str, bytes: Vec<u8>, custom: Option<Value>) {
        add(&mut self.own, path, bytes.into(), custom);
    }

    /// Stops listing a file of the repository's own; answers whether it was listed.
    pub fn remove_target(&mut self, path: &str) -> bool {
        let removed = self.own.targets.remove(path).is_some();
        self.own.changed |= removed;
        removed
    }

    /// Gives a unit of this region a key and a role of its own.
    pub fn delegate(&mut self, unit: &UnitId) -> Result<(), PublishError> {
        if !self.id.covers(unit.region()) {
            return Err(PublishError::Foreign { unit: unit.clone(), repository: self.id.clone() });
        }
        if unit.role() != "targets" && !self.units.contains_key(unit) {
            self.units.insert(unit.clone(), Role::new()?);
            self.own.changed = true;
        }
        Ok(())
    }

    /// Publishes a package under a unit's key. The package is checked by the very rules that a phone applies.
    pub fn publish(&mut self, unit: &UnitId, package: Vec<u8>) -> Result<String, PublishError> {
        let bytes: Arc<[u8]> = package.into();
        let package = Package::open(Arc::clone(&bytes))?;
        let manifest = package.manifest();
        let path = target_path(unit, &manifest.app_id, manifest.version.code);
        let card = serde_json::to_value(Card::of(manifest))?;
        add(self.role_mut(unit)?, &path, bytes, Some(card));
        Ok(path)
    }

    /// Marks a published version as withdrawn, for a reason that residents can read.
    pub fn withdraw(&mut self, unit: &UnitId, path: &str, withdrawn: &Withdrawn) -> Result<(), PublishError> {
        let reason = serde_json::to_value(withdrawn)?;
        let role = self.role_mut(unit)?;
        let target = role.targets.get_mut(path).ok_or_else(|| PublishError::NotPublished(path.to_owned()))?;
        target.custom.get_or_insert_with(|| json!({}))["withdrawn"] = reason;
        role.changed = true;
        Ok(())
    }

    fn role_mut(&mut self, unit: &UnitId) -> Result<&mut Role, PublishError> {
        if unit.role() == "targets" && *unit.region() == self.id {
            return Ok(&mut self.own);
        }
        self.units.get_mut(unit).ok_or_else(|| PublishError::NotDelegated(unit.clone()))
    }

    /// Signs what has changed since the last time or is in the second half of its life, and snapshot and timestamp anew. Returns all files there are.
    pub fn sign(&mut self, now: UnixTime, lifetimes: &Lifetimes) -> Result<RepositoryFiles, PublishError> {
        if self.root_file.is_none() {
            let signed = self.root_metadata(ends(now, lifetimes.root)?);
            let file = signed_file(signed, &self.root.iter().take(ROOT_THRESHOLD).collect::<Vec<_>>())?;
            self.files.insert("metadata/1.root.json".to_owned(), file.clone());
            self.root_file = Some(file);
        }
        let lasts = Lasts { now, lifetime: lifetimes.targets };
        let delegations = self.delegations();
        let mut meta = serde_json::Map::new();
        sign_role(&mut self.own, "targets", lasts, Some(delegations), &mut self.files, &mut meta)?;
        for (unit, role) in &mut self.units {
            sign_role(role, &unit.role(), lasts, None, &mut self.files, &mut meta)?;
        }
        self.version += 1;
        let snapshot = json!({
            "_type": "snapshot", "spec_version": "1.0.31", "version": self.version,
            "expires": ends(now, lifetimes.snapshot)?, "meta": meta,
        });
        let snapshot = signed_file(snapshot, &[&self.snapshot])?;
        let timestamp = json!({
            "_type": "timestamp", "spec_version": "1.0.31", "version": self.version,
            "expires": ends(now, lifetimes.timestamp)?,
            "meta": { "snapshot.json": {
                "version": self.version, "length": snapshot.len(), "hashes": { "sha256": sha256(&snapshot) },
            } },
        });
        let timestamp = signed_file(timestamp, &[&self.timestamp])?;
        self.files.insert(format!("metadata/{}.snapshot.json", self.version), snapshot);
        self.files.insert("metadata/timestamp.json".to_owned(), timestamp);
        Ok(self.files.clone())
    }

    /// The first `root.json`, once signed: what a phone's trust in this repository begins with.
    pub fn first_root(&self) -> Option<&[u8]> {
        self.root_file.as_deref()
    }

    fn root_metadata(&self, expires: String) -> Value {
        let online = [("timestamp", &self.timestamp), ("snapshot", &self.snapshot), ("targets", &self.own.key)];
        let mut keys = serde_json::Map::new();
        let mut roles = serde_json::Map::new();
        for key in &self.root {
            keys.insert(key.id().to_owned(), key.public().clone());
        }
        let ids: Vec<&str> = self.root.iter().map(SigningKey::id).collect();
        roles.insert("root".to_owned(), json!({ "keyids": ids, "threshold": ROOT_THRESHOLD }));
        for (role, key) in online {
            keys.insert(key.id().to_owned(), key.public().clone());
            roles.insert(role.to_owned(), json!({ "keyids": [key.id()], "threshold": 1 }));
        }
        json!({
            "_type": "root", "spec_version": "1.0.31", "version": 1, "expires": expires,
            "consistent_snapshot": true, "keys": keys, "roles": roles,
        })
    }

    fn delegations(&self) -> Value {
        let keys: serde_json::Map<String, Value> =
            self.units.values().map(|role| (role.key.id().to_owned(), role.key.public().clone())).collect();
        let roles: Vec<Value> = self
            .units
            .iter()
            .map(|(unit, role)| {
                json!({
                    "name": unit.role(), "keyids": [role.key.id()], "threshold": 1,
                    "terminating": true, "paths": unit.patterns(),
                })
            })
            .collect();
        json!({ "keys": keys, "roles": roles })
    }
}

fn add(role: &mut Role, path: &str, bytes: Arc<[u8]>, custom: Option<Value>) {
    let sha256 = sha256(&bytes);
    role.targets.insert(path.to_owned(), TargetBytes { bytes, sha256, custom });
    role.changed = true;
}

/// From when on, and for how long, metadata are signed.
#[derive(Clone, Copy)]
struct Lasts {
    now: UnixTime,
    lifetime: i64,
}

fn sign_role(
    role: &mut Role,
    name: &str,
    lasts: Lasts,
    delegations: Option<Value>,
    files: &mut RepositoryFiles,
    meta: &mut serde_json::Map<String, Value>,
) -> Result<(), PublishError> {
    // A quiet role is signed anew in the second half of its life, or it would take all its phones with it.
    if role.changed || role.expires < lasts.now + lasts.lifetime / 2 {
        (role.changed, role.expires) = (false, lasts.now + lasts.lifetime);
        role.version += 1;
        let listed: serde_json::Map<String, Value> =
            role.targets.iter().map(|(path, target)| (path.clone(), target.listed())).collect();
        let mut signed = json!({
            "_type": "targets", "spec_version": "1.0.31", "version": role.version,
            "expires": ends(lasts.now, lasts.lifetime)?, "targets": listed,
        });
        if let Some(delegations) = delegations {
            signed["delegations"] = delegations;
        }
        files.insert(format!("metadata/{}.{name}.json", role.version), signed_file(signed, &[&role.key])?);
        for (path, target) in &role.targets {
            // Consistent snapshots (TUF 1.0 §6.2): a file's hash is part of its name, so that it never changes.
            let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
            files.insert(format!("targets/{folder}/{}.{file}", target.sha256), target.bytes.to_vec());
        }
    }
    meta.insert(format!("{name}.json"), json!({ "version": role.version }));
    Ok(())
}

fn signed_file(signed: Value, keys: &[&SigningKey]) -> Result<Vec<u8>, PublishError> {
    let canonical = to_canonical_bytes(&signed)?;
    let signatures = keys.iter().map(|key| key.sign(&canonical)).collect::<Result<Vec<_>, _>>()?;
    Ok(serde_json::to_vec(&json!({ "signed": signed, "signatures": signatures }))?)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// TUF's date format: whole seconds, UTC.
fn ends(now: UnixTime, lasts: i64) -> Result<String, PublishError> {
    let ends = now.checked_add(lasts).and_then(|at| jiff::Timestamp::from_second(at).ok());
    Ok(ends.ok_or(PublishError::Time)?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use onecity_protocol::trust::{Release, TrustError, TrustedRepository};

    const NOW: UnixTime = 1_800_000_000;

    fn package(code: u64) -> Vec<u8> {
        let manifest = json!({
            "app_id": "report", "name": "Report", "icons": [{ "src": "icon.svg" }], "pages": ["index"],
            "platform_version": { "min_code": 1 }, "version": { "code": code, "name": code.to_string() },
            "onecity": { "category": "report" },
        });
        let file = |path: &str, text: String| (path.to_owned(), text.into_bytes());
        let files = [
            file("manifest.json", manifest.to_string()),
            file("app.js", String::new()),
            file("app.css", String::new()),
            file("icon.svg", "<svg/>".to_owned()),
            file("index.html", "<p>".to_owned()),
        ];
        let first = crate::pack(&BTreeMap::from(files.clone())).expect("packed");
        assert_eq!(first, crate::pack(&BTreeMap::from(files)).expect("packed"), "the same input gives the same bytes");
        first
    }

    fn unit(text: &str) -> UnitId {
        text.parse().expect("a unit")
    }

    fn signed() -> (Repository, RepositoryFiles) {
        let mut repository = Repository::new("cn-sd".parse().expect("an id")).expect("keys");
        repository.delegate(&unit("cn-sd/jinan")).expect("a city of the province");
        repository.publish(&unit("cn-sd/jinan"), package(1)).expect("published");
        let files = repository.sign(NOW, &Lifetimes::default()).expect("signed");
        (repository, files)
    }

    fn phone(files: &RepositoryFiles, now: UnixTime) -> Result<TrustedRepository, TrustError> {
        let mut phone = TrustedRepository::from_root(&files["metadata/1.root.json"])?;
        update(&mut phone, files, now)?;
        Ok(phone)
    }

    fn update(phone: &mut TrustedRepository, files: &RepositoryFiles, now: UnixTime) -> Result<(), TrustError> {
        phone.update_timestamp(&files["metadata/timestamp.json"], now)?;
        let snapshot = phone.wanted_snapshot().expect("named");
        phone.update_snapshot(&files[&format!("metadata/{snapshot}.snapshot.json")], now)?;
        for role in ["targets", "cn-sd.jinan"] {
            let version = phone.wanted_role(role).expect("named");
            phone.update_role(role, &files[&format!("metadata/{version}.{role}.json")], now)?;
        }
        Ok(())
    }

    #[test]
    fn a_phone_trusts_what_a_city_published_under_its_own_key() {
        let (_, files) = signed();
        let phone = phone(&files, NOW + 1).expect("trusted");
        let targets = phone.role_targets("cn-sd.jinan").expect("listed");
        let release = Release::from_target("cn-sd.jinan", targets[0].clone()).expect("a release");
        assert_eq!((release.app_id.as_str(), release.version_code), ("report", 1));
        let bytes = &files[&format!("targets/{}", release.target.file_name())];
        release.target.check(bytes).expect("the file that was signed");
        assert!(release.target.check(&bytes[1..]).is_err());
    }

    #[test]
    fn an_older_and_an_expired_registry_are_refused_by_name() {
        let (mut repository, old) = signed();
        repository.publish(&unit("cn-sd/jinan"), package(2)).expect("published");
        let new = repository.sign(NOW + 10, &Lifetimes::default()).expect("signed");
        let mut phone = phone(&new, NOW + 11).expect("trusted");
        let refused = phone.update_timestamp(&old["metadata/timestamp.json"], NOW + 12).expect_err("older");
        assert!(matches!(refused, TrustError::Rollback { trusted: 2, offered: 1, .. }), "{refused}");
        let late = NOW + 31 * DAY;
        let refused = tests::phone(&new, late).expect_err("expired");
        assert!(matches!(&refused, TrustError::Expired { role, .. } if role == "timestamp"), "{refused}");
    }

    #[test]
    fn one_city_can_not_publish_for_another() {
        let (mut repository, _) = signed();
        let refused = repository.publish(&unit("cn-sd/qingdao"), package(1)).expect_err("no key");
        assert!(matches!(refused, PublishError::NotDelegated(_)));
        assert!(repository.delegate(&unit("vn-hn/ba-dinh")).is_err());
        // Even with its key in hand: Jinan's role lists a path of Qingdao, and the phone passes it over.
        let role = repository.units.get_mut(&unit("cn-sd/jinan")).expect("delegated");
        add(role, "cn-sd/qingdao/report/1.ma", package(1).into(), None);
        let files = repository.sign(NOW, &Lifetimes::default()).expect("signed");
        let phone = phone(&files, NOW).expect("trusted");
        let listed = phone.role_targets("cn-sd.jinan").expect("listed");
        assert!(listed.iter().all(|target| target.path.starts_with("cn-sd/jinan/")));
    }
}
