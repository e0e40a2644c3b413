//! A device for unit tests: software ports, a folder of its own, and a list of answers in place of the network.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream;
use onecity_store::{Owner, Record, StoreError};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http::{Incoming, Outgoing, Transport};
use super::{ClientConfig, ClockTeacher, Device};
use crate::error::Error;
use crate::platform::{
    ConsentPrompt, ConsentRequest, CreatedKey, DeviceKeys, KeyPurpose, Platform, PlatformError, software,
};

/// What a server says.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self { status: StatusCode::from_u16(status).expect("a status"), headers: HeaderMap::new(), body: Vec::new() }
    }

    pub(crate) fn json(body: &Value) -> Self {
        Self { body: body.to_string().into_bytes(), ..Self::status(200) }
    }

    pub(crate) fn bytes(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::status(200) }
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).expect("a status");
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"));
        self
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub url: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn form(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(&self.body).find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

type Serve = Box<dyn FnMut(&Seen) -> Option<Reply> + Send>;

/// Servers in memory. What nobody answers is a network that is not there.
#[derive(Default)]
pub(crate) struct FakeHttp {
    once: Mutex<VecDeque<(String, Option<Reply>)>>,
    always: Mutex<Vec<Serve>>,
    seen: Mutex<Vec<Seen>>,
}

impl FakeHttp {
    /// The next request whose URL ends like this gets this answer, before anybody else is asked.
    pub(crate) fn once(&self, url_end: &str, reply: Reply) {
        self.once.lock().expect("whole").push_back((url_end.to_owned(), Some(reply)));
    }

    /// The next request whose URL ends like this finds no network.
    pub(crate) fn lose(&self, url_end: &str) {
        self.once.lock().expect("whole").push_back((url_end.to_owned(), None));
    }

    /// Every request whose URL ends like this gets this answer.
    pub(crate) fn always(&self, url_end: &str, reply: Reply) {
        let url_end = url_end.to_owned();
        self.serve(move |seen| seen.url.ends_with(&url_end).then(|| reply.clone()));
    }

    /// A server: it is asked before those that were there before.
    pub(crate) fn serve(&self, server: impl FnMut(&Seen) -> Option<Reply> + Send + 'static) {
        self.always.lock().expect("whole").insert(0, Box::new(server));
    }

    /// What was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("whole").clone()
    }

    /// How many requests to URLs that end like this were made.
    pub(crate) fn count(&self, url_end: &str) -> usize {
        self.seen().iter().filter(|seen| seen.url.ends_with(url_end)).count()
    }

    fn answer(&self, seen: &Seen) -> Option<Reply> {
        let mut once = self.once.lock().expect("whole");
        if let Some(at) = once.iter().position(|(end, _)| seen.url.ends_with(end.as_str())) {
            return once.remove(at).and_then(|(_, reply)| reply);
        }
        drop(once);
        self.always.lock().expect("whole").iter_mut().find_map(|serve| serve(seen))
    }
}

impl Transport for FakeHttp {
    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, Error>> {
        let Outgoing { url, headers, body, .. } = request;
        let seen = Seen { url: url.into(), headers, body };
        let reply = self.answer(&seen);
        self.seen.lock().expect("whole").push(seen);
        Box::pin(async move {
            let Reply { status, headers, body } = reply.ok_or_else(|| Error::network("no connection"))?;
            Ok(Incoming { status, headers, body: Box::pin(stream::iter([Ok(body.into())])) })
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Filler(String);

impl Record for Filler {
    const KIND: &'static str = "filler";
    const FORMAT: u8 = 1;
}

/// Software keys that are counted.
#[derive(Default)]
pub(crate) struct CountedKeys {
    keys: software::Keys,
    alive: Mutex<Vec<String>>,
}

impl CountedKeys {
    /// How many keys there are.
    pub(crate) fn alive(&self) -> usize {
        self.alive.lock().expect("whole").len()
    }

    /// Loses every key, as a key store does when the screen lock is removed.
    pub(crate) fn lose_all(&self) {
        self.alive.lock().expect("whole").drain(..).for_each(|id| self.keys.lose(&id));
    }
}

#[async_trait]
impl DeviceKeys for CountedKeys {
    async fn create(&self, purpose: KeyPurpose, challenge: &[u8]) -> Result<CreatedKey, PlatformError> {
        let created = self.keys.create(purpose, challenge).await?;
        self.alive.lock().expect("whole").push(created.id.clone());
        Ok(created)
    }
    async fn public_key(&self, id: &str) -> Result<Vec<u8>, PlatformError> {
        self.keys.public_key(id).await
    }
    async fn sign(&self, id: &str, message: &[u8]) -> Result<Vec<u8>, PlatformError> {
        self.keys.sign(id, message).await
    }
    async fn delete(&self, id: &str) -> Result<(), PlatformError> {
        self.alive.lock().expect("whole").retain(|own| own != id);
        self.keys.delete(id).await
    }
}

/// A resident who answers as the test says, and remembers what was asked.
#[derive(Default)]
pub(crate) struct Resident {
    pub refuses: AtomicBool,
    pub asked: Mutex<Vec<ConsentRequest>>,
}

#[async_trait]
impl ConsentPrompt for Resident {
    async fn ask(&self, request: ConsentRequest) -> bool {
        self.asked.lock().expect("whole").push(request);
        !self.refuses.load(Ordering::SeqCst)
    }
}

/// A device with everything that a test can reach of it.
pub(crate) struct Bench {
    pub device: Arc<Device>,
    pub http: Arc<FakeHttp>,
    pub clock: Arc<software::MachineClock>,
    _folder: tempfile::TempDir,
    teacher: Mutex<Option<ClockTeacher>>,
}

impl Bench {
    /// A new phone with software ports, some of them replaced. It must be called within a runtime.
    pub(crate) fn with(ports: impl FnOnce(Platform) -> Platform) -> Self {
        Self::configured(ports, |config| config)
    }

    /// The same with another configuration.
    pub(crate) fn configured(
        ports: impl FnOnce(Platform) -> Platform,
        configure: impl FnOnce(ClientConfig) -> ClientConfig,
    ) -> Self {
        crate::device::install_providers();
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(software::MachineClock::default());
        let platform = ports(Platform { clock: Arc::clone(&clock) as _, ..software::platform() });
        let config = ClientConfig {
            folder: folder.path().to_owned(),
            languages: vec!["en".to_owned()],
            ..ClientConfig::default()
        };
        let config = configure(config);
        let http = Arc::new(FakeHttp::default());
        let (device, teacher) =
            Device::open(config, platform, Arc::clone(&http) as _, |_| Ok(())).expect("a new device");
        Self { device, http, clock, _folder: folder, teacher: Mutex::new(Some(teacher)) }
    }

    /// Leaves no room in the vault: whatever is written from now on finds a full disk.
    pub(crate) async fn fill_disk(&self) {
        let filled = self.device.vault(|vault| {
            vault.stop_growing()?;
            for (size, count) in [(3000, 500), (300, 100), (1, 200)] {
                for number in 0..count {
                    match vault.put(&Owner::Phone, &format!("{size}-{number}"), &Filler("x".repeat(size))) {
                        Err(StoreError::Full) => break,
                        outcome => outcome?,
                    }
                }
            }
            Ok(())
        });
        filled.await.expect("filled");
    }

    /// The right to set the clock: there is one.
    pub(crate) fn teacher(&self) -> ClockTeacher {
        self.teacher.lock().expect("whole").take().expect("it was taken before")
    }
}
