//! Accounts: logging in, switching, logging out; what was agreed to and what was disclosed.

use onecity_protocol::identity_number::IdentityNumber;
use onecity_protocol::service::ServiceId;

use super::Client;
use crate::error::Error;
use crate::identity::{StepUp, Wish};
use crate::views::{AccountView, ConsentView, DisclosureView, LoginAttempt, ProviderView, SessionView};
use onecity_protocol::identity_provider::IdentityProvider;

impl Client {
    /// Where one can log in. Asks the registries of all nations, if they have never answered.
    pub async fn providers(&self) -> Result<Vec<ProviderView>, Error> {
        self.run(|parts| async move {
            let known = parts.registry.providers().await?;
            let languages = &parts.device.languages();
            let view = |own: IdentityProvider| ProviderView { name: own.names.best(languages).to_owned(), id: own.id };
            Ok(known.into_iter().map(view).collect())
        })
        .await
    }

    /// Begins a login with a provider by its id (`cn/shandong`): open the attempt's URL in the system browser. A list of
    /// providers that has ended is asked for again first.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if no nation lists the provider; [`Error::Expired`] if its nation's list has ended and can't
    /// be asked for again;
    /// [`crate::Refusal::WrongIssuer`] if the provider is not the one that the registry names.
    pub async fn begin_login(&self, provider: &str, redirect_uri: &str) -> Result<LoginAttempt, Error> {
        self.begin(provider, redirect_uri, Wish::default()).await
    }

    /// The same for a resident who typed their citizen number or unified social credit code: the provider need not ask
    /// again.
    /// It is told only where the number does not stand in the browser's address (RFC 9126).
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if the number can't be right.
    pub async fn begin_login_as(
        &self,
        provider: &str,
        redirect_uri: &str,
        number: &str,
    ) -> Result<LoginAttempt, Error> {
        let number = IdentityNumber::parse(number).map_err(|error| Error::invalid("number", error))?;
        self.begin(provider, redirect_uri, Wish { number: Some(number), step_up: None }).await
    }

    /// Begins a stronger login of the active account, because something answered [`Error::StepUpRequired`].
    pub async fn begin_step_up(&self, acr: &str, redirect_uri: &str) -> Result<LoginAttempt, Error> {
        let active = self.run(|parts| async move { parts.sessions.active().await }).await?;
        let (account, session) = active.ok_or_else(|| Error::login_required("nobody is logged in"))?;
        let provider = session.view(&account, true, 0).provider;
        let step_up = Some(StepUp { account, acr: acr.to_owned() });
        self.begin(&provider, redirect_uri, Wish { number: None, step_up }).await
    }

    async fn begin(&self, provider: &str, redirect_uri: &str, wish: Wish) -> Result<LoginAttempt, Error> {
        let (provider, redirect_uri) = (provider.to_owned(), redirect_uri.to_owned());
        self.run(|parts| async move {
            let found = parts.registry.provider(&provider).await?;
            let id = found.id.clone();
            let attempt = parts.sessions.begin(found, redirect_uri, wish).await?;
            // The provider has told the time: by that, it may be listed no more.
            parts.registry.provider(&id).await?;
            Ok(attempt)
        })
        .await
    }

    /// Ends a login with the URL that the browser came back with.
    ///
    /// # Errors
    /// [`crate::Refusal::LoginState`], [`crate::Refusal::WrongNonce`], [`crate::Refusal::WrongIssuer`], [`crate::Refusal::LoginDenied`], or
    /// [`Error::SignatureInvalid`]; an earlier session stays as it is.
    pub async fn finish_login(&self, callback_url: &str) -> Result<AccountView, Error> {
        let callback_url = callback_url.to_owned();
        self.run(|parts| async move {
            let account = parts.sessions.finish(&callback_url).await?;
            // Of a session that this one took the place of.
            crate::device::spawn(async move { parts.sessions.tell_ended().await });
            Ok(account)
        })
        .await
    }

    /// Who is logged in.
    pub async fn account(&self) -> Result<Option<AccountView>, Error> {
        self.run(|parts| async move { parts.sessions.active_view().await }).await
    }

    /// All accounts on this phone.
    pub async fn accounts(&self) -> Result<Vec<AccountView>, Error> {
        self.run(|parts| async move { parts.sessions.list().await }).await
    }

    /// Puts another account of this phone in use. Nothing of one account is seen by another.
    pub async fn switch_account(&self, account: &str) -> Result<AccountView, Error> {
        let account = account.to_owned();
        self.run(|parts| async move { parts.sessions.switch(&account).await }).await
    }

    /// Removes the active account from this phone: its keys, then everything that was stored for it. Its provider and the issuers of its
    /// passes are told, now or (the provider) as soon as there is a network.
    ///
    /// # Errors
    /// [`crate::Refusal::StillWaiting`] if submissions wait to be sent, unless `discard_waiting` says that they may be
    /// lost.
    pub async fn logout(&self, discard_waiting: bool) -> Result<(), Error> {
        self.run(move |parts| async move { parts.erasure.log_out(discard_waiting).await }).await
    }

    /// The active account's sessions, on this phone and on others.
    ///
    /// # Errors
    /// [`crate::Refusal::NotOffered`] if the provider does not list them.
    pub async fn sessions(&self) -> Result<Vec<SessionView>, Error> {
        self.run(|parts| async move { parts.sessions.elsewhere().await }).await
    }

    /// Ends a session on another phone, for example one that was lost.
    pub async fn end_session(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.run(|parts| async move { parts.sessions.end_elsewhere(&id).await }).await
    }

    /// What the active account has agreed to, newest first.
    pub async fn consents(&self) -> Result<Vec<ConsentView>, Error> {
        self.run(|parts| async move { parts.consents.list().await }).await
    }

    /// Takes a consent back, by the name of its permission.
    pub async fn revoke_consent(&self, service: &ServiceId, permission: &str) -> Result<(), Error> {
        let (service, permission) = (service.clone(), permission.to_owned());
        self.run(|parts| async move { parts.erasure.revoke_consent(&service, &permission).await }).await
    }

    /// What was shown to counters and services, newest first.
    pub async fn disclosures(&self) -> Result<Vec<DisclosureView>, Error> {
        self.run(|parts| async move { parts.consents.disclosures().await }).await
    }
}
