//! CQ1: what an issuer signs about a holder, and the code that a phone shows at a gate.
//!
//! ```text
//!   issuer ── signs ──> credential C   (names the phone's P-256 key, kept for months)
//!   phone  ── signs ──> presentation P (holds C, for some seconds)  ──> "CQ1:" + Base45 ──> QR code
//!   gate   ── checks ─> issuer's key by the trust list, both signatures, time, replay; no network
//! ```
//!
//! A value's type tells how far it has been checked: [`Presentation`] is only well formed,
//! [`IssuerVerified`] carries an issuer's signature that held, [`Admission`] has passed the whole [`Gate`].

mod audience;
mod cbor;
mod cose;
mod decision;
mod format;
mod gate;
mod key;
mod policy;
mod refusal;
mod replay;
pub mod sample;
mod status;
mod trust_list;
mod verified;

pub use audience::{Audience, AudienceError};
pub use cose::{CoseError, CoseMessage};
pub use decision::{Admission, Decision};
pub use format::{
    Claims, Credential, CredentialDraft, MAX_PRESENTATION, MalformedCode, Presentation, PresentationDraft, StatusEntry,
    WINDOW_DEFAULT, next_issued_at,
};
pub use gate::Gate;
pub use key::{KeyError, PublicKey, Signature};
pub use policy::{Addressed, GatePolicy, WithoutStatus};
pub use refusal::Refusal;
pub use replay::{SnapshotError, StationKey};
pub use status::{Status, StatusArray, StatusClaims, StatusList, StatusListDraft, StatusListError, StatusListToken};
pub use trust_list::{Issuer, Named, PassType, Purpose, TrustList, TrustListError, TrustedKey, Verifier, Words};
pub use verified::{IssuerVerified, pass_id};

/// Seconds since 1970-01-01T00:00:00Z.
pub type UnixTime = i64;
