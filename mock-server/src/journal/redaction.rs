//! Words in the place of secrets. The same secret is the same word wherever it stands, so that one can follow it; nobody learns the
//! secret from the word.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderName, HeaderValue};
use ring::hmac;
use serde_json::Value;
use url::form_urlencoded;

/// Headers whose values are secrets.
const HEADERS: [&str; 6] = ["authorization", "cookie", "set-cookie", "dpop", "onecity-admin", "proxy-authorization"];
/// Headers whose values are addresses that may hold secrets.
const ADDRESSES: [&str; 2] = ["location", "referer"];
/// Fields of forms, queries and JSON whose values are secrets.
const FIELDS: [&str; 21] = [
    "access_token",
    "refresh_token",
    "id_token",
    "id_token_hint",
    "subject_token",
    "token",
    "code",
    "codes",
    "code_verifier",
    "client_secret",
    "request_uri",
    "password",
    "c_nonce",
    "jwt",
    "credential",
    "document",
    "receipt",
    "login_hint",
    "phone_number",
    "sid",
    "secret",
];
/// Longest text in a query that is looked at.
const LONGEST: usize = 64 << 10;

/// Whether a field's value is a secret, however its name is written.
pub(crate) fn is_secret(name: &str) -> bool {
    let plain = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|own| own.to_ascii_lowercase()).collect()
    };
    let own = plain(name);
    FIELDS.iter().any(|field| plain(field) == own) || own.ends_with("token") || own.ends_with("apikey")
}

/// Knows which word stands for which secret.
pub struct Redaction {
    key: hmac::Key,
    /// The secrets that it was asked for a word for, by their words; if somebody wants to know.
    heard: Option<Mutex<BTreeMap<String, String>>>,
}

/// What stands before each word's 12 hexadecimal digits.
const WORD: &str = "secret-";

/// Whether a text is the word for a secret.
pub(crate) fn is_word(text: &str) -> bool {
    text.strip_prefix(WORD).is_some_and(|rest| rest.len() == 12 && rest.bytes().all(|own| own.is_ascii_hexdigit()))
}

impl Redaction {
    /// Words that depend on a key.
    pub(crate) fn new(key: hmac::Key) -> Self {
        Self { key, heard: None }
    }

    /// The same words, of which it remembers what they stand for.
    pub(super) fn hearing(&self) -> Self {
        Self { key: self.key.clone(), heard: Some(Mutex::default()) }
    }

    /// What it has heard.
    pub(crate) fn heard(self) -> BTreeMap<String, String> {
        self.heard.map(|heard| heard.into_inner().unwrap_or_else(PoisonError::into_inner)).unwrap_or_default()
    }

    /// The word for a secret.
    pub(crate) fn word(&self, secret: &str) -> String {
        if secret.is_empty() {
            return String::new();
        }
        let word = format!("{WORD}{}", hex::encode(&hmac::sign(&self.key, secret.as_bytes()).as_ref()[..6]));
        if let Some(heard) = &self.heard {
            heard.lock().unwrap_or_else(PoisonError::into_inner).insert(word.clone(), secret.to_owned());
        }
        word
    }

    /// A cookie's name is none of its secret (RFC 6265 §4.1 and §4.2).
    fn cookie(&self, pair: &str) -> String {
        match pair.split_once('=') {
            Some((name, secret)) => format!("{name}={}", self.word(secret)),
            None => self.word(pair),
        }
    }

    /// A path: the last part after `sessions` is a session's id.
    pub(crate) fn path(&self, path: &str) -> String {
        match path.rsplit_once("/sessions/") {
            Some((before, session)) => format!("{before}/sessions/{}", self.word(session)),
            None => path.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &HeaderName, value: &HeaderValue) -> String {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if ADDRESSES.contains(&name.as_str()) {
            return match text.split_once('?') {
                Some((before, query)) => format!("{before}?{}", self.form(query)),
                None => text,
            };
        }
        let is_named = ["token", "secret", "key", "session"].iter().any(|word| name.as_str().contains(word));
        if !HEADERS.contains(&name.as_str()) && (!is_named || name.as_str() == "idempotency-key") {
            return text;
        }
        match (name.as_str(), text.split_once(' ')) {
            ("authorization", Some((scheme, secret))) => format!("{scheme} {}", self.word(secret)),
            ("cookie", _) => text.split(';').map(|pair| self.cookie(pair.trim())).collect::<Vec<_>>().join("; "),
            ("set-cookie", _) => match text.split_once(';') {
                Some((pair, rest)) => format!("{};{rest}", self.cookie(pair)),
                None => self.cookie(&text),
            },
            _ => self.word(&text),
        }
    }

    /// A form's fields or a query's.
    pub(crate) fn form(&self, text: &str) -> String {
        let Some(text) = text.get(..text.len().min(LONGEST)).filter(|text| !text.is_empty()) else {
            return String::new();
        };
        let mut shown = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let is_secret = is_secret(&name);
            shown.append_pair(&name, &if is_secret { self.word(&value) } else { value.into_owned() });
        }
        shown.finish()
    }

    pub(super) fn body(&self, path: &str, media_type: &str, text: &str) -> String {
        if media_type.starts_with("application/x-www-form-urlencoded") {
            return self.form(text);
        }
        match serde_json::from_str::<Value>(text) {
            Ok(mut value) => {
                if path.ends_with("/sessions") {
                    self.sessions(&mut value);
                }
                self.json(&mut value);
                value.to_string()
            }
            // What is no JSON though it should be might hold anything.
            Err(_) if media_type.contains("json") => format!("{} bytes that are no JSON", text.len()),
            Err(_) => self.page(text),
        }
    }

    pub(crate) fn json(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, own) in fields {
                    if is_secret(name) {
                        self.secret(own);
                    } else {
                        self.json(own);
                    }
                }
            }
            Value::Array(all) => all.iter_mut().for_each(|own| self.json(own)),
            _ => {}
        }
    }

    /// Sessions are listed by what they are ended with.
    fn sessions(&self, value: &mut Value) {
        match value {
            Value::Array(all) => all.iter_mut().for_each(|own| self.sessions(own)),
            Value::Object(fields) => {
                for (name, own) in fields {
                    if name == "id" { self.secret(own) } else { self.sessions(own) }
                }
            }
            _ => {}
        }
    }

    /// Everything in a secret field is secret.
    pub(crate) fn secret(&self, value: &mut Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Object(fields) => fields.values_mut().for_each(|own| self.secret(own)),
            Value::Array(all) => all.iter_mut().for_each(|own| self.secret(own)),
            own @ Value::Number(_) => *own = self.word(&own.to_string()).into(),
            Value::String(text) => *text = self.word(text),
        }
    }

    /// A page of a provider holds what its form carries on: only how long it is, is told.
    fn page(&self, text: &str) -> String {
        format!("a page of {} bytes", text.len())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    #[test]
    fn a_secret_is_the_same_word_wherever_it_stands_and_nothing_else_is_hidden() {
        let redaction = Redaction::new(hmac::Key::new(hmac::HMAC_SHA256, b"a test's"));
        let word = redaction.word("tok-1");
        assert_ne!(word, redaction.word("tok-2"));
        let header = |name, text: &str| redaction.header(&name, &text.parse().expect("a header"));
        assert_eq!(header(header::AUTHORIZATION, "DPoP tok-1"), format!("DPoP {word}"));
        assert_eq!(header(header::COOKIE, "tok-1"), word);
        assert_eq!(header(header::COOKIE, "a=tok-1; b=tok-1"), format!("a={word}; b={word}"));
        assert_eq!(header(header::SET_COOKIE, "a=tok-1; Path=/"), format!("a={word}; Path=/"));
        assert_eq!(header(header::ACCEPT_LANGUAGE, "vi"), "vi");
        assert_eq!(
            header(header::LOCATION, "onecity://login?code=tok-1&state=s"),
            format!("onecity://login?code={word}&state=s")
        );
        let form =
            redaction.body("/", "application/x-www-form-urlencoded", "grant_type=refresh_token&refresh_token=tok-1");
        assert_eq!(form, format!("grant_type=refresh_token&refresh_token={word}"));
        let json = redaction.body(
            "/",
            "application/json",
            r#"{"a":[{"access_token":"tok-1","expires_in":300}],"token":["tok-1",7]}"#,
        );
        let json: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!((&json["a"][0]["access_token"], &json["token"][0]), (&word.clone().into(), &word.into()));
        assert_eq!(json["a"][0]["expires_in"], 300);
        assert_ne!(json["token"][1], 7);
    }

    #[test]
    fn what_can_not_be_looked_into_is_not_shown() {
        let redaction = Redaction::new(hmac::Key::new(hmac::HMAC_SHA256, b"a test's"));
        for (media_type, text) in
            [("application/json", r#"{"access_token":"tok-1""#), ("text/html", "<input value=tok-1>")]
        {
            assert!(!redaction.body("/", media_type, text).contains("tok-1"));
        }
        assert!(!redaction.path("/idp/shandong/sessions/tok-1").contains("tok-1"));
    }
}
