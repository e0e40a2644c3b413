//! What a provider says of a token: of its resident to the app that holds it, and of itself to those who take it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::parameters::Parameters;
use super::tokens::{bearer, profile, shown, subject};
use super::{ACCESS_LASTS, CLIENT_ID, issuer, known};
use crate::problem::Problem;
use crate::world::World;

/// Who may ask what a token stands for.
pub(crate) const GATEWAY: &str = "onecity-gateway";

/// Who the resident is, as far as the app may know (OpenID Connect Core 1.0 §5.3).
pub(super) async fn userinfo(
    State(world): State<Arc<World>>,
    Path(provider): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    known(&world, &provider)?;
    let (grant, _) = bearer(&world, &provider, &headers, method.as_str(), "/userinfo")?;
    if !grant.scopes.openid {
        return Err(Problem::lacks_scope("openid"));
    }
    let mut claims = json!({ "sub": subject(&world, grant.persona) });
    if grant.scopes.profile {
        profile(grant.persona, &mut claims);
    }
    Ok(Json(claims))
}

/// Whether a token counts, for the services behind the city's gateway (RFC 7662). Nothing is said of one that does not.
pub(super) async fn introspect(
    State(world): State<Arc<World>>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    request: Parameters,
) -> Result<Json<Value>, Problem> {
    known(&world, &provider)?;
    let (now, state) = (world.now(), world.lock_identity());
    let given = shown(&headers, "Basic").and_then(|own| STANDARD.decode(own).ok()).unwrap_or_default();
    let wanted = format!("{GATEWAY}:{}", state.gateway_secret);
    // Of their hashes, how long a comparison takes tells nothing.
    if digest(&SHA256, &given).as_ref() != digest(&SHA256, wanted.as_bytes()).as_ref() {
        return Err(Problem::unknown_client().with(header::WWW_AUTHENTICATE, "Basic realm=\"introspection\""));
    }
    let token = request.needed("token", "there is no token")?;
    let Some(own) = state.access.get(token, now).filter(|own| own.grant.provider == provider) else {
        return Ok(Json(json!({ "active": false })));
    };
    let mut said = json!({
        "active": true, "scope": own.grant.scopes.words(), "client_id": CLIENT_ID, "iss": issuer(&world, &provider),
        "sub": subject(&world, own.grant.persona), "iat": own.issued, "exp": own.issued + ACCESS_LASTS,
        "acr": own.grant.acr, "auth_time": own.grant.authenticated,
        "token_type": if own.grant.key.is_some() { "DPoP" } else { "Bearer" },
    });
    if let Some(key) = &own.grant.key {
        // RFC 9449 §6.2.
        said["cnf"] = json!({ "jkt": key });
    }
    Ok(Json(said))
}
