//! Getting a pass: which, and for whom.

use onecity_core::{Error, HolderView, PassOffer, PassSituation, PassStatus, PassView, Refusal, RegionId, Topic};

use crate::block::{Kind, Role, Severity};
use crate::error::advice;
use crate::face::{Cx, Face};
use crate::icon::Icon;
use crate::page::{Page, Row};
use crate::route::Route;
use crate::screens::{Code, Login};
use crate::shared::Shared;

/// Getting a pass.
#[derive(Default)]
pub(crate) struct AddPass {
    /// What can be had where the resident is.
    offers: Option<Vec<PassOffer>>,
    chosen: Option<Chosen>,
    /// Of the newest choice: what comes of an older one is dropped.
    choices: u64,
    /// Why the offers can't be read.
    read_error: Option<Error>,
    /// Why the pass was not issued.
    error: Option<Error>,
}

/// The pass that was chosen.
struct Chosen {
    number: u64,
    offer: PassOffer,
    region: RegionId,
    /// Whom it can be for beside the resident; none while the issuer is asked.
    holders: Option<Vec<HolderView>>,
    /// It is being issued.
    busy: bool,
}

/// What somebody in the resident's care is to them.
fn relation(shared: &Shared, holder: &HolderView) -> String {
    match holder.relation.as_str() {
        "child" => shared.say("relation-child"),
        "parent" => shared.say("relation-parent"),
        _ => String::new(),
    }
}

impl AddPass {
    fn read(&mut self, cx: &mut Cx<'_>) {
        let Some(place) = cx.shared.place().cloned() else { return };
        cx.ask(
            move |client| async move {
                match client.pass_offers(&place).await {
                    // Never synced, perhaps.
                    Err(Error::Refused { reason: Refusal::NotFound, .. }) => {
                        client.sync(&place).await?;
                        client.pass_offers(&place).await
                    }
                    known => known,
                }
            },
            |me: &mut Self, offers, _| match offers {
                Ok(offers) => (me.offers, me.read_error) = (Some(offers), None),
                // A place without an issuer offers nothing.
                Err(Error::Refused { reason: Refusal::NotFound, .. }) => me.offers = Some(Vec::new()),
                Err(error) => me.read_error = Some(error),
            },
        );
    }

    fn choose_offer(&mut self, pass_type: &str, cx: &mut Cx<'_>) {
        let offer = self.offers.iter().flatten().find(|offer| offer.pass_type == pass_type).cloned();
        let Some((offer, region)) = offer.zip(cx.shared.place().cloned()) else { return };
        self.error = None;
        self.choices += 1;
        let number = self.choices;
        let (wanted, place) = (offer.pass_type.clone(), region.clone());
        self.chosen = Some(Chosen { number, offer, region, holders: None, busy: false });
        cx.ask(
            move |client| async move { client.pass_holders(&place, &wanted).await },
            move |me: &mut Self, holders, cx| {
                let Some(chosen) = me.chosen.as_mut().filter(|chosen| chosen.number == number) else { return };
                match holders {
                    // Nobody else to choose: it is for the resident.
                    Ok(holders) if holders.is_empty() => me.issue(None, cx),
                    Ok(holders) => chosen.holders = Some(holders),
                    Err(error) => me.fail(error),
                }
            },
        );
    }

    fn issue(&mut self, holder: Option<String>, cx: &mut Cx<'_>) {
        let Some(chosen) = self.chosen.as_mut().filter(|chosen| !chosen.busy) else { return };
        chosen.busy = true;
        let (region, wanted) = (chosen.region.clone(), chosen.offer.pass_type.clone());
        cx.ask(
            move |client| async move {
                // One that is there already is shown: it may have come after the resident had gone on.
                let own = client.passes(&PassSituation::default()).await?;
                let is_it = |pass: &PassView| {
                    let whose = pass.holder.as_ref().map(|holder| &holder.id);
                    pass.region.first_level() == region.first_level()
                        && pass.pass_type == wanted
                        && whose == holder.as_ref()
                        && matches!(pass.status, PassStatus::Good | PassStatus::RenewalDue)
                };
                match own.into_iter().find(is_it) {
                    Some(pass) => Ok((pass, "pass-have")),
                    None => Ok((client.add_pass(&region, &wanted, holder.as_deref()).await?, "pass-added")),
                }
            },
            |me: &mut Self, added: Result<(PassView, &'static str), Error>, cx| match added {
                Ok((pass, says)) => {
                    cx.say(cx.shared.say(says));
                    cx.replace(Code::of(pass.id));
                }
                Err(error) => me.fail(error),
            },
        );
    }

    fn fail(&mut self, error: Error) {
        (self.error, self.chosen) = (Some(error), None);
    }
}

impl Face for AddPass {
    fn route(&self) -> Option<Route> {
        Some(Route::AddPass)
    }

    fn begin(&mut self, cx: &mut Cx<'_>) {
        self.read(cx);
    }

    fn changed(&mut self, topic: Topic, cx: &mut Cx<'_>) {
        if topic == Topic::Home {
            self.read(cx);
        }
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("passes-add");
        if shared.account.is_none() {
            let action = Some(shared.action("login", "log-in", None));
            return page.add("empty", Kind::Empty { text: shared.say("passes-log-in"), icon: Icon::Pass, action });
        }
        if let Some(error) = &self.error {
            let actions = match error {
                Error::LoginRequired { .. } | Error::StepUpRequired { .. } => {
                    vec![shared.action("login", "log-in", None)]
                }
                _ => Vec::new(),
            };
            page.notice("error", Severity::Warn, advice(shared, error), actions);
        }
        match &self.chosen {
            Some(Chosen { offer, busy: true, .. }) => {
                let label = shared.messages.with("pass-adding", [("issuer", offer.issuer.as_str().into())]);
                page.progress("adding", label, None);
            }
            Some(Chosen { holders: Some(holders), offer, .. }) => {
                page.head.detail = Some(offer.title.clone());
                page.list("holders", shared.say("pass-for-whom"));
                let own = shared.account.as_ref().map(|account| account.name.clone()).unwrap_or_default();
                page.row("own", Row::new(own).detail(shared.say("pass-for-me")).icon(Icon::Person));
                for holder in holders {
                    let row = Row::new(holder.name.clone()).detail(relation(shared, holder)).icon(Icon::Person);
                    page.row(format!("holder/{}", holder.id), row);
                }
                page.button("other", Role::Plain, shared.say("pass-other"));
            }
            Some(_) => page.add("waiting", Kind::Waiting),
            None => self.view_offers(shared, page),
        }
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match (key, key.split_once('/')) {
            ("login", _) => match &self.error {
                Some(Error::StepUpRequired { acr, .. }) => cx.push(Login::for_acr(Some(acr.clone()))),
                _ => cx.push(Login::default()),
            },
            ("again", _) => {
                self.read_error = None;
                self.read(cx);
            }
            ("own", _) => self.issue(None, cx),
            ("other", _) => self.chosen = None,
            (_, Some(("offer", pass_type))) => self.choose_offer(pass_type, cx),
            (_, Some(("holder", id))) => self.issue(Some(id.to_owned()), cx),
            _ => {}
        }
    }

    fn back(&mut self, _: &mut Cx<'_>) -> bool {
        // What is being issued goes on, and is among the passes then.
        self.chosen.take_if(|chosen| !chosen.busy).is_some()
    }
}

impl AddPass {
    fn view_offers(&self, shared: &Shared, page: &mut Page) {
        let Some(offers) = &self.offers else {
            match &self.read_error {
                Some(error) => {
                    let again = shared.action("again", "try-again", None);
                    page.notice("read-error", Severity::Warn, advice(shared, error), vec![again]);
                }
                None => page.add("waiting", Kind::Waiting),
            }
            return;
        };
        if offers.is_empty() {
            let text = shared.say("passes-none-here");
            return page.add("none", Kind::Empty { text, icon: Icon::Pass, action: None });
        }
        page.list("offers", shared.say("passes-here"));
        for offer in offers {
            let row = Row::new(offer.title.clone()).detail(offer.issuer.clone()).icon(Icon::Pass);
            page.row(format!("offer/{}", offer.pass_type), row);
        }
    }
}
