//! Logging in, and what becomes of an answer of the browser.

use onecity_protocol::manifest::Permission;
use onecity_store::Owner;
use serde_json::json;

use super::{agree, counted, owner, report};
use crate::device::http::Outgoing;
use crate::device::testing::Reply;
use crate::error::{Error, Refusal};
use crate::identity::testing::{FakeProvider, REDIRECT};
use crate::identity::{OnBehalf, StepUp, Wish};

#[tokio::test]
async fn a_login_ends_in_an_account_with_one_key() {
    let (keys, identity) = counted();
    let account = identity.log_in("lan").await.expect("logged in");
    assert_eq!((account.name.as_str(), account.active, account.lapsed), ("Persona lan", true, false));
    assert_eq!(keys.alive(), 1);
    assert_eq!(identity.sessions.list().await.expect("listed"), std::slice::from_ref(&account));
    assert_eq!(identity.sessions.active_view().await.expect("read"), Some(account));
    let again = identity.log_in("lan").await.expect("logged in again");
    assert_eq!((keys.alive(), again.active), (1, true), "the old session's key is gone");
}

#[tokio::test]
async fn nobody_is_logged_in_before_the_first_login() {
    let (_, identity) = counted();
    assert_eq!(identity.sessions.active_view().await.expect("read"), None);
    assert_eq!(owner(&identity).await, Owner::Phone);
    let refused = identity.sessions.access(None).await.map(drop);
    assert!(matches!(refused, Err(Error::LoginRequired { .. })));
    assert!(matches!(identity.accounts.named("x").await, Err(Error::Refused { reason: Refusal::NotFound, .. })));
}

#[tokio::test]
async fn an_answer_counts_once_and_only_for_a_login_that_was_begun_here() {
    let (keys, identity) = counted();
    let attempt =
        identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await.expect("begun");
    let callback = identity.provider.agree(&attempt.url);
    identity.sessions.finish(&callback).await.expect("logged in");
    for again in [callback.as_str(), "onecity://login?code=c&state=never-begun", "onecity://login"] {
        let refused = identity.sessions.finish(again).await.expect_err(again);
        assert!(matches!(refused, Error::Refused { reason: Refusal::LoginState, .. }), "{refused}");
    }
    assert_eq!(keys.alive(), 1);
}

#[tokio::test]
async fn a_login_that_fails_says_why_and_leaves_no_key() {
    let (keys, identity) = counted();
    type Case = (&'static str, serde_json::Value, fn(&Error) -> bool);
    let cases: [Case; 4] = [
        ("", json!({ "nonce": "another" }), |own| matches!(own, Error::Refused { reason: Refusal::WrongNonce, .. })),
        ("", json!({ "iss": "https://evil.example" }), |own| {
            matches!(own, Error::Refused { reason: Refusal::WrongIssuer, .. })
        }),
        ("", json!({ "exp": 100 }), |own| matches!(own, Error::SignatureInvalid { .. })),
        ("&error=access_denied", json!({}), |own| {
            matches!(own, Error::Refused { reason: Refusal::LoginDenied { .. }, .. })
        }),
    ];
    for (more, claims, expected) in cases {
        identity.provider.state.lock().expect("whole").claims = claims.clone();
        let attempt =
            identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await.expect("begun");
        let callback = format!("{}{more}", identity.provider.agree(&attempt.url));
        let refused = identity.sessions.finish(&callback).await.expect_err("refused");
        assert!(expected(&refused), "{claims} {more}: {refused}");
        assert_eq!(keys.alive(), 0, "{claims}");
    }
}

#[tokio::test]
async fn a_login_answer_that_can_not_be_read_is_no_fault_of_the_network() {
    let (keys, identity) = counted();
    let attempt =
        identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await.expect("begun");
    identity.bench.http.once("/token", Reply::bytes("<html>welcome to the hotel's network</html>"));
    let refused = identity.sessions.finish(&identity.provider.agree(&attempt.url)).await.expect_err("refused");
    assert!(matches!(refused, Error::BadAnswer { .. }) && !refused.may_retry(), "{refused}");
    assert_eq!(keys.alive(), 0);
}

#[tokio::test]
async fn a_full_disk_leaves_no_key_behind() {
    let (keys, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let of = owner(&identity).await;
    agree(&identity, &of, Permission::Login, &["name"]).await.expect("agreed");
    identity.bench.fill_disk().await;
    let begun = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await;
    assert!(matches!(begun, Err(Error::Refused { reason: Refusal::StorageFull, .. })), "{begun:?}");
    assert_eq!(keys.alive(), 1, "the session's own");
    let Owner::Account(account) = of else { panic!("somebody is logged in") };
    let whom = OnBehalf { account, service: report(), fields: vec!["name".to_owned()] };
    let url = identity.device().http.url("https://jinan.example/reports").expect("a URL");
    let sent = identity.sessions.send_on_behalf(&whom, Outgoing::get(url)).await;
    assert!(matches!(sent, Err(Error::Refused { reason: Refusal::StorageFull, .. })), "{:?}", sent.map(drop));
    assert_eq!(keys.alive(), 1, "the key for the service's token is gone again");
}

#[tokio::test]
async fn without_a_network_no_login_begins_and_no_key_is_left() {
    let (keys, identity) = counted();
    identity.bench.http.lose("/openid-configuration");
    let refused = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await;
    assert!(matches!(refused, Err(Error::Network { .. })) && keys.alive() == 0);
}

#[tokio::test]
async fn a_stronger_login_must_be_as_strong_as_asked_and_of_the_same_person() {
    let (_, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let account = identity.accounts.active().await.expect("read").expect("lan");
    let step_up = || Wish { number: None, step_up: Some(StepUp { account: account.clone(), acr: "face".to_owned() }) };
    let mut outcomes = Vec::new();
    for (subject, acr) in [("lan", None), ("workshop", Some("face")), ("lan", Some("face"))] {
        {
            let mut state = identity.provider.state.lock().expect("whole");
            (state.subject, state.acr) = (subject.to_owned(), acr.map(str::to_owned));
        }
        let attempt =
            identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), step_up()).await.expect("begun");
        assert!(attempt.url.contains("acr_values=face"));
        outcomes.push(identity.sessions.finish(&identity.provider.agree(&attempt.url)).await);
    }
    let denied =
        |own: &Result<_, Error>| matches!(own, Err(Error::Refused { reason: Refusal::LoginDenied { .. }, .. }));
    assert!(denied(&outcomes[0]) && denied(&outcomes[1]));
    assert_eq!(outcomes[2].as_ref().expect("strong enough").acr.as_deref(), Some("face"));
}

#[tokio::test]
async fn after_a_network_fault_at_the_provider_the_same_answer_of_the_browser_still_logs_in() {
    let (keys, identity) = counted();
    for fault in ["/token", "/keys"] {
        let begun = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await;
        let callback = identity.provider.agree(&begun.expect("begun").url);
        identity.bench.http.lose(fault);
        let lost = identity.sessions.finish(&callback).await.expect_err("no network");
        assert!(matches!(lost, Error::Network { .. }) && lost.may_retry(), "{fault}: {lost}");
        identity.bench.http.once("/token", Reply::status(503));
        assert!(identity.sessions.finish(&callback).await.expect_err("in trouble").may_retry(), "{fault}");
        identity.sessions.finish(&callback).await.expect("logged in");
        let again = identity.sessions.finish(&callback).await.expect_err("it counts once");
        assert!(matches!(again, Error::Refused { reason: Refusal::LoginState, .. }), "{again}");
    }
    assert_eq!(keys.alive(), 1);
}

#[tokio::test]
async fn an_answer_that_comes_twice_at_once_is_taken_to_the_provider_once() {
    let (_, identity) = counted();
    let begun = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await;
    let callback = identity.provider.agree(&begun.expect("begun").url);
    let (one, other) = tokio::join!(identity.sessions.finish(&callback), identity.sessions.finish(&callback));
    assert!(one.is_ok() != other.is_ok());
    assert_eq!(identity.bench.http.count("/token"), 1);
}

#[tokio::test]
async fn an_answer_at_another_place_leaves_the_attempt_to_its_own() {
    let (_, identity) = counted();
    let begun = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await;
    let callback = identity.provider.agree(&begun.expect("begun").url);
    let elsewhere = callback.replacen("onecity://login", "onecity://pay", 1);
    identity.sessions.finish(&elsewhere).await.expect_err("not a login's");
    let endless = format!("{callback}&x={}", "x".repeat(70_000));
    assert!(matches!(identity.sessions.finish(&endless).await, Err(Error::InvalidInput { .. })));
    identity.sessions.finish(&callback).await.expect("its own");
}

#[tokio::test]
async fn a_login_that_is_to_last_asks_for_the_resident_s_consent() {
    // OpenID Connect Core 1.0 §11: `offline_access` is ignored without it.
    let (_, identity) = counted();
    let begun = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await;
    let url = begun.expect("begun").url;
    assert!(url.contains("offline_access") && url.contains("prompt=consent"), "{url}");
}
