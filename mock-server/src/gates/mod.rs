//! The gates of a world: the protocol's own gate with a network of its own. It fetches trust and status lists from the world's server
//! as a real one does, through whatever goes wrong there, and can be taken off the network.
//!
//! ```text
//!   mod.rs      gates, what they are like and what they decide
//!   written.rs  what of them is in a state file
//! ```

mod written;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use onecity_protocol::credential::{
    Addressed, Decision, Gate, GatePolicy, StationKey, StatusListToken, TrustList, UnixTime, WithoutStatus,
};
use onecity_protocol::region::RegionId;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::capsule::{Deed, History};
use crate::clock::WorldClock;
use crate::clock::{write_seconds, write_seconds_if_any};
use crate::faults::is_id;

pub(crate) use written::{PASSAGES_LAST, file_key, remember};
use written::{StoredList, UnwrittenGate};

/// Most gates of a world.
const MOST: usize = 64;
/// How many decisions a gate's log has.
const LOG: usize = 200;
/// How many holders a gate remembers.
const CAPACITY: usize = 10_000;
/// How often a gate fetches its lists, in seconds.
const FETCHES_EVERY: i64 = 3600;
/// How long a gate waits for a list.
const PATIENCE: Duration = Duration::from_secs(2);
/// How far back gates of one station tell each other what they have let through, in seconds.
const TOLD: i64 = 300;
/// How long before it was made a gate has been running: it has forgotten nothing that counts.
const RUNNING: i64 = 3600;
/// The status lists that a region's issuers have.
const LISTS: [u64; 2] = [1, 2];
/// Longest list that is fetched, in bytes.
const LONGEST: usize = 1 << 20;

/// Why a gate can't be made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum GateError {
    #[error("a gate's name, and its station's, have 1 to 64 characters: small letters, digits and hyphens")]
    Name,
    #[error("the region has no issuers of passes; cn-sd and vn-hn have")]
    Region,
    #[error("there is no type of pass {0}; there are transit and health")]
    Type(String),
    #[error("a gate stays open without a status list for 24 hours at most, and is closed for 180 seconds at most")]
    Hours,
    #[error("64 gates are enough: take some away first")]
    TooMany,
    #[error("there is no gate of this name")]
    Unknown,
    #[error("this gate has no number, so that it can make no challenge")]
    NoNumber,
}

/// Whom codes must be addressed to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CodesFor {
    /// Any gate, or this one.
    #[default]
    AnyGate,
    /// This one.
    ThisGate,
    /// This one and its challenge of the moment.
    ThisMoment,
}

/// What a gate is like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GateSettings {
    /// The first-level region whose issuers it trusts.
    #[schema(example = "cn-sd")]
    pub region: String,
    /// Its number; 0 for none.
    #[serde(default)]
    pub number: u32,
    /// The types of pass that open it; empty for all.
    #[serde(default)]
    #[schema(max_items = 8, example = json!(["transit"]))]
    pub types: Vec<String>,
    /// The scope that a pass must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<u64>,
    /// Whom codes must be addressed to.
    #[serde(default)]
    pub codes_for: CodesFor,
    /// How many hours it goes on letting people through without a current status list; 0 for none.
    #[serde(default)]
    #[schema(maximum = 24)]
    pub open_hours_without_status: u8,
    /// The least seconds between two passages of one pass.
    #[serde(default)]
    #[schema(maximum = 180)]
    pub interval: u8,
    /// The station that it belongs to: its gates tell each other whom they have let through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub station: Option<String>,
    /// Whether it has no network.
    #[serde(default)]
    pub offline: bool,
}

/// What a gate has decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Passage {
    /// When, by the world's clock.
    #[serde(serialize_with = "write_seconds")]
    #[schema(value_type = String, format = DateTime)]
    pub at: UnixTime,
    /// `accepted`, `already_accepted` or `refused`.
    #[schema(example = "accepted")]
    pub decision: String,
    /// Why it stays shut, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "revoked")]
    pub reason: Option<String>,
    /// The same in a sentence.
    pub said: String,
    /// How long the decision took, in microseconds.
    pub took_us: u64,
}

/// A gate as a tester sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GateView {
    /// Its name.
    pub name: String,
    /// What it is like.
    pub settings: GateSettings,
    /// When it last fetched its lists.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write_seconds_if_any")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub fetched: Option<UnixTime>,
    /// Why it could not, if it could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// How many passages it remembers.
    pub remembered: usize,
    /// What it has decided, the newest first.
    pub log: Vec<Passage>,
}

struct OneGate {
    settings: GateSettings,
    gate: Gate,
    /// The status lists that it has fetched.
    lists: Vec<Option<StoredList>>,
    unwritten: UnwrittenGate,
    /// What it trusts, and when it looked at the clock last: a gate's time never goes back.
    trust: TrustList,
    seen: UnixTime,
    began: UnixTime,
    fetched: Option<UnixTime>,
    trouble: Option<String>,
    log: VecDeque<Passage>,
}

impl OneGate {
    fn new(settings: GateSettings, trust: TrustList, now: UnixTime) -> Result<Self, GateError> {
        let without = match settings.open_hours_without_status {
            0 => WithoutStatus::FailClosed,
            hours @ 1..=24 => WithoutStatus::FailOpen { hours },
            _ => return Err(GateError::Hours),
        };
        if settings.types.len() > 8 {
            return Err(GateError::Type("more than 8".to_owned()));
        }
        if settings.interval > 180 {
            return Err(GateError::Hours);
        }
        let is_known = |word: &String| trust.types.iter().find(|own| own.word == *word).map(|own| own.id);
        let types = settings
            .types
            .iter()
            .map(|word| is_known(word).ok_or_else(|| GateError::Type(word.chars().take(32).collect())));
        let types = types.collect::<Result<Vec<u64>, _>>()?;
        let policy = match types.is_empty() {
            true => GatePolicy { other_types: Some(without), ..GatePolicy::any() },
            false => GatePolicy::of_types(types, without),
        };
        let policy = GatePolicy {
            scope: settings.scope,
            number: settings.number,
            addressed: match settings.codes_for {
                CodesFor::AnyGate => Addressed::AnyGate,
                CodesFor::ThisGate => Addressed::ThisGate,
                CodesFor::ThisMoment => Addressed::ThisMoment,
            },
            interval: settings.interval,
            capacity: CAPACITY,
            ..policy
        };
        let gate = Gate::new(trust.clone(), policy, now - RUNNING);
        let unwritten = UnwrittenGate { settings: true, passages: None };
        let (lists, log) = (Vec::new(), VecDeque::new());
        Ok(Self { settings, gate, lists, unwritten, trust, seen: now, began: now, fetched: None, trouble: None, log })
    }

    /// Looks at the clock. If that was set back, the gate begins again, as one that was switched off and on.
    fn looks(&mut self, now: UnixTime) -> Result<(), GateError> {
        if now < self.seen {
            let log = std::mem::take(&mut self.log);
            *self = Self { log, ..Self::new(self.settings.clone(), self.trust.clone(), now)? };
        }
        self.seen = now;
        Ok(())
    }

    fn view(&self, name: &str) -> GateView {
        GateView {
            name: name.to_owned(),
            settings: self.settings.clone(),
            fetched: self.fetched,
            trouble: self.trouble.clone(),
            remembered: self.gate.remembered().0,
            log: self.log.iter().rev().cloned().collect(),
        }
    }
}

/// What a gate has fetched.
struct Fetched {
    trust: TrustList,
    lists: Vec<(StatusListToken, StoredList)>,
}

fn trust_path(region: &str) -> String {
    format!("/gate/{region}/trust.json")
}

fn list_path(region: &str, number: u64) -> String {
    format!("/status/{region}/{number}")
}

impl Fetched {
    /// Read from what came, by path.
    fn from(region: &str, all: &BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        let get = |path: &str| all.get(path).ok_or_else(|| format!("{path} did not come"));
        let trust = TrustList::parse(get(&trust_path(region))?).map_err(|error| error.to_string())?;
        let mut lists = Vec::new();
        for number in LISTS {
            let list = get(&list_path(region, number))?;
            let token = StatusListToken::parse(list).map_err(|error| error.to_string())?;
            lists.push((token, StoredList(list.clone())));
        }
        Ok(Self { trust, lists })
    }
}

/// The gates of a world.
pub struct Gates {
    /// Those that are gone, but not from the state file.
    gone: Mutex<BTreeSet<String>>,
    /// Whether there is one.
    is_written: AtomicBool,
    origin: String,
    clock: Arc<WorldClock>,
    station: StationKey,
    all: Mutex<BTreeMap<String, OneGate>>,
    history: Arc<History>,
}

impl Gates {
    pub(crate) fn new(origin: &str, clock: Arc<WorldClock>, history: Arc<History>) -> Self {
        let mut secret = [0; 32];
        SystemRandom::new().fill(&mut secret).expect("the system has random numbers");
        Self {
            gone: Mutex::default(),
            is_written: AtomicBool::new(false),
            origin: origin.to_owned(),
            clock,
            station: StationKey::new(&secret),
            all: Mutex::default(),
            history,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, OneGate>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is one of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }

    /// Takes all of them away.
    pub(crate) fn clear(&self) {
        std::mem::take(&mut *self.lock()).into_keys().for_each(|name| self.is_gone(&name));
    }

    /// All of them.
    pub fn list(&self) -> Vec<GateView> {
        self.lock().iter().map(|(name, own)| own.view(name)).collect()
    }

    /// Puts a gate there. One that differs from another of its name in its network alone goes on with what it remembers.
    pub fn put(&self, name: &str, settings: GateSettings, trust: Option<TrustList>) -> Result<GateView, GateError> {
        if !is_id(name) || settings.station.as_deref().is_some_and(|station| !is_id(station)) {
            return Err(GateError::Name);
        }
        let trust = trust.ok_or(GateError::Region)?;
        let mut all = self.lock();
        if let Some(own) = all.get_mut(name) {
            let same = GateSettings { offline: settings.offline, ..own.settings.clone() };
            if same == settings {
                self.history.note(Deed::Gate { name: name.to_owned(), settings: settings.clone() });
                own.settings = settings;
                own.unwritten.settings = true;
                return Ok(own.view(name));
            }
        } else if all.len() >= MOST {
            return Err(GateError::TooMany);
        }
        let own = OneGate::new(settings.clone(), trust, self.clock.now())?;
        self.history.note(Deed::Gate { name: name.to_owned(), settings });
        let view = own.view(name);
        if all.insert(name.to_owned(), own).is_some() {
            self.is_gone(name);
        }
        Ok(view)
    }

    /// Takes a gate away.
    pub fn remove(&self, name: &str) -> Result<(), GateError> {
        let mut all = self.lock();
        all.remove(name).ok_or(GateError::Unknown)?;
        self.history.note(Deed::RemoveGate { name: name.to_owned() });
        self.is_gone(name);
        Ok(())
    }

    /// A gate's next challenge, as the text of the code that it shows.
    pub fn challenge(&self, name: &str) -> Result<String, GateError> {
        let mut random = [0; 4];
        SystemRandom::new().fill(&mut random).expect("the system has random numbers");
        self.challenge_by(name, u32::from_be_bytes(random))
    }

    /// The same with a random number of somebody's.
    pub(crate) fn challenge_by(&self, name: &str, random: u32) -> Result<String, GateError> {
        let mut all = self.lock();
        let own = all.get_mut(name).ok_or(GateError::Unknown)?;
        own.looks(self.clock.now())?;
        let challenge = own.gate.challenge(random, self.clock.now()).ok_or(GateError::NoNumber)?;
        self.history.note(Deed::Challenge { gate: name.to_owned(), random });
        Ok(challenge.to_string())
    }

    /// Fetches a gate's lists now, if it has a network.
    pub async fn fetch(&self, name: &str) -> Result<GateView, GateError> {
        let (region, offline) = {
            let all = self.lock();
            let own = all.get(name).ok_or(GateError::Unknown)?;
            (own.settings.region.clone(), own.settings.offline)
        };
        let fetched = match offline {
            true => Err("it has no network".to_owned()),
            false => self.fetch_lists(name, &region).await,
        };
        self.takes(name, fetched)
    }

    /// Gives a gate what it has fetched, by path; or nothing, if it could not.
    pub(crate) fn is_given(
        &self,
        name: &str,
        lists: Option<&BTreeMap<String, Vec<u8>>>,
    ) -> Result<GateView, GateError> {
        let region = self.lock().get(name).map(|own| own.settings.region.clone()).ok_or(GateError::Unknown)?;
        let fetched = lists.ok_or_else(|| "nothing came".to_owned()).and_then(|lists| Fetched::from(&region, lists));
        self.takes(name, fetched)
    }

    fn takes(&self, name: &str, fetched: Result<Fetched, String>) -> Result<GateView, GateError> {
        let mut all = self.lock();
        let now = self.clock.now();
        let own = all.get_mut(name).ok_or(GateError::Unknown)?;
        own.looks(now)?;
        self.history.note(Deed::Fetch { gate: name.to_owned(), came: fetched.is_ok() });
        own.trouble = match fetched {
            Ok(Fetched { trust, lists }) => {
                own.trust = trust.clone();
                own.gate.set_trust_list(trust);
                let mut refused = None;
                own.lists.resize(LISTS.len(), None);
                // Of one that it does not take, it goes on with what it has.
                for ((list, stored), place) in lists.into_iter().zip(&mut own.lists) {
                    match own.gate.set_status_list(list, now) {
                        Ok(()) => *place = Some(stored),
                        Err(error) => refused = Some(error.to_string()),
                    }
                }
                own.unwritten.settings = true;
                refused
            }
            Err(why) => Some(why),
        };
        if own.trouble.is_none() {
            own.fetched = Some(now);
        }
        Ok(own.view(name))
    }

    async fn fetch_lists(&self, name: &str, region: &str) -> Result<Fetched, String> {
        let failed = |error: reqwest::Error| error.without_url().to_string();
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .user_agent(format!("OneCity gate ({name})"))
            .build()
            .map_err(failed)?;
        let get = async |path: String| {
            let answer = http.get(format!("{}{path}", self.origin)).send().await.map_err(failed)?;
            let bytes = answer.error_for_status().map_err(failed)?.bytes().await.map_err(failed)?;
            if bytes.len() > LONGEST { Err("a list is longer than 1 MiB".to_owned()) } else { Ok(bytes) }
        };
        let mut all = BTreeMap::new();
        for path in std::iter::once(trust_path(region)).chain(LISTS.map(|number| list_path(region, number))) {
            let bytes = get(path.clone()).await?;
            all.insert(path, bytes.to_vec());
        }
        Fetched::from(region, &all)
    }

    /// Holds a code to a gate. If its lists are an hour old, it fetches them first.
    pub async fn check(&self, name: &str, code: &str) -> Result<Passage, GateError> {
        let is_due = {
            let mut all = self.lock();
            let own = all.get_mut(name).ok_or(GateError::Unknown)?;
            own.looks(self.clock.now())?;
            let is_old = own.fetched.is_none_or(|fetched| self.clock.now() - fetched >= FETCHES_EVERY);
            is_old && !own.settings.offline
        };
        if is_due {
            self.fetch(name).await?;
        }
        self.decide(name, code)
    }

    /// Holds a code to a gate that fetches nothing.
    pub(crate) fn decide(&self, name: &str, code: &str) -> Result<Passage, GateError> {
        let mut all = self.lock();
        // Under the lock: of two who come at once, none brings a time before the other's.
        let now = self.clock.now();
        for own in all.values_mut() {
            own.looks(now)?;
        }
        self.tell_each_other(&mut all, name, now);
        let own = all.get_mut(name).ok_or(GateError::Unknown)?;
        let began = Instant::now();
        let decision = own.gate.check(code, now);
        let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (reason, said) = match &decision {
            Decision::Accepted(_) => {
                own.unwritten.passages.get_or_insert(now);
                (None, "it opens".to_owned())
            }
            Decision::AlreadyAccepted(_) => (None, "it has opened for this code already".to_owned()),
            Decision::Refused(refusal) => (Some(refusal.name().to_owned()), refusal.to_string()),
        };
        let passage = Passage { at: now, decision: decision.name().to_owned(), reason, said, took_us };
        self.history.note(Deed::Check {
            gate: name.to_owned(),
            code: code.to_owned(),
            decision: passage.decision.clone(),
            reason: passage.reason.clone(),
        });
        if own.log.len() == LOG {
            own.log.pop_front();
        }
        own.log.push_back(passage.clone());
        Ok(passage)
    }

    /// What the other gates of a gate's station have let through, as far as both have a network.
    fn tell_each_other(&self, all: &mut BTreeMap<String, OneGate>, name: &str, now: UnixTime) {
        let Some(own) = all.get(name).map(|own| own.settings.clone()) else { return };
        if own.station.is_none() || own.offline {
            return;
        }
        let others: Vec<Vec<u8>> = all
            .iter()
            .filter(|(other, gate)| {
                let theirs = &gate.settings;
                *other != name && !theirs.offline && theirs.station == own.station && theirs.region == own.region
            })
            .map(|(_, gate)| gate.gate.passages(now - TOLD, &self.station))
            .collect();
        let Some(own) = all.get_mut(name) else { return };
        for told in others {
            if let Err(error) = own.gate.learn_passages(&told, &self.station, now) {
                tracing::warn!(%error, "a gate was told what it does not understand");
            }
        }
    }
}

/// The first-level region of a gate's settings.
pub(crate) fn region_of(settings: &GateSettings) -> Result<RegionId, GateError> {
    settings.region.parse().map_err(|_| GateError::Region)
}
