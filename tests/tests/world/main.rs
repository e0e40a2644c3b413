//! The world as a tester controls it: over HTTP, with phones and other clients in it.

mod capsule;
mod clock;
mod connections;
mod content;
mod controls;
mod faults;
mod gates;
mod journal;
mod kit;
mod reports;
mod state;
mod stubs;
mod tls;
mod worlds;
