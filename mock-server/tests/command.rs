//! The command as a person types it: what it prints, and its exit code.

use std::process::{Command, Output};

use serde_json::Value;

fn journey(arguments: &[&str]) -> Output {
    let command = env!("CARGO_BIN_EXE_mock-server");
    Command::new(command).arg("journey").args(arguments).output().expect("the command runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn the_journey_ends_well_and_says_what_was_checked() {
    let output = journey(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert!(lines.iter().filter(|line| line.contains("visit cn-sd/")).count() == 16);
    assert!(lines.last().expect("a summary").contains("17 cities visited"));
}

#[test]
fn json_lines_carry_the_same() {
    let output = journey(&["--format", "json", "--seed", "3"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let (summary, steps) = lines.split_last().expect("lines");
    assert!(steps.iter().all(|step| step["step"].is_string() && step["checked"].is_string() && step["ms"].is_u64()));
    assert_eq!(summary["steps"].as_u64(), Some(steps.len() as u64));
    assert_eq!(summary["cities"], 17);
}

#[test]
fn the_step_that_fails_is_named() {
    let output = journey(&["--fault", "wrong-nonce"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("failed at «log in once»") && said.contains("收到的答复属于另一次登录"), "{said}");
}

/// A server of its own, which ends with the test.
struct Running {
    server: std::process::Child,
    origin: String,
    said: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        use std::io::BufRead as _;
        let mut server = Command::new(env!("CARGO_BIN_EXE_mock-server"))
            .args(["--port", "0"])
            .args(arguments)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("the command runs");
        let mut said = std::io::BufReader::new(server.stdout.take().expect("a pipe")).lines();
        let first = said.next().expect("a line").expect("UTF-8");
        let origin = first.strip_prefix("The world is up at ").unwrap_or_else(|| panic!("{first}")).to_owned();
        Self { server, origin, said }
    }

    /// What a command says to this server.
    fn asks(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mock-server"));
        command.args(arguments).args(["--server", &self.origin]).output().expect("the command runs")
    }

    fn says(&self, arguments: &[&str]) -> String {
        let output = self.asks(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout).to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn a_server_that_runs_is_controlled_by_short_commands() {
    let running = Running::start(&["--fault", "city-down"]);
    assert!(running.says(&["fault"]).contains("city-down"));
    assert_eq!(running.says(&["fault", "--end", "city-down"]), "done\n");
    assert_eq!(running.says(&["fault"]), "nothing\n");
    assert!(running.says(&["fault", "flaky-metro"]).contains("flaky-metro-2"));
    let rule = r#"{ "id": "slow", "what": { "kind": "latency", "delay": { "fixed_ms": 1 } } }"#;
    assert!(running.says(&["fault", rule]).contains("slow"));
    assert_eq!(running.says(&["fault", "--end-all"]), "done\n");
    assert!(running.says(&["presets"]).lines().count() > 20);
    assert!(
        running
            .says(&["clock", "--time", "2027-01-31T08:00:00+08:00", "--freeze"])
            .starts_with("2027-01-31T00:00:00Z, frozen")
    );
    assert!(running.says(&["clock", "--jump", "2h"]).starts_with("2027-01-31T02:00:00Z"));
    assert!(running.says(&["clock", "--jump", "-1d"]).starts_with("2027-01-30T02:00:00Z"));
    assert_eq!(running.says(&["journal"]), "nothing\n");
    assert_eq!(running.says(&["expire-tokens", "--persona", "lan"]), "0\n");
    assert!(running.says(&["worlds", "--add", "second"]).contains("/w/second"));
    assert!(running.says(&["fault", "tunnel", "--world", "second"]).contains("tunnel"));
    assert_eq!(running.says(&["fault"]), "nothing\n", "worlds are apart");
    assert_eq!(running.says(&["reset"]), "done\n");
    let har: Value = serde_json::from_str(&running.says(&["journal", "--har"])).expect("JSON");
    assert_eq!(har["log"]["version"], "1.2");

    let wrong = running.asks(&["fault", "--end", "nothing-of-this-name"]);
    assert_eq!((wrong.status.code(), text(&wrong.stderr)), (Some(1), "nothing of this name goes wrong\n"));
    let wrong = running.asks(&["clock", "--jump", "soon"]);
    assert!(text(&wrong.stderr).contains("90s, 15m, 2h or 3d"), "{}", text(&wrong.stderr));
    let wrong = running.asks(&["fault", "earthquake"]);
    assert!(text(&wrong.stderr).contains("presets"), "{}", text(&wrong.stderr));
    let nobody =
        Command::new(env!("CARGO_BIN_EXE_mock-server")).args(["clock", "--server", "http://127.0.0.1:9"]).output();
    assert!(text(&nobody.expect("the command runs").stderr).contains("no server answers"));
}

#[test]
fn one_stub_is_one_command_and_what_arrives_is_told_as_it_arrives() {
    use std::io::BufRead as _;
    let running = Running::start(&[]);
    let watching = Command::new(env!("CARGO_BIN_EXE_mock-server"))
        .args(["journal", "--live", "--path", "/city/*/library", "--server", &running.origin])
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut watching = watching.expect("the command runs");
    let mut told = std::io::BufReader::new(watching.stdout.take().expect("a pipe")).lines();
    let stub = r#"{ "id": "library", "on": { "path": "/city/*/library", "phone": "red" }, "answer": { "kind": "reply", "json": 3 } }"#;
    assert!(running.says(&["stub", stub]).starts_with("library"));
    assert!(running.says(&["stub"]).contains("answered 0"));
    let url = format!("{}/city/vn-hn/library", running.origin);
    let ask = |agent: &str| {
        let curl =
            Command::new("curl").args(["-s", "-A", agent, "-o", "/dev/null", "-w", "%{http_code}", &url]).output();
        text(&curl.expect("curl runs").stdout).to_owned()
    };
    // It may take a moment until the one who watches is there: it is asked until something is told.
    let asked = std::thread::scope(|scope| {
        let first = scope.spawn(|| told.next());
        let mut asked = Vec::new();
        while !first.is_finished() {
            asked.push((ask("test (phone red)"), ask("test (phone blue)")));
        }
        let line = first.join().expect("it ends").expect("a line").expect("UTF-8");
        assert!(line.contains("/city/vn-hn/library"), "{line}");
        asked
    });
    assert!(asked.iter().all(|(red, blue)| (red.as_str(), blue.as_str()) == ("200", "404")), "{asked:?}");
    assert_eq!(running.says(&["stub", "--remove", "library"]), "done\n");
    assert_eq!(running.says(&["stub", "--clear"]), "done\n");
    assert_eq!(running.says(&["stub"]), "nothing\n");
    let wrong = running.asks(&["stub", "{ no JSON"]);
    assert!(text(&wrong.stderr).starts_with("the stub: "), "{}", text(&wrong.stderr));
    watching.kill().expect("it runs");
    watching.wait().expect("it ended");
}

#[test]
fn many_phones_take_the_same_way_and_say_what_each_costs() {
    let output = journey(&["--phones", "3"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let last = text(&output.stdout).lines().last().expect("a summary");
    assert!(last.starts_with("3 phones; for each ") && last.contains(" exchanges"), "{last}");
}

#[test]
fn a_file_is_followed_as_it_is_changed_and_a_wrong_one_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("world.toml");
    let file = path.to_str().expect("UTF-8");
    std::fs::write(&path, "presets = ['city-down']\n[worlds.second]\nseed = 7\n").expect("written");
    let mut running = Running::start(&["--config", file]);
    assert!(running.says(&["fault"]).contains("city-down"));
    assert!(running.says(&["worlds"]).contains("/w/second"));
    std::fs::write(&path, "presets = ['idp-down']\n").expect("written");
    let followed = running.said.by_ref().map_while(Result::ok).find(|line| line.contains("was changed"));
    assert!(followed.is_some_and(|line| line.ends_with("and is followed")));
    assert!(running.says(&["fault"]).starts_with("idp-down"));

    std::fs::write(&path, "presets = ['earthquake']\n").expect("written");
    let refused = Command::new(env!("CARGO_BIN_EXE_mock-server")).args(["--port", "0", "--config", file]).output();
    let refused = refused.expect("the command runs");
    let said = text(&refused.stderr);
    assert!(refused.status.code() == Some(1) && said.contains("world.toml") && said.contains("earthquake"), "{said}");
}
