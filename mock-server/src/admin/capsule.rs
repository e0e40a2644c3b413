//! A bug in one file.

use axum::Json;
use axum::extract::{Path, State};

use super::Controls;
use super::access::{Refusals, Refused};
use crate::capsule::Capsule;

/// All that has happened in a world since it began, or was reset, in one file: what it was made of, every exchange, and what was done
/// to it, with words in the place of secrets. `mock-server replay FILE` lets the same happen again.
#[utoipa::path(get, path = "/worlds/{world}/capsule", tag = "journal", operation_id = "get_capsule",
    params(("world" = String, Path, description = "The world's name.")),
    responses((status = 200, description = "The file.", body = Capsule), Refusals))]
pub(super) async fn tell(
    State(controls): State<Controls>,
    Path(world): Path<String>,
) -> Result<Json<Capsule>, Refused> {
    let world = controls.worlds.get(&world)?;
    let told = tokio::task::spawn_blocking(move || world.capsule()).await;
    Ok(Json(told.map_err(|error| Refused::wrong(error.to_string()))?))
}
