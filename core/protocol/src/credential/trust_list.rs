//! The trust list: which keys may issue which passes. It is the TUF target `UNIT/trust.json`, so a gate that holds one
//! has it from a verified registry or from the operator's own hand.

use serde::{Deserialize, Serialize};

use super::UnixTime;
use super::key::{KeyError, PublicKey};
use crate::json::{self, JsonError};
use crate::names::Names;

/// Largest trust list that is read, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Why a trust list was refused.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum TrustListError {
    #[error("the trust list is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the trust list is not the JSON that was expected: {0}")]
    Malformed(#[from] JsonError),
    #[error("the trust list has a verifier or a purpose with the number 0, which means none")]
    Reserved,
    #[error("the trust list's key of {issuer}: {why}")]
    Key { issuer: String, why: KeyError },
}

/// A type of pass, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassType {
    /// The number that credentials carry.
    pub id: u64,
    /// One word that pages and issuers know it by, for example `transit`.
    pub word: String,
    /// Names by language.
    pub names: Names,
}

/// What a number means, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The number that credentials carry.
    pub id: u64,
    /// Names by language.
    pub names: Names,
}

/// What a holder can let a verifier do beyond a passage; 0, a plain passage, is not listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// The number that codes carry; not 0.
    pub id: u64,
    /// What it is called, for example "Check in and show the health record".
    pub names: Names,
    /// The types of pass that it can be asked of; empty for any.
    #[serde(default)]
    pub types: Vec<u64>,
    /// The attributes that the issuer hands out for it, by their names at the issuer. They never change: who wants to
    /// show others takes another number, since a code carries only that.
    pub fields: Vec<String>,
}

/// A counter or clinic that codes can be addressed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verifier {
    /// The gate's number, the low 32 bits of an audience; not 0.
    pub number: u32,
    /// What it is called.
    pub names: Names,
    /// The purposes that it may ask for.
    pub purposes: Vec<u64>,
}

/// The words for the numbers of credentials and codes. A gate needs none of them; a phone shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Words {
    /// Where a pass is good.
    pub scopes: Vec<Named>,
    /// What its holder pays.
    pub fare_classes: Vec<Named>,
    /// What a code can be good for beyond a passage.
    pub purposes: Vec<Purpose>,
    /// Whom codes can be addressed to.
    pub verifiers: Vec<Verifier>,
}

impl Words {
    /// A purpose that this verifier may ask of a type of pass.
    pub fn purpose(&self, verifier: &Verifier, id: u64, pass_type: u64) -> Option<&Purpose> {
        let of_type = |purpose: &Purpose| purpose.types.is_empty() || purpose.types.contains(&pass_type);
        let may_ask = verifier.purposes.contains(&id);
        self.purposes.iter().find(|purpose| purpose.id == id && may_ask && of_type(purpose))
    }

    /// A verifier by its number.
    pub fn verifier(&self, number: u32) -> Option<&Verifier> {
        self.verifiers.iter().find(|verifier| verifier.number == number)
    }
}

/// Who issues, and where a phone asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// The OpenID4VCI credential issuer identifier, a URL.
    pub url: String,
    /// Names by language.
    pub names: Names,
    /// The types of documents that it may sign, by one word each; its keys that issue passes sign them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signs: Vec<String>,
}

/// A key that may issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    /// The key itself.
    pub key: PublicKey,
    /// Who holds it: one of the list's issuers.
    pub issuer: String,
    /// The types of pass that it may sign.
    pub types: Vec<u64>,
    /// The scopes that it may sign.
    pub scopes: Vec<u64>,
    /// From when on it may sign.
    pub not_before: UnixTime,
    /// Until when.
    pub not_after: UnixTime,
}

/// A trust list whose keys have all been found to be points of the curve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct TrustList {
    /// The status lists' URIs are this, `/`, and the list's number.
    pub status_base: String,
    /// The types of pass there are.
    pub types: Vec<PassType>,
    /// The issuers there are.
    pub issuers: Vec<Issuer>,
    /// What the other numbers mean.
    pub words: Words,
    /// The keys that may issue, in the order of the `kid` that credentials name them by.
    keys: Vec<([u8; 4], TrustedKey)>,
}

impl TrustList {
    /// A list of these keys.
    pub fn new(status_base: String, types: Vec<PassType>, issuers: Vec<Issuer>, keys: Vec<TrustedKey>) -> Self {
        let mut keys: Vec<_> = keys.into_iter().map(|trusted| (trusted.key.kid(), trusted)).collect();
        keys.sort_by_key(|(kid, _)| *kid);
        Self { status_base, types, issuers, words: Words::default(), keys }
    }

    /// The same list with words for its numbers.
    pub fn with_words(self, words: Words) -> Self {
        Self { words, ..self }
    }

    /// Reads a trust list.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustListError> {
        if bytes.len() > MAX_BYTES {
            return Err(TrustListError::TooLarge);
        }
        let wire: Wire = json::read(bytes)?;
        wire.try_into()
    }

    /// The keys with a `kid`; four bytes can collide, so there may be several.
    pub fn keys(&self, kid: [u8; 4]) -> impl Iterator<Item = &TrustedKey> {
        let first = self.keys.partition_point(|(own, _)| *own < kid);
        self.keys[first..].iter().take_while(move |(own, _)| *own == kid).map(|(_, trusted)| trusted)
    }

    /// Puts all keys under one name, as keys that were made to collide would be.
    #[cfg(test)]
    pub(super) fn rename_all(&mut self, kid: [u8; 4]) {
        self.keys.iter_mut().for_each(|(own, _)| *own = kid);
    }

    /// All keys.
    pub fn all_keys(&self) -> impl Iterator<Item = &TrustedKey> {
        self.keys.iter().map(|(_, trusted)| trusted)
    }

    /// The issuer of a type of pass: the first of the list's issuers with a key that may sign it now.
    pub fn issuer_of_type(&self, id: u64, now: UnixTime) -> Option<&Issuer> {
        let may_sign = |own: &TrustedKey, issuer: &Issuer| {
            own.issuer == issuer.url && own.types.contains(&id) && (own.not_before..own.not_after).contains(&now)
        };
        self.issuers.iter().find(|issuer| self.all_keys().any(|own| may_sign(own, issuer)))
    }

    /// A type of pass by its number.
    pub fn pass_type(&self, id: u64) -> Option<&PassType> {
        self.types.iter().find(|kind| kind.id == id)
    }
}

/// The JSON form.
#[derive(Clone, Serialize, Deserialize)]
struct Wire {
    status_base: String,
    types: Vec<PassType>,
    issuers: Vec<Issuer>,
    #[serde(flatten)]
    words: Words,
    keys: Vec<WireKey>,
}

#[derive(Clone, Serialize, Deserialize)]
struct WireKey {
    x: Coordinate,
    y: Coordinate,
    issuer: String,
    types: Vec<u64>,
    scopes: Vec<u64>,
    not_before: UnixTime,
    not_after: UnixTime,
}

impl TryFrom<Wire> for TrustList {
    type Error = TrustListError;
    fn try_from(wire: Wire) -> Result<Self, TrustListError> {
        let Words { purposes, verifiers, .. } = &wire.words;
        if purposes.iter().any(|own| own.id == 0) || verifiers.iter().any(|own| own.number == 0) {
            return Err(TrustListError::Reserved);
        }
        let key = |own: WireKey| {
            let point = [&[4][..], &own.x.0, &own.y.0].concat();
            let key =
                PublicKey::from_sec1(&point).map_err(|why| TrustListError::Key { issuer: own.issuer.clone(), why })?;
            let WireKey { issuer, types, scopes, not_before, not_after, .. } = own;
            Ok(TrustedKey { key, issuer, types, scopes, not_before, not_after })
        };
        let keys = wire.keys.into_iter().map(key).collect::<Result<_, TrustListError>>()?;
        Ok(Self::new(wire.status_base, wire.types, wire.issuers, keys).with_words(wire.words))
    }
}

impl From<TrustList> for Wire {
    fn from(list: TrustList) -> Self {
        let key = |(_, own): ([u8; 4], TrustedKey)| {
            let (x, y) = (Coordinate(own.key.x()), Coordinate(own.key.y()));
            let TrustedKey { issuer, types, scopes, not_before, not_after, .. } = own;
            WireKey { x, y, issuer, types, scopes, not_before, not_after }
        };
        let keys = list.keys.into_iter().map(key).collect();
        Self { status_base: list.status_base, types: list.types, issuers: list.issuers, words: list.words, keys }
    }
}

/// A coordinate in 64 hexadecimal digits.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Coordinate([u8; 32]);

impl From<Coordinate> for String {
    fn from(coordinate: Coordinate) -> Self {
        hex::encode(coordinate.0)
    }
}

impl TryFrom<String> for Coordinate {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| "a coordinate is 64 hexadecimal digits")?;
        Ok(Self(bytes))
    }
}
