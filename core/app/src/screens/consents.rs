//! What the resident has agreed to, and taking it back.

use onecity_core::{ConsentView, Error, Topic};

use crate::block::{Kind, Role, Severity};
use crate::error::advice;
use crate::face::{Cx, Face};
use crate::icon::Icon;
use crate::page::{Page, Row};
use crate::route::Route;
use crate::screens::sheets::{data_field, permission};
use crate::shared::Shared;
use crate::time;

/// All consents.
#[derive(Default)]
pub(crate) struct Consents {
    consents: Option<Vec<ConsentView>>,
    error: Option<Error>,
}

fn key(consent: &ConsentView) -> String {
    format!("consent/{}/{}", consent.service, consent.permission)
}

impl Consents {
    fn read(&mut self, cx: &mut Cx<'_>) {
        cx.ask(
            |client| async move { client.consents().await },
            |me: &mut Self, consents, _| match consents {
                Ok(consents) => (me.consents, me.error) = (Some(consents), None),
                Err(error) => me.error = Some(error),
            },
        );
    }
}

impl Face for Consents {
    fn route(&self) -> Option<Route> {
        Some(Route::Consents)
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
        page.head.title = shared.say("consents");
        if let Some(error) = &self.error {
            page.notice("error", Severity::Warn, advice(shared, error), Vec::new());
        }
        let Some(consents) = &self.consents else { return page.add("waiting", Kind::Waiting) };
        if consents.is_empty() {
            return page
                .add("empty", Kind::Empty { text: shared.say("consents-empty"), icon: Icon::Shield, action: None });
        }
        page.list("consents", shared.say("consents"));
        for consent in consents {
            let what = permission(shared, &consent.permission);
            let row = Row::new(consent.name.clone()).detail(what).icon(Icon::Shield);
            let state = shared.say(if consent.given { "consent-given" } else { "consent-refused" });
            page.row(key(consent), row.value(state));
        }
    }

    fn tap(&mut self, tapped: &str, cx: &mut Cx<'_>) {
        let found = self.consents.iter().flatten().find(|consent| key(consent) == tapped);
        if let Some(consent) = found {
            cx.sheet(OneConsent { consent: consent.clone(), busy: false, error: None });
        }
    }
}

/// One consent, to look at and to take back.
struct OneConsent {
    consent: ConsentView,
    busy: bool,
    error: Option<Error>,
}

impl Face for OneConsent {
    fn route(&self) -> Option<Route> {
        None
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        let consent = &self.consent;
        page.head.title.clone_from(&consent.name);
        page.head.detail = Some(consent.publisher.clone());
        if let Some(error) = &self.error {
            page.notice("error", Severity::Warn, advice(shared, error), Vec::new());
        }
        page.text("what", permission(shared, &consent.permission));
        let list = |all: &[String]| all.join(&shared.say("list-separator"));
        let fields: Vec<String> = consent.fields.iter().map(|field| data_field(shared, field)).collect();
        let facts = [
            ("consent-fields", list(&fields)),
            ("consent-people", list(&consent.people)),
            ("consent-origins", list(&consent.origins)),
            ("consent-since", time::date(shared, consent.since)),
        ];
        let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
        page.facts("facts", facts.map(|(label, value)| (shared.say(label), value)));
        let (id, role) =
            if consent.given { ("consent-revoke", Role::Destructive) } else { ("consent-ask-again", Role::Plain) };
        page.quiet(
            "revoke-what",
            shared.say(if consent.given { "consent-revoke-what" } else { "consent-ask-again-what" }),
        );
        page.button_if("revoke", role, shared.say(id), self.busy, None);
        page.button("close", Role::Plain, shared.say("close"));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        if key == "close" {
            return cx.close();
        }
        self.busy = true;
        let (service, permission) = (self.consent.service.clone(), self.consent.permission.clone());
        cx.ask(
            move |client| async move { client.revoke_consent(&service, &permission).await },
            |me: &mut Self, revoked, cx| {
                me.busy = false;
                match revoked {
                    Ok(()) => {
                        cx.say(cx.shared.say("consent-revoked"));
                        cx.close();
                    }
                    Err(error) => me.error = Some(error),
                }
            },
        );
    }

    fn closed(&mut self, cx: &mut Cx<'_>) {
        cx.commands.push(crate::face::Command::Look);
    }
}
