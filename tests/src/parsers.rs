//! What must hold for any bytes whatever: nothing panics, and what is accepted says the same when written again. The
//! fuzz targets call these, and `tests/corpus.rs` does with what fuzzing has kept.

use std::path::Path;
use std::sync::LazyLock;

use onecity_protocol::credential::{
    CoseMessage, Credential, Decision, Gate, GatePolicy, MAX_PRESENTATION, Presentation, StatusListToken, TrustList,
    WithoutStatus,
};

use crate::vectors::{NOW, Shared, files, vector_files};

/// A parser's name, and what must hold for it.
pub type Parser = (&'static str, fn(&[u8]));

/// All of them.
pub const PARSERS: [Parser; 6] = [
    ("code", code),
    ("presentation", presentation),
    ("credential", credential),
    ("status_list", status_list),
    ("trust_list", trust_list),
    ("cose", cose),
];

static SHARED: LazyLock<Shared> = LazyLock::new(|| {
    let (_, text) = files().swap_remove(0);
    serde_json::from_str(&text).expect("what was just made")
});

fn gate() -> Gate {
    let policy = GatePolicy::of_types([1, 2], WithoutStatus::FailOpen { hours: 24 });
    Gate::new(SHARED.trust_list.clone(), policy, NOW - 3600)
}

fn check(text: &str) {
    let decision = gate().check(text, NOW);
    let line = decision.to_string();
    assert!(line.is_ascii() && line.len() < 300, "a log line is short and plain");
    if let Decision::Accepted(_) = decision {
        // A code that opens a gate is one of the vectors: nobody can sign another.
        assert!(Presentation::parse(text).is_ok());
        assert!(matches!(gate().check(text, NOW + 3600), Decision::Refused(_)));
    }
}

/// The text of a code.
pub fn code(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        check(text);
    }
}

/// The bytes in a code.
pub fn presentation(data: &[u8]) {
    if data.len() <= MAX_PRESENTATION + 1 {
        check(&format!("CQ1:{}", base45::encode(data)));
    }
}

/// A credential, as an issuer's server returns it.
pub fn credential(data: &[u8]) {
    if let Ok(credential) = Credential::parse(data) {
        assert_eq!(credential.bytes(), data);
        assert!(!credential.claims().scopes.is_empty());
        let _ = credential.holder();
    }
}

/// A status list's token.
pub fn status_list(data: &[u8]) {
    if let Ok(token) = StatusListToken::parse(data) {
        let statuses = &token.claims().statuses;
        assert_eq!(statuses.get(statuses.len()), None);
        assert!(statuses.is_empty() || statuses.get(statuses.len() - 1).is_some());
        assert_eq!(statuses.get(u64::MAX), None);
        let _ = token.verify(&SHARED.trust_list, NOW);
    }
}

/// A trust list.
pub fn trust_list(data: &[u8]) {
    if let Ok(list) = TrustList::parse(data) {
        let again = serde_json::to_vec(&list).expect("plain JSON");
        assert_eq!(TrustList::parse(&again).expect("what was just written"), list);
    }
}

/// A COSE_Sign1 of somebody else.
pub fn cose(data: &[u8]) {
    if let Ok(message) = CoseMessage::parse(data) {
        let _ = (message.kid(), message.typ(), message.content_type());
        assert!(message.payload().len() < data.len());
        for trusted in SHARED.trust_list.all_keys() {
            let _ = message.is_signed_by(&trusted.key, &[]);
        }
    }
}

/// What fuzzing has kept for a parser.
pub fn kept(parser: &str) -> std::io::Result<Vec<Vec<u8>>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/corpus/{parser}.hex"));
    let text = std::fs::read_to_string(file)?;
    text.lines().map(|line| hex::decode(line).map_err(std::io::Error::other)).collect()
}

/// Writes what fuzzing begins with: the vectors, each in the form that its parser reads, and what was kept before.
pub fn write_seeds(folder: &Path) -> std::io::Result<()> {
    let mut seeds: Vec<(&str, Vec<u8>)> = Vec::new();
    for file in vector_files() {
        for step in file.vectors.iter().flat_map(|vector| &vector.steps) {
            seeds.push(("code", step.code.clone().into_bytes()));
            let bytes = step.code.strip_prefix("CQ1:").and_then(|text| base45::decode(text).ok());
            if let Some(bytes) = bytes {
                seeds.push(("cose", bytes.clone()));
                seeds.push(("presentation", bytes));
            }
            if let Ok(presentation) = Presentation::parse(&step.code) {
                seeds.push(("credential", presentation.credential().bytes().to_vec()));
            }
        }
    }
    for token in SHARED.status_lists.values() {
        let token = hex::decode(token).map_err(std::io::Error::other)?;
        seeds.push(("status_list", token.clone()));
        seeds.push(("cose", token));
    }
    seeds.push(("trust_list", serde_json::to_vec(&SHARED.trust_list)?));
    for (parser, _) in PARSERS {
        seeds.extend(kept(parser).unwrap_or_default().into_iter().map(|bytes| (parser, bytes)));
    }
    for (at, (target, bytes)) in seeds.into_iter().enumerate() {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("seed-{at}")), bytes)?;
    }
    Ok(())
}
