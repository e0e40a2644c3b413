//! `docs/testing.md`, command by command: what it shows is what the commands print.
//!
//! `ONECITY_WRITE_DOCS=1 cargo test -p mock-server --test testing` writes the outputs again.

#[path = "../../publisher/tests/page/mod.rs"]
mod page;

use std::path::Path;
use std::sync::LazyLock;

use mock_server::World;
use regex::Regex;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/testing.md");

/// What differs from run to run: the port, times, how long something took, secrets' words.
static VARYING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let pairs = [
        (r"127\.0\.0\.1:\d+", "HOST"),
        (r"2026-\d\d-\d\dT[0-9:.]+Z", "TIME"),
        (r"20(2[6-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "TIME"),
        (r" +\d+ ms", " MS"),
        (r"exchange \d+,", "EXCHANGE,"),
        (r"secret-[0-9a-f]{12}", "SECRET"),
    ];
    pairs.into_iter().map(|(pattern, name)| (Regex::new(pattern).expect("a pattern"), name)).collect()
});

fn comparable(_: &str, text: &str) -> Vec<String> {
    let text = VARYING
        .iter()
        .fold(text.trim_end().to_owned(), |text, (pattern, name)| pattern.replace_all(&text, *name).into_owned());
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_page_shows_what_the_commands_print() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(World::builder().start()).expect("a world");
    let origin = server.world().origin().to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let runs = |line: &str| {
        let shown =
            page::in_a_shell(line, folder.path(), env!("CARGO_BIN_EXE_mock-server"), &[("ONECITY_SERVER", &origin)]);
        assert!(!shown.contains("panicked"), "$ {line}\n{shown}");
        shown
    };
    let replayed = page::replay(Path::new(PAGE), |_| (), runs, comparable);
    runtime.block_on(server.stop());
    assert!(replayed.commands > 25, "the page has commands");
    replayed.holds(Path::new(PAGE));
}
