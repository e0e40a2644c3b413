//! A bug in one file: what a world was made of, what was asked of it and what was done to it, in its order, with words in the place of
//! secrets; and the same again in another world, which comes to the same decisions or says where it does not.
//!
//! ```text
//!   mod.rs       the file
//!   history.rs   what a tester has done to a world, and in what order everything happened
//!   telling.rs   a world's file: which word stands for what a client has made, and how
//!   stand_in.rs  a client in the place of those that there were: own keys, own proofs, the world's new tokens
//!   replay.rs    everything again, and what became of it
//! ```

mod history;
mod replay;
mod stand_in;
mod telling;

use std::collections::BTreeMap;
use std::io::Read;

use onecity_protocol::credential::UnixTime;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub(crate) use history::{Deed, History, Moment};
pub(crate) use replay::Replaying;
pub use replay::{Difference, Outcome, ReplayError, replay};

use crate::content::Additions;
use crate::journal::ShownExchange;

/// The version of the file.
const VERSION: u32 = 2;
/// Longest file, in bytes.
const LONGEST: u64 = 256 << 20;

/// Why a file is no capsule.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum CapsuleError {
    #[error("it can't be read: {0}")]
    File(#[from] std::io::Error),
    #[error("a capsule has at most 256 MiB")]
    TooLong,
    #[error("this is no capsule: {0}")]
    Malformed(serde_json::Error),
    #[error("this capsule is of version {0}; this server knows version 1")]
    Version(u32),
}

/// A bug in one file.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Capsule {
    /// The version of the file: 1.
    capsule: u32,
    /// The version of the server.
    server: String,
    world: TheWorld,
    /// What its clock said when it began, in milliseconds since 1970.
    began: i64,
    /// How many exchanges and deeds were too many to be remembered. With some, it can't be the same again.
    lost: u64,
    /// Whether it began with what no other world begins with: a state file, or registries that were signed before a reset.
    goes_on: bool,
    /// How clients have made what a word stands for.
    #[schema(value_type = Object)]
    made: BTreeMap<String, Made>,
    /// Of which words these texts are the SHA-256 hash, in base64url.
    hashes: BTreeMap<String, String>,
    /// The files of the services that lay over it, by the folder that they came from, in base64.
    services: BTreeMap<String, BTreeMap<String, String>>,
    /// In their order.
    #[schema(value_type = Vec<Object>)]
    events: Vec<Event>,
}

/// What a world was made of.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TheWorld {
    /// The address of its server.
    web_origin: String,
    /// Its name.
    name: String,
    /// What decided its ids and lots.
    seed: u64,
    /// What lay over what is built in.
    #[schema(value_type = Object)]
    additions: Additions,
}

/// How a client has made a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Made {
    /// Signed with a key that it carries (RFC 7515 §4.1.3).
    Jws {
        /// The header without the key.
        head: Map<String, Value>,
        /// The key's thumbprint (RFC 7638).
        key: String,
        /// Its private half was there, too.
        private: bool,
        claims: Value,
        holds: bool,
    },
    /// A name and a secret (RFC 7617).
    Basic { name: String, secret: String },
    /// The code of a pass, signed with the phone's key.
    Code { credential: String, holder: String, issued: UnixTime, audience: String, purpose: u64, holds: bool },
    /// The id of a persona.
    Persona { id: String },
    /// What a counter proves itself with.
    Verifier { number: u32 },
}

/// Something that happened.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
enum Event {
    /// A request came, and what goes wrong with it was drawn.
    Arrived { at: i64, exchange: Box<ShownExchange> },
    /// It was handled.
    Handled {
        at: i64,
        number: u64,
        /// Nobody waited for what came of it.
        unseen: bool,
    },
    /// Nobody waited for it any more.
    GivenUp { number: u64 },
    /// Something was done to the world.
    Done { at: i64, deed: Box<Deed> },
}

impl Capsule {
    /// Reads a file.
    pub fn read(file: impl Read) -> Result<Self, CapsuleError> {
        #[derive(Deserialize)]
        struct Version {
            capsule: u32,
        }
        let mut bytes = Vec::new();
        file.take(LONGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LONGEST {
            return Err(CapsuleError::TooLong);
        }
        let Version { capsule } = serde_json::from_slice(&bytes).map_err(CapsuleError::Malformed)?;
        if capsule != VERSION {
            return Err(CapsuleError::Version(capsule));
        }
        serde_json::from_slice(&bytes).map_err(CapsuleError::Malformed)
    }

    /// How many exchanges it has.
    pub fn exchanges(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Arrived { .. })).count()
    }
}
