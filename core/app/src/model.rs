//! The state of the app, and what each event does to it. Everything here runs on one task, in order, and waits for nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use onecity_core::platform::Clock;
use onecity_core::{AppRecordOwner, Client, RegionId, ServiceSession, Topic};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::app::Repair;
use crate::block::{Changes, Kind, Screen, Severity};
use crate::effect::{Act, Effect, Outcome};
use crate::event::{Environment, Event};
use crate::face::{Command, Cx, Face, Message, WebNews, Work};
use crate::frame::{Banner, Frame, Passing, Sheet, Tab, TabItem};
use crate::icon::Icon;
use crate::messages::Messages;
use crate::page::{Page, Painted};
use crate::route::{self, Route};
use crate::screens::{Blocked, Home, Login, Me, Opening, Passes, Welcome, links};
use crate::shared::{Own, Settings, Shared};

/// Deepest stack: what a page opens over itself counts, too.
const MAX_STACK: usize = 16;
/// Most sheets that wait for each other.
const MAX_SHEETS: usize = 8;
/// Most effects that are outstanding.
const MAX_OUTSTANDING: usize = 32;

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

/// Who waits for an effect's outcome.
enum Waiter {
    /// A screen, which knows it under this name.
    Screen(u64, &'static str),
    /// A page of a service, or the client.
    Port(oneshot::Sender<Outcome>),
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
    outstanding: BTreeMap<String, Waiter>,
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
            outstanding: BTreeMap::new(),
            effects: Vec::new(),
            works: Vec::new(),
            saves: Vec::new(),
            moved: false,
            repair: None,
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

    /// Puts these screens in place of all there are.
    pub(crate) fn restart(&mut self, faces: Vec<Box<dyn Face>>) {
        while self.sheets.front().is_some() {
            self.close_sheet();
        }
        self.pop_to(0);
        for face in faces {
            self.push(face);
        }
    }

    fn event(&mut self, event: Event) {
        if let Some(entry) = event.entry() {
            let Ok(number) = entry.parse::<u64>() else { return };
            match event {
                Event::WebState { can_go_back, .. } => {
                    self.with(number, |face, cx| face.web(WebNews::CanGoBack(can_go_back), cx));
                }
                Event::WebGone { .. } => self.with(number, |face, cx| face.web(WebNews::Gone, cx)),
                Event::Dismissed { .. } if self.sheets.front().is_some_and(|sheet| sheet.number == number) => {
                    self.close_sheet();
                }
                _ if self.active() == Some(number) => self.touch(number, event),
                // What is no longer on the screen, or lies below a sheet.
                _ => {}
            }
            return;
        }
        match event {
            Event::Tab { tab } => {
                let has_tab = self.sheets.is_empty() && self.tabs().iter().any(|own| own.tab == tab);
                if has_tab {
                    self.reset(tab);
                }
            }
            Event::Back => self.back(),
            Event::Popped { to } => {
                if let Some(at) = self.stack.iter().position(|entry| entry.id() == to) {
                    self.pop_to(at + 1);
                    self.show_top();
                }
            }
            Event::Link { url } => links::open(self, &url),
            Event::Shown => self.on_screen(),
            Event::Hidden => {
                if let Some(top) = self.stack.last().map(|entry| entry.number) {
                    self.with(top, |face, cx| face.covered(cx));
                }
            }
            Event::Environment { environment } => {
                self.shared.environment = environment;
                let before = self.shared.messages.language();
                self.shared.speak();
                if before != self.shared.messages.language() {
                    self.reload();
                }
            }
            Event::Network { online } => {
                let comes_back = online && !self.shared.online;
                self.shared.online = online;
                if let Some(client) = &self.shared.client {
                    client.set_online(online);
                }
                if comes_back {
                    self.deliver();
                    self.show_top();
                }
                self.topic(Topic::Home);
            }
            Event::Done { id, outcome } => self.done(&id, outcome),
            _ => {}
        }
    }

    /// An event on the entry that is on the screen.
    fn touch(&mut self, number: u64, event: Event) {
        match event {
            Event::Tap { key, .. } if self.can_tap(number, &key) => {
                self.passing = None;
                self.with(number, |face, cx| face.tap(&key, cx));
            }
            Event::Input { key, text, edit, composing, .. } => self.with(number, |face, cx| {
                if face.field(&key).is_some_and(|field| field.input(&text, edit, composing)) {
                    face.typed(&key, cx);
                }
            }),
            Event::Submit { key, .. } => self.with(number, |face, cx| {
                if face.field(&key).is_some_and(|field| !field.is_composing()) {
                    face.submit(&key, cx);
                }
            }),
            Event::Blur { key, .. } => self.with(number, |face, cx| {
                if face.field(&key).is_some() {
                    face.blur(&key, cx);
                }
            }),
            Event::Choose { key, option, .. } if self.can_choose(number, &key, &option) => {
                self.with(number, |face, cx| face.choose(&key, &option, cx));
            }
            Event::Move { key, before, .. } => {
                self.with(number, |face, cx| face.moved(&key, before.as_deref(), cx));
            }
            Event::NearEnd { .. } => self.with(number, |face, cx| face.near_end(cx)),
            Event::Refresh { .. } => self.with(number, |face, cx| face.refresh(cx)),
            _ => {}
        }
        self.moved = true;
    }

    /// Whether something with this key is on an entry and can be touched now.
    fn can_tap(&mut self, number: u64, key: &str) -> bool {
        let Some(screen) = self.screen(&number.to_string()) else { return false };
        let head = screen.head.title_action.iter().chain(&screen.head.actions).any(|own| own.key == key);
        head || screen.blocks.iter().any(|block| match &block.kind {
            Kind::Button { busy, disabled, .. } => block.key == key && !busy && disabled.is_none(),
            Kind::Row { active, .. } => block.key == key && *active,
            Kind::Tile { .. } => block.key == key,
            Kind::Notice { actions, .. } => actions.iter().any(|own| own.key == key),
            Kind::Empty { action, .. } => action.as_ref().is_some_and(|own| own.key == key),
            _ => false,
        })
    }

    fn can_choose(&mut self, number: u64, key: &str, option: &str) -> bool {
        let Some(screen) = self.screen(&number.to_string()) else { return false };
        screen.blocks.iter().filter(|block| block.key == key).any(|block| match &block.kind {
            Kind::Choice { options, .. } => options.iter().any(|own| own.id == option),
            Kind::Toggle { .. } => ["on", "off"].contains(&option),
            _ => false,
        })
    }

    fn back(&mut self) {
        if self.sheets.front().is_some() {
            return self.close_sheet();
        }
        let Some(top) = self.stack.last().map(|entry| entry.number) else { return };
        let mut went = false;
        self.with(top, |face, cx| went = face.back(cx));
        if went {
            return;
        }
        if self.stack.len() > 1 {
            self.pop_to(self.stack.len() - 1);
            self.show_top();
        } else if self.stack[0].face.tab().is_some_and(|tab| tab != Tab::Home) {
            self.reset(Tab::Home);
        } else {
            self.effect(Act::Leave, None);
        }
    }

    /// The number of the entry that is on the screen.
    fn active(&self) -> Option<u64> {
        self.sheets.front().or(self.stack.last()).map(|entry| entry.number)
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
                self.close_quietly(from);
                self.push(face);
            }
            Command::Reset(tab) => self.reset(tab),
            Command::Effect(act, what) => self.effect(act, Some(Waiter::Screen(from, what))),
            Command::EffectFor(number, act, what) => self.effect(act, Some(Waiter::Screen(number, what))),
            Command::Outcome(number, what, outcome) => self.with(number, |face, cx| face.done(what, outcome, cx)),
            Command::Say(text) => self.say(text),
            Command::Spawn(work) => self.works.push(work),
            Command::SaveSettings => {
                self.keep(AppRecordOwner::Phone, SETTINGS, serde_json::to_string(&self.shared.settings).ok());
            }
            Command::SaveOwn => self.keep(AppRecordOwner::Account, OWN, serde_json::to_string(&self.shared.own).ok()),
            Command::Reload => self.reload(),
            Command::Who => self.ask_who(),
            Command::Look => self.show_top(),
            Command::Open(repair) => {
                self.restart(vec![Box::new(Opening)]);
                self.repair = Some(repair);
            }
        }
    }

    /// Puts a screen on the stack.
    pub(crate) fn push(&mut self, face: Box<dyn Face>) {
        if self.stack.len() >= MAX_STACK {
            return self.say(self.shared.say("too-many-open"));
        }
        if let Some(below) = self.stack.last().map(|entry| entry.number) {
            self.with(below, |face, cx| face.covered(cx));
        }
        let number = self.number();
        self.stack.push(Entry { number, face, painted: Painted::default() });
        self.moved = true;
        self.with(number, |face, cx| face.begin(cx));
    }

    /// Shows a sheet after those that are there. One too many counts as refused.
    pub(crate) fn add_sheet(&mut self, face: Box<dyn Face>) {
        if self.sheets.len() >= MAX_SHEETS {
            return;
        }
        let number = self.number();
        self.sheets.push_back(Entry { number, face, painted: Painted::default() });
        self.with(number, |face, cx| face.begin(cx));
    }

    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    fn close_sheet(&mut self) {
        let Some(number) = self.sheets.front().map(|sheet| sheet.number) else { return };
        self.with(number, |face, cx| face.closed(cx));
        self.sheets.retain(|sheet| sheet.number != number);
    }

    /// Takes an entry away, with all above it.
    pub(crate) fn close(&mut self, number: u64) {
        self.close_quietly(number);
        self.show_top();
    }

    fn close_quietly(&mut self, number: u64) {
        if let Some(at) = self.stack.iter().position(|entry| entry.number == number) {
            self.pop_to(at);
        } else if self.sheets.iter().any(|sheet| sheet.number == number) {
            self.with(number, |face, cx| face.closed(cx));
            self.sheets.retain(|sheet| sheet.number != number);
        }
    }

    fn pop_to(&mut self, length: usize) {
        while self.stack.len() > length {
            let Some(number) = self.stack.last().map(|entry| entry.number) else { return };
            self.with(number, |face, cx| face.closed(cx));
            self.stack.retain(|entry| entry.number != number);
            self.moved = true;
        }
    }

    fn show_top(&mut self) {
        if let Some(number) = self.stack.last().map(|entry| entry.number) {
            self.with(number, |face, cx| face.shown(cx));
        }
    }

    pub(crate) fn reset(&mut self, tab: Tab) {
        let face: Box<dyn Face> = match tab {
            Tab::Home => Box::new(Home::default()),
            Tab::Passes => Box::new(Passes::default()),
            Tab::Me => Box::new(Me::default()),
        };
        if self.stack.first().is_some_and(|entry| entry.face.tab() == Some(tab)) {
            self.pop_to(1);
            self.show_top();
        } else {
            self.restart(vec![face]);
        }
    }

    /// Says something once.
    pub(crate) fn say(&mut self, text: String) {
        let key = self.number().to_string();
        self.passing = Some(Passing { key, text });
    }

    fn effect(&mut self, act: Act, waiter: Option<Waiter>) {
        let number = self.number();
        let id = format!("{}-{number}", self.epoch);
        if let Some(waiter) = waiter.filter(|_| act.has_outcome()) {
            if self.outstanding.len() >= MAX_OUTSTANDING {
                self.outstanding.pop_first();
            }
            self.outstanding.insert(id.clone(), waiter);
        }
        self.effects.push(Effect { id, act });
    }

    /// Has the platform do something for a page, which waits for the outcome.
    pub(crate) fn effect_for_port(&mut self, act: Act, answer: oneshot::Sender<Outcome>) {
        self.effect(act, Some(Waiter::Port(answer)));
    }

    fn done(&mut self, id: &str, outcome: Outcome) {
        match self.outstanding.remove(id) {
            Some(Waiter::Screen(number, what)) => {
                let is_there = self.stack.iter().chain(&self.sheets).any(|entry| entry.number == number);
                if is_there {
                    self.with(number, |face, cx| face.done(what, outcome, cx));
                } else {
                    self.left_over(outcome);
                }
            }
            Some(Waiter::Port(answer)) => {
                let _ = answer.send(outcome);
            }
            None => self.left_over(outcome),
        }
    }

    /// The outcome of what was begun before the app was ended: an address is opened like any link, so that a login goes on.
    fn left_over(&mut self, outcome: Outcome) {
        if let Outcome::Text { text } = outcome {
            links::open(self, &text);
        }
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

    /// Asks the client who is logged in.
    pub(crate) fn ask_who(&mut self) {
        let Some(client) = self.shared.client.clone() else { return };
        let loopback = self.shared.loopback.clone();
        self.works.push(Box::pin(async move {
            let account = client.account().await.ok().flatten();
            let own = client.app_record(AppRecordOwner::Account, OWN).await.ok().flatten();
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
        // Nothing of one account is seen by another.
        let tab = self.stack.first().and_then(|entry| entry.face.tab());
        let is_logging_in = self.stack.last().is_some_and(|own| matches!(own.face.route(), Some(Route::Login)));
        if let (Some(_), Some(tab), false) = (before, tab, is_logging_in) {
            self.reset(tab);
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

    fn keep(&mut self, owner: AppRecordOwner, name: &'static str, record: Option<String>) {
        let Some((client, record)) = self.shared.client.clone().zip(record) else { return };
        let account = self.shared.account.as_ref().map(|account| account.id.clone());
        self.saves.push(Save { client, owner, account, name, record });
    }

    /// What is to be kept, in order.
    pub(crate) fn take_saves(&mut self) -> Vec<Save> {
        std::mem::take(&mut self.saves)
    }

    /// Keeps where the resident is.
    pub(crate) fn keep_place(&mut self) {
        self.moved = false;
        if self.shared.settings.started {
            let routes: Vec<Route> = self.stack.iter().map_while(|entry| entry.face.route()).collect();
            self.keep(AppRecordOwner::Account, PLACE, serde_json::to_string(&routes).ok());
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

    fn paint(&mut self, entry: &str) -> Option<(&Painted, &str)> {
        let Self { stack, sheets, shared, revision, epoch, .. } = self;
        let at = stack.iter().position(|own| own.id() == entry);
        let own = match at {
            Some(at) => &mut stack[at],
            None => sheets.iter_mut().find(|own| own.id() == entry)?,
        };
        if !own.painted.is_of(*revision) {
            let mut page = Page::default();
            own.face.view(shared, &mut page);
            page.head.back = at.is_some_and(|at| at > 0);
            own.painted.paint(page, *revision);
        }
        Some((&own.painted, epoch))
    }

    /// What an entry shows.
    pub(crate) fn screen(&mut self, entry: &str) -> Option<Screen> {
        let (painted, epoch) = self.paint(entry)?;
        Some(painted.screen(entry, epoch))
    }

    /// What has changed on an entry.
    pub(crate) fn changes_since(&mut self, entry: &str, epoch: &str, revision: u64) -> Option<Changes> {
        let now = self.revision;
        let (painted, own) = self.paint(entry)?;
        Some(painted.since(entry, own, revision, epoch != own || revision > now))
    }

    fn tabs(&self) -> Vec<TabItem> {
        let tab = self.stack.first().and_then(|entry| entry.face.tab());
        let Some(selected) = tab.filter(|_| self.stack.last().is_some_and(|top| top.face.has_tabs())) else {
            return Vec::new();
        };
        [
            (Tab::Home, "tab-home", Icon::Home),
            (Tab::Passes, "tab-passes", Icon::Pass),
            (Tab::Me, "tab-me", Icon::Person),
        ]
        .map(|(tab, label, icon)| TabItem { tab, label: self.shared.say(label), icon, selected: tab == selected })
        .into()
    }

    fn banners(&self) -> Vec<Banner> {
        let mut banners = Vec::new();
        if self.shared.account.as_ref().is_some_and(|account| account.lapsed) {
            let text = self.shared.say("login-lapsed");
            banners.push(Banner { key: "lapsed".to_owned(), severity: Severity::Warn, text });
        }
        banners
    }

    /// The frame around the screens.
    pub(crate) fn frame(&self) -> Frame {
        let sheet = self.sheets.front();
        let language = self.shared.messages.language();
        Frame {
            epoch: self.epoch.clone(),
            revision: self.revision,
            applied: self.applied,
            language: language.tag().to_owned(),
            right_to_left: language.is_right_to_left(),
            elder: self.shared.settings.elder,
            scheme: self.shared.settings.scheme,
            back: self.shared.say("back"),
            tabs: self.tabs(),
            stack: self.stack.iter().map(Entry::id).collect(),
            sheet: sheet.map(|own| Sheet { entry: own.id(), grants: own.face.grants() }),
            banners: self.banners(),
            notice: self.passing.clone(),
        }
    }
}

/// Something of the app's that is to be kept.
pub(crate) struct Save {
    client: Arc<Client>,
    owner: AppRecordOwner,
    /// The account that it is of, if it is an account's; none for nobody.
    account: Option<String>,
    name: &'static str,
    record: String,
}

impl Save {
    /// Keeps it, if the account in use is still the one that it is of.
    pub(crate) async fn keep(self) {
        let Self { client, owner, account, name, record } = self;
        if owner == AppRecordOwner::Account {
            let now = client.account().await.map(|now| now.map(|now| now.id));
            if !now.is_ok_and(|now| now == account) {
                return;
            }
        }
        if let Err(error) = client.keep_app_record(owner, name, Some(record)).await {
            tracing::warn!(%error, name, "the app's own record was not kept");
        }
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
