//! Telling an older copy of the file from the file: a number that only grows, here and in the key store.
//!
//! Somebody who copies the vault, lets time pass and puts the copy back would bring back a session that was ended, a
//! consent that was withdrawn, a submission that was sent. Sealing a value can't tell, for it was sealed here once; the
//! number can. It is sealed together with a fingerprint of the guarded records ([`Record::GUARDED`]) and of the
//! accounts, so that neither the new number in an old file nor an old record in the new file passes.
//!
//! ```text
//!   sealed: { number, kinds, fingerprint }   number < key store's            an older copy
//!                                            fingerprint of the rows differs an edited file
//!                                            the key store has no number     taken for an older copy
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use ring::hmac;
use rusqlite::types::Value;
use serde::{Deserialize, Serialize};

use super::{KeyCheck, Owner, Record, Vault, patiently};
use crate::catalogue::{CatalogueKey, Unsealed};
use crate::error::StoreError;
use crate::sealing::SecretError;

/// Files of the first two schemas had the number in the clear, below this. Once the key store has one above it, no such
/// file is the newest.
const SEALED: u64 = 1 << 40;

/// The kinds that were guarded when the number was first sealed; later ones join when the first of them is written.
const GUARDED_FIRST: [&str; 5] = ["session", "consent", "floors", "time_anchor", "active_account"];

/// What is known of an open file's generation.
#[derive(Default)]
pub(super) struct Generation {
    /// Whether this is an older copy of the file, and nobody has dealt with that yet.
    rolled_back: Cell<bool>,
    /// Whether a guarded record has changed since the transaction began.
    changed: Cell<bool>,
    number: Cell<u64>,
    kinds: RefCell<BTreeSet<String>>,
    /// Whether an app from before there were seals wrote the public file last.
    adopts: Cell<bool>,
}

/// The file's own word on its generation.
#[derive(Serialize, Deserialize)]
struct Guard {
    number: u64,
    kinds: BTreeSet<String>,
    fingerprint: Vec<u8>,
    /// Whether rows of the public file that carry no seal are still to be adopted.
    #[serde(default)]
    adopts: bool,
}

impl Record for Guard {
    const KIND: &'static str = "generation";
    const FORMAT: u8 = 1;
}

impl Vault {
    /// Begins a new file. The key store hears of it first: a file that it does not know would next time be taken for
    /// one that was put back.
    pub(super) fn first_generation(&self) -> Result<(), StoreError> {
        let number = self.recalled()?.unwrap_or_default().max(SEALED) + 1;
        patiently(|| self.secrets.remember(number))?;
        self.generation.number.set(number);
        // All or nothing: a key without its check would later pass for a wrong key.
        self.guarded(|vault| {
            vault.add_owner(&Owner::Phone)?;
            vault.put(&Owner::Phone, "", &KeyCheck)
        })
    }

    /// Compares the file's generation with the key store's, and raises both unless the file is an older copy.
    pub(super) fn next_generation(&self) -> Result<(), StoreError> {
        let mirrored = self.recalled()?;
        let guard = match self.get::<Guard>(&Owner::Phone, "") {
            Err(StoreError::Damaged(_)) => None,
            guard => guard?,
        };
        let is_newest = match (&guard, mirrored) {
            (_, None) => false,
            (Some(guard), Some(mirrored)) => {
                guard.number >= mirrored && guard.fingerprint == self.fingerprint(&guard.kinds)?
            }
            (None, Some(mirrored)) => mirrored < SEALED && self.plain_number()? >= mirrored,
        };
        self.generation.adopts.set(is_newest && guard.as_ref().is_none_or(|guard| guard.adopts));
        let (number, kinds) = match guard {
            Some(guard) => (guard.number, guard.kinds),
            None => (SEALED, GUARDED_FIRST.map(str::to_owned).into()),
        };
        self.generation.number.set(number.max(mirrored.unwrap_or_default()));
        self.generation.kinds.replace(kinds);
        if is_newest {
            return self.raise_generation();
        }
        tracing::warn!("an older copy of the vault was put back, or the vault was altered");
        self.generation.rolled_back.set(true);
        Ok(())
    }

    /// Whether this is an older copy of the file that somebody put back, or one that somebody has altered, until
    /// [`Vault::accept_rollback`].
    pub fn is_rolled_back(&self) -> bool {
        self.generation.rolled_back.get()
    }

    /// What shows in the public file which rows this phone has written.
    pub fn catalogue_key(&self) -> Result<CatalogueKey, StoreError> {
        Ok(CatalogueKey::new(&self.keys(&Owner::Phone)?.catalogue_secret()))
    }

    /// What to do with rows of the public file that carry no seal: adopted once, by the first app that seals.
    pub fn unsealed_rows(&self) -> Unsealed {
        if self.generation.adopts.get() { Unsealed::Adopt } else { Unsealed::Refuse }
    }

    /// The public file's rows are sealed: no other row is adopted any more.
    pub fn rows_are_sealed(&self) -> Result<(), StoreError> {
        if self.generation.adopts.replace(false) { self.guarded(|_| Ok(())) } else { Ok(()) }
    }

    /// Goes on with an older copy after the changes that this calls for: all of it at once. What waits in the outbox
    /// is then asked after before it is sent.
    pub fn accept_rollback(&self, changes: impl FnOnce(&Self) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.generation.rolled_back.set(false);
        let number = self.generation.number.get() + 1;
        let done = self.guarded(|vault| {
            changes(vault)?;
            vault.db.execute("UPDATE outbox SET doubtful = 1 WHERE waiting = 1", [])?;
            vault.generation.number.set(number);
            Ok(())
        });
        if done.is_err() {
            self.generation.number.set(number - 1);
            self.generation.rolled_back.set(true);
        } else {
            self.mirror(number);
        }
        done
    }

    /// Ends the work with the file: copies that were taken of it so far are older ones from now on.
    pub fn close(self) -> Result<(), StoreError> {
        if !self.is_rolled_back() {
            self.raise_generation()?;
        }
        self.settle()?;
        self.db.close().map_err(|(_, error)| error.into())
    }

    /// Changes that concern guarded records or accounts, all at once.
    pub(super) fn guarded<T>(&self, changes: impl FnOnce(&Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.atomically(|vault| {
            vault.generation.changed.set(true);
            changes(vault)
        })
    }

    /// Changes of records of a kind, which may be a guarded one.
    pub(super) fn guarded_if<R: Record, T>(
        &self,
        changes: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if !R::GUARDED {
            return changes(self);
        }
        self.guarded(|vault| {
            if !vault.generation.kinds.borrow().contains(R::KIND) {
                vault.generation.kinds.borrow_mut().insert(R::KIND.to_owned());
            }
            changes(vault)
        })
    }

    /// Before a transaction is committed: seals the fingerprint of what it has changed.
    pub(super) fn write_changed_guard(&self) -> Result<(), StoreError> {
        // What was put back must not pass for the newest because something else was written.
        if self.generation.changed.take() && !self.is_rolled_back() { self.write_guard() } else { Ok(()) }
    }

    pub(super) fn forget_changed_guard(&self) {
        self.generation.changed.set(false);
    }

    fn write_guard(&self) -> Result<(), StoreError> {
        let kinds = self.generation.kinds.borrow().clone();
        let fingerprint = self.fingerprint(&kinds)?;
        let (number, adopts) = (self.generation.number.get(), self.generation.adopts.get());
        self.put(&Owner::Phone, "", &Guard { number, kinds, fingerprint, adopts })
    }

    /// An HMAC over the accounts with their wrapped keys and over all records of some kinds, as they stand in the file.
    fn fingerprint(&self, kinds: &BTreeSet<String>) -> Result<Vec<u8>, StoreError> {
        let mut context = hmac::Context::with_key(self.keys(&Owner::Phone)?.guard_key());
        let mut add = |values: &[Value]| {
            context.update(&(values.len() as u64).to_be_bytes());
            for value in values {
                let bytes = match value {
                    Value::Text(text) => text.as_bytes(),
                    Value::Blob(bytes) => bytes,
                    _ => &[],
                };
                context.update(&(bytes.len() as u64).to_be_bytes());
                context.update(bytes);
            }
        };
        let mut owners = self.db.prepare_cached("SELECT owner, wrapped FROM owner_key ORDER BY owner")?;
        let mut rows = owners.query([])?;
        while let Some(row) = rows.next()? {
            add(&[row.get(0)?, row.get(1)?]);
        }
        let mut records = self
            .db
            .prepare_cached("SELECT kind, owner, key, value FROM sealed WHERE owner = ?1 AND kind = ?2 ORDER BY key")?;
        for owner in self.owners()? {
            for kind in kinds {
                let mut rows = records.query([&owner, kind])?;
                while let Some(row) = rows.next()? {
                    add(&[row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]);
                }
            }
        }
        Ok(context.sign().as_ref().to_vec())
    }

    fn owners(&self) -> Result<Vec<String>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT owner FROM owner_key ORDER BY owner")?;
        let rows = query.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The number that the key store keeps. None if it keeps none, for example because it was reset.
    fn recalled(&self) -> Result<Option<u64>, StoreError> {
        match patiently(|| self.secrets.recall()) {
            Err(SecretError::Invalidated) => Ok(None),
            answer => Ok(answer?),
        }
    }

    /// The number as files of the first schemas had it.
    fn plain_number(&self) -> Result<u64, StoreError> {
        let number: i64 = self.db.query_row("SELECT number FROM generation", [], |row| row.get(0))?;
        Ok(u64::try_from(number).unwrap_or_default())
    }

    /// The file first: should the key store not hear of it, the file is ahead, which is no fault.
    fn raise_generation(&self) -> Result<(), StoreError> {
        let before = self.generation.number.get();
        self.generation.number.set(before + 1);
        match self.guarded(|_| Ok(())) {
            Ok(()) => {
                self.mirror(before + 1);
                Ok(())
            }
            Err(error) => {
                self.generation.number.set(before);
                Err(error)
            }
        }
    }

    fn mirror(&self, number: u64) {
        if let Err(error) = self.secrets.remember(number) {
            tracing::warn!(%error, "the vault's generation was not mirrored");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rusqlite::Connection;

    use super::*;
    use crate::sealing::SecretStore;
    use crate::vault::tests::{Shift, shift};

    /// Something that was agreed to.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Agreed(String);

    impl Record for Agreed {
        const KIND: &'static str = "agreed";
        const FORMAT: u8 = 1;
        const GUARDED: bool = true;
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note(String);

    impl Record for Note {
        const KIND: &'static str = "note";
        const FORMAT: u8 = 1;
    }

    fn open(path: &Path, keys: &Arc<Shift>) -> Vault {
        Vault::open(path, Arc::clone(keys) as _).expect("it opens")
    }

    /// A phone, and somebody who can write to its folder.
    struct Scene {
        _folder: tempfile::TempDir,
        path: PathBuf,
        copy: PathBuf,
        keys: Arc<Shift>,
    }

    impl Scene {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let (path, copy) = (folder.path().join("vault.sqlite"), folder.path().join("copy.sqlite"));
            Self { _folder: folder, path, copy, keys: shift(1) }
        }

        fn change(&self, change: impl FnOnce(&Vault)) {
            let vault = open(&self.path, &self.keys);
            assert!(!vault.is_rolled_back());
            change(&vault);
            vault.close().expect("closed");
        }

        /// Something is agreed to, the file is copied, and it is taken back.
        fn agreed_and_taken_back(&self) {
            self.change(|vault| vault.put(&Owner::Phone, "a", &Agreed("yes".to_owned())).expect("kept"));
            std::fs::copy(&self.path, &self.copy).expect("a copy");
            self.change(|vault| vault.delete::<Agreed>(&Owner::Phone, "a").expect("taken back"));
        }

        /// Statements of somebody else, with the copy at hand as `copy`.
        fn edit(&self, statements: &str) {
            let db = Connection::open(&self.path).expect("opened");
            db.execute("ATTACH ?1 AS copy", [self.copy.to_str().expect("a path")]).expect("at hand");
            db.execute_batch(statements).expect("edited");
        }

        fn is_noticed(&self) -> bool {
            open(&self.path, &self.keys).is_rolled_back()
        }
    }

    #[test]
    fn an_older_copy_put_back_is_noticed_and_the_file_itself_never_is_taken_for_one() {
        let Scene { path, copy, keys, .. } = &Scene::new();
        open(path, keys).close().expect("closed");
        std::fs::copy(path, copy).expect("a copy");
        for _ in 0..3 {
            let vault = open(path, keys);
            assert!(!vault.is_rolled_back());
            drop(vault);
        }
        std::fs::copy(copy, path).expect("put back");
        let vault = open(path, keys);
        assert!(vault.is_rolled_back());
        vault.put(&Owner::Phone, "a", &Agreed("to be written meanwhile".to_owned())).expect("kept");
        drop(vault);
        let vault = open(path, keys);
        assert!(vault.is_rolled_back(), "until somebody has dealt with it");
        let failed = vault.accept_rollback(|_| Err(StoreError::Full)).expect_err("no room");
        assert!(matches!(failed, StoreError::Full) && vault.is_rolled_back());
        vault.accept_rollback(|_| Ok(())).expect("dealt with");
        vault.close().expect("closed");
        assert!(!open(path, keys).is_rolled_back());
    }

    #[test]
    fn a_copy_taken_while_the_app_ran_is_an_older_one_once_it_has_closed() {
        let Scene { path, copy, keys, .. } = &Scene::new();
        let vault = open(path, keys);
        vault.settle().expect("written out");
        std::fs::copy(path, copy).expect("a copy");
        vault.close().expect("closed");
        std::fs::copy(copy, path).expect("put back");
        assert!(open(path, keys).is_rolled_back());
    }

    #[test]
    fn an_older_copy_with_the_new_number_written_into_it_is_noticed() {
        for number in [
            "UPDATE generation SET number = 1000000",
            "INSERT OR REPLACE INTO sealed SELECT * FROM copy.sealed WHERE kind = 'generation'",
            "DELETE FROM sealed WHERE kind = 'generation'; UPDATE generation SET number = 1000000",
            "UPDATE sealed SET value = x'0201' WHERE kind = 'generation'",
        ] {
            let scene = Scene::new();
            scene.agreed_and_taken_back();
            // The newest file is at hand, the older one is in its place.
            let newest = std::fs::read(&scene.path).expect("readable");
            std::fs::copy(&scene.copy, &scene.path).expect("put back");
            std::fs::write(&scene.copy, newest).expect("at hand");
            scene.edit(number);
            assert!(scene.is_noticed(), "{number}");
        }
    }

    #[test]
    fn an_older_copy_without_the_phone_s_own_key_does_not_pass_for_a_new_file() {
        for edit in [
            "DELETE FROM owner_key WHERE owner = 'phone'",
            "UPDATE owner_key SET owner = 'phone-2' WHERE owner = 'phone'",
            "DELETE FROM owner_key WHERE owner = 'phone'; DELETE FROM sealed WHERE owner = 'phone'",
        ] {
            let scene = Scene::new();
            scene.change(|vault| {
                let account = vault.account_of("https://id.example", "somebody").expect("named");
                vault.add_account(&account).expect("room");
                vault.put(&Owner::Account(account), "a", &Agreed("once".to_owned())).expect("kept");
            });
            std::fs::copy(&scene.path, &scene.copy).expect("a copy");
            scene.edit(&format!("PRAGMA foreign_keys = OFF; {edit}"));
            let refused = Vault::open(&scene.path, Arc::clone(&scene.keys) as _).expect_err("not a new file");
            assert!(matches!(refused, StoreError::FileDamaged { .. }), "{edit}: {refused}");
        }
    }

    #[test]
    fn an_older_guarded_record_in_the_newest_file_is_noticed_and_so_is_one_that_is_taken_out() {
        for (edit, noticed) in [
            ("INSERT INTO sealed SELECT * FROM copy.sealed WHERE kind = 'agreed'", true),
            ("DELETE FROM sealed WHERE kind = 'agreed'", true),
            ("UPDATE sealed SET owner = 'nobody' WHERE kind = 'agreed'", true),
            ("DELETE FROM sealed WHERE kind = 'note'", false),
        ] {
            let scene = Scene::new();
            scene.change(|vault| {
                vault.put(&Owner::Phone, "b", &Agreed("to another".to_owned())).expect("kept");
                vault.put(&Owner::Phone, "a", &Note("of no consequence".to_owned())).expect("kept");
            });
            scene.agreed_and_taken_back();
            scene.edit(&format!("PRAGMA foreign_keys = OFF; {edit}").replace("INTO sealed", "OR IGNORE INTO sealed"));
            assert_eq!(scene.is_noticed(), noticed, "{edit}");
        }
    }

    #[test]
    fn an_account_that_was_removed_and_is_put_back_is_noticed() {
        let scene = Scene::new();
        scene.change(|vault| {
            let account = vault.account_of("https://id.example", "somebody").expect("named");
            vault.add_account(&account).expect("room");
            vault.put(&Owner::Account(account), "a", &Note("a draft".to_owned())).expect("kept");
        });
        std::fs::copy(&scene.path, &scene.copy).expect("a copy");
        scene.change(|vault| {
            let account = vault.accounts().expect("listed").remove(0);
            vault.remove_account(&account).expect("removed");
        });
        scene.edit(
            "INSERT OR IGNORE INTO owner_key SELECT * FROM copy.owner_key;
             INSERT OR IGNORE INTO sealed SELECT * FROM copy.sealed WHERE kind = 'note'",
        );
        assert!(scene.is_noticed());
    }

    #[test]
    fn a_file_that_the_key_store_knows_no_number_of_is_taken_for_an_older_copy() {
        struct Forgetful(Arc<Shift>, AtomicBool);
        impl SecretStore for Forgetful {
            fn wrap(&self, secret: &[u8]) -> Result<Vec<u8>, SecretError> {
                self.0.wrap(secret)
            }
            fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, SecretError> {
                self.0.unwrap(wrapped)
            }
            fn remember(&self, _: u64) -> Result<(), SecretError> {
                Ok(())
            }
            fn recall(&self) -> Result<Option<u64>, SecretError> {
                if self.1.load(Ordering::Relaxed) { Err(SecretError::Invalidated) } else { Ok(None) }
            }
        }
        let scene = Scene::new();
        scene.change(|_| {});
        let forgetful = Arc::new(Forgetful(Arc::clone(&scene.keys), AtomicBool::new(false)));
        let vault = Vault::open(&scene.path, Arc::clone(&forgetful) as _).expect("it opens");
        assert!(vault.is_rolled_back(), "it answers with nothing");
        drop(vault);
        forgetful.1.store(true, Ordering::Relaxed);
        assert!(Vault::open(&scene.path, forgetful as _).expect("it opens").is_rolled_back(), "it fails for good");
    }

    #[test]
    fn a_key_store_that_does_not_answer_yet_is_asked_again_and_nothing_ends() {
        struct Busy(Arc<Shift>);
        impl SecretStore for Busy {
            fn wrap(&self, secret: &[u8]) -> Result<Vec<u8>, SecretError> {
                self.0.wrap(secret)
            }
            fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, SecretError> {
                self.0.unwrap(wrapped)
            }
            fn remember(&self, number: u64) -> Result<(), SecretError> {
                self.0.remember(number)
            }
            fn recall(&self) -> Result<Option<u64>, SecretError> {
                Err(SecretError::Unavailable)
            }
        }
        let scene = Scene::new();
        scene.change(|_| {});
        let refused = Vault::open(&scene.path, Arc::new(Busy(Arc::clone(&scene.keys)))).expect_err("not now");
        assert!(matches!(refused, StoreError::KeyUnavailable), "{refused}");
        assert!(!scene.is_noticed(), "later it opens as it was");
    }
}
