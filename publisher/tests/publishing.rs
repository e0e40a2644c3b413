//! `docs/publishing.md`, command by command: what it shows is what the commands print.
//!
//! `ONECITY_WRITE_DOCS=1 cargo test -p onecity-publisher --test publishing` writes the outputs again.

mod page;

use std::path::Path;
use std::sync::LazyLock;

use mock_server::{Server, WorldOptions};
use onecity_publisher::PublicKey;
use regex::Regex;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/publishing.md");

/// What differs from run to run: keys, hashes, times, invitations, and the port of the server.
static VARYING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let pairs = [
        (r"\b[0-9a-f]{64}\b", "HASH"),
        (r"\b[0-9a-f]{12}\b", "KEY"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME"),
        (r"\d{4}-\d\d-\d\d", "DATE"),
        (r"\b[2-9A-Z]{5}-[2-9A-Z]{5}\b", "CODE"),
        (r"127\.0\.0\.1:\d+", "HOST"),
        (r"(?s)-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", "PEM"),
    ];
    pairs.into_iter().map(|(pattern, name)| (Regex::new(pattern).expect("a pattern"), name)).collect()
});

fn without_varying(text: &str) -> String {
    VARYING
        .iter()
        .fold(text.trim_end().to_owned(), |text, (pattern, name)| pattern.replace_all(&text, *name).into_owned())
}

/// What must be the same whenever the page is run. A log is in the order of seconds, of which a run has few.
fn comparable(command: &str, text: &str) -> Vec<String> {
    let mut lines: Vec<String> = without_varying(text).lines().map(str::to_owned).collect();
    if command.starts_with("onecity log") {
        lines.sort();
    }
    lines
}

/// Runs a line of the page; answers what the terminal shows.
fn run(line: &str, folder: &Path, registry: &str) -> String {
    let environment = [("ONECITY_PASSPHRASE", "correct horse battery"), ("REGISTRY", registry)];
    let shown = page::in_a_shell(line, folder, env!("CARGO_BIN_EXE_onecity"), &environment);
    assert!(!shown.starts_with("onecity: "), "$ {line}\n{shown}");
    shown
}

#[test]
fn the_page_shows_what_the_commands_print() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(Server::start(WorldOptions::default())).expect("a world");
    let world = server.world();
    let registry = format!("{}/registry/cn-sd", world.origin());
    let folder = tempfile::tempdir().expect("a folder");
    let root = world.registry(|registry| registry.first_root(&"cn-sd".parse().expect("an id"))).expect("a root");
    let entrusts = |line: &str| {
        if line == "<!-- the province entrusts the department to the key -->" {
            let pem = std::fs::read_to_string(folder.path().join("transport.pub.pem")).expect("made before");
            let key = PublicKey::from_pem(&pem).expect("a public key");
            let (unit, now) = ("cn-sd/jinan/~transport".parse().expect("a unit"), world.now());
            world.registry_mut(|registry| registry.entrust(&unit, key, now)).expect("entrusted");
            std::fs::write(folder.path().join("1.root.json"), &root).expect("written");
        }
    };
    let runs = |line: &str| run(line, folder.path(), &registry);
    let replayed = page::replay(Path::new(PAGE), entrusts, runs, comparable);
    runtime.block_on(server.stop());
    assert!(replayed.commands > 20, "the page has commands");
    replayed.holds(Path::new(PAGE));
}
