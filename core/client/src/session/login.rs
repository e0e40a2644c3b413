//! From "log in" to a session.

use std::sync::Arc;

use jsonwebtoken::jwk::JwkSet;
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};
use onecity_protocol::credential::UnixTime;
use onecity_protocol::identity_number::IdentityNumber;
use onecity_store::{AccountId, Owner, Record};
use serde::{Deserialize, Serialize};
use url::Url;

use super::dpop::{JwtSigner, random_text};
use super::id_token::{Expected, IdToken, verify};
use super::keeping::{ActiveAccount, Session, Sessions};
use super::oauth::{OAuth, Tokens, oauth_client, refused_token, token_request};
use super::proofs::send_proven;
use super::provider::{Discovery, Provider};
use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::net::Outgoing;
use crate::platform::KeyPurpose;
use crate::views::{AccountKind, AccountView, LoginAttempt, Topic};

/// How long a resident may take in the browser, in seconds.
const PATIENCE: i64 = 15 * 60;

/// What the browser's answer will be checked against. Sealed before the app is left, so that process death costs
/// nothing.
#[derive(Debug, Serialize, Deserialize)]
struct Pending {
    #[serde(default)]
    state: String,
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
    #[serde(default)]
    revocation_endpoint: Option<String>,
    #[serde(default)]
    sessions_endpoint: Option<String>,
    /// The account that is to log in more strongly, and how.
    #[serde(default)]
    step_up: Option<StepUp>,
}

/// A stronger login that an act needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepUp {
    pub account: AccountId,
    /// As OpenID Connect's `acr`.
    pub acr: String,
}

/// What is asked of a provider.
#[derive(Default)]
pub struct Wish {
    /// The number that the resident typed: the provider need not ask for it again. It is only told where it does not
    /// stand in the browser's address.
    pub number: Option<IdentityNumber>,
    pub step_up: Option<StepUp>,
}

impl Record for Pending {
    const KIND: &'static str = "login";
    const FORMAT: u8 = 1;
}

impl Sessions {
    /// Prepares a login: the URL for the system browser, with everything that its answer will be checked against
    /// already sealed.
    pub async fn begin(
        &self,
        inner: &Arc<Inner>,
        provider: Provider,
        redirect_uri: String,
        wish: Wish,
    ) -> Result<LoginAttempt, Error> {
        let redirect = RedirectUrl::new(redirect_uri.clone()).map_err(|error| Error::invalid("redirect_uri", error))?;
        let found = Discovery::fetch(&inner.net, &provider.issuer).await?;
        let keys = Arc::clone(&inner.platform.keys);
        let (key, signer, thumbprint) = inner
            .blocking(move || {
                let key = keys.create(KeyPurpose::Session)?;
                let signer = JwtSigner::new(keys, key.clone());
                let thumbprint = signer.thumbprint()?;
                Ok((key, signer, thumbprint))
            })
            .await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (state, nonce) = (random_text(), random_text());
        let oauth = OAuth::new(ClientId::new(provider.client_id.clone()))
            .set_auth_uri(AuthUrl::new(found.authorization_endpoint.clone()).map_err(Error::internal)?)
            .set_redirect_uri(redirect);
        let csrf = state.clone();
        let mut asked = oauth
            .authorize_url(move || CsrfToken::new(csrf))
            .add_scopes(["openid", "profile", "offline_access"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            .add_extra_param("nonce", nonce.clone())
            // RFC 9449 §10: the code itself is then worth nothing without the key.
            .add_extra_param("dpop_jkt", thumbprint);
        if let Some(step_up) = &wish.step_up {
            asked = asked.add_extra_param("acr_values", step_up.acr.clone());
        }
        let mut url = asked.url().0;
        if let Some(endpoint) = &found.pushed_authorization_request_endpoint {
            url = match push(inner, endpoint, &url, &provider.client_id, wish.number, &signer).await {
                Ok(url) => url,
                Err(error) => {
                    delete_key(inner, key).await;
                    return Err(error);
                }
            };
        }
        let pending = Pending {
            state: state.clone(),
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
            revocation_endpoint: found.revocation_endpoint,
            sessions_endpoint: found.onecity_sessions_endpoint,
            step_up: wish.step_up,
        };
        let (id, now) = (state.clone(), inner.time.now());
        let abandoned = inner
            .vault(move |vault| {
                vault.atomically(|vault| {
                    // Logins that were begun and never came back.
                    let old = vault.list::<Pending>(&Owner::Phone)?.into_iter();
                    let old: Vec<Pending> = old.filter(|own| now - own.begun > PATIENCE).collect();
                    old.iter().try_for_each(|own| vault.delete::<Pending>(&Owner::Phone, &own.state))?;
                    vault.put(&Owner::Phone, &state, &pending)?;
                    Ok(old)
                })
            })
            .await?;
        for old in abandoned {
            delete_key(inner, old.key).await;
        }
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
                delete_key(inner, pending.key).await;
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
        if let Some(step_up) = &pending.step_up
            && claims.acr.as_deref() != Some(&step_up.acr)
        {
            let why = "the identity provider did not log you in as strongly as this needs";
            return Err(Error::refused(Refusal::LoginDenied, why));
        }
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
            revocation_endpoint: pending.revocation_endpoint.clone(),
            sessions_endpoint: pending.sessions_endpoint.clone(),
            key: pending.key.clone(),
            name: claims.name.clone().unwrap_or_default(),
            kind: claims.account_kind.unwrap_or(AccountKind::Person),
            acr: claims.acr.clone(),
            access_token: String::new(),
            access_ends: 0,
            refresh_token: None,
            ends: None,
        };
        session.take(tokens, inner.time.now())?;
        let (subject, now) = (claims.sub.clone(), inner.time.now());
        let expected = pending.step_up.as_ref().map(|step_up| step_up.account.clone());
        // A renewal under way would write the old session over this one.
        let _no_renewal = self.renewal.lock().await;
        let kept = inner
            .vault(move |vault| {
                vault.atomically(|vault| {
                    let account = vault.account_of(&session.issuer, &subject)?;
                    if expected.is_some_and(|expected| expected != account) {
                        return Ok(None);
                    }
                    vault.add_account(&account)?;
                    let owner = Owner::Account(account.clone());
                    let before = vault.get::<Session>(&owner, "")?;
                    vault.put(&owner, "", &session)?;
                    vault.put(&Owner::Phone, "", &ActiveAccount(account.clone()))?;
                    Ok(Some((session.view(&account, true, now), account, before)))
                })
            })
            .await?;
        let Some((view, account, before)) = kept else {
            let why = "somebody else logged in than the one who is logged in here";
            return Err(Error::refused(Refusal::LoginDenied, why));
        };
        if let Some(before) = before
            && let Err(error) = before.forget_key(inner).await
        {
            // The new session holds all the same.
            tracing::warn!(%error, "an old session's key could not be deleted");
        }
        self.services.renew(&Owner::Account(account));
        inner.platform.observer.changed(Topic::Account);
        Ok(view)
    }
}

/// Tells the provider what is asked before the browser is opened (RFC 9126): nothing of it then stands in the address.
async fn push(
    inner: &Arc<Inner>,
    endpoint: &str,
    url: &Url,
    client_id: &str,
    number: Option<IdentityNumber>,
    signer: &JwtSigner,
) -> Result<Url, Error> {
    #[derive(Deserialize)]
    struct Pushed {
        request_uri: String,
    }
    let mut fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    fields.extend(number.map(|number| ("login_hint".to_owned(), number.as_str().to_owned())));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = Outgoing::post_form(inner.net.url(endpoint)?, &fields);
    let answer = send_proven(inner, request, signer, None).await?;
    if answer.status.is_client_error() {
        return Err(Error::refused(Refusal::LoginDenied, crate::submissions::reason_of(&answer)));
    }
    let pushed: Pushed = answer.json()?;
    let mut url = url.clone();
    url.query_pairs_mut().clear().append_pair("client_id", client_id).append_pair("request_uri", &pushed.request_uri);
    Ok(url)
}

/// A key that came to nothing. One that can't be deleted harms nobody.
async fn delete_key(inner: &Arc<Inner>, key: String) {
    let keys = Arc::clone(&inner.platform.keys);
    if inner.blocking(move || Ok(keys.delete(&key)?)).await.is_err() {
        tracing::warn!("the key of a login that came to nothing could not be deleted");
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
