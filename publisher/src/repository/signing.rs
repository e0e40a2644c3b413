//! Signing what has changed, and the snapshot and timestamp that take it in.

use super::*;

impl<S: RegistryStorage> Repository<S> {
    /// Signs what has changed with the keys at hand, and what is loaded and in the second half of its life; then, if
    /// their keys are at hand, snapshot and timestamp, which take in everything that holds. Answers what was signed.
    pub fn sign(
        &mut self,
        ring: &KeyRing,
        now: UnixTime,
        lifetimes: &Lifetimes,
    ) -> Result<Vec<(String, u64)>, PublishError> {
        let mut signed = Vec::new();
        let due = |draft: &RoleDraft| draft.version > 0 && draft.expires < now + lifetimes.targets / 2;
        let loaded: Vec<String> =
            self.roles.iter().filter(|(_, draft)| due(draft)).map(|(role, _)| role.clone()).collect();
        let mut roles = self.changed.clone();
        for role in loaded {
            let signers = match self.authority(&role) {
                Ok((signers, _)) => signers,
                // It was withdrawn since it was read: nobody has to sign it any more.
                Err(PublishError::NotDelegated(_)) => continue,
                Err(error) => return Err(error),
            };
            if ring.among(&signers.keyids).count() >= signers.threshold {
                roles.insert(role);
            }
        }
        // A parent's new keys for a role must be known before the role is signed with them.
        for role in roles {
            let (signers, _) = self.authority(&role)?;
            let expires = now.checked_add(lifetimes.targets).ok_or(PublishError::Time)?;
            let draft = self.role(&role)?;
            let next = RoleDraft { version: draft.version + 1, expires, signed: now, ..draft.clone() };
            let file = sign(&role, "targets", &next, &[&signers], ring)?;
            let next = RoleDraft { bytes: file.len(), ..next };
            self.check_limits(&role, &next)?;
            self.put(&role, next.version, file)?;
            signed.push((role.clone(), next.version));
            self.roles.insert(role.clone(), next);
            self.changed.remove(&role);
        }
        let online = ["snapshot", "timestamp"].map(|role| &self.root.roles[role]);
        if online.iter().all(|signers| ring.among(&signers.keyids).count() >= signers.threshold) {
            signed.extend(self.sign_online(ring, now, lifetimes)?);
        }
        Ok(signed)
    }

    /// Snapshot and timestamp, over the newest version of every role that holds.
    pub(super) fn sign_online(
        &mut self,
        ring: &KeyRing,
        now: UnixTime,
        lifetimes: &Lifetimes,
    ) -> Result<Vec<(String, u64)>, PublishError> {
        let mut pins = self.pinned.clone();
        let beyond = self.beyond_limits()?;
        for role in self.tree()? {
            let newest = self.newest(&role)?;
            // What is beyond the limits stays as it was; `status` says so.
            if !beyond.contains_key(&role) && newest > pins.get(&role).copied().unwrap_or_default() {
                pins.insert(role, newest);
            }
        }
        let meta: BTreeMap<String, Value> =
            pins.iter().map(|(role, version)| (format!("{role}.json"), json!({ "version": version }))).collect();
        let version = self.version + 1;
        let dated = |lasts: i64, meta: Value| -> Result<Value, PublishError> {
            let expires = now
                .checked_add(lasts)
                .and_then(|at| jiff::Timestamp::from_second(at).ok())
                .ok_or(PublishError::Time)?;
            Ok(
                json!({ "version": version, "expires": expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "meta": meta }),
            )
        };
        let snapshot = dated(lifetimes.snapshot, serde_json::to_value(meta)?)?;
        let snapshot = sign("snapshot", "snapshot", &snapshot, &[&self.root.roles["snapshot"]], ring)?;
        let pin = json!({ "snapshot.json": { "version": version, "length": snapshot.len(), "hashes": { "sha256": sha256(&snapshot) } } });
        let timestamp = dated(lifetimes.timestamp, pin)?;
        let timestamp = sign("timestamp", "timestamp", &timestamp, &[&self.root.roles["timestamp"]], ring)?;
        self.put("snapshot", version, snapshot)?;
        // Last, and the only file that is ever replaced: until it is there, phones see the registry as it was.
        self.storage.write("metadata/timestamp.json", timestamp)?;
        (self.version, self.pinned) = (version, pins);
        Ok(vec![("snapshot".to_owned(), version), ("timestamp".to_owned(), version)])
    }
}
