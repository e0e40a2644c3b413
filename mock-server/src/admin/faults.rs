//! What goes wrong.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use clap::ValueEnum as _;
use serde::Serialize;
use utoipa::ToSchema;

use super::Controls;
use super::access::{Refusals, Refused, Said};
use crate::faults::{Preset, Rule, RunningRule};

/// A preset.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PresetView {
    /// Its name.
    #[schema(example = "flaky-metro")]
    name: String,
    /// What it does.
    about: String,
    /// What it is made of.
    rules: Vec<Rule>,
}

/// What can be asked for by name.
#[utoipa::path(get, path = "/presets", tag = "faults", operation_id = "list_presets",
    responses((status = 200, description = "All of them.", body = Vec<PresetView>), Refusals))]
pub(super) async fn presets() -> Json<Vec<PresetView>> {
    let all = Preset::value_variants().iter();
    Json(all.map(|own| PresetView { name: own.name(), about: own.about(), rules: own.rules() }).collect())
}

/// What goes wrong just now, and how often it did.
#[utoipa::path(get, path = "/worlds/{world}/faults", tag = "faults", operation_id = "list_faults",
    params(("world" = String, Path, description = "The world's name.")),
    responses((status = 200, description = "All of it.", body = Vec<RunningRule>), Refusals))]
pub(super) async fn list(
    State(controls): State<Controls>,
    Path(world): Path<String>,
) -> Result<Json<Vec<RunningRule>>, Refused> {
    Ok(Json(controls.worlds.get(&world)?.faults.list()))
}

/// Lets something go wrong from now on, in the place of what has the same id.
#[utoipa::path(post, path = "/worlds/{world}/faults", tag = "faults", operation_id = "begin_fault",
    params(("world" = String, Path, description = "The world's name.")), request_body = Rule,
    responses((status = 201, description = "It has begun.", body = RunningRule), Refusals))]
pub(super) async fn begin(
    State(controls): State<Controls>,
    Path(world): Path<String>,
    Said(rule): Said<Rule>,
) -> Result<(StatusCode, Json<RunningRule>), Refused> {
    let world = controls.worlds.get(&world)?;
    let id = world.faults.add(rule)?;
    let begun = world.faults.list().into_iter().find(|own| own.id == id);
    let begun = begun.ok_or_else(|| Refused::unknown("it was ended at once by somebody else"))?;
    Ok((StatusCode::CREATED, Json(begun)))
}

/// Nothing goes wrong any more.
#[utoipa::path(delete, path = "/worlds/{world}/faults", tag = "faults", operation_id = "end_all_faults",
    params(("world" = String, Path, description = "The world's name.")),
    responses((status = 204, description = "All has ended."), Refusals))]
pub(super) async fn end_all(
    State(controls): State<Controls>,
    Path(world): Path<String>,
) -> Result<StatusCode, Refused> {
    controls.worlds.get(&world)?.faults.end_all();
    Ok(StatusCode::NO_CONTENT)
}

/// One rule by its id.
#[utoipa::path(get, path = "/worlds/{world}/faults/{id}", tag = "faults", operation_id = "get_fault",
    params(("world" = String, Path, description = "The world's name."), ("id" = String, Path, description = "A rule's id.")),
    responses((status = 200, description = "The rule.", body = RunningRule), Refusals))]
pub(super) async fn look(
    State(controls): State<Controls>,
    Path((world, id)): Path<(String, String)>,
) -> Result<Json<RunningRule>, Refused> {
    let found = controls.worlds.get(&world)?.faults.list().into_iter().find(|own| own.id == id);
    found.map(Json).ok_or_else(|| Refused::unknown("nothing of this name goes wrong"))
}

/// Ends a rule by its id, or a preset by its name.
#[utoipa::path(delete, path = "/worlds/{world}/faults/{id}", tag = "faults", operation_id = "end_fault",
    params(("world" = String, Path, description = "The world's name."),
           ("id" = String, Path, description = "A rule's id or a preset's name.")),
    responses((status = 204, description = "It has ended."), Refusals))]
pub(super) async fn end(
    State(controls): State<Controls>,
    Path((world, id)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    match controls.worlds.get(&world)?.faults.end(&id) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Refused::unknown("nothing of this name goes wrong")),
    }
}

/// Lets what a preset is made of go wrong from now on.
#[utoipa::path(put, path = "/worlds/{world}/presets/{name}", tag = "faults", operation_id = "begin_preset",
    params(("world" = String, Path, description = "The world's name."),
           ("name" = Preset, Path, description = "The preset's name.")),
    responses((status = 200, description = "What goes wrong from now on.", body = Vec<RunningRule>), Refusals))]
pub(super) async fn begin_preset(
    State(controls): State<Controls>,
    Path((world, name)): Path<(String, String)>,
) -> Result<Json<Vec<RunningRule>>, Refused> {
    let world = controls.worlds.get(&world)?;
    let preset = Preset::from_str(&name, false).map_err(|_| Refused::unknown("there is no preset of this name"))?;
    world.faults.try_begin(preset)?;
    Ok(Json(world.faults.list()))
}

/// Ends what a preset is made of.
#[utoipa::path(delete, path = "/worlds/{world}/presets/{name}", tag = "faults", operation_id = "end_preset",
    params(("world" = String, Path, description = "The world's name."),
           ("name" = Preset, Path, description = "The preset's name.")),
    responses((status = 204, description = "It has ended."), Refusals))]
pub(super) async fn end_preset(state: State<Controls>, path: Path<(String, String)>) -> Result<StatusCode, Refused> {
    end(state, path).await
}
