//! From "log in" to a session, and keeping the session alive.

use std::sync::Arc;

use jsonwebtoken::jwk::JwkSet;
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken,
    Scope, TokenResponse,
};
use onecity_protocol::credential::UnixTime;
use onecity_store::{AccountId, Owner, Record};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use super::dpop::{JwtSigner, random_text};
use super::id_token::{Expected, IdToken, verify};
use super::oauth::{OAuth, Tokens, oauth_client, refused_token, token_request};
use super::provider::{Discovery, Provider};
use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::net::Outgoing;
use crate::platform::KeyPurpose;
use crate::views::{AccountKind, AccountView, LoginAttempt, Topic};

/// How long a resident may take in the browser, in seconds.
const PATIENCE: i64 = 15 * 60;
/// An access token is renewed this long before it ends, in seconds.
const EARLY: i64 = 30;

/// What the browser's answer will be checked against. Sealed before the app is left, so that process death costs
/// nothing.
#[derive(Debug, Serialize, Deserialize)]
struct Pending {
    provider: String,
    issuer: String,
    client_id: String,
    redirect_uri: String,
    token_endpoint: String,
    jwks_uri: String,
    verifier: String,
    nonce: String,
    key: String,
    /// Whether the provider says that its answers name it (RFC 9207 §3).
    names_itself: bool,
    begun: UnixTime,
}

impl Record for Pending {
    const KIND: &'static str = "login";
    const FORMAT: u8 = 1;
}

/// A session, one for each account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    issuer: String,
    provider: String,
    client_id: String,
    token_endpoint: String,
    key: String,
    name: String,
    kind: AccountKind,
    access_token: String,
    access_ends: UnixTime,
    /// None once the session has lapsed.
    refresh_token: Option<String>,
}

impl Record for Session {
    const KIND: &'static str = "session";
    const FORMAT: u8 = 1;
}

impl Session {
    /// What a screen shows of it.
    pub fn view(&self, account: &AccountId) -> AccountView {
        AccountView {
            id: account.to_string(),
            name: self.name.clone(),
            kind: self.kind,
            provider: self.provider.clone(),
            lapsed: self.refresh_token.is_none(),
        }
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
    renewal: Mutex<()>,
}

impl Sessions {
    /// Prepares a login: the URL for the system browser, with everything that its answer will be checked against
    /// already sealed.
    pub async fn begin(
        &self,
        inner: &Arc<Inner>,
        provider: Provider,
        redirect_uri: String,
    ) -> Result<LoginAttempt, Error> {
        let redirect = RedirectUrl::new(redirect_uri.clone()).map_err(|error| Error::invalid("redirect_uri", error))?;
        let found = Discovery::fetch(&inner.net, &provider.issuer).await?;
        let keys = Arc::clone(&inner.platform.keys);
        let (key, thumbprint) = inner
            .blocking(move || {
                let key = keys.create(KeyPurpose::Session)?;
                let thumbprint = JwtSigner::new(keys, key.clone()).thumbprint()?;
                Ok((key, thumbprint))
            })
            .await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (state, nonce) = (random_text(), random_text());
        let oauth = OAuth::new(ClientId::new(provider.client_id.clone()))
            .set_auth_uri(AuthUrl::new(found.authorization_endpoint).map_err(Error::internal)?)
            .set_redirect_uri(redirect);
        let csrf = state.clone();
        let (url, _) = oauth
            .authorize_url(move || CsrfToken::new(csrf))
            .add_scopes(["openid", "profile", "offline_access"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            .add_extra_param("nonce", nonce.clone())
            // RFC 9449 §10: the code itself is then worth nothing without the key.
            .add_extra_param("dpop_jkt", thumbprint)
            .url();
        let pending = Pending {
            provider: provider.id,
            issuer: provider.issuer,
            client_id: provider.client_id,
            redirect_uri,
            token_endpoint: found.token_endpoint,
            jwks_uri: found.jwks_uri,
            verifier: verifier.into_secret(),
            nonce,
            key,
            names_itself: found.authorization_response_iss_parameter_supported,
            begun: inner.time.now(),
        };
        let id = state.clone();
        inner.vault(move |vault| vault.put(&Owner::Phone, &state, &pending)).await?;
        Ok(LoginAttempt { id, url: url.into() })
    }

    /// Takes what came back from the browser.
    pub async fn finish(&self, inner: &Arc<Inner>, callback: &str) -> Result<AccountView, Error> {
        let callback = Url::parse(callback).map_err(|error| Error::invalid("callback_url", error))?;
        let answer = CallbackAnswer::read(&callback);
        let unknown = || {
            Error::refused(
                Refusal::LoginState,
                "this answer does not belong to a login that was begun on this phone; begin again",
            )
        };
        let name = answer.state.ok_or_else(unknown)?;
        // The attempt is used up whatever comes of it: an answer counts once, even if it is delivered twice.
        let taken = inner.vault(move |vault| {
            let pending = vault.get::<Pending>(&Owner::Phone, &name)?;
            vault.delete::<Pending>(&Owner::Phone, &name)?;
            Ok(pending)
        });
        let pending = taken.await?.ok_or_else(unknown)?;
        match self.redeem(inner, &pending, &callback, answer.code, answer.issuer, answer.error).await {
            Ok(view) => Ok(view),
            Err(error) => {
                let keys = Arc::clone(&inner.platform.keys);
                inner.blocking(move || Ok(keys.delete(&pending.key)?)).await?;
                Err(error)
            }
        }
    }

    async fn redeem(
        &self,
        inner: &Arc<Inner>,
        pending: &Pending,
        callback: &Url,
        code: Option<String>,
        issuer: Option<String>,
        error: Option<String>,
    ) -> Result<AccountView, Error> {
        let redirect = Url::parse(&pending.redirect_uri).map_err(Error::internal)?;
        let same_place = (redirect.scheme(), redirect.host(), redirect.port(), redirect.path())
            == (callback.scheme(), callback.host(), callback.port(), callback.path());
        let now = inner.time.now();
        if !same_place || now - pending.begun > PATIENCE {
            return Err(Error::refused(
                Refusal::LoginState,
                "the login took too long or came back elsewhere; begin again",
            ));
        }
        // RFC 9207 §2.4: the answer must name the issuer that was asked, if it can.
        if issuer.map_or(pending.names_itself, |issuer| issuer != pending.issuer) {
            return Err(Error::refused(
                Refusal::WrongIssuer,
                "the login was answered by another provider than the one that was asked; log in again",
            ));
        }
        if let Some(error) = error {
            return Err(Error::refused(Refusal::LoginDenied, format!("the identity provider answered: {error}")));
        }
        let code = code.ok_or_else(|| Error::refused(Refusal::LoginDenied, "the answer holds no code"))?;
        let redirect = RedirectUrl::new(pending.redirect_uri.clone()).map_err(Error::internal)?;
        let oauth = oauth_client(&pending.client_id, &pending.token_endpoint)?.set_redirect_uri(redirect);
        let send = token_request(inner, &pending.key);
        let tokens = oauth
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier.clone()))
            .request_async(&send)
            .await
            .map_err(refused_token)?;
        let id_token = tokens.extra_fields().id_token.clone();
        let id_token =
            id_token.ok_or_else(|| Error::SignatureInvalid { what: "the login has no ID token".to_owned() })?;
        let keys: JwkSet = inner.net.send(Outgoing::get(inner.net.url(&pending.jwks_uri)?)).await?.json()?;
        let expected = Expected {
            issuer: &pending.issuer,
            client_id: &pending.client_id,
            nonce: &pending.nonce,
            now: inner.time.now(),
        };
        let claims = verify(&id_token, &keys, &expected)?;
        self.begin_session(inner, pending, &claims, &tokens).await
    }

    async fn begin_session(
        &self,
        inner: &Arc<Inner>,
        pending: &Pending,
        claims: &IdToken,
        tokens: &Tokens,
    ) -> Result<AccountView, Error> {
        let mut session = Session {
            issuer: pending.issuer.clone(),
            provider: pending.provider.clone(),
            client_id: pending.client_id.clone(),
            token_endpoint: pending.token_endpoint.clone(),
            key: pending.key.clone(),
            name: claims.name.clone().unwrap_or_default(),
            kind: claims.account_kind.unwrap_or(AccountKind::Person),
            access_token: String::new(),
            access_ends: 0,
            refresh_token: None,
        };
        session.take(tokens, inner.time.now())?;
        let subject = claims.sub.clone();
        // A renewal under way would write the old session over this one.
        let _no_renewal = self.renewal.lock().await;
        let (view, before) = inner
            .vault(move |vault| {
                vault.atomically(|vault| {
                    let account = vault.account_of(&session.issuer, &subject)?;
                    vault.add_account(&account)?;
                    let owner = Owner::Account(account.clone());
                    let before = vault.get::<Session>(&owner, "")?;
                    vault.put(&owner, "", &session)?;
                    vault.put(&Owner::Phone, "", &ActiveAccount(account.clone()))?;
                    Ok((session.view(&account), before))
                })
            })
            .await?;
        if let Some(before) = before
            && let Err(error) = before.forget_key(inner).await
        {
            // The new session holds all the same.
            tracing::warn!(%error, "an old session's key could not be deleted");
        }
        inner.platform.observer.changed(Topic::Account);
        Ok(view)
    }

    /// An access token that is good for a while, with the signer that proves this phone may use it.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] if nobody is logged in or the provider has ended the session; nothing is lost then.
    ///
    /// `refused` is a token that a server did not take: it is then renewed, whatever its time.
    pub async fn access(&self, inner: &Arc<Inner>, refused: Option<&str>) -> Result<Access, Error> {
        let _one_at_a_time = self.renewal.lock().await;
        let (account, mut session) = inner
            .active_session()
            .await?
            .ok_or_else(|| Error::LoginRequired { why: "nobody is logged in".to_owned() })?;
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
                session.refresh_token = None;
                self.keep(inner, account, session).await?;
                inner.platform.observer.changed(Topic::Account);
                return Err(Error::LoginRequired { why });
            }
            Err(error) => return Err(error),
        }
        // Written before it is used: a rotated token that is lost would end the session.
        self.keep(inner, account.clone(), session.clone()).await?;
        Ok(Access { account, token: session.access_token.clone(), signer, session })
    }

    /// Wipes an account: its session's key, and everything that the vault keeps of it.
    pub async fn end(&self, inner: &Arc<Inner>, account: AccountId, session: Session) -> Result<(), Error> {
        let _no_renewal = self.renewal.lock().await;
        inner
            .vault(move |vault| {
                vault.atomically(|vault| {
                    vault.remove_account(&account)?;
                    vault.delete::<ActiveAccount>(&Owner::Phone, "")
                })?;
                vault.settle()
            })
            .await?;
        inner.platform.observer.changed(Topic::Account);
        session.forget_key(inner).await
    }

    async fn keep(&self, inner: &Arc<Inner>, account: AccountId, session: Session) -> Result<(), Error> {
        inner.vault(move |vault| vault.put(&Owner::Account(account), "", &session)).await
    }
}

impl Session {
    fn take(&mut self, tokens: &Tokens, now: UnixTime) -> Result<(), Error> {
        if !tokens.token_type().as_ref().eq_ignore_ascii_case("dpop") {
            return Err(Error::SignatureInvalid { what: "the provider's token is not bound to this phone".to_owned() });
        }
        let lasts = tokens.expires_in().map_or(60, |lasts| i64::try_from(lasts.as_secs()).unwrap_or(60));
        self.access_token = tokens.access_token().secret().clone();
        self.access_ends = now + lasts.min(86_400);
        if let Some(refresh) = tokens.refresh_token() {
            self.refresh_token = Some(refresh.secret().clone());
        }
        Ok(())
    }
}

/// The parameters of a redirect back to the app (RFC 6749 §4.1.2, RFC 9207).
#[derive(Default)]
struct CallbackAnswer {
    state: Option<String>,
    code: Option<String>,
    issuer: Option<String>,
    error: Option<String>,
}

impl CallbackAnswer {
    fn read(callback: &Url) -> Self {
        let mut answer = Self::default();
        for (name, value) in callback.query_pairs() {
            let field = match &*name {
                "state" => &mut answer.state,
                "code" => &mut answer.code,
                "iss" => &mut answer.issuer,
                "error" => &mut answer.error,
                _ => continue,
            };
            *field = Some(value.chars().filter(|c| !c.is_control()).take(2048).collect());
        }
        answer
    }
}
