//! What a resident has agreed to, service by service.
//!
//! A consent binds an account, a service, what it is for, the exact fields and the origins that learn of them. A
//! version of the service that asks for more asks again; what asks for the same or less does not.

use std::sync::Arc;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::manifest::{Manifest, Permission};
use onecity_protocol::names::Names;
use onecity_protocol::service::ServiceId;
use onecity_store::{Owner, Record};
use serde::{Deserialize, Serialize};

use super::accounts::Accounts;
use crate::device::Device;
use crate::error::{Error, Refusal};
use crate::platform::ConsentRequest;
use crate::views::{ConsentView, Topic};

/// What all consents of a service may take, in bytes: there are few kinds.
const LIMIT: u64 = 1 << 20;

/// What the resident has agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Consent {
    pub service: ServiceId,
    permission: Permission,
    /// The service's names and its publisher's, as they were shown.
    pub names: Names,
    pub publisher: String,
    fields: Vec<String>,
    origins: Vec<String>,
    since: UnixTime,
}

impl Record for Consent {
    const KIND: &'static str = "consent";
    const FORMAT: u8 = 1;
    const GUARDED: bool = true;
}

/// Who asks, and for whom.
pub(crate) struct Asking<'a> {
    /// Whether the service is still on the screen: while it waited for its turn, something else may have come there.
    pub is_shown: &'a (dyn Fn() -> bool + Send + Sync),
    pub service: &'a ServiceId,
    pub publisher: String,
    pub manifest: &'a Manifest,
    pub owner: Owner,
}

/// What the resident has agreed to, and what was disclosed because of it.
pub(crate) struct Consents {
    pub(super) device: Arc<Device>,
    pub(super) accounts: Arc<Accounts>,
}

impl Consents {
    pub(crate) fn new(device: &Arc<Device>, accounts: &Arc<Accounts>) -> Arc<Self> {
        Arc::new(Self { device: Arc::clone(device), accounts: Arc::clone(accounts) })
    }

    /// Makes sure that the resident agrees: asks once, and again only if more is asked for.
    ///
    /// # Errors
    /// [`Refusal::Consent`]. It is not stored: the page may ask again when the resident tries again.
    pub(crate) async fn agreed(
        &self,
        asking: Asking<'_>,
        permission: Permission,
        fields: Vec<String>,
    ) -> Result<(), Error> {
        let Asking { service, publisher, manifest, owner, is_shown } = asking;
        let languages = &self.device.config.languages;
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
            since: self.device.time.now().await,
        };
        if self.covers(service, &owner, permission, &asked.fields, &asked.origins).await? {
            return Ok(());
        }
        let turn = self.device.prompts.turn().await;
        if self.covers(service, &owner, permission, &asked.fields, &asked.origins).await? {
            return Ok(());
        }
        if !is_shown() || self.accounts.active_owner().await? != owner {
            return Err(Error::refused(Refusal::Consent, "the service is no longer on the screen"));
        }
        // Documents of one type and then of another: the question is about both, and where both would go.
        if permission == Permission::Documents {
            let given = self.given(service, &owner, permission).await?;
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
        if !turn.ask(request).await? {
            return Err(Error::refused(Refusal::Consent, "the resident did not agree"));
        }
        let service = service.clone();
        let stored = self
            .device
            .vault(move |vault| vault.put_scoped(&owner, &service, permission.name(), &asked, asked.since, LIMIT));
        stored.await?;
        self.device.notices.changed(Topic::Account);
        Ok(())
    }

    async fn given(&self, service: &ServiceId, owner: &Owner, of: Permission) -> Result<Option<Consent>, Error> {
        let (service, owner) = (service.clone(), owner.clone());
        self.device.vault(move |vault| vault.get_scoped::<Consent>(&owner, &service, of.name())).await
    }

    /// Whether a consent is in force that covers these fields and what the manifest declares, without asking.
    pub(crate) async fn covers(
        &self,
        service: &ServiceId,
        owner: &Owner,
        permission: Permission,
        fields: &[String],
        origins: &[String],
    ) -> Result<bool, Error> {
        let given = self.given(service, owner, permission).await?;
        let all = |asked: &[String], given: &[String]| asked.iter().all(|one| given.contains(one));
        Ok(given.is_some_and(|given| all(fields, &given.fields) && all(origins, &given.origins)))
    }

    /// What the active account has agreed to, newest first.
    pub(crate) async fn list(&self) -> Result<Vec<ConsentView>, Error> {
        let owner = self.accounts.active_owner().await?;
        let mut all = self.device.vault(move |vault| vault.list::<Consent>(&owner)).await?.records;
        all.sort_by_key(|consent| std::cmp::Reverse(consent.since));
        let view = |own: Consent| ConsentView {
            name: own.names.best(&self.device.config.languages).to_owned(),
            service: own.service,
            publisher: own.publisher,
            permission: own.permission.name().to_owned(),
            fields: own.fields,
            origins: own.origins,
            since: own.since,
        };
        Ok(all.into_iter().map(view).collect())
    }

    /// Removes a consent by the name of its permission: the service asks again. `also` goes with it, at once.
    pub(crate) async fn remove(
        &self,
        owner: &Owner,
        service: &ServiceId,
        permission: &str,
        also: impl FnOnce(&onecity_store::Vault) -> Result<(), onecity_store::StoreError> + Send + 'static,
    ) -> Result<(), Error> {
        let (service, name, of) = (service.clone(), permission.to_owned(), owner.clone());
        let removed = self.device.vault(move |vault| {
            vault.atomically(|vault| {
                also(vault)?;
                vault.delete_scoped::<Consent>(&of, &service, &name)
            })
        });
        removed.await?;
        self.device.notices.changed(Topic::Account);
        Ok(())
    }
}
