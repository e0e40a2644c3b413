//! Taking a service down at once, in all its versions: a file of the registry that the service's own unit lists, or one
//! above it. A unit that may delegate to another may also stop what that one offers, without its keys.
//!
//! ```text
//!   targets: cn-sd/jinan/report/takedown.json      the province takes Jinan's `report` down
//!     custom: { "reason": { "en": "…", "zh": "…" } }     for residents to read
//! ```

use serde_json::Value;

use super::entry::{ReleaseError, Withdrawn, check_reason};
use super::repository::Target;
use crate::region::UnitId;
use crate::service::ServiceId;

/// The file's name below its service's path.
const FILE: &str = "takedown.json";

/// A service that is offered to nobody, in no version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Takedown {
    /// Which.
    pub service: ServiceId,
    /// Why.
    pub withdrawn: Withdrawn,
}

impl Takedown {
    /// Whether a target's path is a takedown's.
    pub fn is_path(path: &str) -> bool {
        path.rsplit_once('/').is_some_and(|(_, file)| file == FILE)
    }

    /// The target path.
    pub fn path(service: &ServiceId) -> String {
        format!("{service}/{FILE}")
    }

    /// Reads a target that a unit's role lists: of its own service, or of one below it.
    pub fn from_target(by: &UnitId, target: &Target) -> Result<Self, ReleaseError> {
        let wrong_path = || ReleaseError::Path(target.path.clone());
        let service = target.path.strip_suffix(FILE).and_then(|path| path.strip_suffix('/')).ok_or_else(wrong_path)?;
        let service: ServiceId = service.parse().map_err(|_| wrong_path())?;
        let own = service.unit == *by || (!by.is_office() && by.region().covers(service.unit.region()));
        if !own {
            return Err(ReleaseError::Foreign { path: target.path.clone(), role: by.role() });
        }
        let wrong = |why: String| ReleaseError::Entry { path: target.path.clone(), why };
        let custom = target.custom.clone().unwrap_or(Value::Null);
        let withdrawn: Withdrawn = serde_json::from_value(custom).map_err(|error| wrong(error.to_string()))?;
        check_reason(&withdrawn.reason).map_err(|why| wrong(why.to_owned()))?;
        Ok(Self { service, withdrawn })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Names;
    use serde_json::json;

    fn target(path: &str, custom: Value) -> Target {
        Target { path: path.to_owned(), sha256: [0; 32], length: 2, custom: Some(custom) }
    }

    #[test]
    fn a_unit_takes_down_its_own_services_and_those_below_it_and_no_others() {
        let reason = json!({ "reason": { "en": "It sends data to a stranger" } });
        for (by, path, may) in [
            ("cn-sd/jinan", "cn-sd/jinan/report/takedown.json", true),
            ("cn-sd/jinan", "cn-sd/jinan/~transport/pass/takedown.json", true),
            ("cn-sd/jinan", "cn-sd/jinan/lixia/~parks/map/takedown.json", true),
            ("cn-sd", "cn-sd/jinan/report/takedown.json", true),
            ("cn-sd", "cn-sd/~jiaodong/coast/takedown.json", true),
            ("cn-sd/jinan/lixia", "cn-sd/jinan/report/takedown.json", false),
            ("cn-sd/jinan", "cn-sd/qingdao/report/takedown.json", false),
            ("cn-sd/jinan/~transport", "cn-sd/jinan/report/takedown.json", false),
            ("cn-sd/jinan/~transport", "cn-sd/jinan/~parks/map/takedown.json", false),
            ("cn-sd/~jiaodong", "cn-sd/qingdao/report/takedown.json", false),
            ("cn-sd", "cn-jn/nanjing/report/takedown.json", false),
            ("cn-sd/jinan", "cn-sd/jinan/takedown.json", false),
            ("cn-sd/jinan", "cn-sd/jinan/re port/takedown.json", false),
        ] {
            let read = Takedown::from_target(&by.parse().expect("a unit"), &target(path, reason.clone()));
            assert_eq!(read.is_ok(), may, "{by} {path} {read:?}");
        }
    }

    #[test]
    fn a_takedown_says_why_and_briefly() {
        let by = "cn-sd/jinan".parse().expect("a unit");
        let read = |custom| Takedown::from_target(&by, &target("cn-sd/jinan/report/takedown.json", custom));
        let good = read(json!({ "reason": { "vi": "Mất bản nháp" } })).expect("read");
        assert_eq!(good.withdrawn.reason, Names::new().with("vi", "Mất bản nháp"));
        assert_eq!(Takedown::path(&good.service), "cn-sd/jinan/report/takedown.json");
        for custom in [json!({}), json!({ "reason": {} }), json!({ "reason": { "en": "x".repeat(301) } }), json!(null)]
        {
            assert!(read(custom.clone()).is_err(), "{custom}");
        }
    }
}
