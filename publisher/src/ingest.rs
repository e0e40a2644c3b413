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
use onecity_protocol::limits::PUBLISHER_WAITING_BYTES;
use onecity_protocol::package::Package;
use onecity_protocol::region::UnitId;
use onecity_protocol::rules::Finding;

use crate::repository::{ListedTarget, PublishError, RegistryStorage, Repository, is_wanted_file};

/// Most roles that may have something on its way at once, of one publisher and of all; the oldest gives way.
const MAX_PENDING_OF_ONE: usize = 32;
const MAX_PENDING: usize = 256;
/// Most bytes of files of all publishers that may wait for the rest of their release; beyond that uploads of publishers
/// that use more than an equal share begin again.
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
    #[error("{role} sends more than {most} bytes at once: publish fewer services at a time")]
    TooMuch { role: String, most: usize },
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
        self.file.len() + self.arrived.values().map(|file| file.len()).sum::<usize>()
    }

    fn publisher(&self) -> Option<UnitId> {
        publisher(&self.role)
    }
}

/// Bytes of files that may wait for the rest of their release.
#[derive(Debug, Clone, Copy)]
struct Room {
    /// Of one publisher.
    publisher: usize,
    /// Of all together.
    all: usize,
}

/// What is on its way into one repository.
pub struct Ingest {
    /// By the path of the metadata; a role has one at most.
    pending: BTreeMap<String, Pending>,
    room: Room,
}

impl Default for Ingest {
    fn default() -> Self {
        Self { pending: BTreeMap::new(), room: Room { publisher: PUBLISHER_WAITING_BYTES, all: MAX_WAITING } }
    }
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
        if pending.waiting() + bytes.len() > self.room.publisher {
            return Err(IngestError::TooMuch { role: pending.role.clone(), most: self.room.publisher });
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
        let publisher = pending.publisher();
        if self.pending.values().filter(|other| other.publisher() == publisher).count() >= MAX_PENDING_OF_ONE {
            self.drop_oldest(|other| other.publisher() == publisher);
        }
        if self.pending.len() >= MAX_PENDING {
            self.drop_beyond_share(MAX_PENDING, |_| 1, |_| true);
        }
        self.pending.insert(path.to_owned(), pending);
        self.make_room(path);
        self.finish(repository, path, now)
    }

    /// Lets the uploads that were heard of longest ago go until the others fit: first the sender's own, then those
    /// of publishers that use more than their share.
    fn make_room(&mut self, name: &str) {
        let sender = self.pending.get(name).and_then(Pending::publisher);
        let role = self.pending.get(name).map(|pending| pending.role.clone()).unwrap_or_default();
        let sum = |all: &BTreeMap<String, Pending>, of: &dyn Fn(&Pending) -> bool| -> usize {
            all.values().filter(|pending| of(pending)).map(Pending::waiting).sum()
        };
        let own = |pending: &Pending| pending.publisher() == sender;
        while sum(&self.pending, &own) > self.room.publisher
            && self.drop_oldest(|pending| own(pending) && pending.role != role)
        {}
        while sum(&self.pending, &|_| true) > self.room.all
            && self.drop_beyond_share(self.room.all, Pending::waiting, |pending| pending.role != role)
        {}
    }

    /// Lets the upload go that was heard of longest ago, of the publishers that use more than an equal share of the room, or
    /// else of all.
    fn drop_beyond_share(&mut self, room: usize, size: fn(&Pending) -> usize, may: impl Fn(&Pending) -> bool) -> bool {
        let mut sizes: BTreeMap<Option<UnitId>, usize> = BTreeMap::new();
        for pending in self.pending.values() {
            *sizes.entry(pending.publisher()).or_default() += size(pending);
        }
        let share = room / sizes.len().max(1);
        let beyond = |pending: &Pending| may(pending) && sizes[&pending.publisher()] > share;
        self.drop_oldest(beyond) || self.drop_oldest(&may)
    }

    /// Lets the upload go that was heard of longest ago, of those that may; answers whether there was one.
    fn drop_oldest(&mut self, may: impl Fn(&Pending) -> bool) -> bool {
        let others = self.pending.iter().filter(|(_, pending)| may(pending));
        let oldest = others.min_by_key(|(_, pending)| pending.heard).map(|(path, _)| path.clone());
        oldest.is_some_and(|oldest| self.pending.remove(&oldest).is_some())
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

/// Whose a role is; none for the first-level region's own.
fn publisher(role: &str) -> Option<UnitId> {
    UnitId::from_role(role).and_then(|unit| unit.publisher())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Holders, KeyRing, Lifetimes, Overlay, RepositoryFiles, Template, pack};

    const NOW: i64 = 1_800_000_000;

    /// A province that delegates to these cities, what each of them has signed and not sent yet.
    struct Kit {
        repository: Repository<RepositoryFiles>,
        ring: KeyRing,
    }

    impl Kit {
        fn new(cities: &[&str]) -> Self {
            let mut ring = KeyRing::default();
            let mut key = || ring.generate().expect("a key");
            let root = vec![key()];
            let holders = Holders { root, root_threshold: 1, targets: key(), snapshot: key(), timestamp: key() };
            let (id, files, lifetimes) =
                ("cn-sd".parse().expect("an id"), RepositoryFiles::new(), Lifetimes::default());
            let mut repository = Repository::create(id, files, &holders, &ring, NOW, &lifetimes).expect("created");
            for city in cities {
                let key = ring.generate().expect("a key");
                repository.delegate(&city.parse().expect("a unit"), &[key], 1).expect("delegated");
            }
            repository.sign(&ring, NOW, &lifetimes).expect("signed");
            Self { repository, ring }
        }

        /// What a city signs and sends to publish these services.
        fn signs(&self, city: &str, services: &[&str]) -> RepositoryFiles {
            let mut apart = Repository::open(Overlay::new(self.repository.storage().clone())).expect("opened");
            for service in services {
                let package = pack(&Template::Pages.files(service, None).expect("a template")).expect("packed");
                apart.publish(&city.parse().expect("a unit"), package, 100).expect("published");
            }
            apart.sign(&self.ring, NOW + 1, &Lifetimes::default()).expect("signed");
            apart.into_storage().into_fresh()
        }
    }

    fn wanted(taken: Result<Ingested, IngestError>) -> Vec<String> {
        match taken {
            Ok(Ingested::Wanted(wanted)) => wanted,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_upload_that_rests_for_an_hour_begins_again_and_keeps_nobody_out() {
        let mut kit = Kit::new(&["cn-sd/jinan"]);
        let (sent, metadata) = (kit.signs("cn-sd/jinan", &["hours"]), "metadata/1.cn-sd.jinan.json");
        let mut ingest = Ingest::default();
        let mut take = |path: &str, now| ingest.take(&mut kit.repository, path, Arc::clone(&sent[path]), now);
        let all = wanted(take(metadata, NOW));
        assert_eq!(wanted(take(&all[0], NOW + MAX_IDLE - 1)), all[1..], "it goes on");
        let late = take(&all[1], NOW + 2 * MAX_IDLE);
        assert!(matches!(late, Err(IngestError::NotWanted(_))), "{late:?}");
        assert_eq!(wanted(take(metadata, NOW + 2 * MAX_IDLE)), all, "from the beginning");
        // A clock that was set back keeps nothing either.
        assert!(matches!(take(&all[0], NOW), Err(IngestError::NotWanted(_))));
    }

    #[test]
    fn an_unfinished_release_takes_no_room_from_another_city_and_too_large_a_one_is_refused() {
        let mut kit = Kit::new(&["cn-sd/jinan", "cn-sd/qingdao", "cn-sd/zibo"]);
        let cities = ["jinan", "qingdao", "zibo"].map(|city| {
            let sent = kit.signs(&format!("cn-sd/{city}"), &["hours", "news"]);
            (format!("metadata/1.cn-sd.{city}.json"), sent)
        });
        let one = cities[0].1.iter().filter(|(path, _)| path.ends_with(".ma")).map(|(_, bytes)| bytes.len()).max();
        let one = one.expect("a package");
        let listing = cities[0].1[&cities[0].0].len() + 100;
        // Room for two packages in all, and for one and a half of a publisher; and for what lists them.
        let room = Room { publisher: one * 3 / 2 + listing, all: one * 2 + 3 * listing };
        let mut ingest = Ingest { room, ..Ingest::default() };
        let mut take = |(metadata, sent): &(String, RepositoryFiles), path: Option<&str>, now| {
            let path = path.unwrap_or(metadata);
            ingest.take(&mut kit.repository, path, Arc::clone(&sent[path]), now)
        };
        let mut packages = Vec::new();
        for (at, city) in (0..).zip(&cities) {
            let all = wanted(take(city, None, NOW + at));
            let mut own = all.into_iter().filter(|path| path.ends_with(".ma"));
            let first = own.next().expect("a package");
            wanted(take(city, Some(&first), NOW + at));
            packages.push((first, own.next().expect("another")));
        }
        let second = take(&cities[2], Some(&packages[2].1), NOW + 3);
        assert!(matches!(second, Err(IngestError::TooMuch { .. })), "{second:?}");
        // The first city's had to go, the second's is there.
        assert!(matches!(take(&cities[0], Some(&packages[0].1), NOW + 3), Err(IngestError::NotWanted(_))));
        assert!(!wanted(take(&cities[1], None, NOW + 3)).contains(&packages[1].0));
        assert!(wanted(take(&cities[0], None, NOW + 3)).contains(&packages[0].0), "it starts again");
    }

    #[test]
    fn who_uses_more_than_an_equal_share_gives_way_and_not_who_is_slow() {
        let mut kit = Kit::new(&["cn-sd/jinan", "cn-sd/qingdao", "cn-sd/zibo"]);
        let sent = ["jinan", "qingdao", "zibo"].map(|city| {
            (format!("metadata/1.cn-sd.{city}.json"), kit.signs(&format!("cn-sd/{city}"), &["a", "b", "c"]))
        });
        let packages = sent.each_ref().map(|(_, files)| {
            let paths = files.keys().filter(|path| path.ends_with(".ma"));
            paths.cloned().collect::<Vec<String>>()
        });
        let one = sent.iter().flat_map(|(_, files)| files.values()).map(|file| file.len()).max().expect("files");
        let listing = sent[0].1[&sent[0].0].len() + 100;
        let room = Room { publisher: usize::MAX, all: one * 3 + 3 * listing };
        let mut ingest = Ingest { room, ..Ingest::default() };
        let mut take = |city: usize, path: &str, now| {
            ingest.take(&mut kit.repository, path, Arc::clone(&sent[city].1[path]), now).map(drop)
        };
        let mut sends = |city: usize, count: usize, now| {
            take(city, &sent[city].0, now).expect("signed");
            for path in &packages[city][..count] {
                take(city, path, now).expect("wanted");
            }
        };
        // Jinan is slow and has little there; Qingdao is quick and has much; Zibo comes last.
        sends(0, 1, NOW);
        sends(1, 2, NOW + 60);
        sends(2, 1, NOW + 120);
        take(0, &packages[0][1], NOW + 180).expect("the slow one goes on");
        assert!(
            matches!(take(1, &packages[1][2], NOW + 180), Err(IngestError::NotWanted(_))),
            "the large one begins again"
        );
    }

    #[test]
    fn one_version_is_taken_in_once_and_never_with_other_bytes() {
        let mut kit = Kit::new(&["cn-sd/jinan"]);
        let mut ingest = Ingest::default();
        let sent = kit.signs("cn-sd/jinan", &["hours"]);
        let mut take = |path: &str| ingest.take(&mut kit.repository, path, Arc::clone(&sent[path]), NOW);
        let all = wanted(take("metadata/1.cn-sd.jinan.json"));
        let last = all.iter().map(|path| take(path).expect("what was listed")).last();
        assert!(matches!(last, Some(Ingested::Complete { version: 1, .. })), "{last:?}");
        // The same version code, another hash, signed by the city's own key.
        let file: serde_json::Value = serde_json::from_slice(&sent["metadata/1.cn-sd.jinan.json"]).expect("JSON");
        let mut signed = file["signed"].clone();
        signed["version"] = 2.into();
        signed["targets"]["cn-sd/jinan/hours/1.ma"]["hashes"]["sha256"] = "0".repeat(64).into();
        let again = kit.ring.sign_as_any(&signed, &file["signatures"]).expect("signed");
        let refused = ingest.take(&mut kit.repository, "metadata/2.cn-sd.jinan.json", again, NOW).expect_err("refused");
        assert!(refused.to_string().contains("a change is a new version"), "{refused}");
    }

    #[test]
    fn what_broke_off_goes_on_where_it_was_and_nothing_is_taken_that_nobody_listed() {
        let mut kit = Kit::new(&["cn-sd/jinan"]);
        let sent = kit.signs("cn-sd/jinan", &["hours"]);
        let repository = &mut kit.repository;

        let mut ingest = Ingest::default();
        let metadata = "metadata/1.cn-sd.jinan.json";
        let first = ingest.take(repository, metadata, Arc::clone(&sent[metadata]), NOW).expect("signed by the city");
        let Ingested::Wanted(wanted) = first else { panic!("{first:?}") };
        assert_eq!(wanted.len(), 2, "the package and the icon: {wanted:?}");
        let other = ingest.take(repository, "targets/cn-sd/jinan/x.ma", Arc::from(&b"x"[..]), NOW);
        assert!(matches!(other, Err(IngestError::NotWanted(_))));
        let wrong = ingest.take(repository, &wanted[0], Arc::from(&b"x"[..]), NOW);
        assert!(matches!(wrong, Err(IngestError::WrongFile(_))));
        let one = ingest.take(repository, &wanted[0], Arc::clone(&sent[&wanted[0]]), NOW).expect("what was listed");
        assert_eq!(one, Ingested::Wanted(vec![wanted[1].clone()]));
        // The connection broke off: the sender starts again, and need not send the first file again.
        let again = ingest.take(repository, metadata, Arc::clone(&sent[metadata]), NOW).expect("the same");
        assert_eq!(again, Ingested::Wanted(vec![wanted[1].clone()]));
        assert!(repository.storage().get(metadata).is_none(), "nothing is published before all of it is there");
        let last = ingest.take(repository, &wanted[1], Arc::clone(&sent[&wanted[1]]), NOW).expect("the rest");
        assert_eq!(last, Ingested::Complete { role: "cn-sd.jinan".to_owned(), version: 1 });
        let late = ingest.take(repository, metadata, Arc::clone(&sent[metadata]), NOW);
        assert!(matches!(late, Err(IngestError::Publish(_))), "it is there already");
    }
}
