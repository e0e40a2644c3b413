//! Answers in the place of back ends.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::Controls;
use super::access::{Refusals, Refused, Said};
use crate::stubs::{Stub, StubError, StubView};

impl From<StubError> for Refused {
    fn from(error: StubError) -> Self {
        Self::wrong(error.to_string())
    }
}

/// The stubs in the order in which they are asked; what was recorded stands last.
#[utoipa::path(get, path = "/worlds/{world}/stubs", tag = "stubs", operation_id = "list_stubs",
    params(("world" = String, Path, description = "The world's name.")),
    responses((status = 200, description = "The stubs.", body = Vec<StubView>), Refusals))]
pub(super) async fn list(
    State(controls): State<Controls>,
    Path(world): Path<String>,
) -> Result<Json<Vec<StubView>>, Refused> {
    Ok(Json(controls.worlds.get(&world)?.stubs.list()))
}

/// Answers in the place of a city's back end from now on, before all other stubs.
#[utoipa::path(post, path = "/worlds/{world}/stubs", tag = "stubs", operation_id = "add_stub",
    params(("world" = String, Path, description = "The world's name.")), request_body = Stub,
    responses((status = 201, description = "It answers.", body = StubView), Refusals))]
pub(super) async fn add(
    State(controls): State<Controls>,
    Path(world): Path<String>,
    Said(stub): Said<Stub>,
) -> Result<(StatusCode, Json<StubView>), Refused> {
    let world = controls.worlds.get(&world)?;
    let id = world.stubs.add(stub)?;
    let added = world.stubs.list().into_iter().find(|own| own.id == id);
    let added = added.ok_or_else(|| Refused::unknown("it was taken away at once by somebody else"))?;
    Ok((StatusCode::CREATED, Json(added)))
}

/// Takes all stubs away, and what was recorded.
#[utoipa::path(delete, path = "/worlds/{world}/stubs", tag = "stubs", operation_id = "remove_all_stubs",
    params(("world" = String, Path, description = "The world's name.")),
    responses((status = 204, description = "There is none."), Refusals))]
pub(super) async fn clear(State(controls): State<Controls>, Path(world): Path<String>) -> Result<StatusCode, Refused> {
    controls.worlds.get(&world)?.stubs.clear();
    Ok(StatusCode::NO_CONTENT)
}

/// One stub by its id.
#[utoipa::path(get, path = "/worlds/{world}/stubs/{id}", tag = "stubs", operation_id = "get_stub",
    params(("world" = String, Path, description = "The world's name."), ("id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "The stub.", body = StubView), Refusals))]
pub(super) async fn look(
    State(controls): State<Controls>,
    Path((world, id)): Path<(String, String)>,
) -> Result<Json<StubView>, Refused> {
    let found = controls.worlds.get(&world)?.stubs.list().into_iter().find(|own| own.id == id);
    found.map(Json).ok_or_else(|| Refused::unknown("there is no stub of this id"))
}

/// Takes a stub away.
#[utoipa::path(delete, path = "/worlds/{world}/stubs/{id}", tag = "stubs", operation_id = "remove_stub",
    params(("world" = String, Path, description = "The world's name."), ("id" = String, Path, description = "Its id.")),
    responses((status = 204, description = "It is gone."), Refusals))]
pub(super) async fn remove(
    State(controls): State<Controls>,
    Path((world, id)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    match controls.worlds.get(&world)?.stubs.remove(&id) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Refused::unknown("there is no stub of this id")),
    }
}
