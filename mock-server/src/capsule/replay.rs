//! A capsule's events again, in another world: one after another, in their turns, at their times.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use super::stand_in::StandIn;
use super::{Capsule, Deed, Event};
use crate::city::CityAnswer;
use crate::content::Additions;
use crate::gates::region_of;
use crate::journal::{ShownExchange, ShownMessage};
use crate::server::world_routes;
use crate::world::{Beginning, FIRST, LayError, World, WorldError};

/// What can't stand in a path as it is (RFC 3986 §3.3).
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`').add(b'{').add(b'}');
/// How long one event may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most requests that are under way at once, and longest body that is made again, in bytes.
const MOST: usize = 4096;
const LONGEST: usize = 20 << 20;
/// Headers that a request gets from its own connection.
const OWN: [HeaderName; 3] = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION];

/// Why there is no other world.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ReplayError {
    #[error(
        "the world went on from a state file, or with registries that were signed before a reset: let it happen again in a new one"
    )]
    GoesOn,
    #[error("{0}: the folder of this service was gone when the capsule was told")]
    NoFiles(String),
    #[error("its world has no address")]
    Origin,
    #[error("more than 4,096 requests were under way at once")]
    TooMany,
    #[error("the capsule has lost {0} of its oldest events: reset the world, and let it happen again")]
    Lost(u64),
    #[error(transparent)]
    World(#[from] WorldError),
    #[error("what lay over the world: {0}")]
    Lay(#[from] LayError),
    #[error("the services' files: {0}")]
    Files(#[from] std::io::Error),
    #[error("{0} did not come to an end")]
    Silent(String),
}

/// Where it was not the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it was: `exchange 12, POST /idp/shandong/token`.
    pub at: String,
    /// What became of it then.
    pub then: String,
    /// What has become of it now.
    pub now: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A file may say anything, to a terminal too.
        let plain =
            |text: &str| text.chars().map(|own| if own.is_control() { '\u{fffd}' } else { own }).collect::<String>();
        write!(f, "{}: then {}, now {}", plain(&self.at), plain(&self.then), plain(&self.now))
    }
}

/// What became of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// How many exchanges there were.
    pub exchanges: usize,
    /// How many other deeds.
    pub deeds: usize,
    /// Where it was not the same, the first of it first.
    pub differences: Vec<Difference>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exchanges, deeds, differences } = self;
        match differences.as_slice() {
            [] => write!(f, "the same again: {exchanges} exchanges, {deeds} other deeds"),
            [first, rest @ ..] => {
                writeln!(f, "{first}")?;
                write!(f, "and {} more of {exchanges} exchanges and {deeds} other deeds", rest.len())
            }
        }
    }
}

/// Holds an exchange back until it is its turn.
#[derive(Clone)]
pub(crate) struct Replaying(Arc<Mutex<Option<Turn>>>);

struct Turn {
    /// Told that what goes wrong was drawn.
    arrived: mpsc::UnboundedSender<()>,
    handled: oneshot::Receiver<()>,
    /// What a real back end said to it.
    passed_on: Option<(StatusCode, HeaderMap, Bytes)>,
}

impl Replaying {
    /// Waits for its turn; answers what a real back end said to it.
    pub(crate) async fn waits(&self) -> Option<(StatusCode, HeaderMap, Bytes)> {
        let turn = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let _ = turn.arrived.send(());
        let _ = turn.handled.await;
        turn.passed_on
    }
}

/// An exchange that is under way.
struct UnderWay<'c> {
    told: &'c ShownExchange,
    handle: oneshot::Sender<()>,
    answer: JoinHandle<Response>,
}

/// Lets everything happen again.
pub async fn replay(capsule: &Capsule) -> Result<Outcome, ReplayError> {
    if capsule.goes_on {
        return Err(ReplayError::GoesOn);
    }
    if capsule.lost > 0 {
        return Err(ReplayError::Lost(capsule.lost));
    }
    if let Some((name, _)) = capsule.services.iter().find(|(_, files)| files.is_empty()) {
        return Err(ReplayError::NoFiles(name.clone()));
    }
    let folder = unpack(capsule)?;
    let additions = laid_from(&capsule.world.additions, &folder);
    let name = Some(capsule.world.name.as_str()).filter(|name| *name != FIRST);
    let (web_origin, seed) = (capsule.world.web_origin.as_str(), capsule.world.seed);
    let frozen_at = Some(capsule.began);
    let is_origin = url::Url::parse(web_origin).is_ok_and(|url| url.origin().ascii_serialization() == web_origin);
    if !is_origin || capsule.world.name.len() > 64 {
        return Err(ReplayError::Origin);
    }
    let world = World::begin(Beginning { web_origin, name, seed, additions: &additions, frozen_at, state: None })?;
    world.registry(|registry| registry.len());
    let world = Arc::new(world);
    let mut again = Again {
        routes: world_routes(),
        stand_in: StandIn::new(&capsule.made, &capsule.hashes),
        under_way: HashMap::new(),
        lists: HashMap::new(),
        outcome: Outcome { exchanges: 0, deeds: 0, differences: Vec::new() },
        folder,
        world,
    };
    for event in &capsule.events {
        match event {
            Event::Arrived { at, exchange } => again.arrives(*at, exchange).await?,
            Event::Handled { at, number, unseen } => again.is_handled(*at, *number, *unseen).await?,
            Event::GivenUp { number } => again.is_given_up(*number).await,
            Event::Done { at, deed } => again.is_done(*at, deed)?,
        }
    }
    Ok(again.outcome)
}

fn unpack(capsule: &Capsule) -> std::io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for (service, files) in &capsule.services {
        for (path, bytes) in files {
            let is_inside = |path: &str| path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
            let bytes = STANDARD.decode(bytes).map_err(std::io::Error::other)?;
            if !is_inside(path) || !crate::faults::is_id(service) || path.contains('\\') {
                return Err(std::io::Error::other(format!("{path} is no path of a service")));
            }
            let place = folder.path().join(service).join(path);
            std::fs::create_dir_all(place.parent().unwrap_or(folder.path()))?;
            std::fs::write(place, bytes)?;
        }
    }
    Ok(folder)
}

/// What lay over a world, with its services where they were unpacked.
fn laid_from(additions: &Additions, folder: &TempDir) -> Additions {
    let mut own = additions.clone();
    for service in &mut own.services {
        // Whatever a file says, nothing else is read.
        let name = service.folder.file_name().map(ToOwned::to_owned).unwrap_or_default();
        service.folder = folder.path().join(name);
    }
    own
}

/// A world in which it happens again.
struct Again<'c> {
    world: Arc<World>,
    routes: Router,
    stand_in: StandIn<'c>,
    under_way: HashMap<u64, UnderWay<'c>>,
    /// What each gate has been given last, by path.
    lists: HashMap<String, BTreeMap<String, Vec<u8>>>,
    outcome: Outcome,
    folder: TempDir,
}

impl<'c> Again<'c> {
    async fn arrives(&mut self, at: i64, told: &'c ShownExchange) -> Result<(), ReplayError> {
        self.world.clock.set(at);
        self.outcome.exchanges += 1;
        if self.under_way.len() >= MOST {
            return Err(ReplayError::TooMany);
        }
        let (arrived, mut has_arrived) = mpsc::unbounded_channel();
        let (handle, handled) = oneshot::channel();
        let passed_on = told.response.as_ref().filter(|_| told.passed_on);
        let passed_on = passed_on.map(|response| {
            let status = told.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or_default();
            let body =
                response.body.clone().map_or_else(|| Bytes::from(vec![0; response.bytes.min(LONGEST)]), Bytes::from);
            (status, headers(response.headers.iter().map(|own| (own.name.as_str(), own.value.clone()))), body)
        });
        let turn = Turn { arrived, handled, passed_on };
        let Some(mut request) = self.request(told) else {
            self.differs(told, "it can't be made again".to_owned());
            return Ok(());
        };
        request.extensions_mut().insert(Replaying(Arc::new(Mutex::new(Some(turn)))));
        request.extensions_mut().insert(Arc::clone(&self.world));
        let routes = self.routes.clone();
        let answer = tokio::spawn(async move {
            match routes.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        });
        let waits = tokio::time::timeout(PATIENCE, has_arrived.recv());
        waits.await.map_err(|_| ReplayError::Silent(name_of(told)))?;
        self.under_way.insert(told.number, UnderWay { told, handle, answer });
        Ok(())
    }

    /// The request again.
    fn request(&mut self, told: &ShownExchange) -> Option<Request> {
        let world = Arc::clone(&self.world);
        let is_found = told.status.is_some_and(|status| (200..300).contains(&status));
        // A file that was not there is not there again.
        let path = if is_found { self.place_of(&told.path) } else { told.path.clone() };
        let path = self.stand_in.parts(&world, &path);
        let mut path = utf8_percent_encode(&path, PATH).to_string();
        if !told.query.is_empty() {
            path = format!("{path}?{}", self.stand_in.form(&world, &told.query));
        }
        let all = told.request.headers.iter().map(|own| {
            let value = match own.name.as_str() {
                "authorization" | "cookie" | "dpop" => self.stand_in.parts(&world, &own.value),
                _ => own.value.clone(),
            };
            (own.name.as_str(), value)
        });
        let headers = headers(all.collect::<Vec<_>>().into_iter());
        let body = self.body(&told.request);
        let mut request = Request::builder().method(told.method.as_str()).uri(path).body(Body::from(body)).ok()?;
        *request.headers_mut() = headers;
        Some(request)
    }

    fn body(&mut self, told: &ShownMessage) -> Vec<u8> {
        let world = Arc::clone(&self.world);
        let Some(text) = &told.body else { return vec![0; told.bytes.min(LONGEST)] };
        if told.media_type().starts_with("application/x-www-form-urlencoded") {
            return self.stand_in.form(&world, text).into_bytes();
        }
        match serde_json::from_str::<Value>(text) {
            Ok(mut value) => {
                self.stand_in.value(&world, &mut value);
                value.to_string().into_bytes()
            }
            // What was no JSON is none again.
            Err(_) => b"{".to_vec(),
        }
    }

    /// Where a registry's file is here. What has this world's keys in it has another hash before its name.
    fn place_of(&self, path: &str) -> String {
        let same = || path.to_owned();
        let Some((repository, file)) = path.strip_prefix("/registry/").and_then(|rest| rest.split_once('/')) else {
            return same();
        };
        let (Ok(id), Some((folder, name))) = (repository.parse(), file.rsplit_once('/')) else { return same() };
        let Some((hash, name)) = name.split_once('.').filter(|(hash, _)| hash.len() == 64) else { return same() };
        let found = self.world.registry(|registry| {
            let files = registry.files(&id)?;
            if files.contains_key(&format!("{folder}/{hash}.{name}")) {
                return None;
            }
            let is_it = |own: &&String| {
                own.rsplit_once('/').is_some_and(|(at, own)| {
                    at == folder && own.split_once('.').is_some_and(|(hash, rest)| hash.len() == 64 && rest == name)
                })
            };
            files.keys().rfind(is_it).cloned()
        });
        found.map_or_else(same, |file| format!("/registry/{repository}/{file}"))
    }

    async fn is_handled(&mut self, at: i64, number: u64, unseen: bool) -> Result<(), ReplayError> {
        let Some(UnderWay { told, handle, answer }) = self.under_way.remove(&number) else { return Ok(()) };
        self.world.clock.set(at);
        let _ = handle.send(());
        let silent = || ReplayError::Silent(name_of(told));
        let answered = tokio::time::timeout(PATIENCE, answer).await.map_err(|_| silent())?;
        let (parts, body) = answered.map_err(|_| silent())?.into_parts();
        let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let live = serde_json::from_slice::<Value>(&bytes).ok();
        if let Some(response) = &told.response {
            for own in &response.headers {
                if let Some(live) = parts.headers.get(own.name.as_str()).and_then(|value| value.to_str().ok()) {
                    self.stand_in.learn_text(&own.value, live);
                }
            }
            let told_body = response.body.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
            if let (Some(told), Some(live)) = (&told_body, &live) {
                self.stand_in.learn(told, live);
            }
        }
        // Of gates that there are.
        if let Some(gate) = gate_of(told).filter(|gate| self.world.gates.has(gate)) {
            let own = self.lists.entry(gate).or_default();
            match parts.status.is_success() {
                true => drop(own.insert(told.path.clone(), bytes.to_vec())),
                false => drop(own.remove(&told.path)),
            }
        }
        if !unseen {
            self.compare(told, live.as_ref());
        }
        Ok(())
    }

    async fn is_given_up(&mut self, number: u64) {
        if let Some(UnderWay { answer, .. }) = self.under_way.remove(&number) {
            answer.abort();
            let _ = answer.await;
        }
    }

    fn compare(&mut self, told: &ShownExchange, live: Option<&Value>) {
        let Some(own) = self.world.journal.newest() else { return };
        let word = |body: Option<&Value>| body.and_then(|body| body["error"].as_str()).map(str::to_owned);
        let told_body = told.response.as_ref().and_then(|response| response.body.as_deref());
        let told_body = told_body.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let then = became(told.status, word(told_body.as_ref()), told.persona.as_deref(), &told.faults);
        let now = became(own.status, own.status.and_then(|_| word(live)), own.persona.as_deref(), &own.faults);
        if then != now {
            self.outcome.differences.push(Difference { at: name_of(told), then, now });
        }
    }

    fn differs(&mut self, told: &ShownExchange, now: String) {
        let then = became(told.status, None, told.persona.as_deref(), &told.faults);
        self.outcome.differences.push(Difference { at: name_of(told), then, now });
    }

    fn is_done(&mut self, at: i64, deed: &Deed) -> Result<(), ReplayError> {
        let world = Arc::clone(&self.world);
        world.clock.set(at);
        self.outcome.deeds += 1;
        let said = match deed {
            Deed::Rule { rule, preset, is_from_file } => {
                world.faults.add_to(rule.clone(), preset.clone(), *is_from_file).err().map(|error| error.to_string())
            }
            Deed::EndRules { ids } => {
                for id in ids {
                    world.faults.end(id);
                }
                None
            }
            Deed::Stub { stub } => world.stubs.add(stub.clone()).err().map(|error| error.to_string()),
            Deed::FollowStubs { stubs } => world.stubs.follow(stubs).err().map(|error| error.to_string()),
            Deed::RemoveStub { id } => {
                world.stubs.remove(id);
                None
            }
            Deed::ClearStubs => {
                world.stubs.clear();
                None
            }
            Deed::Lay { additions } => {
                world.lay(&laid_from(additions, &self.folder))?;
                None
            }
            Deed::Pass { pass, status } => {
                world.set_pass_status(pass, *status);
                None
            }
            Deed::Progress { number, status, text, picture, signed } => {
                let picture = picture.as_deref().and_then(|text| STANDARD.decode(text).ok());
                let answer = CityAnswer { picture, signed: *signed, ..CityAnswer::new(status, text) };
                // What the city could say then, it may have forgotten by now: that shows in what phones are told.
                let _ = world.answer(number, &answer);
                None
            }
            Deed::EndSessions { persona } => {
                world.end_sessions(persona.as_deref());
                None
            }
            Deed::EndAllSessions => {
                world.end_all_sessions();
                None
            }
            Deed::ExpireTokens { persona } => {
                world.expire_tokens(persona.as_deref());
                None
            }
            Deed::RotateProviders => {
                world.rotate_identity_key();
                None
            }
            Deed::RotateIssuer { issuer } => world.rotate_issuer_key(issuer).err().map(|error| error.to_string()),
            Deed::WithdrawIssuerKeys { issuer } => {
                world.withdraw_old_issuer_keys(issuer).err().map(|error| error.to_string())
            }
            Deed::Announce { region, announcement } => {
                world.announce(region, announcement.as_ref()).err().map(|error| error.to_string())
            }
            Deed::Sign { region } => world.sign_again(region).err().map(|error| error.to_string()),
            Deed::Renew => {
                world.renew_registry(world.now());
                None
            }
            Deed::Entrust { unit, key } => match onecity_publisher::PublicKey::from_pem(key) {
                Ok(key) => world.entrust(unit, key).err().map(|error| error.to_string()),
                Err(error) => Some(error.to_string()),
            },
            Deed::Gate { name, settings } => {
                let trust = region_of(settings).ok().and_then(|region| world.trust_list(&region));
                world.gates.put(name, settings.clone(), trust).err().map(|error| error.to_string())
            }
            Deed::RemoveGate { name } => world.gates.remove(name).err().map(|error| error.to_string()),
            Deed::Challenge { gate, random } => {
                world.gates.challenge_by(gate, *random).err().map(|error| error.to_string())
            }
            Deed::Fetch { gate, came } => {
                let lists = self.lists.get(gate).filter(|_| *came);
                world.gates.is_given(gate, lists).err().map(|error| error.to_string())
            }
            Deed::Check { gate, code, decision, reason } => {
                let code = self.stand_in.text(&world, code);
                let then = decided(decision, reason.as_deref());
                match world.gates.decide(gate, &code) {
                    Ok(own) if decided(&own.decision, own.reason.as_deref()) == then => None,
                    Ok(own) => {
                        let now = decided(&own.decision, own.reason.as_deref());
                        self.outcome.differences.push(Difference {
                            at: format!("a code at the gate {gate}"),
                            then,
                            now,
                        });
                        None
                    }
                    Err(error) => Some(error.to_string()),
                }
            }
        };
        if let Some(now) = said {
            let at = serde_json::to_value(deed).ok().and_then(|deed| deed["kind"].as_str().map(str::to_owned));
            let at = format!("the deed {}", at.unwrap_or_default());
            self.outcome.differences.push(Difference { at, then: "done".to_owned(), now });
        }
        Ok(())
    }
}

fn headers<'h>(all: impl Iterator<Item = (&'h str, String)>) -> HeaderMap {
    let pairs = all.filter_map(|(name, value)| {
        let name = name.parse::<HeaderName>().ok().filter(|name| !OWN.contains(name))?;
        Some((name, HeaderValue::from_str(&value).ok()?))
    });
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name, value);
    }
    headers
}

fn name_of(told: &ShownExchange) -> String {
    format!("exchange {}, {} {}", told.number, told.method, told.path)
}

/// The gate that asks, as its `User-Agent` tells it.
fn gate_of(told: &ShownExchange) -> Option<String> {
    let agent = told.request.headers.iter().find(|own| own.name == "user-agent")?;
    Some(agent.value.strip_prefix("OneCity gate (")?.strip_suffix(')')?.to_owned())
}

fn decided(decision: &str, reason: Option<&str>) -> String {
    reason.map_or_else(|| decision.to_owned(), |reason| format!("{decision}, {reason}"))
}

/// What became of an exchange, in a few words.
fn became(status: Option<u16>, error: Option<String>, persona: Option<&str>, faults: &[String]) -> String {
    let mut said = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    if let Some(error) = error {
        said += &format!(" {error}");
    }
    if let Some(persona) = persona {
        said += &format!(", {persona}'s");
    }
    if !faults.is_empty() {
        said += &format!(", struck by {}", faults.join(" and "));
    }
    said
}
