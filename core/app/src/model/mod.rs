//! The state of the app, and what each event does to it. Everything here runs on one task, in order, and waits for nothing.

mod effects;
mod events;
mod keeping;
mod painting;
mod stack;

use std::collections::VecDeque;
use std::sync::Arc;

use onecity_core::platform::Clock;
use onecity_core::{AppRecordOwner, Client, RegionId, ServiceSession, Topic};
use tokio::sync::mpsc::UnboundedSender;

use self::effects::Waiter;
pub(crate) use self::keeping::Save;
use crate::app::Repair;
use crate::effect::{Effect, Outcome};
use crate::event::Environment;
use crate::face::{Command, Cx, Face, Message, Work};
use crate::frame::{Passing, Tab};
use crate::messages::Messages;
use crate::page::Painted;
use crate::route::{self, Route};
use crate::screens::{Blocked, Login, Opening, Welcome};
use crate::shared::{Own, Settings, Shared};

/// Deepest stack: what a page opens over itself counts, too.
const MAX_STACK: usize = 16;
/// Most sheets that wait for each other.
const MAX_SHEETS: usize = 8;
/// Most effects that are outstanding.
const MAX_OUTSTANDING: usize = 32;

/// How often the cities are asked at most what became of what was handed in, in seconds.
const NEWS_EVERY: i64 = 60;

/// The names under which the app keeps its records.
pub(crate) const SETTINGS: &str = "settings";
pub(crate) const OWN: &str = "own";
pub(crate) const PLACE: &str = "place";

/// A screen on the stack, or a sheet.
struct Entry {
    number: u64,
    face: Box<dyn Face>,
    painted: Painted,
}

impl Entry {
    fn id(&self) -> String {
        self.number.to_string()
    }
}

/// The state of the app.
pub(crate) struct Model {
    pub(crate) shared: Shared,
    epoch: String,
    revision: u64,
    applied: u64,
    next: u64,
    stack: Vec<Entry>,
    sheets: VecDeque<Entry>,
    passing: Option<Passing>,
    outstanding: VecDeque<(String, Waiter)>,
    /// For the platform, in order.
    effects: Vec<Effect>,
    /// To be started.
    works: Vec<Work>,
    /// To be kept, in order.
    saves: Vec<Save>,
    /// Whether where the resident is has changed since it was saved.
    moved: bool,
    /// How the phone's files are to be opened again.
    repair: Option<Repair>,
    /// When the cities were last asked what became of what was handed in.
    asked_for_news: Option<i64>,
}

impl Model {
    pub(crate) fn new(
        environment: Environment,
        nations: Vec<RegionId>,
        clock: Arc<dyn Clock>,
        loopback: UnboundedSender<Message>,
        epoch: String,
    ) -> Self {
        let settings = Settings::default();
        let messages = Messages::of(crate::messages::Language::of(&environment.languages));
        let shared = Shared {
            client: None,
            messages,
            environment,
            settings,
            own: Own::default(),
            account: None,
            nations,
            passed: None,
            photo: None,
            online: true,
            clock,
            loopback,
        };
        let mut model = Self {
            shared,
            epoch,
            revision: 1,
            applied: 0,
            next: 1,
            stack: Vec::new(),
            sheets: VecDeque::new(),
            passing: None,
            outstanding: VecDeque::new(),
            effects: Vec::new(),
            works: Vec::new(),
            saves: Vec::new(),
            moved: false,
            repair: None,
            asked_for_news: None,
        };
        model.restart(vec![Box::new(Opening)]);
        model
    }

    /// Handles a message.
    pub(crate) fn handle(&mut self, message: Message) {
        match message {
            Message::Event(event) => {
                self.applied += 1;
                self.event(event);
            }
            Message::Told(number, told) => self.with(number, told),
            Message::Own(what) => what(self),
        }
        // What was painted to judge the event by shows the state before it.
        self.revision += 1;
    }

    /// What is to be started.
    pub(crate) fn take_works(&mut self) -> Vec<Work> {
        std::mem::take(&mut self.works)
    }

    /// What the platform is to do.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether where the resident is has changed since it was saved.
    pub(crate) fn has_moved(&self) -> bool {
        self.moved
    }

    /// How the phone's files are to be opened again, if they are.
    pub(crate) fn take_repair(&mut self) -> Option<Repair> {
        self.repair.take()
    }

    /// Has an entry do something, and does what it asks for.
    fn with(&mut self, number: u64, act: impl FnOnce(&mut dyn Face, &mut Cx<'_>)) {
        let Self { stack, sheets, shared, .. } = self;
        let Some(entry) = stack.iter_mut().chain(sheets.iter_mut()).find(|entry| entry.number == number) else {
            return;
        };
        let mut commands = Vec::new();
        act(&mut *entry.face, &mut Cx { shared, entry: number, commands: &mut commands });
        for command in commands {
            self.run(number, command);
        }
    }

    fn run(&mut self, from: u64, command: Command) {
        match command {
            Command::Push(face) => self.push(face),
            Command::Sheet(face) => self.add_sheet(face),
            Command::Close => self.close(from),
            Command::Replace(face) => {
                let is_top = self.stack.last().is_none_or(|top| top.number == from);
                self.close_quietly(from);
                // Where the resident has gone on, nothing is put above that.
                if is_top {
                    self.push(face);
                }
            }
            Command::Reset(tab) => self.reset(tab),
            Command::Effect(act, what) => self.effect(act, Some(Waiter::Screen(from, what))),
            Command::EffectForPort(act, answer) => self.effect_for_port(act, answer),
            Command::EffectFor(number, act, what) => self.effect(act, Some(Waiter::Screen(number, what))),
            Command::Outcome(number, what, outcome) => self.with(number, |face, cx| face.done(what, outcome, cx)),
            Command::Say(text) => self.say(text),
            Command::Spawn(work) => self.works.push(work),
            Command::News => self.ask_for_news(),
            Command::SaveSettings => {
                self.keep(AppRecordOwner::Phone, SETTINGS, serde_json::to_string(&self.shared.settings).ok());
            }
            Command::SaveOwn => self.keep_own(OWN, serde_json::to_string(&self.shared.own).ok()),
            Command::Reload => self.reload(),
            Command::Who => self.ask_who(),
            Command::Look => self.show_top(),
            Command::Open(repair) => {
                self.restart(vec![Box::new(Opening)]);
                self.repair = Some(repair);
            }
        }
    }

    /// Says something once.
    pub(crate) fn say(&mut self, text: String) {
        let key = self.number().to_string();
        self.passing = Some(Passing { key, text });
    }

    /// Something that screens may show has changed.
    pub(crate) fn topic(&mut self, topic: Topic) {
        if topic == Topic::Account {
            self.ask_who();
        }
        let numbers: Vec<u64> = self.stack.iter().chain(&self.sheets).map(|entry| entry.number).collect();
        for number in numbers {
            self.with(number, |face, cx| face.changed(topic, cx));
        }
    }

    fn reload(&mut self) {
        for topic in [Topic::Home, Topic::Passes, Topic::Account] {
            self.topic(topic);
        }
    }

    /// The app has come on the screen: what waits is sent, and the home city asked for news.
    fn on_screen(&mut self) {
        self.deliver();
        self.show_top();
    }

    fn deliver(&mut self) {
        self.ask_for_news();
        let Some(client) = self.shared.client.clone() else { return };
        self.works.push(Box::pin(async move {
            if let Err(error) = client.deliver().await {
                tracing::debug!(%error, "what waits was not sent");
            }
            if let Err(error) = client.update_passes().await {
                tracing::debug!(%error, "passes were not brought up to date");
            }
        }));
    }

    /// Asks the cities what became of what was handed in, unless they were asked just now.
    fn ask_for_news(&mut self) {
        let (Some(client), now) = (self.shared.client.clone(), self.shared.now()) else { return };
        let is_soon = self.asked_for_news.is_some_and(|last| (last..last + NEWS_EVERY).contains(&now));
        if is_soon || !self.shared.online {
            return;
        }
        self.asked_for_news = Some(now);
        self.works.push(Box::pin(async move {
            if let Err(error) = client.update_submissions().await {
                tracing::debug!(%error, "no city was asked for news");
            }
        }));
    }

    /// Asks the client who is logged in.
    pub(crate) fn ask_who(&mut self) {
        let Some(client) = self.shared.client.clone() else { return };
        let loopback = self.shared.loopback.clone();
        self.works.push(Box::pin(async move {
            let account = client.account().await.ok().flatten();
            let owner = AppRecordOwner::Account(account.as_ref().map(|account| account.id.clone()));
            let own = client.app_record(owner, OWN).await.ok().flatten();
            let own = own.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            let _ = loopback.send(Message::Own(Box::new(move |model| model.is_now(account, own))));
        }));
    }

    fn is_now(&mut self, account: Option<onecity_core::AccountView>, own: Own) {
        let id = |account: &Option<onecity_core::AccountView>| account.as_ref().map(|own| own.id.clone());
        let (before, now) = (id(&self.shared.account), id(&account));
        self.shared.account = account;
        if before == now {
            // What is in memory is newer than what was read.
            return;
        }
        self.shared.own = own;
        self.shared.photo = None;
        // Nothing of one account is seen by another: no screen, and no sheet.
        let tab = self.stack.first().and_then(|entry| entry.face.tab());
        let is_logging_in = self.stack.last().is_some_and(|own| matches!(own.face.route(), Some(Route::Login)));
        if let (Some(_), Some(tab), false) = (before, tab, is_logging_in) {
            if tab == Tab::Me {
                // It shows all accounts, and may be what the change was asked on.
                self.close_sheets();
                self.reset(tab);
            } else {
                self.restart(vec![stack::first_of(tab)]);
            }
        }
        for topic in [Topic::Home, Topic::Passes] {
            self.topic(topic);
        }
    }

    /// The client is open, or can't be.
    pub(crate) fn opened(&mut self, opened: Result<Loaded, onecity_core::Error>) {
        match opened {
            Ok(Loaded { client, settings, own, account, place }) => {
                client.set_online(self.shared.online);
                self.shared.client = Some(client);
                (self.shared.settings, self.shared.own, self.shared.account) = (settings, own, account);
                self.shared.speak();
                let faces: Vec<Box<dyn Face>> = if self.shared.settings.started {
                    route::restored(place, &self.shared)
                } else {
                    vec![Box::new(Welcome)]
                };
                self.restart(faces);
                self.moved = false;
                if self.shared.settings.started {
                    self.deliver();
                }
            }
            Err(error) => self.restart(vec![Box::new(Blocked::new(error))]),
        }
    }

    /// Lets go of all screens and of the client.
    pub(crate) fn end(&mut self) -> Option<Arc<Client>> {
        self.stack.clear();
        self.sheets.clear();
        self.outstanding.clear();
        self.works.clear();
        self.shared.client.take()
    }

    /// The open service of an entry.
    pub(crate) fn session(&self, entry: &str) -> Option<Arc<ServiceSession>> {
        self.stack.iter().find(|own| own.id() == entry)?.face.session()
    }

    /// A page can't go on until the resident has logged in, or has done so more strongly.
    pub(crate) fn page_needs(&mut self, entry: &str, acr: Option<String>) {
        if let Ok(number) = entry.parse() {
            self.with(number, |face, cx| face.needs_login(acr, cx));
        }
    }

    /// Ends the service that another one was opened by, with what it came to.
    pub(crate) fn finish(&mut self, service: &onecity_core::ServiceId, result: String) {
        let of = |entry: &&Entry| entry.face.session().is_some_and(|session| session.service() == service);
        if let Some(number) = self.stack.iter().rev().find(of).map(|entry| entry.number) {
            self.with(number, |face, cx| face.done("finish", Outcome::Text { text: result }, cx));
        }
    }

    /// Has the login that is on the stack go on with the address that the browser came back with; begins one for it if
    /// the app was ended meanwhile.
    pub(crate) fn log_in_with(&mut self, url: String) {
        let is_login = |entry: &&Entry| matches!(entry.face.route(), Some(Route::Login));
        let number = match self.stack.iter().rev().find(is_login) {
            Some(entry) => entry.number,
            None => {
                self.push(Box::new(Login::default()));
                self.next - 1
            }
        };
        self.with(number, |face, cx| face.done("browser", Outcome::Text { text: url }, cx));
    }
}

/// What was read when the phone's files were opened.
pub(crate) struct Loaded {
    pub client: Arc<Client>,
    pub settings: Settings,
    pub own: Own,
    pub account: Option<onecity_core::AccountView>,
    pub place: Vec<Route>,
}
