//! When an office works: a promise of eight working hours does not run at night. Monday to Friday, mornings and afternoons; holidays
//! are not known here.

use jiff::civil::{Weekday, time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan, Zoned};
use onecity_protocol::credential::UnixTime;

/// The hours of an office, on its city's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfficeHours {
    /// How far its clock is ahead of UTC, in hours: neither China nor Viet Nam changes it.
    pub ahead: i8,
    /// From when to when it works on a day, in minutes since midnight, in their order.
    pub spans: &'static [(i16, i16)],
}

impl OfficeHours {
    /// The moment by which so many hours have been worked since `from`.
    pub(super) fn after(self, from: UnixTime, hours: u8) -> UnixTime {
        let zone = TimeZone::fixed(Offset::constant(self.ahead));
        let Ok(start) = Timestamp::from_second(from) else { return from };
        let mut left = 3600 * i64::from(hours);
        let mut day = start.to_zoned(zone.clone());
        // Each working day takes hours off, so that a fortnight is far more than there can be.
        for _ in 0..14 {
            if !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
                for (opens, closes) in self.spans {
                    let Some(spans) = at(&day, *opens).zip(at(&day, *closes)) else { continue };
                    let begins = spans.0.max(from);
                    let worked = (spans.1 - begins).max(0);
                    if worked > 0 && worked >= left {
                        return begins + left;
                    }
                    left -= worked;
                }
            }
            let Ok(next) = day.date().saturating_add(1.day()).to_zoned(zone.clone()) else { return from };
            day = next;
        }
        from
    }
}

/// A minute of a day, in seconds since 1970.
fn at(day: &Zoned, minute: i16) -> Option<UnixTime> {
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    let at = day.date().to_datetime(time(hour, minute, 0, 0)).to_zoned(day.time_zone().clone()).ok()?;
    Some(at.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HA_NOI: OfficeHours = OfficeHours { ahead: 7, spans: &[(8 * 60, 12 * 60), (13 * 60 + 30, 17 * 60 + 30)] };

    fn seconds(text: &str) -> UnixTime {
        text.parse::<Timestamp>().expect("a time").as_second()
    }

    #[test]
    fn eight_hours_are_a_working_day_wherever_they_begin() {
        // 1 December 2026 is a Tuesday.
        for (from, hours, until) in [
            ("2026-12-01T08:00:00+07:00", 8, "2026-12-01T17:30:00+07:00"),
            ("2026-12-01T06:15:00+07:00", 8, "2026-12-01T17:30:00+07:00"),
            ("2026-12-01T11:00:00+07:00", 4, "2026-12-01T16:30:00+07:00"),
            ("2026-12-01T12:30:00+07:00", 4, "2026-12-01T17:30:00+07:00"),
            ("2026-12-01T15:00:00+07:00", 8, "2026-12-02T15:00:00+07:00"),
            ("2026-12-01T22:00:00+07:00", 8, "2026-12-02T17:30:00+07:00"),
            // Over a weekend.
            ("2026-12-04T16:30:00+07:00", 8, "2026-12-07T16:30:00+07:00"),
            ("2026-12-05T10:00:00+07:00", 4, "2026-12-07T12:00:00+07:00"),
            ("2026-12-06T23:59:59+07:00", 8, "2026-12-07T17:30:00+07:00"),
            // Over the end of a year.
            ("2026-12-31T17:00:00+07:00", 1, "2027-01-01T08:30:00+07:00"),
        ] {
            assert_eq!(HA_NOI.after(seconds(from), hours), seconds(until), "{hours} hours from {from}");
        }
    }

    #[test]
    fn a_moment_that_no_calendar_has_is_its_own_end() {
        assert_eq!(HA_NOI.after(i64::MAX, 8), i64::MAX);
        assert_eq!(HA_NOI.after(i64::MIN, 8), i64::MIN);
    }
}
