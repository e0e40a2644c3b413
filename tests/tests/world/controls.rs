//! What a tester does on most days, and who may not.

use mock_server::{Phone, WorldOptions};
use onecity_core::Error;
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{self, Tester};

const JINAN: &str = "cn-sd/jinan";

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_task_is_one_call() {
    let tester = Tester::new().await;
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    phone.log_in("shandong", "lan").await.expect("logged in");
    phone.client().sync(&JINAN.parse().expect("a region")).await.expect("synced");

    // Expire a token: the phone renews it by itself.
    let sessions = tester.read("/worlds/default/sessions?persona=lan").await;
    assert_eq!((sessions[0]["persona"].as_str(), sessions[0]["provider"].as_str()), (Some("lan"), Some("shandong")));
    tester.call(Method::DELETE, "/worlds/default/journal", None).await;
    let expired = tester.call(Method::POST, "/worlds/default/tokens/expire?persona=lan", None).await;
    assert_eq!(expired["count"], 1);
    phone.client().sessions().await.expect("renewed");
    let renewed = json!({ "on": { "path": "/idp/*/token", "body_contains": "refresh_token", "persona": "lan" } });
    let verdict = tester.call(Method::POST, "/worlds/default/journal/verify", Some(renewed)).await;
    assert_eq!((&verdict["holds"], &verdict["count"]), (&json!(true), &json!(1)));

    // Roll the registry back: the phone sees through it.
    tester.preset("rollback-attack").await;
    let refused = phone.client().sync(&JINAN.parse().expect("a region")).await;
    assert!(matches!(refused, Err(Error::RollbackRejected { .. })), "{refused:?}");
    tester.call(Method::DELETE, "/worlds/default/faults/rollback-attack", None).await;
    phone.client().sync(&JINAN.parse().expect("a region")).await.expect("welcome again");

    // Slow one path: the journal says how long it took, and by what.
    let slow = json!({ "id": "slow", "what": { "kind": "latency", "delay": { "fixed_ms": 120 } }, "on": { "path": "/city/*/transit" } });
    tester.begins(slow).await;
    tester.ask("/city/cn-sd.jinan/transit").await.expect("answered");
    tester.ask("/city/cn-sd.jinan").await.expect("answered");
    let one = tester.read("/worlds/default/faults/slow").await;
    assert_eq!((&one["id"], &one["struck"]), (&json!("slow"), &json!(1)));
    assert_eq!(tester.read("/worlds/default/gates/metro-1").await["settings"]["number"], 1);
    for gone in ["faults/other", "stubs/other", "gates/other"] {
        let answer = tester.control(Method::GET, &format!("/worlds/default/{gone}")).send().await.expect("answered");
        assert_eq!(answer.status(), 404, "{gone}");
    }
    let journal = tester.read("/worlds/default/journal?path=/city/**").await;
    assert!(journal[0]["took_ms"].as_u64() >= Some(120) && journal[0]["faults"] == json!(["slow"]), "{journal}");
    assert!(journal[1]["faults"].is_null(), "{journal}");

    // Jump an hour: servers and phones alike.
    let (world, wall) = (tester.world.now(), phone.platform().clock.wall());
    tester.call(Method::PATCH, "/worlds/default/clock", Some(json!({ "jump_seconds": 3600 }))).await;
    assert!(tester.world.now() - world >= 3600 && phone.platform().clock.wall() - wall >= 3_600_000);

    // See what arrived.
    tester.report("first", "pothole").await.expect("answered");
    let journal = tester.read("/worlds/default/journal?method=POST&unit=cn-sd/qingdao").await;
    assert_eq!(
        (journal[0]["status"].as_u64(), journal[0]["request"]["body"].as_str()),
        (Some(201), Some(r#"{"category":"pothole"}"#))
    );
    let submissions = tester.read("/worlds/default/submissions").await;
    assert_eq!((&submissions[0]["number"], &submissions[0]["body"]["category"]), (&json!("first"), &json!("pothole")));

    // Reset: nothing is left, and the phone goes on.
    tester.call(Method::POST, "/worlds/default/reset", None).await;
    for what in ["sessions", "submissions", "passes", "faults", "journal"] {
        assert_eq!(tester.read(&format!("/worlds/default/{what}")).await, json!([]), "{what}");
    }
    phone.client().sync(&JINAN.parse().expect("a region")).await.expect("the same anchors");
    phone.log_in("shandong", "lan").await.expect("logged in again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_takes_back_what_was_published_and_phones_follow() {
    let tester = Tester::new().await;
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    let jinan = JINAN.parse().expect("a region");
    let announcement = json!({ "outage": { "reason": { "en": "The system is being updated" } } });
    tester.call(Method::PUT, "/worlds/default/announcements/cn-sd", Some(announcement)).await;
    phone.client().sync(&jinan).await.expect("synced");
    assert!(phone.client().home(&jinan).await.expect("home").announcement.is_some());
    let services = phone.client().home(&jinan).await.expect("home").services.len();
    tester.world.rotate_issuer_key("cn-sd").expect("a new key");
    tester.call(Method::POST, "/worlds/default/reset", None).await;
    phone.client().sync(&jinan).await.expect("versions went on upwards");
    let home = phone.client().home(&jinan).await.expect("home");
    assert!(home.announcement.is_none());
    assert_eq!(home.services.len(), services);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_s_page_changes_nothing_and_a_call_without_the_header_neither() {
    let tester = Tester::new().await;
    let url = format!("{}/worlds", tester.world.web_origin());
    let post = || tester.http.post(&url).header("content-type", "application/json").body("{}");
    let status = async |request: reqwest::RequestBuilder| {
        let response = request.send().await.expect("answered");
        assert!(response.headers().get("access-control-allow-origin").is_none());
        let status = response.status().as_u16();
        (status, response.text().await.expect("whole"))
    };
    let (code, said) = status(post()).await;
    assert!(code == 403 && said.contains("OneCity-Admin"), "{code} {said}");
    let foreign = post().header("onecity-admin", "1").header("origin", "https://evil.example");
    assert_eq!(status(foreign).await.0, 403);
    let preflight = tester.http.request(Method::OPTIONS, &url).header("origin", "https://evil.example");
    assert_eq!(status(preflight.header("access-control-request-headers", "onecity-admin")).await.0, 403);
    let reading = tester.http.get(&url).header("origin", "https://evil.example").header("onecity-admin", "1");
    assert_eq!(status(reading).await.0, 403);
    assert_eq!(status(tester.http.get(&url)).await.0, 403, "an image of a stranger's page, or a service's own request");
    let form = tester.http.post(&url).header("onecity-admin", "1").header("content-type", "text/plain").body("{}");
    assert_eq!(status(form).await.0, 415);
    let rebound = tester.http.get(&url).header("host", "evil.example");
    assert_eq!(status(rebound).await.0, 421);
    assert_eq!(tester.read("/worlds").await.as_array().map(Vec::len), Some(1));
    let own = post().header("onecity-admin", "1").header("origin", tester.world.web_origin());
    assert_eq!(status(own).await.0, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_another_machine_the_controls_want_the_token() {
    let tester = Tester::with(WorldOptions { network: true, ..WorldOptions::default() }).await;
    let Some(address) = mock_server::network_address() else { return };
    let url = format!("http://{address}:{}/worlds", tester.server.address().port());
    let get = || tester.http.get(&url).header("onecity-admin", "1");
    let refused = get().send().await.expect("answered");
    assert_eq!(refused.status(), 401);
    assert!(refused.headers().contains_key("www-authenticate"));
    let wrong = get().bearer_auth("a guess").send().await.expect("answered");
    assert_eq!(wrong.status(), 401);
    let token = tester.server.admin_token();
    assert!(token.len() >= 40);
    let right = get().bearer_auth(token).send().await.expect("answered");
    assert_eq!(right.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_done_is_refused_by_name() {
    let tester = Tester::new().await;
    for (method, path, said, status, word) in [
        (Method::GET, "/worlds/nowhere", None, 404, "unknown"),
        (Method::POST, "/worlds", Some(json!({ "name": "No!" })), 422, "wrong"),
        (Method::POST, "/worlds", Some(json!({ "name": "default" })), 409, "taken"),
        (Method::POST, "/worlds", Some(json!({ "unknown": 1 })), 422, "wrong"),
        (Method::POST, "/worlds", Some(json!([1])), 422, "wrong"),
        (Method::DELETE, "/worlds/default", None, 422, "wrong"),
        (Method::PUT, "/worlds", None, 405, "method"),
        (Method::PATCH, "/worlds/default/clock", Some(json!({ "time": "tomorrow" })), 422, "wrong"),
        (Method::PATCH, "/worlds/default/clock", Some(json!({ "speed": 40_000 })), 422, "wrong"),
        (Method::POST, "/worlds/default/faults", Some(json!({ "what": { "kind": "earthquake" } })), 422, "wrong"),
        (
            Method::POST,
            "/worlds/default/faults",
            Some(json!({ "what": { "kind": "reset" }, "probability": 2 })),
            422,
            "wrong",
        ),
        (Method::DELETE, "/worlds/default/faults/none", None, 404, "unknown"),
        (Method::PUT, "/worlds/default/presets/earthquake", None, 404, "unknown"),
        (Method::GET, "/worlds/default/journal?status=many", None, 400, "malformed"),
        (Method::GET, "/worlds/default/journal?path=/[", None, 422, "wrong"),
        (Method::GET, "/worlds/default/journal?most=10001", None, 422, "wrong"),
        (Method::GET, "/worlds/default/sessions?persona=nobody", None, 404, "unknown"),
        (Method::PUT, "/worlds/default/passes/none", Some(json!({ "status": "revoked" })), 404, "unknown"),
        (Method::POST, "/worlds/default/submissions/none/progress", Some(json!({ "status": "done" })), 404, "unknown"),
        (Method::POST, "/worlds/default/registries/cn-zz/sign", None, 404, "unknown"),
        (
            Method::PUT,
            "/worlds/default/announcements/cn-sd",
            Some(json!({ "outage": { "reason": { "en": "" } } })),
            422,
            "wrong",
        ),
    ] {
        let request = tester.control(method.clone(), path);
        let request = match &said {
            Some(said) => request.header("content-type", "application/json").body(said.to_string()),
            None => request,
        };
        let response = request.send().await.expect("answered");
        let code = response.status().as_u16();
        let text = response.text().await.expect("whole");
        let refused: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{method} {path}: {code} {text}"));
        assert_eq!((code, refused["error"].as_str()), (status, Some(word)), "{method} {path}: {text}");
        assert!(refused["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_control_is_described() {
    let tester = Tester::new().await;
    tester.attaches("r-1", "once", kit::picture()).await;
    tester.begins(json!({ "id": "once", "what": { "kind": "reset" }, "times": 1 })).await;
    let stub = json!({ "id": "once", "on": { "path": "/city/vn-hn/x" }, "answer": { "kind": "reply" } });
    tester.call(Method::POST, "/worlds/default/stubs", Some(stub)).await;
    let description = tester.read("/openapi.json").await;
    assert!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let mut operations = Vec::new();
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no name"));
            assert!(operation["summary"].as_str().is_some_and(|said| said.len() > 8), "{name} says what it does");
            assert!(operation["responses"].as_object().is_some_and(|all| all.contains_key("404")), "{name}");
            operations.push(name.to_owned());
            // What is described is there.
            let path = path.replace("{world}", "default").replace("{region}", "cn-sd").replace("{gate}", "metro-1");
            let path = path.replace("{id}", "once").replace("{attachment}", "once");
            let method: Method = method.to_uppercase().parse().expect("a method");
            if method == Method::GET && !path.ends_with("/live") {
                tester.read(&path).await;
            }
        }
    }
    operations.sort_unstable();
    let count = operations.len();
    operations.dedup();
    assert_eq!(operations.len(), count, "each has a name of its own");
    assert!(count >= 30, "{operations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_goes_on_with_a_submission_and_an_issuer_revokes_a_pass() {
    let tester = Tester::new().await;
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    phone.log_in("shandong", "lan").await.expect("logged in");
    phone.client().sync(&JINAN.parse().expect("a region")).await.expect("synced");
    let province = "cn-sd".parse().expect("a region");
    let added = phone.client().add_pass(&province, "transit", None).await.expect("a pass");
    let passes = tester.read("/worlds/default/passes").await;
    assert_eq!(
        (&passes[0]["pass"], &passes[0]["persona"], &passes[0]["status"]),
        (&json!(added.id), &json!("lan"), &json!("valid"))
    );
    let path = format!("/worlds/default/passes/{}", added.id);
    for status in ["suspended", "valid", "revoked"] {
        tester.call(Method::PUT, &path, Some(json!({ "status": status }))).await;
        assert_eq!(tester.read("/worlds/default/passes").await[0]["status"], status);
    }
    tester.report("r-1", "noise").await.expect("answered");
    let progress = json!({ "status": "answered", "text": "Repaired." });
    tester.call(Method::POST, "/worlds/default/submissions/r-1/progress", Some(progress)).await;
    let submissions = tester.read("/worlds/default/submissions").await;
    assert_eq!(submissions[0]["timeline"][1]["text"], "Repaired.");
}
