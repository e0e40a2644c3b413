//! The private file: everything a resident trusts the app with, each value sealed.
//!
//! ```text
//!   SecretStore ──unwraps──> secret of an owner ──HKDF──> sealing key (AES-256-GCM), naming key (HMAC)
//!        └──recalls──> generation: a file with a lower one, or with older guarded records, was put back by somebody
//! ```

mod generation;
mod quarantine;
mod reader;
mod record;
mod scoped;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::database::Schema;
use crate::error::StoreError;
use generation::Generation;
pub use reader::VaultReader;
pub use record::{Listed, Record};
pub use scoped::ServiceSize;

use crate::sealing::{OwnerKeys, Place, SecretError, SecretStore};

const SCHEMA: Schema = Schema {
    file: "vault.sqlite",
    application_id: 0x4f43_5601,
    synchronous: "FULL",
    migrations: &[include_str!("../migrations/vault_001.sql"), include_str!("../migrations/vault_002.sql")],
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

/// Keys that have been unwrapped, by the name of their owner.
type KeyCache = Arc<RwLock<HashMap<String, Arc<OwnerKeys>>>>;

/// The open private file.
pub struct Vault {
    pub(crate) db: Connection,
    secrets: Arc<dyn SecretStore>,
    /// Keys that have been unwrapped since the file was opened.
    keys: KeyCache,
    generation: Generation,
}

/// How long a key store that does not answer is waited for before each further try: the first moments after a phone
/// was unlocked are such a time.
const KEY_STORE_PAUSES: [Duration; 3] =
    [Duration::from_millis(20), Duration::from_millis(100), Duration::from_millis(400)];

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

/// What SQLite can't read is damaged.
fn damaged(error: StoreError) -> StoreError {
    if error.is_corrupt() { StoreError::FileDamaged { file: SCHEMA.file } } else { error }
}

impl Vault {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`StoreError::KeyInvalidated`] if `secrets` can't unwrap what it once wrapped, [`StoreError::FileDamaged`] if
    /// SQLite can't read the file; it is left as it is.
    pub fn open(path: &Path, secrets: Arc<dyn SecretStore>) -> Result<Self, StoreError> {
        Self::finish_restoring(path)?;
        let db = SCHEMA.open(path).map_err(damaged)?;
        let vault = Self::over(db, secrets);
        if !vault.has_owner(&Owner::Phone)? {
            // Nobody's account is older than the phone's own key: without it, this is no new file but an edited one.
            if !vault.accounts()?.is_empty() {
                return Err(StoreError::FileDamaged { file: SCHEMA.file });
            }
            vault.first_generation()?;
            return Ok(vault);
        }
        // Another key looks under another name, and finds nothing there.
        match vault.get::<KeyCheck>(&Owner::Phone, "") {
            Ok(Some(KeyCheck)) => {
                vault.next_generation()?;
                Ok(vault)
            }
            Ok(None) | Err(StoreError::Damaged(_)) => Err(StoreError::KeyInvalidated),
            Err(error) => Err(error),
        }
    }

    fn over(db: Connection, secrets: Arc<dyn SecretStore>) -> Self {
        Self { db, secrets, keys: KeyCache::default(), generation: Generation::default() }
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
        if self.has_owner(&owner)? { Ok(()) } else { self.guarded(|vault| vault.add_owner(&owner)) }
    }

    /// Destroys an account: its wrapped key, without which nothing of it can be opened, and with it all its rows.
    pub fn remove_account(&self, account: &AccountId) -> Result<(), StoreError> {
        self.keys.write().expect("no panic while held").remove(&account.0);
        self.guarded(|vault| {
            vault.db.execute("DELETE FROM owner_key WHERE owner = ?1", [&account.0])?;
            Ok(())
        })
    }

    /// Makes several changes at once: all of them happen, or none. Within another such call they are part of that.
    pub fn atomically<T>(&self, changes: impl FnOnce(&Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if !self.db.is_autocommit() {
            return changes(self);
        }
        let transaction = self.db.unchecked_transaction()?;
        let outcome = changes(self).and_then(|outcome| {
            self.write_changed_guard()?;
            transaction.commit()?;
            Ok(outcome)
        });
        if outcome.is_err() {
            // A key that was made within is gone with its row: nothing may be sealed under it.
            self.keys.write().expect("no panic while held").clear();
            self.forget_changed_guard();
        }
        outcome
    }

    /// Writes what is still in the write-ahead log over the file, so that no older copy of a page remains in either.
    pub fn settle(&self) -> Result<(), StoreError> {
        Ok(self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }

    /// Whether SQLite can read the whole file. It reads all of it, on a connection of its own: others read and write
    /// meanwhile.
    ///
    /// # Errors
    /// [`StoreError::FileDamaged`].
    pub fn check(path: &Path) -> Result<(), StoreError> {
        let check = || -> Result<String, StoreError> {
            let db = Schema::open_beside(path)?;
            Ok(db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?)
        };
        // Of a file that is damaged early on SQLite gives an error instead of a verdict.
        if check().map_err(damaged)? == "ok" { Ok(()) } else { Err(StoreError::FileDamaged { file: SCHEMA.file }) }
    }

    /// For tests: from now on the file may not grow, as on a full disk ([`StoreError::Full`]).
    #[doc(hidden)]
    pub fn stop_growing(&self) -> Result<(), StoreError> {
        let pages: i64 = self.db.pragma_query_value(None, "page_count", |row| row.get(0))?;
        Ok(self.db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
    }

    /// The accounts on this phone.
    pub fn accounts(&self) -> Result<Vec<AccountId>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT owner FROM owner_key WHERE owner <> 'phone' ORDER BY rowid")?;
        let rows = query.query_map([], |row| row.get(0).map(AccountId))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps a record under a name, in place of the one that was there. It is on disk when this returns.
    pub fn put<R: Record>(&self, owner: &Owner, name: &str, record: &R) -> Result<(), StoreError> {
        self.guarded_if::<R, _>(|vault| {
            let keys = vault.keys(owner)?;
            let key = keys.row_key(R::KIND, name);
            let value = vault.seal(owner, &keys, &place::<R>(owner, &key), &serde_json::to_vec(record)?)?;
            vault
                .db
                .prepare_cached("INSERT OR REPLACE INTO sealed (owner, kind, key, value) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![owner.name(), R::KIND, key, value])?;
            Ok(())
        })
    }

    /// The record of a name.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::RecordTooNew`] or [`StoreError::Record`] if it can't be read: it stays.
    pub fn get<R: Record>(&self, owner: &Owner, name: &str) -> Result<Option<R>, StoreError> {
        let keys = self.keys(owner)?;
        self.read(&keys, owner, name)
    }

    fn read<R: Record>(&self, keys: &OwnerKeys, owner: &Owner, name: &str) -> Result<Option<R>, StoreError> {
        let key = keys.row_key(R::KIND, name);
        let value: Option<Vec<u8>> = self
            .db
            .prepare_cached("SELECT value FROM sealed WHERE owner = ?1 AND kind = ?2 AND key = ?3")?
            .query_row(params![owner.name(), R::KIND, key], |row| row.get(0))
            .optional()?;
        value.map(|value| opened(keys, owner, &key, value)).transpose()
    }

    /// Every record of a kind, with the number of those that can't be read: they stay where they are, and hide none of
    /// the others.
    pub fn list<R: Record>(&self, owner: &Owner) -> Result<Listed<R>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT key, value FROM sealed WHERE owner = ?1 AND kind = ?2")?;
        let rows = query.query_map(params![owner.name(), R::KIND], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.opened_rows(owner, rows)
    }

    fn opened_rows<R: Record>(
        &self,
        owner: &Owner,
        rows: impl Iterator<Item = rusqlite::Result<(Vec<u8>, Vec<u8>)>>,
    ) -> Result<Listed<R>, StoreError> {
        let keys = self.keys(owner)?;
        let mut listed = Listed::default();
        for row in rows {
            let (key, value) = row?;
            match opened(&keys, owner, &key, value) {
                Ok(record) => listed.records.push(record),
                Err(error) => {
                    tracing::warn!(%error, kind = R::KIND, "a record can't be read");
                    listed.unreadable += 1;
                }
            }
        }
        Ok(listed)
    }

    /// Removes a record; one that is not there is fine.
    pub fn delete<R: Record>(&self, owner: &Owner, name: &str) -> Result<(), StoreError> {
        self.guarded_if::<R, _>(|vault| {
            let key = vault.keys(owner)?.row_key(R::KIND, name);
            let mut delete =
                vault.db.prepare_cached("DELETE FROM sealed WHERE owner = ?1 AND kind = ?2 AND key = ?3")?;
            delete.execute(params![owner.name(), R::KIND, key])?;
            Ok(())
        })
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

    fn wrapped_key(&self, owner: &Owner) -> Result<Option<Vec<u8>>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT wrapped FROM owner_key WHERE owner = ?1")?;
        Ok(query.query_row([owner.name()], |row| row.get(0)).optional()?)
    }

    /// Seals a value, counting it first: that is what bounds how often a key is used.
    pub(crate) fn seal(
        &self,
        owner: &Owner,
        keys: &OwnerKeys,
        place: &Place<'_>,
        plain: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        if let Some(block) = keys.count_one() {
            // Should a transaction around this be rolled back, a block too few is counted: the limit leaves room.
            self.db.execute(
                "UPDATE owner_key SET seals = seals + ?2 WHERE owner = ?1",
                params![owner.name(), i64::try_from(block).unwrap_or(i64::MAX)],
            )?;
            keys.counted_ahead(block);
        }
        Ok(keys.seal(place, plain))
    }

    pub(crate) fn keys(&self, owner: &Owner) -> Result<Arc<OwnerKeys>, StoreError> {
        if let Some(keys) = self.keys.read().expect("no panic while held").get(owner.name()) {
            return Ok(Arc::clone(keys));
        }
        let keys = self.derived_keys(owner)?;
        self.keys.write().expect("no panic while held").insert(owner.name().to_owned(), Arc::clone(&keys));
        Ok(keys)
    }

    /// An owner's keys out of the file and the key store, whether or not they were unwrapped before.
    fn derived_keys(&self, owner: &Owner) -> Result<Arc<OwnerKeys>, StoreError> {
        let found: Option<(Vec<u8>, i64)> = self
            .db
            .query_row("SELECT wrapped, seals FROM owner_key WHERE owner = ?1", [owner.name()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let (wrapped, seals) = found.ok_or(StoreError::NoSuchAccount)?;
        let secret = Zeroizing::new(self.unwrapped(&wrapped)?);
        Ok(Arc::new(OwnerKeys::derive(&secret, u64::try_from(seals).unwrap_or(u64::MAX))?))
    }

    fn unwrapped(&self, wrapped: &[u8]) -> Result<Vec<u8>, SecretError> {
        patiently(|| self.secrets.unwrap(wrapped))
    }
}

/// Asks the key store, again if it does not answer at once.
fn patiently<T>(ask: impl Fn() -> Result<T, SecretError>) -> Result<T, SecretError> {
    for pause in KEY_STORE_PAUSES {
        match ask() {
            Err(SecretError::Unavailable) => std::thread::sleep(pause),
            answer => return answer,
        }
    }
    ask()
}

/// A record of this format out of a value of this or an older one.
fn opened<R: Record>(keys: &OwnerKeys, owner: &Owner, key: &[u8], value: Vec<u8>) -> Result<R, StoreError> {
    let (format, plain) = keys.open(&place::<R>(owner, key), value)?;
    if format == R::FORMAT { Ok(serde_json::from_slice(&plain)?) } else { R::upgrade(format, &plain) }
}

fn place<'a, R: Record>(owner: &'a Owner, key: &'a [u8]) -> Place<'a> {
    Place { owner: owner.name(), kind: R::KIND, key, format: R::FORMAT }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Wraps by adding a byte to every byte: enough to tell two stores apart.
    pub(crate) struct Shift(u8, AtomicU64);

    pub(crate) fn shift(by: u8) -> Arc<Shift> {
        Arc::new(Shift(by, AtomicU64::new(0)))
    }

    impl SecretStore for Shift {
        fn wrap(&self, secret: &[u8]) -> Result<Vec<u8>, SecretError> {
            Ok(secret.iter().map(|byte| byte.wrapping_add(self.0)).collect())
        }
        fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, SecretError> {
            Ok(wrapped.iter().map(|byte| byte.wrapping_sub(self.0)).collect())
        }
        fn remember(&self, generation: u64) -> Result<(), SecretError> {
            self.1.fetch_max(generation, Ordering::Relaxed);
            Ok(())
        }
        fn recall(&self) -> Result<Option<u64>, SecretError> {
            Ok(Some(self.1.load(Ordering::Relaxed)).filter(|generation| *generation > 0))
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
        let vault = Vault::open(&path, shift(1)).expect("a new vault");
        vault.put(&Owner::Phone, "a", &note("kept")).expect("written");
        drop(vault);
        let refused = Vault::open(&path, shift(2)).expect_err("another key store");
        assert!(matches!(refused, StoreError::KeyInvalidated), "{refused}");
        let vault = Vault::open(&path, shift(1)).expect("the right key store");
        assert_eq!(vault.get(&Owner::Phone, "a").expect("readable"), Some(note("kept")));
    }

    #[test]
    fn what_is_kept_can_not_be_read_in_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        let vault = Vault::open(&path, shift(1)).expect("a new vault");
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
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(1)).expect("a new vault");
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
        assert_eq!(vault.list::<Note>(&Owner::Account(two)).expect("listed").records, [note("two")]);
    }

    #[test]
    fn a_file_of_a_newer_version_is_refused_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        drop(Vault::open(&path, shift(1)).expect("a new vault"));
        let db = Connection::open(&path).expect("SQLite");
        db.pragma_update(None, "user_version", 99).expect("written");
        drop(db);
        let refused = Vault::open(&path, shift(1)).expect_err("too new");
        assert!(matches!(refused, StoreError::TooNew { found: 99, .. }));
        assert!(path.exists());
    }

    #[test]
    fn a_check_calls_a_file_damaged_wherever_in_it_the_damage_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.sqlite");
        Vault::open(&path, shift(1)).expect("opened").close().expect("closed");
        let whole = std::fs::read(&path).expect("readable");
        Vault::check(&path).expect("whole");
        // The first page's header, for which SQLite has an error; and a later page, for which it has a verdict or an error.
        for at in [0, 100, 4096, 8192] {
            let mut damaged = whole.clone();
            damaged[at..at + 64].fill(0xff);
            std::fs::write(&path, &damaged).expect("written");
            let refused = Vault::check(&path);
            assert!(matches!(refused, Err(StoreError::FileDamaged { .. })), "at {at}: {refused:?}");
        }
    }
}
