//! What has arrived and what was answered: the newest exchanges of a world, within a bounded room. Secrets are taken out when it is
//! read, each by a word that stands for the same secret everywhere.
//!
//! ```text
//!   redaction.rs   words in the place of secrets
//!   filter.rs      which exchanges are meant; whether enough of them were there
//!   har.rs         the same as other tools read it (HAR 1.2)
//! ```

mod filter;
mod har;
pub(crate) mod redaction;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use utoipa::ToSchema;

pub(crate) use filter::Sought;
pub use filter::{Expectation, Filter, Verdict};
pub use redaction::Redaction;
pub(crate) use redaction::is_word;

use crate::capsule::Moment;
use crate::clock::written;
use crate::exchange::Asked;
use crate::meant::{Seen, WhereError};

/// Most exchanges that are remembered, and most bytes of them.
const MOST: usize = 10_000;
const ROOM: usize = 64 << 20;
/// Longest body that is remembered, in bytes.
const LONGEST_BODY: usize = 64 << 10;
/// What an exchange weighs beside its bodies.
const OVERHEAD: usize = 2048;
/// How many exchanges somebody who watches may be behind.
const BEHIND: usize = 256;

/// A request or an answer as it came.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    headers: HeaderMap,
    /// How long the body was.
    bytes: usize,
    /// The body, if it is text and not too long.
    body: Option<Bytes>,
}

impl Message {
    pub(crate) fn new(headers: HeaderMap, body: &Bytes) -> Self {
        let kept = !body.is_empty() && body.len() <= LONGEST_BODY && is_text(&headers);
        Self { bytes: body.len(), body: kept.then(|| body.clone()), headers }
    }

    fn media_type(&self) -> &str {
        self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.body.as_deref()?).ok()
    }
}

fn is_text(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let plain = value.split(';').next().unwrap_or_default().trim();
    plain.starts_with("text/") || plain.ends_with("json") || plain == "application/x-www-form-urlencoded"
}

/// An exchange as it is remembered.
#[derive(Debug)]
pub(crate) struct Entry {
    /// From 1 on; it is given when it is written down.
    pub number: u64,
    /// When it came and what goes wrong with it was drawn, by the world's clock.
    pub arrived: Moment,
    /// When it was handled; none if nobody waited for it any more.
    pub handled: Option<Moment>,
    /// Its turn when it was over.
    pub ended: u64,
    /// Whether a real back end has answered.
    pub passed_on: bool,
    /// Whether it came to its end; otherwise nobody waited for it any more.
    pub is_over: bool,
    pub took: Duration,
    pub asked: Asked,
    /// None if the connection was reset in its place.
    pub status: Option<u16>,
    pub persona: Option<String>,
    /// The ids of the rules that have struck it.
    pub faults: Vec<String>,
    pub request: Message,
    pub response: Option<Message>,
}

impl Entry {
    /// As patterns see it.
    fn seen(&self) -> Seen<'_> {
        let body = self.request.body.as_deref().unwrap_or_default();
        Seen::new(&self.asked, &self.request.headers, self.persona.as_deref(), body)
    }

    fn weight(&self) -> usize {
        let message = |own: &Message| {
            let headers: usize = own.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
            headers + own.body.as_ref().map_or(0, Bytes::len)
        };
        let texts = self.asked.query.len() + self.asked.path.len() + self.asked.phone.as_ref().map_or(0, String::len);
        OVERHEAD + texts + message(&self.request) + self.response.as_ref().map_or(0, message)
    }
}

/// A header as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownHeader {
    /// Its name in small letters.
    pub name: String,
    /// Its value, without secrets.
    pub value: String,
}

/// A request or an answer as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownMessage {
    /// Its headers in their order.
    pub headers: Vec<ShownHeader>,
    /// How long its body was, in bytes.
    pub bytes: usize,
    /// The body without secrets, if it is text of at most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl ShownMessage {
    /// Its media type without parameters.
    pub(crate) fn media_type(&self) -> &str {
        let own = self.headers.iter().find(|own| own.name == "content-type");
        own.and_then(|own| own.value.split(';').next()).unwrap_or_default().trim()
    }
}

/// An exchange as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownExchange {
    /// The first of a world is 1.
    pub number: u64,
    /// When the request came, by the world's clock.
    #[schema(format = DateTime)]
    pub at: String,
    /// How long it took, in milliseconds of this machine.
    pub took_ms: u64,
    /// Its method.
    pub method: String,
    /// Where it went, within its world.
    pub path: String,
    /// Its query, without secrets.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// The answer's status; none if the connection was reset in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Whose request it was, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The virtual phone that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The unit that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The identity provider that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The ids of the rules that have struck it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// Whether a real back end has answered.
    #[serde(default, skip_serializing_if = "is_not")]
    pub passed_on: bool,
    /// What came.
    pub request: ShownMessage,
    /// What was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<ShownMessage>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_not(own: &bool) -> bool {
    !own
}

struct Kept {
    entries: VecDeque<Arc<Entry>>,
    weight: usize,
    /// How many were ever written down.
    count: u64,
}

/// The journal of a world.
pub struct Journal {
    kept: Mutex<Kept>,
    live: broadcast::Sender<Arc<Entry>>,
    redaction: Redaction,
}

impl Journal {
    pub(crate) fn new(redaction: Redaction) -> Self {
        let kept = Mutex::new(Kept { entries: VecDeque::new(), weight: 0, count: 0 });
        Self { kept, live: broadcast::Sender::new(BEHIND), redaction }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an exchange down; the oldest give way.
    pub(crate) fn write(&self, mut entry: Entry) {
        let mut kept = self.lock();
        kept.count += 1;
        entry.number = kept.count;
        kept.weight += entry.weight();
        let entry = Arc::new(entry);
        kept.entries.push_back(Arc::clone(&entry));
        while kept.entries.len() > MOST || kept.weight > ROOM {
            let Some(oldest) = kept.entries.pop_front() else { break };
            kept.weight -= oldest.weight();
        }
        drop(kept);
        let _ = self.live.send(entry);
    }

    /// Forgets everything; numbers go on.
    pub fn clear(&self) {
        let mut kept = self.lock();
        (kept.entries, kept.weight) = (VecDeque::new(), 0);
    }

    /// How many exchanges there have been.
    pub fn count(&self) -> u64 {
        self.lock().count
    }

    /// Those that are meant, the newest last: at most so many, the newest of them.
    pub(crate) fn sought(&self, sought: &Sought, most: usize) -> Vec<Arc<Entry>> {
        let mut found: Vec<Arc<Entry>> = {
            // Copied, so that nobody waits while they are looked at.
            let all: Vec<Arc<Entry>> = self.lock().entries.iter().rev().cloned().collect();
            all.into_iter().filter(|entry| sought.is(entry)).take(most).collect()
        };
        found.reverse();
        found
    }

    /// Those that are meant, as they are shown: at most so many, the newest of them.
    pub fn read(&self, filter: &Filter, most: usize) -> Result<Vec<ShownExchange>, WhereError> {
        let sought = Sought::new(filter)?;
        Ok(self.sought(&sought, most).iter().map(|entry| self.show(entry)).collect())
    }

    /// Whether what is expected has arrived.
    pub fn verify(&self, expectation: &Expectation) -> Result<Verdict, WhereError> {
        let sought = Sought::new(&expectation.filter())?;
        let numbers: Vec<u64> = self.sought(&sought, usize::MAX).iter().map(|entry| entry.number).collect();
        Ok(expectation.judge(numbers))
    }

    /// Those that are meant as an HTTP Archive.
    pub fn har(&self, filter: &Filter, most: usize, origin: &str) -> Result<serde_json::Value, WhereError> {
        let shown = self.read(filter, most)?;
        Ok(har::archive(&shown, origin))
    }

    /// What is written down from now on.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<Entry>> {
        self.live.subscribe()
    }

    /// An exchange without its secrets.
    pub(crate) fn show(&self, entry: &Entry) -> ShownExchange {
        self.show_with(&self.redaction, entry)
    }

    /// The same words, which are listened to.
    pub(crate) fn hearing(&self) -> Redaction {
        self.redaction.hearing()
    }

    /// All that is remembered, the oldest first, and how many there ever were.
    pub(crate) fn all(&self) -> (Vec<Arc<Entry>>, u64) {
        let kept = self.lock();
        (kept.entries.iter().cloned().collect(), kept.count)
    }

    /// The one that was written down last.
    pub(crate) fn newest(&self) -> Option<Arc<Entry>> {
        self.lock().entries.back().cloned()
    }

    /// An exchange with the words of somebody.
    pub(crate) fn show_with(&self, redaction: &Redaction, entry: &Entry) -> ShownExchange {
        let asked = &entry.asked;
        ShownExchange {
            number: entry.number,
            at: written(entry.arrived.at),
            took_ms: u64::try_from(entry.took.as_millis()).unwrap_or(u64::MAX),
            method: asked.method.to_string(),
            path: redaction.path(&asked.path),
            query: redaction.form(&asked.query),
            status: entry.status,
            persona: entry.persona.clone(),
            phone: asked.phone.clone(),
            unit: asked.unit(),
            provider: asked.provider().map(str::to_owned),
            faults: entry.faults.clone(),
            passed_on: entry.passed_on,
            request: show_message(redaction, &asked.path, &entry.request),
            response: entry.response.as_ref().map(|response| show_message(redaction, &asked.path, response)),
        }
    }
}

fn show_message(redaction: &Redaction, path: &str, message: &Message) -> ShownMessage {
    let headers = message
        .headers
        .iter()
        .map(|(name, value)| ShownHeader { name: name.to_string(), value: redaction.header(name, value) });
    let body = message.text().map(|text| redaction.body(path, message.media_type(), text));
    ShownMessage { headers: headers.collect(), bytes: message.bytes, body }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use ring::hmac;

    use super::*;

    pub(super) fn journal() -> Journal {
        Journal::new(Redaction::new(hmac::Key::new(hmac::HMAC_SHA256, b"a test's")))
    }

    pub(super) fn entry(method: Method, path: &str, body: &str, status: u16) -> Entry {
        let headers = |text: &str| HeaderMap::from_iter([(header::CONTENT_TYPE, text.parse().expect("a header"))]);
        let json = headers("application/json");
        Entry {
            number: 0,
            arrived: Moment { turn: 0, at: 1_800_000_000_000 },
            handled: None,
            ended: 0,
            passed_on: false,
            is_over: true,
            took: Duration::from_millis(7),
            asked: Asked::new(method, path, "", None),
            status: Some(status),
            persona: Some("lan".to_owned()),
            faults: Vec::new(),
            request: Message::new(json.clone(), &Bytes::copy_from_slice(body.as_bytes())),
            response: Some(Message::new(json, &Bytes::from_static(b"{}"))),
        }
    }

    #[test]
    fn strangers_never_make_it_remember_more_than_it_may() {
        let journal = journal();
        let long = format!("\"{}\"", "x".repeat(LONGEST_BODY - 2));
        for _ in 0..3000 {
            journal.write(entry(Method::POST, "/city/vn-hn/reports", &long, 201));
        }
        let kept = journal.lock();
        assert!(kept.weight <= ROOM && kept.entries.len() < 1100, "{} bytes", kept.weight);
        assert_eq!(kept.weight, kept.entries.iter().map(|own| own.weight()).sum::<usize>());
        assert_eq!((kept.count, kept.entries.back().map(|own| own.number)), (3000, Some(3000)), "the newest stay");
        drop(kept);
        for _ in 0..MOST + 5 {
            journal.write(entry(Method::GET, "/", "", 404));
        }
        assert_eq!(journal.lock().entries.len(), MOST);
        journal.clear();
        assert_eq!((journal.read(&Filter::default(), 10).expect("read").len(), journal.count()), (0, 13_005));
    }

    #[test]
    fn what_is_no_text_or_too_long_is_remembered_by_its_length_alone() {
        let image = HeaderMap::from_iter([(header::CONTENT_TYPE, "image/png".parse().expect("a header"))]);
        let message = Message::new(image, &Bytes::from_static(b"123"));
        assert_eq!((message.bytes, message.body), (3, None));
        let text = HeaderMap::from_iter([(header::CONTENT_TYPE, "text/html".parse().expect("a header"))]);
        let message = Message::new(text, &Bytes::from(vec![b'x'; LONGEST_BODY + 1]));
        assert_eq!((message.bytes, message.body), (LONGEST_BODY + 1, None));
    }
}
