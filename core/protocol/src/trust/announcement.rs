//! What the one who runs a registry tells all of its residents: an outage, or that the app must be updated first.
//!
//! ```text
//!   targets: cn-sd/announcement.json
//!     { "outage": { "reason": { "zh": "系统升级", "en": "Maintenance" }, "until": 1796100000 },
//!       "update": { "platform": 2, "reason": { "zh": "…" } } }
//! ```
//!
//! Signed as the registry's other files are; what is no longer listed is over.

use serde::{Deserialize, Serialize};

use super::entry::check_reason;
use crate::credential::UnixTime;
use crate::json;
use crate::limits::ANNOUNCEMENT_BYTES;
use crate::names::Names;

/// What the one who runs a registry tells all of its residents.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Announcement {
    /// Its services do not work for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage: Option<Outage>,
    /// An app that is too old opens none of its services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateNeeded>,
}

/// Services that do not work for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Why, for residents to read.
    pub reason: Names,
    /// When they are expected back, in seconds since 1970; from then on nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixTime>,
}

/// Apps that must be updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateNeeded {
    /// The oldest version of the platform that goes on working.
    pub platform: u32,
    /// Why, for residents to read.
    pub reason: Names,
}

/// Why an announcement was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the announcement: {0}")]
pub struct AnnouncementError(String);

/// Latest end of an outage, in seconds since 1970: the year 3000.
const LATEST: UnixTime = 32_503_680_000;

impl Announcement {
    /// Reads the target `REGION/announcement.json`.
    pub fn parse(bytes: &[u8]) -> Result<Self, AnnouncementError> {
        if bytes.len() > ANNOUNCEMENT_BYTES {
            return Err(AnnouncementError("it has more than 64 KiB".to_owned()));
        }
        let value = json::parse(bytes).map_err(|error| AnnouncementError(error.to_string()))?;
        // An array would be taken for a record without names.
        if !value.is_object() {
            return Err(AnnouncementError("it is an object".to_owned()));
        }
        let read: Self = serde_json::from_value(value).map_err(|error| AnnouncementError(error.to_string()))?;
        let reasons = [read.outage.as_ref().map(|own| &own.reason), read.update.as_ref().map(|own| &own.reason)];
        for reason in reasons.into_iter().flatten() {
            check_reason(reason).map_err(|why| AnnouncementError(why.to_owned()))?;
        }
        match read.outage.as_ref().and_then(|own| own.until) {
            Some(until) if !(0..LATEST).contains(&until) => {
                Err(AnnouncementError("an outage ends in seconds since 1970, before the year 3000".to_owned()))
            }
            _ => Ok(read),
        }
    }

    /// The outage, unless it is over by this time.
    #[must_use]
    pub fn outage_at(&self, now: UnixTime) -> Option<&Outage> {
        self.outage.as_ref().filter(|outage| outage.until.is_none_or(|until| now < until))
    }

    /// Why an app of this version of the platform must be updated first, if it must.
    #[must_use]
    pub fn update_from(&self, platform: u32) -> Option<&UpdateNeeded> {
        self.update.as_ref().filter(|update| platform < update.platform)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: &Value) -> Result<Announcement, AnnouncementError> {
        Announcement::parse(value.to_string().as_bytes())
    }

    #[test]
    fn an_outage_is_over_at_its_second_and_one_without_an_end_goes_on() {
        let until = read(&json!({ "outage": { "reason": { "en": "Maintenance" }, "until": 1000 } })).expect("read");
        assert!(until.outage_at(999).is_some() && until.outage_at(1000).is_none());
        let open = read(&json!({ "outage": { "reason": { "en": "Flood" } }, "later": true })).expect("read");
        assert_eq!(open.outage_at(i64::MAX).map(|own| own.reason.best(&[])), Some("Flood"));
        assert_eq!(read(&json!({})), Ok(Announcement::default()));
    }

    #[test]
    fn only_an_app_that_is_older_must_be_updated() {
        let two = read(&json!({ "update": { "platform": 2, "reason": { "en": "New keys" } } })).expect("read");
        assert!(two.update_from(1).is_some() && two.update_from(2).is_none() && two.update_from(3).is_none());
    }

    #[test]
    fn what_residents_could_not_read_is_refused() {
        for wrong in [
            json!([]),
            json!({ "outage": {} }),
            json!({ "outage": { "reason": {} } }),
            json!({ "outage": { "reason": { "en": "" } } }),
            json!({ "outage": { "reason": { "en": "x".repeat(301) } } }),
            json!({ "outage": { "reason": { "en": "x" }, "until": -1 } }),
            json!({ "outage": { "reason": { "en": "x" }, "until": i64::MAX } }),
            json!({ "outage": { "reason": { "en": "x" }, "until": "tomorrow" } }),
            json!({ "update": { "platform": -1, "reason": { "en": "x" } } }),
            json!({ "update": { "platform": 2, "reason": {} } }),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
        assert!(Announcement::parse(b"{\"outage\":null,\"outage\":null}").is_err(), "a name twice");
        let padded = format!("{{\"more\":\"{}\"}}", "x".repeat(ANNOUNCEMENT_BYTES));
        assert!(Announcement::parse(padded.as_bytes()).is_err(), "too long");
    }
}
