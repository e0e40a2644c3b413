//! The gate, for a turnstile's own software: the same code that the core is tested with.

use std::sync::{Mutex, PoisonError};

use onecity_protocol::credential::{Admission, Decision, Gate, GatePolicy, TrustList};

use crate::error::OneCityError;

/// What the gate does.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum GateDecision {
    /// Open.
    Accepted { pass_type: u64, scopes: Vec<u64>, fare_class: u64, issuer: String },
    /// The very code that has just opened it: no second opening.
    AlreadyAccepted,
    /// Stay shut; `reason` is a stable name, `detail` a sentence.
    Refused { reason: String, detail: String },
}

/// A gate with its trust list and its memory, and no network.
#[derive(uniffi::Object)]
pub struct OfflineGate {
    gate: Mutex<Gate>,
}

#[uniffi::export]
impl OfflineGate {
    /// A gate that starts at `now` (seconds since 1970). `types` empty is any; `audience` is the gate's own number.
    #[uniffi::constructor]
    pub fn new(
        trust_list: Vec<u8>,
        types: Vec<u64>,
        scope: Option<u64>,
        audience: u64,
        now: i64,
    ) -> Result<Self, OneCityError> {
        let trust = TrustList::parse(&trust_list)
            .map_err(|error| OneCityError::InvalidInput { field: "trust_list".to_owned(), why: error.to_string() })?;
        Ok(Self { gate: Mutex::new(Gate::new(trust, GatePolicy { types, scope, audience }, now)) })
    }

    /// Checks a code at the gate's time.
    pub fn check(&self, code: &str, now: i64) -> GateDecision {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        match gate.check(code, now) {
            Decision::Accepted(Admission { pass_type, scopes, fare_class, issuer }) => {
                GateDecision::Accepted { pass_type, scopes, fare_class, issuer }
            }
            Decision::AlreadyAccepted(_) => GateDecision::AlreadyAccepted,
            Decision::Refused(refusal) => {
                GateDecision::Refused { reason: refusal.name().to_owned(), detail: refusal.to_string() }
            }
        }
    }
}
