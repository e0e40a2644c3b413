//! Documents: what a city has signed about the resident once, kept sealed, shown, checked, shared, and handed in again
//! to the next service after consent.

use std::sync::Arc;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::document::{Document, DocumentError};
use onecity_protocol::region::RegionId;
use onecity_protocol::text::{self, LONGEST};
use onecity_store::{Owner, Record};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::error::{Error, Refusal};
use crate::identity::Accounts;
use crate::platform::Shared;
use crate::registry::Registry;
use crate::views::{DocumentField, DocumentStatus, DocumentView, Topic};

/// Most documents that an account keeps.
const MAX_DOCUMENTS: usize = 500;
/// Longest value of a field that is shown, in characters: a certificate may have a paragraph.
const LONGEST_VALUE: usize = 4000;

/// A document as the city signed it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptDocument {
    id: String,
    /// Whose trust list it is judged by.
    region: RegionId,
    text: String,
}

impl Record for KeptDocument {
    const KIND: &'static str = "document";
    const FORMAT: u8 = 1;
}

/// The documents of this phone's accounts.
pub(crate) struct Documents {
    device: Arc<Device>,
    registry: Arc<Registry>,
    accounts: Arc<Accounts>,
}

impl Documents {
    pub(crate) fn new(device: &Arc<Device>, registry: &Arc<Registry>, accounts: &Arc<Accounts>) -> Arc<Self> {
        Arc::new(Self { device: Arc::clone(device), registry: Arc::clone(registry), accounts: Arc::clone(accounts) })
    }

    /// Keeps a document for the active account. The same one twice is one.
    pub(crate) async fn keep(&self, owner: &Owner, region: &RegionId, text: &str) -> Result<DocumentView, Error> {
        let region = region.first_level().ok_or_else(|| Error::invalid("region", "a nation signs no documents"))?;
        let now = self.device.time.now().await;
        let document = Document::verify(text, &self.registry.current_trust_list(&region).await?, now)?;
        let id = hex::encode(&digest(&SHA256, text.as_bytes()).as_ref()[..8]);
        let kept = KeptDocument { id: id.clone(), region: region.clone(), text: text.to_owned() };
        let of = owner.clone();
        let room = self.device.vault(move |vault| {
            vault.atomically(|vault| {
                let all = vault.list::<KeptDocument>(&of)?.records;
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
        self.device.notices.changed(Topic::Documents);
        Ok(self.view(id, region, Ok(document), now))
    }

    /// The documents of the active account.
    pub(crate) async fn list(&self) -> Result<Vec<DocumentView>, Error> {
        let owner = self.accounts.active_owner().await?;
        self.of(owner).await
    }

    async fn of(&self, owner: Owner) -> Result<Vec<DocumentView>, Error> {
        let now = self.device.time.now().await;
        let mut views = Vec::new();
        for own in self.device.vault(move |vault| vault.list::<KeptDocument>(&owner)).await?.records {
            let document = self.verified(&own.region, &own.text, now).await;
            views.push(self.view(own.id, own.region, document, now));
        }
        views.sort_by(|one, other| other.issued.cmp(&one.issued).then_with(|| one.id.cmp(&other.id)));
        Ok(views)
    }

    /// Removes a document from this phone. Its issuer still has it.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), Error> {
        let owner = self.accounts.active_owner().await?;
        self.text_of(&owner, id).await?;
        let id = id.to_owned();
        self.device.vault(move |vault| vault.delete::<KeptDocument>(&owner, &id)).await?;
        self.device.notices.changed(Topic::Documents);
        Ok(())
    }

    /// Hands a document to whomever the resident chooses, with these fields of those that can be left out.
    pub(crate) async fn share(&self, id: &str, fields: &[String]) -> Result<(), Error> {
        let owner = self.accounts.active_owner().await?;
        let (_, text) = self.text_of(&owner, id).await?;
        let text = Document::with_fields(&text, fields)?;
        let shared = Shared { text, url: None };
        let done = self.device.host(|host| async move { host.share(shared).await }).await?;
        if done { Ok(()) } else { Err(Error::Cancelled) }
    }

    /// What somebody else's document says, if it is genuine: with no network, by the trust list that is on this phone.
    pub(crate) async fn check(&self, region: &RegionId, text: &str) -> Result<DocumentView, Error> {
        let region = region.first_level().ok_or_else(|| Error::invalid("region", "a nation signs no documents"))?;
        let now = self.device.time.now().await;
        let document = Document::verify(text, &self.registry.current_trust_list(&region).await?, now)?;
        Ok(self.view(String::new(), region, Ok(document), now))
    }

    /// The documents of these types that still count, for a service to ask for.
    pub(crate) async fn of_types(&self, owner: Owner, types: &[String]) -> Result<Vec<DocumentView>, Error> {
        let all = self.of(owner).await?.into_iter();
        Ok(all.filter(|own| own.status == DocumentStatus::Good && types.contains(&own.kind)).collect())
    }

    /// A document with its own text, to be handed in: only one that still counts.
    pub(crate) async fn to_hand_in(&self, owner: &Owner, id: &str) -> Result<(DocumentView, String), Error> {
        let (region, text) = self.text_of(owner, id).await?;
        let now = self.device.time.now().await;
        let document = self.verified(&region, &text, now).await?;
        let view = self.view(id.to_owned(), region, Ok(document), now);
        if view.status == DocumentStatus::Good {
            return Ok((view, text));
        }
        Err(Error::refused(Refusal::DocumentExpired, "this document has expired; get a new one"))
    }

    async fn text_of(&self, owner: &Owner, id: &str) -> Result<(RegionId, String), Error> {
        let (of, name) = (owner.clone(), id.to_owned());
        let kept = self.device.vault(move |vault| vault.get::<KeptDocument>(&of, &name)).await?;
        let kept = kept.ok_or_else(|| Error::refused(Refusal::NotFound, "this document is not on the phone"))?;
        Ok((kept.region, kept.text))
    }

    /// A document on this phone that the region's trust list vouches for.
    async fn verified(&self, region: &RegionId, text: &str, now: UnixTime) -> Result<Document, Error> {
        let list = self.registry.trust_list(region).await?;
        Ok(Document::verify(text, &list, now)?)
    }
}

impl From<DocumentError> for Error {
    fn from(error: DocumentError) -> Self {
        Self::SignatureInvalid { what: format!("the document: {error}") }
    }
}

impl Documents {
    fn view(&self, id: String, region: RegionId, document: Result<Document, Error>, now: UnixTime) -> DocumentView {
        let languages = &self.device.languages();
        match document {
            Ok(document) => {
                let status = if document.is_valid(now) { DocumentStatus::Good } else { DocumentStatus::Expired };
                let shown = |value: &serde_json::Value| {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    text::shown(&value, LONGEST_VALUE)
                };
                let fields = document.fields.iter().filter(|(name, _)| *name != "title");
                let title = document.fields.get("title").map(shown).unwrap_or_else(|| document.kind.replace('_', " "));
                DocumentView {
                    id,
                    region,
                    title,
                    issuer: document.issuer.names.best(languages).to_owned(),
                    issued: document.issued,
                    expires: document.expires,
                    status,
                    fields: fields
                        .map(|(name, value)| DocumentField { name: text::shown(name, LONGEST), value: shown(value) })
                        .collect(),
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
                    status: DocumentStatus::Unverified,
                    fields: Vec::new(),
                    kind: String::new(),
                }
            }
        }
    }
}
