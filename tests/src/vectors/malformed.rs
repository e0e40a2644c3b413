//! Texts that are no CQ1 code: one fault each, signed as if it belonged there.

use minicbor::Encoder;

use super::cast::{Cast, claims, gate, refused, vector};
use super::{CREDENTIAL_AAD, HERE, NOW, PRESENTATION_AAD, TRANSIT, Vector};

/// Raw CBOR.
pub(super) fn cbor(
    build: impl FnOnce(&mut Encoder<Vec<u8>>) -> Result<(), minicbor::encode::Error<std::convert::Infallible>>,
) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    build(&mut encoder).expect("memory");
    encoder.into_writer()
}

pub(super) fn message(protected: &[u8], aad: &[u8], payload: &[u8]) -> Vec<u8> {
    cbor(|e| e.array(4)?.str("Signature1")?.bytes(protected)?.bytes(aad)?.bytes(payload)?.ok())
}

pub(super) fn envelope(protected: &[u8], unprotected: &[u8], payload: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut bytes = cbor(|e| e.array(4)?.bytes(protected)?.ok());
    bytes.extend_from_slice(unprotected);
    bytes.extend(cbor(|e| e.bytes(payload)?.bytes(signature)?.ok()));
    bytes
}

pub(super) fn text(bytes: &[u8]) -> String {
    format!("CQ1:{}", base45::encode(bytes))
}

/// The parts of a code that can each be spoiled before everything is signed.
pub(super) struct Parts {
    pub credential_header: Vec<u8>,
    pub claims: Vec<u8>,
    /// The holder's key within the claims, and CQ1's own claims.
    pub header: Vec<u8>,
    pub payload: Vec<u8>,
    pub unprotected: Vec<u8>,
}

impl Parts {
    pub(super) fn new(cast: &Cast) -> Self {
        Self {
            credential_header: credential_header(cast, -7),
            claims: claims_bytes(cast, &own_claims(30, &[HERE]), 1, 5),
            header: cbor(|e| e.map(2)?.i64(1)?.i64(-7)?.i64(13)?.ok()),
            payload: cbor(|e| e.array(3)?.i64(NOW)?.u64(0)?.u64(0)?.ok()),
            unprotected: vec![0xa0],
        }
    }

    pub(super) fn credential(&self, cast: &Cast) -> Vec<u8> {
        let signature = cast.issuer.sign(&message(&self.credential_header, CREDENTIAL_AAD, &self.claims));
        envelope(&self.credential_header, &[0xa0], &self.claims, signature.raw())
    }

    pub(super) fn bytes(&self, cast: &Cast) -> Vec<u8> {
        let protected = [self.header.as_slice(), &self.credential(cast)].concat();
        let signature = cast.odd.sign(&message(&protected, PRESENTATION_AAD, &self.payload));
        envelope(&protected, &self.unprotected, &self.payload, signature.raw())
    }

    pub(super) fn text(&self, cast: &Cast) -> String {
        text(&self.bytes(cast))
    }
}

pub(super) fn credential_header(cast: &Cast, algorithm: i64) -> Vec<u8> {
    let kid = cast.issuer.public().kid();
    cbor(|e| e.map(2)?.i64(1)?.i64(algorithm)?.i64(4)?.bytes(&kid)?.ok())
}

pub(super) fn own_claims(window: u64, scopes: &[u64]) -> Vec<u8> {
    cbor(|e| {
        e.map(5)?.i64(1)?.u64(TRANSIT)?.i64(2)?.array(scopes.len() as u64)?;
        for scope in scopes {
            e.u64(*scope)?;
        }
        e.i64(3)?.u64(2)?.i64(4)?.array(2)?.u64(3)?.u64(0)?.i64(5)?.u64(window)?.ok()
    })
}

pub(super) fn claims_bytes(cast: &Cast, own: &[u8], curve: i64, count: u64) -> Vec<u8> {
    let claims = claims();
    let (x, odd) = (cast.odd.public().x(), cast.odd.public().y_is_odd());
    let mut bytes = cbor(|e| {
        e.map(count)?.i64(4)?.i64(claims.expires)?.i64(6)?.i64(claims.issued)?.i64(7)?.bytes(&claims.cti)?;
        e.i64(8)?.map(1)?.i64(1)?.map(4)?.i64(1)?.i64(2)?.i64(-1)?.i64(curve)?.i64(-2)?.bytes(&x)?;
        e.i64(-3)?.bool(odd)?.i64(-65_537)?.ok()
    });
    bytes.extend_from_slice(own);
    bytes
}

pub(super) fn malformed(cast: &Cast) -> Vec<Vector> {
    let parts = || Parts::new(cast);
    let good = parts().bytes(cast);
    let good_text = text(&good);
    assert_eq!(good_text, cast.plain(NOW), "the raw parts make the very same code");
    let changed = |change: &dyn Fn(&mut Parts)| {
        let mut parts = parts();
        change(&mut parts);
        parts.text(cast)
    };
    let claims = |window, scopes: &[u64]| claims_bytes(cast, &own_claims(window, scopes), 1, 5);
    let payload = |issued, audience| cbor(|e| e.array(3)?.i64(issued)?.u64(audience)?.u64(0)?.ok());
    let replace = |from: &[u8], to: &[u8], bytes: &[u8]| -> Vec<u8> {
        // The last place: what stands before is covered by lengths.
        let at = bytes.windows(from.len()).rposition(|window| window == from).expect("there");
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    let high_code = {
        let parts = parts();
        let protected = [parts.header.as_slice(), &parts.credential(cast)].concat();
        let signature = cast.odd.sign_high(&message(&protected, PRESENTATION_AAD, &parts.payload));
        text(&envelope(&protected, &[0xa0], &parts.payload, signature.raw()))
    };
    let with_credential = |credential: &[u8]| {
        let parts = parts();
        let protected = [parts.header.as_slice(), credential].concat();
        let signature = cast.odd.sign(&message(&protected, PRESENTATION_AAD, &parts.payload));
        text(&envelope(&protected, &[0xa0], &parts.payload, signature.raw()))
    };
    let high_credential = {
        let parts = parts();
        let signature = cast.issuer.sign_high(&message(&parts.credential_header, CREDENTIAL_AAD, &parts.claims));
        with_credential(&envelope(&parts.credential_header, &[0xa0], &parts.claims, signature.raw()))
    };
    let indefinite_credential = {
        let mut bytes = parts().credential(cast);
        bytes[0] = 0x9f;
        bytes.push(0xff);
        with_credential(&bytes)
    };
    let short_signature = {
        let parts = parts();
        let protected = [parts.header.as_slice(), &parts.credential(cast)].concat();
        text(&envelope(&protected, &[0xa0], &parts.payload, &[1; 63]))
    };
    let own_extra = {
        let mut own = own_claims(30, &[HERE]);
        own[0] = 0xa6;
        [own.as_slice(), &[0x06, 0x00]].concat()
    };
    let claims_with = |from: &[u8], to: &[u8]| {
        let spoiled = replace(from, to, &claims(30, &[HERE]));
        changed(&move |parts: &mut Parts| parts.claims = spoiled.clone())
    };
    let late = {
        let spoiled = replace(
            &cbor(|e| e.i64(4)?.i64(NOW + 30 * 86_400)?.ok()),
            &cbor(|e| e.i64(4)?.i64(1 << 36)?.ok()),
            &claims(30, &[HERE]),
        );
        changed(&move |parts: &mut Parts| parts.claims = spoiled.clone())
    };
    let own_short = {
        let mut own = own_claims(30, &[HERE]);
        own[0] = 0xa4;
        own.truncate(own.len() - 3);
        let spoiled = claims_bytes(cast, &own, 1, 5);
        changed(&move |parts: &mut Parts| parts.claims = spoiled.clone())
    };
    let short_kid = cbor(|e| e.map(2)?.i64(1)?.i64(-7)?.i64(4)?.bytes(&[1, 2, 3])?.ok());
    let extra_claim = [claims_bytes(cast, &own_claims(30, &[HERE]), 1, 6).as_slice(), &[0x3a, 0, 1, 0, 1, 0]].concat();
    let swapped = {
        // 6 before 4.
        let plain = claims(30, &[HERE]);
        let (expires, issued) = (&plain[1..7].to_vec(), &plain[7..13].to_vec());
        [&plain[..1], issued, expires, &plain[13..]].concat()
    };
    let long_integer = replace(&[0x18, 0x1e], &[0x19, 0x00, 0x1e], &claims(30, &[HERE]));
    let large = vec![0; 301];
    let seventeen: Vec<u64> = vec![HERE; 17];
    let cases: Vec<(&str, String, &str)> = vec![
        ("a text of 601 characters", format!("CQ1:{}", "0".repeat(597)), "too_long"),
        ("no prefix", good_text[4..].to_owned(), "prefix"),
        ("a prefix in lower case", good_text.replacen("CQ1", "cq1", 1), "prefix"),
        ("a prefix with a Cyrillic letter that looks the same", good_text.replacen('C', "С", 1), "prefix"),
        ("an empty text", String::new(), "prefix"),
        ("a character that Base45 does not have", good_text.replacen('0', "_", 1), "base45"),
        ("Base45 in lower case", format!("CQ1:{}", good_text[4..].to_lowercase()), "base45"),
        ("a fullwidth digit that looks the same", good_text.replacen('0', "０", 1), "base45"),
        ("a dangling character", format!("{}{}", text(&good[..good.len() - good.len() % 2]), "A"), "base45"),
        ("three characters that stand for more than 65535", format!("{good_text}:::"), "base45"),
        (
            "two characters that stand for more than 255",
            format!("{}:::", text(&good[..2])).replacen(":::", "::", 1),
            "base45",
        ),
        ("more than 300 bytes", text(&large), "too_large"),
        ("nothing at all", "CQ1:".to_owned(), "structure"),
        ("a credential where a code should be: a key that is not 13", text(&parts().credential(cast)), "unknown_field"),
        ("a text string instead of the payload", text(&replace(&[0x48, 0x83], &[0x68, 0x83], &good)), "structure"),
        ("an array of three", text(&[&[0x83], &good[1..]].concat()), "structure"),
        ("a tag before the array", text(&[&[0xd2], good.as_slice()].concat()), "structure"),
        ("cut short by a byte", text(&good[..good.len() - 1]), "structure"),
        ("a byte after the end", text(&[good.as_slice(), &[0]].concat()), "trailing_bytes"),
        ("a byte after the payload's end", changed(&|parts| parts.payload.push(0)), "trailing_bytes"),
        (
            "an integer that is not the shortest",
            changed(&|parts| parts.claims = long_integer.clone()),
            "not_deterministic",
        ),
        ("claims in another order", changed(&|parts| parts.claims = swapped.clone()), "not_deterministic"),
        ("a credential of indefinite length", indefinite_credential, "not_deterministic"),
        (
            "a byte string whose length is not the shortest",
            text(&replace(&[0x58, 0x40], &[0x59, 0x00, 0x40], &good)),
            "not_deterministic",
        ),
        (
            "another algorithm of the phone",
            changed(&|parts| parts.header = cbor(|e| e.map(2)?.i64(1)?.i64(-35)?.i64(13)?.ok())),
            "algorithm",
        ),
        (
            "another algorithm of the issuer",
            changed(&|parts| parts.credential_header = credential_header(cast, -35)),
            "algorithm",
        ),
        (
            "a holder's key on another curve",
            changed(&|parts| parts.claims = claims_bytes(cast, &own_claims(30, &[HERE]), 2, 5)),
            "algorithm",
        ),
        ("an unprotected header", changed(&|parts| parts.unprotected = vec![0xa1, 0x04, 0x41, 0x00]), "unknown_field"),
        ("a claim too many", changed(&|parts| parts.claims = extra_claim.clone()), "unknown_field"),
        (
            "a field too many among CQ1's own",
            changed(&|parts| parts.claims = claims_bytes(cast, &own_extra, 1, 5)),
            "unknown_field",
        ),
        ("a window of four seconds", changed(&|parts| parts.claims = claims(4, &[HERE])), "out_of_range"),
        ("a window of 121 seconds", changed(&|parts| parts.claims = claims(121, &[HERE])), "out_of_range"),
        ("no scope", changed(&|parts| parts.claims = claims(30, &[])), "out_of_range"),
        ("seventeen scopes", changed(&|parts| parts.claims = claims(30, &seventeen)), "out_of_range"),
        ("a second before 1970", changed(&|parts| parts.payload = payload(-1, 0)), "out_of_range"),
        ("a second beyond the year 4000", changed(&|parts| parts.payload = payload(1 << 36, 0)), "out_of_range"),
        ("an audience beyond 2^53", changed(&|parts| parts.payload = payload(NOW, (1 << 53) + 7)), "out_of_range"),
        (
            "an audience with a challenge and no gate",
            changed(&|parts| parts.payload = payload(NOW, 1 << 32)),
            "out_of_range",
        ),
        ("a pass that ends beyond the year 4000", late, "out_of_range"),
        ("a type below zero", claims_with(&[0xa5, 0x01, 0x01], &[0xa5, 0x01, 0x20]), "out_of_range"),
        ("a cti of seven bytes", claims_with(&[0x48, 0x01, 0x23], &[0x47, 0x23]), "structure"),
        ("a key type that is not EC2", claims_with(&[0xa4, 0x01, 0x02], &[0xa4, 0x01, 0x01]), "algorithm"),
        ("a y that is a number", claims_with(&[0x22, 0xf5], &[0x22, 0x01]), "structure"),
        ("a claim that stands twice", claims_with(&[0x06, 0x1a], &[0x04, 0x1a]), "not_deterministic"),
        ("a tag within the claims", claims_with(&[0x06, 0x1a], &[0x06, 0xc1, 0x1a]), "structure"),
        ("a number with a fraction", claims_with(&[0x05, 0x18, 0x1e], &[0x05, 0xf9, 0x4f, 0x80]), "structure"),
        ("a field too few among CQ1's own", own_short, "structure"),
        ("a kid of three bytes", changed(&|parts| parts.credential_header = short_kid.clone()), "structure"),
        ("a text of 600 characters is still looked at", format!("CQ1:{}", "0".repeat(596)), "too_large"),
        ("301 characters of two bytes each", "é".repeat(301), "too_long"),
        ("300 bytes are still looked at", text(&[0; 300]), "structure"),
        ("a line feed at the end", format!("{good_text}\n"), "base45"),
        ("a signature of 63 bytes", short_signature, "signature_form"),
        ("a high s by the phone", high_code, "signature_form"),
        ("a high s by the issuer", high_credential, "signature_form"),
    ];
    let steps = |code: &str, reason| vec![refused(NOW, code, reason)];
    cases.into_iter().map(|(name, code, reason)| vector(name, gate(), steps(&code, reason))).collect()
}
