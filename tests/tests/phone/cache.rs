//! What a city has answered, by the rules of RFC 9111, against an origin that says what a test wants.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::kit::{Kit, Page, manifest, publish};

/// Status, headers and body.
type Sayable = (u16, Vec<(&'static str, String)>, String);

/// What an origin says next, and what it was asked.
#[derive(Default)]
struct Said {
    next: Mutex<VecDeque<Sayable>>,
    asked: Mutex<Vec<HeaderMap>>,
}

struct Origin {
    url: String,
    said: Arc<Said>,
    task: tokio::task::JoinHandle<()>,
}

impl Origin {
    async fn start() -> Self {
        let said = Arc::<Said>::default();
        let answer = async |State(said): State<Arc<Said>>, request: Request| -> Response {
            said.asked.lock().expect("held").push(request.headers().clone());
            let Some((status, headers, body)) = said.next.lock().expect("held").pop_front() else {
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            };
            let mut response = (StatusCode::from_u16(status).expect("a status"), body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().expect("a header"));
            }
            response
        };
        let app = Router::new().fallback(answer).with_state(Arc::clone(&said));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("served") });
        Self { url, said, task }
    }

    fn will_say(&self, status: u16, headers: &[(&'static str, &str)], body: &str) {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.said.next.lock().expect("held").push_back((status, headers, body.to_owned()));
    }

    fn asked(&self) -> usize {
        self.said.asked.lock().expect("held").len()
    }

    fn last_asked(&self) -> HeaderMap {
        self.said.asked.lock().expect("held").last().expect("asked").clone()
    }
}

async fn opened(kit: &Kit) -> (Origin, Page<'_>) {
    let origin = Origin::start().await;
    publish(&kit.world, &manifest("cached", 1, &origin.url), &[]);
    kit.phone.client().sync(&crate::kit::jinan()).await.expect("synced");
    let page = kit.opens("cached").await;
    (origin, page)
}

/// Body and freshness of what a page gets.
async fn gets(page: &Page<'_>, url: &str) -> (Value, String) {
    let answer = page.get(url).await.unwrap_or_else(|code| panic!("{url}: {code}"));
    (answer["body"].clone(), answer["freshness"]["state"].as_str().expect("a state").to_owned())
}

fn is(body: &str, state: &str) -> (Value, String) {
    (json!(body), state.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fresh_is_not_asked_again_and_what_is_stale_is_asked_with_its_validator() {
    let kit = Kit::new().await;
    let (origin, page) = opened(&kit).await;
    let url = format!("{}/a", origin.url);
    origin.will_say(200, &[("cache-control", "max-age=60"), ("etag", "\"1\"")], "first");
    assert_eq!(gets(&page, &url).await, is("first", "fresh"));
    assert_eq!((gets(&page, &url).await, origin.asked()), (is("first", "fresh"), 1));
    kit.skip(61);
    origin.will_say(304, &[("cache-control", "max-age=60"), ("etag", "\"1\"")], "");
    assert_eq!((gets(&page, &url).await, origin.asked()), (is("first", "fresh"), 2));
    assert_eq!(origin.last_asked()["if-none-match"], "\"1\"");
    assert_eq!((gets(&page, &url).await, origin.asked()), (is("first", "fresh"), 2));
    kit.skip(61);
    origin.will_say(200, &[("cache-control", "max-age=60")], "second");
    assert_eq!(gets(&page, &url).await, is("second", "fresh"));
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_once_is_there_without_a_network_and_says_how_old_it_is() {
    let kit = Kit::new().await;
    let (origin, page) = opened(&kit).await;
    let (plain, strict, secret) =
        (format!("{}/plain", origin.url), format!("{}/strict", origin.url), format!("{}/secret", origin.url));
    origin.will_say(200, &[], "plain");
    origin.will_say(200, &[("cache-control", "max-age=1, must-revalidate")], "strict");
    origin.will_say(200, &[("cache-control", "no-store")], "secret");
    for url in [&plain, &strict, &secret] {
        gets(&page, url).await;
    }
    origin.task.abort();
    kit.skip(30 * 86_400);
    let (body, state) = gets(&page, &plain).await;
    assert_eq!((body, state.as_str()), (json!("plain"), "offline"));
    let since = page.get(&plain).await.expect("kept")["freshness"]["since"].as_i64().expect("seconds");
    assert!((kit.world.now() - since).abs_diff(30 * 86_400) < 5);
    assert_eq!(page.get(&strict).await, Err("network".to_owned()), "it forbids being shown unasked");
    assert_eq!(page.get(&secret).await, Err("network".to_owned()), "it was never kept");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_while_revalidate_answers_at_once_and_stale_if_error_in_place_of_a_fault() {
    let kit = Kit::new().await;
    let (origin, page) = opened(&kit).await;
    let url = format!("{}/swr", origin.url);
    origin.will_say(200, &[("cache-control", "max-age=10, stale-while-revalidate=100")], "old");
    gets(&page, &url).await;
    kit.skip(50);
    origin.will_say(200, &[("cache-control", "max-age=10, stale-while-revalidate=100")], "new");
    assert_eq!(gets(&page, &url).await, is("old", "stale"));
    // Each look goes to the disk and back, as the renewal does once: it does not take as long as a hundred of them.
    let mut now = gets(&page, &url).await;
    for _ in 0..100 {
        if now == is("new", "fresh") {
            break;
        }
        now = gets(&page, &url).await;
    }
    assert_eq!(now, is("new", "fresh"), "asked again behind it");

    let url = format!("{}/sie", origin.url);
    origin.will_say(200, &[("cache-control", "max-age=10, stale-if-error=100")], "kept");
    gets(&page, &url).await;
    kit.skip(50);
    assert_eq!(gets(&page, &url).await, is("kept", "stale"), "the origin answers 503");
    kit.skip(100);
    assert_eq!(page.get(&url).await.expect("an answer")["status"], 503, "not for ever");

    let url = format!("{}/age", origin.url);
    let nonsense = [("cache-control", "max-age=18446744073709551615"), ("age", "18446744073709551615")];
    origin.will_say(200, &nonsense, "kept");
    gets(&page, &url).await;
    assert_eq!(gets(&page, &url).await.0, "kept", "no arithmetic trips over it");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vary_and_a_change_and_another_account_each_ask_anew() {
    let kit = Kit::logged_in().await;
    let (origin, page) = opened(&kit).await;
    let url = format!("{}/v", origin.url);
    let asks = async |language: &str| {
        let params = json!({ "method": "GET", "url": url, "headers": { "accept-language": language } });
        page.call("request", params).await.expect("an answer")["body"].clone()
    };
    let long: &[(&str, &str)] = &[("cache-control", "private, max-age=600"), ("vary", "accept-language")];
    origin.will_say(200, long, "hello");
    origin.will_say(200, long, "你好");
    assert_eq!((asks("en").await, asks("zh").await, asks("zh").await), (json!("hello"), json!("你好"), json!("你好")));
    assert_eq!(origin.asked(), 2);
    origin.will_say(200, &[], "changed");
    let post = json!({ "method": "POST", "url": url, "body": {}, "headers": { "accept-language": "zh" } });
    page.call("request", post).await.expect("changed");
    origin.will_say(200, long, "new");
    assert_eq!(asks("zh").await, json!("new"), "RFC 9111 §4.4");

    kit.phone.log_in("shandong", "minh").await.expect("another account");
    let page = kit.opens("cached").await;
    origin.will_say(200, long, "Minh's");
    let params = json!({ "method": "GET", "url": url, "headers": { "accept-language": "zh" } });
    assert_eq!(page.call("request", params).await.expect("an answer")["body"], "Minh's");
    let other = kit.opens("other").await;
    assert_eq!(other.get(&url).await, Err("not_declared".to_owned()));
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_sets_no_header_that_is_not_its_own_and_follows_no_redirect() {
    let kit = Kit::logged_in().await;
    let (origin, page) = opened(&kit).await;
    let url = format!("{}/h", origin.url);
    for header in ["authorization", "cookie", "host", "dpop", "origin", "content-length", "x-\n", "accept"] {
        let params = json!({ "method": "GET", "url": url, "headers": { header: "v" } });
        assert_eq!(page.call("request", params).await, Err("invalid_call".to_owned()), "{header}");
    }
    assert_eq!(origin.asked(), 0);
    let elsewhere = format!("{}/city/cn-sd.jinan", kit.world.origin());
    origin.will_say(302, &[("location", &elsewhere)], "");
    assert_eq!(page.get(&url).await.expect("an answer")["status"], 302);
    origin.will_say(200, &[], &"x".repeat(2 << 20));
    assert_eq!(page.get(&format!("{}/large", origin.url)).await, Err("network".to_owned()));
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_under_a_clock_a_year_ahead_is_asked_anew_once_the_clock_is_right() {
    let kit = Kit::new().await;
    let (origin, page) = opened(&kit).await;
    let url = format!("{}/jump", origin.url);
    kit.skip(365 * 86_400);
    origin.will_say(200, &[("cache-control", "max-age=600, stale-while-revalidate=9999")], "then");
    gets(&page, &url).await;
    kit.skip(-365 * 86_400);
    origin.will_say(200, &[("cache-control", "max-age=600")], "now");
    assert_eq!(gets(&page, &url).await, is("now", "fresh"));
    assert_eq!((gets(&page, &url).await, origin.asked()), (is("now", "fresh"), 2));
    kit.server.stop().await;
}
