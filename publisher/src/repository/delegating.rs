//! Who holds which role: delegations to units, and the keys of the root and of the roles that it names.

use super::*;

impl<S: RegistryStorage> Repository<S> {
    /// Gives a unit of this region a role with keys of its own, or other keys than it had. The nearest unit above
    /// that has a role delegates: a city to its departments and districts, the province to its cities and circles.
    /// Answers the role that now must be signed.
    pub fn delegate(&mut self, unit: &UnitId, keys: &[PublicKey], threshold: usize) -> Result<String, PublishError> {
        if !self.root.region.covers(unit.region()) || unit.role() == "targets" {
            return Err(PublishError::Foreign { unit: unit.clone(), repository: self.root.region.clone() });
        }
        let distinct: BTreeSet<&str> = keys.iter().map(PublicKey::id).collect();
        if threshold == 0 || threshold > distinct.len() || distinct.len() < keys.len() {
            return Err(PublishError::Usage(format!(
                "a threshold of {threshold} does not fit {} different keys",
                distinct.len()
            )));
        }
        let role = unit.role();
        let parent = match self.parent_of(&role)? {
            Some(parent) => parent,
            None => {
                // What another listed in this role before is not its own. Versions go on upwards, so that phones follow.
                let newest =
                    self.newest(&role)?.max(self.versions.get(&role).and_then(|all| all.last().copied()).unwrap_or(0));
                self.roles.insert(role.clone(), RoleDraft { version: newest, ..RoleDraft::empty() });
                self.nearest_role_above(unit)?
            }
        };
        let delegation =
            Delegation { name: role, signers: Signers::of(keys, threshold), terminating: true, paths: unit.patterns() };
        self.role(&parent)?.delegations.get_or_insert_default().entrust(delegation, keys);
        self.changed.insert(parent.clone());
        Ok(parent)
    }

    pub(super) fn nearest_role_above(&mut self, unit: &UnitId) -> Result<String, PublishError> {
        for above in unit.may_be_delegated_by() {
            if self.has_role(&above.role())? {
                return Ok(above.role());
            }
        }
        Ok("targets".to_owned())
    }

    /// The keys that a unit's role may be signed with now; none if it has no role.
    pub fn keys_of(&mut self, unit: &UnitId) -> Result<Vec<PublicKey>, PublishError> {
        let role = unit.role();
        if !self.has_role(&role)? {
            return Ok(Vec::new());
        }
        let (signers, keys) = self.authority(&role)?;
        let listed = signers.keyids.iter().filter_map(|id| keys.get(id));
        Ok(listed.map(|key| PublicKey::from_listed(key.clone())).collect::<Result<_, _>>()?)
    }

    /// Takes a unit's role away. What it published is no longer offered. Answers the role that now must be signed.
    pub fn withdraw_delegate(&mut self, unit: &UnitId) -> Result<String, PublishError> {
        let role = unit.role();
        let parent = self.parent_of(&role)?.ok_or_else(|| PublishError::NotDelegated(unit.clone()))?;
        self.role(&parent)?.delegations.get_or_insert_default().withdraw(&role);
        self.changed.insert(parent.clone());
        Ok(parent)
    }

    /// How many keys must sign a role of the root.
    pub fn threshold(&self, role: &str) -> Option<usize> {
        self.root.roles.get(role).map(|signers| signers.threshold)
    }

    /// Gives `root`, `targets`, `snapshot` or `timestamp` other keys: a new root, signed by the old one's keys and
    /// its own (TUF 1.0 §6.1).
    pub fn rotate(
        &mut self,
        role: &str,
        keys: &[PublicKey],
        threshold: usize,
        ring: &KeyRing,
        now: UnixTime,
        lifetimes: &Lifetimes,
    ) -> Result<u64, PublishError> {
        if !self.root.roles.contains_key(role) {
            return Err(PublishError::Usage(format!(
                "{role} is no role of a root: root, targets, snapshot or timestamp"
            )));
        }
        let mut root = self.root.clone();
        root.version += 1;
        root.signed = Some(now);
        root.expires = now.checked_add(lifetimes.root).ok_or(PublishError::Time)?;
        root.entrust(role, keys, threshold);
        check_root(&root)?;
        let file = sign("root", "root", &root, &[&self.root.roles["root"], &root.roles["root"]], ring)?;
        if role == "targets" {
            // Under the new keys it must be there when the new root is: phones would find nothing otherwise.
            let expires = now.checked_add(lifetimes.targets).ok_or(PublishError::Time)?;
            let draft = self.role("targets")?;
            let next = RoleDraft { version: draft.version + 1, expires, signed: now, ..draft.clone() };
            let targets = sign("targets", "targets", &next, &[&root.roles["targets"]], ring)?;
            self.put("targets", next.version, targets)?;
            self.roles.insert("targets".to_owned(), next);
            self.changed.remove("targets");
        }
        self.put("root", root.version, file)?;
        self.root = root;
        Ok(self.root.version)
    }
}

pub(super) fn check_root(root: &RootDraft) -> Result<(), PublishError> {
    for (role, signers) in &root.roles {
        let distinct: BTreeSet<&String> = signers.keyids.iter().collect();
        if signers.threshold == 0 || signers.threshold > distinct.len() {
            let (threshold, keys) = (signers.threshold, distinct.len());
            return Err(PublishError::Usage(format!("{role}: a threshold of {threshold} does not fit {keys} keys")));
        }
    }
    Ok(())
}
