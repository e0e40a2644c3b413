//! Why the app is about to use what the platform asks the resident for: said once, before the platform asks.

use crate::block::Role;
use crate::effect::{Act, Outcome};
use crate::face::{Command, Cx, Face};
use crate::page::Page;
use crate::route::Route;
use crate::shared::{Explained, Shared};

/// What a use of the platform is for.
pub(crate) struct Permit {
    act: Act,
    /// The screen that wants it, and its name for it.
    wanted_by: u64,
    what: &'static str,
    answered: bool,
}

impl Permit {
    pub(crate) fn new(act: Act, wanted_by: u64, what: &'static str) -> Self {
        Self { act, wanted_by, what, answered: false }
    }
}

/// Whether a use was explained, if it has to be.
pub(crate) fn explained<'a>(act: &Act, all: &'a mut Explained) -> Option<&'a mut bool> {
    match act {
        Act::Scan => Some(&mut all.scan),
        Act::Locate => Some(&mut all.locate),
        _ => None,
    }
}

impl Face for Permit {
    fn route(&self) -> Option<Route> {
        None
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        let (title, text) = match self.act {
            Act::Locate => ("permit-locate-title", "permit-locate"),
            _ => ("permit-scan-title", "permit-scan"),
        };
        page.head.title = shared.say(title);
        page.text("what", shared.say(text));
        page.quiet("next", shared.say("permit-next"));
        page.button("go-on", Role::Primary, shared.say("go-on"));
        page.button("close", Role::Plain, shared.say("not-now"));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match key {
            "go-on" => {
                self.answered = true;
                if let Some(explained) = explained(&self.act, &mut cx.shared.settings.explained) {
                    *explained = true;
                }
                cx.save_settings();
                cx.commands.push(Command::EffectFor(self.wanted_by, self.act.clone(), self.what));
            }
            "close" => {}
            _ => return,
        }
        cx.close();
    }

    fn closed(&mut self, cx: &mut Cx<'_>) {
        if !self.answered {
            cx.commands.push(Command::Outcome(self.wanted_by, self.what, Outcome::Cancelled));
        }
    }
}
