//! A page's calls, each as a page makes it and as a page may try it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::{Launch, Lifecycle, ResourceRequest, ServiceSession};
use crate::device::testing::{Reply, Resident};
use crate::error::{Error, Refusal};
use crate::platform::Platform;
use crate::registry::testing::region;
use crate::services::testing::{CITY, Kit, everything};

async fn open(kit: &Kit) -> ServiceSession {
    kit.services.open(everything(), region("cn-sd/jinan"), Launch::default()).await.expect("opened")
}

async fn call(page: &ServiceSession, method: &str, params: Value) -> Result<Value, String> {
    let answer = page.call(&json!({ "method": method, "params": params }).to_string()).await;
    let mut answer: Value = serde_json::from_str(&answer).expect("JSON");
    match answer["error"]["code"].as_str() {
        Some(code) => Err(code.to_owned()),
        None => Ok(answer["result"].take()),
    }
}

fn refused(code: &str) -> Result<Value, String> {
    Err(code.to_owned())
}

#[tokio::test]
async fn a_service_opens_where_it_is_offered_and_nowhere_else() {
    let kit = Kit::new().await;
    assert_eq!(open(&kit).await.entry(), "index.html");
    let elsewhere = kit.services.open(everything(), region("cn-sd/qingdao"), Launch::default()).await.map(drop);
    assert!(matches!(elsewhere, Err(Error::Refused { reason: Refusal::NotOffered, .. })));
    let launch = Launch { page: Some("no-such-page".to_owned()), ..Launch::default() };
    let page = kit.services.open(everything(), region("cn-sd/jinan"), launch).await.map(drop);
    assert!(matches!(page, Err(Error::Refused { reason: Refusal::NotFound, .. })));
    let link = "onecity://miniapp/cn-sd.jinan:everything".parse().expect("a link");
    let opened = kit.services.open_link(&link, region("cn-sd/qingdao")).await.expect("where its publisher is");
    assert_eq!(opened.region(), &region("cn-sd/jinan"));
}

#[tokio::test]
async fn a_page_s_files_come_with_its_policies_and_nothing_else_comes() {
    let kit = Kit::new().await;
    let page = open(&kit).await;
    let found = page.resource(&ResourceRequest::from("/index.html")).await.expect("read");
    assert_eq!(found.status, 200);
    assert!(found.headers.iter().any(|own| own.name == "content-security-policy"));
    for path in ["/../vault.sqlite", "/nothing", "https://evil.example/"] {
        assert_eq!(page.resource(&ResourceRequest::from(path)).await.expect("read").status, 404, "{path}");
    }
    let post = ResourceRequest { method: "POST".to_owned(), ..ResourceRequest::from("/index.html") };
    assert_eq!(page.resource(&post).await.expect("read").status, 405);
}

#[tokio::test]
async fn values_and_drafts_of_a_page_are_its_own() {
    let kit = Kit::new().await;
    let page = open(&kit).await;
    call(&page, "storage_set", json!({ "key": "a", "value": { "b": 1 } })).await.expect("stored");
    assert_eq!(call(&page, "storage_get", json!({ "key": "a" })).await, Ok(json!({ "b": 1 })));
    assert_eq!(call(&page, "storage_keys", json!({})).await, Ok(json!(["a"])));
    assert_eq!(call(&page, "storage_get", json!({ "key": "" })).await, refused("invalid_call"));
    let large = json!({ "key": "a", "value": "x".repeat(70 << 10) });
    assert_eq!(call(&page, "storage_set", large).await, refused("quota"));
    call(&page, "draft_set", json!({ "title": "Lamp", "body": { "x": 1 } })).await.expect("stored");
    assert_eq!(call(&page, "draft_get", json!({})).await.expect("read")["title"], "Lamp");
}

#[tokio::test]
async fn a_request_goes_to_a_declared_origin_or_nowhere() {
    let kit = Kit::new().await;
    let page = open(&kit).await;
    kit.bench().http.always("/news", Reply::json(&json!({ "headline": "rain" })));
    let news = call(&page, "request", json!({ "method": "GET", "url": format!("{CITY}/news") })).await.expect("asked");
    assert_eq!((news["status"].as_u64(), &news["body"]["headline"]), (Some(200), &json!("rain")));
    let other = json!({ "method": "GET", "url": "https://evil.example/" });
    assert_eq!(call(&page, "request", other).await, refused("not_declared"));
    let inside = json!({ "method": "GET", "url": "https://10.0.0.1/" });
    assert_eq!(call(&page, "request", inside).await, refused("invalid_call"));
    let header = json!({ "method": "GET", "url": format!("{CITY}/news"), "headers": { "authorization": "x" } });
    assert_eq!(call(&page, "request", header).await, refused("invalid_call"));
    let lost = json!({ "method": "GET", "url": format!("{CITY}/lost") });
    assert_eq!(call(&page, "request", lost).await, refused("network"));
}

#[tokio::test]
async fn what_a_page_hands_in_is_in_the_outbox() {
    let kit = Kit::new().await;
    let page = open(&kit).await;
    let report = json!({ "url": format!("{CITY}/reports"), "title": "Lamp", "body": { "text": "out" } });
    let id = call(&page, "submit", report).await.expect("stored")["id"].clone();
    let listed = call(&page, "submissions_list", json!({})).await.expect("listed");
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&id, &json!("waiting")));
    let nameless = json!({ "url": format!("{CITY}/reports"), "title": " ", "body": {} });
    assert_eq!(call(&page, "submit", nameless).await, refused("invalid_call"));
}

#[tokio::test]
async fn a_login_needs_an_account_and_the_resident_s_agreement() {
    let resident = Arc::new(Resident::default());
    let own = Arc::clone(&resident);
    let kit = Kit::with(|platform| Platform { consent: own, ..platform }).await;
    assert_eq!(call(&open(&kit).await, "login", json!({})).await, refused("login_required"));
    kit.identity.log_in("lan").await.expect("logged in");
    let page = open(&kit).await;
    resident.refuses.store(true, Ordering::SeqCst);
    assert_eq!(call(&page, "login", json!({})).await, refused("consent"));
    resident.refuses.store(false, Ordering::SeqCst);
    page.touched();
    assert_eq!(call(&page, "login", json!({})).await.expect("agreed")["fields"], json!(["name"]));
    assert_eq!(resident.asked.lock().expect("whole").len(), 2);
}

#[tokio::test]
async fn an_open_page_never_becomes_another_account_s() {
    let kit = Kit::new().await;
    let page = open(&kit).await;
    call(&page, "storage_set", json!({ "key": "a", "value": 1 })).await.expect("stored");
    kit.identity.log_in("lan").await.expect("logged in");
    assert_eq!(call(&page, "storage_get", json!({ "key": "a" })).await, refused("login_required"));
    assert_eq!(call(&page, "info", json!({})).await.expect("told")["account"], Value::Null);
}

#[tokio::test]
async fn what_is_hidden_asks_nobody_and_what_is_closed_does_nothing() {
    let kit = Kit::new().await;
    let page = open(&kit).await;
    page.lifecycle(Lifecycle::Hidden);
    for method in ["scan", "locate", "pick_photo"] {
        assert_eq!(call(&page, method, json!({})).await, refused("not_shown"), "{method}");
    }
    page.lifecycle(Lifecycle::Shown);
    assert_eq!(call(&page, "scan", json!({})).await, refused("cancelled"), "the resident went back");
    page.lifecycle(Lifecycle::Unloaded);
    assert_eq!(call(&page, "info", json!({})).await, refused("closed"));
    assert_eq!(page.resource(&ResourceRequest::from("/index.html")).await.expect("read").status, 404);
}

#[tokio::test]
async fn nonsense_is_refused_by_name() {
    let kit = Kit::new().await;
    let page = open(&kit).await;
    for nonsense in ["", "[]", "{\"method\":\"format_disk\"}", "{\"method\":\"info\",\"params\":{\"x\":1}}"] {
        let answer: Value = serde_json::from_str(&page.call(nonsense).await).expect("JSON");
        assert!(answer["error"]["code"].is_string(), "{nonsense}: {answer}");
    }
    assert_eq!(call(&page, "documents_request", json!({ "types": [] })).await, refused("invalid_call"));
}
