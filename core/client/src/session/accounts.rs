//! The accounts on a phone: listing, switching, logging out, and the sessions of one account on other phones.

use std::sync::Arc;

use onecity_protocol::credential::UnixTime;
use onecity_store::{AccountId, Owner, Record};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::dpop::random_text;
use super::keeping::{Access, ActiveAccount, Session, Sessions};
use crate::client::Inner;
use crate::error::{Error, Refusal};
use crate::net::Outgoing;
use crate::views::{AccountView, SessionView, Topic};

/// How long a provider that does not answer is told of a logout again, in seconds.
const TELL_FOR: i64 = 90 * 86_400;
/// Most sessions that are read from a provider's list.
const MAX_SESSIONS: usize = 100;

/// A refresh token whose session was ended here, and that the provider has not heard of yet (RFC 7009). Its key is
/// gone, so that nobody can use it.
#[derive(Debug, Serialize, Deserialize)]
struct Ended {
    id: String,
    endpoint: String,
    client_id: String,
    token: String,
    at: UnixTime,
}

impl Record for Ended {
    const KIND: &'static str = "ended_session";
    const FORMAT: u8 = 1;
}

impl Sessions {
    /// All accounts on this phone, in the order they came.
    pub async fn accounts(&self, inner: &Arc<Inner>) -> Result<Vec<AccountView>, Error> {
        let now = inner.time.now();
        inner
            .vault(move |vault| {
                let active: Option<ActiveAccount> = vault.get(&Owner::Phone, "")?;
                let mut views = Vec::new();
                for account in vault.accounts()? {
                    if let Some(session) = vault.get::<Session>(&Owner::Account(account.clone()), "")? {
                        let is_active = active.as_ref().is_some_and(|ActiveAccount(active)| *active == account);
                        views.push(session.view(&account, is_active, now));
                    }
                }
                Ok(views)
            })
            .await
    }

    /// Puts another account of this phone in use.
    pub async fn switch(&self, inner: &Arc<Inner>, account: &str) -> Result<AccountView, Error> {
        let account = named(inner, account).await?;
        let session = inner.session_of(&account).await?;
        let session =
            session.ok_or_else(|| Error::LoginRequired { why: "this account is not logged in".to_owned() })?;
        let active = account.clone();
        inner.vault(move |vault| vault.put(&Owner::Phone, "", &ActiveAccount(active))).await?;
        for topic in [Topic::Account, Topic::Home, Topic::Passes, Topic::Submissions] {
            inner.platform.observer.changed(topic);
        }
        Ok(session.view(&account, true, inner.time.now()))
    }

    /// Wipes an account: first its keys, then everything that the vault keeps of it. The provider is told now, or as
    /// soon as there is a network.
    pub async fn end(&self, inner: &Arc<Inner>, account: AccountId) -> Result<(), Error> {
        // The services' turn before the session's, as whoever exchanges a token takes them.
        let owner = Owner::Account(account.clone());
        self.services.forget(inner, &owner, None).await?;
        let _no_renewal = self.renewal.lock().await;
        let Some(session) = inner.session_of(&account).await? else { return Ok(()) };
        let now = inner.time.now();
        let ended = match (&session.revocation_endpoint, &session.refresh_token) {
            (Some(endpoint), Some(token)) => Some(Ended {
                id: random_text(),
                endpoint: endpoint.clone(),
                client_id: session.client_id.clone(),
                token: token.clone(),
                at: now,
            }),
            _ => None,
        };
        inner
            .vault(move |vault| {
                vault.atomically(|vault| {
                    if let Some(ended) = &ended {
                        vault.put(&Owner::Phone, &ended.id, ended)?;
                    }
                    vault.remove_account(&account)?;
                    let active: Option<ActiveAccount> = vault.get(&Owner::Phone, "")?;
                    if active.is_some_and(|ActiveAccount(active)| active == account) {
                        vault.delete::<ActiveAccount>(&Owner::Phone, "")?;
                    }
                    Ok(())
                })?;
                vault.settle()
            })
            .await?;
        // One that was exchanged meanwhile is of no use to anybody.
        self.services.renew(&owner);
        inner.platform.observer.changed(Topic::Account);
        session.forget_key(inner).await
    }

    /// Tells providers of sessions that were ended here, until they have heard.
    pub async fn tell_ended(&self, inner: &Arc<Inner>) {
        let all = inner.vault(|vault| vault.list::<Ended>(&Owner::Phone)).await.unwrap_or_default();
        for ended in all {
            let told = match tell(inner, &ended).await {
                Ok(()) => true,
                Err(error) => {
                    tracing::info!(may_retry = error.may_retry(), "a provider could not be told of a logout yet");
                    ended.at < inner.time.now() - TELL_FOR
                }
            };
            if told && inner.vault(move |vault| vault.delete::<Ended>(&Owner::Phone, &ended.id)).await.is_err() {
                tracing::warn!("a provider will be told of a logout again");
            }
        }
    }

    /// The active account's sessions, on this phone and on others.
    pub async fn elsewhere(&self, inner: &Arc<Inner>) -> Result<Vec<SessionView>, Error> {
        #[derive(Deserialize)]
        struct Answered {
            sessions: Vec<SessionView>,
        }
        let (access, endpoint) = self.sessions_endpoint(inner).await?;
        let answer = self.send(inner, Outgoing::get(endpoint), access).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            return Err(Error::LoginRequired {
                why: "the identity provider does not take this session any more".to_owned(),
            });
        }
        let mut sessions = answer.json::<Answered>()?.sessions;
        sessions.truncate(MAX_SESSIONS);
        Ok(sessions)
    }

    /// Ends a session on another phone, for example one that was lost.
    pub async fn end_elsewhere(&self, inner: &Arc<Inner>, id: &str) -> Result<(), Error> {
        let (access, mut endpoint) = self.sessions_endpoint(inner).await?;
        match endpoint.path_segments_mut() {
            Ok(mut path) => drop(path.pop_if_empty().push(id)),
            Err(()) => return Err(Error::internal("the address of the sessions")),
        }
        let request = Outgoing::method(Method::DELETE, endpoint);
        let answer = self.send(inner, request, access).await?;
        match answer.status {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND => Err(Error::refused(Refusal::NotFound, "this session has ended already")),
            StatusCode::UNAUTHORIZED => Err(Error::LoginRequired {
                why: "the identity provider does not take this session any more".to_owned(),
            }),
            status => Err(Error::network(format!("the identity provider answered {}", status.as_u16()))),
        }
    }

    async fn sessions_endpoint(&self, inner: &Arc<Inner>) -> Result<(Access, url::Url), Error> {
        let access = self.access(inner, None).await?;
        let endpoint = access.session.sessions_endpoint.clone();
        let endpoint = endpoint.ok_or_else(|| {
            Error::refused(Refusal::NotOffered, "this identity provider does not list sessions; ask it directly")
        })?;
        Ok((access, inner.net.url(&endpoint)?))
    }
}

/// An account of this phone by its id.
pub async fn named(inner: &Arc<Inner>, id: &str) -> Result<AccountId, Error> {
    let id = id.to_owned();
    let found = inner.vault(move |vault| Ok(vault.accounts()?.into_iter().find(|own| own.as_str() == id))).await?;
    found.ok_or_else(|| Error::refused(Refusal::NotFound, "this account is not on the phone"))
}

/// RFC 7009 §2.1. An answer of 400 for a token that is not known any more means that there is nothing left to end.
async fn tell(inner: &Arc<Inner>, ended: &Ended) -> Result<(), Error> {
    let fields = [
        ("token", ended.token.as_str()),
        ("token_type_hint", "refresh_token"),
        ("client_id", ended.client_id.as_str()),
    ];
    let answer = inner.net.send(Outgoing::post_form(inner.net.url(&ended.endpoint)?, &fields)).await?;
    if answer.status.is_success() || answer.status == StatusCode::BAD_REQUEST {
        return Ok(());
    }
    Err(Error::network(format!("the identity provider answered {}", answer.status.as_u16())))
}
