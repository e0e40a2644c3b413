//! Times as residents read them: how long ago within a day, then the date.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

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

/// The date of a second, where the resident is.
pub(crate) fn date(shared: &Shared, second: i64) -> String {
    let offset = Offset::from_seconds(shared.environment.offset_minutes.saturating_mul(60)).unwrap_or(Offset::UTC);
    let Ok(at) = Timestamp::from_second(second) else { return String::new() };
    let at = at.to_zoned(TimeZone::fixed(offset));
    let values =
        [("year", at.year().into()), ("month", i16::from(at.month()).into()), ("day", i16::from(at.day()).into())];
    // A year is no quantity: it has no separators.
    shared.messages.with("time-date", values)
}
