//! What a gate asks for.

use std::collections::BTreeMap;

/// The longest that a gate may stay open on an outdated status list, in hours.
const MAX_FAIL_OPEN: u8 = 24;
/// The longest interval between two passages that a gate can keep to, in seconds: it remembers little longer.
pub(super) const MAX_INTERVAL: u8 = 180;
/// How many holders a gate remembers where its policy says nothing else.
const CAPACITY: usize = 2_000_000;

/// What a gate does while it has no current status list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WithoutStatus {
    /// It refuses: right for a clinic, a counter, a barrier.
    #[default]
    FailClosed,
    /// It goes on admitting for so many hours after the list's expiry, or after the gate's own start if it never had
    /// one; 24 at most. Right for a turnstile, where a crowd would otherwise stand.
    FailOpen {
        /// Hours, 1 to 24.
        hours: u8,
    },
}

impl WithoutStatus {
    pub(super) fn seconds(self) -> i64 {
        match self {
            Self::FailClosed => 0,
            Self::FailOpen { hours } => i64::from(hours.min(MAX_FAIL_OPEN)) * 3600,
        }
    }
}

/// Whom a code must be addressed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addressed {
    /// To any gate or to this one.
    #[default]
    AnyGate,
    /// To this one.
    ThisGate,
    /// To this one and its challenge of the moment: no code signed in advance, and none captured elsewhere, opens it.
    ThisMoment,
}

/// What a gate asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatePolicy {
    /// The types of pass that open it, and what it does for each while it has no current status list.
    pub types: BTreeMap<u64, WithoutStatus>,
    /// The same for all other types; none if they do not open it.
    pub other_types: Option<WithoutStatus>,
    /// The scope that a pass must have; none for any.
    pub scope: Option<u64>,
    /// The gate's own number, for codes that are addressed to it; 0 if it has none.
    pub number: u32,
    /// Whom codes must be addressed to.
    pub addressed: Addressed,
    /// What codes must be made for: 0 for a passage.
    pub purpose: u64,
    /// The least seconds between two passages of one pass, so that copies of codes that were signed in advance let no
    /// friends through one after another; 0 for none, 180 at most.
    pub interval: u8,
    /// How many holders are remembered; beyond that, memory is traded for refusals of older codes.
    pub capacity: usize,
}

impl GatePolicy {
    /// Any pass that the trust list knows, as long as the status list is current.
    pub fn any() -> Self {
        Self {
            types: BTreeMap::new(),
            other_types: Some(WithoutStatus::FailClosed),
            scope: None,
            number: 0,
            addressed: Addressed::AnyGate,
            purpose: 0,
            interval: 0,
            capacity: CAPACITY,
        }
    }

    /// Passes of these types only.
    pub fn of_types(types: impl IntoIterator<Item = u64>, without_status: WithoutStatus) -> Self {
        let types = types.into_iter().map(|id| (id, without_status)).collect();
        Self { types, other_types: None, ..Self::any() }
    }

    pub(super) fn of_type(&self, pass_type: u64) -> Option<WithoutStatus> {
        self.types.get(&pass_type).copied().or(self.other_types)
    }
}
