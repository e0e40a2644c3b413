//! Sending what goes with a submission, and going on where it broke off: tus 1.0
//! (<https://tus.io/protocols/resumable-upload>), creation extension.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use onecity_store::{Attachment, Owner, PART, PendingReason, Submission};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::queue::Submissions;
use crate::device::http::{Answer, Outgoing};
use crate::error::Error;

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");

pub(super) enum Outcome {
    /// The city has all of them: what the submission says of each.
    Sent(Value),
    /// The city answered something else to one of them.
    Answered(Answer),
}

impl Submissions {
    /// Sends all attachments of a submission.
    pub(super) async fn upload_all(&self, owner: &Owner, submission: &Submission) -> Result<Outcome, PendingReason> {
        let mut list = Vec::new();
        for id in &submission.attachments {
            let (of, name) = (owner.clone(), id.clone());
            let found = self
                .device
                .vault(move |vault| vault.attachment(&of, &name))
                .await
                .map_err(|_| PendingReason::Storage)?;
            let attachment = found.ok_or(PendingReason::Storage)?;
            list.push(json!({
                "id": attachment.id, "name": attachment.name,
                "media_type": attachment.media_type, "size": attachment.size,
            }));
            if let Some(answer) = self.upload_one(owner, submission, attachment).await? {
                return Ok(Outcome::Answered(answer));
            }
        }
        Ok(Outcome::Sent(list.into()))
    }

    /// Sends one, from wherever the city has it to.
    async fn upload_one(
        &self,
        owner: &Owner,
        submission: &Submission,
        mut attachment: Attachment,
    ) -> Result<Option<Answer>, PendingReason> {
        let mut again = false;
        loop {
            let place = match attachment.upload.clone() {
                Some(place) => self.device.http.url(&place).map_err(|_| PendingReason::Network)?,
                None => match self.begin_upload(owner, submission, &attachment).await? {
                    Ok(place) => {
                        (attachment.upload, attachment.sent) = (Some(place.to_string()), 0);
                        self.store_upload(owner, &attachment).await?;
                        place
                    }
                    Err(answer) => return unexpected(answer),
                },
            };
            let head = tus(Outgoing::method(Method::HEAD, place.clone()));
            let answer = self.send(owner, submission, head).await?;
            match (answer.status, offset(&answer)) {
                (status, Some(sent)) if status.is_success() && sent <= attachment.size => attachment.sent = sent,
                // The city has dropped the upload: start it again, once.
                (StatusCode::NOT_FOUND | StatusCode::GONE, _) if !again => {
                    (attachment.upload, again) = (None, true);
                    continue;
                }
                _ => return unexpected(answer),
            }
            while attachment.sent < attachment.size {
                let (answer, end) = self.send_part(owner, submission, &attachment, place.clone()).await?;
                match (answer.status, offset(&answer)) {
                    // All of it or nothing: a city that takes a byte at a time would be at it for ever.
                    (StatusCode::NO_CONTENT, Some(sent)) if sent == end => {
                        attachment.sent = sent;
                        self.store_upload(owner, &attachment).await?;
                    }
                    _ => return unexpected(answer),
                }
            }
            return Ok(None);
        }
    }
}

/// A city's no counts for the submission; anything else that does not fit is a fault of the moment, and never a yes.
fn unexpected(answer: Answer) -> Result<Option<Answer>, PendingReason> {
    if answer.status.is_client_error() { Ok(Some(answer)) } else { Err(PendingReason::Network) }
}

impl Submissions {
    /// Begins an upload: where it goes on, or what the city said instead.
    async fn begin_upload(
        &self,
        owner: &Owner,
        submission: &Submission,
        attachment: &Attachment,
    ) -> Result<Result<Url, Answer>, PendingReason> {
        let url = self.own_url(submission, &["attachments", &attachment.id]).map_err(|_| PendingReason::Network)?;
        let metadata = format!(
            "filename {}, filetype {}",
            STANDARD.encode(&attachment.name),
            STANDARD.encode(&attachment.media_type)
        );
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| PendingReason::Network);
        let request = tus(Outgoing::method(Method::POST, url.clone()))
            .header(UPLOAD_LENGTH, attachment.size.into())
            .header(UPLOAD_METADATA, value(&metadata)?);
        let answer = self.send(owner, submission, request).await?;
        let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let place = location.and_then(|location| url.join(location).ok());
        // Photos go nowhere but to the origin that the manifest declares.
        let place = place.filter(|place| answer.status == StatusCode::CREATED && place.origin() == url.origin());
        Ok(place.ok_or(answer))
    }

    /// Sends the next bytes, up to the end of the part that they are in, and says how far that is.
    async fn send_part(
        &self,
        owner: &Owner,
        submission: &Submission,
        attachment: &Attachment,
        place: Url,
    ) -> Result<(Answer, u64), PendingReason> {
        let part = u32::try_from(attachment.sent / PART as u64).map_err(|_| PendingReason::Storage)?;
        let within = usize::try_from(attachment.sent % PART as u64).map_err(|_| PendingReason::Storage)?;
        let (of, id) = (owner.clone(), attachment.id.clone());
        let bytes = self
            .device
            .vault(move |vault| vault.attachment_part(&of, &id, part))
            .await
            .map_err(|_| PendingReason::Storage)?;
        let mut bytes = bytes.ok_or(PendingReason::Storage)?;
        let mut request = Outgoing::method(Method::PATCH, place);
        request.body = bytes.split_off(within);
        let end = attachment.sent + request.body.len() as u64;
        let request = tus(request)
            .header(UPLOAD_OFFSET, attachment.sent.into())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/offset+octet-stream"));
        Ok((self.send(owner, submission, request).await?, end))
    }

    async fn store_upload(&self, owner: &Owner, attachment: &Attachment) -> Result<(), PendingReason> {
        let (of, kept) = (owner.clone(), attachment.clone());
        let written: Result<(), Error> = self.device.vault(move |vault| vault.keep_upload(&of, &kept)).await;
        written.map_err(|_| PendingReason::Storage)
    }
}

fn tus(request: Outgoing) -> Outgoing {
    request.header(TUS_RESUMABLE, HeaderValue::from_static("1.0.0"))
}

fn offset(answer: &Answer) -> Option<u64> {
    answer.headers.get(UPLOAD_OFFSET)?.to_str().ok()?.parse().ok()
}
