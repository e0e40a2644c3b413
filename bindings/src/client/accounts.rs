//! Accounts, what was agreed to and what was disclosed.

use onecity_core::{
    AccountView, ConsentView, DisclosureView, Error, LoginAttempt, ProviderView, ServiceId, SessionView,
};

use super::OneCity;

#[uniffi::export]
impl OneCity {
    /// Where one can log in.
    pub async fn providers(&self) -> Result<Vec<ProviderView>, Error> {
        self.client.providers().await
    }

    /// Begins a login.
    pub async fn begin_login(&self, provider: String, redirect_uri: String) -> Result<LoginAttempt, Error> {
        self.client.begin_login(&provider, &redirect_uri).await
    }

    /// Begins a login for a resident who typed their citizen number or unified social credit code.
    pub async fn begin_login_as(
        &self,
        provider: String,
        redirect_uri: String,
        number: String,
    ) -> Result<LoginAttempt, Error> {
        self.client.begin_login_as(&provider, &redirect_uri, &number).await
    }

    /// Begins a stronger login of the active account.
    pub async fn begin_step_up(&self, acr: String, redirect_uri: String) -> Result<LoginAttempt, Error> {
        self.client.begin_step_up(&acr, &redirect_uri).await
    }

    /// Ends a login with the URL that the browser came back with.
    pub async fn finish_login(&self, callback_url: String) -> Result<AccountView, Error> {
        self.client.finish_login(&callback_url).await
    }

    /// Who is logged in.
    pub async fn account(&self) -> Result<Option<AccountView>, Error> {
        self.client.account().await
    }

    /// All accounts on this phone.
    pub async fn accounts(&self) -> Result<Vec<AccountView>, Error> {
        self.client.accounts().await
    }

    /// Puts another account in use.
    pub async fn switch_account(&self, account: String) -> Result<AccountView, Error> {
        self.client.switch_account(&account).await
    }

    /// Wipes the active account from this phone. Refused as `still_waiting` while submissions wait, unless they may be
    /// lost.
    pub async fn logout(&self, discard_waiting: bool) -> Result<(), Error> {
        self.client.logout(discard_waiting).await
    }

    /// The active account's sessions, on this phone and on others.
    pub async fn sessions(&self) -> Result<Vec<SessionView>, Error> {
        self.client.sessions().await
    }

    /// Ends a session on another phone.
    pub async fn end_session(&self, id: String) -> Result<(), Error> {
        self.client.end_session(&id).await
    }

    /// What the active account has agreed to.
    pub async fn consents(&self) -> Result<Vec<ConsentView>, Error> {
        self.client.consents().await
    }

    /// Takes a consent back.
    pub async fn revoke_consent(&self, service: ServiceId, permission: String) -> Result<(), Error> {
        self.client.revoke_consent(&service, &permission).await
    }

    /// What was shown to counters, newest first.
    pub async fn disclosures(&self) -> Result<Vec<DisclosureView>, Error> {
        self.client.disclosures().await
    }
}
