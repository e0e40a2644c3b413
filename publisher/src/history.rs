//! Who published what: read from the registry itself, whose metadata are kept for ever and signed.

use std::collections::BTreeMap;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::UnitId;
use onecity_protocol::trust::{CatalogueEntry, Takedown, Withdrawn};

use crate::repository::{PublishError, RegistryStorage, Repository, RoleDraft};

/// One signed step of one role.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When it was signed, by its signer's clock.
    pub signed: UnixTime,
    /// Whose step it is.
    pub role: String,
    /// The version of the role's metadata.
    pub version: u64,
    /// The ids of the keys that signed it.
    pub keys: Vec<String>,
    /// Whether it is signed as what delegates to the role asks.
    pub verified: bool,
    /// What it changed, in words.
    pub changes: Vec<String>,
}

/// Every step of the root and of every role that there is or was, oldest first.
pub fn history<S: RegistryStorage>(repository: &mut Repository<S>) -> Result<Vec<Entry>, PublishError> {
    let mut all = Vec::new();
    let mut keys_before = BTreeMap::new();
    for version in repository.history("root") {
        let (root, keys) = repository.past_root(version)?;
        let is: BTreeMap<String, Vec<String>> =
            root.roles.iter().map(|(role, own)| (role.clone(), own.keyids.clone())).collect();
        let other =
            is.iter().filter(|(role, keys)| keys_before.get(*role) != Some(*keys)).map(|(role, _)| role.clone());
        let words = if version == 1 {
            "begun".to_owned()
        } else {
            format!("other keys for {}", other.collect::<Vec<_>>().join(", "))
        };
        let signed = root.signed.unwrap_or_default();
        all.push(Entry { signed, role: "root".to_owned(), version, keys, verified: true, changes: vec![words] });
        keys_before = is;
    }
    for role in repository.all_roles() {
        let mut before = RoleDraft::empty();
        for version in repository.history(&role) {
            let (draft, keys, verified) = repository.past(&role, version)?;
            let changes = changes(&before, &draft);
            all.push(Entry { signed: draft.signed, role: role.clone(), version, keys, verified, changes });
            before = draft;
        }
    }
    // Within a second, the one who delegates comes before those they delegate to.
    let depth = |role: &str| if role == "root" { 0 } else { 1 + role.matches('.').count() };
    all.sort_by_key(|entry: &Entry| (entry.signed, depth(&entry.role), entry.role.clone(), entry.version));
    Ok(all)
}

fn changes(before: &RoleDraft, after: &RoleDraft) -> Vec<String> {
    let mut said = Vec::new();
    for (path, target) in &after.targets {
        let named = release_name(path);
        if let Some(service) = taken_down(path) {
            if before.targets.get(path) != Some(target) {
                said.push(format!("took down {service}: {}", reason(target.custom.as_ref())));
            }
            continue;
        }
        let entry = entry_of(target.custom.as_ref());
        match before.targets.get(path) {
            None => said.push(match &entry {
                Some(entry) if entry.rollout.percent < 100 => {
                    format!("published {named} to {} %", entry.rollout.percent)
                }
                _ => format!("published {named}"),
            }),
            Some(old) if old.hashes != target.hashes => said.push(format!("replaced {named}")),
            Some(old) => {
                if let (Some(was), Some(is)) = (entry_of(old.custom.as_ref()), entry) {
                    said.extend(entry_changes(&named, &was, &is));
                }
            }
        }
    }
    let gone = before.targets.keys().filter(|path| !after.targets.contains_key(*path));
    said.extend(gone.map(|path| match taken_down(path) {
        Some(service) => format!("lifted the takedown of {service}"),
        None => format!("no longer lists {}", release_name(path)),
    }));
    let delegates = |draft: &RoleDraft| -> BTreeMap<String, Vec<String>> {
        let all = draft.delegations.iter().flat_map(|all| &all.roles);
        all.map(|role| (role.name.clone(), role.signers.keyids.clone())).collect()
    };
    let (was, is) = (delegates(before), delegates(after));
    for (role, keys) in &is {
        match was.get(role) {
            None => said.push(format!("delegated to {}", unit_name(role))),
            Some(old) if old != keys => said.push(format!("gave {} other keys", unit_name(role))),
            Some(_) => {}
        }
    }
    said.extend(was.keys().filter(|role| !is.contains_key(*role)).map(|role| format!("withdrew {}", unit_name(role))));
    if said.is_empty() {
        said.push("signed again".to_owned());
    }
    said
}

fn entry_changes(named: &str, was: &CatalogueEntry, is: &CatalogueEntry) -> Vec<String> {
    let mut said = Vec::new();
    if was.rollout.percent != is.rollout.percent {
        said.push(format!("{named}: {} % to {} %", was.rollout.percent, is.rollout.percent));
    }
    if was.rollout.paused != is.rollout.paused {
        said.push(format!("{named}: {}", if is.rollout.paused { "paused" } else { "goes on" }));
    }
    if was.rollout.invited.len() < is.rollout.invited.len() {
        said.push(format!("{named}: an invitation more"));
    }
    if let (None, Some(withdrawn)) = (&was.withdrawn, &is.withdrawn) {
        said.push(format!("withdrew {named}: {}", withdrawn.reason.best(&["en".to_owned()])));
    }
    said
}

fn entry_of(custom: Option<&serde_json::Value>) -> Option<CatalogueEntry> {
    serde_json::from_value(custom?.clone()).ok()
}

/// The service that a path takes down.
fn taken_down(path: &str) -> Option<&str> {
    Takedown::is_path(path).then(|| path.rsplit_once('/').map_or(path, |(service, _)| service))
}

fn reason(custom: Option<&serde_json::Value>) -> String {
    let withdrawn = custom.and_then(|custom| serde_json::from_value::<Withdrawn>(custom.clone()).ok());
    withdrawn.map(|withdrawn| withdrawn.reason.best(&["en".to_owned()]).to_owned()).unwrap_or_default()
}

/// `report 3` for `cn-sd/jinan/report/3.ma`; other files by their path.
fn release_name(path: &str) -> String {
    let named = path.strip_suffix(".ma").and_then(|path| {
        let mut parts = path.rsplit('/');
        let (version, app_id) = (parts.next()?, parts.next()?);
        Some(format!("{app_id} {version}"))
    });
    named.unwrap_or_else(|| path.to_owned())
}

fn unit_name(role: &str) -> String {
    UnitId::from_role(role).map_or_else(|| role.to_owned(), |unit| unit.to_string())
}
