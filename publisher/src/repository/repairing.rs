//! Making a folder whole again after writers that did not wait for each other, a full disk, or a copy that broke off.

use super::*;

/// What was found and done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repair {
    /// Snapshot and timestamp did not fit together, and were signed again with this version.
    pub signed_again: Option<u64>,
    /// Metadata that are signed by nobody who may, and stood in the way of their role's next version; they are in the
    /// folder `removed/` now.
    pub removed: Vec<String>,
    /// Packages and icons that a role lists and that are not there: the unit publishes again, or withdraws.
    pub missing: Vec<String>,
}

impl Repository<Folder> {
    /// Repairs a registry's folder. Nothing that a phone may have seen gets an older number: the next snapshot has a
    /// higher version than any snapshot or timestamp in the folder, and names no role in a lower version than any
    /// snapshot did. `is_right` sees the registry before anything is changed.
    pub fn repair<E: From<PublishError>>(
        folder: Folder,
        ring: &KeyRing,
        now: UnixTime,
        lifetimes: &Lifetimes,
        is_right: impl FnOnce(&Self) -> Result<(), E>,
    ) -> Result<(Self, Repair), E> {
        let (mut repository, sound) = Self::open_as_far_as_it_goes(folder)?;
        is_right(&repository)?;
        let repair = repository.make_whole(sound, ring, now, lifetimes)?;
        Ok((repository, repair))
    }

    fn make_whole(
        &mut self,
        sound: bool,
        ring: &KeyRing,
        now: UnixTime,
        lifetimes: &Lifetimes,
    ) -> Result<Repair, PublishError> {
        let mut repair = Repair::default();
        let repository = self;
        for role in repository.all_roles() {
            let newest = repository.newest(&role)?;
            for version in repository.history(&role).into_iter().filter(|version| *version > newest) {
                let path = format!("metadata/{version}.{role}.json");
                repository.storage.remove(&path)?;
                repository.versions.entry(role.clone()).or_default().remove(&version);
                repair.removed.push(path);
            }
        }
        for role in repository.tree()? {
            let newest = repository.newest(&role)?;
            if newest > 0 {
                let file = repository.needed(&role, newest)?;
                repair.missing.extend(repository.wanted(&role, &file)?.into_iter().map(|(path, _)| path));
            }
        }
        if !sound {
            repository.sign_online(ring, now, lifetimes)?;
            repair.signed_again = Some(repository.version);
        }
        Ok(repair)
    }

    /// Opens a folder whose timestamp or snapshot may not hold. Answers whether they did.
    fn open_as_far_as_it_goes(folder: Folder) -> Result<(Self, bool), PublishError> {
        let mut repository = Self::with_roots(folder)?;
        // Half a timestamp says nothing; the snapshots below say how far the numbers went.
        let _ = repository.read_online();
        let sound = repository.version > 0 && repository.online_holds()?;
        let mut newest = repository.version;
        for version in repository.history("snapshot") {
            newest = newest.max(version);
            let file = repository.needed("snapshot", version)?;
            if repository.is_a_snapshot(&file)? {
                for (role, version) in pins(&signed_part(&file)?) {
                    let pinned = repository.pinned.entry(role).or_default();
                    *pinned = version.max(*pinned);
                }
            }
        }
        if !sound {
            repository.version = newest;
        }
        Ok((repository, sound))
    }

    /// Whether a file is signed as any of the roots asks of a snapshot.
    fn is_a_snapshot(&self, file: &[u8]) -> Result<bool, PublishError> {
        for root in self.history("root") {
            let root: RootDraft = signed_part(&self.needed("root", root)?)?;
            if verified::is_signed(file, &root.roles["snapshot"], &root.keys) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
