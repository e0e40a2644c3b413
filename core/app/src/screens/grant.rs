//! A one-use grant: a code for one counter, which learns from it what the resident agreed to.

use onecity_core::{CodeView, Error, PurposeView};
use onecity_protocol::credential::Audience;

use crate::block::{Kind, Role, Severity};
use crate::error::advice;
use crate::face::{Cx, Face};
use crate::page::Page;
use crate::route::Route;
use crate::screens::code::modules;
use crate::screens::sheets::data_field;
use crate::shared::Shared;

/// A code for one counter.
pub(crate) struct Grant {
    pass: String,
    audience: Audience,
    purpose: PurposeView,
    code: Option<CodeView>,
    error: Option<Error>,
    /// It was shown for as long as it is good.
    over: bool,
}

impl Grant {
    pub(crate) fn new(pass: String, audience: Audience, purpose: PurposeView) -> Self {
        Self { pass, audience, purpose, code: None, error: None, over: false }
    }

    fn sign(&mut self, cx: &mut Cx<'_>) {
        (self.code, self.error, self.over) = (None, None, false);
        let (pass, audience, purpose) = (self.pass.clone(), self.audience, self.purpose.id);
        // The client asks for consent before it signs.
        cx.ask(
            move |client| async move { client.grant(&pass, audience, purpose).await },
            |me: &mut Self, signed, cx| match signed {
                Ok(code) => {
                    let lasts = u64::try_from(code.next - code.issued).unwrap_or_default();
                    me.code = Some(code);
                    cx.ask(
                        move |client| async move { client.wait(lasts).await },
                        |me: &mut Self, _, _| (me.code, me.over) = (None, true),
                    );
                }
                Err(error) => me.error = Some(error),
            },
        );
    }
}

impl Face for Grant {
    fn route(&self) -> Option<Route> {
        None
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn begin(&mut self, cx: &mut Cx<'_>) {
        self.sign(cx);
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title.clone_from(&self.purpose.title);
        page.head.detail = Some(self.purpose.verifier.clone());
        if let Some(error) = &self.error {
            page.notice("why", Severity::Warn, advice(shared, error), Vec::new());
        }
        if let Some(code) = &self.code {
            let label = shared.messages.with("grant-label", [("verifier", self.purpose.verifier.as_str().into())]);
            let holder = self.purpose.verifier.clone();
            let (modules, deadline) = (Some(modules(&code.picture)), Some(code.next));
            page.add("code", Kind::Code { modules, label, holder, deadline, period: code.next - code.issued });
            page.text("how", shared.say("grant-how"));
            let fields: Vec<String> = self.purpose.fields.iter().map(|field| data_field(shared, field)).collect();
            page.facts("facts", [(shared.say("consent-fields"), fields.join(&shared.say("list-separator")))]);
            return;
        }
        if self.over {
            page.notice("over", Severity::Quiet, shared.say("grant-over"), Vec::new());
        }
        if self.over || self.error.is_some() {
            page.button("again", Role::Primary, shared.say("grant-again"));
        } else {
            page.add("waiting", Kind::Waiting);
        }
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        if key == "again" {
            self.sign(cx);
        }
    }
}
