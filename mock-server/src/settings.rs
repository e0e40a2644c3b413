//! What worlds are set to by a TOML file, which is read again whenever it is changed.
//!
//! ```toml
//! seed = 7
//! presets = ["flaky-metro"]
//!
//! [clock]
//! time = "2027-01-31T08:00:00+08:00"
//! speed = 0
//!
//! [[faults]]
//! what = { kind = "latency", delay = { fixed_ms = 300 } }
//! on = { path = "/city/*/reports" }
//!
//! [[stubs]]
//! on = { path = "/city/cn-sd.jinan/library/*" }
//! answer = { kind = "reply", json = { books = 3 } }
//!
//! [[personas]]
//! id = "lin"
//! name = "Persona Lin"
//! kind = "person"
//! in_care = [{ id = "bao", name = "Persona Bao", relation = "child" }]
//!
//! [[regions]]
//! id = "cn-sd/jinan/new-town"
//! kind = "district"
//! names = { zh = "新城", en = "New Town" }
//!
//! [[services]]
//! unit = "cn-sd/jinan"
//! folder = "library"
//!
//! [worlds.second]
//! presets = ["city-down"]
//! ```

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::FASTEST;
use crate::content::{Additions, Content, ContentError, OwnCircle, OwnRegion, OwnService, Persona};
use crate::faults::{Faults, Preset, Rule, RuleError};
use crate::stubs::{Stub, StubError, Stubs};
use crate::world::{FIRST, LayError, World};
use crate::worlds::{Worlds, WorldsError};

/// Longest file, in bytes.
const LONGEST: u64 = 1 << 20;
/// How often a file is looked at.
const EVERY: Duration = Duration::from_millis(300);

/// Why a file is not followed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SettingsError {
    #[error("{path}: {why}", path = .0.display(), why = .1)]
    File(PathBuf, std::io::Error),
    #[error("{}: it has more than 1 MiB", .0.display())]
    TooLong(PathBuf),
    #[error("{path}: {why}", path = .0.display(), why = .1)]
    Toml(PathBuf, Box<toml::de::Error>),
    #[error("the world {0}: {1}")]
    Rule(String, RuleError),
    #[error("the world {0}: {1}")]
    Stub(String, StubError),
    #[error("the world {0}: a speed is from 0 to 36,000")]
    Speed(String),
    #[error("the world {0}: {1} is no time as RFC 3339 writes it, for example 2027-01-31T08:00:00+08:00")]
    Time(String, String),
    #[error("the world {0}: {1}")]
    Content(String, LayError),
    #[error("the world {0}: {1}")]
    World(String, Box<WorldsError>),
}

/// What one world is set to.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Own {
    /// Decides its ids and lots, when it begins.
    seed: Option<u64>,
    clock: ClockSettings,
    presets: Vec<Preset>,
    faults: Vec<Rule>,
    stubs: Vec<Stub>,
    personas: Vec<Persona>,
    regions: Vec<OwnRegion>,
    circles: Vec<OwnCircle>,
    services: Vec<OwnService>,
}

/// What time it is once this is read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClockSettings {
    /// As RFC 3339 writes it.
    time: Option<String>,
    /// Seconds of the world for each of this machine's; 0 freezes it.
    speed: Option<f64>,
}

/// What the worlds of a server are set to. The first world's settings stand at the top of the file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    seed: Option<u64>,
    clock: ClockSettings,
    presets: Vec<Preset>,
    faults: Vec<Rule>,
    stubs: Vec<Stub>,
    personas: Vec<Persona>,
    regions: Vec<OwnRegion>,
    circles: Vec<OwnCircle>,
    services: Vec<OwnService>,
    worlds: BTreeMap<String, Own>,
}

impl Settings {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let failed = |error| SettingsError::File(path.to_owned(), error);
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(LONGEST + 1).read_to_string(&mut text).map_err(failed)?;
        if u64::try_from(text.len()).is_ok_and(|length| length > LONGEST) {
            return Err(SettingsError::TooLong(path.to_owned()));
        }
        let mut settings: Self =
            toml::from_str(&text).map_err(|error| SettingsError::Toml(path.to_owned(), Box::new(error)))?;
        // A folder is meant from where the file is.
        let folder = path.parent().unwrap_or(Path::new(""));
        let others = settings.worlds.values_mut().flat_map(|own| &mut own.services);
        for service in settings.services.iter_mut().chain(others) {
            service.folder = folder.join(&service.folder);
        }
        Ok(settings)
    }

    /// What is laid over the first world.
    pub fn additions(&self) -> Additions {
        self.first().additions()
    }

    /// What the first world is set to.
    fn first(&self) -> Own {
        let Self { seed, clock, presets, faults, stubs, personas, regions, circles, services, .. } = self.clone();
        Own { seed, clock, presets, faults, stubs, personas, regions, circles, services }
    }

    /// The seed of the first world, if one is said.
    pub fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// Sets the worlds of a server; those that are not there yet begin. A clock is set again only if the file says otherwise than
    /// before.
    pub fn apply(&self, worlds: &Worlds) -> Result<(), SettingsError> {
        let first = self.first();
        first.could_be(FIRST)?;
        for (name, own) in &self.worlds {
            own.could_be(name)?;
            let wrong = |error| SettingsError::World(name.clone(), Box::new(error));
            Worlds::could_be(name).map_err(wrong)?;
        }
        set(&worlds.first(), &first)?;
        for (name, own) in &self.worlds {
            let failed = |error| SettingsError::World(name.clone(), Box::new(error));
            let world = match worlds.get(name) {
                Ok(world) => world,
                Err(_) => worlds.add(name, own.seed.unwrap_or(1), &own.additions()).map_err(failed)?,
            };
            set(&world, own)?;
        }
        // What the file says no more, goes wrong no more; also where it said so to a server before this one.
        for world in worlds.all() {
            let is_named = world.name() == FIRST || self.worlds.contains_key(world.name());
            if !is_named {
                world.faults.follow(&[], &[]).map_err(|error| SettingsError::Rule(world.name().to_owned(), error))?;
                world.stubs.follow(&[]).map_err(|error| SettingsError::Stub(world.name().to_owned(), error))?;
            }
        }
        Ok(())
    }
}

impl Own {
    fn additions(&self) -> Additions {
        let Self { personas, regions, circles, services, .. } = self.clone();
        Additions { personas, regions, circles, services }
    }

    /// Whether a world can be set so.
    fn could_be(&self, world: &str) -> Result<(), SettingsError> {
        if self.clock.speed.is_some_and(|speed| !(0.0..=FASTEST).contains(&speed)) {
            return Err(SettingsError::Speed(world.to_owned()));
        }
        self.time(world)?;
        let wrong = |error: ContentError| SettingsError::Content(world.to_owned(), error.into());
        Content::with(&self.additions()).map_err(wrong)?;
        Faults::could_follow(&self.presets, &self.faults)
            .map_err(|error| SettingsError::Rule(world.to_owned(), error))?;
        Stubs::could_follow(&self.stubs).map_err(|error| SettingsError::Stub(world.to_owned(), error))
    }

    fn time(&self, world: &str) -> Result<Option<jiff::Timestamp>, SettingsError> {
        let wrong = |text: &str| SettingsError::Time(world.to_owned(), text.chars().take(64).collect());
        self.clock.time.as_ref().map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }
}

fn set(world: &World, own: &Own) -> Result<(), SettingsError> {
    let name = || world.name().to_owned();
    let time = own.time(world.name())?;
    world.lay(&own.additions()).map_err(|error| SettingsError::Content(name(), error))?;
    world.faults.follow(&own.presets, &own.faults).map_err(|error| SettingsError::Rule(name(), error))?;
    world.stubs.follow(&own.stubs).map_err(|error| SettingsError::Stub(name(), error))?;
    if world.lock_clock_said().replace(own.clock.clone()).as_ref() == Some(&own.clock) {
        return Ok(());
    }
    if let Some(time) = time {
        world.clock.set(time.as_millisecond());
    }
    if let Some(speed) = own.clock.speed {
        world.clock.run_at(speed);
    }
    Ok(())
}

/// What a file says, and the manifests of the services that it names: a next version begins there.
fn look(path: &Path) -> Option<Vec<Vec<u8>>> {
    let own = std::fs::read(path).ok()?;
    let settings = Settings::read(path).unwrap_or_default();
    let services = settings.worlds.values().flat_map(|own| &own.services).chain(&settings.services);
    let manifests = services.map(|own| std::fs::read(own.folder.join("manifest.json")).unwrap_or_default());
    Some(std::iter::once(own).chain(manifests).collect())
}

/// Follows a file from now on, as it is changed; says what became of each change.
pub async fn follow(path: PathBuf, worlds: std::sync::Arc<Worlds>, mut says: impl FnMut(Result<(), SettingsError>)) {
    let mut seen = look(&path);
    let mut looks = tokio::time::interval(EVERY);
    loop {
        looks.tick().await;
        let now = look(&path);
        // An editor may have it away for a moment.
        if now.is_none() || now == seen {
            continue;
        }
        seen = now;
        let (file, all) = (path.clone(), std::sync::Arc::clone(&worlds));
        // It may pack and sign.
        let followed = tokio::task::spawn_blocking(move || Settings::read(&file)?.apply(&all)).await;
        says(followed.unwrap_or_else(|error| Err(SettingsError::File(path.clone(), std::io::Error::other(error)))));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::world::Beginning;

    fn worlds() -> Worlds {
        Worlds::new(Arc::new(
            World::begin(Beginning {
                web_origin: "http://127.0.0.1:1",
                name: None,
                seed: 1,
                additions: &Additions::default(),
                frozen_at: None,
                state: None,
            })
            .expect("a world"),
        ))
    }

    fn parse(text: &str) -> Settings {
        toml::from_str(text).expect("settings")
    }

    #[test]
    fn what_a_file_says_is_so_and_what_it_says_no_more_is_not() {
        let worlds = worlds();
        let first = parse(
            "presets = ['city-down']\n[clock]\ntime = '2027-01-31T08:00:00+08:00'\nspeed = 0\n[[faults]]\nid = 'slow'\n\
             what = { kind = 'latency', delay = { fixed_ms = 300 } }\n[worlds.second]\nseed = 9\npresets = ['tunnel']\n",
        );
        first.apply(&worlds).expect("applied");
        let ids = |world: &World| world.faults.list().into_iter().map(|own| own.id).collect::<Vec<_>>();
        let (one, second) = (worlds.first(), worlds.get("second").expect("it has begun"));
        assert_eq!(
            (ids(&one), ids(&second), second.seed()),
            (vec!["city-down".to_owned(), "slow".to_owned()], vec!["tunnel".to_owned()], 9)
        );
        assert_eq!((one.now(), one.clock.speed()), (1_801_353_600, 0.0));

        // What a tester began by hand, and where the clock has got to, stays.
        one.faults.begin(Preset::IdpDown);
        one.clock.jump(5000);
        let next = parse("[clock]\ntime = '2027-01-31T08:00:00+08:00'\nspeed = 0\n");
        next.apply(&worlds).expect("applied");
        assert_eq!((ids(&one), ids(&second)), (vec!["idp-down".to_owned()], Vec::new()));
        assert_eq!(one.now(), 1_801_353_605);
    }

    #[test]
    fn a_file_that_is_wrong_changes_nothing_and_says_where() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("world.toml");
        let error = |text: &str| {
            std::fs::write(&path, text).expect("written");
            let worlds = worlds();
            worlds.first().faults.follow(&[Preset::CityDown], &[]).expect("a preset");
            let refused = Settings::read(&path).and_then(|own| own.apply(&worlds)).expect_err("refused");
            assert_eq!(worlds.first().faults.list().len(), 1, "{text}");
            refused.to_string()
        };
        assert!(error("presets = ['earthquake']").contains("line 1"));
        assert!(error("seed = 1\nunknown = 2").contains("line 2"));
        assert!(error("[clock]\nspeed = -1").contains("speed"));
        assert!(error("[clock]\ntime = 'tomorrow'").contains("RFC 3339"));
        assert!(error("[[faults]]\nwhat = { kind = 'reset' }\nprobability = 2").contains("probability"));
        assert!(error(&format!("# {}", "x".repeat(1 << 20))).contains("1 MiB"));
        assert!(matches!(Settings::read(&folder.path().join("none")), Err(SettingsError::File(..))));
    }
}
