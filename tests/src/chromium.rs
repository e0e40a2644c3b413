//! Chromium by its own protocol, over a pipe: no port that others could reach, and no driver beside the browser.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// What every Chromium of the tests is started with: it asks nothing by itself.
const QUIET: [&str; 11] = [
    "--remote-debugging-pipe",
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    // The browser's own search for devices in the network, which is none of a page's doing.
    "--disable-features=MediaRouter,DialMediaRouteProvider,OptimizationHints",
];

/// Chromium with one page.
pub struct Chromium {
    process: Child,
    to: ChildStdin,
    said: BufReader<ChildStdout>,
    /// Number of the newest message.
    last: u64,
    /// The page's session.
    session: String,
    _profile: tempfile::TempDir,
}

impl Chromium {
    /// Starts it with some more arguments.
    ///
    /// # Panics
    /// If there is no Chromium (Debian: chromium).
    pub async fn start(more: &[String]) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        // The protocol's pipes are files 3 and 4.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec chromium "$@" 3<&0 4>&1 </dev/null >/dev/null"#, "chromium"])
            .args(QUIET)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("a shell");
        let to = process.stdin.take().expect("piped");
        let said = BufReader::new(process.stdout.take().expect("piped"));
        let mut own = Self { process, to, said, last: 0, session: String::new(), _profile: profile };
        let target = own.answer("Target.createTarget", json!({ "url": "about:blank" })).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = own.answer("Target.attachToTarget", attach).await;
        own.session = session["sessionId"].as_str().expect("a session").to_owned();
        own
    }

    /// The answer to a call while nothing else is of interest.
    async fn answer(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        loop {
            let mut message = self.hear().await;
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
        }
    }

    /// Sends a call to the page; answers its number.
    pub async fn send(&mut self, method: &str, params: Value) -> u64 {
        let session = self.session.clone();
        self.send_to(&session, method, params).await
    }

    /// The same to another session, such as a frame's; to the browser itself for an empty one.
    pub async fn send_to(&mut self, session: &str, method: &str, params: Value) -> u64 {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if !session.is_empty() {
            message["sessionId"] = session.into();
        }
        // Messages end with a NUL.
        self.to.write_all(format!("{message}\0").as_bytes()).await.expect("Chromium (Debian: chromium) reads");
        self.last
    }

    /// The next message: an answer, which has the call's `id`, or an event.
    pub async fn hear(&mut self) -> Value {
        let mut message = Vec::new();
        self.said.read_until(0, &mut message).await.expect("Chromium answers");
        assert_eq!(message.pop(), Some(0), "Chromium (Debian: chromium) has ended");
        serde_json::from_slice(&message).expect("JSON")
    }

    /// Ends it, and waits until it has.
    pub async fn end(mut self) {
        self.send_to("", "Browser.close", json!({})).await;
        self.process.wait().await.expect("it ends");
    }
}
