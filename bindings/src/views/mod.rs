//! The screens as plain records, by the subjects that the façade has.

mod accounts;
mod regions;
mod services;
mod wallet;

use onecity_core as core;

pub use accounts::*;
pub use regions::*;
pub use services::*;
pub use wallet::*;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum ChangedTopic {
    Account,
    Home,
    Passes,
    Submissions,
    Documents,
}

impl From<core::Topic> for ChangedTopic {
    fn from(topic: core::Topic) -> Self {
        match topic {
            core::Topic::Account => Self::Account,
            core::Topic::Home => Self::Home,
            core::Topic::Passes => Self::Passes,
            core::Topic::Submissions => Self::Submissions,
            core::Topic::Documents => Self::Documents,
        }
    }
}

/// How far a screen can be relied on; times are seconds since 1970.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum Freshness {
    Fresh,
    Stale { since: i64 },
    Offline { since: i64 },
}

impl From<core::Freshness> for Freshness {
    fn from(freshness: core::Freshness) -> Self {
        match freshness {
            core::Freshness::Fresh => Self::Fresh,
            core::Freshness::Stale { since } => Self::Stale { since },
            core::Freshness::Offline { since } => Self::Offline { since },
        }
    }
}
