//! Where a pass was shown: which counters learnt what from it, and when.

use onecity_core::{DisclosureView, Error, PassSituation, Topic};

use crate::block::{Kind, Severity};
use crate::error::advice;
use crate::face::{Cx, Face};
use crate::icon::Icon;
use crate::page::{Page, Row};
use crate::route::Route;
use crate::screens::passes::{pass_of, what_it_is};
use crate::screens::sheets::data_field;
use crate::shared::Shared;
use crate::time;

/// Where a pass was shown.
pub(crate) struct ShownTo {
    /// The pass, by what it is.
    pass: String,
    title: Option<String>,
    disclosures: Option<Vec<DisclosureView>>,
    error: Option<Error>,
}

impl ShownTo {
    pub(crate) fn of(pass: String) -> Self {
        Self { pass, title: None, disclosures: None, error: None }
    }

    fn read(&mut self, cx: &mut Cx<'_>) {
        cx.ask(
            |client| async move {
                Ok::<_, Error>((client.passes(&PassSituation::default()).await?, client.disclosures().await?))
            },
            |me: &mut Self, read, _| match read {
                Ok((passes, all)) => {
                    let pass = passes.into_iter().find(|pass| what_it_is(pass) == me.pass);
                    let of = |own: &DisclosureView| match (&own.pass, &pass) {
                        (Some(shown), _) => pass_of(&shown.region, &shown.pass_type, own.holder.as_ref()) == me.pass,
                        // What was written down before the pass itself was: by its name and whose it is.
                        (None, Some(pass)) => own.what == pass.title && own.holder == pass.holder,
                        (None, None) => false,
                    };
                    me.disclosures = Some(all.into_iter().filter(of).collect());
                    me.title = pass.map(|pass| pass.title);
                    me.error = None;
                }
                Err(error) => me.error = Some(error),
            },
        );
    }
}

impl Face for ShownTo {
    fn route(&self) -> Option<Route> {
        Some(Route::ShownTo { pass: self.pass.clone() })
    }

    fn begin(&mut self, cx: &mut Cx<'_>) {
        self.read(cx);
    }

    fn changed(&mut self, _: Topic, cx: &mut Cx<'_>) {
        self.read(cx);
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("shown-title");
        page.head.detail.clone_from(&self.title);
        if let Some(error) = &self.error {
            page.notice("error", Severity::Warn, advice(shared, error), Vec::new());
        }
        let Some(all) = &self.disclosures else { return page.add("waiting", Kind::Waiting) };
        if all.is_empty() {
            let text = shared.say("shown-empty");
            return page.add("empty", Kind::Empty { text, icon: Icon::Shield, action: None });
        }
        page.list("shown", shared.say("shown-title"));
        for (at, own) in all.iter().enumerate() {
            let fields: Vec<String> = own.fields.iter().map(|field| data_field(shared, field)).collect();
            let what = [own.purpose.clone(), fields.join(&shared.say("list-separator"))];
            let what: Vec<String> = what.into_iter().filter(|text| !text.is_empty()).collect();
            let row = Row::new(own.verifier.clone()).detail(what.join(&shared.say("sentence-separator")));
            page.row(format!("shown/{at}"), row.value(time::ago(shared, own.at)).icon(Icon::Shield).still());
        }
        page.quiet("what", shared.say("shown-what"));
    }
}
