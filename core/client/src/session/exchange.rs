//! A token for each mini-service (RFC 8693): good at one origin, for one purpose, with a subject that no other service
//! sees, and bound to a key that no other service sees either. A page never gets it; the core puts it on requests.
//!
//! The request's own proof is by the session's key, since the token that is exchanged is bound to it. The key for the
//! new token is named by `dpop_jkt`, as RFC 9449 §10 does for a code.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use onecity_protocol::credential::UnixTime;
use onecity_protocol::manifest::Permission;
use onecity_store::{AccountId, Owner, Record};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::dpop::JwtSigner;
use super::keeping::Sessions;
use super::proofs::send_proven;
use crate::client::Inner;
use crate::consents;
use crate::error::{Error, Refusal};
use crate::net::{Answer, Outgoing};
use crate::platform::KeyPurpose;
use crate::views::ServiceId;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// A token is exchanged anew this long before it ends, in seconds.
const EARLY: i64 = 15;
/// What a service's keys may take in the vault, in bytes.
const LIMIT: u64 = 64 << 10;

/// The key that a service's tokens at an origin are bound to.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ServiceKey {
    origin: String,
    key: String,
}

impl Record for ServiceKey {
    const KIND: &'static str = "service_key";
    const FORMAT: u8 = 1;
}

#[derive(Debug, Clone)]
struct ServiceToken {
    token: String,
    ends: UnixTime,
    fields: Vec<String>,
    key: String,
}

/// The tokens of services, while the app runs: they are never written down.
#[derive(Default)]
pub struct ServiceTokens {
    held: Mutex<HashMap<(Owner, ServiceId, String), ServiceToken>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Deserialize)]
struct Exchanged {
    access_token: String,
    token_type: String,
    #[serde(default)]
    expires_in: Option<i64>,
}

/// For whom a request goes out.
#[derive(Clone)]
pub struct OnBehalf {
    pub account: AccountId,
    pub service: ServiceId,
    /// What the resident agreed that the service learns.
    pub fields: Vec<String>,
}

impl Sessions {
    /// Sends a request with the service's token for the origin that it goes to, and to no other.
    ///
    /// # Errors
    /// [`Error::LoginRequired`], [`Error::StepUpRequired`] if the origin wants a stronger login (RFC 9470).
    pub async fn send_on_behalf(
        &self,
        inner: &Arc<Inner>,
        whom: &OnBehalf,
        request: Outgoing,
    ) -> Result<Answer, Error> {
        let origin = request.url.origin().ascii_serialization();
        let mut refused = None;
        loop {
            let held = self.service_token(inner, whom, &origin, refused.as_deref()).await?;
            let signer = JwtSigner::new(Arc::clone(&inner.platform.keys), held.key);
            let answer = send_proven(inner, request.clone().timeless(), &signer, Some(&held.token)).await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            if let Some(acr) = super::proofs::wanted_acr(&answer) {
                return Err(Error::StepUpRequired { acr });
            }
            if refused.is_some() {
                return Ok(answer);
            }
            // Ended before its time: one new token tells whether the login was, too.
            refused = Some(held.token);
        }
    }

    /// It comes to its end even if whoever asked no longer waits.
    async fn service_token(
        &self,
        inner: &Arc<Inner>,
        whom: &OnBehalf,
        origin: &str,
        refused: Option<&str>,
    ) -> Result<ServiceToken, Error> {
        let (own, whom, origin) = (Arc::clone(inner), whom.clone(), origin.to_owned());
        let refused = refused.map(str::to_owned);
        let exchanging = async move { own.sessions.exchanged(&own, &whom, &origin, refused.as_deref()).await };
        tokio::spawn(exchanging).await.unwrap_or_else(|_| Err(Error::internal("a token exchange panicked")))
    }

    async fn exchanged(
        &self,
        inner: &Arc<Inner>,
        whom: &OnBehalf,
        origin: &str,
        refused: Option<&str>,
    ) -> Result<ServiceToken, Error> {
        let owner = Owner::Account(whom.account.clone());
        let place = (owner.clone(), whom.service.clone(), origin.to_owned());
        let _one_at_a_time = self.services.turn.lock().await;
        // The resident may have taken it back while others had their turn.
        let origins = [origin.to_owned()];
        if !consents::covers(inner, &whom.service, &owner, Permission::Login, &whom.fields, &origins).await? {
            return Err(Error::refused(Refusal::Consent, "the resident does not agree to this any more"));
        }
        let held = self.services.held.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        let good = |held: &ServiceToken| {
            held.ends - EARLY > inner.time.now() && refused != Some(&held.token) && held.fields == whom.fields
        };
        if let Some(held) = held.filter(good) {
            return Ok(held);
        }
        let (key, thumbprint) = service_key(inner, &owner, &whom.service, origin).await?;
        let mut answer = self.exchange(inner, whom, origin, &thumbprint, None).await?;
        if answer.0.status == StatusCode::UNAUTHORIZED {
            answer = self.exchange(inner, whom, origin, &thumbprint, Some(&answer.1)).await?;
        }
        let exchanged = read(&answer.0)?;
        let held = ServiceToken {
            token: exchanged.access_token,
            ends: inner.time.now() + exchanged.expires_in.unwrap_or(60).clamp(0, 3600),
            fields: whom.fields.clone(),
            key,
        };
        // Nothing is shown that was not written down.
        consents::disclosed_to(inner, &whom.service, &owner, origin, whom.fields.clone()).await?;
        self.services.held.lock().unwrap_or_else(PoisonError::into_inner).insert(place, held.clone());
        Ok(held)
    }

    /// One exchange, with the session's token that it was tried with.
    async fn exchange(
        &self,
        inner: &Arc<Inner>,
        whom: &OnBehalf,
        origin: &str,
        thumbprint: &str,
        refused: Option<&str>,
    ) -> Result<(Answer, String), Error> {
        let access = self.access_of(inner, whom.account.clone(), refused).await?;
        let (service, scope) = (whom.service.to_string(), whom.fields.join(" "));
        let mut fields = vec![
            ("grant_type", EXCHANGE),
            ("client_id", access.session.client_id()),
            ("subject_token", access.token.as_str()),
            ("subject_token_type", ACCESS_TOKEN),
            ("requested_token_type", ACCESS_TOKEN),
            // Both: where the token is good (RFC 8707), and for whom its subject is made up.
            ("resource", origin),
            ("audience", service.as_str()),
            ("dpop_jkt", thumbprint),
        ];
        if !scope.is_empty() {
            fields.push(("scope", scope.as_str()));
        }
        let url = inner.net.url(&access.session.token_endpoint)?;
        let answer = send_proven(inner, Outgoing::post_form(url, &fields), &access.signer, None).await?;
        Ok((answer, access.token))
    }

    /// Forgets a service's tokens, and the keys that they are bound to.
    pub async fn forget_service(&self, inner: &Arc<Inner>, owner: &Owner, service: &ServiceId) -> Result<(), Error> {
        self.services.forget(inner, owner, Some(service)).await
    }
}

impl ServiceTokens {
    /// Forgets an account's tokens, because it has logged in anew, perhaps more strongly. Their keys stay.
    pub fn renew(&self, owner: &Owner) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _, _), _| of != owner);
    }

    /// Forgets the tokens of one service, or of all, with their keys.
    pub async fn forget(&self, inner: &Arc<Inner>, owner: &Owner, service: Option<&ServiceId>) -> Result<(), Error> {
        let _one_at_a_time = self.turn.lock().await;
        let concerns = |of: &Owner, own: &ServiceId| of == owner && service.is_none_or(|service| service == own);
        self.held.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, own, _), _| !concerns(of, own));
        let (of, scope) = (owner.clone(), service.map(ServiceId::scope));
        let gone = inner.vault(move |vault| {
            let keys = match &scope {
                Some(scope) => vault.list_scoped::<ServiceKey>(&of, scope)?,
                None => vault.list::<ServiceKey>(&of)?,
            };
            match &scope {
                Some(scope) => {
                    keys.iter().try_for_each(|own| vault.delete_scoped::<ServiceKey>(&of, scope, &own.origin))?;
                }
                None => vault.delete_all::<ServiceKey>(&of)?,
            }
            Ok(keys)
        });
        let (gone, keys) = (gone.await?, Arc::clone(&inner.platform.keys));
        inner.blocking(move || Ok(gone.iter().try_for_each(|own| keys.delete(&own.key))?)).await
    }
}

/// The service's key for an origin and its thumbprint; another is made if there is none, or if the device has lost it.
async fn service_key(
    inner: &Arc<Inner>,
    owner: &Owner,
    service: &ServiceId,
    origin: &str,
) -> Result<(String, String), Error> {
    let thumbprint = async |key: &str| {
        let signer = JwtSigner::new(Arc::clone(&inner.platform.keys), key.to_owned());
        inner.blocking(move || signer.thumbprint()).await
    };
    let (of, scope, name) = (owner.clone(), service.scope(), origin.to_owned());
    let kept = inner.vault(move |vault| vault.get_scoped::<ServiceKey>(&of, &scope, &name)).await?;
    if let Some(ServiceKey { key, .. }) = kept {
        match thumbprint(&key).await {
            Err(Error::KeyInvalidated) => {}
            found => return Ok((key, found?)),
        }
    }
    let keys = Arc::clone(&inner.platform.keys);
    let key = inner.blocking(move || Ok(keys.create(KeyPurpose::Session)?)).await?;
    let (of, scope, origin, new) = (owner.clone(), service.scope(), origin.to_owned(), key.clone());
    let kept = inner.vault(move |vault| {
        vault.put_scoped(&of, &scope, &origin, &ServiceKey { origin: origin.clone(), key: new }, 0, LIMIT)
    });
    kept.await?;
    let thumbprint = thumbprint(&key).await?;
    Ok((key, thumbprint))
}

fn read(answer: &Answer) -> Result<Exchanged, Error> {
    #[derive(Deserialize)]
    struct Said {
        error: String,
    }
    if answer.status == StatusCode::UNAUTHORIZED {
        return Err(Error::LoginRequired {
            why: "the identity provider does not take this session any more".to_owned(),
        });
    }
    if answer.status.is_client_error() {
        let said = serde_json::from_slice::<Said>(&answer.body).map(|said| said.error).unwrap_or_default();
        if said == "invalid_grant" {
            return Err(Error::LoginRequired { why: "the identity provider has ended the session".to_owned() });
        }
        let why = "the identity provider does not let this service know who you are";
        return Err(Error::refused(Refusal::LoginDenied, why));
    }
    let exchanged: Exchanged = answer.json()?;
    if !exchanged.token_type.eq_ignore_ascii_case("dpop") {
        return Err(Error::SignatureInvalid { what: "the service's token is not bound to this phone".to_owned() });
    }
    Ok(exchanged)
}
