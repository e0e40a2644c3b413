//! The world on a port. A server can stop and another start at the same port: the world stays as it is.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use axum::extract::{Path, Request};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use onecity_protocol::region::RegionId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_http::compression::CompressionLayer;
use url::Url;

use crate::admin::{self, Access};
use crate::faults::wire;
use crate::phone::browser::{self, BrowserPhones};
use crate::serving::{Certificate, ConnectionLimits, StoredCertificate};
use crate::state::{Changes, Rows, StateError, StateFile};
use crate::world::{Beginning, FIRST, In, World, WorldError, WorldOptions};
use crate::worlds::{self, Worlds};
use crate::{city, dashboard, exchange, identity, issuer, registry, serving};

/// The part of a state file that is the server's own.
const SERVER: &str = "server";

/// A server as a state file has it: its phones know this address.
#[derive(Serialize, Deserialize)]
struct StoredServer {
    origin: String,
    #[serde(default)]
    certificate: Option<StoredCertificate>,
}

/// A running server.
pub struct Server {
    worlds: Arc<Worlds>,
    address: SocketAddr,
    access: Arc<Access>,
    certificate: Option<Certificate>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Makes a world and serves it on loopback, or on all addresses of this machine.
    pub async fn start(options: WorldOptions) -> Result<Self, WorldError> {
        let address = if options.network { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let (state, mut worlds) = match &options.state {
            Some(path) => {
                let (file, worlds) = StateFile::open(path)?;
                (Some(Arc::new(file)), worlds)
            }
            None => (None, BTreeMap::new()),
        };
        let before: Option<StoredServer> = Rows::of_server(&mut worlds).take_one(SERVER)?;
        let port = match (&before, options.port) {
            (Some(before), 0) => {
                Url::parse(&before.origin).ok().and_then(|url| url.port_or_known_default()).unwrap_or(0)
            }
            (_, port) => port,
        };
        if let Some(before) = before.as_ref().filter(|_| options.port != 0)
            && Url::parse(&before.origin).ok().and_then(|url| url.port_or_known_default()) != Some(port)
        {
            let asked = format!("http://{}:{port}", Ipv4Addr::LOCALHOST);
            return Err(StateError::Elsewhere { is: before.origin.clone(), asked }.into());
        }
        let listener = TcpListener::bind((address, port)).map_err(|error| WorldError::Port(port, error))?;
        // Its own phones are on this machine, and use plain HTTP there alone.
        let origin = format!("http://{}:{}", Ipv4Addr::LOCALHOST, listener.local_addr()?.port());
        if let Some(before) = before.as_ref().filter(|before| before.origin != origin) {
            return Err(StateError::Elsewhere { is: before.origin.clone(), asked: origin }.into());
        }
        let (network, now) = (options.network.then(network_address).flatten(), jiff::Timestamp::now().as_second());
        let before = before.and_then(|before| before.certificate);
        let certificate =
            options.tls.as_ref().map(|tls| Certificate::find(tls, network, before.clone(), now)).transpose()?;
        let access = Access::new(options.admin_token, &options.origins).map_err(WorldError::Origin)?;
        let first = worlds.remove(FIRST);
        let is_new = first.is_none();
        let world = Arc::new(World::begin(Beginning {
            web_origin: &origin,
            name: None,
            seed: options.seed,
            additions: &options.additions,
            frozen_at: options.frozen_at,
            state: state.clone().map(|file| (file, first.unwrap_or_default())),
        })?);
        options.faults.iter().for_each(|fault| world.faults.begin(*fault));
        // One that goes on has them already.
        for rule in options.rules.into_iter().filter(|_| is_new) {
            world.faults.add(rule)?;
        }
        // It is up at once; who asks for the registry meanwhile waits until it is signed.
        let signed = Arc::clone(&world);
        tokio::task::spawn_blocking(move || signed.registry(|registry| registry.len()));
        let worlds = match &state {
            Some(file) => {
                let mut own = Changes::default();
                // Phones may trust one that is not shown this time.
                let certificate = certificate.as_ref().and_then(Certificate::stored).or(before);
                own.put(SERVER, "", &StoredServer { origin, certificate });
                file.is_written(file.give_own(own)).await?;
                Worlds::restore(world, file, worlds)?
            }
            None => Worlds::new(world),
        };
        Self::serve(Arc::new(worlds), listener, options.connections, access, certificate)
    }

    /// Serves a world again, at the port it had.
    pub fn restart(world: Arc<World>, address: SocketAddr) -> Result<Self, WorldError> {
        let limits = ConnectionLimits::default();
        let access = Access::new(None, &[]).map_err(WorldError::Origin)?;
        Self::serve(Arc::new(Worlds::new(world)), TcpListener::bind(address)?, limits, access, None)
    }

    fn serve(
        worlds: Arc<Worlds>,
        listener: TcpListener,
        limits: ConnectionLimits,
        access: Access,
        certificate: Option<Certificate>,
    ) -> Result<Self, WorldError> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (stop, stopping) = watch::channel(false);
        let access = Arc::new(access);
        let tls = certificate.as_ref().map(Certificate::acceptor).transpose()?;
        let phones = Arc::new(BrowserPhones::new(address.ip(), tls.clone()));
        let app = routes(&worlds, phones, &access, certificate.as_ref(), stopping.clone());
        let task = tokio::spawn(serving::serve(listener, app, limits, tls, stopping));
        Ok(Self { worlds, address, access, certificate, stop, task })
    }

    /// The first of its worlds.
    pub fn world(&self) -> Arc<World> {
        self.worlds.first()
    }

    /// All of its worlds.
    pub fn worlds(&self) -> &Arc<Worlds> {
        &self.worlds
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of its authority as PEM, and its SHA-256 fingerprint, if it speaks HTTPS.
    pub fn authority(&self) -> Option<(String, String)> {
        self.certificate.as_ref().map(|own| (own.authority(), own.fingerprint()))
    }

    /// What somebody on another machine proves to be the tester with.
    pub fn admin_token(&self) -> &str {
        self.access.token()
    }

    /// Lets nobody in any more, and ends when what is under way has been answered, or after five seconds.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
        if let Err(error) = self.worlds.settle().await {
            tracing::error!(%error, "the state was not written");
        }
    }

    /// Serves until the process is told to end, and then stops.
    pub async fn run_until(self, ends: impl Future<Output = ()>) {
        ends.await;
        self.stop().await;
    }
}

/// This machine's address in its network, for other machines. Nothing is sent: a socket for datagrams only chooses its way.
pub fn network_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documentation (RFC 5737): any that is beyond this network does.
    socket.connect(("198.51.100.1", 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// What phones, gates and others ask of a world.
pub(crate) fn world_routes() -> Router {
    Router::new()
        .route("/world.json", get(describe))
        .route("/gate/{region}/trust.json", get(trust_list))
        .merge(identity::routes())
        .merge(issuer::routes())
        .merge(city::routes())
        .merge(registry::http::routes())
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn(exchange::conduct))
}

fn routes(
    worlds: &Arc<Worlds>,
    phones: Arc<BrowserPhones>,
    access: &Arc<Access>,
    certificate: Option<&Certificate>,
    stopping: watch::Receiver<bool>,
) -> Router {
    let authority = certificate.map(Certificate::authority);
    let authority = move || {
        let authority = authority.clone();
        async move {
            let headers = [(header::CONTENT_TYPE, "application/x-pem-file"), (header::CACHE_CONTROL, "no-store")];
            authority.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |own| (headers, own).into_response())
        }
    };
    let world = world_routes().layer(middleware::from_fn(settled));
    // What a tester sees and does.
    let own = Router::new()
        .merge(dashboard::routes())
        // Who can ask for it can also be lied to: its fingerprint is printed at the start.
        .route("/certificate.pem", get(authority))
        .route("/health", get(|| async { Json(json!({ "status": "up" })) }))
        .merge(browser::routes(Arc::clone(&phones)))
        .merge(admin::routes(Arc::clone(worlds), phones, Arc::clone(access), stopping))
        .fallback_service(world)
        .layer(middleware::from_fn(browser::coming_back))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn(wire::send));
    // A world is entered before its path is looked at.
    Router::new()
        .fallback_service(own)
        .layer(middleware::from_fn_with_state(Arc::clone(worlds), worlds::enter))
        .layer(middleware::from_fn(browser::at_this_machine))
}

/// Answers once what has happened is in the state file, if there is one. While that can't be written, nothing happens.
async fn settled(In(world): In, request: Request, next: Next) -> Response {
    let failed = |error: StateError| {
        let said = json!({ "error": "unwritten", "detail": error.to_string() });
        (StatusCode::INSUFFICIENT_STORAGE, Json(said)).into_response()
    };
    if let Err(error) = world.is_well().await {
        return failed(error);
    }
    let response = next.run(request).await;
    match world.settle().await {
        Ok(()) => response,
        Err(error) => failed(error),
    }
}

async fn describe(In(world): In) -> Response {
    match world.describe() {
        Ok(description) => Json(description).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// A trust list as an operator would carry it to a gate by hand.
async fn trust_list(In(world): In, Path(region): Path<String>) -> Response {
    let list = region.parse().ok().and_then(|region: RegionId| world.trust_list(&region));
    list.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |list| Json(list).into_response())
}
