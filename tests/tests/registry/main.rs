//! The registry as a phone lives with it: what it finds, which version opens, what it refuses.

mod attacks;
mod forged;
mod imported;
mod limits;
mod releases;
mod server;
mod sync;
mod takedown;
