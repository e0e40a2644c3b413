//! The services that residents use every day, by their real pages: from the phone to the city's desk and back, with a picture of each
//! step, measured at all sizes.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::browser::Browser;
use crate::kit::Town;

/// What does not fit the page of a service, or is too small to touch.
const MEASURE: &str = "(() => { const wrong = []; const page = document.documentElement; \
    if (page.scrollWidth > innerWidth + 1) wrong.push(`the page is ${page.scrollWidth} px wide of ${innerWidth}`); \
    for (const own of document.querySelectorAll('button, input, textarea, summary, a')) { \
        if (!own.checkVisibility()) continue; const { width, height } = own.getBoundingClientRect(); \
        if (width < 44 || height < 44) wrong.push(`${own.id || own.textContent.trim().slice(0, 30)} is ${Math.round(width)} by ${Math.round(height)}`); } \
    for (const own of document.querySelectorAll('h1, h2, h3, p, li, button, label')) { \
        if (own.checkVisibility() && own.scrollWidth > own.clientWidth + 1 && own.clientWidth > 0) \
            wrong.push(`cut off: ${own.textContent.trim().slice(0, 40)}`); } \
    for (const own of document.querySelectorAll('[data-t]')) if (!own.textContent.trim()) wrong.push(`no words for ${own.dataset.t}`); \
    return wrong; })()";

/// How the phone's page asks for its parts.
const KIND_AND_TEXT: &str = "(kind, text) => { document.getElementById(kind).click(); const field = document.getElementById('text'); \
    field.value = text; field.dispatchEvent(new Event('input', { bubbles: true })); }";

const TEXT: [&str; 3] =
    ["楼道的灯坏了三天", "Đèn cầu thang hỏng đã ba ngày", "The lamp on the stairs has been out for three days"];

const ANSWER: [&str; 3] = ["灯已换好", "Đã thay đèn", "The lamp has been replaced"];

/// Where the pictures go, if they are wanted.
fn pictures() -> Option<PathBuf> {
    std::env::var_os("ONECITY_PICTURES").map(PathBuf::from)
}

impl Browser {
    /// A picture of the phone, or of the whole page where there is no phone on it.
    async fn is_drawn(&mut self, language: &str, name: &str) {
        let Some(folder) = pictures() else { return };
        self.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))").await;
        let shape = "(() => { const { x, y, width, height } = (document.querySelector('.glass') ?? document.documentElement) \
            .getBoundingClientRect(); return { x, y, width, height, scale: 1 }; })()";
        let clip = self.eval(shape).await;
        let shot = json!({ "format": "webp", "quality": 60, "clip": clip });
        let picture = self.call("Page.captureScreenshot", shot).await;
        let text = picture["data"].as_str().expect("a picture");
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).expect("base64");
        let folder = folder.join(language);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(format!("{name}.webp")), bytes).expect("written");
    }

    /// Shows a part of the service's page.
    async fn scrolls_to(&mut self, id: &str) {
        self.in_page(&format!("document.getElementById('{id}').scrollIntoView({{ block: 'start' }})")).await;
    }

    /// The page of the service fits at all sizes.
    async fn page_fits(&mut self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (width, percent) in [(320, 100), (320, 200), (390, 100), (390, 200), (820, 100)] {
            let size = format!("document.documentElement.style.setProperty('--phone-width', '{width}px')");
            self.eval(&size).await;
            self.in_page(&format!("document.documentElement.style.fontSize = '{percent}%'")).await;
            self.in_page("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
                .await;
            let wrong = self.in_page(MEASURE).await;
            found.extend(wrong.as_array().into_iter().flatten().map(|own: &Value| {
                format!("{name} at {width} px and {percent} %: {}", own.as_str().unwrap_or_default())
            }));
        }
        self.in_page("document.documentElement.style.fontSize = ''").await;
        self.eval("document.documentElement.style.removeProperty('--phone-width')").await;
        found
    }
}

impl Browser {
    /// The first start, in any language.
    async fn settles_by_keys(&mut self) {
        self.taps_key("agree").await;
        self.until("the nations", "document.querySelector('.choice input[value=\"cn\"]')").await;
        self.eval("document.querySelector('.choice input[value=\"cn\"]').click()").await;
        self.taps_key("below/cn-sd").await;
        self.taps_key("below/cn-sd/jinan").await;
    }

    /// Goes back to home.
    async fn goes_back(&mut self) {
        self.eval("document.querySelector('phone-device').connection.event({ event: 'back' })").await;
        self.until("home", "document.querySelector('[data-key=\"find\"]')").await;
    }
}

async fn presses_in_page(browser: &mut Browser, id: &str) {
    browser.in_page(&format!("document.getElementById('{id}').click()")).await;
}

/// Presses a button of the desk that has this key.
async fn decides(browser: &mut Browser, key: &str) {
    let button = format!("document.querySelector('[data-key^={}]')", json!(key));
    browser.until(key, &format!("Boolean({button})")).await;
    browser.eval(&format!("{button}.click()")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is there"]
async fn chromium_a_case_of_the_hotline_goes_to_the_desk_and_back_and_only_its_code_opens_it() {
    for (at, (languages, language)) in
        [("zh-CN,zh", "zh"), ("vi-VN,vi", "vi"), ("en-GB,en", "en")].into_iter().enumerate()
    {
        let town = Town::new().await;
        let mut browser = Browser::open_in(&town, "caller", languages).await;
        browser.settles_by_keys().await;
        browser.taps_key("all/cn-sd/hotline").await;
        browser.in_page_until("document.getElementById('number').textContent", "12345").await;
        browser.in_page_until("document.querySelectorAll('#topics details').length", 4).await;
        browser.is_drawn(language, "hotline-1-open").await;

        browser.has_network(false).await;
        browser.scrolls_to("case").await;
        browser.in_page(&format!("({KIND_AND_TEXT})('help', {})", json!(TEXT[at]))).await;
        browser.is_drawn(language, "hotline-2-written").await;
        presses_in_page(&mut browser, "send").await;
        browser.in_page_until("document.querySelectorAll('#cases > li').length", 1).await;
        browser.scrolls_to("outcome").await;
        browser.is_drawn(language, "hotline-3-waits").await;
        assert_eq!(town.world.submissions_taken(), 0, "there is no network");
        browser.has_network(true).await;
        browser.in_page_until("document.querySelectorAll('#cases .digits').length", 1).await;
        assert_eq!(town.world.submissions_taken(), 1);
        browser.scrolls_to("cases-heading").await;
        browser.is_drawn(language, "hotline-4-number").await;
        let digits = |place: &str| format!("document.querySelector('{place}').textContent.replace(' ', '')");
        let number = browser.in_page(&digits("#cases .digits span")).await;
        browser.in_page("document.querySelector('#cases button').click()").await;
        browser.in_page_until("document.querySelectorAll('#cases [role=status] .digits').length", 1).await;
        browser.scrolls_to("cases-heading").await;
        browser.is_drawn(language, "hotline-5-code").await;
        let code = browser.in_page(&digits("#cases [role=status] .digits span")).await;

        // With the number alone one learns how far it is, and no more.
        browser.in_page(&format!("document.getElementById('look-number').value = {number}")).await;
        presses_in_page(&mut browser, "look-send").await;
        browser.in_page_until("document.querySelectorAll('#look-outcome .found-case').length", 1).await;
        let told = browser.in_page("document.getElementById('look-outcome').textContent").await;
        assert!(!told.as_str().expect("a text").contains(TEXT[at]), "{told}");
        browser.scrolls_to("look").await;
        browser.is_drawn(language, "hotline-6-state").await;

        // The desk: with the number the state, with the code all of it, once.
        let origin = town.world.origin().to_owned();
        let mut desk = Browser::open_page(&town, &origin, "/desk", languages).await;
        let wide = json!({ "width": 1280, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
        desk.call("Emulation.setDeviceMetricsOverride", wide).await;
        desk.until("the case", "document.querySelectorAll('.submissions > li').length === 1").await;
        let fills = |id: &str, text: &Value| format!("document.getElementById('{id}').value = {text}");
        desk.eval(&fills("case-number", &number)).await;
        desk.eval(&fills("case-code", &code)).await;
        desk.eval("document.querySelector('#case button').click()").await;
        let found = "document.querySelector('#case [role=status]').innerText";
        desk.until("all of it", &format!("{found}.includes({})", json!(TEXT[at]))).await;
        desk.eval(&fills("case-code", &code)).await;
        desk.eval("document.querySelector('#case button').click()").await;
        desk.until("the code refused", "document.querySelector('#wrong .wrong')?.textContent.includes('counts once')")
            .await;
        desk.forgives(|fault| fault.contains("403"));
        decides(&mut desk, "accepted ").await;
        desk.until("what was said", "document.querySelectorAll('.submissions .tag.warn').length > 1").await;
        let write = "(text) => { const words = document.querySelector('.submissions textarea'); words.value = text; \
            words.dispatchEvent(new Event('input')); }";
        desk.eval(&format!("({write})({})", json!(ANSWER[at]))).await;
        desk.is_drawn(language, "hotline-7-desk").await;
        decides(&mut desk, "done ").await;
        desk.until("the end", "document.querySelectorAll('.submissions .tag.good').length > 1").await;
        desk.ends().await;

        // The resident reads it when they look again: the phone asks for news after a while.
        town.world.skip(3600);
        browser.goes_back().await;
        browser.taps_key("all/cn-sd/hotline").await;
        browser.page_says(ANSWER[at]).await;
        browser.scrolls_to("cases-heading").await;
        browser.is_drawn(language, "hotline-8-answered").await;
        let wrong = browser.page_fits(&format!("hotline in {language}")).await;
        assert!(wrong.is_empty(), "{wrong:#?}");
        browser.in_page("document.querySelector('h1').style.width = '3000px'").await;
        assert_ne!(browser.in_page(MEASURE).await, json!([]), "what is planted is found");
        browser.ends().await;
    }
}

/// Fills a report in.
const REPORT: &str = "(text, place) => { const at = (id) => document.getElementById(id); at('other').click(); at('urgent').click(); \
    for (const [id, value] of [['text', text], ['place', place]]) { \
        at(id).value = value; at(id).dispatchEvent(new Event('input', { bubbles: true })); } }";

const COVER: [[&str; 3]; 4] = [
    ["路中央缺井盖", "Mất nắp cống giữa đường", "A manhole cover is missing"],
    ["还剑湖边", "Bờ hồ Hoàn Kiếm", "By Hoan Kiem lake"],
    ["井盖已补上", "Đã lắp nắp cống mới", "A new cover is in place"],
    ["还是松的", "Nắp vẫn còn lỏng", "It is still loose"],
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/run calls it where Chromium is there"]
async fn chromium_a_report_of_ha_noi_is_closed_with_something_to_see_rated_and_opened_again() {
    for (at, (languages, language)) in
        [("zh-CN,zh", "zh"), ("vi-VN,vi", "vi"), ("en-GB,en", "en")].into_iter().enumerate()
    {
        let [text, place, answer, again] = COVER.map(|texts| texts[at]);
        let town = Town::new().await;
        let mut browser = Browser::open_in(&town, "reporter", languages).await;
        browser.taps_key("agree").await;
        browser.until("the nations", "document.querySelector('.choice input[value=\"vn\"]')").await;
        browser.eval("document.querySelector('.choice input[value=\"vn\"]').click()").await;
        browser.taps_key("below/vn-hn").await;
        browser.taps_key("whole/vn-hn").await;
        browser.taps_key("all/vn-hn/report").await;
        browser.in_page_until("document.querySelectorAll('#news > li').length", 3).await;
        browser.in_page_until("String(document.getElementById('promise').hidden)", "false").await;
        browser.is_drawn(language, "ihanoi-1-open").await;

        // With no network: what is wrong, where, and a photo of it.
        browser.has_network(false).await;
        browser.in_page(&format!("({REPORT})({}, {})", json!(text), json!(place))).await;
        presses_in_page(&mut browser, "locate").await;
        browser.taps_key("agree").await;
        let lake = "[...document.querySelectorAll('.system button')].find((own) => own.textContent === 'Hà Nội')";
        browser.until("the places", &format!("Boolean({lake})")).await;
        browser.eval(&format!("{lake}.click()")).await;
        browser.in_page_until("String(document.getElementById('position').textContent.length > 5)", "true").await;
        presses_in_page(&mut browser, "photo").await;
        browser.taps_key("agree").await;
        browser.taps("A made-up photo").await;
        browser.in_page_until("document.querySelectorAll('#photos > li').length", 1).await;
        browser.scrolls_to("place").await;
        browser.is_drawn(language, "ihanoi-2-written").await;
        presses_in_page(&mut browser, "send").await;
        browser.in_page_until("document.querySelectorAll('#own > li').length", 1).await;
        assert_eq!(town.world.submissions_taken(), 0, "there is no network");
        browser.has_network(true).await;
        browser.in_page_until("document.querySelectorAll('#own .clock').length", 1).await;
        assert_eq!(town.world.submissions_taken(), 1);
        browser.scrolls_to("own-heading").await;
        browser.is_drawn(language, "ihanoi-3-clock").await;

        // The desk: the photo, the clock; words alone close nothing.
        let origin = town.world.origin().to_owned();
        let mut desk = Browser::open_page(&town, &origin, "/desk", languages).await;
        let wide = json!({ "width": 1280, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
        desk.call("Emulation.setDeviceMetricsOverride", wide).await;
        desk.until("the report", "document.querySelectorAll('.submissions > li').length === 1").await;
        decides(&mut desk, "photo ").await;
        desk.until("the photo", "document.querySelector('.submissions img')?.naturalWidth === 320").await;
        decides(&mut desk, "accepted ").await;
        desk.until("the next time", "document.querySelectorAll('.submissions .tag.warn').length > 2").await;
        let write = "(text) => { const words = document.querySelector('.submissions textarea'); words.value = text; \
            words.dispatchEvent(new Event('input')); }";
        desk.eval(&format!("({write})({})", json!(answer))).await;
        decides(&mut desk, "done ").await;
        desk.until("a refusal", "Boolean(document.querySelector('#wrong .wrong'))").await;
        desk.forgives(|fault| fault.contains("422"));
        decides(&mut desk, "made-up ").await;
        desk.until(
            "the picture taken",
            "document.querySelector('[data-key^=\"made-up \"] + span').textContent.length > 1",
        )
        .await;
        desk.eval("document.querySelector('[data-key^=\"signed \"]').click()").await;
        desk.is_drawn(language, "ihanoi-4-desk").await;
        decides(&mut desk, "done ").await;
        desk.until("the end", "document.querySelectorAll('.submissions .tag.good').length > 1").await;

        // The resident sees it, keeps what is signed, rates it, and opens it again.
        town.world.skip(3600);
        browser.goes_back().await;
        browser.taps_key("all/vn-hn/report").await;
        browser.page_says(answer).await;
        browser.in_page_until("document.querySelector('#own img')?.naturalWidth ?? 0", 480).await;
        browser.scrolls_to("own-heading").await;
        browser.is_drawn(language, "ihanoi-5-answered").await;
        browser.in_page("document.querySelector('#own .to-see button').click()").await;
        browser.in_page_until("document.querySelectorAll('#own .to-see .notice.good').length", 1).await;
        browser.in_page("document.querySelector('#own input[value=\"4\"]').click()").await;
        browser.in_page("document.querySelector('#own form button').click()").await;
        browser.in_page_until("document.querySelectorAll('#own form').length", 0).await;
        browser.in_page("document.querySelector('#own .to-see').scrollIntoView({ block: 'start' })").await;
        browser.is_drawn(language, "ihanoi-6-rated").await;
        browser.in_page("document.querySelector('#own .again').click()").await;
        let says = "(text) => { const own = document.querySelector('#own textarea'); own.value = text; }";
        browser.in_page(&format!("({says})({})", json!(again))).await;
        let wrong = browser.page_fits(&format!("a report in {language}")).await;
        assert!(wrong.is_empty(), "{wrong:#?}");
        browser.in_page("document.querySelector('#own form button').click()").await;
        browser.page_says(again).await;
        browser.in_page_until("document.querySelectorAll('#own .clock:not(.kept)').length", 1).await;
        browser.scrolls_to("own-heading").await;
        browser.is_drawn(language, "ihanoi-7-again").await;
        desk.until("it is open again", "document.querySelectorAll('.submissions .tag.good').length === 1").await;
        desk.ends().await;
        let wrong = browser.page_fits(&format!("a report that is open again in {language}")).await;
        assert!(wrong.is_empty(), "{wrong:#?}");
        browser.ends().await;
    }
}
