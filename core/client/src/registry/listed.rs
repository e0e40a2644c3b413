//! What registries list beside services: where one can log in, and who may sign passes, documents and receipts.
//!
//! A list ends with the metadata that it was listed in (TUF 1.0 §5.3.11, §5.5.6). Who was trusted by it stays so: a
//! session, a pass, a document that is on the phone. Nobody is newly trusted by a list that has ended.

use onecity_protocol::credential::{TrustList, UnixTime};
use onecity_protocol::identity_provider::IdentityProvider;
use onecity_protocol::region::{RegionId, UnitId};
use onecity_protocol::trust::{PROVIDERS_TARGET, TRUST_LIST_TARGET};

use super::lookup::Registry;
use crate::device::ProgressSender;
use crate::error::{Error, Refusal};

impl Registry {
    /// Where one can log in; a provider's id is `NATION/WORD`, for nations choose their words by themselves. Asks the
    /// registries of all nations, if they have never answered.
    pub(crate) async fn providers(&self) -> Result<Vec<IdentityProvider>, Error> {
        let known = self.known_providers().await;
        if known.is_empty() { self.ask_for_providers().await } else { Ok(known) }
    }

    /// A provider by its id, perhaps of a nation that the phone has not asked yet. A word alone is enough where one nation
    /// has it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if no nation lists it, or more than one; [`Error::Expired`] if its nation's registry has not
    /// been signed again in time.
    pub(crate) async fn provider(&self, id: &str) -> Result<IdentityProvider, Error> {
        let found = match the_only(self.providers().await?, id)? {
            Some(found) => found,
            None => the_only(self.ask_for_providers().await?, id)?
                .ok_or_else(|| Error::invalid("provider", "no registry lists it"))?,
        };
        let Some(nation) = nation_of(&found.id) else { return Ok(found) };
        if self.is_current(&nation).await? {
            return Ok(found);
        }
        match self.refresh(&nation).await {
            Ok(()) => {
                let current = self.known_providers().await.into_iter().find(|own| own.id == found.id);
                current.ok_or_else(|| Error::invalid("provider", "its nation does not list it any more"))
            }
            // By a date that nobody has confirmed a login stays possible: the provider's answer sets the date right.
            Err(_) if !self.has_surely_ended(&nation).await? => Ok(found),
            Err(error) => Err(error),
        }
    }

    async fn ask_for_providers(&self) -> Result<Vec<IdentityProvider>, Error> {
        let mut failed = None;
        for anchor in &self.device.config.nations {
            // A nation whose registry fails keeps nobody from logging in with another's.
            if let Err(error) = self.sync_nation(&anchor.nation).await {
                tracing::info!(nation = %anchor.nation, %error, "the nation's registry does not answer");
                failed.get_or_insert(error);
            }
        }
        let known = self.known_providers().await;
        match failed {
            Some(error) if known.is_empty() => Err(error),
            _ => Ok(known),
        }
    }

    /// The identity providers that the registries on this phone list.
    async fn known_providers(&self) -> Vec<IdentityProvider> {
        let mut all = Vec::new();
        for anchor in &self.device.config.nations {
            match self.providers_of(&anchor.nation).await {
                Ok(listed) => all.extend(listed),
                Err(error) => tracing::warn!(nation = %anchor.nation, %error, "its providers can't be read"),
            }
        }
        all
    }

    async fn providers_of(&self, nation: &RegionId) -> Result<Vec<IdentityProvider>, Error> {
        let (id, path) = (nation.clone(), format!("{nation}/{PROVIDERS_TARGET}"));
        let Some(bytes) = self.device.catalogue(move |catalogue| catalogue.file(&id, &path)).await? else {
            return Ok(Vec::new());
        };
        let listed = IdentityProvider::parse_list(&bytes)?.into_iter();
        Ok(listed.map(|own| IdentityProvider { id: format!("{nation}/{}", own.id), ..own }).collect())
    }

    /// The trust list of a first-level region, for what is on the phone already.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if the region has none, or was never synced.
    pub(crate) async fn trust_list(&self, first: &RegionId) -> Result<TrustList, Error> {
        let (id, path) = (first.clone(), format!("{first}/{TRUST_LIST_TARGET}"));
        let file = self.device.catalogue(move |catalogue| catalogue.file(&id, &path)).await?;
        let bytes = file.ok_or_else(|| {
            Error::refused(Refusal::NotFound, format!("{first} issues no passes that this phone knows of; sync first"))
        })?;
        Ok(TrustList::parse(&bytes)?)
    }

    /// The trust list of a first-level region, for somebody who is to be trusted from now on. One that has ended is asked
    /// for again.
    ///
    /// # Errors
    /// Those of [`Registry::trust_list`]; [`Error::Expired`] if the registry has not been signed again in time, or can't be
    /// asked; [`Refusal::PhoneClock`] if that is so by a date that no server has confirmed.
    pub(crate) async fn current_trust_list(&self, first: &RegionId) -> Result<TrustList, Error> {
        let known = self.trust_list(first).await?;
        if self.is_current(first).await? {
            return Ok(known);
        }
        self.refresh(first).await?;
        self.trust_list(first).await
    }

    async fn is_current(&self, id: &RegionId) -> Result<bool, Error> {
        Ok(self.device.time.now_or_later_known().await < self.list_ends(id).await?)
    }

    async fn has_surely_ended(&self, id: &RegionId) -> Result<bool, Error> {
        let ends = self.list_ends(id).await?;
        Ok(self.device.time.has_surely_come(ends).await)
    }

    /// Until when a repository's lists count: as long as timestamp, snapshot and the role `targets` that lists them.
    async fn list_ends(&self, id: &RegionId) -> Result<UnixTime, Error> {
        let repository = self.repository(id).await?.map_or(0, |repository| repository.expires);
        // A nation's `targets` are read whenever it is asked; a first-level region's are its own unit's role.
        let Some(first) = id.first_level() else { return Ok(repository) };
        let own = UnitId::from(first);
        let targets = self.device.catalogue(move |catalogue| catalogue.unit_expires(&own)).await?;
        Ok(repository.min(targets))
    }

    /// Asks a registry again whose metadata have ended on this phone.
    async fn refresh(&self, id: &RegionId) -> Result<(), Error> {
        let asked = self.sync(id, &ProgressSender::silent()).await;
        if self.is_current(id).await? {
            return Ok(());
        }
        let why = asked.err().map(|error| format!(": {error}")).unwrap_or_default();
        Err(self
            .expired(format!("what the registry of {id} lists has ended; connect to a network and sync{why}"))
            .await)
    }
}

/// The provider of an id, if there is one.
fn the_only(mut all: Vec<IdentityProvider>, id: &str) -> Result<Option<IdentityProvider>, Error> {
    let word = |own: &IdentityProvider| own.id.split_once('/').is_some_and(|(_, word)| word == id);
    all.retain(|own| own.id == id || word(own));
    let found = all.pop();
    match all.first() {
        Some(_) => Err(Error::invalid("provider", "more than one nation lists it; say NATION/ID")),
        None => Ok(found),
    }
}

fn nation_of(provider: &str) -> Option<RegionId> {
    provider.split_once('/')?.0.parse().ok()
}
