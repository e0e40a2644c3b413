//! Opening a file: pragmas, numbered migrations, refusal of what a newer version or somebody else wrote.
//!
//! The file is in a folder that an attacker may have written to. SQLite is told to trust nothing in it
//! (<https://www.sqlite.org/security.html>, "Untrusted SQLite Database Files"), and its schema has to be, word for word,
//! the one that this app makes, before anything of it is used.

use std::fs::{File, TryLockError};
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

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
        distrust(&db)?;
        let known = i64::try_from(self.migrations.len()).expect("a few migrations");
        let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > known {
            return Err(StoreError::TooNew { file: self.file.to_owned(), found, known });
        }
        self.check(&db, usize::try_from(found).unwrap_or_default())?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", self.synchronous)?;
        db.pragma_update(None, "foreign_keys", true)?;
        // Freed pages are overwritten, so that what was deleted is gone.
        db.pragma_update(None, "secure_delete", true)?;
        for (version, migration) in (1_i64..).zip(self.migrations).filter(|(version, _)| *version > found) {
            let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            step.execute_batch(migration)?;
            step.pragma_update(None, "application_id", self.application_id)?;
            step.pragma_update(None, "user_version", version)?;
            step.commit()?;
        }
        Ok(db)
    }

    /// Opens a file of this schema for reading beside another connection, or one that may be damaged.
    pub(crate) fn open_beside(path: &Path) -> Result<Connection, StoreError> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        distrust(&db)?;
        Ok(db)
    }

    /// A file that says a version and looks otherwise than the migrations up to it make an empty file look was altered.
    fn check(&self, db: &Connection, version: usize) -> Result<(), StoreError> {
        let empty = Connection::open_in_memory()?;
        let made = self.migrations.get(..version).unwrap_or_default();
        made.iter().try_for_each(|migration| empty.execute_batch(migration))?;
        let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let expected = if version == 0 { 0 } else { self.application_id };
        if application == expected && outline(db)? == outline(&empty)? {
            Ok(())
        } else {
            Err(StoreError::FileDamaged { file: self.file })
        }
    }
}

/// No trigger or view of the file runs, no function is called from its schema, and its schema can't be written to.
fn distrust(db: &Connection) -> Result<(), StoreError> {
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    ] {
        db.set_db_config(setting, on)?;
    }
    Ok(())
}

/// Every table, index, trigger and view of a file, SQLite's own too: somebody who can write to the file can give a trigger
/// any name.
fn outline(db: &Connection) -> Result<Vec<[Option<String>; 4]>, StoreError> {
    let mut query = db.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name, sql")?;
    let rows = query.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))?;
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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    const LETTERS: Schema = Schema {
        file: "letters.sqlite",
        application_id: 7,
        synchronous: "NORMAL",
        migrations: &[
            "CREATE TABLE letter (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT UNIQUE) STRICT;",
            "ALTER TABLE letter ADD COLUMN read INTEGER NOT NULL DEFAULT 0;",
        ],
    };

    /// A file at a version, as somebody has edited it.
    fn edited(version: usize, edit: &str) -> (tempfile::TempDir, Result<Connection, StoreError>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("letters.sqlite");
        let older = Schema { migrations: &LETTERS.migrations[..version], ..LETTERS };
        older.open(&path).expect("new").execute("INSERT INTO letter (text) VALUES ('kept')", []).expect("written");
        let db = Connection::open(&path).expect("opened");
        db.execute_batch(edit).expect("edited");
        drop(db);
        let opened = LETTERS.open(&path);
        (folder, opened)
    }

    #[test]
    fn a_file_that_nobody_edited_opens_from_every_version() {
        for version in [1, 2] {
            let (_folder, opened) = edited(version, "");
            let kept: String =
                opened.expect("opened").query_row("SELECT text FROM letter", [], |row| row.get(0)).expect("read");
            assert_eq!(kept, "kept");
        }
    }

    #[test]
    fn a_trigger_view_or_index_by_whatever_name_is_refused_before_anything_runs() {
        const RUNS: &str = "AFTER UPDATE ON letter BEGIN DELETE FROM letter; END";
        let named = |name: &str| {
            // What SQLite would not let anybody create, the file can have all the same.
            format!(
                "CREATE TRIGGER plain {RUNS}; PRAGMA writable_schema = ON;
                 UPDATE sqlite_schema SET name = '{name}', sql = 'CREATE TRIGGER {name} {RUNS}' WHERE name = 'plain'"
            )
        };
        let edits =
            ["sqliteXevil", "sqlite_evil", "sqlite_autoindex_letter_2", "SQLITE_stat1", "letter_evil"].map(named);
        let others = [
            "CREATE VIEW letters AS SELECT * FROM letter",
            "CREATE INDEX by_text ON letter (text)",
            "CREATE TABLE more (a)",
            "ALTER TABLE letter ADD COLUMN more TEXT",
            "PRAGMA application_id = 8",
        ];
        for edit in edits.iter().map(String::as_str).chain(others) {
            for version in [1, 2] {
                let (_folder, opened) = edited(version, edit);
                assert!(matches!(opened, Err(StoreError::FileDamaged { .. })), "version {version}: {edit}");
            }
        }
    }

    #[test]
    fn what_comes_into_a_file_while_it_is_open_does_not_run_either() {
        let (_folder, opened) = edited(2, "");
        let db = opened.expect("opened");
        db.execute_batch("CREATE TRIGGER late AFTER UPDATE ON letter BEGIN DELETE FROM letter; END").expect("created");
        db.execute("UPDATE letter SET read = 1", []).expect("written");
        let left: i64 = db.query_row("SELECT count(*) FROM letter", [], |row| row.get(0)).expect("counted");
        assert_eq!(left, 1);
        assert!(db.execute_batch("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = ''").is_err());
    }
}
