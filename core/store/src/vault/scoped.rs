//! Records that belong to a mini-service: counted, so that no page fills the phone, and cleared together.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use onecity_protocol::service::{ServiceId, ServiceIdError};

use super::{Listed, Owner, Record, Vault, place};
use crate::error::StoreError;
use crate::sealing::OwnerKeys;

/// That a service has records, kept so that a report can name it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct KnownService(ServiceId);

impl Record for KnownService {
    const KIND: &'static str = "scope";
    const FORMAT: u8 = 1;
}

impl TryFrom<String> for KnownService {
    type Error = ServiceIdError;

    fn try_from(text: String) -> Result<Self, ServiceIdError> {
        text.parse().map(Self)
    }
}

impl From<KnownService> for String {
    fn from(known: KnownService) -> Self {
        known.0.to_string()
    }
}

/// How much of one kind a service keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSize {
    /// Whose.
    pub service: ServiceId,
    /// The records' kind.
    pub kind: String,
    /// As sealed on disk.
    pub bytes: u64,
}

/// A record's name within the file: the service's and its own.
fn name_of(service: &ServiceId, record: &str) -> String {
    format!("{service}\n{record}")
}

/// A service's name as the column `scope` has it.
pub(crate) fn scope_key(keys: &OwnerKeys, service: &ServiceId) -> Vec<u8> {
    keys.row_key(KnownService::KIND, &service.to_string())
}

impl Vault {
    /// Keeps a record of a scope. `limit` is for all records of this kind in the scope, in bytes as sealed.
    ///
    /// # Errors
    /// [`StoreError::Quota`]; what was there stays as it was.
    pub fn put_scoped<R: Record>(
        &self,
        owner: &Owner,
        service: &ServiceId,
        name: &str,
        record: &R,
        used: i64,
        limit: u64,
    ) -> Result<(), StoreError> {
        let keys = self.keys(owner)?;
        let key = keys.row_key(R::KIND, &name_of(service, name));
        let plain = serde_json::to_vec(record)?;
        let write = |vault: &Self| {
            let scope_key = vault.known_service(owner, service)?;
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
        };
        self.guarded_if::<R, _>(|vault| vault.atomically(write))
    }

    /// A record of a scope.
    pub fn get_scoped<R: Record>(
        &self,
        owner: &Owner,
        service: &ServiceId,
        name: &str,
    ) -> Result<Option<R>, StoreError> {
        self.get(owner, &name_of(service, name))
    }

    /// Removes a record of a scope; one that is not there is fine.
    pub fn delete_scoped<R: Record>(&self, owner: &Owner, service: &ServiceId, name: &str) -> Result<(), StoreError> {
        self.delete::<R>(owner, &name_of(service, name))
    }

    /// Removes every record of a kind in a scope.
    pub fn delete_scoped_kind<R: Record>(&self, owner: &Owner, service: &ServiceId) -> Result<(), StoreError> {
        self.guarded_if::<R, _>(|vault| {
            let scope_key = scope_key(&*vault.keys(owner)?, service);
            let mut delete =
                vault.db.prepare_cached("DELETE FROM sealed WHERE owner = ?1 AND scope = ?2 AND kind = ?3")?;
            delete.execute(params![owner.name(), scope_key, R::KIND])?;
            Ok(())
        })
    }

    /// Every record of a kind in a scope.
    pub fn list_scoped<R: Record>(&self, owner: &Owner, service: &ServiceId) -> Result<Listed<R>, StoreError> {
        let scope_key = scope_key(&*self.keys(owner)?, service);
        let mut query =
            self.db.prepare_cached("SELECT key, value FROM sealed WHERE owner = ?1 AND scope = ?2 AND kind = ?3")?;
        let rows = query.query_map(params![owner.name(), scope_key, R::KIND], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.opened_rows(owner, rows)
    }

    /// Writes down that a record was used, if the last time is longer ago than `apart` seconds.
    pub fn touch_scoped<R: Record>(
        &self,
        owner: &Owner,
        service: &ServiceId,
        name: &str,
        now: i64,
        apart: i64,
    ) -> Result<(), StoreError> {
        let key = self.keys(owner)?.row_key(R::KIND, &name_of(service, name));
        let mut update = self.db.prepare_cached(
            "UPDATE sealed SET used = ?4 WHERE owner = ?1 AND kind = ?2 AND key = ?3 AND used < ?4 - ?5",
        )?;
        update.execute(params![owner.name(), R::KIND, key, now, apart])?;
        Ok(())
    }

    /// Removes the least recently used records of a kind until what all scopes of an owner keep of it fits; with
    /// `scope` only that one's.
    pub fn make_room<R: Record>(
        &self,
        owner: &Owner,
        service: Option<&ServiceId>,
        budget: u64,
    ) -> Result<(), StoreError> {
        let keys = self.keys(owner)?;
        let scope = service.map(|service| scope_key(&keys, service));
        self.guarded_if::<R, _>(|vault| {
            let mut delete = vault.db.prepare_cached(
                "DELETE FROM sealed WHERE owner = ?1 AND kind = ?2 AND key IN (
                     SELECT key FROM (
                         SELECT key, sum(length(value)) OVER (ORDER BY used DESC, key) AS upto FROM sealed
                         WHERE owner = ?1 AND kind = ?2 AND (?3 IS NULL OR scope = ?3)
                     ) WHERE upto > ?4
                 )",
            )?;
            delete.execute(params![owner.name(), R::KIND, scope, i64::try_from(budget).unwrap_or(i64::MAX)])?;
            Ok(())
        })
    }

    /// Removes every record of a kind that an owner has.
    pub fn delete_all<R: Record>(&self, owner: &Owner) -> Result<(), StoreError> {
        self.guarded_if::<R, _>(|vault| {
            let mut delete = vault.db.prepare_cached("DELETE FROM sealed WHERE owner = ?1 AND kind = ?2")?;
            delete.execute(params![owner.name(), R::KIND])?;
            Ok(())
        })
    }

    /// Removes everything that a scope keeps, except for submissions that wait: those were promised to be sent, and
    /// their scope stays known.
    pub fn clear_service(&self, owner: &Owner, service: &ServiceId) -> Result<(), StoreError> {
        let scope_key = scope_key(&*self.keys(owner)?, service);
        // Consents are among them.
        self.guarded(|vault| {
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
            if waits { Ok(()) } else { vault.delete::<KnownService>(owner, &service.to_string()) }
        })
    }

    /// What the scopes of an owner keep.
    pub fn service_sizes(&self, owner: &Owner) -> Result<Vec<ServiceSize>, StoreError> {
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
        for KnownService(service) in self.list::<KnownService>(owner)?.records {
            let key = scope_key(&*self.keys(owner)?, &service);
            let rows = query.query_map(params![owner.name(), key], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let rows = rows.collect::<Result<Vec<(String, i64)>, _>>()?;
            let bytes: i64 = attached.query_row(params![owner.name(), key], |row| row.get(0))?;
            let outbox: i64 = handed_in.query_row(params![owner.name(), key], |row| row.get(0))?;
            let more = [("attachment", bytes), ("outbox", outbox)].into_iter().filter(|(_, bytes)| *bytes > 0);
            let rows = rows.into_iter().chain(more.map(|(kind, bytes)| (kind.to_owned(), bytes)));
            sizes.extend(rows.map(|(kind, bytes)| ServiceSize {
                service: service.clone(),
                kind,
                bytes: u64::try_from(bytes).unwrap_or_default(),
            }));
        }
        Ok(sizes)
    }

    /// A service's name in the column `scope`; the service is then known by name.
    pub(crate) fn known_service(&self, owner: &Owner, service: &ServiceId) -> Result<Vec<u8>, StoreError> {
        let key = scope_key(&*self.keys(owner)?, service);
        let mut query = self.db.prepare_cached("SELECT 1 FROM sealed WHERE owner = ?1 AND kind = ?2 AND key = ?3")?;
        let known = query.query_row(params![owner.name(), KnownService::KIND, key], |_| Ok(())).optional()?;
        if known.is_none() {
            self.put(owner, &service.to_string(), &KnownService(service.clone()))?;
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

    fn service(app_id: &str) -> ServiceId {
        ServiceId::new("cn-sd/jinan".parse().expect("a unit"), app_id)
    }

    fn value(length: usize) -> Value {
        Value("v".repeat(length))
    }

    #[test]
    fn a_service_keeps_no_more_than_its_quota_and_takes_nothing_from_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(1)).expect("new");
        let (greedy, modest) = (service("greedy"), service("modest"));
        let put = |service: &ServiceId, name: &str, length| {
            vault.put_scoped(&Owner::Phone, service, name, &value(length), 1, 1000)
        };
        put(&modest, "a", 10).expect("kept");
        put(&greedy, "a", 600).expect("kept");
        assert!(matches!(put(&greedy, "b", 600), Err(StoreError::Quota { limit: 1000 })));
        put(&greedy, "a", 700).expect("in place of the one that was there");
        let kept = |scope: &ServiceId| vault.list_scoped::<Value>(&Owner::Phone, scope).expect("listed").records;
        assert_eq!((kept(&greedy), kept(&modest)), (vec![value(700)], vec![value(10)]));
        let sizes = vault.service_sizes(&Owner::Phone).expect("counted");
        assert!(sizes.iter().any(|size| size.service == greedy && size.bytes > 700 && size.kind == "value"));
        vault.clear_service(&Owner::Phone, &greedy).expect("cleared");
        assert_eq!((kept(&greedy).len(), kept(&modest).len()), (0, 1));
        assert_eq!(vault.get_scoped::<Value>(&Owner::Phone, &greedy, "a").expect("read"), None);
    }

    #[test]
    fn the_least_recently_used_give_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(1)).expect("new");
        let scope = service("map");
        for (at, name) in (1_i64..).zip(["a", "b", "c"]) {
            vault.put_scoped(&Owner::Phone, &scope, name, &value(400), at, u64::MAX >> 1).expect("kept");
        }
        vault.touch_scoped::<Value>(&Owner::Phone, &scope, "a", 9, 1).expect("used");
        vault.make_room::<Value>(&Owner::Phone, Some(&scope), 1000).expect("made");
        let there = |name| vault.get_scoped::<Value>(&Owner::Phone, &scope, name).expect("read").is_some();
        assert_eq!([there("a"), there("b"), there("c")], [true, false, true]);
    }
}
