//! Home: where one is, what is pinned and was opened last, and all that this place has.

use onecity_core::{
    AnnouncementKind, AnnouncementView, Error, Freshness, HomeView, ParityView, PassSituation, PassView, RegionId,
    ServiceCard, ServiceId, Topic,
};

use crate::block::{Kind, Role, Severity};
use crate::effect::{Act, Outcome};
use crate::error::{advice, is_clock};
use crate::face::{Cx, Face};
use crate::frame::Tab;
use crate::icon::Icon;
use crate::page::{Page, Row};
use crate::route::Route;
use crate::screens::announced;
use crate::screens::links::scanned;
use crate::screens::passes::in_own_order;
use crate::screens::{Code, Places, PlacesFor, Search, Service, Travel};
use crate::shared::{Own, Shared};
use crate::time;

/// How many more tiles are shown each time the end is nearly in sight.
const STEP: usize = 60;
/// Most passes that are pinned here.
const MAX_PASSES: usize = 2;
/// Most services of a place that are read, over several pages.
const MAX_SERVICES: usize = 5000;
/// Most entries in the elder mode.
const MAX_ELDER: usize = 6;

/// The groups that services are shown in, in this order, with the publishers' words that belong to them. A word that is
/// not here belongs to the last one.
const GROUPS: [(&str, &[&str]); 8] = [
    ("group-transport", &["transit", "transport", "parking", "metro", "bus", "traffic", "travel", "mobility"]),
    (
        "group-government",
        &["appointments", "government", "certificates", "documents", "identity", "tax", "registration", "permits"],
    ),
    ("group-living", &["report", "hotline", "living", "utilities", "housing", "community", "environment", "life"]),
    ("group-health", &["health", "hospital", "medical", "insurance"]),
    ("group-education", &["education", "school", "library"]),
    ("group-culture", &["coast", "culture", "tourism", "sport", "heritage", "parks", "events"]),
    ("group-work", &["work", "social", "pension", "business", "enterprise", "employment"]),
    ("group-other", &[]),
];

fn group(category: &str) -> usize {
    GROUPS.iter().position(|(_, words)| words.contains(&category)).unwrap_or(GROUPS.len() - 1)
}

/// Home.
#[derive(Default)]
pub(crate) struct Home {
    /// Whose services these are.
    place: Option<RegionId>,
    view: Option<HomeView>,
    cards: Vec<ServiceCard>,
    favourites: Vec<ServiceCard>,
    recent: Vec<ServiceCard>,
    passes: Vec<PassView>,
    parity: Option<ParityView>,
    home_name: Option<String>,
    tiles: usize,
    /// Of the newest reading: what comes of an older one is dropped.
    reading: u64,
    /// It has not been answered yet.
    is_reading: bool,
    /// Something has changed since it was begun.
    read_again: bool,
    /// The same for syncs.
    syncs: u64,
    syncing: bool,
    /// Whether a sync follows the reading that is under way: what is on the phone is shown before anything is asked for.
    sync_next: bool,
    /// Whether another sync was asked for meanwhile.
    sync_again: bool,
    error: Option<Error>,
}

/// What home reads behind its first page.
struct Rest {
    cards: Vec<ServiceCard>,
    favourites: Vec<ServiceCard>,
    recent: Vec<ServiceCard>,
    passes: Vec<PassView>,
    away: Option<(ParityView, String)>,
}

impl Home {
    /// Reads what is on the phone: first what the screen begins with, then the services of the further pages.
    fn read(&mut self, cx: &mut Cx<'_>) {
        let Some(place) = cx.shared.place().cloned() else { return };
        if self.place.as_ref() != Some(&place) {
            let (reading, syncs) = (self.reading, self.syncs + 1);
            *self = Self { place: Some(place.clone()), tiles: STEP, reading, syncs, ..Self::default() };
        }
        // One reading at a time: what it finds is shown, and then what has changed meanwhile is read.
        if self.is_reading {
            return self.read_again = true;
        }
        self.is_reading = true;
        self.reading += 1;
        let (wanted, reading) = (place.clone(), self.reading);
        cx.ask(
            move |client| async move { client.home(&place).await },
            move |me: &mut Self, view: Result<HomeView, Error>, cx| {
                if me.reading != reading {
                    return;
                }
                me.is_reading = false;
                if std::mem::take(&mut me.sync_next) {
                    me.sync(cx);
                }
                let again = std::mem::take(&mut me.read_again);
                match view {
                    Ok(mut view) => {
                        let first = std::mem::take(&mut view.services);
                        // What is shown stays until all that takes its place is read.
                        if me.cards.is_empty() || view.next.is_none() {
                            me.cards.clone_from(&first);
                        }
                        if !again {
                            me.read_rest(wanted, first, view.next, cx);
                        }
                        me.view = Some(view);
                    }
                    // It has never been synced, and the sync that is under way will have it; or there is no such place.
                    Err(error) if me.syncing || me.error.is_some() => tracing::debug!(%error, "home can't be read yet"),
                    Err(error) => me.error = Some(error),
                }
                if again {
                    me.read(cx);
                }
            },
        );
    }

    fn read_rest(&mut self, place: RegionId, first: Vec<ServiceCard>, next: Option<u32>, cx: &mut Cx<'_>) {
        let own = cx.shared.own.clone();
        let home = cx.shared.settings.home.clone().filter(|home| *home != place);
        let reading = self.reading;
        cx.ask(
            move |client| async move {
                let ids = |own: &[crate::shared::Opened]| own.iter().map(|own| own.service.clone()).collect::<Vec<_>>();
                let situation = PassSituation { region: Some(place.clone()), pass_type: None };
                let favourites = client.cards(&ids(&own.favourites), &place).await?;
                let recent = client.cards(&ids(&own.recent), &place).await?;
                let passes = client.passes(&situation).await?;
                let away = match &home {
                    Some(home) => client.parity(home, &place).await.ok().zip(client.home(home).await.ok()),
                    None => None,
                };
                let (mut cards, mut next) = (first, next);
                while let Some(from) = next.filter(|_| cards.len() < MAX_SERVICES) {
                    let page = client.services(&place, from).await?;
                    cards.extend(page.services);
                    next = page.next;
                }
                let away = away.map(|(parity, home)| (parity, home.region.name));
                Ok::<_, Error>(Rest { cards, favourites, recent, passes, away })
            },
            move |me: &mut Self, rest: Result<Rest, Error>, _| {
                if me.reading != reading {
                    return;
                }
                match rest {
                    Ok(rest) => {
                        (me.cards, me.favourites, me.recent) = (rest.cards, rest.favourites, rest.recent);
                        me.passes = rest.passes;
                        (me.parity, me.home_name) = rest.away.unzip();
                    }
                    Err(error) => tracing::warn!(%error, "the rest of home can't be read"),
                }
            },
        );
    }

    fn sync(&mut self, cx: &mut Cx<'_>) {
        let Some(place) = cx.shared.place().cloned() else { return };
        (self.syncing, self.sync_next, self.error) = (true, false, None);
        self.syncs += 1;
        let sync = self.syncs;
        cx.ask(
            move |client| async move { client.sync(&place).await },
            move |me: &mut Self, synced, cx| {
                if me.syncs == sync {
                    me.syncing = false;
                    me.error = synced.err();
                    me.read(cx);
                    if std::mem::take(&mut me.sync_again) {
                        me.sync(cx);
                    }
                }
            },
        );
    }

    /// The cards of the place by group, in the order in which they are shown.
    fn sections(&self) -> impl Iterator<Item = (&'static str, Vec<&ServiceCard>)> {
        GROUPS.iter().enumerate().filter_map(|(at, (id, _))| {
            let cards: Vec<&ServiceCard> = self.cards.iter().filter(|card| group(&card.category) == at).collect();
            (!cards.is_empty()).then_some((*id, cards))
        })
    }

    /// Whose a service is, where that is not this place itself.
    fn mark(&self, card: &ServiceCard) -> Option<String> {
        let own = self.place.as_ref()?;
        let is_own = card.id.unit.region() == own && !card.id.unit.to_string().contains('~');
        (!is_own).then(|| card.publisher.clone())
    }

    fn tile(&self, section: &str, card: &ServiceCard, page: &mut Page) {
        let kind = Kind::Tile {
            label: card.name.clone(),
            mark: self.mark(card),
            image: card.icon.as_ref().map(|_| card.id.to_string()),
            disabled: card.withdrawn.clone(),
        };
        page.tile(format!("{section}/{}", card.id), kind);
    }

    /// What is announced here, if anything; and whether the resident may look past it and does.
    fn announcement(&self, shared: &Shared) -> Option<(&AnnouncementView, bool)> {
        let announcement = self.view.as_ref()?.announcement.as_ref()?;
        let passed = announcement.kind == AnnouncementKind::Outage && shared.passed.as_ref() == Some(&announcement.id);
        Some((announcement, passed))
    }

    /// What is said of how current all this is, and what to do.
    fn state(&self, shared: &Shared, page: &mut Page) {
        let again = || vec![shared.action("again", "try-again", None)];
        if let Some(error) = self.error.as_ref().filter(|error| is_clock(error) || self.view.is_none()) {
            return page.notice("state", Severity::Warn, advice(shared, error), again());
        }
        let since = |since: i64| time::ago(shared, since);
        match self.view.as_ref().map(|view| view.freshness) {
            Some(Freshness::Offline { since: 0 }) => {
                page.notice("state", Severity::Quiet, shared.say("home-offline"), again());
            }
            Some(Freshness::Offline { since: at }) => {
                let text = shared.messages.with("home-offline-since", [("since", since(at).into())]);
                page.notice("state", Severity::Quiet, text, again());
            }
            Some(Freshness::Stale { since: at }) if !self.syncing && at > 0 => {
                let text = shared.messages.with("home-stale", [("since", since(at).into())]);
                page.notice("state", Severity::Quiet, text, again());
            }
            _ => {}
        }
        if let Some((announcement, true)) = self.announcement(shared) {
            page.notice("announced", Severity::Warn, announced::said(shared, announcement), Vec::new());
        }
        if let Some(view) = self.view.as_ref().filter(|view| view.waiting > 0) {
            let text = shared.messages.with("home-waiting", [("count", view.waiting.into())]);
            page.notice("waiting-to-send", Severity::Quiet, text, Vec::new());
        }
    }

    fn passes(&self, shared: &Shared, page: &mut Page) {
        if self.passes.is_empty() {
            return;
        }
        page.list("passes", shared.say("home-passes"));
        for pass in in_own_order(shared, &self.passes).into_iter().take(MAX_PASSES) {
            page.row(format!("pass/{}", pass.id), super::passes::row(shared, pass));
        }
    }

    /// The way back home from elsewhere, and what is missing here.
    fn away(&self, shared: &Shared, page: &mut Page) {
        let Some((parity, home)) = self.parity.as_ref().zip(self.home_name.as_ref()) else { return };
        page.list("away", shared.say("home-away"));
        let row = Row::new(shared.messages.with("home-back", [("place", home.as_str().into())])).icon(Icon::Home);
        page.row("back-home", row);
        let missing = parity.missing.len();
        let text = if missing == 0 {
            shared.messages.with("home-none-missing", [("home", home.as_str().into())])
        } else {
            shared.messages.with("home-missing", [("count", missing.into()), ("home", home.as_str().into())])
        };
        page.row("travel", Row::new(text).icon(Icon::Travel));
    }

    fn hotline(&self) -> Option<&str> {
        self.view.as_ref()?.region.hotline.as_deref()
    }

    fn call(shared: &Shared, hotline: &str, page: &mut Page) {
        let row = Row::new(shared.messages.with("home-call", [("number", hotline.into())])).icon(Icon::Phone);
        page.row(format!("call/{hotline}"), row);
    }

    fn elder(&self, shared: &Shared, page: &mut Page) {
        self.state(shared, page);
        let mut left = MAX_ELDER;
        page.list("elder", shared.say("home-elder"));
        for pass in in_own_order(shared, &self.passes).into_iter().take(MAX_PASSES) {
            page.row(format!("pass/{}", pass.id), super::passes::row(shared, pass));
            left -= 1;
        }
        if let Some(hotline) = self.hotline() {
            Self::call(shared, hotline, page);
            left -= 1;
        }
        // One is for all there is.
        let mut shown: Vec<&ServiceId> = Vec::new();
        for card in self.favourites.iter().chain(&self.recent).chain(&self.cards) {
            if shown.len() + 1 >= left || shown.contains(&&card.id) || card.withdrawn.is_some() {
                continue;
            }
            shown.push(&card.id);
            let image = card.icon.as_ref().map(|_| card.id.to_string());
            page.row(format!("all/{}", card.id), Row::new(card.name.clone()).image(image));
        }
        page.row("find", Row::new(shared.say("home-all")).icon(Icon::Search));
    }

    fn card(&self, id: &str) -> Option<&ServiceCard> {
        let id: ServiceId = id.parse().ok()?;
        self.cards.iter().chain(&self.favourites).chain(&self.recent).find(|card| card.id == id)
    }

    /// The place that a service was opened in, if it is one of the resident's own.
    fn opened_in(own: &Own, service: &ServiceId) -> Option<RegionId> {
        let mut all = own.favourites.iter().chain(&own.recent);
        all.find(|own| own.service == *service).map(|own| own.place.clone())
    }
}

impl Face for Home {
    fn route(&self) -> Option<Route> {
        Some(Route::Home)
    }

    fn tab(&self) -> Option<Tab> {
        Some(Tab::Home)
    }

    fn begin(&mut self, cx: &mut Cx<'_>) {
        self.tiles = STEP;
        self.read(cx);
        if self.place.is_some() {
            (self.syncing, self.error, self.sync_next) = (true, None, true);
        }
    }

    fn shown(&mut self, cx: &mut Cx<'_>) {
        if self.place.as_ref() != cx.shared.place() {
            return self.begin(cx);
        }
        self.read(cx);
        // A sync that is under way may have begun without a network: it would end with what there was.
        let is_fresh = self.view.as_ref().is_some_and(|view| view.freshness == Freshness::Fresh);
        self.sync_next |= !is_fresh;
    }

    fn changed(&mut self, _: Topic, cx: &mut Cx<'_>) {
        self.read(cx);
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = self.view.as_ref().map(|view| view.region.name.clone()).unwrap_or_default();
        page.head.title_action = Some(shared.action("place", "home-change-place", Some(Icon::Down)));
        if shared.environment.can_scan {
            page.head.actions = vec![shared.action("scan", "scan", Some(Icon::Scan))];
        }
        let Some(_) = &self.view else {
            self.state(shared, page);
            if self.error.is_none() {
                page.progress("first", shared.say("home-first-sync"), None);
                page.add("waiting", Kind::Waiting);
            }
            return;
        };
        if let Some((announcement, false)) = self.announcement(shared) {
            announced::view(shared, announcement, page);
            if self.syncing {
                page.progress("looking", shared.say("announced-looking"), None);
            }
            self.state(shared, page);
            self.away(shared, page);
            self.passes(shared, page);
            if let Some(hotline) = self.hotline() {
                page.list("by-phone", shared.say("announced-by-phone"));
                Self::call(shared, hotline, page);
            }
            return;
        }
        if shared.settings.elder {
            return self.elder(shared, page);
        }
        page.add(
            "find",
            Kind::Button { label: shared.say("home-find"), role: Role::Find, busy: false, disabled: None },
        );
        self.state(shared, page);
        self.away(shared, page);
        self.passes(shared, page);
        if !self.favourites.is_empty() {
            page.heading("favourites-title", shared.say("home-favourites"));
            page.tiles("favourites", shared.say("home-favourites"), true);
            self.favourites.iter().for_each(|card| self.tile("favourite", card, page));
        }
        if !self.recent.is_empty() {
            page.heading("recent-title", shared.say("home-recent"));
            page.tiles("recent", shared.say("home-recent"), false);
            self.recent.iter().take(4).for_each(|card| self.tile("recent", card, page));
        }
        let mut left = self.tiles;
        for (id, cards) in self.sections() {
            if left == 0 {
                break;
            }
            page.heading(&format!("{id}-title"), shared.say(id));
            page.tiles(id, shared.say(id), false);
            cards.iter().take(left).for_each(|card| self.tile("all", card, page));
            left = left.saturating_sub(cards.len());
        }
        if self.cards.is_empty() && !self.syncing {
            let action = Some(shared.action("place", "home-change-place", None));
            page.add("empty", Kind::Empty { text: shared.say("home-empty"), icon: Icon::Place, action });
        }
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match (key, key.split_once('/')) {
            ("find", _) => cx.push(Search::default()),
            ("place", _) => cx.push(Places::new(PlacesFor::Switching)),
            ("scan", _) => cx.permitted_effect(Act::Scan, "scan"),
            ("again", _) => self.refresh(cx),
            ("update", _) => cx.effect(Act::Update, "update"),
            ("all-the-same", _) => {
                let announcement = self.view.as_ref().and_then(|view| view.announcement.as_ref());
                cx.shared.passed = announcement.map(|own| own.id.clone());
            }
            ("back-home", _) => {
                cx.shared.settings.place.clone_from(&cx.shared.settings.home);
                cx.save_settings();
                self.begin(cx);
            }
            ("travel", _) => {
                if let Some(place) = self.place.clone() {
                    cx.push(Travel::new(place));
                }
            }
            (_, Some(("pass", id))) => cx.push(Code::of(id.to_owned())),
            (_, Some(("call", number))) => cx.effect(Act::Dial { number: number.to_owned() }, "call"),
            (_, Some((section, id))) => {
                let Some((card, place)) = self.card(id).zip(self.place.clone()) else { return };
                // What was opened elsewhere opens there.
                let kept = Self::opened_in(&cx.shared.own, &card.id).filter(|_| section != "all");
                cx.push(Service::of(card, kept.unwrap_or(place)));
            }
            _ => {}
        }
    }

    fn moved(&mut self, key: &str, before: Option<&str>, cx: &mut Cx<'_>) {
        let id = |key: &str| key.strip_prefix("favourite/").and_then(|id| id.parse::<ServiceId>().ok());
        let (Some(moved), before) = (id(key), before.and_then(id)) else { return };
        let favourites = &mut cx.shared.own.favourites;
        let Some(from) = favourites.iter().position(|own| own.service == moved) else { return };
        let own = favourites.remove(from);
        let to = before.and_then(|before| favourites.iter().position(|own| own.service == before));
        favourites.insert(to.unwrap_or(favourites.len()), own);
        let place_of = |card: &ServiceCard| favourites.iter().position(|own| own.service == card.id);
        self.favourites.sort_by_key(place_of);
        cx.save_own();
        // What is being read has the order from before.
        self.read(cx);
    }

    fn near_end(&mut self, _: &mut Cx<'_>) {
        if self.tiles < self.cards.len() {
            self.tiles += STEP;
        }
    }

    fn refresh(&mut self, cx: &mut Cx<'_>) {
        // One that is under way may have asked before there was news.
        if self.syncing {
            self.sync_again = true;
        } else {
            self.sync(cx);
        }
    }

    fn done(&mut self, what: &str, outcome: Outcome, cx: &mut Cx<'_>) {
        match (what, outcome) {
            ("scan", Outcome::Text { text }) => scanned(&text, cx),
            ("scan", Outcome::Denied) => cx.say(cx.shared.say("scan-denied")),
            _ => {}
        }
    }
}
