//! Who takes part in the vectors: keys from fixed seeds, their trust list, their codes.

use onecity_protocol::credential::{
    Audience, Claims, CredentialDraft, Issuer, Named, PassType, PresentationDraft, PublicKey, Purpose, Signature,
    StatusArray, StatusClaims, StatusEntry, StatusListDraft, TrustList, TrustedKey, Verifier, Words,
};
use onecity_protocol::names::Names;
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer;
use sha2::{Digest, Sha256};

use super::{CLINIC, HERE, NEVER, NOW, Shared, Step, TRANSIT, Vector, VectorGate};

/// A key from a seed, with RFC 6979 signatures of a low s.
pub(super) struct Key(SigningKey);

impl Key {
    pub(super) fn new(name: &str) -> Self {
        let seed = Sha256::digest(format!("CQ1 test vectors: {name}"));
        Self(SigningKey::from_slice(&seed).expect("a scalar below the order, with all but certainty"))
    }

    pub(super) fn public(&self) -> PublicKey {
        PublicKey::from_sec1(&self.0.verifying_key().to_sec1_bytes()).expect("a point")
    }

    pub(super) fn sign(&self, message: &[u8]) -> Signature {
        let signature: p256::ecdsa::Signature = self.0.sign(message);
        Signature::from_raw(&signature.normalize_s().to_bytes()).expect("64 bytes")
    }

    /// The signature's twin with a high s.
    pub(super) fn sign_high(&self, message: &[u8]) -> Signature {
        let low: p256::ecdsa::Signature = self.0.sign(message);
        let (r, s) = low.normalize_s().split_scalars();
        let high = p256::ecdsa::Signature::from_scalars(r, -*s).expect("not zero");
        Signature::from_raw(&high.to_bytes()).expect("64 bytes")
    }
}

/// Who takes part.
pub(super) struct Cast {
    pub issuer: Key,
    /// On the trust list for the clinic's type alone, and only until 2023.
    pub retired: Key,
    /// Another issuer of the same list.
    pub other: Key,
    pub stranger: Key,
    pub odd: Key,
    pub even: Key,
}

impl Cast {
    pub(super) fn new() -> Self {
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

    pub(super) fn shared(&self) -> Shared {
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

    pub(super) fn trust_list(&self) -> TrustList {
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
            Issuer { url: url.clone(), names: english("Example issuer"), signs: Vec::new() },
            Issuer { url: "https://other.example".to_owned(), names: english("Another issuer"), signs: Vec::new() },
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
    pub(super) fn status_list(&self, key: &Key, issued: i64, expires: i64, revoked: &[u64]) -> String {
        let mut statuses = StatusArray::new(2, 400).expect("two bits");
        assert!(revoked.iter().all(|index| statuses.set(*index, 1)));
        assert!((1..=3).all(|index| statuses.set(index, u8::try_from(index).expect("small"))));
        let uri = "https://issuer.example/status/3".to_owned();
        let claims = StatusClaims { uri, issued, expires: Some(expires), ttl: Some(3600), statuses };
        let draft = StatusListDraft::new(&claims, key.public().kid());
        let signature = key.sign(draft.message());
        hex::encode(draft.sign(&signature))
    }

    pub(super) fn credential(&self, change: impl FnOnce(&mut Claims)) -> Vec<u8> {
        self.credential_of(&self.issuer, &self.odd, change)
    }

    pub(super) fn credential_of(&self, issuer: &Key, holder: &Key, change: impl FnOnce(&mut Claims)) -> Vec<u8> {
        let mut claims = claims();
        change(&mut claims);
        let draft = CredentialDraft::new(&claims, &holder.public(), issuer.public().kid());
        let signature = issuer.sign(draft.message());
        draft.sign(&signature)
    }

    pub(super) fn code(
        &self,
        credential: &[u8],
        holder: &Key,
        issued: i64,
        audience: Audience,
        purpose: u64,
    ) -> String {
        let draft = PresentationDraft::new(credential, issued, audience, purpose).expect("a credential");
        let signature = holder.sign(draft.message());
        draft.sign(&signature)
    }

    /// A plain code of the odd holder.
    pub(super) fn plain(&self, issued: i64) -> String {
        self.code(&self.credential(|_| ()), &self.odd, issued, Audience::ANY, 0)
    }

    /// A plain code over a credential that differs.
    pub(super) fn with(&self, change: impl FnOnce(&mut Claims)) -> String {
        self.code(&self.credential(change), &self.odd, NOW, Audience::ANY, 0)
    }

    pub(super) fn addressed(&self, audience: Audience, purpose: u64) -> String {
        self.code(&self.credential(|_| ()), &self.odd, NOW, audience, purpose)
    }
}

pub(super) fn claims() -> Claims {
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

pub(super) fn gate() -> VectorGate {
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

pub(super) fn accepted(at: i64, code: &str) -> Step {
    Step { at, code: code.to_owned(), decision: "accepted".to_owned(), reason: None }
}

pub(super) fn again(at: i64, code: &str) -> Step {
    Step { at, code: code.to_owned(), decision: "already_accepted".to_owned(), reason: None }
}

pub(super) fn refused(at: i64, code: &str, reason: &str) -> Step {
    Step { at, code: code.to_owned(), decision: "refused".to_owned(), reason: Some(reason.to_owned()) }
}

pub(super) fn vector(name: &str, gate: VectorGate, steps: Vec<Step>) -> Vector {
    Vector { name: name.to_owned(), gate, steps }
}
