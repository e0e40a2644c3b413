//! What outlives a server that is stopped, at any instant: an SQLite file that has everything that was ever answered.
//!
//! ```text
//!   mod.rs    what parts of a world write down, and read again
//!   file.rs   the file, and the one who writes it
//! ```
//!
//! Each part of a world knows what of it is not in the file yet. Before an answer goes out, all of that is written and on the disk:
//! an answer tells of nothing that a stop could undo.

mod file;

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use file::StateError;
pub(crate) use file::StateFile;

/// Something that is not in the file yet.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// A piece of an entry.
    Put { part: String, key: String, piece: i64, value: Vec<u8> },
    /// An entry is gone, with all its pieces.
    Remove { part: String, key: String },
    /// The pieces of an entry below this one are gone.
    RemoveBelow { part: String, key: String, piece: i64 },
}

/// What is to be written together.
#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<Change>);

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An entry that is one piece of JSON.
    pub(crate) fn put(&mut self, part: &str, key: &str, value: &impl Serialize) {
        // What is written is made of texts, numbers and lists with texts as keys.
        let value = serde_json::to_vec(value).expect("JSON");
        self.put_piece(part, key, 0, value);
    }

    pub(crate) fn put_piece(&mut self, part: &str, key: &str, piece: i64, value: Vec<u8>) {
        self.0.push(Change::Put { part: part.to_owned(), key: key.to_owned(), piece, value });
    }

    pub(crate) fn remove(&mut self, part: &str, key: &str) {
        self.0.push(Change::Remove { part: part.to_owned(), key: key.to_owned() });
    }

    pub(crate) fn remove_below(&mut self, part: &str, key: &str, piece: i64) {
        self.0.push(Change::RemoveBelow { part: part.to_owned(), key: key.to_owned(), piece });
    }
}

/// The pieces of an entry, in their order.
pub(crate) type Pieces = Vec<(i64, Vec<u8>)>;

/// What the file has of a world, by part and key.
#[derive(Debug, Default)]
pub(crate) struct Rows(BTreeMap<String, BTreeMap<String, Pieces>>);

impl Rows {
    /// The entries of a part; each part is taken once.
    pub(crate) fn take(&mut self, part: &str) -> BTreeMap<String, Pieces> {
        self.0.remove(part).unwrap_or_default()
    }

    /// The entries of a part that are one piece of JSON each.
    pub(crate) fn take_all<T: DeserializeOwned>(&mut self, part: &str) -> Result<Vec<(String, T)>, StateError> {
        self.take(part).into_iter().map(|(key, pieces)| Ok((key, read(part, &pieces)?))).collect()
    }

    /// The only entry of a part, if there is one.
    pub(crate) fn take_one<T: DeserializeOwned>(&mut self, part: &str) -> Result<Option<T>, StateError> {
        Ok(self.take_all(part)?.pop().map(|(_, value)| value))
    }
}

/// An entry that is one piece of JSON.
pub(crate) fn read<T: DeserializeOwned>(part: &str, pieces: &Pieces) -> Result<T, StateError> {
    let (_, bytes) = pieces.first().ok_or(StateError::Damaged(part.to_owned()))?;
    serde_json::from_slice(bytes).map_err(|_| StateError::Damaged(part.to_owned()))
}

/// Bytes within JSON, in base64url (RFC 4648 §5).
pub(crate) mod bytes {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], writer: S) -> Result<S::Ok, S::Error> {
        writer.serialize_str(&URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<u8>, D::Error> {
        URL_SAFE_NO_PAD.decode(String::deserialize(reader)?).map_err(D::Error::custom)
    }
}
