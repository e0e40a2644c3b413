//! What goes wrong, as phones, gates and other clients meet it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mock_server::Phone;
use onecity_core::Error;
use onecity_protocol::credential::{Gate, GatePolicy, StatusListToken, WithoutStatus};
use onecity_protocol::region::RegionId;
use serde_json::json;

use crate::kit::Tester;

fn jinan() -> RegionId {
    "cn-sd/jinan".parse().expect("a region")
}

/// A rule of one kind at the back ends.
fn at_cities(what: serde_json::Value) -> serde_json::Value {
    json!({ "id": "test", "what": what, "on": { "path": "/city/**" } })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_late_slow_broken_off_reset_or_another() {
    let tester = Tester::new().await;
    let path = "/city/cn-sd.jinan/transit";
    let whole = tester.ask(path).await.expect("answered").bytes().await.expect("whole");

    tester.begins(at_cities(json!({ "kind": "status", "status": 503, "retry_after": 7 }))).await;
    let answer = tester.ask(path).await.expect("answered");
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"7".parse().expect("a header")));
    assert_eq!(tester.ask("/idp/shandong/jwks").await.expect("answered").status(), 200, "nothing else is struck");

    tester.begins(at_cities(json!({ "kind": "reset" }))).await;
    let error = tester.ask(path).await.expect_err("no answer");
    assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");

    tester.begins(at_cities(json!({ "kind": "silence" }))).await;
    let url = format!("{}{path}", tester.world.origin());
    let patient = tester.http.get(&url).timeout(Duration::from_millis(300)).send().await.expect_err("no answer");
    assert!(patient.is_timeout(), "{patient:?}");

    tester.begins(at_cities(json!({ "kind": "login-page" }))).await;
    let page = tester.ask(path).await.expect("answered");
    assert!(page.status() == 200 && page.text().await.expect("whole").contains("<h1>Log in"));

    tester.begins(at_cities(json!({ "kind": "truncate", "after_bytes": 10 }))).await;
    let plain = tester.http.get(format!("{}{path}", tester.world.origin())).header("accept-encoding", "identity");
    let answer = plain.send().await.expect("a head");
    assert_eq!(answer.content_length(), Some(whole.len() as u64));
    assert!(answer.bytes().await.is_err(), "and no whole body");

    tester.begins(at_cities(json!({ "kind": "malformed-body" }))).await;
    let answer = tester.ask(path).await.expect("answered").bytes().await.expect("as if it were whole");
    assert!(serde_json::from_slice::<serde_json::Value>(&answer).is_err() && whole.starts_with(&answer));

    tester.begins(at_cities(json!({ "kind": "wrong-content-type", "media_type": "text/html" }))).await;
    let answer = tester.ask(path).await.expect("answered");
    assert_eq!(answer.headers()["content-type"], "text/html");
    assert_eq!(answer.bytes().await.expect("whole"), whole);

    for (what, takes) in [
        (json!({ "kind": "latency", "delay": { "fixed_ms": 150 } }), 150),
        (json!({ "kind": "latency", "delay": { "uniform_ms": { "from": 100, "to": 120 } } }), 100),
        (json!({ "kind": "dribble", "piece": whole.len() / 4 + 1, "every_ms": 30 }), 120),
        (json!({ "kind": "bandwidth", "bytes_per_second": whole.len() * 10 }), 100),
    ] {
        tester.begins(at_cities(what.clone())).await;
        let plain = tester.http.get(format!("{}{path}", tester.world.origin())).header("accept-encoding", "identity");
        let began = Instant::now();
        let answer = plain.send().await.expect("answered").bytes().await.expect("whole");
        assert_eq!(answer, whole, "{what}");
        assert!(began.elapsed() >= Duration::from_millis(takes), "{what}: {:?}", began.elapsed());
    }
    tester.all_is_well().await;
    assert_eq!(tester.ask(path).await.expect("answered").bytes().await.expect("whole"), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_lost_after_the_work_was_done_and_the_next_try_is_the_same_submission() {
    let tester = Tester::new().await;
    for (instead, number) in [("reset", "a"), ("gateway-timeout", "b")] {
        let what = json!({ "kind": "lose-answer", "instead": instead });
        tester.begins(json!({ "id": "lost", "what": what, "on": { "methods": ["POST"] }, "times": 1 })).await;
        let lost = tester.report(number, "pothole").await;
        assert!(lost.is_err() || lost.is_ok_and(|answer| answer.status() == 504));
        assert_eq!(tester.report(number, "pothole").await.expect("answered").status(), 201);
    }
    assert_eq!(tester.read("/worlds/default/submissions").await.as_array().map(Vec::len), Some(2));
    let rules = tester.read("/worlds/default/faults").await;
    assert_eq!((&rules[0]["met"], &rules[0]["struck"]), (&json!(2), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_persona_or_one_phone_is_struck_and_the_others_are_not() {
    let tester = Tester::new().await;
    let phone = async |persona| {
        let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
        phone.log_in("shandong", persona).await.expect("logged in");
        phone
    };
    let (lan, minh) = (phone("lan").await, phone("minh").await);
    tester.begins(json!({ "what": { "kind": "expired-token" }, "on": { "persona": "lan" } })).await;
    tester.begins(json!({ "what": { "kind": "revoked-session" }, "on": { "persona": "lan" } })).await;
    assert!(lan.client().sessions().await.is_err());
    assert_eq!(minh.client().sessions().await.expect("goes on").len(), 1);
    tester.all_is_well().await;

    let named = Phone::with_config(&tester.world, &["en"], lan.platform().clone(), |config| {
        config.virtual_name = Some("first".to_owned());
    });
    let named = named.expect("a phone");
    tester.begins(json!({ "id": "tunnel", "what": { "kind": "reset" }, "on": { "phone": "first" } })).await;
    assert!(matches!(named.client().sync(&jinan()).await, Err(Error::Network { .. })));
    minh.client().sync(&jinan()).await.expect("another phone");
    let journal = tester.read("/worlds/default/journal?phone=first").await;
    assert!(journal[0]["status"].is_null() && journal[0]["faults"] == json!(["tunnel"]), "{journal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_holds_back_goes_back_mixes_or_forges_is_found_out() {
    let tester = Tester::new().await;
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    phone.client().sync(&jinan()).await.expect("synced");
    let sign = || tester.control(reqwest::Method::POST, "/worlds/default/registries/cn-sd/sign").send();
    for preset in ["rollback-attack", "mix-and-match-attack", "expired-registry", "forged-registry"] {
        sign().await.expect("signed");
        tester.preset(preset).await;
        let refused = phone.client().sync(&jinan()).await.expect_err(preset);
        match (preset, &refused) {
            ("rollback-attack", Error::RollbackRejected { .. }) => {}
            ("mix-and-match-attack" | "forged-registry", Error::SignatureInvalid { .. }) => {}
            ("expired-registry", Error::Expired { .. } | Error::RollbackRejected { .. } | Error::Refused { .. }) => {}
            _ => panic!("{preset}: {refused:?}"),
        }
        assert!(!phone.client().home(&jinan()).await.expect("home").services.is_empty(), "what is there stays");
        tester.all_is_well().await;
        phone.client().sync(&jinan()).await.expect("well again");
    }
    // A registry that stands still is not noticed until what it serves has ended.
    tester.preset("freeze-attack").await;
    let announcement = json!({ "outage": { "reason": { "en": "The system is being updated" } } });
    tester.call(reqwest::Method::PUT, "/worlds/default/announcements/cn-sd", Some(announcement)).await;
    phone.client().sync(&jinan()).await.expect("nothing new");
    assert!(phone.client().home(&jinan()).await.expect("home").announcement.is_none(), "it is held back");
    tester.all_is_well().await;
    phone.client().sync(&jinan()).await.expect("synced");
    assert!(phone.client().home(&jinan()).await.expect("home").announcement.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_not_to_be_trusted_logs_nobody_in() {
    let tester = Tester::new().await;
    for preset in ["wrong-nonce", "wrong-issuer", "forged-id-token", "unlisted-key", "idp-down"] {
        let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
        phone.client().sync(&jinan()).await.expect("synced");
        tester.preset(preset).await;
        phone.log_in("shandong", "lan").await.expect_err(preset);
        assert_eq!(phone.client().account().await.expect("read"), None, "{preset}");
        tester.all_is_well().await;
        phone.log_in("shandong", "lan").await.unwrap_or_else(|error| panic!("after {preset}: {error}"));
    }
    // One that wants its nonce in every proof is no impostor.
    tester.preset("dpop-nonce").await;
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    phone.log_in("shandong", "lan").await.expect("logged in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_learns_that_a_pass_is_revoked_and_refuses_a_list_that_is_forged() {
    let tester = Tester::new().await;
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    phone.log_in("shandong", "lan").await.expect("logged in");
    phone.client().sync(&jinan()).await.expect("synced");
    let province: RegionId = "cn-sd".parse().expect("a region");
    let pass = phone.client().add_pass(&province, "transit", None).await.expect("a pass");
    let list = async || {
        let answer = tester.ask("/status/cn-sd/1").await.expect("answered");
        StatusListToken::parse(&answer.bytes().await.expect("whole")).expect("a token")
    };
    let gate = || {
        let trust = tester.world.trust_list(&province).expect("a list");
        let policy = GatePolicy::of_types([1], WithoutStatus::FailClosed);
        Gate::new(trust, GatePolicy { scope: Some(37), number: 1, ..policy }, tester.world.now() - 3600)
    };
    let code = phone.client().code(&pass.id, onecity_protocol::credential::Audience::ANY).await.expect("a code").text;
    for (what, opens) in [
        (None, true),
        (Some(json!({ "kind": "revoked-pass", "persona": "minh" })), true),
        (Some(json!({ "kind": "revoked-pass", "persona": "lan" })), false),
        (Some(json!({ "kind": "revoked-pass" })), false),
    ] {
        tester.all_is_well().await;
        if let Some(what) = &what {
            tester.begins(json!({ "what": what })).await;
        }
        let mut gate = gate();
        gate.set_status_list(list().await, tester.world.now()).expect("a list of this region");
        let decision = gate.check(&code, tester.world.now());
        let is_open = matches!(decision, onecity_protocol::credential::Decision::Accepted(_));
        assert_eq!(is_open, opens, "{what:?}: {decision:?}");
    }
    tester.all_is_well().await;
    tester.begins(json!({ "what": { "kind": "bad-signature", "of": "status-list" } })).await;
    gate().set_status_list(list().await, tester.world.now()).expect_err("its signature does not hold");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_tries_again_on_a_flaky_metro_hands_in_everything_once() {
    let tester = Tester::new().await;
    tester.preset("flaky-metro").await;
    let hands_in = async |number: usize| {
        let mut tries = 1;
        while !tester.report(&format!("r-{number}"), "pothole").await.is_ok_and(|answer| answer.status() == 201) {
            tries += 1;
        }
        tries
    };
    let tries: Vec<usize> = join_all((0..24).map(hands_in)).await;
    assert!(tries.iter().any(|tries| *tries > 1), "the metro is flaky: {tries:?}");
    assert_eq!(tester.read("/worlds/default/submissions").await.as_array().map(Vec::len), Some(24));
    let journal = tester.read("/worlds/default/journal").await;
    let took = |own: &serde_json::Value| own["took_ms"].as_u64().unwrap_or_default();
    assert!(journal.as_array().expect("a list").iter().any(|own| took(own) > 400), "{journal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_goes_by_servers_whose_clocks_agree_though_its_own_does_not() {
    let tester = Tester::new().await;
    tester.preset("server-clock-ahead").await;
    let answer = tester.ask("/city/cn-sd.jinan").await.expect("answered");
    let date = answer.headers()["date"].to_str().expect("a text").to_owned();
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    phone.log_in("shandong", "lan").await.expect("logged in");
    let hour = |text: &str| text[17..19].parse::<i64>().expect("an hour");
    let own = hour_of(tester.world.now());
    assert_eq!(hour(&date), (own + 1) % 24, "{date}");
}

/// The hour of a time in UTC.
fn hour_of(now: i64) -> i64 {
    now / 3600 % 24
}
