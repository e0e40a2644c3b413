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
use crate::views::{DisclosureView, HolderView};

/// How long a disclosure is kept for the resident to read, in seconds.
const KEPT: i64 = 400 * 86_400;

/// What was shown to somebody.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Disclosure {
    pub id: String,
    pub at: UnixTime,
    /// The pass or service that it was shown from.
    #[serde(alias = "pass_names")]
    pub what: Names,
    /// Whose data they are, if not the resident's own.
    pub holder: Option<HolderView>,
    pub verifier: Names,
    pub purpose: Names,
    pub fields: Vec<String>,
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

impl Consents {
    /// Writes down that a service's origin learnt who the resident is, at most once a day for each origin.
    ///
    /// # Errors
    /// [`Refusal::Consent`] if the resident has taken the consent back.
    pub(crate) async fn disclosed_to(
        &self,
        service: &ServiceId,
        owner: &Owner,
        origin: &str,
        fields: Vec<String>,
    ) -> Result<(), Error> {
        let (service, of, origin) = (service.clone(), owner.clone(), origin.to_owned());
        let now = self.device.time.now().await;
        let purpose = Names::new().with("zh", "登录").with("vi", "Đăng nhập").with("en", "Log in");
        let written = self.device.vault(move |vault| {
            let Some(consent) = vault.get_scoped::<Consent>(&of, &service, Permission::Login.name())? else {
                return Ok(false);
            };
            let verifier = Names::new().with("und", &format!("{} ({origin})", consent.publisher));
            let today = |own: &Disclosure| own.verifier == verifier && own.at > now - 86_400;
            if vault.list::<Disclosure>(&of)?.records.iter().any(today) {
                return Ok(true);
            }
            let disclosure =
                Disclosure { id: random_text(), at: now, what: consent.names, holder: None, verifier, purpose, fields };
            write_down(vault, &of, &disclosure).map(|()| true)
        });
        let gone = || Error::refused(Refusal::Consent, "the resident does not agree to this any more");
        written.await?.then_some(()).ok_or_else(gone)
    }

    /// Writes down that a service's back end was handed documents.
    pub(crate) async fn handed_in(&self, service: &ServiceId, owner: &Owner, titles: Vec<String>) -> Result<(), Error> {
        let (service, of) = (service.clone(), owner.clone());
        let now = self.device.time.now().await;
        let purpose = Names::new().with("zh", "提交证件").with("vi", "Nộp giấy tờ").with("en", "Documents handed in");
        let written = self.device.vault(move |vault| {
            let consent = vault.get_scoped::<Consent>(&of, &service, Permission::Documents.name())?;
            let Some(Consent { names: what, publisher, .. }) = consent else { return Ok(()) };
            let verifier = Names::new().with("und", &publisher);
            let disclosure =
                Disclosure { id: random_text(), at: now, what, holder: None, verifier, purpose, fields: titles };
            write_down(vault, &of, &disclosure)
        });
        written.await
    }

    /// What was shown to counters and services, newest first.
    pub(crate) async fn disclosures(&self) -> Result<Vec<DisclosureView>, Error> {
        let owner = self.accounts.active_owner().await?;
        let mut all = self.device.vault(move |vault| vault.list::<Disclosure>(&owner)).await?.records;
        all.sort_by_key(|disclosure| std::cmp::Reverse(disclosure.at));
        let languages = &self.device.config.languages;
        let view = |own: Disclosure| DisclosureView {
            at: own.at,
            what: own.what.best(languages).to_owned(),
            holder: own.holder,
            verifier: own.verifier.best(languages).to_owned(),
            purpose: own.purpose.best(languages).to_owned(),
            fields: own.fields,
        };
        Ok(all.into_iter().map(view).collect())
    }
}
