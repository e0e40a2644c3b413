//! What a provider may answer, and what it may not: a table of shapes with the section of the standard that each is from.

use serde_json::{Value, json};

use super::Wish;
use super::testing::{FakeProvider, Identity, REDIRECT};
use crate::device::testing::Bench;
use crate::error::{Error, Refusal};
use crate::views::AccountView;

const DISCOVERY: &str = "OpenID Connect Discovery 1.0 §3";
const SAME_ISSUER: &str = "OpenID Connect Discovery 1.0 §4.3";
const METADATA: &str = "RFC 8414 §2";
const ENDPOINT: &str = "RFC 6749 §3.1";
const CALLBACK: &str = "RFC 6749 §4.1.2";
const TOKENS: &str = "RFC 6749 §5.1";
const BOUND: &str = "RFC 9449 §5";
const NAMED: &str = "RFC 9207 §2.4";
const CLAIMS: &str = "OpenID Connect Core 1.0 §2";
const CHECKS: &str = "OpenID Connect Core 1.0 §3.1.3.7";
const PERSON: &str = "OpenID Connect Core 1.0 §5.1";
const DATES: &str = "RFC 7519 §2";
const KEYS: &str = "RFC 7517 §5";
const HEADER: &str = "RFC 7515 §4.1.11";
const OURS: &str = "this app's own claim";

/// What of a login is out of the ordinary.
enum Shape {
    Metadata(Value),
    Tokens(Value),
    Claims(Value),
    Keys(Vec<Value>),
    Callback(fn(String) -> String),
}

async fn log_in(shape: Shape) -> Result<AccountView, Error> {
    let identity = Identity::new(Bench::with(|platform| platform));
    let mut callback: fn(String) -> String = |callback| callback;
    {
        let mut state = identity.provider.state.lock().expect("whole");
        match shape {
            Shape::Metadata(members) => state.metadata = members,
            Shape::Tokens(members) => state.tokens = members,
            Shape::Claims(members) => state.claims = members,
            Shape::Keys(keys) => state.keys = keys,
            Shape::Callback(change) => callback = change,
        }
    }
    let begun = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await?;
    identity.sessions.finish(&callback(identity.provider.agree(&begun.url))).await
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[tokio::test]
async fn every_shape_that_the_standards_allow_logs_in() {
    use Shape::{Callback, Claims, Keys, Metadata, Tokens};
    #[expect(clippy::cast_precision_loss, reason = "seconds of this century")]
    let date = |from_now: i64| (now() + from_now) as f64 + 0.25;
    let rows = [
        (DISCOVERY, "members that nobody knows", Metadata(json!({ "mtls_endpoint_aliases": { "a": 1 }, "x": [1] }))),
        (
            METADATA,
            "optional members that are null",
            Metadata(json!({
                "revocation_endpoint": null, "pushed_authorization_request_endpoint": null, "scopes_supported": null,
            })),
        ),
        (
            METADATA,
            "more algorithms than ours",
            Metadata(json!({
                "dpop_signing_alg_values_supported": ["RS256", "EdDSA", "ES256"],
                "code_challenge_methods_supported": ["plain", "S256"],
            })),
        ),
        (NAMED, "a flag that is null", Metadata(json!({ "authorization_response_iss_parameter_supported": null }))),
        (
            ENDPOINT,
            "an endpoint with a query of its own",
            Metadata(json!({
                "authorization_endpoint": "https://id.example/authorize?tenant=sd",
            })),
        ),
        (CALLBACK, "a slash behind the redirect's name", Callback(|own| own.replacen("login?", "login/?", 1))),
        (CALLBACK, "parameters that nobody knows", Callback(|own| format!("{own}&session_state=7&scope=openid"))),
        (CALLBACK, "a fragment behind it", Callback(|own| format!("{own}#_=_"))),
        (
            CALLBACK,
            "a code of 30,000 characters",
            Callback(|own| own.replacen("code=c", &format!("code={}", "c".repeat(30_000)), 1)),
        ),
        (
            CALLBACK,
            "a code of any visible characters",
            Callback(|own| own.replacen("code=c", "code=%20%21%22%25%26%2B%2F%3D%7E", 1)),
        ),
        (NAMED, "an issuer that is percent-encoded", Callback(|own| own.replacen("https://", "https%3A%2F%2F", 1))),
        (TOKENS, "no lifetime", Tokens(json!({ "expires_in": "absent" }))),
        (TOKENS, "a lifetime that is null", Tokens(json!({ "expires_in": null }))),
        (TOKENS, "a lifetime in a string", Tokens(json!({ "expires_in": "3600" }))),
        (TOKENS, "a lifetime with a fraction", Tokens(json!({ "expires_in": 3599.9 }))),
        (
            TOKENS,
            "a lifetime beyond all integers",
            Tokens(json!({ "expires_in": 1e300, "refresh_token_expires_in": -1e300 })),
        ),
        (TOKENS, "a lifetime that is no number at all", Tokens(json!({ "expires_in": { "seconds": 5 } }))),
        (TOKENS, "a token type in capitals", Tokens(json!({ "token_type": "DPOP" }))),
        (
            TOKENS,
            "members that nobody knows",
            Tokens(json!({ "scope": "openid", "not-before-policy": 0, "session_state": "s" })),
        ),
        (TOKENS, "no refresh token", Tokens(json!({ "refresh_token": "absent" }))),
        (TOKENS, "a refresh token that is null", Tokens(json!({ "refresh_token": null }))),
        (CLAIMS, "an audience in a list", Claims(json!({ "aud": ["onecity-app"] }))),
        (
            CLAIMS,
            "several audiences and who it was issued to",
            Claims(json!({ "aud": ["onecity-app", "x"], "azp": "onecity-app" })),
        ),
        (
            CLAIMS,
            "claims that nobody knows",
            Claims(json!({ "amr": ["pwd"], "auth_time": 5, "at_hash": "x", "sid": "s" })),
        ),
        (DATES, "dates with a fraction", Claims(json!({ "exp": date(300), "iat": date(-1) }))),
        (CHECKS, "a clock that is half a minute ahead", Claims(json!({ "iat": now() + 30 }))),
        (CHECKS, "a clock that is half a minute behind", Claims(json!({ "exp": now() - 30 }))),
        (PERSON, "no name", Claims(json!({ "name": "absent" }))),
        (PERSON, "a name that is null", Claims(json!({ "name": null }))),
        (PERSON, "a name that is no text", Claims(json!({ "name": { "given": "Lan" } }))),
        (CLAIMS, "an authentication context that is a number", Claims(json!({ "acr": 1 }))),
        (CLAIMS, "a subject of 255 characters", Claims(json!({ "sub": "s".repeat(255) }))),
        (OURS, "a kind of account that this app does not know", Claims(json!({ "account_kind": "agency" }))),
        (OURS, "a kind of account that is no word", Claims(json!({ "account_kind": 7 }))),
        (
            KEYS,
            "a kind of key that nobody knows",
            Keys(vec![json!({ "kty": "AKP", "alg": "ML-DSA-65", "kid": "pq", "pub": "AA" })]),
        ),
        (KEYS, "a key without what it consists of", Keys(vec![json!({ "kty": "EC", "kid": "half" }), json!({})])),
        (
            KEYS,
            "a key for encryption under the same name",
            Keys(vec![json!({
                "kty": "EC", "crv": "P-256", "kid": "1", "use": "enc", "x": "AA", "y": "AA",
            })]),
        ),
        (
            KEYS,
            "a key of another kind under the same name",
            Keys(vec![json!({ "kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB" })]),
        ),
    ];
    for (section, what, shape) in rows {
        let account = log_in(shape).await.unwrap_or_else(|error| panic!("{section}, {what}: {error}"));
        assert!(account.active, "{section}, {what}");
    }
}

#[tokio::test]
async fn every_shape_that_the_standards_forbid_is_refused_by_name() {
    use Shape::{Callback, Claims, Metadata, Tokens};
    const NONE: &str = "eyJhbGciOiJub25lIn0.e30.";
    // { "alg": "ES256", "crit": ["x"], "x": 1, "kid": "1" }
    const CRITICAL: &str = "eyJhbGciOiJFUzI1NiIsImNyaXQiOlsieCJdLCJ4IjoxLCJraWQiOiIxIn0.e30.AA";
    type Expected = fn(&Error) -> bool;
    let issuer: Expected = |own| matches!(own, Error::Refused { reason: Refusal::WrongIssuer, .. });
    let denied: Expected = |own| matches!(own, Error::Refused { reason: Refusal::LoginDenied { .. }, .. });
    let state: Expected = |own| matches!(own, Error::Refused { reason: Refusal::LoginState, .. });
    let nonce: Expected = |own| matches!(own, Error::Refused { reason: Refusal::WrongNonce, .. });
    let forged: Expected = |own| matches!(own, Error::SignatureInvalid { .. });
    let unreadable: Expected = |own| matches!(own, Error::BadAnswer { .. });
    let address: Expected = |own| matches!(own, Error::InvalidInput { .. });
    let rows = [
        (SAME_ISSUER, "another issuer", Metadata(json!({ "issuer": "https://id.example/" })), issuer),
        (DISCOVERY, "no token endpoint", Metadata(json!({ "token_endpoint": "absent" })), unreadable),
        (
            DISCOVERY,
            "an endpoint without TLS",
            Metadata(json!({ "token_endpoint": "http://id.example/token" })),
            address,
        ),
        (METADATA, "no PKCE", Metadata(json!({ "code_challenge_methods_supported": "absent" })), denied),
        (
            METADATA,
            "PKCE in the clear alone",
            Metadata(json!({ "code_challenge_methods_supported": ["plain"] })),
            denied,
        ),
        (METADATA, "no DPoP", Metadata(json!({ "dpop_signing_alg_values_supported": null })), denied),
        (
            NAMED,
            "another issuer's answer",
            Callback(|own| own.replacen("iss=https://id", "iss=https://evil", 1)),
            issuer,
        ),
        (
            NAMED,
            "an answer without the issuer",
            Callback(|own| own.split("&iss=").next().unwrap_or_default().to_owned()),
            issuer,
        ),
        (ENDPOINT, "two codes", Callback(|own| format!("{own}&code=d")), state),
        (ENDPOINT, "two states", Callback(|own| format!("{own}&state=d")), state),
        (CALLBACK, "another place", Callback(|own| own.replacen("login?", "elsewhere?", 1)), state),
        (CALLBACK, "no code", Callback(|own| own.replacen("code=c&", "", 1)), denied),
        (CALLBACK, "a refusal", Callback(|own| own.replacen("code=c", "error=access_denied", 1)), denied),
        (BOUND, "a token that anybody may use", Tokens(json!({ "token_type": "Bearer" })), forged),
        (TOKENS, "no token", Tokens(json!({ "access_token": "absent" })), unreadable),
        (CHECKS, "no ID token", Tokens(json!({ "id_token": "absent" })), forged),
        (CHECKS, "an ID token that nobody signed", Tokens(json!({ "id_token": NONE })), forged),
        (HEADER, "an extension that has to be understood", Tokens(json!({ "id_token": CRITICAL })), forged),
        (CHECKS, "another app's token", Claims(json!({ "aud": "other" })), forged),
        (
            CHECKS,
            "several audiences and no word on whose it is",
            Claims(json!({ "aud": ["onecity-app", "x"] })),
            forged,
        ),
        (CHECKS, "issued to another app", Claims(json!({ "azp": "other" })), forged),
        (CHECKS, "another issuer's token", Claims(json!({ "iss": "https://evil.example" })), issuer),
        (CHECKS, "no nonce", Claims(json!({ "nonce": "absent" })), nonce),
        (CHECKS, "one that has ended", Claims(json!({ "exp": now() - 300 })), forged),
        (CHECKS, "one from tomorrow", Claims(json!({ "iat": now() + 86_400 })), forged),
        (CLAIMS, "no end", Claims(json!({ "exp": "absent" })), forged),
        (DATES, "a date in a string", Claims(json!({ "exp": (now() + 300).to_string() })), forged),
        (CLAIMS, "nobody", Claims(json!({ "sub": "" })), forged),
        (CLAIMS, "a subject of 256 characters", Claims(json!({ "sub": "s".repeat(256) })), forged),
    ];
    for (section, what, shape, expected) in rows {
        let refused = log_in(shape).await.map(|_| ()).expect_err(what);
        assert!(expected(&refused), "{section}, {what}: {refused:?}");
    }
}
