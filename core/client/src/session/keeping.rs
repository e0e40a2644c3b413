//! A session: what the vault keeps of it, and keeping it alive.

use std::sync::Arc;

use oauth2::{RefreshToken, TokenResponse};
use onecity_protocol::credential::UnixTime;
use onecity_store::{AccountId, Owner, Record};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::dpop::JwtSigner;
use super::exchange::ServiceTokens;
use super::oauth::{Tokens, oauth_client, refused_token, token_request};
use super::proofs::{Nonces, send_proven};
use crate::client::Inner;
use crate::error::Error;
use crate::net::{Answer, Outgoing};
use crate::views::{AccountKind, AccountView, Topic};

/// An access token is renewed this long before it ends, in seconds.
const EARLY: i64 = 30;
/// How long ahead a screen says that a session is about to end, in seconds.
const ENDS_SOON: i64 = 7 * 86_400;

/// A session, one for each account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    pub(super) issuer: String,
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
    pub(super) access_token: String,
    pub(super) access_ends: UnixTime,
    /// None once the session has lapsed.
    pub(super) refresh_token: Option<String>,
    /// When it ends whatever is done, if the provider says so.
    #[serde(default)]
    pub(super) ends: Option<UnixTime>,
}

impl Record for Session {
    const KIND: &'static str = "session";
    const FORMAT: u8 = 1;
}

impl Session {
    /// What a screen shows of it.
    pub fn view(&self, account: &AccountId, active: bool, now: UnixTime) -> AccountView {
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
    pub fn lapsed(mut self) -> Self {
        self.refresh_token = None;
        self.access_token = String::new();
        self.access_ends = 0;
        self
    }

    /// Deletes the device key that its tokens are bound to; they are worth nothing then.
    pub async fn forget_key(self, inner: &Arc<Inner>) -> Result<(), Error> {
        let keys = Arc::clone(&inner.platform.keys);
        inner.blocking(move || Ok(keys.delete(&self.key)?)).await
    }

    /// This app's id at the provider.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Whether it was logged in to as strongly as `wanted`.
    pub fn reaches(&self, wanted: &str) -> bool {
        self.acr.as_deref() == Some(wanted)
    }

    pub(super) fn take(&mut self, tokens: &Tokens, now: UnixTime) -> Result<(), Error> {
        if !tokens.token_type().as_ref().eq_ignore_ascii_case("dpop") {
            return Err(Error::SignatureInvalid { what: "the provider's token is not bound to this phone".to_owned() });
        }
        let lasts = tokens.expires_in().map_or(60, |lasts| i64::try_from(lasts.as_secs()).unwrap_or(60));
        self.access_token = tokens.access_token().secret().clone();
        self.access_ends = now + lasts.min(86_400);
        if let Some(refresh) = tokens.refresh_token() {
            self.refresh_token = Some(refresh.secret().clone());
        }
        if let Some(lasts) = tokens.extra_fields().refresh_token_expires_in {
            self.ends = Some(now.saturating_add(lasts.clamp(0, 100 * 365 * 86_400)));
        }
        Ok(())
    }
}

/// Which account is in use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActiveAccount(pub AccountId);

impl Record for ActiveAccount {
    const KIND: &'static str = "active_account";
    const FORMAT: u8 = 1;
}

/// The right to ask a server something, and whose right it is.
pub struct Access {
    pub account: AccountId,
    pub token: String,
    pub signer: JwtSigner,
    pub session: Session,
}

/// The sessions of a phone. Renewal is single-flight: whoever comes second finds the work done.
#[derive(Default)]
pub struct Sessions {
    pub(super) renewal: Mutex<()>,
    pub(super) nonces: Nonces,
    pub(super) services: ServiceTokens,
}

impl Sessions {
    /// An access token of the active account that is good for a while, with the signer that proves this phone may use
    /// it. `refused` is a token that a server did not take: it is then renewed, whatever its time.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] if nobody is logged in or the provider has ended the session; nothing is lost then.
    pub async fn access(&self, inner: &Arc<Inner>, refused: Option<&str>) -> Result<Access, Error> {
        let (account, _) = inner
            .active_session()
            .await?
            .ok_or_else(|| Error::LoginRequired { why: "nobody is logged in".to_owned() })?;
        self.access_of(inner, account, refused).await
    }

    /// The same of one account, active or not. It comes to its end even if whoever asked no longer waits: a token that
    /// was renewed and not written down would end the session.
    pub async fn access_of(
        &self,
        inner: &Arc<Inner>,
        account: AccountId,
        refused: Option<&str>,
    ) -> Result<Access, Error> {
        let (own, refused) = (Arc::clone(inner), refused.map(str::to_owned));
        let renewing = async move { own.sessions.renewed(&own, account, refused.as_deref()).await };
        tokio::spawn(renewing).await.unwrap_or_else(|_| Err(Error::internal("a renewal panicked")))
    }

    async fn renewed(&self, inner: &Arc<Inner>, account: AccountId, refused: Option<&str>) -> Result<Access, Error> {
        let _one_at_a_time = self.renewal.lock().await;
        let mut session = inner
            .session_of(&account)
            .await?
            .ok_or_else(|| Error::LoginRequired { why: "this account is not logged in".to_owned() })?;
        let signer = JwtSigner::new(Arc::clone(&inner.platform.keys), session.key.clone());
        let good = session.access_ends - EARLY > inner.time.now() && refused != Some(&session.access_token);
        if good {
            return Ok(Access { account, token: session.access_token.clone(), signer, session });
        }
        let refresh = session.refresh_token.clone();
        let refresh = refresh.ok_or_else(|| Error::LoginRequired { why: "the session has ended".to_owned() })?;
        let oauth = oauth_client(&session.client_id, &session.token_endpoint)?;
        let send = token_request(inner, &session.key);
        let renewed = oauth.exchange_refresh_token(&RefreshToken::new(refresh)).request_async(&send).await;
        match renewed.map_err(refused_token) {
            Ok(tokens) => session.take(&tokens, inner.time.now())?,
            Err(Error::LoginRequired { why }) => {
                self.keep(inner, account, session.lapsed()).await?;
                inner.platform.observer.changed(Topic::Account);
                return Err(Error::LoginRequired { why });
            }
            Err(error) => return Err(error),
        }
        // Written before it is used: a rotated token that is lost would end the session.
        self.keep(inner, account.clone(), session.clone()).await?;
        Ok(Access { account, token: session.access_token.clone(), signer, session })
    }

    /// Sends a request with an account's token. If that was ended before its time, one renewal tells whether the session
    /// was, too; another account's is never used in its place.
    pub async fn send(&self, inner: &Arc<Inner>, request: Outgoing, access: Access) -> Result<Answer, Error> {
        let answer = send_proven(inner, request.clone(), &access.signer, Some(&access.token)).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let access = self.access_of(inner, access.account, Some(&access.token)).await?;
        send_proven(inner, request, &access.signer, Some(&access.token)).await
    }

    async fn keep(&self, inner: &Arc<Inner>, account: AccountId, session: Session) -> Result<(), Error> {
        inner.vault(move |vault| vault.put(&Owner::Account(account), "", &session)).await
    }
}
