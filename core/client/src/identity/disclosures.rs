//! The log of what was shown to others, for the resident to read. It is written before anything is shown.

use onecity_protocol::credential::UnixTime;
use onecity_protocol::manifest::Permission;
use onecity_protocol::names::Names;
use onecity_protocol::service::ServiceId;
use onecity_store::{Owner, Record, StoreError, Vault};
use serde::{Deserialize, Serialize};

use super::consents::{Consent, Consents};
use super::dpop::random_text;
use crate::error::{Error, Refusal};
use crate::views::{DisclosureView, HolderView, ShownPass};

/// How long a disclosure is kept for the resident to read, in seconds.
const KEPT: i64 = 400 * 86_400;

/// After how long the same is written down again, in seconds.
const AGAIN: i64 = 86_400;

/// What a service learns because the resident agreed to it.
pub(crate) struct Learnt {
    /// The consent that it rests on.
    pub permission: Permission,
    /// The origin that gets it. None if the page itself gets it: then its publisher may get it, too.
    pub origin: Option<String>,
    /// Whose data they are, if not the resident's own.
    pub holder: Option<HolderView>,
    pub fields: Vec<String>,
}

/// What was shown to somebody.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Disclosure {
    pub id: String,
    pub at: UnixTime,
    /// The pass or service that it was shown from.
    #[serde(alias = "pass_names")]
    pub what: Names,
    /// The pass, if it was one.
    #[serde(default)]
    pub pass: Option<ShownPass>,
    /// Whose data they are, if not the resident's own.
    pub holder: Option<HolderView>,
    pub verifier: Names,
    pub purpose: Names,
    pub fields: Vec<String>,
    /// The service that learnt of it; none for what was shown from the wallet, and for what was written down before this
    /// was.
    #[serde(default)]
    pub service: Option<ServiceId>,
}

impl Disclosure {
    /// Whether this says of a later one all that there is to say: the same to the same for the same.
    fn says_all_of(&self, later: &Self) -> bool {
        self.at > later.at - AGAIN
            && self.service == later.service
            && self.verifier == later.verifier
            && self.purpose == later.purpose
            && self.holder == later.holder
            && later.fields.iter().all(|field| self.fields.contains(field))
    }
}

impl Record for Disclosure {
    const KIND: &'static str = "disclosure";
    const FORMAT: u8 = 1;
}

/// Writes a disclosure down, and removes those that are too old to matter.
pub(crate) fn write_down(vault: &Vault, owner: &Owner, disclosure: &Disclosure) -> Result<(), StoreError> {
    vault.put(owner, &disclosure.id, disclosure)?;
    let old = vault.list::<Disclosure>(owner)?.records.into_iter().filter(|own| own.at < disclosure.at - KEPT);
    for own in old {
        vault.delete::<Disclosure>(owner, &own.id)?;
    }
    Ok(())
}

/// What a permission is for, in the log.
fn purpose(permission: Permission) -> Names {
    let [zh, vi, en] = match permission {
        Permission::Login => ["登录", "Đăng nhập", "Log in"],
        Permission::Passes => ["查看证卡", "Xem thẻ", "Passes seen"],
        Permission::Documents => ["提交证件", "Nộp giấy tờ", "Documents handed in"],
        Permission::Scan => ["扫码", "Quét mã", "Scan"],
        Permission::Locate => ["查看位置", "Xem vị trí", "Location seen"],
        Permission::Photos => ["选择照片", "Chọn ảnh", "Photo chosen"],
    };
    Names::new().with("zh", zh).with("vi", vi).with("en", en)
}

impl Consents {
    /// Writes down what a service learns, before it does: the same at most once a day.
    ///
    /// # Errors
    /// [`Refusal::Consent`] if the resident has taken the consent back.
    pub(crate) async fn learnt(&self, service: &ServiceId, owner: &Owner, learnt: Learnt) -> Result<(), Error> {
        let (service, of) = (service.clone(), owner.clone());
        let now = self.device.time.now().await;
        let written = self.device.vault(move |vault| {
            let Some(consent) = vault.get_scoped::<Consent>(&of, &service, learnt.permission.name())? else {
                return Ok(false);
            };
            let verifier = match &learnt.origin {
                Some(origin) => format!("{} ({origin})", consent.publisher),
                None => consent.publisher,
            };
            let disclosure = Disclosure {
                id: random_text(),
                at: now,
                what: consent.names,
                pass: None,
                holder: learnt.holder,
                verifier: Names::new().with("und", &verifier),
                purpose: purpose(learnt.permission),
                fields: learnt.fields,
                service: Some(service),
            };
            if vault.list::<Disclosure>(&of)?.records.iter().any(|own| own.says_all_of(&disclosure)) {
                return Ok(true);
            }
            write_down(vault, &of, &disclosure).map(|()| true)
        });
        let gone = || Error::refused(Refusal::Consent, "the resident does not agree to this any more");
        written.await?.then_some(()).ok_or_else(gone)
    }

    /// Writes down that a service's back end was handed documents.
    pub(crate) async fn handed_in(&self, service: &ServiceId, owner: &Owner, titles: Vec<String>) -> Result<(), Error> {
        let (service, of) = (service.clone(), owner.clone());
        let now = self.device.time.now().await;
        let purpose = purpose(Permission::Documents);
        let written = self.device.vault(move |vault| {
            let consent = vault.get_scoped::<Consent>(&of, &service, Permission::Documents.name())?;
            let Some(Consent { names: what, publisher, .. }) = consent else { return Ok(()) };
            let verifier = Names::new().with("und", &publisher);
            let (id, service) = (random_text(), Some(service));
            let (pass, holder) = (None, None);
            let disclosure = Disclosure { id, at: now, what, pass, holder, verifier, purpose, fields: titles, service };
            write_down(vault, &of, &disclosure)
        });
        written.await
    }

    /// What was shown to counters and services, newest first.
    pub(crate) async fn disclosures(&self) -> Result<Vec<DisclosureView>, Error> {
        let owner = self.accounts.active_owner().await?;
        let mut all = self.device.vault(move |vault| vault.list::<Disclosure>(&owner)).await?.records;
        all.sort_by_key(|disclosure| std::cmp::Reverse(disclosure.at));
        let languages = &self.device.languages();
        let view = |own: Disclosure| DisclosureView {
            at: own.at,
            what: own.what.best(languages).to_owned(),
            pass: own.pass,
            holder: own.holder,
            verifier: own.verifier.best(languages).to_owned(),
            purpose: own.purpose.best(languages).to_owned(),
            fields: own.fields,
        };
        Ok(all.into_iter().map(view).collect())
    }
}
