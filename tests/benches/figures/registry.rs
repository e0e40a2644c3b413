//! What it takes to sign and publish, for a province of 18 cities with 1,000 services each.

use std::sync::Arc;
use std::time::Instant;

use onecity_core::platform::{Clock, software};
use onecity_publisher::synthetic::{Size, province};
use onecity_publisher::{Folder, Lifetimes, RegistryStorage, Repository, Template, pack};

use crate::{Figure, median, micros, stated};

fn now() -> i64 {
    software::MachineClock::default().wall() / 1000
}

/// Signing all of its roles again: bounded by writing their JSON.
pub(crate) fn repository_sign() -> Figure {
    let (mut repository, ring) = province("cn-aa", Size::city_of_1000(18), now()).expect("a province");
    let units: Vec<_> = repository
        .tree()
        .expect("read")
        .iter()
        .filter_map(|role| onecity_protocol::region::UnitId::from_role(role))
        .collect();
    let times = (0..5).map(|_| {
        units.iter().for_each(|unit| repository.renew(unit).expect("a role"));
        let began = Instant::now();
        let signed = repository.sign(&ring, now(), &Lifetimes::default()).expect("signed");
        assert_eq!(signed.len(), units.len() + 2);
        began.elapsed()
    });
    stated("repository_sign", (micros(median(times.collect())) / 1e3).round(), "ms", None)
}

/// From a package to a registry in a folder that has it: reading what is needed, signing the unit's role, then snapshot
/// and timestamp.
pub(crate) fn publish_incremental() -> Figure {
    let folder = tempfile::tempdir().expect("a folder");
    let (repository, ring) = province("cn-aa", Size::city_of_1000(18), now()).expect("a province");
    let mut storage = Folder::to_write(folder.path(), || {}).expect("free");
    for (path, bytes) in repository.storage() {
        storage.write(path, Arc::clone(bytes)).expect("written");
    }
    drop(storage);
    let unit = "cn-aa/city-0/~department-0".parse().expect("a unit");
    let times = (1..=9).map(|version: u64| {
        let mut files = Template::Form.files("fresh", None).expect("a template");
        let manifest =
            String::from_utf8_lossy(&files["manifest.json"]).replace("\"code\": 1", &format!("\"code\": {version}"));
        files.insert("manifest.json".to_owned(), manifest.into_bytes());
        let package = pack(&files).expect("packed");
        let began = Instant::now();
        let mut opened = Repository::open(Folder::to_write(folder.path(), || {}).expect("free")).expect("opened");
        opened.publish(&unit, package, 100).expect("published");
        opened.sign(&ring, now(), &Lifetimes::default()).expect("signed");
        began.elapsed()
    });
    stated("publish_incremental", (micros(median(times.collect())) / 1e3).round(), "ms", None)
}
