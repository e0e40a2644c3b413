//! The identity providers: OpenID Connect with PKCE, DPoP-bound tokens and rotating refresh tokens. Residents are
//! personas: choosing one is the whole login.
//!
//! ```text
//!   parameters.rs  what OAuth's requests say
//!   authorize.rs   the page where a persona is chosen; pushed requests (RFC 9126)
//!   tokens.rs      code, refresh, exchange for a service (RFC 8693); who checks them
//!   ending.rs      revocation (RFC 7009), logout (RP-Initiated Logout 1.0), sessions elsewhere
//!   asking.rs      userinfo (OpenID Connect Core 1.0 §5.3), introspection (RFC 7662)
//!   redirect.rs    where an app may be sent back to
//!   proofs.rs      DPoP (RFC 9449)
//! ```

mod asking;
mod authorize;
mod ending;
mod parameters;
mod proofs;
mod redirect;
mod tokens;

use std::collections::{BTreeSet, HashSet};

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use onecity_protocol::credential::UnixTime;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::admin::SessionView;
use crate::content::People;
use crate::expiring::Expiring;
use crate::faults::What;
use crate::problem::Problem;
use crate::state::{self, Changes, Rows, StateError};
use crate::world::{In, World};

pub(crate) use authorize::AuthorizeRequest;
use parameters::Parameters;
pub(crate) use proofs::{key_of, verify_jws};
pub(crate) use redirect::home;
use tokens::subject;
pub(crate) use tokens::{ServiceGrant, authenticate_at, authenticate_service};

/// The app's id at every provider of this world.
pub(crate) const CLIENT_ID: &str = "onecity-app";
const PROVIDERS: [&str; 2] = ["shandong", "vneid"];
const ACCESS_LASTS: i64 = 300;
const CODE_LASTS: i64 = 120;
/// How long a pushed request is kept, in seconds.
const PUSHED_LASTS: i64 = 90;
/// How long a proof is remembered, in seconds: longer than one counts.
const PROOF_LASTS: i64 = 600;
/// How long a browser is known, in seconds.
const BROWSER_LASTS: i64 = 12 * 3600;
/// Bytes of codes, and of requests that were pushed, that are remembered.
const MAX_REQUESTS: usize = 16 << 20;
/// Most tokens of a kind, and most proofs.
const MAX_TOKENS: usize = 50_000;
/// Most sessions.
const MAX_SESSIONS: usize = 20_000;
/// How long a session lasts whatever is done, in seconds.
const SESSION_LASTS: i64 = 90 * 86_400;
/// How much of a form is looked at for who has sent it, in bytes.
const MAX_FORM: usize = 16 << 10;
/// How long a lost answer to a refresh can be asked for again, in seconds.
const GRACE: i64 = 60;

/// How strongly one logs in: as it is written (OpenID Connect Core 1.0 §2, `acr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Strength {
    /// Unless more is asked for.
    #[serde(rename = "urn:onecity:acr:password")]
    Password,
    /// What more there is.
    #[serde(rename = "urn:onecity:acr:strong")]
    Strong,
}

impl Strength {
    pub(crate) const fn acr(self) -> &'static str {
        match self {
            Self::Password => "urn:onecity:acr:password",
            Self::Strong => "urn:onecity:acr:strong",
        }
    }
}

/// What a login or a token stands for.
#[derive(Clone, Serialize, Deserialize)]
struct Grant {
    provider: String,
    persona: String,
    /// The key that it is bound to (RFC 9449); none for a bearer token (RFC 6750).
    key: Option<String>,
    acr: Strength,
    scopes: Scopes,
    /// When the resident chose who they are.
    authenticated: UnixTime,
}

/// What an app was granted, of what it may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Scopes {
    openid: bool,
    profile: bool,
    offline_access: bool,
}

impl Scopes {
    const ALL: [&str; 3] = ["openid", "profile", "offline_access"];

    /// Of a list of words; others are passed over (RFC 6749 §3.3).
    fn of(words: &str) -> Self {
        let has = |word| words.split(' ').any(|own| own == word);
        Self { openid: has("openid"), profile: has("profile"), offline_access: has("offline_access") }
    }

    fn each(self) -> [bool; 3] {
        [self.openid, self.profile, self.offline_access]
    }

    /// Whether it has nothing that the other lacks.
    fn is_within(self, other: Self) -> bool {
        self.each().into_iter().zip(other.each()).all(|(own, other)| other || !own)
    }

    fn words(self) -> String {
        let own = Self::ALL.into_iter().zip(self.each()).filter(|(_, has)| *has).map(|(word, _)| word);
        own.collect::<Vec<_>>().join(" ")
    }
}

#[derive(Serialize, Deserialize)]
struct Code {
    grant: Grant,
    redirect_uri: String,
    challenge: String,
    nonce: Option<String>,
}

/// An access token's.
#[derive(Serialize, Deserialize)]
struct Access {
    grant: Grant,
    session: String,
    issued: UnixTime,
}

#[derive(Serialize, Deserialize)]
struct Refresh {
    grant: Grant,
    session: String,
    /// Once used: when, and what was answered.
    used: Option<(UnixTime, Value)>,
}

/// A session as its resident sees it.
#[derive(Serialize, Deserialize)]
struct Seen {
    persona: String,
    provider: String,
    device: String,
    created: UnixTime,
    last_used: UnixTime,
}

/// The key that the providers sign with.
struct SigningKey {
    pkcs8: Vec<u8>,
    key: EncodingKey,
    jwk: Value,
}

/// What is secret of the providers, as a state file has it.
#[derive(Serialize, Deserialize)]
struct Secrets {
    #[serde(with = "state::bytes")]
    pkcs8: Vec<u8>,
    keys: u32,
    gateway_secret: String,
}

/// The parts of a state file that are the providers'.
const SECRETS: &str = "provider-secrets";

/// Everything that the providers remember.
pub(crate) struct IdentityState {
    signing: SigningKey,
    /// What those who may ask about tokens prove themselves with.
    gateway_secret: String,
    /// How many keys there have been.
    keys: u32,
    /// Whether what is secret is not in the state file yet.
    is_unwritten: bool,
    codes: Expiring<String, Code>,
    /// Authorization requests that were pushed, by their URI, with the provider that each was pushed to.
    pushed: Expiring<String, (String, Parameters)>,
    /// Codes that were used, with the sessions that they began.
    used: Expiring<String, String>,
    /// Browsers by their cookies: at which provider, as whom, and since when.
    browsers: Expiring<String, (String, String, UnixTime)>,
    access: Expiring<String, Access>,
    refresh: Expiring<String, Refresh>,
    services: Expiring<String, ServiceGrant>,
    sessions: Expiring<String, Seen>,
    /// Which proofs were seen.
    proofs: Expiring<String, ()>,
}

impl IdentityState {
    pub(crate) fn new() -> Self {
        Self {
            signing: SigningKey::generate(1),
            gateway_secret: random_text(),
            keys: 1,
            is_unwritten: true,
            codes: Expiring::new(CODE_LASTS, MAX_REQUESTS),
            pushed: Expiring::new(PUSHED_LASTS, MAX_REQUESTS),
            used: Expiring::new(CODE_LASTS, MAX_TOKENS),
            browsers: Expiring::new(BROWSER_LASTS, MAX_SESSIONS),
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
        self.signing = SigningKey::generate(self.keys);
        self.is_unwritten = true;
    }

    /// Goes on with what a state file has.
    pub(crate) fn restore(&mut self, rows: &mut Rows) -> Result<(), StateError> {
        if let Some(Secrets { pkcs8, keys, gateway_secret }) = rows.take_one(SECRETS)? {
            self.signing =
                SigningKey::from_pkcs8(pkcs8, keys).ok_or_else(|| StateError::Damaged(SECRETS.to_owned()))?;
            (self.keys, self.gateway_secret, self.is_unwritten) = (keys, gateway_secret, false);
        }
        self.codes.restore("codes", rows)?;
        self.pushed.restore("pushed", rows)?;
        self.used.restore("used-codes", rows)?;
        self.browsers.restore("browsers", rows)?;
        self.access.restore("access-tokens", rows)?;
        self.refresh.restore("refresh-tokens", rows)?;
        self.services.restore("service-tokens", rows)?;
        self.sessions.restore("sessions", rows)?;
        self.proofs.restore("proofs", rows)
    }

    /// What a state file does not have yet.
    pub(crate) fn unwritten(&mut self, changes: &mut Changes) {
        if std::mem::take(&mut self.is_unwritten) {
            let (pkcs8, gateway_secret) = (self.signing.pkcs8.clone(), self.gateway_secret.clone());
            changes.put(SECRETS, "", &Secrets { pkcs8, keys: self.keys, gateway_secret });
        }
        self.codes.unwritten("codes", changes);
        self.pushed.unwritten("pushed", changes);
        self.used.unwritten("used-codes", changes);
        self.browsers.unwritten("browsers", changes);
        self.access.unwritten("access-tokens", changes);
        self.refresh.unwritten("refresh-tokens", changes);
        self.services.unwritten("service-tokens", changes);
        self.sessions.unwritten("sessions", changes);
        self.proofs.unwritten("proofs", changes);
    }

    /// The sessions that go on: a persona's, or all.
    pub(crate) fn sessions_of(&self, persona: Option<&str>, now: UnixTime) -> Vec<SessionView> {
        let own = |seen: &&Seen| persona.is_none_or(|persona| seen.persona == persona);
        let all = self.sessions.in_order().into_iter();
        let going = all.filter(|(session, _)| self.sessions.get(*session, now).is_some());
        let mut all: Vec<SessionView> = going
            .map(|(_, seen)| seen)
            .filter(own)
            .map(|seen| SessionView {
                persona: seen.persona.clone(),
                provider: seen.provider.clone(),
                device: seen.device.clone(),
                created: seen.created,
                last_used: seen.last_used,
            })
            .collect();
        all.sort_by_key(|own| own.created);
        all
    }

    /// Ends a persona's sessions, or all; answers how many.
    pub(crate) fn end_sessions_of(&mut self, persona: Option<&str>, now: UnixTime) -> usize {
        let own = |(session, seen): (&String, &Seen)| {
            let is_own = persona.is_none_or(|persona| seen.persona == persona);
            (is_own && self.sessions.get(session, now).is_some()).then(|| session.clone())
        };
        let ended: HashSet<String> = self.sessions.iter().filter_map(own).collect();
        for session in &ended {
            self.sessions.take(session, 0);
        }
        self.access.remove_if(|own| ended.contains(&own.session));
        self.services.remove_if(|own| ended.contains(&own.session));
        ended.len()
    }

    /// Lets a persona's access tokens expire, or all; answers how many.
    pub(crate) fn expire_tokens_of(&mut self, persona: Option<&str>, now: UnixTime) -> usize {
        let sessions = &self.sessions;
        let is_of = |session: &str| {
            persona.is_none_or(|persona| sessions.get(session, now).is_some_and(|seen| seen.persona == persona))
        };
        let mut expired = 0;
        self.access.remove_if(|own| {
            let goes = persona.is_none_or(|persona| own.grant.persona == persona);
            expired += usize::from(goes);
            goes
        });
        self.services.remove_if(|own| {
            let goes = is_of(&own.session);
            expired += usize::from(goes);
            goes
        });
        expired
    }

    /// Forgets everything but the keys and secrets.
    pub(crate) fn reset(&mut self) {
        self.codes.clear();
        self.pushed.clear();
        self.used.clear();
        self.browsers.clear();
        self.access.clear();
        self.refresh.clear();
        self.services.clear();
        self.sessions.clear();
        self.proofs.clear();
    }

    /// Ends every session, as a provider does that was broken into.
    pub(crate) fn end_all(&mut self) {
        self.sessions.remove_if(|_| true);
        self.access.remove_if(|_| true);
        self.services.remove_if(|_| true);
    }

    /// Who may ask about tokens, and what they prove themselves with.
    pub(crate) fn gateway(&self) -> (&'static str, &str) {
        (asking::GATEWAY, &self.gateway_secret)
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
        self.access.remove_if(|own| own.session == session);
        self.services.remove_if(|own| own.session == session);
    }

    /// The persona whose token or form it is: what an access token, a service's, a refresh token or a code stands for.
    pub(crate) fn who_asks(&self, headers: &HeaderMap, body: &[u8], now: UnixTime, people: &People) -> Option<String> {
        let in_session = |session: &str| self.sessions.get(session, now).map(|seen| seen.persona.clone());
        let of_access = |token: &str| self.access.get(token, now).map(|own| own.grant.persona.clone());
        let of_service = |token: &str| in_session(&self.services.get(token, now)?.session);
        let of_refresh = |token: &str| self.refresh.get(token, now).map(|own| own.grant.persona.clone());
        let of_code = |code: &str| self.codes.get(code, now).map(|own| own.grant.persona.clone());
        let shown = ["DPoP", "Bearer"].iter().find_map(|scheme| tokens::shown(headers, scheme));
        if let Some(persona) = shown.and_then(|token| of_access(token).or_else(|| of_service(token))) {
            return Some(persona);
        }
        form_urlencoded::parse(body.get(..MAX_FORM).unwrap_or(body)).find_map(|(name, value)| match name.as_ref() {
            "refresh_token" => of_refresh(&value),
            "subject_token" => of_access(&value),
            "token" => of_access(&value).or_else(|| of_refresh(&value)).or_else(|| of_service(&value)),
            "code" => of_code(&value),
            "persona" => people.get(&value).map(|own| own.id.clone()),
            _ => None,
        })
    }

    /// A proof counts once; old ones are forgotten.
    fn is_new_proof(&mut self, jti: &str, now: UnixTime) -> bool {
        self.proofs.get(jti, now).is_none() && self.proofs.put(jti.to_owned(), (), now)
    }
}

impl SigningKey {
    /// A new key, by its number.
    fn generate(number: u32) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("random numbers");
        Self::from_pkcs8(pkcs8.as_ref().to_vec(), number).expect("a key that was just made")
    }

    fn from_pkcs8(pkcs8: Vec<u8>, number: u32) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &SystemRandom::new()).ok()?;
        let point = pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let kid = format!("idp-{number}");
        let jwk = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": x, "y": y });
        Some(Self { key: EncodingKey::from_ec_der(&pkcs8), pkcs8, jwk })
    }
}

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/idp/{provider}/.well-known/openid-configuration", get(discovery))
        // RFC 8414 §3.1: before the issuer's path.
        .route("/.well-known/oauth-authorization-server/idp/{provider}", get(discovery))
        .route("/idp/{provider}/jwks", get(jwks))
        .route("/idp/{provider}/par", post(authorize::push))
        .route("/idp/{provider}/authorize", get(authorize::ask).post(authorize::choose))
        .route("/idp/{provider}/token", post(tokens::token))
        .route("/idp/{provider}/userinfo", get(asking::userinfo).post(asking::userinfo))
        .route("/idp/{provider}/introspect", post(asking::introspect))
        .route("/idp/{provider}/revoke", post(ending::revoke))
        .route("/idp/{provider}/logout", get(ending::logout).post(ending::logout_by_form))
        .route("/idp/{provider}/sessions", get(ending::sessions))
        .route("/idp/{provider}/sessions/{id}", delete(ending::end_session))
}

fn issuer(world: &World, provider: &str) -> String {
    format!("{}/idp/{provider}", world.origin())
}

fn known(provider: &str) -> Result<(), Problem> {
    if PROVIDERS.contains(&provider) { Ok(()) } else { Err(Problem::not_found()) }
}

async fn discovery(In(world): In, Path(provider): Path<String>) -> Result<Json<Value>, Problem> {
    known(&provider)?;
    let base = issuer(&world, &provider);
    let wrong = world.struck(|what| matches!(what, What::WrongIssuer));
    let named = if wrong.is_some() { format!("{base}-impostor") } else { base.clone() };
    let mut document = json!({
        "issuer": named,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "jwks_uri": format!("{base}/jwks"),
        "userinfo_endpoint": format!("{base}/userinfo"),
        "introspection_endpoint": format!("{base}/introspect"),
        "revocation_endpoint": format!("{base}/revoke"),
        "end_session_endpoint": format!("{base}/logout"),
        "onecity_sessions_endpoint": format!("{base}/sessions"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "sid", "name", "account_kind"],
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "grant_types_supported": [
            "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "acr_values_supported": [Strength::Password, Strength::Strong],
        "scopes_supported": Scopes::ALL,
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
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

async fn jwks(In(world): In, Path(provider): Path<String>) -> Result<Json<Value>, Problem> {
    known(&provider)?;
    let unlisted = world.struck(|what| matches!(what, What::UnlistedKey));
    let own = if unlisted.is_some() { SigningKey::generate(0).jwk } else { world.lock_identity().signing.jwk.clone() };
    Ok(Json(json!({ "keys": [own] })))
}

/// 128 random bits as text: secrets are never repeated, whatever the seed.
pub(crate) fn random_text() -> String {
    use ring::rand::SecureRandom;
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    URL_SAFE_NO_PAD.encode(bytes)
}
