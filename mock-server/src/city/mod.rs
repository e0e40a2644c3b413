//! The back ends of the mini-services: every unit has one, and it knows whose it is.
//!
//! ```text
//!   mod.rs          what there is to read
//!   hotline.rs      the number to call, and cases that only a code opens
//!   submissions.rs  what is handed in, with attachments (tus 1.0) and a timeline
//!   reports.rs      reports: the city's promise, its answers, the resident's rating, opening again
//!   office_hours.rs when an office works
//!   news.rs         what a city tells its residents
//!   payment.rs      the payment page, and receipts
//! ```

mod hotline;
mod news;
mod office_hours;
mod payment;
mod reports;
mod submissions;

use axum::extract::Path;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use onecity_protocol::region::UnitId;
use serde_json::{Value, json};
use submissions::Kind;

use crate::identity::{ServiceGrant, Strength, authenticate_service};
use crate::problem::Problem;
use crate::world::{In, World};

pub(crate) use payment::{PayRequest, paid};
pub(crate) use reports::media_type;
pub use reports::{CityAnswer, Unanswered};
pub(crate) use submissions::{Arrival, CityState, TakenView, hash_of};

pub(crate) fn routes() -> Router {
    let mut routes = Router::new()
        .route("/city/{unit}", get(about))
        .route("/city/{unit}/transit", get(transit))
        .route("/city/{unit}/coast", get(coast))
        .route("/city/{unit}/news", get(news::all))
        .route("/city/{unit}/promise", get(promise))
        .route("/city/{unit}/reports/{id}/answers/{entry}", get(submissions::to_see))
        .route("/city/{unit}/hotline", get(hotline::about))
        .route("/city/{unit}/hotline/cases/{number}", get(hotline::look).post(hotline::read))
        .route("/city/{unit}/hotline/cases/{number}/codes", post(hotline::renew))
        .route("/city/{unit}/me", get(me))
        .route("/city/{unit}/strong", get(strong))
        .route("/city/{unit}/pay", get(payment::page).post(payment::pay));
    for (word, kind) in Kind::ALL {
        let own = format!("/city/{{unit}}/{word}");
        let submit = post(submissions::submit);
        let read = if kind == Kind::Appointment { submit.get(appointments) } else { submit };
        routes = routes
            .route(&own, read)
            .route(&format!("{own}/{{id}}"), get(submissions::status))
            .route(&format!("{own}/{{id}}/attachments/{{attachment}}"), post(submissions::begin_upload))
            .route(
                &format!("{own}/{{id}}/uploads/{{attachment}}"),
                axum::routing::head(submissions::upload_offset).patch(submissions::go_on),
            );
    }
    routes
}

/// Whom a request comes from, if a service's token says so.
fn asked_by(world: &World, headers: &HeaderMap, method: &str, uri: &Uri) -> Result<Option<ServiceGrant>, Problem> {
    authenticate_service(world, headers, method, uri.path())
}

/// What the back end knows of the one who asks: a subject that means nothing elsewhere, and what was agreed to.
async fn me(In(world): In, Path(path): Path<String>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    unit(&world, &path)?;
    let grant = asked_by(&world, &headers, "GET", &uri)?.ok_or(Problem::unauthorized("nobody knows who asks"))?;
    let body = Json(json!({ "subject": grant.subject, "fields": grant.fields }));
    Ok(([(header::CACHE_CONTROL, "private, max-age=60")], body).into_response())
}

/// Something that only a strong login may see.
async fn strong(In(world): In, Path(path): Path<String>, uri: Uri, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    unit(&world, &path)?;
    let grant = asked_by(&world, &headers, "GET", &uri)?.ok_or(Problem::unauthorized("nobody knows who asks"))?;
    if grant.acr != Strength::Strong {
        return Err(Problem::wants_step_up(Strength::Strong.acr()));
    }
    Ok(Json(json!({ "subject": grant.subject })))
}

/// The unit of a path, if it exists in this world.
fn unit(world: &World, path: &str) -> Result<UnitId, Problem> {
    let known = |unit: &UnitId| {
        let circle = world.tree.circles().any(|circle| circle.id == *unit);
        let is_region = || !unit.is_office() && world.tree.get(unit.region()).is_some();
        circle || is_region() || world.has_own_unit(unit)
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

async fn about(In(world): In, Path(path): Path<String>) -> Answer {
    let unit = unit(&world, &path)?;
    Ok(Json(json!({ "city": named(&world, &unit) })))
}

/// By when the unit means to have done what, and its clock, by which that counts.
async fn promise(In(world): In, Path(path): Path<String>) -> Answer {
    let unit = unit(&world, &path)?;
    Ok(Json(json!({ "promise": reports::promise(&unit), "now": world.now() })))
}

async fn transit(In(world): In, Path(path): Path<String>) -> Answer {
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

async fn coast(In(world): In, Path(path): Path<String>) -> Answer {
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

async fn appointments(In(world): In, Path(path): Path<String>) -> Answer {
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
