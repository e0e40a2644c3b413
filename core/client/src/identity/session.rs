//! A session: what the vault has of it, and keeping it alive.

use std::sync::Arc;

use onecity_protocol::credential::UnixTime;
use onecity_store::{AccountId, Owner, Record, StoreError, Vault};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use super::accounts::{Accounts, ActiveAccount};
use super::consents::{Consent, Consents};
use super::discovery::Discovery;
use super::exchange::PartyTokens;
use super::proofs::Proofs;
use super::secret::Secret;
use super::token_endpoint::{Tokens, read};
use crate::device::http::{Answer, Outgoing};
use crate::device::{ClockTeacher, Device, DeviceKey, spawn};
use crate::error::Error;
use crate::views::{AccountKind, AccountView, Topic};

/// An access token is renewed this long before it ends, in seconds.
const EARLY: i64 = 30;
/// How long ahead a screen says that a session is about to end, in seconds.
const ENDS_SOON: i64 = 7 * 86_400;

/// A session, one for each account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(super) issuer: String,
    /// Who it is at the issuer; not known of a session from before this was kept.
    #[serde(default)]
    pub(super) subject: Option<String>,
    pub(super) provider: String,
    pub(super) client_id: String,
    pub(super) token_endpoint: String,
    /// Where its end is told, if the provider wants to hear of it (RFC 7009).
    #[serde(default)]
    pub(super) revocation_endpoint: Option<String>,
    /// Where the account's sessions on other phones are listed.
    #[serde(default)]
    pub(super) sessions_endpoint: Option<String>,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) kind: AccountKind,
    /// How strongly the resident logged in (OpenID Connect `acr`).
    #[serde(default)]
    pub(super) acr: Option<String>,
    pub(super) access_token: Secret,
    pub(super) access_ends: UnixTime,
    /// None once the session has lapsed.
    pub(super) refresh_token: Option<Secret>,
    /// When it ends whatever is done, if the provider says so.
    #[serde(default)]
    pub(super) ends: Option<UnixTime>,
}

impl Record for Session {
    const KIND: &'static str = "session";
    const FORMAT: u8 = 1;
    const GUARDED: bool = true;
}

impl Session {
    /// What a screen shows of it.
    pub(crate) fn view(&self, account: &AccountId, active: bool, now: UnixTime) -> AccountView {
        let lapsed = self.refresh_token.is_none() || self.ends.is_some_and(|ends| ends <= now);
        AccountView {
            id: account.to_string(),
            name: self.name.clone(),
            kind: self.kind,
            provider: self.provider.clone(),
            active,
            lapsed,
            ends: self.ends,
            ends_soon: !lapsed && self.ends.is_some_and(|ends| ends - now <= ENDS_SOON),
            acr: self.acr.clone(),
        }
    }

    /// The same, good for nothing but to say whose it was.
    fn lapsed(mut self) -> Self {
        self.refresh_token = None;
        self.access_token = String::new().into();
        self.access_ends = 0;
        self
    }

    /// Whom the account stands for.
    pub(crate) fn kind(&self) -> AccountKind {
        self.kind
    }

    /// Whether it was logged in to as strongly as `wanted`.
    pub(crate) fn reaches(&self, wanted: &str) -> bool {
        self.acr.as_deref() == Some(wanted)
    }

    pub(super) fn take(&mut self, tokens: Tokens, now: UnixTime) {
        self.access_ends = tokens.ends(now);
        self.ends = tokens.session_ends(now).or(self.ends);
        self.access_token = tokens.access_token;
        if let Some(refresh) = tokens.refresh_token {
            self.refresh_token = Some(refresh);
        }
    }
}

/// What an older copy of the vault says of sessions and consents may have been ended or withdrawn since.
pub(crate) fn distrust(vault: &Vault) -> Result<(), StoreError> {
    vault.delete_all::<Consent>(&Owner::Phone)?;
    let lapse = |account: AccountId| {
        let owner = Owner::Account(account);
        vault.delete_all::<Consent>(&owner)?;
        match vault.get::<Session>(&owner, "") {
            Ok(Some(session)) => vault.put(&owner, "", &session.lapsed()),
            // What can't be read can't be used either, and must not keep the file from opening.
            Ok(None) | Err(StoreError::Damaged(_)) => Ok(()),
            Err(error) => Err(error),
        }
    };
    let accounts = vault.accounts()?;
    // The account may have been logged out after this copy was made.
    let active = vault.get::<ActiveAccount>(&Owner::Phone, "");
    if !matches!(active, Ok(Some(ActiveAccount(active))) if accounts.contains(&active)) {
        vault.delete::<ActiveAccount>(&Owner::Phone, "")?;
    }
    accounts.into_iter().try_for_each(lapse)
}

/// The right to ask a server something, and whose right it is. What renews it stays in the vault.
pub(crate) struct Access {
    pub account: AccountId,
    pub token: Secret,
    pub key: DeviceKey,
    /// This app's id at the provider.
    pub client_id: String,
    pub(super) token_endpoint: String,
    pub(super) sessions_endpoint: Option<String>,
}

impl Access {
    fn of(account: AccountId, key: DeviceKey, session: &Session) -> Self {
        Self {
            account,
            token: session.access_token.clone(),
            key,
            client_id: session.client_id.clone(),
            token_endpoint: session.token_endpoint.clone(),
            sessions_endpoint: session.sessions_endpoint.clone(),
        }
    }
}

/// The sessions of a phone. Renewals are one at a time: a second one finds the work done.
pub(crate) struct Sessions {
    pub(super) device: Arc<Device>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) consents: Arc<Consents>,
    pub(super) proofs: Proofs,
    pub(super) renewal: Mutex<()>,
    /// Answers of the browser are taken one at a time.
    pub(super) finishing: Mutex<()>,
    pub(super) parties: PartyTokens,
    pub(super) teacher: ClockTeacher,
}

impl Sessions {
    /// With the right to set the clock: identity providers tell the time, and nobody else.
    pub(crate) fn new(
        device: &Arc<Device>,
        accounts: &Arc<Accounts>,
        consents: &Arc<Consents>,
        teacher: ClockTeacher,
    ) -> Arc<Self> {
        Arc::new(Self {
            device: Arc::clone(device),
            accounts: Arc::clone(accounts),
            consents: Arc::clone(consents),
            proofs: Proofs::new(device),
            renewal: Mutex::default(),
            finishing: Mutex::default(),
            parties: PartyTokens::default(),
            teacher,
        })
    }

    /// The active account and its session.
    pub(crate) async fn active(&self) -> Result<Option<(AccountId, Session)>, Error> {
        let found = self.device.vault(|vault| {
            let Some(ActiveAccount(account)) = vault.get(&Owner::Phone, "")? else { return Ok(None) };
            let session = vault.get::<Session>(&Owner::Account(account.clone()), "")?;
            Ok(session.map(|session| (account, session)))
        });
        found.await
    }

    /// This app's id at the provider of an account whose session lives.
    pub(crate) async fn client_id(self: &Arc<Self>, owner: &Owner) -> Result<String, Error> {
        match owner {
            Owner::Account(account) => Ok(self.access_of(account.clone(), None).await?.client_id),
            Owner::Phone => Err(Error::login_required("nobody is logged in")),
        }
    }

    /// The active account on a screen.
    pub(crate) async fn active_view(&self) -> Result<Option<AccountView>, Error> {
        let now = self.device.time.now().await;
        Ok(self.active().await?.map(|(account, session)| session.view(&account, true, now)))
    }

    /// All accounts on this phone, in the order they came.
    pub(crate) async fn list(&self) -> Result<Vec<AccountView>, Error> {
        let now = self.device.time.now().await;
        let listed = self.device.vault(move |vault| {
            let active: Option<ActiveAccount> = vault.get(&Owner::Phone, "")?;
            let mut views = Vec::new();
            for account in vault.accounts()? {
                if let Some(session) = vault.get::<Session>(&Owner::Account(account.clone()), "")? {
                    let is_active = active.as_ref().is_some_and(|ActiveAccount(active)| *active == account);
                    views.push(session.view(&account, is_active, now));
                }
            }
            Ok(views)
        });
        listed.await
    }

    /// Puts another account of this phone in use.
    pub(crate) async fn switch(&self, account: &str) -> Result<AccountView, Error> {
        let account = self.accounts.named(account).await?;
        let session = self.of(&account).await?;
        let session = session.ok_or_else(|| Error::login_required("this account is not logged in"))?;
        self.accounts.activate(account.clone()).await?;
        for topic in [Topic::Account, Topic::Home, Topic::Passes, Topic::Submissions] {
            self.device.notices.changed(topic);
        }
        Ok(session.view(&account, true, self.device.time.now().await))
    }

    /// An account's session.
    pub(super) async fn of(&self, account: &AccountId) -> Result<Option<Session>, Error> {
        let owner = Owner::Account(account.clone());
        match self.device.vault(move |vault| vault.get::<Session>(&owner, "")).await {
            Err(Error::LoginRequired { .. }) => Ok(None),
            session => session,
        }
    }

    /// An access token of the active account that is good for a while, with the key that proves this phone may use it.
    /// `refused` is a token that a server did not take: it is then renewed, whatever its time.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] if nobody is logged in or the provider has ended the session; nothing is lost then.
    pub(crate) async fn access(self: &Arc<Self>, refused: Option<&Secret>) -> Result<Access, Error> {
        let (account, _) = self.active().await?.ok_or_else(|| Error::login_required("nobody is logged in"))?;
        self.access_of(account, refused).await
    }

    /// The same of one account, active or not. It comes to its end even if the caller no longer waits: a token that was
    /// renewed and not written down would end the session.
    pub(crate) async fn access_of(
        self: &Arc<Self>,
        account: AccountId,
        refused: Option<&Secret>,
    ) -> Result<Access, Error> {
        let (own, refused) = (Arc::clone(self), refused.cloned());
        let renewing = async move { own.renewed(account, refused.as_ref()).await };
        spawn(renewing).await.unwrap_or_else(|_| Err(Error::internal("a renewal panicked")))
    }

    async fn renewed(&self, account: AccountId, refused: Option<&Secret>) -> Result<Access, Error> {
        let _one_at_a_time = self.renewal.lock().await;
        let session = self.of(&account).await?;
        let mut session = session.ok_or_else(|| Error::login_required("this account is not logged in"))?;
        let key = self.device.keys.key(session.key.clone());
        let now = self.device.time.now().await;
        if session.access_ends - EARLY > now && refused != Some(&session.access_token) {
            return Ok(Access::of(account, key, &session));
        }
        let refresh = session.refresh_token.clone();
        let refresh = refresh.ok_or_else(|| Error::login_required("the session has ended"))?;
        // RFC 6749 §6.
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose()),
            ("client_id", session.client_id.as_str()),
        ];
        let renewed = self.tokens(&session.token_endpoint, &fields, &key).await;
        match renewed {
            Ok(tokens) => session.take(tokens, self.device.time.now().await),
            Err(Error::LoginRequired { why }) => {
                self.store(account, session.lapsed()).await?;
                self.device.notices.changed(Topic::Account);
                return Err(Error::LoginRequired { why });
            }
            Err(error) => return Err(error),
        }
        // Written before it is used: a rotated token that is lost would end the session.
        self.store(account.clone(), session.clone()).await?;
        Ok(Access::of(account, key, &session))
    }

    /// Asks a provider for tokens.
    pub(super) async fn tokens(
        &self,
        endpoint: &str,
        fields: &[(&str, &str)],
        key: &DeviceKey,
    ) -> Result<Tokens, Error> {
        let url = self.device.http.url(endpoint)?;
        read(&self.ask_provider_with(Outgoing::post_form(url, fields), key, None).await?)
    }

    /// Asks the active account's provider for the time, if no server has told it since the device started: the codes of
    /// its passes are signed with it. It is no matter if that fails.
    pub(crate) async fn make_sure_of_the_time(&self) {
        if self.device.time.read().await.verified || self.device.http.is_offline() {
            return;
        }
        let Ok(Some((_, session))) = self.active().await else { return };
        let Ok(url) = self.device.http.url(&Discovery::url(&session.issuer)) else { return };
        if let Err(error) = self.ask_provider(url).await {
            tracing::info!(%error, "nobody told the time");
        }
    }

    /// Sends a request to an identity provider, whose date sets the clock.
    pub(super) async fn ask_provider(&self, url: Url) -> Result<Answer, Error> {
        let answer = self.device.http.send(Outgoing::get(url)).await?;
        self.teacher.learn(&answer.headers).await?;
        Ok(answer)
    }

    /// The same with a proof, and a token, if there is one.
    pub(super) async fn ask_provider_with(
        &self,
        request: Outgoing,
        key: &DeviceKey,
        token: Option<&Secret>,
    ) -> Result<Answer, Error> {
        let answer = self.proofs.send(request, key, token).await?;
        self.teacher.learn(&answer.headers).await?;
        Ok(answer)
    }

    /// Sends a request with an account's token. If that was ended before its time, one renewal tells whether the session
    /// was, too; another account's is never used in its place.
    pub(super) async fn send(self: &Arc<Self>, request: Outgoing, access: Access) -> Result<Answer, Error> {
        let answer = self.proofs.send(request.clone(), &access.key, Some(&access.token)).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let access = self.access_of(access.account, Some(&access.token)).await?;
        self.proofs.send(request, &access.key, Some(&access.token)).await
    }

    async fn store(&self, account: AccountId, session: Session) -> Result<(), Error> {
        self.device.vault(move |vault| vault.put(&Owner::Account(account), "", &session)).await
    }
}
