//! Journeys across crates, and the benchmark of figures. Everything of interest is in `tests/` (what a resident, a
//! city or an attacker sees) and `benches/figures/` (what is measured).
//!
//! ```text
//!   tests/journey.rs     the whole story, as the README's first command tells it
//!   tests/registry/      how a phone lives with the registry, and what attackers do not get
//!   tests/bad_input.rs   what must be refused by name, and lose nothing
//!   tests/phone/         what the phone keeps and runs: accounts, tokens, answers, outbox, documents, pages, files
//!   tests/app/           the app's screens as a resident goes through them
//!   tests/crash.rs       a store that is ended at any moment, or has no room; src/bin/crash.rs is what is ended
//!   tests/old_files.rs   files of every schema; tests/phone/old_phone.rs opens a phone with every kind of record
//!   tests/vectors.rs     CQ1's published vectors, at the gate and through cameras
//!   vectors/             the vectors; src/vectors.rs makes CQ1's; a small registry that fuzzing begins with
//!   fuzz/                what is thrown at the parsers, and what was kept of it
//!   benches/figures/     the figures, each against a reference in the same run
//!   run                  everything that CI runs
//! ```

#![forbid(unsafe_code)]

pub mod chromium;
pub mod crash;
pub mod old_files;
pub mod parsers;
pub mod station;
pub mod vectors;
