//! Accounts: logging in, switching, logging out; what was agreed to and what was disclosed.

use std::sync::Arc;

use onecity_protocol::identity_number::IdentityNumber;
use onecity_store::Owner;

use super::Client;
use super::inner::{ask_nations, known_providers};
use crate::error::{Error, Refusal};
use crate::session::{Provider, StepUp, Wish};
use crate::views::{AccountView, ConsentView, DisclosureView, LoginAttempt, ProviderView, ServiceId, SessionView};
use crate::{consents, passes};

impl Client {
    /// Where one can log in. Asks the registries of all nations, if they have never answered.
    pub async fn providers(&self) -> Result<Vec<ProviderView>, Error> {
        self.run(|inner| async move {
            let known = known_providers(&inner).await?;
            let view = |provider: Provider| ProviderView {
                name: provider.names.best(&inner.config.languages).to_owned(),
                id: provider.id,
            };
            Ok(known.into_iter().map(view).collect())
        })
        .await
    }

    /// Begins a login: open the attempt's URL in the system browser.
    ///
    /// # Errors
    /// [`Refusal::WrongIssuer`] if the provider is not the one that the registry names.
    pub async fn begin_login(&self, provider: &str, redirect_uri: &str) -> Result<LoginAttempt, Error> {
        self.begin(provider, redirect_uri, Wish::default()).await
    }

    /// The same for whoever typed their citizen number or unified social credit code: the provider need not ask again.
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
        let active = self.run(|inner| async move { inner.active_session().await }).await?;
        let (account, session) =
            active.ok_or_else(|| Error::LoginRequired { why: "nobody is logged in".to_owned() })?;
        let provider = session.view(&account, true, 0).provider;
        let step_up = Some(StepUp { account, acr: acr.to_owned() });
        self.begin(&provider, redirect_uri, Wish { number: None, step_up }).await
    }

    async fn begin(&self, provider: &str, redirect_uri: &str, wish: Wish) -> Result<LoginAttempt, Error> {
        let (provider, redirect_uri) = (provider.to_owned(), redirect_uri.to_owned());
        self.run(|inner| async move {
            let named = |known: &Provider| known.id == provider;
            let found = match known_providers(&inner).await?.into_iter().find(named) {
                Some(found) => Some(found),
                // Another nation's, that the phone has not asked yet.
                None => ask_nations(&inner).await?.into_iter().find(named),
            };
            let found = found.ok_or_else(|| Error::invalid("provider", "no registry lists it"))?;
            inner.sessions.begin(&inner, found, redirect_uri, wish).await
        })
        .await
    }

    /// Ends a login with the URL that the browser came back with.
    ///
    /// # Errors
    /// [`Refusal::LoginState`], [`Refusal::WrongNonce`], [`Refusal::WrongIssuer`], [`Refusal::LoginDenied`], or
    /// [`Error::SignatureInvalid`]; an earlier session stays as it is.
    pub async fn finish_login(&self, callback_url: &str) -> Result<AccountView, Error> {
        let callback_url = callback_url.to_owned();
        self.run(|inner| async move { inner.sessions.finish(&inner, &callback_url).await }).await
    }

    /// Who is logged in.
    pub async fn account(&self) -> Result<Option<AccountView>, Error> {
        self.run(|inner| async move { inner.account_view().await }).await
    }

    /// All accounts on this phone.
    pub async fn accounts(&self) -> Result<Vec<AccountView>, Error> {
        self.run(|inner| async move { inner.sessions.accounts(&inner).await }).await
    }

    /// Puts another account of this phone in use. Nothing of one account is seen by another.
    pub async fn switch_account(&self, account: &str) -> Result<AccountView, Error> {
        let account = account.to_owned();
        self.run(|inner| async move { inner.sessions.switch(&inner, &account).await }).await
    }

    /// Wipes the active account from this phone: its keys, then everything it kept. Its provider and the issuers of its
    /// passes are told, now or (the provider) as soon as there is a network.
    ///
    /// # Errors
    /// [`crate::Refusal::StillWaiting`] if submissions wait to be sent, unless `discard_waiting` says that they may be
    /// lost.
    pub async fn logout(&self, discard_waiting: bool) -> Result<(), Error> {
        self.run(move |inner| async move {
            let Some((account, _)) = inner.active_session().await? else { return Ok(()) };
            if !discard_waiting {
                let owner = Owner::Account(account.clone());
                let waits = async || {
                    let of = [owner.clone(), owner.clone()];
                    inner.vault(move |vault| vault.waiting(&of)).await
                };
                if waits().await? > 0 {
                    inner.submissions.deliver(&inner, true).await?;
                }
                if waits().await? > 0 {
                    let why =
                        "some of what you handed in has not been sent yet, and would be lost; connect to a network";
                    return Err(Error::refused(Refusal::StillWaiting, why));
                }
            }
            passes::forget(&inner, &account).await?;
            inner.sessions.end(&inner, account).await?;
            let telling = Arc::clone(&inner);
            tokio::spawn(async move { telling.sessions.tell_ended(&telling).await });
            Ok(())
        })
        .await
    }

    /// The active account's sessions, on this phone and on others.
    ///
    /// # Errors
    /// [`crate::Refusal::NotOffered`] if the provider does not list them.
    pub async fn sessions(&self) -> Result<Vec<SessionView>, Error> {
        self.run(|inner| async move { inner.sessions.elsewhere(&inner).await }).await
    }

    /// Ends a session on another phone, for example one that was lost.
    pub async fn end_session(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.run(|inner| async move { inner.sessions.end_elsewhere(&inner, &id).await }).await
    }

    /// What the active account has agreed to, newest first.
    pub async fn consents(&self) -> Result<Vec<ConsentView>, Error> {
        self.run(|inner| async move { consents::list(&inner).await }).await
    }

    /// Takes a consent back, by the name of its permission.
    pub async fn revoke_consent(&self, service: &ServiceId, permission: &str) -> Result<(), Error> {
        let (service, permission) = (service.clone(), permission.to_owned());
        self.run(|inner| async move { consents::revoke(&inner, &service, &permission).await }).await
    }

    /// What was shown to counters and services, newest first.
    pub async fn disclosures(&self) -> Result<Vec<DisclosureView>, Error> {
        self.run(|inner| async move { consents::disclosures(&inner).await }).await
    }
}
