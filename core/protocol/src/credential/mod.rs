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

mod cose;
mod format;
mod gate;
mod key;
pub mod sample;
mod trust_list;

pub use cose::CoseError;
pub use format::{
    Claims, Credential, CredentialDraft, MAX_PRESENTATION, MalformedCode, Presentation, PresentationDraft, StatusEntry,
    WINDOW_DEFAULT, next_issued_at,
};
pub use gate::{Admission, Decision, Gate, GatePolicy, IssuerVerified, Refusal};
pub use key::{KeyError, PublicKey, Signature};
pub use trust_list::{Issuer, PassType, TrustList, TrustListError, TrustedKey};

/// Seconds since 1970-01-01T00:00:00Z.
pub type UnixTime = i64;
