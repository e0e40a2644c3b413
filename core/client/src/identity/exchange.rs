//! A token for each mini-service (RFC 8693): good at one origin, for one purpose, with a subject that no other service
//! sees, and bound to a key that no other service sees either. A page never gets it; the core puts it on requests.
//!
//! The request's own proof is by the session's key, since the token that is exchanged is bound to it. The key for the
//! new token is named by `dpop_jkt`, as RFC 9449 §10 does for a code.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use onecity_protocol::credential::UnixTime;
use onecity_protocol::manifest::Permission;
use onecity_protocol::service::ServiceId;
use onecity_store::{AccountId, Owner, Record};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::consents::Extent;
use super::disclosures::Learnt;
use super::dpop::thumbprint;
use super::secret::Secret;
use super::session::Sessions;
use crate::device::http::{Answer, Outgoing};
use crate::device::spawn;
use crate::error::{Error, Refusal};
use crate::platform::KeyPurpose;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// A token is exchanged again this long before it ends, in seconds.
const EARLY: i64 = 15;
/// What a service's keys may take in the vault, in bytes.
const LIMIT: u64 = 64 << 10;

/// The key that a service's tokens at an origin are bound to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ServiceKey {
    origin: String,
    key: String,
}

impl Record for ServiceKey {
    const KIND: &'static str = "service_key";
    const FORMAT: u8 = 1;
}

#[derive(Debug, Clone)]
struct ServiceToken {
    token: Secret,
    ends: UnixTime,
    fields: Vec<String>,
    key: String,
}

/// The tokens of services, while the app runs: they are never written down.
#[derive(Default)]
pub(super) struct ServiceTokens {
    held: Mutex<HashMap<(Owner, ServiceId, String), ServiceToken>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Deserialize)]
struct Exchanged {
    access_token: Secret,
    token_type: String,
    #[serde(default, deserialize_with = "super::values::lifetime")]
    expires_in: Option<i64>,
}

/// For whom a request goes out.
#[derive(Clone)]
pub(crate) struct OnBehalf {
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
    pub(crate) async fn send_on_behalf(self: &Arc<Self>, whom: &OnBehalf, request: Outgoing) -> Result<Answer, Error> {
        let origin = request.url.origin().ascii_serialization();
        let mut refused = None;
        loop {
            let held = self.service_token(whom, &origin, refused.as_ref()).await?;
            let key = self.device.keys.key(held.key);
            let answer = self.proofs.send(request.clone(), &key, Some(&held.token)).await?;
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

    /// It comes to its end even if the caller no longer waits.
    async fn service_token(
        self: &Arc<Self>,
        whom: &OnBehalf,
        origin: &str,
        refused: Option<&Secret>,
    ) -> Result<ServiceToken, Error> {
        let (own, whom, origin, refused) = (Arc::clone(self), whom.clone(), origin.to_owned(), refused.cloned());
        let exchanging = async move { own.exchanged(&whom, &origin, refused.as_ref()).await };
        spawn(exchanging).await.unwrap_or_else(|_| Err(Error::internal("a token exchange panicked")))
    }

    async fn exchanged(
        self: &Arc<Self>,
        whom: &OnBehalf,
        origin: &str,
        refused: Option<&Secret>,
    ) -> Result<ServiceToken, Error> {
        let owner = Owner::Account(whom.account.clone());
        let place = (owner.clone(), whom.service.clone(), origin.to_owned());
        let _one_at_a_time = self.services.turn.lock().await;
        // The resident may have taken it back while others had their turn.
        let origins = [origin.to_owned()];
        let asked = Extent { fields: &whom.fields, people: &[], origins: &origins };
        if !self.consents.covers(&whom.service, &owner, Permission::Login, asked).await? {
            return Err(Error::refused(Refusal::Consent, "the resident does not agree to this any more"));
        }
        let held = self.services.held().get(&place).cloned();
        let now = self.device.time.now().await;
        let good =
            |held: &ServiceToken| held.ends - EARLY > now && refused != Some(&held.token) && held.fields == whom.fields;
        if let Some(held) = held.filter(good) {
            return Ok(held);
        }
        let (key, thumbprint) = self.service_key(&owner, &whom.service, origin).await?;
        let mut answer = self.exchange(whom, origin, &thumbprint, None).await?;
        if answer.0.status == StatusCode::UNAUTHORIZED {
            answer = self.exchange(whom, origin, &thumbprint, Some(&answer.1)).await?;
        }
        let exchanged = read(&answer.0)?;
        let held = ServiceToken {
            token: exchanged.access_token,
            ends: self.device.time.now().await + exchanged.expires_in.unwrap_or(60).clamp(0, 3600),
            fields: whom.fields.clone(),
            key,
        };
        // Nothing is shown that was not written down.
        let (origin, fields) = (Some(origin.to_owned()), whom.fields.clone());
        let learnt = Learnt { permission: Permission::Login, origin, holder: None, fields };
        self.consents.learnt(&whom.service, &owner, learnt).await?;
        self.services.held().insert(place, held.clone());
        Ok(held)
    }

    /// One exchange, with the session's token that it was tried with.
    async fn exchange(
        self: &Arc<Self>,
        whom: &OnBehalf,
        origin: &str,
        thumbprint: &str,
        refused: Option<&Secret>,
    ) -> Result<(Answer, Secret), Error> {
        let access = self.access_of(whom.account.clone(), refused).await?;
        let (service, scope) = (whom.service.to_string(), whom.fields.join(" "));
        let mut fields = vec![
            ("grant_type", EXCHANGE),
            ("client_id", access.client_id.as_str()),
            ("subject_token", access.token.expose()),
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
        let url = self.device.http.url(&access.token_endpoint)?;
        let answer = self.ask_provider_with(Outgoing::post_form(url, &fields), &access.key, None).await?;
        Ok((answer, access.token))
    }

    /// Forgets the tokens of one service of an account, or of all, with the keys that they are bound to.
    pub(crate) async fn forget_services(&self, owner: &Owner, service: Option<&ServiceId>) -> Result<(), Error> {
        let _one_at_a_time = self.services.turn.lock().await;
        let concerns = |of: &Owner, own: &ServiceId| of == owner && service.is_none_or(|service| service == own);
        self.services.held().retain(|(of, own, _), _| !concerns(of, own));
        let (of, service) = (owner.clone(), service.cloned());
        let gone = self.device.vault(move |vault| {
            let keys = match &service {
                Some(service) => vault.list_scoped::<ServiceKey>(&of, service)?.records,
                None => vault.list::<ServiceKey>(&of)?.records,
            };
            match &service {
                Some(service) => {
                    keys.iter().try_for_each(|own| vault.delete_scoped::<ServiceKey>(&of, service, &own.origin))?;
                }
                None => vault.delete_all::<ServiceKey>(&of)?,
            }
            Ok(keys)
        });
        for own in gone.await? {
            self.device.keys.delete(&own.key).await?;
        }
        Ok(())
    }

    /// The service's key for an origin and its thumbprint; another is made if there is none, or if the device has lost
    /// it.
    async fn service_key(&self, owner: &Owner, service: &ServiceId, origin: &str) -> Result<(String, String), Error> {
        let (of, from, name) = (owner.clone(), service.clone(), origin.to_owned());
        let stored = self.device.vault(move |vault| vault.get_scoped::<ServiceKey>(&of, &from, &name)).await?;
        if let Some(ServiceKey { key, .. }) = stored {
            match self.device.keys.key(key.clone()).public().await {
                Err(Error::DeviceKeyGone) => {}
                found => return Ok((key, thumbprint(&found?))),
            }
        }
        let made = self.device.keys.create(KeyPurpose::Session, b"").await?;
        let key = made.first();
        let outcome = async {
            let thumbprint = thumbprint(&key.public().await?);
            let (of, from) = (owner.clone(), service.clone());
            let (origin, new) = (origin.to_owned(), key.id().to_owned());
            let stored = self.device.vault(move |vault| {
                let record = ServiceKey { origin: origin.clone(), key: new };
                vault.put_scoped(&of, &from, &origin, &record, 0, LIMIT)
            });
            stored.await?;
            Ok((key.id().to_owned(), thumbprint))
        };
        let outcome = outcome.await;
        made.settle(outcome).await
    }
}

impl ServiceTokens {
    fn held(&self) -> MutexGuard<'_, HashMap<(Owner, ServiceId, String), ServiceToken>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets an account's tokens, because it has logged in again, perhaps more strongly. Their keys stay.
    pub(super) fn renew(&self, owner: &Owner) {
        self.held().retain(|(of, _, _), _| of != owner);
    }
}

fn read(answer: &Answer) -> Result<Exchanged, Error> {
    #[derive(Deserialize)]
    struct Said {
        error: String,
    }
    if answer.status == StatusCode::UNAUTHORIZED {
        return Err(Error::login_required("the identity provider does not take this session any more"));
    }
    if answer.status.is_client_error() {
        let said = serde_json::from_slice::<Said>(&answer.body).map(|said| said.error).unwrap_or_default();
        if said == "invalid_grant" {
            return Err(Error::login_required("the identity provider has ended the session"));
        }
        let why = "the identity provider does not let this service know who you are";
        return Err(Error::login_denied(None, why));
    }
    let exchanged: Exchanged = answer.json()?;
    if !exchanged.token_type.eq_ignore_ascii_case("dpop") {
        return Err(Error::SignatureInvalid { what: "the service's token is not bound to this phone".to_owned() });
    }
    Ok(exchanged)
}
