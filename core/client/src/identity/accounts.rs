//! Which accounts there are on this phone, and which one is in use.

use std::sync::Arc;

use onecity_store::{AccountId, Owner, Record, StoreError, VaultReader};
use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::error::{Error, Refusal};

/// Which account is in use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ActiveAccount(pub AccountId);

impl Record for ActiveAccount {
    const KIND: &'static str = "active_account";
    const FORMAT: u8 = 1;
    const GUARDED: bool = true;
}

/// The accounts of this phone.
pub(crate) struct Accounts {
    device: Arc<Device>,
}

impl Accounts {
    pub(crate) fn new(device: &Arc<Device>) -> Arc<Self> {
        Arc::new(Self { device: Arc::clone(device) })
    }

    /// The account in use.
    pub(crate) async fn active(&self) -> Result<Option<AccountId>, Error> {
        let active = self.device.read_vault(|vault| vault.get::<ActiveAccount>(&Owner::Phone, "")).await?;
        Ok(active.map(|ActiveAccount(account)| account))
    }

    /// Whose records are written: the active account's, or the phone's before anybody has logged in.
    pub(crate) async fn active_owner(&self) -> Result<Owner, Error> {
        Ok(self.active().await?.map_or(Owner::Phone, Owner::Account))
    }

    /// The same for one who reads more at the same time.
    pub(crate) fn active_owner_in(vault: &VaultReader) -> Result<Owner, StoreError> {
        let active = vault.get::<ActiveAccount>(&Owner::Phone, "")?;
        Ok(active.map_or(Owner::Phone, |ActiveAccount(account)| Owner::Account(account)))
    }

    /// Everybody who has records here: the phone, and each account.
    pub(crate) async fn owners(&self) -> Result<Vec<Owner>, Error> {
        let accounts = self.device.vault(|vault| vault.accounts()).await?;
        Ok(std::iter::once(Owner::Phone).chain(accounts.into_iter().map(Owner::Account)).collect())
    }

    /// An account by its id.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub(crate) async fn named(&self, id: &str) -> Result<AccountId, Error> {
        let id = id.to_owned();
        let found = self.device.vault(move |vault| Ok(vault.accounts()?.into_iter().find(|own| own.as_str() == id)));
        found.await?.ok_or_else(|| Error::refused(Refusal::NotFound, "this account is not on the phone"))
    }

    /// Puts an account in use.
    pub(crate) async fn activate(&self, account: AccountId) -> Result<(), Error> {
        self.device.vault(move |vault| vault.put(&Owner::Phone, "", &ActiveAccount(account))).await
    }
}
