//! A photo that was taken for a page, and came when the app had been ended: offered to the page that asks next.

use onecity_core::platform::Photo;
use tokio::sync::oneshot;

use crate::block::Role;
use crate::effect::{Act, Outcome};
use crate::face::{Command, Cx, Face};
use crate::page::Page;
use crate::route::Route;
use crate::shared::Shared;

/// Whether a page gets the photo that was kept.
pub(crate) struct KeptPhoto {
    answer: Option<oneshot::Sender<Outcome>>,
    /// What is on the screen: the service that asks.
    asker: String,
}

impl KeptPhoto {
    pub(crate) fn new(answer: oneshot::Sender<Outcome>, asker: String) -> Self {
        Self { answer: Some(answer), asker }
    }
}

impl Face for KeptPhoto {
    fn route(&self) -> Option<Route> {
        None
    }

    fn grants(&self) -> bool {
        true
    }

    fn view(&self, shared: &Shared, page: &mut Page) {
        page.head.title = shared.say("photo-kept-title");
        page.head.detail = Some(self.asker.clone());
        page.text("what", shared.say("photo-kept-what"));
        page.facts("photo", shared.photo.iter().map(|photo| (shared.say("photo-kept-name"), photo.name.clone())));
        page.button("use", Role::Primary, shared.say("photo-kept-use"));
        page.button("another", Role::Plain, shared.say("photo-kept-another"));
        page.button("close", Role::Plain, shared.say("cancel"));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match key {
            "use" => {
                match (self.answer.take(), cx.shared.photo.take()) {
                    (Some(answer), Some(Photo { name, media_type, bytes })) => {
                        let _ = answer.send(Outcome::Photo { name, media_type, bytes });
                    }
                    // Another page was faster.
                    (Some(answer), None) => cx.commands.push(Command::EffectForPort(Act::Photo, answer)),
                    (None, _) => {}
                }
            }
            "another" => {
                if let Some(answer) = self.answer.take() {
                    cx.commands.push(Command::EffectForPort(Act::Photo, answer));
                }
            }
            "close" => {}
            _ => return,
        }
        cx.close();
    }

    fn closed(&mut self, _: &mut Cx<'_>) {
        // Nobody waits for an answer any more; the photo stays for the next page that asks.
        self.answer = None;
    }
}
