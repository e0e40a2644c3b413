//! A page that means harm: every way out that the core can close. What only a web view can keep shut stands in
//! `docs/page-api.md`, for the shells.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::kit::{Kit, Page, service};

#[tokio::test(flavor = "multi_thread")]
async fn no_nonsense_on_the_bridge_does_more_than_be_refused() {
    let kit = Kit::new().await;
    let page = kit.opens("everything").await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let large = json!({ "method": "storage_get", "params": { "key": "k".repeat(2 << 20) } }).to_string();
    let nonsense = [
        "",
        "null",
        "[]",
        "{}",
        "\0",
        "{\"method\":\"info\"",
        r#"{"method":"info","params":{},"more":1}"#,
        r#"{"method":"format_disk","params":{}}"#,
        r#"{"method":"info","params":[]}"#,
        r#"{"method":"storage_set","params":{"key":"a"}}"#,
        r#"{"method":"request","params":{"method":"CONNECT","url":"https://a.example"}}"#,
        r#"{"method":"pay","params":{"order":"1","url":"https://a.example","amount":-1,"currency":"CNY"}}"#,
        &deep,
        &large,
    ];
    for call in nonsense {
        let answer = kit.phone.client().bridge(&page.session, call).await.expect("an answer");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["error"]["code"], "invalid_call", "{}", &call[..call.len().min(60)]);
    }
    page.call("info", json!({})).await.expect("and the bridge still works");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_leaves_the_declared_origins_or_reaches_the_phone_s_own_network() {
    let kit = Kit::new().await;
    let page = kit.opens("everything").await;
    let origin = kit.world.origin().to_owned();
    let port = origin.rsplit(':').next().expect("a port").to_owned();
    let urls = [
        "https://evil.example/".to_owned(),
        origin.replace("http://", "https://"),
        origin.replace("127.0.0.1", "localhost"),
        origin.replace("127.0.0.1", "[::1]"),
        origin.replace("127.0.0.1", "127.0.0.2"),
        origin.replace(&port, "1"),
        format!("http://127.0.0.1.evil.example:{port}/"),
        format!("http://127.0.0.1:{port}@evil.example/"),
        format!("http://user:pass@127.0.0.1:{port}/"),
        "http://10.0.0.1/".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://192.168.1.1/".to_owned(),
        "https://[fd00::1]/".to_owned(),
        "https://0.0.0.0/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "data:text/plain,x".to_owned(),
        "ftp://evil.example/".to_owned(),
        "//evil.example/".to_owned(),
        "/relative".to_owned(),
        String::new(),
    ];
    for url in urls {
        let code = page.get(&url).await.expect_err(&url);
        assert!(code == "not_declared" || code == "invalid_call", "{url}: {code}");
        assert!(page.submit(&url, json!({ "a": 1 })).await.is_err(), "{url}");
    }
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_floods_the_bridge_is_slowed_down_and_no_other_page_notices() {
    let kit = Kit::new().await;
    let (flood, other) = (kit.opens("everything").await, kit.opens("other").await);
    let answers = join_all((0..1000).map(|_| flood.call("storage_get", json!({ "key": "k" })))).await;
    let busy = answers.iter().filter(|answer| **answer == Err("busy".to_owned())).count();
    assert!((500..1000).contains(&busy), "{busy} of 1000 were told to wait");
    assert_eq!(other.call("storage_get", json!({ "key": "k" })).await, Ok(json!(null)));
    let waiting = join_all((0..50).map(|_| async {
        let next = flood.call("next_event", json!({}));
        tokio::time::timeout(std::time::Duration::from_millis(200), next).await
    }));
    let refused = waiting.await.into_iter().filter(|own| matches!(own, Ok(Err(code)) if code == "busy")).count();
    assert!(refused >= 40, "{refused} of 50 listeners were refused");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_floods_its_storage_stops_at_its_quota_and_takes_nothing_from_another() {
    let kit = Kit::new().await;
    let (flood, other) = (kit.opens("everything").await, kit.opens("other").await);
    other.call("storage_set", json!({ "key": "k", "value": "mine" })).await.expect("kept");
    let value = "v".repeat(60_000);
    let mut refused = None;
    for number in 0..200 {
        match flood.call("storage_set", json!({ "key": number.to_string(), "value": value })).await {
            Ok(_) => {}
            Err(code) => {
                refused = Some((number, code));
                break;
            }
        }
    }
    let (at, code) = refused.expect("there is an end");
    assert_eq!(code, "quota");
    assert!((80..95).contains(&at), "about 5 MiB: {at} values");
    assert_eq!(
        flood.call("storage_set", json!({ "key": "k".repeat(129), "value": 1 })).await,
        Err("invalid_call".to_owned())
    );
    assert_eq!(other.call("storage_get", json!({ "key": "k" })).await, Ok(json!("mine")));
    other.call("storage_set", json!({ "key": "more", "value": value })).await.expect("there is room for the other");
    let vault = kit.phone.client().storage().await.expect("counted").vault;
    assert!(vault < 32 << 20, "{vault} bytes");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_and_two_accounts_read_nothing_of_each_other_s() {
    let kit = Kit::logged_in().await;
    let secret = json!({ "key": "secret", "value": "Lan's own" });
    let page = kit.opens("everything").await;
    page.call("storage_set", secret).await.expect("kept");
    page.call("draft_set", json!({ "title": "t", "body": { "a": 1 } })).await.expect("kept");
    let id = page.submit(&kit.url("/reports"), json!({ "n": 1 })).await.expect("kept");
    let reads_nothing = async |page: &Page<'_>| {
        let keys = ["secret", "everything\nsecret", "../everything/secret", "cn-sd/jinan/everything\nsecret"];
        for key in keys {
            assert_eq!(page.call("storage_get", json!({ "key": key })).await, Ok(json!(null)), "{key:?}");
        }
        assert_eq!(page.call("storage_keys", json!({})).await, Ok(json!([])));
        assert_eq!(page.call("draft_get", json!({})).await, Ok(json!(null)));
        let all = page.call("submissions_list", json!({})).await.expect("listed");
        assert!(!all.to_string().contains(&id));
    };
    reads_nothing(&kit.opens("other").await).await;
    kit.phone.log_in("shandong", "minh").await.expect("another account");
    reads_nothing(&kit.opens("everything").await).await;
    // The page that Lan left open.
    for (method, params) in [
        ("storage_get", json!({ "key": "secret" })),
        ("storage_keys", json!({})),
        ("draft_get", json!({})),
        ("submissions_list", json!({})),
    ] {
        assert_eq!(page.call(method, params).await, Err("login_required".to_owned()), "{method}");
    }
    let own = kit.phone.client().consents().await.expect("listed");
    assert!(own.iter().all(|consent| consent.service != service("everything")));
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_asks_for_too_much_at_once_or_waits_for_ever_harms_only_itself() {
    let kit = Kit::new().await;
    let page = kit.opens("everything").await;
    let body = json!({ "text": "x".repeat(2 << 20) });
    assert_eq!(page.submit(&kit.url("/reports"), body).await, Err("invalid_call".to_owned()));
    let many: Vec<String> = (0..11).map(|n| n.to_string()).collect();
    let params = json!({ "url": kit.url("/reports"), "title": "t", "body": {}, "attachments": many });
    assert_eq!(page.call("submit", params).await, Err("invalid_call".to_owned()));
    for title in ["", " ", &"t".repeat(201)] {
        let params = json!({ "url": kit.url("/reports"), "title": title, "body": {} });
        assert_eq!(page.call("submit", params).await, Err("invalid_call".to_owned()));
    }
    let params = json!({ "url": kit.url("/reports"), "title": "t", "body": {}, "attachments": ["another's"] });
    assert_eq!(page.call("submit", params).await, Err("not_found".to_owned()));
    assert_eq!(kit.phone.client().submissions().await.expect("listed").len(), 0, "none of it was kept");
    let names: Vec<Value> = (0..17).map(|n| json!(format!("t{n}"))).collect();
    assert_eq!(page.call("documents_request", json!({ "types": names })).await, Err("invalid_call".to_owned()));
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_floods_the_network_has_eight_requests_at_a_time() {
    let kit = Kit::new().await;
    let page = kit.opens("everything").await;
    let urls: Vec<String> = (0..60).map(|n| format!("{}?n={n}", kit.url(""))).collect();
    let answers = join_all(urls.iter().map(|url| page.get(url))).await;
    let busy = answers.iter().filter(|answer| answer.as_ref().is_err_and(|code| code == "busy")).count();
    assert!((20..=52).contains(&busy), "{busy} of 60 were told to wait");
    assert!(answers.iter().filter(|answer| answer.is_ok()).count() >= 8);
    kit.server.stop().await;
}
