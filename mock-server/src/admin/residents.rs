//! Personas with their sessions and tokens.

#![expect(unused_qualifications, reason = "the macro of the description writes whole paths")]

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Controls;
use super::access::{Asks, Refusals, Refused};
use crate::clock::write_seconds;
use crate::content::Persona;
use crate::world::World;

/// A session at a provider.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionView {
    /// Whose.
    pub persona: String,
    /// Where.
    pub provider: String,
    /// What the app called itself.
    pub device: String,
    /// Since when.
    #[serde(serialize_with = "write_seconds")]
    #[schema(value_type = String, format = DateTime)]
    pub created: i64,
    /// When it was used last.
    #[serde(serialize_with = "write_seconds")]
    #[schema(value_type = String, format = DateTime)]
    pub last_used: i64,
}

/// How much of it there was.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Count {
    /// So many.
    count: usize,
}

/// Whose.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Whose {
    /// The persona; without one, everybody's.
    #[serde(default)]
    persona: Option<String>,
}

impl Whose {
    fn persona(&self, world: &World) -> Result<Option<&str>, Refused> {
        match self.persona.as_deref() {
            Some(persona) if world.people().get(persona).is_none() => Err(Refused::unknown("there is no such persona")),
            own => Ok(own),
        }
    }
}

/// Whom one can log in as.
#[utoipa::path(get, path = "/worlds/{world}/personas", tag = "residents", operation_id = "list_personas",
    params(("world" = String, Path, description = "The world's name.")),
    responses((status = 200, description = "All of them. None of them exists.", body = Vec<Persona>), Refusals))]
pub(super) async fn personas(
    State(controls): State<Controls>,
    Path(world): Path<String>,
) -> Result<Json<Vec<Persona>>, Refused> {
    Ok(Json(controls.worlds.get(&world)?.people().iter().cloned().collect()))
}

/// The sessions at the identity providers.
#[utoipa::path(get, path = "/worlds/{world}/sessions", tag = "residents", operation_id = "list_sessions",
    params(("world" = String, Path, description = "The world's name."), Whose),
    responses((status = 200, description = "The sessions.", body = Vec<SessionView>), Refusals))]
pub(super) async fn sessions(
    State(controls): State<Controls>,
    Path(world): Path<String>,
    Asks(whose): Asks<Whose>,
) -> Result<Json<Vec<SessionView>>, Refused> {
    let world = controls.worlds.get(&world)?;
    let persona = whose.persona(&world)?;
    Ok(Json(world.lock_identity().sessions_of(persona, world.now())))
}

/// Ends sessions, as a provider does that was told of a theft.
#[utoipa::path(delete, path = "/worlds/{world}/sessions", tag = "residents", operation_id = "end_sessions",
    params(("world" = String, Path, description = "The world's name."), Whose),
    responses((status = 200, description = "How many have ended.", body = Count), Refusals))]
pub(super) async fn end_sessions(
    State(controls): State<Controls>,
    Path(world): Path<String>,
    Asks(whose): Asks<Whose>,
) -> Result<Json<Count>, Refused> {
    let world = controls.worlds.get(&world)?;
    let persona = whose.persona(&world)?;
    let count = world.end_sessions(persona);
    Ok(Json(Count { count }))
}

/// Lets access tokens expire now; sessions go on, and are refreshed.
#[utoipa::path(post, path = "/worlds/{world}/tokens/expire", tag = "residents", operation_id = "expire_tokens",
    params(("world" = String, Path, description = "The world's name."), Whose),
    responses((status = 200, description = "How many have expired.", body = Count), Refusals))]
pub(super) async fn expire_tokens(
    State(controls): State<Controls>,
    Path(world): Path<String>,
    Asks(whose): Asks<Whose>,
) -> Result<Json<Count>, Refused> {
    let world = controls.worlds.get(&world)?;
    let persona = whose.persona(&world)?;
    let count = world.expire_tokens(persona);
    Ok(Json(Count { count }))
}

/// The identity providers sign with a new key from now on, and list no other.
#[utoipa::path(post, path = "/worlds/{world}/providers/rotate-key", tag = "residents", operation_id = "rotate_provider_key",
    params(("world" = String, Path, description = "The world's name.")),
    responses((status = 204, description = "They do."), Refusals))]
pub(super) async fn rotate_key(
    State(controls): State<Controls>,
    Path(world): Path<String>,
) -> Result<StatusCode, Refused> {
    controls.worlds.get(&world)?.rotate_identity_key();
    Ok(StatusCode::NO_CONTENT)
}
