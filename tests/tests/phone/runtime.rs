//! An open service: its files, its life, and what the phone does for it.

use onecity_core::{Error, Lifecycle, Refusal, ResourceRequest};
use serde_json::{Value, json};

use crate::kit::{Kit, jinan, service};

#[tokio::test(flavor = "multi_thread")]
async fn files_come_with_their_policies_ranges_and_tags_and_nothing_else_comes_at_all() {
    let kit = Kit::new().await;
    let page = kit.opens("everything").await;
    let ask =
        async |request: ResourceRequest| kit.phone.client().resource(&page.session, request).await.expect("answered");
    let whole = ask("index.html".into()).await;
    let header = |name: &str| whole.headers.iter().find(|own| own.name == name).map(|own| own.value.clone());
    assert_eq!((whole.status, whole.mime.as_str()), (200, "text/html; charset=utf-8"));
    let policy = header("content-security-policy").expect("a policy");
    for part in ["default-src 'none'", "script-src 'self'", "worker-src 'none'", "form-action 'none'", "webrtc 'block'"]
    {
        assert!(policy.contains(part), "{part}");
    }
    assert!(!policy.contains("unsafe"));
    let features = header("permissions-policy").expect("a policy");
    let off: Vec<&str> = features.split(", ").map(|own| own.strip_suffix("=()").expect("for nobody")).collect();
    for feature in ["camera", "clipboard-read", "clipboard-write", "fullscreen", "gamepad", "local-fonts", "web-share"]
        .into_iter()
        .chain(["publickey-credentials-create", "publickey-credentials-get", "storage-access", "direct-sockets"])
    {
        assert!(off.contains(&feature), "{feature}");
    }
    assert!(off.is_sorted_by(|one, other| one < other), "each once");
    let tag = header("etag").expect("a tag");
    let known =
        ask(ResourceRequest { if_none_match: Some(format!("\"x\", W/{tag}")), ..(&"/index.html?a#b").into() }).await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    let part = ask(ResourceRequest { range: Some("bytes=2-8".to_owned()), ..(&"index.html").into() }).await;
    assert_eq!((part.status, part.body.as_slice()), (206, &whole.body[2..=8]));
    let beyond = ask(ResourceRequest { range: Some("bytes=99999-".to_owned()), ..(&"index.html").into() }).await;
    assert_eq!(beyond.status, 416);
    let head = ask(ResourceRequest { method: "HEAD".to_owned(), ..(&"index.html").into() }).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let asked = ask(ResourceRequest { method: "OPTIONS".to_owned(), ..(&"index.html").into() }).await;
    assert_eq!(
        (asked.status, asked.body.len()),
        (204, 0),
        "pages are of no origin, and ask across origins for their own"
    );
    for method in ["POST", "PUT", "get"] {
        assert_eq!(ask(ResourceRequest { method: method.to_owned(), ..(&"index.html").into() }).await.status, 405);
    }
    for path in [
        "../vault.sqlite",
        "//index.html/..",
        "index.html/",
        "INDEX.HTML",
        "%69ndex.html",
        "\0",
        "https://a.example/",
        "manifest.json%00",
    ] {
        assert_eq!(ask((&path).into()).await.status, 404, "{path:?}");
    }
    assert_eq!(ask("onecity.js".into()).await.status, 200);
    assert_ne!(page.session.origin_host(), kit.opens("other").await.session.origin_host());
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_hears_of_its_life_and_asks_nothing_while_it_is_hidden_or_gone() {
    let kit = Kit::new().await;
    let page = kit.opens("everything").await;
    let next = async || page.call("next_event", json!({})).await.expect("an event")["type"].clone();
    assert_eq!([next().await, next().await], ["launched", "shown"]);
    let hides = async {
        tokio::task::yield_now().await;
        kit.phone.client().lifecycle(&page.session, Lifecycle::Hidden);
    };
    let (event, ()) = tokio::join!(next(), hides);
    assert_eq!(event, "hidden");
    for method in ["scan", "locate", "pick_photo", "share", "navigate", "passes_list"] {
        let params = match method {
            "share" => json!({ "text": "t", "url": null }),
            "navigate" => json!({ "url": "tel:12345" }),
            "passes_list" => json!({ "pass_type": "transit" }),
            _ => json!({}),
        };
        assert_eq!(page.call(method, params).await, Err("not_shown".to_owned()), "{method}");
    }
    assert_eq!(kit.resident.was_asked(), []);
    page.call("storage_set", json!({ "key": "k", "value": 1 })).await.expect("saving is fine");
    kit.phone.client().lifecycle(&page.session, Lifecycle::Unloaded);
    assert_eq!(page.call("info", json!({})).await, Err("closed".to_owned()));
    assert_eq!(kit.phone.client().resource(&page.session, "index.html").await.expect("answered").status, 404);
    assert_eq!(next().await, "unloaded");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phone_scans_locates_shares_dials_and_opens_for_a_page() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    assert_eq!(page.call("scan", json!({})).await, Err("cancelled".to_owned()));
    *kit.resident.scanned.lock().expect("held") = Some("CQ1:…".to_owned());
    assert_eq!(page.call("scan", json!({})).await, Ok(json!({ "text": "CQ1:…" })));
    let place = page.call("locate", json!({})).await.expect("a place");
    assert_eq!(place["latitude"], 36.65);
    assert_eq!(kit.resident.was_asked().len(), 2, "each permission is asked for once");
    page.call("share", json!({ "text": "look", "url": "https://jinan.example/" })).await.expect("shared");
    let navigate = async |url: &str| page.call("navigate", json!({ "url": url })).await;
    navigate("tel:12345").await.expect("dialled");
    navigate("https://jinan.example/help").await.expect("opened");
    for wrong in ["tel:*#06#", "tel:", "javascript:alert(1)", "file:///etc/passwd", "http://192.168.0.1/", "intent://x"]
    {
        assert_eq!(navigate(wrong).await, Err("invalid_call".to_owned()), "{wrong}");
    }
    let browsed = kit.resident.browsed.lock().expect("held").clone();
    assert_eq!(browsed, ["tel:12345", "https://jinan.example/help"]);
    let info = page.call("info", json!({})).await.expect("told");
    assert_eq!((info["account"].as_str(), info["region"].as_str()), (Some("person"), Some("cn-sd/jinan")));
    assert!(!info.to_string().contains("Lan"), "a page does not learn who it is without a login");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_opens_another_hands_something_over_and_gets_an_answer() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    let link = "onecity://miniapp/cn-sd.jinan:other/second?from=everything";
    let open = |uri: &str| json!({ "uri": uri, "data": { "lamp": 7 } });
    assert_eq!(page.call("open_service", open(link)).await, Ok(json!({ "chosen": 7 })));
    let opened = kit.resident.opened.lock().expect("held").pop().expect("opened");
    assert_eq!(opened, (link.to_owned(), r#"{"lamp":7}"#.to_owned(), service("everything")));
    assert_eq!(page.call("open_service", open("https://a.example")).await, Err("invalid_call".to_owned()));
    let elsewhere = "onecity://miniapp/vn-hn:report";
    assert_eq!(page.call("open_service", open(elsewhere)).await, Err("not_offered".to_owned()));

    let client = kit.phone.client();
    let session = client.open_link(link, &jinan()).await.expect("opened");
    assert_eq!((session.entry().as_str(), session.service()), ("second.html", &service("other")));
    let other = crate::kit::Page { phone: &kit.phone, session };
    let info = other.call("info", json!({})).await.expect("told");
    assert_eq!(info["launch"], json!({ "query": "from=everything", "data": null, "from": null }));
    other.call("finish", json!({ "result": { "done": true } })).await.expect("ended");
    let finished = kit.resident.finished.lock().expect("held").pop().expect("ended");
    assert_eq!(finished, (service("other"), r#"{"done":true}"#.to_owned()));
    let refused = client.open_link("onecity://miniapp/cn-sd.jinan:other/third", &jinan()).await;
    assert!(matches!(refused, Err(Error::Refused { reason: Refusal::NotFound, .. })));
    // A link from another city leads there.
    client.sync(&crate::kit::region("cn-sd/qingdao")).await.expect("synced");
    let session = client.open_link("onecity://miniapp/cn-sd.qingdao:report", &jinan()).await.expect("opened");
    assert_eq!(session.region().as_str(), "cn-sd/qingdao");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_the_permission_gets_nothing_and_the_resident_is_not_bothered() {
    let kit = Kit::logged_in().await;
    // The demo's appointments ask for no permission at all.
    let session = kit.phone.client().open_service(&service("appointments"), &jinan()).await.expect("opened");
    let page = crate::kit::Page { phone: &kit.phone, session };
    let calls: [(&str, Value); 6] = [
        ("login", json!({})),
        ("scan", json!({})),
        ("locate", json!({})),
        ("pick_photo", json!({})),
        ("passes_list", json!({ "pass_type": "transit" })),
        ("documents_request", json!({ "types": ["identity"] })),
    ];
    for (method, params) in calls {
        assert_eq!(page.call(method, params).await, Err("not_declared".to_owned()), "{method}");
    }
    assert_eq!(kit.resident.was_asked(), []);
    kit.server.stop().await;
}
