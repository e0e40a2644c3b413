//! The whole story, step by step, as a resident lives it: a phone, every city, a gate; or many of them at once. Everything is done by
//! what is written on the phone's screens. Each step says what was checked; the first that does not hold ends it.
//!
//! ```text
//!   traveller.rs   what a resident does
//!   gate.rs        the gate that they pass
//!   person.rs      a resident with a phone, and what the pages on it ask
//!   rows/          the services that residents use every day, one by one
//! ```

mod gate;
mod person;
mod rows;
mod traveller;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use onecity_protocol::region::RegionId;
use serde::Serialize;

use crate::content::regions;
use crate::server::Server;
use crate::soak::memory;
use crate::world::WorldOptions;

pub use rows::{Row, RowSummary, Under, row};
use traveller::Traveller;

/// How many phones go on at once.
const AT_ONCE: usize = 8;

/// One step that held.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// What was done.
    pub step: String,
    /// What was checked; of several phones, what the first one's resident saw.
    pub checked: String,
    /// How long it took, in milliseconds.
    pub ms: u64,
}

/// What the whole journey came to.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// How many steps there were.
    pub steps: usize,
    /// How many phones took them.
    pub phones: usize,
    /// How many cities were visited.
    pub cities: usize,
    /// How many mini-services were opened on a phone.
    pub services: usize,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// What one phone costs.
    pub each: Cost,
}

/// What one phone costs, of all that there are.
#[derive(Debug, Clone, Serialize)]
pub struct Cost {
    /// Its part of the time, in milliseconds.
    pub ms: u64,
    /// How many exchanges it has with the world.
    pub exchanges: u64,
    /// What the process has grown by, in KiB, with its part of what the world remembers; nothing where the system does not tell.
    pub memory_kib: Option<u64>,
}

/// The step that did not hold.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {why}")]
pub struct Failed {
    /// What was being done.
    pub step: String,
    /// What was off.
    pub why: String,
}

/// Why a step did not hold.
struct Off(String);

impl<E: std::error::Error> From<E> for Off {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn check(holds: bool, what: impl Into<String>) -> Result<(), Off> {
    if holds { Ok(()) } else { Err(Off(what.into())) }
}

type Outcome = Result<String, Off>;

/// The state between steps.
struct Journey<'a> {
    report: &'a mut dyn FnMut(&Step),
    steps: usize,
    cities: usize,
    started: Instant,
}

impl Journey<'_> {
    async fn step<T>(&mut self, name: &str, work: impl Future<Output = Result<(T, String), Off>>) -> Result<T, Failed> {
        let began = Instant::now();
        match work.await {
            Ok((value, checked)) => {
                self.steps += 1;
                (self.report)(&Step { step: name.to_owned(), checked, ms: milliseconds(began.elapsed()) });
                Ok(value)
            }
            Err(Off(why)) => Err(Failed { step: name.to_owned(), why }),
        }
    }

    async fn plain(&mut self, name: &str, work: impl Future<Output = Outcome>) -> Result<(), Failed> {
        self.step(name, async { work.await.map(|checked| ((), checked)) }).await
    }

    /// A step of all of them, so many at once.
    async fn each(
        &mut self,
        name: &str,
        travellers: &mut [Traveller],
        work: impl AsyncFn(&mut Traveller) -> Outcome,
    ) -> Result<(), Failed> {
        let many = travellers.len() > 1;
        let one = async |(number, traveller): (usize, &mut Traveller)| {
            let outcome = work(traveller).await.map(|checked| (number, checked));
            outcome.map_err(|Off(why)| Off(if many { format!("phone {}: {why}", number + 1) } else { why }))
        };
        self.plain(name, async {
            let mut all = stream::iter(travellers.iter_mut().enumerate()).map(one).buffer_unordered(AT_ONCE);
            let mut first = String::new();
            while let Some(outcome) = all.next().await {
                if let (0, checked) = outcome? {
                    first = checked;
                }
            }
            Ok(first)
        })
        .await
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn region(text: &str) -> RegionId {
    text.parse().expect("a region of the demo world")
}

/// Takes people with new phones through the whole story, reporting each step as it holds for all of them.
pub async fn run(options: WorldOptions, phones: usize, report: &mut dyn FnMut(&Step)) -> Result<Summary, Failed> {
    let mut journey = Journey { report, steps: 0, cities: 0, started: Instant::now() };
    let server = journey.step("start the world", start(options)).await?;
    let (world, address) = (server.world(), server.address());
    let (before, began) = (memory(), Instant::now());
    let all: Result<Vec<Traveller>, _> = (0..phones.max(1)).map(|number| Traveller::new(&world, number)).collect();
    let mut all = all.map_err(|error| Failed { step: "a new phone".to_owned(), why: error.to_string() })?;
    journey.each("a new phone", &mut all, Traveller::begin).await?;
    journey.each("log in once", &mut all, Traveller::log_in).await?;

    let cities: Vec<RegionId> = world.tree().children(&region("cn-sd")).map(|city| city.id.clone()).collect();
    for city in &cities {
        journey.each(&format!("visit {city}"), &mut all, async |one: &mut Traveller| one.visit(city).await).await?;
        journey.cities += 1;
    }
    journey.each("open the service of a circle", &mut all, Traveller::circle).await?;
    journey.each("open the service of the province", &mut all, Traveller::province).await?;
    journey.each("find a service by what one types", &mut all, Traveller::find).await?;
    journey.each("travel to Ha Noi", &mut all, Traveller::ha_noi).await?;
    journey.cities += 1;

    journey.each("get a transit pass", &mut all, Traveller::get_pass).await?;
    let gate = Mutex::new(gate::gate(&world, world.now() - 3600)?);
    let shows = async |one: &mut Traveller| one.show_code(&gate).await;
    let (first, others) = all.split_at_mut(1);
    journey.each("show a code at a gate with no network", first, shows).await?;
    // At once: what the gate says of a code depends on how long ago it was shown.
    let code = first.first().map(|one| one.code.clone()).unwrap_or_default();
    let refuses = async {
        let mut gate = gate.lock().unwrap_or_else(PoisonError::into_inner);
        gate::refusals(&world, &code, &mut gate)
    };
    journey.plain("the gate refuses what it should", refuses).await?;
    if !others.is_empty() {
        let shows = async |one: &mut Traveller| one.show_code(&gate).await;
        journey.each("the others show theirs at the same gate", others, shows).await?;
    }

    server.stop().await;
    journey.each("stop the server", &mut all, Traveller::loses_the_network).await?;
    journey.each("end the app and start it again", &mut all, Traveller::restarts).await?;
    let offline = async |one: &mut Traveller| one.offline(&cities).await;
    journey.each("home and services with no network", &mut all, offline).await?;
    let shows = async |one: &mut Traveller| one.offline_code(&gate).await;
    journey.each("a fresh code with no network", &mut all, shows).await?;
    let taken = world.submissions_taken();
    journey.each("file a report with no network", &mut all, Traveller::file_report).await?;
    let server = journey
        .step("start the server again", async {
            check(world.submissions_taken() == taken, "a report arrived without a network")?;
            let server = Server::restart(Arc::clone(&world), address)?;
            Ok((server, format!("same port {}", address.port())))
        })
        .await?;
    journey.each("the report is delivered exactly once", &mut all, Traveller::delivered).await?;
    let arrived = world.submissions_taken() - taken;
    if arrived != all.len() {
        let why = format!("the city has {arrived} reports of {} phones", all.len());
        return Err(Failed { step: "the report is delivered exactly once".to_owned(), why });
    }
    let (took, after) = (began.elapsed(), memory());
    server.stop().await;
    let count = all.len() as u64;
    let each = Cost {
        ms: milliseconds(took) / count,
        exchanges: world.journal.count() / count,
        memory_kib: after.zip(before).map(|(after, before)| after.saturating_sub(before) / count),
    };
    let services = all.first().map_or(0, |one| one.opened);
    let Journey { steps, cities, started, .. } = journey;
    Ok(Summary { steps, phones: all.len(), cities, services, ms: milliseconds(started.elapsed()), each })
}

async fn start(options: WorldOptions) -> Result<(Server, String), Off> {
    let server = Server::start(options).await?;
    let world = server.world();
    let count = |nation: &RegionId| world.tree().iter().filter(|region| nation.covers(&region.id)).count();
    let mut counts = Vec::new();
    for nation in regions::nations() {
        check(count(&nation) >= 3_300, format!("{nation} has only {} regions", count(&nation)))?;
        counts.push(format!("{} regions of {nation}", count(&nation)));
    }
    let (repositories, packages) = world.registry(|registry| (registry.len(), registry.packages()));
    Ok((server, format!("{}, {repositories} signed repositories, {packages} packages", counts.join(", "))))
}
