//! The page where a persona is chosen, and requests that were pushed before it (RFC 9126).

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::proofs::check_proof;
use super::{CLIENT_ID, Code, Grant, PASSWORD, PERSONAS, PUSHED_LASTS, STRONG, home, issuer, known, random_text};
use crate::pages;
use crate::problem::Problem;
use crate::world::World;

/// Longest request, in bytes of all its parameters.
const MAX_REQUEST: usize = 4096;

/// The parameters of an authorization request.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct AuthorizeRequest {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    state: String,
    nonce: String,
    code_challenge: String,
    code_challenge_method: String,
    dpop_jkt: String,
    #[serde(default)]
    acr_values: Option<String>,
    #[serde(default)]
    login_hint: Option<String>,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    request_uri: Option<String>,
}

/// What stands in the browser's address: the request itself, or where it was pushed to.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Address {
    client_id: String,
    #[serde(default)]
    request_uri: Option<String>,
    #[serde(default)]
    login_hint: Option<String>,
    #[serde(default)]
    prompt: Option<String>,
}

impl AuthorizeRequest {
    fn check(&self) -> Result<(), Problem> {
        if self.client_id != CLIENT_ID || home(&self.redirect_uri).is_none() {
            return Err(Problem::bad("invalid_client", "this app is not registered here"));
        }
        let more = [&self.login_hint, &self.prompt].into_iter().flatten().map(String::len);
        if self.fields().iter().map(|(_, value)| value.len()).chain(more).sum::<usize>() > MAX_REQUEST {
            return Err(Problem::bad("invalid_request", "the request has more than 4,096 bytes"));
        }
        if self.response_type != "code" || self.code_challenge_method != "S256" {
            return Err(Problem::bad("invalid_request", "only the code flow with PKCE S256"));
        }
        Ok(())
    }

    fn acr(&self) -> &'static str {
        let asked = self.acr_values.as_deref().unwrap_or_default();
        if asked.split(' ').any(|acr| acr == STRONG) { STRONG } else { PASSWORD }
    }

    /// The number that the resident has typed already.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.login_hint.as_deref()
    }

    /// The fields of the form that carries the request on.
    pub(crate) fn fields(&self) -> Vec<(&'static str, &str)> {
        let mut fields: Vec<(&'static str, &str)> = vec![
            ("response_type", &self.response_type),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("state", &self.state),
            ("nonce", &self.nonce),
            ("code_challenge", &self.code_challenge),
            ("code_challenge_method", &self.code_challenge_method),
            ("dpop_jkt", &self.dpop_jkt),
        ];
        fields.extend(self.acr_values.as_deref().map(|acr| ("acr_values", acr)));
        fields.extend(self.request_uri.as_deref().map(|uri| ("request_uri", uri)));
        fields
    }
}

/// Takes a request before the browser is opened.
pub(super) async fn push(
    State(world): State<Arc<World>>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    Form(request): Form<AuthorizeRequest>,
) -> Result<Response, Problem> {
    known(&world, &provider)?;
    request.check()?;
    let key = check_proof(&world, &headers, "POST", &format!("{}/par", issuer(&world, &provider)), None)?;
    if key != request.dpop_jkt {
        return Err(Problem::bad("invalid_dpop_proof", "the proof is by another key than dpop_jkt names"));
    }
    let uri = format!("urn:ietf:params:oauth:request_uri:{}", random_text());
    let request = AuthorizeRequest { request_uri: Some(uri.clone()), ..request };
    world.lock_identity().pushed.put(uri.clone(), (provider, request), world.now());
    Ok((StatusCode::CREATED, Json(json!({ "request_uri": uri, "expires_in": PUSHED_LASTS }))).into_response())
}

/// A request that was pushed to this provider: at another it means nothing.
fn pushed(world: &World, provider: &str, uri: &str) -> Result<AuthorizeRequest, Problem> {
    let state = world.lock_identity();
    let found = state.pushed.get(uri, world.now()).filter(|(own, _)| own == provider);
    found
        .map(|(_, request)| request.clone())
        .ok_or(Problem::bad("invalid_request_uri", "the request is not known here"))
}

/// The page where a persona is chosen; with `prompt=none` and a `login_hint` (OpenID Connect Core §3.1.2.1) the
/// answer comes at once, for tests.
pub(super) async fn ask(
    State(world): State<Arc<World>>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    Query(address): Query<Address>,
    whole: Result<Query<AuthorizeRequest>, QueryRejection>,
) -> Result<Response, Problem> {
    known(&world, &provider)?;
    let request = match (&address.request_uri, whole) {
        (Some(uri), _) => pushed(&world, &provider, uri)?,
        (None, Ok(Query(request))) => request,
        (None, Err(_)) => return Err(Problem::bad("invalid_request", "the request is incomplete")),
    };
    request.check()?;
    if address.client_id != request.client_id {
        return Err(Problem::bad("invalid_client", "another app has asked"));
    }
    let hint = address.login_hint.as_ref().or(request.login_hint.as_ref());
    match (address.prompt.as_ref().or(request.prompt.as_ref()), hint) {
        (Some(prompt), Some(hint)) if prompt == "none" => grant_code(&world, &provider, &request, hint),
        _ => {
            let language = pages::Language::of(&headers);
            Ok(pages::choose_persona(language, &provider, &request).into_response())
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Choice {
    persona: String,
    request_uri: Option<String>,
    #[serde(flatten)]
    rest: HashMap<String, String>,
}

pub(super) async fn choose(
    State(world): State<Arc<World>>,
    Path(provider): Path<String>,
    Form(choice): Form<Choice>,
) -> Result<Response, Problem> {
    known(&world, &provider)?;
    // What was pushed counts, whatever the form says.
    let request = match &choice.request_uri {
        Some(uri) => pushed(&world, &provider, uri)?,
        None => serde_json::from_value(json!(choice.rest))
            .map_err(|_| Problem::bad("invalid_request", "the request is incomplete"))?,
    };
    request.check()?;
    grant_code(&world, &provider, &request, &choice.persona)
}

fn grant_code(world: &World, provider: &str, request: &AuthorizeRequest, persona: &str) -> Result<Response, Problem> {
    let persona =
        PERSONAS.iter().find(|known| known.id == persona).ok_or(Problem::bad("access_denied", "no such persona"))?;
    let code = random_text();
    let grant = Grant {
        provider: provider.to_owned(),
        persona: persona.id,
        key: request.dpop_jkt.clone(),
        acr: request.acr().to_owned(),
    };
    let entry = Code {
        grant,
        redirect_uri: request.redirect_uri.clone(),
        challenge: request.code_challenge.clone(),
        nonce: request.nonce.clone(),
    };
    {
        let now = world.now();
        let mut state = world.lock_identity();
        // A pushed request is good for one login.
        if let Some(uri) = &request.request_uri {
            state.pushed.take(uri, now);
        }
        state.codes.put(code.clone(), entry, now);
    }
    let mut back = home(&request.redirect_uri).ok_or(Problem::bad("invalid_request", "redirect_uri"))?;
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &request.state)
        .append_pair("iss", &issuer(world, provider));
    Ok(Redirect::to(back.as_str()).into_response())
}
