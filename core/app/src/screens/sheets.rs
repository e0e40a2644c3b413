//! Sheets: what is asked, shown or offered above a screen.

use onecity_core::platform::{ConsentRequest, Payment};
use onecity_core::{HandOverView, RegionId, ServiceCard};
use onecity_protocol::miniapp_uri::MiniAppUri;
use tokio::sync::oneshot;

use crate::block::{Kind, Role, Severity};
use crate::effect::Act;
use crate::error::advice;
use crate::face::{Cx, Face};
use crate::icon::Icon;
use crate::money::money;
use crate::page::{Page, Row};
use crate::route::Route;
use crate::screens::code::modules;
use crate::screens::{Consents, Login, Service};
use crate::shared::{Opened, Shared};

/// What a permission is called; a name of its own for each that the platform knows.
pub(crate) fn permission(shared: &Shared, name: &str) -> String {
    let id = match name {
        "login" => "permission-login",
        "locate" => "permission-locate",
        "scan" => "permission-scan",
        "photos" => "permission-photos",
        "passes" => "permission-passes",
        "documents" => "permission-documents",
        "disclose" => "permission-disclose",
        _ => return shared.messages.with("permission-other", [("name", name.into())]),
    };
    shared.say(id)
}

/// What a field of personal data is called.
pub(crate) fn data_field(shared: &Shared, name: &str) -> String {
    let id = match name {
        "name" => "field-name",
        "phone_number" => "field-phone",
        "identity_number" | "citizen_number" => "field-identity",
        "address" => "field-address",
        "birthdate" => "field-birthdate",
        "email" => "field-email",
        "sub" => "field-pseudonym",
        "place" | "position" | "location" => "field-place",
        "blood_type" => "field-blood-type",
        "allergies" => "field-allergies",
        other => return other.to_owned(),
    };
    shared.say(id)
}

/// A question of a service for consent. Put away, it counts as refused.
pub(crate) struct AskConsent {
    request: ConsentRequest,
    answer: Option<oneshot::Sender<bool>>,
}

impl AskConsent {
    pub(crate) fn new(request: ConsentRequest, answer: oneshot::Sender<bool>) -> Self {
        Self { request, answer: Some(answer) }
    }

    fn answer(&mut self, agrees: bool) {
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(agrees);
        }
    }
}

impl Face for AskConsent {
    fn route(&self) -> Option<Route> {
        None
    }

    fn grants(&self) -> bool {
        true
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        let request = &self.request;
        page.head.title = shared.messages.with("consent-title", [("service", request.service.as_str().into())]);
        page.head.detail = Some(request.publisher.clone());
        page.text("what", permission(shared, &request.permission));
        if !request.reason.is_empty() {
            page.quiet("reason", shared.messages.with("consent-reason", [("reason", request.reason.as_str().into())]));
        }
        let list = |all: &[String]| all.join(&shared.say("list-separator"));
        let mut facts = Vec::new();
        if !request.fields.is_empty() {
            let fields: Vec<String> = request.fields.iter().map(|field| data_field(shared, field)).collect();
            facts.push((shared.say("consent-fields"), list(&fields)));
        }
        if !request.people.is_empty() {
            facts.push((shared.say("consent-people"), list(&request.people)));
        }
        if !request.origins.is_empty() {
            facts.push((shared.say("consent-origins"), list(&request.origins)));
        }
        if !facts.is_empty() {
            page.facts("facts", facts);
        }
        page.quiet("revoke", shared.say("consent-revoke-later"));
        page.button("agree", Role::Primary, shared.say("consent-agree"));
        page.button("refuse", Role::Plain, shared.say("consent-refuse"));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match key {
            "agree" => self.answer(true),
            "refuse" => self.answer(false),
            _ => return,
        }
        cx.close();
    }

    fn closed(&mut self, _: &mut Cx<'_>) {
        self.answer(false);
    }
}

/// A page can't go on without a login, or without a stronger one.
pub(crate) struct AskLogin {
    service: String,
    acr: Option<String>,
}

impl AskLogin {
    pub(crate) fn new(service: String, acr: Option<String>) -> Self {
        Self { service, acr }
    }
}

impl Face for AskLogin {
    fn route(&self) -> Option<Route> {
        None
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        let id = if self.acr.is_some() { "ask-step-up" } else { "ask-login" };
        page.head.title = shared.say("log-in");
        page.text("what", shared.messages.with(id, [("service", self.service.as_str().into())]));
        page.button("login", Role::Primary, shared.say("log-in"));
        page.button("close", Role::Plain, shared.say("not-now"));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match key {
            "login" => cx.push(Login::for_acr(self.acr.take())),
            "close" => {}
            _ => return,
        }
        cx.close();
    }
}

/// A draft's code, for another phone to take over.
pub(crate) struct HandOver {
    shown: HandOverView,
    answer: Option<oneshot::Sender<()>>,
}

impl HandOver {
    pub(crate) fn new(shown: HandOverView, answer: oneshot::Sender<()>) -> Self {
        Self { shown, answer: Some(answer) }
    }
}

impl Face for HandOver {
    fn route(&self) -> Option<Route> {
        None
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("hand-over-title");
        page.text("how", shared.say("hand-over-how"));
        let label = shared.say("hand-over-title");
        let modules = Some(modules(&self.shown.picture));
        let deadline = Some(self.shown.expires);
        page.add("code", Kind::Code { modules, label, holder: String::new(), deadline, period: 600 });
        page.button("close", Role::Primary, shared.say("done"));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        if key == "close" {
            cx.close();
        }
    }

    fn closed(&mut self, _: &mut Cx<'_>) {
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(());
        }
    }
}

/// Where a page wants the resident to go outside the app.
pub(crate) struct Leaving {
    url: String,
    answer: Option<oneshot::Sender<bool>>,
}

impl Leaving {
    pub(crate) fn new(url: String, answer: oneshot::Sender<bool>) -> Self {
        Self { url, answer: Some(answer) }
    }

    fn answer(&mut self, went: bool) {
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(went);
        }
    }
}

impl Face for Leaving {
    fn route(&self) -> Option<Route> {
        None
    }

    fn grants(&self) -> bool {
        true
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        let number = self.url.strip_prefix("tel:");
        page.head.title = shared.say(if number.is_some() { "leave-call-title" } else { "leave-title" });
        page.text("where", number.unwrap_or(&self.url).to_owned());
        page.quiet("what", shared.say(if number.is_some() { "leave-call" } else { "leave-what" }));
        page.button("go", Role::Primary, shared.say(if number.is_some() { "leave-call-go" } else { "leave-go" }));
        page.button("stay", Role::Plain, shared.say("cancel"));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match (key, self.url.strip_prefix("tel:")) {
            ("go", Some(number)) => cx.effect(Act::Dial { number: number.to_owned() }, "call"),
            ("go", None) => cx.effect(Act::Browse { url: self.url.clone() }, "browser"),
            ("stay", _) => {}
            _ => return,
        }
        self.answer(key == "go");
        cx.close();
    }

    fn closed(&mut self, _: &mut Cx<'_>) {
        self.answer(false);
    }
}

/// Who asks for how much, before the payment page opens.
pub(crate) struct Paying {
    payment: Payment,
    answer: Option<oneshot::Sender<bool>>,
}

impl Paying {
    pub(crate) fn new(payment: Payment, answer: oneshot::Sender<bool>) -> Self {
        Self { payment, answer: Some(answer) }
    }

    fn answer(&mut self, goes: bool) {
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(goes);
        }
    }
}

impl Face for Paying {
    fn route(&self) -> Option<Route> {
        None
    }

    fn grants(&self) -> bool {
        true
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        let Payment { service, publisher, order, amount, currency, url } = &self.payment;
        page.head.title = shared.messages.with("pay-title", [("amount", money(shared, *amount, currency).into())]);
        page.head.detail = Some(publisher.clone());
        let host = url.split('/').nth(2).unwrap_or_default().to_owned();
        page.facts(
            "facts",
            [
                (shared.say("link-service"), service.clone()),
                (shared.say("pay-order"), order.clone()),
                (shared.say("pay-where"), host),
            ],
        );
        page.quiet("what", shared.say("pay-what"));
        page.button("go", Role::Primary, shared.say("pay-go"));
        page.button("stay", Role::Plain, shared.say("cancel"));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match key {
            "go" => cx.effect(Act::Browse { url: self.payment.url.clone() }, "browser"),
            "stay" => {}
            _ => return,
        }
        self.answer(key == "go");
        cx.close();
    }

    fn closed(&mut self, _: &mut Cx<'_>) {
        self.answer(false);
    }
}

/// What can be done with an open service.
pub(crate) struct ServiceMenu {
    card: ServiceCard,
    place: RegionId,
    /// What would be lost is asked about before it is done.
    clearing: bool,
}

impl ServiceMenu {
    pub(crate) fn new(card: ServiceCard, place: RegionId) -> Self {
        Self { card, place, clearing: false }
    }
}

impl Face for ServiceMenu {
    fn route(&self) -> Option<Route> {
        None
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title.clone_from(&self.card.name);
        page.head.detail = Some(self.card.summary.clone());
        if self.clearing {
            page.text("clear-what", shared.say("service-clear-what"));
            page.button("clear-now", Role::Destructive, shared.say("service-clear"));
            page.button("keep", Role::Plain, shared.say("cancel"));
            return;
        }
        page.list("menu", shared.say("service-menu"));
        let is_favourite = shared.own.is_favourite(&self.card.id);
        let id = if is_favourite { "favourite-remove" } else { "favourite-add" };
        page.row("favourite", Row::new(shared.say(id)).icon(if is_favourite { Icon::StarFull } else { Icon::Star }));
        page.row("consents", Row::new(shared.say("consents")).icon(Icon::Shield));
        page.row("share", Row::new(shared.say("service-share")).icon(Icon::Share));
        page.row("clear", Row::new(shared.say("service-clear")).icon(Icon::Trash));
        page.facts(
            "facts",
            [
                (shared.say("service-publisher"), self.card.publisher.clone()),
                (shared.say("service-verified"), self.card.id.unit.to_string()),
                (shared.say("version"), self.card.version.clone()),
            ],
        );
        page.button("close", Role::Plain, shared.say("close"));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match key {
            "favourite" => {
                let own = Opened { service: self.card.id.clone(), place: self.place.clone() };
                if cx.shared.own.turn_favourite(own) {
                    cx.save_own();
                } else {
                    cx.say(cx.shared.say("favourites-full"));
                }
            }
            "consents" => {
                cx.push(Consents::default());
                cx.close();
            }
            "share" => {
                let text = self.card.name.clone();
                let link = MiniAppUri {
                    service: self.card.id.clone(),
                    version: None,
                    page: None,
                    query: String::new(),
                    fragment: String::new(),
                };
                let url = Some(link.to_string());
                cx.effect(Act::Share { text, url }, "share");
                cx.close();
            }
            "clear" => self.clearing = true,
            "keep" => self.clearing = false,
            "clear-now" => {
                let service = self.card.id.clone();
                cx.ask(
                    move |client| async move { client.clear_service(&service).await },
                    |_: &mut Self, cleared, cx| {
                        let text = match cleared {
                            Ok(()) => cx.shared.say("service-cleared"),
                            Err(error) => advice(cx.shared, &error),
                        };
                        cx.say(text);
                        cx.close();
                    },
                );
            }
            "close" => cx.close(),
            _ => {}
        }
    }
}

/// A link that came from outside: whose it is, before it is opened.
pub(crate) struct AskLink {
    link: String,
    service: onecity_core::ServiceId,
    card: Option<ServiceCard>,
}

impl AskLink {
    pub(crate) fn new(link: String, service: onecity_core::ServiceId) -> Self {
        Self { link, service, card: None }
    }
}

impl Face for AskLink {
    fn route(&self) -> Option<Route> {
        None
    }

    fn grants(&self) -> bool {
        true
    }

    fn begin(&mut self, cx: &mut Cx<'_>) {
        let service = self.service.clone();
        cx.ask(
            move |client| async move { client.cards(std::slice::from_ref(&service), service.unit.region()).await },
            |me: &mut Self, cards, _| me.card = cards.ok().and_then(|cards| cards.into_iter().next()),
        );
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("link-title");
        match &self.card {
            Some(card) => page.facts(
                "facts",
                [
                    (shared.say("link-service"), card.name.clone()),
                    (shared.say("service-publisher"), card.publisher.clone()),
                ],
            ),
            None => page.facts("facts", [(shared.say("link-service"), self.service.to_string())]),
        }
        page.button("open", Role::Primary, shared.say("link-open"));
        page.button("close", Role::Plain, shared.say("cancel"));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match key {
            "open" => cx.push(Service::link(self.link.clone())),
            "close" => {}
            _ => return,
        }
        cx.close();
    }
}

/// A text that was scanned and is nothing of ours: it is shown, and never opened by itself.
pub(crate) struct ScannedText {
    text: String,
}

/// Longest text that is shown, in characters.
const MAX_SCANNED: usize = 1000;

impl ScannedText {
    pub(crate) fn new(text: &str) -> Self {
        let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_SCANNED);
        Self { text: onecity_protocol::text::shown(&clean.collect::<String>(), MAX_SCANNED) }
    }
}

impl Face for ScannedText {
    fn route(&self) -> Option<Route> {
        None
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("scanned-title");
        page.notice("what", Severity::Quiet, shared.say("scanned-what"), Vec::new());
        page.text("text", self.text.clone());
        page.button("copy", Role::Plain, shared.say("copy"));
        page.button("close", Role::Primary, shared.say("close"));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        if key == "copy" {
            cx.effect(Act::Copy { text: self.text.clone() }, "copy");
            cx.say(cx.shared.say("copied"));
        }
        if ["copy", "close"].contains(&key) {
            cx.close();
        }
    }
}
