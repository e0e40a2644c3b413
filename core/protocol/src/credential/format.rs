//! CQ1's two messages, field by field.

use super::UnixTime;
use super::audience::Audience;
use super::cbor::{MAX_TIME, Reader, write};
use super::cose::{ALG, CoseError, ES256, KID, Sign1, Unsigned};
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
/// COSE_Key's type EC2 and curve P-256 (RFC 9053 §7.1).
const EC2: i64 = 2;
const P_256: i64 = 1;
/// The keys of each map, in the deterministic order.
const PRESENTATION_HEADER: [i64; 2] = [ALG, KCWT];
const CREDENTIAL_HEADER: [i64; 2] = [ALG, KID];
const CLAIMS: [i64; 5] = [4, 6, 7, 8, CQ1_CLAIM];
const COSE_KEY: [i64; 4] = [1, -1, -2, -3];
const OWN: [i64; 5] = [1, 2, 3, 4, 5];
/// Most scopes of one credential.
const MAX_SCOPES: u64 = 16;
/// How long a code is current where the issuer says nothing else, in seconds.
pub const WINDOW_DEFAULT: u8 = 30;
/// The longest that an issuer may choose, in seconds.
pub(super) const WINDOW_MAX: u8 = 120;
const WINDOW_MIN: u8 = 5;

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

impl MalformedCode {
    /// The reason's name for logs and machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Prefix => "prefix",
            Self::Base45 => "base45",
            Self::TooLarge => "too_large",
            Self::Presentation(why) | Self::Credential(why) => why.name(),
        }
    }
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
    bytes: Vec<u8>,
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
        let mut reader = Reader::new(bytes);
        let credential = Self::read(bytes, &mut reader).and_then(|read| reader.end().map(|()| read));
        credential.map_err(MalformedCode::Credential)
    }

    /// Reads the credential that begins where `reader` is in `all`.
    fn read(all: &[u8], reader: &mut Reader<'_>) -> Result<Self, CoseError> {
        let begins = reader.position();
        let sign1 = Sign1::read(reader)?;
        let bytes = &all[begins..reader.position()];
        let kid = read_credential_header(&sign1.protected)?;
        let (claims, holder) = read_claims(&sign1.payload)?;
        // One set of claims has one encoding: whatever differs was padded.
        let same = credential_header(kid) == sign1.protected
            && claims_payload(&claims, &holder) == sign1.payload
            && sign1.to_bytes() == bytes;
        if !same {
            return Err(CoseError::NotDeterministic);
        }
        Ok(Self { bytes: bytes.to_vec(), sign1, kid, holder, claims })
    }

    /// The credential as the issuer returned it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
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
        let payload = claims_payload(claims, &holder);
        Self { unsigned: Unsigned::new(credential_header(kid), payload, CREDENTIAL_AAD) }
    }

    /// The bytes that the issuer signs.
    pub fn message(&self) -> &[u8] {
        &self.unsigned.message
    }

    /// The signed credential's bytes.
    pub fn sign(self, signature: &Signature) -> Vec<u8> {
        self.unsigned.sign(signature).to_bytes()
    }
}

/// A well-formed code whose signatures nobody has checked yet.
#[derive(Debug, Clone)]
pub struct Presentation {
    sign1: Sign1,
    credential: Credential,
    issued: UnixTime,
    audience: Audience,
    purpose: u64,
}

impl Presentation {
    /// Reads the text of a code.
    pub fn parse(text: &str) -> Result<Self, MalformedCode> {
        if text.len() > MAX_TEXT {
            return Err(MalformedCode::TooLong);
        }
        let base45 = text.strip_prefix(PREFIX).ok_or(MalformedCode::Prefix)?;
        let bytes = decode_base45(base45).ok_or(MalformedCode::Base45)?;
        if bytes.len() > MAX_PRESENTATION {
            return Err(MalformedCode::TooLarge);
        }
        Self::from_bytes(&bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedCode> {
        let outer = MalformedCode::Presentation;
        let mut reader = Reader::new(bytes);
        let sign1 = Sign1::read(&mut reader).map_err(outer)?;
        reader.end().map_err(outer)?;
        let mut header = Reader::new(&sign1.protected);
        read_algorithm(&mut header, &PRESENTATION_HEADER).map_err(outer)?;
        header.key(&PRESENTATION_HEADER, 1).map_err(outer)?;
        let credential = Credential::read(&sign1.protected, &mut header).map_err(MalformedCode::Credential)?;
        header.end().map_err(outer)?;
        let (issued, audience, purpose) = read_presentation_payload(&sign1.payload).map_err(outer)?;
        let same = presentation_header(&credential.bytes) == sign1.protected
            && presentation_payload(issued, audience, purpose) == sign1.payload
            && sign1.to_bytes() == bytes;
        if !same {
            return Err(outer(CoseError::NotDeterministic));
        }
        Ok(Self { sign1, credential, issued, audience, purpose })
    }

    /// The credential inside.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// When the phone signed, by the phone's clock.
    pub fn issued(&self) -> UnixTime {
        self.issued
    }

    /// Whom it is for.
    pub fn audience(&self) -> Audience {
        self.audience
    }

    /// What the holder lets be done with it: 0 for a plain passage, else a purpose that the trust list names.
    pub fn purpose(&self) -> u64 {
        self.purpose
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
    /// Over `credential` (as the issuer returned it), at the second `issued`, for `audience`; `purpose` is 0 for a
    /// plain passage.
    pub fn new(credential: &[u8], issued: UnixTime, audience: Audience, purpose: u64) -> Result<Self, MalformedCode> {
        if !(0..MAX_TIME).contains(&issued) {
            return Err(MalformedCode::Presentation(CoseError::OutOfRange));
        }
        let credential = Credential::parse(credential)?;
        let payload = presentation_payload(issued, audience, purpose);
        let unsigned = Unsigned::new(presentation_header(&credential.bytes), payload, PRESENTATION_AAD);
        if unsigned.signed_len() > MAX_PRESENTATION {
            return Err(MalformedCode::TooLarge);
        }
        Ok(Self { unsigned })
    }

    /// The bytes that the phone's key signs.
    pub fn message(&self) -> &[u8] {
        &self.unsigned.message
    }

    /// The text to show as a QR code.
    pub fn sign(self, signature: &Signature) -> String {
        format!("{PREFIX}{}", base45::encode(self.unsigned.sign(signature).to_bytes()))
    }
}

/// The second to sign for: now, but never the same second twice, since a gate accepts each only once.
pub fn next_issued_at(now: UnixTime, last: Option<UnixTime>) -> UnixTime {
    last.map_or(now, |last| now.max(last + 1))
}

/// RFC 9285 §4 and §6: a group may not stand for more than its bytes can hold. The decoder sees to groups of three.
fn decode_base45(text: &str) -> Option<Vec<u8>> {
    let bytes = base45::decode(text).ok()?;
    if text.len() % 3 == 2 {
        let last = base45::encode(bytes.last_chunk::<1>()?);
        return text.ends_with(&last).then_some(bytes);
    }
    Some(bytes)
}

fn read_algorithm(reader: &mut Reader<'_>, keys: &[i64]) -> Result<(), CoseError> {
    reader.map(keys)?;
    reader.key(keys, 0)?;
    match reader.int() {
        Ok(ES256) => Ok(()),
        _ => Err(CoseError::Algorithm),
    }
}

fn read_credential_header(bytes: &[u8]) -> Result<[u8; 4], CoseError> {
    let mut reader = Reader::new(bytes);
    read_algorithm(&mut reader, &CREDENTIAL_HEADER)?;
    reader.key(&CREDENTIAL_HEADER, 1)?;
    let kid = reader.fixed()?;
    reader.end()?;
    Ok(kid)
}

fn credential_header(kid: [u8; 4]) -> Vec<u8> {
    write(|cbor| cbor.map(2)?.i64(ALG)?.i64(ES256)?.i64(KID)?.bytes(&kid)?.ok())
}

/// `credential` is one CBOR item, which stands in the header as it is.
fn presentation_header(credential: &[u8]) -> Vec<u8> {
    let mut header = write(|cbor| cbor.map(2)?.i64(ALG)?.i64(ES256)?.i64(KCWT)?.ok());
    header.extend_from_slice(credential);
    header
}

fn read_presentation_payload(bytes: &[u8]) -> Result<(UnixTime, Audience, u64), CoseError> {
    let mut reader = Reader::new(bytes);
    reader.array(3)?;
    let issued = reader.time()?;
    let audience = Audience::from_u64(reader.uint()?).ok_or(CoseError::OutOfRange)?;
    let purpose = reader.uint()?;
    reader.end()?;
    Ok((issued, audience, purpose))
}

fn presentation_payload(issued: UnixTime, audience: Audience, purpose: u64) -> Vec<u8> {
    write(|cbor| cbor.array(3)?.i64(issued)?.u64(audience.to_u64())?.u64(purpose)?.ok())
}

fn claims_payload(claims: &Claims, holder: &HolderKey) -> Vec<u8> {
    write(|cbor| {
        cbor.map(5)?.i64(4)?.i64(claims.expires)?.i64(6)?.i64(claims.issued)?.i64(7)?.bytes(&claims.cti)?;
        cbor.i64(8)?.map(1)?.i64(1)?.map(4)?.i64(1)?.i64(EC2)?.i64(-1)?.i64(P_256)?;
        cbor.i64(-2)?.bytes(&holder.x)?.i64(-3)?.bool(holder.y_is_odd)?;
        cbor.i64(CQ1_CLAIM)?.map(5)?.i64(1)?.u64(claims.pass_type)?;
        cbor.i64(2)?.array(claims.scopes.len() as u64)?;
        for scope in &claims.scopes {
            cbor.u64(*scope)?;
        }
        cbor.i64(3)?.u64(claims.fare_class)?;
        cbor.i64(4)?.array(2)?.u64(claims.status.list)?.u64(claims.status.index)?;
        cbor.i64(5)?.u8(claims.window)?.ok()
    })
}

fn read_claims(bytes: &[u8]) -> Result<(Claims, HolderKey), CoseError> {
    let mut reader = Reader::new(bytes);
    let claim = |reader: &mut Reader<'_>, at| reader.key(&CLAIMS, at);
    reader.map(&CLAIMS)?;
    claim(&mut reader, 0)?;
    let expires = reader.time()?;
    claim(&mut reader, 1)?;
    let issued = reader.time()?;
    claim(&mut reader, 2)?;
    let cti = reader.fixed()?;
    claim(&mut reader, 3)?;
    let holder = read_holder(&mut reader)?;
    claim(&mut reader, 4)?;
    reader.map(&OWN)?;
    reader.key(&OWN, 0)?;
    let pass_type = reader.uint()?;
    reader.key(&OWN, 1)?;
    let count = reader.any_array()?;
    if !(1..=MAX_SCOPES).contains(&count) {
        return Err(CoseError::OutOfRange);
    }
    let scopes = (0..count).map(|_| reader.uint()).collect::<Result<_, _>>()?;
    reader.key(&OWN, 2)?;
    let fare_class = reader.uint()?;
    reader.key(&OWN, 3)?;
    reader.array(2)?;
    let status = StatusEntry { list: reader.uint()?, index: reader.uint()? };
    reader.key(&OWN, 4)?;
    let window = u8::try_from(reader.uint()?).ok().filter(|window| (WINDOW_MIN..=WINDOW_MAX).contains(window));
    let window = window.ok_or(CoseError::OutOfRange)?;
    reader.end()?;
    Ok((Claims { expires, issued, cti, pass_type, scopes, fare_class, status, window }, holder))
}

fn read_holder(reader: &mut Reader<'_>) -> Result<HolderKey, CoseError> {
    reader.map(&[1])?;
    reader.key(&[1], 0)?;
    reader.map(&COSE_KEY)?;
    reader.key(&COSE_KEY, 0)?;
    let key_type = reader.int()?;
    reader.key(&COSE_KEY, 1)?;
    if key_type != EC2 || reader.int()? != P_256 {
        return Err(CoseError::Algorithm);
    }
    reader.key(&COSE_KEY, 2)?;
    let x = reader.fixed()?;
    reader.key(&COSE_KEY, 3)?;
    Ok(HolderKey { x, y_is_odd: reader.bool()? })
}
