//! Search: services, places and the app's own settings, as one types.

use onecity_core::{PlaceView, ServiceCard, Topic};

use crate::block::{FieldKind, Kind};
use crate::face::{Cx, Face, Field};
use crate::frame::Tab;
use crate::icon::Icon;
use crate::page::{Page, Row};
use crate::route::Route;
use crate::screens::{Languages, Service};
use crate::shared::Shared;

/// Most places that are shown: services come first.
const MAX_PLACES: usize = 5;

/// What of the app itself is found, with the words that it is found by: a message with one word a line.
const SETTINGS: [(&str, &str, &str); 3] = [
    ("elder", "elder-mode", "search-words-elder"),
    ("language", "language", "search-words-language"),
    ("me", "tab-me", "search-words-me"),
];

/// Search.
#[derive(Default)]
pub(crate) struct Search {
    field: Field,
    /// What the results are for.
    of: Option<String>,
    cards: Vec<ServiceCard>,
    places: Vec<PlaceView>,
    busy: bool,
    /// The first of what is looked for is to be opened as soon as it is found.
    wants_first: bool,
}

impl Search {
    pub(crate) fn with(text: String) -> Self {
        Self { field: Field::with(text), ..Self::default() }
    }

    fn look(&mut self, cx: &mut Cx<'_>) {
        let Some(place) = cx.shared.place().cloned() else { return };
        let text = self.field.text().trim().to_owned();
        let typed = text.clone();
        self.busy = true;
        cx.ask(
            move |client| async move {
                if text.is_empty() {
                    return (client.home(&place).await.map(|home| home.services), Ok(Vec::new()));
                }
                (client.search(&text, &place).await, client.find_places(&text, &place.nation()).await)
            },
            move |me: &mut Self, (cards, places), cx| {
                // What was typed meanwhile has its own answer.
                if me.field.text().trim() == typed {
                    (me.cards, me.places) = (cards.unwrap_or_default(), places.unwrap_or_default());
                    (me.of, me.busy) = (Some(typed), false);
                    if std::mem::take(&mut me.wants_first) {
                        me.open_first(cx);
                    }
                }
            },
        );
    }

    fn open_first(&mut self, cx: &mut Cx<'_>) {
        if let Some(first) = self.cards.first().map(|card| format!("service/{}", card.id)) {
            self.tap(&first, cx);
        }
    }

    /// The settings that fit.
    fn settings(&self, shared: &Shared) -> Vec<(&'static str, &'static str)> {
        let typed: String = self.field.text().trim().to_lowercase();
        if typed.chars().count() < 2 {
            return Vec::new();
        }
        let fits = |words: &str| words.split(',').any(|word| word.trim().to_lowercase().starts_with(&typed));
        let own = SETTINGS
            .iter()
            .filter(|(_, label, words)| fits(&shared.say(words)) || shared.say(label).to_lowercase().contains(&typed));
        own.map(|(key, label, _)| (*key, *label)).collect()
    }
}

impl Face for Search {
    fn route(&self) -> Option<Route> {
        Some(Route::Search { text: self.field.text().to_owned() })
    }

    fn begin(&mut self, cx: &mut Cx<'_>) {
        self.look(cx);
    }

    fn changed(&mut self, topic: Topic, cx: &mut Cx<'_>) {
        if topic == Topic::Home {
            self.look(cx);
        }
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("search");
        page.add(
            "find",
            Kind::Field {
                label: shared.say("search"),
                hint: shared.say("search-hint"),
                input: FieldKind::Search,
                text: self.field.shown(),
                error: None,
            },
        );
        let settings = self.settings(shared);
        if !settings.is_empty() {
            page.list("settings", shared.say("search-settings"));
            for (key, label) in settings {
                page.row(format!("setting/{key}"), Row::new(shared.say(label)).icon(Icon::Settings));
            }
        }
        if !self.cards.is_empty() {
            let is_all = self.of.as_deref() == Some("");
            page.list("services", shared.say(if is_all { "search-all" } else { "search-services" }));
            for card in &self.cards {
                let detail = card.withdrawn.clone().unwrap_or_else(|| card.publisher.clone());
                let image = card.icon.as_ref().map(|_| card.id.to_string());
                page.row(format!("service/{}", card.id), Row::new(card.name.clone()).detail(detail).image(image));
            }
        }
        if !self.places.is_empty() {
            page.list("places", shared.say("search-places"));
            for place in self.places.iter().take(MAX_PLACES) {
                let row = Row::new(place.region.name.clone()).icon(Icon::Place);
                page.row(format!("place/{}", place.region.id), row.detail(place.above.join(" · ")));
            }
        }
        let is_nothing = self.cards.is_empty() && self.places.is_empty() && self.settings(shared).is_empty();
        if is_nothing && !self.busy {
            let action = shared.action("place", "home-change-place", Some(Icon::Place));
            page.add("none", Kind::Empty { text: shared.say("search-none"), icon: Icon::Search, action: Some(action) });
        } else if is_nothing {
            page.add("waiting", Kind::Waiting);
        }
    }

    fn field(&mut self, key: &str) -> Option<&mut Field> {
        (key == "find").then_some(&mut self.field)
    }

    fn typed(&mut self, _: &str, cx: &mut Cx<'_>) {
        self.wants_first = false;
        self.look(cx);
    }

    fn submit(&mut self, _: &str, cx: &mut Cx<'_>) {
        if self.of.as_deref() == Some(self.field.text().trim()) {
            self.open_first(cx);
        } else {
            self.wants_first = true;
        }
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match (key, key.split_once('/')) {
            ("place", _) => cx.push(super::Places::new(super::PlacesFor::Switching)),
            (_, Some(("setting", "elder"))) => {
                cx.shared.settings.elder = !cx.shared.settings.elder;
                cx.save_settings();
                let said = if cx.shared.settings.elder { "elder-mode-on" } else { "elder-mode-off" };
                cx.say(cx.shared.say(said));
            }
            (_, Some(("setting", "language"))) => cx.push(Languages),
            (_, Some(("setting", "me"))) => cx.reset(Tab::Me),
            (_, Some(("service", id))) => {
                let card = self.cards.iter().find(|card| card.id.to_string() == id);
                if let Some((card, place)) = card.zip(cx.shared.place().cloned()) {
                    cx.push(Service::of(card, place));
                }
            }
            (_, Some(("place", id))) => {
                if let Some(place) = self.places.iter().find(|place| place.region.id.as_str() == id) {
                    cx.shared.settings.place = Some(place.region.id.clone());
                    cx.save_settings();
                    cx.reset(Tab::Home);
                }
            }
            _ => {}
        }
    }
}
