//! Telling an older copy of the file from the file: a number that only grows, here and in the key store.
//!
//! Somebody who copies the vault, lets time pass and puts the copy back would bring back a session that was ended, a
//! consent that was withdrawn, a submission that was sent. The sealing can't tell; the number can.

use super::Vault;
use crate::error::StoreError;

impl Vault {
    /// Compares the file's generation with the key store's, and raises both unless the file is an older copy.
    pub(super) fn begin_generation(&self, fresh: bool) -> Result<(), StoreError> {
        let kept = self.generation()?;
        // A key store that does not answer here can't lock the resident out: the file's number then runs ahead.
        let mirrored = self.secrets.recall().unwrap_or_default().unwrap_or_default();
        if fresh {
            return self.raise_generation(kept.max(mirrored));
        }
        if kept < mirrored {
            tracing::warn!("an older copy of the vault was put back");
            self.rolled_back.set(true);
            return Ok(());
        }
        self.raise_generation(kept)
    }

    /// Whether this is an older copy of the file that somebody put back, until [`Vault::accept_rollback`].
    pub fn is_rolled_back(&self) -> bool {
        self.rolled_back.get()
    }

    /// Goes on with an older copy after the changes that this calls for: all of it at once. What waits in the outbox
    /// is then asked after before it is sent.
    pub fn accept_rollback(&self, changes: impl FnOnce(&Self) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let mirrored = self.secrets.recall()?.unwrap_or_default();
        self.atomically(|vault| {
            changes(vault)?;
            vault.db.execute("UPDATE outbox SET doubtful = 1 WHERE waiting = 1", [])?;
            vault.write_generation(mirrored + 1)
        })?;
        self.rolled_back.set(false);
        self.mirror(mirrored + 1);
        Ok(())
    }

    /// Ends the work with the file: copies that were taken of it so far are older ones from now on.
    pub fn close(self) -> Result<(), StoreError> {
        if !self.is_rolled_back() {
            self.raise_generation(self.generation()?)?;
        }
        self.settle()?;
        self.db.close().map_err(|(_, error)| error.into())
    }

    fn generation(&self) -> Result<u64, StoreError> {
        let number: i64 = self.db.query_row("SELECT number FROM generation", [], |row| row.get(0))?;
        Ok(u64::try_from(number).unwrap_or_default())
    }

    /// The file first: should the key store not hear of it, the file is ahead, which is no fault.
    fn raise_generation(&self, from: u64) -> Result<(), StoreError> {
        self.write_generation(from + 1)?;
        self.mirror(from + 1);
        Ok(())
    }

    fn write_generation(&self, number: u64) -> Result<(), StoreError> {
        self.db.execute("UPDATE generation SET number = ?1", [i64::try_from(number).unwrap_or(i64::MAX)])?;
        Ok(())
    }

    fn mirror(&self, number: u64) {
        if let Err(error) = self.secrets.remember(number) {
            tracing::warn!(%error, "the vault's generation was not mirrored");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::tests::shift;
    use std::path::Path;

    fn open(path: &Path, keys: &std::sync::Arc<crate::vault::tests::Shift>) -> Vault {
        Vault::open(path, std::sync::Arc::clone(keys) as _).expect("it opens")
    }

    #[test]
    fn an_older_copy_put_back_is_noticed_and_the_file_itself_never_is_taken_for_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, copy) = (folder.path().join("vault.sqlite"), folder.path().join("copy"));
        let keys = shift(1);
        open(&path, &keys).close().expect("closed");
        std::fs::copy(&path, &copy).expect("a copy");
        for _ in 0..3 {
            let vault = open(&path, &keys);
            assert!(!vault.is_rolled_back());
            drop(vault);
        }
        std::fs::copy(&copy, &path).expect("put back");
        let vault = open(&path, &keys);
        assert!(vault.is_rolled_back());
        drop(vault);
        let vault = open(&path, &keys);
        assert!(vault.is_rolled_back(), "until somebody has dealt with it");
        vault.accept_rollback(|_| Ok(())).expect("dealt with");
        vault.close().expect("closed");
        assert!(!open(&path, &keys).is_rolled_back());
    }

    #[test]
    fn a_copy_taken_while_the_app_ran_is_an_older_one_once_it_has_closed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, copy) = (folder.path().join("vault.sqlite"), folder.path().join("copy"));
        let keys = shift(1);
        let vault = open(&path, &keys);
        vault.settle().expect("written out");
        std::fs::copy(&path, &copy).expect("a copy");
        vault.close().expect("closed");
        std::fs::copy(&copy, &path).expect("put back");
        assert!(open(&path, &keys).is_rolled_back());
    }
}
