//! CQ1's test vectors: made by `cargo run -p onecity-tests --bin vectors`, kept in `tests/vectors/cq1`.
//!
//! Keys come from fixed seeds and signatures are deterministic (RFC 6979), so that making them again gives the same
//! bytes. Each malformed code has one fault and would otherwise be accepted: its signatures hold over what it says.

mod cast;
mod decided;
mod malformed;

use std::collections::BTreeMap;

use onecity_protocol::credential::TrustList;
use serde::{Deserialize, Serialize};

use cast::Cast;

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
        ("valid", "Codes that a gate accepts.", decided::valid(&cast)),
        ("malformed", "Texts that are no CQ1 code: one fault each.", malformed::malformed(&cast)),
        ("issuer", "Credentials that no trusted issuer stands for.", decided::issuer(&cast)),
        ("pass", "Credentials that are not good here or now.", decided::pass(&cast)),
        ("status", "Credentials that the issuer took back, or may have.", decided::status(&cast)),
        ("holder", "Codes that the holder's phone did not sign.", decided::holder(&cast)),
        ("audience", "Codes for another gate, moment or purpose.", decided::audience(&cast)),
        ("time", "Codes from another time.", decided::time(&cast)),
        ("replay", "Codes that were used.", decided::replay(&cast)),
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
