//! Accounts, what was agreed to and what was disclosed.

use super::{OneCity, service_id};
use crate::error::OneCityError;
use crate::views::{AccountView, ConsentView, DisclosureView, LoginAttempt, ProviderView, SessionView};

#[uniffi::export]
impl OneCity {
    /// Where one can log in.
    pub async fn providers(&self) -> Result<Vec<ProviderView>, OneCityError> {
        Ok(self.client.providers().await?.into_iter().map(Into::into).collect())
    }

    /// Begins a login.
    pub async fn begin_login(&self, provider: String, redirect_uri: String) -> Result<LoginAttempt, OneCityError> {
        Ok(self.client.begin_login(&provider, &redirect_uri).await?.into())
    }

    /// Begins a login for whoever typed their citizen number or unified social credit code.
    pub async fn begin_login_as(
        &self,
        provider: String,
        redirect_uri: String,
        number: String,
    ) -> Result<LoginAttempt, OneCityError> {
        Ok(self.client.begin_login_as(&provider, &redirect_uri, &number).await?.into())
    }

    /// Begins a stronger login of the active account.
    pub async fn begin_step_up(&self, acr: String, redirect_uri: String) -> Result<LoginAttempt, OneCityError> {
        Ok(self.client.begin_step_up(&acr, &redirect_uri).await?.into())
    }

    /// Ends a login with the URL that the browser came back with.
    pub async fn finish_login(&self, callback_url: String) -> Result<AccountView, OneCityError> {
        Ok(self.client.finish_login(&callback_url).await?.into())
    }

    /// Who is logged in.
    pub async fn account(&self) -> Result<Option<AccountView>, OneCityError> {
        Ok(self.client.account().await?.map(Into::into))
    }

    /// All accounts on this phone.
    pub async fn accounts(&self) -> Result<Vec<AccountView>, OneCityError> {
        Ok(self.client.accounts().await?.into_iter().map(Into::into).collect())
    }

    /// Puts another account in use.
    pub async fn switch_account(&self, account: String) -> Result<AccountView, OneCityError> {
        Ok(self.client.switch_account(&account).await?.into())
    }

    /// Wipes the active account from this phone. Refused as `still_waiting` while submissions wait, unless they may be
    /// lost.
    pub async fn logout(&self, discard_waiting: bool) -> Result<(), OneCityError> {
        Ok(self.client.logout(discard_waiting).await?)
    }

    /// The active account's sessions, on this phone and on others.
    pub async fn sessions(&self) -> Result<Vec<SessionView>, OneCityError> {
        Ok(self.client.sessions().await?.into_iter().map(Into::into).collect())
    }

    /// Ends a session on another phone.
    pub async fn end_session(&self, id: String) -> Result<(), OneCityError> {
        Ok(self.client.end_session(&id).await?)
    }

    /// What the active account has agreed to.
    pub async fn consents(&self) -> Result<Vec<ConsentView>, OneCityError> {
        Ok(self.client.consents().await?.into_iter().map(Into::into).collect())
    }

    /// Takes a consent back.
    pub async fn revoke_consent(
        &self,
        unit_id: String,
        app_id: String,
        permission: String,
    ) -> Result<(), OneCityError> {
        Ok(self.client.revoke_consent(&service_id(&unit_id, app_id)?, &permission).await?)
    }

    /// What was shown to counters, newest first.
    pub async fn disclosures(&self) -> Result<Vec<DisclosureView>, OneCityError> {
        Ok(self.client.disclosures().await?.into_iter().map(Into::into).collect())
    }
}
