//! What is published: files of the repository's own, packages of its units, and whom a release is offered to.

use super::*;

impl<S: RegistryStorage> Repository<S> {
    /// Lists a file of the repository's own.
    pub fn add_target(&mut self, path: &str, bytes: Vec<u8>, custom: Option<Value>) -> Result<(), PublishError> {
        self.list("targets", path, bytes.into(), custom)
    }

    pub(super) fn list(
        &mut self,
        role: &str,
        path: &str,
        bytes: Arc<[u8]>,
        custom: Option<Value>,
    ) -> Result<(), PublishError> {
        let target = listed(&bytes, custom);
        self.storage.write(&format!("targets/{}", hashed_name(path, &target)), bytes)?;
        self.role(role)?.targets.insert(path.to_owned(), target);
        self.changed.insert(role.to_owned());
        Ok(())
    }

    /// A file of the repository's own, if it is listed and there.
    pub fn own_file(&mut self, path: &str) -> Result<Option<Arc<[u8]>>, PublishError> {
        let Some(name) = self.role("targets")?.targets.get(path).map(|target| hashed_name(path, target)) else {
            return Ok(None);
        };
        Ok(self.storage.read(&format!("targets/{name}"))?)
    }

    /// Lists exactly what another state of this repository listed, in all its roles, and delegates as it did. Versions go on
    /// upwards, so that phones follow.
    pub fn list_as(&mut self, before: &mut Self) -> Result<(), PublishError> {
        for role in before.tree()? {
            let was = before.role(&role)?.clone();
            let newest = self.versions.get(&role).and_then(|all| all.last().copied()).unwrap_or_default();
            let own = self.role(&role)?;
            if own.targets != was.targets || own.delegations != was.delegations {
                *own = RoleDraft { version: own.version.max(newest), ..was };
                self.changed.insert(role);
            }
        }
        Ok(())
    }

    /// Stops listing a file of the repository's own; answers whether it was listed.
    pub fn remove_target(&mut self, path: &str) -> Result<bool, PublishError> {
        let removed = self.role("targets")?.targets.remove(path).is_some();
        if removed {
            self.changed.insert("targets".to_owned());
        }
        Ok(removed)
    }

    /// Publishes a package under a unit's role. The package is checked by the very rules that a phone applies. The
    /// role goes on listing the version before; older ones go.
    pub fn publish(&mut self, unit: &UnitId, package: Vec<u8>, rollout: u8) -> Result<String, PublishError> {
        let bytes: Arc<[u8]> = package.into();
        let package = Package::open(Arc::clone(&bytes))?;
        let manifest = package.manifest();
        let (app_id, code) = (manifest.app_id.clone(), manifest.version.code);
        let path = target_path(unit, &app_id, code);
        let releases = self.releases(unit)?;
        let newest =
            releases.iter().filter(|release| release.app_id == app_id).map(|release| release.version_code).max();
        if let Some(newest) = newest.filter(|newest| *newest >= code) {
            return Err(PublishError::NotNewer { path, newest });
        }
        let mut entry = CatalogueEntry::of(&package);
        entry.rollout.percent = rollout;
        if let (Some(name), Some(icon)) = (&entry.icon, manifest.icons.first()) {
            let icon: Arc<[u8]> = package.read(&icon.src)?.unwrap_or_default().into();
            self.storage.write(&format!("targets/{}", name.path(unit)), icon)?;
        }
        let role = self.role_of(unit)?;
        self.list(&role, &path, bytes, Some(serde_json::to_value(entry)?))?;
        self.drop_old_versions(unit, &app_id)?;
        Ok(path)
    }

    /// Lists a release by its entry and hash alone, without its package: for registries that are only measured.
    pub(crate) fn list_card(
        &mut self,
        unit: &UnitId,
        path: &str,
        sha256: &[u8; 32],
        length: u64,
        entry: Value,
    ) -> Result<(), PublishError> {
        let hashes = BTreeMap::from([("sha256".to_owned(), hex::encode(sha256))]);
        let target = ListedTarget { length, hashes, custom: Some(entry) };
        self.role_to_change(unit)?.targets.insert(path.to_owned(), target);
        Ok(())
    }

    pub(super) fn drop_old_versions(&mut self, unit: &UnitId, app_id: &str) -> Result<(), PublishError> {
        let mut releases: Vec<Release> =
            self.releases(unit)?.into_iter().filter(|release| release.app_id == app_id).collect();
        releases.sort_unstable_by_key(|release| std::cmp::Reverse(release.version_code));
        let offered = |release: &&Release| release.entry.withdrawn.is_none();
        let to_all = |release: &&Release| offered(release) && release.entry.rollout.is_everybody();
        let oldest_kept =
            releases.iter().filter(offered).take(KEPT_VERSIONS).last().map(|release| release.version_code);
        // What everybody is offered stays until something newer is offered to everybody.
        let oldest_kept = oldest_kept.min(releases.iter().find(to_all).map(|release| release.version_code).or(Some(0)));
        let role = self.role_to_change(unit)?;
        for old in releases.iter().filter(|release| Some(release.version_code) < oldest_kept) {
            role.targets.remove(&old.target.path);
        }
        Ok(())
    }

    /// What a unit offers.
    pub fn releases(&mut self, unit: &UnitId) -> Result<Vec<Release>, PublishError> {
        let role = self.role_of(unit)?;
        let targets = &self.role(&role)?.targets;
        let packages = targets.iter().filter(|(path, _)| path.ends_with(".ma"));
        packages.map(|(path, target)| Ok(Release::from_target(&role, read_target(path, target)?)?)).collect()
    }

    /// Changes the entry of a published release.
    pub fn change(
        &mut self,
        unit: &UnitId,
        app_id: &str,
        version_code: u64,
        change: Change,
    ) -> Result<(), PublishError> {
        let path = target_path(unit, app_id, version_code);
        let role = self.role_to_change(unit)?;
        let target = role.targets.get_mut(&path).ok_or(PublishError::NotPublished(path))?;
        let mut entry: CatalogueEntry = serde_json::from_value(target.custom.clone().unwrap_or_default())?;
        if entry.withdrawn.is_some() {
            return Err(PublishError::Usage(format!(
                "{app_id} {version_code} was withdrawn, and stays so; publish a newer version"
            )));
        }
        match change {
            Change::Percent(percent) if percent <= 100 => {
                (entry.rollout.percent, entry.rollout.paused) = (percent, false);
            }
            Change::Percent(_) => return Err(PublishError::Usage("a rollout is 0 to 100 percent".to_owned())),
            Change::Pause => entry.rollout.paused = true,
            Change::Invite(code) => {
                let invitation = Invitation::of(&code);
                if !entry.rollout.invited.contains(&invitation) {
                    entry.rollout.invited.push(invitation);
                }
            }
            Change::Withdraw(withdrawn) => entry.withdrawn = Some(withdrawn),
        }
        target.custom = Some(serde_json::to_value(entry)?);
        Ok(())
    }

    /// Withdraws the newest release of a service that is offered, so that every phone goes back to the one before it,
    /// which is then offered to all. Answers both versions.
    pub fn roll_back(&mut self, unit: &UnitId, app_id: &str, withdrawn: Withdrawn) -> Result<(u64, u64), PublishError> {
        let releases = self.releases(unit)?;
        let own = releases.iter().filter(|release| release.app_id == app_id && release.entry.withdrawn.is_none());
        let mut versions: Vec<u64> = own.map(|release| release.version_code).collect();
        versions.sort_unstable();
        let [.., before, newest] = versions[..] else {
            return Err(PublishError::NothingBefore { app_id: app_id.to_owned() });
        };
        self.change(unit, app_id, newest, Change::Withdraw(withdrawn))?;
        self.change(unit, app_id, before, Change::Percent(100))?;
        Ok((newest, before))
    }

    /// Marks a unit's role to be signed again, though nothing in it has changed.
    pub fn renew(&mut self, unit: &UnitId) -> Result<(), PublishError> {
        self.role_to_change(unit).map(drop)
    }
}

pub(super) fn listed(bytes: &[u8], custom: Option<Value>) -> ListedTarget {
    let hashes = BTreeMap::from([("sha256".to_owned(), sha256(bytes))]);
    ListedTarget { length: bytes.len() as u64, hashes, custom }
}
