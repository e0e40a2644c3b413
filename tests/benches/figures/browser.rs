//! The browser phone in Chromium, and what a further virtual phone takes. Where there is no Chromium, there is no value.

use std::sync::Arc;
use std::time::Duration;

use mock_server::{Resident, Server, WorldOptions};
use onecity_tests::chromium::Chromium;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{Figure, stated};

/// Phones whose memory is measured together.
const PHONES: u32 = 8;
/// How often something is touched.
const TOUCHES: u32 = 100;
/// How often a service is opened.
const OPENED: u32 = 40;

/// What this process has in memory, in bytes.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kilobytes| kilobytes * 1024.0)
}

/// Each further phone that is at home in a city, files and keys and screens.
pub(crate) fn phone_memory() -> Figure {
    let runtime = Runtime::new().expect("a runtime");
    let bytes = runtime.block_on(async {
        let server = Server::start(WorldOptions::default()).await.expect("a world");
        let world = server.world();
        let mut phones = vec![at_home(&world).await];
        let before = resident();
        for _ in 0..PHONES {
            phones.push(at_home(&world).await);
        }
        let after = resident();
        drop(phones);
        server.stop().await;
        (after - before) / f64::from(PHONES)
    });
    stated("phone_memory", (bytes / 1e4).round() / 100.0, "MB", Some(12.0))
}

async fn at_home(world: &Arc<mock_server::World>) -> Resident {
    let mut resident = Resident::new(world, &["zh-Hans-CN"]).expect("a phone");
    for step in ["同意并继续", "山东省", "济南市"] {
        resident.tap(step).await.expect("it is there");
    }
    resident.sees("问题上报").await.expect("home");
    resident
}

/// Chromium with the phone, at home in Jinan.
struct Browser {
    chromium: Chromium,
    _server: Server,
    /// The session of the newest frame in a process of its own.
    frame: Option<String>,
}

impl Browser {
    /// None where there is no Chromium.
    async fn open() -> Option<Self> {
        let there = std::process::Command::new("chromium").arg("--version").output().is_ok();
        if !there {
            return None;
        }
        let server = Server::start(WorldOptions::default()).await.expect("a world");
        let origin = server.world().origin().to_owned();
        let arguments = ["--lang=zh-CN", "--accept-lang=zh-CN,zh", "--window-size=1000,1000"].map(str::to_owned);
        let chromium = Chromium::start(&arguments).await;
        let mut own = Self { chromium, _server: server, frame: None };
        let attach = json!({ "autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true });
        own.call("Target.setAutoAttach", attach).await;
        own.call("Page.navigate", json!({ "url": format!("{origin}/phone?name=figures") })).await;
        for key in ["agree", "below/cn-sd", "below/cn-sd/jinan"] {
            own.taps(key).await;
        }
        own.until("Boolean(document.querySelector('[data-key=\"all/cn-sd/jinan/report\"]'))").await;
        Some(own)
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.chromium.send(method, params).await;
        self.answer(id).await
    }

    async fn answer(&mut self, id: u64) -> Value {
        let answered = async {
            loop {
                let mut message = self.chromium.hear().await;
                if message["id"] == id {
                    return message["result"].take();
                }
                if message["method"] == "Target.attachedToTarget" {
                    // A frame begins on a processor a quarter as fast.
                    let session = message["params"]["sessionId"].as_str().expect("a session").to_owned();
                    self.chromium.send_to(&session, "Emulation.setCPUThrottlingRate", json!({ "rate": 4 })).await;
                    self.chromium.send_to(&session, "Runtime.runIfWaitingForDebugger", json!({})).await;
                    self.frame = Some(session);
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), answered).await.expect("Chromium answers")
    }

    async fn eval(&mut self, session: Option<String>, script: &str) -> Value {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let id = match session {
            Some(session) => self.chromium.send_to(&session, "Runtime.evaluate", params).await,
            None => self.chromium.send("Runtime.evaluate", params).await,
        };
        let mut answer = self.answer(id).await;
        answer["result"]["value"].take()
    }

    /// Waits until an expression of the phone's page holds.
    async fn until(&mut self, expression: &str) {
        let script = format!(
            "new Promise((done, fail) => {{ const look = () => (({expression}) ? done(true) : requestAnimationFrame(look)); \
             look(); setTimeout(() => done(false), 20000); }})"
        );
        // A page that is still being loaded is asked again.
        let held = async { while self.eval(None, &script).await != true {} };
        tokio::time::timeout(Duration::from_secs(30), held).await.unwrap_or_else(|_| panic!("never: {expression}"));
    }

    async fn taps(&mut self, key: &str) {
        let own = format!("document.querySelector('[data-key=\"{key}\"]')");
        self.until(&format!("Boolean({own})")).await;
        self.eval(None, &format!("({own}.querySelector('button') ?? {own}).click()")).await;
    }
}

fn p95(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() * 95 / 100]
}

/// From a touch to the end of the frame that shows what it did (the first task after it), with the app in the server's process:
/// what 95 of a hundred stay below.
pub(crate) fn tap_to_repaint_p95() -> Figure {
    let runtime = Runtime::new().expect("a runtime");
    let times = runtime.block_on(async {
        let mut browser = Browser::open().await?;
        let script = format!(
            "(async () => {{ const frame = () => new Promise(requestAnimationFrame); \
             const field = () => document.querySelector('.screen input.input'); const times = []; \
             const there = () => new Promise((done) => {{ const look = new MutationObserver(() => {{ \
                 if (field()) {{ look.disconnect(); done(); }} }}); look.observe(document, {{ childList: true, subtree: true }}); }}); \
             const drawn = () => new Promise((done) => requestAnimationFrame(() => {{ \
                 const {{ port1, port2 }} = new MessageChannel(); port1.onmessage = done; port2.postMessage(0); }})); \
             for (let at = 0; at < {TOUCHES}; at += 1) {{ \
                 while (field()) await frame(); \
                 await drawn(); await drawn(); \
                 const found = there(); const begun = performance.now(); document.querySelector('[data-key=\"find\"]').click(); \
                 await found; await drawn(); times.push(performance.now() - begun); \
                 document.querySelector('phone-device').connection.event({{ event: 'back' }}); \
             }} return times; }})()"
        );
        let times = browser.eval(None, &script).await;
        browser.chromium.end().await;
        Some(times.as_array()?.iter().filter_map(Value::as_f64).collect::<Vec<f64>>())
    });
    let value = times.filter(|times| !times.is_empty()).map_or(f64::NAN, p95);
    stated("tap_to_repaint_p95", (value * 10.0).round() / 10.0, "ms", Some(50.0))
}

/// The first paint of a service that is on the phone, from the beginning of its page, on a processor a quarter as fast; of the
/// services that are opened, the slowest.
pub(crate) fn first_paint_4x() -> Figure {
    let runtime = Runtime::new().expect("a runtime");
    let slowest = runtime.block_on(async {
        let mut browser = Browser::open().await?;
        let mut slowest = f64::NAN;
        for service in ["all/cn-sd/jinan/report", "all/cn-sd/hotline"] {
            let mut paints = Vec::new();
            for round in 0..=OPENED {
                browser.frame = None;
                browser.taps(service).await;
                browser.until("Boolean(document.querySelector('.pages iframe.there'))").await;
                let painted = "new Promise((done) => { const look = () => { \
                const paint = performance.getEntriesByName('first-contentful-paint')[0]; \
                if (paint) done(paint.startTime); else setTimeout(look, 10); }; look(); })";
                let painting = async {
                    loop {
                        let session = browser.frame.clone();
                        if session.is_none() {
                            browser.eval(None, "0").await;
                            continue;
                        }
                        if let Some(paint) = browser.eval(session, painted).await.as_f64() {
                            return paint;
                        }
                    }
                };
                let paint = tokio::time::timeout(Duration::from_secs(30), painting).await.expect("it is painted");
                // The first time it is fetched.
                if round > 0 {
                    paints.push(paint);
                }
                browser.eval(None, "document.querySelector('phone-device').connection.event({ event: 'back' })").await;
                browser.until("!document.querySelector('.pages iframe')").await;
            }
            slowest = p95(paints).max(slowest);
        }
        browser.chromium.end().await;
        Some(slowest)
    });
    let value = slowest.unwrap_or(f64::NAN);
    stated("first_paint_4x", (value * 10.0).round() / 10.0, "ms", Some(200.0))
}
