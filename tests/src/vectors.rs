//! CQ1's test vectors: made by `cargo run -p onecity-tests --bin vectors`, kept in `tests/vectors/cq1`.
//!
//! Keys come from fixed seeds and signatures are deterministic (RFC 6979), so that making them again gives the same
//! bytes. Each malformed code has one fault and would otherwise be accepted: its signatures hold over what it says.

use std::collections::BTreeMap;

use minicbor::Encoder;
use onecity_protocol::credential::{
    Audience, Claims, CredentialDraft, Issuer, Named, PassType, PresentationDraft, PublicKey, Purpose, Signature,
    StatusArray, StatusClaims, StatusEntry, StatusListDraft, TrustList, TrustedKey, Verifier, Words,
};
use onecity_protocol::names::Names;
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The second that most vectors play at: 2027-01-15T08:00:00Z.
pub const NOW: i64 = 1_800_000_000;
const NEVER: i64 = 9_999_999_999;
const TRANSIT: u64 = 1;
const CLINIC: u64 = 2;
const HERE: u64 = 37;
const PRESENTATION_AAD: &[u8] = b"onecity/cq1/presentation";
const CREDENTIAL_AAD: &[u8] = b"onecity/cq1/credential";

/// What all vectors share.
#[derive(Debug, Serialize, Deserialize)]
pub struct Shared {
    /// What this is.
    pub about: String,
    /// The gate's trust list.
    pub trust_list: TrustList,
    /// Status list tokens by name, in hexadecimal.
    pub status_lists: BTreeMap<String, String>,
    /// The private keys of everybody, in hexadecimal, so that a vendor can make codes of its own. They are worth
    /// nothing.
    pub private_keys: BTreeMap<String, String>,
}

/// A file of vectors.
#[derive(Debug, Serialize, Deserialize)]
pub struct VectorFile {
    /// What they have in common.
    pub about: String,
    /// The vectors.
    pub vectors: Vec<Vector>,
}

/// What happens at one gate, from its start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Vector {
    /// A sentence.
    pub name: String,
    /// The gate.
    pub gate: VectorGate,
    /// What is shown to it.
    pub steps: Vec<Step>,
}

/// A gate's policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VectorGate {
    /// When it was started.
    pub started: i64,
    /// The types that open it.
    pub types: Vec<u64>,
    /// The scope that a pass must have.
    pub scope: Option<u64>,
    /// Its own number.
    pub number: u32,
    /// `any_gate`, `this_gate` or `this_moment`.
    pub addressed: String,
    /// What codes must be made for.
    pub purpose: u64,
    /// The status lists that it was offered, by name, one after the other.
    pub status_lists: Vec<String>,
    /// How long it stays open without a current one; 0 for not at all.
    pub fail_open_hours: u8,
    /// The least seconds between two passages of one pass; 0 for none.
    pub interval: u8,
    /// The challenges it showed: the second, and the challenge's number.
    pub challenges: Vec<(i64, u32)>,
}

/// One code, and what the gate does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// The gate's time.
    pub at: i64,
    /// The text of the code.
    pub code: String,
    /// `accepted`, `already_accepted` or `refused`.
    pub decision: String,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// Everything that is made: file names and their content.
pub fn files() -> Vec<(String, String)> {
    let cast = Cast::new();
    let shared = cast.shared();
    let mut files = vec![
        ("shared.json".to_owned(), pretty(&shared)),
        // The same once more, as a gate's operator has them.
        ("trust-list.json".to_owned(), pretty(&shared.trust_list)),
        ("status-list.hex".to_owned(), shared.status_lists["current"].clone() + "\n"),
    ];
    let all = [
        ("valid", "Codes that a gate accepts.", valid(&cast)),
        ("malformed", "Texts that are no CQ1 code: one fault each.", malformed(&cast)),
        ("issuer", "Credentials that no trusted issuer stands for.", issuer(&cast)),
        ("pass", "Credentials that are not good here or now.", pass(&cast)),
        ("status", "Credentials that the issuer took back, or may have.", status(&cast)),
        ("holder", "Codes that the holder's phone did not sign.", holder(&cast)),
        ("audience", "Codes for another gate, moment or purpose.", audience(&cast)),
        ("time", "Codes from another time.", time(&cast)),
        ("replay", "Codes that were used.", replay(&cast)),
    ];
    for (name, about, vectors) in all {
        let file = VectorFile { about: about.to_owned(), vectors };
        files.push((format!("{name}.json"), pretty(&file)));
    }
    files
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("plain JSON") + "\n"
}

/// The files that hold vectors.
pub fn vector_files() -> Vec<VectorFile> {
    files().iter().filter_map(|(_, text)| serde_json::from_str(text).ok()).collect()
}

/// A key from a seed, with RFC 6979 signatures of a low s.
struct Key(SigningKey);

impl Key {
    fn new(name: &str) -> Self {
        let seed = Sha256::digest(format!("CQ1 test vectors: {name}"));
        Self(SigningKey::from_slice(&seed).expect("a scalar below the order, with all but certainty"))
    }

    fn public(&self) -> PublicKey {
        PublicKey::from_sec1(&self.0.verifying_key().to_sec1_bytes()).expect("a point")
    }

    fn sign(&self, message: &[u8]) -> Signature {
        let signature: p256::ecdsa::Signature = self.0.sign(message);
        Signature::from_raw(&signature.normalize_s().to_bytes()).expect("64 bytes")
    }

    /// The signature's twin with a high s.
    fn sign_high(&self, message: &[u8]) -> Signature {
        let low: p256::ecdsa::Signature = self.0.sign(message);
        let (r, s) = low.normalize_s().split_scalars();
        let high = p256::ecdsa::Signature::from_scalars(r, -*s).expect("not zero");
        Signature::from_raw(&high.to_bytes()).expect("64 bytes")
    }
}

/// Who takes part.
struct Cast {
    issuer: Key,
    /// On the trust list for the clinic's type alone, and only until 2023.
    retired: Key,
    /// Another issuer of the same list.
    other: Key,
    stranger: Key,
    odd: Key,
    even: Key,
}

impl Cast {
    fn new() -> Self {
        let holder = |odd| {
            let keys = (0..).map(|at| Key::new(&format!("holder {at}")));
            keys.into_iter().find(|key| key.public().y_is_odd() == odd).expect("half of all are")
        };
        Self {
            issuer: Key::new("issuer"),
            retired: Key::new("retired issuer"),
            other: Key::new("other issuer"),
            stranger: Key::new("stranger"),
            odd: holder(true),
            even: holder(false),
        }
    }

    fn shared(&self) -> Shared {
        let keys = [
            ("issuer", &self.issuer),
            ("retired issuer", &self.retired),
            ("other issuer", &self.other),
            ("stranger", &self.stranger),
            ("holder with odd y", &self.odd),
            ("holder with even y", &self.even),
        ];
        let secret = |key: &Key| hex::encode(key.0.to_bytes());
        Shared {
            about: "What all CQ1 vectors share. All keys and names are made up.".to_owned(),
            trust_list: self.trust_list(),
            status_lists: [
                ("current".to_owned(), self.status_list(&self.issuer, NOW - 3600, NOW + 86_400, &[])),
                ("expired".to_owned(), self.status_list(&self.issuer, NOW - 7200, NOW, &[])),
                ("for ever".to_owned(), self.status_list(&self.issuer, NOW - 8 * 86_400, NEVER, &[])),
                ("older, revokes all".to_owned(), self.status_list(&self.issuer, NOW - 7200, NOW + 86_400, &[0])),
                ("newer, revokes all".to_owned(), self.status_list(&self.issuer, NOW - 1800, NOW + 86_400, &[0])),
                ("by a stranger".to_owned(), self.status_list(&self.stranger, NOW - 1800, NOW + 86_400, &[0])),
                ("by a retired key".to_owned(), self.status_list(&self.retired, NOW - 1800, NOW + 86_400, &[0])),
                ("by another issuer".to_owned(), self.status_list(&self.other, NOW - 1800, NOW + 86_400, &[0])),
            ]
            .into(),
            private_keys: keys.map(|(name, key)| (name.to_owned(), secret(key))).into(),
        }
    }

    fn trust_list(&self) -> TrustList {
        let url = "https://issuer.example".to_owned();
        let key = |key: &Key, types: &[u64], not_after| TrustedKey {
            key: key.public(),
            issuer: url.clone(),
            types: types.to_vec(),
            scopes: vec![HERE, 38, 39],
            not_before: 1_600_000_000,
            not_after,
        };
        let english = |name: &str| Names::new().with("en", name);
        let pass = |id, word: &str, name| PassType { id, word: word.to_owned(), names: english(name) };
        let issuers = vec![
            Issuer { url: url.clone(), names: english("Example issuer") },
            Issuer { url: "https://other.example".to_owned(), names: english("Another issuer") },
        ];
        let types = vec![pass(TRANSIT, "transit", "Transit pass"), pass(CLINIC, "health", "Health card")];
        // Retired an hour ago: what it signed before stays good.
        let other = TrustedKey {
            issuer: "https://other.example".to_owned(),
            not_before: NOW - 86_400 * 2,
            ..key(&self.other, &[TRANSIT], NOW - 600)
        };
        let keys = vec![key(&self.issuer, &[TRANSIT], NEVER), key(&self.retired, &[CLINIC], 1_700_000_000), other];
        let record = Purpose {
            id: 5,
            names: english("Show the health record"),
            types: vec![TRANSIT],
            fields: vec!["record".to_owned()],
        };
        let words = Words {
            scopes: vec![Named { id: HERE, names: english("Shandong") }],
            fare_classes: vec![Named { id: 2, names: english("Adult") }],
            purposes: vec![record],
            verifiers: vec![Verifier { number: 7, names: english("Gate 7"), purposes: vec![5] }],
        };
        TrustList::new(format!("{url}/status"), types, issuers, keys).with_words(words)
    }

    /// Index 1 is revoked, 2 suspended, 3 something unknown; there are 400 entries of two bits.
    fn status_list(&self, key: &Key, issued: i64, expires: i64, revoked: &[u64]) -> String {
        let mut statuses = StatusArray::new(2, 400).expect("two bits");
        assert!(revoked.iter().all(|index| statuses.set(*index, 1)));
        assert!((1..=3).all(|index| statuses.set(index, u8::try_from(index).expect("small"))));
        let uri = "https://issuer.example/status/3".to_owned();
        let claims = StatusClaims { uri, issued, expires: Some(expires), ttl: Some(3600), statuses };
        let draft = StatusListDraft::new(&claims, key.public().kid());
        let signature = key.sign(draft.message());
        hex::encode(draft.sign(&signature))
    }

    fn credential(&self, change: impl FnOnce(&mut Claims)) -> Vec<u8> {
        self.credential_of(&self.issuer, &self.odd, change)
    }

    fn credential_of(&self, issuer: &Key, holder: &Key, change: impl FnOnce(&mut Claims)) -> Vec<u8> {
        let mut claims = claims();
        change(&mut claims);
        let draft = CredentialDraft::new(&claims, &holder.public(), issuer.public().kid());
        let signature = issuer.sign(draft.message());
        draft.sign(&signature)
    }

    fn code(&self, credential: &[u8], holder: &Key, issued: i64, audience: Audience, purpose: u64) -> String {
        let draft = PresentationDraft::new(credential, issued, audience, purpose).expect("a credential");
        let signature = holder.sign(draft.message());
        draft.sign(&signature)
    }

    /// A plain code of the odd holder.
    fn plain(&self, issued: i64) -> String {
        self.code(&self.credential(|_| ()), &self.odd, issued, Audience::ANY, 0)
    }

    /// A plain code over a credential that differs.
    fn with(&self, change: impl FnOnce(&mut Claims)) -> String {
        self.code(&self.credential(change), &self.odd, NOW, Audience::ANY, 0)
    }

    fn addressed(&self, audience: Audience, purpose: u64) -> String {
        self.code(&self.credential(|_| ()), &self.odd, NOW, audience, purpose)
    }
}

fn claims() -> Claims {
    Claims {
        expires: NOW + 30 * 86_400,
        issued: NOW - 86_400,
        cti: *b"\x01\x23\x45\x67\x89\xab\xcd\xef",
        pass_type: TRANSIT,
        scopes: vec![HERE],
        fare_class: 2,
        status: StatusEntry { list: 3, index: 0 },
        window: 30,
    }
}

fn gate() -> VectorGate {
    VectorGate {
        started: NOW - 600,
        types: vec![TRANSIT],
        scope: Some(HERE),
        number: 7,
        addressed: "any_gate".to_owned(),
        purpose: 0,
        status_lists: vec!["current".to_owned()],
        fail_open_hours: 0,
        interval: 0,
        challenges: Vec::new(),
    }
}

fn accepted(at: i64, code: &str) -> Step {
    Step { at, code: code.to_owned(), decision: "accepted".to_owned(), reason: None }
}

fn again(at: i64, code: &str) -> Step {
    Step { at, code: code.to_owned(), decision: "already_accepted".to_owned(), reason: None }
}

fn refused(at: i64, code: &str, reason: &str) -> Step {
    Step { at, code: code.to_owned(), decision: "refused".to_owned(), reason: Some(reason.to_owned()) }
}

fn vector(name: &str, gate: VectorGate, steps: Vec<Step>) -> Vector {
    Vector { name: name.to_owned(), gate, steps }
}

fn valid(cast: &Cast) -> Vec<Vector> {
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

/// Raw CBOR.
fn cbor(
    build: impl FnOnce(&mut Encoder<Vec<u8>>) -> Result<(), minicbor::encode::Error<std::convert::Infallible>>,
) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    build(&mut encoder).expect("memory");
    encoder.into_writer()
}

fn message(protected: &[u8], aad: &[u8], payload: &[u8]) -> Vec<u8> {
    cbor(|e| e.array(4)?.str("Signature1")?.bytes(protected)?.bytes(aad)?.bytes(payload)?.ok())
}

fn envelope(protected: &[u8], unprotected: &[u8], payload: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut bytes = cbor(|e| e.array(4)?.bytes(protected)?.ok());
    bytes.extend_from_slice(unprotected);
    bytes.extend(cbor(|e| e.bytes(payload)?.bytes(signature)?.ok()));
    bytes
}

fn text(bytes: &[u8]) -> String {
    format!("CQ1:{}", base45::encode(bytes))
}

/// The parts of a code that can each be spoiled before everything is signed.
struct Parts {
    credential_header: Vec<u8>,
    claims: Vec<u8>,
    /// The holder's key within the claims, and CQ1's own claims.
    header: Vec<u8>,
    payload: Vec<u8>,
    unprotected: Vec<u8>,
}

impl Parts {
    fn new(cast: &Cast) -> Self {
        Self {
            credential_header: credential_header(cast, -7),
            claims: claims_bytes(cast, &own_claims(30, &[HERE]), 1, 5),
            header: cbor(|e| e.map(2)?.i64(1)?.i64(-7)?.i64(13)?.ok()),
            payload: cbor(|e| e.array(3)?.i64(NOW)?.u64(0)?.u64(0)?.ok()),
            unprotected: vec![0xa0],
        }
    }

    fn credential(&self, cast: &Cast) -> Vec<u8> {
        let signature = cast.issuer.sign(&message(&self.credential_header, CREDENTIAL_AAD, &self.claims));
        envelope(&self.credential_header, &[0xa0], &self.claims, signature.raw())
    }

    fn bytes(&self, cast: &Cast) -> Vec<u8> {
        let protected = [self.header.as_slice(), &self.credential(cast)].concat();
        let signature = cast.odd.sign(&message(&protected, PRESENTATION_AAD, &self.payload));
        envelope(&protected, &self.unprotected, &self.payload, signature.raw())
    }

    fn text(&self, cast: &Cast) -> String {
        text(&self.bytes(cast))
    }
}

fn credential_header(cast: &Cast, algorithm: i64) -> Vec<u8> {
    let kid = cast.issuer.public().kid();
    cbor(|e| e.map(2)?.i64(1)?.i64(algorithm)?.i64(4)?.bytes(&kid)?.ok())
}

fn own_claims(window: u64, scopes: &[u64]) -> Vec<u8> {
    cbor(|e| {
        e.map(5)?.i64(1)?.u64(TRANSIT)?.i64(2)?.array(scopes.len() as u64)?;
        for scope in scopes {
            e.u64(*scope)?;
        }
        e.i64(3)?.u64(2)?.i64(4)?.array(2)?.u64(3)?.u64(0)?.i64(5)?.u64(window)?.ok()
    })
}

fn claims_bytes(cast: &Cast, own: &[u8], curve: i64, count: u64) -> Vec<u8> {
    let claims = claims();
    let (x, odd) = (cast.odd.public().x(), cast.odd.public().y_is_odd());
    let mut bytes = cbor(|e| {
        e.map(count)?.i64(4)?.i64(claims.expires)?.i64(6)?.i64(claims.issued)?.i64(7)?.bytes(&claims.cti)?;
        e.i64(8)?.map(1)?.i64(1)?.map(4)?.i64(1)?.i64(2)?.i64(-1)?.i64(curve)?.i64(-2)?.bytes(&x)?;
        e.i64(-3)?.bool(odd)?.i64(-65_537)?.ok()
    });
    bytes.extend_from_slice(own);
    bytes
}

fn malformed(cast: &Cast) -> Vec<Vector> {
    let parts = || Parts::new(cast);
    let good = parts().bytes(cast);
    let good_text = text(&good);
    assert_eq!(good_text, cast.plain(NOW), "the raw parts make the very same code");
    let changed = |change: &dyn Fn(&mut Parts)| {
        let mut parts = parts();
        change(&mut parts);
        parts.text(cast)
    };
    let claims = |window, scopes: &[u64]| claims_bytes(cast, &own_claims(window, scopes), 1, 5);
    let payload = |issued, audience| cbor(|e| e.array(3)?.i64(issued)?.u64(audience)?.u64(0)?.ok());
    let replace = |from: &[u8], to: &[u8], bytes: &[u8]| -> Vec<u8> {
        // The last place: what stands before is covered by lengths.
        let at = bytes.windows(from.len()).rposition(|window| window == from).expect("there");
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    let high_code = {
        let parts = parts();
        let protected = [parts.header.as_slice(), &parts.credential(cast)].concat();
        let signature = cast.odd.sign_high(&message(&protected, PRESENTATION_AAD, &parts.payload));
        text(&envelope(&protected, &[0xa0], &parts.payload, signature.raw()))
    };
    let with_credential = |credential: &[u8]| {
        let parts = parts();
        let protected = [parts.header.as_slice(), credential].concat();
        let signature = cast.odd.sign(&message(&protected, PRESENTATION_AAD, &parts.payload));
        text(&envelope(&protected, &[0xa0], &parts.payload, signature.raw()))
    };
    let high_credential = {
        let parts = parts();
        let signature = cast.issuer.sign_high(&message(&parts.credential_header, CREDENTIAL_AAD, &parts.claims));
        with_credential(&envelope(&parts.credential_header, &[0xa0], &parts.claims, signature.raw()))
    };
    let indefinite_credential = {
        let mut bytes = parts().credential(cast);
        bytes[0] = 0x9f;
        bytes.push(0xff);
        with_credential(&bytes)
    };
    let short_signature = {
        let parts = parts();
        let protected = [parts.header.as_slice(), &parts.credential(cast)].concat();
        text(&envelope(&protected, &[0xa0], &parts.payload, &[1; 63]))
    };
    let own_extra = {
        let mut own = own_claims(30, &[HERE]);
        own[0] = 0xa6;
        [own.as_slice(), &[0x06, 0x00]].concat()
    };
    let claims_with = |from: &[u8], to: &[u8]| {
        let spoiled = replace(from, to, &claims(30, &[HERE]));
        changed(&move |parts: &mut Parts| parts.claims = spoiled.clone())
    };
    let late = {
        let spoiled = replace(
            &cbor(|e| e.i64(4)?.i64(NOW + 30 * 86_400)?.ok()),
            &cbor(|e| e.i64(4)?.i64(1 << 36)?.ok()),
            &claims(30, &[HERE]),
        );
        changed(&move |parts: &mut Parts| parts.claims = spoiled.clone())
    };
    let own_short = {
        let mut own = own_claims(30, &[HERE]);
        own[0] = 0xa4;
        own.truncate(own.len() - 3);
        let spoiled = claims_bytes(cast, &own, 1, 5);
        changed(&move |parts: &mut Parts| parts.claims = spoiled.clone())
    };
    let short_kid = cbor(|e| e.map(2)?.i64(1)?.i64(-7)?.i64(4)?.bytes(&[1, 2, 3])?.ok());
    let extra_claim = [claims_bytes(cast, &own_claims(30, &[HERE]), 1, 6).as_slice(), &[0x3a, 0, 1, 0, 1, 0]].concat();
    let swapped = {
        // 6 before 4.
        let plain = claims(30, &[HERE]);
        let (expires, issued) = (&plain[1..7].to_vec(), &plain[7..13].to_vec());
        [&plain[..1], issued, expires, &plain[13..]].concat()
    };
    let long_integer = replace(&[0x18, 0x1e], &[0x19, 0x00, 0x1e], &claims(30, &[HERE]));
    let large = vec![0; 301];
    let seventeen: Vec<u64> = vec![HERE; 17];
    let cases: Vec<(&str, String, &str)> = vec![
        ("a text of 601 characters", format!("CQ1:{}", "0".repeat(597)), "too_long"),
        ("no prefix", good_text[4..].to_owned(), "prefix"),
        ("a prefix in lower case", good_text.replacen("CQ1", "cq1", 1), "prefix"),
        ("a prefix with a Cyrillic letter that looks the same", good_text.replacen('C', "С", 1), "prefix"),
        ("an empty text", String::new(), "prefix"),
        ("a character that Base45 does not have", good_text.replacen('0', "_", 1), "base45"),
        ("Base45 in lower case", format!("CQ1:{}", good_text[4..].to_lowercase()), "base45"),
        ("a fullwidth digit that looks the same", good_text.replacen('0', "０", 1), "base45"),
        ("a dangling character", format!("{}{}", text(&good[..good.len() - good.len() % 2]), "A"), "base45"),
        ("three characters that stand for more than 65535", format!("{good_text}:::"), "base45"),
        (
            "two characters that stand for more than 255",
            format!("{}:::", text(&good[..2])).replacen(":::", "::", 1),
            "base45",
        ),
        ("more than 300 bytes", text(&large), "too_large"),
        ("nothing at all", "CQ1:".to_owned(), "structure"),
        ("a credential where a code should be: a key that is not 13", text(&parts().credential(cast)), "unknown_field"),
        ("a text string instead of the payload", text(&replace(&[0x48, 0x83], &[0x68, 0x83], &good)), "structure"),
        ("an array of three", text(&[&[0x83], &good[1..]].concat()), "structure"),
        ("a tag before the array", text(&[&[0xd2], good.as_slice()].concat()), "structure"),
        ("cut short by a byte", text(&good[..good.len() - 1]), "structure"),
        ("a byte after the end", text(&[good.as_slice(), &[0]].concat()), "trailing_bytes"),
        ("a byte after the payload's end", changed(&|parts| parts.payload.push(0)), "trailing_bytes"),
        (
            "an integer that is not the shortest",
            changed(&|parts| parts.claims = long_integer.clone()),
            "not_deterministic",
        ),
        ("claims in another order", changed(&|parts| parts.claims = swapped.clone()), "not_deterministic"),
        ("a credential of indefinite length", indefinite_credential, "not_deterministic"),
        (
            "a byte string whose length is not the shortest",
            text(&replace(&[0x58, 0x40], &[0x59, 0x00, 0x40], &good)),
            "not_deterministic",
        ),
        (
            "another algorithm of the phone",
            changed(&|parts| parts.header = cbor(|e| e.map(2)?.i64(1)?.i64(-35)?.i64(13)?.ok())),
            "algorithm",
        ),
        (
            "another algorithm of the issuer",
            changed(&|parts| parts.credential_header = credential_header(cast, -35)),
            "algorithm",
        ),
        (
            "a holder's key on another curve",
            changed(&|parts| parts.claims = claims_bytes(cast, &own_claims(30, &[HERE]), 2, 5)),
            "algorithm",
        ),
        ("an unprotected header", changed(&|parts| parts.unprotected = vec![0xa1, 0x04, 0x41, 0x00]), "unknown_field"),
        ("a claim too many", changed(&|parts| parts.claims = extra_claim.clone()), "unknown_field"),
        (
            "a field too many among CQ1's own",
            changed(&|parts| parts.claims = claims_bytes(cast, &own_extra, 1, 5)),
            "unknown_field",
        ),
        ("a window of four seconds", changed(&|parts| parts.claims = claims(4, &[HERE])), "out_of_range"),
        ("a window of 121 seconds", changed(&|parts| parts.claims = claims(121, &[HERE])), "out_of_range"),
        ("no scope", changed(&|parts| parts.claims = claims(30, &[])), "out_of_range"),
        ("seventeen scopes", changed(&|parts| parts.claims = claims(30, &seventeen)), "out_of_range"),
        ("a second before 1970", changed(&|parts| parts.payload = payload(-1, 0)), "out_of_range"),
        ("a second beyond the year 4000", changed(&|parts| parts.payload = payload(1 << 36, 0)), "out_of_range"),
        ("an audience beyond 2^53", changed(&|parts| parts.payload = payload(NOW, (1 << 53) + 7)), "out_of_range"),
        (
            "an audience with a challenge and no gate",
            changed(&|parts| parts.payload = payload(NOW, 1 << 32)),
            "out_of_range",
        ),
        ("a pass that ends beyond the year 4000", late, "out_of_range"),
        ("a type below zero", claims_with(&[0xa5, 0x01, 0x01], &[0xa5, 0x01, 0x20]), "out_of_range"),
        ("a cti of seven bytes", claims_with(&[0x48, 0x01, 0x23], &[0x47, 0x23]), "structure"),
        ("a key type that is not EC2", claims_with(&[0xa4, 0x01, 0x02], &[0xa4, 0x01, 0x01]), "algorithm"),
        ("a y that is a number", claims_with(&[0x22, 0xf5], &[0x22, 0x01]), "structure"),
        ("a claim that stands twice", claims_with(&[0x06, 0x1a], &[0x04, 0x1a]), "not_deterministic"),
        ("a tag within the claims", claims_with(&[0x06, 0x1a], &[0x06, 0xc1, 0x1a]), "structure"),
        ("a number with a fraction", claims_with(&[0x05, 0x18, 0x1e], &[0x05, 0xf9, 0x4f, 0x80]), "structure"),
        ("a field too few among CQ1's own", own_short, "structure"),
        ("a kid of three bytes", changed(&|parts| parts.credential_header = short_kid.clone()), "structure"),
        ("a text of 600 characters is still looked at", format!("CQ1:{}", "0".repeat(596)), "too_large"),
        ("301 characters of two bytes each", "é".repeat(301), "too_long"),
        ("300 bytes are still looked at", text(&[0; 300]), "structure"),
        ("a line feed at the end", format!("{good_text}\n"), "base45"),
        ("a signature of 63 bytes", short_signature, "signature_form"),
        ("a high s by the phone", high_code, "signature_form"),
        ("a high s by the issuer", high_credential, "signature_form"),
    ];
    let steps = |code: &str, reason| vec![refused(NOW, code, reason)];
    cases.into_iter().map(|(name, code, reason)| vector(name, gate(), steps(&code, reason))).collect()
}

fn issuer(cast: &Cast) -> Vec<Vector> {
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

fn pass(cast: &Cast) -> Vec<Vector> {
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

fn status(cast: &Cast) -> Vec<Vector> {
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

fn holder(cast: &Cast) -> Vec<Vector> {
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

fn audience(cast: &Cast) -> Vec<Vector> {
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

fn time(cast: &Cast) -> Vec<Vector> {
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

fn replay(cast: &Cast) -> Vec<Vector> {
    let first = cast.plain(NOW);
    let anew = cast.code(&cast.credential(|_| ()), &cast.odd, NOW, Audience::gate(7), 0);
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
        vector("the same second signed anew", gate(), vec![accepted(NOW, &first), refused(NOW + 1, &anew, "replayed")]),
    ]
}
