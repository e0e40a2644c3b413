//! Logging out: an account's session ends on this phone, and its provider is told, now or as soon as there is a network.

use onecity_protocol::credential::UnixTime;
use onecity_store::{AccountId, Owner, Record, StoreError, Vault};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::accounts::ActiveAccount;
use super::dpop::random_text;
use super::secret::Secret;
use super::session::{Session, Sessions};
use crate::device::http::Outgoing;
use crate::error::Error;
use crate::views::Topic;

/// For how long a provider that does not answer is told of a logout again, in seconds.
const TELL_FOR: i64 = 90 * 86_400;

/// A refresh token whose session was ended here, and that the provider has not heard of yet (RFC 7009). Its key is
/// gone, so that nobody can use it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ended {
    id: String,
    endpoint: String,
    client_id: String,
    token: Secret,
    at: UnixTime,
}

impl Record for Ended {
    const KIND: &'static str = "ended_session";
    const FORMAT: u8 = 1;
}

impl Ended {
    /// An account's session, unless it has lapsed or its provider does not want to hear.
    fn of(session: &Session, now: UnixTime) -> Option<Self> {
        Some(Self {
            id: random_text(),
            endpoint: session.revocation_endpoint.clone()?,
            client_id: session.client_id.clone(),
            token: session.refresh_token.clone()?,
            at: now,
        })
    }

    /// A session in whose place the same person has begun another one. Only a provider that lists sessions has one for
    /// each login: at others a revocation may end all that the person has granted to this app (RFC 7009 §2.1),
    /// the new session too. There the old refresh token is of no use to anybody, for its key is gone.
    pub(super) fn replaced(session: &Session, now: UnixTime) -> Option<Self> {
        session.sessions_endpoint.as_ref().and_then(|_| Self::of(session, now))
    }

    pub(super) fn keep(&self, vault: &Vault) -> Result<(), StoreError> {
        vault.put(&Owner::Phone, &self.id, self)
    }
}

impl Sessions {
    /// Removes an account with everything that the vault has of it; its keys first. [`Sessions::tell_ended`] tells the
    /// provider.
    pub(crate) async fn end(&self, account: AccountId) -> Result<(), Error> {
        // The services' turn before the session's, in the order in which a token exchange takes them; held to the end, so
        // that none is exchanged for an account that is going.
        let owner = Owner::Account(account.clone());
        let turn = self.parties.turn.lock().await;
        self.forget_parties(&turn, &owner, None).await?;
        let _no_renewal = self.renewal.lock().await;
        let Some(session) = self.of(&account).await? else { return Ok(()) };
        let now = self.device.time.now().await;
        let ended = Ended::of(&session, now);
        let Session { key, issuer, subject, .. } = session;
        let removed = self.device.vault(move |vault| {
            let person = subject.as_deref().map(|subject| (issuer.as_str(), subject));
            vault.remove_account_aside(&account, person)?;
            vault.atomically(|vault| {
                if let Some(ended) = &ended {
                    ended.keep(vault)?;
                }
                vault.remove_account(&account)?;
                let active: Option<ActiveAccount> = vault.get(&Owner::Phone, "")?;
                if active.is_some_and(|ActiveAccount(active)| active == account) {
                    vault.delete::<ActiveAccount>(&Owner::Phone, "")?;
                }
                Ok(())
            })?;
            vault.settle()
        });
        removed.await?;
        // One that was exchanged meanwhile is of no use to anybody.
        self.parties.renew(&owner);
        self.device.notices.changed(Topic::Account);
        self.device.keys.delete(&key).await
    }

    /// Tells providers of sessions that were ended here, until they have heard.
    pub(crate) async fn tell_ended(&self) {
        let all = self.device.vault(|vault| vault.list::<Ended>(&Owner::Phone)).await.unwrap_or_default();
        for ended in all.records {
            let told = match self.tell(&ended).await {
                Ok(()) => true,
                Err(error) => {
                    tracing::info!(may_retry = error.may_retry(), "a provider could not be told of a logout yet");
                    ended.at < self.device.time.now().await - TELL_FOR
                }
            };
            let forgotten = self.device.vault(move |vault| vault.delete::<Ended>(&Owner::Phone, &ended.id));
            if told && forgotten.await.is_err() {
                tracing::warn!("a provider will be told of a logout again");
            }
        }
    }

    /// RFC 7009 §2.1. An answer of 400 for a token that is not known any more means that there is nothing left to end.
    async fn tell(&self, ended: &Ended) -> Result<(), Error> {
        let fields = [
            ("token", ended.token.expose()),
            ("token_type_hint", "refresh_token"),
            ("client_id", ended.client_id.as_str()),
        ];
        let url = self.device.http.url(&ended.endpoint)?;
        let answer = self.device.http.send(Outgoing::post_form(url, &fields)).await?;
        if answer.status.is_success() || answer.status == StatusCode::BAD_REQUEST {
            return Ok(());
        }
        Err(Error::network(format!("the identity provider answered {}", answer.status.as_u16())))
    }
}
