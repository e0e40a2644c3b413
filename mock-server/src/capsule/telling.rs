//! A world's capsule. Every secret is a word in it; of those that clients have made, it says how, so that a stand-in can make the like.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use onecity_protocol::credential::Presentation;
use onecity_publisher::read_folder;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::history::Beginning;
use super::{Capsule, Deed, Event, Made, TheWorld, VERSION};
use crate::content::Additions;
use crate::identity::{key_of, verify_jws};
use crate::journal::Redaction;
use crate::world::World;

/// The number of the counter whose secret is known to the world.
const COUNTERS: [u32; 1] = [900];

/// SHA-256 in base64url, as PKCE and DPoP have it.
pub(super) fn s256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

/// A P-256 key as a JWK (RFC 7518 §6.2.1).
pub(super) fn jwk_of(x: &[u8], y: &[u8]) -> Value {
    json!({ "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) })
}

/// What stands between the parts of addresses and headers that may be secrets.
pub(super) fn is_between(own: char) -> bool {
    !own.is_ascii_alphanumeric() && own != '-' && own != '_'
}

/// What stands before a word whose hash is meant.
pub(super) const HASH_OF: &str = "s256:";

impl World {
    /// All that has happened since it began, in one file.
    pub fn capsule(&self) -> Capsule {
        let redaction = self.journal.hearing();
        let Beginning { began, first, exchanges: exchanges_before, goes_on } = self.history.beginning();
        // The deeds after the exchanges: what an exchange came after is there.
        let (entries, count) = self.journal.all();
        let (deeds, mut lost) = self.history.deeds();
        lost += count.saturating_sub(exchanges_before + entries.len() as u64);
        // What was under way when the world was reset belongs to the one before.
        let entries = entries.into_iter().filter(|entry| entry.number > exchanges_before);
        let entries: Vec<_> = entries.filter(|entry| entry.arrived.turn >= first).collect();
        let mut turns: Vec<(u64, Event)> = Vec::new();
        for entry in &entries {
            let exchange = Box::new(self.journal.show_with(&redaction, entry));
            let number = entry.number;
            turns.push((entry.arrived.turn, Event::Arrived { at: entry.arrived.at, exchange }));
            match entry.handled {
                Some(moment) => {
                    let unseen = !entry.is_over;
                    turns.push((moment.turn, Event::Handled { at: moment.at, number, unseen }));
                }
                None => turns.push((entry.ended, Event::GivenUp { number })),
            }
        }
        let mut services = BTreeMap::new();
        let mut additions = self.began_with();
        take_along(&mut additions, &mut services);
        hide_personas(&redaction, &mut additions);
        for (moment, mut deed) in deeds {
            match &mut deed {
                Deed::Check { code, .. } => *code = redaction.word(code),
                Deed::Lay { additions } => {
                    take_along(additions, &mut services);
                    hide_personas(&redaction, additions);
                }
                Deed::Rule { rule, .. } => rule.on.hide(&redaction),
                Deed::Stub { stub } => stub.hide(&redaction),
                Deed::FollowStubs { stubs } => stubs.iter_mut().for_each(|stub| stub.hide(&redaction)),
                _ => {}
            }
            turns.push((moment.turn, Event::Done { at: moment.at, deed: Box::new(deed) }));
        }
        turns.sort_by_key(|(turn, _)| *turn);
        let events: Vec<Event> = turns.into_iter().map(|(_, event)| event).collect();
        let heard = redaction.heard();
        let described = Described::of(&heard);
        let made = heard.iter().filter_map(|(word, secret)| Some((word.clone(), described.made(self, secret)?)));
        let made: BTreeMap<String, Made> = made.collect();
        let hashes = described.hashes_in(&events);
        Capsule {
            capsule: VERSION,
            server: env!("CARGO_PKG_VERSION").to_owned(),
            world: TheWorld {
                web_origin: self.web_origin().to_owned(),
                name: self.name().to_owned(),
                seed: self.seed(),
                additions,
            },
            began,
            lost,
            goes_on,
            made,
            hashes,
            services,
            events,
        }
    }
}

/// What a provider knows of made-up people stands for what it knows of people.
fn hide_personas(redaction: &Redaction, additions: &mut Additions) {
    for text in additions.personas.iter_mut().filter_map(|own| own.phone.as_mut()) {
        *text = redaction.word(text);
    }
}

/// Takes the files of services along, and names their folders by numbers: where they were is nobody's business.
fn take_along(additions: &mut Additions, services: &mut BTreeMap<String, BTreeMap<String, String>>) {
    for own in &mut additions.services {
        // Of a folder that is gone nothing can be told; a replay says so.
        let files = read_folder(&own.folder).unwrap_or_default();
        let files: BTreeMap<String, String> =
            files.into_iter().map(|(path, bytes)| (path, STANDARD.encode(bytes))).collect();
        let found = services.iter().find(|(_, other)| **other == files).map(|(name, _)| name.clone());
        let name = found.unwrap_or_else(|| format!("service-{}", services.len() + 1));
        services.insert(name.clone(), files);
        own.folder = name.into();
    }
}

/// The secrets that were heard, by themselves and by their hashes.
struct Described<'h> {
    words: HashMap<&'h str, &'h str>,
    hashes: HashMap<String, &'h str>,
}

impl<'h> Described<'h> {
    fn of(heard: &'h BTreeMap<String, String>) -> Self {
        let words = heard.iter().map(|(word, secret)| (secret.as_str(), word.as_str())).collect();
        let hashes = heard.iter().map(|(word, secret)| (s256(secret), word.as_str())).collect();
        Self { words, hashes }
    }

    /// How a client has made a text, if it is one that a stand-in has to make in its own way.
    fn made(&self, world: &World, secret: &str) -> Option<Made> {
        if let Some(jws) = self.jws(secret) {
            return Some(jws);
        }
        if let Ok(code) = Presentation::parse(secret) {
            let holder = code.credential().holder()?;
            let credential = URL_SAFE_NO_PAD.encode(code.credential().bytes());
            return Some(Made::Code {
                credential: self.words.get(credential.as_str()).map_or(String::new(), |word| (*word).to_owned()),
                holder: key_of(&jwk_of(&holder.x(), &holder.y()))?,
                issued: code.issued(),
                audience: code.audience().to_string(),
                purpose: code.purpose(),
                holds: code.is_signed_by(&holder),
            });
        }
        if world.people().get(secret).is_some() {
            return Some(Made::Persona { id: secret.to_owned() });
        }
        if let Some(number) = COUNTERS.into_iter().find(|number| world.verifier_secret(*number) == secret) {
            return Some(Made::Verifier { number });
        }
        let pair = String::from_utf8(STANDARD.decode(secret).ok()?).ok()?;
        let (name, own) = pair.split_once(':')?;
        Some(Made::Basic { name: name.to_owned(), secret: (*self.words.get(own)?).to_owned() })
    }

    /// A JWS with its own key.
    fn jws(&self, secret: &str) -> Option<Made> {
        let mut parts = secret.split('.');
        let mut part = || -> Option<Value> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok().filter(Value::is_object)
        };
        let (head, mut claims) = (part()?, part()?);
        let Value::Object(mut head) = head else { return None };
        let jwk = head.remove("jwk")?;
        let holds =
            head.get("typ").and_then(Value::as_str).is_some_and(|typ| verify_jws::<Value>(secret, typ).is_some());
        self.reword(&mut claims);
        Some(Made::Jws { key: key_of(&jwk)?, private: jwk.get("d").is_some(), head, claims, holds })
    }

    /// Words in the place of secrets and of their hashes.
    fn reword(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(word) = self.words.get(text.as_str()) {
                    *text = (*word).to_owned();
                } else if let Some(word) = self.hashes.get(text.as_str()) {
                    *text = format!("{HASH_OF}{word}");
                } else {
                    // An address may have one in it.
                    *text = text
                        .split_inclusive(is_between)
                        .map(|part| {
                            let own = part.trim_end_matches(is_between);
                            let word = self.words.get(own).copied().filter(|_| own.len() > 8).unwrap_or(own);
                            format!("{word}{}", &part[own.len()..])
                        })
                        .collect();
                }
            }
            Value::Array(all) => all.iter_mut().for_each(|own| self.reword(own)),
            Value::Object(fields) => fields.values_mut().for_each(|own| self.reword(own)),
            _ => {}
        }
    }

    /// The hashes of secrets that clients have sent.
    fn hashes_in(&self, events: &[Event]) -> BTreeMap<String, String> {
        let sent = events.iter().filter_map(|event| match event {
            Event::Arrived { exchange, .. } => Some([Some(&exchange.query), exchange.request.body.as_ref()]),
            _ => None,
        });
        let parts = sent.flatten().flatten().flat_map(|text| text.split(is_between));
        parts.filter_map(|part| Some((part.to_owned(), (*self.hashes.get(part)?).to_owned()))).collect()
    }
}
