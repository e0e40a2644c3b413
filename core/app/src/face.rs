//! What every screen is: a state of its own that can be shown, touched, saved and filled by what the client answers.

use std::any::Any;
use std::sync::Arc;

use onecity_core::{Client, Topic};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::block::FieldText;
use crate::effect::{Act, Outcome};
use crate::frame::Tab;
use crate::page::Page;
use crate::route::Route;
use crate::screens::permit::{Permit, explained};
use crate::shared::Shared;

/// A screen or a sheet.
pub(crate) trait Face: Any + Send {
    /// How it is opened again after the app was ended; none for what is not.
    fn route(&self) -> Option<Route>;

    /// It has come on the stack.
    fn begin(&mut self, _cx: &mut Cx<'_>) {}

    /// It is on top again, or the app is on the screen again.
    fn shown(&mut self, _cx: &mut Cx<'_>) {}

    /// Another screen is above it, or the app is no longer on the screen.
    fn covered(&mut self, _cx: &mut Cx<'_>) {}

    /// Something that it may show has changed.
    fn changed(&mut self, _topic: Topic, _cx: &mut Cx<'_>) {}

    /// What it shows now.
    fn view(&self, shared: &Shared, page: &mut Page);

    /// Something on it was touched.
    fn tap(&mut self, _key: &str, _cx: &mut Cx<'_>) {}

    /// An option was chosen.
    fn choose(&mut self, _key: &str, _option: &str, _cx: &mut Cx<'_>) {}

    /// A field of it, by its key.
    fn field(&mut self, _key: &str) -> Option<&mut Field> {
        None
    }

    /// The text of a field has changed.
    fn typed(&mut self, _key: &str, _cx: &mut Cx<'_>) {}

    /// The resident is through with a field.
    fn submit(&mut self, _key: &str, _cx: &mut Cx<'_>) {}

    /// A field has lost the focus: the time to set its text as it is usually written.
    fn blur(&mut self, _key: &str, _cx: &mut Cx<'_>) {}

    /// A tile was moved before another, or to the end.
    fn moved(&mut self, _key: &str, _before: Option<&str>, _cx: &mut Cx<'_>) {}

    /// The end of what is there is nearly in sight.
    fn near_end(&mut self, _cx: &mut Cx<'_>) {}

    /// The resident asks for news.
    fn refresh(&mut self, _cx: &mut Cx<'_>) {}

    /// What came of an effect that it asked for under this name.
    fn done(&mut self, _what: &str, _outcome: Outcome, _cx: &mut Cx<'_>) {}

    /// Goes back within itself; false if there is nothing to go back to.
    fn back(&mut self, _cx: &mut Cx<'_>) -> bool {
        false
    }

    /// What the web view says of its page, if it shows one.
    fn web(&mut self, _state: WebNews, _cx: &mut Cx<'_>) {}

    /// Its page can't go on until the resident has logged in, or has done so as strongly as this (OpenID Connect `acr`).
    fn needs_login(&mut self, _acr: Option<String>, _cx: &mut Cx<'_>) {}

    /// It leaves the stack. What it was asked and has not answered counts as refused.
    fn closed(&mut self, _cx: &mut Cx<'_>) {}

    /// Whether it grants something: see [`crate::Sheet`].
    fn grants(&self) -> bool {
        false
    }

    /// The tab that it is the first screen of.
    fn tab(&self) -> Option<Tab> {
        None
    }

    /// Whether the tabs stand below it.
    fn has_tabs(&self) -> bool {
        true
    }

    /// The session of a service that it shows.
    fn session(&self) -> Option<Arc<onecity_core::ServiceSession>> {
        None
    }
}

/// What a web view says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebNews {
    /// Whether its page can go back.
    CanGoBack(bool),
    /// Its process has ended.
    Gone,
}

/// A field that is filled in: the shell owns its text, and the app changes it only between two edits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Field {
    text: String,
    edit: u64,
    composing: bool,
}

/// Longest text that a field of the app's takes, in characters.
const MAX_FIELD: usize = 2000;

impl Field {
    /// A field with a text in it.
    pub(crate) fn with(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// Its text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// As a block has it.
    pub(crate) fn shown(&self) -> FieldText {
        FieldText { text: self.text.clone(), edit: self.edit }
    }

    /// Takes over what the shell has. Answers whether it is news: an edit that came before another is none.
    pub(crate) fn input(&mut self, text: &str, edit: u64, composing: bool) -> bool {
        if edit < self.edit {
            return false;
        }
        (self.edit, self.composing) = (edit, composing);
        let text: String = text.chars().filter(|c| !c.is_control()).take(MAX_FIELD).collect();
        let is_news = text != self.text;
        self.text = text;
        is_news
    }

    /// Whether an input method composes in it: its key for going on only ends that.
    pub(crate) fn is_composing(&self) -> bool {
        self.composing
    }

    /// Writes a text into it, unless an input method composes there.
    pub(crate) fn write(&mut self, text: String) {
        if !self.composing && text != self.text {
            self.text = text;
            self.edit += 1;
        }
    }
}

/// What a screen has the app do.
pub(crate) enum Command {
    /// Puts a screen on the stack.
    Push(Box<dyn Face>),
    /// Takes this screen off the stack.
    Close,
    /// Puts another in this one's place, if it is on top; takes this one away otherwise.
    Replace(Box<dyn Face>),
    /// Clears the stack down to a tab.
    Reset(Tab),
    /// Shows a sheet, after those that are there.
    Sheet(Box<dyn Face>),
    /// Has the platform do something, and gives the outcome to this screen under a name.
    Effect(Act, &'static str),
    /// The same for another screen.
    EffectFor(u64, Act, &'static str),
    /// The same for a page, which waits for the outcome.
    EffectForPort(Act, oneshot::Sender<Outcome>),
    /// Gives another screen the outcome of what it asked for.
    Outcome(u64, &'static str, Outcome),
    /// Says something once.
    Say(String),
    /// Starts work.
    Spawn(Work),
    /// Saves the phone's settings.
    SaveSettings,
    /// Saves what the account has of its own.
    SaveOwn,
    /// Asks the cities what became of what was handed in.
    News,
    /// Everything is read again: another account, or another language.
    Reload,
    /// Asks the client who is logged in.
    Who,
    /// The screen below a sheet looks again.
    Look,
    /// Opens the phone's files again, as the resident has decided.
    Open(crate::app::Repair),
}

/// Work whose end is told.
pub(crate) type Work = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is told to a screen that asked.
pub(crate) type Told = Box<dyn FnOnce(&mut dyn Face, &mut Cx<'_>) + Send>;

/// A message to the loop.
pub(crate) enum Message {
    /// From the shell.
    Event(crate::event::Event),
    /// An answer to a screen; if that is gone, the answer is dropped.
    Told(u64, Told),
    /// Something for the app itself.
    Own(Box<dyn FnOnce(&mut crate::model::Model) + Send>),
}

/// What a screen works with while it handles something.
pub(crate) struct Cx<'a> {
    /// What all screens share.
    pub shared: &'a mut Shared,
    /// The screen's own number.
    pub(crate) entry: u64,
    pub(crate) commands: &'a mut Vec<Command>,
}

impl Cx<'_> {
    /// Asks the client, and gives the answer to the screen if it is still there.
    pub(crate) fn ask<S: Face, T: Send + 'static, F>(
        &mut self,
        ask: impl FnOnce(Arc<Client>) -> F,
        then: impl FnOnce(&mut S, T, &mut Cx<'_>) + Send + 'static,
    ) where
        F: Future<Output = T> + Send + 'static,
    {
        let Some(client) = self.shared.client.clone() else { return };
        let (asking, sender) = (ask(client), self.sender::<S>());
        let work = async move {
            let answer = asking.await;
            sender.tell(move |screen, cx| then(screen, answer, cx));
        };
        self.commands.push(Command::Spawn(Box::pin(work)));
    }

    /// For what tells the screen something more than once.
    pub(crate) fn sender<S: Face>(&self) -> Sender<S> {
        Sender { entry: self.entry, to: self.shared.loopback.clone(), of: std::marker::PhantomData }
    }

    pub(crate) fn push(&mut self, face: impl Face) {
        self.commands.push(Command::Push(Box::new(face)));
    }

    pub(crate) fn replace(&mut self, face: impl Face) {
        self.commands.push(Command::Replace(Box::new(face)));
    }

    pub(crate) fn close(&mut self) {
        self.commands.push(Command::Close);
    }

    pub(crate) fn sheet(&mut self, face: impl Face) {
        self.commands.push(Command::Sheet(Box::new(face)));
    }

    pub(crate) fn effect(&mut self, act: Act, what: &'static str) {
        self.commands.push(Command::Effect(act, what));
    }

    /// Asks the cities what became of what was handed in.
    pub(crate) fn news(&mut self) {
        self.commands.push(Command::News);
    }

    /// The same with what the platform asks the resident for: the first time, the app says before what it is for.
    pub(crate) fn permitted_effect(&mut self, act: Act, what: &'static str) {
        match explained(&act, &mut self.shared.settings.explained) {
            Some(false) => self.sheet(Permit::new(act, self.entry, what)),
            _ => self.effect(act, what),
        }
    }

    pub(crate) fn say(&mut self, text: String) {
        self.commands.push(Command::Say(text));
    }

    pub(crate) fn reset(&mut self, tab: Tab) {
        self.commands.push(Command::Reset(tab));
    }

    pub(crate) fn save_settings(&mut self) {
        self.commands.push(Command::SaveSettings);
    }

    pub(crate) fn save_own(&mut self) {
        self.commands.push(Command::SaveOwn);
    }
}

/// Tells one screen something, as long as it is there.
pub(crate) struct Sender<S> {
    entry: u64,
    to: UnboundedSender<Message>,
    of: std::marker::PhantomData<fn(S)>,
}

impl<S> Clone for Sender<S> {
    fn clone(&self) -> Self {
        Self { entry: self.entry, to: self.to.clone(), of: std::marker::PhantomData }
    }
}

impl<S: Face> Sender<S> {
    pub(crate) fn tell(&self, what: impl FnOnce(&mut S, &mut Cx<'_>) + Send + 'static) {
        let told: Told = Box::new(move |face, cx| {
            if let Some(screen) = (face as &mut dyn Any).downcast_mut::<S>() {
                what(screen, cx);
            }
        });
        // The app is being closed otherwise.
        let _ = self.to.send(Message::Told(self.entry, told));
    }
}
