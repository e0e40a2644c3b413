//! What a city has signed about a resident, to be shown, shared and handed in again: an SD-JWT VC
//! (draft-ietf-oauth-sd-jwt-vc) by an issuer of a region's trust list. A holder can leave fields out; the signature
//! still holds.
//!
//! ```text
//!   JWT ~ disclosure ~ disclosure ~        header {alg: ES256, typ: dc+sd-jwt}   payload {iss, vct, iat, exp, _sd, …}
//! ```
//!
//! Nested disclosures, arrays of them, key binding and other hash functions than SHA-256 are refused: no city needs them
//! yet.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

use crate::credential::{Issuer, Signature, TrustList, UnixTime};
use crate::json;

/// Largest document, in bytes of text.
pub const MAX_DOCUMENT: usize = 64 << 10;
const MAX_FIELDS: usize = 64;
/// How far an issuer's clock may be ahead, in seconds.
const LEEWAY: i64 = 60;
/// Claims that are about the document rather than about the resident.
const ENVELOPE: [&str; 10] = ["iss", "vct", "iat", "nbf", "exp", "sub", "jti", "_sd", "_sd_alg", "cnf"];

/// Why a document was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum DocumentError {
    #[error("a document has at most {MAX_DOCUMENT} bytes")]
    TooLarge,
    #[error("it is not a signed document: {0}")]
    Malformed(&'static str),
    #[error("its issuer is not on this region's trust list, or may not sign documents of this type")]
    Issuer,
    #[error("its signature does not hold")]
    Signature,
    #[error("a field was added or altered after it was signed")]
    Field,
    #[error("it is not valid yet; check the phone's clock")]
    NotYet,
}

/// A document whose signature holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// One word for what it is, for example `residence_certificate`.
    pub kind: String,
    /// Who signed it.
    pub issuer: Issuer,
    /// What it is about: an order's number, for a receipt.
    pub subject: Option<String>,
    /// When it was signed, in seconds.
    pub issued: UnixTime,
    /// From when on it no longer counts.
    pub expires: Option<UnixTime>,
    /// What it says, by the names of its fields.
    pub fields: Map<String, Value>,
}

struct Parts<'a> {
    message: &'a str,
    payload: Map<String, Value>,
    signature: Signature,
    disclosures: Vec<&'a str>,
}

impl Document {
    /// Verifies a document. An expired one is answered: it may still be shown as what it was.
    pub fn verify(text: &str, list: &TrustList, now: UnixTime) -> Result<Self, DocumentError> {
        let parts = read(text)?;
        let claim = |name: &str| parts.payload.get(name).and_then(Value::as_str);
        let time =
            |name: &str| parts.payload.get(name).map(|value| value.as_i64().ok_or(DocumentError::Malformed(TIME)));
        let url = claim("iss").ok_or(DocumentError::Malformed("it names no issuer"))?;
        let kind = claim("vct").ok_or(DocumentError::Malformed("it does not say what it is"))?;
        let issued = time("iat").transpose()?.ok_or(DocumentError::Malformed(TIME))?;
        let may_sign = |issuer: &&Issuer| issuer.url == url && issuer.signs.iter().any(|own| own == kind);
        let issuer = list.issuers.iter().find(may_sign).ok_or(DocumentError::Issuer)?;
        let own = |key: &&crate::credential::TrustedKey| {
            key.issuer == url && (key.not_before..key.not_after).contains(&issued)
        };
        let holds =
            list.all_keys().filter(own).any(|own| own.key.verify(parts.message.as_bytes(), &parts.signature).is_ok());
        if !holds {
            return Err(DocumentError::Signature);
        }
        let not_before = time("nbf").transpose()?.unwrap_or(issued);
        if issued.max(not_before) > now.saturating_add(LEEWAY) {
            return Err(DocumentError::NotYet);
        }
        let mut fields = parts.payload.clone();
        ENVELOPE.iter().for_each(|name| drop(fields.remove(*name)));
        for disclosure in &parts.disclosures {
            let (name, value) = disclosed(disclosure, &parts.payload)?;
            if ENVELOPE.contains(&name.as_str()) || fields.insert(name, value).is_some() {
                return Err(DocumentError::Field);
            }
        }
        if fields.len() > MAX_FIELDS {
            return Err(DocumentError::TooLarge);
        }
        Ok(Self {
            kind: kind.to_owned(),
            issuer: issuer.clone(),
            subject: claim("sub").map(str::to_owned),
            issued,
            expires: time("exp").transpose()?,
            fields,
        })
    }

    /// The same document without the fields that can be left out and are not in `keep`.
    pub fn with_fields(text: &str, keep: &[String]) -> Result<String, DocumentError> {
        let parts = read(text)?;
        let (jwt, _) = text.split_once('~').ok_or(DocumentError::Malformed(TILDE))?;
        let mut kept = format!("{jwt}~");
        for disclosure in &parts.disclosures {
            let (name, _) = disclosed(disclosure, &parts.payload)?;
            if keep.contains(&name) {
                kept.push_str(disclosure);
                kept.push('~');
            }
        }
        Ok(kept)
    }

    /// Whether it still counts.
    pub fn is_valid(&self, now: UnixTime) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

const TIME: &str = "a time in it is no whole number of seconds";
const TILDE: &str = "it does not end as an SD-JWT without key binding does";

fn read(text: &str) -> Result<Parts<'_>, DocumentError> {
    if text.len() > MAX_DOCUMENT {
        return Err(DocumentError::TooLarge);
    }
    let mut pieces = text.split('~');
    let jwt = pieces.next().unwrap_or_default();
    let mut disclosures: Vec<&str> = pieces.collect();
    if disclosures.pop() != Some("") {
        return Err(DocumentError::Malformed(TILDE));
    }
    if disclosures.len() > MAX_FIELDS {
        return Err(DocumentError::TooLarge);
    }
    let (message, signature) = jwt.rsplit_once('.').ok_or(DocumentError::Malformed("it is no JWT"))?;
    let (header, payload) = message.split_once('.').ok_or(DocumentError::Malformed("it is no JWT"))?;
    let header = object(header, "its header can't be read")?;
    if header.get("alg") != Some(&"ES256".into()) || header.get("typ") != Some(&"dc+sd-jwt".into()) {
        return Err(DocumentError::Malformed("its header does not say ES256 and dc+sd-jwt"));
    }
    if header.contains_key("crit") {
        return Err(DocumentError::Malformed("its header asks for what this phone does not know"));
    }
    let payload = object(payload, "its claims can't be read")?;
    if payload.get("_sd_alg").is_some_and(|algorithm| *algorithm != "sha-256") || payload.contains_key("cnf") {
        return Err(DocumentError::Malformed("it asks for another hash function, or for key binding"));
    }
    let signature = decoded(signature).ok_or(DocumentError::Malformed("its signature can't be read"))?;
    let signature = Signature::from_raw(&signature).map_err(|_| DocumentError::Malformed("its signature"))?;
    Ok(Parts { message, payload, signature, disclosures })
}

/// The field of a disclosure that the signed claims have the digest of (SD-JWT §4.2).
fn disclosed(disclosure: &str, payload: &Map<String, Value>) -> Result<(String, Value), DocumentError> {
    let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, disclosure.as_bytes()));
    let known = payload.get("_sd").and_then(Value::as_array);
    if !known.is_some_and(|known| known.iter().any(|own| *own == hash.as_str())) {
        return Err(DocumentError::Field);
    }
    let bytes = decoded(disclosure).ok_or(DocumentError::Field)?;
    match json::parse(&bytes).map_err(|_| DocumentError::Field)? {
        Value::Array(parts) => match <[Value; 3]>::try_from(parts) {
            Ok([Value::String(_), Value::String(name), value]) if !value.to_string().contains("\"_sd\"") => {
                Ok((name, value))
            }
            _ => Err(DocumentError::Field),
        },
        _ => Err(DocumentError::Field),
    }
}

fn object(part: &str, why: &'static str) -> Result<Map<String, Value>, DocumentError> {
    let bytes = decoded(part).ok_or(DocumentError::Malformed(why))?;
    match json::parse(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(DocumentError::Malformed(why)),
    }
}

fn decoded(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// Makes documents, for issuers and for tests: the claims that everybody sees, and the fields that can be left out.
#[derive(Debug)]
pub struct DocumentDraft {
    message: String,
    disclosures: Vec<String>,
}

impl DocumentDraft {
    /// `salts` are as many random texts as there are fields.
    pub fn new(mut claims: Map<String, Value>, fields: &Map<String, Value>, salts: &[String]) -> Self {
        let disclosures: Vec<String> = fields
            .iter()
            .zip(salts)
            .map(|((name, value), salt)| {
                URL_SAFE_NO_PAD
                    .encode(Value::from(vec![salt.as_str().into(), name.as_str().into(), value.clone()]).to_string())
            })
            .collect();
        let mut hashes: Vec<String> =
            disclosures.iter().map(|own| URL_SAFE_NO_PAD.encode(digest(&SHA256, own.as_bytes()))).collect();
        // In an order that tells nothing of the fields'.
        hashes.sort_unstable();
        if !hashes.is_empty() {
            claims.insert("_sd".to_owned(), hashes.into());
        }
        let header = serde_json::json!({ "alg": "ES256", "typ": "dc+sd-jwt" }).to_string();
        let message =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(Value::from(claims).to_string()));
        Self { message, disclosures }
    }

    /// What is to be signed.
    pub fn message(&self) -> &[u8] {
        self.message.as_bytes()
    }

    /// The document.
    pub fn sign(self, signature: &Signature) -> String {
        let mut text = format!("{}.{}~", self.message, URL_SAFE_NO_PAD.encode(signature.raw()));
        for disclosure in self.disclosures {
            text.push_str(&disclosure);
            text.push('~');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::sample::{self, SoftwareKey};
    use serde_json::json;

    const NOW: UnixTime = 1_800_000_000;

    fn members(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            _ => panic!("an object"),
        }
    }

    fn list(world: &sample::World) -> TrustList {
        let mut list = world.trust_list();
        list.issuers[0].signs = vec!["residence_certificate".to_owned()];
        list
    }

    fn document(key: &SoftwareKey, issuer: &str, kind: &str) -> String {
        let claims = json!({ "iss": issuer, "vct": kind, "iat": NOW, "exp": NOW + 1000, "district": "lixia" });
        let fields = members(json!({ "name": "Persona Lan", "since": "2020" }));
        let draft = DocumentDraft::new(members(claims), &fields, &["salt-1".to_owned(), "salt-2".to_owned()]);
        let signature = key.sign(draft.message()).expect("signed");
        draft.sign(&signature)
    }

    #[test]
    fn a_document_holds_with_all_its_fields_and_with_fewer() {
        let world = sample::World::new().expect("a world");
        let list = list(&world);
        let url = list.issuers[0].url.clone();
        let text = document(world.issuer(), &url, "residence_certificate");
        let read = Document::verify(&text, &list, NOW).expect("genuine");
        assert_eq!(
            Value::from(read.fields.clone()),
            json!({ "district": "lixia", "name": "Persona Lan", "since": "2020" })
        );
        assert!(read.is_valid(NOW + 999) && !read.is_valid(NOW + 1000));
        let less = Document::with_fields(&text, &["since".to_owned()]).expect("fewer");
        let read = Document::verify(&less, &list, NOW).expect("genuine still");
        assert_eq!(Value::from(read.fields), json!({ "district": "lixia", "since": "2020" }));
        assert!(!less.contains("UGVyc29uYSBMYW4"), "what was left out is not in it");
    }

    #[test]
    fn what_another_signed_or_somebody_altered_is_refused_by_name() {
        let world = sample::World::new().expect("a world");
        let list = list(&world);
        let url = list.issuers[0].url.clone();
        let verify = |text: &str| Document::verify(text, &list, NOW).map(drop);
        let text = document(world.issuer(), &url, "residence_certificate");
        let stranger = SoftwareKey::generate().expect("a key");
        assert_eq!(verify(&document(&stranger, &url, "residence_certificate")), Err(DocumentError::Signature));
        assert_eq!(verify(&document(world.issuer(), &url, "driving_licence")), Err(DocumentError::Issuer));
        assert_eq!(
            verify(&document(world.issuer(), "https://other.example", "residence_certificate")),
            Err(DocumentError::Issuer)
        );
        let added = format!("{text}{}~", URL_SAFE_NO_PAD.encode(json!(["salt", "rank", "mayor"]).to_string()));
        assert_eq!(verify(&added), Err(DocumentError::Field));
        let twice = format!("{text}{}~", text.split('~').nth(1).expect("a disclosure"));
        assert_eq!(verify(&twice), Err(DocumentError::Field));
        assert_eq!(Document::verify(&text, &list, NOW - 1000).map(drop), Err(DocumentError::NotYet));
        assert!(matches!(verify(text.trim_end_matches('~')), Err(DocumentError::Malformed(_))));
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(String::from_utf8(bytes).is_ok_and(|altered| verify(&altered).is_err()), "byte {at}");
        }
    }
}
