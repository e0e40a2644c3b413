//! What a resident has agreed to, service by service.
//!
//! A consent binds an account, a service, what it is for, the exact fields, the people they are of, and the origins that
//! learn of them. A version of the service that asks for more asks again; what asks for the same or less does not.
//! A service that was refused asks once more when the resident touches its page, and then no more until they take the
//! refusal back.

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
    /// By name; none if they are the resident's own alone.
    #[serde(default)]
    people: Vec<String>,
    origins: Vec<String>,
    since: UnixTime,
}

/// What the resident did not agree to, in the shape in which they were asked last.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refused {
    asked: Consent,
    times: u32,
}

impl Record for Refused {
    const KIND: &'static str = "refused_consent";
    const FORMAT: u8 = 1;
}

/// How often a service is refused before it does not ask any more.
const MOST_REFUSALS: u32 = 2;

/// What a service asks for.
#[derive(Clone, Copy)]
pub(crate) struct Extent<'a> {
    pub fields: &'a [String],
    pub people: &'a [String],
    pub origins: &'a [String],
}

impl Consent {
    fn extent(&self) -> Extent<'_> {
        Extent { fields: &self.fields, people: &self.people, origins: &self.origins }
    }

    fn covers(&self, asked: Extent<'_>) -> bool {
        let all = |asked: &[String], given: &[String]| asked.iter().all(|one| given.contains(one));
        let given = self.extent();
        all(asked.fields, given.fields) && all(asked.people, given.people) && all(asked.origins, given.origins)
    }

    fn view(self, given: bool, languages: &[String]) -> ConsentView {
        ConsentView {
            name: self.names.best(languages).to_owned(),
            service: self.service,
            publisher: self.publisher,
            permission: self.permission.name().to_owned(),
            fields: self.fields,
            people: self.people,
            origins: self.origins,
            since: self.since,
            given,
        }
    }
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
    /// Whether the resident has touched the page since this was last called.
    pub was_touched: &'a (dyn Fn() -> bool + Send + Sync),
    pub service: &'a ServiceId,
    pub publisher: String,
    pub manifest: &'a Manifest,
    pub owner: Owner,
    /// Whose data it asks for, by name; none if the resident's own alone.
    pub people: Vec<String>,
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
    /// [`Refusal::Consent`]. The service may ask once more after a touch.
    pub(crate) async fn agreed(
        &self,
        asking: Asking<'_>,
        permission: Permission,
        fields: Vec<String>,
    ) -> Result<(), Error> {
        let Asking { service, publisher, manifest, owner, people, is_shown, was_touched } = asking;
        let languages = &self.device.languages();
        let mut asked = Consent {
            service: service.clone(),
            permission,
            names: manifest.names(),
            publisher,
            fields,
            people,
            origins: manifest.onecity.origins.clone(),
            since: self.device.time.now().await,
        };
        if self.covers(service, &owner, permission, asked.extent()).await? {
            return Ok(());
        }
        let turn = self.device.prompts.turn().await;
        if self.covers(service, &owner, permission, asked.extent()).await? {
            return Ok(());
        }
        let times = self.refused(service, &owner, permission).await?;
        if times >= MOST_REFUSALS {
            return Err(Error::refused(
                Refusal::Consent,
                "the resident has refused, and does not want to be asked again",
            ));
        }
        if times > 0 && !was_touched() {
            return Err(Error::refused(
                Refusal::Consent,
                "the resident has refused, and has not touched the page since",
            ));
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
            people: asked.people.clone(),
            origins: asked.origins.clone(),
        };
        let agreed = turn.ask(request).await?;
        // The touch that answered is none on the page.
        was_touched();
        let (service, name) = (service.clone(), permission.name());
        let stored = self.device.vault(move |vault| {
            vault.atomically(|vault| {
                if agreed {
                    vault.delete_scoped::<Refused>(&owner, &service, name)?;
                    vault.put_scoped(&owner, &service, name, &asked, asked.since, LIMIT)
                } else {
                    let since = asked.since;
                    let refused = Refused { asked, times: times + 1 };
                    vault.put_scoped(&owner, &service, name, &refused, since, LIMIT)
                }
            })
        });
        stored.await?;
        self.device.notices.changed(Topic::Account);
        if agreed { Ok(()) } else { Err(Error::refused(Refusal::Consent, "the resident did not agree")) }
    }

    /// How often the resident has refused a permission to a service, since they last agreed to it or took that back.
    async fn refused(&self, service: &ServiceId, owner: &Owner, of: Permission) -> Result<u32, Error> {
        let (service, owner) = (service.clone(), owner.clone());
        let refused = self.device.vault(move |vault| vault.get_scoped::<Refused>(&owner, &service, of.name())).await?;
        Ok(refused.map_or(0, |refused| refused.times))
    }

    async fn given(&self, service: &ServiceId, owner: &Owner, of: Permission) -> Result<Option<Consent>, Error> {
        let (service, owner) = (service.clone(), owner.clone());
        self.device.vault(move |vault| vault.get_scoped::<Consent>(&owner, &service, of.name())).await
    }

    /// Whether a consent is in force that covers what is asked for, without asking.
    pub(crate) async fn covers(
        &self,
        service: &ServiceId,
        owner: &Owner,
        permission: Permission,
        asked: Extent<'_>,
    ) -> Result<bool, Error> {
        Ok(self.given(service, owner, permission).await?.is_some_and(|given| given.covers(asked)))
    }

    /// What the active account has agreed to and what it has refused, newest first.
    pub(crate) async fn list(&self) -> Result<Vec<ConsentView>, Error> {
        let owner = self.accounts.active_owner().await?;
        let read = self
            .device
            .vault(move |vault| Ok((vault.list::<Consent>(&owner)?.records, vault.list::<Refused>(&owner)?.records)));
        let (given, refused) = read.await?;
        let languages = &self.device.languages();
        let given = given.into_iter().map(|own| own.view(true, languages));
        let mut all: Vec<ConsentView> =
            given.chain(refused.into_iter().map(|own| own.asked.view(false, languages))).collect();
        all.sort_by_key(|view| std::cmp::Reverse(view.since));
        Ok(all)
    }

    /// Removes a consent, or a refusal, by the name of its permission: the service asks again. `also` goes with it, at
    /// once.
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
                vault.delete_scoped::<Refused>(&of, &service, &name)?;
                vault.delete_scoped::<Consent>(&of, &service, &name)
            })
        });
        removed.await?;
        self.device.notices.changed(Topic::Account);
        Ok(())
    }
}
