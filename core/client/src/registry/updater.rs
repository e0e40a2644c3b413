//! Bringing one TUF repository up to date: the fetch loop around the state machine, for a phone's catalogue or for a folder.
//!
//! ```text
//!   Updater ── asks for ──> N.root.json … timestamp.json, N.snapshot.json, N.targets.json, N.ROLE.json
//!      │ what verifies                                                     (TUF 1.0 §5.3 to §5.6)
//!      └──> MetadataStorage   keeps it at once: a sync that breaks off goes on where it was
//! ```

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use onecity_protocol::credential::UnixTime;
use onecity_protocol::limits::{ROLE_BYTES, ROOT_BYTES, TIMESTAMP_BYTES};
use onecity_protocol::trust::{HashedFile, RoleUse, TrustError, TrustedRepository, metadata_name};
use onecity_store::KeptMetadata;
use reqwest::StatusCode;

use crate::device::Http;
use crate::device::http::Outgoing;
use crate::error::Error;

/// Most roots that one refresh climbs.
const MAX_ROOTS: u64 = 256;
/// Most roles that a search for one file visits.
const MAX_VISITED: usize = 32;

/// Where verified metadata are kept between runs.
pub(super) trait MetadataStorage: Send {
    /// Everything that was kept.
    fn load(&mut self) -> impl Future<Output = Result<Vec<KeptMetadata>, Error>> + Send;
    /// Keeps one role's metadata in place of what was kept of it.
    fn keep(&mut self, kept: &KeptMetadata) -> impl Future<Output = Result<(), Error>> + Send;
    /// Keeps a root; if it changes the keys of timestamp or snapshot, what was kept of these two goes (§5.3.11).
    fn keep_root(&mut self, kept: &KeptMetadata, new_keys: bool) -> impl Future<Output = Result<(), Error>> + Send;
    /// Refuses a version that is older than one that was seen before, though nothing of that was kept.
    fn check_floor(&self, _role: &str, _version: u64) -> Result<(), Error> {
        Ok(())
    }
}

/// One repository on its way from what was kept to what is current.
pub(super) struct Updater<'a, S> {
    http: &'a Http,
    /// Where its metadata are, without a slash at the end.
    url: String,
    trusted: TrustedRepository,
    kept: BTreeMap<String, KeptMetadata>,
    storage: S,
    now: UnixTime,
}

impl<'a, S: MetadataStorage> Updater<'a, S> {
    /// Starts from what was kept. It is verified again, whether it has expired or not: the versions that were seen are
    /// a floor in any case, and what has expired is refused when it is used.
    pub(super) async fn begin(
        http: &'a Http,
        url: &str,
        first_root: &[u8],
        mut storage: S,
        now: UnixTime,
    ) -> Result<Self, Error> {
        let kept = storage.load().await?.into_iter().map(|kept| (kept.role.clone(), kept)).collect();
        let trusted = match replay(first_root, &kept) {
            Ok(trusted) => trusted,
            Err(error) => {
                tracing::warn!(%error, "kept metadata no longer verify and are fetched again");
                TrustedRepository::from_root(first_root)?
            }
        };
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), trusted, kept, storage, now })
    }

    /// What is trusted by now.
    pub(super) fn trusted(&self) -> &TrustedRepository {
        &self.trusted
    }

    /// What a trusted role uses of what publishers share.
    pub(super) fn role_use(&self, role: &str) -> RoleUse {
        self.trusted.role_use(role, self.kept.get(role).map_or(0, |kept| kept.bytes.len()))
    }

    /// The place where things are kept, at the end.
    pub(super) fn into_storage(self) -> S {
        self.storage
    }

    async fn fetch(&self, file: &str, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        let url = self.http.url(&format!("{}/{file}", self.url))?;
        let answer = self.http.send(Outgoing::get(url).limit(limit)).await?;
        match answer.status {
            status if status.is_success() => Ok(Some(answer.body)),
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => Ok(None),
            status => Err(Error::network(format!("the registry answered {} for {file}", status.as_u16()))),
        }
    }

    async fn needed(&self, file: &str, limit: usize) -> Result<Vec<u8>, Error> {
        let missing = || Error::network(format!("the registry has no {file}"));
        self.fetch(file, limit).await?.ok_or_else(missing)
    }

    async fn keep(&mut self, role: &str, version: u64, bytes: Vec<u8>) -> Result<(), Error> {
        let kept = KeptMetadata { role: role.to_owned(), version, bytes };
        self.storage.keep(&kept).await?;
        self.kept.insert(kept.role.clone(), kept);
        Ok(())
    }

    /// One request: whether the timestamp is, byte for byte, the one that was found current before. Then there is
    /// nothing else to ask. Anyone who holds a timestamp back can hold a new root back, too, so that asking for roots first
    /// would not find out more.
    pub(super) async fn is_unchanged(&mut self) -> Result<bool, Error> {
        let bytes = self.needed("timestamp.json", TIMESTAMP_BYTES).await?;
        let same = self.kept.get("timestamp").is_some_and(|kept| kept.bytes == bytes);
        Ok(same && !self.trusted.update_timestamp(&bytes, self.now)?)
    }

    /// Root, timestamp, snapshot and `targets`. Answers whether the registry has moved.
    pub(super) async fn refresh(&mut self) -> Result<bool, Error> {
        self.climb_roots().await?;
        let bytes = self.needed("timestamp.json", TIMESTAMP_BYTES).await?;
        let newer = self.trusted.update_timestamp(&bytes, self.now)?;
        if newer {
            let version = self.trusted.timestamp_version();
            self.storage.check_floor("timestamp", version)?;
            self.keep("timestamp", version, bytes).await?;
        }
        let wanted = self.trusted.wanted_snapshot().ok_or_else(|| Error::network("the registry names no snapshot"))?;
        self.storage.check_floor("snapshot", wanted)?;
        if self.trusted.snapshot_version() != Some(wanted) {
            let bytes = self.needed(&self.named("snapshot", wanted), ROLE_BYTES).await?;
            self.trusted.update_snapshot(&bytes, self.now)?;
            self.keep("snapshot", wanted, bytes).await?;
        }
        if self.role("targets", "").await?.is_none() {
            return Err(Error::network("the registry lists nothing"));
        }
        Ok(newer)
    }

    async fn climb_roots(&mut self) -> Result<(), Error> {
        for _ in 0..MAX_ROOTS {
            let next = self.trusted.root_version() + 1;
            let Some(bytes) = self.fetch(&format!("{next}.root.json"), ROOT_BYTES).await? else { break };
            let new_keys = self.trusted.update_root(&bytes)?;
            let kept = KeptMetadata { role: "root".to_owned(), version: next, bytes };
            // At once (§5.3.8), so that a rotation that was seen can't be hidden again.
            self.storage.keep_root(&kept, new_keys).await?;
            self.kept.insert(kept.role.clone(), kept);
            if new_keys {
                // Anyone who held the old online keys may have signed versions beyond reach (§5.3.11).
                self.kept.retain(|role, _| role != "timestamp" && role != "snapshot");
            }
        }
        self.storage.check_floor("root", self.trusted.root_version())?;
        // A new root makes the state machine forget timestamp and snapshot; under the same keys they are still a floor.
        if self.trusted.timestamp_version() == 0 {
            let _ = replay_online(&mut self.trusted, &self.kept);
        }
        Ok(())
    }

    fn named(&self, role: &str, version: u64) -> String {
        let role = metadata_name(role);
        if self.trusted.is_consistent() { format!("{version}.{role}.json") } else { format!("{role}.json") }
    }

    /// A role in the version that the snapshot names: kept or fetched. None if there is no such role; else whether it
    /// is news. `targets` has no parent.
    pub(super) async fn role(&mut self, role: &str, parent: &str) -> Result<Option<bool>, Error> {
        let Some(version) = self.trusted.wanted_role(role) else { return Ok(None) };
        if self.take_kept(role, parent, version)? {
            return Ok(Some(false));
        }
        let bytes = self.needed(&self.named(role, version), ROLE_BYTES).await?;
        self.take_fetched(role, parent, version, bytes).await?;
        Ok(Some(true))
    }

    /// Several roles of which each one's parent is trusted: those that are not kept are fetched together. Answers each
    /// role with what came of it; none if there is no such role.
    pub(super) async fn roles(
        &mut self,
        roles: &[(String, String)],
        mut done: impl FnMut(usize),
    ) -> Vec<(String, Result<Option<bool>, Error>)> {
        let mut outcomes = Vec::new();
        let mut missing = Vec::new();
        for (role, parent) in roles {
            match self.trusted.wanted_role(role) {
                None => outcomes.push((role.clone(), Ok(None))),
                Some(version) => match self.take_kept(role, parent, version) {
                    Ok(true) => outcomes.push((role.clone(), Ok(Some(false)))),
                    Ok(false) => missing.push((role, parent, version)),
                    Err(error) => outcomes.push((role.clone(), Err(error))),
                },
            }
        }
        done(outcomes.len());
        const TOGETHER: usize = 6;
        for some in missing.chunks(TOGETHER) {
            let this = &*self;
            let fetches = some
                .iter()
                .map(|(role, _, version)| async move { this.needed(&this.named(role, *version), ROLE_BYTES).await });
            let fetched = join_all(fetches).await;
            for ((role, parent, version), bytes) in some.iter().zip(fetched) {
                let outcome = match bytes {
                    Ok(bytes) => self.take_fetched(role, parent, *version, bytes).await.map(|()| Some(true)),
                    Err(error) => Err(error),
                };
                outcomes.push(((*role).clone(), outcome));
                done(outcomes.len());
            }
        }
        outcomes
    }

    fn take(&mut self, role: &str, parent: &str, bytes: &[u8]) -> Result<(), TrustError> {
        match role {
            "targets" => self.trusted.update_targets(bytes, self.now),
            _ => self.trusted.update_role(role, parent, bytes, self.now),
        }
    }

    fn take_kept(&mut self, role: &str, parent: &str, version: u64) -> Result<bool, Error> {
        self.storage.check_floor(role, version)?;
        let Some(kept) = self.kept.get(role).filter(|kept| kept.version == version) else { return Ok(false) };
        let bytes = kept.bytes.clone();
        Ok(self.take(role, parent, &bytes).is_ok())
    }

    async fn take_fetched(&mut self, role: &str, parent: &str, version: u64, bytes: Vec<u8>) -> Result<(), Error> {
        self.take(role, parent, &bytes)?;
        self.keep(role, version, bytes).await
    }

    /// Looks for a file through all delegations, in TUF's order (§5.6.7): depth first, no role twice, and not beyond
    /// a terminating delegation.
    pub(super) async fn find(&mut self, path: &str) -> Result<Option<HashedFile>, Error> {
        let mut ahead = vec![("targets".to_owned(), String::new())];
        let mut visited = BTreeSet::new();
        while let Some((role, parent)) = ahead.pop() {
            if visited.contains(&role) {
                continue;
            }
            if visited.len() == MAX_VISITED {
                break;
            }
            if role != "targets" {
                if self.trusted.has_role(&role) {
                    self.trusted.verify_role(&role, &parent, self.now)?;
                } else if self.role(&role, &parent).await?.is_none() {
                    continue;
                }
            }
            visited.insert(role.clone());
            if let Some(file) = self.trusted.file_of(&role, path)? {
                return Ok(Some(file));
            }
            let (next, ends) = self.trusted.next_roles(&role, path)?;
            if ends {
                ahead.clear();
            }
            ahead.extend(next.into_iter().rev().map(|child| (child, role.clone())));
        }
        Ok(None)
    }
}

/// Verifies what was kept, as of before it could expire.
fn replay(first_root: &[u8], kept: &BTreeMap<String, KeptMetadata>) -> Result<TrustedRepository, TrustError> {
    let root = kept.get("root").map_or(first_root, |root| &root.bytes);
    let mut trusted = TrustedRepository::from_root(root)?;
    replay_online(&mut trusted, kept)?;
    Ok(trusted)
}

fn replay_online(trusted: &mut TrustedRepository, kept: &BTreeMap<String, KeptMetadata>) -> Result<(), TrustError> {
    const BEFORE_IT_COULD_EXPIRE: UnixTime = 0;
    if let Some(timestamp) = kept.get("timestamp") {
        trusted.update_timestamp(&timestamp.bytes, BEFORE_IT_COULD_EXPIRE)?;
        if let Some(snapshot) = kept.get("snapshot").filter(|kept| trusted.wanted_snapshot() == Some(kept.version)) {
            trusted.update_snapshot(&snapshot.bytes, BEFORE_IT_COULD_EXPIRE)?;
        }
    }
    Ok(())
}
