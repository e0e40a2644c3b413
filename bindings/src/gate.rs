//! The gate, for a turnstile's own software: the same code that the core is tested with.

use std::sync::{Mutex, MutexGuard, PoisonError};

use onecity_protocol::credential::{
    Addressed, Admission, Decision, Gate, GatePolicy, StationKey, StatusListToken, TrustList, WithoutStatus,
};

use onecity_core::Error;

/// What the gate does.
#[derive(Debug, Clone, uniffi::Enum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum GateDecision {
    /// Open.
    Accepted { pass_type: u64, scopes: Vec<u64>, fare_class: u64, issuer: String, status_unchecked: bool },
    /// The very code that has just opened it: no second opening.
    AlreadyAccepted,
    /// Stay shut; `reason` is a stable name, `detail` a sentence.
    Refused { reason: String, detail: String },
}

/// Whom codes must be addressed to.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CodeAddress {
    AnyGate,
    ThisGate,
    /// To this gate and the challenge that it shows at the moment.
    ThisMoment,
}

/// What a gate asks for.
#[derive(Debug, Clone, uniffi::Record)]
pub struct OfflineGatePolicy {
    /// The types of pass that open it; empty for any.
    pub types: Vec<u64>,
    /// The scope that a pass must have.
    pub scope: Option<u64>,
    /// The gate's own number, 0 for none.
    pub number: u32,
    /// How a code has to be addressed.
    pub addressed: CodeAddress,
    /// 0 for a passage.
    pub purpose: u64,
    /// The least seconds between two passages of one pass, at most 180; 0 for none.
    pub interval: u32,
    /// How long the gate stays open without a current status list, at most 24; 0 for not at all.
    pub fail_open_hours: u32,
}

impl From<OfflineGatePolicy> for GatePolicy {
    fn from(own: OfflineGatePolicy) -> Self {
        let small = |value: u32, most: u8| u8::try_from(value).unwrap_or(most).min(most);
        let without = match small(own.fail_open_hours, 24) {
            0 => WithoutStatus::FailClosed,
            hours => WithoutStatus::FailOpen { hours },
        };
        let mut policy = GatePolicy::of_types(own.types.iter().copied(), without);
        if own.types.is_empty() {
            policy.other_types = Some(without);
        }
        policy.scope = own.scope;
        policy.number = own.number;
        policy.addressed = match own.addressed {
            CodeAddress::AnyGate => Addressed::AnyGate,
            CodeAddress::ThisGate => Addressed::ThisGate,
            CodeAddress::ThisMoment => Addressed::ThisMoment,
        };
        policy.purpose = own.purpose;
        policy.interval = small(own.interval, 180);
        policy
    }
}

/// A gate with its trust list, its status lists and its memory, and no network.
#[derive(uniffi::Object)]
pub struct OfflineGate {
    gate: Mutex<Gate>,
}

fn invalid(field: &str, why: impl ToString) -> Error {
    Error::InvalidInput { field: field.to_owned(), why: why.to_string() }
}

fn trust_list_of(bytes: &[u8]) -> Result<TrustList, Error> {
    TrustList::parse(bytes).map_err(|error| invalid("trust_list", error))
}

fn station_key(secret: &[u8]) -> Result<StationKey, Error> {
    let secret = secret.try_into().map_err(|_| invalid("station_key", "32 bytes"))?;
    Ok(StationKey::new(secret))
}

#[uniffi::export]
impl OfflineGate {
    /// A gate that starts at `now` (seconds since 1970).
    #[uniffi::constructor]
    pub fn new(trust_list: Vec<u8>, policy: OfflineGatePolicy, now: i64) -> Result<Self, Error> {
        Ok(Self { gate: Mutex::new(Gate::new(trust_list_of(&trust_list)?, policy.into(), now)) })
    }

    /// Replaces the trust list, after a refresh.
    pub fn set_trust_list(&self, trust_list: Vec<u8>) -> Result<(), Error> {
        self.lock().set_trust_list(trust_list_of(&trust_list)?);
        Ok(())
    }

    /// Takes a status list's token over, after a refresh.
    pub fn set_status_list(&self, token: Vec<u8>, now: i64) -> Result<(), Error> {
        let token = StatusListToken::parse(&token).map_err(|error| invalid("token", error))?;
        self.lock().set_status_list(token, now).map_err(|error| invalid("token", error))
    }

    /// Makes a new challenge from a random number, to be shown as a QR code; nothing for a gate without a number.
    pub fn challenge(&self, random: u32, now: i64) -> Option<String> {
        self.lock().challenge(random, now).map(|audience| audience.to_string())
    }

    /// Checks a code at the gate's time.
    pub fn check(&self, code: &str, now: i64) -> GateDecision {
        match self.lock().check(code, now) {
            Decision::Accepted(Admission { pass_type, scopes, fare_class, issuer, status_unchecked, .. }) => {
                GateDecision::Accepted { pass_type, scopes, fare_class, issuer, status_unchecked }
            }
            Decision::AlreadyAccepted(_) => GateDecision::AlreadyAccepted,
            Decision::Refused(refusal) => {
                GateDecision::Refused { reason: refusal.name().to_owned(), detail: refusal.to_string() }
            }
        }
    }

    /// What this gate has accepted since a second, for the other gates of its station, under their shared key.
    pub fn passages(&self, since: i64, station: Vec<u8>) -> Result<Vec<u8>, Error> {
        Ok(self.lock().passages(since, &station_key(&station)?))
    }

    /// Takes over what another gate of the station has accepted.
    pub fn learn_passages(&self, passages: Vec<u8>, station: Vec<u8>, now: i64) -> Result<u64, Error> {
        let news = self.lock().learn_passages(&passages, &station_key(&station)?, now);
        Ok(news.map_err(|error| invalid("passages", error))? as u64)
    }
}

impl OfflineGate {
    fn lock(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
