//! What has arrived and what was answered: read, watched, verified, exported.

#![expect(unused_qualifications, reason = "the macro of the description writes whole paths")]

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use utoipa::IntoParams;

use super::Controls;
use super::access::{Asks, Refusals, Refused, Said};
use crate::journal::{Entry, Expectation, Filter, ShownExchange, Sought, Verdict};
use crate::meant::Where;
use crate::world::World;

/// How many exchanges are read at once, unless another number is asked for, and at most.
const USUALLY: usize = 100;
const MOST: usize = 10_000;

/// Which exchanges are meant, and how many of them. What is not said does not matter.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// The method.
    method: Option<String>,
    /// Where it went, as a pattern: `*` is anything but a slash, `**` anything.
    path: Option<String>,
    /// The answer's status.
    status: Option<u16>,
    /// Whose request it was.
    persona: Option<String>,
    /// The virtual phone that it came from.
    phone: Option<String>,
    /// The unit that was asked; what lies below it, too.
    unit: Option<String>,
    /// The identity provider that was asked.
    provider: Option<String>,
    /// The id of a rule that has struck it, or a preset's name.
    fault: Option<String>,
    /// Text that the request's body holds.
    body_contains: Option<String>,
    /// Only those after this number.
    since: Option<u64>,
    /// The newest so many; 100 if nothing is said. Who watches gets all.
    #[param(minimum = 0, maximum = 10_000)]
    most: Option<usize>,
}

impl Query {
    fn parts(self) -> Result<(Filter, usize), Refused> {
        let Self { method, path, status, persona, phone, unit, provider, fault, body_contains, since, most } = self;
        let most = most.unwrap_or(USUALLY);
        if most > MOST {
            return Err(Refused::wrong("at most 10,000 at once"));
        }
        let methods = method.into_iter().collect();
        let on = Where { path, methods, persona, phone, unit, provider, body_contains, ..Where::default() };
        Ok((Filter { on, status, fault, since }, most))
    }
}

/// The newest exchanges that are meant, in their order.
#[utoipa::path(get, path = "/worlds/{world}/journal", tag = "journal", operation_id = "read_journal",
    params(("world" = String, Path, description = "The world's name."), Query),
    responses((status = 200, description = "The exchanges.", body = Vec<ShownExchange>), Refusals))]
pub(super) async fn read(
    State(controls): State<Controls>,
    Path(world): Path<String>,
    Asks(query): Asks<Query>,
) -> Result<Json<Vec<ShownExchange>>, Refused> {
    let (filter, most) = query.parts()?;
    Ok(Json(controls.worlds.get(&world)?.journal.read(&filter, most)?))
}

/// Forgets what has arrived.
#[utoipa::path(delete, path = "/worlds/{world}/journal", tag = "journal", operation_id = "clear_journal",
    params(("world" = String, Path, description = "The world's name.")),
    responses((status = 204, description = "It is empty."), Refusals))]
pub(super) async fn clear(State(controls): State<Controls>, Path(world): Path<String>) -> Result<StatusCode, Refused> {
    controls.worlds.get(&world)?.journal.clear();
    Ok(StatusCode::NO_CONTENT)
}

/// The exchanges that are meant as an HTTP Archive (HAR 1.2).
#[utoipa::path(get, path = "/worlds/{world}/journal/har", tag = "journal", operation_id = "export_har",
    params(("world" = String, Path, description = "The world's name."), Query),
    responses((status = 200, description = "The archive.", body = Object), Refusals))]
pub(super) async fn har(
    State(controls): State<Controls>,
    Path(world): Path<String>,
    Asks(query): Asks<Query>,
) -> Result<Json<Value>, Refused> {
    let (filter, most) = query.parts()?;
    let world = controls.worlds.get(&world)?;
    Ok(Json(world.journal.har(&filter, most, world.origin())?))
}

/// Whether what is expected has arrived: «at least 2 POST of reports at Qingdao, with the category pothole».
#[utoipa::path(post, path = "/worlds/{world}/journal/verify", tag = "journal", operation_id = "verify",
    params(("world" = String, Path, description = "The world's name.")), request_body = Expectation,
    responses((status = 200, description = "Whether it has, and how often.", body = Verdict), Refusals))]
pub(super) async fn verify(
    State(controls): State<Controls>,
    Path(world): Path<String>,
    Said(expectation): Said<Expectation>,
) -> Result<Json<Verdict>, Refused> {
    Ok(Json(controls.worlds.get(&world)?.journal.verify(&expectation)?))
}

/// What somebody watches.
struct Watch {
    world: Arc<World>,
    sought: Sought,
    entries: broadcast::Receiver<Arc<Entry>>,
    stopping: watch::Receiver<bool>,
    ended: watch::Receiver<bool>,
}

impl Watch {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            let entry = tokio::select! {
                entry = self.entries.recv() => entry,
                _ = self.stopping.wait_for(|stops| *stops) => return None,
                _ = self.ended.wait_for(|ended| *ended) => return None,
            };
            let event = match entry {
                Ok(entry) => {
                    if !self.sought.is(&entry) {
                        continue;
                    }
                    let shown = self.world.journal.show(&entry);
                    Event::default().event("exchange").id(shown.number.to_string()).json_data(&shown).ok()?
                }
                Err(RecvError::Lagged(count)) => Event::default().event("missed").data(count.to_string()),
                Err(RecvError::Closed) => return None,
            };
            return Some((Ok(event), self));
        }
    }
}

/// Each exchange that is meant as it happens, as server-sent events: `exchange` with its JSON, `missed` with how many one was too
/// slow for.
#[utoipa::path(get, path = "/worlds/{world}/journal/live", tag = "journal", operation_id = "watch_journal",
    params(("world" = String, Path, description = "The world's name."), Query),
    responses((status = 200, description = "The events.", body = String, content_type = "text/event-stream"), Refusals))]
pub(super) async fn live(
    State(controls): State<Controls>,
    Path(world): Path<String>,
    Asks(query): Asks<Query>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    let (filter, _) = query.parts()?;
    let sought = Sought::new(&filter)?;
    let world = controls.worlds.get(&world)?;
    let entries = world.journal.watch();
    let (stopping, ended) = (controls.stopping.clone(), world.ended());
    let watch = Watch { world, sought, entries, stopping, ended };
    Ok(Sse::new(stream::unfold(watch, Watch::next)).keep_alive(KeepAlive::default()))
}
