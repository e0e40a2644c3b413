//! Me: accounts, language, appearance, consents, and what this app is.

use onecity_core::{AccountKind, AccountView, Error, Topic};

use crate::block::{Choosable, Role, Severity};
use crate::error::advice;
use crate::face::{Command, Cx, Face};
use crate::frame::{Scheme, Tab};
use crate::icon::Icon;
use crate::page::{Page, Row};
use crate::route::Route;
use crate::screens::welcome::{choose_elder, choose_language, elder_toggle, languages};
use crate::screens::{Consents, Licences, Login, Places, PlacesFor};
use crate::shared::Shared;

/// Me.
#[derive(Default)]
pub(crate) struct Me {
    accounts: Vec<AccountView>,
    home: Option<String>,
    /// What would be lost is asked about before it is done: whether submissions wait.
    leaving: Option<bool>,
    busy: bool,
    error: Option<Error>,
}

impl Me {
    fn read(&mut self, cx: &mut Cx<'_>) {
        let home = cx.shared.settings.home.clone();
        cx.ask(
            move |client| async move {
                let home = match home {
                    Some(home) => client.home(&home).await.ok().map(|view| view.region.name),
                    None => None,
                };
                (client.accounts().await.unwrap_or_default(), home)
            },
            |me: &mut Self, (accounts, home), _| (me.accounts, me.home) = (accounts, home),
        );
    }

    fn log_out(&mut self, discard: bool, cx: &mut Cx<'_>) {
        if self.busy {
            return;
        }
        (self.busy, self.error) = (true, None);
        cx.ask(
            move |client| async move { client.logout(discard).await },
            |me: &mut Self, outcome, cx| {
                me.busy = false;
                match outcome {
                    Ok(()) => {
                        me.leaving = None;
                        cx.say(cx.shared.say("logged-out"));
                        cx.commands.push(Command::Who);
                        me.read(cx);
                    }
                    Err(Error::Refused { reason: onecity_core::Refusal::StillWaiting, .. }) => me.leaving = Some(true),
                    Err(error) => (me.leaving, me.error) = (None, Some(error)),
                }
            },
        );
    }
}

impl Face for Me {
    fn route(&self) -> Option<Route> {
        Some(Route::Me)
    }

    fn tab(&self) -> Option<Tab> {
        Some(Tab::Me)
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
        page.head.title = shared.say("tab-me");
        if let Some(error) = &self.error {
            page.notice("error", Severity::Warn, advice(shared, error), Vec::new());
        }
        if let Some(waiting) = self.leaving {
            page.text("leaving", shared.say(if waiting { "log-out-waiting" } else { "log-out-what" }));
            page.button_if("log-out-now", Role::Destructive, shared.say("log-out"), self.busy, None);
            page.button("stay", Role::Plain, shared.say("cancel"));
            return;
        }
        page.list("accounts", shared.say("accounts"));
        for account in &self.accounts {
            let kind = if account.kind == AccountKind::Enterprise { "account-enterprise" } else { "account-person" };
            let detail = if account.lapsed { "account-lapsed" } else { kind };
            let row = Row::new(account.name.clone()).detail(shared.say(detail)).icon(Icon::Person);
            page.row(format!("account/{}", account.id), row.chosen(account.active));
        }
        let add = if self.accounts.is_empty() { "log-in" } else { "account-add" };
        page.row("login", Row::new(shared.say(add)).icon(Icon::Add));
        page.list("settings", shared.say("settings"));
        let home = self.home.clone().unwrap_or_default();
        page.row("home", Row::new(shared.say("settings-home")).value(home).icon(Icon::Home));
        page.row(
            "language",
            Row::new(shared.say("language")).value(shared.messages.language().own_name()).icon(Icon::Language),
        );
        page.row("consents", Row::new(shared.say("consents")).icon(Icon::Shield));
        page.row("about", Row::new(shared.say("about")).icon(Icon::Info));
        elder_toggle(shared, page);
        let scheme = shared.settings.scheme;
        let option = |id: &str, label: &str, own: Scheme| Choosable {
            id: id.to_owned(),
            label: shared.say(label),
            language: None,
            chosen: own == scheme,
        };
        let options = vec![
            option("platform", "scheme-platform", Scheme::Platform),
            option("light", "scheme-light", Scheme::Light),
            option("dark", "scheme-dark", Scheme::Dark),
        ];
        page.choice("scheme", shared.say("scheme"), options);
        if shared.account.is_some() {
            page.button("log-out", Role::Destructive, shared.say("log-out"));
        }
    }

    fn choose(&mut self, key: &str, option: &str, cx: &mut Cx<'_>) {
        match key {
            "elder" => choose_elder(option, cx),
            "scheme" => {
                cx.shared.settings.scheme = match option {
                    "light" => Scheme::Light,
                    "dark" => Scheme::Dark,
                    _ => Scheme::Platform,
                };
                cx.save_settings();
            }
            _ => {}
        }
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match (key, key.split_once('/')) {
            ("login", _) => cx.push(Login::default()),
            ("home", _) => cx.push(Places::new(PlacesFor::Home)),
            ("language", _) => cx.push(Languages),
            ("consents", _) => cx.push(Consents::default()),
            ("about", _) => cx.push(About),
            ("log-out", _) => self.leaving = Some(false),
            ("stay", _) => self.leaving = None,
            ("log-out-now", _) => self.log_out(self.leaving == Some(true), cx),
            (_, Some(("account", id))) => {
                let account = self.accounts.iter().find(|account| account.id == id);
                match account {
                    Some(account) if account.active && account.lapsed => cx.push(Login::default()),
                    Some(account) if !account.active => {
                        let id = account.id.clone();
                        cx.ask(
                            move |client| async move { client.switch_account(&id).await },
                            |me: &mut Self, switched, cx| {
                                me.error = switched.err();
                                cx.commands.push(Command::Who);
                                me.read(cx);
                            },
                        );
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// Choosing the language.
pub(crate) struct Languages;

impl Face for Languages {
    fn route(&self) -> Option<Route> {
        Some(Route::Languages)
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("language");
        page.choice("language", shared.say("language"), languages(shared));
        page.quiet("what", shared.say("language-what"));
    }

    fn choose(&mut self, _: &str, option: &str, cx: &mut Cx<'_>) {
        choose_language(option, cx);
    }
}

/// What this app is.
pub(crate) struct About;

impl Face for About {
    fn route(&self) -> Option<Route> {
        Some(Route::About)
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("about");
        page.text("what", shared.say("about-what"));
        page.facts(
            "facts",
            [
                (shared.say("version"), env!("CARGO_PKG_VERSION").to_owned()),
                (shared.say("licence"), env!("CARGO_PKG_LICENSE").to_owned()),
            ],
        );
        page.list("more", shared.say("about"));
        page.row("licences", Row::new(shared.say("licences")).icon(Icon::Info));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        if key == "licences" {
            cx.push(Licences);
        }
    }
}
