//! The world for testers, in one process and on one port: identity provider, registry, issuers, city back ends,
//! gates, and phones that are the real core with software keys.
//!
//! ```text
//!              ┌ identity   OpenID Connect, DPoP, personas          /idp/PROVIDER
//!   World ─────┤ registry   TUF, built and signed at start          /registry/REPOSITORY
//!  (all state) ├ issuer     OpenID4VCI, credentials to a phone key  /issuer/REGION
//!              ├ city       back ends of the mini-services          /city/UNIT
//!              ├ gates      turnstiles and counters with a network of their own
//!              ├ clock      what everybody in it goes by
//!              ├ stubs      answers in the place of back ends
//!              ├ faults     what goes wrong, where and how often
//!              └ journal    what has arrived
//!   Worlds     the first, and others below /w/NAME
//!   admin      a tester's controls over HTTP                        /openapi.json
//!   capsule    a bug in one file, and the same again
//!   state      what outlives a server that is stopped: an SQLite file
//!   Server     the world on a port; stopping it takes nothing from the world
//!   Phone      onecity-core with its two files in a folder, and a resident who uses the browser
//!   AppPhone   the same below the app's screens; a Resident looks at them and touches what is there
//!   journey    the whole story, step by step
//! ```
//!
//! # Example
//!
//! ```
//! use mock_server::{Phone, Server, WorldOptions};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::start(WorldOptions::default()).await?;
//! let phone = Phone::new(&server.world(), &["en"])?;
//! phone.log_in("shandong", "lan").await?;
//! phone.client().sync(&"cn-sd/jinan".parse()?).await?;
//! let home = phone.client().home(&"cn-sd/jinan".parse()?).await?;
//! assert_eq!(home.region.latin, "Jinan");
//! # server.stop().await;
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```

//! A tester's controls, in three lines and then some:
//!
//! ```
//! use mock_server::{Filter, Preset, Rule, What, Where, World};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let busy = Rule::new(What::Status { status: 503, retry_after: Some(1) }).on(Where::path("/city/*/transit"));
//! let server = World::builder().seed(7).preset(Preset::LoseReply).rule(busy).start().await?;
//! let world = server.world();
//! world.clock.jump(3_600_000);
//! assert_eq!(reqwest::get(format!("{}/city/vn-hn/transit", world.origin())).await?.status(), 503);
//! assert_eq!(world.journal.read(&Filter { status: Some(503), ..Filter::default() }, 10)?.len(), 1);
//! world.reset()?;
//! # server.stop().await;
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```

#![forbid(unsafe_code)]

mod admin;
mod arriving;
mod capsule;
mod city;
mod clock;
mod content;
mod dashboard;
mod exchange;
mod expiring;
mod faults;
mod gates;
mod identity;
mod issuer;
mod journal;
pub mod journey;
mod meant;
mod named;
mod pages;
mod phone;
mod picture;
mod problem;
mod registry;
mod server;
mod serving;
mod settings;
pub mod soak;
mod state;
mod stubs;
mod world;
mod worlds;

pub use admin::openapi;
pub use capsule::{Capsule, CapsuleError, Difference, Outcome, ReplayError, replay};
pub use city::{CityAnswer, Unanswered};
pub use clock::{FASTEST, PhoneClock, WorldClock};
pub use content::regions::{RegionTableError, load as load_regions};
pub use content::{Additions, ContentError, Dependant, OwnCircle, OwnRegion, OwnService, Persona, Relation};
pub use faults::{Between, Delay, Faults, Instead, Preset, Rule, RuleError, RunningRule, Signed, Spread, Stale, What};
pub use gates::{CodesFor, GateError, GateSettings, GateView, Gates, Passage};
pub use journal::{Expectation, Filter, Journal, Redaction, ShownExchange, ShownHeader, ShownMessage, Verdict};
pub use meant::{Where, WhereError};
pub use phone::{AppPhone, Phone, PhoneError, Resident, Unseen};
pub use picture::{PictureError, png, read};
pub use registry::Registry;
pub use server::{Server, network_address};
pub use serving::{ConnectionLimits, Tls, TlsError};
pub use settings::{Settings, SettingsError, follow};
pub use state::StateError;
pub use stubs::{Answer, ReplyHeaders, Stub, StubError, StubView, Stubs};
pub use world::{LayError, World, WorldError, WorldOptions};
pub use worlds::{Worlds, WorldsError};
