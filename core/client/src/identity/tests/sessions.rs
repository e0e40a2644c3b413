//! Sessions: renewed, left, listed, and what older copies say of them.

use onecity_protocol::manifest::Permission;
use reqwest::header::HeaderName;
use serde_json::json;

use super::{agree, counted, owner};
use crate::error::{Error, Refusal};
use crate::identity::distrust;

#[tokio::test]
async fn a_token_that_ends_is_renewed_once_however_many_ask() {
    let (_, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let before = identity.sessions.access(None).await.expect("granted").token;
    assert_eq!(identity.bench.http.count("/token"), 1, "it is good for a while");
    identity.bench.clock.skip(3_600_000);
    let asked = futures_util::future::join_all((0..8).map(|_| identity.sessions.access(None))).await;
    let tokens: Vec<_> = asked.into_iter().map(|own| own.expect("granted").token).collect();
    assert!(tokens.iter().all(|own| *own == tokens[0] && *own != before));
    assert_eq!(identity.bench.http.count("/token"), 2);
}

#[tokio::test]
async fn a_session_that_the_provider_has_ended_lapses_and_trouble_there_ends_nothing() {
    let (_, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    identity.bench.clock.skip(3_600_000);
    identity.provider.state.lock().expect("whole").down = true;
    assert!(matches!(identity.sessions.access(None).await.map(drop), Err(Error::Network { .. })));
    {
        let mut state = identity.provider.state.lock().expect("whole");
        (state.down, state.ended) = (false, true);
    }
    assert!(matches!(identity.sessions.access(None).await.map(drop), Err(Error::LoginRequired { .. })));
    let view = identity.sessions.active_view().await.expect("read").expect("still there");
    assert!(view.lapsed);
}

#[tokio::test]
async fn a_device_that_lost_its_keys_asks_for_a_login_and_for_nothing_worse() {
    let (keys, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    keys.lose_all();
    identity.bench.clock.skip(3_600_000);
    let refused = identity.sessions.access(None).await.map(drop).expect_err("no key");
    assert!(matches!(refused, Error::LoginRequired { .. }), "{refused}");
    identity.log_in("lan").await.expect("and that helps");
}

#[tokio::test]
async fn accounts_are_switched_and_one_that_is_not_here_is_refused() {
    let (_, identity) = counted();
    let lan = identity.log_in("lan").await.expect("logged in");
    let workshop = identity.log_in("workshop").await.expect("logged in");
    assert!(identity.sessions.switch(&lan.id).await.expect("switched").active);
    let active: Vec<bool> = identity.sessions.list().await.expect("listed").iter().map(|own| own.active).collect();
    assert_eq!(active, [true, false]);
    assert_ne!(lan.id, workshop.id);
    assert_eq!(identity.accounts.owners().await.expect("listed").len(), 3);
    assert!(identity.sessions.switch("nobody").await.is_err());
}

#[tokio::test]
async fn a_logout_removes_keys_and_records_and_tells_the_provider_when_it_can() {
    let (keys, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let account = identity.accounts.active().await.expect("read").expect("lan");
    identity.sessions.end(account).await.expect("ended");
    assert_eq!((keys.alive(), identity.sessions.list().await.expect("listed").len()), (0, 0));
    identity.bench.http.lose("/revoke");
    identity.sessions.tell_ended().await;
    identity.sessions.tell_ended().await;
    identity.sessions.tell_ended().await;
    assert_eq!(identity.bench.http.count("/revoke"), 2, "until it has heard, and no longer");
    let told = identity.bench.http.seen().into_iter().rfind(|own| own.url.ends_with("/revoke")).expect("told");
    assert_eq!(told.form("token").as_deref(), Some("refresh-1"));
}

#[tokio::test]
async fn a_provider_hears_of_each_session_that_the_same_person_s_next_login_takes_the_place_of() {
    let (keys, identity) = counted();
    for _ in 0..3 {
        identity.log_in("lan").await.expect("logged in");
        identity.sessions.tell_ended().await;
    }
    let told = identity.bench.http.seen().into_iter().filter(|own| own.url.ends_with("/revoke"));
    let tokens: Vec<_> = told.filter_map(|own| own.form("token")).collect();
    assert_eq!(tokens, ["refresh-1", "refresh-2"]);
    assert_eq!(keys.alive(), 1);
    // One that keeps no sessions apart might end the new one with the old one.
    let (_, identity) = counted();
    identity.provider.state.lock().expect("whole").metadata = json!({ "onecity_sessions_endpoint": "absent" });
    for _ in 0..3 {
        identity.log_in("lan").await.expect("logged in");
        identity.sessions.tell_ended().await;
    }
    assert_eq!(identity.bench.http.count("/revoke"), 0);
}

#[tokio::test]
async fn sessions_on_other_phones_are_listed_and_ended() {
    let (_, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let sessions = identity.sessions.elsewhere().await.expect("listed");
    assert_eq!(sessions.iter().map(|own| own.current).collect::<Vec<_>>(), [true, false]);
    identity.sessions.end_elsewhere("lost").await.expect("ended");
    let gone = identity.sessions.end_elsewhere("gone").await.expect_err("not there");
    assert!(matches!(gone, Error::Refused { reason: Refusal::NotFound, .. }));
}

#[tokio::test]
async fn an_older_copy_of_the_vault_is_not_believed_about_sessions_and_consents() {
    let (_, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let of = owner(&identity).await;
    agree(&identity, &of, Permission::Login, &["name"]).await.expect("agreed");
    identity.device().vault(distrust).await.expect("written");
    assert!(identity.sessions.active_view().await.expect("read").expect("still there").lapsed);
    assert!(identity.consents.list().await.expect("listed").is_empty());
}

#[tokio::test]
async fn neither_a_session_nor_what_may_use_it_is_ever_printed_with_its_tokens() {
    let (_, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let (_, session) = identity.sessions.active().await.expect("read").expect("there");
    let printed = format!("{session:?}");
    assert!(!printed.contains("access-") && !printed.contains("refresh-"), "{printed}");
    let dpop = HeaderName::from_static("dpop");
    assert!(identity.bench.http.seen().iter().any(|own| own.headers.contains_key(&dpop)));
}
