//! One TUF repository as a phone trusts it.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sigstore_tuf::{Delegations, Error as TufError, TargetFile, TrustedMetadataSet};

use super::hashed_file::{HashedFile, hashed_path};
use super::{LimitExceeded, RoleUse, Takedown};
use crate::credential::UnixTime;
use crate::json;
use crate::limits::{PATH_BYTES, PATTERNS, REGISTRY_DEPTH, ROLE_BYTES};
use crate::region::{RegionId, UnitId};

/// Why metadata or a target was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum TrustError {
    #[error("{role} of the registry expired at {expires}; the registry's operator must sign it again")]
    Expired { role: String, expires: String },
    #[error("{role} of the registry is older than what this phone has seen: version {offered} after {trusted}")]
    Rollback { role: String, trusted: u64, offered: u64 },
    #[error("{role} of the registry is not signed by enough of its keys: {found} of {threshold}")]
    Signatures { role: String, found: usize, threshold: usize },
    #[error("the registry does not fit together: {0}")]
    Mismatch(String),
    #[error("the registry can't be read: {0}")]
    Malformed(String),
    #[error("{path}: the file's hash or length is not the one that was signed")]
    WrongFile { path: String },
    #[error("{0} is not listed by the registry")]
    NotListed(String),
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

impl From<TufError> for TrustError {
    fn from(error: TufError) -> Self {
        match error {
            TufError::Expired { role, expires } => Self::Expired { role, expires: expires.to_string() },
            TufError::Rollback { role, trusted, new } => Self::Rollback { role, trusted, offered: new },
            TufError::EqualVersion { role, version } => Self::Rollback { role, trusted: version, offered: version },
            TufError::BadRootVersion { trusted, new } => {
                Self::Rollback { role: "root".to_owned(), trusted, offered: new }
            }
            TufError::ThresholdNotMet { role, found, threshold } => Self::Signatures { role, found, threshold },
            TufError::IntegrityMismatch(why) => Self::Mismatch(why),
            TufError::UnknownRole(role) => Self::NotListed(role),
            TufError::TargetNotFound(path) => Self::NotListed(path),
            other => Self::Malformed(other.to_string()),
        }
    }
}

/// What a nation's repository says of a region's: the target's `custom` object beside the first `root.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryEntry {
    /// The first-level region.
    pub region: RegionId,
    /// Where its metadata and targets are.
    pub url: String,
}

/// A file that the registry lists: only bytes with this length and hash are it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its path.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Their number.
    pub length: u64,
    /// What the publisher says of it.
    pub custom: Option<Value>,
}

impl Target {
    fn new(path: &str, file: &TargetFile) -> Result<Self, TrustError> {
        let mut sha256 = [0; 32];
        let hash = file.hashes.get("sha256").map(|hash| hex::decode_to_slice(hash, &mut sha256));
        if hash != Some(Ok(())) {
            return Err(TrustError::Malformed(format!("{path} has no SHA-256")));
        }
        Ok(Self { path: path.to_owned(), sha256, length: file.length, custom: file.custom.clone() })
    }

    /// The name under which a repository with consistent snapshots serves it: the hash before the file's name.
    pub fn file_name(&self) -> String {
        hashed_path(&self.path, &self.sha256)
    }

    /// Whether these bytes are the file that was signed.
    pub fn check(&self, bytes: &[u8]) -> Result<(), TrustError> {
        let right = bytes.len() as u64 == self.length && digest(&SHA256, bytes).as_ref() == self.sha256;
        if right { Ok(()) } else { Err(TrustError::WrongFile { path: self.path.clone() }) }
    }
}

/// The state machine of one repository (TUF 1.0 §5): feed it root, timestamp, snapshot, targets and delegated roles
/// in this order; each step keeps what was trusted before when it refuses.
#[derive(Debug, Clone)]
pub struct TrustedRepository {
    set: TrustedMetadataSet,
    /// Which role vouched for each delegated one.
    parents: BTreeMap<String, String>,
}

impl TrustedRepository {
    /// Starts from a root that is trusted already: built in, listed by the nation, or kept from before.
    pub fn from_root(root: &[u8]) -> Result<Self, TrustError> {
        super::install_ring();
        bounded(root)?;
        Ok(Self { set: TrustedMetadataSet::from_root(root)?, parents: BTreeMap::new() })
    }

    /// The trusted root's bytes.
    pub fn root(&self) -> &[u8] {
        self.set.root_bytes()
    }

    /// The trusted root's version.
    pub fn root_version(&self) -> u64 {
        self.set.root().version
    }

    /// The trusted timestamp's version, 0 before there is one.
    pub fn timestamp_version(&self) -> u64 {
        self.set.timestamp().map_or(0, |timestamp| timestamp.version)
    }

    /// Takes the next root; it must be signed by this one's keys and its own. Answers whether it changes the keys of
    /// timestamp or snapshot, after which their versions may start again (§5.3.11).
    pub fn update_root(&mut self, bytes: &[u8]) -> Result<bool, TrustError> {
        bounded(bytes)?;
        let online = |set: &TrustedMetadataSet| ["timestamp", "snapshot"].map(|role| set.root().role(role).cloned());
        let before = online(&self.set);
        self.set.update_root(bytes)?;
        self.parents.clear();
        Ok(online(&self.set) != before)
    }

    /// Until when the trusted timestamp and snapshot vouch for what they list; the epoch before there is any.
    pub fn fresh_until(&self) -> UnixTime {
        let timestamp = self.set.timestamp().map(|timestamp| timestamp.expires);
        let snapshot = self.set.snapshot().map(|snapshot| snapshot.expires);
        timestamp.zip(snapshot).map_or(0, |(timestamp, snapshot)| timestamp.min(snapshot).as_second())
    }

    /// Takes a timestamp. Answers whether it is newer than the trusted one, so that there is more to fetch.
    pub fn update_timestamp(&mut self, bytes: &[u8], now: UnixTime) -> Result<bool, TrustError> {
        bounded(bytes)?;
        let now = instant(now)?;
        self.set.check_root_expired(now)?;
        match self.set.update_timestamp(bytes, now) {
            Ok(()) => Ok(true),
            Err(TufError::EqualVersion { .. }) => {
                self.set.check_timestamp_expired(now)?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The version and largest length of the snapshot that the timestamp names.
    pub fn wanted_snapshot(&self) -> Option<u64> {
        Some(self.set.timestamp()?.snapshot_meta()?.version)
    }

    /// The version of the trusted snapshot.
    pub fn snapshot_version(&self) -> Option<u64> {
        Some(self.set.snapshot()?.version)
    }

    /// Takes the snapshot that the timestamp names.
    pub fn update_snapshot(&mut self, bytes: &[u8], now: UnixTime) -> Result<(), TrustError> {
        bounded(bytes)?;
        Ok(self.set.update_snapshot(bytes, instant(now)?)?)
    }

    /// The version of a role that the snapshot names; none for a role that is not there.
    pub fn wanted_role(&self, role: &str) -> Option<u64> {
        Some(self.set.snapshot()?.meta.get(&format!("{role}.json"))?.version)
    }

    /// Takes `targets`.
    pub fn update_targets(&mut self, bytes: &[u8], now: UnixTime) -> Result<(), TrustError> {
        bounded(bytes)?;
        self.set.update_targets(bytes, instant(now)?)?;
        Ok(())
    }

    /// Takes a role that a trusted one, its parent, delegates to.
    pub fn update_role(&mut self, role: &str, parent: &str, bytes: &[u8], now: UnixTime) -> Result<(), TrustError> {
        bounded(bytes)?;
        self.set.update_delegated_targets(bytes, role, parent, instant(now)?)?;
        // The role that was asked first vouches for it: another parent can't take it over.
        self.parents.entry(role.to_owned()).or_insert_with(|| parent.to_owned());
        Ok(())
    }

    /// Whether a role that is trusted already may also be reached through another parent.
    pub fn verify_role(&self, role: &str, parent: &str, now: UnixTime) -> Result<(), TrustError> {
        self.set.verify_delegated_targets(role, parent, instant(now)?)?;
        Ok(())
    }

    /// Until when a trusted role counts: its own end or that of one above it, whichever is first; the epoch if it is not
    /// trusted.
    pub fn role_ends(&self, role: &str) -> UnixTime {
        let above = std::iter::successors(Some(role), |child| self.parents.get(*child).map(String::as_str));
        let ends =
            above.take(REGISTRY_DEPTH).map(|role| self.set.targets_role(role).map(|own| own.expires.as_second()));
        ends.min().flatten().unwrap_or_default()
    }

    /// Whether `targets` or a delegated role is trusted.
    pub fn has_role(&self, role: &str) -> bool {
        self.set.targets_role(role).is_some()
    }

    /// The roles that a trusted one delegates to, in its order.
    pub fn delegates(&self, role: &str) -> impl Iterator<Item = &str> {
        self.delegations(role).into_iter().flat_map(|all| all.roles.iter().map(|delegated| delegated.name.as_str()))
    }

    /// What a trusted role lists, for the limits; `bytes` is how long its metadata are.
    pub fn role_use(&self, role: &str, bytes: usize) -> RoleUse {
        let paths = self.set.targets_role(role).into_iter().flat_map(|own| own.targets.keys());
        RoleUse::of(bytes, self.delegates(role).count(), paths.map(String::as_str))
    }

    fn delegations(&self, role: &str) -> Option<&Delegations> {
        self.set.targets_role(role)?.delegations.as_ref()
    }

    /// Whether consistent snapshots (TUF 1.0 §6.2) name files by version and hash.
    pub fn is_consistent(&self) -> bool {
        self.set.root().consistent_snapshot
    }

    /// A file that `targets` itself lists.
    pub fn target(&self, path: &str) -> Result<Target, TrustError> {
        let file = self.listed("targets", path).ok_or_else(|| TrustError::NotListed(path.to_owned()))?;
        Target::new(path, file)
    }

    /// A file that a trusted role itself lists, with whatever hashes.
    pub fn file_of(&self, role: &str, path: &str) -> Result<Option<HashedFile>, TrustError> {
        self.listed(role, path).map(|file| HashedFile::new(path, file)).transpose()
    }

    fn listed(&self, role: &str, path: &str) -> Option<&TargetFile> {
        self.set.targets_role(role).and_then(|targets| targets.target(path))
    }

    /// Where the search for a file goes on from a role (TUF 1.0 §5.6.7): the roles that it delegates the path to, in
    /// order, and whether the search ends with the last of them.
    pub fn next_roles(&self, role: &str, path: &str) -> Result<(Vec<String>, bool), TrustError> {
        let mut next = Vec::new();
        for delegated in self.delegations(role).into_iter().flat_map(|all| &all.roles) {
            if !is_top_level(&delegated.name) && delegated.matches_path(path)? {
                next.push(delegated.name.clone());
                if delegated.terminating {
                    return Ok((next, true));
                }
            }
        }
        Ok((next, false))
    }

    /// The files of a trusted role that every delegation on the way to it lets it list; others are passed over, as
    /// TUF §5.6.7 does.
    pub fn role_targets(&self, role: &str) -> Result<Vec<Target>, TrustError> {
        self.allowed_targets(role, |_| true)
    }

    /// The services that a unit whose role is trusted takes down; takedowns that can't be read are passed over.
    pub fn takedowns(&self, unit: &UnitId) -> Result<Vec<Takedown>, TrustError> {
        let targets = self.allowed_targets(&unit.role(), Takedown::is_path)?;
        Ok(targets.iter().filter_map(|target| Takedown::from_target(unit, target).ok()).collect())
    }

    fn allowed_targets(&self, role: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<Target>, TrustError> {
        let own = self.set.targets_role(role).ok_or_else(|| TrustError::NotListed(role.to_owned()))?;
        let mut chain = Vec::new();
        let mut child = role;
        while let Some(parent) = self.parents.get(child).filter(|_| chain.len() < REGISTRY_DEPTH) {
            let delegated = self.delegations(parent).and_then(|all| all.roles.iter().find(|all| all.name == child));
            chain.push(delegated.ok_or_else(|| TrustError::NotListed(child.to_owned()))?);
            child = parent;
        }
        if child != "targets" {
            return Err(TrustError::NotListed(role.to_owned()));
        }
        if !chain.iter().all(|delegated| delegated.paths.iter().flatten().all(|pattern| is_plain(pattern))) {
            return Err(TrustError::Malformed(format!("the paths of {role} are no plain patterns")));
        }
        if chain.iter().any(|delegated| delegated.paths.iter().flatten().count() > PATTERNS) {
            return Err(TrustError::Malformed(format!("{role} has more than {PATTERNS} path patterns")));
        }
        let allowed = |path: &str| chain.iter().all(|delegated| delegated.matches_path(path).unwrap_or(false));
        let listed = own.targets.iter().filter(|(path, _)| path.len() <= PATH_BYTES && wanted(path) && allowed(path));
        // One that can't be read is passed over like one that may not be listed.
        Ok(listed.filter_map(|(path, file)| Target::new(path, file).ok()).collect())
    }
}

/// Whether a pattern is made of names and whole `*`: anything else costs more to match than it is worth.
fn is_plain(pattern: &str) -> bool {
    pattern.len() <= PATH_BYTES && pattern.split('/').all(|part| part == "*" || !part.contains(['*', '?', '[', ']']))
}

fn is_top_level(role: &str) -> bool {
    matches!(role, "root" | "timestamp" | "snapshot" | "targets")
}

/// A role's name as part of a file's: a name may hold what a path or an address may not.
pub fn metadata_name(role: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let written = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    role.bytes().map(written).collect()
}

fn bounded(bytes: &[u8]) -> Result<(), TrustError> {
    if bytes.len() > ROLE_BYTES {
        return Err(TrustError::Malformed(format!("a metadata file is larger than {ROLE_BYTES} bytes")));
    }
    // Two readers of an ambiguous file could trust two different things under one signature.
    json::check(bytes).map_err(|error| TrustError::Malformed(error.to_string()))
}

fn instant(now: UnixTime) -> Result<jiff::Timestamp, TrustError> {
    jiff::Timestamp::from_second(now).map_err(|_| TrustError::Malformed("the time is out of range".to_owned()))
}
