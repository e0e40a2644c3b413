//! Which exchanges are meant, and whether enough of them were there.

use std::collections::BTreeMap;

use axum::http::Method;
use globset::GlobMatcher;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Entry;
use crate::faults::{RuleError, lies_in, pattern};
use crate::named::named;

/// Most values of a body that are compared, and the longest name of one, in bytes.
const MOST_VALUES: usize = 16;

/// Why a filter is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum FilterError {
    #[error(transparent)]
    Path(#[from] RuleError),
    #[error("{0} is not a method")]
    Method(String),
    #[error("{0} is no JSON Pointer (RFC 6901): it begins with a slash")]
    Pointer(String),
    #[error("16 values are enough")]
    TooMany,
}

/// Which exchanges are meant. What is not said does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// The method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Where it went, as a pattern: `*` is anything but a slash, `**` anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The answer's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Whose request it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The virtual phone that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The unit that was asked; what lies below it, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The identity provider that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The id of a rule that has struck it, or a preset's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Text that the request's body holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<String>,
    /// Only those after this number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
}

/// How many exchanges are expected.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expectation {
    /// Which ones.
    #[serde(deserialize_with = "named")]
    pub exchanges: Filter,
    /// What the request's JSON has at a pointer (RFC 6901), for example `/category`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    pub json: BTreeMap<String, Value>,
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
    pub(super) fn judge(&self, mut numbers: Vec<u64>) -> Verdict {
        let count = u64::try_from(numbers.len()).unwrap_or(u64::MAX);
        let least = self.at_least.unwrap_or(u64::from(self.at_most.is_none()));
        let holds = count >= least && self.at_most.is_none_or(|most| count <= most);
        numbers.truncate(100);
        Verdict { holds, count, numbers }
    }
}

/// A filter that is ready to be used.
pub(crate) struct Sought<'f> {
    filter: &'f Filter,
    json: Option<&'f BTreeMap<String, Value>>,
    path: Option<GlobMatcher>,
}

impl<'f> Sought<'f> {
    pub(crate) fn new(filter: &'f Filter) -> Result<Self, FilterError> {
        if let Some(method) = &filter.method
            && (method.len() > 16 || method.parse::<Method>().is_err())
        {
            return Err(FilterError::Method(method.chars().take(16).collect()));
        }
        Ok(Self { path: filter.path.as_deref().map(pattern).transpose()?, filter, json: None })
    }

    /// The exchanges that an expectation is about.
    pub(crate) fn expected(expectation: &'f Expectation) -> Result<Self, FilterError> {
        if expectation.json.len() > MOST_VALUES {
            return Err(FilterError::TooMany);
        }
        if let Some(wrong) = expectation.json.keys().find(|own| !own.is_empty() && !own.starts_with('/')) {
            return Err(FilterError::Pointer(wrong.chars().take(64).collect()));
        }
        let json = Some(&expectation.json).filter(|json| !json.is_empty());
        Ok(Self { json, ..Self::new(&expectation.exchanges)? })
    }

    pub(crate) fn is(&self, entry: &Entry) -> bool {
        let Filter { method, status, persona, phone, unit, provider, fault, body_contains, since, .. } = self.filter;
        let asked = &entry.asked;
        let is = |own: &Option<String>, other: Option<&str>| own.as_deref().is_none_or(|own| other == Some(own));
        since.is_none_or(|since| entry.number > since)
            && status.is_none_or(|status| entry.status == Some(status))
            && method.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(asked.method.as_str()))
            && self.path.as_ref().is_none_or(|path| path.is_match(&asked.path))
            && is(persona, entry.persona.as_deref())
            && is(phone, asked.phone.as_deref())
            && is(provider, asked.provider())
            && unit.as_deref().is_none_or(|own| asked.unit().is_some_and(|unit| lies_in(&unit, own)))
            && fault.as_deref().is_none_or(|fault| entry.faults.iter().any(|id| is_of(id, fault)))
            && body_contains.as_deref().is_none_or(|text| entry.request.text().is_some_and(|own| own.contains(text)))
            && self.json.is_none_or(|json| has(entry, json))
    }
}

/// Whether a rule's id is this one, or one of the preset of this name.
fn is_of(id: &str, name: &str) -> bool {
    id.strip_prefix(name).is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix('-').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// Whether a request's JSON has these values at these places.
fn has(entry: &Entry, json: &BTreeMap<String, Value>) -> bool {
    let Some(body) = entry.request.text().and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return false;
    };
    json.iter().all(|(pointer, value)| body.pointer(pointer) == Some(value))
}

#[cfg(test)]
mod tests {
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
        assert_eq!(count(Filter::default()), 4);
        assert_eq!(count(Filter { method: Some("post".to_owned()), ..Filter::default() }), 3);
        assert_eq!(count(Filter { status: Some(503), ..Filter::default() }), 1);
        assert_eq!(count(Filter { since: Some(3), ..Filter::default() }), 1);
        assert_eq!(count(Filter { unit: Some("cn-sd/qingdao".to_owned()), ..Filter::default() }), 4);
        assert_eq!(count(Filter { persona: Some("minh".to_owned()), ..Filter::default() }), 0);
        assert_eq!(count(Filter { path: Some("/city/*/reports".to_owned()), ..Filter::default() }), 3);
        let expected = |at_least, at_most| Expectation {
            exchanges: Filter { path: Some("/city/*/reports".to_owned()), ..Filter::default() },
            json: BTreeMap::from([("/category".to_owned(), json!("pothole"))]),
            at_least,
            at_most,
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

    #[test]
    fn what_is_no_filter_is_refused_by_name() {
        let method = Filter { method: Some("GE T".to_owned()), ..Filter::default() };
        assert!(matches!(Sought::new(&method), Err(FilterError::Method(_))));
        let path = Filter { path: Some("/[".to_owned()), ..Filter::default() };
        assert!(matches!(Sought::new(&path), Err(FilterError::Path(_))));
        let of = |json: BTreeMap<String, Value>| Expectation { json, ..Expectation::default() };
        let wrong = of(BTreeMap::from([("category".to_owned(), json!(1))]));
        assert!(matches!(Sought::expected(&wrong), Err(FilterError::Pointer(_))));
        let many = of((0..17).map(|at| (format!("/{at}"), json!(1))).collect());
        assert!(matches!(Sought::expected(&many), Err(FilterError::TooMany)));
    }
}
