//! A request that is passed on to a real back end.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use reqwest::redirect::Policy;

use super::stub::Request;

/// How long a back end is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer, in bytes.
const LONGEST: usize = 16 << 20;
/// What is between two neighbours alone (RFC 9110 §7.6.1), and what the next connection says for itself.
const OWN: [HeaderName; 9] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::HOST,
    header::CONTENT_LENGTH,
];

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let mut own = headers.clone();
    for name in OWN {
        own.remove(name);
    }
    // The answer is looked into: it comes as it is.
    own.remove(header::ACCEPT_ENCODING);
    own.remove(header::CONTENT_ENCODING);
    own
}

/// The back end's answer.
pub(super) async fn pass_on(
    request: &Request<'_>,
    to: &str,
    strip: Option<&str>,
) -> Result<(StatusCode, HeaderMap, Bytes), String> {
    let failed = |error: reqwest::Error| error.without_url().to_string();
    let path = strip.and_then(|strip| request.path.strip_prefix(strip)).unwrap_or(request.path);
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let url = format!("{}{slash}{path}{query}", to.trim_end_matches('/'));
    let http = reqwest::Client::builder().redirect(Policy::none()).timeout(PATIENCE).build().map_err(failed)?;
    let sent = http.request(request.method.clone(), url).headers(passed_on(request.headers)).body(request.body.clone());
    let mut answer = sent.send().await.map_err(failed)?;
    let (status, headers) = (answer.status(), passed_on(answer.headers()));
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > LONGEST {
            return Err("the answer has more than 16 MiB".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, headers, body.into()))
}
