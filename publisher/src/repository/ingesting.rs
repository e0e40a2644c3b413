//! Taking in what others have signed.

use super::verified::verify;
use super::*;

impl<S: RegistryStorage> Repository<S> {
    /// Takes in a role's metadata that somebody else has signed, if it is the next version, holds, and was signed with a
    /// clock that may be right.
    pub fn accept(&mut self, role: &str, file: &Arc<[u8]>, now: UnixTime) -> Result<u64, PublishError> {
        let draft = RoleDraft { bytes: file.len(), ..signed_part(file)? };
        let wrong = |why: String| PublishError::Metadata { role: role.to_owned(), why };
        let newest = self.newest(role)?;
        if draft.version != newest + 1 {
            return Err(wrong(format!(
                "version {} does not follow {newest}; sign it again over what is published",
                draft.version
            )));
        }
        let (signers, keys) = self.authority(role)?;
        verify(file, role, draft.version, &signers, &keys).map_err(wrong)?;
        if draft.expires <= now || draft.expires > now + LONGEST_ROLE || draft.signed > now + DAY {
            let (signed, ends, now) = (day(draft.signed), day(draft.expires), day(now));
            return Err(wrong(format!(
                "signed on {signed} and good until {ends}, and here it is {now}: set the clock where it is signed"
            )));
        }
        let before = self.role(role)?.targets.clone();
        for (path, target) in &draft.targets {
            if before.get(path).is_some_and(|before| path.ends_with(".ma") && before.hashes != target.hashes) {
                return Err(wrong(format!("{path} was published with other bytes; a change is a new version")));
            }
            let target = read_target(path, target)?;
            let unit = UnitId::from_role(role).unwrap_or_else(|| self.root.region.clone().into());
            if Takedown::is_path(path) {
                Takedown::from_target(&unit, &target)?;
            } else if role != "targets" {
                Release::from_target(role, target)?;
            }
        }
        for delegation in draft.delegations.iter().flat_map(|all| &all.roles) {
            let unit = UnitId::from_role(&delegation.name).filter(|unit| unit.may_be_delegated_by_role(role));
            let unit = unit.ok_or_else(|| wrong(format!("it may not delegate to {}", delegation.name)))?;
            if delegation.paths != unit.patterns() {
                return Err(wrong(format!("{unit} publishes below its own name: {}", unit.patterns().join(", "))));
            }
        }
        self.check_limits(role, &draft)?;
        self.put(role, draft.version, Arc::clone(file))?;
        self.roles.insert(role.to_owned(), draft.clone());
        Ok(draft.version)
    }

    /// The files that a role's metadata list and that are not in the storage: packages and icons, with their lengths.
    pub fn wanted(&self, role: &str, file: &[u8]) -> Result<Vec<(String, Option<ListedTarget>)>, PublishError> {
        let draft: RoleDraft = signed_part(file)?;
        let (mut wanted, mut icons) = (Vec::new(), BTreeSet::new());
        for (path, target) in &draft.targets {
            let served = format!("targets/{}", hashed_name(path, target));
            if !self.storage.has(&served)? {
                wanted.push((served, Some(target.clone())));
            }
            if path.ends_with(".ma") {
                let release = Release::from_target(role, read_target(path, target)?)?;
                if let Some(icon) = release.entry.icon.map(|icon| format!("targets/{}", icon.path(&release.unit)))
                    && !self.storage.has(&icon)?
                    && icons.insert(icon.clone())
                {
                    wanted.push((icon, None));
                }
            }
        }
        Ok(wanted)
    }

    /// Puts a role's metadata in the storage as they are; [`Repository::sign`] takes them in if they hold.
    pub fn put_metadata(&mut self, role: &str, version: u64, file: Arc<[u8]>) -> Result<(), PublishError> {
        self.put(role, version, file)
    }

    /// Puts files in the storage that [`Repository::wanted`] asked for.
    pub(crate) fn put_files(
        &mut self,
        files: impl IntoIterator<Item = (String, Arc<[u8]>)>,
    ) -> Result<(), PublishError> {
        for (path, bytes) in files {
            self.storage.write(&path, bytes)?;
        }
        Ok(())
    }
}

/// Whether bytes are the file that a name among [`Repository::wanted`] stands for.
pub fn is_wanted_file(served: &str, target: Option<&ListedTarget>, bytes: &[u8]) -> bool {
    match target {
        Some(target) => target.length == bytes.len() as u64 && target.hashes.get("sha256") == Some(&sha256(bytes)),
        None => {
            let name = served.rsplit('/').next().unwrap_or_default().to_owned();
            IconName::try_from(name).is_ok_and(|icon| icon.is(bytes))
        }
    }
}
