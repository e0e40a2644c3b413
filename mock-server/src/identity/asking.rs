//! What a provider says of a token: of its resident to the app that holds it, and of itself to those who take it.

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderMap, Method, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::parameters::Parameters;
use super::tokens::{bearer, profile, shown, subject};
use super::{ACCESS_LASTS, CLIENT_ID, issuer, known};
use crate::problem::Problem;
use crate::world::In;

/// Who may ask what a token stands for.
pub(crate) const GATEWAY: &str = "onecity-gateway";

/// Who the resident is, as far as the app may know (OpenID Connect Core 1.0 §5.3).
pub(super) async fn userinfo(
    In(world): In,
    Path(provider): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    known(&provider)?;
    let (grant, _) = bearer(&world, &provider, &headers, method.as_str(), "/userinfo")?;
    if !grant.scopes.openid {
        return Err(Problem::lacks_scope("openid"));
    }
    let mut claims = json!({ "sub": subject(&world, &grant.persona) });
    if grant.scopes.profile {
        profile(&world, &grant.persona, &mut claims);
    }
    Ok(Json(claims))
}

/// A client's id and secret, as it shows them (RFC 6749 §2.3.1): each is encoded as in a form.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let pair = String::from_utf8(STANDARD.decode(shown(headers, "Basic")?).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decoded =
        |own: &str| form_urlencoded::parse(format!("={own}").as_bytes()).next().map(|(_, own)| own.into_owned());
    Some((decoded(id)?, decoded(secret)?))
}

/// Whether a token counts, for the services behind the city's gateway (RFC 7662). Nothing is said of one that does not.
pub(super) async fn introspect(
    In(world): In,
    Path(provider): Path<String>,
    headers: HeaderMap,
    request: Parameters,
) -> Result<Json<Value>, Problem> {
    known(&provider)?;
    let (now, state) = (world.now(), world.lock_identity());
    let wanted = (GATEWAY.to_owned(), state.gateway_secret.clone());
    // Of their hashes, how long a comparison takes tells nothing.
    let hash = |(id, secret): (String, String)| digest(&SHA256, format!("{id}:{secret}").as_bytes());
    let given = basic(&headers).map(hash);
    if given.is_none_or(|given| given.as_ref() != hash(wanted).as_ref()) {
        return Err(Problem::unknown_client().with(header::WWW_AUTHENTICATE, "Basic realm=\"introspection\""));
    }
    let token = request.needed("token", "there is no token")?;
    if let Some(own) = state.services.get(token, now).filter(|own| own.provider == provider) {
        return Ok(Json(json!({
            "active": true, "client_id": CLIENT_ID, "iss": issuer(&world, &provider), "sub": own.subject,
            "aud": own.resource, "scope": own.fields.keys().cloned().collect::<Vec<_>>().join(" "), "iat": own.issued,
            "exp": own.issued + ACCESS_LASTS, "acr": own.acr, "token_type": "DPoP", "cnf": { "jkt": own.key() },
        })));
    }
    let Some(own) = state.access.get(token, now).filter(|own| own.grant.provider == provider) else {
        return Ok(Json(json!({ "active": false })));
    };
    let mut said = json!({
        "active": true, "scope": own.grant.scopes.words(), "client_id": CLIENT_ID, "iss": issuer(&world, &provider),
        "sub": subject(&world, &own.grant.persona), "iat": own.issued, "exp": own.issued + ACCESS_LASTS,
        "acr": own.grant.acr, "auth_time": own.grant.authenticated,
        "token_type": if own.grant.key.is_some() { "DPoP" } else { "Bearer" },
    });
    if let Some(key) = &own.grant.key {
        // RFC 9449 §6.2.
        said["cnf"] = json!({ "jkt": key });
    }
    Ok(Json(said))
}
