//! A token for each mini-service and each issuer of passes (RFC 8693): good at one place, for one purpose, with a subject that
//! nobody else sees, and bound to a key that nobody else sees either. A page never gets it; the core puts it on requests.
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

/// The key that the tokens for an issuer of passes are bound to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct IssuerKey {
    issuer: String,
    key: String,
}

impl Record for IssuerKey {
    const KIND: &'static str = "issuer_key";
    const FORMAT: u8 = 1;
}

/// Who gets tokens of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Party {
    /// A mini-service's back end at an origin.
    Service(ServiceId, String),
    /// An issuer of passes, by its identifier.
    Issuer(String),
}

/// A token that is wanted: whose, for whom, and what it is to tell.
#[derive(Clone)]
struct Wanted {
    account: AccountId,
    party: Party,
    fields: Vec<String>,
}

#[derive(Debug, Clone)]
struct PartyToken {
    token: Secret,
    ends: UnixTime,
    fields: Vec<String>,
    key: String,
}

/// The tokens of services and issuers, while the app runs: they are never written down.
#[derive(Default)]
pub(super) struct PartyTokens {
    held: Mutex<HashMap<(Owner, Party), PartyToken>>,
    pub(super) turn: tokio::sync::Mutex<()>,
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
        let party = Party::Service(whom.service.clone(), request.url.origin().ascii_serialization());
        let wanted = Wanted { account: whom.account.clone(), party, fields: whom.fields.clone() };
        self.send_as(&wanted, request).await
    }

    /// Sends a request to an issuer of passes, with a token that is good there alone. That the resident wants a pass of this
    /// issuer is their consent.
    ///
    /// # Errors
    /// As [`Self::send_on_behalf`].
    pub(crate) async fn send_to_issuer(
        self: &Arc<Self>,
        account: AccountId,
        issuer: &str,
        request: Outgoing,
    ) -> Result<Answer, Error> {
        let wanted = Wanted { account, party: Party::Issuer(issuer.to_owned()), fields: Vec::new() };
        self.send_as(&wanted, request).await
    }

    async fn send_as(self: &Arc<Self>, wanted: &Wanted, request: Outgoing) -> Result<Answer, Error> {
        let mut refused = None;
        loop {
            let held = self.token_for(wanted, refused.as_ref()).await?;
            let key = self.device.keys.key(held.key);
            let answer = self.proofs.send(request.clone(), &key, Some(&held.token)).await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            if let Some(acr) = super::proofs::wanted_acr(&answer) {
                // A login that is as strong already would not help.
                let session = self.of(&wanted.account).await?;
                let reached = session.is_some_and(|session| session.reaches(&acr));
                return if reached { Ok(answer) } else { Err(Error::StepUpRequired { acr }) };
            }
            if refused.is_some() {
                return Ok(answer);
            }
            // Ended before its time: one new token tells whether the login was, too.
            refused = Some(held.token);
        }
    }

    /// It comes to its end even if the caller no longer waits.
    async fn token_for(self: &Arc<Self>, wanted: &Wanted, refused: Option<&Secret>) -> Result<PartyToken, Error> {
        let (own, wanted, refused) = (Arc::clone(self), wanted.clone(), refused.cloned());
        let exchanging = async move { own.exchanged(&wanted, refused.as_ref()).await };
        spawn(exchanging).await.unwrap_or_else(|_| Err(Error::internal("a token exchange panicked")))
    }

    async fn exchanged(self: &Arc<Self>, wanted: &Wanted, refused: Option<&Secret>) -> Result<PartyToken, Error> {
        let owner = Owner::Account(wanted.account.clone());
        let place = (owner.clone(), wanted.party.clone());
        let _one_at_a_time = self.parties.turn.lock().await;
        if let Party::Service(service, origin) = &wanted.party {
            // The resident may have taken it back while others had their turn.
            let asked = Extent { fields: &wanted.fields, people: &[], origins: std::slice::from_ref(origin) };
            if !self.consents.covers(service, &owner, Permission::Login, asked).await? {
                return Err(Error::refused(Refusal::Consent, "the resident does not agree to this any more"));
            }
        }
        let held = self.parties.held().get(&place).cloned();
        let now = self.device.time.now().await;
        let good =
            |held: &PartyToken| held.ends - EARLY > now && refused != Some(&held.token) && held.fields == wanted.fields;
        if let Some(held) = held.filter(good) {
            return Ok(held);
        }
        // Without a session no key is made, which nobody would delete.
        self.access_of(wanted.account.clone(), None).await?;
        let (key, thumbprint) = self.key_for(&owner, &wanted.party).await?;
        let mut answer = self.exchange(wanted, &thumbprint, None).await?;
        if answer.0.status == StatusCode::UNAUTHORIZED {
            answer = self.exchange(wanted, &thumbprint, Some(&answer.1)).await?;
        }
        let exchanged = read(&answer.0)?;
        let held = PartyToken {
            token: exchanged.access_token,
            ends: self.device.time.now().await + exchanged.expires_in.unwrap_or(60).clamp(0, 3600),
            fields: wanted.fields.clone(),
            key,
        };
        if let Party::Service(service, origin) = &wanted.party {
            // Nothing is shown that was not written down.
            let (origin, fields) = (Some(origin.clone()), wanted.fields.clone());
            let learnt = Learnt { permission: Permission::Login, origin, holder: None, fields };
            self.consents.learnt(service, &owner, learnt).await?;
        }
        self.parties.held().insert(place, held.clone());
        Ok(held)
    }

    /// One exchange, with the session's token that it was tried with.
    async fn exchange(
        self: &Arc<Self>,
        wanted: &Wanted,
        thumbprint: &str,
        refused: Option<&Secret>,
    ) -> Result<(Answer, Secret), Error> {
        let access = self.access_of(wanted.account.clone(), refused).await?;
        // Where the token is good (RFC 8707; OpenID4VCI 1.0 §5.1.2 has the issuer's identifier there), and for whom its
        // subject is made up: a service has several origins.
        let (resource, audience) = match &wanted.party {
            Party::Service(service, origin) => (origin, Some(service.to_string())),
            Party::Issuer(issuer) => (issuer, None),
        };
        let scope = wanted.fields.join(" ");
        let mut fields = vec![
            ("grant_type", EXCHANGE),
            ("client_id", access.client_id.as_str()),
            ("subject_token", access.token.expose()),
            ("subject_token_type", ACCESS_TOKEN),
            ("requested_token_type", ACCESS_TOKEN),
            ("resource", resource.as_str()),
            ("dpop_jkt", thumbprint),
        ];
        if let Some(audience) = &audience {
            fields.push(("audience", audience.as_str()));
        }
        if !scope.is_empty() {
            fields.push(("scope", scope.as_str()));
        }
        let url = self.device.http.url(&access.token_endpoint)?;
        let answer = self.ask_provider_with(Outgoing::post_form(url, &fields), &access.key, None).await?;
        Ok((answer, access.token))
    }

    /// Forgets the tokens of one service of an account, with the keys that they are bound to.
    pub(crate) async fn forget_service(&self, owner: &Owner, service: &ServiceId) -> Result<(), Error> {
        let turn = self.parties.turn.lock().await;
        self.forget_parties(&turn, owner, Some(service)).await
    }

    /// The same, or of all services and issuers, while no token is exchanged.
    pub(super) async fn forget_parties(
        &self,
        _turn: &tokio::sync::MutexGuard<'_, ()>,
        owner: &Owner,
        service: Option<&ServiceId>,
    ) -> Result<(), Error> {
        let concerns = |party: &Party| match service {
            None => true,
            Some(service) => matches!(party, Party::Service(own, _) if own == service),
        };
        self.parties.held().retain(|(of, party), _| of != owner || !concerns(party));
        let (of, service) = (owner.clone(), service.cloned());
        let gone = self.device.vault(move |vault| match &service {
            Some(service) => {
                let keys = vault.list_scoped::<ServiceKey>(&of, service)?.records;
                keys.iter().try_for_each(|own| vault.delete_scoped::<ServiceKey>(&of, service, &own.origin))?;
                Ok(keys.into_iter().map(|own| own.key).collect::<Vec<_>>())
            }
            None => {
                let services = vault.list::<ServiceKey>(&of)?.records.into_iter().map(|own| own.key);
                let issuers = vault.list::<IssuerKey>(&of)?.records.into_iter().map(|own| own.key);
                let keys = services.chain(issuers).collect();
                vault.delete_all::<ServiceKey>(&of)?;
                vault.delete_all::<IssuerKey>(&of)?;
                Ok(keys)
            }
        });
        for key in gone.await? {
            self.device.keys.delete(&key).await?;
        }
        Ok(())
    }

    /// A party's key and its thumbprint; another is made if there is none, or if the device has lost it.
    async fn key_for(&self, owner: &Owner, party: &Party) -> Result<(String, String), Error> {
        let (of, whose) = (owner.clone(), party.clone());
        let stored = self.device.vault(move |vault| {
            Ok(match &whose {
                Party::Service(service, origin) => {
                    vault.get_scoped::<ServiceKey>(&of, service, origin)?.map(|own| own.key)
                }
                Party::Issuer(issuer) => vault.get::<IssuerKey>(&of, issuer)?.map(|own| own.key),
            })
        });
        if let Some(key) = stored.await? {
            match self.device.keys.key(key.clone()).public().await {
                Err(Error::DeviceKeyGone) => {}
                found => return Ok((key, thumbprint(&found?))),
            }
        }
        let made = self.device.keys.create(KeyPurpose::Session, b"").await?;
        let key = made.first();
        let outcome = async {
            let thumbprint = thumbprint(&key.public().await?);
            let (of, whose, new) = (owner.clone(), party.clone(), key.id().to_owned());
            let stored = self.device.vault(move |vault| match whose {
                Party::Service(service, origin) => {
                    let record = ServiceKey { origin: origin.clone(), key: new };
                    vault.put_scoped(&of, &service, &origin, &record, 0, LIMIT)
                }
                Party::Issuer(issuer) => vault.put(&of, &issuer, &IssuerKey { issuer: issuer.clone(), key: new }),
            });
            stored.await?;
            Ok((key.id().to_owned(), thumbprint))
        };
        let outcome = outcome.await;
        made.settle(outcome).await
    }
}

impl PartyTokens {
    fn held(&self) -> MutexGuard<'_, HashMap<(Owner, Party), PartyToken>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets an account's tokens, because it has logged in again, perhaps more strongly. Their keys stay.
    pub(super) fn renew(&self, owner: &Owner) {
        self.held().retain(|(of, _), _| of != owner);
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
        let why = "the identity provider gives no token for this service or issuer";
        return Err(Error::login_denied(None, why));
    }
    let exchanged: Exchanged = answer.json()?;
    if !exchanged.token_type.eq_ignore_ascii_case("dpop") {
        return Err(Error::SignatureInvalid { what: "the token is not bound to this phone".to_owned() });
    }
    Ok(exchanged)
}
