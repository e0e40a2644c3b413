//! A screen as it is put together, and what changed of it since it was read last.

use std::collections::{HashMap, HashSet};

use crate::block::{Action, Block, Changes, Choosable, Fact, Head, Kind, Role, Screen, Severity, Tone};
use crate::icon::Icon;

/// Longest text of a block, in characters; a publisher's words are shorter already.
const MAX_TEXT: usize = 4000;

/// A screen that is being put together.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub head: Head,
    parts: Vec<(String, Option<String>, Kind)>,
    group: Option<String>,
}

/// A row, most of which have little of it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Row {
    pub title: String,
    pub detail: Option<String>,
    pub value: Option<String>,
    pub icon: Option<Icon>,
    pub image: Option<String>,
    pub chosen: Option<bool>,
    /// A row that does nothing.
    pub still: bool,
}

impl Row {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub(crate) fn value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }

    pub(crate) fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    pub(crate) fn image(mut self, image: Option<String>) -> Self {
        self.image = image;
        self
    }

    pub(crate) fn chosen(mut self, chosen: bool) -> Self {
        self.chosen = Some(chosen);
        self
    }

    pub(crate) fn still(mut self) -> Self {
        self.still = true;
        self
    }
}

impl Page {
    /// Adds a part under a key that no other part has.
    pub(crate) fn add(&mut self, key: impl Into<String>, kind: Kind) {
        self.group = None;
        self.parts.push((key.into(), None, kind));
    }

    pub(crate) fn heading(&mut self, key: &str, text: String) {
        self.add(key, Kind::Heading { text });
    }

    pub(crate) fn text(&mut self, key: &str, text: String) {
        self.add(key, Kind::Text { text: bounded(text), tone: Tone::Body });
    }

    pub(crate) fn quiet(&mut self, key: &str, text: String) {
        self.add(key, Kind::Text { text: bounded(text), tone: Tone::Quiet });
    }

    pub(crate) fn notice(&mut self, key: &str, severity: Severity, text: String, actions: Vec<Action>) {
        self.add(key, Kind::Notice { severity, text: bounded(text), actions });
    }

    pub(crate) fn button(&mut self, key: &str, role: Role, label: String) {
        self.add(key, Kind::Button { label, role, busy: false, disabled: None });
    }

    /// A button whose act is under way, or can't begin and says why.
    pub(crate) fn button_if(&mut self, key: &str, role: Role, label: String, busy: bool, disabled: Option<String>) {
        self.add(key, Kind::Button { label, role, busy, disabled });
    }

    /// Begins a group of rows.
    pub(crate) fn list(&mut self, key: &str, label: String) {
        self.add(key, Kind::Rows { label });
        self.group = Some(key.to_owned());
    }

    /// A row of the group that was begun last.
    pub(crate) fn row(&mut self, key: impl Into<String>, row: Row) {
        let Row { title, detail, value, icon, image, chosen, still } = row;
        let kind = Kind::Row { title, detail, value, icon, image, chosen, active: !still };
        self.parts.push((key.into(), self.group.clone(), kind));
    }

    /// Begins a group of tiles.
    pub(crate) fn tiles(&mut self, key: &str, label: String, movable: bool) {
        self.add(key, Kind::Tiles { label, movable });
        self.group = Some(key.to_owned());
    }

    /// A tile of the group that was begun last.
    pub(crate) fn tile(&mut self, key: String, kind: Kind) {
        self.parts.push((key, self.group.clone(), kind));
    }

    pub(crate) fn choice(&mut self, key: &str, label: String, options: Vec<Choosable>) {
        self.add(key, Kind::Choice { label, options });
    }

    pub(crate) fn toggle(&mut self, key: &str, label: String, detail: Option<String>, on: bool) {
        self.add(key, Kind::Toggle { label, detail, on });
    }

    pub(crate) fn facts(&mut self, key: &str, facts: impl IntoIterator<Item = (String, String)>) {
        let facts = facts.into_iter().map(|(label, value)| Fact { label, value }).collect();
        self.add(key, Kind::Facts { facts });
    }

    pub(crate) fn progress(&mut self, key: &str, label: String, part: Option<f32>) {
        self.add(key, Kind::Progress { label, part });
    }
}

fn bounded(text: String) -> String {
    if text.chars().nth(MAX_TEXT).is_none() { text } else { text.chars().take(MAX_TEXT).chain(['…']).collect() }
}

/// A screen as it was read last, with the revision that changed each part.
#[derive(Debug, Default)]
pub(crate) struct Painted {
    at: u64,
    head: Head,
    head_changed: u64,
    order_changed: u64,
    blocks: Vec<Block>,
    is_painted: bool,
}

impl Painted {
    /// Whether it shows this revision already.
    pub(crate) fn is_of(&self, revision: u64) -> bool {
        self.is_painted && self.at == revision
    }

    /// Takes a page in that shows this revision.
    pub(crate) fn paint(&mut self, page: Page, revision: u64) {
        debug_assert!(
            page.parts.iter().map(|(key, ..)| key).collect::<HashSet<_>>().len() == page.parts.len(),
            "two blocks with one key: {:?}",
            page.parts.iter().map(|(key, ..)| key).collect::<Vec<_>>()
        );
        if page.head != self.head || !self.is_painted {
            self.head = page.head;
            self.head_changed = revision;
        }
        let same_order = self.blocks.iter().map(|own| &own.key).eq(page.parts.iter().map(|(key, ..)| key));
        if !same_order {
            self.order_changed = revision;
        }
        let mut known: HashMap<String, Block> =
            std::mem::take(&mut self.blocks).into_iter().map(|block| (block.key.clone(), block)).collect();
        let parts = page.parts.into_iter();
        self.blocks = parts
            .map(|(key, of, kind)| match known.remove(&key) {
                Some(block) if block.kind == kind && block.of == of => block,
                _ => Block { key, revision, of, kind },
            })
            .collect();
        (self.at, self.is_painted) = (revision, true);
    }

    /// All of it.
    pub(crate) fn screen(&self, entry: &str, epoch: &str) -> Screen {
        let newest = self.blocks.iter().map(|block| block.revision);
        let revision = newest.chain([self.head_changed, self.order_changed]).max().unwrap_or_default();
        Screen {
            entry: entry.to_owned(),
            epoch: epoch.to_owned(),
            revision,
            head: self.head.clone(),
            blocks: self.blocks.clone(),
        }
    }

    /// What a shell needs that has read the screen at a revision.
    pub(crate) fn since(&self, entry: &str, epoch: &str, revision: u64, whole: bool) -> Changes {
        let since = if whole { 0 } else { revision };
        let newer = |changed: u64| whole || changed > since;
        Changes {
            entry: entry.to_owned(),
            epoch: epoch.to_owned(),
            revision: self.at,
            whole,
            head: newer(self.head_changed).then(|| self.head.clone()),
            order: newer(self.order_changed).then(|| self.blocks.iter().map(|own| own.key.clone()).collect()),
            blocks: self.blocks.iter().filter(|own| newer(own.revision)).cloned().collect(),
        }
    }
}
