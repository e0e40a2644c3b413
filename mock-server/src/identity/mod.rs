//! The identity providers: OpenID Connect with PKCE, DPoP-bound tokens and rotating refresh tokens. Residents are
//! personas: choosing one is the whole login.
//!
//! ```text
//!   authorize.rs   the page where a persona is chosen; pushed requests (RFC 9126)
//!   tokens.rs      code, refresh, exchange for a service (RFC 8693), revocation (RFC 7009), sessions elsewhere
//!   redirect.rs    where an app may be sent back to
//!   proofs.rs      DPoP (RFC 9449)
//!   personas.rs    who there is
//! ```

mod authorize;
mod personas;
mod proofs;
mod redirect;
mod tokens;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use onecity_protocol::credential::UnixTime;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::expiring::Expiring;
use crate::problem::Problem;
use crate::world::{Fault, World};

pub(crate) use authorize::AuthorizeRequest;
pub(crate) use personas::{PERSONAS, attribute, claim, dependants, person_name};
pub(crate) use proofs::verify_jws;
pub(crate) use redirect::home;
pub(crate) use tokens::{ServiceGrant, authenticate_at, authenticate_service};

/// The app's id at every provider of this world.
pub(crate) const CLIENT_ID: &str = "onecity-app";
/// How strongly one logs in unless more is asked for, and what more there is.
pub(crate) const PASSWORD: &str = "urn:onecity:acr:password";
pub(crate) const STRONG: &str = "urn:onecity:acr:strong";
const PROVIDERS: [&str; 2] = ["shandong", "vneid"];
const ACCESS_LASTS: i64 = 300;
const CODE_LASTS: i64 = 120;
/// How long a pushed request is kept, in seconds.
const PUSHED_LASTS: i64 = 90;
/// How long a proof is remembered, in seconds: longer than one counts.
const PROOF_LASTS: i64 = 600;
/// Most codes, and most requests that were pushed, that are remembered.
const MAX_CODES: usize = 10_000;
/// Most tokens of a kind, and most proofs.
const MAX_TOKENS: usize = 50_000;
/// Most sessions.
const MAX_SESSIONS: usize = 20_000;
/// How long a session lasts whatever is done, in seconds.
const SESSION_LASTS: i64 = 90 * 86_400;
/// How long a lost answer to a refresh can be asked for again, in seconds.
const GRACE: i64 = 60;

/// What a login or a token stands for.
#[derive(Clone)]
struct Grant {
    provider: String,
    persona: &'static str,
    key: String,
    acr: String,
}

struct Code {
    grant: Grant,
    redirect_uri: String,
    challenge: String,
    nonce: String,
}

struct Refresh {
    grant: Grant,
    session: String,
    /// Once used: when, and what was answered.
    used: Option<(UnixTime, Value)>,
}

/// A session as its resident sees it.
struct Seen {
    persona: &'static str,
    provider: String,
    device: String,
    created: UnixTime,
    last_used: UnixTime,
}

/// Everything that the providers remember.
pub(crate) struct IdentityState {
    key: EncodingKey,
    jwk: Value,
    /// How many keys there have been.
    keys: u32,
    codes: Expiring<String, Code>,
    /// Authorization requests that were pushed, by their URI, with the provider that each was pushed to.
    pushed: Expiring<String, (String, AuthorizeRequest)>,
    /// With the session that each belongs to.
    access: Expiring<String, (Grant, String)>,
    refresh: Expiring<String, Refresh>,
    services: Expiring<String, ServiceGrant>,
    sessions: Expiring<String, Seen>,
    /// Which proofs were seen.
    proofs: Expiring<String, ()>,
}

impl IdentityState {
    pub(crate) fn new() -> Self {
        let (key, jwk) = signing_key(1);
        Self {
            key,
            jwk,
            keys: 1,
            codes: Expiring::new(CODE_LASTS, MAX_CODES),
            pushed: Expiring::new(PUSHED_LASTS, MAX_CODES),
            access: Expiring::new(ACCESS_LASTS, MAX_TOKENS),
            refresh: Expiring::new(SESSION_LASTS, MAX_TOKENS),
            services: Expiring::new(ACCESS_LASTS, MAX_TOKENS),
            sessions: Expiring::new(SESSION_LASTS, MAX_SESSIONS),
            proofs: Expiring::new(PROOF_LASTS, MAX_TOKENS),
        }
    }

    /// Signs with a new key from now on; the old one is no longer listed.
    pub(crate) fn rotate_key(&mut self) {
        self.keys += 1;
        (self.key, self.jwk) = signing_key(self.keys);
    }

    /// Ends every session, as a provider does that was broken into.
    pub(crate) fn end_all(&mut self) {
        let all: Vec<String> = self.sessions.iter().map(|(session, _)| session.clone()).collect();
        all.iter().for_each(|session| self.end(session));
    }

    /// How many sessions there are.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.iter().count()
    }

    /// The keys that the tokens of services are bound to.
    pub(crate) fn service_keys(&self) -> BTreeSet<String> {
        self.services.iter().map(|(_, own)| own.key().to_owned()).collect()
    }

    fn end(&mut self, session: &str) {
        self.sessions.take(session, 0);
        self.access.remove_if(|(_, own)| own == session);
        self.services.remove_if(|own| own.session == session);
    }

    /// A proof counts once; old ones are forgotten.
    fn is_new_proof(&mut self, jti: &str, now: UnixTime) -> bool {
        self.proofs.get(jti, now).is_none() && self.proofs.put(jti.to_owned(), (), now)
    }
}

fn signing_key(number: u32) -> (EncodingKey, Value) {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("random numbers");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
        .expect("a key that was just made");
    let point = pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    let kid = format!("idp-{number}");
    let jwk = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": x, "y": y });
    (EncodingKey::from_ec_der(pkcs8.as_ref()), jwk)
}

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/idp/{provider}/.well-known/openid-configuration", get(discovery))
        .route("/idp/{provider}/jwks", get(jwks))
        .route("/idp/{provider}/par", post(authorize::push))
        .route("/idp/{provider}/authorize", get(authorize::ask).post(authorize::choose))
        .route("/idp/{provider}/token", post(tokens::token))
        .route("/idp/{provider}/revoke", post(tokens::revoke))
        .route("/idp/{provider}/sessions", get(tokens::sessions))
        .route("/idp/{provider}/sessions/{id}", delete(tokens::end_session))
}

fn issuer(world: &World, provider: &str) -> String {
    format!("{}/idp/{provider}", world.origin())
}

fn known(world: &World, provider: &str) -> Result<(), Problem> {
    if world.faults.is_on(Fault::ProviderDown) {
        return Err(Problem::down());
    }
    if PROVIDERS.contains(&provider) { Ok(()) } else { Err(Problem::not_found()) }
}

async fn discovery(State(world): State<Arc<World>>, Path(provider): Path<String>) -> Result<Json<Value>, Problem> {
    known(&world, &provider)?;
    let base = issuer(&world, &provider);
    let named = if world.faults.is_on(Fault::WrongIssuer) { format!("{base}-impostor") } else { base.clone() };
    let mut document = json!({
        "issuer": named,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "jwks_uri": format!("{base}/jwks"),
        "revocation_endpoint": format!("{base}/revoke"),
        "onecity_sessions_endpoint": format!("{base}/sessions"),
        "response_types_supported": ["code"],
        "grant_types_supported": [
            "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "acr_values_supported": [PASSWORD, STRONG],
        "scopes_supported": ["openid", "profile", "offline_access"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": true,
    });
    // The province's provider takes pushed requests, the national eID does not: there are both kinds.
    if provider == "shandong" {
        document["pushed_authorization_request_endpoint"] = format!("{base}/par").into();
    }
    Ok(Json(document))
}

async fn jwks(State(world): State<Arc<World>>) -> Json<Value> {
    Json(json!({ "keys": [world.lock_identity().jwk] }))
}

/// 128 random bits as text: secrets are never repeated, whatever the seed.
pub(crate) fn random_text() -> String {
    use ring::rand::SecureRandom;
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    URL_SAFE_NO_PAD.encode(bytes)
}
