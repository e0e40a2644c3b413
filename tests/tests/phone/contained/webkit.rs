//! `WebKitGTK` with a small shell of its own (`tests/containment/webkit.py`): files come by a scheme of the app's, as with
//! Apple's `WKURLSchemeHandler`, and a user script runs first in every frame.

use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use onecity_core::ResourceRequest;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use super::{Contained, PAGES, Shell, TRIED, Tried};

/// What comes of the page that means harm in a shell of `WebKitGTK`'s.
async fn tries(shell: Shell) -> Tried {
    let contained = Contained::new(shell).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/containment/webkit.py");
    let mut view = Command::new("xvfb-run")
        .args(["--auto-servernum", "/usr/bin/python3", script])
        .env("WEBKIT_DISABLE_COMPOSITING_MODE", "1")
        .env("WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("xvfb-run (Debian: xvfb, python3-gi, gir1.2-webkit2-4.1)");
    let mut to = view.stdin.take().expect("piped");
    let mut said = BufReader::new(view.stdout.take().expect("piped")).lines();
    let start = json!({
        "host": contained.session.origin_host(),
        "guard": shell.guard(),
        "proxy": shell.no_network().then(|| contained.proxy.url()),
        "pages": PAGES,
        "tried": format!("return await {TRIED};"),
    });
    to.write_all(format!("{start}\n").as_bytes()).await.expect("it reads");
    let mut ended = String::new();
    while let Some(line) = said.next_line().await.expect("text") {
        let asked: Value = serde_json::from_str(&line).expect("JSON");
        let Some(path) = asked["path"].as_str() else {
            if asked["page"] == PAGES[0] {
                ended = asked["ended"].as_str().unwrap_or_default().to_owned();
            }
            continue;
        };
        let method = asked["method"].as_str().unwrap_or_default().to_owned();
        let request = ResourceRequest { path: path.to_owned(), method, ..ResourceRequest::default() };
        let found = contained.resource(request).await;
        let headers: Vec<_> = found.headers.iter().map(|header| [&header.name, &header.value]).collect();
        let answer = json!({
            "status": found.status, "mime": found.mime, "headers": headers, "body": STANDARD.encode(&found.body),
        });
        to.write_all(format!("{answer}\n").as_bytes()).await.expect("it reads");
    }
    view.wait().await.expect("it ends");
    contained.ended(&ended).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it in a network from which nothing can leave"]
async fn nothing_that_a_page_tries_leaves_webkit_behind_a_shell_that_keeps_the_contract() {
    let tried = tries(Shell::Whole).await;
    assert!(tried.heard.is_empty(), "{:#?}", tried.heard);
    assert!(tried.still.is_empty(), "{:?}", tried.still);
    let kept = r#"1 2 2 b true a,b {"a":"1","b":"2"} true   "#;
    assert_eq!(tried.storage, kept, "what libraries keep, they have while the page lives");
    assert!(tried.inside.is_none_or(|still| still.is_empty()), "the guard runs in frames that the page has made");
    assert!(tried.asked.iter().any(|line| line.contains("preconnect.page.example")), "{:#?}", tried.asked);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it in a network from which nothing can leave"]
async fn where_webkit_has_a_network_a_page_leaves_in_spite_of_the_headers_and_the_guard() {
    let tried = tries(Shell::WithNetwork).await;
    let ways = ["preconnect", "html-preconnect", "leave-by-meta", "leave-by-link", "leave-by-script"];
    assert!(tried.silent(&ways).is_empty(), "{:?}", tried.ways());
    let stopped = ["fetch", "image", "script", "stylesheet", "font", "websocket", "beacon"];
    assert_eq!(tried.silent(&stopped), stopped);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it in a network from which nothing can leave"]
async fn an_ordinary_webkit_lets_out_what_the_page_tries() {
    let tried = tries(Shell::Browser).await;
    let ways = [
        "fetch",
        "xhr",
        "beacon",
        "websocket",
        "event-source",
        "preconnect",
        "preload",
        "stylesheet",
        "image",
        "script",
        "iframe",
        "html-img",
        "html-script",
        "leave-by-meta",
        "leave-by-link",
        "leave-by-script",
    ];
    assert!(tried.has_tried(&ways), "silent: {:?}; heard: {:?}", tried.silent(&ways), tried.ways());
    assert!(!tried.still.is_empty(), "it has what a guard takes away");
}
