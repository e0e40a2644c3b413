//! The first screen: the language, what happens to data, and the elder mode. Nothing is asked of any server before the
//! resident has gone on from here.

use crate::block::{Choosable, Role};
use crate::face::{Command, Cx, Face};
use crate::messages::Language;
use crate::page::Page;
use crate::route::Route;
use crate::screens::{Places, PlacesFor};
use crate::shared::Shared;

/// The first screen.
pub(crate) struct Welcome;

/// The languages to choose from.
pub(crate) fn languages(shared: &Shared) -> Vec<Choosable> {
    let now = shared.messages.language();
    let shown = |language: Language| Choosable {
        id: language.tag().to_owned(),
        label: language.own_name().to_owned(),
        language: Some(language.tag().to_owned()),
        chosen: language == now,
    };
    Language::OFFERED.map(shown).into()
}

/// Speaks another language from now on.
pub(crate) fn choose_language(tag: &str, cx: &mut Cx<'_>) {
    if let Some(language) = Language::OFFERED.into_iter().find(|language| language.tag() == tag) {
        cx.shared.settings.language = Some(language);
        cx.shared.speak();
        cx.save_settings();
        cx.commands.push(Command::Reload);
    }
}

/// The elder mode, on or off.
pub(crate) fn elder_toggle(shared: &Shared, page: &mut Page) {
    page.toggle("elder", shared.say("elder-mode"), Some(shared.say("elder-mode-what")), shared.settings.elder);
}

/// Turns the elder mode on or off.
pub(crate) fn choose_elder(option: &str, cx: &mut Cx<'_>) {
    cx.shared.settings.elder = option == "on";
    cx.save_settings();
}

impl Face for Welcome {
    fn route(&self) -> Option<Route> {
        None
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("welcome-title");
        page.head.detail = Some(shared.say("welcome-detail"));
        page.choice("language", shared.say("language"), languages(shared));
        elder_toggle(shared, page);
        page.heading("privacy", shared.say("privacy-title"));
        page.facts(
            "privacy-facts",
            [
                ("privacy-what", "privacy-what-text"),
                ("privacy-where", "privacy-where-text"),
                ("privacy-who", "privacy-who-text"),
                ("privacy-rights", "privacy-rights-text"),
            ]
            .map(|(what, text)| (shared.say(what), shared.say(text))),
        );
        page.quiet("no-login", shared.say("welcome-no-login"));
        page.button("agree", Role::Primary, shared.say("welcome-go-on"));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        if key == "agree" {
            cx.shared.settings.started = true;
            cx.save_settings();
            cx.replace(Places::new(PlacesFor::Starting));
        }
    }

    fn choose(&mut self, key: &str, option: &str, cx: &mut Cx<'_>) {
        match key {
            "language" => choose_language(option, cx),
            "elder" => choose_elder(option, cx),
            _ => {}
        }
    }
}
