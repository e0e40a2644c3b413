//! A file that any TUF repository lists, whatever hashes it gives of it.

use ring::digest::{Algorithm, SHA256, SHA512, digest};
use sigstore_tuf::TargetFile;

use super::TrustError;

/// A listed file with those of its hashes that are known here: SHA-256, SHA-512, or both. (A phone's own
/// [`Target`](super::Target) always has SHA-256, which is its name in a phone's catalogue.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedFile {
    path: String,
    length: u64,
    /// At least one.
    hashes: Vec<(&'static Algorithm, Vec<u8>)>,
}

impl HashedFile {
    pub(super) fn new(path: &str, file: &TargetFile) -> Result<Self, TrustError> {
        let mut hashes = Vec::new();
        for (name, algorithm) in [("sha256", &SHA256), ("sha512", &SHA512)] {
            let Some(hash) = file.hashes.get(name) else { continue };
            let hash = hex::decode(hash).ok().filter(|hash| hash.len() == algorithm.output_len());
            let hash = hash.ok_or_else(|| TrustError::Malformed(format!("{path} has a broken hash {name}")))?;
            hashes.push((algorithm, hash));
        }
        if hashes.is_empty() {
            return Err(TrustError::Malformed(format!("{path} has neither SHA-256 nor SHA-512")));
        }
        Ok(Self { path: path.to_owned(), length: file.length, hashes })
    }

    /// The number of its bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Where a repository serves it, below `targets/`: one with consistent snapshots under each of its hashes
    /// (TUF 1.0 §6.2).
    pub fn served_as(&self, consistent: bool) -> String {
        if consistent { hashed_path(&self.path, &self.hashes[0].1) } else { self.path.clone() }
    }

    /// Whether these bytes are the file that was signed: by its length, and by every hash that is known here.
    pub fn check(&self, bytes: &[u8]) -> Result<(), TrustError> {
        let is = |(algorithm, hash): &(&'static Algorithm, Vec<u8>)| digest(algorithm, bytes).as_ref() == hash;
        let right = bytes.len() as u64 == self.length && self.hashes.iter().all(is);
        if right { Ok(()) } else { Err(TrustError::WrongFile { path: self.path.clone() }) }
    }
}

/// A path with a hash before the file's name.
pub(super) fn hashed_path(path: &str, hash: &[u8]) -> String {
    let hash = hex::encode(hash);
    match path.rsplit_once('/') {
        Some((folder, file)) => format!("{folder}/{hash}.{file}"),
        None => format!("{hash}.{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listed(hashes: serde_json::Value) -> Result<HashedFile, TrustError> {
        let file = serde_json::from_value(json!({ "length": 3, "hashes": hashes })).expect("a listed file");
        HashedFile::new("a/b.txt", &file)
    }

    // FIPS 180-4, the example "abc".
    const SHA256_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const SHA512_ABC: &str = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                              2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

    #[test]
    fn a_file_is_checked_by_every_hash_that_is_known_and_needs_one() {
        for hashes in [
            json!({ "sha256": SHA256_ABC }),
            json!({ "sha512": SHA512_ABC }),
            json!({ "sha256": SHA256_ABC, "sha512": SHA512_ABC, "blake3": "00" }),
        ] {
            let file = listed(hashes).expect("known hashes");
            assert!(file.check(b"abc").is_ok() && file.check(b"abd").is_err() && file.check(b"ab").is_err());
        }
        let one_wrong = listed(json!({ "sha256": SHA256_ABC, "sha512": "00".repeat(64) })).expect("known hashes");
        assert!(one_wrong.check(b"abc").is_err());
        for hashes in [json!({}), json!({ "md5": "00" }), json!({ "sha512": SHA256_ABC }), json!({ "sha256": "zz" })] {
            assert!(listed(hashes.clone()).is_err(), "{hashes}");
        }
        let only_512 = listed(json!({ "sha512": SHA512_ABC })).expect("known hashes");
        assert_eq!(only_512.served_as(true), format!("a/{SHA512_ABC}.b.txt"));
        assert_eq!(only_512.served_as(false), "a/b.txt");
    }
}
