//! Phones of the world: the real core with software keys in a temporary folder.
//!
//! ```text
//!   client.rs     a phone without screens: the core's client, and a resident who uses the system browser
//!   app.rs        a phone with the app's screens, for a shell or a resident
//!   browser/      the same for a page in a browser, which paints it (mock-server/phone)
//!   resident.rs   somebody who looks at those screens and touches them
//! ```

mod app;
pub(crate) mod browser;
mod client;
mod resident;

pub use app::AppPhone;
pub use client::{Phone, PhoneError};
pub use resident::{Resident, Unseen};
