//! Logging in: where, the browser, and what came of it.

use onecity_core::{AccountView, Error, LoginAttempt, ProviderView, Refusal};

use crate::block::{FieldKind, Kind, Role, Severity};
use crate::effect::{Act, Outcome};
use crate::error::{advice, is_clock};
use crate::face::{Command, Cx, Face, Field};
use crate::icon::Icon;
use crate::page::{Page, Row};
use crate::route::Route;
use crate::shared::Shared;

/// Where the browser comes back to.
pub(crate) const REDIRECT_URI: &str = "onecity://login";

/// Where a login is.
#[derive(Default)]
enum State {
    /// The resident chooses where.
    #[default]
    Choosing,
    /// The provider is asked.
    Beginning,
    /// The resident is in the browser.
    InBrowser,
    /// What the browser came back with is checked.
    Finishing,
}

/// Logging in.
#[derive(Default)]
pub(crate) struct Login {
    providers: Option<Vec<ProviderView>>,
    state: State,
    /// The number that some providers want, if the resident would rather type it here.
    number: Option<Field>,
    number_error: Option<String>,
    /// A stronger login of the active account, as strong as this.
    acr: Option<String>,
    error: Option<Error>,
}

impl Login {
    /// One that is as strong as this (OpenID Connect `acr`), of the active account.
    pub(crate) fn for_acr(acr: Option<String>) -> Self {
        Self { acr, ..Self::default() }
    }

    fn step_up(&mut self, acr: String, cx: &mut Cx<'_>) {
        (self.state, self.error) = (State::Beginning, None);
        cx.ask(move |client| async move { client.begin_step_up(&acr, REDIRECT_URI).await }, Self::begun);
    }

    fn begun(&mut self, begun: Result<LoginAttempt, Error>, cx: &mut Cx<'_>) {
        match begun {
            Ok(attempt) => {
                self.state = State::InBrowser;
                cx.effect(Act::Browse { url: attempt.url }, "browser");
            }
            Err(Error::InvalidInput { field, .. }) if field == "number" => {
                self.state = State::Choosing;
                self.number_error = Some(cx.shared.say("login-number-wrong"));
            }
            Err(error) => (self.state, self.error) = (State::Choosing, Some(error)),
        }
    }

    fn read(&mut self, cx: &mut Cx<'_>) {
        self.error = None;
        cx.ask(
            |client| async move { client.providers().await },
            |me: &mut Self, providers, _| match providers {
                Ok(providers) => me.providers = Some(providers),
                Err(error) => me.error = Some(error),
            },
        );
    }

    fn begin_at(&mut self, provider: String, cx: &mut Cx<'_>) {
        let number = self.number.as_ref().map(|number| number.text().trim().to_owned());
        let number = number.filter(|number| !number.is_empty());
        (self.state, self.error, self.number_error) = (State::Beginning, None, None);
        cx.ask(
            move |client| async move {
                match number {
                    Some(number) => client.begin_login_as(&provider, REDIRECT_URI, &number).await,
                    None => client.begin_login(&provider, REDIRECT_URI).await,
                }
            },
            Self::begun,
        );
    }

    fn finish(&mut self, url: String, cx: &mut Cx<'_>) {
        if matches!(self.state, State::Finishing) {
            return;
        }
        (self.state, self.error) = (State::Finishing, None);
        cx.ask(
            move |client| async move { client.finish_login(&url).await },
            |me: &mut Self, finished: Result<AccountView, Error>, cx| match finished {
                Ok(account) => {
                    cx.say(cx.shared.messages.with("login-done", [("name", account.name.as_str().into())]));
                    cx.commands.push(Command::Who);
                    cx.close();
                }
                Err(error) => (me.state, me.error) = (State::Choosing, Some(error)),
            },
        );
    }
}

impl Face for Login {
    fn route(&self) -> Option<Route> {
        Some(Route::Login)
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn begin(&mut self, cx: &mut Cx<'_>) {
        match self.acr.clone() {
            Some(acr) => self.step_up(acr, cx),
            None => self.read(cx),
        }
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("log-in");
        page.head.detail = Some(shared.say("login-once"));
        if let Some(error) = &self.error {
            let text = match error {
                Error::Refused { reason: Refusal::PhoneClock, .. } => advice(shared, error),
                Error::Cancelled => shared.say("login-cancelled"),
                other => advice(shared, other),
            };
            let severity = if matches!(error, Error::Cancelled) { Severity::Quiet } else { Severity::Warn };
            // A stronger login has a button of its own for that.
            let lacks = self.providers.is_none() && self.acr.is_none();
            let again = if lacks { vec![shared.action("again", "try-again", None)] } else { Vec::new() };
            page.notice("error", severity, text, again);
            if is_clock(error) {
                page.quiet("clock", shared.say("login-clock"));
            }
        }
        match self.state {
            State::Choosing => {}
            State::Beginning => return page.progress("beginning", shared.say("login-beginning"), None),
            State::InBrowser => {
                page.progress("browser", shared.say("login-in-browser"), None);
                page.button("cancel", Role::Plain, shared.say("cancel"));
                return;
            }
            State::Finishing => return page.progress("finishing", shared.say("login-finishing"), None),
        }
        if self.acr.is_some() {
            page.text("step-up-what", shared.say("login-step-up"));
            page.button("step-up", Role::Primary, shared.say("try-again"));
            return;
        }
        let Some(providers) = &self.providers else {
            if self.error.is_none() {
                page.add("waiting", Kind::Waiting);
            }
            return;
        };
        page.list("providers", shared.say("login-where"));
        for provider in providers {
            page.row(format!("provider/{}", provider.id), Row::new(provider.name.clone()).icon(Icon::Shield));
        }
        match &self.number {
            Some(number) => {
                let field = Kind::Field {
                    label: shared.say("login-number"),
                    hint: shared.say("login-number-hint"),
                    input: FieldKind::Number,
                    text: number.shown(),
                    error: self.number_error.clone(),
                };
                page.add("number", field);
                page.quiet("number-what", shared.say("login-number-what"));
            }
            None => page.button("with-number", Role::Plain, shared.say("login-with-number")),
        }
        page.quiet("what", shared.say("login-what"));
    }

    fn field(&mut self, key: &str) -> Option<&mut Field> {
        self.number.as_mut().filter(|_| key == "number")
    }

    fn blur(&mut self, _: &str, _: &mut Cx<'_>) {
        if let Some(number) = &mut self.number {
            // As it is written on the card: no spaces, the last letter of a citizen number in capitals.
            number.write(number.text().split_whitespace().collect::<String>().to_uppercase());
        }
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match (key, key.split_once('/')) {
            ("again", _) => self.read(cx),
            ("step-up", _) => {
                if let Some(acr) = self.acr.clone() {
                    self.step_up(acr, cx);
                }
            }
            ("cancel", _) => (self.state, self.error) = (State::Choosing, Some(Error::Cancelled)),
            ("with-number", _) => self.number = Some(Field::default()),
            (_, Some(("provider", id))) => self.begin_at(id.to_owned(), cx),
            _ => {}
        }
    }

    fn done(&mut self, _: &str, outcome: Outcome, cx: &mut Cx<'_>) {
        match outcome {
            Outcome::Text { text } => self.finish(text, cx),
            _ if matches!(self.state, State::InBrowser) => {
                (self.state, self.error) = (State::Choosing, Some(Error::Cancelled));
            }
            _ => {}
        }
    }
}
