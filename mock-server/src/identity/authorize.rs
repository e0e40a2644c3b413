//! The page where a persona is chosen, and requests that were pushed before it (RFC 9126).

use axum::Json;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use onecity_protocol::credential::UnixTime;
use serde_json::json;
use url::Url;

use super::ending::hinted;
use super::parameters::{MAX_REQUEST, Parameters};
use super::proofs::check_proof;
use super::{
    BROWSER_LASTS, CLIENT_ID, Code, Grant, PUSHED_LASTS, Scopes, Strength, home, issuer, known, random_text, subject,
};
use crate::pages;
use crate::problem::Problem;
use crate::world::{In, World};

/// What stands before the number of a pushed request (RFC 9126 §2.2).
const PUSHED: &str = "urn:ietf:params:oauth:request_uri:";

/// An authorization request that may be answered.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizeRequest {
    /// As it came, for the form that carries it on.
    parameters: Parameters,
    back: Back,
    challenge: String,
    nonce: Option<String>,
    /// The key that the code is bound to (RFC 9449 §10).
    key: Option<String>,
    scopes: Scopes,
    acr: Strength,
    /// How long ago the resident may have logged in, in seconds.
    max_age: Option<i64>,
}

/// Where an answer goes: only there, once that is known to be the app's.
#[derive(Debug, Clone)]
struct Back {
    address: Url,
    state: Option<String>,
}

impl Back {
    fn with(&self, world: &World, provider: &str, said: &[(&str, &str)]) -> Response {
        let mut address = self.address.clone();
        let mut query = address.query_pairs_mut();
        query.extend_pairs(said);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        // RFC 9207 §2: in errors, too.
        query.append_pair("iss", &issuer(world, provider));
        drop(query);
        Redirect::to(address.as_str()).into_response()
    }

    /// Tells the app why there is no code (RFC 6749 §4.1.2.1).
    fn refuses(&self, world: &World, provider: &str, refusal: Refusal) -> Response {
        let Refusal { error, why } = refusal;
        self.with(world, provider, &[("error", error), ("error_description", why)])
    }
}

/// Why an app gets no code.
struct Refusal {
    error: &'static str,
    why: &'static str,
}

const fn refusal(error: &'static str, why: &'static str) -> Refusal {
    Refusal { error, why }
}

/// Who may be told: nobody but the one at the browser, if it is not known whose request it is.
enum Refused {
    AtTheBrowser(Problem),
    ToTheApp(Box<Back>, Refusal),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::AtTheBrowser(problem)
    }
}

impl Refused {
    fn answer(self, world: &World, provider: &str) -> Result<Response, Problem> {
        match self {
            Self::AtTheBrowser(problem) => Err(problem),
            Self::ToTheApp(back, refusal) => Ok(back.refuses(world, provider, refusal)),
        }
    }

    /// The same where no browser is on the way.
    fn problem(self) -> Problem {
        match self {
            Self::AtTheBrowser(problem) => problem,
            Self::ToTheApp(_, Refusal { error, why }) => Problem::bad(error, why),
        }
    }
}

impl AuthorizeRequest {
    fn read(parameters: Parameters) -> Result<Self, Refused> {
        if parameters.get("client_id") != Some(CLIENT_ID) {
            return Err(Problem::bad("invalid_client", "this app is not registered here").into());
        }
        let address = parameters.needed("redirect_uri", "there is no redirect_uri")?;
        let address = home(address).ok_or(Problem::bad("invalid_request", "this redirect_uri is not the app's"))?;
        let back = Back { address, state: parameters.get("state").map(str::to_owned) };
        if parameters.weight() > MAX_REQUEST {
            return Err(Problem::bad("invalid_request", "the request has more than 8,192 bytes").into());
        }
        match Self::rest(&parameters) {
            Ok((challenge, max_age)) => Ok(Self {
                challenge,
                max_age,
                nonce: parameters.get("nonce").map(str::to_owned),
                key: parameters.get("dpop_jkt").map(str::to_owned),
                scopes: Scopes::of(parameters.get("scope").unwrap_or_default()),
                acr: match parameters.has("acr_values", Strength::Strong.acr()) {
                    true => Strength::Strong,
                    false => Strength::Password,
                },
                parameters,
                back,
            }),
            Err(refusal) => Err(Refused::ToTheApp(Box::new(back), refusal)),
        }
    }

    /// What has to be right in a request of an app that is known.
    fn rest(parameters: &Parameters) -> Result<(String, Option<i64>), Refusal> {
        match parameters.get("response_type") {
            Some("code") => {}
            Some(_) => return Err(refusal("unsupported_response_type", "only the code flow")),
            None => return Err(refusal("invalid_request", "there is no response_type")),
        }
        if parameters.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(refusal("invalid_request", "the answer comes in the query"));
        }
        // OpenID Connect Core 1.0 §6.
        if parameters.get("request").is_some() {
            return Err(refusal("request_not_supported", "requests are no JWTs here"));
        }
        if parameters.get("request_uri").is_some_and(|uri| !uri.starts_with(PUSHED)) {
            return Err(refusal("request_uri_not_supported", "only requests that were pushed here"));
        }
        // RFC 7636 §4.4.1; a challenge is 32 bytes in base64url (§4.2).
        let challenge =
            parameters.get("code_challenge").ok_or(refusal("invalid_request", "code challenge required"))?;
        let is_hash = parameters.get("code_challenge_method") == Some("S256") && challenge.len() == 43;
        if !is_hash {
            return Err(refusal("invalid_request", "the code challenge is made by S256"));
        }
        if parameters.has("prompt", "none") && parameters.get("prompt") != Some("none") {
            return Err(refusal("invalid_request", "prompt=none stands alone"));
        }
        if parameters.get("dpop_jkt").is_some_and(|key| key.len() != 43) {
            return Err(refusal("invalid_request", "dpop_jkt is a key's SHA-256 thumbprint"));
        }
        let max_age = match parameters.get("max_age").map(str::parse) {
            Some(Ok(seconds @ 0..)) => Some(seconds),
            None => None,
            _ => return Err(refusal("invalid_request", "max_age is a number of seconds")),
        };
        Ok((challenge.to_owned(), max_age))
    }

    /// The number that the resident has typed already.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.parameters.get("login_hint")
    }

    /// The fields of the form that carries the request on.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter()
    }
}

/// Takes a request before the browser is opened. The code may be bound to a key by `dpop_jkt` or by a proof (RFC 9449 §10.1).
pub(super) async fn push(
    In(world): In,
    Path(provider): Path<String>,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    known(&provider)?;
    if parameters.get("request_uri").is_some() {
        return Err(Problem::bad("invalid_request", "what is pushed is the request itself"));
    }
    if headers.contains_key("dpop") {
        let key = check_proof(&world, &headers, "POST", &format!("{}/par", issuer(&world, &provider)), None)?;
        if parameters.get("dpop_jkt").is_some_and(|named| named != key) {
            return Err(Problem::bad("invalid_dpop_proof", "the proof is by another key than dpop_jkt names"));
        }
        parameters.put("dpop_jkt", key);
    }
    AuthorizeRequest::read(parameters.clone()).map_err(Refused::problem)?;
    let uri = format!("{PUSHED}{}", random_text());
    let weight = parameters.weight();
    world.lock_identity().pushed.put_weighing(weight, uri.clone(), (provider, parameters), world.now());
    Ok((StatusCode::CREATED, Json(json!({ "request_uri": uri, "expires_in": PUSHED_LASTS }))).into_response())
}

/// The request that is meant: the one that was pushed to this provider, or the one that came. RFC 9126 §4 has the pushed one
/// count alone; a test may say beside it who logs in, by `prompt` and `login_hint`.
fn meant(world: &World, provider: &str, mut came: Parameters) -> Result<AuthorizeRequest, Refused> {
    let Some(uri) = came.get("request_uri").filter(|uri| uri.starts_with(PUSHED)).map(str::to_owned) else {
        return AuthorizeRequest::read(came);
    };
    let found = world.lock_identity().pushed.get(&uri, world.now()).filter(|(own, _)| own == provider).cloned();
    let (_, mut pushed) = found.ok_or(Problem::bad("invalid_request_uri", "the request is not known here"))?;
    if came.get("client_id") != pushed.get("client_id") {
        return Err(Problem::bad("invalid_client", "another app has asked").into());
    }
    for name in ["prompt", "login_hint"] {
        if let Some(value) = came.take(name) {
            pushed.put(name, value);
        }
    }
    pushed.put("request_uri", uri);
    AuthorizeRequest::read(pushed)
}

/// The page where a persona is chosen. With `prompt=none` (OpenID Connect Core 1.0 §3.1.2.1) the answer comes at once: as the
/// one who has logged in with this browser, or as the persona that `login_hint` names.
pub(super) async fn ask(
    In(world): In,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    known(&provider)?;
    let came = Parameters::read(query.unwrap_or_default().as_bytes())?;
    let request = match meant(&world, &provider, came) {
        Ok(request) => request,
        Err(refused) => return refused.answer(&world, &provider),
    };
    if request.parameters.get("prompt") != Some("none") {
        // It has been opened: from now on the resident may take their time.
        if let Some(uri) = request.parameters.get("request_uri").map(str::to_owned) {
            let mut parameters = request.parameters.clone();
            parameters.take("request_uri");
            let weight = parameters.weight();
            world.lock_identity().pushed.put_weighing(weight, uri, (provider.clone(), parameters), world.now());
        }
        return Ok(
            pages::choose_persona(pages::Language::of(&headers), &provider, &request, &world.people()).into_response()
        );
    }
    let (now, people) = (world.now(), world.people());
    if let Some(persona) = request.hint().and_then(|hint| people.get(hint)) {
        return grant_code(&world, &provider, &request, &persona.id, now);
    }
    let seen = browser(&world, &provider, &headers).filter(|(persona, _)| people.get(persona).is_some());
    let seen = seen.filter(|(_, at)| request.max_age.is_none_or(|longest| now - at <= longest));
    // Whom the app means by an ID token must be who is there (OpenID Connect Core 1.0 §3.1.2.1).
    let meant = request.parameters.get("id_token_hint").map(|hint| hinted(&world, &provider, hint).map(|own| own.sub));
    let seen = seen.filter(|(persona, _)| {
        meant.as_ref().is_none_or(|meant| meant.as_deref() == Some(subject(&world, persona).as_str()))
    });
    // Any program of this machine may wait at a port: without the resident's word it gets nothing (RFC 8252 §8.6).
    if seen.is_some() && request.back.address.scheme() == "http" {
        return Ok(request.back.refuses(
            &world,
            &provider,
            refusal("interaction_required", "the resident has to agree"),
        ));
    }
    match seen {
        // A stronger login can't be had without asking.
        Some((persona, at)) if request.acr == Strength::Password => {
            grant_code(&world, &provider, &request, &persona, at)
        }
        _ => Ok(request.back.refuses(&world, &provider, refusal("login_required", "nobody has logged in here yet"))),
    }
}

/// A persona was chosen.
pub(super) async fn choose(
    In(world): In,
    Path(provider): Path<String>,
    mut came: Parameters,
) -> Result<Response, Problem> {
    known(&provider)?;
    let persona = came.take("persona");
    let request = match meant(&world, &provider, came) {
        Ok(request) => request,
        Err(refused) => return refused.answer(&world, &provider),
    };
    let people = world.people();
    let known = persona.and_then(|persona| people.get(&persona));
    let Some(persona) = known else {
        return Ok(request.back.refuses(&world, &provider, refusal("access_denied", "no such persona")));
    };
    let now = world.now();
    let mut response = grant_code(&world, &provider, &request, &persona.id, now)?;
    let cookie = random_text();
    let (place, prefix) = (cookie_of(&provider), world.prefix());
    let set =
        format!("{place}={cookie}; Path={prefix}/idp/{provider}; Max-Age={BROWSER_LASTS}; HttpOnly; SameSite=Lax");
    world.lock_identity().browsers.put(cookie, (provider, persona.id.clone(), now), now);
    if let Ok(set) = HeaderValue::from_str(&set) {
        response.headers_mut().insert(header::SET_COOKIE, set);
    }
    Ok(response)
}

pub(super) fn cookie_of(provider: &str) -> String {
    format!("onecity_{provider}")
}

/// What a browser is known by at a provider.
pub(super) fn cookie<'h>(provider: &str, headers: &'h HeaderMap) -> Option<&'h str> {
    let name = cookie_of(provider);
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    let mut own = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    own.find(|(own, _)| *own == name).map(|(_, cookie)| cookie)
}

/// Who has logged in at a provider with this browser, and when.
fn browser(world: &World, provider: &str, headers: &HeaderMap) -> Option<(String, UnixTime)> {
    let cookie = cookie(provider, headers)?;
    let state = world.lock_identity();
    let (at, persona, since) = state.browsers.get(cookie, world.now())?;
    (at == provider).then(|| (persona.clone(), *since))
}

fn grant_code(
    world: &World,
    provider: &str,
    request: &AuthorizeRequest,
    persona: &str,
    authenticated: UnixTime,
) -> Result<Response, Problem> {
    let code = random_text();
    let grant = Grant {
        provider: provider.to_owned(),
        persona: persona.to_owned(),
        key: request.key.clone(),
        acr: request.acr,
        scopes: request.scopes,
        authenticated,
    };
    let entry = Code {
        grant,
        redirect_uri: request.parameters.get("redirect_uri").unwrap_or_default().to_owned(),
        challenge: request.challenge.clone(),
        nonce: request.nonce.clone(),
    };
    let now = world.now();
    let mut state = world.lock_identity();
    // A pushed request is good for one login.
    if let Some(uri) = request.parameters.get("request_uri")
        && state.pushed.take(uri, now).is_none()
    {
        return Err(Problem::bad("invalid_request_uri", "the request was used"));
    }
    state.codes.put_weighing(request.parameters.weight(), code.clone(), entry, now);
    drop(state);
    Ok(request.back.with(world, provider, &[("code", &code)]))
}
