//! Gates as a tester puts them up: with a network, without one, and several at one station.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mock_server::{Phone, png};
use onecity_protocol::credential::Audience;
use onecity_protocol::region::RegionId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::Tester;

/// Lan's phone with a transit pass.
async fn phone(tester: &Tester) -> (Phone, String) {
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    phone.log_in("shandong", "lan").await.expect("logged in");
    phone.client().sync(&"cn-sd/jinan".parse().expect("a region")).await.expect("synced");
    let province: RegionId = "cn-sd".parse().expect("a region");
    let pass = phone.client().add_pass(&province, "transit", None).await.expect("a pass");
    (phone, pass.id)
}

async fn check(tester: &Tester, gate: &str, held: Value) -> (String, Value) {
    let passage = tester.call(Method::POST, &format!("/worlds/default/gates/{gate}/check"), Some(held)).await;
    (passage["decision"].as_str().expect("a word").to_owned(), passage["reason"].clone())
}

async fn code(phone: &Phone, pass: &str) -> Value {
    json!({ "code": phone.client().code(pass, Audience::ANY).await.expect("a code").text })
}

fn decision(word: &str, reason: Option<&str>) -> (String, Value) {
    (word.to_owned(), reason.map_or(Value::Null, Value::from))
}

#[tokio::test(flavor = "multi_thread")]
async fn gates_of_one_station_tell_each_other_and_one_without_a_network_knows_only_itself() {
    let tester = Tester::new().await;
    let (phone, pass) = phone(&tester).await;
    let shown = code(&phone, &pass).await;
    assert_eq!(check(&tester, "metro-1", shown.clone()).await, decision("accepted", None));
    assert_eq!(check(&tester, "metro-1", shown.clone()).await, decision("already_accepted", None));
    assert_eq!(check(&tester, "metro-2", shown.clone()).await, decision("already_accepted", None), "it was told");

    let gates = tester.read("/worlds/default/gates").await;
    let metro = gates.as_array().expect("gates").iter().find(|own| own["name"] == "metro-2").expect("a gate").clone();
    let mut alone = metro["settings"].clone();
    (alone["station"], alone["offline"]) = (json!("metro"), json!(true));
    tester.call(Method::PUT, "/worlds/default/gates/alone", Some(alone)).await;
    assert_eq!(check(&tester, "alone", shown).await, decision("accepted", None), "nobody told it");
    let log = tester.read("/worlds/default/gates").await;
    let own =
        |name: &str| log.as_array().expect("gates").iter().find(|own| own["name"] == name).cloned().expect("a gate");
    assert_eq!(own("metro-1")["log"][0]["decision"], "already_accepted", "the newest first");
    assert!(own("metro-1")["fetched"].is_string() && own("alone")["fetched"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_learns_of_a_revocation_with_its_next_lists_and_not_while_nobody_answers() {
    let tester = Tester::new().await;
    let (phone, pass) = phone(&tester).await;
    assert_eq!(check(&tester, "metro-1", code(&phone, &pass).await).await.0, "accepted");
    tester.call(Method::PUT, &format!("/worlds/default/passes/{pass}"), Some(json!({ "status": "revoked" }))).await;
    let later = async || {
        // The next code is another.
        tester.call(Method::PATCH, "/worlds/default/clock", Some(json!({ "jump_seconds": 40 }))).await;
        check(&tester, "metro-1", code(&phone, &pass).await).await
    };
    assert_eq!(later().await.0, "accepted", "its lists are not an hour old");
    tester.preset("issuer-down").await;
    let view = tester.call(Method::POST, "/worlds/default/gates/metro-1/fetch", None).await;
    assert!(view["trouble"].as_str().is_some_and(|why| why.contains("503")), "{view}");
    assert_eq!(later().await.0, "accepted", "it goes on with what it has");
    tester.all_is_well().await;
    let view = tester.call(Method::POST, "/worlds/default/gates/metro-1/fetch", None).await;
    assert!(view["trouble"].is_null(), "{view}");
    assert_eq!(later().await, decision("refused", Some("revoked")));
    let asked = tester.read("/worlds/default/journal?path=/status/**").await;
    assert!(asked.as_array().is_some_and(|all| !all.is_empty()), "a gate asks as anybody does");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_taken_as_a_picture_and_what_is_none_is_refused() {
    let tester = Tester::new().await;
    let (phone, pass) = phone(&tester).await;
    let picture = phone.client().code(&pass, Audience::ANY).await.expect("a code").picture;
    let held = json!({ "picture": STANDARD.encode(png(&picture, 4).expect("a picture")) });
    assert_eq!(check(&tester, "metro-1", held).await, decision("accepted", None));
    let nonsense = check(&tester, "metro-1", json!({ "code": "https://example.com" })).await;
    assert_eq!(nonsense.0, "refused");
    for (held, status) in [
        (json!({ "picture": "not base64!" }), 422),
        (json!({ "picture": STANDARD.encode("no picture") }), 422),
        (json!({ "phone": "nobody" }), 404),
        (json!({ "code": "a", "phone": "b" }), 422),
        (json!({}), 422),
    ] {
        let call = tester.control(Method::POST, "/worlds/default/gates/metro-1/check");
        let call = call.header("content-type", "application/json").body(held.to_string());
        assert_eq!(call.send().await.expect("answered").status().as_u16(), status, "{held}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_wants_its_challenge_opens_for_no_other_code() {
    let tester = Tester::new().await;
    let (phone, pass) = phone(&tester).await;
    let settings = json!({ "region": "cn-sd", "number": 77, "types": ["transit"], "codes_for": "this-moment" });
    tester.call(Method::PUT, "/worlds/default/gates/barrier", Some(settings)).await;
    assert_eq!(
        check(&tester, "barrier", code(&phone, &pass).await).await,
        decision("refused", Some("challenge_needed"))
    );
    let shown = tester.call(Method::POST, "/worlds/default/gates/barrier/challenge", None).await;
    assert!(shown["svg"].as_str().is_some_and(|svg| svg.contains("<svg")));
    let audience: Audience = shown["text"].as_str().expect("a text").parse().expect("a gate's sign");
    let addressed = phone.client().code(&pass, audience).await.expect("a code").text;
    assert_eq!(check(&tester, "barrier", json!({ "code": addressed })).await, decision("accepted", None));

    for (wrong, name) in [
        (json!({ "region": "cn-gd" }), "a"),
        (json!({ "region": "cn-sd", "types": ["library"] }), "a"),
        (json!({ "region": "cn-sd", "open_hours_without_status": 25 }), "a"),
        (json!({ "region": "cn-sd", "interval": 181 }), "a"),
        (json!({ "region": "cn-sd", "station": "No!" }), "a"),
        (json!({ "region": "cn-sd" }), "No!"),
    ] {
        let call = tester.control(Method::PUT, &format!("/worlds/default/gates/{name}"));
        let call = call.header("content-type", "application/json").body(wrong.to_string());
        assert_eq!(call.send().await.expect("answered").status(), 422, "{wrong}");
    }
    tester.call(Method::DELETE, "/worlds/default/gates/barrier", None).await;
    let none = tester.control(Method::POST, "/worlds/default/gates/hanoi-1/challenge").send().await.expect("answered");
    assert_eq!(none.status(), 200, "it has a number");
    let unknown =
        tester.control(Method::POST, "/worlds/default/gates/barrier/challenge").send().await.expect("answered");
    assert_eq!(unknown.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_goes_on_when_the_world_s_clock_is_set_back() {
    let tester = Tester::new().await;
    let (phone, pass) = phone(&tester).await;
    let clock = |change: Value| tester.call(Method::PATCH, "/worlds/default/clock", Some(change));
    clock(json!({ "jump_seconds": 86_400 })).await;
    assert_eq!(check(&tester, "metro-1", code(&phone, &pass).await).await.0, "accepted");
    clock(json!({ "follow_machine": true })).await;
    let nobody = check(&tester, "metro-1", json!({ "code": "no code" })).await;
    assert_eq!(nobody.0, "refused");
    let gates = tester.read("/worlds/default/gates").await;
    let metro = gates.as_array().expect("gates").iter().find(|own| own["name"] == "metro-1").expect("a gate");
    let clock = tester.read("/worlds/default/clock").await;
    let times = [&metro["fetched"], &clock["time"]].map(|own| own.as_str().expect("a time")[..19].to_owned());
    assert!(times.is_sorted(), "it goes by the world's clock again: {times:?}");
    assert!(metro["trouble"].is_null(), "{metro}");
    assert_eq!(metro["log"].as_array().map(Vec::len), Some(2), "its log goes on");
}
