//! What mini-services leave behind: submissions, drafts, storage.

use onecity_protocol::credential::UnixTime;
use onecity_protocol::service::ServiceId;
use onecity_store::{SubmissionState, TimelineEntry};

use super::QrPicture;

/// A submission on a screen.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct SubmissionView {
    pub id: String,
    pub service: ServiceId,
    pub title: String,
    pub created: UnixTime,
    pub state: SubmissionState,
    /// What the city did with it, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// How many photos go with it.
    pub attachments: u32,
    /// What the resident can do about it, in their language, if there is anything.
    pub advice: Option<String>,
}

/// A draft that was taken over from another phone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct DraftView {
    /// The service that it waits in.
    pub service: ServiceId,
    /// What it is called.
    pub title: String,
    /// Who filled it in, as they call themselves.
    pub by: Option<String>,
    /// Until when it can be submitted, in seconds.
    pub expires: UnixTime,
}

/// A draft's code, for another phone to take it over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HandOverView {
    /// The text in the code.
    pub link: String,
    /// The picture.
    pub picture: QrPicture,
    /// Until when it can be taken over, in seconds.
    pub expires: UnixTime,
}

/// What a service keeps on this phone for the active account, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ServiceStorage {
    /// Which service.
    pub id: ServiceId,
    /// Its name.
    pub name: String,
    /// Its packages; they are fetched again when it is opened.
    pub packages: u64,
    /// Its values, drafts, consents and receipts.
    pub values: u64,
    /// Kept answers of its back end; they are fetched again.
    pub answers: u64,
    /// Photos that wait to be sent.
    pub attachments: u64,
}

/// What this phone stores.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct StorageView {
    /// By service, the largest first.
    pub services: Vec<ServiceStorage>,
    /// The size of the public file, which can be fetched again.
    pub catalogue: u64,
    /// The size of the private file.
    pub vault: u64,
    /// What packages may take altogether before the least recently used are removed.
    pub budget: u64,
    /// How many records of the active account and of the phone can't be read. They are kept: an update of the app may
    /// read them.
    pub unreadable: u64,
}
