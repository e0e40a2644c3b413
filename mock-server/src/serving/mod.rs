//! Connections of a server, each with a limit to how long it may take and all of them to how many they are.
//!
//! ```text
//!   mod.rs    accepts, serves, and gives a place that is only held to somebody who asks
//!   tls.rs    HTTPS at the same port
//!   wire.rs   a connection that can be cut off (RFC 9293 §3.5.3) in place of an answer, or in the middle of one
//! ```

mod tls;
mod wire;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

pub(crate) use tls::{Certificate, StoredCertificate};
pub use tls::{Tls, TlsError};
pub(crate) use wire::Cut;
use wire::Wire;

/// What a server lets strangers do with its connections.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// How long a request's head may take, and how long a connection may be idle between two requests.
    pub head_takes: Duration,
    /// How long a request's body may take, and after how long an answer of which nothing is taken any more keeps no place.
    pub body_takes: Duration,
    /// Most connections at once, if the system allows as many open files.
    pub most: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { head_takes: Duration::from_secs(15), body_takes: Duration::from_secs(60), most: 2048 }
    }
}

/// Files that are left for everything else.
const OTHER_FILES: u64 = 256;
/// Longest head of a request, in bytes.
const LARGEST_HEAD: usize = 64 << 10;
/// How long requests that are under way may take once the server stops.
const STOP_TAKES: Duration = Duration::from_secs(5);

/// How long a connection may be silent at first before it gives way to others: its request may be on the way.
const BEGINS_WITHIN: Duration = Duration::from_millis(250);

/// A connection as the others see it.
struct Place {
    number: u64,
    began: Instant,
    /// When something last went, or was asked, in milliseconds from its beginning.
    moved: AtomicU64,
    /// Whether a request has come and its answer has not gone yet, or it has become a WebSocket.
    is_busy: AtomicBool,
    /// Whether all of the answer is on its way to the wire.
    has_answered: AtomicBool,
    /// Whether it has become something else than HTTP, which says nothing for as long as it likes.
    is_upgraded: AtomicBool,
    /// Whether it has asked for anything at all.
    has_asked: AtomicBool,
    gives_way: Arc<Notify>,
}

impl Place {
    fn new(number: u64) -> Self {
        Self {
            number,
            began: Instant::now(),
            moved: AtomicU64::new(0),
            is_busy: AtomicBool::new(false),
            has_answered: AtomicBool::new(false),
            has_asked: AtomicBool::new(false),
            is_upgraded: AtomicBool::new(false),
            gives_way: Arc::default(),
        }
    }

    /// Since when it has had its answer and asked nothing more, or does not take what it has asked for.
    fn idle_since(&self, stalls_after: Duration) -> Option<Instant> {
        let moved = self.began + Duration::from_millis(self.moved.load(Ordering::Relaxed));
        let is_busy = || self.is_busy.load(Ordering::Relaxed) && moved.elapsed() < stalls_after;
        let is_idle = self.has_asked.load(Ordering::Relaxed) && !self.is_upgraded.load(Ordering::Relaxed) && !is_busy();
        is_idle.then_some(moved)
    }

    /// Something has gone over the wire, or is asked.
    fn moves(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(now, Ordering::Relaxed);
    }

    fn is_asked(&self) {
        self.moves();
        self.has_answered.store(false, Ordering::Relaxed);
        self.is_busy.store(true, Ordering::Release);
        self.has_asked.store(true, Ordering::Relaxed);
    }

    /// All that was to be written is written.
    fn has_written(&self) {
        if self.has_answered.swap(false, Ordering::Acquire) {
            self.is_busy.store(false, Ordering::Relaxed);
        }
    }
}

/// An answer's body; once all of it was taken, only the wire has to be waited for.
struct Answering {
    body: Body,
    place: Arc<Place>,
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.place.has_answered.store(true, Ordering::Release);
    }
}

/// All connections, the oldest first.
#[derive(Default)]
struct Places(Mutex<Vec<Arc<Place>>>);

impl Places {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Place>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, number: u64, most: usize, stalls_after: Duration) -> Seat {
        let place = Arc::new(Place::new(number));
        let mut all = self.lock();
        if all.len() >= most {
            // First those that have been silent for a while, then the one that has been idle longest, then those that have just come; if
            // all are busy, the one that has been here longest.
            let silent = |own: &Arc<Place>| !own.has_asked.load(Ordering::Relaxed);
            let waits = all.iter().position(|own| silent(own) && own.began.elapsed() >= BEGINS_WITHIN);
            let idle = || {
                let idle = all.iter().enumerate().filter_map(|(at, own)| Some((own.idle_since(stalls_after)?, at)));
                idle.min().map(|(_, at)| at)
            };
            let goes = waits.or_else(idle).or_else(|| all.iter().position(silent)).unwrap_or(0);
            all.remove(goes).gives_way.notify_one();
        }
        all.push(Arc::clone(&place));
        Seat { places: Arc::clone(self), place }
    }
}

/// A connection's place, for as long as it is there.
struct Seat {
    places: Arc<Places>,
    place: Arc<Place>,
}

impl Seat {
    /// Fires once somebody else gets the place.
    fn gives_way(&self) -> OwnedNotified {
        Arc::clone(&self.place.gives_way).notified_owned()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut all = self.places.lock();
        if let Ok(at) = all.binary_search_by_key(&self.place.number, |own| own.number) {
            all.remove(at);
        }
    }
}

/// How many connections there may be at once: as the system's limit of open files has it, which is raised as far as it may be.
fn most_connections(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let files = current.map_or(wanted, |files| usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(wanted));
    wanted.min(files.max(16))
}

/// Serves until it is told to stop: then nobody is let in, and what is under way may end.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    limits: ConnectionLimits,
    tls: Option<TlsAcceptor>,
    mut stopping: watch::Receiver<bool>,
) {
    let (places, most) = (Arc::new(Places::default()), most_connections(limits.most));
    let mut number = 0;
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stops| *stops) => break,
            Some(_) = tasks.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                let seat = places.take(number, most, limits.body_takes);
                number += 1;
                let from = Peer { address: peer, tls: tls.clone() };
                tasks.spawn(converse(stream, from, app.clone(), seat, limits, stopping.clone()));
            }
            // Too many files, or a connection that is gone already: the next may be better.
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    drop(listener);
    let all_end = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_TAKES, all_end).await.is_err() {
        tasks.shutdown().await;
    }
}

/// Who is at the other end, and what shakes hands with them.
struct Peer {
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

/// Said of a request that has come by HTTPS; what a client says by this name is thrown away.
pub(crate) const SECURE: HeaderName = HeaderName::from_static("onecity-secure");

/// Where somebody on another machine has to go who has come by plain HTTP to a server that has a certificate.
fn elsewhere<B>(request: &hyper::Request<B>) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let place = host.and_then(|host| HeaderValue::from_str(&format!("https://{host}{path}")).ok());
    let Some(place) = place else { return StatusCode::MISDIRECTED_REQUEST.into_response() };
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, place)], "from another machine this is at https")
        .into_response()
}

/// One connection, from its first request to its last.
async fn converse(
    stream: TcpStream,
    Peer { address: peer, tls }: Peer,
    app: Router,
    seat: Seat,
    limits: ConnectionLimits,
    mut stopping: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let cut = Cut::default();
    let place = Arc::clone(&seat.place);
    let Some(tls) = tls else {
        return speak(
            Wire::new(stream, cut.clone(), seat),
            Way { peer, is_secure: false, is_elsewhere: false },
            cut,
            place,
            app,
            limits,
            stopping,
        )
        .await;
    };
    let gives_way = seat.gives_way();
    let begins = tokio::select! {
        begins = tokio::time::timeout(limits.head_takes, tls::is_handshake(&stream)) => begins,
        () = gives_way => return,
        _ = stopping.wait_for(|stops| *stops) => return,
    };
    let Ok(Ok(is_handshake)) = begins else { return };
    let wire = Wire::new(stream, cut.clone(), seat);
    if !is_handshake {
        let is_elsewhere = !peer.ip().to_canonical().is_loopback();
        return speak(wire, Way { peer, is_secure: false, is_elsewhere }, cut, place, app, limits, stopping).await;
    }
    match tokio::time::timeout(limits.head_takes, tls.accept(wire)).await {
        Ok(Ok(stream)) => {
            let way = Way { peer, is_secure: true, is_elsewhere: false };
            speak(stream, way, cut, place, app, limits, stopping).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
        Err(_) => tracing::debug!("a handshake took too long"),
    }
}

/// The way that a connection has come.
#[derive(Clone, Copy)]
struct Way {
    peer: SocketAddr,
    is_secure: bool,
    /// It should have come by HTTPS.
    is_elsewhere: bool,
}

/// What is said on a connection.
async fn speak(
    wire: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    way: Way,
    cut: Cut,
    place: Arc<Place>,
    app: Router,
    limits: ConnectionLimits,
    mut stopping: watch::Receiver<bool>,
) {
    let Way { peer, is_secure, is_elsewhere } = way;
    let wire = TokioIo::new(wire);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        let (app, cut, place) = (app.clone(), cut.clone(), Arc::clone(&place));
        place.is_asked();
        async move {
            if is_elsewhere {
                return Ok(elsewhere(&request).map(|body| Answering { body, place }));
            }
            request.headers_mut().remove(SECURE);
            if is_secure {
                request.headers_mut().insert(SECURE, HeaderValue::from_static("1"));
            }
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(cut);
            request.extensions_mut().insert(limits);
            let request: Request = request.map(Body::new);
            let response: Result<Response, Infallible> = app.oneshot(request).await;
            response.map(|response| {
                let is_upgraded = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                place.is_upgraded.store(is_upgraded, Ordering::Relaxed);
                response.map(|body| Answering { body, place })
            })
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_takes)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(wire, service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            }
            return;
        }
        () = cut.happens() => return,
        _ = stopping.wait_for(|stops| *stops) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection => {}
        () = cut.happens() => {}
    }
}
