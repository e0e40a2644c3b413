//! What a province or nation tells all of its residents, in the place of its services.

use onecity_core::{AnnouncementKind, AnnouncementView};

use crate::block::{Role, Severity};
use crate::page::Page;
use crate::shared::Shared;
use crate::time;

/// One sentence or two: who says so, why, and until when.
pub(super) fn said(shared: &Shared, announcement: &AnnouncementView) -> String {
    let AnnouncementView { by, kind, reason, until, .. } = announcement;
    let id = match (kind, until) {
        (AnnouncementKind::Update, _) => "announced-update",
        (AnnouncementKind::Outage, Some(_)) => "announced-outage-until",
        (AnnouncementKind::Outage, None) => "announced-outage",
    };
    let when = until.map(|until| time::moment(shared, until)).unwrap_or_default();
    let values = [("by", by.as_str().into()), ("reason", reason.as_str().into()), ("when", when.into())];
    shared.messages.with(id, values)
}

/// Says it, with what still works and what can be done.
pub(super) fn view(shared: &Shared, announcement: &AnnouncementView, page: &mut Page) {
    match announcement.kind {
        AnnouncementKind::Update => {
            page.notice("announced", Severity::Severe, said(shared, announcement), Vec::new());
            page.quiet("still", shared.say("announced-update-still"));
            page.button("update", Role::Primary, shared.say("update-app"));
        }
        AnnouncementKind::Outage => {
            page.notice("announced", Severity::Warn, said(shared, announcement), Vec::new());
            page.quiet("still", shared.say("announced-outage-still"));
            page.button("again", Role::Primary, shared.say("try-again"));
            page.button("all-the-same", Role::Plain, shared.say("announced-all-the-same"));
        }
    }
}
