//! A photo that was taken for a page, and came when the app had been ended: offered to the page that asks next.

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
}

impl KeptPhoto {
    pub(crate) fn new(answer: oneshot::Sender<Outcome>) -> Self {
        Self { answer: Some(answer) }
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
        page.text("what", shared.say("photo-kept-what"));
        page.facts("photo", shared.photo.iter().map(|photo| (shared.say("photo-kept-name"), photo.name.clone())));
        page.button("use", Role::Primary, shared.say("photo-kept-use"));
        page.button("another", Role::Plain, shared.say("photo-kept-another"));
        page.button("close", Role::Plain, shared.say("cancel"));
    }

    fn tap(&mut self, key: &str, cx: &mut Cx<'_>) {
        match key {
            "use" => {
                if let (Some(answer), Some(photo)) = (self.answer.take(), cx.shared.photo.take()) {
                    let (name, media_type, bytes) = (photo.name, photo.media_type, photo.bytes);
                    let _ = answer.send(Outcome::Photo { name, media_type, bytes });
                }
            }
            "another" => {
                cx.shared.photo = None;
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
