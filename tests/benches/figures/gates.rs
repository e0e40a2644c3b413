//! What a gate costs, and a phone that shows a code.

use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::time::Instant;

use onecity_core::QrPicture;
use onecity_protocol::credential::{
    Audience, Claims, CredentialDraft, Decision, GatePolicy, PresentationDraft, PublicKey, Signature, StationKey,
    StatusArray, StatusClaims, StatusEntry, StatusList, StatusListDraft, StatusListToken, sample::World,
};
use qrcode::{EcLevel, QrCode};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

use crate::{ALLOCATED, Figure, against, median, micros, side_by_side, stated};

/// The second that the gates' figures play at.
const NOW: i64 = 1_800_000_000;

/// One raw signature check, as the reference.
struct Raw {
    key: PublicKey,
    message: [u8; 160],
    signature: Signature,
}

impl Raw {
    fn new(world: &World) -> Self {
        let message = [7; 160];
        let key = world.holder().public().expect("a key");
        Self { key, message, signature: world.holder().sign(&message).expect("signed") }
    }

    fn verify(&self) {
        self.key.verify(black_box(&self.message), &self.signature).expect("holds");
    }
}

const ROUNDS: usize = 2_000;
/// With the rounds that only warm up.
const ALL_ROUNDS: usize = ROUNDS + ROUNDS / 10;

fn second(round: usize) -> i64 {
    NOW + i64::try_from(round).expect("small")
}

/// A gate checks a code of a holder it has never seen: text to decision, with point decompression.
pub(crate) fn gate_check() -> Figure {
    let world = World::new().expect("keys");
    let codes: Vec<String> =
        (0..ALL_ROUNDS).map(|at| world.another(|_| ()).expect("keys").code_at(second(at)).expect("a code")).collect();
    let mut gate = world.gate(GatePolicy::any(), NOW - 3600).expect("a gate");
    let raw = Raw::new(&world);
    let times = side_by_side(
        ROUNDS,
        |round| assert!(gate.check(black_box(&codes[round]), second(round)).opens()),
        |_| {
            raw.verify();
            raw.verify();
        },
    );
    against("gate_check", "two raw ring P-256 verifications", 1.3, times)
}

/// The same for a holder whom the gate has seen before.
pub(crate) fn gate_check_known_holder() -> Figure {
    let world = World::new().expect("keys");
    let codes: Vec<String> = (0..ALL_ROUNDS).map(|at| world.code_at(second(at)).expect("a code")).collect();
    let mut gate = world.gate(GatePolicy::any(), NOW - 3600).expect("a gate");
    let raw = Raw::new(&world);
    let times = side_by_side(
        ROUNDS,
        |round| assert!(gate.check(black_box(&codes[round]), second(round)).opens()),
        |_| raw.verify(),
    );
    against("gate_check_known_holder", "one raw ring P-256 verification", 1.25, times)
}

/// A well-formed code of an issuer that nobody knows: everything is read, and no signature is checked.
pub(crate) fn gate_refuse_unsigned() -> Figure {
    let (world, stranger) = (World::new().expect("keys"), World::new().expect("keys"));
    let code = stranger.code_at(NOW).expect("a code");
    refusal("gate_refuse_unsigned", &world, &[code], "unknown_issuer", 0.08)
}

/// A code under a trusted issuer's name that the issuer did not sign.
pub(crate) fn gate_refuse_forged() -> Figure {
    let world = World::new().expect("keys");
    let code = |at: u64| {
        let claims = Claims { cti: at.to_be_bytes(), ..world.claims().clone() };
        let holder = world.holder().public().expect("a key");
        let draft = CredentialDraft::new(&claims, &holder, world.trusted_key().key.kid());
        let signature = world.holder().sign(draft.message()).expect("signed");
        let draft = PresentationDraft::new(&draft.sign(&signature), NOW, Audience::ANY, 0).expect("a draft");
        let signature = world.holder().sign(draft.message()).expect("signed");
        draft.sign(&signature)
    };
    let codes: Vec<String> = (0..200).map(code).collect();
    refusal("gate_refuse_forged", &world, &codes, "issuer_signature", 1.15)
}

fn refusal(name: &'static str, world: &World, codes: &[String], reason: &str, target: f64) -> Figure {
    let mut gate = world.gate(GatePolicy::any(), NOW - 3600).expect("a gate");
    let raw = Raw::new(world);
    // As in a flood: many in a row, so that neither finds the other's work in the caches.
    const FLOOD: u32 = 20;
    let (refused, verified) = side_by_side(
        ROUNDS / 10,
        |round| {
            for at in 0..FLOOD as usize {
                match gate.check(black_box(&codes[(round * 7 + at) % codes.len()]), NOW) {
                    Decision::Refused(refusal) => assert_eq!(refusal.name(), reason),
                    other => panic!("{other}"),
                }
            }
        },
        |_| (0..FLOOD).for_each(|_| raw.verify()),
    );
    let times = (refused / FLOOD, verified / FLOOD);
    against(name, "one raw ring P-256 verification", target, times)
}

/// A status list of a million entries of two bits, as a gate holds it.
fn status_list_1m(world: &World) -> StatusList {
    let mut statuses = StatusArray::new(2, 1_000_000).expect("two bits");
    for index in (0..1_000_000).step_by(997) {
        assert!(statuses.set(index, 1));
    }
    let uri = "https://issuer.example/status/3".to_owned();
    let claims = StatusClaims { uri, issued: NOW, expires: Some(NOW + 3600), ttl: None, statuses };
    let draft = StatusListDraft::new(&claims, world.trusted_key().key.kid());
    let signature = world.issuer().sign(draft.message()).expect("signed");
    let token = StatusListToken::parse(&draft.sign(&signature)).expect("a token");
    token.verify(&world.trust_list(), NOW).expect("a list")
}

/// One lookup in it.
pub(crate) fn status_lookup_1m() -> Figure {
    const LOOKUPS: u64 = 1_000_000;
    let list = status_list_1m(&World::new().expect("keys"));
    let rounds = (0..20).map(|_| {
        let began = Instant::now();
        let mut index = 1;
        for _ in 0..LOOKUPS {
            // A full-period walk through all entries, in no order that a cache could guess.
            index = (index * 421 + 54_773) % 1_000_000;
            black_box(list.status(StatusEntry { list: 3, index: black_box(index) }));
        }
        began.elapsed()
    });
    let value = micros(median(rounds.collect())) / LOOKUPS as f64;
    let value = (value * 10_000.0).round() / 10_000.0;
    stated("status_lookup_1m", value, "µs", Some(1.0))
}

/// What it takes in memory, against its bits alone.
pub(crate) fn status_memory_1m() -> Figure {
    const BITS: f64 = 2_000_000.0 / 8.0;
    let world = World::new().expect("keys");
    let before = ALLOCATED.load(Ordering::Relaxed);
    let list = black_box(status_list_1m(&world));
    let bytes = (ALLOCATED.load(Ordering::Relaxed) - before) as f64;
    drop(list);
    let ratio = bytes / BITS;
    Figure {
        name: "status_memory_1m",
        value: bytes,
        unit: "bytes",
        reference: Some("the raw bits"),
        ratio: Some((ratio * 1000.0).round() / 1000.0),
        target: Some(1.2),
        holds: Some(ratio <= 1.2),
    }
}

/// A gate's replay memory with a million live holders, for each. They come as another gate's passages, so that a
/// million signatures need not be made.
pub(crate) fn gate_memory_per_holder() -> Figure {
    const HOLDERS: u64 = 1_000_000;
    const BATCH: u64 = 50_000;
    let world = World::new().expect("keys");
    let key = StationKey::new(&[5; 32]);
    let mut gate = world.gate(GatePolicy { capacity: 4_000_000, ..GatePolicy::any() }, NOW - 3600).expect("a gate");
    let before = ALLOCATED.load(Ordering::Relaxed);
    for batch in 0..HOLDERS / BATCH {
        let passages = onecity_tests::station::passages(batch * BATCH..(batch + 1) * BATCH, NOW, &[5; 32]);
        assert_eq!(gate.learn_passages(&passages, &key, NOW), Ok(BATCH as usize));
    }
    assert_eq!(gate.remembered().0, HOLDERS as usize);
    let bytes = (ALLOCATED.load(Ordering::Relaxed) - before) as f64;
    stated("gate_memory_per_holder", (bytes / HOLDERS as f64).round(), "bytes", None)
}

/// A gate's memory of verified credentials, for each; it keeps the last hundred thousand.
pub(crate) fn gate_memory_per_known() -> Figure {
    const HOLDERS: usize = 3_500;
    let world = World::new().expect("keys");
    let codes: Vec<String> =
        (0..HOLDERS).map(|_| world.another(|_| ()).expect("keys").code_at(NOW).expect("a code")).collect();
    let mut gate = world.gate(GatePolicy::any(), NOW - 3600).expect("a gate");
    let before = ALLOCATED.load(Ordering::Relaxed);
    codes.iter().for_each(|code| assert!(gate.check(code, NOW).opens()));
    let bytes = (ALLOCATED.load(Ordering::Relaxed) - before) as f64;
    assert_eq!(gate.remembered(), (HOLDERS, HOLDERS));
    stated("gate_memory_per_known", (bytes / HOLDERS as f64).round(), "bytes", None)
}

/// From the phone's key to QR modules, without the QR encoder itself.
pub(crate) fn code_overhead() -> Figure {
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
