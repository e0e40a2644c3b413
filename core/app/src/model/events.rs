//! What each event does. An event is judged by what is on the screen: what is no longer there does nothing.

use onecity_core::Topic;

use super::Model;
use crate::block::Kind;
use crate::effect::Act;
use crate::event::Event;
use crate::face::WebNews;
use crate::frame::Tab;
use crate::screens::links;

impl Model {
    pub(super) fn event(&mut self, event: Event) {
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
    pub(super) fn touch(&mut self, number: u64, event: Event) {
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
    pub(super) fn can_tap(&mut self, number: u64, key: &str) -> bool {
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

    pub(super) fn can_choose(&mut self, number: u64, key: &str, option: &str) -> bool {
        let Some(screen) = self.screen(&number.to_string()) else { return false };
        screen.blocks.iter().filter(|block| block.key == key).any(|block| match &block.kind {
            Kind::Choice { options, .. } => options.iter().any(|own| own.id == option),
            Kind::Toggle { .. } => ["on", "off"].contains(&option),
            _ => false,
        })
    }

    pub(super) fn back(&mut self) {
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
    pub(super) fn active(&self) -> Option<u64> {
        self.sheets.front().or(self.stack.last()).map(|entry| entry.number)
    }
}
