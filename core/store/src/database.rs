//! Opening a file: pragmas, numbered migrations, refusal of what a newer version wrote.

use std::fs::{File, TryLockError};
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::StoreError;

/// What tells one kind of file from another.
pub(crate) struct Schema {
    pub file: &'static str,
    /// SQLite's `application_id`.
    pub application_id: i64,
    /// `NORMAL` where a lost last write can be fetched again, `FULL` where it can't.
    pub synchronous: &'static str,
    /// In order; the file's `user_version` is how many of them it has.
    pub migrations: &'static [&'static str],
}

impl Schema {
    /// Opens or creates a file and brings it to this schema.
    pub(crate) fn open(&self, path: &Path) -> Result<Connection, StoreError> {
        let mut db = Connection::open(path)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", self.synchronous)?;
        db.pragma_update(None, "foreign_keys", true)?;
        // Freed pages are overwritten, so that what was deleted is gone.
        db.pragma_update(None, "secure_delete", true)?;
        let known = i64::try_from(self.migrations.len()).expect("a few migrations");
        let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > known {
            return Err(StoreError::TooNew { file: self.file.to_owned(), found, known });
        }
        for (version, migration) in (1_i64..).zip(self.migrations).filter(|(version, _)| *version > found) {
            let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            step.execute_batch(migration)?;
            step.pragma_update(None, "application_id", self.application_id)?;
            step.pragma_update(None, "user_version", version)?;
            step.commit()?;
        }
        let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
        if application != self.application_id || outline(&db)? != self.outline()? {
            return Err(StoreError::FileDamaged { file: self.file });
        }
        Ok(db)
    }

    /// What the migrations make of an empty file: a file that says the same version and looks otherwise was altered.
    fn outline(&self) -> Result<Vec<(String, Option<String>)>, StoreError> {
        let empty = Connection::open_in_memory()?;
        self.migrations.iter().try_for_each(|migration| empty.execute_batch(migration))?;
        outline(&empty)
    }
}

fn outline(db: &Connection) -> Result<Vec<(String, Option<String>)>, StoreError> {
    // SQLite's own tables come and go as it likes.
    let mut query = db.prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Held while this process has the two files open; another process is refused.
#[derive(Debug)]
pub struct FolderLock(#[expect(dead_code, reason = "held, not read")] File);

impl FolderLock {
    /// Takes the lock of a folder.
    pub fn take(folder: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder)?;
        let file = File::create(folder.join("onecity.lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}
