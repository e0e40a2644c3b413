//! Taking in what a city sends: first the role's metadata, whose signature says that it may; then the files that these
//! list, and no others; when all are there, snapshot and timestamp are signed.
//!
//! ```text
//!   PUT metadata/8.cn-sd.jinan.json   signed by Jinan? the next version?     202, with the paths that are wanted
//!   PUT targets/cn-sd/jinan/…         wanted, with this hash and length?     204; the last one: 201, it is published
//! ```
//!
//! A sender whose connection broke off starts again and is told what is still wanted.

use std::collections::BTreeMap;
use std::sync::Arc;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::package::Package;
use onecity_protocol::rules::Finding;

use crate::repository::{ListedTarget, PublishError, RegistryStorage, Repository, is_wanted_file};

/// Most roles that may have something on its way at once; the oldest gives way.
const MAX_PENDING: usize = 256;
/// Most bytes of files that may wait for the rest of their release, of one role and of all together; beyond that the
/// uploads that were heard of longest ago begin again.
const MAX_ROLE_WAITING: usize = 128 << 20;
const MAX_WAITING: usize = 512 << 20;
/// How long an upload may rest, in seconds.
const MAX_IDLE: i64 = 3600;

/// Why something was not taken in.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum IngestError {
    #[error("{0}: metadata are sent as metadata/VERSION.ROLE.json")]
    Name(String),
    #[error("{0} is not wanted: send the metadata that list it first")]
    NotWanted(String),
    #[error("{0}: not the file that the metadata list")]
    WrongFile(String),
    #[error("{path}: the package: {finding}")]
    Package { path: String, finding: Finding },
    #[error("{role} sends more than {MAX_ROLE_WAITING} bytes at once: publish fewer services at a time")]
    TooMuch { role: String },
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// What became of something that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ingested {
    /// It is good; these files are wanted still.
    Wanted(Vec<String>),
    /// All is there: the role is part of the repository, for the next snapshot to name.
    Complete {
        /// Which role.
        role: String,
        /// Which version of it.
        version: u64,
    },
}

struct Pending {
    /// When its sender was last heard of.
    heard: UnixTime,
    role: String,
    file: Arc<[u8]>,
    wanted: BTreeMap<String, Option<ListedTarget>>,
    arrived: BTreeMap<String, Arc<[u8]>>,
}

impl Pending {
    /// How many bytes wait for the rest of their release.
    fn waiting(&self) -> usize {
        self.arrived.values().map(|file| file.len()).sum()
    }
}

/// What is on its way into one repository.
#[derive(Default)]
pub struct Ingest {
    /// By the path of the metadata; a role has one at most.
    pending: BTreeMap<String, Pending>,
}

impl Ingest {
    /// Takes a file that was sent to `path`.
    pub fn take<S: RegistryStorage + Clone>(
        &mut self,
        repository: &mut Repository<S>,
        path: &str,
        bytes: Arc<[u8]>,
        now: UnixTime,
    ) -> Result<Ingested, IngestError> {
        // An upload that nobody goes on with must not keep others out.
        self.pending.retain(|_, pending| (0..MAX_IDLE).contains(&(now - pending.heard)));
        if path.starts_with("metadata/") {
            return self.take_metadata(repository, path, bytes, now);
        }
        let found = self.pending.iter_mut().find(|(_, pending)| pending.wanted.contains_key(path));
        let (name, pending) = found.ok_or_else(|| IngestError::NotWanted(path.to_owned()))?;
        let target = pending.wanted[path].clone();
        if !is_wanted_file(path, target.as_ref(), &bytes) {
            return Err(IngestError::WrongFile(path.to_owned()));
        }
        if path.ends_with(".ma") {
            let opened = Package::open(Arc::clone(&bytes));
            opened.map_err(|finding| IngestError::Package { path: path.to_owned(), finding })?;
        }
        if pending.waiting() + bytes.len() > MAX_ROLE_WAITING {
            return Err(IngestError::TooMuch { role: pending.role.clone() });
        }
        pending.heard = now;
        pending.wanted.remove(path);
        pending.arrived.insert(path.to_owned(), bytes);
        let name = name.clone();
        self.make_room(&name);
        self.finish(repository, &name, now)
    }

    fn take_metadata<S: RegistryStorage + Clone>(
        &mut self,
        repository: &mut Repository<S>,
        path: &str,
        file: Arc<[u8]>,
        now: UnixTime,
    ) -> Result<Ingested, IngestError> {
        let wrong_name = || IngestError::Name(path.to_owned());
        let name = path.strip_prefix("metadata/").and_then(|name| name.strip_suffix(".json")).ok_or_else(wrong_name)?;
        let (version, role) = name.split_once('.').ok_or_else(wrong_name)?;
        version.parse::<u64>().map_err(|_| wrong_name())?;
        // On a copy: nothing is written before everything is there.
        let mut trial = Repository::open(crate::Overlay::new(repository.storage().clone()))?;
        if trial.accept(role, &file, now)?.to_string() != version {
            return Err(wrong_name());
        }
        let wanted: BTreeMap<String, Option<ListedTarget>> = repository.wanted(role, &file)?.into_iter().collect();
        let mut pending =
            Pending { heard: now, role: role.to_owned(), file: Arc::clone(&file), wanted, arrived: BTreeMap::new() };
        // Sent again after a break: what had arrived need not come twice.
        if let Some(before) = self.pending.remove(path).filter(|before| before.file == file) {
            pending.wanted.retain(|path, _| !before.arrived.contains_key(path));
            pending.arrived = before.arrived;
        }
        self.pending.retain(|_, other| other.role != role);
        if self.pending.len() >= MAX_PENDING
            && let Some(oldest) = self.pending.iter().min_by_key(|(_, other)| other.heard).map(|(path, _)| path.clone())
        {
            self.pending.remove(&oldest);
        }
        self.pending.insert(path.to_owned(), pending);
        self.finish(repository, path, now)
    }

    /// Lets the uploads that were heard of longest ago go until the others fit.
    fn make_room(&mut self, name: &str) {
        while self.pending.values().map(Pending::waiting).sum::<usize>() > MAX_WAITING {
            let others = self.pending.iter().filter(|(other, pending)| *other != name && pending.waiting() > 0);
            let Some(oldest) = others.min_by_key(|(_, pending)| pending.heard).map(|(path, _)| path.clone()) else {
                return;
            };
            self.pending.remove(&oldest);
        }
    }

    fn finish<S: RegistryStorage>(
        &mut self,
        repository: &mut Repository<S>,
        name: &str,
        now: UnixTime,
    ) -> Result<Ingested, IngestError> {
        let pending = &self.pending[name];
        if !pending.wanted.is_empty() {
            return Ok(Ingested::Wanted(pending.wanted.keys().cloned().collect()));
        }
        let Some(Pending { role, file, arrived, .. }) = self.pending.remove(name) else {
            return Err(IngestError::NotWanted(name.to_owned()));
        };
        repository.put_files(arrived)?;
        let version = repository.accept(&role, &file, now)?;
        // Whatever else was on its way for this role was signed over what is no longer the newest.
        self.pending.retain(|_, pending| pending.role != role);
        Ok(Ingested::Complete { role, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Holders, KeyRing, Lifetimes, Overlay, RepositoryFiles, Template, pack};

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn what_broke_off_goes_on_where_it_was_and_nothing_is_taken_that_nobody_listed() {
        let mut ring = KeyRing::default();
        let mut key = || ring.generate().expect("a key");
        let (root, city) = (vec![key()], key());
        let holders = Holders { root, root_threshold: 1, targets: key(), snapshot: key(), timestamp: key() };
        let (id, files, lifetimes) = ("cn-sd".parse().expect("an id"), RepositoryFiles::new(), Lifetimes::default());
        let mut repository = Repository::create(id, files, &holders, &ring, NOW, &lifetimes).expect("created");
        let unit = "cn-sd/jinan".parse().expect("a unit");
        repository.delegate(&unit, &[city], 1).expect("delegated");
        repository.sign(&ring, NOW, &lifetimes).expect("signed");
        let mut apart = Repository::open(Overlay::new(repository.storage().clone())).expect("opened");
        let package = pack(&Template::Pages.files("hours", None).expect("a template")).expect("packed");
        apart.publish(&unit, package, 100).expect("published");
        apart.sign(&ring, NOW + 1, &lifetimes).expect("signed");
        let sent = apart.into_storage().into_fresh();

        let mut ingest = Ingest::default();
        let metadata = "metadata/1.cn-sd.jinan.json";
        let first =
            ingest.take(&mut repository, metadata, Arc::clone(&sent[metadata]), NOW).expect("signed by the city");
        let Ingested::Wanted(wanted) = first else { panic!("{first:?}") };
        assert_eq!(wanted.len(), 2, "the package and the icon: {wanted:?}");
        let other = ingest.take(&mut repository, "targets/cn-sd/jinan/x.ma", Arc::from(&b"x"[..]), NOW);
        assert!(matches!(other, Err(IngestError::NotWanted(_))));
        let wrong = ingest.take(&mut repository, &wanted[0], Arc::from(&b"x"[..]), NOW);
        assert!(matches!(wrong, Err(IngestError::WrongFile(_))));
        let one =
            ingest.take(&mut repository, &wanted[0], Arc::clone(&sent[&wanted[0]]), NOW).expect("what was listed");
        assert_eq!(one, Ingested::Wanted(vec![wanted[1].clone()]));
        // The connection broke off: the sender starts again, and need not send the first file again.
        let again = ingest.take(&mut repository, metadata, Arc::clone(&sent[metadata]), NOW).expect("the same");
        assert_eq!(again, Ingested::Wanted(vec![wanted[1].clone()]));
        assert!(repository.storage().get(metadata).is_none(), "nothing is published before all of it is there");
        let last = ingest.take(&mut repository, &wanted[1], Arc::clone(&sent[&wanted[1]]), NOW).expect("the rest");
        assert_eq!(last, Ingested::Complete { role: "cn-sd.jinan".to_owned(), version: 1 });
        let late = ingest.take(&mut repository, metadata, Arc::clone(&sent[metadata]), NOW);
        assert!(matches!(late, Err(IngestError::Publish(_))), "it is there already");
    }
}
