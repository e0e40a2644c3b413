//! What a resident has agreed to, service by service, and what was disclosed because of it.
//!
//! A consent binds an account, a service, what it is for, the exact fields and the origins that learn of them. A
//! version of the service that asks for more asks again; what asks for the same or less does not.

use std::sync::Arc;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::manifest::{Manifest, Permission};
use onecity_protocol::names::Names;
use onecity_store::{Owner, Record, Scope, Vault};
use serde::{Deserialize, Serialize};

use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::http_cache;
use crate::platform::ConsentRequest;
use crate::session::random_text;
use crate::views::{ConsentView, DisclosureView, HolderView, ServiceId, Topic};

/// What all consents of a service may take, in bytes: there are few kinds.
const LIMIT: u64 = 1 << 20;
/// How long a disclosure is kept for the resident to read, in seconds.
const KEPT: i64 = 400 * 86_400;

/// What the resident has agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    service: ServiceId,
    permission: Permission,
    /// The service's names and its publisher's, as they were shown.
    names: Names,
    publisher: String,
    fields: Vec<String>,
    origins: Vec<String>,
    since: UnixTime,
}

impl Record for Consent {
    const KIND: &'static str = "consent";
    const FORMAT: u8 = 1;
}

/// What was shown to somebody, for the resident to read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Disclosure {
    pub id: String,
    pub at: UnixTime,
    /// The pass or service that it was shown from.
    #[serde(alias = "pass_names")]
    pub what: Names,
    pub holder: Option<crate::passes::Holder>,
    pub verifier: Names,
    pub purpose: Names,
    pub fields: Vec<String>,
}

impl Record for Disclosure {
    const KIND: &'static str = "disclosure";
    const FORMAT: u8 = 1;
}

/// Who asks, and for whom.
pub struct Asking<'a> {
    /// Whether who asks is on the screen: while it waited for its turn, something else may have come there.
    pub is_shown: &'a (dyn Fn() -> bool + Send + Sync),
    pub service: &'a ServiceId,
    pub publisher: String,
    pub manifest: &'a Manifest,
    pub owner: Owner,
}

/// Makes sure that the resident agrees: asks once, and again only if more is asked for.
///
/// # Errors
/// [`Refusal::Consent`]. It is not kept: the page may ask again when the resident tries again.
pub async fn agreed(
    inner: &Arc<Inner>,
    asking: Asking<'_>,
    permission: Permission,
    fields: Vec<String>,
) -> Result<(), Error> {
    let Asking { service, publisher, manifest, owner, is_shown } = asking;
    let languages = &inner.config.languages;
    let names = if manifest.onecity.names.is_empty() {
        Names::new().with("und", &manifest.name)
    } else {
        manifest.onecity.names.clone()
    };
    let mut asked = Consent {
        service: service.clone(),
        permission,
        names,
        publisher,
        fields,
        origins: manifest.onecity.origins.clone(),
        since: inner.time.now(),
    };
    let agreed =
        async |asked: &Consent| covers(inner, service, &owner, permission, &asked.fields, &asked.origins).await;
    if agreed(&asked).await? {
        return Ok(());
    }
    // One question at a time: two at once could not be told apart on a screen.
    let _asking = inner.consent_turn.lock().await;
    if agreed(&asked).await? {
        return Ok(());
    }
    if !is_shown() || inner.active_owner().await? != owner {
        return Err(Error::refused(Refusal::Consent, "the service is no longer on the screen"));
    }
    // Documents of one type and then of another: the question is about both, and where both would go.
    if permission == Permission::Documents {
        let (scope, of) = (service.scope(), owner.clone());
        let given = inner.vault(move |vault| vault.get_scoped::<Consent>(&of, &scope, permission.name())).await?;
        let more = given.into_iter().flat_map(|given| given.fields).filter(|own| !asked.fields.contains(own));
        let more: Vec<String> = more.collect();
        asked.fields.extend(more);
    }
    let name = asked.names.best(languages);
    let request = ConsentRequest {
        service: if name.is_empty() { manifest.name.clone() } else { name.to_owned() },
        publisher: asked.publisher.clone(),
        permission: permission.name().to_owned(),
        reason: manifest.reason(permission, languages),
        fields: asked.fields.clone(),
        subject: None,
    };
    let prompt = Arc::clone(&inner.platform.consent);
    if !inner.blocking(move || Ok(prompt.ask(request))).await? {
        return Err(Error::refused(Refusal::Consent, "the resident did not agree"));
    }
    let scope = service.scope();
    inner.vault(move |vault| vault.put_scoped(&owner, &scope, permission.name(), &asked, asked.since, LIMIT)).await?;
    inner.platform.observer.changed(Topic::Account);
    Ok(())
}

/// Whether a consent is in force that covers these fields and what the manifest declares, without asking.
pub async fn covers(
    inner: &Arc<Inner>,
    service: &ServiceId,
    owner: &Owner,
    permission: Permission,
    fields: &[String],
    origins: &[String],
) -> Result<bool, Error> {
    let (scope, of) = (service.scope(), owner.clone());
    let given = inner.vault(move |vault| vault.get_scoped::<Consent>(&of, &scope, permission.name())).await?;
    let all = |asked: &[String], given: &[String]| asked.iter().all(|one| given.contains(one));
    Ok(given.is_some_and(|given| all(fields, &given.fields) && all(origins, &given.origins)))
}

/// What the active account has agreed to, newest first.
pub async fn list(inner: &Arc<Inner>) -> Result<Vec<ConsentView>, Error> {
    let owner = inner.active_owner().await?;
    let mut all = inner.vault(move |vault| vault.list::<Consent>(&owner)).await?;
    all.sort_by_key(|consent| std::cmp::Reverse(consent.since));
    let view = |own: Consent| ConsentView {
        name: own.names.best(&inner.config.languages).to_owned(),
        service: own.service,
        publisher: own.publisher,
        permission: own.permission.name().to_owned(),
        fields: own.fields,
        origins: own.origins,
        since: own.since,
    };
    Ok(all.into_iter().map(view).collect())
}

/// Takes a consent back: the service asks again, and its tokens are used no more.
pub async fn revoke(inner: &Arc<Inner>, service: &ServiceId, permission: &str) -> Result<(), Error> {
    let owner = inner.active_owner().await?;
    let (scope, name, of) = (service.scope(), permission.to_owned(), owner.clone());
    inner
        .vault(move |vault| {
            vault.atomically(|vault| {
                if name == Permission::Login.name() {
                    http_cache::forget_all(vault, &of, &scope)?;
                }
                vault.delete_scoped::<Consent>(&of, &scope, &name)
            })
        })
        .await?;
    if permission == Permission::Login.name() {
        inner.sessions.forget_service(inner, &owner, service).await?;
    }
    inner.platform.observer.changed(Topic::Account);
    Ok(())
}

/// Writes a disclosure down, and lets go of those that are too old to matter.
pub fn write_down(vault: &Vault, owner: &Owner, disclosure: &Disclosure) -> Result<(), onecity_store::StoreError> {
    vault.put(owner, &disclosure.id, disclosure)?;
    let old = vault.list::<Disclosure>(owner)?.into_iter().filter(|own| own.at < disclosure.at - KEPT);
    for own in old {
        vault.delete::<Disclosure>(owner, &own.id)?;
    }
    Ok(())
}

/// Writes down that a service's origin learnt who the resident is, at most once a day for each origin.
pub async fn disclosed_to(
    inner: &Arc<Inner>,
    service: &ServiceId,
    owner: &Owner,
    origin: &str,
    fields: Vec<String>,
) -> Result<(), Error> {
    let (scope, of, origin, now) = (service.scope(), owner.clone(), origin.to_owned(), inner.time.now());
    let purpose = Names::new().with("zh", "登录").with("vi", "Đăng nhập").with("en", "Log in");
    inner
        .vault(move |vault| {
            let Some(consent) = vault.get_scoped::<Consent>(&of, &scope, Permission::Login.name())? else {
                return Ok(false);
            };
            let verifier = Names::new().with("und", &format!("{} ({origin})", consent.publisher));
            let today = |own: &Disclosure| own.verifier == verifier && own.at > now - 86_400;
            if vault.list::<Disclosure>(&of)?.iter().any(today) {
                return Ok(true);
            }
            let disclosure =
                Disclosure { id: random_text(), at: now, what: consent.names, holder: None, verifier, purpose, fields };
            write_down(vault, &of, &disclosure).map(|()| true)
        })
        .await?
        .then_some(())
        .ok_or_else(|| Error::refused(Refusal::Consent, "the resident does not agree to this any more"))
}

/// Writes down that a service's back end was handed documents.
pub async fn handed_in(
    inner: &Arc<Inner>,
    service: &ServiceId,
    owner: &Owner,
    titles: Vec<String>,
) -> Result<(), Error> {
    let (scope, of, now) = (service.scope(), owner.clone(), inner.time.now());
    let purpose = Names::new().with("zh", "提交证件").with("vi", "Nộp giấy tờ").with("en", "Documents handed in");
    inner
        .vault(move |vault| {
            let consent = vault.get_scoped::<Consent>(&of, &scope, Permission::Documents.name())?;
            let Some(Consent { names: what, publisher, .. }) = consent else { return Ok(()) };
            let verifier = Names::new().with("und", &publisher);
            let disclosure =
                Disclosure { id: random_text(), at: now, what, holder: None, verifier, purpose, fields: titles };
            write_down(vault, &of, &disclosure)
        })
        .await
}

/// What was shown to counters and services, newest first.
pub async fn disclosures(inner: &Arc<Inner>) -> Result<Vec<DisclosureView>, Error> {
    let owner = inner.active_owner().await?;
    let mut all: Vec<Disclosure> = inner.vault(move |vault| vault.list(&owner)).await?;
    all.sort_by_key(|disclosure| std::cmp::Reverse(disclosure.at));
    let languages = &inner.config.languages;
    let view = |own: Disclosure| DisclosureView {
        at: own.at,
        what: own.what.best(languages).to_owned(),
        holder: own.holder.map(|own| HolderView { id: own.id, name: own.name, relation: own.relation }),
        verifier: own.verifier.best(languages).to_owned(),
        purpose: own.purpose.best(languages).to_owned(),
        fields: own.fields,
    };
    Ok(all.into_iter().map(view).collect())
}

/// What a service keeps on this phone, except for submissions that wait; its consents go along.
pub async fn clear_service(inner: &Arc<Inner>, service: &ServiceId) -> Result<(), Error> {
    let owner = inner.active_owner().await?;
    inner.sessions.forget_service(inner, &owner, service).await?;
    let scope: Scope = service.scope();
    inner.vault(move |vault| vault.clear_scope(&owner, &scope)).await
}
