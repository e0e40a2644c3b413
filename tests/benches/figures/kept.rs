//! What it costs that everything private is sealed, and what an open mini-service costs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use mock_server::{Phone, Server, WorldOptions};
use onecity_core::{ResourceRequest, ServiceId, ServiceSession};
use onecity_protocol::region::RegionId;
use onecity_publisher::pack;
use onecity_store::{Owner, Vault};
use onecity_tests::crash::{Note, Secrets, report};
use rusqlite::{Connection, params};

use crate::{ALLOCATED, Figure, against, median, micros, side_by_side, stated};

const ROUNDS: usize = 2_000;

/// A record of 1 KB.
fn note(number: usize) -> Note {
    Note(format!("{number:01020}"))
}

/// SQLite alone, with the vault's own table and care.
fn plain(folder: &Path) -> Connection {
    let db = Connection::open(folder.join("plain.sqlite")).expect("opened");
    for (name, value) in [("journal_mode", "WAL"), ("synchronous", "FULL"), ("secure_delete", "ON")] {
        db.pragma_update(None, name, value).expect("set");
    }
    db.execute_batch(
        "CREATE TABLE sealed (owner TEXT NOT NULL, kind TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
         PRIMARY KEY (owner, kind, key)) STRICT, WITHOUT ROWID;
         CREATE TABLE line (position INTEGER PRIMARY KEY, value BLOB NOT NULL) STRICT;",
    )
    .expect("made");
    db
}

fn key(number: usize) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    key
}

struct Both {
    _folder: tempfile::TempDir,
    vault: Vault,
    plain: Connection,
}

fn both() -> Both {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = Arc::new(Secrets::in_folder(folder.path()));
    let vault = Vault::open(&folder.path().join("vault.sqlite"), secrets).expect("opened");
    let plain = plain(folder.path());
    Both { vault, plain, _folder: folder }
}

/// Another value each time: SQLite writes nothing where nothing has changed.
fn put_plain(db: &Connection, number: usize, round: usize) {
    let value = serde_json::to_vec(&note(round)).expect("JSON");
    db.prepare_cached("INSERT OR REPLACE INTO sealed (owner, kind, key, value) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut put| put.execute(params!["phone", "note", key(number), value]))
        .expect("put");
}

/// Reading a record of 1 KB, against the same statement and the same reading of it on SQLite alone.
pub(crate) fn sealed_get() -> Figure {
    let Both { vault, plain, _folder } = both();
    vault
        .atomically(|vault| (0..1000).try_for_each(|at| vault.put(&Owner::Phone, &at.to_string(), &note(at))))
        .expect("put");
    plain.execute_batch("BEGIN").expect("begun");
    (0..1000).for_each(|at| put_plain(&plain, at, at));
    plain.execute_batch("COMMIT").expect("ended");
    let times = side_by_side(
        ROUNDS * 5,
        |round| {
            let name = (round % 1000).to_string();
            assert!(vault.get::<Note>(&Owner::Phone, &name).expect("read").is_some());
        },
        |round| {
            let value: Vec<u8> = plain
                .prepare_cached("SELECT value FROM sealed WHERE owner = ?1 AND kind = ?2 AND key = ?3")
                .and_then(|mut get| get.query_row(params!["phone", "note", key(round % 1000)], |row| row.get(0)))
                .expect("read");
            serde_json::from_slice::<Note>(&value).expect("JSON");
        },
    );
    against("sealed_get", "SQLite alone", 1.5, times)
}

/// Writing one.
pub(crate) fn sealed_put() -> Figure {
    let Both { vault, plain, _folder } = both();
    let times = side_by_side(
        ROUNDS,
        |round| vault.put(&Owner::Phone, &(round % 1000).to_string(), &note(round)).expect("put"),
        |round| put_plain(&plain, round % 1000, round),
    );
    against("sealed_put", "SQLite alone", 1.3, times)
}

/// Handing something in while 10,000 wait, against a bare insert that reaches the disk.
pub(crate) fn outbox_enqueue() -> Figure {
    let Both { vault, plain, _folder } = both();
    vault
        .atomically(|vault| (0..10_000).try_for_each(|number| vault.enqueue(&Owner::Phone, &report(number)).map(drop)))
        .expect("10,000 wait");
    let value = vec![0x5a_u8; 800];
    let times = side_by_side(
        ROUNDS,
        |round| {
            let number = 20_000 + u32::try_from(round).expect("few");
            vault.enqueue(&Owner::Phone, &report(number)).expect("kept");
        },
        |_| {
            plain
                .prepare_cached("INSERT INTO line (value) VALUES (?1)")
                .and_then(|mut insert| insert.execute([&value]))
                .expect("inserted");
        },
    );
    against("outbox_enqueue", "a bare insert", 1.8, times)
}

/// A phone with ten services of Jinan open, one of which holds a file of 50 KB.
struct Opened {
    runtime: tokio::runtime::Runtime,
    phone: Phone,
    sessions: Vec<Arc<ServiceSession>>,
    memory: usize,
    _server: Server,
}

fn opened() -> Opened {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (phone, sessions, memory, server) = runtime.block_on(async {
        let server = Server::start(WorldOptions::default()).await.expect("a world");
        let world = server.world();
        let jinan: RegionId = "cn-sd/jinan".parse().expect("a region");
        let scattered = (0..6_250_u32).map(|at| format!("{:08x}", at.wrapping_mul(2_654_435_761)));
        let data = format!("\"{}\"", &scattered.collect::<String>()[..49_998]);
        let packages: Vec<Vec<u8>> = (0..10).map(|number| package(&format!("service-{number}"), &data, &[])).collect();
        world
            .registry_mut(|registry| {
                registry.change(&"cn-sd".parse().expect("a region"), world.now(), |repository, _| {
                    packages
                        .into_iter()
                        .try_for_each(|own| repository.publish(&jinan.clone().into(), own, 100).map(drop))
                })
            })
            .expect("published");
        let phone = Phone::new(&world, &["zh"]).expect("a phone");
        phone.client().sync(&jinan).await.expect("synced");
        let before = ALLOCATED.load(Ordering::Relaxed);
        let mut sessions = Vec::new();
        for number in 0..10 {
            let id = ServiceId { unit: jinan.clone().into(), app_id: format!("service-{number}") };
            sessions.push(phone.client().open_service(&id, &jinan).await.expect("opened"));
        }
        let memory = ALLOCATED.load(Ordering::Relaxed).saturating_sub(before);
        (phone, sessions, memory, server)
    });
    Opened { runtime, phone, sessions, memory, _server: server }
}

/// A package with one file of data, whose manifest asks for these permissions.
pub(crate) fn package(app_id: &str, data: &str, permissions: &[(&str, &str)]) -> Vec<u8> {
    let asks = permissions.iter().map(|(name, reason)| serde_json::json!({ "name": name, "reason": reason }));
    let manifest = serde_json::json!({
        "app_id": app_id, "name": app_id, "icons": [{ "src": "icon.svg", "label": "an icon" }], "pages": ["index"],
        "platform_version": { "min_code": 1 }, "version": { "code": 1, "name": "1.0" }, "req_permissions": asks.collect::<Vec<_>>(),
        "onecity": { "category": "demo" },
    });
    let files = [
        ("manifest.json", manifest.to_string().into_bytes()),
        ("app.js", Vec::new()),
        ("app.css", Vec::new()),
        ("icon.svg", b"<svg/>".to_vec()),
        ("index.html", b"<!doctype html><title>t</title>".to_vec()),
        ("data.json", data.as_bytes().to_vec()),
    ];
    pack(&files.into_iter().map(|(path, bytes)| (path.to_owned(), bytes)).collect()).expect("packed")
}

/// A file of 50 KB for the web view: bounded by unpacking it.
pub(crate) fn resource_50k() -> Figure {
    let opened = opened();
    let times = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        let asked = opened.phone.client().resource(&opened.sessions[0], ResourceRequest::from(&"data.json"));
        let found = opened.runtime.block_on(asked).expect("answered");
        assert_eq!((found.status, found.body.len()), (200, 50_000));
        began.elapsed()
    });
    stated("resource_50k", micros(median(times.collect())).round(), "µs", Some(400.0))
}

/// A call of a page that reads nothing and asks the shell for something: bounded by going to the client's own threads
/// and back. As many as a page may make in one burst.
pub(crate) fn bridge_call() -> Figure {
    let opened = opened();
    let call = r#"{"method":"navigate","params":{"url":"tel:12345"}}"#;
    let times = (0..150).map(|_| {
        let began = Instant::now();
        let answer = opened.runtime.block_on(opened.phone.client().bridge(&opened.sessions[0], call));
        let took = began.elapsed();
        // The shell that shows nothing lets nobody dial.
        assert!(answer.expect("an answer").contains("cancelled"));
        took
    });
    stated("bridge_call", micros(median(times.collect())).round(), "µs", Some(100.0))
}

/// What ten open services keep in memory: their packages, as they were fetched.
pub(crate) fn runtime_resident_memory() -> Figure {
    let opened = opened();
    let megabytes = (opened.memory as f64 / 1e4).round() / 100.0;
    stated("runtime_resident_memory", megabytes, "MB", Some(64.0))
}
