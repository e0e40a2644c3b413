//! What shows that a row was written by this phone: an HMAC over its table and values, under a key that only the vault
//! can derive.
//!
//! The public file is in the clear, and its folder may have been written to by somebody else. A row without its seal is
//! never acted on: the file counts as altered, and is fetched again. An older row with its older seal passes; that shows
//! the registry as it was, until the next sync, whose version floors are in the vault.

use ring::hmac;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, ToSql};

use crate::error::StoreError;

/// The key of the seals.
#[derive(Clone)]
pub struct CatalogueKey(hmac::Key);

impl std::fmt::Debug for CatalogueKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CatalogueKey")
    }
}

impl CatalogueKey {
    /// A key out of 32 secret bytes.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Lets statements of this connection call `seal('TABLE', VALUE, …)`; nothing in the file itself can.
    pub(super) fn lend(&self, db: &Connection) -> Result<(), StoreError> {
        let key = self.0.clone();
        let flags = FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
        db.create_scalar_function("seal", -1, flags, move |call| {
            let mut context = hmac::Context::with_key(&key);
            for at in 0..call.len() {
                let number;
                let (kind, bytes): (u8, &[u8]) = match call.get_raw(at) {
                    ValueRef::Null => (0, &[]),
                    ValueRef::Integer(value) => {
                        number = value.to_be_bytes();
                        (1, &number)
                    }
                    ValueRef::Real(value) => {
                        number = value.to_be_bytes();
                        (2, &number)
                    }
                    ValueRef::Text(text) => (3, text),
                    ValueRef::Blob(bytes) => (4, bytes),
                };
                context.update(&[kind]);
                context.update(&(bytes.len() as u64).to_be_bytes());
                context.update(bytes);
            }
            Ok(context.sign().as_ref()[..16].to_vec())
        })?;
        Ok(())
    }
}

/// A table whose rows are sealed, with the columns that the seal is over. Others carry nothing that the phone acts on.
pub(super) struct Sealed {
    name: &'static str,
    columns: &'static [&'static str],
}

pub(super) const REPOSITORY: Sealed =
    Sealed { name: "repository", columns: &["id", "url", "first_root", "checked", "expires"] };
pub(super) const METADATA: Sealed = Sealed { name: "metadata", columns: &["repository", "role", "version", "bytes"] };
pub(super) const REGION: Sealed = Sealed { name: "region", columns: &["id", "parent", "repository", "body"] };
pub(super) const CIRCLE: Sealed = Sealed { name: "circle", columns: &["id", "repository", "body"] };
pub(super) const RELEASE: Sealed = Sealed {
    name: "release",
    columns: &["unit", "app_id", "version_code", "repository", "path", "sha256", "length", "card"],
};
pub(super) const FILE: Sealed = Sealed { name: "file", columns: &["repository", "path", "sha256"] };
pub(super) const UNIT: Sealed =
    Sealed { name: "unit", columns: &["id", "region", "repository", "version", "expires", "broken"] };
pub(super) const SCOPE: Sealed = Sealed { name: "scope", columns: &["region", "snapshot"] };
pub(super) const VERSION: Sealed =
    Sealed { name: "version", columns: &["unit", "app_id", "slot", "version_code", "sha256"] };
pub(super) const FAILED: Sealed = Sealed { name: "failed", columns: &["unit", "app_id", "version_code"] };

const ALL: [&Sealed; 10] =
    [&REPOSITORY, &METADATA, &REGION, &CIRCLE, &RELEASE, &FILE, &UNIT, &SCOPE, &VERSION, &FAILED];

impl Sealed {
    /// A statement that writes a row, in place of the one with the same key `key`; its parameters are the columns in
    /// order. Columns outside of the seal stay as they are.
    fn write(&self, key: &str) -> String {
        let Self { name, columns } = self;
        let marks: Vec<String> = (1..=columns.len()).map(|number| format!("?{number}")).collect();
        let (list, marks) = (columns.join(", "), marks.join(", "));
        let set: Vec<String> = columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
        format!(
            "INSERT INTO {name} ({list}, seal) VALUES ({marks}, seal('{name}', {marks}))
             ON CONFLICT ({key}) DO UPDATE SET {}, seal = excluded.seal",
            set.join(", ")
        )
    }

    /// Writes a row.
    pub(super) fn put(&self, db: &Connection, key: &str, values: &[&dyn ToSql]) -> Result<(), StoreError> {
        db.prepare_cached(&self.write(key))?.execute(values)?;
        Ok(())
    }

    /// Reads columns of some rows.
    ///
    /// # Errors
    /// [`StoreError::CatalogueAltered`] if one of them has no seal, or another's.
    pub(super) fn read<T>(
        &self,
        db: &Connection,
        columns: &str,
        which: &str,
        values: &[&dyn ToSql],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.each(db, columns, which, values, &mut |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// Compiled once, whatever is read.
    fn each(
        &self,
        db: &Connection,
        columns: &str,
        which: &str,
        values: &[&dyn ToSql],
        take: &mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let holds = self.holds();
        let mut query = db.prepare_cached(&format!("SELECT {columns}, {holds} FROM {} {which}", self.name))?;
        let last = query.column_count() - 1;
        let mut rows = query.query(values)?;
        while let Some(row) = rows.next()? {
            if !row.get::<_, bool>(last)? {
                return Err(StoreError::CatalogueAltered);
            }
            take(row)?;
        }
        Ok(())
    }

    /// An expression: whether the row at hand has its seal.
    fn holds(&self) -> String {
        format!("{0}.seal IS seal('{0}', {1})", self.name, self.columns.join(", "))
    }
}

/// Whether every row has its seal, those too that no region's screens would read any more because they were renamed.
/// Metadata are left out: each sync verifies their signatures.
pub(super) fn check_everything(db: &Connection) -> Result<(), StoreError> {
    ALL.iter().filter(|table| table.name != METADATA.name).try_for_each(|table| {
        let all: bool = db
            .prepare_cached(&format!("SELECT NOT EXISTS (SELECT 1 FROM {} WHERE NOT ({}))", table.name, table.holds()))?
            .query_row([], |row| row.get(0))?;
        if all { Ok(()) } else { Err(StoreError::CatalogueAltered) }
    })
}

/// Seals every row of a file that was written before there were seals. Only for a file that was never sealed.
pub(super) fn seal_everything(db: &Connection) -> Result<(), StoreError> {
    let change = db.unchecked_transaction()?;
    for Sealed { name, columns } in ALL {
        change.execute(&format!("UPDATE {name} SET seal = seal('{name}', {})", columns.join(", ")), [])?;
    }
    Ok(change.commit()?)
}
