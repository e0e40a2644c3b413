//! Chromium with the phone in it, and somebody at it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mock_server::World;
use onecity_tests::chromium::Chromium;
use serde_json::{Value, json};

use crate::kit::Town;

/// How long a resident waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Chromium with the phone in it.
pub(super) struct Browser {
    chromium: Chromium,
    origin: String,
    /// The world that it is in.
    pub(super) world: Arc<World>,
    /// What must not happen: errors on the console, and requests to anywhere else.
    faults: Vec<String>,
    /// The frames in processes of their own, by their targets.
    frames: BTreeMap<String, String>,
    /// How often the page has loaded.
    loads: u32,
}

/// All that is written and labelled on the phone.
pub(super) const READS: &str = "(() => { const phone = document.querySelector('phone-device') ?? document.body; \
    const labels = [...phone.querySelectorAll('[aria-label]')].filter((own) => own.checkVisibility()); \
    return phone.innerText + '\\n' + labels.map((own) => own.getAttribute('aria-label')).join('\\n'); })()";

impl Browser {
    pub(super) async fn open(town: &Town, name: &str) -> Self {
        Self::open_in(town, name, "zh-CN,zh").await
    }

    /// The same in other languages, as a browser asks for them.
    pub(super) async fn open_in(town: &Town, name: &str, languages: &str) -> Self {
        Self::open_at(town, town.world.origin(), name, languages).await
    }

    /// The same at an address of the town's server.
    pub(super) async fn open_at(town: &Town, origin: &str, name: &str, languages: &str) -> Self {
        Self::open_page(town, origin, &format!("/phone?name={name}"), languages).await
    }

    /// Any page of the town's server.
    pub(super) async fn open_page(town: &Town, origin: &str, path: &str, languages: &str) -> Self {
        let first = languages.split(',').next().unwrap_or_default();
        let arguments =
            [format!("--lang={first}"), format!("--accept-lang={languages}"), "--window-size=1000,1000".to_owned()];
        let chromium = Chromium::start(&arguments).await;
        let (origin, world) = (origin.to_owned(), Arc::clone(&town.world));
        let mut own = Self { chromium, origin, world, faults: Vec::new(), frames: BTreeMap::new(), loads: 0 };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            own.call(&format!("{domain}.enable"), json!({})).await;
        }
        let attach = json!({ "autoAttach": true, "waitForDebuggerOnStart": false, "flatten": true });
        own.call("Target.setAutoAttach", attach).await;
        let url = format!("{}{path}", own.origin);
        own.loads_by("Page.navigate", json!({ "url": url })).await;
        own
    }

    /// Has the page load, and waits until it has.
    pub(super) async fn loads_by(&mut self, method: &str, params: Value) {
        let before = self.loads;
        self.call(method, params).await;
        while self.loads == before {
            let heard = tokio::time::timeout(PATIENCE, self.chromium.hear()).await.expect("the page loads");
            self.note(&heard);
        }
    }

    pub(super) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.call_to(None, method, params).await
    }

    pub(super) async fn call_to(&mut self, session: Option<&str>, method: &str, params: Value) -> Value {
        let answer = self.answer_to(session, method, params).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The answer to a call, or why there is none.
    async fn answer_to(&mut self, session: Option<&str>, method: &str, params: Value) -> Result<Value, Value> {
        let id = match session {
            Some(session) => self.chromium.send_to(session, method, params).await,
            None => self.chromium.send(method, params).await,
        };
        let answered = async {
            loop {
                let mut message = self.chromium.hear().await;
                if message["id"] == id {
                    return if message["error"].is_null() { Ok(message["result"].take()) } else { Err(message) };
                }
                self.note(&message);
            }
        };
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(answer) => answer,
            Err(_) => panic!("{method} was never answered"),
        }
    }

    fn note(&mut self, message: &Value) {
        let params = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" => self.faults.push(params["exceptionDetails"].to_string()),
            "Log.entryAdded" if params["entry"]["level"] == "error" => self.faults.push(params["entry"].to_string()),
            "Runtime.consoleAPICalled" if params["type"] == "error" => self.faults.push(params["args"].to_string()),
            "Network.requestWillBeSent" => {
                let url = params["request"]["url"].as_str().unwrap_or_default();
                let host = self.origin.trim_start_matches("http://").split(':').next().unwrap_or_default();
                let here = [&format!("http://{host}:"), &format!("ws://{host}:"), "data:", "blob:"];
                if !here.iter().any(|start| url.starts_with(start)) {
                    self.faults.push(format!("asked {url}"));
                }
            }
            "Page.loadEventFired" => self.loads += 1,
            "Target.attachedToTarget" => {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                self.frames.insert(text(&params["targetInfo"]["targetId"]), text(&params["sessionId"]));
            }
            _ => {}
        }
    }

    pub(super) async fn eval(&mut self, script: &str) -> Value {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", params).await;
        assert!(answer["exceptionDetails"].is_null(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is something, and answers it.
    pub(super) async fn until(&mut self, what: &str, expression: &str) -> Value {
        let script = format!(
            "new Promise((done) => {{ const look = () => {{ const found = ({expression}); \
             if (found) done(found); else requestAnimationFrame(look); }}; look(); \
             setTimeout(() => done(null), {}); }})",
            PATIENCE.as_millis() - 5000
        );
        let found = self.eval(&script).await;
        if found.is_null() {
            let reads = self.eval(READS).await;
            panic!("never: {what}; on the screen:\n{}\nfaults: {:?}", reads.as_str().unwrap_or_default(), self.faults);
        }
        found
    }

    pub(super) async fn sees(&mut self, text: &str) {
        self.until(text, &format!("{READS}.includes({})", json!(text))).await;
    }

    /// Where something that can be touched on the phone is, once nothing lies above it and it stands still.
    pub(super) async fn finds(&mut self, label: &str) -> (f64, f64) {
        self.finds_within("phone-device", label).await
    }

    async fn finds_within(&mut self, part: &str, label: &str) -> (f64, f64) {
        let script = format!(
            "(() => {{ const label = {}; const name = (own) => (own.getAttribute('aria-label') ?? own.textContent).trim(); \
             const all = [...document.querySelectorAll('{part} :is(button, label)')] \
                 .filter((own) => own.checkVisibility()); \
             const own = all.find((own) => name(own) === label) ?? all.find((own) => name(own).includes(label)); \
             if (!own || own.closest('.guarded')) return null; own.scrollIntoView({{ block: 'nearest' }}); \
             const box = own.getBoundingClientRect(); \
             const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]; \
             const at = document.elementFromPoint(x, y); \
             const stands = own.dataset.at === `${{x}} ${{y}}`; own.dataset.at = `${{x}} ${{y}}`; \
             return stands && at && (own.contains(at) || at.contains(own) || at.parentElement === own.parentElement) \
                 ? [x, y] : null; }})()",
            json!(label)
        );
        let found = self.until(label, &script).await;
        (found[0].as_f64().expect("a place"), found[1].as_f64().expect("a place"))
    }

    pub(super) async fn taps(&mut self, label: &str) {
        let (x, y) = self.finds(label).await;
        self.clicks(x, y).await;
    }

    /// Touches one of the tester's controls beside the phone.
    pub(super) async fn taps_beside(&mut self, label: &str) {
        let (x, y) = self.finds_within("phone-strip", label).await;
        self.clicks(x, y).await;
    }

    /// Touches what has this key on the screen or sheet that is on top, once nothing lies above it.
    pub(super) async fn taps_key(&mut self, key: &str) {
        let script = format!(
            "(() => {{ const key = {}; \
             const all = [...document.querySelectorAll('phone-device [data-key]')] \
                 .filter((own) => own.dataset.key === key && own.checkVisibility() && !own.closest('[inert]')); \
             const found = all.at(-1); if (!found || found.closest('.guarded')) return null; \
             const own = found.matches('button') ? found : found.querySelector('button') ?? found; \
             own.scrollIntoView({{ block: 'nearest' }}); const box = own.getBoundingClientRect(); \
             const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]; const at = document.elementFromPoint(x, y); \
             const stands = own.dataset.at === `${{x}} ${{y}}`; own.dataset.at = `${{x}} ${{y}}`; \
             return stands && at && own.contains(at) ? [x, y] : null; }})()",
            json!(key)
        );
        let found = self.until(key, &script).await;
        self.clicks(found[0].as_f64().expect("a place"), found[1].as_f64().expect("a place")).await;
    }

    async fn clicks(&mut self, x: f64, y: f64) {
        for (kind, buttons) in [("mousePressed", 1), ("mouseReleased", 0)] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Chooses a tab by its name.
    pub(super) async fn goes_to(&mut self, tab: &str) {
        let button = format!("document.querySelector('.tabs button[data-tab=\"{tab}\"]')");
        self.until(tab, &format!("Boolean({button}?.checkVisibility())")).await;
        self.eval(&format!("{button}.click()")).await;
        let chosen = format!("document.querySelector('.tabs button[data-tab=\"{tab}\"][aria-current]') !== null");
        self.until(tab, &chosen).await;
    }

    /// Logs in as Lan on the provider's page that is open.
    pub(super) async fn is_lan(&mut self) {
        let persona = "[...(document.querySelector('.system iframe')?.contentDocument?.querySelectorAll('button') ?? [])] \
             .find((own) => own.textContent.includes('Lan'))";
        self.until("the provider's page", &format!("Boolean({persona})")).await;
        self.eval(&format!("{persona}.click()")).await;
    }

    /// Ends the app's process, and waits for the next.
    pub(super) async fn ends_the_process(&mut self) {
        let epoch = self.eval("document.querySelector('phone-device').frame.epoch").await;
        let button = "document.querySelector('phone-strip [data-does=restart]')";
        self.until("the tester's button", &format!("Boolean({button})")).await;
        self.eval(&format!("{button}.click()")).await;
        self.until("another process", &format!("document.querySelector('phone-device').frame.epoch !== {epoch}")).await;
    }

    /// Whether the phone has a network.
    pub(super) async fn has_network(&mut self, online: bool) {
        let event = json!({ "event": "network", "online": online });
        self.eval(&format!("document.querySelector('phone-device').connection.event({event})")).await;
    }

    pub(super) async fn presses(&mut self, key: &str, code: u32) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if key == "Enter" && kind == "keyDown" {
                event["text"] = "\r".into();
            }
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Runs a script in the page of the service that is shown. None while there is none, or it is just being loaded.
    pub(super) async fn try_in_page(&mut self, script: &str) -> Option<Value> {
        let origin = self.eval("document.querySelector('.pages iframe.there')?.src ?? null").await;
        let origin: String = origin.as_str()?.split('/').take(3).collect::<Vec<_>>().join("/");
        // Chromium puts it into a process of its own.
        let targets = self.call_to(Some(""), "Target.getTargets", json!({})).await;
        let all = targets["targetInfos"].as_array().cloned().unwrap_or_default();
        let target = all.iter().find(|own| own["url"].as_str().is_some_and(|url| url.starts_with(&origin)))?;
        let session = self.frames.get(target["targetId"].as_str()?)?.clone();
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let answer = self.answer_to(Some(&session), "Runtime.evaluate", params).await.ok()?;
        answer["exceptionDetails"].is_null().then(|| answer["result"]["value"].clone())
    }

    /// The same once the page is there.
    pub(super) async fn in_page(&mut self, script: &str) -> Value {
        let running = async {
            loop {
                if let Some(value) = self.try_in_page(script).await {
                    return value;
                }
            }
        };
        tokio::time::timeout(PATIENCE, running).await.unwrap_or_else(|_| panic!("{script} never ran in a page"))
    }

    /// Waits until an expression of the page of the service is as it is wanted.
    pub(super) async fn in_page_until(&mut self, expression: &str, wanted: impl Into<Value>) {
        let wanted = wanted.into();
        let mut last = None;
        let waiting = async {
            while last.as_ref() != Some(&wanted) {
                last = self.try_in_page(expression).await;
            }
        };
        let held = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(held.is_ok(), "{expression} is {last:?}, not {wanted}");
    }

    /// Waits until the page of the service says something.
    pub(super) async fn page_says(&mut self, text: &str) {
        let mut last = String::new();
        let waiting = async {
            while !last.contains(text) {
                let said = self.try_in_page("document.body.innerText").await;
                last = said.and_then(|said| said.as_str().map(str::to_owned)).unwrap_or_default();
            }
        };
        let held = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(held.is_ok(), "the page never says {text}, but:\n{last}");
    }

    /// Takes what a test provokes off the list of faults.
    pub(super) fn forgives(&mut self, is_meant: impl Fn(&str) -> bool) {
        self.faults.retain(|fault| !is_meant(fault));
    }

    pub(super) async fn settles(&mut self) {
        self.sees("您的数据").await;
        self.taps("同意并继续").await;
        self.taps("山东省").await;
        self.taps("济南市").await;
        self.sees("问题上报").await;
    }

    pub(super) async fn ends(self) {
        assert!(self.faults.is_empty(), "{:#?}", self.faults);
        self.chromium.end().await;
    }
}
