//! What a token endpoint says (RFC 6749 §5): tokens, or why there are none.

use onecity_protocol::credential::UnixTime;
use reqwest::StatusCode;
use serde::Deserialize;

use super::secret::Secret;
use super::values;
use crate::device::http::Answer;
use crate::error::Error;

/// How long an access token counts at most, whatever its issuer says, and where it says nothing, in seconds.
const LONGEST: i64 = 86_400;
const USUAL: i64 = 60;

/// What a login or a renewal brings (RFC 6749 §5.1).
#[derive(Debug, Deserialize)]
pub(super) struct Tokens {
    pub access_token: Secret,
    token_type: String,
    #[serde(default, deserialize_with = "values::lifetime")]
    expires_in: Option<i64>,
    #[serde(default)]
    pub refresh_token: Option<Secret>,
    /// OpenID Connect Core §3.1.3.3.
    #[serde(default)]
    pub id_token: Option<String>,
    /// When the refresh token ends, in seconds from now (draft-ietf-oauth-refresh-token-expiration).
    #[serde(default, deserialize_with = "values::lifetime")]
    refresh_token_expires_in: Option<i64>,
}

impl Tokens {
    /// When the access token ends.
    pub(super) fn ends(&self, now: UnixTime) -> UnixTime {
        now + self.expires_in.unwrap_or(USUAL).clamp(0, LONGEST)
    }

    /// When the session ends whatever is done, if the provider says so.
    pub(super) fn session_ends(&self, now: UnixTime) -> Option<UnixTime> {
        self.refresh_token_expires_in.map(|lasts| now.saturating_add(lasts.clamp(0, 100 * 365 * 86_400)))
    }
}

/// Reads a token endpoint's answer.
///
/// # Errors
/// [`Error::LoginRequired`] if the session has ended, [`Error::Network`] if the server is in trouble: that is no word on
/// the session. `LoginDenied` for any other refusal (RFC 6749 §5.2), [`Error::BadAnswer`] for what can't be
/// read, [`Error::SignatureInvalid`] for tokens that are not bound to this phone.
pub(super) fn read(answer: &Answer) -> Result<Tokens, Error> {
    #[derive(Deserialize)]
    struct Refused {
        error: String,
    }
    // 429: RFC 6585 §4.
    if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Error::network(format!("the identity provider answered {}", answer.status.as_u16())));
    }
    if !answer.status.is_success() {
        let refused: Refused = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
        return Err(match refused.error.as_str() {
            "invalid_grant" => Error::login_required("the identity provider has ended the session"),
            other => {
                let said: String = other.chars().filter(|c| c.is_ascii_graphic()).take(100).collect();
                Error::login_denied(Some(said), "the token endpoint refused")
            }
        });
    }
    let tokens: Tokens = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
    // RFC 9449 §5: a token that is bound to this phone's key says so.
    if !tokens.token_type.eq_ignore_ascii_case("dpop") {
        return Err(Error::SignatureInvalid { what: "the provider's token is not bound to this phone".to_owned() });
    }
    Ok(tokens)
}

fn unreadable() -> Error {
    Error::answer("the identity provider's answer is not in the form that was agreed")
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Refusal;

    fn answer(status: u16, body: &Value) -> Answer {
        let status = StatusCode::from_u16(status).expect("a status");
        Answer { status, headers: HeaderMap::new(), body: body.to_string().into_bytes() }
    }

    #[test]
    fn tokens_are_read_and_their_times_bounded() {
        let said = json!({ "access_token": "a", "token_type": "DPoP", "expires_in": 1_000_000, "refresh_token": "r" });
        let tokens = read(&answer(200, &said)).expect("read");
        assert_eq!((tokens.access_token.expose(), tokens.ends(100)), ("a", 100 + LONGEST));
        assert_eq!(tokens.session_ends(100), None);
        let said = json!({ "access_token": "a", "token_type": "dpop", "refresh_token_expires_in": -5 });
        let tokens = read(&answer(200, &said)).expect("read");
        assert_eq!((tokens.ends(100), tokens.session_ends(100)), (160, Some(100)));
    }

    #[test]
    fn each_refusal_is_what_it_is() {
        let of = |status, body: Value| read(&answer(status, &body)).expect_err("refused");
        assert!(matches!(of(400, json!({ "error": "invalid_grant" })), Error::LoginRequired { .. }));
        let denied = of(400, json!({ "error": "invalid_request" }));
        assert!(matches!(denied, Error::Refused { reason: Refusal::LoginDenied { .. }, .. }));
        assert!(matches!(of(503, json!({})), Error::Network { .. }), "trouble at the provider ends no session");
        assert!(matches!(of(200, json!("nonsense")), Error::BadAnswer { .. }), "no network fault, and no retry");
        assert!(matches!(of(400, json!("nonsense")), Error::BadAnswer { .. }));
        let bearer = of(200, json!({ "access_token": "a", "token_type": "Bearer" }));
        assert!(matches!(bearer, Error::SignatureInvalid { .. }));
    }
}
