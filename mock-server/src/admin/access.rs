//! Who may use the controls: somebody on this machine, or somebody who has the admin token. Pages of others may not, wherever their
//! browser runs: a call has a header that they can't send without being asked (Fetch §3.2, preflight), and such a question is answered
//! for those origins alone that the tester has listed.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tower_http::cors::CorsLayer;
use utoipa::{IntoResponses, ToSchema};

use crate::faults::RuleError;
use crate::identity::random_text;
use crate::meant::WhereError;
use crate::named::named;
use crate::phone::browser::Host;
use crate::state::StateError;
use crate::world::WorldError;
use crate::worlds::{Worlds, WorldsError};

/// The header that every call has. A page of a service can't send it, and one of elsewhere has to ask first.
const MEANT: &str = "onecity-admin";

/// Why a call was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Refused {
    #[serde(skip)]
    status: StatusCode,
    /// One word.
    #[schema(example = "unknown")]
    error: &'static str,
    /// What to do, in a sentence.
    detail: String,
}

impl Refused {
    fn new(status: StatusCode, error: &'static str, detail: impl Into<String>) -> Self {
        Self { status, error, detail: detail.into() }
    }

    pub(super) fn unknown(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "unknown", detail)
    }

    pub(super) fn wrong(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong", detail)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}

/// How every call may be refused.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is read by the description alone")]
pub(crate) enum Refusals {
    /// It can't be read.
    #[response(status = 400)]
    Malformed(Refused),
    /// It comes from another machine without the admin token.
    #[response(status = 401)]
    NoToken(Refused),
    /// It comes from a page of somebody else, or lacks the header `OneCity-Admin`.
    #[response(status = 403)]
    Forbidden(Refused),
    /// There is no such thing.
    #[response(status = 404)]
    Unknown(Refused),
    /// It is there already.
    #[response(status = 409)]
    Taken(Refused),
    /// It is too long.
    #[response(status = 413)]
    TooLong(Refused),
    /// It is no JSON.
    #[response(status = 415)]
    NoJson(Refused),
    /// It can be read, and can't be done.
    #[response(status = 422)]
    Wrong(Refused),
    /// The world itself is broken.
    #[response(status = 500)]
    Failed(Refused),
    /// The state file can't be written.
    #[response(status = 507)]
    Unwritten(Refused),
}

impl From<WorldsError> for Refused {
    fn from(error: WorldsError) -> Self {
        let status = match &error {
            WorldsError::Unknown => StatusCode::NOT_FOUND,
            WorldsError::Taken => StatusCode::CONFLICT,
            WorldsError::Name | WorldsError::TooMany | WorldsError::First => StatusCode::UNPROCESSABLE_ENTITY,
            WorldsError::World(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let word = match status {
            StatusCode::NOT_FOUND => "unknown",
            StatusCode::CONFLICT => "taken",
            StatusCode::UNPROCESSABLE_ENTITY => "wrong",
            _ => "failed",
        };
        Self::new(status, word, error.to_string())
    }
}

impl From<RuleError> for Refused {
    fn from(error: RuleError) -> Self {
        Self::wrong(error.to_string())
    }
}

impl From<WhereError> for Refused {
    fn from(error: WhereError) -> Self {
        Self::wrong(error.to_string())
    }
}

impl From<StateError> for Refused {
    fn from(error: StateError) -> Self {
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "unwritten", error.to_string())
    }
}

impl From<WorldError> for Refused {
    fn from(error: WorldError) -> Self {
        tracing::error!(%error, "a control failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", error.to_string())
    }
}

fn of_rejection(status: StatusCode, text: String) -> Refused {
    let word = match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "no-json",
        StatusCode::PAYLOAD_TOO_LARGE => "too-long",
        StatusCode::UNPROCESSABLE_ENTITY => "wrong",
        _ => "malformed",
    };
    Refused::new(status, word, text)
}

/// What a call says, as JSON.
pub(super) struct Said<T>(pub T);

/// A record with its fields' names.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Named<T>(#[serde(deserialize_with = "named")] T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Said<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let read = Json::<Named<T>>::from_request(request, state).await;
        read.map(|Json(Named(said))| Self(said))
            .map_err(|rejection: JsonRejection| of_rejection(rejection.status(), rejection.body_text()))
    }
}

/// What a call asks for, in its query.
pub(super) struct Asks<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asks<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        read.map(|Query(asks)| Self(asks))
            .map_err(|rejection: QueryRejection| of_rejection(StatusCode::BAD_REQUEST, rejection.body_text()))
    }
}

/// Who may use the controls from another machine.
pub(crate) struct Access {
    token: String,
    /// The origins whose pages may use them, too.
    origins: Vec<HeaderValue>,
}

impl Access {
    /// With a token, or a random one, and for the pages of these origins; answers the first that is none.
    pub(crate) fn new(token: Option<String>, origins: &[String]) -> Result<Self, String> {
        let origin = |text: &String| {
            let origin =
                url::Url::parse(text).ok().filter(|url| url.has_host()).map(|url| url.origin().ascii_serialization());
            let own = origin.filter(|origin| origin == text).and_then(|own| HeaderValue::from_str(&own).ok());
            own.ok_or_else(|| text.chars().take(64).collect::<String>())
        };
        let origins = origins.iter().map(origin).collect::<Result<_, _>>()?;
        Ok(Self { token: token.unwrap_or_else(|| format!("{}{}", random_text(), random_text())), origins })
    }

    /// Whether pages of elsewhere may use them.
    pub(super) fn has_origins(&self) -> bool {
        !self.origins.is_empty()
    }

    /// What browsers are told of pages of elsewhere (Fetch §3.2): nothing, unless their origin is listed.
    pub(super) fn cors(&self) -> CorsLayer {
        let headers = [header::CONTENT_TYPE, header::AUTHORIZATION, HeaderName::from_static(MEANT)];
        let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        CorsLayer::new().allow_origin(self.origins.clone()).allow_headers(headers).allow_methods(methods)
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let given = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        // Of their hashes, how long a comparison takes tells nothing.
        let hash = |text: &str| digest(&SHA256, text.as_bytes());
        given.is_some_and(|(_, given)| hash(given).as_ref() == hash(&self.token).as_ref())
    }

    fn check(&self, request: &Request) -> Result<(), Refused> {
        let headers = request.headers();
        let host = Host::of(headers);
        let is_from_here = request.extensions().get::<ConnectInfo<SocketAddr>>().is_some_and(|ConnectInfo(peer)| {
            peer.ip().to_canonical().is_loopback() && host.as_ref().is_some_and(Host::is_loopback)
        });
        if !is_from_here && !self.has_token(headers) {
            let detail = "from another machine this needs the admin token that the server prints, as a bearer token";
            return Err(Refused::new(StatusCode::UNAUTHORIZED, "no-token", detail));
        }
        let origin = headers.get(header::ORIGIN);
        let is_own = origin
            .is_none_or(|origin| host.is_some_and(|host| *origin == *host.origin()) || self.origins.contains(origin));
        if !is_own {
            return Err(Refused::new(StatusCode::FORBIDDEN, "foreign-page", "a page of somebody else may not do this"));
        }
        if !headers.contains_key(MEANT) {
            let detail = "every call has the header OneCity-Admin, with any value";
            return Err(Refused::new(StatusCode::FORBIDDEN, "no-header", detail));
        }
        Ok(())
    }
}

/// Lets those through who may use the controls.
pub(super) async fn guard(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    match access.check(&request) {
        Ok(()) => next.run(request).await,
        Err(refused) => {
            let mut response = refused.into_response();
            if response.status() == StatusCode::UNAUTHORIZED {
                let challenge = HeaderValue::from_static("Bearer realm=\"onecity-admin\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            response
        }
    }
}

/// Answers once what was done to a world is in the state file, if there is one. While that can't be written, nothing is done.
pub(super) async fn settle(State(worlds): State<Arc<Worlds>>, request: Request, next: Next) -> Response {
    // As it is routed.
    let name = request.uri().path().strip_prefix("/worlds/").and_then(|rest| rest.split('/').next());
    let name = name.map(|name| percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned());
    let Some(world) = name.and_then(|name| worlds.get(&name).ok()) else { return next.run(request).await };
    if request.method() != Method::GET
        && let Err(error) = world.is_well().await
    {
        return Refused::from(error).into_response();
    }
    let response = next.run(request).await;
    match world.settle().await {
        Ok(()) => response,
        Err(error) => Refused::from(error).into_response(),
    }
}

/// There is such a path, but not with this method.
pub(super) async fn no_such_method() -> Refused {
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this path does not have this method")
}
