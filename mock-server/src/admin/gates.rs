//! Gates: what they are like, and what they decide.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Controls;
use super::access::{Refusals, Refused, Said};
use crate::gates::{GateError, GateSettings, GateView, Passage, region_of};
use crate::picture;

/// Longest picture that a gate's camera takes, in bytes.
const LONGEST_PICTURE: usize = 4 << 20;

impl From<GateError> for Refused {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Unknown => Self::unknown(error.to_string()),
            other => Self::wrong(other.to_string()),
        }
    }
}

/// What is held to a gate: one of these.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Held {
    /// A code's text.
    Code(String),
    /// A picture of it: a PNG in base64, of at most 4 MiB.
    Picture(String),
    /// A virtual phone, by its name, with what is on its screen.
    Phone(String),
}

/// What a gate shows for phones to scan.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Challenge {
    /// The text of its code.
    text: String,
    /// The code as an SVG picture.
    svg: String,
}

/// The gates of a world with their logs.
#[utoipa::path(get, path = "/worlds/{world}/gates", tag = "gates", operation_id = "list_gates",
    params(("world" = String, Path, description = "The world's name.")),
    responses((status = 200, description = "The gates.", body = Vec<GateView>), Refusals))]
pub(super) async fn list(
    State(controls): State<Controls>,
    Path(world): Path<String>,
) -> Result<Json<Vec<GateView>>, Refused> {
    Ok(Json(controls.worlds.get(&world)?.gates.list()))
}

/// One gate with its log.
#[utoipa::path(get, path = "/worlds/{world}/gates/{gate}", tag = "gates", operation_id = "get_gate",
    params(("world" = String, Path, description = "The world's name."), ("gate" = String, Path, description = "The gate's name.")),
    responses((status = 200, description = "The gate.", body = GateView), Refusals))]
pub(super) async fn look(
    State(controls): State<Controls>,
    Path((world, gate)): Path<(String, String)>,
) -> Result<Json<GateView>, Refused> {
    let found = controls.worlds.get(&world)?.gates.list().into_iter().find(|own| own.name == gate);
    Ok(Json(found.ok_or(GateError::Unknown)?))
}

/// Puts a gate there. One that differs from another of its name in its network alone goes on with what it remembers.
#[utoipa::path(put, path = "/worlds/{world}/gates/{gate}", tag = "gates", operation_id = "put_gate",
    params(("world" = String, Path, description = "The world's name."), ("gate" = String, Path, description = "The gate's name.")),
    request_body = GateSettings,
    responses((status = 200, description = "It is there.", body = GateView), Refusals))]
pub(super) async fn put(
    State(controls): State<Controls>,
    Path((world, gate)): Path<(String, String)>,
    Said(settings): Said<GateSettings>,
) -> Result<Json<GateView>, Refused> {
    let world = controls.worlds.get(&world)?;
    let trust = region_of(&settings).ok().and_then(|region| world.trust_list(&region));
    Ok(Json(world.gates.put(&gate, settings, trust)?))
}

/// Takes a gate away.
#[utoipa::path(delete, path = "/worlds/{world}/gates/{gate}", tag = "gates", operation_id = "remove_gate",
    params(("world" = String, Path, description = "The world's name."), ("gate" = String, Path, description = "The gate's name.")),
    responses((status = 204, description = "It is gone."), Refusals))]
pub(super) async fn remove(
    State(controls): State<Controls>,
    Path((world, gate)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    controls.worlds.get(&world)?.gates.remove(&gate)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a gate fetch its trust list and status lists now, and not only after an hour.
#[utoipa::path(post, path = "/worlds/{world}/gates/{gate}/fetch", tag = "gates", operation_id = "fetch_lists",
    params(("world" = String, Path, description = "The world's name."), ("gate" = String, Path, description = "The gate's name.")),
    responses((status = 200, description = "What became of it.", body = GateView), Refusals))]
pub(super) async fn fetch(
    State(controls): State<Controls>,
    Path((world, gate)): Path<(String, String)>,
) -> Result<Json<GateView>, Refused> {
    Ok(Json(controls.worlds.get(&world)?.gates.fetch(&gate).await?))
}

/// The next challenge of a gate; the one before it counts for another 30 seconds.
#[utoipa::path(post, path = "/worlds/{world}/gates/{gate}/challenge", tag = "gates", operation_id = "challenge",
    params(("world" = String, Path, description = "The world's name."), ("gate" = String, Path, description = "The gate's name.")),
    responses((status = 200, description = "What it shows.", body = Challenge), Refusals))]
pub(super) async fn challenge(
    State(controls): State<Controls>,
    Path((world, gate)): Path<(String, String)>,
) -> Result<Json<Challenge>, Refused> {
    let text = controls.worlds.get(&world)?.gates.challenge(&gate)?;
    let svg = picture::svg(&text).map_err(|error| Refused::wrong(error.to_string()))?;
    Ok(Json(Challenge { text, svg }))
}

/// Holds something to a gate: a code's text, a picture of it, or a virtual phone.
#[utoipa::path(post, path = "/worlds/{world}/gates/{gate}/check", tag = "gates", operation_id = "check",
    params(("world" = String, Path, description = "The world's name."), ("gate" = String, Path, description = "The gate's name.")),
    request_body = Held,
    responses((status = 200, description = "What it decides.", body = Passage), Refusals))]
pub(super) async fn check(
    State(controls): State<Controls>,
    Path((world, gate)): Path<(String, String)>,
    Said(held): Said<Held>,
) -> Result<Json<Passage>, Refused> {
    let world = controls.worlds.get(&world)?;
    let code = match held {
        Held::Code(code) => code,
        Held::Phone(name) => controls
            .phones
            .shown_code(&world, &name)
            .await
            .ok_or_else(|| Refused::unknown("there is no such phone, or no code on its screen"))?,
        Held::Picture(picture) => {
            let bytes = STANDARD.decode(picture).map_err(|_| Refused::wrong("the picture is no base64"))?;
            if bytes.len() > LONGEST_PICTURE {
                return Err(Refused::wrong("the picture has more than 4 MiB"));
            }
            let read = tokio::task::spawn_blocking(move || picture::read(&bytes)).await;
            read.map_err(|error| Refused::wrong(error.to_string()))?
                .map_err(|error| Refused::wrong(error.to_string()))?
        }
    };
    Ok(Json(world.gates.check(&gate, &code).await?))
}
