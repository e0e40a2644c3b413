//! The UniFFI face of the core: what Kotlin, Swift and Python call. Translation only, no decision: ids become text,
//! enums lose what another language can't hold, and ports are wrapped both ways.
//!
//! ```text
//!   Kotlin ─┐                                   ┌─> onecity_core::Client
//!   Swift ──┼── UniFFI ──> OneCity, OpenService ┤
//!   Python ─┘     <── ports (foreign traits) ───┘
//! ```
//!
//! The example that is tested is in each language's own tests: `bindings/kotlin` and `bindings/python`.

#![allow(missing_docs, reason = "fields and variants mirror the core's, which documents them")]

mod client;
mod error;
mod gate;
mod ports;
mod views;

pub use client::{Nation, OneCity, OpenService, Options, ServiceFile};
pub use error::{OneCityError, PortError};
pub use gate::{GateDecision, OfflineGate};
pub use ports::{Clock, ConsentPrompt, ConsentQuestion, DeviceKeys, KeyUse, Observer, Ports, SecretStore, ServiceHost};

uniffi::setup_scaffolding!();
