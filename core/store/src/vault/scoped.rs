//! Records that belong to a mini-service: counted, so that no page fills the phone, and cleared together.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{Owner, Record, Vault, place};
use crate::error::StoreError;

/// Which mini-service a record belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(String);

impl Scope {
    /// The scope of a service, named as `UNIT/APP_ID`.
    pub fn new(service: impl Into<String>) -> Self {
        Self(service.into())
    }

    /// The service's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn name_of(&self, record: &str) -> String {
        format!("{}\n{record}", self.0)
    }
}

/// That a scope has records, kept so that a report can name it.
impl Record for Scope {
    const KIND: &'static str = "scope";
    const FORMAT: u8 = 1;
}

/// How much of one kind a scope keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeSize {
    /// Whose.
    pub scope: Scope,
    /// The records' kind.
    pub kind: String,
    /// As sealed on disk.
    pub bytes: u64,
}

impl Vault {
    /// Keeps a record of a scope. `limit` is for all records of this kind in the scope, in bytes as sealed.
    ///
    /// # Errors
    /// [`StoreError::Quota`]; what was there stays as it was.
    pub fn put_scoped<R: Record>(
        &self,
        owner: &Owner,
        scope: &Scope,
        name: &str,
        record: &R,
        used: i64,
        limit: u64,
    ) -> Result<(), StoreError> {
        let keys = self.keys(owner)?;
        let key = keys.row_key(R::KIND, &scope.name_of(name));
        let plain = serde_json::to_vec(record)?;
        self.atomically(|vault| {
            let scope_key = vault.known_scope(owner, scope)?;
            let others: i64 = vault
                .db
                .prepare_cached(
                    "SELECT coalesce(sum(length(value)), 0) FROM sealed
                     WHERE owner = ?1 AND scope = ?2 AND kind = ?3 AND key <> ?4",
                )?
                .query_row(params![owner.name(), scope_key, R::KIND, key], |row| row.get(0))?;
            let value = vault.seal(owner, &keys, &place::<R>(owner, &key), &plain)?;
            if u64::try_from(others).unwrap_or_default() + value.len() as u64 > limit {
                return Err(StoreError::Quota { limit });
            }
            vault
                .db
                .prepare_cached(
                    "INSERT OR REPLACE INTO sealed (owner, kind, key, value, scope, used)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![owner.name(), R::KIND, key, value, scope_key, used])?;
            Ok(())
        })
    }

    /// A record of a scope.
    pub fn get_scoped<R: Record>(&self, owner: &Owner, scope: &Scope, name: &str) -> Result<Option<R>, StoreError> {
        self.get(owner, &scope.name_of(name))
    }

    /// Removes a record of a scope; one that is not there is fine.
    pub fn delete_scoped<R: Record>(&self, owner: &Owner, scope: &Scope, name: &str) -> Result<(), StoreError> {
        self.delete::<R>(owner, &scope.name_of(name))
    }

    /// Removes every record of a kind in a scope.
    pub fn delete_scoped_kind<R: Record>(&self, owner: &Owner, scope: &Scope) -> Result<(), StoreError> {
        let scope_key = self.keys(owner)?.row_key(Scope::KIND, scope.as_str());
        self.db
            .prepare_cached("DELETE FROM sealed WHERE owner = ?1 AND scope = ?2 AND kind = ?3")?
            .execute(params![owner.name(), scope_key, R::KIND])?;
        Ok(())
    }

    /// Every record of a kind in a scope.
    pub fn list_scoped<R: Record>(&self, owner: &Owner, scope: &Scope) -> Result<Vec<R>, StoreError> {
        let scope_key = self.keys(owner)?.row_key(Scope::KIND, scope.as_str());
        let mut query =
            self.db.prepare_cached("SELECT key, value FROM sealed WHERE owner = ?1 AND scope = ?2 AND kind = ?3")?;
        let rows = query.query_map(params![owner.name(), scope_key, R::KIND], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.opened_rows(owner, rows)
    }

    /// Writes down that a record was used, if the last time is longer ago than `apart` seconds.
    pub fn touch_scoped<R: Record>(
        &self,
        owner: &Owner,
        scope: &Scope,
        name: &str,
        now: i64,
        apart: i64,
    ) -> Result<(), StoreError> {
        let key = self.keys(owner)?.row_key(R::KIND, &scope.name_of(name));
        let mut update = self.db.prepare_cached(
            "UPDATE sealed SET used = ?4 WHERE owner = ?1 AND kind = ?2 AND key = ?3 AND used < ?4 - ?5",
        )?;
        update.execute(params![owner.name(), R::KIND, key, now, apart])?;
        Ok(())
    }

    /// Removes the least recently used records of a kind until what all scopes of an owner keep of it fits; with
    /// `scope` only that one's.
    pub fn make_room<R: Record>(&self, owner: &Owner, scope: Option<&Scope>, budget: u64) -> Result<(), StoreError> {
        let keys = self.keys(owner)?;
        let scope = scope.map(|scope| keys.row_key(Scope::KIND, scope.as_str()));
        let mut delete = self.db.prepare_cached(
            "DELETE FROM sealed WHERE owner = ?1 AND kind = ?2 AND key IN (
                 SELECT key FROM (
                     SELECT key, sum(length(value)) OVER (ORDER BY used DESC, key) AS upto FROM sealed
                     WHERE owner = ?1 AND kind = ?2 AND (?3 IS NULL OR scope = ?3)
                 ) WHERE upto > ?4
             )",
        )?;
        delete.execute(params![owner.name(), R::KIND, scope, i64::try_from(budget).unwrap_or(i64::MAX)])?;
        Ok(())
    }

    /// Removes every record of a kind that an owner has.
    pub fn delete_all<R: Record>(&self, owner: &Owner) -> Result<(), StoreError> {
        self.db
            .prepare_cached("DELETE FROM sealed WHERE owner = ?1 AND kind = ?2")?
            .execute(params![owner.name(), R::KIND])?;
        Ok(())
    }

    /// Removes everything that a scope keeps, except for submissions that wait: those were promised to be sent, and
    /// their scope stays known.
    pub fn clear_scope(&self, owner: &Owner, scope: &Scope) -> Result<(), StoreError> {
        let scope_key = self.keys(owner)?.row_key(Scope::KIND, scope.as_str());
        self.atomically(|vault| {
            let named = params![owner.name(), scope_key];
            vault.db.execute("DELETE FROM sealed WHERE owner = ?1 AND scope = ?2", named)?;
            vault.db.execute(
                "DELETE FROM attachment WHERE owner = ?1 AND scope = ?2 AND submission IS NULL",
                params![owner.name(), scope_key],
            )?;
            vault.db.execute("DELETE FROM outbox WHERE owner = ?1 AND scope = ?2 AND waiting = 0", named)?;
            let waits: bool = vault.db.query_row(
                "SELECT EXISTS (SELECT 1 FROM outbox WHERE owner = ?1 AND scope = ?2)",
                named,
                |row| row.get(0),
            )?;
            if waits { Ok(()) } else { vault.delete::<Scope>(owner, scope.as_str()) }
        })
    }

    /// What the scopes of an owner keep.
    pub fn scope_sizes(&self, owner: &Owner) -> Result<Vec<ScopeSize>, StoreError> {
        let mut sizes = Vec::new();
        let mut query = self.db.prepare_cached(
            "SELECT kind, sum(length(value)) FROM sealed WHERE owner = ?1 AND scope = ?2 GROUP BY kind",
        )?;
        let mut attached = self.db.prepare_cached(
            "SELECT coalesce(sum(length(part.value)), 0) FROM attachment
             JOIN attachment_part AS part ON part.attachment = attachment.id WHERE owner = ?1 AND scope = ?2",
        )?;
        let mut handed_in = self
            .db
            .prepare_cached("SELECT coalesce(sum(length(value)), 0) FROM outbox WHERE owner = ?1 AND scope = ?2")?;
        for scope in self.list::<Scope>(owner)? {
            let key = self.keys(owner)?.row_key(Scope::KIND, scope.as_str());
            let rows = query.query_map(params![owner.name(), key], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let rows = rows.collect::<Result<Vec<(String, i64)>, _>>()?;
            let bytes: i64 = attached.query_row(params![owner.name(), key], |row| row.get(0))?;
            let outbox: i64 = handed_in.query_row(params![owner.name(), key], |row| row.get(0))?;
            let more = [("attachment", bytes), ("outbox", outbox)].into_iter().filter(|(_, bytes)| *bytes > 0);
            let rows = rows.into_iter().chain(more.map(|(kind, bytes)| (kind.to_owned(), bytes)));
            sizes.extend(rows.map(|(kind, bytes)| ScopeSize {
                scope: scope.clone(),
                kind,
                bytes: u64::try_from(bytes).unwrap_or_default(),
            }));
        }
        Ok(sizes)
    }

    /// The row key of a scope, which is then known by name.
    pub(crate) fn known_scope(&self, owner: &Owner, scope: &Scope) -> Result<Vec<u8>, StoreError> {
        let key = self.keys(owner)?.row_key(Scope::KIND, scope.as_str());
        let mut query = self.db.prepare_cached("SELECT 1 FROM sealed WHERE owner = ?1 AND kind = ?2 AND key = ?3")?;
        let known = query.query_row(params![owner.name(), Scope::KIND, key], |_| Ok(())).optional()?;
        if known.is_none() {
            self.put(owner, scope.as_str(), scope)?;
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::tests::shift;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Value(String);

    impl Record for Value {
        const KIND: &'static str = "value";
        const FORMAT: u8 = 1;
    }

    fn value(length: usize) -> Value {
        Value("v".repeat(length))
    }

    #[test]
    fn a_scope_keeps_no_more_than_its_quota_and_takes_nothing_from_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(1)).expect("new");
        let (greedy, modest) = (Scope::new("cn-sd/jinan/greedy"), Scope::new("cn-sd/jinan/modest"));
        let put =
            |scope: &Scope, name: &str, length| vault.put_scoped(&Owner::Phone, scope, name, &value(length), 1, 1000);
        put(&modest, "a", 10).expect("kept");
        put(&greedy, "a", 600).expect("kept");
        assert!(matches!(put(&greedy, "b", 600), Err(StoreError::Quota { limit: 1000 })));
        put(&greedy, "a", 700).expect("in place of the one that was there");
        let kept = |scope: &Scope| vault.list_scoped::<Value>(&Owner::Phone, scope).expect("listed");
        assert_eq!((kept(&greedy), kept(&modest)), (vec![value(700)], vec![value(10)]));
        let sizes = vault.scope_sizes(&Owner::Phone).expect("counted");
        assert!(sizes.iter().any(|size| size.scope == greedy && size.bytes > 700 && size.kind == "value"));
        vault.clear_scope(&Owner::Phone, &greedy).expect("cleared");
        assert_eq!((kept(&greedy).len(), kept(&modest).len()), (0, 1));
        assert_eq!(vault.get_scoped::<Value>(&Owner::Phone, &greedy, "a").expect("read"), None);
    }

    #[test]
    fn the_least_recently_used_give_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(1)).expect("new");
        let scope = Scope::new("cn-sd/jinan/map");
        for (at, name) in (1_i64..).zip(["a", "b", "c"]) {
            vault.put_scoped(&Owner::Phone, &scope, name, &value(400), at, u64::MAX >> 1).expect("kept");
        }
        vault.touch_scoped::<Value>(&Owner::Phone, &scope, "a", 9, 1).expect("used");
        vault.make_room::<Value>(&Owner::Phone, Some(&scope), 1000).expect("made");
        let there = |name| vault.get_scoped::<Value>(&Owner::Phone, &scope, name).expect("read").is_some();
        assert_eq!([there("a"), there("b"), there("c")], [true, false, true]);
    }
}
