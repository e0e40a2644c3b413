//! A turnstile that every traveller passes.

use onecity_protocol::credential::{Decision, Gate, GatePolicy, StatusListToken, UnixTime, WithoutStatus, sample};

use super::{Failed, Off, Outcome, region};
use crate::world::World;

/// A turnstile of Shandong: it has the trust list and the list of revoked passes, and no network.
pub(super) fn gate(world: &World, started: UnixTime) -> Result<Gate, Failed> {
    let failed = |why: String| Failed { step: "a gate".to_owned(), why };
    let shandong = region("cn-sd");
    let list = world.trust_list(&shandong).ok_or_else(|| failed("there is no trust list".to_owned()))?;
    let policy =
        GatePolicy { scope: Some(37), number: 1, ..GatePolicy::of_types([1], WithoutStatus::FailOpen { hours: 24 }) };
    let mut gate = Gate::new(list, policy, started);
    for status in world.status_lists(&shandong) {
        let token = StatusListToken::parse(&status).map_err(|error| failed(error.to_string()))?;
        gate.set_status_list(token, world.now()).map_err(|error| failed(error.to_string()))?;
    }
    Ok(gate)
}

pub(super) fn accepted(decision: &Decision) -> Result<(), Off> {
    match decision {
        Decision::Accepted(_) => Ok(()),
        Decision::AlreadyAccepted(_) => Err(Off("the gate has seen this code already".to_owned())),
        Decision::Refused(refusal) => Err(Off(format!("the gate refuses: {refusal}"))),
    }
}

/// It refuses what it should, each by its name.
pub(super) fn refusals(world: &World, used: &str, gate: &mut Gate) -> Outcome {
    let expect = |decision: Decision, name: &str| match decision {
        Decision::Refused(refusal) if refusal.name() == name => Ok(()),
        other => Err(Off(format!("{name} was expected, not {other:?}"))),
    };
    let now = world.now();
    expect(gate.check(used, now + 4), "replayed")?;
    match gate.check(&altered(used), now + 4) {
        Decision::Refused(_) => {}
        other => return Err(Off(format!("an altered code: {other:?}"))),
    }
    let stranger = sample::World::new()?.code_at(now)?;
    expect(gate.check(&stranger, now + 4), "unknown_issuer")?;
    let mut elsewhere = self::gate(world, now - 3600).map_err(|failed| Off(failed.why))?;
    expect(elsewhere.check(used, now + 91), "stale")?;
    Ok("replayed, altered, a stranger's, 91 seconds old: each by its name".to_owned())
}

/// The code with one character changed, so that it is still Base45.
fn altered(code: &str) -> String {
    let at = code.len() - 20;
    let other = if &code[at..=at] == "0" { "1" } else { "0" };
    format!("{}{other}{}", &code[..at], &code[at + 1..])
}
