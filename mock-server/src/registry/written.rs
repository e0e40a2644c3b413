//! What of the registry is in a state file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::{RegionId, UnitId};
use onecity_publisher::{Ingest, KeyRing, PublicKey, RepositoryFiles, SigningKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Kept, Published, Registry, SIGNED_EVERY, opened};
use crate::state::{self, Changes, Rows, StateError};

/// The parts of a state file that are the registry's: keys and times, files as they are and as they were at first, and what was
/// published.
const REPOSITORIES: &str = "repositories";
const FILES: &str = "files";
const FIRST_FILES: &str = "first-files";
const PUBLISHED: &str = "published";

/// A repository as a state file has it, without its files.
#[derive(Serialize, Deserialize)]
struct StoredRepository {
    keys: Vec<StoredKey>,
    /// As root metadata lists them.
    root: Vec<Value>,
    is_changed: bool,
    signed: UnixTime,
    root_signed: UnixTime,
}

#[derive(Serialize, Deserialize)]
struct StoredKey(#[serde(with = "state::bytes")] Vec<u8>);

/// What was published, as a state file has it.
#[derive(Serialize, Deserialize)]
struct StoredPublished {
    now: Vec<(UnitId, String, Published)>,
    first: Vec<(UnitId, String, Published)>,
}

/// What is not in the state file yet.
#[derive(Default)]
pub(super) struct Unwritten {
    pub repositories: BTreeSet<RegionId>,
    pub published: bool,
    /// The files that it has.
    pub files: BTreeMap<RegionId, RepositoryFiles>,
    pub first: BTreeSet<RegionId>,
}

impl Registry {
    /// Goes on with what a state file has, if it has a registry.
    pub(crate) fn restore(rows: &mut Rows, now: UnixTime) -> Result<Option<Self>, StateError> {
        let stored: Vec<(String, StoredRepository)> = rows.take_all(REPOSITORIES)?;
        if stored.is_empty() {
            return Ok(None);
        }
        let damaged = || StateError::Damaged(REPOSITORIES.to_owned());
        let (mut files, mut first) = (read_files(rows, FILES)?, read_files(rows, FIRST_FILES)?);
        let published: StoredPublished = rows.take_one(PUBLISHED)?.ok_or_else(damaged)?;
        let table = |all: Vec<(UnitId, String, Published)>| {
            all.into_iter().map(|(unit, service, own)| ((unit, service), own)).collect()
        };
        let mut registry = Self {
            repositories: BTreeMap::new(),
            files: BTreeMap::new(),
            past: BTreeMap::new(),
            looked_at: now - SIGNED_EVERY,
            published: table(published.now),
            published_first: table(published.first),
            unwritten: Unwritten::default(),
        };
        for (id, StoredRepository { keys, root, is_changed, signed, root_signed }) in stored {
            let id: RegionId = id.parse().map_err(|_| damaged())?;
            let keys = keys.iter().map(|StoredKey(pkcs8)| SigningKey::from_pkcs8(pkcs8));
            let ring = KeyRing::new(keys.collect::<Result<Vec<_>, _>>().map_err(|_| damaged())?);
            let root = root.into_iter().map(PublicKey::from_listed);
            let root = root.collect::<Result<Vec<_>, _>>().map_err(|_| damaged())?;
            let own = files.remove(&id).unwrap_or_default();
            let repository = opened(own.clone()).map_err(|_| damaged())?;
            if !first.contains_key(&id) {
                return Err(StateError::Damaged(FIRST_FILES.to_owned()));
            }
            let ingest = Ingest::default();
            let expired = Mutex::default();
            let kept = Kept { repository, ring, ingest, root, is_changed, signed, root_signed, expired };
            registry.past.entry(id.clone()).or_default().first = first.remove(&id).unwrap_or_default();
            registry.serve(&id, own.clone());
            registry.unwritten.files.insert(id.clone(), own);
            registry.unwritten.first.insert(id.clone());
            registry.repositories.insert(id, kept);
        }
        registry.unwritten.repositories.clear();
        Ok(Some(registry))
    }

    /// Whether there is something that a state file does not have yet.
    pub(crate) fn has_unwritten(&self) -> bool {
        self.unwritten.published || !self.unwritten.repositories.is_empty()
    }

    /// What a state file does not have yet.
    pub(crate) fn unwritten(&mut self, changes: &mut Changes) {
        let Self { repositories, past, published, published_first, unwritten, .. } = self;
        if std::mem::take(&mut unwritten.published) {
            let list = |all: &HashMap<(UnitId, String), Published>| {
                all.iter().map(|((unit, service), own)| (unit.clone(), service.clone(), own.clone())).collect()
            };
            changes.put(PUBLISHED, "", &StoredPublished { now: list(published), first: list(published_first) });
        }
        for id in std::mem::take(&mut unwritten.repositories) {
            let Some(own) = repositories.get(&id) else { continue };
            let stored = StoredRepository {
                keys: own.ring.iter().map(|key| StoredKey(key.pkcs8().to_vec())).collect(),
                root: own.root.iter().map(|key| key.listed().clone()).collect(),
                is_changed: own.is_changed,
                signed: own.signed,
                root_signed: own.root_signed,
            };
            changes.put(REPOSITORIES, id.as_str(), &stored);
            let files = own.repository.storage().clone();
            let before = unwritten.files.insert(id.clone(), files.clone()).unwrap_or_default();
            write_files(changes, FILES, &id, &before, &files);
            if unwritten.first.insert(id.clone())
                && let Some(past) = past.get(&id)
            {
                write_files(changes, FIRST_FILES, &id, &RepositoryFiles::new(), &past.first);
            }
        }
    }
}

/// Where a file of a repository is in a state file.
fn place(id: &RegionId, path: &str) -> String {
    format!("{id} {path}")
}

fn write_files(changes: &mut Changes, part: &str, id: &RegionId, before: &RepositoryFiles, files: &RepositoryFiles) {
    let is_new = |(path, bytes): &(&String, &Arc<[u8]>)| {
        before.get(*path).is_none_or(|before| !Arc::ptr_eq(before, bytes) && before != *bytes)
    };
    for (path, bytes) in files.iter().filter(is_new) {
        changes.put_piece(part, &place(id, path), 0, bytes.to_vec());
    }
    for path in before.keys().filter(|path| !files.contains_key(*path)) {
        changes.remove(part, &place(id, path));
    }
}

fn read_files(rows: &mut Rows, part: &str) -> Result<BTreeMap<RegionId, RepositoryFiles>, StateError> {
    let damaged = || StateError::Damaged(part.to_owned());
    let mut all: BTreeMap<RegionId, RepositoryFiles> = BTreeMap::new();
    for (place, mut pieces) in rows.take(part) {
        let (id, path) = place.split_once(' ').ok_or_else(damaged)?;
        let (_, bytes) = pieces.pop().ok_or_else(damaged)?;
        all.entry(id.parse().map_err(|_| damaged())?).or_default().insert(path.to_owned(), bytes.into());
    }
    Ok(all)
}
