//! What a world is started with, and why it can't be.

use std::path::PathBuf;

use crate::content::{Additions, ContentError};
use crate::faults::{Preset, Rule, RuleError};
use crate::issuer::IssuerError;
use crate::registry::RegistryError;
use crate::server::Server;
use crate::serving::{ConnectionLimits, Tls, TlsError};
use crate::state::StateError;

/// What the world is started with.
#[derive(Debug, Clone, Default)]
pub struct WorldOptions {
    /// The port on loopback; 0 for a free one.
    pub port: u16,
    /// Whether other machines in the same network reach it, too.
    pub network: bool,
    /// Repeats the same personas, ids and decisions.
    pub seed: u64,
    /// What goes wrong from the start.
    pub faults: Vec<Preset>,
    /// The same, as rules.
    pub rules: Vec<Rule>,
    /// When its clock stands still, in milliseconds since 1970; without it, it goes by this machine's.
    pub frozen_at: Option<i64>,
    /// What somebody on another machine proves to be the tester with; a random one without it.
    pub admin_token: Option<String>,
    /// What strangers may do with its server's connections.
    pub connections: ConnectionLimits,
    /// What is laid over the built-in world.
    pub additions: Additions,
    /// Where all of it is written down, so that another server can go on with it.
    pub state: Option<PathBuf>,
    /// Whether HTTPS is spoken, too, and with which certificate. From other machines then nothing else is.
    pub tls: Option<Tls>,
    /// The origins whose pages may use the controls, beside its own.
    pub origins: Vec<String>,
}

impl WorldOptions {
    /// A port on loopback; without one, a free one is taken.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Decides ids and lots.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Something goes wrong from the start, by name.
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        self.faults.push(preset);
        self
    }

    /// Something goes wrong from the start.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Something is laid over the built-in world.
    #[must_use]
    pub fn with(mut self, additions: Additions) -> Self {
        self.additions = additions;
        self
    }

    /// All of it is written to a file, and goes on from there.
    #[must_use]
    pub fn state(mut self, file: impl Into<PathBuf>) -> Self {
        self.state = Some(file.into());
        self
    }

    /// HTTPS is spoken, too.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Pages of this origin may use the controls.
    #[must_use]
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// The clock stands still at a time, in milliseconds since 1970.
    #[must_use]
    pub fn frozen_at(mut self, milliseconds: i64) -> Self {
        self.frozen_at = Some(milliseconds);
        self
    }

    /// Makes the world and serves it.
    pub async fn start(self) -> Result<Server, WorldError> {
        Server::start(self).await
    }
}

/// Why the world could not be made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum WorldError {
    #[error("port {0}: {1}")]
    Port(u16, std::io::Error),
    #[error("the network: {0}")]
    Network(#[from] std::io::Error),
    #[error("the registry: {0}")]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error("the issuers: {0}")]
    Issuer(#[from] IssuerError),
    #[error("a fault: {0}")]
    Rule(#[from] RuleError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("{0} is no origin: it is a scheme, a host and perhaps a port, as in http://localhost:3000")]
    Origin(String),
    #[error("the system has no random numbers")]
    Random,
}

/// Why something can't be laid over a world.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum LayError {
    #[error(
        "regions and circles are laid down when a world begins: start the server again, and with a new state file if it has one"
    )]
    Regions,
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error("the registry: {0}")]
    Registry(#[from] Box<RegistryError>),
}
