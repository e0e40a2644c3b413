//! The figures: each measured against a named reference in the same run, so that a slow or busy machine changes both.
//!
//! `cargo bench -p onecity-tests --bench figures` prints a Markdown table; `-- --json` one JSON line a figure;
//! `-- --only NAME` one figure.

#![expect(clippy::print_stdout, reason = "it prints figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use clap::Parser;
use mock_server::{Server, WorldOptions};
use onecity_core::{Client, ClientConfig, QrPicture, platform::software};
use onecity_protocol::credential::{
    Audience, Decision, GatePolicy, PresentationDraft, PublicKey, Signature, sample::World,
};
use qrcode::{EcLevel, QrCode};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde::Serialize;

/// Measure the project's figures.
#[derive(Parser)]
struct Cli {
    /// Print one JSON line a figure.
    #[arg(long)]
    json: bool,
    /// Measure this figure alone.
    #[arg(long)]
    only: Option<String>,
    /// What `cargo bench` passes along.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One figure, as later tools read it.
#[derive(Serialize)]
struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    /// What was measured beside it in the same run.
    reference: Option<&'static str>,
    ratio: Option<f64>,
    target: Option<f64>,
    holds: Option<bool>,
}

type Measure = fn() -> Figure;

const FIGURES: [(&str, Measure); 3] =
    [("gate_check", gate_check), ("code_overhead", code_overhead), ("cold_start_home", cold_start_home)];

fn main() {
    let cli = Cli::parse();
    let wanted = |name: &str| cli.only.as_deref().is_none_or(|only| only == name);
    let figures = FIGURES.iter().filter(|(name, _)| wanted(name)).map(|(_, measure)| measure());
    if cli.json {
        figures.for_each(|figure| println!("{}", serde_json::to_string(&figure).expect("plain JSON")));
        return;
    }
    println!("| figure | value | reference | ratio | target | holds |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for figure in figures {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        println!(
            "| {} | {:.1} {} | {} | {} | {} | {} |",
            figure.name,
            figure.value,
            figure.unit,
            figure.reference.unwrap_or("–"),
            or_dash(figure.ratio.map(|ratio| format!("{ratio:.2}"))),
            or_dash(figure.target.map(|target| format!("≤ {target}"))),
            or_dash(figure.holds.map(|holds| if holds { "yes" } else { "no" }.to_owned())),
        );
    }
}

/// The medians of two pieces of work, measured turn by turn so that a disturbance meets both.
fn side_by_side(rounds: usize, mut one: impl FnMut(usize), mut other: impl FnMut(usize)) -> (Duration, Duration) {
    let (mut ones, mut others) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    let time = |work: &mut dyn FnMut(usize), round: usize| {
        let began = Instant::now();
        work(round);
        began.elapsed()
    };
    for round in 0..rounds / 10 {
        one(round);
        other(round);
    }
    for round in rounds / 10..rounds + rounds / 10 {
        ones.push(time(&mut one, round));
        others.push(time(&mut other, round));
    }
    (median(ones), median(others))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn against(name: &'static str, reference: &'static str, target: f64, (value, beside): (Duration, Duration)) -> Figure {
    let ratio = value.as_secs_f64() / beside.as_secs_f64();
    Figure {
        name,
        value: (micros(value) * 10.0).round() / 10.0,
        unit: "µs",
        reference: Some(reference),
        ratio: Some((ratio * 1000.0).round() / 1000.0),
        target: Some(target),
        holds: Some(ratio <= target),
    }
}

/// A gate checks a code it has never seen: text to decision, with point decompression.
fn gate_check() -> Figure {
    const NOW: i64 = 1_800_000_000;
    const ROUNDS: usize = 2_000;
    let world = World::new().expect("keys");
    let codes: Vec<String> =
        (0..(ROUNDS + ROUNDS / 10)).map(|at| world.code_at(NOW + at as i64).expect("a code")).collect();
    let mut gate = world.gate(GatePolicy::any(), NOW - 3600).expect("a gate");
    let message = [7; 160];
    let key = world.holder().public().expect("a key");
    let signature = world.holder().sign(&message).expect("signed");
    let verify = |key: &PublicKey, signature: &Signature| key.verify(black_box(&message), signature).expect("holds");
    let times = side_by_side(
        ROUNDS,
        |round| {
            let decision = gate.check(black_box(&codes[round]), NOW + round as i64);
            assert!(matches!(decision, Decision::Accepted(_)));
        },
        |_| {
            verify(&key, &signature);
            verify(&key, &signature);
        },
    );
    against("gate_check", "two raw ring P-256 verifications", 1.3, times)
}

/// From the phone's key to QR modules, without the QR encoder itself.
fn code_overhead() -> Figure {
    const NOW: i64 = 1_800_000_000;
    let world = World::new().expect("keys");
    // As a device's key store does it: a DER signature, whose s the core brings to its lower half.
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key");
    let sign = |message: &[u8]| key.sign(&random, message).expect("signed");
    let text = world.code_at(NOW).expect("a code");
    let encode = |text: &str| QrCode::with_error_correction_level(text, EcLevel::L).expect("short enough").to_colors();
    let colors = encode(&text);
    let width = QrCode::with_error_correction_level(&text, EcLevel::L).expect("short enough").width();
    let times = side_by_side(
        2_000,
        |round| {
            let draft = PresentationDraft::new(black_box(world.credential()), NOW + round as i64, Audience::ANY, 0)
                .expect("a draft");
            let signature = Signature::from_der(sign(draft.message()).as_ref()).expect("a signature");
            black_box(draft.sign(&signature));
            black_box(QrPicture::of_modules(black_box(&colors), width));
        },
        |_| {
            black_box(sign(black_box(&[7; 300])));
        },
    );
    against("code_overhead", "one raw P-256 signature", 1.5, times)
}

/// Open both files and show the home screen of a city, as at the start of the app.
fn cold_start_home() -> Figure {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let platform = software::platform();
    let config = ClientConfig {
        folder: folder.path().to_owned(),
        languages: vec!["zh".to_owned()],
        allow_loopback: true,
        ..ClientConfig::default()
    };
    let jinan = "cn-sd/jinan".parse().expect("a region");
    let config = runtime.block_on(async {
        let server = Server::start(WorldOptions::default()).await.expect("a world");
        let world = server.world();
        let config = ClientConfig { nations: world.anchors().expect("anchors"), ..config };
        let client = Client::open(config.clone(), platform.clone()).expect("a phone");
        client.sync(&jinan).await.expect("synced");
        tokio::task::spawn_blocking(move || client.close()).await.expect("closed");
        server.stop().await;
        config
    });
    let times = (0..60)
        .map(|_| {
            let began = Instant::now();
            let client = Client::open(config.clone(), platform.clone()).expect("a phone");
            let home = runtime.block_on(client.home(&jinan)).expect("a home screen");
            let took = began.elapsed();
            assert!(!home.services.is_empty());
            client.close();
            took
        })
        .collect();
    Figure {
        name: "cold_start_home",
        value: (micros(median(times)) / 100.0).round() / 10.0,
        unit: "ms",
        reference: None,
        ratio: None,
        target: None,
        holds: None,
    }
}
