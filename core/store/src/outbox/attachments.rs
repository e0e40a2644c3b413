//! What goes with a submission: photos and documents, sealed in parts as soon as they are picked.

use onecity_protocol::credential::UnixTime;
use onecity_protocol::service::ServiceId;
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::sealing::Place;
use crate::vault::{Owner, Vault};

const HEAD: &str = "attachment";
const BODY: &str = "attachment_part";
const FORMAT: u8 = 1;

/// Largest attachment, in bytes.
pub const MAX_ATTACHMENT: usize = 20 << 20;
/// What is sealed, and sent, at a time, in bytes.
pub const PART: usize = 256 << 10;
/// Most bytes of attachments that a service may have waiting.
const MAX_WAITING: u64 = 200 << 20;
/// How long one that was picked waits to be handed in, in seconds.
const PICKED_FOR: i64 = 86_400;

/// A photo or document on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Its MIME type.
    pub media_type: String,
    /// Its file name, as the city sees it.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// Where the upload that was begun goes on.
    pub upload: Option<String>,
    /// How many bytes the city is known to have.
    pub sent: u64,
}

impl Vault {
    /// Keeps what a resident picked; it is on disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::Quota`] if it is too large, or too much waits already.
    pub fn keep_attachment(
        &self,
        owner: &Owner,
        service: &ServiceId,
        attachment: &Attachment,
        bytes: &[u8],
        now: UnixTime,
    ) -> Result<(), StoreError> {
        if bytes.len() > MAX_ATTACHMENT || bytes.len() as u64 != attachment.size {
            return Err(StoreError::Quota { limit: MAX_ATTACHMENT as u64 });
        }
        let keys = self.keys(owner)?;
        let key = keys.row_key(HEAD, &attachment.id);
        self.atomically(|vault| {
            let scope = vault.known_service(owner, service)?;
            vault.db.execute(
                "DELETE FROM attachment WHERE submission IS NULL AND created < ?1",
                [now.saturating_sub(PICKED_FOR)],
            )?;
            let waiting: i64 = vault.db.query_row(
                "SELECT coalesce(sum(size), 0) FROM attachment WHERE owner = ?1 AND scope = ?2",
                params![owner.name(), scope],
                |row| row.get(0),
            )?;
            if u64::try_from(waiting).unwrap_or_default() + attachment.size > MAX_WAITING {
                return Err(StoreError::Quota { limit: MAX_WAITING });
            }
            let head = vault.sealed_head(owner, &key, attachment)?;
            vault.db.execute(
                "INSERT INTO attachment (owner, scope, key, created, size, head) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![owner.name(), scope, key, now, i64::try_from(attachment.size).unwrap_or(i64::MAX), head],
            )?;
            let row = vault.db.last_insert_rowid();
            let mut insert =
                vault.db.prepare_cached("INSERT INTO attachment_part (attachment, part, value) VALUES (?1, ?2, ?3)")?;
            for (number, part) in (0_u32..).zip(bytes.chunks(PART)) {
                let place_key = part_key(&key, number);
                let place = Place { owner: owner.name(), kind: BODY, key: &place_key, format: FORMAT };
                insert.execute(params![row, number, vault.seal(owner, &keys, &place, part)?])?;
                // A resident may be showing a code meanwhile: what is short goes before what is long.
                std::thread::yield_now();
            }
            Ok(())
        })
    }

    /// An attachment by its id.
    pub fn attachment(&self, owner: &Owner, id: &str) -> Result<Option<Attachment>, StoreError> {
        let keys = self.keys(owner)?;
        let key = keys.row_key(HEAD, id);
        let mut query = self.db.prepare_cached("SELECT head FROM attachment WHERE owner = ?1 AND key = ?2")?;
        let head: Option<Vec<u8>> = query.query_row(params![owner.name(), key], |row| row.get(0)).optional()?;
        let Some(head) = head else { return Ok(None) };
        let place = Place { owner: owner.name(), kind: HEAD, key: &key, format: FORMAT };
        Ok(Some(serde_json::from_slice(&keys.open(&place, head)?.1)?))
    }

    /// The part of an attachment that begins at `number` times [`PART`]; none behind its end.
    pub fn attachment_part(&self, owner: &Owner, id: &str, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let keys = self.keys(owner)?;
        let key = keys.row_key(HEAD, id);
        let mut query = self.db.prepare_cached(
            "SELECT value FROM attachment JOIN attachment_part AS part ON part.attachment = attachment.id
             WHERE owner = ?1 AND key = ?2 AND part = ?3",
        )?;
        let value: Option<Vec<u8>> =
            query.query_row(params![owner.name(), key, number], |row| row.get(0)).optional()?;
        let Some(value) = value else { return Ok(None) };
        let place_key = part_key(&key, number);
        let place = Place { owner: owner.name(), kind: BODY, key: &place_key, format: FORMAT };
        Ok(Some(keys.open(&place, value)?.1.to_vec()))
    }

    /// Writes down how far an attachment was sent, and where that goes on.
    pub fn keep_upload(&self, owner: &Owner, attachment: &Attachment) -> Result<(), StoreError> {
        let key = self.keys(owner)?.row_key(HEAD, &attachment.id);
        let head = self.sealed_head(owner, &key, attachment)?;
        self.db.prepare_cached("UPDATE attachment SET head = ?3 WHERE owner = ?1 AND key = ?2")?.execute(params![
            owner.name(),
            key,
            head
        ])?;
        Ok(())
    }

    /// Lets an attachment of a service go with a submission.
    pub(super) fn attach(&self, owner: &Owner, scope: &[u8], id: &str, submission: &[u8]) -> Result<(), StoreError> {
        let key = self.keys(owner)?.row_key(HEAD, id);
        let attached = self.db.execute(
            "UPDATE attachment SET submission = ?4
             WHERE owner = ?1 AND scope = ?2 AND key = ?3 AND submission IS NULL",
            params![owner.name(), scope, key, submission],
        )?;
        if attached == 1 { Ok(()) } else { Err(StoreError::NoSuchAttachment) }
    }

    pub(super) fn drop_attachments_of(&self, submission: &[u8]) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM attachment WHERE submission = ?1")?.execute([submission])?;
        Ok(())
    }

    fn sealed_head(&self, owner: &Owner, key: &[u8], attachment: &Attachment) -> Result<Vec<u8>, StoreError> {
        let place = Place { owner: owner.name(), kind: HEAD, key, format: FORMAT };
        self.seal(owner, &*self.keys(owner)?, &place, &serde_json::to_vec(attachment)?)
    }
}

/// Parts can't be swapped: the number is in each one's place.
fn part_key(key: &[u8], number: u32) -> Vec<u8> {
    [key, &number.to_be_bytes()[..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::tests::shift;

    #[test]
    fn a_photo_is_kept_in_sealed_parts_that_can_not_be_swapped() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(3)).expect("a vault");
        let bytes: Vec<u8> = (0..PART * 2 + 7).map(|at| (at % 251) as u8).collect();
        let service = "cn-sd/jinan/report".parse().expect("a service");
        let mut photo = Attachment {
            id: Vault::new_submission_id(),
            media_type: "image/jpeg".to_owned(),
            name: "lamp.jpg".to_owned(),
            size: bytes.len() as u64,
            upload: None,
            sent: 0,
        };
        vault.keep_attachment(&Owner::Phone, &service, &photo, &bytes, 100).expect("kept");
        let part = |number| vault.attachment_part(&Owner::Phone, &photo.id, number);
        let parts: Vec<u8> = (0..3).flat_map(|number| part(number).expect("read").expect("there")).collect();
        assert_eq!(parts, bytes);
        assert_eq!(part(3).expect("read"), None);
        vault.db.execute("UPDATE attachment_part SET part = 9 - part", []).expect("swapped");
        vault.db.execute("UPDATE attachment_part SET part = part - 7", []).expect("swapped");
        assert!(part(0).is_err() && part(2).is_err());
        photo.sent = 7;
        vault.keep_upload(&Owner::Phone, &photo).expect("kept");
        assert_eq!(vault.attachment(&Owner::Phone, &photo.id).expect("read"), Some(photo));
    }

    #[test]
    fn an_attachment_larger_than_twenty_megabytes_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(&folder.path().join("vault.sqlite"), shift(3)).expect("a vault");
        let bytes = vec![0; MAX_ATTACHMENT + 1];
        let (id, size) = (Vault::new_submission_id(), bytes.len() as u64);
        let text = || String::new();
        let large = Attachment { id, media_type: text(), name: text(), size, upload: None, sent: 0 };
        let service = "cn-sd/jinan/report".parse().expect("a service");
        let refused = vault.keep_attachment(&Owner::Phone, &service, &large, &bytes, 100);
        assert!(matches!(refused, Err(StoreError::Quota { .. })));
    }
}
