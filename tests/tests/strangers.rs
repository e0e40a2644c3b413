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

/// What a code is exchanged for tokens with.
fn redeeming<'a>(code: &'a str, redirect_uri: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", "onecity-app"),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", VERIFIER),
    ]
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
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
        self.proof_at(now.try_into().expect("a time"), method, path, token)
    }

    fn proof_at(&self, iat: i64, method: &str, path: &str, token: Option<&str>) -> String {
        let head = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() });
        let mut claims = json!({
            "jti": encoded(random()), "htm": method, "htu": format!("{}{path}", self.origin),
            "iat": iat,
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
            ("scope", "openid profile offline_access"),
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
        let fields = redeeming(&code, "onecity://login");
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

/// What an address's query says under a name.
fn in_query(address: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(address).expect("an address");
    url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

impl App {
    /// Opens an authorization request in a browser: its status, and where it is sent.
    async fn opens(&self, provider: &str, fields: &[(&str, &str)], cookie: Option<&str>) -> (u16, String) {
        let url = format!("{}/idp/{provider}/authorize?{}", self.origin, Self::form(fields));
        let request = self.http.get(url);
        let request = cookie.map_or(request.try_clone().expect("plain"), |cookie| request.header("cookie", cookie));
        let answer = request.send().await.expect("answered");
        let location = answer.headers().get("location").and_then(|own| own.to_str().ok());
        (answer.status().as_u16(), location.unwrap_or_default().to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_told_what_is_wrong_with_its_request_where_it_wants_to_be_told() {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let app = App::new(&server.world());
    let challenge = encoded(Sha256::digest(VERIFIER));
    let good = [
        ("response_type", "code"),
        ("client_id", "onecity-app"),
        ("redirect_uri", "onecity://login"),
        ("state", "s"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("prompt", "none"),
    ];
    let with = |name: &'static str, value: &'static str| {
        let mut fields = good.to_vec();
        fields.retain(|(own, _)| *own != name);
        fields.push((name, value));
        fields
    };
    for (fields, error) in [
        (good.to_vec(), "login_required"),
        (with("response_type", "token"), "unsupported_response_type"),
        (with("response_type", ""), "invalid_request"),
        (with("response_mode", "fragment"), "invalid_request"),
        (with("code_challenge", ""), "invalid_request"),
        (with("code_challenge_method", "plain"), "invalid_request"),
        (with("prompt", "none login"), "invalid_request"),
        (with("max_age", "soon"), "invalid_request"),
        (with("request", "e30.e30."), "request_not_supported"),
        (with("request_uri", "https://evil.example/request"), "request_uri_not_supported"),
        (with("dpop_jkt", "short"), "invalid_request"),
    ] {
        let (status, back) = app.opens("shandong", &fields, None).await;
        assert!(status == 303 && back.starts_with("onecity://login?"), "{error}: {status} {back}");
        assert_eq!(in_query(&back, "error").as_deref(), Some(error), "{fields:?}");
        assert_eq!(in_query(&back, "state").as_deref(), Some("s"));
        assert_eq!(in_query(&back, "iss"), Some(format!("{}/idp/shandong", app.origin)), "RFC 9207");
    }
    // To whom that is not known, it is not said either.
    assert_eq!(app.opens("shandong", &with("client_id", "another"), None).await, (400, String::new()));
    let mut twice = good.to_vec();
    twice.push(("state", "t"));
    assert_eq!(app.opens("shandong", &twice, None).await.0, 400);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_standard_leaves_to_the_app_is_not_forced_on_it() {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let app = App::new(&server.world());
    let challenge = encoded(Sha256::digest(VERIFIER));
    let fields = |scope: &'static str| {
        [
            ("response_type", "code".to_owned()),
            ("client_id", "onecity-app".to_owned()),
            ("redirect_uri", "http://127.0.0.1:5000/cb".to_owned()),
            ("code_challenge", challenge.clone()),
            ("code_challenge_method", "S256".to_owned()),
            ("scope", scope.to_owned()),
            ("persona", "lan".to_owned()),
        ]
    };
    let plain = async |path: String, fields: &[(&str, &str)]| {
        let request = app.http.post(format!("{}{path}", app.origin)).body(App::form(fields));
        said(request.header("content-type", "application/x-www-form-urlencoded").send().await.expect("answered")).await
    };
    let logs_in = async |scope| {
        let fields = fields(scope);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = app.posts("/idp/shandong/authorize", &fields).await;
        let back = answer.headers()["location"].to_str().expect("an address").to_owned();
        assert_eq!(in_query(&back, "state"), None);
        let code = in_query(&back, "code").expect("a code");
        let fields = redeeming(&code, "http://127.0.0.1:5000/cb");
        let (status, tokens) = plain("/idp/shandong/token".to_owned(), &fields).await;
        assert_eq!(status, 200, "{tokens}");
        (tokens, code)
    };
    let (tokens, code) = logs_in("openid profile unheard-of").await;
    assert_eq!((text(&tokens["token_type"]), text(&tokens["scope"])), ("Bearer", "openid profile"));
    assert!(tokens.get("refresh_token").is_none(), "only for those who want to be there when the resident is not");
    let claims = text(&tokens["id_token"]).split('.').nth(1).map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64"));
    let claims: Value = serde_json::from_slice(&claims.expect("claims")).expect("JSON");
    assert!(claims["auth_time"].is_i64() && claims.get("nonce").is_none(), "{claims}");
    let access = text(&tokens["access_token"]).to_owned();
    let asks = async |path: &str, scheme: &str, token: &str| {
        let url = format!("{}/idp/shandong{path}", app.origin);
        said(app.http.get(url).header("authorization", format!("{scheme} {token}")).send().await.expect("answered"))
            .await
    };
    let (status, info) = asks("/userinfo", "bearer", &access).await;
    assert_eq!((status, &info["name"], &info["sub"]), (200, &"Persona Lan".into(), &claims["sub"]));
    // A code that comes again takes back what was given for it.
    let again = redeeming(&code, "http://127.0.0.1:5000/cb");
    assert_eq!(plain("/idp/shandong/token".to_owned(), &again).await.1["error"], "invalid_grant");
    assert_eq!(asks("/userinfo", "Bearer", &access).await.0, 401);

    let (tokens, _) = logs_in("openid offline_access").await;
    let (access, refresh) = (text(&tokens["access_token"]).to_owned(), text(&tokens["refresh_token"]).to_owned());
    assert!(asks("/userinfo", "Bearer", &access).await.1.get("name").is_none(), "without the scope, no name");
    let renew = async |scope: &str| {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", "onecity-app"),
            ("refresh_token", &refresh),
            ("scope", scope),
        ];
        plain("/idp/shandong/token".to_owned(), &fields).await
    };
    assert_eq!(renew("openid profile").await.1["error"], "invalid_scope");
    let (status, less) = renew("openid").await;
    assert_eq!((status, text(&less["scope"])), (200, "openid"));
    let next = text(&less["refresh_token"]).to_owned();
    let fields = [("grant_type", "refresh_token"), ("client_id", "onecity-app"), ("refresh_token", next.as_str())];
    let (_, all) = plain("/idp/shandong/token".to_owned(), &fields).await;
    assert_eq!(text(&all["scope"]), "openid offline_access", "what was left out once is granted still");

    let gateway = server.world().describe().expect("described")["introspection"].clone();
    let introspect = async |token: &str, secret: &str| {
        let request = app.http.post(format!("{}/idp/shandong/introspect", app.origin));
        let request = request.basic_auth(text(&gateway["client_id"]), Some(secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        said(request.body(App::form(&[("token", token)])).send().await.expect("answered")).await
    };
    let secret = text(&gateway["client_secret"]);
    let (status, active) = introspect(&access, secret).await;
    assert_eq!((status, &active["active"], text(&active["scope"])), (200, &true.into(), "openid offline_access"));
    assert_eq!(introspect("unheard-of", secret).await.1, json!({ "active": false }));
    assert_eq!(introspect(&access, "guessed").await.0, 401);

    assert_eq!(plain("/idp/shandong/revoke".to_owned(), &[("token", &access)]).await.0, 200);
    assert_eq!(asks("/userinfo", "Bearer", &access).await.0, 401, "revoked");
    assert_eq!(plain("/idp/shandong/revoke".to_owned(), &[]).await.1["error"], "invalid_request");
    let document = reqwest::get(format!("{}/.well-known/oauth-authorization-server/idp/shandong", app.origin)).await;
    let document: Value = serde_json::from_str(&document.expect("answered").text().await.expect("read")).expect("JSON");
    assert_eq!(document["issuer"], format!("{}/idp/shandong", app.origin), "RFC 8414");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_no_form_is_refused_as_oauth_says_it() {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let app = App::new(&server.world());
    for path in ["/idp/shandong/token", "/idp/shandong/par", "/idp/shandong/revoke", "/idp/shandong/introspect"] {
        for (content_type, body) in [
            ("application/json", "{}"),
            ("application/x-www-form-urlencoded", "token=1&token=2&client_id=onecity-app"),
            ("text/plain", "grant_type=refresh_token"),
        ] {
            let request =
                app.http.post(format!("{}{path}", app.origin)).header("content-type", content_type).body(body);
            let (status, answer) = said(request.send().await.expect("answered")).await;
            assert_eq!((status, &answer["error"]), (400, &"invalid_request".into()), "{path} {content_type}");
        }
    }
    let (status, answer) = app.asks("/idp/shandong/token", &[("client_id", "another")]).await;
    assert_eq!((status, &answer["error"]), (401, &"invalid_client".into()));
    let (status, answer) = app.asks("/idp/shandong/token", &[("client_id", "onecity-app")]).await;
    assert_eq!((status, &answer["error"]), (400, &"invalid_request".into()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_has_logged_in_is_known_until_it_logs_out() {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let (world, app) = (server.world(), App::new(&server.world()));
    let challenge = encoded(Sha256::digest(VERIFIER));
    let request = [
        ("response_type", "code"),
        ("client_id", "onecity-app"),
        ("redirect_uri", "onecity://login"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("scope", "openid"),
    ];
    let mut chosen = request.to_vec();
    chosen.push(("persona", "minh"));
    let answer = app.posts("/idp/shandong/authorize", &chosen).await;
    let cookie = answer.headers()["set-cookie"].to_str().expect("a cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("Path=/idp/shandong"), "{cookie}");
    let cookie = cookie.split(';').next().expect("its pair").to_owned();
    let silently = async |more: &[(&'static str, &'static str)]| {
        let mut fields = request.to_vec();
        fields.push(("prompt", "none"));
        fields.extend_from_slice(more);
        let (_, back) = app.opens("shandong", &fields, Some(&cookie)).await;
        in_query(&back, "code").ok_or(in_query(&back, "error").unwrap_or_default())
    };
    world.skip(60);
    assert!(silently(&[]).await.is_ok() && silently(&[("max_age", "600")]).await.is_ok());
    assert_eq!(silently(&[("max_age", "30")]).await, Err("login_required".to_owned()));
    assert_eq!(silently(&[("acr_values", "urn:onecity:acr:strong")]).await, Err("login_required".to_owned()));
    // Any program may wait at a port of this machine: nothing goes there unasked (RFC 8252 §8.6).
    let mut port = request.to_vec();
    port.retain(|(name, _)| *name != "redirect_uri");
    port.extend_from_slice(&[("redirect_uri", "http://127.0.0.1:9/cb"), ("prompt", "none")]);
    let (_, back) = app.opens("shandong", &port, Some(&cookie)).await;
    assert_eq!(in_query(&back, "error").as_deref(), Some("interaction_required"));
    // Somebody else's ID token means somebody else (OpenID Connect Core 1.0 §3.1.2.1).
    let lan = text(&app.logs_in("shandong", "lan").await["id_token"]).to_owned();
    let minh = text(&app.logs_in("shandong", "minh").await["id_token"]).to_owned();
    for (hint, error) in [(&lan, Some("login_required")), (&minh, None)] {
        let mut fields = request.to_vec();
        fields.extend_from_slice(&[("prompt", "none"), ("id_token_hint", hint)]);
        let (_, back) = app.opens("shandong", &fields, Some(&cookie)).await;
        assert_eq!(in_query(&back, "error").as_deref(), error);
    }
    // At another provider, nobody knows it.
    let mut elsewhere = request.to_vec();
    elsewhere.push(("prompt", "none"));
    let (_, back) = app.opens("vneid", &elsewhere, Some(&cookie.replace("shandong", "vneid"))).await;
    assert_eq!(in_query(&back, "error").as_deref(), Some("login_required"));
    let logout =
        |query: &[(&str, &str)]| app.http.get(format!("{}/idp/shandong/logout?{}", app.origin, App::form(query)));
    let answer = logout(&[("client_id", "onecity-app"), ("post_logout_redirect_uri", "onecity://out"), ("state", "x")]);
    let answer = answer.send().await.expect("answered");
    assert_eq!(answer.headers()["location"], "onecity://out?state=x");
    assert!(answer.headers()["set-cookie"].to_str().expect("a cookie").contains("Max-Age=0"));
    assert!(silently(&[]).await.is_ok(), "that was another browser");
    let out = logout(&[("client_id", "onecity-app")]).header("cookie", &cookie).send().await.expect("answered");
    assert_eq!(out.status(), 200);
    assert_eq!(silently(&[]).await, Err("login_required".to_owned()), "though it shows its cookie again");
    for wrong in [
        &[("post_logout_redirect_uri", "onecity://out")][..],
        &[("client_id", "onecity-app"), ("post_logout_redirect_uri", "https://evil.example/")],
        &[("id_token_hint", "e30.e30.AA")],
        &[("client_id", "another"), ("id_token_hint", &minh)],
    ] {
        let status = logout(wrong).send().await.expect("answered").status().as_u16();
        assert!(matches!(status, 400 | 401), "{wrong:?}: {status}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_are_compared_as_rfc_9449_says_and_never_carry_the_private_key() {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let app = App::new(&server.world());
    let (challenge, thumbprint) = (encoded(Sha256::digest(VERIFIER)), app.thumbprint());
    let request = [
        ("response_type", "code"),
        ("client_id", "onecity-app"),
        ("redirect_uri", "onecity://login"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("scope", "openid offline_access"),
    ];
    // Bound by the proof alone (§10.1): another key gets nothing for the code.
    let (status, pushed) = app.asks("/idp/shandong/par", &request).await;
    assert_eq!(status, 201, "{pushed}");
    let uri = text(&pushed["request_uri"]).to_owned();
    let fields = [("client_id", "onecity-app"), ("request_uri", uri.as_str()), ("persona", "lan")];
    let back =
        app.posts("/idp/shandong/authorize", &fields).await.headers()["location"].to_str().expect("a place").to_owned();
    let code = in_query(&back, "code").expect("a code");
    let redeem = redeeming(&code, "onecity://login");
    let other = App::new(&server.world());
    assert_eq!(other.asks("/idp/shandong/token", &redeem).await.1["error"], "invalid_grant");
    let mut named = request.to_vec();
    let stranger = other.thumbprint();
    named.push(("dpop_jkt", &stranger));
    assert_eq!(app.asks("/idp/shandong/par", &named).await.1["error"], "invalid_dpop_proof", "two different keys");
    named.pop();
    named.push(("dpop_jkt", &thumbprint));
    assert_eq!(app.asks("/idp/shandong/par", &named).await.0, 201);

    let tokens = app.logs_in("shandong", "lan").await;
    let access = text(&tokens["access_token"]);
    let asks = async |proof: String, scheme: &str| {
        let request = app.http.get(format!("{}/idp/shandong/sessions", app.origin));
        let request = request.header("authorization", format!("{scheme} {access}")).header("dpop", proof);
        request.send().await.expect("answered").status().as_u16()
    };
    let proof = |path: &str| app.proof("GET", path, Some(access));
    assert_eq!(asks(proof("/idp/shandong/sessions"), "dpop").await, 200, "the scheme in any case");
    assert_eq!(asks(proof("/idp/shandong/sessions?page=2#top"), "DPoP").await, 200, "without query and fragment");
    assert_eq!(asks(proof("/idp/shandong/token"), "DPoP").await, 401);
    assert_eq!(asks(proof("/idp/shandong/sessions"), "Bearer").await, 401, "a bound token is no bearer's");
    let used = proof("/idp/shandong/sessions");
    assert_eq!((asks(used.clone(), "DPoP").await, asks(used, "DPoP").await), (200, 401));
    // Times that no clock has are refused as all others.
    for iat in [i64::MIN, i64::MAX, 0] {
        let proof = app.proof_at(iat, "GET", "/idp/shandong/sessions", Some(access));
        assert_eq!(asks(proof, "DPoP").await, 401, "{iat}");
    }
    let good = proof("/idp/shandong/sessions");
    let (head, rest) = good.split_once('.').expect("a JWS");
    let mut head: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).expect("base64")).expect("JSON");
    head["jwk"]["d"] = encoded([1; 32]).into();
    let claims = rest.split('.').next().expect("claims");
    let text = format!("{}.{claims}", encoded(head.to_string()));
    let signature: Signature = app.key.sign(text.as_bytes());
    assert_eq!(asks(format!("{text}.{}", encoded(signature.to_bytes())), "DPoP").await, 401, "a private key");
    server.stop().await;
}
