//! Tokens: for a code, for the refresh token before, for a service; ending them; and who checks them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, encode};
use onecity_protocol::credential::UnixTime;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::proofs::check_proof;
use super::{
    ACCESS_LASTS, CLIENT_ID, GRACE, Grant, IdentityState, PERSONAS, Refresh, SESSION_LASTS, Seen, claim, issuer, known,
    random_text,
};
use crate::problem::Problem;
use crate::world::{Fault, World};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// What a service's back end, or an issuer of passes, learns of the one who asks.
#[derive(Debug, Clone)]
pub(crate) struct ServiceGrant {
    /// Made up for this service: nobody else sees the same.
    pub subject: String,
    /// What the resident agreed to, by OpenID Connect's names.
    pub fields: Map<String, Value>,
    /// How strongly they logged in.
    pub acr: String,
    key: String,
    resource: String,
    pub(super) session: String,
}

impl ServiceGrant {
    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

#[derive(Deserialize)]
pub(super) struct TokenRequest {
    grant_type: String,
    client_id: String,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    refresh_token: Option<String>,
    subject_token: Option<String>,
    subject_token_type: Option<String>,
    resource: Option<String>,
    audience: Option<String>,
    scope: Option<String>,
    dpop_jkt: Option<String>,
}

pub(super) async fn token(
    State(world): State<Arc<World>>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    Form(request): Form<TokenRequest>,
) -> Result<Response, Problem> {
    known(&world, &provider)?;
    if request.client_id != CLIENT_ID {
        return Err(Problem::bad("invalid_client", "this app is not registered here"));
    }
    let target = format!("{}/token", issuer(&world, &provider));
    let key = check_proof(&world, &headers, "POST", &target, None)?;
    let answer = match request.grant_type.as_str() {
        "authorization_code" => redeem(&world, &provider, &request, &key, &headers)?,
        "refresh_token" => {
            let answer = refresh(&world, &provider, &request, &key)?;
            if world.faults.end(Fault::LoseRefresh) {
                return Err(Problem::timed_out());
            }
            answer
        }
        EXCHANGE => exchange(&world, &provider, &request, &key)?,
        _ => return Err(Problem::bad("unsupported_grant_type", "code, refresh token or token exchange only")),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

fn redeem(
    world: &World,
    provider: &str,
    request: &TokenRequest,
    key: &str,
    headers: &HeaderMap,
) -> Result<Value, Problem> {
    let now = world.now();
    let mut state = world.lock_identity();
    // Removed in any case: a code counts once.
    let code = request.code.as_ref().and_then(|code| state.codes.take(code, now));
    let code = code.ok_or(Problem::bad("invalid_grant", "the code is unknown or was used"))?;
    let verifier = request.code_verifier.as_deref().unwrap_or_default();
    let proven = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) == code.challenge;
    let same_place = request.redirect_uri.as_deref() == Some(code.redirect_uri.as_str());
    if !proven || !same_place || code.grant.provider != provider || code.grant.key != key {
        return Err(Problem::bad("invalid_grant", "the code belongs to another request or key"));
    }
    let persona = PERSONAS.iter().find(|own| own.id == code.grant.persona).expect("grants name personas that exist");
    let nonce = if world.faults.is_on(Fault::WrongNonce) { "another login's".to_owned() } else { code.nonce.clone() };
    let claims = json!({
        "iss": issuer(world, provider), "sub": world.id(&format!("subject {}", persona.id)), "aud": CLIENT_ID,
        "iat": now, "exp": now + ACCESS_LASTS, "nonce": nonce, "name": persona.name, "account_kind": persona.kind,
        "acr": code.grant.acr,
    });
    let mut head = Header::new(Algorithm::ES256);
    head.kid = state.jwk["kid"].as_str().map(str::to_owned);
    let id_token = encode(&head, &claims, &state.key).map_err(|_| Problem::bad("server_error", "the ID token"))?;
    let session = random_text();
    let device = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("unknown");
    let seen = Seen {
        persona: persona.id,
        provider: provider.to_owned(),
        device: device.chars().take(100).collect(),
        created: now,
        last_used: now,
    };
    state.sessions.put(session.clone(), seen, now);
    let mut answer = issue(&mut state, code.grant, session, now);
    answer["id_token"] = id_token.into();
    Ok(answer)
}

fn refresh(world: &World, provider: &str, request: &TokenRequest, key: &str) -> Result<Value, Problem> {
    let now = world.now();
    let mut state = world.lock_identity();
    let token = request.refresh_token.clone().unwrap_or_default();
    let unknown = || Problem::bad("invalid_grant", "the session has ended");
    let Some(entry) = state.refresh.get(&token, now).filter(|own| own.grant.provider == provider) else {
        return Err(unknown());
    };
    if entry.grant.key != key || state.sessions.get(&entry.session, now).is_none() {
        return Err(unknown());
    }
    let (grant, session) = (entry.grant.clone(), entry.session.clone());
    if let Some((used, answer)) = &entry.used {
        // A lost answer is given again for a while; a later replay means that two hold the token.
        if now - used <= GRACE {
            return Ok(answer.clone());
        }
        state.end(&session);
        return Err(Problem::bad("invalid_grant", "the refresh token was used twice: the session has ended"));
    }
    let answer = issue(&mut state, grant, session, now);
    if let Some(entry) = state.refresh.get_mut(&token, now) {
        entry.used = Some((now, answer.clone()));
    }
    Ok(answer)
}

fn issue(state: &mut IdentityState, grant: Grant, session: String, now: UnixTime) -> Value {
    let (access, refresh) = (random_text(), random_text());
    let mut lasts = SESSION_LASTS;
    if let Some(seen) = state.sessions.get_mut(&session, now) {
        seen.last_used = now;
        lasts = seen.created + SESSION_LASTS - now;
    }
    state.access.put(access.clone(), (grant.clone(), session.clone()), now);
    state.refresh.put(refresh.clone(), Refresh { grant, session, used: None }, now);
    json!({
        "access_token": access, "token_type": "DPoP", "expires_in": ACCESS_LASTS, "refresh_token": refresh,
        "refresh_token_expires_in": lasts, "scope": "openid profile offline_access",
    })
}

/// A token for one service at one origin, or for one issuer of passes (who is the resource itself), bound to the key that
/// `dpop_jkt` names.
fn exchange(world: &World, provider: &str, request: &TokenRequest, key: &str) -> Result<Value, Problem> {
    let now = world.now();
    let mut state = world.lock_identity();
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let wrong = || Problem::bad("invalid_request", "a token exchange names subject, resource and key");
    if request.subject_token_type.as_deref() != Some(ACCESS_TOKEN) {
        return Err(wrong());
    }
    let resource = given(&request.resource).ok_or_else(wrong)?;
    let audience = given(&request.audience).unwrap_or_else(|| resource.clone());
    let bound_to = given(&request.dpop_jkt).ok_or_else(wrong)?;
    let subject = given(&request.subject_token).ok_or_else(wrong)?;
    let is_own = |grant: &Grant| grant.key == key && grant.provider == provider;
    let found = state.access.get(&subject, now).filter(|(grant, _)| is_own(grant));
    let (grant, session) = found
        .cloned()
        .ok_or(Problem::unauthorized("the token that is exchanged has ended or belongs to another key"))?;
    let asked = request.scope.as_deref().unwrap_or_default().split(' ').filter(|field| !field.is_empty());
    let fields = asked.filter_map(|field| Some((field.to_owned(), claim(grant.persona, field)?.into()))).collect();
    let service = ServiceGrant {
        subject: subject_at(world, grant.persona, &audience),
        fields,
        acr: grant.acr,
        key: bound_to,
        resource,
        session,
    };
    let token = random_text();
    state.services.put(token.clone(), service, now);
    Ok(json!({
        "access_token": token, "issued_token_type": ACCESS_TOKEN, "token_type": "DPoP", "expires_in": ACCESS_LASTS,
    }))
}

/// A resident's subject for one audience, who alone sees it.
fn subject_at(world: &World, persona: &str, audience: &str) -> String {
    world.id(&format!("pairwise {persona} {audience}"))
}

#[derive(Deserialize)]
pub(super) struct RevokeRequest {
    token: String,
}

/// RFC 7009 §2.2: the answer is the same whether the token was known or not.
pub(super) async fn revoke(
    State(world): State<Arc<World>>,
    Path(provider): Path<String>,
    Form(request): Form<RevokeRequest>,
) -> Result<StatusCode, Problem> {
    known(&world, &provider)?;
    let mut state = world.lock_identity();
    let own = state.refresh.get(&request.token, world.now()).filter(|own| own.grant.provider == provider);
    if let Some(session) = own.map(|refresh| refresh.session.clone()) {
        state.end(&session);
    }
    Ok(StatusCode::OK)
}

/// The sessions of the one who asks, wherever they were begun.
pub(super) async fn sessions(
    State(world): State<Arc<World>>,
    Path(provider): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let (grant, own) = bearer(&world, &provider, &headers, "GET", "/sessions")?;
    let state = world.lock_identity();
    let same = |seen: &&Seen| seen.persona == grant.persona && seen.provider == grant.provider;
    let mut list: Vec<Value> = state
        .sessions
        .iter()
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
    State(world): State<Arc<World>>,
    Path((provider, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let (grant, _) = bearer(&world, &provider, &headers, "DELETE", &format!("/sessions/{id}"))?;
    let mut state = world.lock_identity();
    let own = state.sessions.get(&id, world.now());
    if !own.is_some_and(|seen| seen.persona == grant.persona && seen.provider == provider) {
        return Err(Problem::not_found());
    }
    state.end(&id);
    Ok(StatusCode::NO_CONTENT)
}

fn dpop_token(headers: &HeaderMap) -> Result<String, Problem> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("DPoP "));
    Ok(token.ok_or_else(|| Problem::unauthorized("there is no DPoP-bound access token"))?.to_owned())
}

/// What an access token that is valid at this provider stands for, and the session that it belongs to.
fn bearer(
    world: &World,
    provider: &str,
    headers: &HeaderMap,
    method: &str,
    path: &str,
) -> Result<(Grant, String), Problem> {
    let token = dpop_token(headers)?;
    let key = check_proof(world, headers, method, &format!("{}{path}", issuer(world, provider)), Some(&token))?;
    match world.lock_identity().access.get(&token, world.now()) {
        Some((grant, session)) if grant.key == key && grant.provider == provider => {
            Ok((grant.clone(), session.clone()))
        }
        _ => Err(Problem::unauthorized("the access token has ended or belongs to another key")),
    }
}

/// Whom an issuer of passes speaks with, by a token that is good at this issuer alone. It tells a subject that was made for this
/// issuer, who has it in its register: what a register is linked by is between a provider and an issuer.
pub(crate) fn authenticate_at(
    world: &World,
    headers: &HeaderMap,
    method: &str,
    issuer: &str,
    path: &str,
) -> Result<&'static str, Problem> {
    let subject = granted(world, headers, method, &format!("{issuer}{path}"), issuer)?.subject;
    let registered = PERSONAS.iter().find(|own| subject_at(world, own.id, issuer) == subject);
    registered.map(|own| own.id).ok_or(Problem::unauthorized("this resident is not in the register"))
}

/// Whom a service's back end speaks with, by the service's own token; nobody if there is none.
pub(crate) fn authenticate_service(
    world: &World,
    headers: &HeaderMap,
    method: &str,
    path: &str,
) -> Result<Option<ServiceGrant>, Problem> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Ok(None);
    }
    granted(world, headers, method, &format!("{}{path}", world.origin()), world.origin()).map(Some)
}

/// What a token stands for that was exchanged for this resource.
fn granted(
    world: &World,
    headers: &HeaderMap,
    method: &str,
    url: &str,
    resource: &str,
) -> Result<ServiceGrant, Problem> {
    let token = dpop_token(headers)?;
    let key = check_proof(world, headers, method, url, Some(&token))?;
    match world.lock_identity().services.get(&token, world.now()) {
        Some(own) if own.key == key && own.resource == resource => Ok(own.clone()),
        _ => Err(Problem::unauthorized("the token has ended, or is for another place or key")),
    }
}
