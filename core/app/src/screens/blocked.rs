//! What stands in the way of everything: files that are being opened, or can't be.

use onecity_core::{Error, Refusal};

use crate::app::Repair;
use crate::block::{Kind, Role, Severity};
use crate::effect::Act;
use crate::error::advice;
use crate::face::{Command, Cx, Face};
use crate::page::Page;
use crate::route::Route;
use crate::shared::Shared;

/// While the phone's files are opened.
pub(crate) struct Opening;

impl Face for Opening {
    fn route(&self) -> Option<Route> {
        None
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("app-name");
        page.add("waiting", Kind::Waiting);
    }
}

/// Why the phone's files can't be opened, and what to do.
pub(crate) struct Blocked {
    error: Error,
    /// What would be lost is asked about before it is done.
    is_sure: bool,
}

impl Blocked {
    pub(crate) fn new(error: Error) -> Self {
        Self { error, is_sure: false }
    }
}

impl Face for Blocked {
    fn route(&self) -> Option<Route> {
        None
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        let says = |id: &str| shared.say(id);
        let (title, text, decides) = match &self.error {
            Error::KeyInvalidated => ("blocked-key-title", says("blocked-key"), true),
            Error::Refused { reason: Refusal::VaultDamaged, .. } => {
                ("blocked-damaged-title", says("blocked-damaged"), true)
            }
            Error::Refused { reason: Refusal::InUse, .. } => ("blocked-in-use-title", says("blocked-in-use"), false),
            Error::Refused { reason: Refusal::StorageFull, .. } => ("blocked-full-title", says("blocked-full"), false),
            Error::StoreTooNew => ("blocked-too-new-title", says("blocked-too-new"), false),
            Error::Unavailable { .. } => ("blocked-locked-title", says("blocked-locked"), false),
            other => ("blocked-title", advice(shared, other), false),
        };
        page.head.title = shared.say(title);
        page.notice("why", Severity::Severe, text, Vec::new());
        if decides && self.is_sure {
            page.text("sure", shared.say("blocked-sure"));
            page.button("quarantine", Role::Destructive, shared.say("blocked-go-on-without"));
            page.button("unsure", Role::Plain, shared.say("cancel"));
            return;
        }
        if matches!(self.error, Error::StoreTooNew) {
            page.button("update", Role::Primary, shared.say("update-app"));
        }
        page.button("again", Role::Primary, shared.say("try-again"));
        if decides {
            if matches!(self.error, Error::KeyInvalidated) {
                page.button("restore", Role::Plain, shared.say("blocked-restore"));
            } else {
                page.button("recover", Role::Plain, shared.say("blocked-recover"));
            }
            page.button("sure", Role::Destructive, shared.say("blocked-begin-again"));
        }
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        let repair = match key {
            "update" => return cx.effect(Act::Update, "update"),
            "again" => Repair::Nothing,
            "restore" => Repair::Restore,
            "recover" => Repair::Recover,
            "quarantine" => Repair::Quarantine,
            "sure" => return self.is_sure = true,
            "unsure" => return self.is_sure = false,
            _ => return,
        };
        cx.commands.push(Command::Open(repair));
    }
}
