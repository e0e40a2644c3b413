//! What goes wrong just now, and which request it strikes.
//!
//! ```text
//!   rule.rs      what, where, how often
//!   presets.rs   what testers ask for by name
//!   wire.rs      what happens to an answer on its way
//! ```

mod presets;
mod rule;
pub(crate) mod wire;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, LogNormal, StandardUniform, Uniform};
use ring::hmac;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use presets::Preset;
pub use rule::{Between, Delay, Instead, Rule, Signed, Spread, Stale, What};

use crate::capsule::{Deed, History};
use crate::meant::{Pattern, Seen, Where, WhereError};
use crate::state::{Changes, Rows, StateError};

/// Most rules at once.
const MOST: usize = 256;
/// Longest delay, in milliseconds.
const LONGEST_DELAY: u32 = 600_000;
/// Longest id, in bytes.
const LONGEST_ID: usize = 64;

/// Why a rule is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RuleError {
    #[error("a probability is from 0 to 1")]
    Probability,
    #[error(transparent)]
    On(#[from] WhereError),
    #[error("an id has 1 to 64 characters: small letters, digits and hyphens")]
    Id,
    #[error("a status is from 200 to 599")]
    Status,
    #[error("a media type is written as text/html is")]
    MediaType,
    #[error("a delay is at most 600,000 ms, from the smaller to the larger, with a sigma from 0 to 4")]
    Delay,
    #[error("a pace is at least a byte, and a pause at most 60,000 ms")]
    Pace,
    #[error("a clock is wrong by at most 1,000,000,000 seconds")]
    Skew,
    #[error("256 rules are enough: end some first")]
    TooMany,
}

/// A rule that is in force, and how often it was met.
struct Running {
    rule: Rule,
    id: String,
    /// The preset that it belongs to, if it does.
    preset: Option<String>,
    /// Whether a file says so.
    is_from_file: bool,
    on: Pattern,
    began: Instant,
    counts: Mutex<Counts>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Counts {
    met: u32,
    struck: u32,
}

/// The part of a state file that is the faults'.
const FAULTS: &str = "faults";

/// What is in force, as a state file has it.
#[derive(Serialize, Deserialize)]
struct StoredFaults {
    all: Vec<StoredRule>,
    given: usize,
}

#[derive(Serialize, Deserialize)]
struct StoredRule {
    rule: Rule,
    preset: Option<String>,
    is_from_file: bool,
    counts: Counts,
}

/// A rule that is in force, as a tester sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunningRule {
    /// What it is called.
    pub id: String,
    /// The preset that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// What goes wrong.
    pub what: What,
    /// Where.
    pub on: Where,
    /// How likely it is each time.
    pub probability: f64,
    /// How many times it lets pass first.
    pub after: u32,
    /// How often it happens at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How many requests it was for.
    pub met: u32,
    /// How many it struck.
    pub struck: u32,
}

/// What strikes a request.
#[derive(Debug, Clone)]
pub(crate) struct Strike {
    pub id: String,
    pub what: What,
    /// For what is drawn by lot.
    lot: [u8; 32],
    /// When the rule began.
    pub began: Instant,
}

impl Strike {
    /// How long a delay is, this time.
    pub(crate) fn delay(&self, delay: &Delay) -> Duration {
        let mut lot = ChaCha8Rng::from_seed(self.lot);
        let milliseconds = match delay {
            Delay::FixedMs(ms) => f64::from(*ms),
            Delay::UniformMs(Between { from, to }) => Uniform::new_inclusive(f64::from(*from), f64::from(*to))
                .map_or(f64::from(*from), |between| between.sample(&mut lot)),
            Delay::LogNormal(Spread { median_ms, sigma }) => {
                LogNormal::new(f64::from(*median_ms).max(1.0).ln(), *sigma)
                    .map_or(f64::from(*median_ms), |spread| spread.sample(&mut lot))
            }
        };
        Duration::from_secs_f64(milliseconds.clamp(0.0, f64::from(LONGEST_DELAY)) / 1000.0)
    }
}

/// What goes wrong just now.
pub struct Faults {
    seed: hmac::Key,
    all: RwLock<Vec<Arc<Running>>>,
    /// How many there are, for those who need not look at them.
    count: AtomicUsize,
    given: AtomicUsize,
    /// Whether something is not in the state file yet.
    is_unwritten: AtomicBool,
    history: Arc<History>,
}

impl Faults {
    pub(crate) fn new(seed: u64, history: Arc<History>) -> Self {
        let seed = hmac::Key::new(hmac::HMAC_SHA256, &seed.to_be_bytes());
        Self {
            seed,
            all: RwLock::default(),
            count: AtomicUsize::new(0),
            given: AtomicUsize::new(0),
            is_unwritten: AtomicBool::new(false),
            history,
        }
    }

    /// Goes on with what a state file has.
    pub(crate) fn restore(&self, rows: &mut Rows) -> Result<(), StateError> {
        let Some(StoredFaults { all: stored, given }) = rows.take_one(FAULTS)? else { return Ok(()) };
        for StoredRule { rule, preset, is_from_file, counts } in stored {
            let id = self.add_to(rule, preset, is_from_file).map_err(|_| StateError::Damaged(FAULTS.to_owned()))?;
            let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(own) = all.iter().find(|own| own.id == id) {
                *own.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
            }
        }
        self.given.store(given, Ordering::Relaxed);
        self.is_unwritten.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// What a state file does not have yet.
    pub(crate) fn unwritten(&self, changes: &mut Changes) {
        if !self.is_unwritten.swap(false, Ordering::Relaxed) {
            return;
        }
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let stored = |own: &Arc<Running>| StoredRule {
            rule: own.rule.clone(),
            preset: own.preset.clone(),
            is_from_file: own.is_from_file,
            counts: *own.counts.lock().unwrap_or_else(PoisonError::into_inner),
        };
        let given = self.given.load(Ordering::Relaxed);
        changes.put(FAULTS, "", &StoredFaults { all: all.iter().map(stored).collect(), given });
    }

    fn has_changed(&self) {
        self.is_unwritten.store(true, Ordering::Relaxed);
    }

    /// Lets what a preset is made of go wrong from now on; what it has struck so far is forgotten.
    pub fn begin(&self, preset: Preset) {
        if let Err(error) = self.try_begin(preset) {
            tracing::warn!(%error, "a preset has not begun");
        }
    }

    /// The same, unless there are too many rules.
    pub fn try_begin(&self, preset: Preset) -> Result<(), RuleError> {
        let name = preset.name();
        self.end(&name);
        self.begin_as(preset, false).inspect_err(|_| {
            self.end(&name);
        })
    }

    fn begin_as(&self, preset: Preset, is_from_file: bool) -> Result<(), RuleError> {
        named(preset).into_iter().try_for_each(|(rule, preset)| self.add_to(rule, preset, is_from_file).map(drop))
    }

    /// Whether rules of a file can be followed.
    pub(crate) fn could_follow(presets: &[Preset], rules: &[Rule]) -> Result<(), RuleError> {
        for rule in rules {
            check(rule)?;
        }
        let count = rules.len() + presets.iter().map(|preset| preset.rules().len()).sum::<usize>();
        if count > MOST / 2 { Err(RuleError::TooMany) } else { Ok(()) }
    }

    /// Lets go wrong what a file says, in the place of what it said before. A rule that it says again goes on as it was.
    pub(crate) fn follow(&self, presets: &[Preset], rules: &[Rule]) -> Result<(), RuleError> {
        Self::could_follow(presets, rules)?;
        let unnamed = rules.iter().enumerate().map(|(at, rule)| Rule {
            id: Some(rule.id.clone().unwrap_or_else(|| format!("file-{}", at + 1))),
            ..rule.clone()
        });
        let wanted: Vec<(Rule, Option<String>)> =
            presets.iter().flat_map(|preset| named(*preset)).chain(unnamed.map(|rule| (rule, None))).collect();
        let is_said = |own: &Running| wanted.iter().any(|(rule, preset)| *rule == own.rule && *preset == own.preset);
        self.remove(|own| own.is_from_file && !is_said(own));
        for (rule, preset) in wanted {
            let is_there = |own: &Arc<Running>| own.is_from_file && own.rule == rule && own.preset == preset;
            if !self.all.read().unwrap_or_else(PoisonError::into_inner).iter().any(is_there) {
                self.add_to(rule, preset, true)?;
            }
        }
        Ok(())
    }

    /// Lets something go wrong from now on, in the place of what had this id; answers its id.
    pub fn add(&self, rule: Rule) -> Result<String, RuleError> {
        self.add_to(rule, None, false)
    }

    pub(crate) fn add_to(
        &self,
        mut rule: Rule,
        preset: Option<String>,
        is_from_file: bool,
    ) -> Result<String, RuleError> {
        let on = check(&rule)?;
        let id = rule.id.clone().unwrap_or_else(|| self.next_id());
        rule.id = Some(id.clone());
        let (began, counts) = (Instant::now(), Mutex::default());
        let deed = Deed::Rule { rule: rule.clone(), preset: preset.clone(), is_from_file };
        let running = Running { rule, id: id.clone(), preset, is_from_file, on, began, counts };
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|own| own.id != id);
        if all.len() >= MOST {
            return Err(RuleError::TooMany);
        }
        all.push(Arc::new(running));
        self.count.store(all.len(), Ordering::Release);
        self.has_changed();
        self.history.note(deed);
        Ok(id)
    }

    /// An id that no rule has.
    fn next_id(&self) -> String {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        loop {
            let id = format!("rule-{}", self.given.fetch_add(1, Ordering::Relaxed) + 1);
            if !all.iter().any(|own| own.id == id) {
                return id;
            }
        }
    }

    /// Ends all of them, and counts from the start again: the same rules in the same order draw the same lots.
    pub(crate) fn reset(&self) {
        self.end_all();
        self.given.store(0, Ordering::Relaxed);
        self.has_changed();
    }

    /// Ends a rule by its id, or what belongs to a preset; answers whether there was something.
    pub fn end(&self, id: &str) -> bool {
        self.remove(|own| own.id == id || own.preset.as_deref() == Some(id))
    }

    /// Ends all of them.
    pub fn end_all(&self) {
        self.remove(|_| true);
    }

    fn remove(&self, goes: impl Fn(&Running) -> bool) -> bool {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let before = all.len();
        let ids: Vec<String> = all.iter().filter(|own| goes(own)).map(|own| own.id.clone()).collect();
        all.retain(|own| !goes(own));
        if !ids.is_empty() {
            self.history.note(Deed::EndRules { ids });
        }
        self.count.store(all.len(), Ordering::Release);
        self.has_changed();
        all.len() < before
    }

    /// All of them, as they began.
    pub fn list(&self) -> Vec<RunningRule> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|own| {
                let counts = *own.counts.lock().unwrap_or_else(PoisonError::into_inner);
                let Rule { what, on, probability, after, times, .. } = own.rule.clone();
                RunningRule {
                    id: own.id.clone(),
                    preset: own.preset.clone(),
                    what,
                    on,
                    probability,
                    after,
                    times,
                    met: counts.met,
                    struck: counts.struck,
                }
            })
            .collect()
    }

    /// What strikes a request, of the kinds that are meant.
    pub(crate) fn strikes(&self, seen: &Seen<'_>, is_meant: impl Fn(&What) -> bool) -> Vec<Strike> {
        if self.count.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let meant: Vec<Arc<Running>> = {
            let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
            all.iter().filter(|own| is_meant(&own.rule.what) && own.on.is(seen)).cloned().collect()
        };
        let strikes = meant.iter().filter_map(|own| own.meet(&self.seed)).collect();
        // Once the counts say so.
        if !meant.is_empty() {
            self.has_changed();
        }
        strikes
    }
}

impl Running {
    /// Whether it strikes this time.
    fn meet(&self, seed: &hmac::Key) -> Option<Strike> {
        let Rule { probability, after, times, .. } = self.rule;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let number = counts.met;
        counts.met = counts.met.saturating_add(1);
        if number < after || times.is_some_and(|times| counts.struck >= times) {
            return None;
        }
        let lot = hmac::sign(seed, format!("fault {} {number}", self.id).as_bytes());
        let mut lot: [u8; 32] = lot.as_ref().try_into().expect("SHA-256 is 32 bytes");
        if probability < 1.0 {
            let drawn: f64 = StandardUniform.sample(&mut ChaCha8Rng::from_seed(lot));
            if drawn >= probability {
                return None;
            }
            // What is drawn next is drawn from another lot.
            lot[0] ^= 1;
        }
        counts.struck += 1;
        Some(Strike { id: self.id.clone(), what: self.rule.what.clone(), lot, began: self.began })
    }
}

/// A preset's rules with their ids: its name, numbered if there are several.
fn named(preset: Preset) -> Vec<(Rule, Option<String>)> {
    let (name, rules) = (preset.name(), preset.rules());
    let is_one = rules.len() == 1;
    let id = |at: usize| if is_one { name.clone() } else { format!("{name}-{}", at + 1) };
    rules.into_iter().enumerate().map(|(at, rule)| (Rule { id: Some(id(at)), ..rule }, Some(name.clone()))).collect()
}

/// Whether a text is an id: of a rule, or of a world.
pub(crate) fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= LONGEST_ID && !text.starts_with('-') && text.bytes().all(is_plain)
}

fn check(rule: &Rule) -> Result<Pattern, RuleError> {
    let holds = |holds: bool, error| if holds { Ok(()) } else { Err(error) };
    holds((0.0..=1.0).contains(&rule.probability), RuleError::Probability)?;
    holds(rule.id.as_deref().is_none_or(is_id), RuleError::Id)?;
    match &rule.what {
        What::Status { status, .. } => holds((200..=599).contains(status), RuleError::Status)?,
        What::WrongContentType { media_type } => {
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"/.+-".contains(&byte);
            let is_one = media_type.len() <= 128 && media_type.bytes().all(is_plain);
            let parts = media_type.split('/').filter(|part| !part.is_empty()).count();
            holds(is_one && parts == 2 && media_type.matches('/').count() == 1, RuleError::MediaType)?;
        }
        What::Latency { delay } => holds(
            match delay {
                Delay::FixedMs(ms) => *ms <= LONGEST_DELAY,
                Delay::UniformMs(Between { from, to }) => from <= to && *to <= LONGEST_DELAY,
                Delay::LogNormal(Spread { median_ms, sigma }) => {
                    *median_ms <= LONGEST_DELAY && (0.0..=4.0).contains(sigma)
                }
            },
            RuleError::Delay,
        )?,
        What::Bandwidth { bytes_per_second } => holds(*bytes_per_second > 0, RuleError::Pace)?,
        What::Dribble { piece, every_ms } => holds(*piece > 0 && *every_ms <= 60_000, RuleError::Pace)?,
        What::ClockSkew { seconds } => holds((-1_000_000_000..=1_000_000_000).contains(seconds), RuleError::Skew)?,
        _ => {}
    }
    Ok(Pattern::new(&rule.on)?)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Method};

    use super::*;
    use crate::exchange::Asked;

    fn strikes(faults: &Faults, path: &str) -> Vec<Strike> {
        let (asked, headers) = (Asked::new(Method::POST, path, "", None), HeaderMap::new());
        faults.strikes(&Seen::new(&asked, &headers, None, b"category=pothole"), |_| true)
    }

    fn count(faults: &Faults, path: &str, times: usize) -> usize {
        (0..times).map(|_| strikes(faults, path).len()).sum()
    }

    #[test]
    fn a_rule_strikes_where_it_is_meant_and_as_often_as_it_says() {
        let report = "/city/cn-sd.qingdao/reports";
        for (on, strikes) in [
            (Where::path("/city/*/reports"), true),
            (Where::path("/city/*"), false),
            (Where { body_contains: Some("pothole".to_owned()), ..Where::default() }, true),
            (Where { unit: Some("cn-sd/jinan".to_owned()), ..Where::default() }, false),
        ] {
            let faults = Faults::new(1, Arc::default());
            faults.add(Rule::new(What::Reset).on(on.clone())).expect("a rule");
            assert_eq!(count(&faults, report, 1) == 1, strikes, "{on:?}");
        }
        let faults = Faults::new(1, Arc::default());
        let rule = Rule { after: 2, times: Some(3), ..Rule::new(What::Reset) };
        faults.add(rule).expect("a rule");
        assert_eq!((count(&faults, report, 2), count(&faults, report, 10)), (0, 3));
        let listed = faults.list();
        assert_eq!((listed[0].met, listed[0].struck), (12, 3));
    }

    #[test]
    fn one_seed_decides_the_same_and_another_otherwise() {
        let draw = |seed| {
            let faults = Faults::new(seed, Arc::default());
            faults.add(Rule::new(What::Reset).with_probability(0.3)).expect("a rule");
            (0..1000).map(|_| !strikes(&faults, "/city/vn-hn").is_empty()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let struck = draw(7).into_iter().filter(|struck| *struck).count();
        assert!((240..360).contains(&struck), "{struck} of 1,000 are no 30 %");
    }

    #[test]
    fn half_of_the_delays_are_below_the_median_and_none_is_beyond_the_longest() {
        let faults = Faults::new(3, Arc::default());
        let delay = Delay::LogNormal(Spread { median_ms: 400, sigma: 1.0 });
        faults.add(Rule::new(What::Latency { delay: delay.clone() })).expect("a rule");
        let drawn: Vec<Duration> =
            (0..1000).flat_map(|_| strikes(&faults, "/")).map(|strike| strike.delay(&delay)).collect();
        let below = drawn.iter().filter(|own| **own < Duration::from_millis(400)).count();
        assert!((430..570).contains(&below), "{below} of 1,000 are below the median");
        let wild = Delay::LogNormal(Spread { median_ms: 600_000, sigma: 4.0 });
        let strike = &strikes(&faults, "/")[0];
        assert!(strike.delay(&wild) <= Duration::from_secs(600));
        let between = strike.delay(&Delay::UniformMs(Between { from: 10, to: 20 }));
        assert!((Duration::from_millis(10)..=Duration::from_millis(20)).contains(&between));
    }

    #[test]
    fn what_is_no_rule_is_refused_by_name() {
        let faults = Faults::new(1, Arc::default());
        let long = "x".repeat(257);
        let latency = |delay| Rule::new(What::Latency { delay });
        let media = |text: &str| Rule::new(What::WrongContentType { media_type: text.to_owned() });
        for (rule, error) in [
            (Rule::new(What::Reset).with_probability(1.5), RuleError::Probability),
            (Rule::new(What::Reset).with_probability(f64::NAN), RuleError::Probability),
            (Rule { id: Some("No!".to_owned()), ..Rule::new(What::Reset) }, RuleError::Id),
            (Rule::new(What::Status { status: 99, retry_after: None }), RuleError::Status),
            (media("text"), RuleError::MediaType),
            (media("text/html\r\nx: y"), RuleError::MediaType),
            (media("/"), RuleError::MediaType),
            (latency(Delay::FixedMs(600_001)), RuleError::Delay),
            (latency(Delay::UniformMs(Between { from: 2, to: 1 })), RuleError::Delay),
            (latency(Delay::LogNormal(Spread { median_ms: 1, sigma: f64::INFINITY })), RuleError::Delay),
            (Rule::new(What::Bandwidth { bytes_per_second: 0 }), RuleError::Pace),
            (Rule::new(What::Dribble { piece: 1, every_ms: 60_001 }), RuleError::Pace),
            (Rule::new(What::ClockSkew { seconds: i64::MIN }), RuleError::Skew),
            (Rule::new(What::Reset).on(Where { persona: Some(long), ..Where::default() }), WhereError::TooLong.into()),
        ] {
            assert_eq!(faults.add(rule), Err(error));
        }
        let no_path = faults.add(Rule::new(What::Reset).on(Where::path("/[a")));
        assert!(matches!(no_path, Err(RuleError::On(WhereError::Path(_)))));
        for _ in 0..MOST {
            faults.add(Rule::new(What::Reset)).expect("there is room");
        }
        assert_eq!(faults.add(Rule::new(What::Reset)), Err(RuleError::TooMany));
        let again = Rule { id: Some("rule-1".to_owned()), ..Rule::new(What::MalformedBody) };
        assert_eq!(faults.add(again).as_deref(), Ok("rule-1"), "in the place of the one that had this id");
    }
}
