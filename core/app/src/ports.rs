//! What the client asks of the app: consent, and what pages have the phone do. No thread waits for a resident.

use async_trait::async_trait;
use onecity_core::platform::{ConsentPrompt, ConsentRequest, Observer, Payment, Photo, Position, ServiceHost, Shared};
use onecity_core::{HandOverView, ServiceId, Topic};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::effect::{Act, Outcome};
use crate::face::Message;
use crate::model::Model;
use crate::screens::{AskConsent, Code, HandOver, Leaving, Paying, Service};

/// The way from the client to the screens.
pub(crate) struct Ports {
    to: UnboundedSender<Message>,
}

impl Ports {
    pub(crate) fn new(to: UnboundedSender<Message>) -> Self {
        Self { to }
    }

    /// Has the screens do something, and waits for their answer. None if they are gone, or the resident went back.
    async fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Model, oneshot::Sender<T>) + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.to.send(Message::Own(Box::new(move |model| what(model, answer)))).ok()?;
        answered.await.ok()
    }

    async fn effect(&self, act: Act) -> Option<Outcome> {
        self.ask(move |model, answer| model.effect_for_port(act, answer)).await
    }
}

#[async_trait]
impl ConsentPrompt for Ports {
    async fn ask(&self, request: ConsentRequest) -> bool {
        let asked = Self::ask(self, move |model, answer| model.add_sheet(Box::new(AskConsent::new(request, answer))));
        asked.await.unwrap_or(false)
    }
}

#[async_trait]
impl ServiceHost for Ports {
    async fn show_pass(&self, pass_id: String) {
        let shown = self.ask(move |model, answer: oneshot::Sender<()>| {
            model.push(Box::new(Code::shown_to_a_page(pass_id, answer)));
        });
        shown.await;
    }

    async fn show_hand_over(&self, shown: HandOverView) {
        self.ask(move |model, answer: oneshot::Sender<()>| model.add_sheet(Box::new(HandOver::new(shown, answer))))
            .await;
    }

    async fn scan(&self) -> Option<String> {
        match self.effect(Act::Scan).await? {
            Outcome::Text { text } => Some(text),
            _ => None,
        }
    }

    async fn locate(&self) -> Option<Position> {
        match self.effect(Act::Locate).await? {
            Outcome::Position { latitude, longitude, accuracy } => Some(Position { latitude, longitude, accuracy }),
            _ => None,
        }
    }

    async fn pick_photo(&self) -> Option<Photo> {
        match self.ask(|model, answer| model.photo_for_port(answer)).await? {
            Outcome::Photo { name, media_type, bytes } => Some(Photo { name, media_type, bytes }),
            _ => None,
        }
    }

    async fn share(&self, shared: Shared) -> bool {
        let Shared { text, url } = shared;
        self.effect(Act::Share { text, url }).await == Some(Outcome::Done)
    }

    async fn open_browser(&self, url: String) -> bool {
        let asked = self.ask(move |model, answer| model.add_sheet(Box::new(Leaving::new(url, answer))));
        asked.await.unwrap_or(false)
    }

    async fn pay(&self, payment: Payment) -> bool {
        let asked = self.ask(move |model, answer| model.add_sheet(Box::new(Paying::new(payment, answer))));
        asked.await.unwrap_or(false)
    }

    async fn open_service(&self, link: String, data: String, from: ServiceId) -> Option<String> {
        let opened = self.ask(move |model, answer: oneshot::Sender<String>| {
            if let Some(service) = Service::over(&link, &data, from, answer) {
                model.push(Box::new(service));
            }
        });
        opened.await
    }

    async fn finish_service(&self, service: ServiceId, result: String) {
        let _ = self.to.send(Message::Own(Box::new(move |model| model.finish(&service, result))));
    }
}

impl Observer for Ports {
    fn changed(&self, topic: Topic) {
        let _ = self.to.send(Message::Own(Box::new(move |model| model.topic(topic))));
    }
}
