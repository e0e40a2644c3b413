//! What can go wrong with the two files. No message carries anything that is stored in them.

use onecity_protocol::region::IdError;
use onecity_protocol::service::ServiceIdError;
use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

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
    #[error("the vault's key has sealed as much as a key may")]
    KeyUsedUp,
    #[error("the phone's storage is full")]
    Full,
    #[error("{file} is damaged; it is kept until you decide")]
    FileDamaged { file: &'static str },
    #[error("what this phone knew of the registry was altered by somebody and is fetched again: sync once more")]
    CatalogueAltered,
    #[error("this mini-service has used up the {limit} bytes that it may keep")]
    Quota { limit: u64 },
    #[error("another process has the files open")]
    InUse,
    #[error("a record of {0} is damaged or was moved from another place")]
    Damaged(&'static str),
    #[error("a record of {kind} was written by a newer version of the app ({found}, this one knows {known})")]
    RecordTooNew { kind: &'static str, found: u8, known: u8 },
    #[error("this app can't read a record of {kind} in format {format}")]
    RecordTooOld { kind: &'static str, format: u8 },
    #[error("a mini-service's name in the vault can't be read: {0}")]
    Service(#[from] ServiceIdError),
    #[error("there is no such attachment, or it goes with another submission")]
    NoSuchAttachment,
    #[error("this account is not on the phone")]
    NoSuchAccount,
    #[error("a record can't be read: {0}")]
    Record(#[from] serde_json::Error),
    #[error("an id in the catalogue can't be read: {0}")]
    Id(#[from] IdError),
    #[error("the database: {0}")]
    Database(rusqlite::Error),
    #[error("the folder: {0}")]
    Folder(#[from] std::io::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // Where there is no room for the journal's index, SQLite says so by a code of its own.
        let no_index = error.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_IOERR_SHMSIZE);
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(_) if no_index => Self::Full,
            _ => Self::Database(error),
        }
    }
}

impl StoreError {
    /// Whether SQLite itself says that the file is damaged, or its rows are not what the phone wrote.
    pub fn is_corrupt(&self) -> bool {
        match self {
            Self::CatalogueAltered => true,
            Self::Database(error) => {
                matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
            }
            _ => false,
        }
    }
}
