//! The socket of one page: events and calls in; the frame, changes and effects out.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use axum::extract::ws::{Message, WebSocket};
use onecity_app::{Act, App, Changes, Effect, Environment, Event, Frame, Kind};
use onecity_core::QrPicture;
use onecity_core::platform::Clock;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Semaphore;

use super::host::Host;
use super::services::serve_service;
use super::{BrowserPhones, Hosted, MAX_NAME, locked};
use crate::gates::Passage;
use crate::picture;
use crate::world::World;

/// What has become of the events of a page, which may come over several sockets.
#[derive(Default)]
pub(super) struct Delivery {
    /// The number of the last that came.
    received: u64,
    /// Those that are not applied yet, with their numbers in the app.
    sent: VecDeque<(u64, u64)>,
    applied: u64,
}

impl Delivery {
    /// Of a page that has been here before, with this many events.
    pub(super) fn after(applied: u64) -> Self {
        Self { received: applied, sent: VecDeque::new(), applied }
    }

    /// Whether an event has not come yet.
    fn is_next(&mut self, number: u64) -> bool {
        let is_next = number > self.received;
        self.received = self.received.max(number);
        is_next
    }

    /// How many are applied once the app has come so far.
    fn applied(&mut self, app: u64) -> u64 {
        while let Some((number, _)) = self.sent.front().filter(|(_, own)| *own <= app) {
            self.applied = *number;
            self.sent.pop_front();
        }
        self.applied
    }

    /// None that is outstanding will be applied any more.
    fn give_up(&mut self) {
        self.sent.clear();
        self.applied = self.received;
    }
}

/// What a page says.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Said {
    Hello(Hello),
    Event(Numbered),
    Call(PageCall),
    Touched(String),
    Control(Control),
}

/// What a page begins with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hello {
    /// Another for each time that the page is loaded.
    page: String,
    /// How many of its events it knows to be applied.
    applied: u64,
    environment: Environment,
}

/// An event with its number, from 1 on. One that came already is not taken again: a page whose socket was lost says what it
/// does not know to be applied once more.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbered {
    number: u64,
    event: Event,
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
    /// What the phone's key store answers.
    KeyStore(KeyStore),
    /// Holds the code on the screen to a gate.
    Gate,
    /// Holds the code that was held last, as somebody with a picture of it would.
    GateAgain,
}

/// What the phone's key store answers; an app that has its files open asks it no more.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeyStore {
    Works,
    /// Nothing, as long as the phone is locked.
    Locked,
    /// It knows nothing of what it wrapped.
    Lost,
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
        said: AtTheGate,
    },
}

/// What has become of a code that the tester held to a gate.
#[derive(Default, Serialize)]
struct AtTheGate {
    gate: &'static str,
    /// None if there was no code.
    decision: Option<String>,
    reason: Option<String>,
    /// Why the gate could not decide.
    trouble: Option<String>,
}

impl AtTheGate {
    fn troubled(trouble: impl std::fmt::Display) -> Tells {
        Tells::Said { said: Self { trouble: Some(trouble.to_string()), ..Self::default() } }
    }
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
pub(super) struct Page {
    world: Arc<World>,
    phones: Arc<BrowserPhones>,
    hosted: Arc<Hosted>,
    /// Where the page has reached this machine.
    host: Host,
    /// What the page has of each entry.
    known: HashMap<String, (String, u64)>,
    delivery: Option<Arc<Mutex<Delivery>>>,
    /// What the platform has said last: another process is told it, too.
    environment: Option<Environment>,
    online: bool,
    /// How many calls of pages may be under way.
    calls: Arc<Semaphore>,
}

/// The gate that the tester's strip holds codes to.
const STRIP_GATE: &str = "metro-1";
/// Most calls of a page's that are under way.
const MAX_CALLS: usize = 32;

impl Page {
    pub(super) fn new(world: Arc<World>, phones: Arc<BrowserPhones>, hosted: Arc<Hosted>, host: Host) -> Self {
        Self {
            world,
            phones,
            hosted,
            host,
            known: HashMap::new(),
            delivery: None,
            environment: None,
            online: true,
            calls: Arc::new(Semaphore::new(MAX_CALLS)),
        }
    }

    /// An effect as the page can have it done: this world's own pages are where the page itself is.
    fn effect(&self, mut effect: Effect) -> Tells {
        if let Act::Browse { url } = &mut effect.act
            && let Some(path) = url.strip_prefix(self.world.origin()).filter(|path| path.starts_with('/'))
        {
            *url = format!("{}{}{path}", self.host.origin(), self.world.prefix());
        }
        Tells::Effect { effect }
    }

    pub(super) async fn serve(mut self, mut socket: WebSocket) {
        let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
        let mut happened = self.hosted.phone.read().await.happened();
        let mut ended = self.world.ended();
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
                _ = ended.changed() => return,
                // A page that has not said which it is, does not know what the counts are of.
                _ = happened.changed(), if self.delivery.is_some() => self.news().await,
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
            Said::Hello(Hello { page, .. }) if page.len() > MAX_NAME => {
                tracing::warn!("a page has a name that is too long");
            }
            Said::Hello(Hello { page, applied, environment }) => {
                self.delivery = Some(self.hosted.delivery(&page, applied));
                self.environment = Some(environment.clone());
                app.send(Event::Environment { environment });
                app.send(Event::Shown);
                drop(phone);
                // Whatever there is, is news to a new page; one that is not new knows what it does already.
                let outstanding = locked(&self.hosted.outstanding).clone();
                let mut tells = self.news().await;
                tells.extend(outstanding.into_iter().map(|effect| self.effect(effect)));
                return tells;
            }
            Said::Event(Numbered { number, event }) => {
                let Some(delivery) = &self.delivery else { return Vec::new() };
                let mut delivery = locked(delivery);
                if !delivery.is_next(number) {
                    return Vec::new();
                }
                match &event {
                    Event::Environment { environment } => self.environment = Some(environment.clone()),
                    Event::Network { online } => self.online = *online,
                    Event::Done { id, .. } => locked(&self.hosted.outstanding).retain(|effect| effect.id != *id),
                    _ => {}
                }
                delivery.sent.push_back((number, app.send(event)));
            }
            Said::Touched(entry) => app.touched(&entry),
            Said::Call(PageCall { id, entry, json }) => {
                let answers = answers.clone();
                // A page that floods waits itself: nothing more of it is read.
                let Ok(turn) = Arc::clone(&self.calls).acquire_owned().await else { return Vec::new() };
                tokio::spawn(async move {
                    let _turn = turn;
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
            Said::Control(Control::KeyStore(state)) => {
                phone.secrets().set_locked(matches!(state, KeyStore::Locked));
                phone.secrets().set_lost(matches!(state, KeyStore::Lost));
            }
            Said::Control(Control::Gate) => {
                let code = shown_code(&app);
                locked(&self.hosted.held).clone_from(&code);
                return vec![self.hold(code).await];
            }
            Said::Control(Control::GateAgain) => {
                let code = locked(&self.hosted.held).clone();
                return vec![self.hold(code).await];
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
                locked(&self.hosted.deliveries).iter().for_each(|(_, delivery)| locked(delivery).give_up());
                return self.news().await;
            }
        }
        Vec::new()
    }

    async fn hold(&self, code: Option<String>) -> Tells {
        let Some(code) = code else { return Tells::Said { said: AtTheGate::default() } };
        if let Err(error) = self.world.is_well().await {
            return AtTheGate::troubled(error);
        }
        let checked = self.world.gates.check(STRIP_GATE, &code).await;
        // No later stop has it open for the same code once more.
        if let Err(error) = self.world.settle().await {
            return AtTheGate::troubled(error);
        }
        match checked {
            Ok(Passage { decision, reason, .. }) => {
                let decision = Some(decision);
                Tells::Said { said: AtTheGate { gate: STRIP_GATE, decision, reason, trouble: None } }
            }
            Err(error) => AtTheGate::troubled(error),
        }
    }

    /// What has changed since the page was told last.
    async fn news(&mut self) -> Vec<Tells> {
        let phone = self.hosted.phone.read().await;
        let app = Arc::clone(phone.app());
        let frame = app.frame();
        let clock = phone.clock().wall();
        let effects = phone.take_effects();
        drop(phone);
        let applied = self.delivery.as_ref().map(|own| locked(own).applied(frame.applied)).unwrap_or_default();
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
        tells.insert(0, Tells::Screens { frame: Box::new(frame), screens, applied, clock });
        effects.iter().for_each(|effect| self.hosted.tells(effect));
        tells.extend(effects.into_iter().map(|effect| self.effect(effect)));
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
            let known = locked(&self.hosted.served).get(&key).map(|served| served.port);
            let port = match known {
                Some(port) => port,
                None => match serve_service(
                    Arc::clone(app),
                    entry,
                    self.phones.address,
                    self.phones.tls.clone(),
                    self.host.port(),
                )
                .await
                {
                    Ok(served) => {
                        let port = served.port;
                        locked(&self.hosted.served).insert(key.clone(), served);
                        port
                    }
                    Err(error) => {
                        tracing::error!(%error, "no listener for a service");
                        continue;
                    }
                },
            };
            tells.push(Tells::Web { web: Origin { session: key.1, origin: self.host.origin_at(port) } });
        }
        tells
    }
}

/// The code on the screen, read as a gate's camera does.
pub(super) fn shown_code(app: &App) -> Option<String> {
    let frame = app.frame();
    let screen = app.screen(frame.stack.last()?)?;
    let drawn = screen.blocks.into_iter().find_map(|block| match block.kind {
        Kind::Code { modules, .. } => modules,
        _ => None,
    })?;
    let picture = QrPicture { width: drawn.width, modules: hex::decode(drawn.bits).ok()? };
    picture::read(&picture::png(&picture, 4).ok()?).ok()
}
