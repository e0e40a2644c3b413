//! The browser phone as its page sees it: one WebSocket, pages of services on ports of their own, and the browser's way back.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::kit::Town;

/// How long a page waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A page of the phone.
struct Page {
    socket: WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>,
    /// The newest frame, and all blocks of the entry on top by their keys.
    frame: Value,
    applied: u64,
    said: u64,
    effects: Vec<Value>,
    blocks: std::collections::BTreeMap<String, Value>,
    head: Value,
    web: Option<(String, String)>,
}

fn request(
    town: &Town,
    name: &str,
    origin: Option<&str>,
) -> tokio_tungstenite::tungstenite::handshake::client::Request {
    request_at(town.world.origin(), name, origin)
}

fn request_at(
    address: &str,
    name: &str,
    origin: Option<&str>,
) -> tokio_tungstenite::tungstenite::handshake::client::Request {
    let address = address.replace("http://", "ws://");
    let mut request = format!("{address}/phone/socket?name={name}").into_client_request().expect("an address");
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().expect("an origin"));
    }
    request
}

impl Page {
    async fn open(town: &Town, name: &str) -> Self {
        // Another for each page.
        static PAGES: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let page_id = PAGES.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
        Self::open_as(town, name, &page_id).await
    }

    /// The page of this id, on another socket.
    async fn open_as(town: &Town, name: &str, page_id: &str) -> Self {
        Self::open_at(town.world.origin(), name, page_id).await
    }

    /// The same by another address of the town's server.
    async fn open_at(origin: &str, name: &str, page_id: &str) -> Self {
        let request = request_at(origin, name, Some(origin));
        let (socket, _) = connect_async(request).await.expect("a socket");
        let mut page = Self {
            socket,
            frame: Value::Null,
            applied: 0,
            said: 0,
            effects: Vec::new(),
            blocks: std::collections::BTreeMap::new(),
            head: Value::Null,
            web: None,
        };
        page.says(json!({ "hello": {
            "page": page_id, "applied": 0, "environment": { "languages": ["zh-Hans-CN"] },
        } }))
        .await;
        page
    }

    async fn says(&mut self, message: Value) {
        self.socket.send(Message::Text(message.to_string().into())).await.expect("sent");
    }

    async fn taps(&mut self, key: &str) {
        self.until(&format!("{key} on the screen"), |page| {
            let on_head = page.head["actions"].as_array().is_some_and(|all| all.iter().any(|own| own["key"] == key));
            on_head || page.blocks.contains_key(key)
        })
        .await;
        let entry = self.entry();
        self.does(json!({ "event": "tap", "entry": entry, "key": key })).await;
    }

    async fn does(&mut self, event: Value) {
        self.said += 1;
        self.says(json!({ "event": { "number": self.said, "event": event } })).await;
    }

    fn entry(&self) -> String {
        self.frame["stack"].as_array().and_then(|all| all.last()?.as_str()).unwrap_or_default().to_owned()
    }

    /// Takes in what comes until something holds.
    async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                let Some(Ok(Message::Text(text))) = self.socket.next().await else { return false };
                self.take(serde_json::from_str(text.as_str()).expect("JSON"));
            }
            true
        };
        let held = tokio::time::timeout(PATIENCE, waiting).await.unwrap_or(false);
        assert!(held, "never: {what}; on the screen: {} {:?}", self.head, self.blocks.keys());
    }

    fn take(&mut self, told: Value) {
        if let Some(web) = told.get("web") {
            let text = |name: &str| web[name].as_str().expect("a text").to_owned();
            self.web = Some((text("session"), text("origin")));
        }
        self.effects.extend(told.get("effect").cloned());
        let Some(frame) = told.get("frame") else { return };
        let before = self.entry();
        self.frame = frame.clone();
        self.applied = told["applied"].as_u64().expect("a number");
        if self.entry() != before {
            self.blocks.clear();
        }
        let top = self.entry();
        for changes in told["screens"].as_array().expect("screens") {
            if changes["entry"] != top.as_str() {
                continue;
            }
            if let Some(order) = changes["order"].as_array() {
                self.blocks.retain(|key, _| order.iter().any(|own| own == key.as_str()));
            }
            for block in changes["blocks"].as_array().expect("blocks") {
                self.blocks.insert(block["key"].as_str().expect("a key").to_owned(), block.clone());
            }
            if !changes["head"].is_null() {
                self.head = changes["head"].clone();
            }
        }
    }

    /// Goes through the first start to Jinan.
    async fn settles(&mut self) {
        for key in ["agree", "below/cn-sd", "below/cn-sd/jinan"] {
            self.taps(key).await;
        }
        self.until("home", |page| page.blocks.contains_key("all/cn-sd/jinan/report")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_gets_no_phone() {
    let town = Town::new().await;
    for origin in [None, Some("http://evil.example"), Some("null"), Some("http://127.0.0.1:1")] {
        let refused = connect_async(request(&town, "a", origin)).await.expect_err("refused");
        assert!(refused.to_string().contains("403"), "{origin:?}: {refused}");
    }
    let long = "n".repeat(65);
    assert!(connect_async(request(&town, &long, Some(town.world.origin()))).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_under_a_stranger_s_name_for_this_machine_gets_no_phone() {
    let town = Town::new().await;
    let port = town.world.origin().rsplit_once(':').expect("a port").1.to_owned();
    // A stranger's name that was pointed here: to the browser it is one origin with the stranger's own page.
    for (host, is_ours) in [("evil.example", false), ("127.0.0.1.evil.example", false), ("localhost", true)] {
        let host = format!("{host}:{port}");
        let mut asked = request(&town, "a", Some(&format!("http://{host}")));
        asked.headers_mut().insert("host", host.parse().expect("a host"));
        match connect_async(asked).await {
            Ok(_) => assert!(is_ours, "{host}"),
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => {
                assert!(!is_ours && answer.status() == 421, "{host}");
            }
            Err(error) => panic!("{host}: {error}"),
        }
        let page = reqwest::Client::new().get(format!("{}/phone", town.world.origin())).header("host", &host);
        let status = page.send().await.expect("answered").status().as_u16();
        assert_eq!(status, if is_ours { 200 } else { 421 }, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_reaches_the_phone_by_another_address_gets_everything_there() {
    let town = Town::in_network().await;
    let afar = town.afar();
    let mut page = Page::open_at(&afar, "far", "0").await;
    page.settles().await;
    page.taps("all/cn-sd/jinan/report").await;
    page.until("its page", |page| page.web.is_some()).await;
    let (_, origin) = page.web.clone().expect("served");
    let host = |address: &str| url::Url::parse(address).expect("an address").host_str().map(str::to_owned);
    assert_eq!(host(&origin), host(&afar));
    let answer = reqwest::get(format!("{origin}/index.html")).await.expect("served");
    let policy = answer.headers()["content-security-policy"].to_str().expect("a policy").to_owned();
    assert!(policy.contains(&format!("frame-ancestors {afar}")), "{policy}");
    page.does(json!({ "event": "back" })).await;
    page.does(json!({ "event": "tab", "tab": "me" })).await;
    page.taps("login").await;
    page.taps("provider/cn/shandong").await;
    page.until("the browser", |page| page.effects.iter().any(|effect| effect["act"] == "browse")).await;
    let url = page.effects.iter().find_map(|effect| effect["url"].as_str()).expect("an address").to_owned();
    assert!(url.starts_with(&format!("{afar}/idp/shandong/")), "{url}");
    assert_eq!(reqwest::get(&url).await.expect("answered").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phone_s_page_may_ask_nothing_of_anywhere_else() {
    let town = Town::new().await;
    for file in [
        "phone",
        "phones",
        "phone/phone.js",
        "phone/painter.js",
        "phone/phone.css",
        "phone/look.css",
        "phone/icon-paths.js",
    ] {
        let answer = reqwest::get(format!("{}/{file}", town.world.origin())).await.expect("served");
        assert_eq!(answer.status(), 200, "{file}");
        let policy =
            answer.headers().get("content-security-policy").and_then(|own| own.to_str().ok()).unwrap_or_default();
        if ["phone", "phones"].contains(&file) {
            assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        }
        let text = answer.text().await.expect("a text");
        let strange =
            text.split(['"', '\'', '(', ' ']).find(|word| word.starts_with("http") && !word.contains("://www.w3.org/"));
        assert!(strange.is_none() || file.ends_with("platform.js"), "{file} names {strange:?}");
    }
    let none = reqwest::get(format!("{}/phone/..%2fCargo.toml", town.world.origin())).await.expect("answered");
    assert_eq!(none.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_loaded_again_is_the_same_phone_at_the_same_place() {
    let town = Town::new().await;
    let mut page = Page::open(&town, "one").await;
    page.settles().await;
    assert_eq!(page.applied, 3, "all that it sent");
    page.taps("find").await;
    page.until("search", |page| page.head["title"] == "搜索").await;
    drop(page);
    let mut again = Page::open(&town, "one").await;
    again.until("search", |page| page.head["title"] == "搜索").await;
    assert_eq!(again.applied, 0, "this page has sent nothing yet");
    let mut other = Page::open(&town, "two").await;
    other.until("the first start", |page| page.head["title"] == "一城在手").await;
    // The process ends, and the phone is where it was.
    let epoch = again.frame["epoch"].clone();
    again.says(json!({ "control": "restart" })).await;
    again.until("another process", |page| page.frame["epoch"] != epoch && page.head["title"] == "搜索").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_said_again_over_another_socket_is_taken_once() {
    let town = Town::new().await;
    let mut page = Page::open_as(&town, "one", "a page").await;
    page.settles().await;
    page.taps("find").await;
    page.until("search", |page| page.head["title"] == "搜索").await;
    drop(page);
    // The page does not know what became of its last two events, and has done one more thing meanwhile.
    let mut again = Page::open_as(&town, "one", "a page").await;
    again.until("search", |page| page.head["title"] == "搜索").await;
    let depth = |page: &Page| page.frame["stack"].as_array().map_or(0, Vec::len);
    assert_eq!((depth(&again), again.applied), (2, 4), "the phone knows what it has of this page");
    let home = again.frame["stack"][0].clone();
    for (number, event) in [
        (3, json!({ "event": "tap", "entry": home, "key": "place" })),
        (4, json!({ "event": "back" })),
        (5, json!({ "event": "tab", "tab": "me" })),
    ] {
        again.says(json!({ "event": { "number": number, "event": event } })).await;
    }
    again.until("what is new", |page| page.applied == 5).await;
    again.until("the tab", |page| page.head["title"] == "我的").await;
    // Another page of the phone counts for itself.
    let mut other = Page::open(&town, "one").await;
    other.until("the same screen", |page| page.head["title"] == "我的").await;
    assert_eq!(other.applied, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_platform_was_told_over_a_lost_socket_is_told_again_until_it_is_done() {
    let town = Town::new().await;
    let mut page = Page::open_as(&town, "one", "a page").await;
    page.taps("agree").await;
    page.taps("locate").await;
    page.until("what it is for", |page| !page.frame["sheet"].is_null()).await;
    let sheet = page.frame["sheet"]["entry"].clone();
    page.does(json!({ "event": "tap", "entry": sheet, "key": "go-on" })).await;
    page.until("the platform", |page| !page.effects.is_empty()).await;
    let effect = page.effects[0].clone();
    assert_eq!(effect["act"], "locate");
    let said = page.said;
    drop(page);
    let mut again = Page::open_as(&town, "one", "a page").await;
    again.said = said;
    again.until("the same once more", |page| page.effects == [effect.clone()]).await;
    let outcome = json!({ "outcome": "position", "latitude": 36.67, "longitude": 117.0, "accuracy": 10.0 });
    again.does(json!({ "event": "done", "id": effect["id"], "outcome": outcome })).await;
    again.until("the city", |page| page.blocks.contains_key("near/cn-sd/jinan")).await;
    drop(again);
    let mut last = Page::open_as(&town, "one", "a page").await;
    last.until("the city", |page| page.blocks.contains_key("near/cn-sd/jinan")).await;
    last.taps("near/cn-sd/jinan").await;
    assert!(last.effects.is_empty(), "it is done: {:?}", last.effects);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_none_ends_the_socket_and_nothing_else() {
    let town = Town::new().await;
    for message in [
        "",
        "[]",
        "{\"event\":{\"number\":1,\"event\":{\"event\":\"fly\"}}}",
        "{\"event\":{\"event\":\"back\"}}",
        "{\"control\":\"format\"}",
    ] {
        let mut page = Page::open(&town, "odd").await;
        page.until("the first start", |page| page.head["title"] == "一城在手").await;
        page.socket.send(Message::Text(message.into())).await.expect("sent");
        let closed = async { while let Some(Ok(Message::Text(_))) = page.socket.next().await {} };
        tokio::time::timeout(PATIENCE, closed).await.expect("closed");
    }
    let mut page = Page::open(&town, "odd").await;
    page.until("the first start", |page| page.head["title"] == "一城在手").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_s_pages_have_a_port_of_their_own_as_long_as_it_is_open() {
    let town = Town::new().await;
    let mut page = Page::open(&town, "one").await;
    page.settles().await;
    page.taps("all/cn-sd/jinan/report").await;
    page.until("its page", |page| !page.head["web"].is_null() && page.web.is_some()).await;
    let (session, origin) = page.web.clone().expect("served");
    assert_eq!(page.head["web"]["session"], session.as_str());
    assert_ne!(origin, town.world.origin());
    let path = page.head["web"]["path"].as_str().expect("a path").trim_start_matches('/').to_owned();
    let answer = reqwest::get(format!("{origin}/{path}")).await.expect("served");
    assert_eq!(answer.status(), 200);
    let header =
        |name: &str| answer.headers().get(name).and_then(|own| own.to_str().ok()).unwrap_or_default().to_owned();
    let policy = header("content-security-policy");
    assert!(policy.contains("sandbox allow-scripts allow-forms"), "{policy}");
    assert!(policy.contains(&format!("frame-ancestors {}", town.world.origin())), "only in the phone: {policy}");
    assert_eq!(header("x-frame-options"), "");
    let text = answer.text().await.expect("a page");
    let (shell, own) = (text.find("/onecity-shell.js").expect("the shell"), text.rfind("<script").expect("its own"));
    assert!(shell < own, "the shell's script comes before the page's");
    let script =
        reqwest::get(format!("{origin}/onecity-shell.js")).await.expect("served").text().await.expect("a script");
    let guard = onecity_protocol::bridge::PAGE_GUARD;
    assert!(script.starts_with(guard) && script.contains("onecityBridge"), "the guard, then the bridge");
    assert_eq!(reqwest::get(format!("{origin}/nothing")).await.expect("served").status(), 404);
    page.does(json!({ "event": "back" })).await;
    page.until("home", |page| page.frame["stack"].as_array().is_some_and(|all| all.len() == 1)).await;
    // The listener ends with the entry.
    let ended = async { while reqwest::get(format!("{origin}/{path}")).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("nothing listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_in_a_frame_is_told_where_a_login_comes_back_to() {
    let town = Town::new().await;
    let phone = mock_server::Phone::new(&town.world, &["en"]).expect("a phone");
    let attempt = phone.client().begin_login("cn/shandong", "onecity://login").await.expect("begun");
    let mut form = url::Url::parse(&attempt.url).expect("an address");
    form.query_pairs_mut().append_pair("persona", "lan");
    let body = form.query().unwrap_or_default().to_owned();
    form.set_query(None);
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a browser");
    let chosen = browser
        .post(form)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-dest", "iframe")
        .body(body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(chosen.status(), 200);
    let page = chosen.text().await.expect("a page");
    let said = page.split("came_back: ").nth(1).and_then(|rest| rest.split(" }").next()).expect("the address");
    let address: String = serde_json::from_str(said).expect("JSON");
    assert!(address.starts_with("onecity://login?") && !said.contains('<'));
    phone.client().finish_login(&address).await.expect("logged in");
}
