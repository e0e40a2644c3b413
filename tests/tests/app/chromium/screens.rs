//! Every screen, state and sheet that a resident comes by: measured at all sizes, looked at by axe-core, compared with the
//! accessibility tree that was reviewed, and drawn.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use onecity_protocol::names::Names;
use onecity_protocol::trust::{Announcement, Outage, UpdateNeeded};
use serde_json::{Value, json};

use super::browser::Browser;
use crate::kit::Town;

/// What a resident does to come to the next screen, by keys, so that it is the same in every language.
#[derive(Clone, Copy)]
enum Step {
    Tap(&'static str),
    Tab(&'static str),
    Back,
    Type(&'static str),
    LogIn,
    Scan(&'static str),
    Network(bool),
    /// Waits for the page of a service to say something.
    Page,
    There(&'static str),
    /// Has the page of a service ask for something, without waiting for the answer.
    Asks(&'static str),
    Gone(&'static str),
    /// Has the province announce something, or nothing any more.
    Announces(Option<Announced>),
    Refresh,
    /// Has the key store answer so, and the app begin again.
    KeyStore(&'static str),
    /// Chooses China, whatever nation comes first in the resident's language.
    China,
}

use Step::{Announces, Asks, Back, China, Gone, KeyStore, LogIn, Network, Page, Refresh, Scan, Tab, Tap, There, Type};

/// What a province may announce.
#[derive(Clone, Copy)]
enum Announced {
    Outage,
    Update,
}

impl Announced {
    fn announcement(self) -> Announcement {
        let reason = Names::new().with("zh", "系统升级").with("vi", "Nâng cấp hệ thống").with("en", "Maintenance");
        match self {
            Self::Outage => Announcement { outage: Some(Outage { reason, until: None }), update: None },
            Self::Update => Announcement { outage: None, update: Some(UpdateNeeded { platform: 2, reason }) },
        }
    }
}

const PAY: &str = "fetch('/common/config.json').then((own) => own.json()).then(({ backend }) => \
    onecity.pay({ order: 'A-1', url: `${backend}/pay`, amount: 1234550, currency: 'CNY' }))";

const HAND_OVER: &str = "onecity.draft.set('A report', { text: 'dark' }).then(() => onecity.draft.handOver())";

/// The screens by name, each with the way from the one before.
const WALK: &[(&str, &[Step])] = &[
    ("welcome", &[]),
    ("nation", &[Tap("agree")]),
    ("permit-place", &[Tap("locate")]),
    ("province", &[Tap("close"), Gone(".sheet"), China, Tap("below/cn-sd")]),
    ("home", &[Tap("below/cn-sd/jinan")]),
    ("search", &[Tap("find")]),
    ("search-found", &[Type("chengche"), Gone("[data-key=\"service/cn-sd/jinan/report\"]")]),
    ("search-none", &[Type("zzzzqq"), There("[data-key=\"none\"]")]),
    ("switch-city", &[Back, Tap("place")]),
    ("home-away", &[Tap("below/cn-sd/qingdao")]),
    ("travel", &[Tap("travel")]),
    ("passes-nobody", &[Back, Tap("back-home"), Gone("[data-key=\"away\"]"), Tab("passes")]),
    ("me-nobody", &[Tab("me")]),
    ("language", &[Tap("language")]),
    ("login", &[Back, Tap("login")]),
    ("me", &[LogIn, Gone(".system")]),
    ("consents-empty", &[Tap("consents")]),
    ("about", &[Back, Tap("about")]),
    ("licences", &[Tap("licences")]),
    ("log-out", &[Back, Back, Tap("log-out")]),
    ("passes-empty", &[Tap("stay"), Tab("passes")]),
    ("add-pass", &[Tap("add")]),
    ("add-pass-for-whom", &[Tap("offer/transit")]),
    ("code", &[Tap("own")]),
    ("delete-pass", &[Tap("first"), Tap("delete")]),
    ("shown-to-nobody", &[Tap("keep"), Tap("shown")]),
    ("passes", &[Back, Back, Tap("add"), Tap("offer/health"), Tap("own"), Tap("how"), Back]),
    ("home-passes", &[Tab("home")]),
    ("permit-camera", &[Tap("scan")]),
    ("scanned-text", &[Tap("go-on"), Scan("https://example.com/"), There(".sheet [data-key=\"text\"]")]),
    (
        "scanned-link",
        &[
            Tap("close"),
            Gone(".sheet"),
            Tap("scan"),
            Scan("onecity://miniapp/cn-sd.qingdao:report"),
            There(".sheet [data-key=\"open\"]"),
        ],
    ),
    ("scanned-sign", &[Tap("close"), Gone(".sheet"), Tap("scan"), Scan("CQ1A:900")]),
    ("code-for-a-counter", &[Tap("last pass")]),
    ("grant-consent", &[Tap("purpose/1"), There(".sheet")]),
    ("grant", &[Tap("agree"), Gone(".sheet"), There(".modules")]),
    ("shown", &[Back, Tap("shown")]),
    ("service", &[Back, Back, Tap("all/cn-sd/jinan/report"), Page]),
    ("pay", &[Asks(PAY), There(".sheet")]),
    ("leave", &[Tap("stay"), Gone(".sheet"), Asks("onecity.navigate('https://example.com/')"), There(".sheet")]),
    ("call", &[Tap("stay"), Gone(".sheet"), Asks("onecity.navigate('tel:12345')"), There(".sheet")]),
    ("hand-over", &[Tap("stay"), Gone(".sheet"), Asks(HAND_OVER), There(".sheet")]),
    ("service-menu", &[Tap("close"), Gone(".sheet"), Tap("menu")]),
    ("service-clear", &[Tap("clear")]),
    (
        "consent",
        &[Tap("keep"), Tap("close"), Gone(".sheet"), Back, Tap("all/cn-sd/jinan/transit-pass"), There(".sheet")],
    ),
    ("consents", &[Tap("agree"), Gone(".sheet"), Page, Back, Tab("me"), Tap("consents")]),
    ("one-consent", &[Tap("consent/cn-sd/jinan/transit-pass/passes")]),
    ("home-offline", &[Tap("close"), Gone(".sheet"), Tab("home"), Network(false)]),
    ("service-offline", &[Tap("all/cn-sd/jinan/appointments")]),
    (
        "home-outage",
        &[Network(true), Page, Back, Announces(Some(Announced::Outage)), Refresh, There("[data-key=\"all-the-same\"]")],
    ),
    ("home-outage-passed", &[Tap("all-the-same"), There("[data-key=\"all/cn-sd/jinan/report\"]")]),
    ("home-update", &[Announces(Some(Announced::Update)), Refresh, There("[data-key=\"update\"]")]),
    (
        "service-update",
        &[Tap("scan"), Scan("onecity://miniapp/cn-sd.jinan:report"), Tap("open"), There("[data-key=\"update\"]")],
    ),
    ("blocked-locked", &[Announces(None), Back, Refresh, Gone("[data-key=\"announced\"]"), KeyStore("locked")]),
    ("blocked-key", &[KeyStore("lost")]),
    ("blocked-key-sure", &[Tap("sure")]),
    ("me-elder", &[KeyStore("works"), There("[data-key=\"find\"]"), Tab("me"), Tap("elder")]),
    ("home-elder", &[Tab("home")]),
    ("code-elder", &[Tab("passes"), Tap("pass")]),
];

impl Browser {
    async fn does(&mut self, step: Step) {
        self.acts(step).await;
        let applied = "(({ sent, applied }) => applied >= sent)(document.querySelector('phone-device').connection)";
        self.until("what was done", applied).await;
    }

    async fn acts(&mut self, step: Step) {
        match step {
            // The first of those whose keys have the id of something issued in them.
            Tap("pass") => {
                let key = self.until("a pass", "document.querySelector('[data-key^=\"pass/\"]')?.dataset.key").await;
                self.taps_key(key.as_str().expect("a key")).await;
            }
            Tap("last pass") => {
                let key = self
                    .until("a pass", "[...document.querySelectorAll('[data-key^=\"pass/\"]')].at(-1)?.dataset.key")
                    .await;
                self.taps_key(key.as_str().expect("a key")).await;
            }
            // A text: it is there.
            Tap("how") => drop(self.until("a code", "document.querySelector('[data-key=\"how\"]')").await),
            Tap(key) => self.taps_key(key).await,
            Tab(tab) => self.goes_to(tab).await,
            Back => {
                let entry = "document.querySelector('phone-device').frame.stack.length";
                let before = self.eval(entry).await;
                self.eval("document.querySelector('phone-device').connection.event({ event: 'back' })").await;
                self.until("the screen before", &format!("{entry} < {before}")).await;
            }
            Type(text) => {
                self.until("a field", "document.querySelector('.screen input.input')").await;
                let focus = "(() => { const own = document.querySelector('.screen input.input'); own.focus(); own.select(); })()";
                self.eval(focus).await;
                self.call("Input.insertText", json!({ "text": text })).await;
            }
            LogIn => {
                self.taps_key("provider/cn/shandong").await;
                self.is_lan().await;
                self.until("who it is", "document.querySelector('[data-key^=\"account/\"]')").await;
            }
            Scan(text) => {
                self.until("the camera", "document.querySelector('.system textarea')").await;
                let scan = "(text) => { const own = document.querySelector('.system textarea'); own.value = text; own.form.requestSubmit(); }";
                self.eval(&format!("({scan})({})", json!(text))).await;
            }
            China => drop(self.eval("document.querySelector('.choice input[value=\"cn\"]').click()").await),
            Network(online) => self.has_network(online).await,
            Page => self.in_page_until("document.body.classList.contains('starting')", false).await,
            Announces(what) => {
                let shandong = "cn-sd".parse().expect("a region");
                let announcement = what.map(Announced::announcement);
                self.world.announce(&shandong, announcement.as_ref()).expect("signed");
            }
            Refresh => {
                let refresh = "(({ connection, frame }) => connection.event({ event: 'refresh', entry: frame.stack.at(-1) }))\
                    (document.querySelector('phone-device'))";
                self.eval(refresh).await;
            }
            KeyStore(state) => {
                let control = json!({ "key_store": state });
                self.eval(&format!("document.querySelector('phone-device').connection.control({control})")).await;
                self.ends_the_process().await;
                self.until("the files open, or not", "!document.querySelector('.screen .waiting')").await;
            }
            There(selector) => {
                drop(self.until(selector, &format!("Boolean(document.querySelector('{selector}'))")).await);
            }
            Asks(script) => drop(self.in_page(&format!("{script}.catch(() => {{}}); 0")).await),
            Gone(selector) => drop(self.until(selector, &format!("!document.querySelector('{selector}')")).await),
        }
    }

    /// Goes to the next screen of the walk, and waits until all of it is there and nothing moves.
    async fn walks(&mut self, steps: &[Step]) {
        for step in steps {
            self.does(*step).await;
        }
        // A sheet that grants something takes touches after a moment.
        let whole = "![...document.querySelectorAll('.waiting, .progress, .modules.none, .guarded')].some((own) => !own.closest('[inert]'))";
        self.until("all of the screen", whole).await;
        // What was said once is no part of the screen, nor is what lies under a pointer.
        self.eval("document.querySelector('.passing').classList.remove('there')").await;
        self.call("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": 1, "y": 1 })).await;
        let still = "document.getAnimations().every((own) => own.playState !== 'running' || own.effect?.getTiming().iterations === Infinity)";
        self.until("a screen that stands still", still).await;
        self.until("all pictures", "[...document.querySelectorAll('phone-device img')].every((own) => own.complete)")
            .await;
    }

    async fn drawn(&mut self) {
        self.until(
            "a drawn screen",
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))",
        )
        .await;
    }

    async fn is_dark(&mut self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        self.eval(&format!(
            "document.documentElement.dataset.platform = '{scheme}'; document.querySelector('phone-device').darken()"
        ))
        .await;
        self.drawn().await;
    }
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

/// Languages as a browser asks for them: two of the app's own, and the pseudo-locales, whose texts are longer than English
/// and run from right to left.
const LANGUAGES: [&str; 4] = ["zh-CN,zh", "vi-VN,vi", "en-XA", "ar-XB"];

async fn opened(town: &Town, languages: &str) -> Browser {
    let mut browser = Browser::open_in(town, &format!("walk {languages}"), languages).await;
    // Not as the machine has it.
    browser.is_dark(false).await;
    browser
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is there"]
async fn chromium_shows_every_screen_whole_and_large_enough_to_touch() {
    let town = Town::new().await;
    let width = |px: u32| format!("document.documentElement.style.setProperty('--phone-width', '{px}px')");
    let text = |percent: u32| format!("document.documentElement.style.fontSize = '{percent}%'");
    let views = [(390, 100), (320, 100), (390, 200), (430, 130), (820, 100)];
    let mut wrong: Vec<String> = Vec::new();
    for languages in LANGUAGES {
        let mut browser = opened(&town, languages).await;
        for (name, steps) in WALK {
            browser.walks(steps).await;
            for (px, percent) in views {
                browser.eval(&width(px)).await;
                browser.eval(&text(percent)).await;
                browser.drawn().await;
                let found = browser.eval(MEASURES).await;
                let all = found.as_array().cloned().unwrap_or_default();
                wrong.extend(all.iter().map(|own| format!("{name} in {languages}, {px} px, {percent} %: {own}")));
            }
            browser.eval(&width(390)).await;
            browser.eval(&text(100)).await;
        }
        if languages == LANGUAGES[0] {
            // What is planted is found.
            browser.does(Back).await;
            let plant = "for (const [name, value] of [['blockSize', '20px'], ['minBlockSize', '0'], ['alignSelf', 'start']]) \
                document.querySelector('.tabs button').style[name] = value;";
            browser.eval(plant).await;
            let found = browser.eval(MEASURES).await;
            assert!(found.as_array().is_some_and(|all| !all.is_empty()), "a small target was not found");
        }
        browser.ends().await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The accessibility tree of what the phone shows, a line for each node that a screen reader stops at.
async fn tree(browser: &mut Browser) -> String {
    let root = browser.call("Runtime.evaluate", json!({ "expression": "document.querySelector('.glass')" })).await;
    let query = json!({ "objectId": root["result"]["objectId"] });
    let all = browser.call("Accessibility.queryAXTree", query).await;
    let mut lines = String::new();
    for node in all["nodes"].as_array().into_iter().flatten() {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        // What has no name of its own only holds others, unless it can be touched: that has to have one.
        let acts =
            ["button", "link", "switch", "radio", "checkbox", "textbox", "searchbox", "combobox", "img", "image"];
        let is_named = node["name"]["value"].as_str().is_some_and(|own| !own.trim().is_empty());
        if node["ignored"] == true || role == "InlineTextBox" || !(is_named || acts.contains(&role)) {
            continue;
        }
        let name = masked(node["name"]["value"].as_str().unwrap_or_default());
        let mut line = format!("{role} «{name}»");
        let description = node["description"]["value"].as_str().filter(|own| !own.is_empty());
        if let Some(description) = description {
            write!(line, " ({})", masked(description)).expect("a string takes everything");
        }
        for property in node["properties"].as_array().into_iter().flatten() {
            let (name, value) = (property["name"].as_str().unwrap_or_default(), &property["value"]["value"]);
            let tells = ["checked", "disabled", "invalid", "modal", "level", "busy"];
            let is_news = ![json!(false), json!("false"), Value::Null].contains(value);
            if tells.contains(&name) && is_news {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                write!(line, " {name}={value}").expect("a string takes everything");
            }
        }
        // The words of a part are said with the part.
        if role == "StaticText" && lines.lines().rev().take(3).any(|said| said.contains(&name)) {
            continue;
        }
        writeln!(lines, "{line}").expect("a string takes everything");
    }
    lines
}

/// What is written down when a code has been shown comes a moment later, or not yet.
fn without_last_shown(tree: &str) -> String {
    let mut lines = Vec::new();
    for line in tree.lines() {
        let is_it = ["term «上次出示»", "StaticText «刚刚»", "StaticText «# 分钟前»"].contains(&line);
        let row = line.strip_suffix(" 刚刚»").or_else(|| line.strip_suffix(" # 分钟前»")).map(|row| format!("{row}»"));
        lines.extend((!is_it).then(|| row.unwrap_or_else(|| line.to_owned())));
    }
    lines.join("\n")
}

/// Numbers and times are others on every day.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' if masked.ends_with('#') => {}
            '0'..='9' => masked.push('#'),
            other => masked.push(other),
        }
    }
    masked.replace("更新于# 分钟前", "更新于刚刚")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is there"]
async fn chromium_says_to_a_screen_reader_what_was_reviewed() {
    let town = Town::new().await;
    let mut browser = opened(&town, LANGUAGES[0]).await;
    browser.call("Accessibility.enable", json!({})).await;
    let mut trees = String::new();
    for (name, steps) in WALK {
        browser.walks(steps).await;
        let tree = without_last_shown(&tree(&mut browser).await);
        write!(trees, "== {name}\n{tree}\n\n").expect("a string takes everything");
    }
    browser.ends().await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/app/chromium/accessibility.txt");
    if std::env::var_os("ONECITY_WRITE_DOCS").is_some() {
        return std::fs::write(file, trees).expect("written");
    }
    let reviewed = std::fs::read_to_string(file).expect("kept with the sources");
    let differ = |(one, other): &(&str, &str)| one != other;
    let first = trees.lines().zip(reviewed.lines()).find(differ);
    assert!(
        trees == reviewed,
        "a screen reader says something else, first {first:?}; if that is meant, run this with ONECITY_WRITE_DOCS=1 and review the change"
    );
}

/// What axe-core finds: the rule, what for, and where.
const AXE: &str = "axe.run('phone-device', { iframes: false, resultTypes: ['violations'] }).then(({ violations }) => \
    violations.flatMap((own) => own.nodes.map((node) => `${own.id}: ${own.help}: ${node.html.slice(0, 160)} ${node.failureSummary?.split('\\n')[1] ?? ''}`)))";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where npm is there"]
async fn axe_core_finds_nothing_on_any_screen_by_day_and_by_night() {
    let axe = std::env::var_os("ONECITY_AXE").expect("ONECITY_AXE is axe-core's script: tests/run gets it");
    let axe = std::fs::read_to_string(axe).expect("axe-core's script");
    let town = Town::new().await;
    let mut found: Vec<String> = Vec::new();
    for languages in [LANGUAGES[0], LANGUAGES[3]] {
        let mut browser = opened(&town, languages).await;
        browser.eval(&format!("{axe}; undefined")).await;
        for (name, steps) in WALK {
            browser.walks(steps).await;
            for dark in [true, false] {
                browser.is_dark(dark).await;
                let all = browser.eval(AXE).await;
                let all = all.as_array().expect("a list");
                found.extend(all.iter().map(|own| format!("{name} in {languages}, dark {dark}: {own}")));
            }
        }
        // What is planted is found.
        browser.eval("document.querySelector('.screen h1').style.color = '#ccc'").await;
        let planted = browser.eval(AXE).await.to_string();
        assert!(planted.contains("color-contrast"), "{planted}");
        browser.ends().await;
    }
    found.sort();
    found.dedup();
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/pictures calls it"]
async fn pictures_of_every_screen() {
    let folder =
        std::env::var_os("ONECITY_PICTURES").expect("ONECITY_PICTURES is where the pictures go: tests/pictures says");
    let folder = PathBuf::from(folder);
    let town = Town::new().await;
    for (languages, name) in [(LANGUAGES[0], "zh"), (LANGUAGES[1], "vi"), ("en-GB,en", "en")] {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut browser = opened(&town, languages).await;
        for (name, steps) in WALK {
            browser.walks(steps).await;
            browser.drawn().await;
            let shape = "(() => { const { x, y, width, height } = document.querySelector('.glass').getBoundingClientRect(); return { x, y, width, height, scale: 1 }; })()";
            let clip = browser.eval(shape).await;
            let shot = json!({ "format": "webp", "quality": 60, "clip": clip });
            let picture = browser.call("Page.captureScreenshot", shot).await;
            let bytes = base64::Engine::decode(
                &base64::engine::general_purpose::STANDARD,
                picture["data"].as_str().expect("a picture"),
            );
            std::fs::write(folder.join(format!("{name}.webp")), bytes.expect("base64")).expect("written");
        }
        browser.ends().await;
    }
}
