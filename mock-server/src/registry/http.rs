//! The registry over HTTP: static files for phones, and the door for what cities have signed.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use onecity_protocol::limits::PACKAGE_BYTES;
use onecity_protocol::package::{PACKAGE_TYPE, media_type};
use onecity_protocol::region::RegionId;
use onecity_publisher::Ingested;
use serde_json::{Value, json};

use crate::faults::{Signed, What};
use crate::world::{In, World};

/// The registry's routes.
pub(crate) fn routes() -> Router {
    Router::new()
        .route("/registry/{repository}/{*path}", get(registry_file).put(ingest))
        .layer(DefaultBodyLimit::max(PACKAGE_BYTES))
}

/// What a city has signed comes in: see [`onecity_publisher::Ingest`]. The signature is the permission.
async fn ingest(In(world): In, Path((repository, path)): Path<(String, String)>, bytes: Bytes) -> Response {
    let Ok(id) = repository.parse::<RegionId>() else { return StatusCode::NOT_FOUND.into_response() };
    let now = world.now();
    let taken = tokio::task::spawn_blocking(move || {
        world.registry_mut(|registry| registry.ingest(&id, &path, Arc::from(&bytes[..]), now))
    });
    match taken.await {
        Ok(Ok(Ingested::Wanted(wanted))) => {
            (StatusCode::ACCEPTED, axum::Json(json!({ "wanted": wanted }))).into_response()
        }
        Ok(Ok(Ingested::Complete { role, version })) => {
            (StatusCode::CREATED, axum::Json(json!({ "role": role, "version": version }))).into_response()
        }
        Ok(Err(error)) => {
            let problem = json!({ "title": "not taken in", "detail": error.to_string() });
            (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(problem)).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The registry is static files: all but the timestamp can be kept for ever.
async fn registry_file(
    In(world): In,
    Path((repository, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Ok(id) = repository.parse::<RegionId>() else { return StatusCode::NOT_FOUND.into_response() };
    let Some(bytes) = served(&world, &id, &path) else { return StatusCode::NOT_FOUND.into_response() };
    let mutable = path == "metadata/timestamp.json";
    let cache = if mutable { "no-cache" } else { "public, max-age=31536000, immutable" };
    let mime = if path.ends_with(".ma") { PACKAGE_TYPE } else { media_type(&path) };
    let length = bytes.len();
    let headers_of = [(header::CACHE_CONTROL, cache), (header::CONTENT_TYPE, mime), (header::ACCEPT_RANGES, "bytes")];
    let bytes = Bytes::from_owner(bytes);
    // A phone whose download broke off asks for the rest (RFC 9110 §14.2).
    match headers.get(header::RANGE).and_then(|range| range.to_str().ok()).and_then(rest_from) {
        None => (headers_of, bytes).into_response(),
        Some(from) if from < length => {
            let range = format!("bytes {from}-{}/{length}", length - 1);
            (StatusCode::PARTIAL_CONTENT, headers_of, [(header::CONTENT_RANGE, range)], bytes.slice(from..))
                .into_response()
        }
        Some(_) => {
            (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, format!("bytes */{length}"))]).into_response()
        }
    }
}

/// What is served at a path: signed again if it is due, and as a fault has it.
fn served(world: &World, id: &RegionId, path: &str) -> Option<Arc<[u8]>> {
    let now = world.now();
    if world.registry(|registry| registry.is_due(now)) {
        world.renew_registry(now);
    }
    let stale = world.struck(|what| matches!(what, What::Metadata { .. }));
    let bytes = world.registry(|registry| match stale.as_ref().map(|strike| (&strike.what, strike.began)) {
        Some((What::Metadata { how }, since)) => registry.stale_file(id, path, *how, since, now),
        _ => registry.files(id)?.get(path).cloned(),
    })?;
    let is_forged = path == "metadata/timestamp.json"
        && world.struck(|what| matches!(what, What::BadSignature { of: Signed::Metadata })).is_some();
    Some(if is_forged { forged(&bytes) } else { bytes })
}

/// The same metadata with signatures that do not hold.
fn forged(file: &[u8]) -> Arc<[u8]> {
    let Ok(mut file) = serde_json::from_slice::<Value>(file) else { return Arc::from(file) };
    for signature in file["signatures"].as_array_mut().into_iter().flatten() {
        let own = signature["sig"].as_str().unwrap_or_default();
        let other: String = own.chars().rev().collect();
        signature["sig"] = other.into();
    }
    Arc::from(file.to_string().into_bytes())
}

/// Where `bytes=N-` begins; any other kind of range may be ignored.
fn rest_from(range: &str) -> Option<usize> {
    range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}
