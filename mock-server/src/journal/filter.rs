//! Which exchanges are meant, and whether enough of them were there.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Entry;
use crate::meant::{Pattern, Where, WhereError};
use crate::named::named;

/// Which exchanges are meant. What is not said does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of which requests.
    pub on: Where,
    /// The answer's status.
    pub status: Option<u16>,
    /// The id of a rule that has struck it, or a preset's name.
    pub fault: Option<String>,
    /// Only those after this number.
    pub since: Option<u64>,
}

/// How many exchanges are expected.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expectation {
    /// Those of which requests; without it, of all. Of a body the journal remembers text, JSON and forms of at most 64 KiB.
    #[serde(deserialize_with = "named")]
    pub on: Where,
    /// The answer's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The id of a rule that has struck it, or a preset's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Only those after this number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// No fewer than this; without any number, one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
    /// No more than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
}

/// Whether what was expected has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Verdict {
    /// Whether it has.
    pub holds: bool,
    /// How many there were.
    pub count: u64,
    /// Their numbers in the journal, the first hundred.
    pub numbers: Vec<u64>,
}

impl Expectation {
    pub(super) fn filter(&self) -> Filter {
        let Self { on, status, fault, since, .. } = self.clone();
        Filter { on, status, fault, since }
    }

    pub(super) fn judge(&self, mut numbers: Vec<u64>) -> Verdict {
        let count = u64::try_from(numbers.len()).unwrap_or(u64::MAX);
        let least = self.at_least.unwrap_or(u64::from(self.at_most.is_none()));
        let holds = count >= least && self.at_most.is_none_or(|most| count <= most);
        numbers.truncate(100);
        Verdict { holds, count, numbers }
    }
}

/// A filter that is ready to be used.
pub(crate) struct Sought {
    on: Pattern,
    status: Option<u16>,
    fault: Option<String>,
    since: Option<u64>,
}

impl Sought {
    pub(crate) fn new(filter: &Filter) -> Result<Self, WhereError> {
        let Filter { on, status, fault, since } = filter;
        Ok(Self { on: Pattern::new(on)?, status: *status, fault: fault.clone(), since: *since })
    }

    pub(crate) fn is(&self, entry: &Entry) -> bool {
        self.since.is_none_or(|since| entry.number > since)
            && self.status.is_none_or(|status| entry.status == Some(status))
            && self.fault.as_deref().is_none_or(|fault| entry.faults.iter().any(|id| is_of(id, fault)))
            && self.on.is(&entry.seen())
    }
}

/// Whether a rule's id is this one, or one of the preset of this name.
fn is_of(id: &str, name: &str) -> bool {
    id.strip_prefix(name).is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix('-').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::http::Method;
    use serde_json::json;

    use super::super::tests::{entry, journal};
    use super::*;

    #[test]
    fn one_finds_what_has_arrived_and_how_often() {
        let journal = journal();
        for category in ["pothole", "noise", "pothole"] {
            let body = json!({ "category": category }).to_string();
            journal.write(entry(Method::POST, "/city/cn-sd.qingdao/reports", &body, 201));
        }
        journal.write(entry(Method::GET, "/city/cn-sd.qingdao/transit", "", 503));
        let count = |filter: Filter| journal.read(&filter, 100).expect("a filter").len();
        let of = |on: Where| Filter { on, ..Filter::default() };
        assert_eq!(count(Filter::default()), 4);
        assert_eq!(count(of(Where::default().methods(["post"]))), 3);
        assert_eq!(count(Filter { status: Some(503), ..Filter::default() }), 1);
        assert_eq!(count(Filter { since: Some(3), ..Filter::default() }), 1);
        assert_eq!(count(of(Where { unit: Some("cn-sd/qingdao".to_owned()), ..Where::default() })), 4);
        assert_eq!(count(of(Where { persona: Some("minh".to_owned()), ..Where::default() })), 0);
        assert_eq!(count(of(Where::path("/city/*/reports"))), 3);
        let potholes = BTreeMap::from([("/category".to_owned(), json!("pothole"))]);
        let expected = |at_least, at_most| Expectation {
            on: Where { json: potholes.clone(), ..Where::path("/city/*/reports") },
            at_least,
            at_most,
            ..Expectation::default()
        };
        for (at_least, at_most, holds) in [
            (Some(2), None, true),
            (Some(3), None, false),
            (None, Some(1), false),
            (None, None, true),
            (None, Some(2), true),
        ] {
            let verdict = journal.verify(&expected(at_least, at_most)).expect("a verdict");
            assert_eq!((verdict.holds, verdict.count, verdict.numbers), (holds, 2, vec![1, 3]));
        }
    }
}
