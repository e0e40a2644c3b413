//! The world as a tester controls it: over HTTP, with phones and other clients in it.

mod connections;
mod controls;
mod faults;
mod gates;
mod journal;
mod kit;
mod stubs;
mod worlds;
