//! Somebody with a phone: looks at its screens and touches what is on them, by what is written there.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

use onecity_app::{Act, Event, Kind, Outcome, Screen, Tab};
use onecity_core::QrPicture;

use super::app::AppPhone;
use super::client::{PhoneError, browse};
use crate::picture;
use crate::world::World;

/// How long a resident waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a resident waited for in vain, and what was on the screen instead.
#[derive(thiserror::Error)]
#[error("{wanted} was never seen; on the screen:\n{screen}")]
pub struct Unseen {
    wanted: String,
    screen: String,
}

impl std::fmt::Debug for Unseen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// Somebody with a phone.
pub struct Resident {
    phone: AppPhone,
    /// As whom they log in, if the browser asks.
    persona: Option<&'static str>,
    /// What the camera sees next.
    scans: VecDeque<String>,
    /// Where they stand.
    place: Option<(f64, f64)>,
    /// What the camera takes next; without one, the resident goes back from it.
    photos: VecDeque<Outcome>,
    /// What the platform did for them.
    did: Vec<Act>,
    /// Edits of fields so far.
    edits: u64,
}

/// What can be touched, or read, with the key to touch it by.
struct Part {
    label: String,
    key: String,
    entry: String,
    touch: Touch,
}

enum Touch {
    Tap,
    Choose(String),
    Field,
}

impl Resident {
    /// Somebody with a new phone that speaks these languages.
    pub fn new(world: &World, languages: &[&str]) -> Result<Self, PhoneError> {
        Ok(Self::with(AppPhone::new(world, languages)?))
    }

    /// The same with a name that the world's servers are told.
    pub(crate) fn named(world: &World, name: &str, languages: &[&str]) -> Result<Self, PhoneError> {
        Ok(Self::with(AppPhone::named(world, Some(name), languages)?))
    }

    fn with(phone: AppPhone) -> Self {
        Self {
            phone,
            persona: None,
            scans: VecDeque::new(),
            place: None,
            photos: VecDeque::new(),
            did: Vec::new(),
            edits: 0,
        }
    }

    /// The phone.
    pub fn phone(&self) -> &AppPhone {
        &self.phone
    }

    /// Logs in as this persona whenever the browser asks; as nobody, goes back from the browser.
    pub fn is(&mut self, persona: Option<&'static str>) {
        self.persona = persona;
    }

    /// Holds the camera to this next.
    pub fn will_scan(&mut self, text: &str) {
        self.scans.push_back(text.to_owned());
    }

    /// Scans from home; the first time, the app says before what the camera is for.
    pub async fn scans(&mut self) -> Result<(), Unseen> {
        let scan = |me: &Self| {
            let icon = Some(onecity_app::Icon::Scan);
            let head = me.screen()?.head;
            head.actions.into_iter().find(|action| action.icon == icon).map(|action| action.key)
        };
        let key = self.until("a way to scan", scan).await?;
        let entry = self.entry();
        self.send(Event::Tap { entry: entry.clone(), key }).await;
        let screen = self.screen().filter(|screen| screen.entry != entry);
        let explained = screen.and_then(|screen| {
            let primary = |kind: &Kind| matches!(kind, Kind::Button { role: onecity_app::Role::Primary, .. });
            let button = screen.blocks.into_iter().find(|block| block.key == "go-on" && primary(&block.kind))?;
            Some((screen.entry, button.key))
        });
        if let Some((entry, key)) = explained {
            self.send(Event::Tap { entry, key }).await;
        }
        Ok(())
    }

    /// Stands here, and lets the phone know.
    pub fn stands_at(&mut self, latitude: f64, longitude: f64) {
        self.place = Some((latitude, longitude));
    }

    /// Takes this photo next.
    pub fn will_photograph(&mut self, name: &str, media_type: &str, bytes: Vec<u8>) {
        self.photos.push_back(Outcome::Photo { name: name.to_owned(), media_type: media_type.to_owned(), bytes });
    }

    /// What the platform did for them since they last looked.
    pub fn did(&mut self) -> Vec<Act> {
        std::mem::take(&mut self.did)
    }

    /// The entry that is on the screen: the sheet, or the top of the stack.
    pub fn entry(&self) -> String {
        let frame = self.phone.app().frame();
        frame.sheet.map(|sheet| sheet.entry).or_else(|| frame.stack.last().cloned()).unwrap_or_default()
    }

    /// What is on the screen.
    pub fn screen(&self) -> Option<Screen> {
        self.phone.app().screen(&self.entry())
    }

    /// All that is written on the screen, a line each.
    pub fn reads(&self) -> String {
        let frame = self.phone.app().frame();
        let mut text = String::new();
        let mut line = |said: &str| writeln!(text, "{said}").expect("a string takes everything");
        frame.banners.iter().for_each(|banner| line(&banner.text));
        frame.notice.iter().for_each(|notice| line(&notice.text));
        if let Some(screen) = self.screen() {
            line(&screen.head.title);
            screen.head.detail.iter().for_each(|detail| line(detail));
            screen.head.title_action.iter().chain(&screen.head.actions).for_each(|action| line(&action.label));
            for block in &screen.blocks {
                written(&block.kind).iter().for_each(|said| line(said));
            }
        }
        frame.tabs.iter().for_each(|tab| line(&tab.label));
        text
    }

    /// Waits until something is written on the screen.
    pub async fn sees(&mut self, text: &str) -> Result<(), Unseen> {
        self.until(text, |me| me.reads().lines().any(|line| line.contains(text)).then_some(())).await
    }

    /// Waits until something is no longer written on the screen.
    pub async fn sees_no_more(&mut self, text: &str) -> Result<(), Unseen> {
        self.until(&format!("the end of {text}"), |me| (!me.reads().contains(text)).then_some(())).await
    }

    /// Waits until the screen is as it is wanted.
    pub async fn sees_that(&mut self, what: &str, holds: impl Fn(&Screen) -> bool) -> Result<(), Unseen> {
        self.until(what, |me| me.screen().filter(|screen| holds(screen)).map(drop)).await
    }

    /// Waits until the platform has done something for them.
    pub async fn has_it_done(&mut self, act: &Act) -> Result<(), Unseen> {
        self.until(&format!("{act:?}"), |me| me.did.contains(act).then_some(())).await
    }

    /// Touches what has this written on it, as soon as it is there. What is written in full goes before what is a part.
    pub async fn tap(&mut self, label: &str) -> Result<(), Unseen> {
        let part = self.until(label, |me| me.part(label, |touch| !matches!(touch, Touch::Field))).await?;
        let Part { key, entry, touch, .. } = part;
        match touch {
            Touch::Choose(option) => self.send(Event::Choose { entry, key, option }).await,
            _ => self.send(Event::Tap { entry, key }).await,
        }
        Ok(())
    }

    /// Touches what has this key, as soon as it is there.
    pub async fn taps_key(&mut self, key: &str) -> Result<(), Unseen> {
        let there = |me: &Self| me.parts().into_iter().find(|part| part.key == key).map(|part| part.entry);
        let entry = self.until(key, there).await?;
        self.send(Event::Tap { entry, key: key.to_owned() }).await;
        Ok(())
    }

    /// Types into a field.
    pub async fn types(&mut self, label: &str, text: &str) -> Result<(), Unseen> {
        let Part { key, entry, .. } =
            self.until(label, |me| me.part(label, |touch| matches!(touch, Touch::Field))).await?;
        self.edits += 1;
        let edit = self.edits;
        self.send(Event::Input { entry, key, text: text.to_owned(), edit, composing: false }).await;
        Ok(())
    }

    /// Chooses a tab.
    pub async fn goes_to(&mut self, tab: Tab) {
        self.send(Event::Tab { tab }).await;
    }

    /// Goes back.
    pub async fn back(&mut self) {
        self.send(Event::Back).await;
    }

    /// Puts the sheet away.
    pub async fn dismisses(&mut self) {
        let entry = self.entry();
        self.send(Event::Dismissed { entry }).await;
    }

    /// Has no network from now on.
    pub async fn goes_offline(&mut self) {
        self.send(Event::Network { online: false }).await;
    }

    /// Has a network again.
    pub async fn goes_online(&mut self) {
        self.send(Event::Network { online: true }).await;
    }

    /// Sends an event, and waits until it was applied.
    pub async fn send(&mut self, event: Event) {
        let mut happened = self.phone.happened();
        let before = self.phone.app().frame().applied;
        self.phone.app().send(event);
        let applied = async {
            while self.phone.app().frame().applied == before {
                if happened.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(PATIENCE, applied).await;
        self.lets_the_platform_work().await;
    }

    /// Ends the app's process, as the system may at any moment, and opens the app again.
    pub async fn restarts(&mut self) {
        self.phone.restart().await;
    }

    /// The same, with something done to the folder of the app's files between.
    pub async fn restarts_after(&mut self, done: impl FnOnce(&std::path::Path)) {
        self.phone.restart_after(done).await;
    }

    /// What the code on the screen says, read as a gate's camera does.
    pub async fn holds_the_code_to_a_gate(&mut self) -> Result<String, Unseen> {
        let drawn = |me: &Self| {
            let screen = me.screen()?;
            screen.blocks.iter().find_map(|block| match &block.kind {
                Kind::Code { modules: Some(modules), .. } => {
                    Some(QrPicture { width: modules.width, modules: hex::decode(&modules.bits).ok()? })
                }
                _ => None,
            })
        };
        let code = self.until("a code", drawn).await?;
        let read = picture::png(&code, 4).and_then(|png| picture::read(&png));
        read.map_err(|error| self.unseen(&format!("a code that can be read ({error})")))
    }

    /// A call of the page that is on the screen, as JSON, and its answer.
    pub async fn page_calls(&mut self, call: &str) -> Result<String, Unseen> {
        let has_page = |me: &Self| me.screen()?.head.web.map(|_| me.entry());
        let entry = self.until("a page", has_page).await?;
        match tokio::time::timeout(PATIENCE, self.phone.app().bridge(&entry, call)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.unseen(&format!("an answer to {call} ({error})"))),
            Err(_) => Err(self.unseen(&format!("an answer to {call}"))),
        }
    }

    /// The same while the resident answers what is asked meanwhile: the touches are made as what they name appears.
    pub async fn page_calls_and(&mut self, call: &str, touches: &[&str]) -> Result<String, Unseen> {
        let has_page = |me: &Self| me.screen()?.head.web.map(|_| me.entry());
        let entry = self.until("a page", has_page).await?;
        let app = std::sync::Arc::clone(self.phone.app());
        let asked = call.to_owned();
        let mut calling = tokio::spawn(async move { app.bridge(&entry, &asked).await });
        for touch in touches {
            self.tap(touch).await?;
        }
        let mut happened = self.phone.happened();
        let answering = async {
            loop {
                self.lets_the_platform_work().await;
                tokio::select! {
                    answer = &mut calling => break answer,
                    _ = happened.changed() => {}
                }
            }
        };
        match tokio::time::timeout(PATIENCE, answering).await {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(error))) => Err(self.unseen(&format!("an answer to {call} ({error})"))),
            Ok(Err(error)) => Err(self.unseen(&format!("an answer to {call} ({error})"))),
            Err(_) => Err(self.unseen(&format!("an answer to {call}"))),
        }
    }

    fn unseen(&self, wanted: &str) -> Unseen {
        Unseen { wanted: wanted.to_owned(), screen: self.reads() }
    }

    /// Waits until something is there, looking again whenever something has happened on the phone.
    async fn until<T>(&mut self, wanted: &str, look: impl Fn(&Self) -> Option<T>) -> Result<T, Unseen> {
        let mut happened = self.phone.happened();
        let waiting = async {
            loop {
                self.lets_the_platform_work().await;
                happened.mark_unchanged();
                if let Some(found) = look(self) {
                    return Some(found);
                }
                if happened.changed().await.is_err() {
                    return None;
                }
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(Some(found)) => Ok(found),
            _ => Err(self.unseen(wanted)),
        }
    }

    fn part(&self, label: &str, wanted: impl Fn(&Touch) -> bool) -> Option<Part> {
        let parts: Vec<Part> = self.parts().into_iter().filter(|part| wanted(&part.touch)).collect();
        let whole = parts.iter().position(|part| part.label == label);
        let found = whole.or_else(|| parts.iter().position(|part| part.label.contains(label)))?;
        parts.into_iter().nth(found)
    }

    fn parts(&self) -> Vec<Part> {
        let entry = self.entry();
        let Some(screen) = self.phone.app().screen(&entry) else { return Vec::new() };
        let mut parts = Vec::new();
        let mut add = |label: &str, key: &str, touch| {
            parts.push(Part { label: label.to_owned(), key: key.to_owned(), entry: entry.clone(), touch });
        };
        for action in screen.head.title_action.iter().chain(&screen.head.actions) {
            add(&action.label, &action.key, Touch::Tap);
        }
        for block in &screen.blocks {
            match &block.kind {
                Kind::Button { label, busy: false, disabled: None, .. } => add(label, &block.key, Touch::Tap),
                Kind::Row { title, active: true, .. } => add(title, &block.key, Touch::Tap),
                Kind::Tile { label, .. } => add(label, &block.key, Touch::Tap),
                Kind::Notice { actions, .. } => {
                    actions.iter().for_each(|action| add(&action.label, &action.key, Touch::Tap));
                }
                Kind::Empty { action: Some(action), .. } => add(&action.label, &action.key, Touch::Tap),
                Kind::Choice { options, .. } => {
                    for option in options {
                        add(&option.label, &block.key, Touch::Choose(option.id.clone()));
                    }
                }
                Kind::Toggle { label, on, .. } => {
                    add(label, &block.key, Touch::Choose(if *on { "off" } else { "on" }.to_owned()));
                }
                Kind::Field { label, .. } => add(label, &block.key, Touch::Field),
                _ => {}
            }
        }
        parts
    }

    /// What the platform is asked to do, is done.
    async fn lets_the_platform_work(&mut self) {
        for effect in self.phone.take_effects() {
            let outcome = match &effect.act {
                Act::Browse { url } => match self.persona {
                    Some(persona) => match browse(url, persona).await {
                        Ok(text) => Outcome::Text { text },
                        Err(_) => Outcome::Cancelled,
                    },
                    None => Outcome::Cancelled,
                },
                Act::Scan => self.scans.pop_front().map_or(Outcome::Cancelled, |text| Outcome::Text { text }),
                Act::Locate => match self.place {
                    Some((latitude, longitude)) => Outcome::Position { latitude, longitude, accuracy: 10.0 },
                    None => Outcome::Denied,
                },
                Act::Photo => self.photos.pop_front().unwrap_or(Outcome::Cancelled),
                _ => Outcome::Done,
            };
            self.did.push(effect.act);
            self.phone.app().send(Event::Done { id: effect.id, outcome });
        }
    }
}

/// What is written on a part of a screen.
fn written(kind: &Kind) -> Vec<String> {
    let labels =
        |actions: &[onecity_app::Action]| actions.iter().map(|action| action.label.clone()).collect::<Vec<_>>();
    match kind {
        Kind::Heading { text } | Kind::Text { text, .. } => vec![text.clone()],
        Kind::Notice { text, actions, .. } => [vec![text.clone()], labels(actions)].concat(),
        Kind::Tiles { label, .. } | Kind::Rows { label } | Kind::Progress { label, .. } => vec![label.clone()],
        Kind::Tile { label, mark, disabled, .. } => {
            [label.clone()].into_iter().chain(mark.clone()).chain(disabled.clone()).collect()
        }
        Kind::Row { title, detail, value, .. } => {
            [title.clone()].into_iter().chain(detail.clone()).chain(value.clone()).collect()
        }
        Kind::Field { label, text, error, .. } => {
            [label.clone(), text.text.clone()].into_iter().chain(error.clone()).collect()
        }
        Kind::Choice { label, options } => {
            [label.clone()].into_iter().chain(options.iter().map(|option| option.label.clone())).collect()
        }
        Kind::Toggle { label, detail, .. } => [label.clone()].into_iter().chain(detail.clone()).collect(),
        Kind::Button { label, disabled, .. } => [label.clone()].into_iter().chain(disabled.clone()).collect(),
        Kind::Facts { facts } => facts.iter().map(|fact| format!("{}: {}", fact.label, fact.value)).collect(),
        Kind::Code { label, holder, .. } => vec![label.clone(), holder.clone()],
        Kind::Empty { text, action, .. } => {
            [text.clone()].into_iter().chain(action.iter().map(|action| action.label.clone())).collect()
        }
        Kind::Waiting => Vec::new(),
    }
}
