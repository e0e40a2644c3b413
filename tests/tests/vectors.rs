//! CQ1's published vectors: made again they are the same, and the gate decides each as they say.

use std::path::Path;

use onecity_protocol::credential::{Addressed, Decision, Gate, GatePolicy, StatusListToken, WithoutStatus};
use onecity_tests::vectors::{Shared, Vector, VectorFile, VectorGate, files};

fn kept(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/cq1").join(name);
    std::fs::read_to_string(path).expect("kept with the sources")
}

fn shared() -> Shared {
    serde_json::from_str(&kept("shared.json")).expect("JSON")
}

fn vectors() -> Vec<Vector> {
    let names = files().into_iter().map(|(name, _)| name).filter(|name| name != "shared.json");
    names.flat_map(|name| serde_json::from_str::<VectorFile>(&kept(&name)).expect("JSON").vectors).collect()
}

fn gate(shared: &Shared, own: &VectorGate) -> Gate {
    let without = match own.fail_open_hours {
        0 => WithoutStatus::FailClosed,
        hours => WithoutStatus::FailOpen { hours },
    };
    let addressed = match own.addressed.as_str() {
        "any_gate" => Addressed::AnyGate,
        "this_gate" => Addressed::ThisGate,
        "this_moment" => Addressed::ThisMoment,
        other => panic!("{other}"),
    };
    let policy = GatePolicy {
        scope: own.scope,
        number: own.number,
        addressed,
        purpose: own.purpose,
        interval: own.interval,
        ..GatePolicy::of_types(own.types.iter().copied(), without)
    };
    let mut gate = Gate::new(shared.trust_list.clone(), policy, own.started);
    for name in &own.status_lists {
        let token = hex::decode(&shared.status_lists[name]).expect("hex");
        // Some are offered to be refused: the codes tell.
        let _ = gate.set_status_list(StatusListToken::parse(&token).expect("a token"), own.started);
    }
    for (at, challenge) in &own.challenges {
        gate.challenge(*challenge, *at).expect("a gate with a number");
    }
    gate
}

#[test]
fn the_kept_vectors_are_those_that_the_command_makes() {
    for (name, text) in files() {
        assert_eq!(kept(&name), text, "{name}: run `cargo run -p onecity-tests --bin vectors`");
    }
}

#[test]
fn a_gate_decides_every_vector_as_published() {
    let shared = shared();
    let vectors = vectors();
    assert!(vectors.len() >= 120, "{}", vectors.len());
    let mut reasons = std::collections::BTreeSet::new();
    for vector in &vectors {
        let mut gate = gate(&shared, &vector.gate);
        for (number, step) in vector.steps.iter().enumerate() {
            let decision = gate.check(&step.code, step.at);
            let reason = match &decision {
                Decision::Refused(refusal) => Some(refusal.name()),
                _ => None,
            };
            assert_eq!(decision.name(), step.decision, "{}, step {number}: {decision}", vector.name);
            assert_eq!(reason, step.reason.as_deref(), "{}, step {number}", vector.name);
            reasons.extend(reason);
        }
    }
    assert_eq!(reasons.len(), 32, "every refusal there is, has a vector: {reasons:?}");
}
