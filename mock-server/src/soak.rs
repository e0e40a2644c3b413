//! Many phones for a long time while something goes wrong, and an oracle for every outcome: what was handed in is with its city once
//! and whole, no gate decides wrongly, no phone meets an error that it could not come back from, and memory does not grow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use onecity_core::{CodeView, Error, ServiceId, ServiceSession, SubmissionState};
use onecity_protocol::credential::Audience;
use onecity_protocol::region::RegionId;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Uniform};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::city::{Arrival, hash_of};
use crate::faults::Preset;
use crate::phone::{Phone, PhoneError};
use crate::server::Server;
use crate::world::{World, WorldError, WorldOptions};

/// How many phones are set up at once.
const AT_ONCE: usize = 8;
/// How often a phone tries to deliver what is left once all is well again.
const LAST_TRIES: usize = 20;
/// How often memory is looked at.
const LOOKS: u32 = 20;
/// How often the cities are asked what has arrived: what they remember is enough for much longer.
const ARRIVALS_EVERY: Duration = Duration::from_secs(5);
/// How long a soak lasts at least for its memory to be judged: what is bounded has filled by then.
const JUDGED_FROM: Duration = Duration::from_secs(300);
/// How much memory may grow in the second half, in parts of what it was.
const MAY_GROW: f64 = 0.1;
/// Who logs in, in turns.
const PERSONAS: [&str; 4] = ["lan", "minh", "grandmother", "workshop"];
/// Most violations that are told.
const MOST_TOLD: usize = 50;

/// What a soak is like.
#[derive(Debug, Clone)]
pub struct SoakOptions {
    /// How many phones there are.
    pub phones: usize,
    /// How long they go on.
    pub lasts: Duration,
    /// What goes wrong meanwhile.
    pub presets: Vec<Preset>,
    /// Decides what is done and what is lost.
    pub seed: u64,
}

/// What became of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SoakReport {
    /// How many phones there were.
    pub phones: usize,
    /// How long they went on, in seconds.
    pub seconds: u64,
    /// How long one of them took to be set up, in milliseconds, on average.
    pub setup_ms: u64,
    /// What was done, by its name, and how often it did not come to its end because of the network.
    pub done: BTreeMap<String, u64>,
    /// How many submissions were handed in.
    pub handed_in: usize,
    /// How many of them are with their city once and whole.
    pub delivered: usize,
    /// How many exchanges there were, and how many of them something struck.
    pub exchanges: u64,
    /// See there.
    pub struck: u64,
    /// The process's memory at equal distances, in MiB; nothing where the system does not tell.
    pub memory_mib: Vec<u64>,
    /// What must not be, the first fifty.
    pub violations: Vec<String>,
}

/// Why there was no soak.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SoakError {
    #[error("the world: {0}")]
    World(#[from] WorldError),
    #[error("a phone could not be set up: {0}")]
    Phone(#[from] PhoneError),
    #[error("a phone could not be set up: {0}")]
    Core(#[from] Error),
}

/// One phone, and what its resident knows of it.
struct Soaked {
    number: usize,
    phone: Phone,
    report: Arc<ServiceSession>,
    pass: String,
    url: String,
    lot: ChaCha8Rng,
    /// The hash of what was handed in, by the number that the phone gave it.
    handed_in: BTreeMap<String, [u8; 32]>,
    /// What is on the screen: it stays there until the next is due, as in the app.
    shown: Option<CodeView>,
    /// The codes that opened a gate.
    opened: BTreeSet<String>,
    done: BTreeMap<String, u64>,
    violations: Vec<String>,
}

impl Soaked {
    async fn set_up(world: &Arc<World>, number: usize, seed: u64) -> Result<Self, SoakError> {
        let jinan: RegionId = "cn-sd/jinan".parse().expect("a region");
        let province: RegionId = "cn-sd".parse().expect("a region");
        let phone = Phone::new(world, &["en"])?;
        phone.log_in("shandong", PERSONAS[number % PERSONAS.len()]).await?;
        phone.client().sync(&jinan).await?;
        let pass = phone.client().add_pass(&province, "transit", None).await?;
        let service = ServiceId { unit: jinan.clone().into(), app_id: "report".to_owned() };
        let report = phone.client().open_service(&service, &jinan).await?;
        Ok(Self {
            number,
            report,
            pass: pass.id,
            url: format!("{}/city/cn-sd.jinan/reports", world.origin()),
            lot: ChaCha8Rng::seed_from_u64(seed ^ (number as u64) << 16),
            phone,
            handed_in: BTreeMap::new(),
            shown: None,
            opened: BTreeSet::new(),
            done: BTreeMap::new(),
            violations: Vec::new(),
        })
    }

    fn is_wrong(&mut self, what: impl std::fmt::Display) {
        self.violations.push(format!("phone {}: {what}", self.number));
    }

    /// Notes that something was done, or that the network kept it from its end; anything else is wrong.
    fn notes<T>(&mut self, name: &str, outcome: Result<T, Error>) -> Option<T> {
        match outcome {
            Ok(value) => {
                *self.done.entry(name.to_owned()).or_default() += 1;
                Some(value)
            }
            Err(error) if matches!(error, Error::Network { .. }) || error.may_retry() => {
                *self.done.entry(format!("{name}, lost")).or_default() += 1;
                None
            }
            Err(error) => {
                self.is_wrong(format!("{name}: {error}"));
                None
            }
        }
    }

    async fn goes_on(&mut self, world: &World, until: Instant) {
        let chance = Uniform::new(0_u32, 100).expect("a range");
        while Instant::now() < until {
            match chance.sample(&mut self.lot) {
                0..40 => self.hands_in().await,
                40..60 => {
                    let outcome = self.phone.client().deliver().await;
                    self.notes("deliver", outcome);
                }
                60..90 => self.shows_a_code(world).await,
                90..95 => {
                    let outcome = self.phone.client().sync(&"cn-sd/jinan".parse().expect("a region")).await;
                    self.notes("sync", outcome);
                }
                _ => {
                    let outcome = self.phone.client().sessions().await;
                    self.notes("sessions", outcome);
                }
            }
        }
    }

    async fn hands_in(&mut self) {
        let body = json!({ "category": "other", "text": format!("{} of phone {}", self.handed_in.len(), self.number) });
        let call = json!({ "method": "submit", "params": { "url": self.url, "title": "A lamp is out", "body": body } });
        let answer = self.phone.client().bridge(&self.report, &call.to_string()).await;
        let Some(answer) = self.notes("hand in", answer) else { return };
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        match answer["result"]["id"].as_str() {
            Some(id) => drop(self.handed_in.insert(id.to_owned(), hash_of(&body))),
            // An outbox that is full says so by name, and keeps what it has.
            None if answer["error"]["code"] == "too_many" || answer["error"]["code"] == "quota" => {
                *self.done.entry("hand in, no room".to_owned()).or_default() += 1;
            }
            None => self.is_wrong(format!("hand in: {}", answer["error"])),
        }
    }

    async fn shows_a_code(&mut self, world: &World) {
        let now = world.now();
        let code = match self.shown.take().filter(|own| (own.issued..own.next).contains(&now)) {
            Some(shown) => shown,
            None => {
                let code = self.phone.client().code(&self.pass, Audience::ANY).await;
                let Some(code) = self.notes("code", code) else { return };
                code
            }
        };
        let gate = if self.number.is_multiple_of(2) { "metro-1" } else { "metro-2" };
        let decided = world.gates.check(gate, &code.text).await;
        let was_there = !self.opened.insert(code.text.clone());
        match decided {
            Ok(passage) => match (passage.decision.as_str(), was_there) {
                ("accepted", false) | ("already_accepted", true) => {}
                ("refused", true) if passage.reason.as_deref() == Some("replayed") => {}
                (word, _) => self
                    .is_wrong(format!("a gate said {word} ({:?}) of a code, seen before: {was_there}", passage.reason)),
            },
            Err(error) => self.is_wrong(error),
        }
        *self.done.entry("held to a gate".to_owned()).or_default() += 1;
        // The same code with one character changed opens nothing.
        let mut other: Vec<char> = code.text.chars().collect();
        if let Some(last) = other.last_mut() {
            *last = if *last == 'A' { 'B' } else { 'A' };
        }
        match world.gates.check(gate, &other.into_iter().collect::<String>()).await {
            Ok(passage) if passage.decision == "refused" => {}
            Ok(passage) => self.is_wrong(format!("a gate said {} of a code that was altered", passage.decision)),
            Err(error) => self.is_wrong(error),
        }
        self.shown = Some(code);
    }

    /// Once all is well again, everything arrives.
    async fn settles(&mut self) {
        for _ in 0..LAST_TRIES {
            let outcome = self.phone.client().deliver().await;
            self.notes("deliver", outcome);
            let Ok(all) = self.phone.client().submissions().await else { continue };
            let waits = |state: &SubmissionState| !matches!(state, SubmissionState::Delivered { .. });
            if !all.iter().any(|own| waits(&own.state)) {
                return;
            }
        }
        self.is_wrong("something was not delivered though all is well again");
    }
}

/// The process's memory in KiB, where the system tells (proc_pid_statm).
pub(crate) fn memory() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4)
}

/// Lets phones go on for a while; the report says what became of it.
pub async fn run(options: SoakOptions) -> Result<SoakReport, SoakError> {
    let SoakOptions { phones, lasts, presets, seed } = options;
    let server = Server::start(WorldOptions { seed, ..WorldOptions::default() }).await?;
    let world = server.world();
    let began = Instant::now();
    let set_up = stream::iter(0..phones).map(|number| Soaked::set_up(&world, number, seed)).buffer_unordered(AT_ONCE);
    let mut all: Vec<Soaked> = set_up.collect::<Vec<_>>().await.into_iter().collect::<Result<_, _>>()?;
    let setup_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX) / (phones.max(1) as u64);

    presets.iter().for_each(|preset| world.faults.begin(*preset));
    let until = Instant::now() + lasts;
    let watching = tokio::spawn(async move {
        let mut seen = Vec::new();
        let mut looks = tokio::time::interval((lasts / LOOKS).max(Duration::from_millis(100)));
        while Instant::now() < until {
            looks.tick().await;
            seen.extend(memory().map(|kib| kib >> 10));
        }
        seen
    });
    // A world forgets the oldest of what was handed in, so that its memory ends somewhere: it is asked while it knows.
    let (asked, (over, ended)) = (Arc::clone(&world), watch::channel(false));
    let arriving = tokio::spawn(arrivals(asked, ended));
    join_all(all.iter_mut().map(|own| own.goes_on(&world, until))).await;
    let memory_mib = watching.await.unwrap_or_default();
    let struck = world.faults.list().iter().map(|own| u64::from(own.struck)).sum();
    world.faults.end_all();
    join_all(all.iter_mut().map(Soaked::settles)).await;

    let mut report = SoakReport {
        phones,
        seconds: lasts.as_secs(),
        setup_ms,
        exchanges: world.journal.count(),
        struck,
        memory_mib,
        ..SoakReport::default()
    };
    let _ = over.send(true);
    let taken = arriving.await.unwrap_or_default();
    let mut with_cities: BTreeMap<&str, Vec<[u8; 32]>> = BTreeMap::new();
    for own in &taken {
        with_cities.entry(&own.number).or_default().push(own.hash);
    }
    for own in &mut all {
        report.handed_in += own.handed_in.len();
        for (number, hash) in std::mem::take(&mut own.handed_in) {
            match with_cities.remove(number.as_str()).as_deref() {
                Some([one]) if *one == hash => report.delivered += 1,
                Some([_]) => own.is_wrong(format!("{number} arrived as something else")),
                Some(many) => own.is_wrong(format!("{number} is there {} times", many.len())),
                None => own.is_wrong(format!("{number} is lost")),
            }
        }
        for (name, count) in std::mem::take(&mut own.done) {
            *report.done.entry(name).or_default() += count;
        }
        report.violations.append(&mut own.violations);
    }
    report
        .violations
        .extend(with_cities.keys().map(|number| format!("{number} is with a city though nobody handed it in")));
    report.violations.extend(has_grown(&report.memory_mib, lasts));
    report.violations.truncate(MOST_TOLD);
    drop(all);
    server.stop().await;
    Ok(report)
}

/// All that the cities have taken, until it is over.
async fn arrivals(world: Arc<World>, mut over: watch::Receiver<bool>) -> BTreeSet<Arrival> {
    let (mut all, mut looks) = (BTreeSet::new(), tokio::time::interval(ARRIVALS_EVERY));
    loop {
        let is_over = tokio::select! {
            _ = looks.tick() => false,
            _ = over.changed() => true,
        };
        all.extend(world.lock_cities().arrivals());
        if is_over {
            return all;
        }
    }
}

/// Whether memory has grown in the second half, where that can be judged.
fn has_grown(seen: &[u64], lasts: Duration) -> Option<String> {
    let (Some(half), Some(last)) = (seen.get(seen.len() / 2), seen.last()) else { return None };
    #[expect(clippy::cast_precision_loss, reason = "MiB of a process are far below 2^52")]
    let grown = *last as f64 > *half as f64 * (1.0 + MAY_GROW);
    (lasts >= JUDGED_FROM && grown).then(|| format!("memory has grown from {half} to {last} MiB in the second half"))
}
