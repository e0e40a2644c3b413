//! What all parts of the client share: the two files, and who is in use.

use std::sync::Arc;

use onecity_protocol::region::{RegionId, RegionTree, UnitId};
use onecity_store::{AccountId, Catalogue, KeptRepository, Owner, StoreError, Vault};

use super::Inner;
use crate::error::Error;
use crate::files::Files;
use crate::registry_sync::providers;
use crate::session::{ActiveAccount, Provider, Session};
use crate::views::AccountView;

pub async fn write_later(files: &Files, work: impl FnOnce(&Vault) -> Result<(), StoreError> + Send + 'static) {
    if let Err(error) = files.vault(work).await {
        tracing::warn!(%error, "a small record was not kept");
    }
}

pub async fn known_providers(inner: &Arc<Inner>) -> Result<Vec<Provider>, Error> {
    let known = providers(inner).await?;
    if known.is_empty() { ask_nations(inner).await } else { Ok(known) }
}

pub async fn ask_nations(inner: &Arc<Inner>) -> Result<Vec<Provider>, Error> {
    for anchor in &inner.config.nations {
        inner.registry.nation(inner, &anchor.nation).await?;
    }
    providers(inner).await
}

impl Inner {
    /// Runs what blocks where that is fine.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::internal("a blocking call panicked"))?
    }

    pub async fn vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        self.files.vault(work).await
    }

    /// Writes something whose loss costs little, without anybody waiting for the disk.
    pub fn later(&self, work: impl FnOnce(&Vault) -> Result<(), StoreError> + Send + 'static) {
        let files = Arc::clone(&self.files);
        tokio::spawn(async move { write_later(&files, work).await });
    }

    pub async fn catalogue<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Catalogue) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        self.catalogue_mut(|catalogue| work(catalogue)).await
    }

    pub async fn catalogue_mut<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Catalogue) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        self.files.catalogue(work).await
    }

    /// The active account and its session.
    pub async fn active_session(&self) -> Result<Option<(AccountId, Session)>, Error> {
        self.vault(|vault| {
            let Some(ActiveAccount(account)) = vault.get(&Owner::Phone, "")? else { return Ok(None) };
            let session = vault.get::<Session>(&Owner::Account(account.clone()), "")?;
            Ok(session.map(|session| (account, session)))
        })
        .await
    }

    /// An account's session.
    pub async fn session_of(&self, account: &AccountId) -> Result<Option<Session>, Error> {
        let owner = Owner::Account(account.clone());
        match self.vault(move |vault| vault.get::<Session>(&owner, "")).await {
            Err(Error::LoginRequired { .. }) => Ok(None),
            session => session,
        }
    }

    /// The active account on a screen.
    pub async fn account_view(&self) -> Result<Option<AccountView>, Error> {
        let now = self.time.now();
        Ok(self.active_session().await?.map(|(account, session)| session.view(&account, true, now)))
    }

    /// Whose records are written: the active account's, or the phone's before anybody has logged in.
    pub async fn active_owner(&self) -> Result<Owner, Error> {
        let active = self.vault(|vault| vault.get::<ActiveAccount>(&Owner::Phone, "")).await?;
        Ok(active.map_or(Owner::Phone, |ActiveAccount(account)| Owner::Account(account)))
    }

    pub async fn repository(&self, id: &RegionId) -> Result<Option<KeptRepository>, Error> {
        let id = id.clone();
        self.catalogue(move |catalogue| catalogue.repository(&id)).await
    }

    pub async fn repository_of_nation(&self, nation: &RegionId) -> Result<KeptRepository, Error> {
        self.repository(nation).await?.ok_or_else(|| Error::internal("a nation that was just synced"))
    }

    pub async fn tree_around(&self, region: &RegionId) -> Result<RegionTree, Error> {
        let region = region.clone();
        self.catalogue(move |catalogue| catalogue.tree_around(&region)).await
    }

    pub async fn units_for(&self, region: &RegionId) -> Result<Vec<UnitId>, Error> {
        let region = region.clone();
        self.catalogue(move |catalogue| catalogue.units_for(&catalogue.tree_around(&region)?, &region)).await
    }
}
