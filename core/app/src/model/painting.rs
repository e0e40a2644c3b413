//! What a shell reads: the frame, a screen, and what has changed on it.

use super::{Entry, Model};
use crate::block::{Changes, Screen, Severity};
use crate::frame::{Banner, Frame, Sheet, Tab, TabItem};
use crate::icon::Icon;
use crate::page::{Page, Painted};

impl Model {
    pub(super) fn paint(&mut self, entry: &str) -> Option<(&Painted, &str)> {
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

    pub(super) fn tabs(&self) -> Vec<TabItem> {
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

    pub(super) fn banners(&self) -> Vec<Banner> {
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
