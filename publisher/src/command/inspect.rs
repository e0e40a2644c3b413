//! `onecity inspect`: what is in a code, field by field, and whether its signatures hold.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use onecity_protocol::credential::{
    Audience, CoseMessage, IssuerVerified, Presentation, PublicKey, TrustList, UnixTime,
};
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::pkcs8::DecodePublicKey;
use qrcode::{EcLevel, QrCode, Version};
use serde_json::{Value, json};

use super::shown::{self, Shown};
use super::{CommandError, file_error, read_file, read_trust_list, unhexed, wall_clock, written};
use crate::Format;

/// What to look at.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  onecity inspect 'CQ1:…'\n  onecity inspect photo.png --trust-list trust.json\n  onecity inspect --cose message.cbor --key issuer.pem"
)]
pub(crate) struct Arguments {
    /// Codes (CQ1:…), pictures of codes, or - for the standard input.
    codes: Vec<String>,
    /// A trust list, to check the issuer's signature and to name numbers in words.
    #[arg(long, value_name = "FILE")]
    trust_list: Option<PathBuf>,
    /// A COSE_Sign1 of anybody's, binary or in hexadecimal, instead of codes.
    #[arg(long, value_name = "FILE", conflicts_with = "codes", requires = "key")]
    cose: Option<PathBuf>,
    /// The P-256 key to check it with: PEM, a JSON Web Key, or an uncompressed point in hexadecimal.
    #[arg(long, value_name = "FILE", requires = "cose")]
    key: Option<PathBuf>,
    /// External data of the COSE message, in hexadecimal.
    #[arg(long, value_name = "HEX", requires = "cose", default_value = "")]
    external: String,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// One line of the explanation.
struct Field {
    name: &'static str,
    value: String,
    meaning: String,
}

/// What was found, and whether all of it is well.
struct Explanation {
    title: String,
    fields: Vec<Field>,
    well: bool,
}

impl Explanation {
    fn add(&mut self, name: &'static str, value: impl ToString, meaning: impl ToString) {
        self.fields.push(Field { name, value: value.to_string(), meaning: meaning.to_string() });
    }

    fn print(&self, format: Format) {
        if format == Format::Json {
            let member = |field: &Field| {
                (field.name.replace(' ', "_"), json!({ "value": field.value, "meaning": field.meaning }))
            };
            let fields: serde_json::Map<String, Value> = self.fields.iter().map(member).collect();
            println!("{}", json!({ "title": self.title, "well": self.well, "fields": fields }));
            return;
        }
        println!("{}", self.title);
        for Field { name, value, meaning } in &self.fields {
            println!("  {name:<22} {value:<20} {meaning}");
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    if let (Some(cose), Some(key)) = (&arguments.cose, &arguments.key) {
        let explained = explain_cose(cose, key, &arguments.external)?;
        explained.print(arguments.format);
        return Ok(explained.well);
    }
    let trust = arguments.trust_list.as_deref().map(read_trust_list).transpose()?;
    let now = wall_clock();
    let mut all_well = true;
    shown::each(&arguments.codes, |Shown { source, text }| {
        let explained = match text {
            Ok(text) => explain_code(&text, trust.as_ref(), now),
            Err(why) => Explanation { title: format!("{source}: {why}"), fields: Vec::new(), well: false },
        };
        explained.print(arguments.format);
        all_well &= explained.well;
        Ok(())
    })?;
    Ok(all_well)
}

fn explain_code(text: &str, trust: Option<&TrustList>, now: UnixTime) -> Explanation {
    let code = match Presentation::parse(text) {
        Ok(code) => code,
        Err(error) => {
            let title = format!("no CQ1 code: {error} ({})", error.name());
            return Explanation { title, fields: Vec::new(), well: false };
        }
    };
    let drawn = QrCode::with_error_correction_level(text, EcLevel::L).map(|code| code.version());
    let version = match drawn {
        Ok(Version::Normal(version)) => format!("QR version {version} at level L"),
        _ => "too long for a QR code".to_owned(),
    };
    let title = format!("a CQ1 code of {} characters, {version}", text.len());
    let mut own = Explanation { title, fields: Vec::new(), well: true };
    let age = now - code.issued();
    let when = if age >= 0 { format!("{age} s ago") } else { format!("{} s from now", -age) };
    own.add("signed at", code.issued(), format!("{}, {when}, by the phone's clock", written(code.issued())));
    own.add("audience", code.audience().to_u64(), audience(code.audience(), trust));
    let purpose = trust.and_then(|list| list.words.purposes.iter().find(|own| own.id == code.purpose()));
    own.add(
        "purpose",
        code.purpose(),
        match (code.purpose(), purpose) {
            (0, _) => "a plain passage".to_owned(),
            (_, Some(purpose)) => format!("a one-use grant: {}", english(&purpose.names)),
            (_, None) => "a one-use grant".to_owned(),
        },
    );

    let credential = code.credential();
    let claims = credential.claims();
    let named = |list: &[onecity_protocol::credential::Named], id: u64| {
        list.iter().find(|named| named.id == id).map(|named| english(&named.names))
    };
    let words = trust.map(|list| &list.words);
    let unnamed =
        || if trust.is_some() { "the trust list has no word for it" } else { "--trust-list names it" }.to_owned();
    own.add("pass type", claims.pass_type, {
        let found = trust.and_then(|list| list.pass_type(claims.pass_type));
        found.map_or_else(unnamed, |kind| english(&kind.names))
    });
    let scopes =
        claims.scopes.iter().map(|id| words.and_then(|words| named(&words.scopes, *id)).unwrap_or_else(unnamed));
    let numbers: Vec<String> = claims.scopes.iter().map(u64::to_string).collect();
    own.add("scopes", numbers.join(", "), format!("where it is good: {}", scopes.collect::<Vec<_>>().join("; ")));
    let fare = words.and_then(|words| named(&words.fare_classes, claims.fare_class));
    own.add("fare class", claims.fare_class, fare.unwrap_or_else(unnamed));
    own.add("issued", claims.issued, format!("{}; not valid before", written(claims.issued)));
    let over = if now >= claims.expires { "; it has expired" } else { "" };
    own.add("expires", claims.expires, format!("{}; not valid from then on{over}", written(claims.expires)));
    let window = i64::from(claims.window);
    let dead = code.issued() + window + 30;
    own.add("window", claims.window, format!("seconds; a gate takes this code until {}", written(dead)));
    let base = trust.map_or("the status base", |list| list.status_base.as_str());
    let place = format!("{}, {}", claims.status.list, claims.status.index);
    own.add("status", place, format!("index {} of the list at {base}/{}", claims.status.index, claims.status.list));
    own.add("identifier", hex::encode(claims.cti), "what the issuer knows the pass by");
    let holder = credential.holder();
    let key = holder.map_or_else(|| "no point of the curve".to_owned(), |key| hex::encode(&key.x()[..8]) + "…");
    own.add("phone's key", key, "x of the P-256 key that never leaves the phone");
    let by_phone = holder.is_some_and(|holder| code.is_signed_by(&holder));
    own.add("phone's signature", if by_phone { "holds" } else { "does not hold" }, "over all of the above");
    let by_issuer = match trust.map(|list| IssuerVerified::verify(credential, list)) {
        None => ("not checked".to_owned(), "give --trust-list".to_owned(), true),
        Some(Ok(verified)) => ("holds".to_owned(), verified.issuer().to_owned(), true),
        Some(Err(refusal)) => (refusal.name().to_owned(), refusal.to_string(), false),
    };
    own.add("issuer's key", hex::encode(credential.kid()), "first four bytes of its thumbprint (RFC 9679)");
    own.add("issuer's signature", by_issuer.0, by_issuer.1);
    own.well = by_phone && by_issuer.2;
    own
}

fn english(names: &onecity_protocol::names::Names) -> String {
    names.best(&["en".to_owned()]).to_owned()
}

fn audience(audience: Audience, trust: Option<&TrustList>) -> String {
    if audience == Audience::ANY {
        return "any gate".to_owned();
    }
    let verifier = trust.and_then(|list| list.words.verifier(audience.number()));
    let name = verifier.map_or_else(String::new, |verifier| format!(" ({})", english(&verifier.names)));
    let moment = match audience.to_u64() >> 32 {
        0 => String::new(),
        challenge => format!(", at the moment of challenge {challenge}"),
    };
    format!("gate {}{name}{moment}", audience.number())
}

fn explain_cose(path: &Path, key: &Path, external: &str) -> Result<Explanation, CommandError> {
    let key = read_key(key)?;
    let external = hex::decode(external).map_err(|_| CommandError::Usage("--external is hexadecimal".to_owned()))?;
    let bytes = unhexed(read_file(path)?);
    let message =
        CoseMessage::parse(&bytes).map_err(|error| file_error(path)(format!("{error} ({})", error.name())))?;
    let holds = message.is_signed_by(&key, &external);
    let title = format!("a COSE_Sign1 with ES256, {} bytes", bytes.len());
    let mut own = Explanation { title, fields: Vec::new(), well: holds };
    let none = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
    own.add("key identifier", none(&hex::encode(message.kid())), "as the message names it");
    own.add("key", hex::encode(key.kid()), "first four bytes of the given key's thumbprint (RFC 9679)");
    own.add("type", none(message.typ().unwrap_or_default()), "what the message says it is (RFC 9596)");
    own.add("content type", none(message.content_type().unwrap_or_default()), "what the payload is");
    own.add("payload", format!("{} bytes", message.payload().len()), preview(message.payload()));
    own.add("signature", if holds { "holds" } else { "does not hold" }, "by the given key over the above");
    Ok(own)
}

/// The beginning of a payload: as text if it is plain, else in hexadecimal.
fn preview(payload: &[u8]) -> String {
    match std::str::from_utf8(payload) {
        Ok(text) if !text.chars().any(char::is_control) => text.chars().take(60).collect(),
        _ => hex::encode(&payload[..payload.len().min(30)]),
    }
}

fn read_key(path: &Path) -> Result<PublicKey, CommandError> {
    let error = file_error(path);
    let bytes = read_file(path)?;
    let text = String::from_utf8_lossy(&bytes);
    let point = if text.contains("-----BEGIN") {
        let key = p256::PublicKey::from_public_key_pem(text.trim()).map_err(|e| error(format!("the PEM key: {e}")))?;
        key.to_sec1_point(false).as_bytes().to_vec()
    } else if let Ok(jwk) = serde_json::from_slice::<Value>(&bytes) {
        let coordinate = |name: &str| {
            let found = jwk[name].as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
            found
                .filter(|bytes| bytes.len() == 32)
                .ok_or_else(|| error(format!("the JSON Web Key has no {name} of 32 bytes")))
        };
        [vec![4], coordinate("x")?, coordinate("y")?].concat()
    } else {
        unhexed(bytes.clone())
    };
    PublicKey::from_sec1(&point).map_err(|e| error(e.to_string()))
}
