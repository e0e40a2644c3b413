//! The back ends of the mini-services: every unit has one, and it knows whose it is.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use onecity_protocol::region::UnitId;
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::world::{Fault, World};

/// What the back ends remember: answers by unit and idempotency key.
#[derive(Default)]
pub struct CityState {
    answers: HashMap<(UnitId, String), Value>,
}

impl CityState {
    /// How many different submissions were taken.
    pub fn taken(&self) -> usize {
        self.answers.len()
    }
}

pub fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/city/{unit}", get(about))
        .route("/city/{unit}/transit", get(transit))
        .route("/city/{unit}/coast", get(coast))
        .route("/city/{unit}/hotline", get(hotline))
        .route("/city/{unit}/appointments", get(appointments).post(submit))
        .route("/city/{unit}/reports", axum::routing::post(submit))
}

/// The unit of a path, if it exists in this world.
fn unit(world: &World, path: &str) -> Result<UnitId, Problem> {
    let known = |unit: &UnitId| {
        let circle = world.tree.circles().any(|circle| circle.id == *unit);
        circle || (!unit.is_office() && world.tree.get(unit.region()).is_some())
    };
    let unit = path.replace('.', "/").parse().ok().filter(known);
    unit.ok_or_else(Problem::not_found)
}

/// Whose back end this is.
fn named(world: &World, unit: &UnitId) -> Value {
    let name = |language: &str| world.tree.unit_name(unit, &[language.to_owned()]);
    json!({ "id": unit, "name": { "zh": name("zh"), "vi": name("vi"), "en": name("en") } })
}

type Answer = Result<Json<Value>, Problem>;

async fn about(State(world): State<Arc<World>>, Path(path): Path<String>) -> Answer {
    let unit = unit(&world, &path)?;
    Ok(Json(json!({ "city": named(&world, &unit) })))
}

async fn transit(State(world): State<Arc<World>>, Path(path): Path<String>) -> Answer {
    let unit = unit(&world, &path)?;
    let places = districts(&world, &unit);
    let lines: Vec<Value> = places
        .windows(2)
        .enumerate()
        .map(|(at, ends)| json!({ "name": (at + 1).to_string(), "from": ends[0], "to": ends[1] }))
        .take(6)
        .collect();
    Ok(Json(json!({ "city": named(&world, &unit), "lines": lines })))
}

async fn coast(State(world): State<Arc<World>>, Path(path): Path<String>) -> Answer {
    let unit = unit(&world, &path)?;
    let flags = ["green", "green", "yellow", "green", "red"];
    let circle = world.tree.circles().find(|circle| circle.id == unit);
    let members = circle.map(|circle| circle.members.as_slice()).unwrap_or_default();
    let beaches: Vec<Value> = members
        .iter()
        .zip(flags)
        .enumerate()
        .filter_map(|(at, (member, flag))| {
            let name = world.tree.get(member)?.names.best(&["zh".to_owned()]);
            Some(json!({ "name": name, "flag": flag, "water": 14 + at, "note": "" }))
        })
        .collect();
    Ok(Json(json!({ "city": named(&world, &unit), "beaches": beaches })))
}

async fn hotline(State(world): State<Arc<World>>, Path(path): Path<String>) -> Answer {
    let unit = unit(&world, &path)?;
    let topics = [
        ("heating", "供暖报修", "先看小区总阀是否开启；仍不热，请拨打热线报修，一般 24 小时内上门。"),
        ("water", "停水查询", "计划停水会提前一天通知；没有通知的停水请拨打热线。"),
        ("residence", "居住证办理", "带身份证和租房合同到任一便民服务中心，或在线预约。"),
        ("noise", "夜间施工噪声", "22 点到次日 6 点的施工噪声可随时举报，请写明地点和时间。"),
    ];
    let topics: Vec<Value> =
        topics.iter().map(|(id, title, answer)| json!({ "id": id, "title": title, "answer": answer })).collect();
    let phone = world.tree.hotline(unit.region()).unwrap_or("");
    Ok(Json(json!({ "city": named(&world, &unit), "phone": phone, "topics": topics })))
}

async fn appointments(State(world): State<Arc<World>>, Path(path): Path<String>) -> Answer {
    let unit = unit(&world, &path)?;
    let tomorrow = world.now() / 86_400 + 1;
    let slots: Vec<String> = (0..3)
        .flat_map(|day| [9, 10, 14].map(|hour| (tomorrow + day, hour)))
        .filter_map(|(day, hour)| {
            let at = jiff::Timestamp::from_second(day * 86_400 + hour * 3600).ok()?;
            Some(at.strftime("%Y-%m-%dT%H:%M").to_string())
        })
        .collect();
    let offices: Vec<Value> = districts(&world, &unit)
        .into_iter()
        .take(4)
        .enumerate()
        .map(|(at, name)| json!({ "id": format!("office-{at}"), "name": name, "slots": slots }))
        .collect();
    Ok(Json(json!({ "city": named(&world, &unit), "offices": offices })))
}

/// The names of what lies below a unit, in its own language.
fn districts(world: &World, unit: &UnitId) -> Vec<String> {
    let own = ["zh".to_owned(), "vi".to_owned()];
    world.tree.children(unit.region()).map(|region| region.names.best(&own).to_owned()).collect()
}

/// Takes a submission once: the same key gets the same answer, however often it is sent.
async fn submit(
    State(world): State<Arc<World>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response, Problem> {
    let unit = unit(&world, &path)?;
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if key.is_empty() {
        return Err(Problem::incomplete("it has no idempotency key"));
    }
    if body.as_object().is_none_or(|fields| fields.is_empty()) {
        return Err(Problem::incomplete("it is empty"));
    }
    let answer = {
        let mut cities = world.lock_cities();
        let entry = cities.answers.entry((unit.clone(), key.to_owned()));
        let make = || json!({ "id": world.next_id("submission"), "city": named(&world, &unit), "received": body });
        entry.or_insert_with(make).clone()
    };
    if world.faults.end(Fault::LoseReply) {
        return Err(Problem::timed_out());
    }
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}
