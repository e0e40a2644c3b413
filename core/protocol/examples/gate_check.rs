//! How long a gate takes to check a code of a holder it has never seen: the median, in nanoseconds. The figure
//! `library_gate_check` compares two builds of this program.
//!
//! ```text
//! cargo run --release -p onecity-protocol --example gate_check
//! ```

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::hint::black_box;
use std::time::Instant;

use onecity_protocol::credential::{GatePolicy, sample::World};

const NOW: i64 = 1_800_000_000;
const CHECKS: i64 = 500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let world = World::new()?;
    let mut gate = world.gate(GatePolicy::any(), NOW - 3600)?;
    let mut times = Vec::new();
    for now in NOW..NOW + CHECKS {
        let code = world.another(|_| ())?.code_at(now)?;
        let began = Instant::now();
        let decision = gate.check(black_box(&code), now);
        times.push(began.elapsed());
        assert!(decision.opens(), "{decision:?}");
    }
    times.sort_unstable();
    println!("{}", times[times.len() / 2].as_nanos());
    Ok(())
}
