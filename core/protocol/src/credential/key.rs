//! P-256 keys and signatures as CQ1 and COSE carry them.

use p256::elliptic_curve::sec1::ToSec1Point;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

/// Why a key or a signature can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum KeyError {
    #[error("the bytes are not a point of the P-256 curve")]
    NotAPoint,
    #[error("the bytes are not an ECDSA signature")]
    NotASignature,
    #[error("the signature does not belong to this message and key")]
    WrongSignature,
}

/// A P-256 public key, known to be a point of the curve.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 65]);

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({}…)", hex::encode(&self.0[1..5]))
    }
}

impl PublicKey {
    /// From SEC 1 §2.3.3 bytes, compressed (33) or not (65).
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = p256::PublicKey::from_sec1_bytes(bytes).map_err(|_| KeyError::NotAPoint)?;
        let point = key.to_sec1_point(false);
        Ok(Self(point.as_bytes().try_into().map_err(|_| KeyError::NotAPoint)?))
    }

    /// From the x coordinate and the sign of y (RFC 9053 §7.1.1).
    pub fn from_x(x: &[u8; 32], y_is_odd: bool) -> Result<Self, KeyError> {
        let mut compressed = [0; 33];
        compressed[0] = 2 + u8::from(y_is_odd);
        compressed[1..].copy_from_slice(x);
        Self::from_sec1(&compressed)
    }

    /// The uncompressed point: 4, x, y.
    pub fn sec1(&self) -> &[u8; 65] {
        &self.0
    }

    /// The x coordinate.
    pub fn x(&self) -> [u8; 32] {
        self.0[1..33].try_into().expect("32 of 65 bytes")
    }

    /// The y coordinate.
    pub fn y(&self) -> [u8; 32] {
        self.0[33..].try_into().expect("32 of 65 bytes")
    }

    /// Whether y is odd, which is all that COSE's compressed form keeps of it.
    pub fn y_is_odd(&self) -> bool {
        self.0[64] & 1 == 1
    }

    /// The COSE key thumbprint (RFC 9679 §3): SHA-256 over the deterministic CBOR of `{1: 2, -1: 1, -2: x, -3: y}`.
    pub fn thumbprint(&self) -> [u8; 32] {
        // The map has one shape only, so its encoding is these fixed bytes around the coordinates.
        let mut encoded = Vec::with_capacity(77);
        encoded.extend_from_slice(&[0xa4, 0x01, 0x02, 0x20, 0x01, 0x21, 0x58, 0x20]);
        encoded.extend_from_slice(&self.x());
        encoded.extend_from_slice(&[0x22, 0x58, 0x20]);
        encoded.extend_from_slice(&self.y());
        digest(&SHA256, &encoded).as_ref().try_into().expect("SHA-256 is 32 bytes")
    }

    /// CQ1's `kid`: the first four bytes of the thumbprint.
    pub fn kid(&self) -> [u8; 4] {
        self.thumbprint()[..4].try_into().expect("4 of 32 bytes")
    }

    /// Checks an ES256 signature.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), KeyError> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.0)
            .verify(message, &signature.0)
            .map_err(|_| KeyError::WrongSignature)
    }
}

/// An ES256 signature as r and s, 32 bytes each (RFC 9053 §2.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

/// Half of the curve's order: a larger s has a smaller twin that would verify just as well.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde, 0x73, 0x7d,
    0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signature({}…)", hex::encode(&self.0[..4]))
    }
}

impl Signature {
    /// Takes r and s as they are. CQ1 accepts a low s alone.
    pub fn from_raw(bytes: &[u8]) -> Result<Self, KeyError> {
        Ok(Self(bytes.try_into().map_err(|_| KeyError::NotASignature)?))
    }

    /// From the DER form that Secure Enclave and Android Keystore return (RFC 3279 §2.2.3), made low-s.
    pub fn from_der(bytes: &[u8]) -> Result<Self, KeyError> {
        let signature = p256::ecdsa::Signature::from_der(bytes).map_err(|_| KeyError::NotASignature)?;
        Self::from_raw(&signature.normalize_s().to_bytes())
    }

    /// The same signature in the form that CQ1 accepts.
    pub(crate) fn into_low_s(self) -> Result<Self, KeyError> {
        let signature = p256::ecdsa::Signature::from_slice(&self.0).map_err(|_| KeyError::NotASignature)?;
        Self::from_raw(&signature.normalize_s().to_bytes())
    }

    /// Whether s is in the lower half, so that nobody can turn a signature into another valid one.
    pub(crate) fn is_low_s(&self) -> bool {
        self.0[32..] <= HALF_ORDER[..]
    }

    /// r and s.
    pub fn raw(&self) -> &[u8; 64] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).expect("hex")
    }

    /// RFC 9679 §6 publishes this key and its thumbprint.
    #[test]
    fn the_thumbprint_is_the_one_that_rfc_9679_publishes() {
        let x = bytes("65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d");
        let y = bytes("1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c");
        let key = PublicKey::from_sec1(&[&[4], x.as_slice(), &y].concat()).expect("on the curve");
        let expected = bytes("496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec");
        assert_eq!(key.thumbprint().as_slice(), expected);
        let compressed = PublicKey::from_x(&key.x(), key.y_is_odd()).expect("on the curve");
        assert_eq!(compressed, key);
    }

    #[test]
    fn what_is_no_point_is_refused() {
        assert_eq!(PublicKey::from_sec1(&[4; 65]), Err(KeyError::NotAPoint));
        assert_eq!(PublicKey::from_x(&[0xff; 32], false), Err(KeyError::NotAPoint));
        assert_eq!(PublicKey::from_sec1(&[]), Err(KeyError::NotAPoint));
    }
}
