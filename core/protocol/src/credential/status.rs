//! Revocation: the IETF Token Status List (draft-ietf-oauth-status-list-21) as a CWT.
//!
//! ```text
//!   issuer ── StatusListDraft ──> token (CWT in COSE_Sign1, zlib inside), served at  status base / list number
//!   gate   ── StatusListToken::parse ──> verify by the trust list ──> StatusList, one lookup a passage
//! ```
//!
//! Each credential names a list and an index in it; the list has 1, 2, 4 or 8 bits for each index.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use minicbor::Decoder;
use minicbor::data::Type;

use super::UnixTime;
use super::cbor::write;
use super::cose::{ALG, CoseError, CoseMessage, ES256, KID, TYP, Unsigned};
use super::format::StatusEntry;
use super::gate::SKEW;
use super::key::{PublicKey, Signature};
use super::trust_list::{TrustList, TrustedKey};

/// The token's type (draft §5.2).
const TOKEN_TYPE: &str = "application/statuslist+cwt";
/// CWT claims (RFC 8392 §4, draft §5.2).
const SUB: i64 = 2;
const EXP: i64 = 4;
const IAT: i64 = 6;
const TTL: i64 = 65534;
const STATUS_LIST: i64 = 65533;
/// Largest list once it is unpacked, in bytes: 128 million entries of one bit.
const MAX_UNPACKED: usize = 16 << 20;

/// Most lists that a gate keeps, and most bytes in all of them.
pub(super) const MAX_LISTS: usize = 64;
pub(super) const MAX_TOTAL: usize = 64 << 20;
/// The longest that a list counts as current, in seconds: nobody shall keep a gate offline for ever.
const MAX_LIFE: i64 = 7 * 86_400;

/// Why a status list was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StatusListError {
    #[error("the status list's token: {0}")]
    Cose(CoseError),
    #[error("the token is not a status list")]
    Type,
    #[error("the token's claims can't be read")]
    Claims,
    #[error("a status has 1, 2, 4 or 8 bits, not {0}")]
    Bits(u64),
    #[error("the list is not one whole zlib stream")]
    Zlib,
    #[error("the list unpacks to more than {MAX_UNPACKED} bytes")]
    TooLarge,
    #[error("the token does not say until when it is good")]
    NoExpiry,
    #[error("the token names {0}, which is not a list of this trust list")]
    WrongUri(String),
    #[error("no key of the trust list signed the token")]
    Signature,
    #[error("the token is from the future")]
    FromTheFuture,
    #[error("there are too many lists: more than {MAX_LISTS}, or {MAX_TOTAL} bytes")]
    TooMany,
    #[error("a newer token of this list has been seen: issued at {seen}, offered {offered}")]
    Older { seen: UnixTime, offered: UnixTime },
}

/// What a list says of one credential (draft §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 0: as good as its signature.
    Valid,
    /// 1: revoked for good.
    Invalid,
    /// 2: not good for now.
    Suspended,
    /// Any other value, which this version does not know.
    Other(u8),
}

impl From<u8> for Status {
    fn from(value: u8) -> Self {
        match value {
            0 => Self::Valid,
            1 => Self::Invalid,
            2 => Self::Suspended,
            other => Self::Other(other),
        }
    }
}

/// Statuses packed by the draft's §4.1: the first index in the lowest bits of the first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusArray {
    bits: u8,
    bytes: Vec<u8>,
}

impl StatusArray {
    /// `entries` statuses of `bits` bits, all valid, rounded up to whole bytes.
    pub fn new(bits: u8, entries: usize) -> Result<Self, StatusListError> {
        check_bits(bits.into())?;
        let len = entries.div_ceil(8 / usize::from(bits));
        if len > MAX_UNPACKED {
            return Err(StatusListError::TooLarge);
        }
        Ok(Self { bits, bytes: vec![0; len] })
    }

    /// Unpacks a list as a token carries it. Not a byte more than the limit is ever unpacked.
    pub fn unpack(bits: u64, lst: &[u8]) -> Result<Self, StatusListError> {
        let bits = check_bits(bits)?;
        let mut zlib = ZlibDecoder::new(lst);
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_UNPACKED + 1).expect("fits");
        zlib.by_ref().take(limit).read_to_end(&mut bytes).map_err(|_| StatusListError::Zlib)?;
        if bytes.len() > MAX_UNPACKED {
            return Err(StatusListError::TooLarge);
        }
        if zlib.total_in() != lst.len() as u64 {
            return Err(StatusListError::Zlib);
        }
        bytes.shrink_to_fit();
        Ok(Self { bits, bytes })
    }

    /// The list as a token carries it: zlib (RFC 1950), at its best.
    pub fn pack(&self) -> Vec<u8> {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(&self.bytes).and_then(|()| zlib.finish()).expect("writing to memory can't fail")
    }

    /// How many statuses there is room for.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64 * u64::from(8 / self.bits)
    }

    /// Whether there is room for none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bits of a status.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// The status at an index; `None` beyond the end.
    pub fn get(&self, index: u64) -> Option<Status> {
        let (at, shift) = self.place(index)?;
        Some(Status::from(self.bytes[at] >> shift & self.mask()))
    }

    /// Sets the status at an index; `false` if there is no such index, or the value has too many bits.
    pub fn set(&mut self, index: u64, value: u8) -> bool {
        let mask = self.mask();
        let Some((at, shift)) = self.place(index).filter(|_| value <= mask) else { return false };
        self.bytes[at] = self.bytes[at] & !(mask << shift) | value << shift;
        true
    }

    fn mask(&self) -> u8 {
        u8::MAX >> (8 - self.bits)
    }

    fn place(&self, index: u64) -> Option<(usize, u8)> {
        let per_byte = u64::from(8 / self.bits);
        let at = usize::try_from(index / per_byte).ok().filter(|at| *at < self.bytes.len())?;
        let within = u8::try_from(index % per_byte).expect("less than 8");
        Some((at, within * self.bits))
    }
}

fn check_bits(bits: u64) -> Result<u8, StatusListError> {
    match bits {
        1 | 2 | 4 | 8 => Ok(bits as u8),
        other => Err(StatusListError::Bits(other)),
    }
}

/// The claims of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StatusClaims {
    /// The list's own address.
    pub uri: String,
    pub issued: UnixTime,
    /// Not to be relied on from this second on.
    pub expires: Option<UnixTime>,
    /// After how many seconds a copy should be fetched again.
    pub ttl: Option<u64>,
    pub statuses: StatusArray,
}

/// A well-formed token whose signature nobody has checked yet.
#[derive(Debug, Clone)]
pub struct StatusListToken {
    message: CoseMessage,
    claims: StatusClaims,
}

impl StatusListToken {
    /// Reads a token (draft §5.2), tagged or not.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatusListError> {
        let message = CoseMessage::parse(bytes).map_err(StatusListError::Cose)?;
        if message.typ() != Some(TOKEN_TYPE) {
            return Err(StatusListError::Type);
        }
        let claims = read_claims(message.payload())?;
        Ok(Self { message, claims })
    }

    /// What it says, as yet unverified.
    pub fn claims(&self) -> &StatusClaims {
        &self.claims
    }

    /// Checks who signed it. A list that has expired verifies: how long it may still be used is the gate's policy.
    pub fn verify(self, trust: &TrustList, now: UnixTime) -> Result<StatusList, StatusListError> {
        let StatusClaims { uri, issued, expires, ttl, statuses } = self.claims;
        let wrong = || StatusListError::WrongUri(uri.chars().take(200).collect());
        let number = uri.strip_prefix(trust.status_base.as_str()).and_then(|rest| rest.strip_prefix('/'));
        let number = number.and_then(|number| number.parse::<u64>().ok().filter(|parsed| parsed.to_string() == number));
        let number = number.ok_or_else(wrong)?;
        if issued > now + SKEW {
            return Err(StatusListError::FromTheFuture);
        }
        let by_ttl = || ttl.and_then(|ttl| i64::try_from(ttl).ok()).map(|ttl| issued.saturating_add(ttl));
        let expires = expires.or_else(by_ttl).ok_or(StatusListError::NoExpiry)?.min(issued + MAX_LIFE);
        let kid = self.message.kid();
        let signed = |trusted: &&TrustedKey| {
            (trusted.not_before..trusted.not_after).contains(&issued) && self.message.is_signed_by(&trusted.key, &[])
        };
        let kid = kid.try_into().map_err(|_| StatusListError::Signature)?;
        let signer = trust.keys(kid).find(signed).ok_or(StatusListError::Signature)?;
        Ok(StatusList { issuer: signer.issuer.clone(), signer: signer.key, number, issued, expires, statuses })
    }
}

fn read_claims(bytes: &[u8]) -> Result<StatusClaims, StatusListError> {
    let claims = |_| StatusListError::Claims;
    let mut cbor = Decoder::new(bytes);
    let (mut uri, mut issued, mut expires, mut ttl, mut list) = (None, None, None, None, None);
    let count = cbor.map().map_err(claims)?.ok_or(StatusListError::Claims)?;
    for _ in 0..count {
        // "The CWT MAY contain other claims" (draft §5.2), by number or by name.
        if matches!(cbor.datatype().map_err(claims)?, Type::String | Type::StringIndef) {
            cbor.skip().and_then(|()| cbor.skip()).map_err(claims)?;
            continue;
        }
        let twice = match cbor.i64().map_err(claims)? {
            SUB => uri.replace(cbor.str().map_err(claims)?.to_owned()).is_some(),
            IAT => issued.replace(time(&mut cbor)?).is_some(),
            EXP => expires.replace(time(&mut cbor)?).is_some(),
            TTL => ttl.replace(cbor.u64().map_err(claims)?).is_some(),
            STATUS_LIST => list.replace(read_list(&mut cbor)?).is_some(),
            _ => cbor.skip().map_err(claims).map(|()| false)?,
        };
        if twice {
            return Err(StatusListError::Claims);
        }
    }
    if cbor.position() != bytes.len() {
        return Err(StatusListError::Claims);
    }
    let (Some(uri), Some(issued), Some((bits, lst))) = (uri, issued, list) else { return Err(StatusListError::Claims) };
    Ok(StatusClaims { uri, issued, expires, ttl, statuses: StatusArray::unpack(bits, lst)? })
}

fn time(cbor: &mut Decoder<'_>) -> Result<UnixTime, StatusListError> {
    cbor.i64().ok().filter(|time| (0..1 << 36).contains(time)).ok_or(StatusListError::Claims)
}

/// The `status_list` claim (draft §4.3): bits and list, and perhaps where all lists are named.
fn read_list<'b>(cbor: &mut Decoder<'b>) -> Result<(u64, &'b [u8]), StatusListError> {
    let claims = |_| StatusListError::Claims;
    let (mut bits, mut lst) = (None, None);
    for _ in 0..cbor.map().map_err(claims)?.ok_or(StatusListError::Claims)? {
        match cbor.str().map_err(claims)? {
            "bits" => bits = Some(cbor.u64().map_err(claims)?),
            "lst" => lst = Some(cbor.bytes().map_err(claims)?),
            _ => cbor.skip().map_err(claims)?,
        }
    }
    bits.zip(lst).ok_or(StatusListError::Claims)
}

/// A token that an issuer is about to sign.
pub struct StatusListDraft {
    unsigned: Unsigned,
}

impl StatusListDraft {
    /// A token for the key whose `kid` is given.
    pub fn new(claims: &StatusClaims, kid: [u8; 4]) -> Self {
        let header =
            write(|cbor| cbor.map(3)?.i64(ALG)?.i64(ES256)?.i64(KID)?.bytes(&kid)?.i64(TYP)?.str(TOKEN_TYPE)?.ok());
        let lst = claims.statuses.pack();
        let payload = write(|cbor| {
            let count = 3 + u64::from(claims.expires.is_some()) + u64::from(claims.ttl.is_some());
            cbor.map(count)?.i64(SUB)?.str(&claims.uri)?;
            if let Some(expires) = claims.expires {
                cbor.i64(EXP)?.i64(expires)?;
            }
            cbor.i64(IAT)?.i64(claims.issued)?.i64(STATUS_LIST)?.map(2)?;
            cbor.str("lst")?.bytes(&lst)?.str("bits")?.u8(claims.statuses.bits)?;
            if let Some(ttl) = claims.ttl {
                cbor.i64(TTL)?.u64(ttl)?;
            }
            cbor.ok()
        });
        Self { unsigned: Unsigned::new(header, payload, &[]) }
    }

    /// The bytes that the issuer signs.
    pub fn message(&self) -> &[u8] {
        &self.unsigned.message
    }

    /// The token's bytes, untagged.
    pub fn sign(self, signature: &Signature) -> Vec<u8> {
        self.unsigned.sign(signature).to_bytes()
    }
}

/// A list that a key of the trust list signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusList {
    issuer: String,
    signer: PublicKey,
    number: u64,
    issued: UnixTime,
    expires: UnixTime,
    statuses: StatusArray,
}

impl StatusList {
    /// Whose list it is.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The key that signed it.
    pub(super) fn signer(&self) -> &PublicKey {
        &self.signer
    }

    /// How much memory its statuses take, in bytes.
    pub(super) fn size(&self) -> usize {
        self.statuses.bytes.len()
    }

    /// Its number under the trust list's status base.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it was signed.
    pub fn issued(&self) -> UnixTime {
        self.issued
    }

    /// Until when it is current.
    pub fn expires(&self) -> UnixTime {
        self.expires
    }

    /// What it says of a credential; `None` if the index is beyond its end.
    pub fn status(&self, entry: StatusEntry) -> Option<Status> {
        if entry.list == self.number { self.statuses.get(entry.index) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Published {
        lists: Vec<PublishedList>,
        cwt: PublishedToken,
    }

    #[derive(Deserialize)]
    struct PublishedList {
        #[serde(rename = "where")]
        place: String,
        bits: u64,
        entries: u64,
        lst: String,
        statuses: Vec<(u64, u8)>,
    }

    #[derive(Deserialize)]
    struct PublishedToken {
        hex: String,
        uri: String,
        iat: i64,
        exp: i64,
        ttl: u64,
    }

    fn published() -> Published {
        let text = include_str!("../../../../tests/vectors/status_list/draft.json");
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn the_draft_s_lists_read_as_published_and_come_out_the_same() {
        for list in published().lists {
            let packed = URL_SAFE_NO_PAD.decode(&list.lst).expect("base64url");
            let read = StatusArray::unpack(list.bits, &packed).expect(&list.place);
            assert_eq!(read.len(), list.entries, "{}", list.place);
            let set: std::collections::BTreeMap<u64, u8> = list.statuses.iter().copied().collect();
            let mut made = StatusArray::new(read.bits(), usize::try_from(list.entries).expect("fits")).expect("bits");
            for index in 0..list.entries {
                let value = set.get(&index).copied().unwrap_or_default();
                assert_eq!(read.get(index), Some(Status::from(value)), "{} at {index}", list.place);
                assert!(made.set(index, value));
            }
            assert_eq!(read.get(list.entries), None);
            assert_eq!(made, read, "{}", list.place);
            assert_eq!(StatusArray::unpack(list.bits, &made.pack()).expect("packed"), read);
        }
    }

    #[test]
    fn the_draft_s_token_reads_as_published() {
        let published = published().cwt;
        let token = StatusListToken::parse(&hex::decode(published.hex).expect("hex")).expect("a token");
        let claims = token.claims();
        assert_eq!((claims.uri.as_str(), claims.issued), (published.uri.as_str(), published.iat));
        assert_eq!((claims.expires, claims.ttl), (Some(published.exp), Some(published.ttl)));
        assert_eq!(claims.statuses.get(0), Some(Status::Invalid));
        assert_eq!(claims.statuses.get(1), Some(Status::Valid));
    }

    #[test]
    fn a_list_that_is_cut_short_padded_or_a_bomb_is_refused() {
        let packed = StatusArray::new(1, 1000).expect("bits").pack();
        for cut in 0..packed.len() {
            assert_eq!(StatusArray::unpack(1, &packed[..cut]), Err(StatusListError::Zlib), "{cut}");
        }
        let padded = [packed.as_slice(), &[0]].concat();
        assert_eq!(StatusArray::unpack(1, &padded), Err(StatusListError::Zlib));
        assert_eq!(StatusArray::unpack(3, &packed), Err(StatusListError::Bits(3)));
        let mut bomb = ZlibEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(&vec![0; MAX_UNPACKED + 1]).expect("memory");
        let bomb = bomb.finish().expect("memory");
        assert_eq!(StatusArray::unpack(1, &bomb), Err(StatusListError::TooLarge));
    }
}
