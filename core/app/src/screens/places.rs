//! Choosing a place: the home city at first, another one later. By name in any script, by pinyin or initials, by where the
//! phone is if the resident allows it, or down from the nation.

use onecity_core::platform::Position;
use onecity_core::{Error, HomeView, PlaceView, RegionId, RegionKind, RegionView};

use crate::block::{Choosable, FieldKind, Kind, Role, Severity};
use crate::effect::{Act, Outcome};
use crate::error::advice;
use crate::face::{Cx, Face, Field};
use crate::frame::Tab;
use crate::icon::Icon;
use crate::page::{Page, Row};
use crate::route::Route;
use crate::shared::Shared;

/// Most rows that are shown of what was found.
const MAX_FOUND: usize = 20;

/// What a place is chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlacesFor {
    /// The home city, before there is one.
    Starting,
    /// Another city to look at.
    Switching,
    /// Another home city.
    Home,
}

/// Choosing a place.
pub(crate) struct Places {
    what_for: PlacesFor,
    nations: Vec<RegionView>,
    nation: Option<RegionId>,
    /// The first-level region that was opened.
    inside: Option<RegionView>,
    /// It is the one that the resident is in, and was open from the start.
    is_own: bool,
    below: Vec<RegionView>,
    field: Field,
    found: Vec<PlaceView>,
    near: Option<RegionView>,
    busy: bool,
    locating: bool,
    error: Option<Error>,
    cannot_locate: bool,
}

impl Places {
    pub(crate) fn new(what_for: PlacesFor) -> Self {
        Self {
            what_for,
            nations: Vec::new(),
            nation: None,
            inside: None,
            is_own: false,
            below: Vec::new(),
            field: Field::default(),
            found: Vec::new(),
            near: None,
            busy: false,
            locating: false,
            error: None,
            cannot_locate: false,
        }
    }

    /// What lies directly below a region: what the phone knows at once, and what is there now as soon as it has come.
    fn open(&mut self, region: RegionId, cx: &mut Cx<'_>) {
        (self.busy, self.error) = (true, None);
        let (known, wanted) = (region.clone(), region.clone());
        cx.ask(
            move |client| async move {
                let below = client.regions(&known).await?;
                Ok::<_, Error>((client.home(&known).await, below))
            },
            move |me: &mut Self, read, cx| {
                if let Some((here, below)) = read.ok().filter(|(_, below)| me.busy && !below.is_empty()) {
                    me.shows(&wanted, here, below, cx);
                }
            },
        );
        let wanted = region.clone();
        cx.ask(
            move |client| async move {
                let synced = client.sync(&region).await.map(drop);
                let here = client.home(&region).await;
                (here, client.regions(&region).await.unwrap_or_default(), synced)
            },
            move |me: &mut Self, (here, below, synced), cx| {
                // A place that the phone knows can be chosen without a network, too.
                let error = synced.err().filter(|_| below.is_empty());
                if me.shows(&wanted, here, below, cx) {
                    (me.busy, me.error) = (false, error);
                }
            },
        );
    }

    /// Shows what lies below a region, if it is still what the resident looks at.
    fn shows(
        &mut self,
        region: &RegionId,
        here: Result<HomeView, Error>,
        below: Vec<RegionView>,
        cx: &mut Cx<'_>,
    ) -> bool {
        let is_nation = region.first_level().is_none();
        if is_nation && let Ok(HomeView { region: here, .. }) = here {
            self.nations.retain(|nation| nation.id != here.id);
            self.nations.push(here);
            self.nations.sort_by(|one, other| one.id.cmp(&other.id));
        }
        let is_wanted = if is_nation {
            self.inside.is_none() && self.nation.as_ref() == Some(region)
        } else {
            self.inside.as_ref().is_some_and(|inside| inside.id == *region)
        };
        if is_wanted {
            self.below = below;
            if !self.field.text().is_empty() {
                self.typed("find", cx);
            }
        }
        is_wanted
    }

    /// Another city of one's own province is one touch away.
    fn open_own(&mut self, cx: &mut Cx<'_>) {
        let own = cx.shared.place().and_then(|place| Some((place.clone(), place.first_level()?)));
        let Some((_, first)) = own.filter(|(place, first)| self.what_for == PlacesFor::Switching && place != first)
        else {
            return;
        };
        cx.ask(
            move |client| async move { client.home(&first).await.map(|home| home.region) },
            |me: &mut Self, first, cx| {
                let is_here = |first: &RegionView| me.nation.as_ref() == Some(&first.id.nation());
                let is_untouched =
                    me.inside.is_none() && me.field.text().is_empty() && first.as_ref().is_ok_and(is_here);
                if let Some(first) = first.ok().filter(|first| is_untouched && Self::is_opened(first)) {
                    let id = first.id.clone();
                    (me.inside, me.is_own, me.below) = (Some(first), true, Vec::new());
                    me.open(id, cx);
                }
            },
        );
    }

    fn choose_place(&mut self, region: &RegionView, cx: &mut Cx<'_>) {
        let settings = &mut cx.shared.settings;
        if self.what_for != PlacesFor::Switching || settings.home.is_none() {
            settings.home = Some(region.id.clone());
        }
        settings.place = Some(region.id.clone());
        cx.save_settings();
        cx.reset(Tab::Home);
    }

    /// Goes from inside a first-level region back to all of them.
    fn go_up(&mut self, cx: &mut Cx<'_>) -> bool {
        if self.inside.take().is_none() {
            return false;
        }
        self.is_own = false;
        self.below.clear();
        if let Some(nation) = self.nation.clone() {
            self.open(nation, cx);
        }
        true
    }

    /// A region of what is on the screen.
    fn region(&self, id: &str) -> Option<RegionView> {
        let found = self.found.iter().map(|place| &place.region);
        let mut all = self.below.iter().chain(found).chain(&self.near).chain(&self.inside);
        all.find(|region| region.id.as_str() == id).cloned()
    }

    /// Whether a touch opens what lies below it instead of choosing it.
    fn is_opened(region: &RegionView) -> bool {
        let is_first = region.id.first_level().as_ref() == Some(&region.id);
        is_first && matches!(region.kind, RegionKind::Province | RegionKind::Municipality | RegionKind::City)
    }
}

fn name(region: &RegionView) -> Row {
    let row = Row::new(region.name.clone()).icon(Icon::Place);
    if region.latin == region.name || region.latin.is_empty() { row } else { row.detail(region.latin.clone()) }
}

impl Face for Places {
    fn route(&self) -> Option<Route> {
        (self.what_for == PlacesFor::Switching).then_some(Route::Places)
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn begin(&mut self, cx: &mut Cx<'_>) {
        let here = cx.shared.place().map(RegionId::nation);
        let tags = cx.shared.environment.languages.clone();
        let spoken_there = |nation: &&RegionId| {
            tags.iter().any(|tag| tag.to_ascii_lowercase().split('-').any(|part| part == nation.as_str()))
        };
        let nations = cx.shared.nations.clone();
        let first = here.or_else(|| nations.iter().find(spoken_there).cloned()).or_else(|| nations.first().cloned());
        self.nation.clone_from(&first);
        // The others' names are asked for, too.
        for nation in nations.into_iter().filter(|nation| Some(nation) != first.as_ref()).chain(first.clone()) {
            self.open(nation, cx);
        }
        self.open_own(cx);
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say(match self.what_for {
            PlacesFor::Switching => "places-switch",
            _ => "places-home",
        });
        if shared.nations.len() > 1 {
            let options = shared.nations.iter().map(|id| Choosable {
                id: id.to_string(),
                label: (self.nations.iter().find(|nation| nation.id == *id))
                    .map_or_else(|| id.as_str().to_uppercase(), |nation| nation.name.clone()),
                language: None,
                chosen: self.nation.as_ref() == Some(id),
            });
            page.choice("nation", shared.say("places-nation"), options.collect());
        }
        page.add(
            "find",
            Kind::Field {
                label: shared.say("places-find"),
                hint: shared.say("places-find-hint"),
                input: FieldKind::Search,
                text: self.field.shown(),
                error: None,
            },
        );
        if self.cannot_locate {
            page.notice("cannot-locate", Severity::Quiet, shared.say("places-cannot-locate"), Vec::new());
        } else if shared.environment.can_locate
            && self.field.text().is_empty()
            && (self.inside.is_none() || self.is_own)
        {
            page.button_if("locate", Role::Plain, shared.say("places-locate"), self.locating, None);
        }
        if let Some(near) = &self.near {
            page.list("near", shared.say("places-near"));
            page.row(format!("near/{}", near.id), name(near));
        }
        if let Some(error) = &self.error {
            let again = shared.action("again", "try-again", None);
            page.notice("error", Severity::Warn, advice(shared, error), vec![again]);
        }
        if !self.field.text().is_empty() {
            if self.found.is_empty() {
                let text = match &self.inside {
                    Some(place) if !self.is_own => {
                        shared.messages.with("places-none-in", [("place", place.name.as_str().into())])
                    }
                    _ => shared.say("places-none"),
                };
                page.add("none", Kind::Empty { text, icon: Icon::Search, action: None });
            } else {
                page.list("found", shared.say("places-found"));
                for place in self.found.iter().take(MAX_FOUND) {
                    let row = Row::new(place.region.name.clone()).icon(Icon::Place);
                    page.row(format!("found/{}", place.region.id), row.detail(place.above.join(" · ")));
                }
            }
            return;
        }
        if let Some(inside) = &self.inside {
            page.list("inside", inside.name.clone());
            page.row("up", Row::new(shared.say("places-up")).icon(Icon::Back));
            page.row(
                format!("whole/{}", inside.id),
                Row::new(shared.messages.with("places-whole", [("place", inside.name.as_str().into())]))
                    .icon(Icon::Place),
            );
        } else {
            page.list("inside", shared.say("places-list"));
        }
        for region in &self.below {
            page.row(format!("below/{}", region.id), name(region));
        }
        if self.busy && self.below.is_empty() {
            page.add("waiting", Kind::Waiting);
        }
    }

    fn field(&mut self, key: &str) -> Option<&mut Field> {
        (key == "find").then_some(&mut self.field)
    }

    fn typed(&mut self, _: &str, cx: &mut Cx<'_>) {
        let (Some(nation), text) = (self.nation.clone(), self.field.text().to_owned()) else { return };
        let inside = self.inside.as_ref().map(|inside| inside.id.clone());
        let typed = text.clone();
        cx.ask(
            move |client| async move {
                // What is near stands first.
                let mut found = Vec::new();
                for within in inside.iter().chain([&nation]) {
                    for place in client.find_places(&text, within).await? {
                        if !found.iter().any(|own: &PlaceView| own.region.id == place.region.id) {
                            found.push(place);
                        }
                    }
                }
                Ok::<_, Error>(found)
            },
            move |me: &mut Self, found, _| {
                // What was typed meanwhile has its own answer.
                if me.field.text() == typed {
                    me.found = found.unwrap_or_default();
                }
            },
        );
    }

    fn submit(&mut self, _: &str, cx: &mut Cx<'_>) {
        if let Some(first) = self.found.first().map(|place| format!("found/{}", place.region.id)) {
            self.tap(&first, cx);
        }
    }

    fn choose(&mut self, key: &str, option: &str, cx: &mut Cx<'_>) {
        let nation = cx.shared.nations.iter().find(|nation| nation.as_str() == option).cloned();
        if let (Some(nation), "nation") = (nation, key) {
            (self.inside, self.is_own, self.near) = (None, false, None);
            self.below.clear();
            self.found.clear();
            self.nation = Some(nation.clone());
            self.open(nation, cx);
        }
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match (key, key.split_once('/')) {
            ("locate", _) => {
                self.locating = true;
                cx.permitted_effect(Act::Locate, "place");
            }
            ("again", _) => {
                let region = self.inside.as_ref().map(|inside| inside.id.clone()).or_else(|| self.nation.clone());
                if let Some(region) = region {
                    self.open(region, cx);
                }
            }
            ("up", _) => {
                self.go_up(cx);
            }
            (_, Some((how, id))) => {
                let Some(region) = self.region(id) else { return };
                if how == "whole" || !Self::is_opened(&region) {
                    return self.choose_place(&region, cx);
                }
                self.field = Field::default();
                self.below.clear();
                (self.inside, self.is_own) = (Some(region.clone()), false);
                self.open(region.id, cx);
            }
            _ => {}
        }
    }

    fn back(&mut self, cx: &mut Cx<'_>) -> bool {
        !self.is_own && self.go_up(cx)
    }

    fn done(&mut self, _: &str, outcome: Outcome, cx: &mut Cx<'_>) {
        self.locating = false;
        let Outcome::Position { latitude, longitude, accuracy } = outcome else {
            self.cannot_locate = outcome != Outcome::Cancelled;
            return;
        };
        let (Some(nation), at) = (self.nation.clone(), Position { latitude, longitude, accuracy }) else { return };
        self.locating = true;
        cx.ask(
            move |client| async move {
                // What is on the phone already is good enough, if there is no network.
                let synced = client.sync(&nation).await;
                let Some(first) = client.nearest_place(&nation, at).await? else { return synced.map(|_| None) };
                let synced = client.sync(&first.id).await;
                if first.kind != RegionKind::Province {
                    return Ok(Some(first));
                }
                match client.nearest_place(&first.id, at).await? {
                    Some(city) => Ok(Some(city)),
                    None => synced.map(|_| Some(first)),
                }
            },
            |me: &mut Self, near, _| {
                me.locating = false;
                match near {
                    Ok(near) => {
                        me.cannot_locate = near.is_none();
                        me.near = near;
                    }
                    Err(error) => me.error = Some(error),
                }
            },
        );
    }
}
