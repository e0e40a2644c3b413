//! Tokens: for a code, for the refresh token before, for a service; and who checks them.

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, encode};
use onecity_protocol::credential::UnixTime;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::parameters::Parameters;
use super::proofs::check_proof;
use super::{
    ACCESS_LASTS, Access, CLIENT_ID, Code, GRACE, Grant, IdentityState, Refresh, SESSION_LASTS, Scopes, Seen, Strength,
    issuer, known, random_text,
};
use crate::exchange;
use crate::faults::{Signed, What};
use crate::problem::Problem;
use crate::world::{In, World};

/// Longest name of a resource, in bytes.
const MAX_RESOURCE: usize = 512;
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// What a service's back end, or an issuer of passes, learns of the one who asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServiceGrant {
    /// Made up for this service: nobody else sees the same.
    pub subject: String,
    /// What the resident agreed to, by OpenID Connect's names.
    pub fields: Map<String, Value>,
    /// How strongly they logged in.
    pub acr: Strength,
    key: String,
    pub(super) resource: String,
    pub(super) provider: String,
    pub(super) issued: UnixTime,
    pub(super) session: String,
}

impl ServiceGrant {
    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

/// What an app that shows a token proves with it: its key, or nothing.
type Proven = Option<String>;

pub(super) async fn token(
    In(world): In,
    Path(provider): Path<String>,
    headers: HeaderMap,
    request: Parameters,
) -> Result<Response, Problem> {
    known(&provider)?;
    if request.get("client_id") != Some(CLIENT_ID) {
        return Err(Problem::unknown_client());
    }
    let target = format!("{}/token", issuer(&world, &provider));
    let key = match headers.contains_key("dpop") {
        true => Some(check_proof(&world, &headers, "POST", &target, None)?),
        false => None,
    };
    let answer = match request.needed("grant_type", "there is no grant_type")? {
        "authorization_code" => redeem(&world, &provider, &request, key, &headers)?,
        "refresh_token" => refresh(&world, &provider, &request, &key)?,
        EXCHANGE => exchange(&world, &provider, &request, key)?,
        _ => return Err(Problem::bad("unsupported_grant_type", "code, refresh token or token exchange only")),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

fn redeem(
    world: &World,
    provider: &str,
    request: &Parameters,
    key: Proven,
    headers: &HeaderMap,
) -> Result<Value, Problem> {
    let now = world.now();
    let mut state = world.lock_identity();
    let given = request.needed("code", "there is no code")?;
    // Removed in any case: a code counts once. What began with it ends when it comes again (RFC 6749 §4.1.2).
    if let Some(session) = state.used.take(given, now) {
        state.end(&session);
    }
    let code = state.codes.take(given, now);
    let mut code = code.ok_or(Problem::bad("invalid_grant", "the code is unknown or was used"))?;
    let verifier = request.get("code_verifier").unwrap_or_default();
    let proven = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) == code.challenge;
    let same_place = request.get("redirect_uri") == Some(code.redirect_uri.as_str());
    let same_key = code.grant.key.is_none() || code.grant.key == key;
    if !proven || !same_place || !same_key || code.grant.provider != provider {
        return Err(Problem::bad("invalid_grant", "the code belongs to another request or key"));
    }
    code.grant.key = key;
    exchange::is_by(&code.grant.persona);
    let session = random_text();
    let device = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("unknown");
    let seen = Seen {
        persona: code.grant.persona.clone(),
        provider: provider.to_owned(),
        device: device.chars().take(100).collect(),
        created: now,
        last_used: now,
    };
    state.used.put(given.to_owned(), session.clone(), now);
    state.sessions.put(session.clone(), seen, now);
    let id_token = match code.grant.scopes.openid {
        true => Some(id_token(world, &state, &code, &session)?),
        false => None,
    };
    let scopes = code.grant.scopes;
    let mut answer = issue(&mut state, code.grant, scopes, session, now);
    if let Some(id_token) = id_token {
        answer["id_token"] = id_token.into();
    }
    Ok(answer)
}

/// OpenID Connect Core 1.0 §2.
fn id_token(world: &World, state: &IdentityState, code: &Code, session: &str) -> Result<String, Problem> {
    let (now, grant) = (world.told(), &code.grant);
    let mut claims = json!({
        "iss": issuer(world, &grant.provider), "sub": subject(world, &grant.persona), "aud": CLIENT_ID, "iat": now,
        "exp": now + ACCESS_LASTS, "auth_time": grant.authenticated, "acr": grant.acr, "sid": session,
    });
    if let Some(nonce) = &code.nonce {
        let wrong = world.struck(|what| matches!(what, What::WrongNonce));
        claims["nonce"] = if wrong.is_some() { "another login's".into() } else { nonce.clone().into() };
    }
    if grant.scopes.profile {
        profile(world, &grant.persona, &mut claims);
    }
    let mut head = Header::new(Algorithm::ES256);
    head.kid = state.signing.jwk["kid"].as_str().map(str::to_owned);
    let token = encode(&head, &claims, &state.signing.key).map_err(|_| Problem::bad("server_error", "the ID token"))?;
    let forged = world.struck(|what| matches!(what, What::BadSignature { of: Signed::IdToken }));
    Ok(if forged.is_some() { forge(&token) } else { token })
}

/// The same token with a signature that does not hold: another's of the same length.
fn forge(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap_or((token, ""));
    let other: String = signature.chars().map(|own| if own == 'A' { 'B' } else { 'A' }).collect();
    format!("{signed}.{other}")
}

/// Whether a fault has it that sessions have ended.
fn has_revoked(world: &World) -> bool {
    world.struck(|what| matches!(what, What::RevokedSession)).is_some()
}

/// Whether a fault has it that a token which is shown counts no more.
fn has_expired(world: &World) -> bool {
    world.struck(|what| matches!(what, What::ExpiredToken | What::RevokedSession)).is_some()
}

/// By which a provider knows a resident.
pub(super) fn subject(world: &World, persona: &str) -> String {
    world.id(&format!("subject {persona}"))
}

/// What the scope `profile` tells of a resident.
pub(super) fn profile(world: &World, persona: &str, claims: &mut Value) {
    if let Some(persona) = world.people().get(persona) {
        (claims["name"], claims["account_kind"]) = (persona.name.clone().into(), json!(persona.kind));
    }
}

fn refresh(world: &World, provider: &str, request: &Parameters, key: &Proven) -> Result<Value, Problem> {
    let now = world.now();
    let mut state = world.lock_identity();
    let token = request.needed("refresh_token", "there is no refresh_token")?;
    let unknown = || Problem::bad("invalid_grant", "the session has ended");
    let Some(entry) = state.refresh.get(token, now).filter(|own| own.grant.provider == provider) else {
        return Err(unknown());
    };
    if entry.grant.key != *key || state.sessions.get(&entry.session, now).is_none() {
        return Err(unknown());
    }
    let (grant, session) = (entry.grant.clone(), entry.session.clone());
    exchange::is_by(&grant.persona);
    if has_revoked(world) {
        state.end(&session);
        return Err(unknown());
    }
    if let Some((used, answer)) = &entry.used {
        // A lost answer is given again for a while; a later replay means that two hold the token.
        if (0..=GRACE).contains(&(now - used)) {
            return Ok(answer.clone());
        }
        state.end(&session);
        return Err(Problem::bad("invalid_grant", "the refresh token was used twice: the session has ended"));
    }
    // RFC 6749 §6: less, and no more; the next one may be for all of it again.
    let scopes = request.get("scope").map_or(grant.scopes, Scopes::of);
    if !scopes.is_within(grant.scopes) {
        return Err(Problem::bad("invalid_scope", "this was not granted before"));
    }
    let answer = issue(&mut state, grant, scopes, session, now);
    if let Some(entry) = state.refresh.get_mut(token, now) {
        entry.used = Some((now, answer.clone()));
    }
    Ok(answer)
}

/// An access token with these scopes, and for a grant that goes on while the resident is away a refresh token with all of its own.
fn issue(state: &mut IdentityState, grant: Grant, scopes: Scopes, session: String, now: UnixTime) -> Value {
    let access = random_text();
    let mut lasts = SESSION_LASTS;
    if let Some(seen) = state.sessions.get_mut(&session, now) {
        seen.last_used = now;
        lasts = seen.created + SESSION_LASTS - now;
    }
    let token_type = if grant.key.is_some() { "DPoP" } else { "Bearer" };
    let mut answer = json!({
        "access_token": access, "token_type": token_type, "expires_in": ACCESS_LASTS, "scope": scopes.words(),
    });
    state.access.put(
        access,
        Access { grant: Grant { scopes, ..grant.clone() }, session: session.clone(), issued: now },
        now,
    );
    // OpenID Connect Core 1.0 §11.
    if grant.scopes.offline_access {
        let refresh = random_text();
        (answer["refresh_token"], answer["refresh_token_expires_in"]) = (refresh.clone().into(), lasts.into());
        state.refresh.put(refresh, Refresh { grant, session, used: None }, now);
    }
    answer
}

/// A token for one service at one origin, or for one issuer of passes (who is the resource itself), bound to the key that
/// `dpop_jkt` names.
fn exchange(world: &World, provider: &str, request: &Parameters, key: Proven) -> Result<Value, Problem> {
    let now = world.now();
    let mut state = world.lock_identity();
    const WRONG: &str = "a token exchange names subject, resource and key";
    if request.get("subject_token_type") != Some(ACCESS_TOKEN) {
        return Err(Problem::bad("invalid_request", WRONG));
    }
    let resource = request.needed("resource", WRONG)?;
    let audience = request.get("audience").unwrap_or(resource);
    let bound_to = request.needed("dpop_jkt", WRONG)?;
    let subject = request.needed("subject_token", WRONG)?;
    if bound_to.len() != 43 || resource.len() > MAX_RESOURCE {
        return Err(Problem::bad(
            "invalid_request",
            "a key's thumbprint has 43 characters, a resource at most 512 bytes",
        ));
    }
    let is_own = |grant: &Grant| grant.key.is_some() && grant.key == key && grant.provider == provider;
    let found = state.access.get(subject, now).filter(|own| is_own(&own.grant));
    let (grant, session) = found
        .map(|own| (own.grant.clone(), own.session.clone()))
        .filter(|_| !has_expired(world))
        .ok_or(Problem::unauthorized("the token that is exchanged has ended or belongs to another key"))?;
    let people = world.people();
    let asked = request.get("scope").unwrap_or_default().split(' ').filter(|field| !field.is_empty());
    let fields =
        asked.filter_map(|field| Some((field.to_owned(), people.claim(&grant.persona, field)?.into()))).collect();
    let service = ServiceGrant {
        subject: subject_at(world, &grant.persona, audience),
        fields,
        acr: grant.acr,
        key: bound_to.to_owned(),
        resource: resource.to_owned(),
        provider: provider.to_owned(),
        issued: now,
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

/// A token as it is shown: with its scheme in any case (RFC 9110 §11.1).
pub(super) fn shown<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (own, token) = value.split_once(' ')?;
    own.eq_ignore_ascii_case(scheme).then(|| token.trim())
}

fn dpop_token(headers: &HeaderMap) -> Result<&str, Problem> {
    shown(headers, "DPoP").ok_or_else(|| Problem::unauthorized("there is no DPoP-bound access token"))
}

/// What an access token that is valid at this provider stands for, and the session that it belongs to. One that is bound to a key
/// is shown with a proof (RFC 9449 §7.1), and no other way.
pub(super) fn bearer(
    world: &World,
    provider: &str,
    headers: &HeaderMap,
    method: &str,
    path: &str,
) -> Result<(Grant, String), Problem> {
    let (token, key) = match shown(headers, "Bearer") {
        Some(token) => (token, None),
        None => {
            let token = dpop_token(headers)?;
            let url = format!("{}{path}", issuer(world, provider));
            (token, Some(check_proof(world, headers, method, &url, Some(token))?))
        }
    };
    let found = match world.lock_identity().access.get(token, world.now()) {
        Some(own) if own.grant.key == key && own.grant.provider == provider => {
            Some((own.grant.clone(), own.session.clone()))
        }
        _ => None,
    };
    match found {
        Some((grant, session)) if !has_expired(world) => {
            exchange::is_by(&grant.persona);
            Ok((grant, session))
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
) -> Result<String, Problem> {
    let subject = granted(world, headers, method, &format!("{issuer}{path}"), issuer)?.subject;
    let people = world.people();
    let registered = people.iter().find(|own| subject_at(world, &own.id, issuer) == subject);
    registered.map(|own| own.id.clone()).ok_or(Problem::unauthorized("this resident is not in the register"))
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
    granted(world, headers, method, &format!("{}{path}", world.origin()), world.web_origin()).map(Some)
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
    let key = check_proof(world, headers, method, url, Some(token))?;
    let found = match world.lock_identity().services.get(token, world.now()) {
        Some(own) if own.key == key && own.resource == resource => Some(own.clone()),
        _ => None,
    };
    let found = found.filter(|_| !has_expired(world));
    found.ok_or(Problem::unauthorized("the token has ended, or is for another place or key"))
}
