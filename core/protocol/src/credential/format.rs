//! CQ1's two messages, field by field.

use ciborium::Value;
use coset::{Label, iana};

use super::UnixTime;
use super::cose::{CoseError, Sign1, Unsigned, read, write};
use super::key::{PublicKey, Signature};

/// What keeps an issuer's message from being taken for a phone's, and the other way round.
const CREDENTIAL_AAD: &[u8] = b"onecity/cq1/credential";
const PRESENTATION_AAD: &[u8] = b"onecity/cq1/presentation";
/// Largest presentation, in bytes.
pub const MAX_PRESENTATION: usize = 300;
/// Longest text of a code that is looked at, in characters.
const MAX_TEXT: usize = 600;
const PREFIX: &str = "CQ1:";
/// COSE header `kcwt`: a CWT that holds the key (RFC 9528 §10.7).
const KCWT: i64 = 13;
/// The claim that holds CQ1's own fields, in the private range of RFC 8392 §9.1.
const CQ1_CLAIM: i64 = -65537;
/// How long a code is current where the issuer says nothing else, in seconds.
pub const WINDOW_DEFAULT: u8 = 30;

/// Why a text is not a CQ1 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum MalformedCode {
    #[error("the code is longer than {MAX_TEXT} characters")]
    TooLong,
    #[error("the code does not begin with CQ1:")]
    Prefix,
    #[error("the code is not Base45")]
    Base45,
    #[error("the code holds more than {MAX_PRESENTATION} bytes")]
    TooLarge,
    #[error("the presentation: {0}")]
    Presentation(CoseError),
    #[error("the credential: {0}")]
    Credential(CoseError),
}

/// A place in a status list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StatusEntry {
    pub list: u64,
    pub index: u64,
}

/// What a credential says. Types, scopes and fare classes are numbers that the trust list names in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Not valid from this second on.
    pub expires: UnixTime,
    /// Issued at, and not valid before.
    pub issued: UnixTime,
    /// The credential's identifier.
    pub cti: [u8; 8],
    /// What kind of pass it is.
    pub pass_type: u64,
    /// Where it is good.
    pub scopes: Vec<u64>,
    /// What its holder pays.
    pub fare_class: u64,
    /// Where its revocation would stand.
    pub status: StatusEntry,
    /// Seconds that a code is current, 5 to 120.
    pub window: u8,
}

/// The holder's key as the credential carries it: a point is only computed once the issuer's signature has held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct HolderKey {
    x: [u8; 32],
    y_is_odd: bool,
}

/// A well-formed credential whose signature nobody has checked yet.
#[derive(Debug, Clone)]
pub struct Credential {
    sign1: Sign1,
    kid: [u8; 4],
    holder: HolderKey,
    claims: Claims,
}

impl Credential {
    /// Reads a credential as an issuer returns it.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedCode> {
        if bytes.len() > MAX_PRESENTATION {
            return Err(MalformedCode::TooLarge);
        }
        let credential = read(bytes).and_then(Self::from_value);
        credential.map_err(MalformedCode::Credential)
    }

    fn from_value(value: Value) -> Result<Self, CoseError> {
        let mut sign1 = Sign1::from_value(value)?;
        let kid = std::mem::take(&mut sign1.header.key_id).try_into().map_err(|_| CoseError::UnknownHeader)?;
        if !sign1.header.is_empty() {
            return Err(CoseError::UnknownHeader);
        }
        let (claims, holder) = parse_claims(&sign1.payload).ok_or(CoseError::Malformed)?;
        // One set of claims has one encoding: whatever differs was reordered, padded or added to.
        if write(&encode_claims(&claims, &holder)) != sign1.payload {
            return Err(CoseError::NotDeterministic);
        }
        Ok(Self { sign1, kid, holder, claims })
    }

    /// The first four bytes of the issuer's key thumbprint.
    pub fn kid(&self) -> [u8; 4] {
        self.kid
    }

    /// What it says, as yet unverified.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whether the issuer's `key` signed it.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        self.sign1.verify(key, CREDENTIAL_AAD)
    }

    /// The phone's key that it names, if that is a point of the curve.
    pub fn holder(&self) -> Option<PublicKey> {
        PublicKey::from_x(&self.holder.x, self.holder.y_is_odd).ok()
    }
}

/// A credential that an issuer is about to sign.
pub struct CredentialDraft {
    unsigned: Unsigned,
}

impl CredentialDraft {
    /// Claims about the holder of `holder`, to be signed by the key whose `kid` is given.
    pub fn new(claims: &Claims, holder: &PublicKey, kid: [u8; 4]) -> Self {
        let holder = HolderKey { x: holder.x(), y_is_odd: holder.y_is_odd() };
        let payload = encode_claims(claims, &holder);
        Self { unsigned: Unsigned::new(&payload, CREDENTIAL_AAD, |header| header.key_id(kid.to_vec())) }
    }

    /// The bytes that the issuer signs.
    pub fn message(&self) -> &[u8] {
        &self.unsigned.message
    }

    /// The signed credential's bytes.
    pub fn sign(self, signature: &Signature) -> Vec<u8> {
        write(&self.unsigned.sign(signature))
    }
}

/// A well-formed code whose signatures nobody has checked yet.
#[derive(Debug, Clone)]
pub struct Presentation {
    sign1: Sign1,
    credential: Credential,
    issued: UnixTime,
    audience: u64,
    flags: u64,
}

impl Presentation {
    /// Reads the text of a code.
    pub fn parse(text: &str) -> Result<Self, MalformedCode> {
        if text.len() > MAX_TEXT {
            return Err(MalformedCode::TooLong);
        }
        let base45 = text.strip_prefix(PREFIX).ok_or(MalformedCode::Prefix)?;
        let bytes = base45::decode(base45).map_err(|_| MalformedCode::Base45)?;
        if bytes.len() > MAX_PRESENTATION {
            return Err(MalformedCode::TooLarge);
        }
        let value = read(&bytes).map_err(MalformedCode::Presentation)?;
        let mut sign1 = Sign1::from_value(value).map_err(MalformedCode::Presentation)?;
        let credential = match <[_; 1]>::try_from(std::mem::take(&mut sign1.header.rest)) {
            Ok([(Label::Int(KCWT), credential)]) if sign1.header.is_empty() => credential,
            _ => return Err(MalformedCode::Presentation(CoseError::UnknownHeader)),
        };
        let credential = Credential::from_value(credential).map_err(MalformedCode::Credential)?;
        let fields = read(&sign1.payload).map_err(MalformedCode::Presentation)?;
        let fields = fields.as_array().and_then(|fields| <&[Value; 3]>::try_from(fields.as_slice()).ok());
        let parsed = fields.and_then(|[issued, audience, flags]| Some((time(issued)?, uint(audience)?, uint(flags)?)));
        let (issued, audience, flags) = parsed.ok_or(MalformedCode::Presentation(CoseError::Malformed))?;
        Ok(Self { sign1, credential, issued, audience, flags })
    }

    /// The credential inside.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// When the phone signed, by the phone's clock.
    pub fn issued(&self) -> UnixTime {
        self.issued
    }

    /// Whom it is for; 0 is any gate.
    pub fn audience(&self) -> u64 {
        self.audience
    }

    /// Purpose flags; 0 for a plain passage.
    pub fn flags(&self) -> u64 {
        self.flags
    }

    /// Whether the holder's key signed it.
    pub fn is_signed_by(&self, holder: &PublicKey) -> bool {
        self.sign1.verify(holder, PRESENTATION_AAD)
    }

    /// What tells two codes of one credential apart.
    pub(super) fn signature(&self) -> &Signature {
        &self.sign1.signature
    }
}

/// A code that a phone is about to sign.
pub struct PresentationDraft {
    unsigned: Unsigned,
}

impl PresentationDraft {
    /// Over `credential` (as the issuer returned it), at the second `issued`, for `audience` (0 is any gate).
    pub fn new(credential: &[u8], issued: UnixTime, audience: u64, flags: u64) -> Result<Self, MalformedCode> {
        let credential = read(credential).map_err(MalformedCode::Credential)?;
        let payload = Value::Array(vec![issued.into(), audience.into(), flags.into()]);
        Ok(Self { unsigned: Unsigned::new(&payload, PRESENTATION_AAD, |header| header.value(KCWT, credential)) })
    }

    /// The bytes that the phone's key signs.
    pub fn message(&self) -> &[u8] {
        &self.unsigned.message
    }

    /// The text to show as a QR code.
    pub fn sign(self, signature: &Signature) -> String {
        format!("{PREFIX}{}", base45::encode(write(&self.unsigned.sign(signature))))
    }
}

/// The second to sign for: now, but never the same second twice, since a gate accepts each only once.
pub fn next_issued_at(now: UnixTime, last: Option<UnixTime>) -> UnixTime {
    last.map_or(now, |last| now.max(last + 1))
}

fn encode_claims(claims: &Claims, holder: &HolderKey) -> Value {
    let key = map([
        (1, (iana::KeyType::EC2 as i64).into()),
        (-1, (iana::EllipticCurve::P_256 as i64).into()),
        (-2, Value::Bytes(holder.x.to_vec())),
        (-3, holder.y_is_odd.into()),
    ]);
    let own = map([
        (1, claims.pass_type.into()),
        (2, Value::Array(claims.scopes.iter().map(|scope| (*scope).into()).collect())),
        (3, claims.fare_class.into()),
        (4, Value::Array(vec![claims.status.list.into(), claims.status.index.into()])),
        (5, claims.window.into()),
    ]);
    map([
        (4, claims.expires.into()),
        (6, claims.issued.into()),
        (7, Value::Bytes(claims.cti.to_vec())),
        (8, map([(1, key)])),
        (CQ1_CLAIM, own),
    ])
}

fn parse_claims(payload: &[u8]) -> Option<(Claims, HolderKey)> {
    let claims: Value = ciborium::from_reader(payload).ok()?;
    let [expires, issued, cti, cnf, own] = entries(&claims, [4, 6, 7, 8, CQ1_CLAIM])?;
    let [key] = entries(cnf, [1])?;
    let [key_type, curve, x, y] = entries(key, [1, -1, -2, -3])?;
    let [pass_type, scopes, fare_class, status, window] = entries(own, [1, 2, 3, 4, 5])?;
    if int(key_type)? != iana::KeyType::EC2 as i64 || int(curve)? != iana::EllipticCurve::P_256 as i64 {
        return None;
    }
    let [list, index] = status.as_array()?.as_slice() else { return None };
    let window = u8::try_from(uint(window)?).ok().filter(|window| (5..=120).contains(window))?;
    let claims = Claims {
        expires: time(expires)?,
        issued: time(issued)?,
        cti: cti.as_bytes()?.as_slice().try_into().ok()?,
        pass_type: uint(pass_type)?,
        scopes: scopes.as_array()?.iter().map(uint).collect::<Option<_>>()?,
        fare_class: uint(fare_class)?,
        status: StatusEntry { list: uint(list)?, index: uint(index)? },
        window,
    };
    let holder = HolderKey { x: x.as_bytes()?.as_slice().try_into().ok()?, y_is_odd: y.as_bool()? };
    Some((claims, holder))
}

fn map<const N: usize>(entries: [(i64, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// The values of a map that has exactly these keys, in this order.
fn entries<const N: usize>(value: &Value, keys: [i64; N]) -> Option<[&Value; N]> {
    let entries = value.as_map()?;
    if entries.len() != N || !entries.iter().zip(keys).all(|((key, _), expected)| int(key) == Some(expected)) {
        return None;
    }
    Some(std::array::from_fn(|at| &entries[at].1))
}

fn int(value: &Value) -> Option<i64> {
    i64::try_from(value.as_integer()?).ok()
}

fn uint(value: &Value) -> Option<u64> {
    u64::try_from(value.as_integer()?).ok()
}

/// Seconds from 1970 to about the year 4000, so that sums of them can't overflow.
fn time(value: &Value) -> Option<UnixTime> {
    int(value).filter(|time| (0..1 << 36).contains(time))
}
