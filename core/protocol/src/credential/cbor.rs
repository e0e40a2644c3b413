//! Deterministic CBOR (RFC 8949 §4.2), read strictly: known keys in their order, nothing left over.
//!
//! The reader checks shapes only. That integers are shortest and lengths definite is checked by the code that knows the
//! fields: it writes them again and compares the bytes, so that one message has one encoding.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use super::UnixTime;
use super::cose::CoseError;

/// Seconds from 1970 to about the year 4000, so that sums of them can't overflow.
pub(super) const MAX_TIME: UnixTime = 1 << 36;

/// Reads one item after the other.
pub(super) struct Reader<'b>(Decoder<'b>);

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self(Decoder::new(bytes))
    }

    /// An array of exactly `len` items.
    pub(super) fn array(&mut self, len: u64) -> Result<(), CoseError> {
        if self.any_array()? == len { Ok(()) } else { Err(CoseError::Structure) }
    }

    /// An array of any length.
    pub(super) fn any_array(&mut self) -> Result<u64, CoseError> {
        self.0.array()?.ok_or(CoseError::NotDeterministic)
    }

    /// A map with `keys`: call [`Reader::key`] for each.
    pub(super) fn map(&mut self, keys: &[i64]) -> Result<(), CoseError> {
        match self.0.map()?.ok_or(CoseError::NotDeterministic)? {
            len if len == keys.len() as u64 => Ok(()),
            len if len > keys.len() as u64 => Err(CoseError::UnknownField),
            _ => Err(CoseError::Structure),
        }
    }

    /// The key at `at` of the map's `keys`, which stand in the deterministic order.
    pub(super) fn key(&mut self, keys: &[i64], at: usize) -> Result<(), CoseError> {
        let key = self.int().map_err(|_| CoseError::UnknownField)?;
        match keys.iter().position(|known| *known == key) {
            Some(found) if found == at => Ok(()),
            Some(_) => Err(CoseError::NotDeterministic),
            None => Err(CoseError::UnknownField),
        }
    }

    pub(super) fn int(&mut self) -> Result<i64, CoseError> {
        Ok(self.0.i64()?)
    }

    /// A number from 0 on; one below is out of range.
    pub(super) fn uint(&mut self) -> Result<u64, CoseError> {
        match self.0.datatype()? {
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => Err(CoseError::OutOfRange),
            _ => Ok(self.0.u64()?),
        }
    }

    pub(super) fn bool(&mut self) -> Result<bool, CoseError> {
        Ok(self.0.bool()?)
    }

    pub(super) fn bytes(&mut self) -> Result<&'b [u8], CoseError> {
        if self.0.datatype()? == Type::BytesIndef {
            return Err(CoseError::NotDeterministic);
        }
        Ok(self.0.bytes()?)
    }

    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], CoseError> {
        self.bytes()?.try_into().map_err(|_| CoseError::Structure)
    }

    /// Seconds since 1970.
    pub(super) fn time(&mut self) -> Result<UnixTime, CoseError> {
        let time = self.int()?;
        if (0..MAX_TIME).contains(&time) { Ok(time) } else { Err(CoseError::OutOfRange) }
    }

    /// Where the reader is.
    pub(super) fn position(&self) -> usize {
        self.0.position()
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Result<(), CoseError> {
        if self.0.position() == self.0.input().len() { Ok(()) } else { Err(CoseError::TrailingBytes) }
    }
}

impl From<minicbor::decode::Error> for CoseError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Structure
    }
}

/// Writes one item; integers come out in their shortest form.
pub(super) fn write(
    build: impl FnOnce(&mut Encoder<Vec<u8>>) -> Result<(), minicbor::encode::Error<std::convert::Infallible>>,
) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::with_capacity(320));
    build(&mut encoder).expect("writing to memory can't fail");
    encoder.into_writer()
}
