//! Well-formed codes, and what a gate makes of each.

use onecity_protocol::credential::{Audience, Claims, CredentialDraft, PresentationDraft, PublicKey, StatusEntry};

use super::cast::{Cast, Key, accepted, again, claims, gate, refused, vector};
use super::malformed::{Parts, cbor, message, text};
use super::{CLINIC, CREDENTIAL_AAD, HERE, NOW, TRANSIT, Vector, VectorGate};

pub(super) fn valid(cast: &Cast) -> Vec<Vector> {
    let ok = |name, code: &str| vector(name, gate(), vec![accepted(NOW, code)]);
    let here = Audience::gate(7);
    let moment = here.with_challenge(1234);
    let even = cast.credential_of(&cast.issuer, &cast.even, |_| ());
    let large = cast.credential(|claims| {
        *claims = Claims {
            scopes: vec![HERE, 38, 39],
            fare_class: 65_535,
            status: StatusEntry { list: 3, index: 399 },
            window: 120,
            ..claims.clone()
        };
    });
    let small = cast.with(|claims| {
        claims.window = 5;
        claims.fare_class = 0;
    });
    let mut codes = vec![
        ok("a plain code, by a phone whose key has an odd y", &cast.plain(NOW)),
        ok("a plain code, by a phone whose key has an even y", &cast.code(&even, &cast.even, NOW, Audience::ANY, 0)),
        ok("a code for this gate", &cast.addressed(here, 0)),
        ok("the smallest window and fare class", &small),
        ok("a large code", &cast.code(&large, &cast.odd, NOW, here, 0)),
        ok("a status at the end of its list", &cast.with(|claims| claims.status.index = 399)),
        ok("the first second that counts", &cast.plain(NOW + 30)),
        ok("the last second that counts", &cast.plain(NOW - 60)),
        ok("a pass in its first second, by a gate that is slow", &cast.with(|claims| claims.issued = NOW + 30)),
        ok("a pass in its last second", &cast.with(|claims| claims.expires = NOW + 1)),
    ];
    let barrier = VectorGate { addressed: "this_moment".to_owned(), challenges: vec![(NOW - 5, 1234)], ..gate() };
    codes.push(vector("a code for this moment", barrier, vec![accepted(NOW, &cast.addressed(moment, 0))]));
    let counter = VectorGate { addressed: "this_gate".to_owned(), purpose: 5, ..gate() };
    codes.push(vector("a one-use grant for a counter", counter, vec![accepted(NOW, &cast.addressed(here, 5))]));
    let anywhere = VectorGate { types: vec![TRANSIT, CLINIC], scope: None, number: 0, ..gate() };
    codes.push(vector("a gate that asks for no scope", anywhere, vec![accepted(NOW, &cast.plain(NOW))]));
    let wide = cast.credential(|claims| claims.window = 120);
    codes.push(ok("the last second of a window of 120", &cast.code(&wide, &cast.odd, NOW - 150, Audience::ANY, 0)));
    let many: Vec<u64> = (0..15).map(|_| 39).chain([HERE]).collect();
    codes.push(ok("sixteen scopes, the wanted one last", &cast.with(|claims| claims.scopes = many)));
    let other = cast.credential_of(&cast.other, &cast.even, |claims| claims.issued = NOW - 601);
    let open = VectorGate { fail_open_hours: 1, ..gate() };
    let steps =
        vec![accepted(NOW, &cast.plain(NOW)), accepted(NOW, &cast.code(&other, &cast.even, NOW - 1, Audience::ANY, 0))];
    codes.push(vector("two issuers that use the same cti, one with a key that has been retired since", open, steps));
    let second = cast.credential_of(&cast.issuer, &cast.even, |claims| claims.cti = *b"\xff\xff\xff\xff\0\0\0\0");
    let steps = vec![
        accepted(NOW, &cast.plain(NOW)),
        accepted(NOW, &cast.code(&second, &cast.even, NOW - 1, Audience::ANY, 0)),
    ];
    codes.push(vector("two holders", gate(), steps));
    let steps = vec![accepted(NOW, &cast.plain(NOW)), accepted(NOW + 20, &cast.plain(NOW + 15))];
    codes.push(vector("the same holder twice, with two codes", gate(), steps));
    codes
}

pub(super) fn issuer(cast: &Cast) -> Vec<Vector> {
    let no = |name, code: &str, reason| {
        let gate = VectorGate { types: vec![TRANSIT, CLINIC], scope: None, ..gate() };
        vector(name, gate, vec![refused(NOW, code, reason)])
    };
    let plain = |credential: &[u8]| cast.code(credential, &cast.odd, NOW, Audience::ANY, 0);
    let by = |issuer: &Key, change: &dyn Fn(&mut Claims)| plain(&cast.credential_of(issuer, &cast.odd, change));
    let forged = {
        let draft = CredentialDraft::new(&claims(), &cast.odd.public(), cast.issuer.public().kid());
        let signature = cast.stranger.sign(draft.message());
        draft.sign(&signature)
    };
    let self_made = {
        let draft = CredentialDraft::new(&claims(), &cast.odd.public(), cast.issuer.public().kid());
        let signature = cast.odd.sign(draft.message());
        draft.sign(&signature)
    };
    let off_curve = {
        let x = cast.odd.public().x();
        let point = (0..=255_u8).map(|last| {
            let mut other = x;
            other[31] = last;
            other
        });
        let other = point.into_iter().find(|x| PublicKey::from_x(x, true).is_err()).expect("half of all are none");
        let mut parts = Parts::new(cast);
        let at = parts.claims.windows(32).position(|window| window == x).expect("there");
        parts.claims[at..at + 32].copy_from_slice(&other);
        parts.text(cast)
    };
    vec![
        no("an issuer that nobody knows", &by(&cast.stranger, &|_| ()), "unknown_issuer"),
        no("a stranger who uses the issuer's kid", &plain(&forged), "issuer_signature"),
        no("a holder who issues to itself", &plain(&self_made), "issuer_signature"),
        no(
            "a type that this issuer may not issue",
            &by(&cast.issuer, &|own| own.pass_type = CLINIC),
            "issuer_not_allowed",
        ),
        no(
            "a scope that this issuer may not issue",
            &by(&cast.issuer, &|own| own.scopes = vec![HERE, 99]),
            "issuer_not_allowed",
        ),
        no("issued after the key was retired", &by(&cast.retired, &|own| own.pass_type = CLINIC), "issuer_not_allowed"),
        no(
            "issued before the key was listed",
            &by(&cast.other, &|own| own.issued = NOW - 3 * 86_400),
            "issuer_not_allowed",
        ),
        no(
            "issued in the second that the key was retired",
            &by(&cast.other, &|own| own.issued = NOW - 600),
            "issuer_not_allowed",
        ),
        no("a holder's key that is not on the curve", &off_curve, "holder_key"),
    ]
}

pub(super) fn pass(cast: &Cast) -> Vec<Vector> {
    let no = |name, change: &dyn Fn(&mut Claims), reason| {
        vector(name, gate(), vec![refused(NOW, &cast.with(change), reason)])
    };
    let clinic = VectorGate { types: vec![CLINIC], ..gate() };
    vec![
        no("a pass that begins 31 seconds from now", &|own| own.issued = NOW + 31, "not_yet_valid"),
        no("a pass that ends this second", &|own| own.expires = NOW, "expired"),
        no("a pass of another place", &|own| own.scopes = vec![38, 39], "wrong_scope"),
        vector("a pass of another type", clinic, vec![refused(NOW, &cast.plain(NOW), "wrong_type")]),
    ]
}

pub(super) fn status(cast: &Cast) -> Vec<Vector> {
    let at = |index| cast.with(move |own| own.status.index = index);
    let no = |name, code: &str, reason| vector(name, gate(), vec![refused(NOW, code, reason)]);
    let expired = VectorGate { status_lists: vec!["expired".to_owned()], ..gate() };
    let turnstile = VectorGate { fail_open_hours: 2, ..expired.clone() };
    let none = VectorGate { status_lists: Vec::new(), ..gate() };
    let open = VectorGate { fail_open_hours: 1, ..none.clone() };
    let open_late = VectorGate { started: NOW - 3600, ..open.clone() };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let older = VectorGate { status_lists: names(&["current", "older, revokes all"]), ..gate() };
    let offered = |name, lists: &[&str], reason| {
        let gate = VectorGate { status_lists: names(lists), ..gate() };
        vector(name, gate, vec![refused(NOW, &cast.plain(NOW), reason)])
    };
    vec![
        no("a revoked pass", &at(1), "revoked"),
        no("a suspended pass", &at(2), "suspended"),
        no("a status that is not known", &at(3), "status_unknown"),
        no("an index beyond the list's end", &at(400), "status_unknown"),
        no("a list that the gate does not have", &cast.with(|own| own.status.list = 4), "status_unknown"),
        vector("a gate without any list", none, vec![refused(NOW, &cast.plain(NOW), "status_unknown")]),
        vector("a gate without any list, in its first hour", open, vec![accepted(NOW, &cast.plain(NOW))]),
        vector(
            "a gate without any list, after its hours",
            open_late,
            vec![refused(NOW, &cast.plain(NOW), "status_unknown")],
        ),
        offered("a newer list takes the place", &["current", "newer, revokes all"], "revoked"),
        offered("a list of no known key counts for nothing", &["by a stranger"], "status_unknown"),
        offered("a list of a retired key counts for nothing", &["by a retired key"], "status_unknown"),
        offered("a list of another issuer counts for nothing", &["by another issuer"], "status_unknown"),
        offered("a list counts for a week at most", &["for ever"], "status_stale"),
        vector("an older list does not take the place", older, vec![accepted(NOW, &cast.plain(NOW))]),
        vector("a list that has expired", expired, vec![refused(NOW, &cast.plain(NOW), "status_stale")]),
        vector(
            "a turnstile with an expired list",
            turnstile.clone(),
            vec![
                accepted(NOW, &cast.plain(NOW)),
                refused(NOW + 1, &at(1), "revoked"),
                refused(NOW + 7200, &cast.plain(NOW + 7200), "status_stale"),
            ],
        ),
    ]
}

pub(super) fn holder(cast: &Cast) -> Vec<Vector> {
    let credential = cast.credential(|_| ());
    let by = |key| cast.code(&credential, key, NOW, Audience::ANY, 0);
    let altered = {
        let good = base45::decode(&cast.plain(NOW)[4..]).expect("Base45");
        let shorter = cbor(|e| e.array(3)?.i64(NOW)?.u64(0)?.u64(0)?.ok());
        let fresher = cbor(|e| e.array(3)?.i64(NOW + 1)?.u64(0)?.u64(0)?.ok());
        let at = good.windows(shorter.len()).position(|window| window == shorter).expect("there");
        text(&[&good[..at], &fresher, &good[at + shorter.len()..]].concat())
    };
    let confused = {
        let draft = PresentationDraft::new(&credential, NOW, Audience::ANY, 0).expect("a draft");
        let bytes = base45::decode(&cast.plain(NOW)[4..]).expect("Base45");
        let header = &bytes[3..bytes.len() - 76];
        let payload = cbor(|e| e.array(3)?.i64(NOW)?.u64(0)?.u64(0)?.ok());
        let signature = cast.odd.sign(&message(header, CREDENTIAL_AAD, &payload));
        draft.sign(&signature)
    };
    let no = |name, code: &str| vector(name, gate(), vec![refused(NOW, code, "holder_signature")]);
    vec![
        no("a credential copied to another phone", &by(&cast.stranger)),
        no("the issuer signs in the holder's place", &by(&cast.issuer)),
        no("a code made fresher by a second", &altered),
        no("signed as if it were a credential", &confused),
    ]
}

pub(super) fn audience(cast: &Cast) -> Vec<Vector> {
    let here = Audience::gate(7);
    let no = |name, gate, code: &str, reason| vector(name, gate, vec![refused(NOW, code, reason)]);
    let only_here = VectorGate { addressed: "this_gate".to_owned(), ..gate() };
    let moment = || VectorGate {
        addressed: "this_moment".to_owned(),
        challenges: vec![(NOW - 100, 11), (NOW - 30, 12), (NOW - 1, 13)],
        ..gate()
    };
    let at = |challenge| cast.addressed(here.with_challenge(challenge), 0);
    let grace = VectorGate { challenges: vec![(NOW - 60, 12), (NOW - 30, 13)], ..moment() };
    let numberless = VectorGate { number: 0, ..gate() };
    vec![
        no("a code for another gate", gate(), &cast.addressed(Audience::gate(8), 0), "wrong_audience"),
        no("a code for a gate, at one without a number", numberless, &cast.addressed(here, 0), "wrong_audience"),
        no("a code for any gate, at one that wants its own", only_here, &cast.plain(NOW), "wrong_audience"),
        no("a code without the challenge", moment(), &cast.addressed(here, 0), "challenge_needed"),
        no("a code with the challenge before the last", moment(), &at(11), "challenge_needed"),
        no("a code for any gate, at one that wants its challenge", moment(), &cast.plain(NOW), "challenge_needed"),
        vector(
            "the challenge before, once its half minute is over",
            grace,
            vec![refused(NOW, &at(12), "challenge_needed")],
        ),
        vector("the last challenge and the one before it", moment(), vec![accepted(NOW, &at(12))]),
        no("a challenge at a gate that shows none", gate(), &at(13), "challenge_needed"),
        no("a grant at a turnstile", gate(), &cast.addressed(here, 5), "wrong_purpose"),
        no("a plain code at a counter", VectorGate { purpose: 5, ..gate() }, &cast.addressed(here, 0), "wrong_purpose"),
    ]
}

pub(super) fn time(cast: &Cast) -> Vec<Vector> {
    let no = |name, issued, reason| vector(name, gate(), vec![refused(NOW, &cast.plain(issued), reason)]);
    let wide = cast.code(&cast.credential(|own| own.window = 120), &cast.odd, NOW - 151, Audience::ANY, 0);
    let rebooted = VectorGate { started: NOW - 10, ..gate() };
    vec![
        no("a code of 61 seconds ago", NOW - 61, "stale"),
        no("a code of 31 seconds from now", NOW + 31, "from_the_future"),
        no("a phone an hour slow", NOW - 3600, "stale"),
        no("a phone an hour fast", NOW + 3600, "from_the_future"),
        vector("a window of 120 seconds is over", gate(), vec![refused(NOW, &wide, "stale")]),
        vector(
            "a gate that has just started",
            rebooted,
            vec![refused(NOW, &cast.plain(NOW + 20), "before_memory"), accepted(NOW, &cast.plain(NOW + 21))],
        ),
        vector(
            "a gate's clock that was turned back",
            gate(),
            vec![accepted(NOW + 100, &cast.plain(NOW + 100)), refused(NOW, &cast.plain(NOW), "stale")],
        ),
    ]
}

pub(super) fn replay(cast: &Cast) -> Vec<Vector> {
    let first = cast.plain(NOW);
    let second = cast.code(&cast.credential(|_| ()), &cast.odd, NOW, Audience::gate(7), 0);
    vec![
        vector(
            "scanned twice by a hasty reader",
            gate(),
            vec![accepted(NOW, &first), again(NOW + 3, &first), refused(NOW + 4, &first, "replayed")],
        ),
        vector(
            "an older code of the same pass",
            gate(),
            vec![
                accepted(NOW, &first),
                refused(NOW + 1, &cast.plain(NOW - 1), "replayed"),
                accepted(NOW + 2, &cast.plain(NOW + 1)),
            ],
        ),
        vector(
            "a pass that is used again too soon",
            VectorGate { interval: 60, ..gate() },
            vec![
                accepted(NOW, &first),
                refused(NOW + 59, &cast.plain(NOW + 59), "too_soon"),
                accepted(NOW + 60, &cast.plain(NOW + 60)),
            ],
        ),
        vector(
            "the same second signed again",
            gate(),
            vec![accepted(NOW, &first), refused(NOW + 1, &second, "replayed")],
        ),
    ]
}
