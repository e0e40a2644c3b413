//! The state file of a server that is ended at any instant, or has no room any more.

use std::collections::BTreeSet;
use std::io::BufRead as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use onecity_core::platform::software;
use onecity_core::{Client, ClientConfig, NationAnchor};
use onecity_protocol::credential::Audience;
use onecity_protocol::region::RegionId;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

/// A server in a process of its own.
struct Running {
    process: Child,
    origin: String,
}

impl Running {
    /// Starts one on a state file; in a shell that has set limits first.
    fn start(file: &Path, limits: &str) -> Self {
        let command = format!("{limits} exec \"$0\" --port 0 --state \"$1\"");
        let mut process = Command::new("sh")
            .args(["-c", &command, env!("CARGO_BIN_EXE_mock-server")])
            .arg(file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command runs");
        let mut said = std::io::BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let first = said.next().expect("a line").expect("UTF-8");
        let origin = first.strip_prefix("The world is up at ").unwrap_or_else(|| panic!("{first}")).to_owned();
        // Nobody reads on; what it says has room in the pipe.
        std::mem::forget(said);
        Self { process, origin }
    }

    /// Ends it as a machine that loses its power does.
    fn end(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it has ended");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn says(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

async fn read(answer: Response) -> Value {
    serde_json::from_str(&answer.text().await.expect("whole")).expect("JSON")
}

/// A phone in this process, which knows where the world is.
async fn phone(origin: &str, folder: &Path) -> Client {
    let world: Value = read(reqwest::get(format!("{origin}/world.json")).await.expect("answered")).await;
    let nations = world["nations"].as_array().expect("nations").iter().map(|own| NationAnchor {
        nation: own["nation"].as_str().expect("a nation").parse().expect("a nation"),
        url: own["url"].as_str().expect("a URL").to_owned(),
        root: own["root"].as_str().expect("a root").as_bytes().to_vec(),
    });
    let config = ClientConfig {
        folder: folder.to_owned(),
        languages: vec!["en".to_owned()],
        nations: nations.collect(),
        allow_loopback: true,
        ..ClientConfig::default()
    };
    Client::open(config, software::platform()).expect("a phone")
}

async fn log_in(phone: &Client, persona: &str) {
    let attempt = phone.begin_login("shandong", "onecity://login").await.expect("begun");
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a browser");
    let url = format!("{}&prompt=none&login_hint={persona}", attempt.url);
    let answer = browser.get(url).send().await.expect("answered");
    let back = answer.headers()["location"].to_str().expect("an address").to_owned();
    phone.finish_login(&back).await.expect("logged in");
}

async fn submissions(origin: &str) -> Vec<String> {
    let url = format!("{origin}/worlds/default/submissions");
    let all = reqwest::Client::new().get(url).header("onecity-admin", "1").send().await.expect("answered");
    let all = read(all).await;
    all.as_array()
        .expect("submissions")
        .iter()
        .map(|own| own["number"].as_str().expect("a number").to_owned())
        .collect()
}

/// Random numbers that are the same in every run: xorshift64*.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % limit
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_never_undone_by_an_end_at_any_instant() {
    onecity_core::install_providers();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("world.state");
    let mut server = Running::start(&file, "");
    let origin = server.origin.clone();
    let phone = phone(&origin, &folder.path().join("phone")).await;
    log_in(&phone, "lan").await;
    let (jinan, province): (RegionId, RegionId) =
        ("cn-sd/jinan".parse().expect("a region"), "cn-sd".parse().expect("a region"));
    phone.sync(&jinan).await.expect("synced");
    let pass = phone.add_pass(&province, "transit", None).await.expect("a pass").id;
    let http = reqwest::Client::new();
    let (mut answered, mut sent, mut dice) = (BTreeSet::new(), 0_u32, Dice(27));
    let mut opened = Vec::new();
    let mut round = 0;
    while round < 12 || answered.len() <= 50 {
        round += 1;
        let lives = Duration::from_millis(50 + dice.below(600));
        let began = Instant::now();
        let work = async {
            loop {
                sent += 1;
                let number = format!("report-{sent}");
                let report = http.post(format!("{origin}/city/cn-sd.jinan/reports"));
                let report = report.header("idempotency-key", format!("\"{number}\""));
                if says(report, &json!({ "text": number })).send().await.is_ok_and(|answer| answer.status() == 201) {
                    answered.insert(number);
                }
                if sent.is_multiple_of(5) {
                    // The registry's versions go up, and the phone sees them; its tokens are renewed.
                    let sign = http.post(format!("{origin}/worlds/default/registries/cn-sd/sign"));
                    let expire = http.post(format!("{origin}/worlds/default/tokens/expire"));
                    let _ = sign.header("onecity-admin", "1").send().await;
                    let _ = phone.sync(&jinan).await;
                    let _ = expire.header("onecity-admin", "1").send().await;
                    let _ = phone.sessions().await;
                }
                if sent.is_multiple_of(7) {
                    let code = phone.code(&pass, Audience::ANY).await.expect("a code").text;
                    let check = http.post(format!("{origin}/worlds/default/gates/metro-1/check"));
                    let check = says(check.header("onecity-admin", "1"), &json!({ "code": code }));
                    if let Ok(passage) = check.send().await
                        && let Ok(passage) = passage.text().await
                        && passage.contains("\"accepted\"")
                    {
                        opened.push(code);
                    }
                }
            }
        };
        let _ = tokio::time::timeout(lives, work).await;
        server.end();
        server = Running::start(&file, "");
        assert_eq!(server.origin, origin, "phones find it where it was");
        let there = submissions(&origin).await;
        let all: BTreeSet<String> = there.iter().cloned().collect();
        assert_eq!(all.len(), there.len(), "nothing is there twice");
        let lost: Vec<&String> = answered.difference(&all).collect();
        assert!(lost.is_empty(), "round {round}, after {:?}: {lost:?} were answered", began.elapsed());
        phone.sync(&jinan).await.expect("no phone sees a registry go back");
        phone.sessions().await.expect("no phone has to log in again");
        for code in opened.drain(..) {
            let check = http.post(format!("{origin}/worlds/default/gates/metro-1/check")).header("onecity-admin", "1");
            let passage = read(says(check, &json!({ "code": code })).send().await.expect("answered")).await;
            assert_ne!(passage["decision"], "accepted", "no code opens a gate twice: {passage}");
        }
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn without_room_on_the_disk_nothing_is_promised_and_nothing_is_lost() {
    onecity_core::install_providers();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("world.state");
    // The world itself has room, and a little more: files end at so many blocks of 512 or 1,024 bytes, whose signal is not heard.
    let mut server = Running::start(&file, "");
    reqwest::get(format!("{}/world.json", server.origin)).await.expect("answered");
    server.end();
    let length = std::fs::metadata(&file)
        .expect("a file")
        .len()
        .max(std::fs::metadata(folder.path().join("world.state-wal")).map_or(0, |log| log.len()));
    let blocks = length / 512 + 400;
    let mut server = Running::start(&file, &format!("trap '' XFSZ; ulimit -f {blocks};"));
    let (http, origin) = (reqwest::Client::new(), server.origin.clone());
    let (mut answered, mut refused) = (BTreeSet::new(), 0);
    for number in 0..400 {
        let number = format!("report-{number}");
        let report = http.post(format!("{origin}/city/cn-sd.jinan/reports"));
        let body = json!({ "filler": "x".repeat(16 << 10) });
        let report = report.header("idempotency-key", format!("\"{number}\""));
        let answer = says(report, &body).send().await.expect("answered");
        match answer.status().as_u16() {
            201 => drop(answered.insert(number)),
            507 => {
                let said = read(answer).await;
                assert!(
                    said["error"] == "unwritten" && said["detail"].as_str().is_some_and(|why| why.contains("disk")),
                    "{said}"
                );
                refused += 1;
            }
            other => panic!("{other}"),
        }
        if refused == 5 {
            break;
        }
    }
    assert_eq!(refused, 5, "the disk was never full: {} were answered", answered.len());
    assert!(!answered.is_empty());
    assert!(reqwest::get(format!("{origin}/health")).await.expect("answered").status().is_success());
    server.end();
    let server = Running::start(&file, "");
    let there: BTreeSet<String> = submissions(&server.origin).await.into_iter().collect();
    assert!(answered.is_subset(&there), "{:?}", answered.difference(&there));
}
