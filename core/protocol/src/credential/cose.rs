//! COSE_Sign1 (RFC 9052 §4.2) the way CQ1 needs it: ES256 only, deterministic, nothing unknown.

use ciborium::Value;
use coset::{
    AsCborValue, CborSerializable, CoseSign1, CoseSign1Builder, Header, HeaderBuilder, ProtectedHeader,
    RegisteredLabelWithPrivate, SignatureContext, iana, sig_structure_data,
};

use super::key::{PublicKey, Signature};

/// Why bytes are not a COSE_Sign1 that CQ1 accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum CoseError {
    #[error("the bytes are not one CBOR item of the expected shape")]
    Malformed,
    #[error("the bytes are not in CBOR's deterministic encoding")]
    NotDeterministic,
    #[error("the algorithm is not ES256")]
    Algorithm,
    #[error("there is a header that CQ1 does not know")]
    UnknownHeader,
    #[error("the signature is not 64 bytes with a low s")]
    Signature,
}

/// A COSE_Sign1 that is well formed, and nothing more.
#[derive(Debug, Clone)]
pub struct Sign1 {
    /// The protected header's bytes, as signed.
    protected: Vec<u8>,
    /// The header, without its algorithm, which was ES256.
    pub header: Header,
    pub payload: Vec<u8>,
    pub signature: Signature,
}

/// Reads one CBOR item that must be deterministic (RFC 8949 §4.2) and the only one.
pub fn read(bytes: &[u8]) -> Result<Value, CoseError> {
    let mut rest = bytes;
    let value: Value = ciborium::from_reader(&mut rest).map_err(|_| CoseError::Malformed)?;
    if !rest.is_empty() {
        return Err(CoseError::Malformed);
    }
    // Re-encoding gives shortest integers and definite lengths; key order is checked by whoever knows the keys.
    if write(&value) == bytes { Ok(value) } else { Err(CoseError::NotDeterministic) }
}

/// Encodes a value whose map keys are already in order.
pub fn write(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(320);
    ciborium::into_writer(value, &mut bytes).expect("writing to memory can't fail");
    bytes
}

impl Sign1 {
    /// Reads an item that [`read`] returned.
    pub fn from_value(value: Value) -> Result<Self, CoseError> {
        let sign1 = CoseSign1::from_cbor_value(value).map_err(|_| CoseError::Malformed)?;
        if !sign1.unprotected.is_empty() {
            return Err(CoseError::UnknownHeader);
        }
        let ProtectedHeader { original_data, mut header } = sign1.protected;
        let protected = original_data.ok_or(CoseError::Malformed)?;
        if header.clone().to_vec().map_err(|_| CoseError::Malformed)? != protected {
            return Err(CoseError::NotDeterministic);
        }
        if header.alg.take() != Some(RegisteredLabelWithPrivate::Assigned(iana::Algorithm::ES256)) {
            return Err(CoseError::Algorithm);
        }
        let signature = Signature::from_raw(&sign1.signature).map_err(|_| CoseError::Signature)?;
        if !signature.is_low_s() {
            return Err(CoseError::Signature);
        }
        Ok(Self { protected, header, payload: sign1.payload.ok_or(CoseError::Malformed)?, signature })
    }

    /// Whether `key` signed this under `aad`.
    pub fn verify(&self, key: &PublicKey, aad: &[u8]) -> bool {
        key.verify(&to_be_signed(&self.protected, &self.payload, aad), &self.signature).is_ok()
    }
}

/// RFC 9052 §4.4: what the signature covers.
fn to_be_signed(protected: &[u8], payload: &[u8], aad: &[u8]) -> Vec<u8> {
    let protected = ProtectedHeader { original_data: Some(protected.to_vec()), header: Header::default() };
    sig_structure_data(SignatureContext::CoseSign1, protected, None, aad, payload)
}

/// A message that is ready to be signed.
pub struct Unsigned {
    header: Header,
    payload: Vec<u8>,
    /// The bytes to sign.
    pub message: Vec<u8>,
}

impl Unsigned {
    /// ES256 with what `add` puts into the protected header.
    pub fn new(payload: &Value, aad: &[u8], add: impl FnOnce(HeaderBuilder) -> HeaderBuilder) -> Self {
        let header = add(HeaderBuilder::new().algorithm(iana::Algorithm::ES256)).build();
        let payload = write(payload);
        let protected = header.clone().to_vec().expect("a header of integers and bytes");
        let message = to_be_signed(&protected, &payload, aad);
        Self { header, payload, message }
    }

    /// The COSE_Sign1 with its signature, untagged.
    pub fn sign(self, signature: &Signature) -> Value {
        CoseSign1Builder::new()
            .protected(self.header)
            .payload(self.payload)
            .signature(signature.raw().to_vec())
            .build()
            .to_cbor_value()
            .expect("a COSE_Sign1 of integers and bytes")
    }
}
