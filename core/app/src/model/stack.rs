//! The stack of screens, and the sheets above it.

use super::{Entry, MAX_SHEETS, MAX_STACK, Model};
use crate::face::Face;
use crate::frame::Tab;
use crate::page::Painted;
use crate::screens::{Home, Me, Passes};

impl Model {
    /// Puts these screens in place of all there are.
    pub(crate) fn restart(&mut self, faces: Vec<Box<dyn Face>>) {
        self.close_sheets();
        self.pop_to(0);
        for face in faces {
            self.push(face);
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

    pub(super) fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    pub(super) fn close_sheets(&mut self) {
        while self.sheets.front().is_some() {
            self.close_sheet();
        }
    }

    pub(super) fn close_sheet(&mut self) {
        let Some(number) = self.sheets.front().map(|sheet| sheet.number) else { return };
        self.with(number, |face, cx| face.closed(cx));
        self.sheets.retain(|sheet| sheet.number != number);
    }

    /// Takes an entry away; what lies above it stays.
    pub(crate) fn close(&mut self, number: u64) {
        self.close_quietly(number);
        self.show_top();
    }

    pub(super) fn close_quietly(&mut self, number: u64) {
        if self.stack.last().is_some_and(|top| top.number == number) {
            self.pop_to(self.stack.len() - 1);
        } else if self.stack.iter().any(|entry| entry.number == number) {
            // What the resident has gone on to stays.
            self.with(number, |face, cx| face.closed(cx));
            self.stack.retain(|entry| entry.number != number);
            self.moved = true;
        } else if self.sheets.iter().any(|sheet| sheet.number == number) {
            self.with(number, |face, cx| face.closed(cx));
            self.sheets.retain(|sheet| sheet.number != number);
        }
    }

    pub(super) fn pop_to(&mut self, length: usize) {
        while self.stack.len() > length {
            let Some(number) = self.stack.last().map(|entry| entry.number) else { return };
            self.with(number, |face, cx| face.closed(cx));
            self.stack.retain(|entry| entry.number != number);
            self.moved = true;
        }
    }

    pub(super) fn show_top(&mut self) {
        if let Some(number) = self.stack.last().map(|entry| entry.number) {
            self.with(number, |face, cx| face.shown(cx));
        }
    }

    pub(crate) fn reset(&mut self, tab: Tab) {
        if self.stack.first().is_some_and(|entry| entry.face.tab() == Some(tab)) {
            self.pop_to(1);
            self.show_top();
        } else {
            self.restart(vec![first_of(tab)]);
        }
    }
}

/// The first screen of a tab.
pub(super) fn first_of(tab: Tab) -> Box<dyn Face> {
    match tab {
        Tab::Home => Box::new(Home::default()),
        Tab::Passes => Box::new(Passes::default()),
        Tab::Me => Box::new(Me::default()),
    }
}
