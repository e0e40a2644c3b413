//! Chromium by its own protocol, over a pipe: requests are answered before they reach a network, as Android's
//! `shouldInterceptRequest` does it, and a script runs first in every frame, as with `addDocumentStartJavaScript`. `WebDriver`
//! has no such requests.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use onecity_core::ResourceRequest;
use onecity_tests::chromium::Chromium;
use serde_json::{Value, json};

use super::{Contained, PAGES, Shell, TRIED, Tried};

/// Chromium with one page, whose files come from the core.
struct Shown<'a> {
    chromium: Chromium,
    contained: &'a Contained,
    origin: String,
}

impl<'a> Shown<'a> {
    async fn start(contained: &'a Contained) -> Self {
        let mut arguments = vec!["--disable-popup-blocking".to_owned()];
        if contained.shell.no_network() {
            // What Android's `ProxyController` does: every request, those to the phone itself too, goes to the proxy.
            arguments.push(format!("--proxy-server={}", contained.proxy.url()));
            arguments.push("--proxy-bypass-list=<-loopback>".to_owned());
            // What `setSupportMultipleWindows(false)` and refusing `onCreateWindow` do.
            arguments.push("--block-new-web-contents".to_owned());
        }
        let chromium = Chromium::start(&arguments).await;
        let origin = format!("https://{}", contained.session.origin_host());
        let mut own = Self { chromium, contained, origin };
        own.call("Page.enable", json!({})).await.expect("page");
        if let Some(guard) = contained.shell.guard() {
            let script = json!({ "source": guard, "runImmediately": true });
            own.call("Page.addScriptToEvaluateOnNewDocument", script).await.expect("the guard");
        }
        own.call("Fetch.enable", json!({ "patterns": [{ "urlPattern": "*" }] })).await.expect("requests are ours");
        own
    }

    /// Calls a method, and answers the page's requests until it has answered.
    async fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.chromium.send(method, params).await;
        loop {
            let mut message = self.chromium.hear().await;
            if message["id"] == id {
                return if message["error"].is_null() { Ok(message["result"].take()) } else { Err(message) };
            }
            if message["method"] == "Fetch.requestPaused" {
                self.answer(&message["params"]).await;
            }
        }
    }

    /// Files come from the core; a whole shell refuses everything else, a browser lets it go.
    async fn answer(&mut self, paused: &Value) {
        let id = &paused["requestId"];
        let url = paused["request"]["url"].as_str().unwrap_or_default();
        let path = url.strip_prefix(&self.origin).filter(|path| path.starts_with('/'));
        let (method, params) = match path {
            Some(path) => {
                let method = paused["request"]["method"].as_str().unwrap_or_default().to_owned();
                let request = ResourceRequest { path: path.to_owned(), method, ..Default::default() };
                let found = self.contained.resource(request).await;
                let mut headers: Vec<Value> =
                    found.headers.iter().map(|header| json!({ "name": header.name, "value": header.value })).collect();
                headers.push(json!({ "name": "content-type", "value": found.mime }));
                let body = STANDARD.encode(&found.body);
                let answer =
                    json!({ "requestId": id, "responseCode": found.status, "responseHeaders": headers, "body": body });
                ("Fetch.fulfillRequest", answer)
            }
            None if self.contained.shell.no_network() => {
                ("Fetch.failRequest", json!({ "requestId": id, "errorReason": "BlockedByClient" }))
            }
            None => ("Fetch.continueRequest", json!({ "requestId": id })),
        };
        self.chromium.send(method, params).await;
    }
}

/// What comes of the page that means harm in a shell of Chromium's.
async fn tries(shell: Shell) -> Tried {
    let contained = Contained::new(shell).await;
    let mut shown = Shown::start(&contained).await;
    let mut said = Vec::new();
    for page in PAGES {
        let url = format!("{}/{page}", shown.origin);
        // A page that leaves at once, or is refused, is no failure.
        let _ = shown.call("Page.navigate", json!({ "url": url })).await;
        said.push(shown.call("Runtime.evaluate", json!({ "expression": TRIED, "awaitPromise": true })).await);
    }
    let said = said.swap_remove(0).expect("the first page stays");
    shown.chromium.end().await;
    contained.ended(said["result"]["value"].as_str().unwrap_or_default()).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it in a network from which nothing can leave"]
async fn nothing_that_a_page_tries_leaves_chromium_behind_a_shell_that_keeps_the_contract() {
    let tried = tries(Shell::Whole).await;
    assert!(tried.heard.is_empty(), "{:#?}", tried.heard);
    assert!(tried.still.is_empty(), "{:?}", tried.still);
    let kept = r#"1 2 2 b true a,b {"a":"1","b":"2"} true   "#;
    assert_eq!(tried.storage, kept, "what libraries keep, they have while the page lives");
    assert_eq!(tried.inside, Some(Vec::new()), "the guard runs in a frame that the page has made, before its script");
    // What no header stops ran into the refusal.
    assert!(
        tried.asked.iter().any(|line| line.starts_with("CONNECT preconnect.page.example:443 ")),
        "{:#?}",
        tried.asked
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it in a network from which nothing can leave"]
async fn without_the_guard_a_page_s_own_peer_connections_leave_chromium_and_nothing_else_does() {
    let tried = tries(Shell::NoGuard).await;
    // Those of a script in a frame that it makes are its own, too; into such a frame it has no way from outside.
    assert_eq!(tried.ways(), BTreeSet::from(["stun", "stun-old-name", "stun-inside-frame"]));
    // Over TCP even they go by the proxy.
    assert!(tried.heard.iter().all(|heard| heard.protocol == "UDP"), "{:#?}", tried.heard);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it in a network from which nothing can leave"]
async fn where_chromium_has_a_network_a_page_leaves_in_spite_of_the_headers_and_the_guard() {
    let tried = tries(Shell::WithNetwork).await;
    let ways = ["preconnect", "html-preconnect", "dns-prefetch", "leave-by-meta", "leave-by-link", "leave-by-script"];
    assert!(tried.silent(&ways).is_empty(), "{:?}", tried.ways());
    assert!(!tried.ways().iter().any(|way| way.starts_with("stun")), "{:?}", tried.ways());
    // What the headers are for.
    let stopped = ["fetch", "image", "script", "stylesheet", "font", "websocket", "beacon", "ping", "policy-report"];
    assert_eq!(tried.silent(&stopped), stopped);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it in a network from which nothing can leave"]
async fn an_ordinary_chromium_lets_out_what_the_page_tries() {
    let tried = tries(Shell::Browser).await;
    let ways = [
        "fetch",
        "fetch-keepalive",
        "xhr",
        "beacon",
        "websocket",
        "event-source",
        "preconnect",
        "dns-prefetch",
        "prefetch",
        "preload",
        "modulepreload",
        "stylesheet",
        "script",
        "font",
        "iframe",
        "worker",
        "stun",
        "stun-old-name",
        "stun-blank-frame",
        "stun-frame-by-number",
        "stun-srcdoc-frame",
        "stun-script-frame",
        "stun-own-frame",
        "stun-object-frame",
        "stun-moved-frame",
        "stun-inside-frame",
        "html-img",
        "html-script",
        "html-iframe",
        "css-import",
        "css-background",
        "ping",
        "form",
        "blank",
        "leave-by-meta",
        "leave-by-link",
        "leave-by-download",
        "leave-by-script",
        "leave-by-form",
    ];
    assert!(tried.has_tried(&ways), "silent: {:?}; heard: {:?}", tried.silent(&ways), tried.ways());
    assert!(
        tried.heard.iter().any(|heard| heard.to.ip().is_loopback() && heard.protocol == "TCP"),
        "the phone's own port"
    );
}
