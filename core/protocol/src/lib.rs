//! What phone, gate, publisher and server must agree on.
//!
//! Pure: no clock, no disk, no network, no async. Time comes in as an argument, bytes come in as slices, and
//! whatever comes from outside has an unverified type until a function here has checked it.
//!
//! ```text
//!   region      who is where: nation > first-level region > city > district, departments, circles
//!   limits      the most that a publisher may use of what others share
//!   rules       what manifests, packages and pages are held to, each rule with an id and how to mend
//!   manifest    what a mini-service says of itself      (W3C MiniApp Manifest)
//!   package     the ZIP that holds it, read as hostile   (W3C MiniApp Packaging)
//!   trust       who may publish what, for whom           (The Update Framework)
//!   credential  what an issuer says of a holder, and the dynamic QR code over it (CQ1)
//!   bridge      what a page may ask of the phone
//! ```
//!
//! # Example: a code travels from a phone to a gate
//!
//! ```
//! use onecity_protocol::credential::{GatePolicy, sample};
//!
//! let world = sample::World::new()?;
//! let code = world.code_at(1_800_000_000)?;
//! let mut gate = world.gate(GatePolicy::any(), 1_799_990_000)?;
//! assert!(gate.check(&code, 1_800_000_001).opens());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod bridge;
pub mod credential;
pub mod document;
pub mod identity_number;
pub mod identity_provider;
pub mod json;
pub mod limits;
pub mod manifest;
pub mod miniapp_uri;
pub mod names;
pub mod package;
pub mod region;
pub mod rules;
pub mod service;
pub mod text;
pub mod trust;
