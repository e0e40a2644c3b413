//! Chromium by WebDriver and its own protocol: requests are answered before they reach a network, as Android's
//! `shouldInterceptRequest` does it, and a script runs first in every frame, as with `addDocumentStartJavaScript`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use onecity_core::ResourceRequest;
use serde_json::{Value, json};
use thirtyfour::cdp::CdpSession;
use thirtyfour::cdp::domains::fetch::RequestPaused;
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};

use super::{Contained, PAGES, Shell, TRIED, Tried};

/// `chromedriver` in a process of its own, at a port that it chooses.
struct Driver {
    process: Child,
    url: String,
}

impl Driver {
    fn new() -> Self {
        let process = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut process = process.expect("chromedriver (Debian: chromium-driver)");
        let said = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let port = said.filter_map(|line| {
            let port = line.split_once("on port ")?.1.trim_end_matches('.').to_owned();
            line.contains("started successfully").then_some(port)
        });
        let port = { port }.next().expect("it says its port");
        Self { process, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What comes of the page that means harm in a shell of Chromium's.
async fn tries(shell: Shell) -> Tried {
    let contained = Contained::new(shell).await;
    let driver = Driver::new();
    let mut capabilities = DesiredCapabilities::chrome();
    for argument in [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--autoplay-policy=no-user-gesture-required",
        // The browser's own search for devices in the network, which is none of the page's doing.
        "--disable-features=MediaRouter,DialMediaRouteProvider,OptimizationHints",
    ] {
        capabilities.add_arg(argument).expect("an argument");
    }
    if shell.no_network() {
        // What Android's `ProxyController` does: every request, those to the phone itself too, goes to the proxy.
        capabilities.add_arg(&format!("--proxy-server={}", contained.proxy.url())).expect("an argument");
        capabilities.add_arg("--proxy-bypass-list=<-loopback>").expect("an argument");
        // What `setSupportMultipleWindows(false)` and refusing `onCreateWindow` do.
        capabilities.add_arg("--block-new-web-contents").expect("an argument");
    }
    let browser = WebDriver::new(&driver.url, capabilities).await.expect("Chromium starts");
    let view = browser.cdp().connect().await.expect("its own protocol");
    view.send_raw("Page.enable", json!({})).await.expect("page");
    if let Some(guard) = shell.guard() {
        let script = json!({ "source": guard, "runImmediately": true });
        view.send_raw("Page.addScriptToEvaluateOnNewDocument", script).await.expect("the guard");
    }
    let mut paused = view.subscribe::<RequestPaused>().await.expect("events");
    view.send_raw("Fetch.enable", json!({ "patterns": [{ "urlPattern": "*" }] })).await.expect("requests are ours");
    let origin = format!("https://{}", contained.session.origin_host());
    let serve = async {
        while let Some(request) = paused.next().await {
            answer(&contained, &view, &origin, request).await;
        }
    };
    let visit = async {
        let mut said = Vec::new();
        for page in PAGES {
            let url = format!("{origin}/{page}");
            // A page that leaves at once, or is refused, is no failure of the driver's.
            let _ = view.send_raw("Page.navigate", json!({ "url": url })).await;
            let tried = json!({ "expression": TRIED, "awaitPromise": true });
            said.push(view.send_raw("Runtime.evaluate", tried).await);
        }
        said.swap_remove(0).expect("the first page stays")
    };
    let said = tokio::select! { () = serve => panic!("Chromium ended"), said = visit => said };
    drop(view);
    browser.quit().await.expect("it ends");
    drop(driver);
    contained.ended(said["result"]["value"].as_str().unwrap_or_default()).await
}

/// Files come from the core; a whole shell refuses everything else, a browser lets it go.
async fn answer(contained: &Contained, view: &CdpSession, origin: &str, paused: RequestPaused) {
    let id = paused.request_id;
    let url = paused.request["url"].as_str().unwrap_or_default();
    let path = url.strip_prefix(origin).filter(|path| path.starts_with('/'));
    let (method, params) = match path {
        Some(path) => {
            let method = paused.request["method"].as_str().unwrap_or_default().to_owned();
            let found =
                contained.resource(ResourceRequest { path: path.to_owned(), method, ..Default::default() }).await;
            let mut headers: Vec<Value> =
                found.headers.iter().map(|header| json!({ "name": header.name, "value": header.value })).collect();
            headers.push(json!({ "name": "content-type", "value": found.mime }));
            let body = STANDARD.encode(&found.body);
            let answer =
                json!({ "requestId": id, "responseCode": found.status, "responseHeaders": headers, "body": body });
            ("Fetch.fulfillRequest", answer)
        }
        None if contained.shell.no_network() => {
            ("Fetch.failRequest", json!({ "requestId": id, "errorReason": "BlockedByClient" }))
        }
        None => ("Fetch.continueRequest", json!({ "requestId": id })),
    };
    // The page may have gone in the meantime, and its request with it.
    let _ = view.send_raw(method, params).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it in a network from which nothing can leave"]
async fn nothing_that_a_page_tries_leaves_chromium_behind_a_shell_that_keeps_the_contract() {
    let tried = tries(Shell::Whole).await;
    assert!(tried.heard.is_empty(), "{:#?}", tried.heard);
    assert!(tried.still.is_empty(), "{:?}", tried.still);
    assert_eq!(tried.storage, "1 2 2 b true  ", "what libraries keep, they have while the page lives");
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
    // Not those of the frames that it makes: it has no way into them.
    assert_eq!(tried.ways(), BTreeSet::from(["stun", "stun-old-name"]));
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
    assert!(tried.silent(&ways).is_empty(), "silent: {:?}; heard: {:?}", tried.silent(&ways), tried.ways());
    assert!(
        tried.heard.iter().any(|heard| heard.to.ip().is_loopback() && heard.protocol == "TCP"),
        "the phone's own port"
    );
}
