//! Which mini-service: the unit that publishes it, and its id among that unit's.
//!
//! ```
//! use onecity_protocol::service::ServiceId;
//!
//! let id: ServiceId = "cn-sd/jinan/report".parse()?;
//! assert_eq!((id.unit.to_string().as_str(), id.app_id.as_str()), ("cn-sd/jinan", "report"));
//! assert_eq!(id.to_string(), "cn-sd/jinan/report");
//! # Ok::<(), onecity_protocol::service::ServiceIdError>(())
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::manifest::is_app_id;
use crate::region::{IdError, UnitId};

/// Why a text names no service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ServiceIdError {
    #[error("a service is named by its unit and its id, as in cn-sd/jinan/report")]
    Form,
    #[error("the service's unit: {0}")]
    Unit(#[from] IdError),
}

/// A service. No other unit can take it over: its origin, storage and consents go by both parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceId {
    /// The unit that publishes it.
    pub unit: UnitId,
    /// Its id among that unit's services.
    pub app_id: String,
}

impl ServiceId {
    /// A service of a unit.
    pub fn new(unit: UnitId, app_id: impl Into<String>) -> Self {
        Self { unit, app_id: app_id.into() }
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.unit, self.app_id)
    }
}

impl FromStr for ServiceId {
    type Err = ServiceIdError;

    fn from_str(text: &str) -> Result<Self, ServiceIdError> {
        let (unit, app_id) = text.rsplit_once('/').ok_or(ServiceIdError::Form)?;
        if !is_app_id(app_id) {
            return Err(ServiceIdError::Form);
        }
        Ok(Self::new(unit.parse()?, app_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_read_as_it_was_written() {
        for text in ["cn-sd/jinan/report", "vn-hn/pass", "cn-sd/~jiaodong/coast", "cn-sd/jinan/~transport/metro"] {
            assert_eq!(text.parse::<ServiceId>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_names_no_service_is_refused() {
        for text in
            ["", "report", "cn-sd/", "/report", "cn-sd/Jinan/report", "cn-sd/jinan/../report", "cn-sd/jinan/a b"]
        {
            assert!(text.parse::<ServiceId>().is_err(), "{text}");
        }
    }
}
