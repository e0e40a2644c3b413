//! The command line of the public TUF conformance suite, as the suite drives it: exit codes, what is stored and under which
//! names, what is asked for and in which order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use onecity_core::platform::{Clock, software};
use onecity_publisher::{Holders, KeyRing, Lifetimes, Repository, RepositoryFiles};
use serde_json::Value;

type Served = Arc<Mutex<(RepositoryFiles, Vec<String>)>>;

/// A repository at a server, and a client's folders.
struct Suite {
    repository: Repository<RepositoryFiles>,
    ring: KeyRing,
    served: Served,
    base: String,
    folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

fn now() -> i64 {
    software::MachineClock::default().wall() / 1000
}

/// Cargo builds a package's examples along with its tests.
fn client() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a file");
    let profile = test.parent().and_then(Path::parent).expect("target/PROFILE/deps");
    profile.join("examples").join("tuf_client")
}

async fn serve(State(served): State<Served>, request: Request) -> Result<Vec<u8>, StatusCode> {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let mut served = served.lock().expect("no panic holds it");
    served.1.push(path.clone());
    served.0.get(&path).map(|bytes| bytes.to_vec()).ok_or(StatusCode::NOT_FOUND)
}

impl Suite {
    fn new() -> Self {
        let mut ring = KeyRing::default();
        let mut key = || ring.generate().expect("a key");
        let root = (0..3).map(|_| key()).collect();
        let holders = Holders { root, root_threshold: 2, targets: key(), snapshot: key(), timestamp: key() };
        let (id, files) = ("cn-sd".parse().expect("an id"), RepositoryFiles::new());
        let created = Repository::create(id, files, &holders, &ring, now(), &Lifetimes::default());
        let served = Served::default();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let app = Router::new().fallback(serve).with_state(Arc::clone(&served));
        runtime.spawn(async move { axum::serve(listener, app).await });
        let folder = tempfile::tempdir().expect("a folder");
        let repository = created.expect("created");
        let mut suite = Self { repository, ring, served, base, folder, _runtime: runtime };
        suite.publish();
        suite
    }

    fn publish(&mut self) {
        self.repository.sign(&self.ring, now(), &Lifetimes::default()).expect("signed");
        self.served.lock().expect("no panic holds it").0 = self.repository.storage().clone();
    }

    fn serve(&self, files: RepositoryFiles) {
        self.served.lock().expect("no panic holds it").0 = files;
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.served.lock().expect("no panic holds it").1)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(client());
        command.arg("--metadata-dir").arg(self.folder.path().join("metadata"));
        command
    }

    fn run(mut command: Command) -> i32 {
        let output = command.output().expect("the example is built along with the tests: cargo test builds examples");
        output.status.code().expect("an exit code")
    }

    fn init(&self) -> i32 {
        let root = self.folder.path().join("initial.json");
        std::fs::write(&root, self.repository.first_root().expect("a root")).expect("written");
        let mut command = self.command();
        command.arg("init").arg(root);
        Self::run(command)
    }

    fn refresh(&self) -> i32 {
        let mut command = self.command();
        command.args(["--metadata-url", &format!("{}/metadata", self.base), "refresh"]);
        Self::run(command)
    }

    fn download(&self, target: &str) -> i32 {
        self.download_all(&[target])
    }

    fn download_all(&self, targets: &[&str]) -> i32 {
        let mut command = self.command();
        command.args(["--metadata-url", &format!("{}/metadata", self.base)]);
        command.args(targets.iter().flat_map(|target| ["--target-name", target]));
        command.args(["--target-base-url", &format!("{}/targets", self.base), "--target-dir"]);
        command.arg(self.folder.path().join("targets")).arg("download");
        Self::run(command)
    }

    /// The versions that the client trusts, by role.
    fn trusted(&self) -> BTreeMap<String, u64> {
        let files = std::fs::read_dir(self.folder.path().join("metadata")).expect("a folder");
        let files = files.map(|entry| entry.expect("an entry").path());
        files
            .map(|file| {
                let text = std::fs::read(&file).expect("a file");
                let metadata: Value = serde_json::from_slice(&text).expect("JSON");
                let name = file.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
                (name, metadata["signed"]["version"].as_u64().expect("a version"))
            })
            .collect()
    }

    fn downloaded(&self) -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(self.folder.path().join("targets")).expect("a folder");
        files.map(|entry| std::fs::read(entry.expect("an entry").path()).expect("a file")).collect()
    }
}

#[test]
fn init_asks_for_nothing_and_refresh_asks_in_the_order_of_the_specification() {
    let suite = Suite::new();
    assert_eq!(suite.init(), 0);
    assert_eq!(suite.asked(), Vec::<String>::new());
    assert_eq!(suite.refresh(), 0);
    let expected =
        ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"].map(|file| format!("metadata/{file}"));
    assert_eq!(suite.asked(), expected);
    let trusted = suite.trusted();
    assert_eq!(trusted.keys().collect::<Vec<_>>(), ["root.json", "snapshot.json", "targets.json", "timestamp.json"]);
    assert_eq!(suite.refresh(), 0);
    assert_eq!(suite.asked(), expected[..2], "what is current is not fetched again");
}

#[test]
fn what_is_wrong_ends_with_1_and_changes_nothing() {
    let mut suite = Suite::new();
    assert_eq!(suite.refresh(), 1, "not initialised");
    suite.init();
    assert_eq!(suite.refresh(), 0);
    let old = suite.repository.storage().clone();
    suite.repository.add_target("cn-sd/a.txt", b"a".to_vec(), None).expect("listed");
    suite.publish();
    assert_eq!(suite.refresh(), 0);
    let trusted = suite.trusted();
    suite.serve(old);
    assert_eq!(suite.refresh(), 1, "rollback");
    assert_eq!(suite.trusted(), trusted);
    let mut wrong = suite.repository.storage().clone();
    wrong.insert("metadata/timestamp.json".to_owned(), Arc::from(&b"{}"[..]));
    suite.serve(wrong);
    assert_eq!(suite.refresh(), 1);
    assert_eq!(suite.trusted(), trusted);
}

#[test]
fn a_root_is_kept_at_once_even_if_the_rest_fails() {
    let mut suite = Suite::new();
    suite.init();
    assert_eq!(suite.refresh(), 0);
    let key = suite.ring.generate().expect("a key");
    suite.repository.rotate("snapshot", &[key], 1, &suite.ring, now(), &Lifetimes::default()).expect("rotated");
    let mut files = suite.repository.storage().clone();
    files.remove("metadata/timestamp.json");
    suite.serve(files);
    assert_eq!(suite.refresh(), 1);
    assert_eq!(suite.trusted().get("root.json"), Some(&2));
    assert!(!suite.trusted().contains_key("timestamp.json"), "its keys changed: fast-forward recovery");
    suite.publish();
    assert_eq!(suite.refresh(), 0);
}

#[test]
fn a_target_is_found_through_delegations_checked_and_downloaded_once() {
    let mut suite = Suite::new();
    let department = "cn-sd/jinan/~transport".parse().expect("a unit");
    for unit in ["cn-sd/jinan", "cn-sd/qingdao", "cn-sd/jinan/~transport"] {
        let key = suite.ring.generate().expect("a key");
        suite.repository.delegate(&unit.parse().expect("a unit"), &[key], 1).expect("delegated");
        suite.repository.renew(&unit.parse().expect("a unit")).expect("to be signed");
    }
    let files = onecity_publisher::Template::Pages.files("hours", None).expect("a template");
    let package = onecity_publisher::pack(&files).expect("packed");
    suite.repository.publish(&department, package.clone(), 100).expect("published");
    suite.publish();
    suite.init();
    let path = "cn-sd/jinan/~transport/hours/1.ma";
    assert_eq!(suite.download(path), 0);
    assert_eq!(suite.downloaded(), [package]);
    let asked = suite.asked();
    assert!(asked.iter().any(|file| file.ends_with("cn-sd.jinan.~transport.json")));
    assert!(!asked.iter().any(|file| file.contains("qingdao")), "only delegations of the path: {asked:?}");
    assert_eq!(suite.download(path), 0);
    assert!(!suite.asked().iter().any(|file| file.starts_with("targets/")), "it is there already");
    assert_eq!(suite.download("cn-sd/jinan/~transport/hours/2.ma"), 1, "not listed");
    let mut altered = suite.repository.storage().clone();
    for (_, bytes) in altered.iter_mut().filter(|(path, _)| path.ends_with(".ma")) {
        *bytes = Arc::from(&b"something else"[..]);
    }
    suite.serve(altered);
    std::fs::remove_dir_all(suite.folder.path().join("targets")).expect("removed");
    assert_eq!(suite.download(path), 1, "not what was signed");
}

#[test]
fn one_client_downloads_several_targets_whatever_hashes_they_have() {
    let mut suite = Suite::new();
    for name in ["a", "b", "c"] {
        suite.repository.add_target(&format!("cn-sd/{name}.txt"), name.as_bytes().to_vec(), None).expect("listed");
    }
    suite.publish();
    // One of them with SHA-512 alone, as other makers of repositories write it.
    let mut files = suite.repository.storage().clone();
    let file: Value = serde_json::from_slice(&files["metadata/2.targets.json"]).expect("JSON");
    let mut signed = file["signed"].clone();
    signed["version"] = 3.into();
    let sha512 = hex::encode(ring::digest::digest(&ring::digest::SHA512, b"b"));
    signed["targets"]["cn-sd/b.txt"]["hashes"] = serde_json::json!({ "sha512": sha512 });
    files.insert(format!("targets/cn-sd/{sha512}.b.txt"), Arc::from(&b"b"[..]));
    let targets = suite.ring.sign_as_any(&signed, &file["signatures"]).expect("signed");
    let mut opened = Repository::open(files).expect("opened");
    opened.put_metadata("targets", 3, targets).expect("put");
    opened.sign(&suite.ring, now(), &Lifetimes::default()).expect("signed");
    suite.serve(opened.into_storage());
    suite.init();
    suite.asked();
    assert_eq!(suite.download_all(&["cn-sd/a.txt", "cn-sd/b.txt", "cn-sd/c.txt"]), 0);
    let asked = suite.asked();
    assert_eq!(asked.iter().filter(|file| *file == "metadata/timestamp.json").count(), 1, "one client: {asked:?}");
    let mut downloaded = suite.downloaded();
    downloaded.sort();
    assert_eq!(downloaded, [b"a".to_vec(), b"b".to_vec(), b"c".to_vec()]);
    assert_eq!(suite.download_all(&["cn-sd/a.txt", "cn-sd/none.txt"]), 1, "one of them is not listed");
}
