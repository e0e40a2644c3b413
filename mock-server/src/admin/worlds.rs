//! Worlds: one more, one less, as it was at first.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Controls;
use super::access::{Refusals, Refused, Said};
use crate::clock::written;
use crate::content::Additions;
use crate::world::World;

/// A world.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorldView {
    /// Its name.
    #[schema(example = "default")]
    name: String,
    /// Where it is.
    #[schema(example = "http://127.0.0.1:8787/w/mine")]
    origin: String,
    /// What decides its ids and lots.
    seed: u64,
    /// What time it is there.
    #[schema(format = DateTime)]
    time: String,
    /// How many rules are in force.
    faults: usize,
    /// How many exchanges there have been.
    exchanges: u64,
}

impl WorldView {
    fn of(world: &World) -> Self {
        Self {
            name: world.name().to_owned(),
            origin: world.origin().to_owned(),
            seed: world.seed(),
            time: written(world.clock.milliseconds()),
            faults: world.faults.list().len(),
            exchanges: world.journal.count(),
        }
    }
}

/// A world that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WorldWanted {
    /// Its name; one is given if there is none.
    #[serde(default)]
    #[schema(max_length = 64, pattern = "^[a-z0-9][a-z0-9-]*$")]
    name: Option<String>,
    /// Decides its ids and lots; without one, 1.
    #[serde(default)]
    seed: Option<u64>,
}

/// All worlds of this server.
#[utoipa::path(get, path = "/worlds", tag = "worlds", operation_id = "list_worlds",
    responses((status = 200, description = "All of them, the first before the others.", body = Vec<WorldView>), Refusals))]
pub(super) async fn list(State(controls): State<Controls>) -> Json<Vec<WorldView>> {
    Json(controls.worlds.all().iter().map(|world| WorldView::of(world)).collect())
}

/// One more world, with everything of its own.
#[utoipa::path(post, path = "/worlds", tag = "worlds", operation_id = "add_world", request_body = WorldWanted,
    responses((status = 201, description = "It is there.", body = WorldView), Refusals))]
pub(super) async fn add(
    State(controls): State<Controls>,
    Said(wanted): Said<WorldWanted>,
) -> Result<(StatusCode, Json<WorldView>), Refused> {
    let name = wanted.name.unwrap_or_else(|| {
        let text = crate::identity::random_text().to_lowercase();
        format!("world-{}", text.chars().filter(char::is_ascii_alphanumeric).take(12).collect::<String>())
    });
    controls.worlds.first().is_well().await?;
    let world = controls.worlds.add(&name, wanted.seed.unwrap_or(1), &Additions::default())?;
    world.settle().await?;
    Ok((StatusCode::CREATED, Json(WorldView::of(&world))))
}

/// One world.
#[utoipa::path(get, path = "/worlds/{world}", tag = "worlds", operation_id = "get_world",
    params(("world" = String, Path, description = "Its name.")),
    responses((status = 200, description = "The world.", body = WorldView), Refusals))]
pub(super) async fn look(
    State(controls): State<Controls>,
    Path(world): Path<String>,
) -> Result<Json<WorldView>, Refused> {
    Ok(Json(WorldView::of(&*controls.worlds.get(&world)?)))
}

/// Ends a world with all that is in it.
#[utoipa::path(delete, path = "/worlds/{world}", tag = "worlds", operation_id = "remove_world",
    params(("world" = String, Path, description = "Its name.")),
    responses((status = 204, description = "It has ended."), Refusals))]
pub(super) async fn remove(State(controls): State<Controls>, Path(world): Path<String>) -> Result<StatusCode, Refused> {
    let removed = controls.worlds.remove(&world)?;
    controls.phones.forget(&removed);
    removed.settle().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A world as it was at first, with the same keys and anchors, so that phones go on: without sessions, submissions and passes, with
/// the services and lists that it began with, nothing going wrong, by this machine's time.
#[utoipa::path(post, path = "/worlds/{world}/reset", tag = "worlds", operation_id = "reset_world",
    params(("world" = String, Path, description = "Its name.")),
    responses((status = 204, description = "It is as it was at first."), Refusals))]
pub(super) async fn reset(State(controls): State<Controls>, Path(world): Path<String>) -> Result<StatusCode, Refused> {
    controls.worlds.get(&world)?.reset()?;
    Ok(StatusCode::NO_CONTENT)
}
