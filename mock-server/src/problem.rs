//! How every part of the world says no: RFC 9457's problem details, with OAuth's error fields (RFC 6749 §5.2) beside
//! them, so that one form serves both kinds of client.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refusal.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    error: &'static str,
    detail: &'static str,
    headers: Vec<(HeaderName, String)>,
}

impl Problem {
    fn new(status: StatusCode, error: &'static str, detail: &'static str) -> Self {
        let challenge = (header::WWW_AUTHENTICATE, "DPoP error=\"invalid_token\", algs=\"ES256\"".to_owned());
        let headers = if status == StatusCode::UNAUTHORIZED { vec![challenge] } else { Vec::new() };
        Self { status, error, detail, headers }
    }

    /// A proof must hold the server's nonce (RFC 9449 §8 for a token endpoint, §9 for a resource).
    pub(crate) fn wants_nonce(nonce: String, resource: bool) -> Self {
        let status = if resource { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        let mut problem = Self::new(status, "use_dpop_nonce", "the proof must hold the nonce");
        problem.headers = vec![(HeaderName::from_static("dpop-nonce"), nonce)];
        if resource {
            problem
                .headers
                .push((header::WWW_AUTHENTICATE, "DPoP error=\"use_dpop_nonce\", algs=\"ES256\"".to_owned()));
        }
        problem
    }

    /// A stronger login is needed (RFC 9470 §3).
    pub(crate) fn wants_step_up(acr: &str) -> Self {
        let mut problem =
            Self::new(StatusCode::UNAUTHORIZED, "insufficient_user_authentication", "log in more strongly");
        let challenge = format!("DPoP error=\"insufficient_user_authentication\", acr_values=\"{acr}\"");
        problem.headers = vec![(header::WWW_AUTHENTICATE, challenge)];
        problem
    }

    /// An idempotency key came with something else than before (the draft's §2.7).
    pub(crate) fn conflict() -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", "this number was used for something else")
    }

    /// What a tester wants answered.
    pub(crate) fn as_told(status: u16, retry_after: Option<u32>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let error = if status == StatusCode::SERVICE_UNAVAILABLE { "temporarily_unavailable" } else { "fault" };
        let problem = Self::new(status, error, "not just now: a tester wants it so");
        match retry_after {
            Some(seconds) => problem.with(header::RETRY_AFTER, &seconds.to_string()),
            None => problem,
        }
    }

    /// There is no room for more of it.
    pub(crate) fn full() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "full", "there is no room for more: reset the world")
    }

    /// A request came back to where it was passed on from (RFC 5842 §7.2).
    pub(crate) fn loops() -> Self {
        Self::new(StatusCode::LOOP_DETECTED, "loop", "this was passed on from here before")
    }

    /// A back end that was to be asked gave no answer.
    pub(crate) fn bad_gateway() -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "bad_gateway", "the back end that this is passed on to does not answer")
    }

    /// The request is wrong.
    pub(crate) fn bad(error: &'static str, detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, detail)
    }

    /// What was sent is incomplete.
    pub(crate) fn incomplete(detail: &'static str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "incomplete", detail)
    }

    /// Nobody knows the app that asks, or its proof of who it is (RFC 6749 §5.2).
    pub(crate) fn unknown_client() -> Self {
        let headers = Vec::new();
        Self {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            detail: "this app is not registered here",
            headers,
        }
    }

    /// The token was not made for this (RFC 6750 §3.1).
    pub(crate) fn lacks_scope(scope: &str) -> Self {
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        let problem = Self::new(StatusCode::FORBIDDEN, "insufficient_scope", "the token was not made for this");
        problem.with(header::WWW_AUTHENTICATE, &challenge)
    }

    /// The same with one more header.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// A proof of possession does not hold at a resource (RFC 9449 §7.1).
    pub(crate) fn wrong_proof(detail: &'static str) -> Self {
        let headers = vec![(header::WWW_AUTHENTICATE, "DPoP error=\"invalid_dpop_proof\", algs=\"ES256\"".to_owned())];
        Self { status: StatusCode::UNAUTHORIZED, error: "invalid_dpop_proof", detail, headers }
    }

    /// A login is needed.
    pub(crate) fn unauthorized(detail: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_token", detail)
    }

    /// A code that is not one of those that there are, or was used.
    pub(crate) fn wrong_code() -> Self {
        Self::new(StatusCode::FORBIDDEN, "wrong_code", "this code is wrong, or was used: each counts once")
    }

    /// Somebody guesses (RFC 6585 §4).
    pub(crate) fn too_many_guesses() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_guesses", "too many wrong codes: try again later")
    }

    /// There is no such thing here.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such thing in this world")
    }

    /// The answer did not come in time, as a gateway would say it.
    pub(crate) fn timed_out() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "no answer in time")
    }

    /// The world itself is broken.
    pub(crate) fn internal(detail: &'static str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, error, detail, headers } = self;
        let body = json!({ "error": error, "error_description": detail, "title": error, "detail": detail });
        let mut response = (status, Json(body)).into_response();
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
