//! The state of every role, for the people who run the repository.

use super::*;

impl<S: RegistryStorage> Repository<S> {
    /// The status of every role, the root's first.
    pub fn status(&mut self, now: UnixTime) -> Result<Vec<RoleStatus>, PublishError> {
        let mut all = Vec::new();
        for role in ["root", "timestamp", "snapshot"] {
            let (version, file) = match role {
                "root" => (self.root.version, self.storage.read(&format!("metadata/{}.root.json", self.root.version))?),
                "timestamp" => (self.version, self.storage.read("metadata/timestamp.json")?),
                _ => (self.version, self.storage.read(&format!("metadata/{}.snapshot.json", self.version))?),
            };
            let expires = file.as_deref().map_or(0, expires);
            let signers = self.root.roles[role].clone();
            let mut status = role_status(role, version, expires, signers, 0, false, now);
            if role != "root" && version > 0 && !self.online_holds()? {
                status.trouble = Some("not signed by its present keys: onecity repo timestamp".to_owned());
            }
            all.push(status);
        }
        let beyond = self.beyond_limits()?;
        for role in self.tree()? {
            let (signers, _) = self.authority(&role)?;
            let ahead: Vec<u64> = self.versions.get(&role).into_iter().flatten().copied().collect();
            let newest = self.newest(&role)?;
            let pending = self.pinned.get(&role).copied().unwrap_or_default() < newest;
            let draft = self.role(&role)?;
            let services: BTreeSet<&str> = draft
                .targets
                .keys()
                .filter(|path| path.ends_with(".ma"))
                .filter_map(|path| path.rsplit('/').nth(1))
                .collect();
            let mut status = role_status(&role, newest, draft.expires, signers, services.len(), pending, now);
            if newest > 0 && self.holds(&role, newest)?.is_err() {
                status.trouble =
                    Some("not signed by its present keys: the one who holds them signs it again".to_owned());
            }
            if let Some(unverified) = ahead.into_iter().rfind(|version| *version > newest) {
                status.trouble = Some(format!("version {unverified} is there and not signed as its delegation asks"));
            }
            if let Some(exceeded) = beyond.get(&role) {
                status.trouble = Some(format!("not taken in: {exceeded}; see docs/limits.md"));
            }
            all.push(status);
        }
        Ok(all)
    }
}

pub(super) fn role_status(
    role: &str,
    version: u64,
    expires: UnixTime,
    signers: Signers,
    services: usize,
    pending: bool,
    now: UnixTime,
) -> RoleStatus {
    let trouble = if version == 0 {
        Some("nothing signed yet".to_owned())
    } else if expires <= now {
        Some("expired: phones install nothing new from it".to_owned())
    } else {
        None
    };
    let Signers { keyids: keys, threshold } = signers;
    RoleStatus { role: role.to_owned(), version, expires, keys, threshold, services, pending, trouble }
}
