//! The browser phone in real Chromium: a resident's journey by touches, keys and an input method, and what can be measured of
//! every screen. Run by `tests/run`, which installs Chromium.

use std::collections::BTreeMap;
use std::time::Duration;

use onecity_tests::chromium::Chromium;
use serde_json::{Value, json};

use crate::kit::Town;

/// How long a resident waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Chromium with the phone in it.
struct Browser {
    chromium: Chromium,
    origin: String,
    /// What must not happen: errors on the console, and requests to anywhere else.
    faults: Vec<String>,
    /// The frames in processes of their own, by their targets.
    frames: BTreeMap<String, String>,
    /// How often the page has loaded.
    loads: u32,
}

/// All that is written and labelled on the phone.
const READS: &str = "(() => { const phone = document.querySelector('phone-device'); \
    const labels = [...phone.querySelectorAll('[aria-label]')].filter((own) => own.checkVisibility()); \
    return phone.innerText + '\\n' + labels.map((own) => own.getAttribute('aria-label')).join('\\n'); })()";

impl Browser {
    async fn open(town: &Town, name: &str) -> Self {
        let arguments = ["--lang=zh-CN", "--accept-lang=zh-CN,zh", "--window-size=1000,1000"].map(str::to_owned);
        let chromium = Chromium::start(&arguments).await;
        let origin = town.world.origin().to_owned();
        let mut own = Self { chromium, origin, faults: Vec::new(), frames: BTreeMap::new(), loads: 0 };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            own.call(&format!("{domain}.enable"), json!({})).await;
        }
        let attach = json!({ "autoAttach": true, "waitForDebuggerOnStart": false, "flatten": true });
        own.call("Target.setAutoAttach", attach).await;
        let url = format!("{}/phone?name={name}", own.origin);
        own.loads_by("Page.navigate", json!({ "url": url })).await;
        own
    }

    /// Has the page load, and waits until it has.
    async fn loads_by(&mut self, method: &str, params: Value) {
        let before = self.loads;
        self.call(method, params).await;
        while self.loads == before {
            let heard = tokio::time::timeout(PATIENCE, self.chromium.hear()).await.expect("the page loads");
            self.note(&heard);
        }
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.call_to(None, method, params).await
    }

    async fn call_to(&mut self, session: Option<&str>, method: &str, params: Value) -> Value {
        let id = match session {
            Some(session) => self.chromium.send_to(session, method, params).await,
            None => self.chromium.send(method, params).await,
        };
        let answered = async {
            loop {
                let mut message = self.chromium.hear().await;
                if message["id"] == id {
                    assert!(message["error"].is_null(), "{method}: {message}");
                    return message["result"].take();
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
                let here = ["http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"];
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

    async fn eval(&mut self, script: &str) -> Value {
        self.eval_in(None, script).await
    }

    async fn eval_in(&mut self, session: Option<&str>, script: &str) -> Value {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let answer = self.call_to(session, "Runtime.evaluate", params).await;
        assert!(answer["exceptionDetails"].is_null(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is something, and answers it.
    async fn until(&mut self, what: &str, expression: &str) -> Value {
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

    async fn sees(&mut self, text: &str) {
        self.until(text, &format!("{READS}.includes({})", json!(text))).await;
    }

    /// Where something that can be touched is, once nothing lies above it and it stands still.
    async fn finds(&mut self, label: &str) -> (f64, f64) {
        let script = format!(
            "(() => {{ const label = {}; const name = (own) => (own.getAttribute('aria-label') ?? own.textContent).trim(); \
             const all = [...document.querySelectorAll('phone-device :is(button, label), phone-strip button')] \
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

    async fn taps(&mut self, label: &str) {
        let (x, y) = self.finds(label).await;
        for (kind, buttons) in [("mousePressed", 1), ("mouseReleased", 0)] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event).await;
        }
    }

    async fn presses(&mut self, key: &str, code: u32) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if key == "Enter" && kind == "keyDown" {
                event["text"] = "\r".into();
            }
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Runs a script in the page of the service that is shown.
    async fn in_page(&mut self, script: &str) -> Value {
        let origin = self.until("a page", "document.querySelector('.pages iframe.there')?.src").await;
        let origin: String = origin.as_str().expect("an address").split('/').take(3).collect::<Vec<_>>().join("/");
        let targets = self.call_to(Some(""), "Target.getTargets", json!({})).await;
        let all = targets["targetInfos"].as_array().cloned().unwrap_or_default();
        let target = all.iter().find(|own| own["url"].as_str().is_some_and(|url| url.starts_with(&origin)));
        let id = target.and_then(|own| own["targetId"].as_str()).expect("a frame in a process of its own").to_owned();
        let session = self.frames.get(&id).expect("attached").clone();
        self.eval_in(Some(&session), script).await
    }

    /// Waits until the page of the service says something.
    async fn page_says(&mut self, text: &str) {
        let script = format!(
            "new Promise((done) => {{ const look = () => {{ if (document.body.innerText.includes({})) done(true); \
             else setTimeout(look, 20); }}; look(); setTimeout(() => done(false), 20000); }})",
            json!(text)
        );
        let says = self.in_page(&script).await;
        assert_eq!(says, true, "the page never says {text}");
    }

    async fn settles(&mut self) {
        self.sees("您的数据").await;
        self.taps("同意并继续").await;
        self.taps("山东省").await;
        self.taps("济南市").await;
        self.sees("问题上报").await;
    }

    async fn ends(self) {
        assert!(self.faults.is_empty(), "{:#?}", self.faults);
        self.chromium.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is there"]
async fn chromium_takes_a_resident_from_the_first_start_to_an_open_gate() {
    let town = Town::new().await;
    let mut browser = Browser::open(&town, "journey").await;
    browser.settles().await;
    // Pinyin as an input method composes it: the search does not wait for its end.
    browser.taps("搜索服务和地方").await;
    browser.until("a field", "document.querySelector('.screen input.input')").await;
    browser.eval("document.querySelector('.screen input.input').focus()").await;
    for text in ["c", "cheng", "cheng che"] {
        let length = text.len();
        let composition = json!({ "text": text, "selectionStart": length, "selectionEnd": length });
        browser.call("Input.imeSetComposition", composition).await;
        let value = browser.eval("document.querySelector('.screen input.input').value").await;
        assert_eq!(value, text, "nothing disturbs the composition");
    }
    browser.sees("乘车码").await;
    browser.call("Input.insertText", json!({ "text": "乘车" })).await;
    assert_eq!(browser.eval("document.querySelector('.screen input.input').value").await, "乘车");
    browser.presses("Enter", 13).await;
    // Its page asks at once; put away by the keyboard, the sheet is refused, and then the service is left.
    browser.sees("请求您的同意").await;
    browser.presses("Escape", 27).await;
    browser
        .until("the page without the sheet", "!document.querySelector('.sheet') && document.querySelector('.web')")
        .await;
    browser.presses("Escape", 27).await;
    browser.until("the search", "document.querySelector('.screen:not(.web) input.input')?.value === '乘车'").await;
    browser.presses("Escape", 27).await;
    browser.sees("搜索服务和地方").await;

    browser.taps("我的").await;
    browser.taps("登录").await;
    browser.taps("山东省统一身份认证").await;
    let persona = "[...(document.querySelector('.system iframe')?.contentDocument?.querySelectorAll('button') ?? [])] \
         .find((own) => own.textContent.includes('Lan'))";
    browser.until("the provider's page", &format!("Boolean({persona})")).await;
    browser.eval(&format!("{persona}.click()")).await;
    browser.sees("已登录").await;
    browser.taps("首页").await;
    browser.taps("乘车码").await;
    browser.sees("请求您的同意").await;
    browser.taps("同意").await;
    browser.page_says("领取乘车码").await;
    let get = "[...document.querySelectorAll('button')].find((own) => own.textContent.includes('领取')).click()";
    browser.in_page(get).await;
    browser.page_says("出示乘车码").await;
    browser.taps("返回").await;
    browser.taps("卡码").await;
    browser.taps("公共交通乘车码").await;
    let code = "document.querySelector('svg.modules')";
    browser.until("a code", &format!("Boolean({code})")).await;
    let said = "document.querySelector('.said').textContent";
    browser.taps("Hold the code to a gate").await;
    browser.until("an open gate", &format!("{said} === 'gate 1 opens'")).await;
    browser.taps("Hold the code to a gate").await;
    browser.until("the same code again", &format!("{said} !== 'gate 1 opens'")).await;
    // Loaded again, and the app's process ended: the same place.
    browser.loads_by("Page.reload", json!({})).await;
    browser.until("the code after loading again", &format!("Boolean({code})")).await;
    browser.taps("End the process").await;
    browser.sees("请将二维码对准闸机").await;
    browser.until("the code after the process ended", &format!("Boolean({code})")).await;
    browser.ends().await;
}

/// What is wrong with the screen as it is shown: what is cut off, and what is too small to touch or read.
const MEASURES: &str = "(() => { \
    const elder = document.documentElement.hasAttribute('data-elder'); \
    const least = elder ? 60 : 44; \
    const wrong = []; \
    const seen = (own) => own.checkVisibility() && own.getBoundingClientRect().width > 0; \
    for (const own of document.querySelectorAll('phone-device :is(button, .chip, input.input)')) { \
        if (!seen(own)) continue; \
        const { width, height } = own.getBoundingClientRect(); \
        if (width < least - .5 || height < least - .5) \
            wrong.push(`${own.className} ${own.textContent.trim()} is ${width} by ${height}`); \
    } \
    for (const own of document.querySelectorAll('phone-device :is(.body, .head, .foot, .tabs, .glass)')) { \
        if (seen(own) && own.scrollWidth > own.clientWidth + 1) \
            wrong.push(`${own.className} is ${own.scrollWidth} wide in ${own.clientWidth}`); \
    } \
    for (const own of document.querySelectorAll('phone-device :is(p, span, h1, h2, dt, dd, label, legend)')) { \
        if (!seen(own) || !own.textContent.trim() || own.closest('[aria-hidden]')) continue; \
        const style = getComputedStyle(own); \
        const size = parseFloat(style.fontSize); \
        if (elder && size < 18) wrong.push(`${own.textContent.trim()} is ${size} px`); \
        if (elder && parseFloat(style.lineHeight) / size < 1.3) wrong.push(`${own.textContent.trim()} has ${style.lineHeight}`); \
    } \
    return wrong; })()";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is there"]
async fn chromium_shows_every_screen_whole_and_large_enough_to_touch() {
    let town = Town::new().await;
    let mut browser = Browser::open(&town, "measured").await;
    let width = |px: u32| format!("document.documentElement.style.setProperty('--phone-width', '{px}px')");
    let text = |percent: u32| format!("document.documentElement.style.fontSize = '{percent}%'");
    let views = [(390, 100), (320, 100), (390, 200), (430, 130), (820, 100)];
    let mut wrong: Vec<String> = Vec::new();
    browser.sees("您的数据").await;
    for elder in [false, true] {
        let screens: &[&[&str]] = if elder {
            &[&["我的"], &["语言"], &["返回", "首页"], &["全部服务"], &["返回", "卡码"]]
        } else {
            &[
                &[],
                &["同意并继续"],
                &["山东省"],
                &["济南市"],
                &["搜索服务和地方"],
                &["返回", "切换城市"],
                &["返回", "卡码"],
                &["我的"],
                &["登录"],
            ]
        };
        for (at, steps) in screens.iter().enumerate() {
            for step in *steps {
                browser.taps(step).await;
            }
            browser.until("all of the screen", "!document.querySelector('.waiting, .progress')").await;
            for (px, percent) in views {
                browser.eval(&width(px)).await;
                browser.eval(&text(percent)).await;
                browser.until("a drawn screen", "new Promise((done) => requestAnimationFrame(() => done(true)))").await;
                let found = browser.eval(MEASURES).await;
                let all = found.as_array().cloned().unwrap_or_default();
                wrong.extend(all.iter().map(|own| format!("screen {at}, elder {elder}, {px} px, {percent} %: {own}")));
            }
            browser.eval(&width(390)).await;
            browser.eval(&text(100)).await;
        }
        if !elder {
            browser.taps("返回").await;
            browser.taps("长辈版").await;
            browser.until("the elder mode", "document.documentElement.hasAttribute('data-elder')").await;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // What is planted is found.
    browser.eval("document.querySelector('.tabs button').style.blockSize = '20px'").await;
    browser.eval("document.querySelector('.tabs button').style.minBlockSize = '0'").await;
    browser.eval("document.querySelector('.tabs').style.alignItems = 'start'").await;
    let found = browser.eval(MEASURES).await;
    assert!(found.as_array().is_some_and(|all| !all.is_empty()), "a small target was not found");
    browser.ends().await;
}
