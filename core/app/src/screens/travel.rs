//! Another city beside home: what is missing there with what comes nearest, and taking its services along.

use onecity_core::{
    Error, MissingService, ParityView, Progress, ProgressListener, RegionId, RegionView, Step, TaskHandle, Topic,
    TravelPlan,
};
use std::sync::Arc;

use crate::block::{Kind, Role, Severity};
use crate::error::advice;
use crate::face::{Cx, Face, Sender};
use crate::page::{Page, Row};
use crate::route::Route;
use crate::screens::Service;
use crate::shared::Shared;

/// Going to another city.
pub(crate) struct Travel {
    place: RegionId,
    there: Option<RegionView>,
    home_name: String,
    parity: Option<ParityView>,
    plan: Option<TravelPlan>,
    fetching: Option<(TaskHandle, f32)>,
    error: Option<Error>,
}

/// Passes on how far the fetching is.
struct Watching(Sender<Travel>);

impl ProgressListener for Watching {
    fn progressed(&self, progress: Progress) {
        if progress.step == Step::Packages && progress.total > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a part to draw")]
            let part = progress.done as f32 / progress.total as f32;
            self.0.tell(move |me, _| {
                if let Some((_, shown)) = &mut me.fetching {
                    *shown = part;
                }
            });
        }
    }

    fn finished(&self, outcome: Result<(), Error>) {
        self.0.tell(move |me, cx| {
            me.fetching = None;
            match outcome {
                Ok(()) => {
                    let name = me.there.as_ref().map(|there| there.name.clone()).unwrap_or_default();
                    cx.say(cx.shared.messages.with("travel-done", [("place", name.into())]));
                }
                Err(error) => me.error = Some(error),
            }
            me.read(cx);
        });
    }
}

impl Travel {
    pub(crate) fn new(place: RegionId) -> Self {
        Self { place, there: None, home_name: String::new(), parity: None, plan: None, fetching: None, error: None }
    }

    fn read(&mut self, cx: &mut Cx<'_>) {
        let (place, home) = (self.place.clone(), cx.shared.settings.home.clone());
        cx.ask(
            move |client| async move {
                let there = client.home(&place).await?.region;
                let plan = client.travel_plan(&place).await?;
                let parity = match home.filter(|home| *home != place) {
                    Some(home) => Some((client.parity(&home, &place).await?, client.home(&home).await?.region.name)),
                    None => None,
                };
                Ok::<_, Error>((there, plan, parity))
            },
            |me: &mut Self, read, _| match read {
                Ok((there, plan, parity)) => {
                    (me.there, me.plan) = (Some(there), Some(plan));
                    if let Some((parity, home)) = parity {
                        (me.parity, me.home_name) = (Some(parity), home);
                    }
                }
                Err(error) => me.error = Some(error),
            },
        );
    }

    fn missing(missing: &MissingService, shared: &Shared) -> Row {
        let row = Row::new(missing.service.name.clone());
        match &missing.nearest {
            Some(nearest) => {
                row.detail(shared.messages.with("travel-nearest", [("service", nearest.name.as_str().into())]))
            }
            None => row.detail(shared.say("travel-nothing-near")).still(),
        }
    }
}

/// A size as people say it.
pub(crate) fn size(shared: &Shared, bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = 1024 * KIB;
    if bytes < MIB {
        return shared.messages.with("size-kb", [("count", bytes.div_ceil(KIB).into())]);
    }
    shared.messages.with("size-mb", [("count", bytes.div_ceil(MIB).into())])
}

impl Face for Travel {
    fn route(&self) -> Option<Route> {
        Some(Route::Travel { place: self.place.clone() })
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
        let name = self.there.as_ref().map(|there| there.name.clone()).unwrap_or_default();
        page.head.title = shared.messages.with("travel-title", [("place", name.as_str().into())]);
        if let Some(error) = &self.error {
            let again = shared.action("again", "try-again", None);
            page.notice("error", Severity::Warn, advice(shared, error), vec![again]);
        }
        let Some(plan) = &self.plan else {
            if self.error.is_none() {
                page.add("waiting", Kind::Waiting);
            }
            return;
        };
        if let Some((_, part)) = &self.fetching {
            page.progress("fetching", shared.say("travel-fetching"), Some(*part));
            page.button("stop", Role::Plain, shared.say("cancel"));
        } else if plan.bytes_to_fetch > 0 {
            page.text("plan", shared.messages.with("travel-plan", [("count", plan.services.len().into())]));
            let size = size(shared, plan.bytes_to_fetch);
            page.button("fetch", Role::Primary, shared.messages.with("travel-fetch", [("size", size.into())]));
        } else {
            page.notice("have", Severity::Good, shared.say("travel-have"), Vec::new());
        }
        let Some(parity) = &self.parity else { return };
        let home = self.home_name.as_str();
        if parity.missing.is_empty() {
            page.text("none-missing", shared.messages.with("travel-none-missing", [("home", home.into())]));
            return;
        }
        page.list("missing", shared.messages.with("travel-missing", [("home", home.into()), ("place", name.into())]));
        for missing in &parity.missing {
            page.row(format!("missing/{}", missing.service.id), Self::missing(missing, shared));
        }
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match (key, key.split_once('/')) {
            ("again", _) => {
                self.error = None;
                self.read(cx);
            }
            ("fetch", _) => {
                let Some(client) = cx.shared.client.clone() else { return };
                self.error = None;
                let watching = Arc::new(Watching(cx.sender()));
                self.fetching = Some((client.prefetch(&self.place, &[], watching), 0.0));
            }
            ("stop", _) => {
                // What has come by now stays.
                self.fetching = None;
                self.read(cx);
            }
            (_, Some(("missing", id))) => {
                let parity = self.parity.as_ref();
                let found = parity.and_then(|own| own.missing.iter().find(|own| own.service.id.to_string() == id));
                if let Some(nearest) = found.and_then(|missing| missing.nearest.as_ref()) {
                    cx.push(Service::new(nearest.id.clone(), self.place.clone()));
                }
            }
            _ => {}
        }
    }
}
