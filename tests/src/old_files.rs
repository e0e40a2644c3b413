//! What earlier versions of the app left on a phone: `old_files/` has a file of every schema and a record of every kind.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use onecity_store::{SecretError, SecretStore};

/// The folder of the old files.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("old_files")
}

/// A secret store that any later process can take the place of: it wraps by adding one to every byte.
#[derive(Debug, Default)]
pub struct Shift(AtomicU64);

impl Shift {
    /// One that remembers the generation that a vault had when it was left.
    pub fn at(generation: u64) -> Self {
        Self(AtomicU64::new(generation))
    }

    /// What it remembers.
    pub fn generation(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl SecretStore for Shift {
    fn wrap(&self, secret: &[u8]) -> Result<Vec<u8>, SecretError> {
        Ok(secret.iter().map(|byte| byte.wrapping_add(1)).collect())
    }
    fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, SecretError> {
        Ok(wrapped.iter().map(|byte| byte.wrapping_sub(1)).collect())
    }
    fn remember(&self, generation: u64) -> Result<(), SecretError> {
        self.0.fetch_max(generation, Ordering::Relaxed);
        Ok(())
    }
    fn recall(&self) -> Result<Option<u64>, SecretError> {
        Ok(Some(self.generation()))
    }
}
