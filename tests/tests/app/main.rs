//! The app's screens as a resident goes through them: what is written there, touched and come back to.

mod announced;
mod blocked;
mod browser;
mod chromium;
#[path = "../phone/everything.rs"]
mod everything;
mod first_start;
mod home;
mod hostile;
mod kit;
mod language;
mod login;
mod passes;
mod search;
mod service;
mod state;
mod waiting;
