//! Metadata that a city or a registry signs though it should not: by hand, with its own keys.

use std::sync::Arc;

use onecity_publisher::{Lifetimes, Overlay, Repository, RepositoryFiles};
use serde_json::Value;

use crate::server::{Registry, now};

/// The newest version of a role among the files that are served, and its file.
pub(crate) fn newest(files: &RepositoryFiles, name: &str) -> (u64, Value) {
    let versions =
        files.keys().filter_map(|path| path.strip_prefix("metadata/")?.strip_suffix(&format!(".{name}.json")));
    let newest = versions.filter_map(|version| version.parse::<u64>().ok()).max().expect("a role");
    (newest, serde_json::from_slice(&files[&format!("metadata/{newest}.{name}.json")]).expect("JSON"))
}

/// The next version of a file, changed and signed by its own keys, whatever that is.
pub(crate) fn next(registry: &Registry, mut file: Value, change: impl FnOnce(&mut Value)) -> Arc<[u8]> {
    let mut signed = file["signed"].take();
    signed["version"] = (signed["version"].as_u64().expect("a version") + 1).into();
    change(&mut signed);
    registry.ring.sign_as_any(&signed, &file["signatures"]).expect("signed")
}

/// The province's repository with one more thing signed into a role by its own key, whatever that is.
pub(crate) fn signed_by(registry: &Registry, name: &str, change: impl FnOnce(&mut Value)) -> RepositoryFiles {
    let files = registry.files();
    let (version, role) = newest(&files, name);
    let mut opened = Repository::open(Overlay::new(files)).expect("opened");
    opened.put_metadata(name, version + 1, next(registry, role, change)).expect("put");
    opened.sign(&registry.ring, now(), &Lifetimes::default()).expect("signed");
    let mut all = registry.files();
    all.extend(opened.into_storage().into_fresh());
    all
}

/// The same from a registry whose snapshot takes in whatever is there.
pub(crate) fn signed_unseen(registry: &Registry, name: &str, change: impl FnOnce(&mut Value)) -> RepositoryFiles {
    let mut files = registry.files();
    let (version, role) = newest(&files, name);
    files.insert(format!("metadata/{}.{name}.json", version + 1), next(registry, role, change));
    let (before, snapshot) = newest(&files, "snapshot");
    let snapshot = next(registry, snapshot, |signed| {
        signed["meta"][format!("{name}.json")] = serde_json::json!({ "version": version + 1 });
    });
    files.insert(format!("metadata/{}.snapshot.json", before + 1), snapshot);
    let timestamp = serde_json::from_slice(&files["metadata/timestamp.json"]).expect("JSON");
    let timestamp = next(registry, timestamp, |signed| {
        signed["meta"]["snapshot.json"] = serde_json::json!({ "version": before + 1 });
    });
    files.insert("metadata/timestamp.json".to_owned(), timestamp);
    files
}

pub(crate) fn signed_by_jinan(registry: &Registry, change: impl FnOnce(&mut Value)) -> RepositoryFiles {
    signed_by(registry, "cn-sd.jinan", change)
}
