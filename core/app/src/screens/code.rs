//! One pass's code, large, for a gate: the next one comes by itself, and it waits for nothing else on the phone.

use std::sync::Arc;

use onecity_core::{
    CodeListener, CodeView, DocumentStatus, DocumentView, Error, PassSituation, PassView, PurposeView, QrPicture,
    TaskHandle, Topic,
};
use onecity_protocol::credential::Audience;
use tokio::sync::oneshot;

use crate::block::{Kind, Modules, Role, Severity};
use crate::error::advice;
use crate::face::{Cx, Face, Sender};
use crate::icon::Icon;
use crate::page::{Page, Row};
use crate::route::Route;
use crate::screens::passes::{holder, state, what_it_is};
use crate::screens::sheets::data_field;
use crate::screens::{Grant, ShownTo};
use crate::shared::Shared;
use crate::time;

/// A picture as a block has it.
pub(crate) fn modules(picture: &QrPicture) -> Modules {
    Modules { width: picture.width, bits: hex::encode(&picture.modules) }
}

/// The code of a pass.
pub(crate) struct Code {
    pass: String,
    audience: Audience,
    view: Option<PassView>,
    code: Option<CodeView>,
    watching: Option<TaskHandle>,
    error: Option<Error>,
    deleting: bool,
    /// What the counter whose sign was scanned may ask for.
    purposes: Vec<PurposeView>,
    /// A page waits until the resident has closed it.
    answer: Option<oneshot::Sender<()>>,
}

struct Watching(Sender<Code>);

impl CodeListener for Watching {
    fn code(&self, code: CodeView) {
        self.0.tell(move |me, _| {
            me.pass.clone_from(&code.pass_id);
            (me.code, me.error) = (Some(code), None);
        });
    }

    fn failed(&self, error: Error) {
        self.0.tell(move |me, _| {
            (me.code, me.error, me.watching) = (None, Some(error), None);
        });
    }
}

impl Code {
    pub(crate) fn of(pass: String) -> Self {
        Self {
            pass,
            audience: Audience::ANY,
            view: None,
            code: None,
            watching: None,
            error: None,
            deleting: false,
            purposes: Vec::new(),
            answer: None,
        }
    }

    /// For the gate whose sign was scanned.
    pub(crate) fn for_gate(pass: String, audience: Audience) -> Self {
        Self { audience, ..Self::of(pass) }
    }

    /// For a page, which waits until it is closed.
    pub(crate) fn shown_to_a_page(pass: String, answer: oneshot::Sender<()>) -> Self {
        Self { answer: Some(answer), ..Self::of(pass) }
    }

    fn watch(&mut self, cx: &mut Cx<'_>) {
        let Some(client) = cx.shared.client.clone() else { return };
        self.error = None;
        self.watching = Some(client.watch_code(&self.pass, self.audience, Arc::new(Watching(cx.sender()))));
    }

    fn read(&mut self, cx: &mut Cx<'_>) {
        cx.ask(
            |client| async move { client.passes(&PassSituation::default()).await },
            |me: &mut Self, passes, _| {
                if let Some(pass) = passes.ok().and_then(|all| all.into_iter().find(|pass| pass.id == me.pass)) {
                    me.view = Some(pass);
                }
            },
        );
    }
}

impl Face for Code {
    fn route(&self) -> Option<Route> {
        self.answer.is_none().then(|| Route::Code { pass: self.pass.clone() })
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn begin(&mut self, cx: &mut Cx<'_>) {
        self.watch(cx);
        self.read(cx);
        if self.audience != Audience::ANY {
            let (pass, audience) = (self.pass.clone(), self.audience);
            cx.ask(
                move |client| async move { client.purposes(&pass, audience).await },
                |me: &mut Self, purposes, _| me.purposes = purposes.unwrap_or_default(),
            );
        }
    }

    fn shown(&mut self, cx: &mut Cx<'_>) {
        if self.watching.is_none() {
            self.watch(cx);
        }
    }

    fn covered(&mut self, _: &mut Cx<'_>) {
        // Codes are made while they are looked at.
        (self.watching, self.code) = (None, None);
    }

    fn changed(&mut self, topic: Topic, cx: &mut Cx<'_>) {
        if topic == Topic::Passes {
            self.read(cx);
        }
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = self.view.as_ref().map(|pass| pass.title.clone()).unwrap_or_default();
        page.head.detail = self.view.as_ref().map(|pass| pass.issuer.clone());
        if self.deleting {
            page.text("delete-what", shared.say("pass-delete-what"));
            page.button("delete-now", Role::Destructive, shared.say("pass-delete"));
            page.button("keep", Role::Plain, shared.say("cancel"));
            return;
        }
        if let Some(error) = &self.error {
            page.notice("why", Severity::Severe, advice(shared, error), Vec::new());
            page.button("again", Role::Primary, shared.say("try-again"));
        } else {
            let whose = self.view.as_ref().map(|pass| holder(shared, pass)).unwrap_or_default();
            let code = self.code.as_ref();
            let label = shared.messages.with("code-label", [("holder", whose.as_str().into())]);
            let (modules, deadline) = (code.map(|code| modules(&code.picture)), code.map(|code| code.next));
            let period = code.map_or(0, |code| code.next - code.issued);
            page.add("code", Kind::Code { modules, label, holder: whose, deadline, period });
            page.text("how", shared.say("code-how"));
            if code.is_some_and(|code| code.time_unverified) {
                page.notice("clock", Severity::Warn, shared.say("code-clock"), Vec::new());
            }
        }
        let Some(pass) = &self.view else { return };
        if let Some((severity, text)) = state(shared, pass) {
            page.notice("state", severity, text, Vec::new());
        }
        let mut facts = Vec::new();
        if !pass.valid_in.is_empty() {
            facts.push((shared.say("pass-valid-in"), pass.valid_in.join(&shared.say("list-separator"))));
        }
        if let Some(fare) = &pass.fare {
            facts.push((shared.say("pass-fare"), fare.clone()));
        }
        facts.push((shared.say("pass-expires"), time::date(shared, pass.expires)));
        if let Some(used) = pass.last_used {
            facts.push((shared.say("pass-last-used"), time::ago(shared, used)));
        }
        page.facts("facts", facts);
        if let Some(first) = self.purposes.first() {
            page.list("purposes", shared.messages.with("grant-list", [("verifier", first.verifier.as_str().into())]));
            for purpose in &self.purposes {
                let fields: Vec<String> = purpose.fields.iter().map(|field| data_field(shared, field)).collect();
                let row = Row::new(purpose.title.clone()).detail(fields.join(&shared.say("list-separator")));
                page.row(format!("purpose/{}", purpose.id), row.icon(Icon::Shield));
            }
        }
        page.list("manage", shared.say("pass-manage"));
        if shared.own.passes.first() != Some(&what_it_is(pass)) {
            page.row("first", Row::new(shared.say("pass-first")).icon(Icon::Star));
        }
        page.row("shown", Row::new(shared.say("shown-title")).icon(Icon::Shield));
        page.row("delete", Row::new(shared.say("pass-delete")).icon(Icon::Trash));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        if let Some(id) = key.strip_prefix("purpose/") {
            if let Some(purpose) = self.purposes.iter().find(|own| own.id.to_string() == id) {
                cx.push(Grant::new(self.pass.clone(), self.audience, purpose.clone()));
            }
            return;
        }
        match key {
            "again" => self.watch(cx),
            "first" => {
                if let Some(pass) = &self.view {
                    cx.shared.own.put_first(what_it_is(pass));
                    cx.save_own();
                    cx.say(cx.shared.say("pass-is-first"));
                }
            }
            "shown" => {
                if let Some(pass) = &self.view {
                    cx.push(ShownTo::of(what_it_is(pass)));
                }
            }
            "delete" => self.deleting = true,
            "keep" => self.deleting = false,
            "delete-now" => {
                let pass = self.pass.clone();
                self.watching = None;
                cx.ask(
                    move |client| async move { client.remove_pass(&pass).await },
                    |me: &mut Self, removed, cx| match removed {
                        Ok(()) => {
                            cx.say(cx.shared.say("pass-deleted"));
                            cx.close();
                        }
                        Err(error) => (me.error, me.deleting) = (Some(error), false),
                    },
                );
            }
            _ => {}
        }
    }

    fn closed(&mut self, _: &mut Cx<'_>) {
        self.watching = None;
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(());
        }
    }
}

/// Somebody else's document that was scanned: whether it is genuine, and what it says.
pub(crate) struct Checked {
    document: DocumentView,
}

impl Checked {
    pub(crate) fn new(document: DocumentView) -> Self {
        Self { document }
    }
}

impl Face for Checked {
    fn route(&self) -> Option<Route> {
        None
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        let document = &self.document;
        page.head.title.clone_from(&document.title);
        page.head.detail = Some(document.issuer.clone());
        let (severity, id) = match document.status {
            DocumentStatus::Good => (Severity::Good, "document-genuine"),
            DocumentStatus::Expired => (Severity::Warn, "document-expired"),
            DocumentStatus::Unverified => (Severity::Severe, "document-unverified"),
        };
        page.notice("status", severity, shared.say(id), Vec::new());
        page.facts("fields", document.fields.iter().map(|field| (field.name.clone(), field.value.clone())));
        page.button("close", Role::Primary, shared.say("close"));
    }

    fn tap(&mut self, _: &str, cx: &mut Cx<'_>) {
        cx.close();
    }
}
