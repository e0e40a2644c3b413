//! Answers in the place of a city's back end: as a tester writes them, as a real back end gives them, or as it gave them before.
//!
//! ```text
//!   stub.rs      what is meant, and what is answered
//!   passing.rs   a request that is passed on to a real back end
//! ```

mod passing;
mod stub;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

pub use stub::{Answer, Meant, ReplyHeaders, Stub, StubError};
use stub::{Ready, Reply, Request};

use crate::world::World;

/// Most stubs of a world, those that were recorded apart.
const MOST: usize = 256;
/// Most recordings, and most bytes of them.
const MOST_RECORDED: usize = 1000;
const RECORDED_ROOM: usize = 16 << 20;

/// A stub as a tester sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StubView {
    /// What it is called.
    pub id: String,
    /// Which requests are meant.
    pub on: Meant,
    /// What they get.
    pub answer: Answer,
    /// How often it answers at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How often it has answered.
    pub answered: u32,
    /// Whether a real back end said so before.
    pub recorded: bool,
}

#[derive(Default)]
struct All {
    /// The newest first.
    written: VecDeque<Ready>,
    /// What real back ends have said, the newest first.
    recorded: VecDeque<Ready>,
    recorded_bytes: usize,
    given: u64,
}

/// The stubs of a world. What a tester wrote last answers first; what was recorded answers where nothing else does.
#[derive(Default)]
pub struct Stubs(Mutex<All>);

/// What one stub does with a request.
enum Turn {
    Reply(Reply),
    PassOn { to: String, strip: Option<String>, record: bool },
}

impl Stubs {
    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a stub before all others, in the place of the one that has its id; answers its id.
    pub fn add(&self, stub: Stub) -> Result<String, StubError> {
        let mut all = self.lock();
        all.given += 1;
        let mut id = stub.id.clone().unwrap_or_else(|| format!("stub-{}", all.given));
        while stub.id.is_none() && all.written.iter().any(|own| own.id() == id) {
            all.given += 1;
            id = format!("stub-{}", all.given);
        }
        let ready = Ready::new(id.clone(), stub, None)?;
        all.written.retain(|own| own.id() != id);
        if all.written.len() >= MOST {
            return Err(StubError::TooMany);
        }
        all.written.push_front(ready);
        Ok(id)
    }

    /// Answers what a file says, in the place of what it said before; the first of them is asked first.
    pub(crate) fn follow(&self, stubs: &[Stub]) -> Result<(), StubError> {
        let named = stubs.iter().enumerate().map(|(at, stub)| {
            let id = stub.id.clone().unwrap_or_else(|| format!("file-{}", at + 1));
            Ready::new(id, stub.clone(), None).map(Ready::of_a_file)
        });
        let ready = named.collect::<Result<Vec<_>, _>>()?;
        let mut all = self.lock();
        all.written.retain(|own| !own.is_of_a_file() && ready.iter().all(|new| new.id() != own.id()));
        if all.written.len() + ready.len() > MOST {
            return Err(StubError::TooMany);
        }
        ready.into_iter().rev().for_each(|own| all.written.push_front(own));
        Ok(())
    }

    /// Whether stubs of a file can be followed.
    pub(crate) fn could_follow(stubs: &[Stub]) -> Result<(), StubError> {
        if stubs.len() > MOST / 2 {
            return Err(StubError::TooMany);
        }
        stubs.iter().try_for_each(|stub| {
            let id = stub.id.clone().unwrap_or_else(|| "file".to_owned());
            Ready::new(id, stub.clone(), None).map(drop)
        })
    }

    /// Takes one away; answers whether it was there.
    pub fn remove(&self, id: &str) -> bool {
        let mut all = self.lock();
        let before = all.written.len() + all.recorded.len();
        all.written.retain(|own| own.id() != id);
        all.recorded.retain(|own| own.id() != id);
        all.recorded_bytes = all.recorded.iter().map(Ready::weight).sum();
        all.written.len() + all.recorded.len() < before
    }

    /// Takes all of them away.
    pub fn clear(&self) {
        *self.lock() = All::default();
    }

    /// All of them, in the order in which they are asked.
    pub fn list(&self) -> Vec<StubView> {
        let all = self.lock();
        all.written.iter().chain(&all.recorded).map(Ready::view).collect()
    }

    /// Who answers a request, if one is meant.
    fn turn(&self, request: &Request<'_>) -> Option<Turn> {
        let mut all = self.lock();
        let All { written, recorded, .. } = &mut *all;
        let own = written.iter_mut().chain(recorded).find(|own| own.is_for(request))?;
        own.counts();
        match own.answer() {
            Answer::PassOn { to, strip, record } => {
                Some(Turn::PassOn { to: to.clone(), strip: strip.clone(), record: *record })
            }
            Answer::Reply { .. } => own.reply().map(Turn::Reply),
        }
    }

    /// Remembers what a real back end has answered.
    fn record(&self, request: &Request<'_>, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
        let Ok(text) = std::str::from_utf8(body) else { return };
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let headers = media_type.map(|own| ("content-type".to_owned(), own.to_owned()));
        let answer = Answer::Reply {
            status: status.as_u16(),
            headers: ReplyHeaders(headers.into_iter().collect()),
            body: Some(text.to_owned()),
            json: None,
            template: false,
        };
        let mut all = self.lock();
        all.given += 1;
        let id = format!("recorded-{}", all.given);
        let stub = Stub { id: Some(id.clone()), on: Meant::recorded(request), answer, times: None };
        let Ok(ready) = Ready::new(id, stub, Some(request)) else { return };
        all.recorded.retain(|own| own.recorded() != ready.recorded());
        all.recorded_bytes = all.recorded.iter().map(Ready::weight).sum::<usize>() + ready.weight();
        all.recorded.push_front(ready);
        while all.recorded.len() > MOST_RECORDED || all.recorded_bytes > RECORDED_ROOM {
            let Some(oldest) = all.recorded.pop_back() else { break };
            all.recorded_bytes -= oldest.weight();
        }
    }

    /// The answer to a request at a city's back end, if a stub is meant for it.
    pub(crate) async fn answer(&self, world: &Arc<World>, request: &Request<'_>) -> Option<Response> {
        match self.turn(request)? {
            Turn::Reply(reply) => Some(reply.to(request, world)),
            Turn::PassOn { to, strip, record } => {
                let (status, headers, body) = match passing::pass_on(request, &to, strip.as_deref()).await {
                    Ok(passed) => passed,
                    Err(refused) => return Some(refused.into_response()),
                };
                if record {
                    self.record(request, status, &headers, &body);
                }
                let mut response = Response::new(Body::from(body));
                (*response.status_mut(), *response.headers_mut()) = (status, headers);
                Some(response)
            }
        }
    }
}

pub(crate) use stub::Request as StubRequest;

/// Headers of a reply that a stub gives.
fn headers_of<'h>(all: impl Iterator<Item = (&'h String, &'h String)>) -> HeaderMap {
    let pairs =
        all.filter_map(|(name, value)| Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?)));
    pairs.collect()
}

/// What a template may speak of.
fn context(request: &Request<'_>, world: &World) -> Value {
    let now = world.clock.milliseconds();
    json!({
        "request": request.described(),
        "world": {
            "name": world.name(), "origin": world.origin(), "now": now / 1000,
            "time": jiff::Timestamp::from_millisecond(now).unwrap_or_default().to_string(),
        },
    })
}
