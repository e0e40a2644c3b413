//! What counts: a file that is signed as what delegates to it asks, or asked when it was signed.

use super::*;

impl<S: RegistryStorage> Repository<S> {
    /// Whether timestamp and snapshot are signed by the newest root's keys.
    pub(super) fn online_holds(&self) -> Result<bool, PublishError> {
        self.online_holds_under(self.root.version)
    }

    /// Whether they are by an earlier root's.
    pub(super) fn online_held(&self) -> Result<bool, PublishError> {
        for version in (1..self.root.version).rev() {
            if self.online_holds_under(version)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn online_holds_under(&self, root: u64) -> Result<bool, PublishError> {
        let read = |path: String| self.storage.read(&path);
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

    /// Whether a role's file is signed as its delegation asks.
    pub(super) fn holds(&mut self, role: &str, version: u64) -> Result<Result<(), String>, PublishError> {
        let (signers, keys) = self.authority(role)?;
        let Some(file) = self.storage.read(&format!("metadata/{version}.{role}.json"))? else {
            return Ok(Err("the file is missing".to_owned()));
        };
        Ok(verify(&file, role, version, &signers, &keys))
    }

    /// The newest version of a role that holds; 0 if there is none.
    pub(super) fn newest(&mut self, role: &str) -> Result<u64, PublishError> {
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

    /// Every version of a role in the storage, oldest first.
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
    pub(super) fn has_held(&mut self, role: &str, version: u64) -> Result<bool, PublishError> {
        if let Some(known) = self.held.get(&(role.to_owned(), version)) {
            return Ok(*known);
        }
        let path = format!("metadata/{version}.{role}.json");
        let Some(file) = self.storage.read(&path)? else { return Ok(false) };
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
}

pub(super) fn verify(
    file: &[u8],
    role: &str,
    version: u64,
    signers: &Signers,
    keys: &BTreeMap<String, Value>,
) -> Result<(), String> {
    match signed_by::<Targets>(file, role, signers, keys).map(|targets| targets.version) {
        Ok(signed) if signed == version => Ok(()),
        Ok(signed) => Err(format!("it says that it is version {signed}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a snapshot's file is signed by its keys.
pub(super) fn is_signed(file: &[u8], signers: &Signers, keys: &BTreeMap<String, Value>) -> bool {
    signed_by::<Snapshot>(file, "snapshot", signers, keys).is_ok()
}

fn signed_by<T: Role + Clone>(
    file: &[u8],
    role: &str,
    signers: &Signers,
    keys: &BTreeMap<String, Value>,
) -> Result<T, Box<dyn std::error::Error>> {
    onecity_protocol::trust::install_ring();
    let metadata = Metadata::<T>::from_slice(file)?;
    let keys: BTreeMap<String, Key> = serde_json::from_value(serde_json::to_value(keys)?)?;
    let role_keys: RoleKeys = serde_json::from_value(serde_json::to_value(signers)?)?;
    metadata.verify_threshold(&keys, &role_keys, role)?;
    Ok(metadata.signed().clone())
}
