//! A service's own values: sealed, bounded, of one account.

use onecity_protocol::bridge::BridgeError;
use onecity_store::Record;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::session::{ServiceSession, for_page};
use crate::device::blocking;

/// Largest value, in bytes of JSON, and all values of a service together, as sealed.
const MAX_VALUE: usize = 64 << 10;
const QUOTA: u64 = 5 << 20;

/// A value of a service's own storage. Before keys were kept beside it, it was the value alone.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredValue {
    key: String,
    value: Value,
}

impl Record for StoredValue {
    const KIND: &'static str = "service_value";
    const FORMAT: u8 = 1;
}

fn check(key: &str) -> Result<(), BridgeError> {
    if key.is_empty() || key.len() > 128 {
        return Err(BridgeError::invalid("a storage key has 1 to 128 bytes"));
    }
    Ok(())
}

impl ServiceSession {
    pub(super) async fn storage_get(&self, key: String) -> Result<Value, BridgeError> {
        check(&key)?;
        let (owner, service, name) = (self.owner().await?, self.service.clone(), key.clone());
        let value = self.parts.device.vault(move |vault| vault.get_scoped::<StoredValue>(&owner, &service, &name));
        match value.await.map_err(for_page)? {
            Some(stored) => Ok(stored.value),
            None => Ok(self.seed(&key).await?.unwrap_or_default()),
        }
    }

    /// What the package says that its storage holds before a page has written it.
    async fn seed(&self, key: &str) -> Result<Option<Value>, BridgeError> {
        let Some(path) = self.manifest().onecity.seed.clone() else { return Ok(None) };
        let (package, key) = (self.package.clone(), key.to_owned());
        let read = move || {
            let seed = package.read(&path)?.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
            Ok(seed.and_then(|seed| seed.get(&key).cloned()))
        };
        blocking(read).await.map_err(for_page)
    }

    pub(super) async fn storage_set(&self, key: String, value: Value) -> Result<Value, BridgeError> {
        check(&key)?;
        if value.to_string().len() > MAX_VALUE {
            return Err(BridgeError::new("quota", format!("a value is at most {MAX_VALUE} bytes")));
        }
        let (owner, service) = (self.owner().await?, self.service.clone());
        let now = self.parts.device.time.now().await;
        // What a page has removed does not come back from the seed.
        let removed = value.is_null() && self.seed(&key).await?.is_none();
        let written = self.parts.device.vault(move |vault| {
            if removed {
                vault.delete_scoped::<StoredValue>(&owner, &service, &key)
            } else {
                let stored = StoredValue { key: key.clone(), value };
                vault.put_scoped(&owner, &service, &key, &stored, now, QUOTA)
            }
        });
        written.await.map_err(for_page)?;
        Ok(Value::Null)
    }

    pub(super) async fn storage_keys(&self) -> Result<Value, BridgeError> {
        let (owner, service) = (self.owner().await?, self.service.clone());
        let all = self.parts.device.vault(move |vault| vault.list_scoped::<StoredValue>(&owner, &service));
        let all = all.await.map_err(for_page)?.records.into_iter();
        let mut keys: Vec<String> = all.filter(|own| !own.value.is_null()).map(|own| own.key).collect();
        keys.sort_unstable();
        Ok(keys.into())
    }
}
