//! Ending what was begun: a token, a session, a login in a browser; and the sessions of a resident wherever they are.

use axum::Json;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::authorize::{cookie, cookie_of};
use super::parameters::Parameters;
use super::tokens::bearer;
use super::{CLIENT_ID, Seen, home, issuer, known};
use crate::pages;
use crate::problem::Problem;
use crate::world::{In, World};

/// RFC 7009 §2: a refresh token takes its session with it, an access token itself alone. The answer is the same whether the token
/// was known or not (§2.2).
pub(super) async fn revoke(
    In(world): In,
    Path(provider): Path<String>,
    request: Parameters,
) -> Result<StatusCode, Problem> {
    known(&provider)?;
    if request.get("client_id").is_some_and(|client| client != CLIENT_ID) {
        return Err(Problem::unknown_client());
    }
    let (token, now) = (request.needed("token", "there is no token")?, world.now());
    let mut state = world.lock_identity();
    let refresh = state.refresh.get(token, now).filter(|own| own.grant.provider == provider);
    if let Some(session) = refresh.map(|own| own.session.clone()) {
        state.end(&session);
    } else if state.services.get(token, now).is_some_and(|own| own.provider == provider) {
        state.services.take(token, now);
    } else if state.access.get(token, now).is_some_and(|own| own.grant.provider == provider) {
        state.access.take(token, now);
    }
    Ok(StatusCode::OK)
}

/// What an ID token says of whose it is.
#[derive(Deserialize, Clone)]
pub(super) struct Hint {
    pub sub: String,
    sid: String,
}

/// The session of an ID token that this provider has signed, whether or not it has ended (RP-Initiated Logout 1.0 §2).
pub(super) fn hinted(world: &World, provider: &str, hint: &str) -> Option<Hint> {
    let jwk: Jwk = serde_json::from_value(world.lock_identity().signing.jwk.clone()).ok()?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[issuer(world, provider)]);
    validation.set_audience(&[CLIENT_ID]);
    validation.validate_exp = false;
    decode::<Hint>(hint, &DecodingKey::from_jwk(&jwk).ok()?, &validation).ok().map(|own| own.claims)
}

/// The app sends the browser here to log out (OpenID Connect RP-Initiated Logout 1.0).
pub(super) async fn logout(
    world: In,
    provider: Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let request = Parameters::read(query.unwrap_or_default().as_bytes())?;
    logout_by_form(world, provider, headers, request).await
}

pub(super) async fn logout_by_form(
    In(world): In,
    Path(provider): Path<String>,
    headers: HeaderMap,
    request: Parameters,
) -> Result<Response, Problem> {
    known(&provider)?;
    let session = match request.get("id_token_hint") {
        Some(hint) => Some(
            hinted(&world, &provider, hint)
                .map(|own| own.sid)
                .ok_or(Problem::bad("invalid_request", "the id_token_hint is none of this provider's"))?,
        ),
        None => None,
    };
    if request.get("client_id").is_some_and(|client| client != CLIENT_ID) {
        return Err(Problem::unknown_client());
    }
    let is_known = session.is_some() || request.get("client_id") == Some(CLIENT_ID);
    let back = match request.get("post_logout_redirect_uri") {
        Some(address) => {
            let address = home(address).filter(|_| is_known);
            Some(
                address
                    .ok_or(Problem::bad("invalid_request", "this is no address of an app that is registered here"))?,
            )
        }
        None => None,
    };
    {
        let mut state = world.lock_identity();
        if let Some(session) = session {
            state.end(&session);
        }
        if let Some(cookie) = cookie(&provider, &headers) {
            state.browsers.take(cookie, world.now());
        }
    }
    let mut response = match back {
        Some(mut back) => {
            if let Some(state) = request.get("state") {
                back.query_pairs_mut().append_pair("state", state);
            }
            Redirect::to(back.as_str()).into_response()
        }
        None => pages::logged_out(pages::Language::of(&headers)).into_response(),
    };
    let forgets =
        format!("{}=; Path={}/idp/{provider}; Max-Age=0; HttpOnly; SameSite=Lax", cookie_of(&provider), world.prefix());
    if let Ok(forgets) = HeaderValue::from_str(&forgets) {
        response.headers_mut().insert(header::SET_COOKIE, forgets);
    }
    Ok(response)
}

/// The sessions of the one who asks, wherever they were begun.
pub(super) async fn sessions(
    In(world): In,
    Path(provider): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    known(&provider)?;
    let (grant, own) = bearer(&world, &provider, &headers, "GET", "/sessions")?;
    let state = world.lock_identity();
    let same = |seen: &&Seen| seen.persona == grant.persona && seen.provider == grant.provider;
    let mut list: Vec<Value> = state
        .sessions
        .in_order()
        .into_iter()
        .filter(|(id, seen)| same(seen) && state.sessions.get(*id, world.now()).is_some())
        .map(|(id, seen)| {
            json!({
                "id": id, "device": seen.device, "created": seen.created, "last_used": seen.last_used,
                "current": *id == own,
            })
        })
        .collect();
    list.sort_by_key(|own| own["created"].as_i64());
    Ok(Json(json!({ "sessions": list })))
}

pub(super) async fn end_session(
    In(world): In,
    Path((provider, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    known(&provider)?;
    let (grant, _) = bearer(&world, &provider, &headers, "DELETE", &format!("/sessions/{id}"))?;
    let mut state = world.lock_identity();
    let own = state.sessions.get(&id, world.now());
    if !own.is_some_and(|seen| seen.persona == grant.persona && seen.provider == provider) {
        return Err(Problem::not_found());
    }
    state.end(&id);
    Ok(StatusCode::NO_CONTENT)
}
