//! What earlier versions of the app left on a phone: `old_files/` has a file of every schema and a record of every kind.

use std::path::{Path, PathBuf};

use onecity_store::{SecretError, SecretStore};

/// The folder of the old files.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("old_files")
}

/// A secret store that any later process can take the place of: it wraps by adding one to every byte.
pub struct Shift;

impl SecretStore for Shift {
    fn wrap(&self, secret: &[u8]) -> Result<Vec<u8>, SecretError> {
        Ok(secret.iter().map(|byte| byte.wrapping_add(1)).collect())
    }
    fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, SecretError> {
        Ok(wrapped.iter().map(|byte| byte.wrapping_sub(1)).collect())
    }
    fn remember(&self, _: u64) -> Result<(), SecretError> {
        Ok(())
    }
    fn recall(&self) -> Result<Option<u64>, SecretError> {
        Ok(None)
    }
}
