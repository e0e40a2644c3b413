//! What `bin/crash.rs` keeps, so that the one who ended it can tell what must be there.

use std::path::{Path, PathBuf};

use onecity_store::{Attachment, Installed, Record, SecretError, SecretStore, Submission, SubmissionState};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// Wraps by adding one to every byte, as in `tests/old_files`, and keeps its number in a file of the folder.
pub struct Secrets(PathBuf);

impl Secrets {
    /// The key store of a phone whose files are in this folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.join("generation"))
    }
}

impl SecretStore for Secrets {
    fn wrap(&self, secret: &[u8]) -> Result<Vec<u8>, SecretError> {
        Ok(secret.iter().map(|byte| byte.wrapping_add(1)).collect())
    }
    fn unwrap(&self, wrapped: &[u8]) -> Result<Vec<u8>, SecretError> {
        Ok(wrapped.iter().map(|byte| byte.wrapping_sub(1)).collect())
    }
    fn remember(&self, generation: u64) -> Result<(), SecretError> {
        let new = self.0.with_extension("new");
        let written = std::fs::write(&new, generation.to_string()).and_then(|()| std::fs::rename(&new, &self.0));
        written.map_err(|_| SecretError::Unavailable)
    }
    fn recall(&self) -> Result<Option<u64>, SecretError> {
        Ok(Some(std::fs::read_to_string(&self.0).ok().and_then(|text| text.parse().ok()).unwrap_or_default()))
    }
}

/// A record.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Note(pub String);

impl Record for Note {
    const KIND: &'static str = "note";
    const FORMAT: u8 = 1;
}

/// The submission of a number. Every ten are of another service, so that no quota is reached.
pub fn report(number: u32) -> Submission {
    Submission {
        id: format!("{number:032x}"),
        service: format!("cn-sd/jinan/report-{}", number / 10).parse().expect("a service"),
        title: format!("Lamp {number}"),
        url: "https://jinan.example/reports".to_owned(),
        body: serde_json::json!({ "lamp": number, "text": "x".repeat(500) }),
        created: 100,
        attachments: Vec::new(),
        timeline: Vec::new(),
        fields: None,
        state: SubmissionState::Waiting { attempts: 0, pending: None },
    }
}

/// The photo of a number, and its bytes.
pub fn attachment(number: u32) -> (Attachment, Vec<u8>) {
    let bytes = vec![number.to_le_bytes()[0]; 60_000];
    let photo = Attachment {
        id: format!("photo {number}"),
        media_type: "image/jpeg".to_owned(),
        name: "lamp.jpg".to_owned(),
        size: bytes.len() as u64,
        upload: None,
        sent: 0,
    };
    (photo, bytes)
}

/// The package of a version.
pub fn package(number: u32) -> Vec<u8> {
    number.to_be_bytes().repeat(5_000)
}

/// The version of a number.
pub fn installed(number: u32) -> Installed {
    let sha256 = digest(&SHA256, &package(number)).as_ref().try_into().expect("32 bytes");
    let service = "cn-sd/jinan/report".parse().expect("a service");
    Installed { service, version_code: number.into(), sha256 }
}
