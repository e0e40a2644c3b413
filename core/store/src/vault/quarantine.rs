//! Quarantine for a vault that can't be opened, and the way back from it: no private file is ever deleted here.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{params_from_iter, types::Value};

use super::{AccountId, Owner, SCHEMA, Vault};
use crate::database::Schema;
use crate::error::StoreError;
use crate::sealing::SecretStore;

/// What carries rows from a damaged file into a new one: each table with its columns, owners first.
const TABLES: [(&str, &str); 5] = [
    ("owner_key", "owner, wrapped, seals"),
    ("sealed", "owner, kind, key, value, scope, used"),
    ("outbox", "position, owner, key, waiting, due, value, scope, doubtful"),
    ("attachment", "id, owner, scope, key, submission, created, size, head"),
    ("attachment_part", "attachment, part, value"),
];

impl Vault {
    /// Moves the file into quarantine, so that a new one can be created; answers where it is now.
    pub fn quarantine(path: &Path) -> Result<PathBuf, StoreError> {
        Self::finish_restoring(path)?;
        Self::move_to_quarantine(path)
    }

    fn move_to_quarantine(path: &Path) -> Result<PathBuf, StoreError> {
        // What is still in the log belongs to this file and to no other.
        let emptied = Schema::open_beside(path).and_then(|db| {
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(db.close().map_err(|(_, error)| error)?)
        });
        let place = free_place(path);
        if emptied.is_err() {
            // Too damaged for SQLite: the log goes along under the name that belongs to the file.
            for suffix in ["-wal", "-shm"] {
                let log = with_suffix(path, suffix);
                if log.exists() {
                    std::fs::rename(log, with_suffix(&place, suffix))?;
                }
            }
        }
        std::fs::rename(path, &place)?;
        Ok(place)
    }

    /// The files in quarantine, oldest first.
    pub(crate) fn quarantined(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
        let numbered = (1..).map(|number| path.with_extension(format!("aside-{number}.sqlite")));
        Ok(numbered.take_while(|place| place.exists()).collect())
    }

    /// Removes an account from the files in quarantine, too, before it is removed from this one: a logout is for all
    /// that the phone has. Such a file may know the person, by issuer and subject, under another name. A file that
    /// this key store can't open, nobody can read.
    pub fn remove_account_aside(&self, account: &AccountId, person: Option<(&str, &str)>) -> Result<(), StoreError> {
        let Some(path) = self.db.path().map(PathBuf::from) else { return Ok(()) };
        let owner = Owner::Account(account.clone());
        let own: Option<Vec<u8>> = self.wrapped_key(&owner)?;
        for place in Self::quarantined(&path)? {
            let removed = Schema::open_beside(&place).and_then(|db| {
                let aside = Self::over(db, Arc::clone(&self.secrets));
                aside.db.pragma_update(None, "foreign_keys", true)?;
                aside.db.pragma_update(None, "secure_delete", true)?;
                let other = person.and_then(|(issuer, subject)| aside.account_of(issuer, subject).ok());
                for name in [Some(account.clone()), other].into_iter().flatten() {
                    aside.db.execute("DELETE FROM owner_key WHERE owner = ?1", [name.as_str()])?;
                }
                aside.settle()
            });
            if let Err(error) = removed {
                tracing::warn!(%error, "a damaged vault in quarantine is searched for a key byte by byte");
            }
            // Of a damaged file, a page that SQLite no longer reaches may still have the key.
            if let Some(wrapped) = &own {
                for suffix in ["", "-wal"] {
                    overwrite(&with_suffix(&place, suffix), wrapped)?;
                }
            }
        }
        Ok(())
    }

    /// Restores the newest file that the key store opens again; the one in use goes into quarantine in its place.
    /// Answers whether there was one.
    pub fn restore(path: &Path, secrets: &Arc<dyn SecretStore>) -> Result<bool, StoreError> {
        Self::finish_restoring(path)?;
        for place in Self::quarantined(path)?.into_iter().rev() {
            let Ok(vault) = Self::open(&place, Arc::clone(secrets)) else { continue };
            vault.settle()?;
            drop(vault);
            std::fs::rename(&place, being_restored(path))?;
            if path.exists() {
                // Into the place that has just become free, so that no number is left out.
                Self::move_to_quarantine(path)?;
            }
            Self::finish_restoring(path)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Ends what an ended app has left midway. No file is ever written over.
    pub(super) fn finish_restoring(path: &Path) -> Result<(), StoreError> {
        let waiting = being_restored(path);
        if waiting.exists() {
            let place = if path.exists() { free_place(path) } else { path.to_owned() };
            std::fs::rename(waiting, place)?;
        }
        Ok(())
    }

    /// Moves a damaged file into quarantine and creates a new one with every row of it that can still be read. Answers
    /// how many rows were copied.
    pub fn recover(path: &Path) -> Result<u64, StoreError> {
        let old_path = Self::quarantine(path)?;
        let new = SCHEMA.open(path)?;
        let old = Schema::open_beside(&old_path)?;
        let mut carried = 0;
        let change = new.unchecked_transaction()?;
        for (table, columns) in TABLES {
            let count = columns.split(',').count();
            let marks = vec!["?"; count].join(", ");
            let mut insert = change.prepare(&format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"))?;
            // From both ends: what lies beyond a damaged page is reached from the other side.
            for order in ["1", "1 DESC"] {
                let Ok(mut query) = old.prepare(&format!("SELECT {columns} FROM {table} ORDER BY {order}")) else {
                    continue;
                };
                let Ok(mut rows) = query.query([]) else { continue };
                while let Ok(Some(row)) = rows.next() {
                    let values = (0..count).map(|at| row.get::<_, Value>(at)).collect::<Result<Vec<_>, _>>();
                    let Ok(values) = values else { continue };
                    // A row whose owner was lost can't be opened, and is left in the old file.
                    carried += insert.execute(params_from_iter(values)).unwrap_or_default() as u64;
                }
            }
        }
        let generation = old.query_row("SELECT number FROM generation", [], |row| row.get::<_, i64>(0)).unwrap_or(0);
        change.execute("UPDATE generation SET number = ?1", [generation])?;
        change.commit()?;
        Ok(carried)
    }
}

/// Overwrites a text wherever it stands in a file.
fn overwrite(path: &Path, text: &[u8]) -> Result<(), StoreError> {
    if !path.exists() {
        return Ok(());
    }
    let mut bytes = std::fs::read(path)?;
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, text).collect();
    if places.is_empty() {
        return Ok(());
    }
    for at in places {
        bytes[at..at + text.len()].fill(0);
    }
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(&bytes)?;
    Ok(file.sync_all()?)
}

fn being_restored(path: &Path) -> PathBuf {
    path.with_extension("coming-back.sqlite")
}

fn free_place(path: &Path) -> PathBuf {
    let mut numbered = (1_u64..).map(|number| path.with_extension(format!("aside-{number}.sqlite")));
    numbered.find(|place| !place.exists()).expect("numbers do not end")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::tests::shift;
    use crate::{Owner, Record};

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Kept(String);

    impl Record for Kept {
        const KIND: &'static str = "kept";
        const FORMAT: u8 = 1;
    }

    #[test]
    fn a_vault_whose_key_is_gone_goes_into_quarantine_and_is_restored_with_the_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        let (right, other) = (shift(1) as Arc<dyn SecretStore>, shift(2) as Arc<dyn SecretStore>);
        let vault = Vault::open(&path, Arc::clone(&right)).expect("new");
        vault.put(&Owner::Phone, "a", &Kept("old".to_owned())).expect("kept");
        drop(vault);
        assert!(matches!(Vault::open(&path, Arc::clone(&other)), Err(StoreError::KeyInvalidated)));
        Vault::quarantine(&path).expect("in quarantine");
        let vault = Vault::open(&path, Arc::clone(&other)).expect("a new file");
        vault.put(&Owner::Phone, "a", &Kept("new".to_owned())).expect("kept");
        drop(vault);
        assert!(Vault::restore(&path, &right).expect("looked"), "the key answers again");
        let vault = Vault::open(&path, Arc::clone(&right)).expect("the old one");
        assert_eq!(vault.get(&Owner::Phone, "a").expect("readable"), Some(Kept("old".to_owned())));
        drop(vault);
        assert!(Vault::restore(&path, &other).expect("looked"), "nothing was thrown away either way");
        assert!(!Vault::restore(&path, &right).is_ok_and(|_| Vault::open(&path, other).is_ok()));
    }

    #[test]
    fn a_vault_that_is_being_restored_is_not_lost_though_the_app_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        let keys = shift(1) as Arc<dyn SecretStore>;
        let vault = Vault::open(&path, Arc::clone(&keys)).expect("new");
        vault.put(&Owner::Phone, "a", &Kept("old".to_owned())).expect("kept");
        vault.close().expect("closed");
        // Between the two renames of bringing it back.
        std::fs::rename(&path, being_restored(&path)).expect("on its way");
        let vault = Vault::open(&path, Arc::clone(&keys)).expect("there again");
        assert_eq!(vault.get(&Owner::Phone, "a").expect("readable"), Some(Kept("old".to_owned())));
        vault.close().expect("closed");
        std::fs::copy(&path, being_restored(&path)).expect("on its way, with another in its place");
        Vault::open(&path, keys).expect("the one in use").close().expect("closed");
        assert_eq!(Vault::quarantined(&path).expect("listed").len(), 1, "the other is kept");
    }

    #[test]
    fn a_logout_reaches_the_vaults_in_quarantine_whatever_they_call_the_account_and_however_damaged_they_are() {
        const PERSON: (&str, &str) = ("https://id.example", "somebody");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        let keys = shift(1) as Arc<dyn SecretStore>;
        let log_in = || {
            let vault = Vault::open(&path, Arc::clone(&keys)).expect("opened");
            let account = vault.account_of(PERSON.0, PERSON.1).expect("named");
            let other = vault.account_of(PERSON.0, "another").expect("named");
            for account in [&account, &other] {
                vault.add_account(account).expect("room");
                vault.put(&Owner::Account(account.clone()), "a", &Kept("a draft".to_owned())).expect("kept");
            }
            (vault, account)
        };
        // The first is moved to quarantine whole. In the file that is made next, the same person has another account id.
        log_in().0.close().expect("closed");
        Vault::quarantine(&path).expect("aside");
        // One that was damaged and salvaged: the same name, and the same wrapped key.
        let (vault, account) = log_in();
        let wrapped = vault.wrapped_key(&Owner::Account(account)).expect("read").expect("there");
        vault.close().expect("closed");
        Vault::recover(&path).expect("salvaged");
        // One that SQLite can't even open.
        let mut spoilt = std::fs::read(&path).expect("readable");
        spoilt[..16].fill(0);
        std::fs::write(folder.path().join("vault.aside-3.sqlite"), &spoilt).expect("written");

        let (vault, account) = log_in();
        vault.remove_account_aside(&account, Some(PERSON)).expect("everywhere");
        vault.remove_account(&account).expect("here");
        vault.close().expect("closed");
        for entry in std::fs::read_dir(folder.path()).expect("listed") {
            let bytes = std::fs::read(entry.expect("a file").path()).expect("readable");
            assert!(memchr::memmem::find(&bytes, &wrapped).is_none(), "nowhere is there a key");
        }
        for place in ["vault.aside-1.sqlite", "vault.aside-2.sqlite"] {
            let aside = Vault::open(&folder.path().join(place), Arc::clone(&keys)).expect("opened");
            let left = aside.accounts().expect("listed");
            let other = aside.account_of(PERSON.0, "another").expect("named");
            assert_eq!(left, std::slice::from_ref(&other), "{place}: of the other account nothing is lost");
            let kept = aside.get::<Kept>(&Owner::Account(other), "a").expect("readable");
            assert_eq!(kept, Some(Kept("a draft".to_owned())));
        }
    }

    #[test]
    fn what_a_damaged_page_leaves_is_copied() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        let keys = shift(1) as Arc<dyn SecretStore>;
        let vault = Vault::open(&path, Arc::clone(&keys)).expect("new");
        for number in 0..400 {
            vault.put(&Owner::Phone, &number.to_string(), &Kept("x".repeat(200))).expect("kept");
        }
        vault.settle().expect("written out");
        drop(vault);
        let mut bytes = std::fs::read(&path).expect("readable");
        let middle = bytes.len() / 2 / 4096 * 4096;
        bytes[middle..middle + 4096].fill(0xa5);
        std::fs::write(&path, bytes).expect("damaged");
        Vault::recover(&path).expect("recovered");
        let vault = Vault::open(&path, keys).expect("the new file");
        let left = vault.list::<Kept>(&Owner::Phone).expect("readable").records.len();
        assert!((300..400).contains(&left), "{left} of 400");
        assert_eq!(Vault::quarantined(&path).expect("listed").len(), 1, "the damaged file is kept");
    }
}
