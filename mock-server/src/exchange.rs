//! One request and its answer: who asks whom, what goes wrong with it, and that it is written down. Everything that the world answers
//! goes through here; the tester's own pages and controls do not.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use percent_encoding::percent_decode_str;

use crate::arriving;
use crate::capsule::{Moment, Replaying};
use crate::faults::wire::OnTheWay;
use crate::faults::{Instead, Strike, What};
use crate::journal::{Entry, Message};
use crate::meant::Seen;
use crate::problem::Problem;
use crate::serving::{ConnectionLimits, Cut};
use crate::stubs::{RealBackEnds, StubRequest};
use crate::world::{In, World};

/// How long nothing is said where no answer comes: longer than a client waits.
const SILENCE: Duration = Duration::from_secs(600);

tokio::task_local! {
    /// The exchange that a handler is in.
    static CURRENT: Arc<Exchange>;
}

/// What is asked, and by whom.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub method: Method,
    /// Within its world.
    pub path: String,
    pub query: String,
    /// The virtual phone that asks.
    pub phone: Option<String>,
}

impl Asked {
    pub(crate) fn new(method: Method, path: &str, query: &str, phone: Option<String>) -> Self {
        // As it is routed: what is written in another way is the same (RFC 3986 §6.2.2.2).
        let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
        Self { method, path, query: query.to_owned(), phone }
    }

    /// The part of the path after its first, if that is this one; in well-known addresses these stand behind.
    fn after(&self, first: &str) -> Option<&str> {
        let mut parts = self.path.split('/').skip(1).peekable();
        if parts.next_if(|part| *part == ".well-known").is_some() {
            parts.next();
        }
        parts.next().filter(|part| *part == first)?;
        parts.next().filter(|part| !part.is_empty())
    }

    /// The identity provider that is asked.
    pub(crate) fn provider(&self) -> Option<&str> {
        self.after("idp")
    }

    /// The unit whose back end, registry, issuer or gate is asked.
    pub(crate) fn unit(&self) -> Option<String> {
        if let Some(unit) = self.after("city") {
            return Some(unit.replace('.', "/"));
        }
        let issuer = self.after("issuer").map(|issuer| issuer.trim_end_matches("-health"));
        issuer.or_else(|| ["registry", "status", "gate"].iter().find_map(|kind| self.after(kind))).map(str::to_owned)
    }
}

/// The exchange that is under way.
pub(crate) struct Exchange {
    asked: Asked,
    headers: HeaderMap,
    body: Bytes,
    /// The persona that a token or a form names, or a handler knows.
    persona: Mutex<Option<String>>,
    /// The ids of the rules that have struck.
    struck: Mutex<Vec<String>>,
    /// Seconds that the server's clock is off.
    skew: i64,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes whose request it is.
pub(crate) fn is_by(persona: &str) {
    let _ = CURRENT.try_with(|current| *locked(&current.persona) = Some(persona.to_owned()));
}

/// Seconds that the server's clock is off in what it says just now.
pub(crate) fn skew() -> i64 {
    CURRENT.try_with(|current| current.skew).unwrap_or(0)
}

/// What strikes the exchange that is under way, of the kinds that are meant; the last rule counts.
pub(crate) fn struck(world: &World, is_meant: impl Fn(&What) -> bool) -> Option<Strike> {
    let found = CURRENT.try_with(|current| {
        let persona = locked(&current.persona).clone();
        let seen = Seen::new(&current.asked, &current.headers, persona.as_deref(), &current.body);
        let strikes = world.faults.strikes(&seen, is_meant);
        locked(&current.struck).extend(strikes.iter().map(|strike| strike.id.clone()));
        strikes.into_iter().next_back()
    });
    found.ok().flatten()
}

/// The virtual phone that a request comes from, as its `User-Agent` tells it.
fn phone(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    let (_, name) = agent.split_once(" (phone ")?;
    Some(name.strip_suffix(')')?.to_owned())
}

/// Whether a kind of fault is decided before the request is handled.
fn is_of_the_exchange(what: &What) -> bool {
    matches!(
        what,
        What::Latency { .. }
            | What::Bandwidth { .. }
            | What::Dribble { .. }
            | What::Status { .. }
            | What::Reset
            | What::Silence
            | What::LoginPage
            | What::LoseAnswer { .. }
            | What::Truncate { .. }
            | What::MalformedBody
            | What::WrongContentType { .. }
            | What::ClockSkew { .. }
    )
}

/// What was decided of an exchange before it is handled.
#[derive(Default)]
struct Fate {
    delay: Duration,
    way: OnTheWay,
    instead: Option<Response>,
    reset: bool,
    is_silent: bool,
    lost: Option<Instead>,
    malformed: bool,
    media_type: Option<String>,
    skew: i64,
}

impl Fate {
    fn of(strikes: &[Strike]) -> Self {
        let mut fate = Self::default();
        for strike in strikes {
            match &strike.what {
                What::Latency { delay } => fate.delay += strike.delay(delay),
                What::Bandwidth { bytes_per_second } => fate.way.bandwidth = Some(*bytes_per_second),
                What::Dribble { piece, every_ms } => {
                    let piece = usize::try_from(*piece).unwrap_or(usize::MAX);
                    fate.way.pieces = Some((piece, Duration::from_millis((*every_ms).into())));
                }
                What::Status { status, retry_after } => {
                    fate.instead = Some(Problem::as_told(*status, *retry_after).into_response());
                }
                What::LoginPage => fate.instead = Some(login_page()),
                What::Silence => fate.is_silent = true,
                What::Reset => fate.reset = true,
                What::LoseAnswer { instead } => fate.lost = Some(*instead),
                What::Truncate { after_bytes } => {
                    fate.way.breaks_off = Some(usize::try_from(*after_bytes).unwrap_or(usize::MAX));
                }
                What::MalformedBody => fate.malformed = true,
                What::WrongContentType { media_type } => fate.media_type = Some(media_type.clone()),
                What::ClockSkew { seconds } => fate.skew = *seconds,
                _ => {}
            }
        }
        fate
    }
}

/// What a network that wants a login answers to everything.
fn login_page() -> Response {
    let page = "<!doctype html><html lang=en><title>Wi-Fi</title><h1>Log in to use this network</h1></html>";
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], page).into_response()
}

/// An exchange that is written down in any case: also when the other side gives up while it is waited for.
struct Kept {
    world: Arc<World>,
    exchange: Arc<Exchange>,
    began: Instant,
    arrived: Moment,
    handled: Option<Moment>,
    passed_on: bool,
    /// Whether it came to its end; otherwise nobody waited for it any more.
    is_over: bool,
    answered: Option<(StatusCode, Message)>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let exchange = &self.exchange;
        let (status, response) = self.answered.take().unzip();
        self.world.journal.write(Entry {
            number: 0,
            arrived: self.arrived,
            handled: self.handled,
            ended: self.world.history.moment().turn,
            passed_on: self.passed_on,
            is_over: self.is_over,
            took: self.began.elapsed(),
            status: status.as_ref().map(StatusCode::as_u16),
            persona: locked(&exchange.persona).take(),
            faults: std::mem::take(&mut *locked(&exchange.struck)),
            request: Message::new(exchange.headers.clone(), &exchange.body),
            response,
            asked: exchange.asked.clone(),
        });
    }
}

/// What a page that came from somewhere else may do with this server's origin: nothing (CSP Level 3, HTML Living Standard §7.1.5).
const NOTHING: &str = "sandbox; default-src 'none'";

/// Keeps an answer from being a page of this server: what is not ours runs no script beside the controls.
fn harmless(headers: &mut HeaderMap, is_ours: bool) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !is_ours {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING));
    }
}

/// Takes one request of the world through everything.
pub(crate) async fn conduct(In(world): In, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (mut parts, body) = request.into_parts();
    let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
    let cut = parts.extensions.remove::<Cut>();
    let limits = parts.extensions.remove::<ConnectionLimits>().unwrap_or_default();
    let (arrived, refused) = match arriving::read(&method, &path, &parts.headers, body, limits.body_takes).await {
        Ok(arrived) => (Some(arrived), None),
        Err(status) => (None, Some(status)),
    };
    let bytes = arrived.as_ref().map(|arrived| arrived.bytes.clone()).unwrap_or_default();
    let persona = world.who_asks(&path, &parts.headers, &bytes);
    let asked = Asked::new(method, &path, parts.uri.query().unwrap_or_default(), phone(&parts.headers));
    let (arrived_at, strikes) = {
        let _draws = world.history.draws();
        let seen = Seen::new(&asked, &parts.headers, persona.as_deref(), &bytes);
        (world.history.moment(), world.faults.strikes(&seen, is_of_the_exchange))
    };
    let Fate { delay, way, instead, reset, is_silent, lost, malformed, media_type, skew } = Fate::of(&strikes);
    let exchange = Arc::new(Exchange {
        persona: Mutex::new(persona.clone()),
        struck: Mutex::new(strikes.into_iter().map(|strike| strike.id).collect()),
        skew,
        asked,
        headers: parts.headers.clone(),
        body: bytes.clone(),
    });
    let mut kept = Kept {
        world: Arc::clone(&world),
        exchange: Arc::clone(&exchange),
        began,
        arrived: arrived_at,
        handled: None,
        passed_on: false,
        is_over: false,
        answered: None,
    };
    // Where it happens again, it waits for its turn, and for nothing else.
    let replaying = parts.extensions.remove::<Replaying>();
    let mut real = RealBackEnds::Asked;
    match &replaying {
        Some(replaying) => real = RealBackEnds::SaidThen(replaying.waits().await),
        None if !delay.is_zero() => tokio::time::sleep(delay).await,
        None => {}
    }
    kept.handled = Some(world.history.moment());
    let mut is_ours = !path.starts_with("/registry/");
    let mut response = match (reset || is_silent, refused, instead) {
        (true, ..) => None,
        (false, Some(status), _) => Some(status.into_response()),
        (false, None, Some(instead)) => Some(instead),
        (false, None, None) => {
            let stubbed = match path.starts_with("/city/") {
                true => {
                    let Exchange { asked, headers, .. } = &*exchange;
                    let seen = Seen::new(asked, headers, persona.as_deref(), &bytes);
                    let request = StubRequest { seen, path: &path, body: &bytes };
                    let stubbed = world.stubs.answer(&world, &request, real).await;
                    kept.passed_on = stubbed.as_ref().is_some_and(|stubbed| stubbed.is_passed_on);
                    stubbed.map(|stubbed| stubbed.response)
                }
                false => None,
            };
            is_ours &= stubbed.is_none();
            match stubbed {
                Some(response) => Some(response),
                None => {
                    let request = Request::from_parts(parts, Body::from(bytes));
                    Some(CURRENT.scope(Arc::clone(&exchange), next.run(request)).await)
                }
            }
        }
    };
    drop(arrived);
    match lost {
        Some(Instead::GatewayTimeout) if response.is_some() => response = Some(Problem::timed_out().into_response()),
        Some(Instead::Reset) => response = None,
        _ => {}
    }
    let Some(response) = response else {
        kept.is_over = true;
        drop(kept);
        // Nothing of it is lost, though nobody hears of it.
        if let Err(error) = world.settle().await {
            tracing::error!(%error, "the state was not written");
        }
        if is_silent && replaying.is_none() {
            tokio::time::sleep(SILENCE).await;
        }
        // Without a connection of its own there is nothing to cut off.
        let Some(cut) = cut else { return Problem::timed_out().into_response() };
        cut.off();
        return pending().await;
    };
    let (mut parts, body) = response.into_parts();
    let mut body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    if malformed && body.len() > 1 {
        body = body.slice(..body.len() / 2);
    }
    if let Some(own) = media_type.and_then(|own| HeaderValue::from_str(&own).ok()) {
        parts.headers.insert(header::CONTENT_TYPE, own);
    }
    if let Some(date) = world.date(skew) {
        parts.headers.insert(header::DATE, date);
    }
    harmless(&mut parts.headers, is_ours);
    kept.is_over = true;
    kept.answered = Some((parts.status, Message::new(parts.headers.clone(), &body)));
    parts.extensions.insert(way);
    Response::from_parts(parts, Body::from(body))
}
