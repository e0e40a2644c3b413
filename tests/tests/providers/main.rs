//! Logging in at identity providers that nobody here wrote, as they come. Not in a plain `cargo test`: they have to be
//! installed first, which `tests/run` and `tests/providers/keycloak/run` do.

mod browser;

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use browser::Browser;
use mock_server::{Phone, Server, WorldOptions};
use onecity_core::platform::{Platform, software};
use onecity_core::{Error, Refusal};
use onecity_protocol::region::RegionId;
use serde_json::json;

const REDIRECT: &str = "org.onecity.app:/login";

/// A provider in a process of its own. It ends with this.
struct Provider {
    process: Child,
    issuer: String,
}

impl Provider {
    /// Starts one in a folder that an environment variable names. A line of what it prints tells the issuer.
    fn start(folder: &str, command: &[&str], issuer: impl Fn(&str) -> Option<String>) -> Self {
        let folder = std::env::var(folder).unwrap_or_else(|_| panic!("{folder} is not set: see tests/run"));
        let mut process = Command::new(command[0])
            .args(&command[1..])
            .process_group(0)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut said = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let issuer = said.find_map(|line| issuer(&line)).expect("it comes up");
        // What it prints later is read and forgotten: a full pipe would stop it.
        std::thread::spawn(move || said.for_each(drop));
        Self { process, issuer }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // With what it has started: a script that calls a program is a process of its own.
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
async fn npm_s_oidc_provider_logs_a_resident_in_and_the_session_lasts() {
    let issuer = |line: &str| line.strip_prefix("issuer ").map(str::to_owned);
    let provider = Provider::start("ONECITY_OIDC_PROVIDER", &["node", "oidc_provider.mjs"], issuer);
    logs_residents_in(&provider).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Keycloak: tests/providers/keycloak/run fetches it"]
async fn keycloak_logs_a_resident_in_and_the_session_lasts() {
    let command =
        ["bin/kc.sh", "start-dev", "--db=dev-mem", "--import-realm", "--http-host=127.0.0.1", "--http-port=0"];
    let issuer = |line: &str| Some(format!("{}/realms/onecity", line.split_once("Listening on: ")?.1));
    let provider = Provider::start("ONECITY_KEYCLOAK", &command, issuer);
    logs_residents_in(&provider).await;
}

/// Two residents log in, one of them several times; the session is renewed, and ends when it is left.
async fn logs_residents_in(provider: &Provider) {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let world = server.world();
    let nation: RegionId = "cn".parse().expect("a nation");
    let listed = json!([{
        "id": "foreign", "names": { "en": "Foreign" }, "issuer": provider.issuer, "client_id": "onecity-app",
    }]);
    let listed = serde_json::to_vec(&listed).expect("JSON");
    let changed = world.registry_mut(|registry| {
        registry.change(&nation, world.now(), |repository, _| {
            repository.add_target("cn/providers.json", listed, None).map(drop)
        })
    });
    changed.expect("listed");
    let clock = Arc::new(software::MachineClock::default());
    let platform = Platform { clock: Arc::clone(&clock) as _, ..software::platform() };
    let phone = Phone::with_platform(&world, &["en"], platform).expect("a phone");
    let client = phone.client();
    let mut browser = Browser::default();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let begun = client.begin_login("foreign", REDIRECT).await.expect("begun");
        let callback = browser.visit(&begun.url, "lan").await;
        let account = client.finish_login(&callback).await.expect("logged in");
        assert!(account.active && !account.lapsed, "it holds a refresh token: {account:?}");
        seen.push(account.id);
        let again = client.finish_login(&callback).await.expect_err("an answer counts once");
        assert!(matches!(again, Error::Refused { reason: Refusal::LoginState, .. }), "{again}");
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "the same person is the same account");
    let other = client.begin_login("foreign", REDIRECT).await.expect("begun");
    let callback = Browser::default().visit(&other.url, "minh").await;
    let other = client.finish_login(&callback).await.expect("logged in");
    assert_ne!(other.id, seen[0]);
    client.switch_account(&seen[0]).await.expect("there");
    assert!(client.time().await.expect("told").1, "the provider has told the time");
    // The access token has a minute. It is renewed, the refresh token with it, before the phone finds that this provider
    // lists no sessions.
    for _ in 0..2 {
        clock.skip(120_000);
        let unlisted = client.sessions().await.expect_err("it has no such list");
        assert!(!matches!(unlisted, Error::LoginRequired { .. }), "{unlisted}");
        assert!(!client.account().await.expect("read").expect("there").lapsed);
    }
    client.logout(false).await.expect("logged out");
    assert_eq!(client.accounts().await.expect("listed").len(), 1);
    server.stop().await;
}
