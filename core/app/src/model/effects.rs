//! What the platform is asked to do, and who waits for it.

use onecity_core::platform::Photo;
use tokio::sync::oneshot;

use super::{MAX_OUTSTANDING, Model};
use crate::effect::{Act, Effect, Outcome};
use crate::screens::{KeptPhoto, links};

/// Largest photo that is kept, in bytes: what a page may hand in.
const MAX_PHOTO: usize = 20 << 20;

/// Who waits for an effect's outcome.
pub(super) enum Waiter {
    /// A screen, which knows it under this name.
    Screen(u64, &'static str),
    /// A page of a service, or the client.
    Port(oneshot::Sender<Outcome>),
}

impl Model {
    pub(super) fn effect(&mut self, act: Act, waiter: Option<Waiter>) {
        let number = self.number();
        let id = format!("{}-{number}", self.epoch);
        if let Some(waiter) = waiter.filter(|_| act.has_outcome()) {
            if self.outstanding.len() >= MAX_OUTSTANDING {
                self.outstanding.pop_front();
            }
            self.outstanding.push_back((id.clone(), waiter));
        }
        self.effects.push(Effect { id, act });
    }

    /// Has the platform do something for a page, which waits for the outcome.
    pub(crate) fn effect_for_port(&mut self, act: Act, answer: oneshot::Sender<Outcome>) {
        self.effect(act, Some(Waiter::Port(answer)));
    }

    pub(super) fn done(&mut self, id: &str, outcome: Outcome) {
        let at = self.outstanding.iter().position(|(own, _)| own == id);
        match at.and_then(|at| self.outstanding.remove(at)).map(|(_, waiter)| waiter) {
            Some(Waiter::Screen(number, what)) => {
                let is_there = self.stack.iter().chain(&self.sheets).any(|entry| entry.number == number);
                if is_there {
                    self.with(number, |face, cx| face.done(what, outcome, cx));
                } else {
                    self.left_over(outcome);
                }
            }
            Some(Waiter::Port(answer)) => {
                if matches!(outcome, Outcome::Photo { .. }) {
                    // Instead of one that was kept.
                    self.shared.photo = None;
                }
                let _ = answer.send(outcome);
            }
            None => self.left_over(outcome),
        }
    }

    /// Has a photo taken for a page; one that is left over from before is offered first.
    pub(crate) fn photo_for_port(&mut self, answer: oneshot::Sender<Outcome>) {
        if self.shared.photo.is_some() {
            let top = self.stack.last().map(|entry| entry.id());
            let asker = top.and_then(|top| self.screen(&top)).map(|screen| screen.head.title);
            self.add_sheet(Box::new(KeptPhoto::new(answer, asker.unwrap_or_default())));
        } else {
            self.effect_for_port(Act::Photo, answer);
        }
    }

    /// The outcome of what was begun before the app was ended: an address is opened like any link, so that a login goes on; a
    /// photo is kept for the page that asks next.
    pub(super) fn left_over(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Text { text } => links::open(self, &text),
            Outcome::Photo { name, media_type, bytes } if bytes.len() <= MAX_PHOTO => {
                self.shared.photo = Some(Photo { name, media_type, bytes });
                self.say(self.shared.say("photo-kept"));
            }
            _ => {}
        }
    }
}
