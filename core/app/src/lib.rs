//! What a resident sees, decided once for every shell.
//!
//! ```text
//!   shell ── Event ──> App ── calls ──> Client
//!   shell <── changed ── App ── Frame, Screen ──> shell paints
//!   shell <── Effect ── App      shell ── Done(id, outcome) ──> App
//! ```
//!
//! A shell paints blocks, sends events, performs effects and decides nothing. `screens/` has a file for each subject;
//! `model/` applies events in order; `page.rs` says what changed of a screen; `messages/` is what is said, by language;
//! `look.rs` is how it looks.

// What UniFFI generates turns another language's values into Rust's own types, which is unsafe code.
#![cfg_attr(not(feature = "uniffi"), forbid(unsafe_code))]

mod app;
mod block;
mod effect;
mod error;
mod event;
mod face;
mod frame;
mod icon;
pub mod look;
mod messages;
mod model;
mod money;
mod page;
mod ports;
mod route;
mod screens;
mod shared;
mod time;

pub use app::{App, AppPlatform, Shell};
pub use block::{
    Action, Block, Changes, Choosable, Fact, FieldKind, FieldText, Head, Kind, Modules, Role, Screen, Severity, Tone,
    Web,
};
pub use effect::{Act, Effect, Outcome};
pub use event::{Environment, Event};
pub use frame::{Banner, Frame, Passing, Scheme, Sheet, Tab, TabItem};
pub use icon::Icon;
pub use messages::Language;

#[cfg(feature = "uniffi")]
uniffi::setup_scaffolding!();
