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

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use onecity_app::look::{ICONS, LOOK};
use onecity_app::{App, Changes, Effect, Environment, Event, Frame, Kind};
use onecity_core::platform::Clock;
use onecity_core::{QrPicture, ResourceRequest};
use onecity_protocol::bridge::PAGE_GUARD;
use onecity_protocol::credential::{Decision, Gate, GatePolicy, WithoutStatus};
use rust_embed::Embed;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::RwLock;
use tokio::task::JoinHandle;

use super::app::AppPhone;
use crate::picture;
use crate::world::World;

/// Most phones that are there at once; the one that was opened first gives way.
const MAX_PHONES: usize = 24;
/// Longest name of a phone, in characters.
const MAX_NAME: usize = 64;
/// Longest message of a page, in bytes: a photo of 20 MiB as base64, and a little.
const MAX_MESSAGE: usize = 28 << 20;
/// The phone's page asks nothing of anywhere else (CSP Level 3): services are on ports of this machine.
const PHONE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
     frame-src 'self' http://127.0.0.1:*; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
/// Where the way to the phone is in a service's origin.
const SHELL_PATH: &str = "/onecity-shell.js";

/// The page of the phone.
#[derive(Embed)]
#[folder = "phone/"]
struct Files;

/// The phones of a server, by the names that their pages have.
#[derive(Default)]
pub(crate) struct BrowserPhones {
    phones: Mutex<VecDeque<(String, Arc<Hosted>)>>,
    /// The gate that testers hold codes to; it knows what it has seen.
    gate: Mutex<Option<Gate>>,
}

/// A phone, and the listeners for its open services.
struct Hosted {
    phone: RwLock<AppPhone>,
    served: Mutex<HashMap<(String, String), Served>>,
}

/// The listener of an open service; it ends with this.
struct Served {
    origin: String,
    task: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BrowserPhones {
    fn phone(&self, world: &World, name: &str) -> Result<Arc<Hosted>, super::PhoneError> {
        let mut phones = locked(&self.phones);
        if let Some((_, phone)) = phones.iter().find(|(own, _)| own == name) {
            return Ok(Arc::clone(phone));
        }
        let hosted = Hosted { phone: RwLock::new(AppPhone::new(world, &[])?), served: Mutex::default() };
        let hosted = Arc::new(hosted);
        if phones.len() == MAX_PHONES {
            phones.pop_front();
        }
        phones.push_back((name.to_owned(), Arc::clone(&hosted)));
        Ok(hosted)
    }

    fn known(&self, name: &str) -> Option<Arc<Hosted>> {
        locked(&self.phones).iter().find(|(own, _)| own == name).map(|(_, phone)| Arc::clone(phone))
    }

    /// What a gate of Shandong says of a code.
    fn hold_to_gate(&self, world: &World, code: &str) -> String {
        let mut gate = locked(&self.gate);
        let gate = match &mut *gate {
            Some(gate) => gate,
            none => {
                let Some(list) = "cn-sd".parse().ok().and_then(|region| world.trust_list(&region)) else {
                    return "there is no gate in this world".to_owned();
                };
                let any = GatePolicy::of_types([1], WithoutStatus::FailOpen { hours: 24 });
                let policy = GatePolicy { scope: Some(37), number: 1, ..any };
                none.insert(Gate::new(list, policy, world.now() - 3600))
            }
        };
        match gate.check(code, world.now()) {
            Decision::Accepted(_) => "gate 1 opens".to_owned(),
            Decision::AlreadyAccepted(_) => "gate 1 has opened for this code already".to_owned(),
            Decision::Refused(refusal) => format!("gate 1 stays closed: {refusal}"),
        }
    }
}

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/phone", get(|| file("index.html")))
        .route("/phones", get(|| file("phones.html")))
        .route("/phone/socket", get(socket))
        .route("/phone/image", get(image))
        .route("/phone/look.css", get(look))
        .route("/phone/icon-paths.js", get(icon_paths))
        .route("/phone/{file}", get(|Path(name): Path<String>| async move { file(&name).await }))
        .layer(Extension(Arc::new(BrowserPhones::default())))
}

/// A browser in a frame can't follow an address of the app's own: the page around it is told of it.
pub(crate) async fn coming_back(request: Request, next: Next) -> Response {
    let framed = request.headers().get("sec-fetch-dest").is_some_and(|dest| dest == "iframe");
    let response = next.run(request).await;
    let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
    let Some(location) = location.filter(|location| framed && location.starts_with("onecity://")) else {
        return response;
    };
    let script = json!(location).to_string().replace('<', "\\u003c");
    let page = format!(
        "<!doctype html><meta charset=utf-8><title>OneCity</title>\
         <script>parent.postMessage({{ came_back: {script} }}, location.origin)</script>"
    );
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], page).into_response()
}

async fn file(name: &str) -> Response {
    let Some(found) = Files::get(name) else { return StatusCode::NOT_FOUND.into_response() };
    let media_type = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, PHONE_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
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

async fn image(Extension(phones): Extension<Arc<BrowserPhones>>, Query(asked): Query<Named>) -> Response {
    let Some(hosted) = phones.known(&asked.name) else { return StatusCode::NOT_FOUND.into_response() };
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
    State(world): State<Arc<World>>,
    Extension(phones): Extension<Arc<BrowserPhones>>,
    Query(asked): Query<Named>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    // Pages of others may open sockets to here (RFC 6455 §10.2): only this server's own are heard.
    let own = |origin: &HeaderValue| {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host) == host
    };
    if !headers.get(header::ORIGIN).is_some_and(own) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if asked.name.is_empty() || asked.name.chars().count() > MAX_NAME {
        return (StatusCode::BAD_REQUEST, "a phone's name has 1 to 64 characters").into_response();
    }
    match phones.phone(&world, &asked.name) {
        Ok(hosted) => {
            let upgrade = upgrade.max_message_size(MAX_MESSAGE);
            upgrade.on_upgrade(move |socket| async move {
                let page = Page {
                    world,
                    phones,
                    hosted,
                    known: HashMap::new(),
                    sent: VecDeque::new(),
                    applied: 0,
                    environment: None,
                    online: true,
                };
                page.serve(socket).await;
            })
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// What a page says.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Said {
    Hello(Environment),
    Event(Event),
    Call(PageCall),
    Touched(String),
    Control(Control),
}

/// A call of a service's page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageCall {
    id: u64,
    entry: String,
    json: String,
}

/// One of the tester's controls.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Control {
    /// Ends the app's process.
    Restart,
    /// Seconds that the phone's clock is ahead.
    Clock(i64),
    /// Holds the code on the screen to a gate.
    Gate,
}

/// What a page is told.
#[derive(Serialize)]
#[serde(untagged)]
enum Tells {
    Screens {
        frame: Box<Frame>,
        screens: Vec<Changes>,
        /// How many of this page's events are in it.
        applied: u64,
        /// The phone's clock, in milliseconds.
        clock: i64,
    },
    Effect {
        effect: Effect,
    },
    Web {
        web: Origin,
    },
    Answer {
        answer: Answer,
    },
    Said {
        said: String,
    },
}

#[derive(Serialize)]
struct Origin {
    session: String,
    origin: String,
}

#[derive(Serialize)]
struct Answer {
    id: u64,
    json: String,
}

/// One page of a phone.
struct Page {
    world: Arc<World>,
    phones: Arc<BrowserPhones>,
    hosted: Arc<Hosted>,
    /// What the page has of each entry.
    known: HashMap<String, (String, u64)>,
    /// The numbers of its events that have not been applied yet.
    sent: VecDeque<u64>,
    applied: u64,
    /// What the platform has said last: another process is told it, too.
    environment: Option<Environment>,
    online: bool,
}

impl Page {
    async fn serve(mut self, mut socket: WebSocket) {
        let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
        let mut happened = self.hosted.phone.read().await.happened();
        // Whatever there is, is news to a new page.
        happened.mark_changed();
        loop {
            let tells = tokio::select! {
                said = socket.recv() => match said {
                    Some(Ok(Message::Text(text))) => match serde_json::from_str(text.as_str()) {
                        Ok(said) => self.heard(said, &answers).await,
                        Err(error) => {
                            tracing::warn!(%error, "a page said what is not understood");
                            return;
                        }
                    },
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Vec::new(),
                    _ => return,
                },
                Some(answer) = answered.recv() => vec![Tells::Answer { answer }],
                _ = happened.changed() => self.news().await,
            };
            for tell in tells {
                let Ok(text) = serde_json::to_string(&tell) else { return };
                if socket.send(Message::Text(text.into())).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn heard(&mut self, said: Said, answers: &tokio::sync::mpsc::UnboundedSender<Answer>) -> Vec<Tells> {
        let phone = self.hosted.phone.read().await;
        let app = Arc::clone(phone.app());
        match said {
            Said::Hello(environment) => {
                self.environment = Some(environment.clone());
                app.send(Event::Environment { environment });
                app.send(Event::Shown);
            }
            Said::Event(event) => {
                match &event {
                    Event::Environment { environment } => self.environment = Some(environment.clone()),
                    Event::Network { online } => self.online = *online,
                    _ => {}
                }
                self.sent.push_back(app.send(event));
            }
            Said::Touched(entry) => app.touched(&entry),
            Said::Call(PageCall { id, entry, json }) => {
                let answers = answers.clone();
                tokio::spawn(async move {
                    let json = match app.bridge(&entry, &json).await {
                        Ok(json) => json,
                        Err(error) => {
                            json!({ "error": { "code": "internal", "message": error.to_string() } }).to_string()
                        }
                    };
                    let _ = answers.send(Answer { id, json });
                });
            }
            Said::Control(Control::Clock(seconds)) => {
                phone.clock().set_wall_offset(seconds.clamp(-10_000_000_000, 10_000_000_000) * 1000);
                app.send(Event::Shown);
            }
            Said::Control(Control::Gate) => {
                let said = match shown_code(&app) {
                    Some(code) => self.phones.hold_to_gate(&self.world, &code),
                    None => "there is no code on the screen".to_owned(),
                };
                return vec![Tells::Said { said }];
            }
            Said::Control(Control::Restart) => {
                drop(phone);
                locked(&self.hosted.served).clear();
                let mut phone = self.hosted.phone.write().await;
                phone.restart().await;
                if let Some(environment) = self.environment.clone() {
                    phone.app().send(Event::Environment { environment });
                }
                phone.app().send(Event::Network { online: self.online });
                drop(phone);
                self.known.clear();
                // What the old process has not applied never will be.
                self.applied += u64::try_from(self.sent.len()).unwrap_or_default();
                self.sent.clear();
                return self.news().await;
            }
        }
        Vec::new()
    }

    /// What has changed since the page was told last.
    async fn news(&mut self) -> Vec<Tells> {
        let phone = self.hosted.phone.read().await;
        let app = Arc::clone(phone.app());
        let frame = app.frame();
        let clock = phone.clock().wall();
        let effects = phone.take_effects();
        drop(phone);
        while self.sent.front().is_some_and(|number| *number <= frame.applied) {
            self.sent.pop_front();
            self.applied += 1;
        }
        let entries = frame.stack.iter().chain(frame.sheet.iter().map(|sheet| &sheet.entry));
        let mut screens = Vec::new();
        let mut open = HashSet::new();
        let mut webs = Vec::new();
        for entry in entries {
            let (epoch, revision) = self.known.get(entry).cloned().unwrap_or_default();
            let Some(changes) = app.changes_since(entry, &epoch, revision) else { continue };
            self.known.insert(entry.clone(), (changes.epoch.clone(), changes.revision));
            if let Some(web) = app.screen(entry).and_then(|screen| screen.head.web) {
                let key = (frame.epoch.clone(), web.session);
                webs.push((entry.clone(), key.clone()));
                open.insert(key);
            }
            if changes.whole || changes.head.is_some() || changes.order.is_some() || !changes.blocks.is_empty() {
                screens.push(changes);
            }
        }
        self.known.retain(|entry, _| {
            frame.stack.contains(entry) || frame.sheet.as_ref().is_some_and(|own| own.entry == *entry)
        });
        let mut tells = self.serve_pages(&app, webs, &open).await;
        tells.insert(0, Tells::Screens { frame: Box::new(frame), screens, applied: self.applied, clock });
        tells.extend(effects.into_iter().map(|effect| Tells::Effect { effect }));
        tells
    }

    /// Opens a listener for each open service, and closes those of the others.
    async fn serve_pages(
        &self,
        app: &Arc<App>,
        webs: Vec<(String, (String, String))>,
        open: &HashSet<(String, String)>,
    ) -> Vec<Tells> {
        locked(&self.hosted.served).retain(|key, _| open.contains(key));
        let mut tells = Vec::new();
        for (entry, key) in webs {
            let known = locked(&self.hosted.served).get(&key).map(|served| served.origin.clone());
            let origin = match known {
                Some(origin) => origin,
                None => match serve_service(Arc::clone(app), entry, self.world.origin()).await {
                    Ok(served) => {
                        let origin = served.origin.clone();
                        locked(&self.hosted.served).insert(key.clone(), served);
                        origin
                    }
                    Err(error) => {
                        tracing::error!(%error, "no listener for a service");
                        continue;
                    }
                },
            };
            tells.push(Tells::Web { web: Origin { session: key.1, origin } });
        }
        tells
    }
}

/// The code on the screen, read as a gate's camera does.
fn shown_code(app: &App) -> Option<String> {
    let frame = app.frame();
    let screen = app.screen(frame.stack.last()?)?;
    let drawn = screen.blocks.into_iter().find_map(|block| match block.kind {
        Kind::Code { modules, .. } => modules,
        _ => None,
    })?;
    let picture = QrPicture { width: drawn.width, modules: hex::decode(drawn.bits).ok()? };
    picture::read(&picture::png(&picture, 4).ok()?).ok()
}

/// The files of one open service, on a port of their own: its pages use paths from the root.
async fn serve_service(app: Arc<App>, entry: String, phone: &str) -> std::io::Result<Served> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let phone = phone.to_owned();
    let routes = Router::new().fallback(move |request: Request| {
        let (app, entry, phone) = (Arc::clone(&app), entry.clone(), phone.clone());
        let asked = request.into_parts().0;
        async move { page_file(&app, &entry, &phone, asked).await }
    });
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "a service's listener ended");
        }
    });
    Ok(Served { origin, task })
}

async fn page_file(app: &App, entry: &str, phone: &str, request: Parts) -> Response {
    if request.uri.path() == SHELL_PATH {
        let shell = Files::get("page-shell.js").map(|file| file.data.into_owned()).unwrap_or_default();
        let script = [PAGE_GUARD.as_bytes(), b"\n", &shell].concat();
        return ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], script).into_response();
    }
    let text = |name| request.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let asked = ResourceRequest {
        path: request.uri.path().to_owned(),
        method: request.method.to_string(),
        range: text(header::RANGE),
        if_none_match: text(header::IF_NONE_MATCH),
    };
    let Ok(resource) = app.resource(entry, asked).await else { return StatusCode::GONE.into_response() };
    let is_page = resource.mime.starts_with("text/html");
    let body = if is_page { with_shell(resource.body) } else { resource.body };
    let mut response = (StatusCode::from_u16(resource.status).unwrap_or(StatusCode::BAD_GATEWAY), body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for own in resource.headers {
        let name = own.name.to_ascii_lowercase();
        // This shell shows pages in a frame of its own, and no other may.
        let value = match name.as_str() {
            "x-frame-options" => continue,
            "content-length" if is_page => continue,
            "content-security-policy" => {
                own.value.replace("frame-ancestors 'none'", &format!("frame-ancestors {phone}"))
            }
            _ => own.value,
        };
        if let (Ok(name), Ok(value)) = (header::HeaderName::try_from(name), HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
    if let (false, Ok(mime)) = (headers.contains_key(header::CONTENT_TYPE), HeaderValue::from_str(&resource.mime)) {
        headers.insert(header::CONTENT_TYPE, mime);
    }
    response
}

/// A page that begins with the way to the phone and the guard, before any script of its own.
fn with_shell(page: Vec<u8>) -> Vec<u8> {
    let script = format!("<script src=\"{SHELL_PATH}\"></script>");
    let lower = page.to_ascii_lowercase();
    let find = |what: &[u8]| lower.windows(what.len()).position(|part| part == what);
    let end = |from: usize| page[from..].iter().position(|byte| *byte == b'>').map(|at| from + at + 1);
    // Behind `<head>`, or else behind the doctype, so that the page stays in standards mode.
    let at = find(b"<head").and_then(end).or_else(|| find(b"<!doctype").and_then(end)).unwrap_or(0);
    [&page[..at], script.as_bytes(), &page[at..]].concat()
}
