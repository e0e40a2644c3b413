//! Documents: what a city has signed about the resident once, kept sealed, shown, checked, shared, and handed in again
//! to the next service after consent.

use std::sync::Arc;

use onecity_protocol::document::{Document, DocumentError};
use onecity_protocol::region::RegionId;
use onecity_store::{Owner, Record};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::platform::Shared;
use crate::registry_sync::trust_list;
use crate::views::{DocumentField, DocumentStanding, DocumentView, Topic};

/// Most documents that an account keeps.
const MAX_DOCUMENTS: usize = 500;

/// A document as the city signed it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptDocument {
    id: String,
    /// Whose trust list it is judged by.
    region: RegionId,
    text: String,
}

impl Record for KeptDocument {
    const KIND: &'static str = "document";
    const FORMAT: u8 = 1;
}

/// Keeps a document for the active account. The same one twice is one.
pub async fn keep(inner: &Arc<Inner>, owner: &Owner, region: &RegionId, text: &str) -> Result<DocumentView, Error> {
    let region = region.first_level().ok_or_else(|| Error::invalid("region", "a nation signs no documents"))?;
    let document = verified(inner, &region, text).await?;
    let id = hex::encode(&digest(&SHA256, text.as_bytes()).as_ref()[..8]);
    let kept = KeptDocument { id: id.clone(), region: region.clone(), text: text.to_owned() };
    let of = owner.clone();
    let room = inner.vault(move |vault| {
        vault.atomically(|vault| {
            let all = vault.list::<KeptDocument>(&of)?;
            if all.len() >= MAX_DOCUMENTS && !all.iter().any(|own| own.id == kept.id) {
                return Ok(false);
            }
            vault.put(&of, &kept.id, &kept)?;
            Ok(true)
        })
    });
    if !room.await? {
        let why = format!("there are {MAX_DOCUMENTS} documents already; remove some first");
        return Err(Error::refused(Refusal::Quota, why));
    }
    inner.platform.observer.changed(Topic::Documents);
    Ok(view(inner, id, region, Ok(document)))
}

/// The documents of the active account.
pub async fn list(inner: &Arc<Inner>) -> Result<Vec<DocumentView>, Error> {
    let owner = inner.active_owner().await?;
    of(inner, owner).await
}

async fn of(inner: &Arc<Inner>, owner: Owner) -> Result<Vec<DocumentView>, Error> {
    let mut views = Vec::new();
    for own in inner.vault(move |vault| vault.list::<KeptDocument>(&owner)).await? {
        let document = verified(inner, &own.region, &own.text).await;
        views.push(view(inner, own.id, own.region, document));
    }
    views.sort_by(|one, other| other.issued.cmp(&one.issued).then_with(|| one.id.cmp(&other.id)));
    Ok(views)
}

/// Removes a document from this phone. Whoever signed it still has it.
pub async fn remove(inner: &Arc<Inner>, id: &str) -> Result<(), Error> {
    let owner = inner.active_owner().await?;
    text_of(inner, &owner, id).await?;
    let id = id.to_owned();
    inner.vault(move |vault| vault.delete::<KeptDocument>(&owner, &id)).await?;
    inner.platform.observer.changed(Topic::Documents);
    Ok(())
}

/// Hands a document to whomever the resident chooses, with these fields of those that can be left out.
pub async fn share(inner: &Arc<Inner>, id: &str, fields: &[String]) -> Result<(), Error> {
    let owner = inner.active_owner().await?;
    let (_, text) = text_of(inner, &owner, id).await?;
    let text = Document::with_fields(&text, fields)?;
    let host = Arc::clone(&inner.platform.host);
    let shared = Shared { text, url: None };
    let done = inner.blocking(move || Ok(host.share(shared))).await?;
    if done { Ok(()) } else { Err(Error::Cancelled) }
}

/// What somebody else's document says, if it is genuine: with no network, by the trust list that is on this phone.
pub async fn check(inner: &Arc<Inner>, region: &RegionId, text: &str) -> Result<DocumentView, Error> {
    let region = region.first_level().ok_or_else(|| Error::invalid("region", "a nation signs no documents"))?;
    let document = verified(inner, &region, text).await?;
    Ok(view(inner, String::new(), region, Ok(document)))
}

/// The documents of these types that still count, for a service to ask for.
pub async fn of_types(inner: &Arc<Inner>, owner: Owner, types: &[String]) -> Result<Vec<DocumentView>, Error> {
    let all = of(inner, owner).await?.into_iter();
    Ok(all.filter(|own| own.standing == DocumentStanding::Good && types.contains(&own.kind)).collect())
}

/// A document with its own text, to be handed in: only one that still counts.
pub async fn to_hand_in(inner: &Arc<Inner>, owner: &Owner, id: &str) -> Result<(DocumentView, String), Error> {
    let (region, text) = text_of(inner, owner, id).await?;
    let document = verified(inner, &region, &text).await?;
    let view = view(inner, id.to_owned(), region, Ok(document));
    if view.standing == DocumentStanding::Good {
        return Ok((view, text));
    }
    Err(Error::refused(Refusal::DocumentExpired, "this document has expired; get a new one"))
}

async fn text_of(inner: &Arc<Inner>, owner: &Owner, id: &str) -> Result<(RegionId, String), Error> {
    let (of, name) = (owner.clone(), id.to_owned());
    let kept = inner.vault(move |vault| vault.get::<KeptDocument>(&of, &name)).await?;
    let kept = kept.ok_or_else(|| Error::refused(Refusal::NotFound, "this document is not on the phone"))?;
    Ok((kept.region, kept.text))
}

/// A document that the region's trust list vouches for.
pub async fn verified(inner: &Arc<Inner>, region: &RegionId, text: &str) -> Result<Document, Error> {
    let list = trust_list(inner, region).await?;
    Ok(Document::verify(text, &list, inner.time.now())?)
}

impl From<DocumentError> for Error {
    fn from(error: DocumentError) -> Self {
        Self::SignatureInvalid { what: format!("the document: {error}") }
    }
}

fn view(inner: &Arc<Inner>, id: String, region: RegionId, document: Result<Document, Error>) -> DocumentView {
    let languages = &inner.config.languages;
    match document {
        Ok(document) => {
            let standing =
                if document.is_valid(inner.time.now()) { DocumentStanding::Good } else { DocumentStanding::Expired };
            let shown = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let fields = document.fields.iter().filter(|(name, _)| *name != "title");
            let title = document.fields.get("title").map(shown).unwrap_or_else(|| document.kind.replace('_', " "));
            DocumentView {
                id,
                region,
                title,
                issuer: document.issuer.names.best(languages).to_owned(),
                issued: document.issued,
                expires: document.expires,
                standing,
                fields: fields.map(|(name, value)| DocumentField { name: name.clone(), value: shown(value) }).collect(),
                kind: document.kind,
            }
        }
        // Its issuer may have changed keys, or the region has not been synced: it is kept, and says so.
        Err(error) => {
            tracing::info!(%error, "a document could not be verified");
            DocumentView {
                id,
                region,
                title: String::new(),
                issuer: String::new(),
                issued: 0,
                expires: None,
                standing: DocumentStanding::Unverified,
                fields: Vec::new(),
                kind: String::new(),
            }
        }
    }
}
