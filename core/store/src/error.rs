//! What can go wrong with the two files. No message carries what is kept in them.

use onecity_protocol::region::IdError;

/// Why a file could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StoreError {
    #[error("{file} was written by a newer version of the app ({found}, this one knows {known}): update the app")]
    TooNew { file: String, found: i64, known: i64 },
    #[error("the vault's key is not the one that sealed it; the file is kept until you decide")]
    KeyInvalidated,
    #[error("the key store does not answer just now; try again")]
    KeyUnavailable,
    #[error("another process has the files open")]
    InUse,
    #[error("a record of {0} is damaged or was moved from another place")]
    Damaged(&'static str),
    #[error("this account is not on the phone")]
    NoSuchAccount,
    #[error("a record can't be read: {0}")]
    Record(#[from] serde_json::Error),
    #[error("an id in the catalogue can't be read: {0}")]
    Id(#[from] IdError),
    #[error("the database: {0}")]
    Database(#[from] rusqlite::Error),
    #[error("the folder: {0}")]
    Folder(#[from] std::io::Error),
}
