//! What time it is in a world.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Controls;
use super::access::{Refusals, Refused, Said};
use crate::clock::{FASTEST, WorldClock, read_time, written};

/// What time it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClockView {
    /// The time (RFC 3339).
    #[schema(format = DateTime)]
    time: String,
    /// The same in milliseconds since 1970.
    milliseconds: i64,
    /// Seconds of the world for each of this machine's; 0 while it is frozen.
    speed: f64,
}

/// How a clock is changed: everything that is said happens at once, in this order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockChange {
    /// Goes by this machine's time again.
    #[serde(default)]
    follow_machine: bool,
    /// Is set to a time (RFC 3339).
    #[serde(default)]
    #[schema(format = DateTime)]
    time: Option<String>,
    /// Jumps by so many seconds; back, too.
    #[serde(default)]
    jump_seconds: Option<i64>,
    /// Goes at this speed from now on: 0 freezes it, 1 is this machine's, 36,000 the most.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 36_000)]
    speed: Option<f64>,
}

/// A time is none.
pub(super) fn no_time() -> Refused {
    Refused::wrong("this is no time as RFC 3339 writes it, for example 2027-01-31T08:00:00+08:00")
}

fn view(clock: &WorldClock) -> Json<ClockView> {
    let milliseconds = clock.milliseconds();
    Json(ClockView { time: written(milliseconds), milliseconds, speed: clock.speed() })
}

/// What time it is.
#[utoipa::path(get, path = "/worlds/{world}/clock", tag = "clock", operation_id = "get_clock",
    params(("world" = String, Path, description = "The world's name.")),
    responses((status = 200, description = "The time.", body = ClockView), Refusals))]
pub(super) async fn look(
    State(controls): State<Controls>,
    Path(world): Path<String>,
) -> Result<Json<ClockView>, Refused> {
    Ok(view(&controls.worlds.get(&world)?.clock))
}

/// Sets the clock, lets it jump, freezes it or lets it go at another speed.
#[utoipa::path(patch, path = "/worlds/{world}/clock", tag = "clock", operation_id = "change_clock",
    params(("world" = String, Path, description = "The world's name.")), request_body = ClockChange,
    responses((status = 200, description = "The time from now on.", body = ClockView), Refusals))]
pub(super) async fn change(
    State(controls): State<Controls>,
    Path(world): Path<String>,
    Said(change): Said<ClockChange>,
) -> Result<Json<ClockView>, Refused> {
    let world = controls.worlds.get(&world)?;
    let time = match &change.time {
        Some(text) => Some(read_time(text).ok_or_else(no_time)?),
        None => None,
    };
    if change.speed.is_some_and(|speed| !(0.0..=FASTEST).contains(&speed)) {
        return Err(Refused::wrong("a speed is from 0 to 36,000"));
    }
    let clock = &world.clock;
    if change.follow_machine {
        clock.follow_machine();
    }
    if let Some(time) = time {
        clock.set(time);
    }
    if let Some(seconds) = change.jump_seconds {
        clock.jump(seconds.saturating_mul(1000));
    }
    if let Some(speed) = change.speed {
        clock.run_at(speed);
    }
    Ok(view(clock))
}
