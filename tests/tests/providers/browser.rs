//! What stands for a resident's browser, on the plain pages of providers.

use std::collections::BTreeMap;

use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use url::Url;

use crate::REDIRECT;

/// A browser with a resident: follows redirects, keeps cookies, fills in the forms, and hands back what is for the app.
#[derive(Default)]
pub(super) struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(super) async fn visit(&mut self, url: &str, name: &str) -> String {
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
                let value = if matches!(field.as_str(), "login" | "username" | "password") { name } else { &value };
                body.append_pair(&field, value);
            }
            form = Some(body.finish());
        }
        panic!("the provider goes round in circles");
    }
}

/// The first form of a page: where it goes, and its fields with their values. Of its buttons the first is pressed.
fn form_of(page: &str) -> Option<(String, Vec<(String, String)>)> {
    let attribute = |tag: &str, name: &str| {
        let value = tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
        Some(value.replace("&amp;", "&"))
    };
    let form = page.split("<form").nth(1)?;
    let action = attribute(form, "action")?;
    let inputs = form.split("</form>").next()?.split("<input").skip(1);
    let mut pressed = false;
    let fields = inputs.filter_map(|input| {
        let tag = input.split('>').next()?;
        if attribute(tag, "type").as_deref() == Some("submit") && std::mem::replace(&mut pressed, true) {
            return None;
        }
        Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))
    });
    Some((action, fields.collect()))
}
