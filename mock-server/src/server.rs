//! The world on a port. A server can stop and another start at the same port: the world stays as it is.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use onecity_protocol::package::{PACKAGE_TYPE, media_type};
use onecity_protocol::region::RegionId;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;

use crate::world::{World, WorldError, WorldOptions};
use crate::{city, identity, issuer, pages};

/// Largest request, in bytes.
const MAX_REQUEST: usize = 4 << 20;

/// A running server.
pub struct Server {
    world: Arc<World>,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Makes a world and serves it on loopback.
    pub async fn start(options: WorldOptions) -> Result<Self, WorldError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        let origin = format!("http://{}", listener.local_addr()?);
        let seed = options.seed;
        let building = tokio::task::spawn_blocking(move || World::new(&origin, seed));
        let world = building.await.map_err(std::io::Error::other)??;
        options.faults.iter().for_each(|fault| world.faults.begin(*fault));
        Self::serve(Arc::new(world), listener)
    }

    /// Serves a world again, at the port it had.
    pub fn restart(world: Arc<World>, address: SocketAddr) -> Result<Self, WorldError> {
        Self::serve(world, TcpListener::bind(address)?)
    }

    fn serve(world: Arc<World>, listener: TcpListener) -> Result<Self, WorldError> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (stop, stopped) = oneshot::channel();
        let app = routes(&world).with_state(Arc::clone(&world));
        let task = tokio::spawn(async move {
            let serving = axum::serve(listener, app).with_graceful_shutdown(async {
                let _ = stopped.await;
            });
            if let Err(error) = serving.await {
                tracing::error!(%error, "the server ended");
            }
        });
        Ok(Self { world, address, stop, task })
    }

    /// The world that it serves.
    pub fn world(&self) -> Arc<World> {
        Arc::clone(&self.world)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening and ends idle connections.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let abort = self.task.abort_handle();
        if tokio::time::timeout(Duration::from_secs(5), self.task).await.is_err() {
            abort.abort();
        }
    }

    /// Serves until the process is told to end.
    pub async fn run(self) {
        let Self { stop, task, .. } = self;
        let _ = task.await;
        drop(stop);
    }
}

/// Every answer tells the world's time, which need not be the machine's.
async fn dated(State(world): State<Arc<World>>, mut response: Response) -> Response {
    let now = jiff::Timestamp::from_second(world.now()).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    if let Ok(date) = HeaderValue::from_str(&now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

fn routes(world: &Arc<World>) -> Router<Arc<World>> {
    Router::new()
        .route("/", get(landing))
        .route("/world.json", get(describe))
        .route("/gate/{region}/trust.json", get(trust_list))
        .route("/registry/{repository}/{*path}", get(registry_file))
        .merge(identity::routes())
        .merge(issuer::routes())
        .merge(city::routes())
        .layer(middleware::map_response_with_state(Arc::clone(world), dated))
        .layer(RequestBodyLimitLayer::new(MAX_REQUEST))
        .layer(CompressionLayer::new())
}

async fn landing(State(world): State<Arc<World>>, headers: HeaderMap) -> Response {
    pages::landing(&world, pages::Language::of(&headers)).into_response()
}

async fn describe(State(world): State<Arc<World>>) -> Response {
    match world.describe() {
        Ok(description) => axum::Json(description).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// A trust list as an operator would carry it to a gate by hand.
async fn trust_list(State(world): State<Arc<World>>, Path(region): Path<String>) -> Response {
    let list = region.parse().ok().and_then(|region: RegionId| world.trust_list(&region));
    list.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |list| axum::Json(list).into_response())
}

/// The registry is static files: all but the timestamp can be kept for ever.
async fn registry_file(
    State(world): State<Arc<World>>,
    Path((repository, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Ok(id) = repository.parse::<RegionId>() else { return StatusCode::NOT_FOUND.into_response() };
    let Some(bytes) = world.registry(|registry| registry.files(&id)?.get(&path).cloned()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mutable = path == "metadata/timestamp.json";
    let cache = if mutable { "no-cache" } else { "public, max-age=31536000, immutable" };
    let mime = if path.ends_with(".ma") { PACKAGE_TYPE } else { media_type(&path) };
    let length = bytes.len();
    let headers_of = [(header::CACHE_CONTROL, cache), (header::CONTENT_TYPE, mime), (header::ACCEPT_RANGES, "bytes")];
    let bytes = axum::body::Bytes::from_owner(bytes);
    // A phone whose download broke off asks for the rest (RFC 9110 §14.2).
    match headers.get(header::RANGE).and_then(|range| range.to_str().ok()).and_then(rest_from) {
        None => (headers_of, bytes).into_response(),
        Some(from) if from < length => {
            let range = format!("bytes {from}-{}/{length}", length - 1);
            (StatusCode::PARTIAL_CONTENT, headers_of, [(header::CONTENT_RANGE, range)], bytes.slice(from..))
                .into_response()
        }
        Some(_) => {
            (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, format!("bytes */{length}"))]).into_response()
        }
    }
}

/// Where `bytes=N-` begins; any other kind of range may be ignored.
fn rest_from(range: &str) -> Option<usize> {
    range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}
