//! The private file: everything a resident trusts the app with, each value sealed.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, RwLock};

use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::database::Schema;
use crate::error::StoreError;
use crate::sealing::{OwnerKeys, Place, SecretStore};

const SCHEMA: Schema = Schema {
    file: "vault.sqlite",
    application_id: 0x4f43_5601,
    synchronous: "FULL",
    migrations: &[include_str!("migrations/vault_001.sql")],
};

/// A resident's account on this phone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(String);

impl AccountId {
    /// The id as text: it tells nothing about the resident.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose a record is: what belongs to no account survives a logout.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The phone's own: version floors, attempts to log in, which account is active.
    Phone,
    /// An account's.
    Account(AccountId),
}

impl Owner {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Phone => "phone",
            Self::Account(id) => &id.0,
        }
    }
}

/// A kind of record that the vault keeps.
pub trait Record: Serialize + DeserializeOwned {
    /// One word; it is bound into every sealed value.
    const KIND: &'static str;
    /// The version of the record's own format, raised when its fields change their meaning.
    const FORMAT: u8;
}

/// The open private file.
pub struct Vault {
    pub(crate) db: Connection,
    secrets: Arc<dyn SecretStore>,
    /// Keys that have been unwrapped since the file was opened.
    keys: RwLock<HashMap<String, Arc<OwnerKeys>>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

/// What proves at open that the key is the right one.
#[derive(Serialize, Deserialize)]
struct KeyCheck;

impl Record for KeyCheck {
    const KIND: &'static str = "key_check";
    const FORMAT: u8 = 1;
}

impl Vault {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`StoreError::KeyInvalidated`] if `secrets` can't unwrap what it once wrapped; the file is left as it is.
    pub fn open(path: &Path, secrets: Arc<dyn SecretStore>) -> Result<Self, StoreError> {
        let db = SCHEMA.open(path)?;
        let vault = Self { db, secrets, keys: RwLock::default() };
        let fresh = !vault.has_owner(&Owner::Phone)?;
        if fresh {
            // Both or neither: a key without its check would later pass for a wrong key.
            vault.atomically(|vault| {
                vault.add_owner(&Owner::Phone)?;
                vault.put(&Owner::Phone, "", &KeyCheck)
            })?;
        }
        // Another key looks under another name, and finds nothing there.
        match vault.get::<KeyCheck>(&Owner::Phone, "") {
            Ok(Some(KeyCheck)) => Ok(vault),
            Ok(None) | Err(StoreError::Damaged(_)) => Err(StoreError::KeyInvalidated),
            Err(error) => Err(error),
        }
    }

    /// The account of a person at a provider: the same person gets the same one each time, and nobody can tell from
    /// it who that is.
    pub fn account_of(&self, issuer: &str, subject: &str) -> Result<AccountId, StoreError> {
        let key = self.keys(&Owner::Phone)?.row_key("account", &format!("{issuer}\n{subject}"));
        Ok(AccountId(key.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Makes room for an account; one that is there is left as it is.
    pub fn add_account(&self, account: &AccountId) -> Result<(), StoreError> {
        let owner = Owner::Account(account.clone());
        if self.has_owner(&owner)? { Ok(()) } else { self.add_owner(&owner) }
    }

    /// Destroys an account: its wrapped key, without which nothing of it can be opened, and with it all its rows.
    pub fn remove_account(&self, account: &AccountId) -> Result<(), StoreError> {
        self.keys.write().expect("no panic while held").remove(&account.0);
        self.db.execute("DELETE FROM owner_key WHERE owner = ?1", [&account.0])?;
        Ok(())
    }

    /// Makes several changes at once: all of them happen, or none.
    pub fn atomically<T>(&self, changes: impl FnOnce(&Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let transaction = self.db.unchecked_transaction()?;
        let outcome = changes(self)?;
        transaction.commit()?;
        Ok(outcome)
    }

    /// Writes what is still in the write-ahead log over the file, so that no older copy of a page remains in either.
    pub fn settle(&self) -> Result<(), StoreError> {
        Ok(self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }

    /// The accounts on this phone.
    pub fn accounts(&self) -> Result<Vec<AccountId>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT owner FROM owner_key WHERE owner <> 'phone' ORDER BY rowid")?;
        let rows = query.query_map([], |row| row.get(0).map(AccountId))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps a record under a name, in place of the one that was there. It is on disk when this returns.
    pub fn put<R: Record>(&self, owner: &Owner, name: &str, record: &R) -> Result<(), StoreError> {
        let keys = self.keys(owner)?;
        let key = keys.row_key(R::KIND, name);
        let value = keys.seal(&place::<R>(owner, &key), &serde_json::to_vec(record)?);
        self.db
            .prepare_cached("INSERT OR REPLACE INTO sealed (owner, kind, key, value) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![owner.name(), R::KIND, key, value])?;
        Ok(())
    }

    /// The record of a name.
    pub fn get<R: Record>(&self, owner: &Owner, name: &str) -> Result<Option<R>, StoreError> {
        let keys = self.keys(owner)?;
        let key = keys.row_key(R::KIND, name);
        let value: Option<Vec<u8>> = self
            .db
            .prepare_cached("SELECT value FROM sealed WHERE owner = ?1 AND kind = ?2 AND key = ?3")?
            .query_row(params![owner.name(), R::KIND, key], |row| row.get(0))
            .optional()?;
        let Some(value) = value else { return Ok(None) };
        let plain = keys.open(&place::<R>(owner, &key), value)?;
        Ok(Some(serde_json::from_slice(&plain)?))
    }

    /// Every record of a kind.
    pub fn list<R: Record>(&self, owner: &Owner) -> Result<Vec<R>, StoreError> {
        let keys = self.keys(owner)?;
        let mut query = self.db.prepare_cached("SELECT key, value FROM sealed WHERE owner = ?1 AND kind = ?2")?;
        let rows = query.query_map(params![owner.name(), R::KIND], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.map(|row| {
            let (key, value): (Vec<u8>, Vec<u8>) = row?;
            Ok(serde_json::from_slice(&keys.open(&place::<R>(owner, &key), value)?)?)
        })
        .collect()
    }

    /// Removes a record; one that is not there is fine.
    pub fn delete<R: Record>(&self, owner: &Owner, name: &str) -> Result<(), StoreError> {
        let key = self.keys(owner)?.row_key(R::KIND, name);
        self.db.prepare_cached("DELETE FROM sealed WHERE owner = ?1 AND kind = ?2 AND key = ?3")?.execute(params![
            owner.name(),
            R::KIND,
            key
        ])?;
        Ok(())
    }

    fn has_owner(&self, owner: &Owner) -> Result<bool, StoreError> {
        let mut query = self.db.prepare_cached("SELECT 1 FROM owner_key WHERE owner = ?1")?;
        Ok(query.exists([owner.name()])?)
    }

    fn add_owner(&self, owner: &Owner) -> Result<(), StoreError> {
        let wrapped = self.secrets.wrap(OwnerKeys::new_secret().as_ref())?;
        self.db.execute("INSERT INTO owner_key (owner, wrapped) VALUES (?1, ?2)", params![owner.name(), wrapped])?;
        Ok(())
    }

    pub(crate) fn keys(&self, owner: &Owner) -> Result<Arc<OwnerKeys>, StoreError> {
        if let Some(keys) = self.keys.read().expect("no panic while held").get(owner.name()) {
            return Ok(Arc::clone(keys));
        }
        let wrapped: Option<Vec<u8>> = self
            .db
            .query_row("SELECT wrapped FROM owner_key WHERE owner = ?1", [owner.name()], |row| row.get(0))
            .optional()?;
        let secret = zeroize::Zeroizing::new(self.secrets.unwrap(&wrapped.ok_or(StoreError::NoSuchAccount)?)?);
        let keys = Arc::new(OwnerKeys::derive(&secret)?);
        self.keys.write().expect("no panic while held").insert(owner.name().to_owned(), Arc::clone(&keys));
        Ok(keys)
    }
}

fn place<'a, R: Record>(owner: &'a Owner, key: &'a [u8]) -> Place<'a> {
    Place { owner: owner.name(), kind: R::KIND, key, format: R::FORMAT }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sealing::SecretError;

    /// Wraps by adding a byte to every byte: enough to tell two stores apart.
    pub(crate) struct Shift(pub u8);

    impl SecretStore for Shift {
        fn wrap(&self, secret: &[u8]) -> Result<Vec<u8>, SecretError> {
            Ok(secret.iter().map(|byte| byte.wrapping_add(self.0)).collect())
        }
        fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, SecretError> {
            Ok(wrapped.iter().map(|byte| byte.wrapping_sub(self.0)).collect())
        }
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note(String);

    impl Record for Note {
        const KIND: &'static str = "note";
        const FORMAT: u8 = 1;
    }

    fn note(text: &str) -> Note {
        Note(text.to_owned())
    }

    #[test]
    fn a_wrong_key_is_named_and_loses_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        let vault = Vault::open(&path, Arc::new(Shift(1))).expect("a new vault");
        vault.put(&Owner::Phone, "a", &note("kept")).expect("written");
        drop(vault);
        let refused = Vault::open(&path, Arc::new(Shift(2))).expect_err("another key store");
        assert!(matches!(refused, StoreError::KeyInvalidated), "{refused}");
        let vault = Vault::open(&path, Arc::new(Shift(1))).expect("the right key store");
        assert_eq!(vault.get(&Owner::Phone, "a").expect("readable"), Some(note("kept")));
    }

    #[test]
    fn what_is_kept_can_not_be_read_in_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        let vault = Vault::open(&path, Arc::new(Shift(1))).expect("a new vault");
        vault.put(&Owner::Phone, "a telling name", &note("a telling text")).expect("written");
        drop(vault);
        for entry in std::fs::read_dir(folder.path()).expect("a folder") {
            let bytes = std::fs::read(entry.expect("a file").path()).expect("readable");
            assert!(!bytes.windows(9).any(|window| window == b"a telling"));
        }
    }

    #[test]
    fn a_logout_destroys_one_account_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), Arc::new(Shift(1))).expect("a new vault");
        let account = |subject| {
            let id = vault.account_of("https://id.example", subject).expect("an id");
            vault.add_account(&id).expect("room");
            vault.put(&Owner::Account(id.clone()), "n", &note(subject)).expect("written");
            id
        };
        let (one, two) = (account("one"), account("two"));
        vault.remove_account(&one).expect("removed");
        assert_eq!(vault.accounts().expect("listed"), std::slice::from_ref(&two));
        let gone = vault.get::<Note>(&Owner::Account(one), "n").expect_err("gone");
        assert!(matches!(gone, StoreError::NoSuchAccount));
        assert_eq!(vault.list::<Note>(&Owner::Account(two)).expect("listed"), [note("two")]);
    }

    #[test]
    fn a_file_of_a_newer_version_is_refused_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        drop(Vault::open(&path, Arc::new(Shift(1))).expect("a new vault"));
        let db = Connection::open(&path).expect("SQLite");
        db.pragma_update(None, "user_version", 99).expect("written");
        drop(db);
        let refused = Vault::open(&path, Arc::new(Shift(1))).expect_err("too new");
        assert!(matches!(refused, StoreError::TooNew { found: 99, .. }));
        assert!(path.exists());
    }
}
