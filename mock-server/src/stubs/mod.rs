//! Answers in the place of a city's back end: as a tester writes them, as a real back end gives them, or as it gave them before.
//!
//! ```text
//!   stub.rs      what is meant, and what is answered
//!   passing.rs   a request that is passed on to a real back end
//! ```

mod passing;
mod stub;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

pub use stub::{Answer, ReplyHeaders, Stub, StubError};
use stub::{Ready, Reply, Request, StoredStub};

use crate::capsule::{Deed, History};
use crate::clock::written;
use crate::meant::Where;
use crate::problem::Problem;
use crate::state::{Changes, Rows, StateError};
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
    pub on: Where,
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
    unwritten: Unwritten,
}

/// What is not in the state file yet.
#[derive(Default)]
struct Unwritten {
    /// Whether there is one.
    is_written: bool,
    /// Those that are another.
    stubs: BTreeSet<String>,
    /// Those that have answered.
    answered: BTreeSet<String>,
    /// Whether it is which there are, and in what order.
    order: bool,
}

/// The parts of a state file that are the stubs'.
const STUBS: &str = "stubs";
const ORDER: &str = "stubs-order";
const ANSWERED: &str = "stubs-answered";

/// In what order stubs are asked, as a state file has it.
#[derive(Serialize, Deserialize)]
struct StoredOrder {
    written: Vec<String>,
    recorded: Vec<String>,
    given: u64,
}

impl All {
    /// An id of a kind that no stub has.
    fn next_id(&mut self, kind: &str) -> String {
        loop {
            self.given += 1;
            let id = format!("{kind}-{}", self.given);
            if !self.written.iter().chain(&self.recorded).any(|own| own.id() == id) {
                return id;
            }
        }
    }

    /// Takes stubs away; answers whether there were some. One id is one stub, whether it was written or recorded.
    fn take_away(&mut self, goes: impl Fn(&Ready) -> bool) -> bool {
        let all = self.written.iter().chain(&self.recorded);
        let gone: Vec<String> = all.filter(|own| goes(own)).map(|own| own.id().to_owned()).collect();
        self.written.retain(|own| !goes(own));
        self.recorded.retain(|own| !goes(own));
        self.recorded_bytes = self.recorded.iter().map(Ready::weight).sum();
        gone.iter().for_each(|id| self.has_changed(id));
        !gone.is_empty()
    }

    /// Notes for the state file that a stub is another.
    fn has_changed(&mut self, id: &str) {
        if self.unwritten.is_written {
            self.unwritten.stubs.insert(id.to_owned());
            self.unwritten.order = true;
        }
    }
}

/// The stubs of a world. What a tester wrote last answers first; what was recorded answers where nothing else does.
#[derive(Default)]
pub struct Stubs {
    all: Mutex<All>,
    history: Arc<History>,
}

/// What one stub does with a request.
enum Turn {
    Reply(Reply),
    PassOn { to: String, strip: Option<String>, record: bool },
}

impl Stubs {
    /// Those of a world with this history.
    pub(crate) fn new(history: Arc<History>) -> Self {
        Self { all: Mutex::default(), history }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with what a state file has.
    pub(crate) fn restore(&self, rows: &mut Rows) -> Result<(), StateError> {
        self.lock().unwritten.is_written = true;
        let mut stored: BTreeMap<String, StoredStub> = rows.take_all(STUBS)?.into_iter().collect();
        let answered: BTreeMap<String, u32> = rows.take_all(ANSWERED)?.into_iter().collect();
        let Some(StoredOrder { written, recorded, given }) = rows.take_one(ORDER)? else { return Ok(()) };
        let damaged = || StateError::Damaged(STUBS.to_owned());
        let mut ready = |ids: Vec<String>| {
            let one = |id: String| {
                let own = stored.remove(&id).ok_or_else(damaged)?;
                let answered = answered.get(&id).copied().unwrap_or(0);
                Ready::restore(id, own, answered).map_err(|_| damaged())
            };
            ids.into_iter().map(one).collect::<Result<VecDeque<_>, _>>()
        };
        let (written, recorded) = (ready(written)?, ready(recorded)?);
        let recorded_bytes = recorded.iter().map(Ready::weight).sum();
        *self.lock() = All {
            written,
            recorded,
            recorded_bytes,
            given,
            unwritten: Unwritten { is_written: true, ..Unwritten::default() },
        };
        Ok(())
    }

    /// What a state file does not have yet.
    pub(crate) fn unwritten(&self, changes: &mut Changes) {
        let mut all = self.lock();
        let is_written = all.unwritten.is_written;
        let now = Unwritten { is_written, ..Unwritten::default() };
        let Unwritten { stubs, mut answered, order, .. } = std::mem::replace(&mut all.unwritten, now);
        for id in stubs {
            match all.written.iter().chain(&all.recorded).find(|own| own.id() == id) {
                Some(own) => changes.put(STUBS, &id, &own.stored()),
                None => changes.remove(STUBS, &id),
            }
            answered.insert(id);
        }
        for id in answered {
            match all.written.iter().chain(&all.recorded).find(|own| own.id() == id) {
                Some(own) => changes.put(ANSWERED, &id, &own.answered()),
                None => changes.remove(ANSWERED, &id),
            }
        }
        if order {
            let ids = |all: &VecDeque<Ready>| all.iter().map(|own| own.id().to_owned()).collect();
            let (written, recorded) = (ids(&all.written), ids(&all.recorded));
            changes.put(ORDER, "", &StoredOrder { written, recorded, given: all.given });
        }
    }

    /// Puts a stub before all others, in the place of the one that has its id; answers its id.
    pub fn add(&self, stub: Stub) -> Result<String, StubError> {
        let mut all = self.lock();
        let id = stub.id.clone().unwrap_or_else(|| all.next_id("stub"));
        let stub = Stub { id: Some(id.clone()), ..stub };
        let ready = Ready::new(id.clone(), stub.clone(), None)?;
        if all.written.iter().filter(|own| own.id() != id).count() >= MOST {
            return Err(StubError::TooMany);
        }
        all.take_away(|own| own.id() == id);
        all.written.push_front(ready);
        all.has_changed(&id);
        self.history.note(Deed::Stub { stub });
        Ok(id)
    }

    /// Answers what a file says, in the place of what it said before; the first of them is asked first.
    pub(crate) fn follow(&self, stubs: &[Stub]) -> Result<(), StubError> {
        let named = stubs.iter().enumerate().map(|(at, stub)| {
            let id = stub.id.clone().unwrap_or_else(|| format!("file-{}", at + 1));
            Ready::new(id, stub.clone(), None).map(Ready::of_a_file)
        });
        let mut ready: Vec<Ready> = Vec::new();
        for own in named {
            let own = own?;
            // Of two with one id, the later counts.
            ready.retain(|other: &Ready| other.id() != own.id());
            ready.push(own);
        }
        let mut all = self.lock();
        let ids: BTreeSet<String> = ready.iter().map(|own| own.id().to_owned()).collect();
        let goes = |own: &Ready| own.is_of_a_file() || ids.contains(own.id());
        let stays = all.written.iter().filter(|own| !goes(own)).count();
        if stays + ready.len() > MOST {
            return Err(StubError::TooMany);
        }
        // One that is said again goes on as it was.
        for own in &mut ready {
            if let Some(before) = all.written.iter().find(|before| before.is_same_as(own)) {
                own.goes_on_from(before);
            }
        }
        let gone = all.take_away(goes);
        for own in ready.into_iter().rev() {
            all.has_changed(own.id());
            all.written.push_front(own);
        }
        if !stubs.is_empty() || gone {
            self.history.note(Deed::FollowStubs { stubs: stubs.to_vec() });
        }
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
        let was_there = all.take_away(|own| own.id() == id);
        if was_there {
            self.history.note(Deed::RemoveStub { id: id.to_owned() });
        }
        was_there
    }

    /// Takes all of them away.
    pub fn clear(&self) {
        let mut all = self.lock();
        let gone: Vec<String> = all.written.iter().chain(&all.recorded).map(|own| own.id().to_owned()).collect();
        let unwritten = std::mem::take(&mut all.unwritten);
        *all = All { unwritten, ..All::default() };
        all.unwritten.order = all.unwritten.is_written;
        gone.iter().for_each(|id| all.has_changed(id));
        self.history.note(Deed::ClearStubs);
    }

    /// All of them, in the order in which they are asked.
    pub fn list(&self) -> Vec<StubView> {
        let all = self.lock();
        all.written.iter().chain(&all.recorded).map(Ready::view).collect()
    }

    /// Who answers a request, if one is meant.
    fn turn(&self, request: &Request<'_>) -> Option<Turn> {
        let mut all = self.lock();
        let All { written, recorded, unwritten, .. } = &mut *all;
        let own = written.iter_mut().chain(recorded).find(|own| own.is_for(request))?;
        own.counts();
        if unwritten.is_written {
            unwritten.answered.insert(own.id().to_owned());
        }
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
        let id = all.next_id("recorded");
        let stub = Stub { id: Some(id.clone()), on: stub::recorded(request), answer, times: None };
        let Ok(ready) = Ready::new(id.clone(), stub, Some(request.exactly())) else { return };
        all.has_changed(&id);
        if let Some(at) = all.recorded.iter().position(|own| own.recorded() == ready.recorded())
            && let Some(before) = all.recorded.remove(at)
        {
            all.has_changed(before.id());
        }
        all.recorded_bytes = all.recorded.iter().map(Ready::weight).sum::<usize>() + ready.weight();
        all.recorded.push_front(ready);
        while all.recorded.len() > MOST_RECORDED || all.recorded_bytes > RECORDED_ROOM {
            let Some(oldest) = all.recorded.pop_back() else { break };
            all.recorded_bytes -= oldest.weight();
            all.has_changed(oldest.id());
        }
    }

    /// The answer to a request at a city's back end, if a stub is meant for it.
    /// Where it happens again, a real back end is not asked: it says what it said then.
    pub(crate) async fn answer(
        &self,
        world: &Arc<World>,
        request: &Request<'_>,
        real: RealBackEnds,
    ) -> Option<Stubbed> {
        let stubbed = |response, is_passed_on| Some(Stubbed { response, is_passed_on });
        match self.turn(request)? {
            Turn::Reply(reply) => stubbed(reply.to(request, world), false),
            Turn::PassOn { to, strip, record } => {
                let passed = match real {
                    RealBackEnds::SaidThen(said) => said.ok_or_else(Problem::bad_gateway),
                    RealBackEnds::Asked => passing::pass_on(request, &to, strip.as_deref()).await,
                };
                let (status, headers, body) = match passed {
                    Ok(passed) => passed,
                    // It was refused here: nobody else has said anything.
                    Err(refused) => return stubbed(refused.into_response(), false),
                };
                if record {
                    self.record(request, status, &headers, &body);
                }
                let mut response = Response::new(Body::from(body));
                (*response.status_mut(), *response.headers_mut()) = (status, headers);
                stubbed(response, true)
            }
        }
    }
}

/// What real back ends say.
pub(crate) enum RealBackEnds {
    /// They are asked.
    Asked,
    /// Nobody is asked: it happens again, and they say what they said then, if anything.
    SaidThen(Option<(StatusCode, HeaderMap, Bytes)>),
}

/// An answer in the place of a back end's.
pub(crate) struct Stubbed {
    pub response: Response,
    /// Whether a real back end has said it.
    pub is_passed_on: bool,
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
            "time": written(now),
        },
    })
}
