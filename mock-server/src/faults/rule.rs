//! What goes wrong, where, and how often: as a tester writes it, in JSON or TOML.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::meant::Where;
use crate::named::named;

/// Something that goes wrong from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it is called, to end it; one is given if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64, pattern = "^[a-z0-9][a-z0-9-]*$")]
    pub id: Option<String>,
    /// What goes wrong.
    #[serde(deserialize_with = "named")]
    pub what: What,
    /// Where; without it, everywhere.
    #[serde(default, skip_serializing_if = "Where::is_everywhere", deserialize_with = "named")]
    pub on: Where,
    /// How likely it is each time, from 0 to 1. The world's seed decides.
    #[serde(default = "always")]
    #[schema(minimum = 0, maximum = 1, default = 1.0)]
    pub probability: f64,
    /// How many times it lets pass first.
    #[serde(default)]
    pub after: u32,
    /// How often it happens at most; without it, until it is ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

const fn always() -> f64 {
    1.0
}

impl Rule {
    /// Something that goes wrong everywhere, always.
    pub fn new(what: What) -> Self {
        Self { id: None, what, on: Where::default(), probability: 1.0, after: 0, times: None }
    }

    /// The same at some places only.
    #[must_use]
    pub fn on(mut self, on: Where) -> Self {
        self.on = on;
        self
    }

    /// The same with some probability, from 0 to 1.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// The same so many times, and then no more.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum What {
    /// The answer comes later.
    #[schema(title = "Latency")]
    Latency {
        /// How much later.
        delay: Delay,
    },
    /// The answer comes slowly.
    #[schema(title = "Bandwidth")]
    Bandwidth {
        /// How many bytes a second.
        #[schema(minimum = 1)]
        bytes_per_second: u32,
    },
    /// The answer comes in small pieces.
    #[schema(title = "Dribble")]
    Dribble {
        /// How large a piece is, in bytes.
        #[schema(minimum = 1)]
        piece: u32,
        /// How long it is until the next, in milliseconds.
        #[schema(maximum = 60_000)]
        every_ms: u32,
    },
    /// Another answer comes, and nothing is done.
    #[schema(title = "Status")]
    Status {
        /// Its status.
        #[schema(minimum = 200, maximum = 599)]
        status: u16,
        /// After how many seconds to ask again (RFC 9110 §10.2.3).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
    },
    /// The connection is reset before there is an answer, and nothing is done.
    #[schema(title = "Reset")]
    Reset,
    /// No answer comes, and nothing is done: the client waits until it has waited long enough.
    #[schema(title = "Silence")]
    Silence,
    /// A page to log in to a network comes in the place of the answer, with status 200, and nothing is done.
    #[schema(title = "LoginPage")]
    LoginPage,
    /// All is done, and the answer is lost on its way.
    #[schema(title = "LoseAnswer")]
    LoseAnswer {
        /// What comes instead.
        #[serde(default)]
        instead: Instead,
    },
    /// The connection ends within the answer's body.
    #[schema(title = "Truncate")]
    Truncate {
        /// After so many bytes.
        after_bytes: u32,
    },
    /// The answer's body is cut short as if it were whole: its JSON can't be read.
    #[schema(title = "MalformedBody")]
    MalformedBody,
    /// The answer says that it is something else.
    #[schema(title = "WrongContentType")]
    WrongContentType {
        /// What it says.
        #[schema(max_length = 128, pattern = "^[a-z]+/[a-z0-9.+-]+$", example = "text/html")]
        media_type: String,
    },
    /// Every access token that is shown has expired.
    #[schema(title = "ExpiredToken")]
    ExpiredToken,
    /// Every session has ended: what is refreshed or shown is refused.
    #[schema(title = "RevokedSession")]
    RevokedSession,
    /// ID tokens have another login's nonce.
    #[schema(title = "WrongNonce")]
    WrongNonce,
    /// The discovery document names another issuer.
    #[schema(title = "WrongIssuer")]
    WrongIssuer,
    /// Every proof of possession must hold the server's nonce (RFC 9449 §8, §9).
    #[schema(title = "DpopNonce")]
    DpopNonce,
    /// The provider lists another key than it signs with.
    #[schema(title = "UnlistedKey")]
    UnlistedKey,
    /// The server's clock is wrong in what it says and in what it checks.
    #[schema(title = "ClockSkew")]
    ClockSkew {
        /// How many seconds it is ahead.
        #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000)]
        seconds: i64,
    },
    /// A signature does not hold.
    #[schema(title = "BadSignature")]
    BadSignature {
        /// Whose.
        of: Signed,
    },
    /// The registry serves what is signed, but not what is current.
    #[schema(title = "Metadata")]
    Metadata {
        /// In which way.
        how: Stale,
    },
    /// The status lists say that passes are revoked.
    #[schema(title = "RevokedPass")]
    RevokedPass {
        /// Whose; without it, all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        persona: Option<String>,
    },
}

/// How much later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Delay {
    /// Always so many milliseconds.
    #[schema(title = "FixedMs")]
    FixedMs(u32),
    /// Anything between two numbers of milliseconds.
    #[schema(title = "UniformMs")]
    UniformMs(Between),
    /// As networks have it: mostly about the median, sometimes much more.
    #[schema(title = "LogNormal")]
    LogNormal(Spread),
}

/// Two numbers of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Between {
    /// At least.
    pub from: u32,
    /// At most.
    pub to: u32,
}

/// A log-normal distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Half of the answers come sooner, in milliseconds.
    pub median_ms: u32,
    /// The standard deviation of the delay's logarithm: 0.5 is steady, 1 is a metro, 2 is a tunnel.
    #[schema(minimum = 0, maximum = 4)]
    pub sigma: f64,
}

/// What comes in the place of an answer that is lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Instead {
    /// The connection is reset.
    #[default]
    Reset,
    /// 504, as a gateway says it.
    GatewayTimeout,
}

/// What has a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Signed {
    /// ID tokens.
    IdToken,
    /// The registry's timestamp.
    Metadata,
    /// Status lists.
    StatusList,
    /// New passes.
    Pass,
}

/// In which way a registry is not current.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stale {
    /// As it was when the fault began, whatever is published since.
    Frozen,
    /// As it was at the very first.
    RolledBack,
    /// The newest timestamp with an older snapshot.
    Mixed,
    /// What is served has ended long ago.
    Expired,
}
