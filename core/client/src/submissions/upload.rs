//! Sending what goes with a submission, and going on where it broke off: tus 1.0
//! (<https://tus.io/protocols/resumable-upload>), creation extension.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use onecity_store::{Attachment, Holdup, Owner, PART, Submission};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::delivering::{own_url, send};
use crate::client::Inner;
use crate::error::Error;
use crate::net::{Answer, Outgoing};

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");

pub enum Outcome {
    /// The city has all of them: what the submission says of each.
    Sent(Value),
    /// The city answered something else to one of them.
    Answered(Answer),
}

/// Sends all attachments of a submission.
pub async fn all(inner: &Arc<Inner>, owner: &Owner, submission: &Submission) -> Result<Outcome, Holdup> {
    let mut list = Vec::new();
    for id in &submission.attachments {
        let (of, name) = (owner.clone(), id.clone());
        let found = inner.vault(move |vault| vault.attachment(&of, &name)).await.map_err(|_| Holdup::Storage)?;
        let attachment = found.ok_or(Holdup::Storage)?;
        list.push(json!({
            "id": attachment.id, "name": attachment.name,
            "media_type": attachment.media_type, "size": attachment.size,
        }));
        if let Some(answer) = one(inner, owner, submission, attachment).await? {
            return Ok(Outcome::Answered(answer));
        }
    }
    Ok(Outcome::Sent(list.into()))
}

/// Sends one, from wherever the city has it to.
async fn one(
    inner: &Arc<Inner>,
    owner: &Owner,
    submission: &Submission,
    mut attachment: Attachment,
) -> Result<Option<Answer>, Holdup> {
    let mut anew = false;
    loop {
        let place = match attachment.upload.clone() {
            Some(place) => inner.net.url(&place).map_err(|_| Holdup::Network)?,
            None => match begin(inner, owner, submission, &attachment).await? {
                Ok(place) => {
                    (attachment.upload, attachment.sent) = (Some(place.to_string()), 0);
                    keep(inner, owner, &attachment).await?;
                    place
                }
                Err(answer) => return unexpected(answer),
            },
        };
        let head = tus(Outgoing::method(Method::HEAD, place.clone()));
        let answer = send(inner, owner, submission, head).await?;
        match (answer.status, offset(&answer)) {
            (status, Some(sent)) if status.is_success() && sent <= attachment.size => attachment.sent = sent,
            // The city has let go of it; once it is begun anew.
            (StatusCode::NOT_FOUND | StatusCode::GONE, _) if !anew => {
                (attachment.upload, anew) = (None, true);
                continue;
            }
            _ => return unexpected(answer),
        }
        while attachment.sent < attachment.size {
            let (answer, end) = patch(inner, owner, submission, &attachment, place.clone()).await?;
            match (answer.status, offset(&answer)) {
                // All of it or nothing: a city that takes a byte at a time would be at it for ever.
                (StatusCode::NO_CONTENT, Some(sent)) if sent == end => {
                    attachment.sent = sent;
                    keep(inner, owner, &attachment).await?;
                }
                _ => return unexpected(answer),
            }
        }
        return Ok(None);
    }
}

/// A city's no counts for the submission; anything else that does not fit is a fault of the moment, and never a yes.
fn unexpected(answer: Answer) -> Result<Option<Answer>, Holdup> {
    if answer.status.is_client_error() { Ok(Some(answer)) } else { Err(Holdup::Network) }
}

/// Begins an upload: where it goes on, or what the city said instead.
async fn begin(
    inner: &Arc<Inner>,
    owner: &Owner,
    submission: &Submission,
    attachment: &Attachment,
) -> Result<Result<Url, Answer>, Holdup> {
    let url = own_url(inner, submission, &["attachments", &attachment.id]).map_err(|_| Holdup::Network)?;
    let metadata =
        format!("filename {}, filetype {}", STANDARD.encode(&attachment.name), STANDARD.encode(&attachment.media_type));
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Holdup::Network);
    let request = tus(Outgoing::method(Method::POST, url.clone()))
        .header(UPLOAD_LENGTH, attachment.size.into())
        .header(UPLOAD_METADATA, value(&metadata)?);
    let answer = send(inner, owner, submission, request).await?;
    let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
    let place = location.and_then(|location| url.join(location).ok());
    // Photos go nowhere but to the origin that the manifest declares.
    let place = place.filter(|place| answer.status == StatusCode::CREATED && place.origin() == url.origin());
    Ok(place.ok_or(answer))
}

/// Sends the next bytes, up to the end of the part that they are in, and says how far that is.
async fn patch(
    inner: &Arc<Inner>,
    owner: &Owner,
    submission: &Submission,
    attachment: &Attachment,
    place: Url,
) -> Result<(Answer, u64), Holdup> {
    let part = u32::try_from(attachment.sent / PART as u64).map_err(|_| Holdup::Storage)?;
    let within = usize::try_from(attachment.sent % PART as u64).map_err(|_| Holdup::Storage)?;
    let (of, id) = (owner.clone(), attachment.id.clone());
    let bytes = inner.vault(move |vault| vault.attachment_part(&of, &id, part)).await.map_err(|_| Holdup::Storage)?;
    let mut bytes = bytes.ok_or(Holdup::Storage)?;
    let mut request = Outgoing::method(Method::PATCH, place);
    request.body = bytes.split_off(within);
    let end = attachment.sent + request.body.len() as u64;
    let request = tus(request)
        .header(UPLOAD_OFFSET, attachment.sent.into())
        .header(CONTENT_TYPE, HeaderValue::from_static("application/offset+octet-stream"));
    Ok((send(inner, owner, submission, request).await?, end))
}

async fn keep(inner: &Arc<Inner>, owner: &Owner, attachment: &Attachment) -> Result<(), Holdup> {
    let (of, kept) = (owner.clone(), attachment.clone());
    let written: Result<(), Error> = inner.vault(move |vault| vault.keep_upload(&of, &kept)).await;
    written.map_err(|_| Holdup::Storage)
}

fn tus(request: Outgoing) -> Outgoing {
    request.header(TUS_RESUMABLE, HeaderValue::from_static("1.0.0"))
}

fn offset(answer: &Answer) -> Option<u64> {
    answer.headers.get(UPLOAD_OFFSET)?.to_str().ok()?.parse().ok()
}
