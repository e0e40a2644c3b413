//! The services that residents use every day, each from the resident to the city and back, and under what gets in the way.
//!
//! ```text
//!   hotline.rs   call, or write a case down that only a code opens
//!   ihanoi.rs    reports that a city takes up, answers and closes by a clock
//! ```

mod hotline;
mod ihanoi;

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};

use super::person::Person;
use super::{Failed, Journey, Off, Step, check, milliseconds};
use crate::faults::Preset;
use crate::server::Server;
use crate::world::{World, WorldOptions};

/// A service, or several that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Row {
    /// Every city's hotline.
    Hotline,
    /// Reports, two ways: Ha Noi's.
    #[value(name = "ihanoi")]
    #[serde(rename = "ihanoi")]
    IHaNoi,
}

impl Row {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Hotline, Self::IHaNoi];
}

/// What gets in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Under {
    /// Nothing.
    #[default]
    Nothing,
    /// A metro line's network, from when the resident has settled.
    FlakyMetro,
    /// The app's process ends in the middle of a form, before it is delivered, and after.
    Killed,
    /// There is no network from before the form is handed in until after.
    Offline,
}

impl Under {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nothing, Self::FlakyMetro, Self::Killed, Self::Offline];
}

/// What a row's journey came to.
#[derive(Debug, Clone, Serialize)]
pub struct RowSummary {
    /// Which.
    pub row: Row,
    /// How many steps held.
    pub steps: usize,
    /// How long it took, in milliseconds.
    pub ms: u64,
}

/// Takes residents through a row, reporting each step as it holds.
pub async fn row(
    row: Row,
    options: WorldOptions,
    under: Under,
    report: &mut dyn FnMut(&Step),
) -> Result<RowSummary, Failed> {
    let mut journey = Journey { report, steps: 0, cities: 0, started: Instant::now() };
    let start = async {
        let server = Server::start(options).await?;
        Ok((server, "its services are published".to_owned()))
    };
    let server = journey.step("start the world", start).await?;
    let mut trip = Trip { journey, world: server.world(), under };
    match row {
        Row::Hotline => hotline::take(&mut trip).await?,
        Row::IHaNoi => ihanoi::take(&mut trip).await?,
    }
    let Journey { steps, started, .. } = trip.journey;
    server.stop().await;
    Ok(RowSummary { row, steps, ms: milliseconds(started.elapsed()) })
}

/// A row on its way.
struct Trip<'a> {
    journey: Journey<'a>,
    world: Arc<World>,
    under: Under,
}

impl Trip<'_> {
    /// Somebody who lives in a city and has logged in.
    async fn resident(&mut self, name: &str, persona: &'static str, city: &[&str]) -> Result<Person, Failed> {
        let world = Arc::clone(&self.world);
        let at = city.last().copied().unwrap_or_default();
        self.journey
            .step(&format!("{name}, at home in {at}"), async {
                let mut person = Person::new(&world, name)?;
                person.settles(city).await?;
                person.logs_in(persona).await?;
                Ok((person, "a new phone, a home city, logged in once".to_owned()))
            })
            .await
    }

    /// From here on what gets in the way does, unless it comes at a moment of its own.
    fn begins_to_matter(&self) {
        if self.under == Under::FlakyMetro {
            self.world.faults.begin(Preset::FlakyMetro);
        }
    }

    /// What is checked now is no longer in anything's way.
    fn is_over(&self) {
        self.world.faults.end_all();
    }
}

/// What happens at the moments that matter.
#[derive(Clone, Copy)]
struct Way(Under);

impl Way {
    /// Whether there is no network while something is handed in.
    fn has_no_network(self) -> bool {
        matches!(self.0, Under::Offline | Under::Killed)
    }

    /// In the middle of a form: what was filled in is still there.
    async fn amid_a_form(self, person: &mut Person, begun: &Value) -> Result<(), Off> {
        if self.0 == Under::Killed {
            person.me.restarts().await;
        }
        let draft = person.calls("draft_get", json!({})).await?;
        check(draft["body"] == *begun, format!("the form that was begun is {draft}"))
    }

    /// Right before something is handed in.
    async fn before_it_is_handed_in(self, person: &mut Person) {
        if self.has_no_network() {
            person.me.goes_offline().await;
        }
    }

    /// It is sealed on the phone, and not delivered yet.
    async fn before_it_is_delivered(self, person: &mut Person) {
        if self.0 == Under::Killed {
            person.me.restarts().await;
        }
        if self.has_no_network() {
            person.me.goes_online().await;
        }
    }

    /// It has been delivered.
    async fn after_it_was_delivered(self, person: &mut Person) {
        if self.0 == Under::Killed {
            person.me.restarts().await;
        }
    }
}
