//! What is meant, and what is answered.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{StubView, context, headers_of};
use crate::faults::is_id;
use crate::journal::Redaction;
use crate::meant::{Pattern, Seen, Where, WhereError};
use crate::named::named;
use crate::problem::Problem;
use crate::world::World;

/// Longest body that a stub gives, in bytes.
const LONGEST_BODY: usize = 1 << 20;
/// Most headers of a reply.
const MOST_VALUES: usize = 32;
/// Longest of them with its name, and longest address, in bytes.
const LONGEST: usize = 4096;
/// How much a template may do.
const FUEL: u64 = 100_000;

/// Why a stub is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StubError {
    #[error("an id has 1 to 64 characters: small letters, digits and hyphens")]
    Id,
    #[error(transparent)]
    On(#[from] WhereError),
    #[error("a stub is for a path of a city's back end: it begins with /city/")]
    NotACity,
    #[error("a status is from 200 to 599")]
    Status,
    #[error("{0} is no header")]
    Header(String),
    #[error("a reply has at most 32 headers of 4,096 bytes, and a body of at most 1 MiB")]
    TooLong,
    #[error("a reply has a body or JSON, not both")]
    TwoBodies,
    #[error("the template: {0}")]
    Template(String),
    #[error("{0} is no address of a back end: it begins with http:// or https://")]
    Address(String),
    #[error("256 stubs are enough: take some away first")]
    TooMany,
}

/// An answer in the place of a city's back end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Stub {
    /// What it is called; one is given if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64, pattern = "^[a-z0-9][a-z0-9-]*$")]
    pub id: Option<String>,
    /// Which requests are meant; the path is a city's.
    #[serde(deserialize_with = "named")]
    pub on: Where,
    /// What they get.
    #[serde(deserialize_with = "named")]
    pub answer: Answer,
    /// How often it answers at most; then the next stub is asked, or the world itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// What a request gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// What is written here.
    #[schema(title = "Reply")]
    Reply {
        /// Its status.
        #[serde(default = "fine")]
        #[schema(minimum = 200, maximum = 599, default = 200)]
        status: u16,
        /// Its headers.
        #[serde(default, skip_serializing_if = "ReplyHeaders::is_empty")]
        headers: ReplyHeaders,
        /// Its body, as text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// Its body, as JSON.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        json: Option<Value>,
        /// Whether the body is a template (Jinja) that speaks of `request` and `world`.
        #[serde(default)]
        template: bool,
    },
    /// What a real back end answers.
    #[schema(title = "PassOn")]
    PassOn {
        /// Where it is; the request's path and query are put behind it.
        #[schema(example = "https://staging.jinan.example")]
        to: String,
        /// What is taken off the front of the path.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(example = "/city/cn-sd.jinan")]
        strip: Option<String>,
        /// Whether its answers are remembered, to be given again once this stub is taken away.
        #[serde(default)]
        record: bool,
    },
}

/// Headers by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct ReplyHeaders(pub BTreeMap<String, String>);

impl ReplyHeaders {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

const fn fine() -> u16 {
    200
}

/// A request as stubs see it.
pub(crate) struct Request<'r> {
    pub seen: Seen<'r>,
    /// Within its world, as it was written.
    pub path: &'r str,
    pub body: &'r Bytes,
}

impl Request<'_> {
    /// For templates.
    pub(super) fn described(&self) -> Value {
        let headers: BTreeMap<&str, &str> =
            self.seen.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
        let segments: Vec<&str> = self.path.split('/').filter(|part| !part.is_empty()).collect();
        json!({
            "method": self.seen.asked.method.as_str(), "path": self.path, "segments": segments, "query": self.seen.pairs(),
            "headers": headers, "persona": self.seen.persona, "json": self.seen.json(),
        })
    }

    /// What tells it from every other that a recording may be of.
    pub(super) fn exactly(&self) -> Exactly {
        let hash = digest(&SHA256, self.body);
        Exactly {
            method: self.seen.asked.method.to_string(),
            path: self.path.to_owned(),
            pairs: self.seen.pairs().clone(),
            persona: self.seen.persona.map(str::to_owned),
            body: hash.as_ref().try_into().expect("SHA-256 is 32 bytes"),
        }
    }
}

/// A request and no other: another's answer is nobody else's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exactly {
    method: String,
    path: String,
    pairs: BTreeMap<String, String>,
    persona: Option<String>,
    body: [u8; 32],
}

impl Stub {
    /// Words in the place of secrets, as requests and answers have them where they are told.
    pub(crate) fn hide(&mut self, words: &Redaction) {
        self.on.hide(words);
        match &mut self.answer {
            Answer::Reply { body, json, headers, .. } => {
                if let Some(json) = json {
                    words.json(json);
                }
                // A template is no JSON yet.
                if let Some(mut json) = body.as_deref().and_then(|text| serde_json::from_str(text).ok()) {
                    words.json(&mut json);
                    *body = Some(json.to_string());
                }
                for (name, value) in &mut headers.0 {
                    if let (Ok(name), Ok(own)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                        *value = words.header(&name, &own);
                    }
                }
            }
            Answer::PassOn { to, .. } => {
                if let Ok(mut url) = url::Url::parse(to) {
                    let hides = !url.username().is_empty() || url.password().is_some();
                    if hides && url.set_username("").is_ok() && url.set_password(None).is_ok() {
                        *to = url.to_string();
                    }
                }
            }
        }
    }
}

/// A request that was recorded, as far as a tester reads it.
pub(super) fn recorded(request: &Request<'_>) -> Where {
    Where {
        path: Some(globset::escape(&request.seen.asked.path)),
        methods: vec![request.seen.asked.method.to_string()],
        query: request.seen.pairs().clone(),
        persona: request.seen.persona.map(str::to_owned),
        ..Where::default()
    }
}

/// A stub as a state file has it.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredStub {
    stub: Stub,
    recorded: Option<Exactly>,
    is_of_a_file: bool,
}

/// Which requests a stub answers.
enum Aim {
    /// Those that are meant.
    Meant(Box<Pattern>),
    /// The one that it was recorded of.
    Recorded(Exactly),
}

/// A stub that is ready to be used.
pub(super) struct Ready {
    id: String,
    stub: Stub,
    on: Aim,
    template: Option<String>,
    answered: u32,
    is_of_a_file: bool,
}

impl Ready {
    pub(super) fn new(id: String, stub: Stub, recorded: Option<Exactly>) -> Result<Self, StubError> {
        let is_recorded = recorded.is_some();
        let holds = |holds: bool, error| if holds { Ok(()) } else { Err(error) };
        holds(is_id(&id), StubError::Id)?;
        let on = match recorded {
            Some(exactly) => Aim::Recorded(exactly),
            None => {
                let path = stub.on.path.as_deref();
                holds(path.is_some_and(|path| path.starts_with("/city/")), StubError::NotACity)?;
                Aim::Meant(Box::new(Pattern::new(&stub.on)?))
            }
        };
        let short = |all: &BTreeMap<String, String>| {
            all.len() <= MOST_VALUES && all.iter().all(|(name, value)| name.len() + value.len() <= LONGEST)
        };
        let mut template = None;
        match &stub.answer {
            Answer::Reply { status, headers, body, json, template: is_template } => {
                holds((200..=599).contains(status), StubError::Status)?;
                let headers = &headers.0;
                holds(short(headers), StubError::TooLong)?;
                if headers_of(headers.iter()).len() < headers.len() {
                    let wrong = headers.iter().find(|pair| headers_of(std::iter::once(*pair)).is_empty());
                    let name = wrong.map(|(name, _)| name.chars().take(64).collect()).unwrap_or_default();
                    return Err(StubError::Header(name));
                }
                holds(body.is_none() || json.is_none(), StubError::TwoBodies)?;
                let text = body.clone().or_else(|| json.as_ref().map(Value::to_string)).unwrap_or_default();
                holds(is_recorded || text.len() <= LONGEST_BODY, StubError::TooLong)?;
                if *is_template {
                    let parsed = environment().template_from_str(&text).map(drop);
                    parsed.map_err(|error| StubError::Template(error.to_string()))?;
                    template = Some(text);
                }
            }
            Answer::PassOn { to, .. } => {
                let url = url::Url::parse(to).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
                holds(url.is_some() && to.len() <= LONGEST, StubError::Address(to.chars().take(64).collect()))?;
            }
        }
        Ok(Self { id, on, stub, template, answered: 0, is_of_a_file: false })
    }

    /// One that a state file has.
    pub(super) fn restore(id: String, stored: StoredStub, answered: u32) -> Result<Self, StubError> {
        let StoredStub { stub, recorded, is_of_a_file } = stored;
        Ok(Self { answered, is_of_a_file, ..Self::new(id, stub, recorded)? })
    }

    /// As a state file has it.
    pub(super) fn stored(&self) -> StoredStub {
        StoredStub { stub: self.stub.clone(), recorded: self.recorded().cloned(), is_of_a_file: self.is_of_a_file }
    }

    /// Whether a file says the same of it.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.id == other.id && self.stub == other.stub && self.is_of_a_file == other.is_of_a_file
    }

    /// Counts on from where another has got to.
    pub(super) fn goes_on_from(&mut self, before: &Self) {
        self.answered = before.answered;
    }

    /// How often it has answered.
    pub(super) fn answered(&self) -> u32 {
        self.answered
    }

    /// The same as a file says it.
    pub(super) fn of_a_file(mut self) -> Self {
        self.is_of_a_file = true;
        self
    }

    pub(super) fn is_of_a_file(&self) -> bool {
        self.is_of_a_file
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The request that it was recorded of.
    pub(super) fn recorded(&self) -> Option<&Exactly> {
        match &self.on {
            Aim::Recorded(exactly) => Some(exactly),
            Aim::Meant(_) => None,
        }
    }

    pub(super) fn answer(&self) -> &Answer {
        &self.stub.answer
    }

    pub(super) fn weight(&self) -> usize {
        let body = match &self.stub.answer {
            Answer::Reply { body, .. } => body.as_ref().map_or(0, String::len),
            Answer::PassOn { .. } => 0,
        };
        let asked: usize = self.stub.on.json.values().map(|own| own.to_string().len()).sum();
        1024 + self.stub.on.path.as_ref().map_or(0, String::len) + body + asked
    }

    pub(super) fn view(&self) -> StubView {
        StubView {
            id: self.id.clone(),
            on: self.stub.on.clone(),
            answer: self.stub.answer.clone(),
            times: self.stub.times,
            answered: self.answered,
            recorded: self.recorded().is_some(),
        }
    }

    pub(super) fn is_for(&self, request: &Request<'_>) -> bool {
        match &self.on {
            Aim::Recorded(own) => {
                let method = request.seen.asked.method.as_str();
                let is_near = own.path == request.path && own.method == method && own.pairs == *request.seen.pairs();
                is_near && *own == request.exactly()
            }
            Aim::Meant(on) => self.stub.times.is_none_or(|times| self.answered < times) && on.is(&request.seen),
        }
    }

    pub(super) fn counts(&mut self) {
        self.answered = self.answered.saturating_add(1);
    }

    /// What it replies, to be given without anybody waiting for it.
    pub(super) fn reply(&self) -> Option<Reply> {
        let Answer::Reply { status, headers, body, json, .. } = &self.stub.answer else { return None };
        let text = body.clone().or_else(|| json.as_ref().map(Value::to_string)).unwrap_or_default();
        let mut all = headers_of(headers.0.iter());
        if json.is_some() && !all.contains_key(header::CONTENT_TYPE) {
            all.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::OK);
        Some(Reply { id: self.id.clone(), status, headers: all, text, template: self.template.clone() })
    }
}

/// What a stub replies.
pub(super) struct Reply {
    id: String,
    status: StatusCode,
    headers: HeaderMap,
    text: String,
    template: Option<String>,
}

impl Reply {
    pub(super) fn to(self, request: &Request<'_>, world: &World) -> Response {
        let text = match &self.template {
            Some(template) => match environment().render_str(template, Serde(context(request, world))) {
                Ok(text) => text,
                Err(error) => {
                    tracing::warn!(%error, stub = self.id, "a template failed");
                    return Problem::internal("the stub's template failed").into_response();
                }
            },
            None => self.text,
        };
        let mut response = Response::new(Body::from(text));
        (*response.status_mut(), *response.headers_mut()) = (self.status, self.headers);
        response
    }
}

/// Templates reach nothing but what they are given, and do so much and no more.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment
}
