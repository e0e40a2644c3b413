//! The app as a shell holds it: events go in, frames and screens come out. Reading takes a snapshot and never waits for the
//! client; one task applies the events in order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onecity_core::platform::{Clock, DeviceKeys, Platform, SecretStore};
use onecity_core::{AppRecordOwner, Client, ClientConfig, Error, IconView, Resource, ResourceRequest, ServiceId};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::block::{Changes, Screen};
use crate::effect::Effect;
use crate::event::{Environment, Event};
use crate::face::Message;
use crate::frame::Frame;
use crate::model::{Loaded, Model, OWN, PLACE, SETTINGS, Save};
use crate::ports::Ports;

/// How long after a change where the resident is is saved.
const SAVE_AFTER: Duration = Duration::from_millis(500);

/// What a shell does for the app. It is called on a thread where blocking is fine.
pub trait Shell: Send + Sync {
    /// Something has changed since [`App::frame`] was read. It is told once until that is read again.
    fn changed(&self);
    /// Do this, and say with [`Event::Done`] what came of it.
    fn perform(&self, effect: Effect);
}

/// What a shell supplies besides itself.
#[derive(Clone)]
#[expect(missing_docs, reason = "the types say it")]
pub struct AppPlatform {
    pub keys: Arc<dyn DeviceKeys>,
    pub secrets: Arc<dyn SecretStore>,
    pub clock: Arc<dyn Clock>,
}

/// The app.
pub struct App {
    model: Arc<Mutex<Model>>,
    loopback: UnboundedSender<Message>,
    unread: Arc<AtomicBool>,
    /// How many events were sent.
    sent: Mutex<u64>,
    ending: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
    runtime: Handle,
}

fn locked(model: &Mutex<Model>) -> MutexGuard<'_, Model> {
    model.lock().unwrap_or_else(PoisonError::into_inner)
}

impl App {
    /// Starts the app on a runtime, which has its timer and its I/O enabled. It answers at once: the phone's files are
    /// opened meanwhile.
    pub fn start(
        runtime: &Handle,
        config: ClientConfig,
        platform: AppPlatform,
        environment: Environment,
        shell: Arc<dyn Shell>,
    ) -> Self {
        let (loopback, messages) = unbounded_channel();
        let nations = config.nations.iter().map(|anchor| anchor.nation.clone()).collect();
        let clock = Arc::clone(&platform.clock);
        let epoch = format!("{:x}", clock.wall().unsigned_abs() ^ u64::from(std::process::id()).rotate_left(32));
        let model = Model::new(environment, nations, clock, loopback.clone(), epoch);
        let model = Arc::new(Mutex::new(model));
        let unread = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = oneshot::channel();
        let opener = Opener { config, platform, runtime: runtime.clone(), loopback: loopback.clone() };
        let running = Running { model: Arc::clone(&model), unread: Arc::clone(&unread), shell, opener };
        let running = runtime.spawn(running.run(messages, stopped));
        let sent = Mutex::default();
        Self { model, loopback, unread, sent, ending: Mutex::new(Some((stop, running))), runtime: runtime.clone() }
    }

    /// Tells the app what happened, and answers the event's number. Events are applied in the order in which they are
    /// sent; once [`Frame::applied`] is as high, this one has been.
    pub fn send(&self, event: Event) -> u64 {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        *sent += 1;
        let _ = self.loopback.send(Message::Event(event));
        *sent
    }

    /// What is on the screen.
    pub fn frame(&self) -> Frame {
        let model = locked(&self.model);
        self.unread.store(false, Ordering::SeqCst);
        model.frame()
    }

    /// What an entry of the stack, or the sheet, shows.
    pub fn screen(&self, entry: &str) -> Option<Screen> {
        locked(&self.model).screen(entry)
    }

    /// What has changed on an entry since a revision that was read. Of another start of the app, or of the future, the
    /// whole screen is news. To ask again is safe.
    pub fn changes_since(&self, entry: &str, epoch: &str, revision: u64) -> Option<Changes> {
        locked(&self.model).changes_since(entry, epoch, revision)
    }

    /// A picture that a block names.
    pub async fn image(&self, image: &str) -> Option<IconView> {
        let service: ServiceId = image.parse().ok()?;
        let client = locked(&self.model).shared.client.clone()?;
        client.icon(&service).await.ok().flatten()
    }

    /// A file of the service that an entry shows.
    ///
    /// # Errors
    /// As of [`Client::resource`]; [`Error::Cancelled`] if the entry shows no service any more.
    pub async fn resource(&self, entry: &str, request: ResourceRequest) -> Result<Resource, Error> {
        let (client, session) = self.open_session(entry)?;
        client.resource(&session, request).await
    }

    /// A call of the page that an entry shows.
    ///
    /// # Errors
    /// As of [`Client::bridge`]; [`Error::Cancelled`] if the entry shows no service any more.
    pub async fn bridge(&self, entry: &str, call: &str) -> Result<String, Error> {
        let (client, session) = self.open_session(entry)?;
        let reply = client.bridge(&session, call).await?;
        if let Some(acr) = asks_for_login(&reply) {
            let entry = entry.to_owned();
            let _ = self.loopback.send(Message::Own(Box::new(move |model| model.page_needs(&entry, acr))));
        }
        Ok(reply)
    }

    /// The resident has touched the page that an entry shows.
    pub fn touched(&self, entry: &str) {
        if let Ok((client, session)) = self.open_session(entry) {
            client.touched(&session);
        }
    }

    fn open_session(&self, entry: &str) -> Result<(Arc<Client>, Arc<onecity_core::ServiceSession>), Error> {
        let model = locked(&self.model);
        let found = model.shared.client.clone().zip(model.session(entry));
        found.ok_or(Error::Cancelled)
    }

    /// Saves where the resident is, and closes the phone's files.
    pub async fn close(&self) {
        let ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, running)) = ending {
            let _ = stop.send(());
            let _ = running.await;
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, running)) = ending {
            let _ = stop.send(());
            // What it holds is let go of when it ends.
            let _entered = self.runtime.enter();
            drop(running);
        }
    }
}

/// Whether a page was told to have the resident log in, and how strongly.
#[expect(clippy::option_option, reason = "whether, and then how")]
fn asks_for_login(reply: &str) -> Option<Option<String>> {
    // Most replies are large and no error.
    if !reply.get(..reply.len().min(200)).unwrap_or(reply).contains("_required") {
        return None;
    }
    let reply: serde_json::Value = serde_json::from_str(reply).ok()?;
    let error = reply.get("error")?;
    match error.get("code")?.as_str()? {
        "login_required" => Some(None),
        "step_up_required" => Some(error.get("acr").and_then(|acr| acr.as_str()).map(str::to_owned)),
        _ => None,
    }
}

/// Opens the phone's files.
#[derive(Clone)]
pub(crate) struct Opener {
    config: ClientConfig,
    platform: AppPlatform,
    runtime: Handle,
    loopback: UnboundedSender<Message>,
}

/// What the resident decides about files that can't be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repair {
    /// Tries again.
    Nothing,
    /// Goes on with an older file from quarantine.
    Restore,
    /// Goes on with what can be read.
    Recover,
    /// Goes on without it; it stays in quarantine.
    Quarantine,
}

impl Opener {
    async fn open(self, repair: Repair) {
        let opened = self.opened(repair).await;
        let _ = self.loopback.send(Message::Own(Box::new(move |model| model.opened(opened))));
    }

    async fn opened(&self, repair: Repair) -> Result<Loaded, Error> {
        let Self { config, platform, runtime, loopback } = self.clone();
        let ports = Arc::new(Ports::new(loopback));
        let platform = Platform {
            keys: platform.keys,
            secrets: platform.secrets,
            clock: platform.clock,
            consent: Arc::clone(&ports) as _,
            host: Arc::clone(&ports) as _,
            observer: ports,
        };
        let opening = tokio::task::spawn_blocking(move || {
            match repair {
                Repair::Nothing => {}
                Repair::Restore => drop(Client::restore_vault(&config, &platform)?),
                Repair::Recover => drop(Client::recover_vault(&config)?),
                Repair::Quarantine => Client::quarantine_vault(&config)?,
            }
            Client::open_on(&runtime, config, platform)
        });
        let failed = |_| Error::Internal { what: "opening the files panicked".to_owned() };
        let client = Arc::new(opening.await.map_err(failed)??);
        let record = async |owner, name| client.app_record(owner, name).await;
        let read = |record: Option<String>| record.unwrap_or_else(|| "null".to_owned());
        let settings = read(record(AppRecordOwner::Phone, SETTINGS).await?);
        let account = client.account().await?;
        let owner = AppRecordOwner::Account(account.as_ref().map(|account| account.id.clone()));
        let own = read(record(owner.clone(), OWN).await?);
        let place = read(record(owner, PLACE).await?);
        Ok(Loaded {
            settings: serde_json::from_str(&settings).unwrap_or_default(),
            own: serde_json::from_str(&own).unwrap_or_default(),
            // What this version of the app has no screen for is left out.
            place: serde_json::from_str::<Vec<serde_json::Value>>(&place)
                .unwrap_or_default()
                .into_iter()
                .map_while(|route| serde_json::from_value(route).ok())
                .collect(),
            account,
            client,
        })
    }
}

/// The task that applies what happens.
struct Running {
    model: Arc<Mutex<Model>>,
    unread: Arc<AtomicBool>,
    shell: Arc<dyn Shell>,
    opener: Opener,
}

/// What the shell is told.
enum Notice {
    Changed,
    Perform(Effect),
}

impl Running {
    async fn run(self, mut messages: UnboundedReceiver<Message>, mut stopped: oneshot::Receiver<()>) {
        let mut works = JoinSet::new();
        let (notices, told) = unbounded_channel();
        let telling = tokio::spawn(tell(Arc::clone(&self.shell), told));
        let (saves, to_save) = unbounded_channel();
        let saving = tokio::spawn(keep_all(to_save));
        works.spawn(self.opener.clone().open(Repair::Nothing));
        let mut save_at: Option<Instant> = None;
        loop {
            let due = async {
                match save_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let message = tokio::select! {
                biased;
                _ = &mut stopped => break,
                Some(message) = messages.recv() => Some(message),
                () = due => None,
                Some(_) = works.join_next(), if !works.is_empty() => continue,
            };
            let Some(message) = message else {
                save_at = None;
                self.save_place(&saves);
                continue;
            };
            let hides = matches!(message, Message::Event(Event::Hidden));
            let (begun, effects, moved, repair) = {
                let mut model = locked(&self.model);
                model.handle(message);
                model.take_saves().into_iter().for_each(|save| drop(saves.send(save)));
                (model.take_works(), model.take_effects(), model.has_moved(), model.take_repair())
            };
            begun.into_iter().for_each(|work| drop(works.spawn(work)));
            if let Some(repair) = repair {
                works.spawn(self.opener.clone().open(repair));
            }
            for effect in effects {
                let _ = notices.send(Notice::Perform(effect));
            }
            if hides {
                save_at = None;
                self.save_place(&saves);
            } else if moved && save_at.is_none() {
                save_at = Some(Instant::now() + SAVE_AFTER);
            }
            if !self.unread.swap(true, Ordering::SeqCst) {
                let _ = notices.send(Notice::Changed);
            }
        }
        works.shutdown().await;
        self.save_place(&saves);
        // All that was to be kept is kept before the files are closed.
        drop(saves);
        let _ = saving.await;
        self.end().await;
        drop(notices);
        let _ = telling.await;
    }

    fn save_place(&self, saves: &UnboundedSender<Save>) {
        let mut model = locked(&self.model);
        model.keep_place();
        model.take_saves().into_iter().for_each(|save| drop(saves.send(save)));
    }

    async fn end(&self) {
        // Closes the files in order: no call of anybody who still holds the client writes after that.
        let client = locked(&self.model).end();
        if let Some(client) = client
            && let Err(error) = client.suspend().await
        {
            tracing::warn!(%error, "the files were not closed in order");
        }
    }
}

/// Keeps one after the other: the newest of a record is kept last.
async fn keep_all(mut saves: UnboundedReceiver<Save>) {
    while let Some(save) = saves.recv().await {
        save.keep().await;
    }
}

async fn tell(shell: Arc<dyn Shell>, mut told: UnboundedReceiver<Notice>) {
    while let Some(notice) = told.recv().await {
        let shell = Arc::clone(&shell);
        let telling = tokio::task::spawn_blocking(move || match notice {
            Notice::Changed => shell.changed(),
            Notice::Perform(effect) => shell.perform(effect),
        });
        if telling.await.is_err() {
            tracing::warn!("the shell panicked");
        }
    }
}
