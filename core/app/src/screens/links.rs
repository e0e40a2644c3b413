//! Addresses and scanned texts: each leads to what it is for, and anything else is shown as text.

use onecity_core::Error;
use onecity_protocol::credential::Audience;
use onecity_protocol::miniapp_uri::MiniAppUri;

use crate::error::advice;
use crate::face::{Command, Cx, Face};
use crate::model::Model;
use crate::page::Page;
use crate::route::Route;
use crate::screens::Passes;
use crate::screens::sheets::{AskLink, ScannedText};
use crate::shared::Shared;

/// Longest address that is looked at, in bytes.
const MAX_LINK: usize = 16 << 10;

/// What a text is for.
enum Meant {
    /// A login comes back.
    Login,
    /// A payment comes back.
    Payment,
    /// A form that another phone hands over.
    Draft,
    /// A service.
    Service(Box<MiniAppUri>),
    /// A gate: the next code is for it.
    Gate(Audience),
    /// Nothing of ours.
    Text,
}

fn meant(text: &str) -> Meant {
    if text.len() > MAX_LINK {
        return Meant::Text;
    }
    let is = |address: &str| {
        let rest = text.strip_prefix(address);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['?', '/', '#']))
    };
    if is("onecity://login") {
        return Meant::Login;
    }
    if is("onecity://pay") {
        return Meant::Payment;
    }
    if let Ok(audience) = text.parse::<Audience>() {
        return Meant::Gate(audience);
    }
    match text.parse::<MiniAppUri>() {
        Ok(_) if text.split_once('#').is_some_and(|(_, fragment)| fragment.starts_with("draft=")) => Meant::Draft,
        Ok(link) => Meant::Service(Box::new(link)),
        Err(_) => Meant::Text,
    }
}

/// Opens an address that came from outside, or out of the browser.
pub(crate) fn open(model: &mut Model, url: &str) {
    if !model.shared.settings.started {
        return;
    }
    match meant(url) {
        Meant::Login => model.log_in_with(url.to_owned()),
        Meant::Text => {}
        _ => model.add_sheet(Box::new(Incoming { text: url.to_owned() })),
    }
}

/// Opens what was scanned.
pub(crate) fn scanned(text: &str, cx: &mut Cx<'_>) {
    cx.commands.push(Command::Sheet(Box::new(Incoming { text: text.to_owned() })));
}

/// Something that came in: it gives way to the sheet or screen that it is for.
struct Incoming {
    text: String,
}

impl Face for Incoming {
    fn route(&self) -> Option<Route> {
        None
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("link-looking");
        page.add("waiting", crate::block::Kind::Waiting);
    }

    fn begin(&mut self, cx: &mut Cx<'_>) {
        let text = self.text.clone();
        match meant(&text) {
            // A login that is scanned is somebody else's.
            Meant::Login | Meant::Text => {
                let Some(place) = cx.shared.place().cloned() else { return cx.close() };
                cx.ask(
                    move |client| async move { client.check_document(&place, &text).await },
                    |me: &mut Self, checked, cx| {
                        match checked {
                            Ok(document) => cx.sheet(super::code::Checked::new(document)),
                            Err(_) => cx.sheet(ScannedText::new(&me.text)),
                        }
                        cx.close();
                    },
                );
            }
            Meant::Gate(audience) => {
                cx.push(Passes::for_gate(audience));
                cx.close();
            }
            Meant::Service(link) => {
                cx.sheet(AskLink::new(text, link.service.clone()));
                cx.close();
            }
            Meant::Draft => cx.ask(
                move |client| async move { client.accept_draft(&text).await },
                |_: &mut Self, accepted: Result<onecity_core::DraftView, Error>, cx| {
                    match accepted {
                        Ok(draft) => {
                            let place = draft.service.unit.region().clone();
                            let by = draft.by.unwrap_or_default();
                            cx.say(cx.shared.messages.with("draft-accepted", [("by", by.into())]));
                            cx.push(super::Service::new(draft.service, place));
                        }
                        Err(error) => cx.say(advice(cx.shared, &error)),
                    }
                    cx.close();
                },
            ),
            Meant::Payment => cx.ask(
                move |client| async move { client.finish_payment(&text).await },
                |_: &mut Self, paid, cx| {
                    let text = match paid {
                        Ok(receipt) => {
                            cx.shared.messages.with("payment-done", [("payee", receipt.payee.as_str().into())])
                        }
                        Err(error) => advice(cx.shared, &error),
                    };
                    cx.say(text);
                    cx.close();
                },
            ),
        }
    }
}
