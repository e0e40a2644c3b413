//! Which requests are meant: one pattern for faults, stubs and the journal.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use globset::{GlobBuilder, GlobMatcher};
use memchr::memmem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::form_urlencoded;
use utoipa::ToSchema;

use crate::exchange::Asked;
use crate::journal::{Redaction, redaction};

/// Longest text, in bytes.
const LONGEST: usize = 256;
/// Most methods.
const MOST_METHODS: usize = 8;
/// Most values of each kind, and the longest of them with its name, in bytes.
const MOST_VALUES: usize = 32;
const LONGEST_VALUE: usize = 4096;
/// How many bytes of a request are looked at for a text, and the longest body that is read as JSON: as much as the journal remembers.
const LOOKED_AT: usize = 64 << 10;

/// Why nothing can be meant by a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum WhereError {
    #[error("the path is no pattern: {0}")]
    Path(String),
    #[error("{0} is not a method")]
    Method(String),
    #[error("{0} is no header")]
    Header(String),
    #[error("{0} is no JSON Pointer (RFC 6901): it begins with a slash")]
    Pointer(String),
    #[error("a text has at most 256 bytes")]
    TooLong,
    #[error("8 methods and 32 values of 4,096 bytes of each kind are enough")]
    TooMany,
}

/// Which requests are meant: all that is said must be so; what is not said does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Where {
    /// Where it goes, as a pattern: `*` is anything but a slash, `**` anything, `{a,b}` one of several. Within its world,
    /// and decoded: `/city/*/海` and not `%E6%B5%B7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256, example = "/city/*/reports")]
    pub path: Option<String>,
    /// The methods; empty for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 8, example = json!(["POST"]))]
    pub methods: Vec<String>,
    /// Values that the query has.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// Headers that it has, by their names in any case.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What its JSON, of at most 64 KiB, has at a pointer (RFC 6901), for example `/category`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    pub json: BTreeMap<String, Value>,
    /// Text that its body holds in its first 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub body_contains: Option<String>,
    /// The persona whose request it is, as far as a token, or a form, tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The virtual phone that asks, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The unit whose back end, issuer, registry or gate is asked; what lies below it, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cn-sd/qingdao")]
    pub unit: Option<String>,
    /// The identity provider that is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

impl Where {
    /// At a path.
    pub fn path(pattern: &str) -> Self {
        Self { path: Some(pattern.to_owned()), ..Self::default() }
    }

    /// The same with one of these methods only.
    #[must_use]
    pub fn methods<const N: usize>(mut self, methods: [&str; N]) -> Self {
        self.methods = methods.map(str::to_owned).into();
        self
    }

    pub(crate) fn is_everywhere(&self) -> bool {
        *self == Self::default()
    }

    /// Words in the place of secrets, as requests and answers have them where they are told.
    pub(crate) fn hide(&mut self, words: &Redaction) {
        for (name, value) in &mut self.headers {
            if let (Ok(name), Ok(own)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                *value = words.header(&name, &own);
            }
        }
        for (name, value) in &mut self.query {
            if redaction::is_secret(name) {
                *value = words.word(value);
            }
        }
        if let Some(path) = &mut self.path {
            *path = words.path(path);
        }
        if let Some(text) = self.body_contains.as_mut().filter(|text| text.contains('=')) {
            *text = words.form(text);
        }
        for (at, value) in &mut self.json {
            match at.split('/').any(redaction::is_secret) {
                true => words.secret(value),
                false => words.json(value),
            }
        }
    }

    fn check(&self) -> Result<(), WhereError> {
        let holds = |holds: bool, error| if holds { Ok(()) } else { Err(error) };
        let told = |text: &str| text.chars().take(64).collect::<String>();
        for method in &self.methods {
            let is_method = method.len() <= 16 && method.parse::<Method>().is_ok();
            holds(is_method, WhereError::Method(method.chars().take(16).collect()))?;
        }
        for text in [&self.persona, &self.provider, &self.unit, &self.phone, &self.body_contains] {
            holds(text.as_ref().is_none_or(|text| text.len() <= LONGEST), WhereError::TooLong)?;
        }
        let few = |all: &BTreeMap<String, String>| {
            all.len() <= MOST_VALUES && all.iter().all(|(name, value)| name.len() + value.len() <= LONGEST_VALUE)
        };
        let values = self.json.len() <= MOST_VALUES && self.json.keys().all(|at| at.len() <= LONGEST_VALUE);
        let is_few = self.methods.len() <= MOST_METHODS && few(&self.query) && few(&self.headers) && values;
        holds(is_few, WhereError::TooMany)?;
        if let Some(wrong) = self.headers.keys().find(|name| name.parse::<HeaderName>().is_err()) {
            return Err(WhereError::Header(told(wrong)));
        }
        match self.json.keys().find(|at| !at.is_empty() && !at.starts_with('/')) {
            Some(wrong) => Err(WhereError::Pointer(told(wrong))),
            None => Ok(()),
        }
    }
}

/// A request as patterns see it.
pub(crate) struct Seen<'r> {
    pub asked: &'r Asked,
    pub headers: &'r HeaderMap,
    pub persona: Option<&'r str>,
    body: &'r [u8],
    /// The query's values, and the body as JSON, each read once, if at all.
    pairs: OnceLock<BTreeMap<String, String>>,
    json: OnceLock<Option<Value>>,
}

impl<'r> Seen<'r> {
    pub(crate) fn new(asked: &'r Asked, headers: &'r HeaderMap, persona: Option<&'r str>, body: &'r [u8]) -> Self {
        Self { asked, headers, persona, body, pairs: OnceLock::new(), json: OnceLock::new() }
    }

    /// The query's values by their names.
    pub(crate) fn pairs(&self) -> &BTreeMap<String, String> {
        self.pairs.get_or_init(|| form_urlencoded::parse(self.asked.query.as_bytes()).into_owned().collect())
    }

    /// The body, if it is JSON and not too long.
    pub(crate) fn json(&self) -> Option<&Value> {
        let read = || (self.body.len() <= LOOKED_AT).then(|| serde_json::from_slice(self.body).ok()).flatten();
        self.json.get_or_init(read).as_ref()
    }

    fn body_contains(&self, text: &str) -> bool {
        let looked_at = self.body.get(..LOOKED_AT).unwrap_or(self.body);
        memmem::find(looked_at, text.as_bytes()).is_some()
    }
}

/// A pattern that is ready to be used.
pub(crate) struct Pattern {
    on: Where,
    path: Option<GlobMatcher>,
}

impl Pattern {
    pub(crate) fn new(on: &Where) -> Result<Self, WhereError> {
        on.check()?;
        Ok(Self { path: on.path.as_deref().map(glob).transpose()?, on: on.clone() })
    }

    /// Whether a request is meant; what costs least is asked first.
    pub(crate) fn is(&self, seen: &Seen<'_>) -> bool {
        let Where { path: _, methods, query, headers, json, body_contains, persona, phone, unit, provider } = &self.on;
        let asked = seen.asked;
        let is = |own: &Option<String>, other: Option<&str>| own.as_deref().is_none_or(|own| other == Some(own));
        let header = |(name, value): (&String, &String)| {
            seen.headers.get_all(name.as_str()).iter().any(|own| own.as_bytes() == value.as_bytes())
        };
        (methods.is_empty() || methods.iter().any(|own| own.eq_ignore_ascii_case(asked.method.as_str())))
            && is(persona, seen.persona)
            && is(phone, asked.phone.as_deref())
            && self.path.as_ref().is_none_or(|path| path.is_match(&asked.path))
            && is(provider, asked.provider())
            && unit.as_deref().is_none_or(|own| asked.unit().is_some_and(|unit| lies_in(&unit, own)))
            && headers.iter().all(header)
            && query.iter().all(|(name, value)| seen.pairs().get(name) == Some(value))
            && body_contains.as_deref().is_none_or(|text| seen.body_contains(text))
            && json.iter().all(|(at, own)| seen.json().is_some_and(|body| body.pointer(at) == Some(own)))
    }
}

/// A pattern of paths.
fn glob(text: &str) -> Result<GlobMatcher, WhereError> {
    if text.len() > LONGEST {
        return Err(WhereError::Path("it has more than 256 bytes".to_owned()));
    }
    let glob = GlobBuilder::new(text).literal_separator(true).build();
    Ok(glob.map_err(|error| WhereError::Path(error.kind().to_string()))?.compile_matcher())
}

/// Whether a unit is another, or lies below it.
fn lies_in(unit: &str, above: &str) -> bool {
    unit.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    fn values<const N: usize>(pairs: [(&str, Value); N]) -> BTreeMap<String, Value> {
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }

    #[test]
    fn all_that_is_said_must_be_so_and_nothing_else_matters() {
        let asked =
            Asked::new(Method::POST, "/city/cn-sd.qingdao/reports", "page=2&place=%E6%B5%B7", Some("red".to_owned()));
        let mut headers = HeaderMap::new();
        headers.append("x-desk", HeaderValue::from_static("6"));
        headers.append("x-desk", HeaderValue::from_static("7"));
        let body = br#"{"category":"pothole","at":{"street":3}}"#;
        let seen = || Seen::new(&asked, &headers, Some("lan"), body);
        let everywhere = Where::default;
        let text = |text: &str| Some(text.to_owned());
        for (on, is_meant) in [
            (everywhere(), true),
            (Where::path("/city/*/reports"), true),
            (Where::path("/city/*"), false),
            (Where::path("/city/**"), true),
            (Where::path("/{idp,city}/*/{reports,other}"), true),
            (Where { unit: text("cn-sd"), ..everywhere() }, true),
            (Where { unit: text("cn-sd/qingdao"), ..everywhere() }, true),
            (Where { unit: text("cn-sd/qing"), ..everywhere() }, false),
            (everywhere().methods(["get", "post"]), true),
            (everywhere().methods(["GET"]), false),
            (Where { persona: text("lan"), ..everywhere() }, true),
            (Where { persona: text("minh"), ..everywhere() }, false),
            (Where { phone: text("red"), ..everywhere() }, true),
            (Where { phone: text("blue"), ..everywhere() }, false),
            (Where { provider: text("shandong"), ..everywhere() }, false),
            (Where { body_contains: text("pothole"), ..everywhere() }, true),
            (Where { body_contains: text("noise"), ..everywhere() }, false),
            (Where { query: texts([("page", "2"), ("place", "海")]), ..everywhere() }, true),
            (Where { query: texts([("page", "1")]), ..everywhere() }, false),
            (Where { headers: texts([("X-Desk", "7")]), ..everywhere() }, true),
            (Where { headers: texts([("x-desk", "8")]), ..everywhere() }, false),
            (Where { json: values([("/at/street", json!(3))]), ..everywhere() }, true),
            (
                Where { json: values([("", json!({ "category": "pothole", "at": { "street": 3 } }))]), ..everywhere() },
                true,
            ),
            (Where { json: values([("/category", json!("pothole")), ("/none", json!(null))]), ..everywhere() }, false),
            (Where { persona: text("lan"), phone: text("blue"), ..everywhere() }, false),
        ] {
            assert_eq!(Pattern::new(&on).expect("a pattern").is(&seen()), is_meant, "{on:?}");
        }
    }

    #[test]
    fn a_body_too_long_to_be_read_has_no_values() {
        let asked = Asked::new(Method::POST, "/city/vn-hn/reports", "", None);
        let headers = HeaderMap::new();
        let on = Where { json: values([("/category", json!("noise"))]), ..Where::default() };
        let of = |spaces: usize| format!("{}{}", r#"{"category":"noise"}"#, " ".repeat(spaces));
        let pattern = Pattern::new(&on).expect("a pattern");
        for (spaces, is_meant) in [(0, true), (LOOKED_AT - 20, true), (LOOKED_AT, false)] {
            assert_eq!(pattern.is(&Seen::new(&asked, &headers, None, of(spaces).as_bytes())), is_meant, "{spaces}");
        }
    }

    #[test]
    fn a_path_is_meant_however_it_was_written() {
        let headers = HeaderMap::new();
        for (written, pattern, is_meant) in [
            ("/city/vn-hn/%E6%B5%B7", "/city/*/海", true),
            ("/city/vn-hn/海", "/city/*/海", true),
            ("/city/vn-hn/%E6%B5%B7", "/city/*/%E6%B5%B7", false),
            ("/city/vn-hn/a%2Fb", "/city/*/a/b", true),
        ] {
            let asked = Asked::new(Method::GET, written, "", None);
            let own = Pattern::new(&Where::path(pattern)).expect("a pattern");
            assert_eq!(own.is(&Seen::new(&asked, &headers, None, b"")), is_meant, "{written} {pattern}");
        }
    }

    #[test]
    fn the_secrets_of_a_pattern_are_words_wherever_they_stand() {
        let words = Redaction::new(ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"a test's"));
        let mut on = Where {
            path: Some("/idp/shandong/sessions/very-secret".to_owned()),
            query: texts([("code", "very-secret"), ("page", "2")]),
            headers: texts([("authorization", "Bearer very-secret"), ("x-desk", "7")]),
            json: values([("/refresh_token", json!("very-secret")), ("/place", json!("the square"))]),
            body_contains: Some("refresh_token=very-secret".to_owned()),
            ..Where::default()
        };
        on.hide(&words);
        let told = serde_json::to_string(&on).expect("JSON");
        assert!(!told.contains("very-secret") && told.contains("/idp/shandong/sessions/"), "{told}");
        assert_eq!((on.query["page"].as_str(), on.headers["x-desk"].as_str()), ("2", "7"));
        assert_eq!(on.json["/place"], "the square");
        let mut plain = Where { body_contains: Some("refresh_token".to_owned()), ..Where::path("/city/**") };
        plain.hide(&words);
        assert_eq!((plain.body_contains.as_deref(), plain.path.as_deref()), (Some("refresh_token"), Some("/city/**")));
    }

    #[test]
    fn what_is_no_pattern_is_refused_by_name() {
        let refused = |on: Where| Pattern::new(&on).err().expect("it is no pattern");
        let everywhere = Where::default;
        let long = "x".repeat(257);
        assert!(matches!(refused(Where::path("/[a")), WhereError::Path(_)));
        assert!(matches!(refused(Where::path(&long)), WhereError::Path(_)));
        assert!(matches!(refused(everywhere().methods(["GE T"])), WhereError::Method(_)));
        assert_eq!(refused(everywhere().methods(["GET"; 9])), WhereError::TooMany);
        assert_eq!(refused(Where { persona: Some(long.clone()), ..everywhere() }), WhereError::TooLong);
        assert_eq!(refused(Where { phone: Some(long), ..everywhere() }), WhereError::TooLong);
        let header = Where { headers: texts([("x desk", "7")]), ..everywhere() };
        assert_eq!(refused(header), WhereError::Header("x desk".to_owned()));
        let pointer = Where { json: values([("category", json!(1))]), ..everywhere() };
        assert_eq!(refused(pointer), WhereError::Pointer("category".to_owned()));
        let many = (0..33).map(|at| (format!("/{at}"), json!(1))).collect();
        assert_eq!(refused(Where { json: many, ..everywhere() }), WhereError::TooMany);
        let value = "x".repeat(4096);
        assert_eq!(refused(Where { query: texts([("q", &value)]), ..everywhere() }), WhereError::TooMany);
    }
}
