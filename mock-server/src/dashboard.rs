//! The pages of a tester: the dashboard at `/`, the gate at `/gate`, a city's desk at `/desk`, all controls at `/controls`. They only
//! call the controls, and a desk its city's back end.

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::Embed;

/// They ask nothing of anywhere else (CSP Level 3).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Embed)]
#[folder = "dashboard/"]
struct Files;

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/", get(|| async { page("dashboard.js") }))
        .route("/gate", get(|| async { page("gate.js") }))
        .route("/desk", get(|| async { page("desk.js") }))
        .route("/controls", get(|| async { page("controls.js") }))
        .route("/dashboard/{file}", get(|Path(name): Path<String>| async move { file(&name) }))
}

/// The page that a script draws.
fn page(script: &str) -> Response {
    let page = Files::get("page.html").map(|page| page.data.into_owned()).unwrap_or_default();
    let page = String::from_utf8_lossy(&page).replace("SCRIPT", script);
    (headers("text/html; charset=utf-8"), page).into_response()
}

fn file(name: &str) -> Response {
    let Some(found) = Files::get(name) else { return StatusCode::NOT_FOUND.into_response() };
    let media_type = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        _ => "application/octet-stream",
    };
    (headers(media_type), found.data).into_response()
}

fn headers(media_type: &'static str) -> [(header::HeaderName, &'static str); 4] {
    [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
}
