//! All passes, and choosing the one whose code is wanted.

use onecity_core::{Error, HolderView, PassSituation, PassStatus, PassView, RegionId, Topic};
use onecity_protocol::credential::Audience;

use crate::block::{Kind, Role, Severity};
use crate::error::advice;
use crate::face::{Cx, Face};
use crate::frame::Tab;
use crate::icon::Icon;
use crate::page::{Page, Row};
use crate::route::Route;
use crate::screens::{AddPass, Code, Login};
use crate::shared::Shared;
use crate::time;

/// All passes.
#[derive(Default)]
pub(crate) struct Passes {
    /// Above another screen, not as the first of a tab.
    over: bool,
    /// For the gate whose sign was scanned.
    audience: Option<Audience>,
    passes: Option<Vec<PassView>>,
    error: Option<Error>,
}

/// Whose a pass is, by name; empty for the resident's own while nobody is known.
pub(crate) fn holder(shared: &Shared, pass: &PassView) -> String {
    match &pass.holder {
        Some(HolderView { name, .. }) => name.clone(),
        None => shared.account.as_ref().map(|account| account.name.clone()).unwrap_or_default(),
    }
}

/// What is to be known of a pass before it is shown, if there is something.
pub(crate) fn state(shared: &Shared, pass: &PassView) -> Option<(Severity, String)> {
    let issuer = || [("issuer", pass.issuer.as_str().into())];
    match pass.status {
        PassStatus::Good => None,
        PassStatus::RenewalDue => Some((Severity::Warn, shared.say("pass-renewal-due"))),
        PassStatus::Expired => Some((Severity::Severe, shared.say("pass-expired"))),
        PassStatus::NeedsRenewal => Some((Severity::Severe, shared.say("pass-needs-renewal"))),
        PassStatus::Suspended => Some((Severity::Severe, shared.messages.with("pass-suspended", issuer()))),
        PassStatus::Revoked => Some((Severity::Severe, shared.messages.with("pass-revoked", issuer()))),
    }
}

/// What a pass is, also after it was issued again: where it is from, its type, and whose it is.
pub(crate) fn what_it_is(pass: &PassView) -> String {
    pass_of(&pass.region, &pass.pass_type, pass.holder.as_ref())
}

pub(super) fn pass_of(region: &RegionId, pass_type: &str, holder: Option<&HolderView>) -> String {
    format!("{region}/{pass_type}/{}", holder.map(|holder| holder.id.as_str()).unwrap_or_default())
}

/// Those first that the resident has put first; the others stay as they are.
pub(crate) fn in_own_order<'a>(shared: &Shared, passes: &'a [PassView]) -> Vec<&'a PassView> {
    let place = |pass: &&PassView| shared.own.passes.iter().position(|own| *own == what_it_is(pass));
    let mut passes: Vec<&PassView> = passes.iter().collect();
    passes.sort_by_key(|pass| place(pass).unwrap_or(usize::MAX));
    passes
}

/// A pass as a row.
pub(crate) fn row(shared: &Shared, pass: &PassView) -> Row {
    let whose = pass.holder.as_ref().map(|holder| holder.name.clone());
    let detail = match (state(shared, pass), whose) {
        (Some((_, state)), _) => state,
        (None, Some(whose)) => whose,
        (None, None) => pass.issuer.clone(),
    };
    let row = Row::new(pass.title.clone()).icon(Icon::Pass).detail(detail);
    match pass.last_used {
        Some(used) => row.value(time::ago(shared, used)),
        None => row,
    }
}

impl Passes {
    /// Above another screen.
    pub(crate) fn over() -> Self {
        Self { over: true, ..Self::default() }
    }

    /// For a gate whose sign was scanned: the code is made for that gate alone.
    pub(crate) fn for_gate(audience: Audience) -> Self {
        Self { over: true, audience: Some(audience), ..Self::default() }
    }

    fn read(&mut self, cx: &mut Cx<'_>) {
        let situation = PassSituation { region: cx.shared.place().cloned(), pass_type: None };
        cx.ask(
            move |client| async move { client.passes(&situation).await },
            |me: &mut Self, passes, _| match passes {
                Ok(passes) => (me.passes, me.error) = (Some(passes), None),
                Err(error) => me.error = Some(error),
            },
        );
    }
}

impl Face for Passes {
    fn route(&self) -> Option<Route> {
        self.audience.is_none().then_some(Route::Passes)
    }

    fn tab(&self) -> Option<Tab> {
        (!self.over).then_some(Tab::Passes)
    }

    fn begin(&mut self, cx: &mut Cx<'_>) {
        self.read(cx);
    }

    fn shown(&mut self, cx: &mut Cx<'_>) {
        self.read(cx);
    }

    fn changed(&mut self, _: Topic, cx: &mut Cx<'_>) {
        self.read(cx);
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("tab-passes");
        if self.audience.is_some() {
            page.notice("gate", Severity::Quiet, shared.say("passes-for-gate"), Vec::new());
        }
        if let Some(error) = &self.error {
            let again = shared.action("again", "try-again", None);
            page.notice("error", Severity::Warn, advice(shared, error), vec![again]);
        }
        let Some(passes) = &self.passes else {
            if self.error.is_none() {
                page.add("waiting", Kind::Waiting);
            }
            return;
        };
        if passes.is_empty() {
            let (text, action) = if shared.account.is_none() {
                (shared.say("passes-log-in"), shared.action("login", "log-in", None))
            } else {
                (shared.say("passes-empty"), shared.action("add", "passes-add", None))
            };
            return page.add("empty", Kind::Empty { text, icon: Icon::Pass, action: Some(action) });
        }
        page.list("passes", shared.say("tab-passes"));
        for pass in in_own_order(shared, passes) {
            page.row(format!("pass/{}", pass.id), row(shared, pass));
        }
        page.button("add", Role::Plain, shared.say("passes-add"));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match (key, key.split_once('/')) {
            ("again", _) => self.read(cx),
            ("login", _) => cx.push(Login::default()),
            ("add", _) => cx.push(AddPass::default()),
            (_, Some(("pass", id))) => match self.audience {
                Some(audience) => cx.replace(Code::for_gate(id.to_owned(), audience)),
                None => cx.push(Code::of(id.to_owned())),
            },
            _ => {}
        }
    }

    fn refresh(&mut self, cx: &mut Cx<'_>) {
        cx.ask(
            |client| async move { client.update_passes().await },
            |me: &mut Self, updated, cx| {
                me.error = updated.err();
                me.read(cx);
            },
        );
    }
}
