//! The UniFFI face of the core: what Kotlin, Swift and Python call. It exports the app, the façade and the gate, and
//! wraps the ports; the records, enums and errors are the core's own (their feature `uniffi`).
//!
//! ```text
//!   Kotlin ─┐                 ┌> OneCityApp ───────────> onecity_app::App
//!   Swift ──┼── UniFFI ───────┼> OneCity, OpenService ─> onecity_core::Client
//!   Python ─┘   <── ports ────┴> OfflineGate
//! ```
//!
//! The example that is tested is in each language's own tests: `bindings/kotlin` and `bindings/python`.

mod app;
mod background;
mod client;
mod gate;
mod ports;

use onecity_core::{RegionId, ServiceId};

pub use app::{AppPorts, OneCityApp, Shell};
pub use background::end;
pub use client::{OneCity, OpenService, Options, RunningTask};
pub use gate::{CodeAddress, GateDecision, OfflineGate, OfflineGatePolicy};
pub use ports::{
    Clock, CodeListener, ConsentPrompt, CreatedKey, DeviceKeys, Observer, PortError, Ports, ProgressListener,
    SecretStore, ServiceHost,
};

uniffi::setup_scaffolding!();

// Declared in the core, once: a type that two components declare can't be used in Swift.
uniffi::use_remote_type!(onecity_core::RegionId);
uniffi::use_remote_type!(onecity_core::ServiceId);
