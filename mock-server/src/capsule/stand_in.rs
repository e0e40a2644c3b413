//! A client in the place of those that there were. It has keys of its own where they had theirs, makes proofs as they did, and shows
//! what this world gave out where they showed what the other had.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use onecity_protocol::credential::sample::SoftwareKey;
use onecity_protocol::credential::{Audience, PresentationDraft};
use serde_json::Value;
use url::form_urlencoded;

use super::Made;
use super::telling::{HASH_OF, is_between, jwk_of, s256};
use crate::identity::key_of;
use crate::journal::is_word;
use crate::world::World;

/// How deep what is made may be made of other things, and the longest text that is made, in bytes.
const DEEPEST: usize = 4;
const LONGEST: usize = 64 << 10;

/// What it knows.
pub(super) struct StandIn<'c> {
    made: &'c BTreeMap<String, Made>,
    hashes: &'c BTreeMap<String, String>,
    /// Its keys, by the thumbprints of those that they stand for.
    keys: HashMap<String, Key>,
    /// What this world has given out, or it has made, by the words for what the other had.
    live: HashMap<String, String>,
    /// The words that are being made: none is made of itself.
    making: Vec<String>,
}

struct Key {
    key: SoftwareKey,
    jwk: Value,
    thumbprint: String,
}

impl Key {
    fn new() -> Option<Self> {
        let key = SoftwareKey::generate().ok()?;
        let public = key.public().ok()?;
        let jwk = jwk_of(&public.x(), &public.y());
        Some(Self { thumbprint: key_of(&jwk)?, key, jwk })
    }
}

impl<'c> StandIn<'c> {
    pub(super) fn new(made: &'c BTreeMap<String, Made>, hashes: &'c BTreeMap<String, String>) -> Self {
        let named = made.values().filter_map(|own| match own {
            Made::Jws { key, .. } => Some(key),
            Made::Code { holder, .. } => Some(holder),
            _ => None,
        });
        let named: BTreeSet<&String> = named.collect();
        let keys = named.into_iter().filter_map(|named| Some((named.clone(), Key::new()?))).collect();
        Self { made, hashes, keys, live: HashMap::new(), making: Vec::new() }
    }

    /// A text as it has to be here.
    pub(super) fn text(&mut self, world: &World, text: &str) -> String {
        if is_word(text) {
            return self.secret(world, text);
        }
        if let Some(word) = text.strip_prefix(HASH_OF) {
            return s256(&self.secret(world, word));
        }
        if let Some(word) = self.hashes.get(text) {
            return s256(&self.secret(world, word));
        }
        self.keys.get(text).map_or_else(|| text.to_owned(), |own| own.thumbprint.clone())
    }

    /// What a word stands for here.
    fn secret(&mut self, world: &World, word: &str) -> String {
        if let Some(own) = self.live.get(word) {
            return own.clone();
        }
        if self.making.len() >= DEEPEST || self.making.iter().any(|own| own == word) {
            return word.to_owned();
        }
        self.making.push(word.to_owned());
        let made = self.made.get(word).and_then(|made| self.make(world, made)).filter(|made| made.len() <= LONGEST);
        self.making.pop();
        // What nobody knows is as good as any other: the world did not know it either.
        let own = made.unwrap_or_else(|| word.to_owned());
        self.live.insert(word.to_owned(), own.clone());
        own
    }

    fn make(&mut self, world: &World, made: &Made) -> Option<String> {
        Some(match made {
            Made::Persona { id } => id.clone(),
            Made::Verifier { number } => world.verifier_secret(*number),
            Made::Basic { name, secret } => STANDARD.encode(format!("{name}:{}", self.secret(world, secret))),
            Made::Jws { head, key, private, claims, holds } => {
                let mut claims = claims.clone();
                self.value(world, &mut claims);
                let own = self.keys.get(key)?;
                let mut jwk = own.jwk.clone();
                if *private {
                    jwk["d"] = "a private half".into();
                }
                let mut head = head.clone();
                head.insert("jwk".to_owned(), jwk);
                let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
                let message = format!("{}.{}", encoded(&Value::Object(head)), encoded(&claims));
                let mut signature = own.key.sign(message.as_bytes()).ok()?.raw().to_vec();
                if !holds && !*private {
                    signature.iter_mut().for_each(|byte| *byte ^= 1);
                }
                format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
            }
            Made::Code { credential, holder, issued, audience, purpose, holds } => {
                let credential = URL_SAFE_NO_PAD.decode(self.secret(world, credential)).ok()?;
                let audience = audience.parse::<Audience>().ok()?;
                let draft = PresentationDraft::new(&credential, *issued, audience, *purpose).ok()?;
                let own = self.keys.get(holder)?;
                let message = if *holds { draft.message().to_vec() } else { b"something else".to_vec() };
                let signature = own.key.sign(&message).ok()?;
                draft.sign(&signature)
            }
        })
    }

    /// JSON as it has to be here.
    pub(super) fn value(&mut self, world: &World, value: &mut Value) {
        match value {
            Value::String(text) => {
                let own = self.text(world, text);
                *text = if own == *text { self.parts(world, text) } else { own };
            }
            Value::Array(all) => all.iter_mut().for_each(|own| self.value(world, own)),
            Value::Object(fields) => fields.values_mut().for_each(|own| self.value(world, own)),
            _ => {}
        }
    }

    /// A form or query as it has to be here.
    pub(super) fn form(&mut self, world: &World, text: &str) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            form.append_pair(&name, &self.text(world, &value));
        }
        form.finish()
    }

    /// A path, or a header's value, as it has to be here: its parts are looked at one by one.
    pub(super) fn parts(&mut self, world: &World, text: &str) -> String {
        let mut whole = String::new();
        for part in text.split_inclusive(is_between) {
            let own = part.trim_end_matches(is_between);
            whole += &self.text(world, own);
            whole += &part[own.len()..];
        }
        whole
    }

    /// Learns what this world gives out where the other gave out what words stand for.
    pub(super) fn learn(&mut self, told: &Value, live: &Value) {
        match (told, live) {
            (Value::String(told), Value::String(live)) => self.learn_text(told, live),
            (Value::Array(told), Value::Array(live)) => {
                told.iter().zip(live).for_each(|(told, live)| self.learn(told, live));
            }
            (Value::Object(told), Value::Object(live)) => {
                for (name, told) in told {
                    if let Some(live) = live.get(name) {
                        self.learn(told, live);
                    }
                }
            }
            _ => {}
        }
    }

    /// The same of a text, or of an address with a query.
    pub(super) fn learn_text(&mut self, told: &str, live: &str) {
        if is_word(told) {
            self.live.insert(told.to_owned(), live.to_owned());
        } else if let (Some((_, told)), Some((_, live))) = (told.split_once('?'), live.split_once('?')) {
            let live: HashMap<String, String> = form_urlencoded::parse(live.as_bytes()).into_owned().collect();
            for (name, told) in form_urlencoded::parse(told.as_bytes()) {
                if let Some(live) = live.get(name.as_ref()).filter(|_| is_word(&told)) {
                    self.live.insert(told.into_owned(), live.clone());
                }
            }
        } else if let (Some((_, told)), Some((_, live))) = (told.split_once('='), live.split_once('=')) {
            // A cookie (RFC 6265 §4.1).
            let first = |text: &str| text.split(';').next().unwrap_or_default().to_owned();
            if is_word(&first(told)) {
                self.live.insert(first(told), first(live));
            }
        }
    }
}
