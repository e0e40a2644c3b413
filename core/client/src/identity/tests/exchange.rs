//! Tokens for services and issuers, and proofs.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onecity_protocol::manifest::Permission;
use onecity_store::Owner;
use serde_json::{Value, json};

use super::{agree, counted, owner, report};
use crate::device::http::Outgoing;
use crate::device::testing::{Reply, Seen};
use crate::error::{Error, Refusal};
use crate::identity::OnBehalf;

#[tokio::test]
async fn a_service_gets_a_token_of_its_own_and_only_under_a_consent_that_holds() {
    let (keys, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let of = owner(&identity).await;
    identity.bench.http.always("/reports", Reply::status(200));
    let Owner::Account(account) = of.clone() else { panic!("somebody is logged in") };
    let whom = OnBehalf { account, service: report(), fields: vec!["name".to_owned()] };
    let send = async || {
        let url = identity.device().http.url("https://jinan.example/reports").expect("a URL");
        identity.sessions.send_on_behalf(&whom, Outgoing::get(url)).await
    };
    let refused = send().await.map(drop).expect_err("nothing was agreed to");
    assert!(matches!(refused, Error::Refused { reason: Refusal::Consent, .. }));
    agree(&identity, &of, Permission::Login, &["name"]).await.expect("agreed");
    send().await.expect("sent");
    send().await.expect("sent");
    assert_eq!((identity.bench.http.count("/token"), keys.alive()), (2, 2), "one exchange, one more key");
    let seen = identity.bench.http.seen().into_iter().rfind(|own| own.url.ends_with("/reports")).expect("sent");
    assert_eq!(seen.header("authorization"), Some("DPoP access-2"), "never the session's token");
    let log = identity.consents.disclosures().await.expect("listed");
    assert_eq!((log.len(), log[0].fields.clone()), (1, vec!["name".to_owned()]), "written down once a day");
    identity.sessions.forget_service(&of, &report()).await.expect("forgotten");
    assert_eq!(keys.alive(), 1);
}

#[tokio::test]
async fn an_issuer_of_passes_sees_neither_the_session_s_token_and_key_nor_another_issuer_s() {
    let (keys, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let of = owner(&identity).await;
    let Owner::Account(account) = of.clone() else { panic!("somebody is logged in") };
    identity.bench.http.always("/holders", Reply::status(200));
    let issuers = ["https://bus.example", "https://library.example/passes"];
    for issuer in [issuers[0], issuers[0], issuers[1]] {
        let url = identity.device().http.url(&format!("{issuer}/holders")).expect("a URL");
        identity.sessions.send_to_issuer(account.clone(), issuer, Outgoing::get(url)).await.expect("sent");
    }
    let seen = identity.bench.http.seen();
    let key = |seen: &Seen| {
        let header = seen.header("dpop").and_then(|proof| proof.split('.').next()).expect("a proof");
        let header = URL_SAFE_NO_PAD.decode(header).expect("encoded");
        serde_json::from_slice::<Value>(&header).expect("JSON")["jwk"]["x"].to_string()
    };
    let exchanged: Vec<_> = seen.iter().filter(|own| own.form("subject_token").is_some()).collect();
    let named = exchanged.iter().map(|own| own.form("resource").expect("named"));
    assert_eq!(named.collect::<Vec<_>>(), issuers, "each is asked for once, by the issuer's identifier");
    assert_ne!(exchanged[0].form("dpop_jkt"), exchanged[1].form("dpop_jkt"));
    let asked: Vec<_> = seen.iter().filter(|own| own.url.ends_with("/holders")).collect();
    let tokens: Vec<_> = asked.iter().filter_map(|own| own.header("authorization")).collect();
    assert_eq!(tokens, ["DPoP access-2", "DPoP access-2", "DPoP access-3"]);
    let proven: BTreeSet<_> = asked.iter().chain(&exchanged).map(|seen| key(seen)).collect();
    assert_eq!((proven.len(), keys.alive()), (3, 3), "the session's key, and one for each issuer");
    identity.sessions.end(account.clone()).await.expect("ended");
    let url = identity.device().http.url("https://bus.example/holders").expect("a URL");
    let refused = identity.sessions.send_to_issuer(account, issuers[0], Outgoing::get(url)).await.map(drop);
    assert!(matches!(refused, Err(Error::LoginRequired { .. })), "{refused:?}");
    assert_eq!(keys.alive(), 0, "and none is made for an account that is gone");
}

#[tokio::test]
async fn an_origin_that_wants_a_stronger_login_says_so_by_name() {
    let (_, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let of = owner(&identity).await;
    agree(&identity, &of, Permission::Login, &["name"]).await.expect("agreed");
    let challenge = r#"DPoP error="insufficient_user_authentication", acr_values="face voice""#;
    identity.bench.http.always("/reports", Reply::status(401).header("www-authenticate", challenge));
    let Owner::Account(account) = of else { panic!("somebody is logged in") };
    let whom = OnBehalf { account, service: report(), fields: vec!["name".to_owned()] };
    let url = identity.device().http.url("https://jinan.example/reports").expect("a URL");
    let refused = identity.sessions.send_on_behalf(&whom, Outgoing::get(url)).await.map(drop);
    assert_eq!(refused, Err(Error::StepUpRequired { acr: "face".to_owned() }));
}

#[tokio::test]
async fn a_server_that_wants_its_nonce_gets_it_in_a_second_proof() {
    let (_, identity) = counted();
    let wants = Reply::json(&json!({ "error": "use_dpop_nonce" })).with_status(400).header("dpop-nonce", "n-1");
    identity.bench.http.once("/token", wants);
    identity.log_in("lan").await.expect("logged in");
    assert_eq!(identity.bench.http.count("/token"), 2);
}
