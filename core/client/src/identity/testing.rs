//! An identity provider in memory, and the identity parts of a phone that logs in at it.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use onecity_protocol::names::Names;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use url::Url;

use super::{Accounts, Consents, Sessions, Wish};
use crate::device::Device;
use crate::device::testing::{Bench, Reply, Seen};
use crate::error::Error;
use crate::views::AccountView;
use onecity_protocol::identity_provider::IdentityProvider;

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const REDIRECT: &str = "onecity://login";

/// What the provider does, for a test to change.
pub(crate) struct State {
    pub subject: String,
    pub acr: Option<String>,
    /// It has ended all sessions.
    pub ended: bool,
    /// It answers 503.
    pub down: bool,
    /// What it says instead of an ID token's usual claims.
    pub claims: Value,
    /// What it says instead of, or beside, its discovery document's usual members, and its token endpoint's. What is
    /// `"absent"` is left out.
    pub metadata: Value,
    pub tokens: Value,
    /// Keys that it publishes beside its own.
    pub keys: Vec<Value>,
    /// How long an access token lasts, in seconds.
    pub lasts: i64,
    nonce: String,
    state: String,
    issued: u32,
}

/// An identity provider.
pub(crate) struct FakeProvider {
    pub state: Arc<Mutex<State>>,
}

fn discovery() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": format!("{ISSUER}/authorize"),
        "token_endpoint": format!("{ISSUER}/token"),
        "jwks_uri": format!("{ISSUER}/keys"),
        "revocation_endpoint": format!("{ISSUER}/revoke"),
        "onecity_sessions_endpoint": format!("{ISSUER}/sessions"),
        "authorization_response_iss_parameter_supported": true,
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["ES256"],
    })
}

impl FakeProvider {
    /// Puts it on the network of a bench. Its clock is the machine's.
    pub(crate) fn start(bench: &Bench) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).expect("a key");
        let point = pair.public_key().as_ref().to_vec();
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "kid": "1",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]),
        });
        let signing = EncodingKey::from_ec_der(pkcs8.as_ref());
        let state = Arc::new(Mutex::new(State {
            subject: "lan".to_owned(),
            acr: None,
            ended: false,
            down: false,
            claims: json!({}),
            metadata: json!({}),
            tokens: json!({}),
            keys: Vec::new(),
            lasts: 300,
            nonce: String::new(),
            state: String::new(),
            issued: 0,
        }));
        let own = Arc::clone(&state);
        let clock = Arc::clone(&bench.clock);
        bench.http.serve(move |seen| {
            let path = seen.url.strip_prefix(ISSUER)?;
            let mut state = own.lock().expect("whole");
            if state.down {
                return Some(Reply::status(503));
            }
            let now = crate::platform::Clock::wall(&*clock) / 1000;
            Some(match path {
                "/.well-known/openid-configuration" => Reply::json(&changed(discovery(), &state.metadata)),
                "/keys" => {
                    let all: Vec<&Value> = state.keys.iter().chain([&jwk]).collect();
                    Reply::json(&json!({ "keys": all }))
                }
                "/token" => state.token(seen, &signing, now),
                "/revoke" => Reply::status(200),
                "/sessions" => Reply::json(&json!({ "sessions": [
                    { "id": "here", "created": 1, "last_used": 2, "current": true },
                    { "id": "lost", "device": "an older phone", "created": 1, "last_used": 1 },
                ] })),
                "/sessions/lost" => Reply::status(204),
                _ => Reply::status(404),
            })
        });
        Self { state }
    }

    /// As the nation's registry lists it.
    pub(crate) fn listed() -> IdentityProvider {
        IdentityProvider {
            id: "shandong".to_owned(),
            names: Names::new().with("en", "Shandong"),
            issuer: ISSUER.to_owned(),
            client_id: "onecity-app".to_owned(),
        }
    }

    /// What the browser comes back with after the resident has agreed to a login.
    pub(crate) fn agree(&self, url: &str) -> String {
        let url = Url::parse(url).expect("a URL");
        let value = |name: &str| {
            url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        let mut state = self.state.lock().expect("whole");
        (state.nonce, state.state) = (value("nonce"), value("state"));
        format!("{REDIRECT}?code=c&state={}&iss={ISSUER}", state.state)
    }
}

impl State {
    fn token(&mut self, seen: &Seen, signing: &EncodingKey, now: i64) -> Reply {
        let grant = seen.form("grant_type").unwrap_or_default();
        if seen.header("dpop").is_none() {
            return Reply::json(&json!({ "error": "invalid_dpop_proof" })).with_status(400);
        }
        if self.ended {
            return Reply::json(&json!({ "error": "invalid_grant" })).with_status(400);
        }
        self.issued += 1;
        let mut said = json!({
            "access_token": format!("access-{}", self.issued), "token_type": "DPoP", "expires_in": self.lasts,
        });
        if grant != "urn:ietf:params:oauth:grant-type:token-exchange" {
            said["refresh_token"] = format!("refresh-{}", self.issued).into();
        }
        if grant == "authorization_code" {
            let claims = json!({
                "iss": ISSUER, "aud": "onecity-app", "sub": self.subject, "nonce": self.nonce, "iat": now,
                "exp": now + 300, "name": format!("Persona {}", self.subject), "acr": self.acr,
            });
            let claims = changed(claims, &self.claims);
            let header = Header { kid: Some("1".to_owned()), ..Header::new(Algorithm::ES256) };
            said["id_token"] = encode(&header, &claims, signing).expect("signed").into();
        }
        Reply::json(&changed(said, &self.tokens))
    }
}

/// An answer with some of its members replaced, or left out.
fn changed(mut answer: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().into_iter().flatten() {
        if value == "absent" {
            answer.as_object_mut().expect("an object").remove(name);
        } else {
            answer[name] = value.clone();
        }
    }
    answer
}

/// The identity parts of a phone.
pub(crate) struct Identity {
    pub bench: Bench,
    pub accounts: Arc<Accounts>,
    pub consents: Arc<Consents>,
    pub sessions: Arc<Sessions>,
    pub provider: FakeProvider,
}

impl Identity {
    pub(crate) fn new(bench: Bench) -> Self {
        let provider = FakeProvider::start(&bench);
        let accounts = Accounts::new(&bench.device);
        let consents = Consents::new(&bench.device, &accounts);
        let sessions = Sessions::new(&bench.device, &accounts, &consents, bench.teacher());
        Self { bench, accounts, consents, sessions, provider }
    }

    pub(crate) fn device(&self) -> &Arc<Device> {
        &self.bench.device
    }

    /// Logs somebody in.
    pub(crate) async fn log_in(&self, subject: &str) -> Result<AccountView, Error> {
        self.provider.state.lock().expect("whole").subject = subject.to_owned();
        let attempt = self.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await?;
        self.sessions.finish(&self.provider.agree(&attempt.url)).await
    }
}
