//! The public file: what the registry says and the packages that were fetched. Only verified facts are written here.
//! The file is in the clear, but nothing in it is believed that the phone did not write: rows carry seals
//! ([`seal`]), and bytes are checked against their hash when they are read.

mod budget;
mod releases;
mod seal;
mod versions;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::{Region, RegionFile, RegionId, RegionTree};
use onecity_protocol::trust::Target;
use ring::digest::{SHA256, digest};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

pub use budget::PackageSize;
pub use releases::{TakenDown, VerifiedRole};
pub use seal::CatalogueKey;
use seal::{CIRCLE, FILE, METADATA, REGION, REPOSITORY};
pub use versions::{Installed, Slot};

use crate::database::Schema;
use crate::error::StoreError;
use crate::search;

const SCHEMA: Schema = Schema {
    file: "catalogue.sqlite",
    application_id: 0x4f43_4301,
    synchronous: "NORMAL",
    migrations: &[
        include_str!("../migrations/catalogue_001.sql"),
        include_str!("../migrations/catalogue_002.sql"),
        include_str!("../migrations/catalogue_003.sql"),
        include_str!("../migrations/catalogue_004.sql"),
        include_str!("../migrations/catalogue_005.sql"),
    ],
};

/// The open public file.
#[derive(Debug)]
pub struct Catalogue {
    pub(crate) db: Connection,
    /// What a search has read of the index, until that changes.
    pub(crate) index: RefCell<search::Index>,
}

/// What is done with rows without a seal, as the app wrote them before there were seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsealed {
    /// They are sealed: the phone has never opened this file with an app that seals.
    Adopt,
    /// Somebody put them there.
    Refuse,
}

/// A repository that the phone knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRepository {
    /// The region it belongs to: a nation or a first-level region.
    pub id: RegionId,
    /// Where it is.
    pub url: String,
    /// The root that it is trusted from.
    pub first_root: Vec<u8>,
    /// When its timestamp was last verified, in seconds; 0 for never.
    pub checked: UnixTime,
    /// From when on nothing new may be installed from it.
    pub expires: UnixTime,
}

/// A metadata file as it was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct KeptMetadata {
    pub role: String,
    pub version: u64,
    pub bytes: Vec<u8>,
}

impl Catalogue {
    /// Opens or creates the file. A damaged or altered one is created again: everything in it can be fetched again, and
    /// the version floors are in the vault.
    pub fn open(path: &Path, key: &CatalogueKey, unsealed: Unsealed) -> Result<Self, StoreError> {
        match SCHEMA.open(path).and_then(|db| Self::checked(db, key, unsealed)) {
            Err(error) if error.is_corrupt() || matches!(error, StoreError::FileDamaged { .. }) => {
                Self::recreate(path, key)
            }
            opened => opened,
        }
    }

    /// Removes the file and begins another. Nobody may have it open.
    pub fn recreate(path: &Path, key: &CatalogueKey) -> Result<Self, StoreError> {
        tracing::warn!("the catalogue is damaged or was altered, and is created again");
        for suffix in ["", "-wal", "-shm"] {
            let file = PathBuf::from(format!("{}{suffix}", path.display()));
            if file.exists() {
                std::fs::remove_file(file)?;
            }
        }
        SCHEMA.open(path).and_then(|db| Self::checked(db, key, Unsealed::Refuse))
    }

    /// Whether SQLite can read the whole file. It reads all of it: for a quiet moment.
    pub fn check(&self) -> Result<(), StoreError> {
        let verdict: String = self.db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict == "ok" { Ok(()) } else { Err(StoreError::FileDamaged { file: SCHEMA.file }) }
    }

    /// Whether every row is one that this phone wrote: before anything is left out because it is there already.
    ///
    /// # Errors
    /// [`StoreError::CatalogueAltered`].
    pub fn check_seals(&self) -> Result<(), StoreError> {
        seal::check_everything(&self.db)
    }

    fn checked(db: Connection, key: &CatalogueKey, unsealed: Unsealed) -> Result<Self, StoreError> {
        // Touches every table's root page: a truncated file shows here rather than in the middle of a screen.
        db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        key.lend(&db)?;
        if unsealed == Unsealed::Adopt {
            seal::seal_everything(&db)?;
        }
        // A file under another key shows here, too.
        REPOSITORY.read(&db, "id", "", &[], |_| Ok(()))?;
        let mut catalogue = Self { db, index: RefCell::default() };
        catalogue.index_if_empty()?;
        Ok(catalogue)
    }

    /// Makes a repository known; its address and first root may change, what was verified stays.
    pub fn add_repository(&self, id: &RegionId, url: &str, first_root: &[u8]) -> Result<(), StoreError> {
        let (checked, expires) = self.repository(id)?.map_or((0, 0), |known| (known.checked, known.expires));
        let (id, url, first_root) = (id.clone(), url.to_owned(), first_root.to_vec());
        keep_repository(&self.db, &KeptRepository { id, url, first_root, checked, expires })
    }

    /// Starts a repository again from another root, as its nation's list now says: nothing that was verified counts.
    pub fn replace_root(&mut self, id: &RegionId, url: &str, first_root: &[u8]) -> Result<(), StoreError> {
        let change = self.db.transaction()?;
        change.execute("DELETE FROM metadata WHERE repository = ?1", [id.as_str()])?;
        releases::forget_versions(&change, id)?;
        let (id, url, first_root) = (id.clone(), url.to_owned(), first_root.to_vec());
        keep_repository(&change, &KeptRepository { id, url, first_root, checked: 0, expires: 0 })?;
        Ok(change.commit()?)
    }

    /// A repository by its region.
    pub fn repository(&self, id: &RegionId) -> Result<Option<KeptRepository>, StoreError> {
        let columns = "id, url, first_root, checked, expires";
        Ok(REPOSITORY.read(&self.db, columns, "WHERE id = ?1", params![id.as_str()], kept_repository)?.pop())
    }

    /// The verified metadata of a repository.
    pub fn metadata(&self, repository: &RegionId) -> Result<Vec<KeptMetadata>, StoreError> {
        METADATA.read(&self.db, "role, version, bytes", "WHERE repository = ?1", params![repository.as_str()], |row| {
            Ok(KeptMetadata { role: row.get(0)?, version: unsigned(row, 1)?, bytes: row.get(2)? })
        })
    }

    /// Keeps a new root by itself. If it changes the online keys, timestamp and snapshot go.
    pub fn keep_root(&mut self, repository: &RegionId, root: &KeptMetadata, new_keys: bool) -> Result<(), StoreError> {
        let change = self.db.transaction()?;
        if new_keys {
            change.execute(
                "DELETE FROM metadata WHERE repository = ?1 AND role IN ('timestamp', 'snapshot')",
                [repository.as_str()],
            )?;
        }
        put_metadata(&change, repository, root)?;
        Ok(change.commit()?)
    }

    /// Keeps one role's metadata as soon as it is verified, so that a sync that breaks off goes on where it was.
    pub fn keep_metadata(&self, repository: &RegionId, kept: &KeptMetadata) -> Result<(), StoreError> {
        put_metadata(&self.db, repository, kept)
    }

    /// Writes down that a repository was found current.
    pub fn keep_checked(&self, repository: &RegionId, checked: UnixTime, expires: UnixTime) -> Result<(), StoreError> {
        let Some(known) = self.repository(repository)? else { return Ok(()) };
        keep_repository(&self.db, &KeptRepository { checked, expires, ..known })
    }

    /// Replaces what a repository's region data say.
    pub fn keep_regions(&mut self, repository: &RegionId, file: &RegionFile) -> Result<(), StoreError> {
        let change = self.db.transaction()?;
        change.execute("DELETE FROM region WHERE repository = ?1", [repository.as_str()])?;
        change.execute("DELETE FROM circle WHERE repository = ?1", [repository.as_str()])?;
        for region in &file.regions {
            let parent = region.id.parent().map(String::from);
            let body = serde_json::to_string(region)?;
            REGION.put(&change, "id", params![region.id.as_str(), parent, repository.as_str(), body])?;
        }
        for circle in &file.circles {
            let body = serde_json::to_string(circle)?;
            CIRCLE.put(&change, "id", params![circle.id.to_string(), repository.as_str(), body])?;
        }
        Ok(change.commit()?)
    }

    /// The regions directly below one, by id.
    pub fn regions_below(&self, parent: &RegionId) -> Result<Vec<Region>, StoreError> {
        REGION.read(&self.db, "body", "WHERE parent = ?1 ORDER BY id", params![parent.as_str()], body)
    }

    /// The regions below one, at any depth, by id.
    pub(crate) fn regions_within(&self, region: &RegionId) -> Result<Vec<Region>, StoreError> {
        let mut within: Vec<Region> =
            REGION.read(&self.db, "body", "WHERE id GLOB ?1 ORDER BY id", params![format!("{region}*")], body)?;
        within.retain(|own| own.id != *region && region.covers(&own.id));
        Ok(within)
    }

    /// How many regions are known below a nation or a first-level region's repository.
    pub fn region_count(&self, nation: &RegionId) -> Result<u64, StoreError> {
        let pattern = format!("{nation}*");
        let mut query = self.db.prepare_cached("SELECT count(*) FROM region WHERE id GLOB ?1")?;
        Ok(query.query_row([pattern], |row| unsigned(row, 0))?)
    }

    /// What is known of one region.
    pub fn region(&self, id: &RegionId) -> Result<Option<Region>, StoreError> {
        Ok(REGION.read(&self.db, "body", "WHERE id = ?1", params![id.as_str()], body)?.pop())
    }

    /// As much of the tree as a screen about `region` needs: it, all above it, and the circles of its repository.
    pub fn tree_around(&self, region: &RegionId) -> Result<RegionTree, StoreError> {
        let mut tree = RegionTree::default();
        let mut file = RegionFile::default();
        for id in std::iter::successors(Some(region.clone()), RegionId::parent) {
            file.regions.extend(self.region(&id)?);
        }
        if let Some(repository) = region.first_level() {
            file.circles =
                CIRCLE.read(&self.db, "body", "WHERE repository = ?1", params![repository.as_str()], body)?;
        }
        tree.add(file);
        Ok(tree)
    }

    /// Keeps a file of the registry with its bytes, which the caller has checked against the target.
    pub fn keep_file(&mut self, repository: &RegionId, target: &Target, bytes: &[u8]) -> Result<(), StoreError> {
        let change = self.db.transaction()?;
        keep_blob(&change, &target.sha256, bytes)?;
        FILE.put(&change, "repository, path", params![repository.as_str(), target.path, target.sha256])?;
        Ok(change.commit()?)
    }

    /// Forgets a file that the registry lists no more.
    pub fn forget_file(&self, repository: &RegionId, path: &str) -> Result<(), StoreError> {
        self.db.execute("DELETE FROM file WHERE repository = ?1 AND path = ?2", params![repository.as_str(), path])?;
        Ok(())
    }

    /// Keeps an icon, which the caller has checked against its name.
    pub fn keep_icon(&mut self, repository: &RegionId, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let sha256: [u8; 32] = digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 is 32 bytes");
        let target = Target { path: path.to_owned(), sha256, length: bytes.len() as u64, custom: None };
        self.keep_file(repository, &target, bytes)
    }

    /// A file of the registry that was kept; none if it was not, or its bytes are no longer what was kept: then every
    /// region is to be synced whole again, or nobody would ask for the file.
    pub fn file(&self, repository: &RegionId, path: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        let which = "WHERE repository = ?1 AND path = ?2";
        let named = params![repository.as_str(), path];
        let sha256 = FILE.read(&self.db, "sha256", which, named, |row| Ok(row.get(0)?))?;
        let Some(sha256) = sha256.first() else { return Ok(None) };
        let kept = self.blob(sha256)?;
        if kept.is_none() {
            self.db.execute(&format!("DELETE FROM file {which}"), named)?;
            self.db.execute("DELETE FROM scope", [])?;
        }
        Ok(kept)
    }

    /// Bytes by their hash, checked against it.
    pub fn blob(&self, sha256: &[u8; 32]) -> Result<Option<Arc<[u8]>>, StoreError> {
        let bytes: Option<Vec<u8>> = self
            .db
            .prepare_cached("SELECT bytes FROM blob WHERE sha256 = ?1")?
            .query_row([sha256], |row| row.get(0))
            .optional()?;
        Ok(bytes.filter(|bytes| digest(&SHA256, bytes).as_ref() == sha256).map(Arc::from))
    }
}

fn keep_blob(db: &Connection, sha256: &[u8; 32], bytes: &[u8]) -> Result<(), StoreError> {
    db.execute("INSERT OR REPLACE INTO blob (sha256, bytes) VALUES (?1, ?2)", params![sha256, bytes])?;
    Ok(())
}

fn keep_repository(db: &Connection, kept: &KeptRepository) -> Result<(), StoreError> {
    let KeptRepository { id, url, first_root, checked, expires } = kept;
    REPOSITORY.put(db, "id", params![id.as_str(), url, first_root, checked, expires])
}

fn kept_repository(row: &Row<'_>) -> Result<KeptRepository, StoreError> {
    let id = row.get::<_, String>(0)?.parse()?;
    Ok(KeptRepository { id, url: row.get(1)?, first_root: row.get(2)?, checked: row.get(3)?, expires: row.get(4)? })
}

fn put_metadata(db: &Connection, repository: &RegionId, kept: &KeptMetadata) -> Result<(), StoreError> {
    let values = params![repository.as_str(), kept.role, signed(kept.version), kept.bytes];
    METADATA.put(db, "repository, role", values)
}

/// A value that is kept as JSON in the first column.
fn body<T: DeserializeOwned>(row: &Row<'_>) -> Result<T, StoreError> {
    Ok(serde_json::from_str(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?)
}

/// SQLite's integers are signed; versions and lengths stay far below.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(at)?).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> RegionId {
        text.parse().expect("an id")
    }

    #[test]
    fn a_damaged_catalogue_is_begun_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("catalogue.sqlite");
        let catalogue = Catalogue::open(&path, &CatalogueKey::new(&[7; 32]), Unsealed::Refuse).expect("new");
        catalogue.add_repository(&id("cn-sd"), "https://registry.example", b"{}").expect("kept");
        drop(catalogue);
        std::fs::write(&path, vec![7; 4096]).expect("damaged");
        let catalogue = Catalogue::open(&path, &CatalogueKey::new(&[7; 32]), Unsealed::Refuse).expect("again");
        assert_eq!(catalogue.repository(&id("cn-sd")).expect("readable"), None);
    }

    #[test]
    fn bytes_that_were_swapped_on_disk_are_not_served() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut catalogue =
            Catalogue::open(&folder.path().join("catalogue.sqlite"), &CatalogueKey::new(&[7; 32]), Unsealed::Refuse)
                .expect("new");
        let sha256: [u8; 32] = digest(&SHA256, b"package").as_ref().try_into().expect("32 bytes");
        let target = Target { path: "cn-sd/trust.json".to_owned(), sha256, length: 7, custom: None };
        catalogue.keep_file(&id("cn-sd"), &target, b"package").expect("kept");
        assert_eq!(catalogue.blob(&sha256).expect("readable").as_deref(), Some(&b"package"[..]));
        catalogue.db.execute("UPDATE blob SET bytes = x'00'", []).expect("swapped");
        assert_eq!(catalogue.blob(&sha256).expect("readable"), None);
    }

    #[test]
    fn two_processes_do_not_open_the_same_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = crate::FolderLock::take(folder.path()).expect("free");
        assert!(matches!(crate::FolderLock::take(folder.path()), Err(StoreError::InUse)));
        drop(held);
        crate::FolderLock::take(folder.path()).expect("free again");
    }
}
