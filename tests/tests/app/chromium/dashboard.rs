//! The tester's pages, the dashboard and the gate: pressed, measured, looked at by axe-core.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mock_server::{Phone, png};
use onecity_protocol::credential::Audience;
use onecity_protocol::region::RegionId;
use serde_json::{Value, json};

use super::browser::Browser;
use crate::kit::Town;

const LANGUAGES: [(&str, &str); 3] = [("zh-CN,zh", "zh"), ("vi-VN,vi", "vi"), ("en-GB,en", "en")];

/// Presses a button once it is there, by what is written on it.
async fn presses(browser: &mut Browser, label: &str) {
    let button = format!(
        "[...document.querySelectorAll('main button, header button')].find((own) => own.textContent.trim() === {})",
        json!(label)
    );
    browser.until(label, &format!("Boolean({button}?.checkVisibility())")).await;
    browser.eval(&format!("{button}.click()")).await;
}

async fn says(browser: &mut Browser, text: &str) {
    browser.until(text, &format!("document.body.innerText.includes({})", json!(text))).await;
}

async fn call_shown(browser: &mut Browser, text: &str) {
    browser.until(text, &format!("document.querySelector('#call code')?.textContent.includes({})", json!(text))).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is"]
async fn chromium_a_tester_s_day_is_a_few_presses_and_each_is_shown_as_a_call() {
    let town = Town::new().await;
    let (world, origin) = (town.world.clone(), town.world.origin().to_owned());
    let mut browser = Browser::open_page(&town, &origin, "/", "zh-CN,zh").await;
    presses(&mut browser, "地铁里的网络").await;
    call_shown(&mut browser, "curl -X PUT").await;
    call_shown(&mut browser, "/worlds/default/presets/flaky-metro").await;
    browser.until("what goes wrong", "document.querySelectorAll('#faults .rules code').length === 4").await;
    assert_eq!(world.faults.list().len(), 4);
    presses(&mut browser, "地铁里的网络").await;
    says(&mut browser, "一切正常").await;
    assert!(world.faults.list().is_empty());

    let before = world.now();
    presses(&mut browser, "停住").await;
    says(&mut browser, "已停住").await;
    presses(&mut browser, "+1 小时").await;
    call_shown(&mut browser, "{\"jump_seconds\":3600}").await;
    let frame = "new Promise((done) => requestAnimationFrame(() => done(true)))";
    for _ in 0..1000 {
        if world.now() - before >= 3600 {
            break;
        }
        browser.eval(frame).await;
    }
    assert!((3600..3700).contains(&(world.now() - before)));

    // What arrives is there as it arrives, with what was said.
    reqwest::get(format!("{origin}/city/cn-sd.jinan/hotline")).await.expect("answered");
    let line = "document.querySelector('.journal details')";
    browser.until("an exchange", &format!("{line}?.textContent.includes('/city/cn-sd.jinan/hotline')")).await;
    browser.eval(&format!("{line}.open = true")).await;
    says(&mut browser, "12345").await;

    // A rule of one's own; one that is none is refused by name.
    browser.eval("document.querySelector('#faults details').open = true").await;
    let write = |text: &str| format!("document.querySelector('#faults textarea').value = {}", json!(text));
    browser.eval(&write("{ \"what\": { \"kind\": \"earthquake\" } }")).await;
    presses(&mut browser, "开始").await;
    browser.until("why not", "document.querySelector('#wrong .wrong')?.textContent.includes('earthquake')").await;
    browser.eval(&write("{ \"id\": \"mine\", \"what\": { \"kind\": \"reset\" } }")).await;
    presses(&mut browser, "开始").await;
    browser.until("the rule", "document.querySelector('#faults .rules').textContent.includes('mine')").await;

    // Another world, with everything of its own.
    let click = |label: &str| {
        format!(
            "[...document.querySelectorAll('header button')].find((own) => own.textContent === {}).click()",
            json!(label)
        )
    };
    browser.loads_by("Runtime.evaluate", json!({ "expression": click("新建世界") })).await;
    browser.until("another world", "location.pathname.startsWith('/w/')").await;
    says(&mut browser, "一切正常").await;
    // What can't be taken back is asked about first, and can be cancelled.
    let meant = "document.querySelector('dialog .meant').click()";
    browser.eval(&click("结束此世界")).await;
    browser.until("a question", "document.querySelector('dialog')?.open").await;
    browser.eval("document.querySelector('dialog button:not(.meant)').click()").await;
    browser.until("no question", "!document.querySelector('dialog')").await;
    assert_eq!(town.worlds(), 2, "it is there still");
    browser.eval(&click("结束此世界")).await;
    browser.loads_by("Runtime.evaluate", json!({ "expression": meant })).await;
    browser.until("the first", "location.pathname === '/'").await;
    presses(&mut browser, "恢复初始状态").await;
    says(&mut browser, "密钥不变").await;
    browser.eval(meant).await;
    says(&mut browser, "一切正常").await;
    assert!(world.faults.list().is_empty() && (world.clock.speed() - 1.0).abs() < f64::EPSILON);
    // What was refused is an error to a browser.
    browser.forgives(|fault| fault.contains("422"));
    browser.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is"]
async fn chromium_a_gate_decides_a_picture_that_is_dropped_and_a_phone_that_is_held_to_it() {
    let town = Town::new().await;
    let origin = town.world.origin().to_owned();
    let phone = Phone::new(&town.world, &["zh"]).expect("a phone");
    phone.log_in("shandong", "lan").await.expect("logged in");
    phone.client().sync(&"cn-sd/jinan".parse().expect("a region")).await.expect("synced");
    let province: RegionId = "cn-sd".parse().expect("a region");
    let pass = phone.client().add_pass(&province, "transit", None).await.expect("a pass");
    let picture = phone.client().code(&pass.id, Audience::ANY).await.expect("a code").picture;
    let picture = STANDARD.encode(png(&picture, 4).expect("a picture"));

    let mut browser = Browser::open_page(&town, &origin, "/gate", "vi-VN,vi").await;
    says(&mut browser, "Hãy đưa mã vào đây").await;
    let drop = format!(
        "(() => {{ const bytes = Uint8Array.from(atob({}), (own) => own.charCodeAt(0)); \
         const data = new DataTransfer(); data.items.add(new File([bytes], 'code.png', {{ type: 'image/png' }})); \
         document.querySelector('.drop').dispatchEvent(new DragEvent('drop', {{ dataTransfer: data, bubbles: true }})); }})()",
        json!(picture)
    );
    let verdict = "document.querySelector('.verdict').innerText";
    browser.eval(&drop).await;
    browser.until("an open gate", &format!("{verdict}.includes('Mời qua')")).await;
    browser.eval(&drop).await;
    browser.until("the same code", &format!("{verdict}.includes('Cổng vừa mở cho mã này')")).await;
    browser.until("the log", "document.querySelectorAll('#log .rules li').length === 2").await;
    presses(&mut browser, "Có mạng").await;
    says(&mut browser, "Không có mạng").await;
    presses(&mut browser, "Hiện mã thử thách").await;
    browser.until("its sign", "document.querySelector('.sign img')?.naturalWidth > 0").await;
    // No code is on the screen of a phone that has just been opened.
    let mut other = Browser::open_page(&town, &origin, "/phone?name=first", "vi-VN,vi").await;
    other.until("a phone", "Boolean(document.querySelector('phone-device .screen'))").await;
    says(&mut browser, "first (không có mã)").await;
    other.ends().await;
    browser.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is"]
async fn chromium_each_control_is_described_and_can_be_tried_on_its_page() {
    let town = Town::new().await;
    let (world, origin) = (town.world.clone(), town.world.origin().to_owned());
    let mut browser = Browser::open_page(&town, &origin, "/controls", "en-GB,en").await;
    let described = mock_server::openapi();
    let operations: usize = described
        .paths
        .paths
        .values()
        .map(|item| {
            [&item.get, &item.put, &item.post, &item.patch, &item.delete]
                .into_iter()
                .filter(|own| own.is_some())
                .count()
        })
        .sum();
    browser.until("all of them", &format!("document.querySelectorAll('.operation').length === {operations}")).await;
    let open = |method: &str, path: &str| {
        format!(
            "(window.own = [...document.querySelectorAll('.operation')].find((own) => \
             own.querySelector('.method').textContent === {} && own.querySelector('.path').textContent === {})).open = true",
            json!(method),
            json!(path)
        )
    };
    browser.eval(&open("POST", "/worlds/{world}/faults")).await;
    let said = browser.eval("JSON.parse(own.querySelector('textarea').value)").await;
    assert!(said["what"]["kind"].is_string(), "it begins with something that can be sent: {said}");
    browser.eval("own.querySelector('textarea').value = JSON.stringify({ id: 'mine', what: { kind: 'reset' } })").await;
    browser.eval("own.querySelector('button').click()").await;
    browser.until("what came of it", "own.querySelector('.status')?.textContent === '201'").await;
    call_shown(&mut browser, "curl -X POST").await;
    assert_eq!(world.faults.list()[0].id, "mine");
    browser.eval("own.querySelector('textarea').value = '{'").await;
    browser.eval("own.querySelector('button').click()").await;
    says(&mut browser, "This is no JSON").await;
    browser.eval(&open("GET", "/worlds/{world}/regions")).await;
    browser.eval("(() => { const below = [...own.querySelectorAll('input')].find((input) => input.parentElement.textContent.includes('below')); \
        below.value = 'cn-sd'; below.dispatchEvent(new Event('input')); })()").await;
    browser.eval("own.querySelector('button').click()").await;
    browser.until("its regions", "own.querySelector('pre')?.textContent.includes('cn-sd/jinan')").await;
    browser.ends().await;
}

/// What does not fit its page, or is too small to touch.
const MEASURE: &str = "(() => { const wrong = []; const page = document.documentElement; \
    if (page.scrollWidth > innerWidth + 1) wrong.push(`the page is ${page.scrollWidth} px wide of ${innerWidth}`); \
    for (const own of document.querySelectorAll('button, select, input:not(.unseen), a.button, summary')) { \
        if (!own.checkVisibility()) continue; const { width, height } = own.getBoundingClientRect(); \
        if (width < 44 || height < 44) wrong.push(`${own.textContent.trim().slice(0, 30)} is ${Math.round(width)} by ${Math.round(height)}`); } \
    for (const own of document.querySelectorAll('h1, h2, p, li, button, dd')) { \
        if (own.checkVisibility() && own.scrollWidth > own.clientWidth + 1 && own.clientWidth > 0) \
            wrong.push(`cut off: ${own.textContent.trim().slice(0, 40)}`); } \
    return wrong; })()";

async fn is_shown_at(browser: &mut Browser, width: u32, percent: u32, dark: bool) {
    let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
    browser.call("Emulation.setDeviceMetricsOverride", size).await;
    let scheme = if dark { "dark" } else { "light" };
    let feature = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
    browser.call("Emulation.setEmulatedMedia", feature).await;
    browser.eval(&format!("document.documentElement.style.fontSize = '{percent}%'")).await;
    browser.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))").await;
}

/// All pages with something on them.
async fn pages(town: &Town, languages: &str) -> [(&'static str, Browser); 4] {
    let origin = town.world.origin().to_owned();
    let mut dashboard = Browser::open_page(town, &origin, "/", languages).await;
    dashboard.until("an exchange", "document.querySelectorAll('.journal details').length > 0").await;
    dashboard.until("places", "document.querySelectorAll('#places summary').length > 1").await;
    dashboard.until("rules", "document.querySelectorAll('#faults .rules button').length > 0").await;
    let mut gate = Browser::open_page(town, &origin, "/gate", languages).await;
    gate.until("a gate", "document.querySelectorAll('.facts div').length > 0").await;
    let mut desk = Browser::open_page(town, &origin, "/desk", languages).await;
    desk.until("what was handed in", "document.querySelectorAll('.submissions > li').length === 1").await;
    let mut controls = Browser::open_page(town, &origin, "/controls", languages).await;
    controls.until("its operations", "document.querySelectorAll('.operation').length > 40").await;
    controls.eval("document.querySelector('#controls-faults .operation:nth-of-type(1)').open = true").await;
    controls
        .eval("document.querySelectorAll('#controls-gates .operation').forEach((own) => { own.open = true; })")
        .await;
    [("dashboard", dashboard), ("gate", gate), ("desk", desk), ("controls", controls)]
}

/// A world in which something goes on.
async fn busy() -> Town {
    let town = Town::new().await;
    let phone = Phone::new(&town.world, &["zh"]).expect("a phone");
    phone.log_in("shandong", "lan").await.expect("logged in");
    let province: RegionId = "cn-sd".parse().expect("a region");
    phone.client().sync(&"cn-sd/jinan".parse().expect("a region")).await.expect("synced");
    let pass = phone.client().add_pass(&province, "transit", None).await.expect("a pass");
    let code = phone.client().code(&pass.id, Audience::ANY).await.expect("a code").text;
    town.world.gates.check("metro-1", &code).await.expect("decided");
    town.world.gates.check("metro-1", "no code").await.expect("decided");
    let answer = reqwest::Client::new()
        .post(format!("{}/city/cn-sd/cases", town.world.origin()))
        .header("idempotency-key", "\"5d1c9a7e\"")
        .header("content-type", "application/json")
        .body(json!({ "kind": "help", "text": "楼道的灯坏了三天，老人晚上不敢下楼" }).to_string())
        .send();
    let answer = answer.await.expect("answered");
    assert_eq!(answer.status(), 201);
    assert!(town.world.progress("5d1c9a7e", "in_progress", "网格员今天上门"));
    town.world.faults.begin(mock_server::Preset::FlakyMetro);
    town
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is"]
async fn chromium_the_tester_s_pages_fit_at_all_sizes_in_three_languages() {
    let town = busy().await;
    let mut found: Vec<String> = Vec::new();
    for (languages, name) in LANGUAGES {
        for (page, mut browser) in pages(&town, languages).await {
            for (width, percent) in [(320, 100), (390, 200), (820, 100), (1440, 100), (1440, 200)] {
                is_shown_at(&mut browser, width, percent, false).await;
                let wrong = browser.eval(MEASURE).await;
                found.extend(wrong.as_array().into_iter().flatten().map(|own: &Value| {
                    format!("{page} in {name} at {width} px and {percent} %: {}", own.as_str().unwrap_or_default())
                }));
            }
            browser.eval("document.querySelector('h1').style.width = '3000px'").await;
            let planted = browser.eval(MEASURE).await;
            assert_ne!(planted, json!([]), "what is planted is found");
            browser.ends().await;
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// What axe-core finds: the rule, what for, and where.
const AXE: &str = "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => \
    violations.flatMap((own) => own.nodes.map((node) => `${own.id}: ${own.help}: ${node.html.slice(0, 160)}`)))";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where npm is there"]
async fn axe_core_finds_nothing_on_the_tester_s_pages() {
    let axe = std::env::var_os("ONECITY_AXE").expect("ONECITY_AXE is axe-core's script: tests/run gets it");
    let axe = std::fs::read_to_string(axe).expect("axe-core's script");
    let town = busy().await;
    let mut found: Vec<String> = Vec::new();
    for (languages, name) in LANGUAGES {
        for (page, mut browser) in pages(&town, languages).await {
            browser.eval(&format!("{axe}; undefined")).await;
            for dark in [false, true] {
                is_shown_at(&mut browser, 1280, 100, dark).await;
                let all = browser.eval(AXE).await;
                found.extend(
                    all.as_array().into_iter().flatten().map(|own| format!("{page} in {name}, dark {dark}: {own}")),
                );
            }
            browser.ends().await;
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/pictures calls it"]
async fn pictures_of_the_tester_s_pages() {
    let folder =
        std::env::var_os("ONECITY_PICTURES").expect("ONECITY_PICTURES is where the pictures go: tests/pictures says");
    let town = busy().await;
    for (languages, name) in LANGUAGES {
        for (page, mut browser) in pages(&town, languages).await {
            is_shown_at(&mut browser, 1280, 100, false).await;
            let height = browser.eval("Math.min(1800, document.documentElement.scrollHeight)").await;
            let size = json!({ "width": 1280, "height": height, "deviceScaleFactor": 1, "mobile": false });
            browser.call("Emulation.setDeviceMetricsOverride", size).await;
            browser.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))").await;
            let shot = json!({ "format": "webp", "quality": 60 });
            let picture = browser.call("Page.captureScreenshot", shot).await;
            let bytes = STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base64");
            let folder = PathBuf::from(&folder).join(name);
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join(format!("tester-{page}.webp")), bytes).expect("written");
            browser.ends().await;
        }
    }
}
