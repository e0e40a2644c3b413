//! Reports as a city handles them: its answers, what there is to see with them, and what outlives a server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mock_server::WorldOptions;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::kit::{self, Tester};

const HA_NOI: &str = "/city/vn-hn";

/// Hands something in, as a phone does that nobody is logged in on.
async fn hands_in(tester: &Tester, path: &str, number: &str, body: &Value) -> Response {
    let sent = tester
        .http
        .post(format!("{}{HA_NOI}/{path}", tester.world.origin()))
        .header("idempotency-key", format!("\"{number}\""))
        .header("content-type", "application/json")
        .body(body.to_string());
    sent.send().await.expect("answered")
}

async fn told(answer: Response) -> Value {
    serde_json::from_str(&answer.text().await.expect("whole")).expect("JSON")
}

async fn asks(tester: &Tester, path: &str) -> Value {
    told(tester.ask(&format!("{HA_NOI}/{path}")).await.expect("answered")).await
}

/// What the desk is answered when it says something.
async fn says(tester: &Tester, number: &str, said: Value) -> StatusCode {
    let path = format!("/worlds/default/submissions/{number}/progress");
    let sent = tester.control(Method::POST, &path).header("content-type", "application/json").body(said.to_string());
    sent.send().await.expect("answered").status()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_to_see_and_what_was_thought_of_it_outlive_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("world.state");
    let tester = Tester::with(WorldOptions::default().seed(7).state(&file)).await;
    let report = json!({ "category": "lamp", "text": "dark", "place": "by the lake", "urgent": true });
    assert_eq!(hands_in(&tester, "reports", "one", &report).await.status(), 201);
    let picture = STANDARD.encode(kit::picture());
    let answer = json!({ "status": "done", "text": "A new lamp", "picture": picture, "signed": true });
    assert_eq!(says(&tester, "one", answer).await, 204);
    assert_eq!(hands_in(&tester, "ratings", "two", &json!({ "report": "one", "stars": 4 })).await.status(), 201);
    let again = json!({ "report": "one", "text": "dark again" });
    assert_eq!(hands_in(&tester, "reopenings", "three", &again).await.status(), 201);
    let seen = async |tester: &Tester| {
        let paths = ["reports/one", "reports/one/answers/1", "reopenings/three"];
        let [report, to_see, reopening] = paths;
        [asks(tester, report).await, asks(tester, to_see).await, asks(tester, reopening).await]
    };
    let before = seen(&tester).await;
    assert_eq!(before[0]["report"]["rating"]["stars"], 4);
    assert_eq!(before[0]["timeline"][2]["status"], "reopened");
    assert_eq!(before[0]["timeline"][2]["due"], before[2]["timeline"][0]["due"]);
    assert_eq!(before[1]["picture"], json!({ "media_type": "image/png", "base64": picture }));
    let Tester { server, world, .. } = tester;
    server.stop().await;
    drop(world);
    let tester = Tester::with(WorldOptions::default().seed(7).state(&file)).await;
    assert_eq!(seen(&tester).await, before);
    // It goes on where it stood: what the desk says of the report is told to who opened it again.
    assert_eq!(says(&tester, "one", json!({ "status": "accepted" })).await, 204);
    let [report, _, reopening] = seen(&tester).await;
    assert_eq!(report["timeline"][3], reopening["timeline"][1]);
    assert!(report["timeline"][3]["due"].is_i64(), "it is urgent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_closed_with_words_and_something_to_see_or_the_desk_is_told_why_not() {
    let tester = Tester::new().await;
    hands_in(&tester, "reports", "one", &json!({ "category": "noise" })).await;
    hands_in(&tester, "appointments", "other", &json!({ "office": "office-0" })).await;
    let picture = STANDARD.encode(kit::picture());
    let large = STANDARD.encode([kit::picture(), vec![0; 600_000]].concat());
    for (number, said, status) in [
        ("one", json!({ "status": "done" }), 422),
        ("one", json!({ "status": "done", "text": "Mended" }), 422),
        ("one", json!({ "status": "closed", "text": " ", "picture": picture }), 422),
        ("one", json!({ "status": "done", "text": "Mended", "picture": "no base64" }), 422),
        ("one", json!({ "status": "done", "text": "Mended", "picture": STANDARD.encode("<svg/>") }), 422),
        ("one", json!({ "status": "done", "text": "Mended", "picture": large }), 422),
        ("one", json!({ "status": "rejected", "signed": true }), 422),
        ("one", json!({ "status": "", "text": "Mended", "signed": true }), 422),
        ("other", json!({ "status": "done", "picture": picture }), 422),
        ("other", json!({ "status": "done", "signed": true }), 422),
        ("none", json!({ "status": "done", "text": "Mended", "signed": true }), 404),
    ] {
        assert_eq!(says(&tester, number, said.clone()).await, status, "{number}: {said}");
    }
    assert_eq!(asks(&tester, "reports/one").await["timeline"].as_array().map(Vec::len), Some(1), "nothing was said");
    assert_eq!(says(&tester, "other", json!({ "status": "done" })).await, 204, "only a report has to be shown");
    assert_eq!(says(&tester, "one", json!({ "status": "rejected", "text": "It is a festival" })).await, 204);
    // Nobody closes it for ever: pictures and signatures are counted.
    for _ in 0..16 {
        assert_eq!(says(&tester, "one", json!({ "status": "done", "text": "Quiet", "signed": true })).await, 204);
    }
    assert_eq!(says(&tester, "one", json!({ "status": "done", "text": "Quiet", "signed": true })).await, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_looks_at_a_photo_that_has_come_whole_and_at_nothing_else() {
    let tester = Tester::new().await;
    tester.attaches("one", "photo", kit::picture()).await;
    tester.attaches("one", "text", b"<svg onload=alert(1)>".to_vec()).await;
    let look = async |id: &str| tester.read(&format!("/worlds/default/attachments/{id}")).await;
    let photo = json!({ "media_type": "image/png", "base64": STANDARD.encode(kit::picture()) });
    assert_eq!(look("photo").await, photo);
    assert_eq!(look("text").await["media_type"], Value::Null, "no page shows it as a picture");
    let none = tester.control(Method::GET, "/worlds/default/attachments/none").send().await.expect("answered");
    assert_eq!(none.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_report_rating_or_reopening_is_refused() {
    let tester = Tester::new().await;
    hands_in(&tester, "reports", "open", &json!({ "category": "noise" })).await;
    hands_in(&tester, "reports", "ended", &json!({ "category": "noise" })).await;
    says(&tester, "ended", json!({ "status": "rejected", "text": "It is a festival" })).await;
    let long = "字".repeat(1001);
    for (path, body) in [
        ("reports", json!({ "category": "else" })),
        ("reports", json!({ "category": 1 })),
        ("reports", json!({ "text": long })),
        ("reports", json!({ "text": ["x"] })),
        ("reports", json!({ "place": "字".repeat(121) })),
        ("reports", json!({ "category": "lamp", "urgent": "yes" })),
        ("reports", json!({ "category": "lamp", "position": { "latitude": 91, "longitude": 0 } })),
        ("reports", json!({ "category": "lamp", "position": { "latitude": 21 } })),
        ("reports", json!({ "category": "lamp", "position": "here" })),
        ("reports", json!({ "category": "lamp", "attachments": [{ "id": "none" }] })),
        ("reports", json!({ "category": "lamp", "attachments": [{ "id": "open/1" }] })),
        ("ratings", json!({ "report": "open", "stars": 3 })),
        ("ratings", json!({ "report": "none", "stars": 3 })),
        ("ratings", json!({ "report": "ended/1", "stars": 3 })),
        ("ratings", json!({ "report": "ended", "stars": 0 })),
        ("ratings", json!({ "report": "ended", "stars": 6 })),
        ("ratings", json!({ "report": "ended", "stars": 2.5 })),
        ("ratings", json!({ "report": "ended", "stars": 3, "text": long })),
        ("ratings", json!({ "report": "ended", "stars": 3, "more": 1 })),
        ("ratings", json!({ "stars": 3 })),
        ("reopenings", json!({ "report": "open", "text": "x" })),
        ("reopenings", json!({ "report": "none", "text": "x" })),
        ("reopenings", json!({ "report": "ended", "text": " " })),
        ("reopenings", json!({ "report": "ended" })),
        ("reopenings", json!({ "report": "ended", "text": long })),
        ("reopenings", json!({ "report": ["ended"], "text": "x" })),
    ] {
        let status = hands_in(&tester, path, "next", &body).await.status();
        assert_eq!(status, 422, "{path}: {body}");
    }
    // After a month it is over.
    tester.world.skip(30 * 86_400 + 1);
    let again = json!({ "report": "ended", "text": "loud again" });
    assert_eq!(hands_in(&tester, "reopenings", "late", &again).await.status(), 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rating_that_is_sent_again_counts_once_and_one_of_another_city_is_nothing() {
    let tester = Tester::new().await;
    hands_in(&tester, "reports", "one", &json!({ "category": "noise" })).await;
    says(&tester, "one", json!({ "status": "rejected", "text": "It is a festival" })).await;
    let again = json!({ "report": "one", "text": "loud again" });
    let first = told(hands_in(&tester, "reopenings", "two", &again).await).await;
    let second = told(hands_in(&tester, "reopenings", "two", &again).await).await;
    assert_eq!(first, second);
    assert_eq!(asks(&tester, "reports/one").await["timeline"].as_array().map(Vec::len), Some(3));
    let elsewhere = tester.ask("/city/cn-sd.qingdao/reports/one").await.expect("answered");
    assert_eq!(elsewhere.status(), 404);
    assert_eq!(
        tester.ask("/city/vn-hn/reports/one/answers/1").await.expect("answered").status(),
        404,
        "nothing to see"
    );
}
