//! How every part of the world says no: RFC 9457's problem details, with OAuth's error fields (RFC 6749 §5.2) beside
//! them, so that one form serves both kinds of client.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refusal.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    error: &'static str,
    detail: &'static str,
}

impl Problem {
    /// The request is wrong.
    pub fn bad(error: &'static str, detail: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, detail }
    }

    /// What was sent is incomplete.
    pub fn incomplete(detail: &'static str) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, error: "incomplete", detail }
    }

    /// A login is needed.
    pub fn unauthorized(detail: &'static str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, error: "invalid_token", detail }
    }

    /// There is no such thing here.
    pub fn not_found() -> Self {
        Self { status: StatusCode::NOT_FOUND, error: "not_found", detail: "there is no such thing in this world" }
    }

    /// The answer did not come in time, as a gateway would say it.
    pub fn timed_out() -> Self {
        Self { status: StatusCode::GATEWAY_TIMEOUT, error: "timeout", detail: "no answer in time" }
    }

    /// The world itself is broken.
    pub fn internal(detail: &'static str) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, error: "server_error", detail }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, error, detail } = self;
        let body = json!({ "error": error, "error_description": detail, "title": error, "detail": detail });
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("DPoP algs=\"ES256\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
