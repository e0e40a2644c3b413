//! The versions of a service that are on the phone, and how one takes the place of another.
//!
//! ```text
//!   download ──> next ──(next start)──> current ──(came to work)──> last_good
//!                                          └──(opened TRIES times, never came to work)──> last_good comes back
//! ```

use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::UnitId;
use onecity_protocol::service::ServiceId;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::seal::{FAILED, VERSION};
use super::{Catalogue, keep_blob, signed, unsigned};
use crate::error::StoreError;

/// How often a new version may be opened without coming to work: once may be a resident who changed their mind.
const TRIES: u32 = 2;

/// Most downloads that broke off and are kept to go on with.
const MAX_PARTIAL: u32 = 4;

/// A version's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The one that opens.
    Current,
    /// The one that opens at the next start.
    Next,
    /// The last one that was seen to work.
    LastGood,
}

impl Slot {
    fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Next => "next",
            Self::LastGood => "last_good",
        }
    }
}

/// A mini-service whose package is on the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Installed {
    pub service: ServiceId,
    pub version_code: u64,
    pub sha256: [u8; 32],
}

impl Catalogue {
    /// Keeps a package in a slot: its bytes, which the caller has checked, and the fact, at once or not at all.
    pub fn install(
        &mut self,
        installed: &Installed,
        slot: Slot,
        bytes: &[u8],
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let change = self.db.transaction()?;
        keep_blob(&change, &installed.sha256, bytes)?;
        place(&change, installed, slot)?;
        change.execute(
            "UPDATE version SET used = ?3 WHERE unit = ?1 AND app_id = ?2",
            params![installed.service.unit.to_string(), installed.service.app_id, now],
        )?;
        change.execute("DELETE FROM partial WHERE sha256 = ?1", [installed.sha256])?;
        drop_unused(&change)?;
        Ok(change.commit()?)
    }

    /// The version of a service in a slot.
    pub fn installed(&self, service: &ServiceId, slot: Slot) -> Result<Option<Installed>, StoreError> {
        Ok(held(&self.db, service, slot)?.map(|(installed, _)| installed))
    }

    /// The version codes of all services that a unit has on the phone, as they open.
    pub fn installed_of(&self, unit: &UnitId) -> Result<Vec<(String, u64)>, StoreError> {
        let read = |row: &Row<'_>| Ok((row.get(0)?, unsigned(row, 1)?));
        let which = "WHERE unit = ?1 AND slot = 'current'";
        VERSION.read(&self.db, "app_id, version_code", which, params![unit.to_string()], read)
    }

    /// A service is about to open: a version that waits takes its place, one that never came to work gives way to the
    /// last good one. Answers what opens, if anything is there.
    pub fn begin_opening(
        &mut self,
        service: &ServiceId,
        offered: &[u64],
        now: UnixTime,
    ) -> Result<Option<Installed>, StoreError> {
        let change = self.db.transaction()?;
        if let Some((next, _)) = held(&change, service, Slot::Next)? {
            if offered.contains(&next.version_code) {
                place(&change, &next, Slot::Current)?;
            }
            clear(&change, service, Slot::Next)?;
        }
        if let Some((current, tries)) = held(&change, service, Slot::Current)? {
            let last_good = held(&change, service, Slot::LastGood)?.map(|(installed, _)| installed);
            match last_good.filter(|good| good.sha256 != current.sha256) {
                Some(good) if tries >= TRIES => {
                    let values = params![service.unit.to_string(), service.app_id, signed(current.version_code)];
                    FAILED.put(&change, "unit, app_id, version_code", values)?;
                    place(&change, &good, Slot::Current)?;
                }
                Some(_) => {
                    change.execute(
                        "UPDATE version SET tries = tries + 1 WHERE unit = ?1 AND app_id = ?2 AND slot = 'current'",
                        params![service.unit.to_string(), service.app_id],
                    )?;
                }
                None => {}
            }
        }
        change.execute(
            "UPDATE version SET used = ?3 WHERE unit = ?1 AND app_id = ?2",
            params![service.unit.to_string(), service.app_id, now],
        )?;
        drop_unused(&change)?;
        let opens = held(&change, service, Slot::Current)?;
        change.commit()?;
        Ok(opens.map(|(installed, _)| installed))
    }

    /// A service came to work: what opened is the last good version from now on.
    pub fn came_to_work(&mut self, installed: &Installed) -> Result<(), StoreError> {
        let change = self.db.transaction()?;
        let current = held(&change, &installed.service, Slot::Current)?;
        if current.is_some_and(|(current, _)| current.sha256 == installed.sha256) {
            place(&change, installed, Slot::LastGood)?;
            change.execute(
                "UPDATE version SET tries = 0 WHERE unit = ?1 AND app_id = ?2 AND slot = 'current'",
                params![installed.service.unit.to_string(), installed.service.app_id],
            )?;
            drop_unused(&change)?;
        }
        Ok(change.commit()?)
    }

    /// Whether a version was given up because it never came to work.
    pub fn has_failed(&self, service: &ServiceId, version_code: u64) -> Result<bool, StoreError> {
        let which = "WHERE unit = ?1 AND app_id = ?2 AND version_code = ?3";
        let values = params![service.unit.to_string(), service.app_id, signed(version_code)];
        Ok(!FAILED.read(&self.db, "1", which, values, |_| Ok(()))?.is_empty())
    }

    /// What there is of a download that broke off.
    pub fn partial(&self, sha256: &[u8; 32]) -> Result<Vec<u8>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT bytes FROM partial WHERE sha256 = ?1")?;
        Ok(query.query_row([sha256], |row| row.get(0)).optional()?.unwrap_or_default())
    }

    /// Keeps what there is of a download that broke off; nothing of it is served before the whole has been checked.
    pub fn keep_partial(&self, sha256: &[u8; 32], bytes: &[u8]) -> Result<(), StoreError> {
        if bytes.is_empty() {
            self.db.execute("DELETE FROM partial WHERE sha256 = ?1", [sha256])?;
        } else {
            self.db
                .execute("INSERT OR REPLACE INTO partial (sha256, bytes) VALUES (?1, ?2)", params![sha256, bytes])?;
            self.db.execute(
                "DELETE FROM partial WHERE rowid NOT IN (SELECT rowid FROM partial ORDER BY rowid DESC LIMIT ?1)",
                [MAX_PARTIAL],
            )?;
        }
        Ok(())
    }
}

fn held(db: &Connection, service: &ServiceId, slot: Slot) -> Result<Option<(Installed, u32)>, StoreError> {
    let read = |row: &Row<'_>| {
        let (version_code, sha256) = (unsigned(row, 0)?, row.get(1)?);
        Ok((Installed { service: service.clone(), version_code, sha256 }, row.get(2)?))
    };
    let which = "WHERE unit = ?1 AND app_id = ?2 AND slot = ?3";
    let values = params![service.unit.to_string(), service.app_id, slot.name()];
    Ok(VERSION.read(db, "version_code, sha256, tries", which, values, read)?.pop())
}

fn place(db: &Connection, installed: &Installed, slot: Slot) -> Result<(), StoreError> {
    let Installed { service, version_code, sha256 } = installed;
    // Whatever was in the slot was tried and used; this was not.
    clear(db, service, slot)?;
    let values = params![service.unit.to_string(), service.app_id, slot.name(), signed(*version_code), sha256];
    VERSION.put(db, "unit, app_id, slot", values)
}

fn clear(db: &Connection, service: &ServiceId, slot: Slot) -> Result<(), StoreError> {
    db.execute(
        "DELETE FROM version WHERE unit = ?1 AND app_id = ?2 AND slot = ?3",
        params![service.unit.to_string(), service.app_id, slot.name()],
    )?;
    Ok(())
}

/// Bytes that no version and no file of the registry names any more go.
pub(super) fn drop_unused(db: &Connection) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM blob WHERE sha256 NOT IN (SELECT sha256 FROM version) AND sha256 NOT IN (SELECT sha256 FROM file)",
    )?
    .execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{CatalogueKey, Unsealed};
    use ring::digest::{SHA256, digest};

    struct Phone {
        _folder: tempfile::TempDir,
        catalogue: Catalogue,
        service: ServiceId,
    }

    impl Phone {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let catalogue = Catalogue::open(
                &folder.path().join("catalogue.sqlite"),
                &CatalogueKey::new(&[7; 32]),
                Unsealed::Refuse,
            )
            .expect("new");
            Self { _folder: folder, catalogue, service: "cn-sd/jinan/report".parse().expect("a service") }
        }

        fn version(&self, version_code: u64) -> Installed {
            let sha256 = digest(&SHA256, &version_code.to_be_bytes()).as_ref().try_into().expect("32 bytes");
            Installed { service: self.service.clone(), version_code, sha256 }
        }

        fn install(&mut self, version_code: u64, slot: Slot) {
            let installed = self.version(version_code);
            self.catalogue.install(&installed, slot, &version_code.to_be_bytes(), 1).expect("kept");
        }

        fn open(&mut self) -> Option<u64> {
            let opens = self.catalogue.begin_opening(&self.service, &[1, 2], 2).expect("opened");
            opens.map(|installed| installed.version_code)
        }

        fn comes_to_work(&mut self, version_code: u64) {
            let installed = self.version(version_code);
            self.catalogue.came_to_work(&installed).expect("noted");
        }

        fn has_bytes_of(&self, version_code: u64) -> bool {
            self.catalogue.blob(&self.version(version_code).sha256).expect("read").is_some()
        }
    }

    #[test]
    fn a_new_version_opens_at_the_next_start_and_the_old_one_goes_once_it_works() {
        let mut phone = Phone::new();
        phone.install(1, Slot::Current);
        phone.comes_to_work(1);
        phone.install(2, Slot::Next);
        assert_eq!(phone.open(), Some(2));
        assert!(phone.has_bytes_of(1), "the last good version stays");
        phone.comes_to_work(2);
        assert!(!phone.has_bytes_of(1));
        assert_eq!(phone.open(), Some(2));
    }

    #[test]
    fn a_version_that_never_comes_to_work_gives_way_to_the_last_good_one() {
        let mut phone = Phone::new();
        phone.install(1, Slot::Current);
        phone.comes_to_work(1);
        phone.install(2, Slot::Next);
        assert_eq!([phone.open(), phone.open(), phone.open(), phone.open()], [Some(2), Some(2), Some(1), Some(1)]);
        let service = phone.service.clone();
        assert!(phone.catalogue.has_failed(&service, 2).expect("read"));
        assert!(!phone.catalogue.has_failed(&service, 1).expect("read"));
    }

    #[test]
    fn a_first_version_that_does_not_work_has_nothing_to_give_way_to() {
        let mut phone = Phone::new();
        phone.install(1, Slot::Current);
        for _ in 0..5 {
            assert_eq!(phone.open(), Some(1));
        }
    }

    #[test]
    fn a_waiting_version_that_was_withdrawn_meanwhile_never_opens() {
        let mut phone = Phone::new();
        phone.install(1, Slot::Current);
        phone.install(3, Slot::Next);
        assert_eq!(phone.open(), Some(1));
        assert!(!phone.has_bytes_of(3));
    }
}
