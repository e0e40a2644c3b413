//! The gate, attacked and used.

use super::super::sample::World;
use super::super::{CredentialDraft, PresentationDraft, Signature, StatusArray, TrustedKey};
use super::*;

const NOW: UnixTime = 1_800_000_000;
const NEVER: UnixTime = 9_999_999_999;

fn policy() -> GatePolicy {
    GatePolicy { scope: Some(37), number: 7, ..GatePolicy::of_types([1], WithoutStatus::FailClosed) }
}

fn gate(world: &World) -> Gate {
    world.gate(policy(), NOW - 600).expect("a gate")
}

fn token(bytes: &[u8]) -> StatusListToken {
    StatusListToken::parse(bytes).expect("a token")
}

fn accepted(gate: &mut Gate, code: &str, now: UnixTime) {
    let decision = gate.check(code, now);
    assert!(decision.opens(), "{decision}");
}

fn refused(gate: &mut Gate, code: &str, now: UnixTime) -> &'static str {
    match gate.check(code, now) {
        Decision::Refused(refusal) => refusal.name(),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn a_turnstile_opens_once_for_a_fresh_code() {
    let world = World::new().expect("keys");
    let mut gate = gate(&world);
    let code = world.code_at(NOW).expect("a code");
    accepted(&mut gate, &code, NOW + 1);
    assert_eq!(gate.check(&code, NOW + 3).name(), "already_accepted");
    assert_eq!(refused(&mut gate, &code, NOW + 5), "replayed");
    accepted(&mut gate, &world.code_at(NOW + 6).expect("a code"), NOW + 6);
    assert_eq!(gate.remembered(), (1, 1));
}

#[test]
fn a_turnstile_refuses_a_screenshot_taken_91_seconds_ago() {
    let world = World::new().expect("keys");
    let code = world.code_at(NOW).expect("a code");
    assert_eq!(refused(&mut gate(&world), &code, NOW + 61), "stale");
    assert_eq!(refused(&mut gate(&world), &code, NOW + 91), "stale");
    accepted(&mut gate(&world), &code, NOW + 60);
    assert_eq!(refused(&mut gate(&world), &code, NOW - 31), "from_the_future");
    // Even from a phone whose clock is fast by the whole skew, a code is dead after 91 seconds.
    let fast = world.code_at(NOW + 30).expect("a code");
    assert_eq!(refused(&mut gate(&world), &fast, NOW + 91), "stale");
}

#[test]
fn a_phone_whose_clock_is_an_hour_off_is_told_so_both_ways() {
    let world = World::new().expect("keys");
    assert_eq!(refused(&mut gate(&world), &world.code_at(NOW + 3600).expect("a code"), NOW), "from_the_future");
    assert_eq!(refused(&mut gate(&world), &world.code_at(NOW - 3600).expect("a code"), NOW), "stale");
}

#[test]
fn a_clock_turned_back_to_use_a_code_again_gets_nowhere() {
    let world = World::new().expect("keys");
    let mut gate = gate(&world);
    accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
    // A phone restored from a copy, or with its clock turned back, signs an older second again.
    assert_eq!(refused(&mut gate, &world.code_at(NOW).expect("a code"), NOW + 10), "replayed");
    assert_eq!(refused(&mut gate, &world.code_at(NOW - 5).expect("a code"), NOW + 10), "replayed");
    // The gate's own clock turned back makes no old code good again.
    assert_eq!(refused(&mut gate, &world.code_at(NOW - 80).expect("a code"), NOW - 80), "stale");
}

#[test]
fn a_turnstile_refuses_a_stranger_and_an_altered_code() {
    let world = World::new().expect("keys");
    let stranger = World::new().expect("keys");
    let code = stranger.code_at(NOW).expect("a code");
    assert_eq!(refused(&mut gate(&world), &code, NOW), "unknown_issuer");

    let bytes = base45::decode(&world.code_at(NOW).expect("a code")[4..]).expect("Base45");
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let altered = format!("CQ1:{}", base45::encode(&altered));
        assert!(matches!(gate(&world).check(&altered, NOW), Decision::Refused(_)), "byte {at}");
    }
    for cut in 0..bytes.len() {
        let cut = format!("CQ1:{}", base45::encode(&bytes[..cut]));
        assert!(matches!(gate(&world).check(&cut, NOW), Decision::Refused(Refusal::Malformed(_))));
    }
}

#[test]
fn a_credential_copied_without_the_phone_s_key_opens_nothing() {
    let world = World::new().expect("keys");
    let thief = World::new().expect("keys");
    let stolen = world.code_signed_by(&thief, NOW).expect("a code");
    assert_eq!(refused(&mut gate(&world), &stolen, NOW), "holder_signature");
}

#[test]
fn a_gate_that_lost_its_memory_refuses_what_it_may_have_accepted() {
    let world = World::new().expect("keys");
    let code = world.code_at(NOW).expect("a code");
    accepted(&mut gate(&world), &code, NOW);
    let mut rebooted = world.gate(policy(), NOW + 2).expect("a gate");
    assert_eq!(refused(&mut rebooted, &code, NOW + 3), "before_memory");
    // A phone a full skew fast had its code accepted before the reboot.
    let fast = world.code_at(NOW + 30).expect("a code");
    assert_eq!(refused(&mut rebooted, &fast, NOW + 3), "before_memory");
    accepted(&mut rebooted, &world.code_at(NOW + 33).expect("a code"), NOW + 33);
}

#[test]
fn two_gates_of_a_station_know_what_each_other_accepted() {
    let world = World::new().expect("keys");
    let key = StationKey::new(&[9; 32]);
    let (mut east, mut west) = (gate(&world), gate(&world));
    let code = world.code_at(NOW).expect("a code");
    accepted(&mut east, &code, NOW);
    let passages = east.passages(NOW - 5, &key);
    assert_eq!(west.learn_passages(&passages, &key, NOW + 1), Ok(1));
    assert_eq!(west.learn_passages(&passages, &key, NOW + 1), Ok(0));
    assert_eq!(refused(&mut west, &code, NOW + 10), "replayed");
    accepted(&mut west, &world.code_at(NOW + 11).expect("a code"), NOW + 11);
    assert_eq!(east.passages(NOW + 1, &key), west.passages(NOW + 12, &key), "nothing since then");

    let other = StationKey::new(&[8; 32]);
    assert_eq!(west.learn_passages(&passages, &other, NOW + 1), Err(SnapshotError::WrongKey));
    let mut altered = passages.clone();
    altered[30] ^= 1;
    assert!(west.learn_passages(&altered, &key, NOW + 1).is_err());
    for cut in 0..passages.len() {
        assert!(west.learn_passages(&passages[..cut], &key, NOW + 1).is_err());
    }
}

#[test]
fn memory_stays_bounded_under_a_flood_and_no_code_opens_twice() {
    let world = World::new().expect("keys");
    let mut gate = world.gate(GatePolicy { capacity: 20, ..policy() }, NOW - 600).expect("a gate");
    let holders: Vec<World> = (0..50).map(|_| world.another(|_| ()).expect("keys")).collect();
    let codes: Vec<String> = holders.iter().map(|holder| holder.code_at(NOW).expect("a code")).collect();
    let (mut in_time, mut asked_again) = (0, 0);
    for code in &codes {
        match gate.check(code, NOW) {
            Decision::Accepted(_) => in_time += 1,
            Decision::Refused(Refusal::BeforeMemory) => asked_again += 1,
            other => panic!("{other}"),
        }
        assert!(gate.remembered().0 <= 20);
    }
    assert_eq!((in_time, asked_again), (21, 29), "what is forgotten raises the floor");
    for code in &codes {
        assert!(matches!(gate.check(code, NOW + 5), Decision::Refused(_)), "none opens twice");
    }
    for holder in &holders[..10] {
        accepted(&mut gate, &holder.code_at(NOW + 6).expect("a code"), NOW + 6);
    }
}

#[test]
fn passages_are_forgotten_once_their_codes_are_dead() {
    let world = World::new().expect("keys");
    let mut gate = gate(&world);
    let slow = world.another(|claims| claims.window = 120).expect("keys");
    accepted(&mut gate, &slow.code_at(NOW).expect("a code"), NOW);
    let other = world.another(|_| ()).expect("keys");
    for later in (0..600).step_by(15) {
        let fresh = other.code_at(NOW + later).expect("a code");
        accepted(&mut gate, &fresh, NOW + later);
        let old = refused(&mut gate, &slow.code_at(NOW).expect("a code"), NOW + later);
        assert_eq!(old, if later <= 150 { "replayed" } else { "stale" }, "{later}");
    }
    assert_eq!(gate.remembered().0, 1, "only who passed lately is remembered");
}

#[test]
fn ten_thousand_forged_holders_leave_no_trace_and_nobody_waits_outside() {
    let world = World::new().expect("keys");
    let mut gate = gate(&world);
    accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
    let before = gate.remembered();
    let forger = World::new().expect("keys");
    let kid = world.trusted_key().key.kid();
    for at in 0..10_000_u64 {
        // Under the issuer's own kid, so that each costs the gate a signature check.
        let mut claims = world.claims().clone();
        claims.cti = at.to_be_bytes();
        let draft = CredentialDraft::new(&claims, &forger.holder().public().expect("a key"), kid);
        let signature = Signature::from_raw(&[0x11; 64]).expect("64 bytes");
        let credential = draft.sign(&signature);
        let draft = PresentationDraft::new(&credential, NOW, Audience::ANY, 0).expect("a draft");
        let code = draft.sign(&signature);
        assert_eq!(refused(&mut gate, &code, NOW), "issuer_signature");
    }
    assert_eq!(gate.remembered(), before);
    accepted(&mut gate, &world.code_at(NOW + 1).expect("a code"), NOW + 1);
}

#[test]
fn a_pass_of_another_scope_or_type_stays_outside() {
    let world = World::new().expect("keys");
    let check =
        |policy: GatePolicy, code: &str| refused(&mut world.gate(policy, NOW - 600).expect("a gate"), code, NOW);
    let code = world.code_at(NOW).expect("a code");
    assert_eq!(check(GatePolicy { scope: Some(99), ..policy() }, &code), "wrong_scope");
    assert_eq!(check(GatePolicy::of_types([2], WithoutStatus::FailClosed), &code), "wrong_type");
}

#[test]
fn an_issuer_s_key_is_good_for_its_own_types_scopes_and_time_alone() {
    let world = World::new().expect("keys");
    let parking = world.another(|claims| claims.pass_type = 2).expect("keys");
    let elsewhere = world.another(|claims| claims.scopes = vec![37, 38]).expect("keys");
    let mut gate = world.gate(GatePolicy::any(), NOW - 600).expect("a gate");
    assert_eq!(refused(&mut gate, &parking.code_at(NOW).expect("a code"), NOW), "issuer_not_allowed");
    assert_eq!(refused(&mut gate, &elsewhere.code_at(NOW).expect("a code"), NOW), "issuer_not_allowed");
    let retired = TrustedKey { not_after: world.claims().issued, ..world.trusted_key() };
    gate.set_trust_list(World::trust_list_of(vec![retired]));
    assert_eq!(refused(&mut gate, &world.code_at(NOW).expect("a code"), NOW), "issuer_not_allowed");
}

#[test]
fn passes_from_before_and_after_their_time_are_refused() {
    let world = World::new().expect("keys");
    let early = world.another(|claims| claims.issued = NOW + 31).expect("keys");
    let late = world.another(|claims| claims.expires = NOW).expect("keys");
    assert_eq!(refused(&mut gate(&world), &early.code_at(NOW).expect("a code"), NOW), "not_yet_valid");
    assert_eq!(refused(&mut gate(&world), &late.code_at(NOW).expect("a code"), NOW), "expired");
}

#[test]
fn a_withdrawn_key_is_refused_at_the_next_refresh_and_a_rotated_one_keeps_its_holders() {
    let (old, new) = (World::new().expect("keys"), World::new().expect("keys"));
    let mut gate = gate(&old);
    accepted(&mut gate, &old.code_at(NOW).expect("a code"), NOW);
    let rotated = TrustedKey { not_after: NOW, ..old.trusted_key() };
    gate.set_trust_list(World::trust_list_of(vec![rotated, new.trusted_key()]));
    accepted(&mut gate, &old.code_at(NOW + 1).expect("a code"), NOW + 1);
    accepted(&mut gate, &new.code_at(NOW + 1).expect("a code"), NOW + 1);
    gate.set_trust_list(new.trust_list());
    assert_eq!(refused(&mut gate, &old.code_at(NOW + 2).expect("a code"), NOW + 2), "unknown_issuer");
    // What the withdrawn key said of revocations counts for nothing either, and an older list does not come back.
    assert_eq!(refused(&mut gate, &new.code_at(NOW + 2).expect("a code"), NOW + 2), "status_unknown");
    let older = new.status_list(NOW - 700, NEVER, |_| ()).expect("a list");
    assert!(matches!(gate.set_status_list(token(&older), NOW + 2), Err(StatusListError::Older { .. })));
    let list = new.status_list(NOW + 2, NEVER, |_| ()).expect("a list");
    gate.set_status_list(token(&list), NOW + 2).expect("a list of the new key");
    accepted(&mut gate, &new.code_at(NOW + 2).expect("a code"), NOW + 2);
}

#[test]
fn revoked_and_suspended_passes_are_refused_until_they_stand_again() {
    let world = World::new().expect("keys");
    let mut gate = gate(&world);
    accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
    let index = world.claims().status.index;
    for (later, value, reason) in [(1, 2, "suspended"), (2, 1, "revoked"), (3, 3, "status_unknown")] {
        let list = world.status_list(NOW + later, NEVER, |all| assert!(all.set(index, value))).expect("a list");
        gate.set_status_list(token(&list), NOW + later).expect("newer");
        assert_eq!(refused(&mut gate, &world.code_at(NOW + later).expect("a code"), NOW + later), reason);
    }
    let list = world.status_list(NOW + 4, NEVER, |_| ()).expect("a list");
    gate.set_status_list(token(&list), NOW + 4).expect("newer");
    accepted(&mut gate, &world.code_at(NOW + 4).expect("a code"), NOW + 4);
    let old = world.status_list(NOW, NEVER, |_| ()).expect("a list");
    let refused = gate.set_status_list(token(&old), NOW + 5).expect_err("older");
    assert_eq!(refused, StatusListError::Older { seen: NOW + 4, offered: NOW });
}

#[test]
fn a_clinic_closes_on_an_outdated_status_list_and_a_turnstile_stays_open_for_its_hours() {
    let world = World::new().expect("keys");
    let index = world.claims().status.index;
    let revoked = world.another(|claims| claims.status.index += 1).expect("keys");
    let list = world.status_list(NOW - 7200, NOW, |all| assert!(all.set(index + 1, 1))).expect("a list");
    let with = |without| {
        let mut gate = Gate::new(world.trust_list(), GatePolicy::of_types([1], without), NOW - 600);
        gate.set_status_list(token(&list), NOW - 600).expect("a list");
        gate
    };
    let code = |world: &World, at| world.code_at(at).expect("a code");
    let mut clinic = with(WithoutStatus::FailClosed);
    accepted(&mut clinic, &code(&world, NOW - 1), NOW - 1);
    assert_eq!(refused(&mut clinic, &code(&world, NOW), NOW), "status_stale");
    let mut turnstile = with(WithoutStatus::FailOpen { hours: 2 });
    match turnstile.check(&code(&world, NOW + 7199), NOW + 7199) {
        Decision::Accepted(admission) => assert!(admission.status_unchecked),
        other => panic!("{other}"),
    }
    // Revoked is revoked, however old the list.
    assert_eq!(refused(&mut turnstile, &code(&revoked, NOW + 7199), NOW + 7199), "revoked");
    assert_eq!(refused(&mut turnstile, &code(&world, NOW + 7200), NOW + 7200), "status_stale");
    let mut forever = with(WithoutStatus::FailOpen { hours: 255 });
    assert_eq!(refused(&mut forever, &code(&world, NOW + 86_400), NOW + 86_400), "status_stale");

    // A gate that never had a list counts from its own start.
    let mut new = Gate::new(world.trust_list(), GatePolicy::any(), NOW - 600);
    assert_eq!(refused(&mut new, &code(&world, NOW), NOW), "status_unknown");
    let open = GatePolicy::of_types([1], WithoutStatus::FailOpen { hours: 1 });
    accepted(&mut Gate::new(world.trust_list(), open, NOW - 600), &code(&world, NOW), NOW);
}

#[test]
fn switching_a_turnstile_off_and_on_gives_it_no_new_hours_without_a_list() {
    let world = World::new().expect("keys");
    let open = GatePolicy::of_types([1], WithoutStatus::FailOpen { hours: 1 });
    let mut gate = Gate::new(world.trust_list(), open, NOW - 600);
    gate.without_status_since(NOW - 3600);
    assert_eq!(refused(&mut gate, &world.code_at(NOW).expect("a code"), NOW), "status_unknown");
}

#[test]
fn an_issuer_that_hands_out_ever_new_lists_does_not_fill_the_gate() {
    let world = World::new().expect("keys");
    let mut gate = gate(&world);
    let mut taken = 0;
    for number in 10..200 {
        let other = world.another(|claims| claims.status.list = number).expect("keys");
        let list = other.status_list(NOW, NEVER, |_| ()).expect("a list");
        match gate.set_status_list(token(&list), NOW) {
            Ok(()) => taken += 1,
            Err(refused) => assert_eq!(refused, StatusListError::TooMany),
        }
    }
    assert_eq!(taken, MAX_LISTS - 1, "one was there");
    accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
}

#[test]
fn an_issuer_that_changes_its_name_lets_no_code_open_twice() {
    let world = World::new().expect("keys");
    let open = GatePolicy::of_types([1], WithoutStatus::FailOpen { hours: 1 });
    let mut gate = Gate::new(world.trust_list(), open, NOW - 600);
    let code = world.code_at(NOW).expect("a code");
    accepted(&mut gate, &code, NOW);
    let renamed = TrustedKey { issuer: "https://new.example".to_owned(), ..world.trusted_key() };
    gate.set_trust_list(World::trust_list_of(vec![renamed]));
    assert_eq!(refused(&mut gate, &code, NOW + 5), "before_memory");
    accepted(&mut gate, &world.code_at(NOW + 31).expect("a code"), NOW + 31);
}

#[test]
fn a_clock_beyond_all_bounds_breaks_nothing() {
    let world = World::new().expect("keys");
    let mut gate = gate(&world);
    let code = world.code_at(NOW).expect("a code");
    assert_eq!(refused(&mut gate, &code, i64::MIN), "from_the_future");
    assert_eq!(refused(&mut gate, &code, i64::MAX), "expired");
}

#[test]
fn a_status_list_of_another_issuer_or_address_or_time_counts_for_nothing() {
    let (world, other) = (World::new().expect("keys"), World::new().expect("keys"));
    let theirs = TrustedKey { issuer: "https://other.example".to_owned(), ..other.trusted_key() };
    let mut gate = Gate::new(
        World::trust_list_of(vec![world.trusted_key(), theirs]),
        GatePolicy::of_types([1], WithoutStatus::FailClosed),
        NOW - 600,
    );
    let index = world.claims().status.index;
    // Another issuer of the same trust list vouches, under its own key, for this issuer's list.
    let list = other.status_list(NOW, NEVER, |_| ()).expect("a list");
    gate.set_status_list(token(&list), NOW).expect("a list of its own");
    assert_eq!(refused(&mut gate, &world.code_at(NOW).expect("a code"), NOW), "status_unknown");
    let list = world.status_list(NOW, NEVER, |_| ()).expect("a list");
    gate.set_status_list(token(&list), NOW).expect("a list");
    accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
    let list = other.status_list(NOW + 1, NEVER, |all| assert!(all.set(index, 1))).expect("a list");
    gate.set_status_list(token(&list), NOW + 1).expect("a list of its own");
    accepted(&mut gate, &world.code_at(NOW + 1).expect("a code"), NOW + 1);

    let stranger = World::new().expect("keys").status_list(NOW, NEVER, |_| ()).expect("a list");
    assert_eq!(gate.set_status_list(token(&stranger), NOW), Err(StatusListError::Signature));
    let future = world.status_list(NOW + 99, NEVER, |_| ()).expect("a list");
    assert_eq!(gate.set_status_list(token(&future), NOW), Err(StatusListError::FromTheFuture));
    let mut cut = world.status_list(NOW, NEVER, |_| ()).expect("a list");
    cut.truncate(cut.len() - 1);
    assert!(StatusListToken::parse(&cut).is_err());
    let credential = StatusListToken::parse(world.credential()).expect_err("no list");
    assert_eq!(credential, StatusListError::Type);
}

#[test]
fn keys_whose_short_names_collide_are_each_tried() {
    let (world, other) = (World::new().expect("keys"), World::new().expect("keys"));
    // Four bytes are forged easily enough; here the list itself is made to hold two keys under one name.
    let mut trust = World::trust_list_of(vec![other.trusted_key(), world.trusted_key()]);
    trust.rename_all(world.trusted_key().key.kid());
    let open = GatePolicy::of_types([1], WithoutStatus::FailOpen { hours: 24 });
    let mut gate = Gate::new(trust, open, NOW - 600);
    accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
}

#[test]
fn codes_for_another_gate_or_another_moment_or_another_purpose_are_refused() {
    let world = World::new().expect("keys");
    let here = Audience::gate(7);
    let code = |audience, purpose| world.code_for(NOW, audience, purpose).expect("a code");
    assert_eq!(refused(&mut gate(&world), &code(Audience::gate(8), 0), NOW), "wrong_audience");
    assert_eq!(refused(&mut gate(&world), &code(here, 1), NOW), "wrong_purpose");
    accepted(&mut gate(&world), &code(here, 0), NOW);

    let addressed = |addressed| world.gate(GatePolicy { addressed, ..policy() }, NOW - 600).expect("a gate");
    assert_eq!(refused(&mut addressed(Addressed::ThisGate), &code(Audience::ANY, 0), NOW), "wrong_audience");
    accepted(&mut addressed(Addressed::ThisGate), &code(here, 0), NOW);

    let mut barrier = addressed(Addressed::ThisMoment);
    let first = barrier.challenge(1, NOW - 60).expect("it has a number");
    assert_eq!(refused(&mut barrier, &code(here, 0), NOW - 50), "challenge_needed");
    let second = barrier.challenge(2, NOW - 10).expect("it has a number");
    accepted(&mut barrier, &code(first, 0), NOW);
    assert_eq!(
        refused(&mut barrier, &world.code_for(NOW + 20, first, 0).expect("a code"), NOW + 20),
        "challenge_needed"
    );
    accepted(&mut barrier, &world.code_for(NOW + 21, second, 0).expect("a code"), NOW + 21);
    let mut numberless = world.gate(GatePolicy::any(), NOW - 600).expect("a gate");
    assert_eq!(numberless.challenge(1, NOW), None);
}

#[test]
fn an_issuer_s_message_is_never_taken_for_a_phone_s_nor_the_other_way_round() {
    let world = World::new().expect("keys");
    // The issuer's key signs a presentation of its own: the phone's key is asked for, and does not hold.
    let draft = PresentationDraft::new(world.credential(), NOW, Audience::ANY, 0).expect("a draft");
    let signature = world.issuer().sign(draft.message()).expect("signed");
    assert_eq!(refused(&mut gate(&world), &draft.sign(&signature), NOW), "holder_signature");
    // The phone's key signs a credential that promotes its holder, under the issuer's name.
    let claims = super::super::Claims { fare_class: 9, ..world.claims().clone() };
    let holder = world.holder().public().expect("a key");
    let draft = CredentialDraft::new(&claims, &holder, world.trusted_key().key.kid());
    let signature = world.holder().sign(draft.message()).expect("signed");
    let draft = PresentationDraft::new(&draft.sign(&signature), NOW, Audience::ANY, 0).expect("a draft");
    let signature = world.holder().sign(draft.message()).expect("signed");
    assert_eq!(refused(&mut gate(&world), &draft.sign(&signature), NOW), "issuer_signature");
    // One shown as the other is not even read.
    let text = format!("CQ1:{}", base45::encode(world.credential()));
    assert_eq!(refused(&mut gate(&world), &text, NOW), "unknown_field");
}

#[test]
fn rubbish_is_refused_by_name_and_without_a_panic() {
    let world = World::new().expect("keys");
    let mut gate = gate(&world);
    let code = world.code_at(NOW).expect("a code");
    let long = "A".repeat(10_000_000);
    let lower = format!("CQ1:{}", code[4..].to_lowercase());
    // Fullwidth and Cyrillic letters that look the same.
    let alike = code.replace('A', "Ａ").replace('C', "С").replacen('С', "C", 1);
    let cases = [
        ("", "prefix"),
        ("https://example.org", "prefix"),
        ("cq1:AB", "prefix"),
        ("СQ1:AB", "prefix"),
        ("CQ1:", "structure"),
        ("CQ1::::::", "base45"),
        ("CQ1:A", "base45"),
        ("CQ1:::", "base45"),
        (lower.as_str(), "base45"),
        (alike.as_str(), "base45"),
        (long.as_str(), "too_long"),
    ];
    for (text, reason) in cases {
        let short: String = text.chars().take(20).collect();
        assert_eq!(refused(&mut gate, text, NOW), reason, "{short}");
    }
}

#[test]
fn the_log_line_tells_what_was_decided_and_nothing_about_whom() {
    let world = World::new().expect("keys");
    let mut gate = gate(&world);
    let code = world.code_at(NOW).expect("a code");
    let line = gate.check(&code, NOW).to_string();
    assert_eq!(line, "accepted type=1 scopes=37 fare=2 purpose=0 status=valid issuer=https://issuer.example");
    assert_eq!(gate.check(&code, NOW + 9).to_string(), "refused reason=replayed");
}

#[test]
fn a_million_statuses_are_loaded_in_one_piece() {
    let world = World::new().expect("keys");
    let mut statuses = StatusArray::new(1, 1_000_000).expect("one bit");
    assert!(statuses.set(999_999, 1) && !statuses.set(1_000_000, 1) && !statuses.set(0, 2));
    let claims = super::super::StatusClaims {
        uri: "https://issuer.example/status/3".to_owned(),
        issued: NOW,
        expires: Some(NOW + 3600),
        ttl: None,
        statuses,
    };
    let draft = super::super::StatusListDraft::new(&claims, world.trusted_key().key.kid());
    let signature = world.issuer().sign(draft.message()).expect("signed");
    let list = token(&draft.sign(&signature)).verify(&world.trust_list(), NOW).expect("a list");
    let status = |index| list.status(super::super::StatusEntry { list: 3, index });
    assert_eq!((status(999_998), status(999_999)), (Some(Status::Valid), Some(Status::Invalid)));
    assert_eq!((status(1_000_000), status(u64::MAX)), (None, None));
}

#[test]
fn friends_who_were_sent_codes_in_advance_do_not_follow_one_after_another() {
    let world = World::new().expect("keys");
    let mut gate = world.gate(GatePolicy { interval: 60, ..policy() }, NOW - 600).expect("a gate");
    accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
    assert_eq!(refused(&mut gate, &world.code_at(NOW + 1).expect("a code"), NOW + 1), "too_soon");
    assert_eq!(refused(&mut gate, &world.code_at(NOW + 59).expect("a code"), NOW + 59), "too_soon");
    accepted(&mut gate, &world.code_at(NOW + 60).expect("a code"), NOW + 60);
}

#[test]
fn an_issuer_that_uses_another_s_numbers_locks_nobody_out() {
    let (world, other) = (World::new().expect("keys"), World::new().expect("keys"));
    let twin = other.another(|claims| claims.cti = world.claims().cti).expect("keys");
    let theirs = TrustedKey { issuer: "https://other.example".to_owned(), ..other.trusted_key() };
    let trust = World::trust_list_of(vec![world.trusted_key(), theirs]);
    let open = GatePolicy::of_types([1], WithoutStatus::FailOpen { hours: 1 });
    let mut gate = Gate::new(trust, open, NOW - 600);
    accepted(&mut gate, &twin.code_at(NOW + 30).expect("a code"), NOW);
    accepted(&mut gate, &world.code_at(NOW).expect("a code"), NOW);
}

#[test]
fn a_code_fits_the_budget() {
    let world = World::new().expect("keys");
    let addressed = world.code_for(NOW, Audience::gate(u32::MAX).with_challenge(u32::MAX), 255).expect("a code");
    for (code, at_least) in [(world.code_at(NOW).expect("a code"), 240), (addressed, 260)] {
        let bytes = base45::decode(&code[4..]).expect("Base45");
        assert!((at_least..=super::super::MAX_PRESENTATION).contains(&bytes.len()), "{} bytes", bytes.len());
    }
}
