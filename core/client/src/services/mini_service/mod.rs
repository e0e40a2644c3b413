//! An opened mini-service: its files for the shell's web view, and the bridge for its pages.
//!
//! ```text
//!   shell ── resource(path) ──> resources.rs   files, policies, ranges; whatever is not there is a 404
//!         ── call(json) ──────> calls.rs       every call of the page API, by what it needs
//!                                 ├ storage.rs   sealed values of its own
//!                                 ├ requests.rs  the city's back end: declared origins, kept answers, tokens
//!                                 └ hosted.rs    what the phone does for it: scan, locate, photo, share, pay
//!         ── lifecycle(event) ─> lifecycle.rs  launched, shown, hidden, unloaded (W3C MiniApp Lifecycle)
//! ```
//!
//! A page is a stranger: what it may do is the manifest's wish and the resident's consent together, and how much is
//! bounded (`limits.rs`).

mod calls;
mod hosted;
mod lifecycle;
mod limits;
mod requests;
mod resources;
mod session;
mod storage;
#[cfg(test)]
mod tests;

pub use lifecycle::Lifecycle;
pub use resources::{Header, Resource, ResourceRequest};
pub(crate) use session::MiniServices;
pub use session::{Launch, ServiceSession};
pub(crate) use storage::StoredValue;
