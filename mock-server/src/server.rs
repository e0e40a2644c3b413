//! The world on a port. A server can stop and another start at the same port: the world stays as it is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use onecity_protocol::region::RegionId;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;

use crate::phone::browser;
use crate::registry;
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
    /// Makes a world and serves it on loopback, or on all addresses of this machine.
    pub async fn start(options: WorldOptions) -> Result<Self, WorldError> {
        let address = if options.network { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let listener = TcpListener::bind((address, options.port))?;
        // Its own phones are on this machine, and use plain HTTP there alone.
        let origin = format!("http://{}:{}", Ipv4Addr::LOCALHOST, listener.local_addr()?.port());
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
        let app = routes(&world, address).with_state(Arc::clone(&world));
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

/// This machine's address in its network, for other machines. Nothing is sent: a socket for datagrams only chooses its way.
pub fn network_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documentation (RFC 5737): any that is beyond this network does.
    socket.connect(("198.51.100.1", 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Every answer tells the world's time, which need not be the machine's.
async fn dated(State(world): State<Arc<World>>, mut response: Response) -> Response {
    let now = jiff::Timestamp::from_second(world.now()).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    if let Ok(date) = HeaderValue::from_str(&now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

fn routes(world: &Arc<World>, address: SocketAddr) -> Router<Arc<World>> {
    Router::new()
        .route("/", get(landing))
        .route("/health", get(|| async { axum::Json(serde_json::json!({ "status": "up" })) }))
        .route("/world.json", get(describe))
        .route("/gate/{region}/trust.json", get(trust_list))
        .merge(identity::routes())
        .merge(issuer::routes())
        .merge(city::routes())
        .layer(RequestBodyLimitLayer::new(MAX_REQUEST))
        // A package is larger than what anybody else sends.
        .merge(registry::http::routes())
        .merge(browser::routes(address.ip()))
        .layer(middleware::from_fn(browser::coming_back))
        .layer(middleware::from_fn(browser::at_this_machine))
        .layer(middleware::map_response_with_state(Arc::clone(world), dated))
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
