//! A second connection to the private file, for reading alone: what a resident stands at a gate with must not wait until
//! a photo of 20 MiB has been sealed. SQLite's write-ahead log lets it read while another connection writes.

use std::path::PathBuf;
use std::sync::Arc;

use super::generation::Generation;
use super::{Owner, Record, Vault};
use crate::database::Schema;
use crate::error::StoreError;

/// Reads what was written last, and never writes.
pub struct VaultReader(Vault);

impl Vault {
    /// Opens a reader beside this connection. It has to be closed first.
    pub fn reader(&self) -> Result<VaultReader, StoreError> {
        let path = self.db.path().map(PathBuf::from).unwrap_or_default();
        let db = Schema::open_beside(&path)?;
        db.pragma_update(None, "query_only", true)?;
        let (secrets, keys) = (Arc::clone(&self.secrets), Arc::clone(&self.keys));
        Ok(VaultReader(Vault { db, secrets, keys, generation: Generation::default() }))
    }
}

impl VaultReader {
    /// The record of a name.
    pub fn get<R: Record>(&self, owner: &Owner, name: &str) -> Result<Option<R>, StoreError> {
        let keys = self.keys(owner)?;
        self.0.read(&keys, owner, name)
    }

    /// The keys that the writer has unwrapped, or others of the same value: only the writer knows when an owner's keys
    /// are to be forgotten, so only the writer adds to what is remembered.
    fn keys(&self, owner: &Owner) -> Result<Arc<crate::sealing::OwnerKeys>, StoreError> {
        if let Some(keys) = self.0.keys.read().expect("no panic while held").get(owner.name()) {
            return Ok(Arc::clone(keys));
        }
        self.0.derived_keys(owner)
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::vault::tests::shift;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note(String);

    impl Record for Note {
        const KIND: &'static str = "note";
        const FORMAT: u8 = 1;
    }

    #[test]
    fn a_reader_sees_what_was_committed_while_a_writer_is_at_work() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(1)).expect("new");
        let reader = vault.reader().expect("opened");
        let read = || reader.get::<Note>(&Owner::Phone, "a").expect("read").map(|note| note.0);
        vault.put(&Owner::Phone, "a", &Note("before".to_owned())).expect("kept");
        assert_eq!(read().as_deref(), Some("before"));
        vault
            .atomically(|vault| {
                vault.put(&Owner::Phone, "a", &Note("after".to_owned()))?;
                assert_eq!(read().as_deref(), Some("before"), "not yet");
                Ok(())
            })
            .expect("written");
        assert_eq!(read().as_deref(), Some("after"));
    }

    #[test]
    fn a_reader_does_not_bring_back_the_keys_of_an_account_that_was_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(1)).expect("new");
        let reader = vault.reader().expect("opened");
        let account = vault.account_of("https://id.example", "one").expect("an id");
        vault.add_account(&account).expect("room");
        let owner = Owner::Account(account.clone());
        assert_eq!(reader.get::<Note>(&owner, "a").expect("read"), None);
        vault.remove_account(&account).expect("removed");
        assert!(matches!(reader.get::<Note>(&owner, "a"), Err(StoreError::NoSuchAccount)));
        assert!(matches!(vault.get::<Note>(&owner, "a"), Err(StoreError::NoSuchAccount)));
    }
}
