//! Answers in the place of a city's back end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::Tester;

const LIBRARY: &str = "/city/cn-sd.jinan/library";

async fn stub(tester: &Tester, stub: Value) -> Value {
    tester.call(Method::POST, "/worlds/default/stubs", Some(stub)).await
}

async fn text(tester: &Tester, path: &str) -> (u16, String) {
    let answer = tester.ask(path).await.expect("answered");
    (answer.status().as_u16(), answer.text().await.expect("whole"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_stub_that_is_meant_answers_as_often_as_it_says() {
    let tester = Tester::new().await;
    assert_eq!(text(&tester, LIBRARY).await.0, 404, "the world knows of no library");
    let reply = |body: Value| json!({ "kind": "reply", "json": body });
    stub(&tester, json!({ "on": { "path": format!("{LIBRARY}/**") }, "answer": reply(json!({ "books": 3 })) })).await;
    stub(&tester, json!({
        "id": "busy", "on": { "path": format!("{LIBRARY}/*"), "methods": ["GET"], "query": { "page": "2" } }, "times": 1,
        "answer": { "kind": "reply", "status": 429, "headers": { "retry-after": "9" }, "body": "busy" },
    }))
    .await;
    let path = format!("{LIBRARY}/books");
    assert_eq!(text(&tester, &path).await, (200, r#"{"books":3}"#.to_owned()));
    let busy = tester.ask(&format!("{path}?page=2")).await.expect("answered");
    assert_eq!((busy.status().as_u16(), &busy.headers()["retry-after"]), (429, &"9".parse().expect("a header")));
    assert_eq!(text(&tester, &format!("{path}?page=2")).await.0, 200, "once, and then the next is asked");

    // Headers, JSON and the persona count, too; and faults strike stubs as they strike anything.
    stub(&tester, json!({
        "on": { "path": "/city/*/reports", "methods": ["POST"], "json": { "/category": "noise" }, "headers": { "x-desk": "7" } },
        "answer": reply(json!("taken by desk 7")),
    }))
    .await;
    let send = async |category: &str, desk: &str| {
        let url = format!("{}/city/vn-hn/reports", tester.world.origin());
        let request =
            tester.http.post(url).header("x-desk", desk).header("idempotency-key", format!("\"{category}{desk}\""));
        let body = json!({ "category": category }).to_string();
        request.header("content-type", "application/json").body(body).send().await.expect("answered").status().as_u16()
    };
    assert_eq!((send("noise", "7").await, send("noise", "8").await, send("lamp", "7").await), (200, 201, 201));
    tester.preset("city-down").await;
    assert_eq!(text(&tester, &path).await.0, 503);
    tester.all_is_well().await;

    let stubs = tester.read("/worlds/default/stubs").await;
    let answered: Vec<u64> =
        stubs.as_array().expect("a list").iter().filter_map(|own| own["answered"].as_u64()).collect();
    assert_eq!(answered, [1, 1, 2], "the newest first");
    tester.call(Method::DELETE, "/worlds/default/stubs", None).await;
    assert_eq!(text(&tester, &path).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_speaks_of_the_request_and_the_world_and_does_no_more_than_it_may() {
    let tester = Tester::new().await;
    tester
        .call(Method::PATCH, "/worlds/default/clock", Some(json!({ "time": "2027-01-31T08:00:00+08:00", "speed": 0 })))
        .await;
    let body = r#"{"book":{{ request.segments[3] | tojson }},"page":{{ request.query.page | default("1") }},"due":{{ world.now + 86400 }},"title":{{ request.json.title | tojson }}}"#;
    stub(&tester, json!({
        "on": { "path": format!("{LIBRARY}/*") },
        "answer": { "kind": "reply", "headers": { "content-type": "application/json" }, "body": body, "template": true },
    }))
    .await;
    let url = format!("{}{LIBRARY}/b-17?page=4", tester.world.origin());
    let asked = tester
        .http
        .post(url)
        .header("content-type", "application/json")
        .body(json!({ "title": "\"Quoted\"" }).to_string());
    let said: Value =
        serde_json::from_str(&asked.send().await.expect("answered").text().await.expect("whole")).expect("JSON");
    assert_eq!(said, json!({ "book": "b-17", "page": 4, "due": 1_801_440_000, "title": "\"Quoted\"" }));

    let endless = "{% for a in range(10000) %}{% for b in range(10000) %}{{ a * b }}{% endfor %}{% endfor %}";
    stub(
        &tester,
        json!({ "on": { "path": LIBRARY }, "answer": { "kind": "reply", "body": endless, "template": true } }),
    )
    .await;
    assert_eq!(text(&tester, LIBRARY).await.0, 500, "it was stopped");
}

/// A real back end, which counts how often it was asked.
async fn staging() -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = |asked: &AtomicUsize| asked.fetch_add(1, Ordering::Relaxed) + 1;
    let book = move |State(asked): State<Arc<AtomicUsize>>, Path(id): Path<String>| async move {
        Json(json!({ "book": id, "asked": count(&asked) }))
    };
    let order = |body: String| async move { (StatusCode::ACCEPTED, Json(json!({ "ordered": body }))) };
    let app = Router::new()
        .route("/v1/books/{id}", get(book))
        .route("/v1/orders", post(order))
        .with_state(Arc::clone(&asked));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}/v1"), asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_back_end_answers_and_what_it_said_is_said_again_without_it() {
    let tester = Tester::new().await;
    let (to, asked) = staging().await;
    let on = json!({ "path": format!("{LIBRARY}/**") });
    let passing = json!({ "id": "staging", "on": on, "answer": { "kind": "pass-on", "to": to, "strip": LIBRARY, "record": true } });
    stub(&tester, passing).await;
    let (status, first) = text(&tester, &format!("{LIBRARY}/books/b-1")).await;
    assert_eq!((status, asked.load(Ordering::Relaxed)), (200, 1));
    let order = async || {
        let url = format!("{}{LIBRARY}/orders", tester.world.origin());
        let sent = tester.http.post(url).header("content-type", "application/json").body(r#"{"book":"b-1"}"#).send();
        let answer = sent.await.expect("answered");
        (answer.status().as_u16(), answer.text().await.expect("whole"))
    };
    let ordered = order().await;
    assert!(ordered.0 == 202 && ordered.1.contains("b-1"), "{ordered:?}");
    assert_eq!(text(&tester, &format!("{LIBRARY}/nothing")).await.0, 404, "as the back end says it");

    tester.call(Method::DELETE, "/worlds/default/stubs/staging", None).await;
    let again = text(&tester, &format!("{LIBRARY}/books/b-1")).await;
    assert_eq!((again, order().await), ((200, first), ordered));
    assert_eq!(asked.load(Ordering::Relaxed), 1, "nobody asked the back end");
    assert_eq!(text(&tester, &format!("{LIBRARY}/books/b-2")).await.0, 404, "what was never said is not made up");
    assert_eq!(text(&tester, &format!("{LIBRARY}/books/b-1?page=2")).await.0, 404, "another query is another request");

    // One that does not answer is a gateway's trouble.
    let dead = json!({ "on": on, "answer": { "kind": "pass-on", "to": "http://127.0.0.1:9" } });
    stub(&tester, dead).await;
    assert_eq!(text(&tester, &format!("{LIBRARY}/books/b-1")).await.0, 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_stub_is_refused_by_name() {
    let tester = Tester::new().await;
    let reply = json!({ "kind": "reply" });
    let on = json!({ "path": LIBRARY });
    for wrong in [
        json!({ "on": { "path": "/idp/shandong/token" }, "answer": reply }),
        json!({ "on": { "path": "/city/[" }, "answer": reply }),
        json!({ "on": { "path": LIBRARY, "methods": ["GE T"] }, "answer": reply }),
        json!({ "on": { "path": LIBRARY, "headers": { "x desk": "7" } }, "answer": reply }),
        json!({ "on": { "unit": "cn-sd/jinan" }, "answer": reply }),
        json!({ "on": { "path": LIBRARY, "json": { "category": 1 } }, "answer": reply }),
        json!({ "on": on, "answer": { "kind": "reply", "status": 99 } }),
        json!({ "on": on, "answer": { "kind": "reply", "headers": { "a b": "c" } } }),
        json!({ "on": on, "answer": { "kind": "reply", "headers": { "a": "b\r\nc: d" } } }),
        json!({ "on": on, "answer": { "kind": "reply", "body": "a", "json": 1 } }),
        json!({ "on": on, "answer": { "kind": "reply", "body": "{{ open", "template": true } }),
        json!({ "on": on, "answer": { "kind": "pass-on", "to": "file:///etc/passwd" } }),
        json!({ "on": on, "answer": { "kind": "reply", "body": "x".repeat((1 << 20) + 1) } }),
        json!({ "on": ["/city/a"], "answer": reply }),
        json!({ "id": "No!", "on": on, "answer": reply }),
    ] {
        let call = tester.control(Method::POST, "/worlds/default/stubs").header("content-type", "application/json");
        let answer = call.body(wrong.to_string()).send().await.expect("answered");
        let said = format!("{wrong:.120}");
        assert_eq!(answer.status(), 422, "{said}: {}", answer.text().await.expect("whole"));
    }
    assert_eq!(tester.read("/worlds/default/stubs").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_passed_on_goes_nowhere_else_comes_not_back_and_is_no_page_of_this_server() {
    let tester = Tester::new().await;
    let (to, asked) = staging().await;
    let on = json!({ "path": format!("{LIBRARY}/**") });
    stub(&tester, json!({ "on": on, "answer": { "kind": "pass-on", "to": format!("{to}/books"), "strip": LIBRARY } }))
        .await;
    // As a client writes it that leaves a path as it is.
    let raw = async |path: &str| {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(tester.server.address()).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut said = String::new();
        stream.read_to_string(&mut said).await.expect("answered");
        said.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok()).expect("a status")
    };
    assert_eq!(raw(&format!("{LIBRARY}/b-1")).await, 200);
    for up in ["/../orders", "/%2e%2e/orders", "/a/../../orders", "/..%2forders"] {
        assert_eq!(raw(&format!("{LIBRARY}{up}")).await, 400, "{up}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);

    let own = format!("{}{LIBRARY}", tester.world.origin());
    stub(&tester, json!({ "on": on, "answer": { "kind": "pass-on", "to": own, "strip": LIBRARY } })).await;
    assert_eq!(text(&tester, &format!("{LIBRARY}/b-1")).await.0, 508, "it came back");

    let page = json!({ "kind": "reply", "body": "<script>1</script>", "headers": { "content-type": "text/html" } });
    stub(&tester, json!({ "on": on, "answer": page })).await;
    let answer = tester.ask(&format!("{LIBRARY}/page")).await.expect("answered");
    assert_eq!(answer.headers()["content-security-policy"], "sandbox; default-src 'none'");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_of_one_persona_is_not_told_to_another() {
    let tester = Tester::new().await;
    let (to, _) = staging().await;
    let on = json!({ "path": format!("{LIBRARY}/**") });
    let passing = json!({ "id": "staging", "on": on, "answer": { "kind": "pass-on", "to": to, "strip": LIBRARY, "record": true } });
    stub(&tester, passing).await;
    let ask = async |body: &str| {
        let url = format!("{}{LIBRARY}/orders", tester.world.origin());
        let sent = tester.http.post(url).header("content-type", "text/plain").body(body.to_owned()).send().await;
        sent.expect("answered").status().as_u16()
    };
    assert_eq!(ask("first").await, 202);
    tester.call(Method::DELETE, "/worlds/default/stubs/staging", None).await;
    assert_eq!((ask("first").await, ask("second").await), (202, 404), "another body is another request");
}
