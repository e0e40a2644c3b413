//! COSE_Sign1 (RFC 9052 §4.2) with ES256 (RFC 9053 §2.1): what CQ1, status lists and third parties have in common.

use std::collections::BTreeSet;

use minicbor::Decoder;
use minicbor::data::Type;

use super::cbor::{Reader, write};
use super::key::{PublicKey, Signature};

/// Why bytes are not a COSE message that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum CoseError {
    #[error("the bytes are not CBOR of the expected shape")]
    Structure,
    #[error("there are bytes after the end")]
    TrailingBytes,
    #[error("the bytes are not in CBOR's deterministic encoding")]
    NotDeterministic,
    #[error("the algorithm is not ES256")]
    Algorithm,
    #[error("there is a field that is not known")]
    UnknownField,
    #[error("a number is out of its range")]
    OutOfRange,
    #[error("the signature is not 64 bytes with a low s")]
    SignatureForm,
    #[error("the message is larger than {MAX_MESSAGE} bytes")]
    TooLarge,
}

impl CoseError {
    /// The reason's name for logs and machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::TrailingBytes => "trailing_bytes",
            Self::NotDeterministic => "not_deterministic",
            Self::Algorithm => "algorithm",
            Self::UnknownField => "unknown_field",
            Self::OutOfRange => "out_of_range",
            Self::SignatureForm => "signature_form",
            Self::TooLarge => "too_large",
        }
    }
}

/// Largest message of a third party that is read, in bytes: a status list of a million entries fits many times.
pub(super) const MAX_MESSAGE: usize = 8 << 20;

/// The tag of a COSE_Sign1 (RFC 9052 §2).
const SIGN1_TAG: u64 = 18;
/// Algorithm ES256 (RFC 9053 §2.1).
pub(super) const ES256: i64 = -7;
/// Header labels (RFC 9052 §3.1, RFC 9596 §2).
pub(super) const ALG: i64 = 1;
const CRIT: i64 = 2;
const CONTENT_TYPE: i64 = 3;
pub(super) const KID: i64 = 4;
pub(super) const TYP: i64 = 16;

/// What is signed, and the signature over it. Well formed, and nothing more.
#[derive(Debug, Clone)]
pub(super) struct Sign1 {
    /// The protected header's bytes, as signed.
    pub protected: Vec<u8>,
    pub payload: Vec<u8>,
    pub signature: Signature,
}

impl Sign1 {
    /// Reads the strict form that CQ1 asks for: untagged, an empty unprotected header, a low s.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, CoseError> {
        reader.array(4)?;
        let protected = reader.bytes()?.to_vec();
        reader.map(&[])?;
        let payload = reader.bytes()?.to_vec();
        let signature = Signature::from_raw(reader.bytes()?).map_err(|_| CoseError::SignatureForm)?;
        if !signature.is_low_s() {
            return Err(CoseError::SignatureForm);
        }
        Ok(Self { protected, payload, signature })
    }

    /// The message's bytes, untagged.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        write(|cbor| {
            cbor.array(4)?.bytes(&self.protected)?.map(0)?.bytes(&self.payload)?.bytes(self.signature.raw())?.ok()
        })
    }

    /// Whether `key` signed this under `aad`.
    pub(super) fn verify(&self, key: &PublicKey, aad: &[u8]) -> bool {
        key.verify(&to_be_signed(&self.protected, &self.payload, aad), &self.signature).is_ok()
    }
}

/// RFC 9052 §4.4: what the signature covers.
fn to_be_signed(protected: &[u8], payload: &[u8], aad: &[u8]) -> Vec<u8> {
    write(|cbor| cbor.array(4)?.str("Signature1")?.bytes(protected)?.bytes(aad)?.bytes(payload)?.ok())
}

/// A message that is ready to be signed.
pub(super) struct Unsigned {
    protected: Vec<u8>,
    payload: Vec<u8>,
    /// The bytes to sign.
    pub message: Vec<u8>,
}

impl Unsigned {
    pub(super) fn new(protected: Vec<u8>, payload: Vec<u8>, aad: &[u8]) -> Self {
        let message = to_be_signed(&protected, &payload, aad);
        Self { protected, payload, message }
    }

    /// How long the signed message will be, in bytes.
    pub(super) fn signed_len(&self) -> usize {
        // The array and the empty map are a byte each; a byte string's head is at most three.
        let string = |len: usize| {
            len + if len < 24 {
                1
            } else if len < 256 {
                2
            } else {
                3
            }
        };
        2 + string(self.protected.len()) + string(self.payload.len()) + string(64)
    }

    pub(super) fn sign(self, signature: &Signature) -> Sign1 {
        Sign1 { protected: self.protected, payload: self.payload, signature: *signature }
    }
}

/// What a COSE header says, as far as it matters here.
#[derive(Debug, Clone, Default)]
struct Header {
    is_empty: bool,
    algorithm: Option<i64>,
    is_critical: bool,
    content_type: Option<String>,
    kid: Option<Vec<u8>>,
    typ: Option<String>,
}

impl Header {
    /// RFC 9052 §3: labels are integers or texts, and no label stands twice.
    fn read(cbor: &mut Decoder<'_>) -> Result<Self, CoseError> {
        let mut header = Self { is_empty: true, ..Self::default() };
        let mut labels = BTreeSet::new();
        let count = cbor.map()?;
        let mut left = count;
        while left != Some(0) {
            if count.is_none() && cbor.datatype()? == Type::Break {
                cbor.skip()?;
                break;
            }
            left = left.map(|left| left - 1);
            header.is_empty = false;
            let label = match cbor.datatype()? {
                Type::String => Label::Text(cbor.str()?.to_owned()),
                _ => Label::Int(cbor.i64()?),
            };
            match &label {
                Label::Int(ALG) if cbor.datatype()? == Type::String => {
                    cbor.skip()?;
                    header.algorithm = Some(0);
                }
                Label::Int(ALG) => header.algorithm = Some(cbor.i64()?),
                Label::Int(CRIT) => {
                    header.is_critical = true;
                    cbor.skip()?;
                }
                Label::Int(CONTENT_TYPE) => header.content_type = Some(text_or_number(cbor)?),
                Label::Int(KID) => header.kid = Some(cbor.bytes()?.to_vec()),
                Label::Int(TYP) => header.typ = Some(text_or_number(cbor)?),
                _ => cbor.skip()?,
            }
            if !labels.insert(label) {
                return Err(CoseError::Structure);
            }
        }
        Ok(header)
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Int(i64),
    Text(String),
}

fn text_or_number(cbor: &mut Decoder<'_>) -> Result<String, CoseError> {
    match cbor.datatype()? {
        Type::String => Ok(cbor.str()?.to_owned()),
        _ => Ok(format!("CoAP content format {}", cbor.u64()?)),
    }
}

/// A COSE_Sign1 with ES256 as third parties produce it: tagged or not, with unprotected headers, with a high s.
/// Well formed, and nothing more, until [`CoseMessage::is_signed_by`] says so.
#[derive(Debug, Clone)]
pub struct CoseMessage {
    sign1: Sign1,
    protected: Header,
    unprotected: Header,
}

impl CoseMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// [`CoseError::Algorithm`] for anything but ES256; [`CoseError::UnknownField`] for a critical header, which
    /// a reader that does not know it must refuse (RFC 9052 §3.1).
    pub fn parse(bytes: &[u8]) -> Result<Self, CoseError> {
        if bytes.len() > MAX_MESSAGE {
            return Err(CoseError::TooLarge);
        }
        let mut cbor = Decoder::new(bytes);
        if cbor.datatype()? == Type::Tag && cbor.tag()?.as_u64() != SIGN1_TAG {
            return Err(CoseError::Structure);
        }
        if cbor.array()? != Some(4) {
            return Err(CoseError::Structure);
        }
        let signed = cbor.bytes()?;
        let unprotected = Header::read(&mut cbor)?;
        let payload = cbor.bytes()?.to_vec();
        let signature = Signature::from_raw(cbor.bytes()?).map_err(|_| CoseError::SignatureForm)?;
        if cbor.position() != bytes.len() {
            return Err(CoseError::TrailingBytes);
        }
        let mut inner = Decoder::new(signed);
        let empty = Header { is_empty: true, ..Header::default() };
        let protected = if signed.is_empty() { empty } else { Header::read(&mut inner)? };
        if inner.position() != signed.len() {
            return Err(CoseError::TrailingBytes);
        }
        if protected.algorithm.or(unprotected.algorithm) != Some(ES256) {
            return Err(CoseError::Algorithm);
        }
        if protected.is_critical || unprotected.is_critical {
            return Err(CoseError::UnknownField);
        }
        // RFC 9052 §4.4: an empty protected header is signed as an empty string, however it was sent.
        let signed = if protected.is_empty { Vec::new() } else { signed.to_vec() };
        Ok(Self { sign1: Sign1 { protected: signed, payload, signature }, protected, unprotected })
    }

    /// The key identifier, from the protected header if it is there; empty if there is none.
    pub fn kid(&self) -> &[u8] {
        self.protected.kid.as_ref().or(self.unprotected.kid.as_ref()).map_or(&[], Vec::as_slice)
    }

    /// The `typ` header (RFC 9596), if it is protected.
    pub fn typ(&self) -> Option<&str> {
        self.protected.typ.as_deref()
    }

    /// The content type.
    pub fn content_type(&self) -> Option<&str> {
        self.protected.content_type.as_deref().or(self.unprotected.content_type.as_deref())
    }

    /// What is signed.
    pub fn payload(&self) -> &[u8] {
        &self.sign1.payload
    }

    /// Whether `key` signed it, with `aad` as external data.
    pub fn is_signed_by(&self, key: &PublicKey, aad: &[u8]) -> bool {
        self.sign1.verify(key, aad)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Examples {
        examples: Vec<Example>,
    }

    #[derive(Deserialize)]
    struct Example {
        title: String,
        key: Key,
        #[serde(with = "hex::serde")]
        external: Vec<u8>,
        holds: bool,
        #[serde(with = "hex::serde")]
        cose: Vec<u8>,
    }

    #[derive(Deserialize)]
    struct Key {
        #[serde(with = "hex::serde")]
        x: [u8; 32],
        #[serde(with = "hex::serde")]
        y: [u8; 32],
    }

    #[test]
    fn the_cose_working_group_s_examples_hold_and_fail_as_published() {
        let text = include_str!("../../../../tests/vectors/cose/examples.json");
        let examples: Examples = serde_json::from_str(text).expect("JSON");
        assert_eq!(examples.examples.len(), 10);
        for example in examples.examples {
            let key = PublicKey::from_sec1(&[&[4][..], &example.key.x, &example.key.y].concat()).expect("a point");
            let holds = CoseMessage::parse(&example.cose).is_ok_and(|read| read.is_signed_by(&key, &example.external));
            assert_eq!(holds, example.holds, "{}", example.title);
            if holds {
                let read = CoseMessage::parse(&example.cose).expect("read before");
                assert!(!read.is_signed_by(&key, b"other external data"), "{}", example.title);
            }
        }
    }

    #[test]
    fn a_critical_header_that_nobody_knows_is_refused() {
        // {1: -7, 2: [99], 99: 0}
        let protected = hex::decode("a3012602811863186300").expect("hex");
        let bytes = Sign1 { protected, payload: vec![1], signature: Signature::from_raw(&[1; 64]).expect("64") };
        let refused = CoseMessage::parse(&bytes.to_bytes()).expect_err("critical");
        assert_eq!(refused, CoseError::UnknownField);
        assert_eq!(CoseMessage::parse(&vec![0; MAX_MESSAGE + 1]).expect_err("large"), CoseError::TooLarge);
        let nested = [0x81; 100_000];
        assert_eq!(CoseMessage::parse(&nested).expect_err("deep"), CoseError::Structure);
    }
}
