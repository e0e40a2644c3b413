//! What a sync costs on the wire: every byte of requests and answers, headers too, between a phone and a server that
//! compresses as any web server does. Region data are three regions: what is measured is the registry.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use onecity_core::platform::{Clock, software};
use onecity_core::{Client, ClientConfig, NationAnchor};
use onecity_protocol::region::RegionId;
use onecity_publisher::synthetic::{Size, province};
use onecity_publisher::{Change, Holders, KeyRing, Lifetimes, Repository, RepositoryFiles};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower_http::compression::CompressionLayer;

use crate::{ALLOCATED, Figure, PEAK, stated};

/// Provinces of a nation, each with an entry in the nation's repository.
const PROVINCES: usize = 34;

type Files = Arc<Mutex<BTreeMap<String, Arc<[u8]>>>>;

/// A nation and one of its provinces at a server, and a phone that hears them over a counted wire.
struct Wire {
    runtime: tokio::runtime::Runtime,
    files: Files,
    province: Repository<RepositoryFiles>,
    ring: KeyRing,
    anchor: NationAnchor,
    bytes: Arc<AtomicU64>,
}

async fn serve(State(files): State<Files>, request: Request) -> Response {
    let found = files.lock().expect("no panic holds it").get(request.uri().path()).cloned();
    match found {
        Some(bytes) => ([(header::CONTENT_TYPE, "application/json")], Bytes::from_owner(bytes)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Passes bytes on, and counts them.
async fn pass_on(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, count: Arc<AtomicU64>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        count.fetch_add(read as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

fn now() -> i64 {
    software::MachineClock::default().wall() / 1000
}

impl Wire {
    fn new(cities: usize) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let files = Files::default();
        let bytes = Arc::new(AtomicU64::new(0));
        let address = runtime.block_on(async {
            let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let behind = server.local_addr().expect("bound");
            let app = Router::new().fallback(serve).layer(CompressionLayer::new()).with_state(Arc::clone(&files));
            tokio::spawn(async move { axum::serve(server, app).await });
            let wire = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = wire.local_addr().expect("bound");
            let counted = Arc::clone(&bytes);
            tokio::spawn(async move {
                while let Ok((phone, _)) = wire.accept().await {
                    let server = TcpStream::connect(behind).await.expect("it is there");
                    let ((from_phone, to_phone), (from_server, to_server)) = (phone.into_split(), server.into_split());
                    tokio::spawn(pass_on(from_phone, to_server, Arc::clone(&counted)));
                    tokio::spawn(pass_on(from_server, to_phone, Arc::clone(&counted)));
                }
            });
            address
        });
        let (mut repository, ring) = province("cn-aa", Size::city_of_1000(cities), now()).expect("a province");
        let region = |id: &str, kind: &str| json!({ "id": id, "kind": kind, "code": "0", "names": { "en": id } });
        let regions = json!({
            "regions": [region("cn-aa/city-0", "city")],
            "circles": [{ "id": "cn-aa/~circle", "names": { "en": "Circle" }, "members": ["cn-aa/city-0"] }],
        });
        repository.add_target("cn-aa/regions.json", regions.to_string().into_bytes(), None).expect("listed");
        repository.sign(&ring, now(), &Lifetimes::default()).expect("signed");
        let anchor = nation(&repository, &files, &format!("http://{address}"));
        let mut wire = Self { runtime, files, province: repository, ring, anchor, bytes };
        wire.publish();
        wire
    }

    fn publish(&mut self) {
        self.province.sign(&self.ring, now(), &Lifetimes::default()).expect("signed");
        put(&self.files, "cn-aa", self.province.storage());
    }

    fn phone(&self) -> (tempfile::TempDir, Client) {
        let folder = tempfile::tempdir().expect("a folder");
        let config = ClientConfig {
            folder: folder.path().to_owned(),
            languages: vec!["zh".to_owned()],
            nations: vec![self.anchor.clone()],
            allow_loopback: true,
            ..ClientConfig::default()
        };
        (folder, Client::open(config, software::platform()).expect("a phone"))
    }

    /// Bytes that one sync of the city takes.
    fn sync(&self, client: &Client) -> u64 {
        let before = self.bytes.load(Ordering::Relaxed);
        let city: RegionId = "cn-aa/city-0".parse().expect("a region");
        let report = self.runtime.block_on(client.sync(&city)).expect("synced");
        assert!(report.broken.is_empty(), "{:?}", report.broken);
        self.bytes.load(Ordering::Relaxed) - before
    }
}

fn put(files: &Files, id: &str, storage: &RepositoryFiles) {
    let mut files = files.lock().expect("no panic holds it");
    files.extend(storage.iter().map(|(path, bytes)| (format!("/{id}/{path}"), Arc::clone(bytes))));
}

/// The nation's repository, with an entry for each of its provinces.
fn nation(province: &Repository<RepositoryFiles>, files: &Files, origin: &str) -> NationAnchor {
    let mut ring = KeyRing::default();
    let mut key = || ring.generate().expect("a key");
    let root = (0..5).map(|_| key()).collect();
    let holders = Holders { root, root_threshold: 3, targets: key(), snapshot: key(), timestamp: key() };
    let id: RegionId = "cn".parse().expect("an id");
    let created = Repository::create(id.clone(), RepositoryFiles::new(), &holders, &ring, now(), &Lifetimes::default());
    let mut nation = created.expect("created");
    for at in 0..PROVINCES {
        let first =
            format!("cn-a{}", if at < 26 { char::from(b'a' + at as u8) } else { char::from(b'0' + at as u8 - 26) });
        let entry = json!({ "region": first, "url": format!("{origin}/{first}") });
        // Each province's first root is its own; one stands for all here.
        let root = [&province.first_root().expect("a root")[..], &b" ".repeat(at)].concat();
        nation.add_target(&format!("cn/{first}/root.json"), root, Some(entry)).expect("listed");
    }
    let regions = json!({ "regions": [
        { "id": "cn", "kind": "nation", "code": "0", "names": { "en": "cn" } },
        { "id": "cn-aa", "kind": "province", "code": "0", "names": { "en": "cn-aa" } },
    ] });
    nation.add_target("cn/regions.json", regions.to_string().into_bytes(), None).expect("listed");
    nation.add_target("cn/providers.json", b"[]".to_vec(), None).expect("listed");
    nation.sign(&ring, now(), &Lifetimes::default()).expect("signed");
    put(files, "cn", nation.storage());
    let root = nation.first_root().expect("a root").to_vec();
    NationAnchor { nation: id, url: format!("{origin}/cn"), root }
}

/// The first sync of a city of 1,000 services in eleven roles, its province and its circle; the nation's list included.
pub(crate) fn first_sync_city_bytes() -> Figure {
    let wire = Wire::new(18);
    let (_folder, client) = wire.phone();
    stated("first_sync_city_bytes", wire.sync(&client) as f64, "bytes", Some(200_000.0))
}

/// A sync that finds nothing new.
pub(crate) fn poll_unchanged_bytes() -> Figure {
    let wire = Wire::new(1);
    let (_folder, client) = wire.phone();
    wire.sync(&client);
    stated("poll_unchanged_bytes", wire.sync(&client) as f64, "bytes", Some(1_024.0))
}

/// A sync after one department of 100 services has changed one of them.
pub(crate) fn changed_department_bytes() -> Figure {
    let mut wire = Wire::new(18);
    let (_folder, client) = wire.phone();
    wire.sync(&client);
    let department = "cn-aa/city-0/~department-0".parse().expect("a unit");
    let releases = wire.province.releases(&department).expect("read");
    assert_eq!(releases.len(), 100);
    let one = &releases[7];
    wire.province.change(&department, &one.app_id, one.version_code, Change::Percent(50)).expect("changed");
    wire.publish();
    stated("changed_department_bytes", wire.sync(&client) as f64, "bytes", Some(20_480.0))
}

/// One city's first sync in a nation of 600 cities against one of six, all of them in one province.
pub(crate) fn sync_growth() -> Figure {
    let bytes = |cities: usize| {
        let wire = Wire::new(cities);
        let (_folder, client) = wire.phone();
        wire.sync(&client) as f64
    };
    let (large, small) = (bytes(18), bytes(6));
    let ratio = large / small;
    Figure {
        name: "sync_growth",
        value: large,
        unit: "bytes",
        reference: Some("the same in a nation of six cities"),
        ratio: Some((ratio * 1000.0).round() / 1000.0),
        target: Some(1.1),
        holds: Some(ratio <= 1.1),
    }
}

/// Most memory that the process holds more during a first sync than before it; the server's part is in it.
pub(crate) fn sync_resident_memory() -> Figure {
    let wire = Wire::new(18);
    let (_folder, client) = wire.phone();
    let before = ALLOCATED.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    wire.sync(&client);
    let more = PEAK.load(Ordering::Relaxed) - before;
    stated("sync_resident_memory", (more as f64 / 1e5).round() / 10.0, "MB", None)
}
