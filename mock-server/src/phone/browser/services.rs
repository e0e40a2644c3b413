//! The pages of open services, each on a port of its own.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use onecity_app::App;
use onecity_core::ResourceRequest;
use onecity_protocol::bridge::PAGE_GUARD;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::Files;
use super::host::Host;
use crate::serving::{self, ConnectionLimits};

/// Where the way to the phone is in a service's origin.
const SHELL_PATH: &str = "/onecity-shell.js";

/// Most connections to one service's pages.
const MOST_CONNECTIONS: usize = 64;

/// The listener of an open service; it ends with this.
pub(super) struct Served {
    pub(super) port: u16,
    /// It stops with this, and its connections with it.
    _running: watch::Sender<bool>,
}

/// The files of one open service, on a port of their own: its pages use paths from the root. Only the phone's page, at the
/// same host and the port `phone`, may show them.
pub(super) async fn serve_service(
    app: Arc<App>,
    entry: String,
    at: IpAddr,
    tls: Option<TlsAcceptor>,
    phone: u16,
) -> std::io::Result<Served> {
    let listener = tokio::net::TcpListener::bind((at, 0)).await?;
    let port = listener.local_addr()?.port();
    let routes = Router::new().fallback(move |request: Request| {
        let (app, entry) = (Arc::clone(&app), entry.clone());
        let asked = request.into_parts().0;
        async move {
            match Host::of(&asked.headers) {
                Some(host) => page_file(&app, &entry, &host.origin_at(phone), asked).await,
                None => StatusCode::MISDIRECTED_REQUEST.into_response(),
            }
        }
    });
    let (running, stopping) = watch::channel(false);
    let limits = ConnectionLimits { most: MOST_CONNECTIONS, ..ConnectionLimits::default() };
    tokio::spawn(serving::serve(listener, routes, limits, tls, stopping));
    Ok(Served { port, _running: running })
}

async fn page_file(app: &App, entry: &str, phone: &str, request: Parts) -> Response {
    if request.uri.path() == SHELL_PATH {
        let shell = Files::get("page-shell.js").map(|file| file.data.into_owned()).unwrap_or_default();
        let script = [PAGE_GUARD.as_bytes(), b"\n", &shell].concat();
        return ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], script).into_response();
    }
    let text = |name| request.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let asked = ResourceRequest {
        path: request.uri.path().to_owned(),
        method: request.method.to_string(),
        range: text(header::RANGE),
        if_none_match: text(header::IF_NONE_MATCH),
    };
    let Ok(resource) = app.resource(entry, asked).await else { return StatusCode::GONE.into_response() };
    let is_page = resource.mime.starts_with("text/html");
    let body = if is_page { with_shell(resource.body) } else { resource.body };
    let mut response = (StatusCode::from_u16(resource.status).unwrap_or(StatusCode::BAD_GATEWAY), body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for own in resource.headers {
        let name = own.name.to_ascii_lowercase();
        // This shell shows pages in a frame of its own, and no other may.
        let value = match name.as_str() {
            "x-frame-options" => continue,
            "content-length" if is_page => continue,
            "content-security-policy" => {
                own.value.replace("frame-ancestors 'none'", &format!("frame-ancestors {phone}"))
            }
            _ => own.value,
        };
        if let (Ok(name), Ok(value)) = (header::HeaderName::try_from(name), HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
    if let (false, Ok(mime)) = (headers.contains_key(header::CONTENT_TYPE), HeaderValue::from_str(&resource.mime)) {
        headers.insert(header::CONTENT_TYPE, mime);
    }
    response
}

/// A page that begins with the way to the phone and the guard, before any script of its own.
fn with_shell(page: Vec<u8>) -> Vec<u8> {
    let script = format!("<script src=\"{SHELL_PATH}\"></script>");
    let lower = page.to_ascii_lowercase();
    let find = |what: &[u8]| lower.windows(what.len()).position(|part| part == what);
    let end = |from: usize| page[from..].iter().position(|byte| *byte == b'>').map(|at| from + at + 1);
    // Behind `<head>`, or else behind the doctype, so that the page stays in standards mode.
    let at = find(b"<head").and_then(end).or_else(|| find(b"<!doctype").and_then(end)).unwrap_or(0);
    [&page[..at], script.as_bytes(), &page[at..]].concat()
}
