//! Passes, codes, documents and receipts.

use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::RegionId;
use serde::{Deserialize, Serialize};

use super::QrPicture;

/// A pass on a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PassView {
    /// Its id on this phone.
    pub id: String,
    /// Its name.
    pub title: String,
    /// One word for its type, for example `transit`.
    pub pass_type: String,
    /// Who issued it.
    pub issuer: String,
    /// Where it came from.
    pub region: RegionId,
    /// Where it is good.
    pub valid_in: Vec<String>,
    /// What its holder pays, in words.
    pub fare: Option<String>,
    /// Whose it is, if not the resident's own.
    pub holder: Option<HolderView>,
    /// Issued then.
    pub issued: UnixTime,
    /// Not valid from this second on.
    pub expires: UnixTime,
    /// Whether it opens anything.
    pub status: PassStatus,
    /// When its last code was shown.
    pub last_used: Option<UnixTime>,
}

/// Somebody in the resident's care, as an issuer names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct HolderView {
    pub id: String,
    pub name: String,
    /// One word: `child` or `parent`.
    pub relation: String,
}

/// What a pass is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum PassStatus {
    /// It opens gates.
    Good,
    /// It opens gates, and should be renewed while there is a network.
    RenewalDue,
    /// It has expired: renew it.
    Expired,
    /// It opens nothing until it is renewed: the phone's key for it is gone, or its issuer changed keys.
    NeedsRenewal,
    /// Its issuer has suspended it.
    Suspended,
    /// Its issuer has revoked it.
    Revoked,
}

/// Where one is and what for, to order passes by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct PassSituation {
    /// Where the resident is.
    pub region: Option<RegionId>,
    /// The type that is wanted, as one word.
    pub pass_type: Option<String>,
}

/// A type of pass that can be had in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassOffer {
    /// One word for it, for example `transit`.
    pub pass_type: String,
    /// Its name.
    pub title: String,
    /// Who issues it.
    pub issuer: String,
}

/// What a counter may ask of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurposeView {
    /// Its number, for a one-use grant.
    pub id: u64,
    /// What it is called.
    pub title: String,
    /// The counter.
    pub verifier: String,
    /// What it would learn.
    pub fields: Vec<String>,
}

/// A code to show at a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct CodeView {
    /// The pass it is for.
    pub pass_id: String,
    /// The text in the QR code.
    pub text: String,
    /// The picture.
    pub picture: QrPicture,
    /// When it was signed for, in seconds.
    pub issued: UnixTime,
    /// When to show the next one.
    pub next: UnixTime,
    /// Whether the phone's time may be wrong, so that a gate may refuse.
    pub time_unverified: bool,
}

/// A field of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct DocumentField {
    pub name: String,
    pub value: String,
}

/// What a document is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum DocumentStatus {
    /// It is genuine and counts.
    Good,
    /// It is genuine and has expired.
    Expired,
    /// It can't be verified just now: its region has not been synced, or its issuer has changed keys.
    Unverified,
}

/// A document on a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct DocumentView {
    /// Its id on this phone; empty for one that is not kept.
    pub id: String,
    /// Whose trust list vouches for it.
    pub region: RegionId,
    /// One word for what it is.
    pub kind: String,
    /// What it is called.
    pub title: String,
    /// Who signed it.
    pub issuer: String,
    /// When, in seconds.
    pub issued: UnixTime,
    /// From when on it no longer counts.
    pub expires: Option<UnixTime>,
    /// Whether it counts.
    pub status: DocumentStatus,
    /// What it says.
    pub fields: Vec<DocumentField>,
}

/// A receipt that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ReceiptView {
    /// The city's number for the order.
    pub order: String,
    /// In the currency's smallest unit.
    pub amount: u64,
    /// ISO 4217.
    pub currency: String,
    /// When it was paid, in seconds.
    pub paid_at: UnixTime,
    /// To whom.
    pub payee: String,
}
