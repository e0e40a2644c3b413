//! One request and its answer: who asks whom, what goes wrong with it, and that it is written down. Everything that the world answers
//! goes through here; the tester's own pages and controls do not.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use memchr::memmem;
use onecity_protocol::limits::PACKAGE_BYTES;
use tokio::time::timeout;

use crate::faults::wire::OnTheWay;
use crate::faults::{Instead, Strike, What};
use crate::journal::{Entry, Message};
use crate::problem::Problem;
use crate::serving::{ConnectionLimits, Cut};
use crate::stubs::StubRequest;
use crate::world::{In, World};

/// Largest request, in bytes; a package to a registry may be larger.
const MAX_REQUEST: usize = 4 << 20;
/// How long nothing is said where no answer comes: longer than a client waits.
const SILENCE: Duration = Duration::from_secs(600);
/// How many bytes of a request are looked at for a text.
const LOOKED_AT: usize = 64 << 10;

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
    /// The persona that a token or a form names.
    pub persona: Option<String>,
    /// The virtual phone that asks.
    pub phone: Option<String>,
    body: Bytes,
}

impl Asked {
    pub(crate) fn new(
        method: Method,
        path: String,
        persona: Option<String>,
        phone: Option<String>,
        body: Bytes,
    ) -> Self {
        Self { method, path, persona, phone, body }
    }

    /// The part of the path after this one.
    fn after(&self, before: &str) -> Option<&str> {
        let mut parts = self.path.split('/').skip_while(|part| *part != before);
        parts.nth(1).filter(|part| !part.is_empty())
    }

    /// The identity provider that is asked.
    pub(crate) fn provider(&self) -> Option<&str> {
        self.after("idp")
    }

    /// The unit whose back end, registry, issuer or gate is asked, or that a file of a registry is of.
    pub(crate) fn unit(&self) -> Option<String> {
        if let Some(unit) = self.after("city") {
            return Some(unit.replace('.', "/"));
        }
        ["registry", "status", "issuer", "gate"].iter().find_map(|kind| self.after(kind)).map(str::to_owned)
    }

    /// Whether the request's body holds a text.
    pub(crate) fn body_contains(&self, text: &str) -> bool {
        let looked_at = self.body.get(..LOOKED_AT).unwrap_or(&self.body);
        memmem::find(looked_at, text.as_bytes()).is_some()
    }
}

/// The exchange that is under way.
pub(crate) struct Exchange {
    asked: Asked,
    /// The persona, once a handler knows it.
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
        let mut asked = current.asked.clone();
        if let Some(persona) = &*locked(&current.persona) {
            asked.persona = Some(persona.clone());
        }
        let strikes = world.faults.strikes(&asked, is_meant);
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

/// Reads a request's body, which may be so long and take so long.
async fn read(path: &str, body: Body, takes: Duration) -> Result<Bytes, StatusCode> {
    let most = if path.starts_with("/registry/") { PACKAGE_BYTES } else { MAX_REQUEST };
    match timeout(takes, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let is_long =
                std::error::Error::source(&error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>());
            Err(if is_long { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST })
        }
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// Takes one request of the world through everything.
pub(crate) async fn conduct(In(world): In, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (mut parts, body) = request.into_parts();
    let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let cut = parts.extensions.remove::<Cut>();
    let limits = parts.extensions.remove::<ConnectionLimits>().unwrap_or_default();
    let (bytes, refused) = match read(&path, body, limits.body_takes).await {
        Ok(bytes) => (bytes, None),
        Err(status) => (Bytes::new(), Some(status)),
    };
    let persona = world.who_asks(&path, &parts.headers, &bytes);
    let asked = Asked::new(method, path, persona, phone(&parts.headers), bytes.clone());
    let strikes = world.faults.strikes(&asked, is_of_the_exchange);
    let Fate { delay, way, instead, reset, is_silent, lost, malformed, media_type, skew } = Fate::of(&strikes);
    let exchange = Arc::new(Exchange {
        persona: Mutex::new(asked.persona.clone()),
        struck: Mutex::new(strikes.into_iter().map(|strike| strike.id).collect()),
        skew,
        asked,
    });
    let request_headers = parts.headers.clone();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let mut response = match (reset || is_silent, refused, instead) {
        (true, ..) => None,
        (false, Some(status), _) => Some(status.into_response()),
        (false, None, Some(instead)) => Some(instead),
        (false, None, None) => {
            let stubbed = match exchange.asked.path.starts_with("/city/") {
                true => {
                    let asked = &exchange.asked;
                    let (method, path, persona) = (&asked.method, asked.path.as_str(), asked.persona.as_deref());
                    let (headers, query) = (&request_headers, query.as_str());
                    let request = StubRequest { method, path, query, headers, persona, body: &bytes };
                    world.stubs.answer(&world, &request).await
                }
                false => None,
            };
            match stubbed {
                Some(response) => Some(response),
                None => {
                    let request = Request::from_parts(parts, Body::from(bytes.clone()));
                    Some(CURRENT.scope(Arc::clone(&exchange), next.run(request)).await)
                }
            }
        }
    };
    match lost {
        Some(Instead::GatewayTimeout) if response.is_some() => response = Some(Problem::timed_out().into_response()),
        Some(Instead::Reset) => response = None,
        _ => {}
    }
    let (response, answered) = match response {
        Some(response) => {
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
            let answered = (parts.status, Message::new(parts.headers.clone(), &body));
            parts.extensions.insert(way);
            (Some(Response::from_parts(parts, Body::from(body))), Some(answered))
        }
        None => (None, None),
    };
    let (persona, faults) = (locked(&exchange.persona).take(), std::mem::take(&mut *locked(&exchange.struck)));
    let (status, response_message) = answered.unzip();
    world.journal.write(Entry {
        number: 0,
        at: world.clock.milliseconds(),
        took: began.elapsed(),
        query,
        status: status.as_ref().map(StatusCode::as_u16),
        persona,
        faults,
        request: Message::new(request_headers, &bytes),
        response: response_message,
        asked: Asked { body: Bytes::new(), ..exchange.asked.clone() },
    });
    match (response, cut) {
        (Some(response), _) => response,
        (None, Some(cut)) => {
            if is_silent {
                tokio::time::sleep(SILENCE).await;
            }
            cut.off();
            pending().await
        }
        // Without a connection of its own there is nothing to cut off.
        (None, None) => Problem::timed_out().into_response(),
    }
}
