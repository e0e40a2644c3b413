//! The mock server as strangers meet it: apps that nobody registered, other people's numbers, and tokens of elsewhere.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mock_server::{Server, World, WorldOptions};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use reqwest::redirect::Policy;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const VERIFIER: &str = "a-verifier-of-more-than-forty-three-characters-long";

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).expect("random numbers");
    bytes
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An app of one's own, with a key for its proofs (RFC 9449).
struct App {
    origin: String,
    key: SigningKey,
    http: reqwest::Client,
}

/// A status with what was said.
type Said = (u16, Value);

impl App {
    fn new(world: &World) -> Self {
        let key = SigningKey::from_slice(&random()).expect("a key");
        let http = reqwest::Client::builder().redirect(Policy::none()).build().expect("a client");
        Self { origin: world.origin().to_owned(), key, http }
    }

    fn jwk(&self) -> Value {
        let point = self.key.verifying_key().to_sec1_point(false).to_bytes();
        json!({ "crv": "P-256", "kty": "EC", "x": encoded(&point[1..33]), "y": encoded(&point[33..]) })
    }

    /// RFC 7638; the members are in order already.
    fn thumbprint(&self) -> String {
        encoded(Sha256::digest(self.jwk().to_string()))
    }

    fn proof(&self, method: &str, path: &str, token: Option<&str>) -> String {
        let head = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() });
        let mut claims = json!({
            "jti": encoded(random()), "htm": method, "htu": format!("{}{path}", self.origin),
            "iat": std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs(),
        });
        if let Some(token) = token {
            claims["ath"] = encoded(Sha256::digest(token)).into();
        }
        let text = format!("{}.{}", encoded(head.to_string()), encoded(claims.to_string()));
        let signature: Signature = self.key.sign(text.as_bytes());
        format!("{text}.{}", encoded(signature.to_bytes()))
    }

    fn form(fields: &[(&str, &str)]) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    }

    async fn posts(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::Response {
        let request = self.http.post(format!("{}{path}", self.origin)).body(Self::form(fields));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.header("dpop", self.proof("POST", path, None)).send().await.expect("answered")
    }

    async fn asks(&self, path: &str, fields: &[(&str, &str)]) -> Said {
        said(self.posts(path, fields).await).await
    }

    /// Asks with a token of its own.
    async fn with_token(&self, method: &str, path: &str, token: &str, key: &str, body: Option<&Value>) -> Said {
        let request = self.http.request(method.parse().expect("a method"), format!("{}{path}", self.origin));
        let request = request.header("authorization", format!("DPoP {token}"));
        let request = request.header("dpop", self.proof(method, path, Some(token)));
        let request = request.header("idempotency-key", format!("\"{key}\""));
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        said(request.send().await.expect("answered")).await
    }

    fn request<'a>(&'a self, redirect_uri: &'a str, challenge: &'a str, key: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("response_type", "code"),
            ("client_id", "onecity-app"),
            ("redirect_uri", redirect_uri),
            ("state", "s"),
            ("nonce", "n"),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
            ("dpop_jkt", key),
        ]
    }

    /// Chooses a persona at a provider; where the browser is sent then, or the refusal.
    async fn chooses(&self, provider: &str, persona: &str, redirect_uri: &str) -> Result<String, u16> {
        let (challenge, key) = (encoded(Sha256::digest(VERIFIER)), self.thumbprint());
        let mut fields = self.request(redirect_uri, &challenge, &key);
        fields.push(("persona", persona));
        let answer = self.posts(&format!("/idp/{provider}/authorize"), &fields).await;
        let location = answer.headers().get("location").and_then(|own| own.to_str().ok());
        location.map(str::to_owned).ok_or(answer.status().as_u16())
    }

    /// Logs in, and answers the tokens.
    async fn logs_in(&self, provider: &str, persona: &str) -> Value {
        let back = self.chooses(provider, persona, "onecity://login").await.expect("sent back");
        let back = url::Url::parse(&back).expect("an address");
        let code = back.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", "onecity-app"),
            ("code", &code),
            ("redirect_uri", "onecity://login"),
            ("code_verifier", VERIFIER),
        ];
        let (status, tokens) = self.asks(&format!("/idp/{provider}/token"), &fields).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    /// A token for the services of this world, from a session at a provider.
    async fn exchanges(&self, provider: &str, access: &str) -> Said {
        let key = self.thumbprint();
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("client_id", "onecity-app"),
            ("subject_token", access),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("resource", &self.origin),
            ("audience", "cn-sd/jinan/report"),
            ("scope", "name"),
            ("dpop_jkt", &key),
        ];
        self.asks(&format!("/idp/{provider}/token"), &fields).await
    }
}

async fn said(answer: reqwest::Response) -> Said {
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("read");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_to_an_address_that_only_begins_like_the_app_s_own() {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let app = App::new(&server.world());
    for home in ["onecity://login", "http://127.0.0.1:49152/callback", "http://[::1]:1/callback"] {
        let back = app.chooses("shandong", "lan", home).await.expect("sent back");
        assert!(back.starts_with(home) && back.contains("code="), "{back}");
    }
    for stranger in [
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.1@evil.example/callback",
        "http://[::1].evil.example/",
        "https://evil.example/onecity://",
        "onecity.evil://login",
        "javascript:alert(1)",
    ] {
        assert_eq!(app.chooses("shandong", "lan", stranger).await, Err(400), "{stranger}");
        let (challenge, key) = (encoded(Sha256::digest(VERIFIER)), app.thumbprint());
        let query = App::form(&app.request(stranger, &challenge, &key));
        let page = app.http.get(format!("{}/idp/shandong/authorize?{query}", app.origin)).send().await;
        assert_eq!(page.expect("answered").status(), 400, "{stranger}");
        let pay = App::form(&[
            ("order", "1"),
            ("amount", "1"),
            ("currency", "CNY"),
            ("return_uri", stranger),
            ("state", "s"),
        ]);
        let page = app.http.get(format!("{}/city/cn-sd.jinan/pay?{pay}", app.origin)).send().await;
        assert_eq!(page.expect("answered").status(), 400, "{stranger}");
    }
    let long = format!("onecity://login?{}", "x".repeat(5000));
    assert_eq!(app.chooses("shandong", "lan", &long).await, Err(400));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_another_has_used_gets_nobody_their_document() {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let (path, body) = ("/city/cn-sd.jinan/certificates", json!({ "for": "school" }));
    let mut documents = Vec::new();
    for persona in ["lan", "minh"] {
        let app = App::new(&server.world());
        let tokens = app.logs_in("shandong", persona).await;
        let (_, service) = app.exchanges("shandong", text(&tokens["access_token"])).await;
        let token = text(&service["access_token"]).to_owned();
        let status = format!("{path}/one-number");
        assert_eq!(
            app.with_token("GET", &status, &token, "x", None).await.0,
            404,
            "nothing of {persona}'s is there yet"
        );
        let (created, answer) = app.with_token("POST", path, &token, "one-number", Some(&body)).await;
        assert_eq!(created, 201, "{answer}");
        let (_, again) = app.with_token("POST", path, &token, "one-number", Some(&body)).await;
        assert_eq!(again, answer, "their own number is taken once");
        let (_, found) = app.with_token("GET", &status, &token, "x", None).await;
        assert_eq!(found["subject"], answer["subject"]);
        documents.push((answer["subject"].clone(), answer["document"].clone()));
    }
    assert!(documents[0].0 != documents[1].0 && documents[0].1 != documents[1].1);
    let nobody = App::new(&server.world());
    let url = format!("{}{path}/one-number", nobody.origin);
    assert_eq!(nobody.http.get(url).send().await.expect("answered").status(), 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_provider_has_given_out_means_nothing_at_another() {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let app = App::new(&server.world());
    let tokens = app.logs_in("shandong", "lan").await;
    let (access, refresh) = (text(&tokens["access_token"]), text(&tokens["refresh_token"]));
    let fields = [("grant_type", "refresh_token"), ("client_id", "onecity-app"), ("refresh_token", refresh)];
    let (status, answer) = app.asks("/idp/vneid/token", &fields).await;
    assert_eq!((status, &answer["error"]), (400, &"invalid_grant".into()));
    assert_eq!(app.exchanges("vneid", access).await.0, 401);
    assert_eq!(app.with_token("GET", "/idp/vneid/sessions", access, "x", None).await.0, 401);
    app.asks("/idp/vneid/revoke", &[("token", refresh)]).await;
    let (challenge, key) = (encoded(Sha256::digest(VERIFIER)), app.thumbprint());
    let (pushed, request) = app.asks("/idp/shandong/par", &app.request("onecity://login", &challenge, &key)).await;
    assert_eq!(pushed, 201, "{request}");
    let uri = App::form(&[("client_id", "onecity-app"), ("request_uri", text(&request["request_uri"]))]);
    for (provider, status) in [("vneid", 400), ("shandong", 200)] {
        let page = app.http.get(format!("{}/idp/{provider}/authorize?{uri}", app.origin)).send().await;
        assert_eq!(page.expect("answered").status().as_u16(), status, "{provider}");
    }
    // Where they belong they count.
    assert_eq!(app.exchanges("shandong", access).await.0, 200);
    assert_eq!(app.with_token("GET", "/idp/shandong/sessions", access, "x", None).await.0, 200);
    assert_eq!(app.asks("/idp/shandong/token", &fields).await.0, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_that_it_is_up() {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let health = reqwest::get(format!("{}/health", server.world().origin())).await.expect("answered");
    assert_eq!((health.status().as_u16(), health.text().await.expect("read")), (200, r#"{"status":"up"}"#.to_owned()));
    server.stop().await;
}
