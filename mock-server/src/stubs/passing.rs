//! A request that is passed on to a real back end.

use std::sync::LazyLock;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use percent_encoding::percent_decode_str;
use reqwest::redirect::Policy;

use super::stub::Request;
use crate::identity::random_text;
use crate::problem::Problem;

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
    // What opens the controls here opens none elsewhere.
    own.remove("onecity-admin");
    own.remove(header::CONTENT_ENCODING);
    own
}

/// Whether a path goes up, or is written so that a reader of addresses would have it go up (RFC 3986 §5.2.4).
fn goes_up(path: &str) -> bool {
    let path = percent_decode_str(path).decode_utf8_lossy();
    path.split(['/', '\\']).any(|part| matches!(part, "." | ".."))
}

/// What this server calls itself to those that it passes requests on to (RFC 9110 §7.6.3).
static PSEUDONYM: LazyLock<String> = LazyLock::new(|| format!("1.1 onecity-{}", random_text()));

/// The back end's answer.
pub(super) async fn pass_on(
    request: &Request<'_>,
    to: &str,
    strip: Option<&str>,
) -> Result<(StatusCode, HeaderMap, Bytes), Problem> {
    let failed = |error: reqwest::Error| {
        tracing::warn!(error = %error.without_url(), "a request was not passed on");
        Problem::bad_gateway()
    };
    let path = strip.and_then(|strip| request.path.strip_prefix(strip)).unwrap_or(request.path);
    if goes_up(path) {
        return Err(Problem::bad("invalid_path", "a path that goes up is not passed on"));
    }
    let mut headers = passed_on(request.seen.headers);
    if headers.get_all(header::VIA).iter().any(|own| *own == **PSEUDONYM) {
        return Err(Problem::loops());
    }
    if let Ok(own) = HeaderValue::from_str(&PSEUDONYM) {
        headers.append(header::VIA, own);
    }
    let asked = request.seen.asked;
    let query = if asked.query.is_empty() { String::new() } else { format!("?{}", asked.query) };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let url = format!("{}{slash}{path}{query}", to.trim_end_matches('/'));
    let http = reqwest::Client::builder().redirect(Policy::none()).timeout(PATIENCE).build().map_err(failed)?;
    let sent = http.request(asked.method.clone(), url).headers(headers).body(request.body.clone());
    let mut answer = sent.send().await.map_err(failed)?;
    let (status, headers) = (answer.status(), passed_on(answer.headers()));
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > LONGEST {
            return Err(Problem::bad_gateway());
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, headers, body.into()))
}
