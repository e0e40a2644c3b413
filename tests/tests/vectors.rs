//! CQ1's published vectors: made again they are the same, and the gate decides each as they say.

use std::path::Path;
use std::process::Command;

use onecity_core::QrPicture;
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
    let names = files().into_iter().map(|(name, _)| name);
    // Each file as it is kept; those that hold no vectors read as none.
    names
        .filter_map(|name| serde_json::from_str::<VectorFile>(&kept(&name)).ok())
        .flat_map(|file| file.vectors)
        .collect()
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

/// The codes that a camera meets: all vectors' texts in QR's alphanumeric characters, each once.
fn shown() -> Vec<String> {
    let alphanumeric = |text: &String| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || " $%*+-./:".contains(c))
    };
    let codes = vectors().into_iter().flat_map(|vector| vector.steps).map(|step| step.code).filter(alphanumeric);
    codes.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

#[test]
fn two_decoders_read_every_vector_s_picture() {
    let codes = shown();
    assert!(codes.len() >= 100, "{}", codes.len());
    for code in codes {
        let picture = QrPicture::of(&code).expect("it fits");
        let png = mock_server::png(&picture, 4).expect("drawn");
        assert_eq!(mock_server::read(&png).expect("rqrr reads it"), code);
        let image = image::load_from_memory(&png).expect("a picture").to_luma8();
        let (width, height) = image.dimensions();
        let format = Some(rxing::BarcodeFormat::QR_CODE);
        let read = rxing::helpers::detect_in_luma(image.into_raw(), width, height, format);
        assert_eq!(read.expect("rxing reads it").getText(), code);
        if let Ok(presentation) = onecity_protocol::credential::Presentation::parse(&code) {
            assert!((picture.width - 17) / 4 <= 12, "{presentation:?}");
        }
    }
}

#[test]
#[ignore = "needs zbarimg (Debian's zbar-tools); tests/run installs it and runs this"]
fn a_third_decoder_reads_them_too() {
    let folder = tempfile::tempdir().expect("a folder");
    for (at, code) in shown().into_iter().enumerate() {
        let path = folder.path().join(format!("{at}.png"));
        std::fs::write(&path, mock_server::png(&QrPicture::of(&code).expect("it fits"), 4).expect("drawn"))
            .expect("written");
        let output = Command::new("zbarimg").args(["--raw", "--quiet"]).arg(&path).output().expect("zbarimg runs");
        let read = String::from_utf8(output.stdout).expect("text");
        assert_eq!(read.trim_end_matches('\n'), code.trim_end_matches('\n'));
    }
}
