//! An open service: its pages under the app's own frame, or why it does not open and what to do.

use std::sync::Arc;

use onecity_core::{
    Error, Launch, Lifecycle, Obstacle, ObstacleView, RegionId, ServiceCard, ServiceId, ServiceSession, Topic,
};
use onecity_protocol::miniapp_uri::MiniAppUri;
use tokio::sync::oneshot;

use crate::block::{Kind, Role, Severity, Web};
use crate::effect::{Act, Outcome};
use crate::error::advice;
use crate::face::{Cx, Face, WebNews};
use crate::icon::Icon;
use crate::page::Page;
use crate::route::Route;
use crate::screens::sheets::{AskLogin, ServiceMenu};
use crate::screens::{Login, Passes, Places, PlacesFor};
use crate::shared::{Opened, Shared};

/// How a service is opened.
#[derive(Clone)]
enum Opens {
    /// By itself, in a place.
    Here(Launch),
    /// By a link, where that leads to.
    Link(String),
}

/// An open service.
pub(crate) struct Service {
    service: Option<ServiceId>,
    place: Option<RegionId>,
    opens: Opens,
    /// Who waits for what it comes to, if another service opened it.
    answer: Option<oneshot::Sender<String>>,
    card: Option<ServiceCard>,
    session: Option<Arc<ServiceSession>>,
    /// Its entry and how often it was opened: a web view is new each time.
    entry: u64,
    opened: u32,
    /// The account that it was opened by.
    opened_by: Option<String>,
    /// Whether the resident was told that its page needs a login.
    told: bool,
    can_go_back: bool,
    gone: bool,
    error: Option<Error>,
    obstacle: Option<ObstacleView>,
}

impl Service {
    fn opens(opens: Opens) -> Self {
        Self {
            service: None,
            place: None,
            opens,
            answer: None,
            card: None,
            session: None,
            entry: 0,
            opened: 0,
            opened_by: None,
            told: false,
            can_go_back: false,
            gone: false,
            error: None,
            obstacle: None,
        }
    }

    pub(crate) fn new(service: ServiceId, place: RegionId) -> Self {
        let launch = Opens::Here(Launch::default());
        Self { service: Some(service), place: Some(place), ..Self::opens(launch) }
    }

    /// The one of a card: its name is known already.
    pub(crate) fn of(card: &ServiceCard, place: RegionId) -> Self {
        Self { card: Some(card.clone()), ..Self::new(card.id.clone(), place) }
    }

    /// What a link leads to.
    pub(crate) fn link(link: String) -> Self {
        let own = link.parse::<MiniAppUri>().ok().map(|own| own.service);
        let opens = Self::opens(Opens::Link(link));
        Self { place: own.as_ref().map(|own| own.unit.region().clone()), service: own, ..opens }
    }

    /// One that another opens over itself, with what that hands over.
    pub(crate) fn over(link: &str, data: &str, from: ServiceId, answer: oneshot::Sender<String>) -> Option<Self> {
        let link: MiniAppUri = link.parse().ok()?;
        let launch = Launch { data: serde_json::from_str(data).ok()?, from: Some(from), ..Launch::from(&link) };
        let place = link.service.unit.region().clone();
        Some(Self { opens: Opens::Here(launch), answer: Some(answer), ..Self::new(link.service, place) })
    }

    fn open(&mut self, cx: &mut Cx<'_>) {
        (self.error, self.obstacle, self.gone, self.can_go_back) = (None, None, false, false);
        self.opened_by = cx.shared.account.as_ref().map(|account| account.id.clone());
        self.end();
        let here = cx.shared.place().cloned();
        let (service, place, opens) = (self.service.clone(), self.place.clone(), self.opens.clone());
        // A service that another opens is wanted where the resident is, if it is there.
        let by_another = self.answer.is_some();
        cx.ask(
            move |client| async move {
                let session = match opens {
                    Opens::Link(link) => {
                        let here = here.ok_or(Error::Cancelled)?;
                        client.open_link(&link, &here).await?
                    }
                    Opens::Here(launch) => {
                        let (service, place) = service.zip(place).ok_or(Error::Cancelled)?;
                        match (here, by_another) {
                            (Some(here), true) => match client.open_service_with(&service, &here, launch.clone()).await
                            {
                                Ok(session) => session,
                                Err(_) => client.open_service_with(&service, &place, launch).await?,
                            },
                            _ => client.open_service_with(&service, &place, launch).await?,
                        }
                    }
                };
                let cards = client.cards(&[session.service().clone()], session.region()).await?;
                Ok::<_, Error>((session, cards.into_iter().next()))
            },
            |me: &mut Self, opened, cx| match opened {
                Ok((session, card)) => {
                    me.service = Some(session.service().clone());
                    me.place = Some(session.region().clone());
                    me.card = card.or_else(|| me.card.take());
                    let own = Opened { service: session.service().clone(), place: session.region().clone() };
                    me.session = Some(session);
                    me.opened += 1;
                    me.told = false;
                    cx.shared.own.has_opened(own);
                    cx.save_own();
                    cx.news();
                }
                Err(error) => me.explain(error, cx),
            },
        );
    }

    /// Asks why it does not open, in plain words.
    fn explain(&mut self, error: Error, cx: &mut Cx<'_>) {
        self.error = Some(error);
        let Some((service, place)) = self.service.clone().zip(self.place.clone()) else { return };
        cx.ask(
            move |client| async move {
                let cards = client.cards(std::slice::from_ref(&service), &place).await.unwrap_or_default();
                (client.why_not(&service, &place).await.ok().flatten(), cards.into_iter().next())
            },
            |me: &mut Self, (obstacle, card), _| {
                me.obstacle = obstacle;
                me.card = me.card.take().or(card);
            },
        );
    }

    fn end(&mut self) {
        if let Some(session) = self.session.take() {
            session.lifecycle(Lifecycle::Unloaded);
        }
    }

    fn name(&self) -> String {
        self.card.as_ref().map(|card| card.name.clone()).unwrap_or_default()
    }
}

impl Face for Service {
    fn route(&self) -> Option<Route> {
        // What another service opened has nobody to answer any more.
        let own = self.service.clone().zip(self.place.clone()).filter(|_| self.answer.is_none());
        own.map(|(service, place)| Route::Service { service, place })
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn session(&self) -> Option<Arc<ServiceSession>> {
        self.session.clone()
    }

    fn begin(&mut self, cx: &mut Cx<'_>) {
        self.entry = cx.entry;
        self.open(cx);
    }

    fn shown(&mut self, cx: &mut Cx<'_>) {
        match &self.session {
            Some(session) => session.lifecycle(Lifecycle::Shown),
            // Maybe what was in the way no longer is.
            None if self.error.is_some() => self.open(cx),
            None => {}
        }
    }

    fn covered(&mut self, _: &mut Cx<'_>) {
        if let Some(session) = &self.session {
            session.lifecycle(Lifecycle::Hidden);
        }
    }

    fn changed(&mut self, topic: Topic, cx: &mut Cx<'_>) {
        if self.session.is_some() && self.opened_by != cx.shared.account.as_ref().map(|account| account.id.clone()) {
            // An open page never becomes another account's.
            return self.open(cx);
        }
        if topic == Topic::Home && self.session.as_ref().is_some_and(|session| !session.is_open()) {
            // Taken down while it was open.
            self.session = None;
            self.gone = true;
        }
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = self.name();
        page.head.detail = self.card.as_ref().map(|card| card.publisher.clone());
        if let Some(session) = self.session.as_ref().filter(|_| !self.gone) {
            page.head.actions = vec![
                shared.action("code", "service-show-code", Some(Icon::Pass)),
                shared.action("menu", "service-menu", Some(Icon::More)),
            ];
            page.head.web = Some(Web {
                session: format!("{}-{}", self.entry, self.opened),
                path: session.entry(),
                host: session.origin_host(),
            });
            return;
        }
        if self.gone {
            page.notice("gone", Severity::Warn, shared.say("service-gone"), Vec::new());
            page.button("again", Role::Primary, shared.say("service-open-again"));
            return;
        }
        let Some(error) = &self.error else {
            page.progress("opening", shared.say("service-opening"), None);
            page.add("waiting", Kind::Waiting);
            return;
        };
        let words = self.obstacle.as_ref().map(|obstacle| obstacle.words.clone());
        page.notice("why", Severity::Warn, words.unwrap_or_else(|| advice(shared, error)), Vec::new());
        let needs_login = matches!(error, Error::LoginRequired { .. });
        match self.obstacle.as_ref().map(|own| own.obstacle) {
            Some(Obstacle::Region) => {
                page.button("there", Role::Primary, shared.say("service-open-there"));
                page.button("place", Role::Plain, shared.say("home-change-place"));
            }
            Some(Obstacle::Permission) => page.button("login", Role::Primary, shared.say("log-in")),
            Some(Obstacle::Platform) => page.button("update", Role::Primary, shared.say("update-app")),
            _ if needs_login => page.button("login", Role::Primary, shared.say("log-in")),
            _ => page.button("again", Role::Primary, shared.say("try-again")),
        }
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match key {
            "again" => self.open(cx),
            "update" => cx.effect(Act::Update, "update"),
            "there" => {
                self.place = self.service.as_ref().map(|service| service.unit.region().clone());
                self.open(cx);
            }
            "place" => cx.push(Places::new(PlacesFor::Switching)),
            "login" => cx.push(Login::default()),
            "code" => cx.push(Passes::over()),
            "menu" => {
                if let Some((card, place)) = self.card.clone().zip(self.place.clone()) {
                    cx.sheet(ServiceMenu::new(card, place));
                }
            }
            _ => {}
        }
    }

    fn back(&mut self, cx: &mut Cx<'_>) -> bool {
        if self.can_go_back && self.session.is_some() && !self.gone {
            cx.effect(Act::WebBack { entry: cx.entry.to_string() }, "back");
            return true;
        }
        false
    }

    fn web(&mut self, news: WebNews, _: &mut Cx<'_>) {
        match news {
            WebNews::CanGoBack(can) => self.can_go_back = can,
            WebNews::Gone => {
                if let Some(session) = self.session.take() {
                    session.lifecycle(Lifecycle::Unloaded);
                    self.gone = true;
                }
            }
        }
    }

    fn done(&mut self, what: &str, outcome: Outcome, cx: &mut Cx<'_>) {
        if let ("finish", Outcome::Text { text }) = (what, outcome) {
            if let Some(answer) = self.answer.take() {
                let _ = answer.send(text);
            }
            cx.close();
        }
    }

    fn needs_login(&mut self, acr: Option<String>, cx: &mut Cx<'_>) {
        if !std::mem::replace(&mut self.told, true) {
            cx.sheet(AskLogin::new(self.name(), acr));
        }
    }

    fn closed(&mut self, _: &mut Cx<'_>) {
        self.end();
    }
}
