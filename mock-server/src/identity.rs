//! The identity providers: OpenID Connect with PKCE, DPoP-bound tokens and rotating refresh tokens. Residents are
//! personas: choosing one is the whole login.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use onecity_core::AccountKind;
use onecity_protocol::credential::UnixTime;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::pages;
use crate::problem::Problem;
use crate::world::{Fault, World};

/// The app's id at every provider of this world.
pub const CLIENT_ID: &str = "onecity-app";
const PROVIDERS: [&str; 2] = ["shandong", "vneid"];
const ACCESS_LASTS: i64 = 300;
const CODE_LASTS: i64 = 120;
/// How long a lost answer to a refresh can be asked for again, in seconds.
const GRACE: i64 = 60;

/// A made-up resident or enterprise.
pub struct Persona {
    pub id: &'static str,
    pub name: &'static str,
    pub kind: AccountKind,
}

/// Whom one can log in as. None of them exists.
pub const PERSONAS: [Persona; 4] = [
    Persona { id: "lan", name: "Persona Lan", kind: AccountKind::Person },
    Persona { id: "minh", name: "Persona Minh", kind: AccountKind::Person },
    Persona { id: "grandmother", name: "Persona Grandmother", kind: AccountKind::Person },
    Persona { id: "workshop", name: "Persona Workshop Ltd", kind: AccountKind::Enterprise },
];

/// Somebody in a persona's care, for whom it may hold passes.
pub struct Dependant {
    pub id: &'static str,
    pub name: &'static str,
    /// One word: `child` or `parent`.
    pub relation: &'static str,
}

/// Whom a persona cares for.
pub fn dependants(persona: &str) -> &'static [Dependant] {
    const LAN: [Dependant; 2] = [
        Dependant { id: "an", name: "Persona An", relation: "child" },
        Dependant { id: "grandmother", name: "Persona Grandmother", relation: "parent" },
    ];
    if persona == "lan" { &LAN } else { &[] }
}

/// A persona's name.
pub fn person_name(persona: &str) -> Option<&'static str> {
    PERSONAS.iter().find(|own| own.id == persona).map(|own| own.name)
}

/// What the health records of this world say of somebody. All of it is made up.
pub fn attribute(person: &str, field: &str) -> Option<&'static str> {
    match (person, field) {
        ("lan", "blood_type") => Some("A"),
        ("lan", "allergies") => Some("penicillin"),
        ("grandmother", "blood_type") => Some("O"),
        (_, "blood_type") => Some("B"),
        (_, "allergies") => Some("none known"),
        _ => None,
    }
}

/// What a login or a token stands for.
#[derive(Clone)]
struct Grant {
    provider: String,
    persona: &'static str,
    key: String,
}

struct Code {
    grant: Grant,
    redirect_uri: String,
    challenge: String,
    nonce: String,
    ends: UnixTime,
}

struct Refresh {
    grant: Grant,
    session: String,
    /// Once used: when, and what was answered.
    used: Option<(UnixTime, Value)>,
}

/// Everything that the providers remember.
pub struct IdentityState {
    key: EncodingKey,
    jwk: Value,
    codes: HashMap<String, Code>,
    access: HashMap<String, (Grant, UnixTime)>,
    refresh: HashMap<String, Refresh>,
    ended: HashSet<String>,
    proofs: HashMap<String, UnixTime>,
}

impl IdentityState {
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("random numbers");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
            .expect("a key that was just made");
        let point = pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let jwk = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "idp-1", "x": x, "y": y });
        Self {
            key: EncodingKey::from_ec_der(pkcs8.as_ref()),
            jwk,
            codes: HashMap::new(),
            access: HashMap::new(),
            refresh: HashMap::new(),
            ended: HashSet::new(),
            proofs: HashMap::new(),
        }
    }

    /// Ends every session, as a provider does that was broken into.
    pub fn end_all(&mut self) {
        self.access.clear();
        self.ended = self.refresh.values().map(|refresh| refresh.session.clone()).collect();
    }

    /// A proof counts once; old ones are forgotten.
    fn is_new_proof(&mut self, jti: &str, now: UnixTime) -> bool {
        self.proofs.retain(|_, seen| now - *seen < 600);
        self.proofs.insert(jti.to_owned(), now).is_none()
    }
}

pub fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/idp/{provider}/.well-known/openid-configuration", get(discovery))
        .route("/idp/{provider}/jwks", get(jwks))
        .route("/idp/{provider}/authorize", get(authorize).post(choose))
        .route("/idp/{provider}/token", post(token))
}

fn issuer(world: &World, provider: &str) -> String {
    format!("{}/idp/{provider}", world.origin())
}

fn known(provider: &str) -> Result<(), Problem> {
    if PROVIDERS.contains(&provider) { Ok(()) } else { Err(Problem::not_found()) }
}

async fn discovery(State(world): State<Arc<World>>, Path(provider): Path<String>) -> Result<Json<Value>, Problem> {
    known(&provider)?;
    let base = issuer(&world, &provider);
    let named = if world.faults.is_on(Fault::WrongIssuer) { format!("{base}-impostor") } else { base.clone() };
    Ok(Json(json!({
        "issuer": named,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "jwks_uri": format!("{base}/jwks"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["openid", "profile", "offline_access"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": true,
    })))
}

async fn jwks(State(world): State<Arc<World>>) -> Json<Value> {
    Json(json!({ "keys": [world.lock_identity().jwk] }))
}

/// The parameters of an authorization request.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct AuthorizeRequest {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    state: String,
    nonce: String,
    code_challenge: String,
    code_challenge_method: String,
    dpop_jkt: String,
    #[serde(default)]
    login_hint: Option<String>,
    #[serde(default)]
    prompt: Option<String>,
}

impl AuthorizeRequest {
    fn check(&self) -> Result<(), Problem> {
        // Native apps come back by a scheme of their own or to loopback (RFC 8252 §7).
        let home = ["onecity://", "http://127.0.0.1", "http://[::1]"];
        if self.client_id != CLIENT_ID || !home.iter().any(|prefix| self.redirect_uri.starts_with(prefix)) {
            return Err(Problem::bad("invalid_client", "this app is not registered here"));
        }
        if self.response_type != "code" || self.code_challenge_method != "S256" {
            return Err(Problem::bad("invalid_request", "only the code flow with PKCE S256"));
        }
        Ok(())
    }

    /// The fields of the form that carries the request on.
    pub fn fields(&self) -> Vec<(&'static str, &str)> {
        vec![
            ("response_type", &self.response_type),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("state", &self.state),
            ("nonce", &self.nonce),
            ("code_challenge", &self.code_challenge),
            ("code_challenge_method", &self.code_challenge_method),
            ("dpop_jkt", &self.dpop_jkt),
        ]
    }
}

/// The page where a persona is chosen; with `prompt=none` and a `login_hint` (OpenID Connect Core §3.1.2.1) the
/// answer comes at once, for tests.
async fn authorize(
    State(world): State<Arc<World>>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    Query(request): Query<AuthorizeRequest>,
) -> Result<Response, Problem> {
    known(&provider)?;
    request.check()?;
    match (&request.prompt, &request.login_hint) {
        (Some(prompt), Some(hint)) if prompt == "none" => {
            let persona = hint.clone();
            grant_code(&world, &provider, &request, &persona)
        }
        _ => {
            let language = pages::Language::of(&headers);
            Ok(pages::choose_persona(language, &provider, &request).into_response())
        }
    }
}

#[derive(Deserialize)]
struct Choice {
    persona: String,
    #[serde(flatten)]
    request: AuthorizeRequest,
}

async fn choose(
    State(world): State<Arc<World>>,
    Path(provider): Path<String>,
    Form(choice): Form<Choice>,
) -> Result<Response, Problem> {
    known(&provider)?;
    choice.request.check()?;
    grant_code(&world, &provider, &choice.request, &choice.persona)
}

fn grant_code(world: &World, provider: &str, request: &AuthorizeRequest, persona: &str) -> Result<Response, Problem> {
    let persona =
        PERSONAS.iter().find(|known| known.id == persona).ok_or(Problem::bad("access_denied", "no such persona"))?;
    let code = random_text();
    let grant = Grant { provider: provider.to_owned(), persona: persona.id, key: request.dpop_jkt.clone() };
    let entry = Code {
        grant,
        redirect_uri: request.redirect_uri.clone(),
        challenge: request.code_challenge.clone(),
        nonce: request.nonce.clone(),
        ends: world.now() + CODE_LASTS,
    };
    world.lock_identity().codes.insert(code.clone(), entry);
    let mut back =
        url::Url::parse(&request.redirect_uri).map_err(|_| Problem::bad("invalid_request", "redirect_uri"))?;
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &request.state)
        .append_pair("iss", &issuer(world, provider));
    Ok(Redirect::to(back.as_str()).into_response())
}

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    client_id: String,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    refresh_token: Option<String>,
}

async fn token(
    State(world): State<Arc<World>>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    Form(request): Form<TokenRequest>,
) -> Result<Response, Problem> {
    if request.client_id != CLIENT_ID {
        return Err(Problem::bad("invalid_client", "this app is not registered here"));
    }
    let target = format!("{}/token", issuer(&world, &provider));
    let key = check_proof(&world, &headers, "POST", &target, None)?;
    let answer = match request.grant_type.as_str() {
        "authorization_code" => redeem(&world, &provider, &request, &key)?,
        "refresh_token" => refresh(&world, &request, &key)?,
        _ => return Err(Problem::bad("unsupported_grant_type", "code or refresh token only")),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

fn redeem(world: &World, provider: &str, request: &TokenRequest, key: &str) -> Result<Value, Problem> {
    let now = world.now();
    let mut state = world.lock_identity();
    // Taken out whatever comes of it: a code counts once.
    let code = request.code.as_ref().and_then(|code| state.codes.remove(code));
    let code = code.ok_or(Problem::bad("invalid_grant", "the code is unknown or was used"))?;
    let verifier = request.code_verifier.as_deref().unwrap_or_default();
    let proven = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) == code.challenge;
    let same_place = request.redirect_uri.as_deref() == Some(code.redirect_uri.as_str());
    if !proven || !same_place || code.ends < now || code.grant.provider != provider || code.grant.key != key {
        return Err(Problem::bad("invalid_grant", "the code belongs to another request or key"));
    }
    let persona = persona(code.grant.persona);
    let nonce = if world.faults.is_on(Fault::WrongNonce) { "another login's".to_owned() } else { code.nonce.clone() };
    let claims = json!({
        "iss": issuer(world, provider), "sub": world.id(&format!("subject {}", persona.id)), "aud": CLIENT_ID,
        "iat": now, "exp": now + ACCESS_LASTS, "nonce": nonce, "name": persona.name, "account_kind": persona.kind,
    });
    let mut head = Header::new(Algorithm::ES256);
    head.kid = Some("idp-1".to_owned());
    let id_token = encode(&head, &claims, &state.key).map_err(|_| Problem::bad("server_error", "the ID token"))?;
    let session = random_text();
    let mut answer = issue(&mut state, code.grant, session, now);
    answer["id_token"] = id_token.into();
    Ok(answer)
}

fn refresh(world: &World, request: &TokenRequest, key: &str) -> Result<Value, Problem> {
    let now = world.now();
    let mut state = world.lock_identity();
    let token = request.refresh_token.clone().unwrap_or_default();
    let unknown = || Problem::bad("invalid_grant", "the session has ended");
    let Some(entry) = state.refresh.get(&token) else { return Err(unknown()) };
    if entry.grant.key != key || state.ended.contains(&entry.session) {
        return Err(unknown());
    }
    let (grant, session) = (entry.grant.clone(), entry.session.clone());
    if let Some((used, answer)) = &entry.used {
        // A lost answer is given again for a while; a later replay means that two hold the token.
        if now - used <= GRACE {
            return Ok(answer.clone());
        }
        state.ended.insert(session);
        return Err(Problem::bad("invalid_grant", "the refresh token was used twice: the session has ended"));
    }
    let answer = issue(&mut state, grant, session, now);
    if let Some(entry) = state.refresh.get_mut(&token) {
        entry.used = Some((now, answer.clone()));
    }
    Ok(answer)
}

fn issue(state: &mut IdentityState, grant: Grant, session: String, now: UnixTime) -> Value {
    let (access, refresh) = (random_text(), random_text());
    state.access.insert(access.clone(), (grant.clone(), now + ACCESS_LASTS));
    state.refresh.insert(refresh.clone(), Refresh { grant, session, used: None });
    json!({
        "access_token": access, "token_type": "DPoP", "expires_in": ACCESS_LASTS, "refresh_token": refresh,
        "scope": "openid profile offline_access",
    })
}

fn persona(id: &str) -> &'static Persona {
    PERSONAS.iter().find(|persona| persona.id == id).expect("grants name personas that exist")
}

/// Whoever holds a valid DPoP-bound access token, for a resource server of this world.
pub fn authenticate(world: &World, headers: &HeaderMap, method: &str, path: &str) -> Result<&'static str, Problem> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("DPoP "));
    let token = token.ok_or_else(|| Problem::unauthorized("there is no DPoP-bound access token"))?.to_owned();
    let target = format!("{}{path}", world.origin());
    let key = check_proof(world, headers, method, &target, Some(&token))?;
    let state = world.lock_identity();
    match state.access.get(&token) {
        Some((grant, ends)) if grant.key == key && *ends > world.now() => Ok(grant.persona),
        _ => Err(Problem::unauthorized("the access token has ended or belongs to another key")),
    }
}

#[derive(Clone, Deserialize)]
struct ProofClaims {
    jti: String,
    htm: String,
    htu: String,
    iat: UnixTime,
    #[serde(default)]
    ath: Option<String>,
}

/// Checks a DPoP proof (RFC 9449 §4.3) and returns the thumbprint of its key.
fn check_proof(
    world: &World,
    headers: &HeaderMap,
    method: &str,
    target: &str,
    token: Option<&str>,
) -> Result<String, Problem> {
    let wrong = |why| Problem::bad("invalid_dpop_proof", why);
    let proof = headers.get("dpop").and_then(|value| value.to_str().ok()).ok_or(wrong("there is no DPoP proof"))?;
    let (claims, thumbprint): (ProofClaims, _) = verify_with_own_key(proof, "dpop+jwt").ok_or(wrong("the proof"))?;
    let now = world.now();
    let hash = token.map(|token| URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())));
    if claims.htm != method || claims.htu != target || claims.ath != hash || (now - claims.iat).abs() > 300 {
        return Err(wrong("the proof is for another request"));
    }
    if !world.lock_identity().is_new_proof(&claims.jti, now) {
        return Err(wrong("the proof was used before"));
    }
    Ok(thumbprint)
}

/// Verifies a JWS that carries its own P-256 key, and returns its claims with the key's thumbprint (RFC 7638).
pub fn verify_with_own_key<T: for<'de> Deserialize<'de> + Clone>(jws: &str, typ: &str) -> Option<(T, String)> {
    let (claims, jwk) = verify_jws(jws, typ)?;
    let AlgorithmParameters::EllipticCurve(key) = &jwk.algorithm else { return None };
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, key.x, key.y);
    Some((claims, URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))))
}

/// Verifies a JWS that carries its own key.
pub fn verify_jws<T: for<'de> Deserialize<'de> + Clone>(jws: &str, typ: &str) -> Option<(T, Jwk)> {
    let head = decode_header(jws).ok()?;
    if head.typ.as_deref() != Some(typ) || head.alg != Algorithm::ES256 {
        return None;
    }
    let jwk = head.jwk?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_required_spec_claims::<&str>(&[]);
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let claims = decode::<T>(jws, &DecodingKey::from_jwk(&jwk).ok()?, &validation).ok()?.claims;
    Some((claims, jwk))
}

/// 128 random bits as text: secrets are never repeated, whatever the seed.
pub fn random_text() -> String {
    use ring::rand::SecureRandom;
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    URL_SAFE_NO_PAD.encode(bytes)
}
