//! What a shell decides once.

use std::path::PathBuf;
use std::time::Duration;

use onecity_protocol::region::RegionId;

/// Where trust in a nation's registry begins: built into the app.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NationAnchor {
    /// The nation, for example `cn`.
    pub nation: RegionId,
    /// Where its repository is.
    pub url: String,
    /// Its first `root.json`.
    pub root: Vec<u8>,
}

/// What a shell decides once.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The folder of the two files.
    pub folder: PathBuf,
    /// The resident's languages as BCP 47 tags, best first, until `Client::set_languages` says otherwise.
    pub languages: Vec<String>,
    /// The nations that this app knows.
    pub nations: Vec<NationAnchor>,
    /// Allows plain HTTP to this very machine, for tests and virtual phones.
    pub allow_loopback: bool,
    /// What servers are told that a virtual phone is called, in `User-Agent`; only together with `allow_loopback`, since it tells
    /// one phone from another.
    pub virtual_name: Option<String>,
    /// How long servers are waited for.
    pub timeouts: Timeouts,
    /// How many bytes packages may take before the least recently used are removed.
    pub package_budget: u64,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            languages: Vec::new(),
            nations: Vec::new(),
            allow_loopback: false,
            virtual_name: None,
            timeouts: Timeouts::default(),
            package_budget: 512 << 20,
        }
    }
}

/// How long the other side is waited for. A server that sends a byte now and then delays nobody for longer than `whole`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect: Duration,
    /// While nothing comes.
    pub silence: Duration,
    /// Until the whole answer has come. A download continues where it stopped at the next try.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), silence: Duration::from_secs(20), whole: Duration::from_secs(120) }
    }
}
