//! From "log in" to a session.

use onecity_protocol::credential::UnixTime;
use onecity_protocol::identity_number::IdentityNumber;
use onecity_store::{AccountId, Owner, Record};
use serde::{Deserialize, Serialize};
use url::Url;

use super::accounts::ActiveAccount;
use super::discovery::Discovery;
use super::dpop::{pkce, random_text, thumbprint};
use super::id_token::{Expected, IdToken, ProviderKeys, verify};
use super::logout::Ended;
use super::secret::Secret;
use super::session::{Session, Sessions};
use super::token_endpoint::Tokens;
use crate::device::DeviceKey;
use crate::device::http::Outgoing;
use crate::error::{Error, Refusal};
use crate::platform::KeyPurpose;
use crate::views::{AccountKind, AccountView, LoginAttempt, Topic};
use onecity_protocol::identity_provider::IdentityProvider;

/// How long a resident may take in the browser, in seconds.
const TIME_LIMIT: i64 = 15 * 60;
/// Longest answer of a browser, in bytes: RFC 6749 sets no limit to a code, and some providers put whole tokens there.
const MAX_CALLBACK: usize = 64 << 10;

/// What the browser's answer will be checked against. Sealed before the app is left, so that process death costs
/// nothing.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    #[serde(default)]
    state: String,
    provider: String,
    issuer: String,
    client_id: String,
    redirect_uri: String,
    token_endpoint: String,
    jwks_uri: String,
    verifier: Secret,
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
pub(crate) struct StepUp {
    pub account: AccountId,
    /// As OpenID Connect's `acr`.
    pub acr: String,
}

/// What is asked of a provider.
#[derive(Default)]
pub(crate) struct Wish {
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
    pub(crate) async fn begin(
        &self,
        provider: IdentityProvider,
        redirect_uri: String,
        wish: Wish,
    ) -> Result<LoginAttempt, Error> {
        Url::parse(&redirect_uri).map_err(|error| Error::invalid("redirect_uri", error))?;
        let document = self.ask_provider(self.device.http.url(&Discovery::url(&provider.issuer))?).await?;
        let found = Discovery::read(&document, &provider.issuer, &self.device.http)?;
        let made = self.device.keys.create(KeyPurpose::Session, b"").await?;
        let begun = self.begin_with(provider, found, redirect_uri, wish, made.first()).await;
        made.settle(begun).await
    }

    async fn begin_with(
        &self,
        provider: IdentityProvider,
        found: Discovery,
        redirect_uri: String,
        wish: Wish,
        key: DeviceKey,
    ) -> Result<LoginAttempt, Error> {
        let (verifier, challenge) = pkce();
        let (state, nonce) = (random_text(), random_text());
        // RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1.
        let mut asked = vec![
            ("response_type", "code".to_owned()),
            ("client_id", provider.client_id.clone()),
            ("redirect_uri", redirect_uri.clone()),
            ("scope", "openid profile offline_access".to_owned()),
            // OpenID Connect Core §11: without it a provider may ignore `offline_access`, and the login lapses at once.
            ("prompt", "consent".to_owned()),
            ("state", state.clone()),
            ("nonce", nonce.clone()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".to_owned()),
            // RFC 9449 §10: the code itself is then worth nothing without the key.
            ("dpop_jkt", thumbprint(&key.public().await?)),
        ];
        asked.extend(wish.step_up.as_ref().map(|step_up| ("acr_values", step_up.acr.clone())));
        let mut url = self.device.http.url(&found.authorization_endpoint)?;
        match &found.pushed_authorization_request_endpoint {
            Some(endpoint) => {
                let request_uri = self.push(endpoint, &asked, wish.number, &key).await?;
                url.query_pairs_mut()
                    .append_pair("client_id", &provider.client_id)
                    .append_pair("request_uri", &request_uri);
            }
            None => drop(url.query_pairs_mut().extend_pairs(&asked)),
        }
        let now = self.device.time.now().await;
        let pending = Pending {
            state: state.clone(),
            provider: provider.id,
            issuer: provider.issuer,
            client_id: provider.client_id,
            redirect_uri,
            token_endpoint: found.token_endpoint,
            jwks_uri: found.jwks_uri,
            verifier,
            nonce,
            key: key.id().to_owned(),
            names_itself: found.authorization_response_iss_parameter_supported,
            begun: now,
            revocation_endpoint: found.revocation_endpoint,
            sessions_endpoint: found.onecity_sessions_endpoint,
            step_up: wish.step_up,
        };
        let id = state.clone();
        let stored = self.device.vault(move |vault| {
            vault.atomically(|vault| {
                // Logins that were begun and never came back.
                let old = vault.list::<Pending>(&Owner::Phone)?.records.into_iter();
                let old: Vec<Pending> = old.filter(|own| now - own.begun > TIME_LIMIT).collect();
                old.iter().try_for_each(|own| vault.delete::<Pending>(&Owner::Phone, &own.state))?;
                vault.put(&Owner::Phone, &state, &pending)?;
                Ok(old)
            })
        });
        let abandoned = stored.await?;
        self.device.keys.discard(abandoned.into_iter().map(|old| old.key).collect()).await;
        Ok(LoginAttempt { id, url: url.into() })
    }

    /// Tells the provider what is asked before the browser is opened (RFC 9126): nothing of it then stands in the
    /// address. Answers the reference that stands there instead.
    async fn push(
        &self,
        endpoint: &str,
        asked: &[(&str, String)],
        number: Option<IdentityNumber>,
        key: &DeviceKey,
    ) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Pushed {
            request_uri: String,
        }
        let mut fields: Vec<(&str, &str)> = asked.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.extend(number.as_ref().map(|number| ("login_hint", number.as_str())));
        let request = Outgoing::post_form(self.device.http.url(endpoint)?, &fields);
        let answer = self.ask_provider_with(request, key, None).await?;
        if answer.status.is_client_error() {
            return Err(Error::login_denied(Some(answer.reason()), "the provider refused what was pushed"));
        }
        Ok(answer.json::<Pushed>()?.request_uri)
    }

    /// Takes what came back from the browser.
    pub(crate) async fn finish(&self, callback: &str) -> Result<AccountView, Error> {
        if callback.len() > MAX_CALLBACK {
            return Err(Error::invalid("callback_url", format!("it is longer than {MAX_CALLBACK} bytes")));
        }
        let callback = Url::parse(callback).map_err(|error| Error::invalid("callback_url", error))?;
        let unknown = || {
            Error::refused(
                Refusal::LoginState,
                "this answer does not belong to a login that was begun on this phone; begin again",
            )
        };
        let answer = CallbackAnswer::read(&callback).ok_or_else(unknown)?;
        let name = answer.state.clone().ok_or_else(unknown)?;
        // One at a time: a code that is presented twice ends what the first has begun (RFC 6749 §4.1.2).
        let _one_at_a_time = self.finishing.lock().await;
        let pending = self.device.vault(move |vault| vault.get::<Pending>(&Owner::Phone, &name)).await?;
        let pending = pending.ok_or_else(unknown)?;
        let redirect = Url::parse(&pending.redirect_uri).map_err(Error::internal)?;
        if !is_at(&redirect, &callback) {
            // Somebody else's, perhaps: the attempt goes on waiting for its own.
            return Err(unknown());
        }
        let outcome = self.redeem(&pending, answer).await;
        // Whatever comes of it, the attempt is used up, unless the answer could not be taken to the provider.
        if outcome.as_ref().is_err_and(|error| !error.may_retry()) {
            let state = pending.state.clone();
            self.device.vault(move |vault| vault.delete::<Pending>(&Owner::Phone, &state)).await?;
            self.device.keys.discard(vec![pending.key]).await;
        }
        outcome
    }

    async fn redeem(&self, pending: &Pending, answer: CallbackAnswer) -> Result<AccountView, Error> {
        if self.device.time.now().await - pending.begun > TIME_LIMIT {
            return Err(Error::refused(Refusal::LoginState, "the login took too long; begin again"));
        }
        // RFC 9207 §2.4: the answer must name the issuer that was asked, if it can.
        if answer.issuer.map_or(pending.names_itself, |issuer| issuer != pending.issuer) {
            return Err(Error::refused(
                Refusal::WrongIssuer,
                "the login was answered by another provider than the one that was asked; log in again",
            ));
        }
        if let Some(error) = answer.error {
            return Err(Error::login_denied(Some(error), "the browser came back with a refusal"));
        }
        let code = answer.code.ok_or_else(|| Error::login_denied(None, "the answer holds no code"))?;
        let key = self.device.keys.key(pending.key.clone());
        // Before the code, which counts once.
        let keys: ProviderKeys = self.ask_provider(self.device.http.url(&pending.jwks_uri)?).await?.json()?;
        // RFC 6749 §4.1.3, RFC 7636 §4.5.
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", pending.redirect_uri.as_str()),
            ("client_id", pending.client_id.as_str()),
            ("code_verifier", pending.verifier.expose()),
        ];
        let tokens = self.tokens(&pending.token_endpoint, &fields, &key).await?;
        let id_token = tokens.id_token.as_deref();
        let id_token =
            id_token.ok_or_else(|| Error::SignatureInvalid { what: "the login has no ID token".to_owned() })?;
        let expected = Expected {
            issuer: &pending.issuer,
            client_id: &pending.client_id,
            nonce: &pending.nonce,
            now: self.device.time.now().await,
        };
        let claims = verify(id_token, &keys, &expected)?;
        if !self.device.time.read().await.verified {
            // Not every provider dates its answers. This one has just made the token: it holds this login's nonce.
            self.teacher.learn_date(claims.iat).await?;
        }
        if let Some(step_up) = &pending.step_up
            && claims.acr.as_deref() != Some(&step_up.acr)
        {
            let why = "the identity provider did not log you in as strongly as this needs";
            return Err(Error::login_denied(None, why));
        }
        self.begin_session(pending, &claims, tokens).await
    }

    async fn begin_session(&self, pending: &Pending, claims: &IdToken, tokens: Tokens) -> Result<AccountView, Error> {
        let mut session = Session {
            issuer: pending.issuer.clone(),
            subject: Some(claims.sub.clone()),
            provider: pending.provider.clone(),
            client_id: pending.client_id.clone(),
            token_endpoint: pending.token_endpoint.clone(),
            revocation_endpoint: pending.revocation_endpoint.clone(),
            sessions_endpoint: pending.sessions_endpoint.clone(),
            key: pending.key.clone(),
            name: claims.name.clone().unwrap_or_default(),
            kind: claims.account_kind.unwrap_or(AccountKind::Person),
            acr: claims.acr.clone(),
            access_token: String::new().into(),
            access_ends: 0,
            refresh_token: None,
            ends: None,
        };
        let now = self.device.time.now().await;
        session.take(tokens, now);
        let (subject, state) = (claims.sub.clone(), pending.state.clone());
        let expected = pending.step_up.as_ref().map(|step_up| step_up.account.clone());
        // A renewal under way would write the old session over this one.
        let _no_renewal = self.renewal.lock().await;
        let stored = self.device.vault(move |vault| {
            vault.atomically(|vault| {
                let account = vault.account_of(&session.issuer, &subject)?;
                if expected.is_some_and(|expected| expected != account) {
                    return Ok(None);
                }
                vault.add_account(&account)?;
                let owner = Owner::Account(account.clone());
                let before = vault.get::<Session>(&owner, "")?;
                // The provider hears of the session that this one takes the place of.
                if let Some(ended) = before.as_ref().and_then(|before| Ended::replaced(before, now)) {
                    ended.keep(vault)?;
                }
                vault.delete::<Pending>(&Owner::Phone, &state)?;
                vault.put(&owner, "", &session)?;
                vault.put(&Owner::Phone, "", &ActiveAccount(account.clone()))?;
                Ok(Some((session.view(&account, true, now), account, before)))
            })
        });
        let Some((view, account, before)) = stored.await? else {
            let why = "somebody else logged in than the one who is logged in here";
            return Err(Error::login_denied(None, why));
        };
        // The new session counts even if the old one's key can't be deleted.
        self.device.keys.discard(before.into_iter().map(|before| before.key).collect()).await;
        self.parties.renew(&Owner::Account(account));
        self.device.notices.changed(Topic::Account);
        Ok(view)
    }
}

/// Whether an address is where the answer was to come, whatever its query. Some systems put a slash behind a bare name.
fn is_at(redirect: &Url, callback: &Url) -> bool {
    let place = |url: &Url| {
        let path = url.path().trim_end_matches('/').to_owned();
        (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port(), path)
    };
    place(redirect) == place(callback)
}

/// The parameters of a redirect back to the app (RFC 6749 §4.1.2, RFC 9207). Others are passed over.
#[derive(Default)]
pub(super) struct CallbackAnswer {
    state: Option<String>,
    code: Option<Secret>,
    issuer: Option<String>,
    error: Option<String>,
}

impl CallbackAnswer {
    /// None if a parameter stands there twice (§3.1 forbids it): nobody could say which of them is meant.
    pub(super) fn read(callback: &Url) -> Option<Self> {
        let mut answer = Self::default();
        for (name, value) in callback.query_pairs() {
            let value = value.into_owned();
            let twice = match &*name {
                "state" => answer.state.replace(value).is_some(),
                "code" => answer.code.replace(value.into()).is_some(),
                "iss" => answer.issuer.replace(value).is_some(),
                "error" => {
                    answer.error.replace(value.chars().filter(char::is_ascii_graphic).take(100).collect()).is_some()
                }
                _ => false,
            };
            if twice {
                return None;
            }
        }
        Some(answer)
    }
}
