//! The browser phone in real Chromium: a resident's journeys by touches, keys and an input method, and what can be measured of
//! every screen. Run by `tests/run`, which installs Chromium.

mod browser;
mod dashboard;
mod journeys;
mod screens;
mod services;
