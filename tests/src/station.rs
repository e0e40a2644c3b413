//! Passages of a station that no gate has seen: what a neighbour would send, made to any number.

use std::ops::Range;

use minicbor::Encoder;
use ring::hmac;

type Failure = minicbor::encode::Error<std::convert::Infallible>;

fn cbor(build: impl FnOnce(&mut Encoder<Vec<u8>>) -> Result<(), Failure>) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    build(&mut encoder).expect("memory");
    encoder.into_writer()
}

/// The passages of these made-up passes at a second, under a station's key: docs/cq1.md, section 6.
pub fn passages(passes: Range<u64>, at: i64, station: &[u8; 32]) -> Vec<u8> {
    let payload = cbor(|e| {
        e.array(2)?.u8(1)?.array(passes.end - passes.start)?;
        for pass in passes {
            e.array(4)?.bytes(&u128::from(pass).to_be_bytes())?.i64(at)?.i64(at)?.bytes(&pass.to_le_bytes())?;
        }
        e.ok()
    });
    let header = cbor(|e| e.map(1)?.u8(1)?.u8(5)?.ok());
    let message =
        cbor(|e| e.array(4)?.str("MAC0")?.bytes(&header)?.bytes(b"onecity/cq1/passages")?.bytes(&payload)?.ok());
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, station), &message);
    cbor(|e| e.array(4)?.bytes(&header)?.map(0)?.bytes(&payload)?.bytes(tag.as_ref())?.ok())
}
