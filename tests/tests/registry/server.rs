//! A small registry on a server that can misbehave, and a phone that knows no other: a nation, a province of two cities,
//! one with a department and a district, and a circle.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use onecity_core::platform::{Clock, Observer, Platform, software};
use onecity_core::{Client, ClientConfig, NationAnchor, ServiceId, Timeouts, Topic};
use onecity_protocol::region::{RegionId, UnitId};
use onecity_publisher::{Holders, KeyRing, Lifetimes, PublicKey, Repository, RepositoryFiles, pack};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// Something that a server does wrong, for paths that end like this.
#[derive(Clone)]
pub(crate) enum Wrong {
    /// It never stops sending.
    Endless(&'static str),
    /// It sends so many bytes and then nothing; asked for the rest, it sends it.
    Stalls(&'static str, usize),
    /// It has lost the file.
    Gone(&'static str),
}

#[derive(Default)]
struct Shared {
    files: Mutex<BTreeMap<String, Arc<[u8]>>>,
    wrong: Mutex<Option<Wrong>>,
    asked: Mutex<Vec<String>>,
    /// Bytes of bodies.
    sent: AtomicU64,
}

/// Repositories, their keys, and the server.
pub(crate) struct Registry {
    pub nation: Repository<RepositoryFiles>,
    pub province: Repository<RepositoryFiles>,
    pub ring: KeyRing,
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: tokio::task::JoinHandle<()>,
}

pub(crate) fn now() -> i64 {
    software::MachineClock::default().wall() / 1000
}

pub(crate) fn id(text: &str) -> RegionId {
    text.parse().expect("an id")
}

pub(crate) fn unit(text: &str) -> UnitId {
    text.parse().expect("a unit")
}

pub(crate) fn service(unit_id: &str, app_id: &str) -> ServiceId {
    ServiceId { unit: unit(unit_id), app_id: app_id.to_owned() }
}

/// A package with members of its manifest and files replaced.
pub(crate) fn package_with(app_id: &str, code: u64, members: Value, more: &[(&str, &[u8])]) -> Vec<u8> {
    let mut manifest = json!({
        "app_id": app_id, "name": app_id, "icons": [{ "src": "icon.svg", "label": "an icon" }], "pages": ["index"],
        "platform_version": { "min_code": 1 }, "version": { "code": code, "name": format!("{code}.0") },
        "onecity": { "category": "city", "names": { "zh": "停车缴费", "vi": "Trả phí đỗ xe", "en": app_id } },
    });
    for (name, value) in members.as_object().into_iter().flatten() {
        manifest[name] = value.clone();
    }
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::from([
        ("manifest.json".to_owned(), manifest.to_string().into_bytes()),
        ("app.js".to_owned(), Vec::new()),
        ("app.css".to_owned(), Vec::new()),
        ("icon.svg".to_owned(), b"<svg/>".to_vec()),
        ("index.html".to_owned(), format!("<p>version {code}").into_bytes()),
    ]);
    files.extend(more.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())));
    pack(&files).expect("packed")
}

pub(crate) fn package(app_id: &str, code: u64) -> Vec<u8> {
    package_with(app_id, code, Value::Null, &[])
}

pub(crate) fn repository(region: &str, ring: &mut KeyRing) -> Repository<RepositoryFiles> {
    let mut key = || ring.generate().expect("a key");
    let root: Vec<PublicKey> = (0..3).map(|_| key()).collect();
    let holders = Holders { root, root_threshold: 2, targets: key(), snapshot: key(), timestamp: key() };
    let created = Repository::create(id(region), RepositoryFiles::new(), &holders, ring, now(), &Lifetimes::default());
    created.expect("created")
}

impl Registry {
    pub(crate) async fn start() -> Self {
        let mut ring = KeyRing::default();
        let mut nation = repository("cn", &mut ring);
        let mut province = repository("cn-sd", &mut ring);
        for delegate in ["cn-sd/jinan", "cn-sd/qingdao", "cn-sd/~coast", "cn-sd/jinan/~transport", "cn-sd/jinan/lixia"]
        {
            let key = ring.generate().expect("a key");
            province.delegate(&unit(delegate), &[key], 1).expect("delegated");
            province.publish(&unit(delegate), package("report", 1), 100).expect("published");
        }
        province.publish(&unit("cn-sd/jinan/~transport"), package("parking", 1), 100).expect("published");
        province.publish(&unit("cn-sd"), package("hotline", 1), 100).expect("published");
        let region = |id: &str, kind: &str, zh: &str| json!({ "id": id, "kind": kind, "code": "0", "names": { "zh": zh, "en": id } });
        let regions = json!({
            "regions": [
                region("cn-sd/jinan", "city", "济南市"), region("cn-sd/jinan/lixia", "district", "历下区"),
                region("cn-sd/qingdao", "city", "青岛市"),
            ],
            "circles": [{ "id": "cn-sd/~coast", "names": { "en": "Coast" }, "members": ["cn-sd/qingdao"] }],
        });
        province.add_target("cn-sd/regions.json", regions.to_string().into_bytes(), None).expect("listed");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let entry = json!({ "region": "cn-sd", "url": format!("http://{address}/cn-sd") });
        let root = province.first_root().expect("a root").to_vec();
        nation.add_target("cn/cn-sd/root.json", root, Some(entry)).expect("listed");
        let top = json!({ "regions": [region("cn", "nation", "中国"), region("cn-sd", "province", "山东省")] });
        nation.add_target("cn/regions.json", top.to_string().into_bytes(), None).expect("listed");
        nation.add_target("cn/providers.json", b"[]".to_vec(), None).expect("listed");
        let shared = Arc::new(Shared::default());
        let app = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let stop = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("it serves");
        });
        let mut registry = Self { nation, province, ring, shared, address, stop };
        registry.publish();
        registry
    }

    /// Signs both repositories and serves the result.
    pub(crate) fn publish(&mut self) {
        self.publish_at(now());
    }

    /// Snapshot and timestamp alone, as of another time: the province's roles are not read, so none is due.
    pub(crate) fn publish_online_at(&mut self, time: i64) {
        self.province = Repository::open(self.province.storage().clone()).expect("opened");
        self.publish_at(time);
    }

    /// The same as of another time.
    pub(crate) fn publish_at(&mut self, time: i64) {
        self.nation.sign(&self.ring, time, &Lifetimes::default()).expect("signed");
        self.province.sign(&self.ring, time, &Lifetimes::default()).expect("signed");
        let (nation, province) = (self.nation.storage().clone(), self.province.storage().clone());
        self.serve("cn", nation);
        self.serve("cn-sd", province);
    }

    /// The nation lists a repository for a first-level region, with its first root; its files are served in place of those
    /// that were there.
    pub(crate) fn lists(&mut self, region: &str, repository: &Repository<RepositoryFiles>) {
        let entry = json!({ "region": region, "url": self.url(region) });
        let root = repository.first_root().expect("a root").to_vec();
        self.nation.add_target(&format!("cn/{region}/root.json"), root, Some(entry)).expect("listed");
        self.publish();
        self.serve(region, repository.storage().clone());
    }

    /// Serves these files as a repository's, whatever they are.
    pub(crate) fn serve(&self, repository: &str, files: RepositoryFiles) {
        let mut served = self.shared.files.lock().expect("no panic holds it");
        served.retain(|path, _| !path.starts_with(&format!("/{repository}/")));
        served.extend(files.into_iter().map(|(path, bytes)| (format!("/{repository}/{path}"), bytes)));
    }

    /// Where a repository is served.
    pub(crate) fn url(&self, repository: &str) -> String {
        format!("http://{}/{repository}", self.address)
    }

    /// The province's files as they are served.
    pub(crate) fn files(&self) -> RepositoryFiles {
        let served = self.shared.files.lock().expect("no panic holds it");
        let own = served
            .iter()
            .filter_map(|(path, bytes)| Some((path.strip_prefix("/cn-sd/")?.to_owned(), Arc::clone(bytes))));
        own.collect()
    }

    pub(crate) fn misbehave(&self, wrong: Option<Wrong>) {
        *self.shared.wrong.lock().expect("no panic holds it") = wrong;
    }

    /// What was asked for since this was last called.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.asked.lock().expect("no panic holds it"))
    }

    pub(crate) fn stop(&self) {
        self.stop.abort();
    }

    pub(crate) fn anchor(&self) -> NationAnchor {
        let root = self.nation.first_root().expect("a root").to_vec();
        NationAnchor { nation: id("cn"), url: format!("http://{}/cn", self.address), root }
    }

    pub(crate) fn phone(&self) -> Phone {
        Phone::new(self.anchor())
    }
}

async fn serve(State(shared): State<Arc<Shared>>, headers: HeaderMap, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok()).map(str::to_owned);
    let asked = range.as_ref().map_or_else(|| path.clone(), |range| format!("{path} {range}"));
    shared.asked.lock().expect("no panic holds it").push(asked);
    let Some(bytes) = shared.files.lock().expect("no panic holds it").get(&path).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let bytes = Bytes::from_owner(bytes);
    let wrong = shared.wrong.lock().expect("no panic holds it").clone();
    let chunk = |bytes: Bytes| Ok::<_, std::io::Error>(bytes);
    match wrong {
        Some(Wrong::Endless(end)) if path.ends_with(end) => {
            return Body::from_stream(stream::repeat_with(move || chunk(Bytes::from_static(&[b' '; 65_536]))))
                .into_response();
        }
        Some(Wrong::Stalls(end, at)) if path.ends_with(end) && range.is_none() => {
            let first = stream::once(async move { chunk(bytes.slice(..at)) });
            return Body::from_stream(first.chain(stream::pending())).into_response();
        }
        Some(Wrong::Gone(end)) if path.ends_with(end) => return StatusCode::NOT_FOUND.into_response(),
        _ => {}
    }
    shared.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    match from.filter(|from| *from < bytes.len()) {
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
            (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, range)], bytes.slice(from..)).into_response()
        }
        None => bytes.into_response(),
    }
}

/// A phone that knows this registry.
pub(crate) struct Phone {
    client: Option<Client>,
    pub clock: Arc<software::MachineClock>,
    config: ClientConfig,
    platform: Platform,
    folder: TempDir,
    changes: tokio::sync::Mutex<mpsc::UnboundedReceiver<Topic>>,
}

/// Passes on what has changed.
struct Changes(mpsc::UnboundedSender<Topic>);

impl Observer for Changes {
    fn changed(&self, topic: Topic) {
        let _ = self.0.send(topic);
    }
}

impl Phone {
    pub(crate) fn new(anchor: NationAnchor) -> Self {
        Self::with_patience(anchor, Duration::from_millis(300))
    }

    /// The same with another patience for a server that is silent.
    pub(crate) fn with_patience(anchor: NationAnchor, silence: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(software::MachineClock::default());
        let (tell, changes) = mpsc::unbounded_channel();
        let observer = Arc::new(Changes(tell));
        let platform = Platform { clock: Arc::clone(&clock) as Arc<dyn Clock>, observer, ..software::platform() };
        let config = ClientConfig {
            folder: folder.path().to_owned(),
            languages: vec!["en".to_owned()],
            nations: vec![anchor],
            allow_loopback: true,
            timeouts: Timeouts { silence, ..Timeouts::default() },
            ..ClientConfig::default()
        };
        let client = Client::open(config.clone(), platform.clone()).expect("opened");
        Self { client: Some(client), clock, config, platform, folder, changes: tokio::sync::Mutex::new(changes) }
    }

    /// The phone after its app was ended and started again; `meanwhile` something may happen to its files.
    pub(crate) fn restart(&mut self, meanwhile: impl FnOnce(&std::path::Path)) {
        self.client.take().expect("running").close();
        meanwhile(self.folder.path());
        self.client = Some(Client::open(self.config.clone(), self.platform.clone()).expect("opened"));
    }

    /// What has changed so far is of no interest. Notices are told in order, a while after the change: once one of
    /// another topic has come, all before it have.
    pub(crate) async fn forget_changes(&self) {
        self.revoke_consent(&service("cn-sd/jinan", "nothing"), "locate").await.expect("removed");
        let mut changes = self.changes.lock().await;
        while changes.recv().await.expect("the app runs") != Topic::Account {}
    }

    /// Until the home screen is out of date.
    pub(crate) async fn home_changes(&self) {
        let mut changes = self.changes.lock().await;
        while changes.recv().await.expect("the app runs") != Topic::Home {}
    }

    /// The version that a service opens in.
    pub(crate) async fn opens(&self, service: &ServiceId, region: &str) -> Result<u64, onecity_core::Error> {
        Ok(self.open_service(service, &id(region)).await?.manifest().version.code)
    }
}

impl std::ops::Deref for Phone {
    type Target = Client;
    fn deref(&self) -> &Client {
        self.client.as_ref().expect("running")
    }
}
