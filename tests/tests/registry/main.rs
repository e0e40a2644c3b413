//! The registry as a phone lives with it: what it finds, which version opens, what it refuses.

mod attacks;
mod imported;
mod releases;
mod server;
mod sync;
mod takedown;
