//! Journeys by touches, keys and an input method.

use serde_json::json;

use super::browser::Browser;
use crate::kit::Town;

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
    browser.is_lan().await;
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
    let said = "document.querySelector('phone-strip .said').textContent";
    browser.taps_beside("出示给闸机").await;
    browser.until("an open gate", &format!("{said} === 'metro-1: 放行'")).await;
    // The same code once more: the gate says by name why it stays closed. For a few seconds it is still the same passage.
    let again = format!(
        "(() => {{ if ({said}.includes('这个码已用过')) return true; \
         document.querySelector('phone-strip [data-does=gate_again]').click(); \
         return false; }})()"
    );
    browser.until("the code refused as replayed", &again).await;
    // Loaded again, and the app's process ended: the same place.
    browser.loads_by("Page.reload", json!({})).await;
    browser.until("the code after loading again", &format!("Boolean({code})")).await;
    browser.ends_the_process().await;
    browser.sees("请将二维码对准闸机").await;
    browser.until("the code after the process ended", &format!("Boolean({code})")).await;
    browser.ends().await;
}

/// Fills the form of the report page in, as far as it is told.
const FILL: &str = "(category, text, place) => { \
    const at = (id) => document.getElementById(id); \
    if (category) at(category).click(); \
    for (const [id, value] of [['text', text], ['place', place]]) { \
        if (value === null) continue; \
        at(id).value = value; at(id).dispatchEvent(new Event('input', { bubbles: true })); } }";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is there"]
async fn chromium_travels_and_a_report_that_was_filed_without_a_network_arrives_once() {
    let town = Town::new().await;
    let mut browser = Browser::open(&town, "traveller").await;
    browser.settles().await;
    browser.taps("切换城市").await;
    browser.taps("青岛市").await;
    browser.sees("海水浴场").await;
    browser.sees("您在外地").await;
    browser.taps("切换城市").await;
    browser.taps("Viet Nam").await;
    browser.taps("Ha Noi").await;
    browser.taps("全部").await;
    browser.sees("济南市有的").await;
    browser.taps("问题上报").await;
    browser.page_says("问题类型").await;
    // The process ends in the middle of the form, and what was filled in is still there.
    browser.in_page(&format!("({FILL})('lamp', '路灯不亮', null)")).await;
    let kept = "(async () => { const draft = await onecity.draft.get(); return draft?.body?.text ?? '' })()";
    browser.in_page_until(kept, "路灯不亮").await;
    browser.ends_the_process().await;
    browser.page_says("问题类型").await;
    browser.in_page_until("document.getElementById('text').value", "路灯不亮").await;
    browser.in_page_until("String(document.getElementById('lamp').checked)", "true").await;
    browser.taps_beside("断开网络").await;
    browser.in_page(&format!("({FILL})(null, null, '还剑湖')")).await;
    browser.in_page("document.getElementById('send').click()").await;
    browser.page_says("感谢您，上报内容已保存").await;
    browser.in_page_until("document.getElementById('text').value", "").await;
    browser.taps("返回").await;
    browser.sees("1 项已保存").await;
    let taken = town.world.submissions_taken();
    browser.taps_beside("断开网络").await;
    browser.until("nothing that waits", &format!("!{}.includes('项已保存')", super::browser::READS)).await;
    assert_eq!(town.world.submissions_taken(), taken + 1);
    browser.ends().await;
}

/// Which part has the focus, by what a screen reader says of it, and whether that can be seen.
const FOCUS: &str = "(() => { const own = document.activeElement; if (!own || own === document.body) return null; \
    const shown = own.matches('.chip input') ? own.nextElementSibling : own; const style = getComputedStyle(shown); \
    const name = own.getAttribute('aria-label') ?? (own.labels?.[0] ?? own).textContent.trim(); \
    return { name, seen: parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== 'none', \
        phone: own.tagName !== 'H1' && Boolean(own.closest('phone-device')) }; })()";

impl Browser {
    /// Goes on by the tabulator key to what is called so, seeing all the way where the focus is.
    async fn tabs_to(&mut self, name: &str) {
        // What is to come may still be on its way.
        self.sees(name).await;
        for _ in 0..80 {
            self.presses("Tab", 9).await;
            let focus = self.eval(FOCUS).await;
            if !focus["phone"].as_bool().unwrap_or_default() {
                continue;
            }
            assert_eq!(focus["seen"], true, "the focus on {focus} can't be seen");
            if focus["name"].as_str().is_some_and(|own| own.contains(name)) {
                return;
            }
        }
        panic!("{name} can't be reached by the keyboard");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is there"]
async fn chromium_takes_a_resident_all_the_way_by_the_keyboard_alone() {
    let town = Town::new().await;
    let mut browser = Browser::open(&town, "keyboard").await;
    browser.sees("您的数据").await;
    browser.tabs_to("同意并继续").await;
    browser.presses("Enter", 13).await;
    browser.tabs_to("山东省").await;
    browser.presses("Enter", 13).await;
    browser.tabs_to("济南市").await;
    browser.presses("Enter", 13).await;
    browser.sees("问题上报").await;
    browser.tabs_to("搜索服务和地方").await;
    browser.presses("Enter", 13).await;
    browser.tabs_to("搜索").await;
    browser.call("Input.insertText", json!({ "text": "wtsb" })).await;
    browser.tabs_to("问题上报").await;
    browser.presses("Enter", 13).await;
    browser.page_says("问题类型").await;
    browser.presses("Escape", 27).await;
    browser.presses("Escape", 27).await;
    browser.sees("搜索服务和地方").await;
    browser.tabs_to("我的").await;
    browser.presses("Enter", 13).await;
    // A switch and a choice by their own keys.
    browser.tabs_to("长辈版").await;
    browser.presses(" ", 32).await;
    browser.until("the elder mode", "document.documentElement.hasAttribute('data-elder')").await;
    browser.tabs_to("跟随系统").await;
    browser.presses("ArrowRight", 39).await;
    browser.until("another appearance", "document.documentElement.dataset.scheme === 'light'").await;
    // A sheet keeps the focus within itself until it is put away.
    browser.tabs_to("首页").await;
    browser.presses("Enter", 13).await;
    browser.taps_key("scan").await;
    browser.sees("要使用相机").await;
    for _ in 0..6 {
        browser.presses("Tab", 9).await;
        let inside = "document.activeElement === document.body || Boolean(document.activeElement.closest('.sheet, phone-strip'))";
        assert_eq!(browser.eval(inside).await, true, "the focus went under the sheet");
    }
    browser.presses("Escape", 27).await;
    browser.until("no sheet", "!document.querySelector('.sheet')").await;
    browser.ends().await;
}

/// Keeps the page's sockets where a test finds them.
const WATCHED: &str = "const Own = WebSocket; globalThis.sockets = []; globalThis.WebSocket = class extends Own { \
    constructor(...all) { super(...all); sockets.push(this); } };";

impl Browser {
    /// One whose page keeps its sockets where a test finds them.
    async fn watched(town: &Town, name: &str) -> Self {
        let mut own = Self::open(town, name).await;
        own.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCHED })).await;
        own.loads_by("Page.reload", json!({})).await;
        own
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is there"]
async fn chromium_two_touches_do_one_thing_and_a_lost_socket_comes_back_to_the_same_place() {
    let town = Town::new().await;
    let mut browser = Browser::watched(&town, "socket").await;
    browser.settles().await;
    let twice = "(() => { const own = document.querySelector('[data-key=\"find\"]'); own.click(); own.click(); })()";
    browser.eval(twice).await;
    browser.until("the search", "document.querySelector('.screen input.input')").await;
    let phone = "document.querySelector('phone-device')";
    let applied = format!("{phone}.connection.applied >= {phone}.connection.sent");
    browser.until("both touches applied", &applied).await;
    let depth = "document.querySelector('phone-device').frame.stack.length";
    assert_eq!(browser.eval(depth).await, 2, "one search");
    browser.eval("document.querySelector('.screen input.input').focus()").await;
    browser.call("Input.insertText", json!({ "text": "wtsb" })).await;
    browser.sees("问题上报").await;
    // The socket is lost while something is typed; it is there again by itself, with what was typed.
    browser.eval("sockets.at(-1).close()").await;
    browser.call("Input.insertText", json!({ "text": " " })).await;
    browser.until("another socket", "sockets.length === 2 && sockets[1].readyState === WebSocket.OPEN").await;
    browser.until("what was typed, in the app", &applied).await;
    assert_eq!(browser.eval("document.querySelector('.screen input.input').value").await, "wtsb ");
    browser.sees("问题上报").await;
    browser.taps("问题上报").await;
    browser.page_says("问题类型").await;
    browser.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is there"]
async fn chromium_a_browser_that_slept_wakes_at_the_place_where_the_phone_is() {
    let town = Town::new().await;
    let mut sleeper = Browser::watched(&town, "shared").await;
    sleeper.settles().await;
    // It loses its socket as it falls asleep: from then on nothing of its page runs, and it hears nothing.
    sleeper.call("Debugger.enable", json!({})).await;
    sleeper.eval("sockets.at(-1).close()").await;
    sleeper.call("Debugger.pause", json!({})).await;
    let mut other = Browser::open(&town, "shared").await;
    other.taps("搜索服务和地方").await;
    other.until("a field", "document.querySelector('.screen input.input')").await;
    other.eval("document.querySelector('.screen input.input').focus()").await;
    other.call("Input.insertText", json!({ "text": "wtsb" })).await;
    other.sees("问题上报").await;
    other.ends_the_process().await;
    other.ends().await;
    sleeper.call("Debugger.disable", json!({})).await;
    sleeper.until("what was typed meanwhile", "document.querySelector('.screen input.input')?.value === 'wtsb'").await;
    sleeper.taps("问题上报").await;
    sleeper.page_says("问题类型").await;
    sleeper.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is there"]
async fn chromium_on_another_machine_of_the_network_has_the_whole_phone() {
    let town = Town::in_network().await;
    let mut browser = Browser::open_at(&town, &town.afar(), "far", "zh-CN,zh").await;
    browser.settles().await;
    browser.taps("我的").await;
    browser.taps("登录").await;
    browser.taps("山东省统一身份认证").await;
    browser.is_lan().await;
    browser.sees("已登录").await;
    browser.taps("首页").await;
    browser.taps("问题上报").await;
    browser.page_says("问题类型").await;
    browser.in_page_until("(async () => (await onecity.info()).service)()", "cn-sd/jinan/report").await;
    browser.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is there"]
async fn chromium_logs_in_as_the_persona_that_the_tester_has_chosen() {
    let town = Town::new().await;
    let mut browser = Browser::open(&town, "persona").await;
    browser.settles().await;
    let minh = "[...document.querySelectorAll('phone-strip option')].find((own) => own.value === 'minh')";
    browser.until("the personas", &format!("Boolean({minh})")).await;
    browser
        .eval(&format!("(() => {{ const all = {minh}.parentElement; all.value = 'minh'; all.dispatchEvent(new Event('change')); }})()"))
        .await;
    browser.taps("我的").await;
    browser.taps("登录").await;
    browser.taps("山东省统一身份认证").await;
    browser.sees("已登录：Persona Minh").await;
    browser.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is there"]
async fn chromium_a_page_inside_the_phone_reaches_nothing_but_the_bridge() {
    let town = Town::new().await;
    let mut browser = Browser::open(&town, "attacked").await;
    browser.settles().await;
    browser.taps("问题上报").await;
    browser.page_says("问题类型").await;
    let phone = json!(town.world.origin());
    // Each way answers «no» with a reason; what gets through says what it got.
    let ways = [
        ("the phone's page", "parent.document.body.innerText"),
        ("the phone's storage", "parent.sessionStorage.getItem('phone')"),
        ("storage of its own", "(localStorage.setItem('a', 'b'), indexedDB.open('x') && document.cookie)"),
        ("the world", "(await fetch(PHONE + '/world.json')).status"),
        (
            "another phone's socket",
            "await new Promise((done, fail) => { const socket = new WebSocket(PHONE.replace('http', 'ws') + '/phone/socket?name=attacked'); socket.onopen = () => done('open'); socket.onerror = () => fail(new Error('closed')); })",
        ),
        (
            "a window",
            "(() => { const other = open(PHONE + '/phone'); if (!other) throw new Error('none'); return 'a window'; })()",
        ),
        ("another place", "(() => { top.location = PHONE + '/world.json'; throw new Error('asked'); })()"),
        (
            "a worker",
            "await new Promise((done, fail) => { const own = new Worker(URL.createObjectURL(new Blob(['postMessage(1)']))); own.onmessage = () => done('runs'); own.onerror = () => fail(new Error('no')); })",
        ),
        ("the camera", "(await navigator.mediaDevices.getUserMedia({ video: true })).id"),
        ("the clipboard", "await navigator.clipboard.readText()"),
        (
            "the place",
            "await new Promise((done, fail) => navigator.geolocation.getCurrentPosition(() => done('there'), fail))",
        ),
    ];
    for (name, way) in ways {
        let script = format!(
            "(async () => {{ const PHONE = {phone}; \
             const late = new Promise((_, fail) => setTimeout(() => fail(new Error('nothing came')), 3000)); \
             try {{ const got = await Promise.race([(async () => {way})(), late]); return got === undefined ? null : String(got); }} \
             catch {{ return null; }} }})()"
        );
        let got = browser.in_page(&script).await;
        // Opaque origins have storage in memory, which ends with the page: no more than a variable.
        assert!(got.is_null() || name == "storage of its own", "{name}: {got}");
    }
    // Forged messages to the frame's parent: no event, no control, no other entry's call.
    let before = browser.eval("document.querySelector('phone-device').connection.sent").await;
    browser
        .in_page(
            "for (const forged of [{ event: { event: 'back' } }, { control: 'restart' }, { came_back: 'onecity://login?code=x' }, \
             { onecity: 'call', id: 1, entry: '1', json: '{}' }, { onecity: 'call', id: 'x', json: 7 }, { onecity: 'nothing' }, null, 'text']) \
             parent.postMessage(forged, '*')",
        )
        .await;
    let info = "(async () => (await onecity.info()).service)()";
    browser.in_page_until(info, "cn-sd/jinan/report").await;
    assert_eq!(browser.eval("document.querySelector('phone-device').connection.sent").await, before, "an event got in");
    assert_eq!(browser.eval("location.pathname").await, "/phone", "the phone's page is still there");
    browser.taps("返回").await;
    browser.sees("搜索服务和地方").await;
    // What was refused is on the console, and nothing else is.
    browser.forgives(|fault| {
        fault.contains("Content Security Policy")
            || fault.contains("sandboxed")
            || fault.contains("violation")
            || fault.contains("Unsafe attempt")
            || fault.contains("Blocked")
    });
    browser.ends().await;
}
