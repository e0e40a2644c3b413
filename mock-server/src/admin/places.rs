//! Regions with what runs there, and the virtual phones.

#![expect(unused_qualifications, reason = "the macro of the description writes whole paths")]

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use onecity_protocol::names::Names;
use onecity_protocol::region::{RegionId, UnitId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Controls;
use super::access::{Asks, Refusals, Refused};
use crate::content::regions;
use crate::world::World;

/// A region, or a circle of cities.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlaceView {
    /// Its id.
    #[schema(example = "cn-sd/jinan")]
    id: String,
    /// Its names by language.
    names: BTreeMap<String, String>,
    /// How many regions lie right below it.
    children: usize,
    /// The services that it publishes.
    services: Vec<String>,
}

/// Below which region.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Below {
    /// Those right below this region; without it, the nations.
    #[serde(default)]
    below: Option<String>,
}

fn view(world: &World, unit: &UnitId, names: &Names, children: usize) -> PlaceView {
    let names = names.iter().map(|(tag, name)| (tag.to_owned(), name.to_owned()));
    let services = world.registry(|registry| registry.services_of(unit));
    PlaceView { id: unit.to_string(), names: names.collect(), children, services }
}

/// Regions with what they publish: the nations, or what lies right below a region, its circles of cities included.
#[utoipa::path(get, path = "/worlds/{world}/regions", tag = "state", operation_id = "list_regions",
    params(("world" = String, Path, description = "The world's name."), Below),
    responses((status = 200, description = "The regions.", body = Vec<PlaceView>), Refusals))]
pub(super) async fn regions(
    State(controls): State<Controls>,
    Path(world): Path<String>,
    Asks(asked): Asks<Below>,
) -> Result<Json<Vec<PlaceView>>, Refused> {
    let world = controls.worlds.get(&world)?;
    let tree = world.tree();
    let below: Vec<RegionId> = match asked.below {
        None => regions::nations().into(),
        Some(below) => {
            let below: RegionId = below.parse().map_err(|_| Refused::unknown("there is no such region"))?;
            tree.get(&below).ok_or_else(|| Refused::unknown("there is no such region"))?;
            let own: Vec<RegionId> = tree.children(&below).map(|region| region.id.clone()).collect();
            let circles = tree.circles().filter(|circle| *circle.id.region() == below);
            let mut views: Vec<PlaceView> = circles.map(|circle| view(&world, &circle.id, &circle.names, 0)).collect();
            views.extend(own.iter().filter_map(|id| place(&world, id)));
            return Ok(Json(views));
        }
    };
    Ok(Json(below.iter().filter_map(|id| place(&world, id)).collect()))
}

fn place(world: &World, id: &RegionId) -> Option<PlaceView> {
    let region = world.tree().get(id)?;
    let children = world.tree().children(id).count();
    Some(view(world, &id.clone().into(), &region.names, children))
}

/// A virtual phone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PhoneView {
    /// Its name, as in `/phone?name=NAME`.
    name: String,
    /// Whether a code is on its screen.
    shows_code: bool,
}

/// The virtual phones that pages are open for, or were.
#[utoipa::path(get, path = "/worlds/{world}/phones", tag = "state", operation_id = "list_phones",
    params(("world" = String, Path, description = "The world's name.")),
    responses((status = 200, description = "The phones.", body = Vec<PhoneView>), Refusals))]
pub(super) async fn phones(
    State(controls): State<Controls>,
    Path(world): Path<String>,
) -> Result<Json<Vec<PhoneView>>, Refused> {
    let world = controls.worlds.get(&world)?;
    let mut views = Vec::new();
    for name in controls.phones.names(&world) {
        let shows_code = controls.phones.shown_code(&world, &name).await.is_some();
        views.push(PhoneView { name, shows_code });
    }
    Ok(Json(views))
}
