//! Times as residents read them: how long ago within a day, then the date.

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use crate::shared::Shared;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How long ago a second was, or its date if that is more than a day.
pub(crate) fn ago(shared: &Shared, second: i64) -> String {
    let passed = shared.now() - second;
    let with = |id: &str, count: i64| shared.messages.with(id, [("count", count.into())]);
    match passed {
        ..0 => date(shared, second),
        0..MINUTE => shared.say("time-now"),
        MINUTE..HOUR => with("time-minutes", passed / MINUTE),
        HOUR..DAY => with("time-hours", passed / HOUR),
        _ => date(shared, second),
    }
}

/// A second with its hour and minute, where the resident is; with its date unless that is today's.
pub(crate) fn moment(shared: &Shared, second: i64) -> String {
    let Some((at, now)) = zoned(shared, second).zip(zoned(shared, shared.now())) else { return String::new() };
    let clock = format!("{:02}:{:02}", at.hour(), at.minute());
    if at.date() == now.date() {
        return clock;
    }
    shared.messages.with("time-moment", [("date", date(shared, second).into()), ("clock", clock.into())])
}

fn zoned(shared: &Shared, second: i64) -> Option<Zoned> {
    let offset = Offset::from_seconds(shared.environment.offset_minutes.saturating_mul(60)).unwrap_or(Offset::UTC);
    Some(Timestamp::from_second(second).ok()?.to_zoned(TimeZone::fixed(offset)))
}

/// The date of a second, where the resident is.
pub(crate) fn date(shared: &Shared, second: i64) -> String {
    let Some(at) = zoned(shared, second) else { return String::new() };
    let values =
        [("year", at.year().into()), ("month", i16::from(at.month()).into()), ("day", i16::from(at.day()).into())];
    // A year is no quantity: it has no separators.
    shared.messages.with("time-date", values)
}
