//! Logging in at identity providers that nobody here wrote, as they come. Not in a plain `cargo test`: they have to be
//! installed first, which `tests/run` does (`ONECITY_PROVIDERS` is the folder of `tests/providers` with its packages).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use mock_server::{Phone, Server, WorldOptions};
use onecity_core::platform::{Platform, software};
use onecity_core::{Error, Refusal};
use onecity_protocol::region::RegionId;
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use serde_json::json;
use url::Url;

const REDIRECT: &str = "org.onecity.app:/login";

/// A provider in a process of its own. It ends with this.
struct Provider {
    process: Child,
    issuer: String,
}

impl Provider {
    fn start(script: &str) -> Self {
        let folder = std::env::var("ONECITY_PROVIDERS").expect("ONECITY_PROVIDERS: see tests/run");
        let mut process = Command::new("node")
            .arg(script)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let said = BufReader::new(process.stdout.take().expect("piped")).lines();
        let mut said = said.map_while(Result::ok);
        let issuer = said.find_map(|line| line.strip_prefix("issuer ").map(str::to_owned)).expect("it comes up");
        Self { process, issuer }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A browser with a resident: follows redirects, keeps cookies, fills in the forms, and hands back what is for the app.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    async fn visit(&mut self, url: &str, name: &str) -> String {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a browser");
        let (mut url, mut form) = (Url::parse(url).expect("a URL"), None::<String>);
        for _ in 0..30 {
            let request = match form.take() {
                Some(form) => {
                    http.post(url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
                }
                None => http.get(url.clone()),
            };
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let answer = request.header(COOKIE, cookies.join("; ")).send().await.expect("answered");
            for cookie in answer.headers().get_all(SET_COOKIE) {
                let pair = cookie.to_str().expect("text").split(';').next().unwrap_or_default();
                let (name, value) = pair.split_once('=').expect("a cookie");
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            if let Some(location) = answer.headers().get(LOCATION) {
                let location = location.to_str().expect("text");
                if location.starts_with(REDIRECT) {
                    return location.to_owned();
                }
                url = url.join(location).expect("a URL");
                continue;
            }
            let status = answer.status();
            let page = answer.text().await.expect("a page");
            let (action, fields) = form_of(&page).unwrap_or_else(|| panic!("{status}, no form: {page}"));
            url = url.join(&action).expect("a URL");
            let mut body = url::form_urlencoded::Serializer::new(String::new());
            for (field, value) in fields {
                let value = if matches!(field.as_str(), "login" | "password") { name } else { &value };
                body.append_pair(&field, value);
            }
            form = Some(body.finish());
        }
        panic!("the provider goes round in circles");
    }
}

/// The first form of a page: where it goes, and its fields with their values.
fn form_of(page: &str) -> Option<(String, Vec<(String, String)>)> {
    let attribute = |tag: &str, name: &str| {
        let value = tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
        Some(value.replace("&amp;", "&"))
    };
    let form = page.split("<form").nth(1)?;
    let action = attribute(form, "action")?;
    let inputs = form.split("</form>").next()?.split("<input").skip(1);
    let fields = inputs.filter_map(|input| {
        let tag = input.split('>').next()?;
        Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))
    });
    Some((action, fields.collect()))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs npm's oidc-provider: tests/run installs it"]
async fn npm_s_oidc_provider_logs_a_resident_in_and_the_session_lasts() {
    let provider = Provider::start("oidc_provider.mjs");
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
