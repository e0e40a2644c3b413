//! What the platform is asked to do, and who waits for it.

use tokio::sync::oneshot;

use super::{MAX_OUTSTANDING, Model};
use crate::effect::{Act, Effect, Outcome};
use crate::screens::links;

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

    pub(super) fn done(&mut self, id: &str, outcome: Outcome) {
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
    pub(super) fn left_over(&mut self, outcome: Outcome) {
        if let Outcome::Text { text } = outcome {
            links::open(self, &text);
        }
    }
}
