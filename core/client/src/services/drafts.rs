//! Forms that were begun: sealed as they are filled in, so that the app's end costs nothing, and handed to another
//! phone by QR code. A relative fills a form in, the elder looks it over and submits it as herself: nothing of the
//! helper's login, tokens or documents goes along.
//!
//! The code is a link to the service (`protocol::miniapp_uri`) whose fragment holds the draft, packed (zlib, base64url).
//! It stands on one screen, for another phone that is held before it; it can be used for ten minutes, and once.

use std::io::{Read, Write};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use onecity_protocol::credential::UnixTime;
use onecity_protocol::json;
use onecity_protocol::miniapp_uri::MiniAppUri;
use onecity_protocol::names::Names;
use onecity_protocol::service::ServiceId;
use onecity_store::{Owner, Record, StoreError, Vault};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::device::Device;
use crate::error::{Error, Refusal};
use crate::identity::{Accounts, Disclosure, Sessions, random_text, write_down};
use crate::views::QrPicture;
use crate::views::{DraftView, HandOverView};

/// How long a draft can be taken over, in seconds.
const HANDED_FOR: i64 = 600;
/// How far the two phones' clocks may differ, in seconds.
const LEEWAY: i64 = 120;
/// Largest draft that is kept, and that is unpacked from a code, in bytes of JSON.
const MAX_DRAFT: usize = 256 << 10;
const MAX_HANDED: u64 = 16 << 10;
/// What a service's drafts may take, in bytes.
const LIMIT: u64 = 1 << 20;
const MARK: &str = "draft=";
/// Longest code, in bytes: QR version 25 at level L, which a camera still reads from another phone's screen.
const MAX_CODE: usize = 1273;

/// A form that was begun, one for each service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Draft {
    pub title: String,
    pub body: Value,
    /// Who filled it in, as they call themselves, if it came from another phone.
    #[serde(default)]
    pub by: Option<String>,
    /// Until when a draft from another phone can be submitted.
    #[serde(default)]
    pub expires: Option<UnixTime>,
}

impl Record for Draft {
    const KIND: &'static str = "draft";
    const FORMAT: u8 = 1;
}

impl Draft {
    fn is_current(&self, now: UnixTime) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// A draft in a code.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Handed {
    id: String,
    title: String,
    body: Value,
    by: String,
    exp: UnixTime,
}

/// That a draft was taken over: it is not taken twice.
#[derive(Debug, Serialize, Deserialize)]
struct TakenDraft {
    id: String,
    exp: UnixTime,
}

impl Record for TakenDraft {
    const KIND: &'static str = "taken_draft";
    const FORMAT: u8 = 1;
}

/// The drafts of this phone's accounts.
pub(crate) struct Drafts {
    device: Arc<Device>,
    accounts: Arc<Accounts>,
    sessions: Arc<Sessions>,
}

impl Drafts {
    pub(crate) fn new(device: &Arc<Device>, accounts: &Arc<Accounts>, sessions: &Arc<Sessions>) -> Arc<Self> {
        Arc::new(Self { device: Arc::clone(device), accounts: Arc::clone(accounts), sessions: Arc::clone(sessions) })
    }

    /// The draft of a service.
    pub(crate) async fn get(&self, owner: &Owner, service: &ServiceId) -> Result<Option<Draft>, Error> {
        let (of, from) = (owner.clone(), service.clone());
        let draft = self.device.vault(move |vault| vault.get_scoped::<Draft>(&of, &from, "")).await?;
        let now = self.device.time.now().await;
        // A draft of a helper's that was left lying is not submitted by accident weeks later.
        Ok(draft.filter(|draft| draft.is_current(now)))
    }

    /// Keeps a form as far as it is filled in; a null body removes it.
    pub(crate) async fn set(
        &self,
        owner: &Owner,
        service: &ServiceId,
        title: String,
        body: Value,
    ) -> Result<(), Error> {
        if body.to_string().len() > MAX_DRAFT {
            return Err(Error::refused(Refusal::Quota, format!("a draft is at most {MAX_DRAFT} bytes")));
        }
        let (of, from) = (owner.clone(), service.clone());
        let now = self.device.time.now().await;
        let written = self.device.vault(move |vault| {
            if body.is_null() {
                return vault.delete_scoped::<Draft>(&of, &from, "");
            }
            let before = vault.get_scoped::<Draft>(&of, &from, "")?;
            // A helper's draft that the resident goes on with is the resident's, and stays.
            let by = before.filter(|before| before.is_current(now)).and_then(|before| before.by);
            vault.put_scoped(&of, &from, "", &Draft { title, body, by, expires: None }, now, LIMIT)
        });
        written.await
    }

    /// The code by which another phone takes a draft over.
    pub(crate) async fn hand_over(
        &self,
        owner: &Owner,
        service: &ServiceId,
        service_names: Names,
    ) -> Result<HandOverView, Error> {
        let draft = self.get(owner, service).await?;
        let draft = draft.ok_or_else(|| Error::refused(Refusal::NotFound, "there is no draft to hand over"))?;
        let by = self.sessions.active().await?.map(|(account, session)| session.view(&account, true, 0).name);
        let now = self.device.time.now().await;
        let expires = now + HANDED_FOR;
        let handed = Handed {
            id: random_text(),
            title: draft.title,
            body: draft.body,
            by: by.unwrap_or_default(),
            exp: expires,
        };
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&serde_json::to_vec(&handed).map_err(Error::internal)?).map_err(Error::internal)?;
        let packed = URL_SAFE_NO_PAD.encode(packed.finish().map_err(Error::internal)?);
        let link = MiniAppUri {
            service: service.clone(),
            version: None,
            page: None,
            query: String::new(),
            fragment: format!("{MARK}{packed}"),
        };
        let link = link.to_string();
        if link.len() > MAX_CODE {
            return Err(Error::refused(Refusal::Quota, "this form is too long for a code; shorten it"));
        }
        let picture = QrPicture::of(&link)?;
        let (of, log) = (owner.clone(), logged(service_names, &handed, true, now));
        self.device.vault(move |vault| write_down(vault, &of, &log)).await?;
        Ok(HandOverView { link, picture, expires })
    }

    /// Takes a draft over that another phone shows. It waits in its service until the resident has looked it over.
    pub(crate) async fn accept(&self, link: &str) -> Result<DraftView, Error> {
        let link: MiniAppUri = link.parse().map_err(|error| Error::invalid("link", error))?;
        let packed = link.fragment.strip_prefix(MARK).ok_or_else(|| Error::invalid("link", "it holds no draft"))?;
        let handed = unpack(packed).ok_or_else(|| Error::invalid("link", "the draft in it can't be read"))?;
        let now = self.device.time.now().await;
        if now > handed.exp || handed.exp > now + HANDED_FOR + LEEWAY {
            return Err(Error::refused(
                Refusal::DraftExpired,
                "this draft can't be taken over any more; ask for a new code",
            ));
        }
        let service = link.service;
        let owner = self.accounts.active_owner().await?;
        // It has to be looked over within a day.
        let expires = now + 86_400;
        let by = Some(handed.by.clone()).filter(|by| !by.trim().is_empty());
        let draft =
            Draft { title: handed.title.clone(), body: handed.body.clone(), by: by.clone(), expires: Some(expires) };
        let (of, from) = (owner, service.clone());
        let log = logged(Names::new().with("und", &service.to_string()), &handed, false, now);
        let taken = TakenDraft { id: handed.id, exp: handed.exp };
        let accepted = self.device.vault(move |vault| {
            vault.atomically(|vault| {
                for old in
                    vault.list::<TakenDraft>(&Owner::Phone)?.records.into_iter().filter(|own| own.exp < now - LEEWAY)
                {
                    vault.delete::<TakenDraft>(&Owner::Phone, &old.id)?;
                }
                if vault.get::<TakenDraft>(&Owner::Phone, &taken.id)?.is_some() {
                    return Ok(Accepted::Before);
                }
                let own = vault.get_scoped::<Draft>(&of, &from, "")?;
                if own.is_some_and(|own| own.is_current(now)) {
                    return Ok(Accepted::Occupied);
                }
                vault.put(&Owner::Phone, &taken.id, &taken)?;
                write_down(vault, &of, &log)?;
                vault.put_scoped(&of, &from, "", &draft, now, LIMIT)?;
                Ok(Accepted::Now)
            })
        });
        match accepted.await? {
            Accepted::Now => {}
            Accepted::Before => {
                return Err(Error::refused(Refusal::DraftExpired, "this draft was taken over already"));
            }
            Accepted::Occupied => {
                let why = "a form is begun in this service already; hand it in or clear it first";
                return Err(Error::refused(Refusal::DraftThere, why));
            }
        }
        Ok(DraftView { service, title: handed.title, by, expires })
    }
}

/// What became of a draft that was to be taken over.
enum Accepted {
    Now,
    Before,
    /// The resident has begun the form already: it is not written over.
    Occupied,
}

fn unpack(packed: &str) -> Option<Handed> {
    let packed = URL_SAFE_NO_PAD.decode(packed).ok()?;
    let mut plain = Vec::new();
    ZlibDecoder::new(&packed[..]).take(MAX_HANDED + 1).read_to_end(&mut plain).ok()?;
    if plain.len() as u64 > MAX_HANDED {
        return None;
    }
    let handed: Handed = serde_json::from_value(json::parse(&plain).ok()?).ok()?;
    let short = handed.title.chars().count() <= 200 && handed.by.chars().count() <= 200 && handed.id.len() <= 64;
    short.then_some(handed)
}

/// Both phones write down what was handed over, and to what.
fn logged(what: Names, handed: &Handed, given: bool, at: UnixTime) -> Disclosure {
    let purpose = if given {
        Names::new().with("zh", "代填表单移交").with("vi", "Chuyển giao bản nháp").with("en", "Draft handed over")
    } else {
        Names::new().with("zh", "接收代填表单").with("vi", "Nhận bản nháp").with("en", "Draft taken over")
    };
    let fields = handed.body.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
    Disclosure {
        id: random_text(),
        at,
        what,
        pass: None,
        holder: None,
        verifier: Names::new().with("und", if given { "" } else { &handed.by }),
        purpose,
        fields,
        service: None,
    }
}

/// How many drafts can't be read.
pub(super) fn unreadable(vault: &Vault, owner: &Owner) -> Result<u64, StoreError> {
    Ok(vault.list::<Draft>(owner)?.unreadable + vault.list::<TakenDraft>(owner)?.unreadable)
}
