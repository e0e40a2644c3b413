//! The browser phone: a page that paints what an app of this process decides. One WebSocket for each page; pages of services
//! on ports of their own.
//!
//! ```text
//!   page (mock-server/phone) ── events, calls ──> socket ──> AppPhone
//!                            <── frame, changes, effects ──
//!   frame of a service ──────── files ──> a listener for each open service ──> App::resource
//! ```
//!
//! It is for testers: the keys are software, and a stock browser can't keep pages from `preconnect` and DNS prefetch.

mod host;
mod services;
mod socket;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Query, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use onecity_app::Effect;
use onecity_app::look::{ICONS, LOOK};
use rust_embed::Embed;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::RwLock;
use tokio_rustls::TlsAcceptor;

pub(crate) use self::host::Host;
use self::services::Served;
use self::socket::{Delivery, Page};
use super::app::AppPhone;
use crate::world::{In, World};

/// Most phones that are there at once; the one that was opened first gives way.
const MAX_PHONES: usize = 24;
/// Most pages of a phone whose events are counted.
const MAX_PAGES: usize = 16;
/// Most effects whose outcome is waited for.
const MAX_OUTSTANDING: usize = 32;
/// Longest name of a phone, in characters.
const MAX_NAME: usize = 64;
/// Longest message of a page, in bytes: a photo of 20 MiB as base64, and a little.
const MAX_MESSAGE: usize = 28 << 20;
/// The phone's page asks nothing of anywhere else (CSP Level 3): services are on ports of this machine.
fn phone_policy(host: &Host) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
         frame-src 'self' {}://{}:*; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
        host.scheme(),
        host.name()
    )
}

/// The page of the phone.
#[derive(Embed)]
#[folder = "phone/"]
struct Files;

/// The world that a phone is in, by its serial number, and the phone's name there.
type Whose = (u64, String);

/// The phones of a server, by the names that their pages have.
pub(crate) struct BrowserPhones {
    /// Where the server listens, and its services' pages with it.
    address: IpAddr,
    tls: Option<TlsAcceptor>,
    phones: Mutex<VecDeque<(Whose, Arc<Hosted>)>>,
}

/// A phone, and the listeners for its open services.
struct Hosted {
    phone: RwLock<AppPhone>,
    served: Mutex<HashMap<(String, String), Served>>,
    /// What has become of the events of its pages, the newest page last.
    deliveries: Mutex<VecDeque<(String, Arc<Mutex<Delivery>>)>>,
    /// What the platform was told to do and has not said the outcome of: a socket may have been lost on the way.
    outstanding: Mutex<VecDeque<Effect>>,
    /// The code that was held to a gate last.
    held: Mutex<Option<String>>,
}

impl Hosted {
    /// Remembers what the platform is told to do.
    fn tells(&self, effect: &Effect) {
        let mut all = locked(&self.outstanding);
        if effect.act.has_outcome() {
            all.push_back(effect.clone());
        }
        if all.len() > MAX_OUTSTANDING {
            all.pop_front();
        }
    }

    /// What has become of the events of a page, which says how many of them were applied when it heard last.
    fn delivery(&self, page: &str, applied: u64) -> Arc<Mutex<Delivery>> {
        let mut all = locked(&self.deliveries);
        if let Some((_, delivery)) = all.iter().find(|(own, _)| own == page) {
            return Arc::clone(delivery);
        }
        if all.len() == MAX_PAGES {
            all.pop_front();
        }
        let delivery = Arc::new(Mutex::new(Delivery::after(applied)));
        all.push_back((page.to_owned(), Arc::clone(&delivery)));
        delivery
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BrowserPhones {
    /// None yet, of a server that listens at this address.
    pub(crate) fn new(address: IpAddr, tls: Option<TlsAcceptor>) -> Self {
        Self { address, tls, phones: Mutex::default() }
    }

    fn phone(&self, world: &World, name: &str) -> Result<Arc<Hosted>, super::PhoneError> {
        let key = (world.serial(), name.to_owned());
        let mut phones = locked(&self.phones);
        if let Some((_, phone)) = phones.iter().find(|(own, _)| *own == key) {
            return Ok(Arc::clone(phone));
        }
        if phones.len() >= MAX_PHONES {
            // One that a page shows stays.
            let idle = phones.iter().position(|(_, phone)| Arc::strong_count(phone) == 1);
            phones.remove(idle.ok_or(super::PhoneError::TooMany)?);
        }
        let hosted = Arc::new(Hosted {
            phone: RwLock::new(AppPhone::named(world, Some(name), &[])?),
            served: Mutex::default(),
            deliveries: Mutex::default(),
            outstanding: Mutex::default(),
            held: Mutex::default(),
        });
        phones.push_back((key, Arc::clone(&hosted)));
        Ok(hosted)
    }

    fn known(&self, world: &World, name: &str) -> Option<Arc<Hosted>> {
        let is_meant = |(of, own): &Whose| *of == world.serial() && own == name;
        locked(&self.phones).iter().find(|(own, _)| is_meant(own)).map(|(_, phone)| Arc::clone(phone))
    }

    /// A world was taken away, and its phones with it.
    pub(crate) fn forget(&self, world: &World) {
        locked(&self.phones).retain(|((of, _), _)| *of != world.serial());
    }

    /// The names of a world's phones, the one that was opened first before the others.
    pub(crate) fn names(&self, world: &World) -> Vec<String> {
        let all = locked(&self.phones);
        all.iter().filter(|((of, _), _)| *of == world.serial()).map(|((_, name), _)| name.clone()).collect()
    }

    /// The code on a phone's screen, read as a gate's camera does.
    pub(crate) async fn shown_code(&self, world: &World, name: &str) -> Option<String> {
        let hosted = self.known(world, name)?;
        let app = Arc::clone(hosted.phone.read().await.app());
        socket::shown_code(&app)
    }
}

/// The phones' pages.
pub(crate) fn routes(phones: Arc<BrowserPhones>) -> Router {
    Router::new()
        .route("/phone", get(|headers: HeaderMap| async move { file("index.html", &headers) }))
        .route("/phones", get(|headers: HeaderMap| async move { file("phones.html", &headers) }))
        .route("/phone/socket", get(socket))
        .route("/phone/image", get(image))
        .route("/phone/look.css", get(look))
        .route("/phone/icon-paths.js", get(icon_paths))
        .route(
            "/phone/{file}",
            get(|Path(name): Path<String>, headers: HeaderMap| async move { file(&name, &headers) }),
        )
        .layer(Extension(phones))
}

/// A browser in a frame can't follow an address of the app's own: the page around it is told of it. To another machine it does
/// not say what it fetches for (Fetch Metadata: only to trustworthy origins), so the answer there does for both.
pub(crate) async fn coming_back(request: Request, next: Next) -> Response {
    let dest = request.headers().get("sec-fetch-dest");
    let is_near = Host::of(request.headers()).is_none_or(|host| host.is_loopback());
    let framed = dest.map_or(!is_near, |dest| dest == "iframe");
    let response = next.run(request).await;
    let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
    let Some(location) = location.filter(|location| framed && location.starts_with("onecity://")) else {
        return response;
    };
    let script = json!(location).to_string().replace('<', "\\u003c");
    let page = format!(
        "<!doctype html><meta charset=utf-8><title>OneCity</title>\
         <script>if (parent === self) location.replace({script}); \
         else parent.postMessage({{ came_back: {script} }}, location.origin)</script>"
    );
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    let mut told = (headers, page).into_response();
    for cookie in response.headers().get_all(header::SET_COOKIE) {
        told.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    told
}

/// Answers only those who ask for this machine by an address or as `localhost`: see [`host`].
pub(crate) async fn at_this_machine(request: Request, next: Next) -> Response {
    let is_named = request.headers().contains_key(header::HOST);
    if is_named && Host::of(request.headers()).is_none() {
        let said = "this world is at an address, or at localhost";
        return (StatusCode::MISDIRECTED_REQUEST, said).into_response();
    }
    next.run(request).await
}

fn file(name: &str, headers: &HeaderMap) -> Response {
    let Some(host) = Host::of(headers) else {
        return (StatusCode::MISDIRECTED_REQUEST, "this is a phone at an address, or at localhost").into_response();
    };
    let Some(found) = Files::get(name) else { return StatusCode::NOT_FOUND.into_response() };
    let media_type = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::CONTENT_SECURITY_POLICY, phone_policy(&host)),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, found.data).into_response()
}

async fn look() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], LOOK.shell_css()).into_response()
}

async fn icon_paths() -> Response {
    let script = format!("export default {};\n", json!(*ICONS));
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], script).into_response()
}

#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(default)]
    image: String,
}

async fn image(
    In(world): In,
    Extension(phones): Extension<Arc<BrowserPhones>>,
    Query(asked): Query<Named>,
) -> Response {
    let Some(hosted) = phones.known(&world, &asked.name) else { return StatusCode::NOT_FOUND.into_response() };
    let app = Arc::clone(hosted.phone.read().await.app());
    match app.image(&asked.image).await {
        Some(icon) => {
            // A picture of a publisher's is a picture, whatever it holds.
            let headers = [
                (header::CONTENT_TYPE, icon.media_type),
                (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox".to_owned()),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
                (header::CACHE_CONTROL, "max-age=300".to_owned()),
            ];
            (headers, icon.body).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn socket(
    In(world): In,
    Extension(phones): Extension<Arc<BrowserPhones>>,
    Query(asked): Query<Named>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    // Pages of others may open sockets to here (RFC 6455 §10.2): only this server's own are heard.
    let own = Host::of(&headers).filter(|host| headers.get(header::ORIGIN).is_some_and(|own| *own == *host.origin()));
    let Some(host) = own else { return StatusCode::FORBIDDEN.into_response() };
    if asked.name.is_empty() || asked.name.chars().count() > MAX_NAME {
        return (StatusCode::BAD_REQUEST, "a phone's name has 1 to 64 characters").into_response();
    }
    match phones.phone(&world, &asked.name) {
        Ok(hosted) => {
            let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
            upgrade.on_upgrade(move |socket| async move {
                Page::new(world, phones, hosted, host).serve(socket).await;
            })
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
