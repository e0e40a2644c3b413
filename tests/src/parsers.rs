//! What must hold for any bytes whatever: nothing panics, and what is accepted says the same when written again. The
//! fuzz targets call these, and `tests/corpus.rs` does with what fuzzing has kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use onecity_protocol::bridge::BridgeCall;
use onecity_protocol::credential::{
    CoseMessage, Credential, Decision, Gate, GatePolicy, MAX_PRESENTATION, Presentation, StatusListToken, TrustList,
    WithoutStatus,
};
use onecity_protocol::document::Document;
use onecity_protocol::identity_provider::IdentityProvider;
use onecity_protocol::manifest::Manifest;
use onecity_protocol::miniapp_uri::MiniAppUri;
use onecity_protocol::package::Package;
use onecity_protocol::region::{RegionFile, RegionTree};
use onecity_protocol::text;
use onecity_protocol::trust::{Announcement, Release, Takedown, Target, TrustedRepository};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

use crate::vectors::{NOW, Shared, files, vector_files};

/// A parser's name, and what must hold for it.
pub type Parser = (&'static str, fn(&[u8]));

/// All of them.
pub const PARSERS: [Parser; 19] = [
    ("code", code),
    ("presentation", presentation),
    ("credential", credential),
    ("status_list", status_list),
    ("trust_list", trust_list),
    ("cose", cose),
    ("manifest", manifest),
    ("package", package),
    ("region_data", region_data),
    ("metadata", metadata),
    ("document", document),
    ("link", link),
    ("bridge", bridge),
    ("takedown", takedown),
    ("providers", providers),
    ("announcement", announcement),
    ("text", text),
    ("callback", callback),
    ("id_token", id_token),
];

static SHARED: LazyLock<Shared> = LazyLock::new(|| {
    let (_, text) = files().swap_remove(0);
    serde_json::from_str(&text).expect("what was just made")
});

fn gate() -> Gate {
    let policy = GatePolicy::of_types([1, 2], WithoutStatus::FailOpen { hours: 24 });
    Gate::new(SHARED.trust_list.clone(), policy, NOW - 3600)
}

fn check(text: &str) {
    let decision = gate().check(text, NOW);
    let line = decision.to_string();
    assert!(line.is_ascii() && line.len() < 300, "a log line is short and plain");
    if let Decision::Accepted(_) = decision {
        // A code that opens a gate is one of the vectors: nobody can sign another.
        assert!(Presentation::parse(text).is_ok());
        assert!(matches!(gate().check(text, NOW + 3600), Decision::Refused(_)));
    }
}

/// The text of a code.
pub fn code(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        check(text);
    }
}

/// The bytes in a code.
pub fn presentation(data: &[u8]) {
    if data.len() <= MAX_PRESENTATION + 1 {
        check(&format!("CQ1:{}", base45::encode(data)));
    }
}

/// A credential, as an issuer's server returns it.
pub fn credential(data: &[u8]) {
    if let Ok(credential) = Credential::parse(data) {
        assert_eq!(credential.bytes(), data);
        assert!(!credential.claims().scopes.is_empty());
        let _ = credential.holder();
    }
}

/// A status list's token.
pub fn status_list(data: &[u8]) {
    if let Ok(token) = StatusListToken::parse(data) {
        let statuses = &token.claims().statuses;
        assert_eq!(statuses.get(statuses.len()), None);
        assert!(statuses.is_empty() || statuses.get(statuses.len() - 1).is_some());
        assert_eq!(statuses.get(u64::MAX), None);
        let _ = token.verify(&SHARED.trust_list, NOW);
    }
}

/// A trust list.
pub fn trust_list(data: &[u8]) {
    if let Ok(list) = TrustList::parse(data) {
        let again = serde_json::to_vec(&list).expect("plain JSON");
        assert_eq!(TrustList::parse(&again).expect("what was just written"), list);
    }
}

/// A COSE_Sign1 of somebody else.
pub fn cose(data: &[u8]) {
    if let Ok(message) = CoseMessage::parse(data) {
        let _ = (message.kid(), message.typ(), message.content_type());
        assert!(message.payload().len() < data.len());
        for trusted in SHARED.trust_list.all_keys() {
            let _ = message.is_signed_by(&trusted.key, &[]);
        }
    }
}

/// A mini-service's manifest.
pub fn manifest(data: &[u8]) {
    let (read, findings) = Manifest::examine(data);
    for finding in &findings {
        assert!(!finding.to_string().is_empty());
    }
    match Manifest::parse(data) {
        Ok(manifest) => {
            let again = serde_json::to_vec(&manifest).expect("plain JSON");
            assert_eq!(Manifest::parse(&again).expect("what was just written"), manifest);
            assert!(!manifest.entry().is_empty());
        }
        Err(refusal) => assert!(refusal.refuses() && (read.is_none() || findings.contains(&refusal))),
    }
}

/// A mini-service's package. What opens is served, and none of its paths leads out of it.
pub fn package(data: &[u8]) {
    let bytes: Arc<[u8]> = data.into();
    let findings = Package::examine(Arc::clone(&bytes));
    match Package::open(Arc::clone(&bytes)) {
        Ok(package) => {
            assert!(findings.iter().all(|finding| !finding.refuses()));
            for path in package.paths() {
                assert!(!path.starts_with('/') && path.split('/').all(|part| part != ".." && part != "."));
                assert!(package.read(path).expect("checked when it was opened").is_some());
            }
            Package::reopen(bytes).expect("it has opened before");
        }
        Err(refusal) => assert!(findings.contains(&refusal), "{refusal}"),
    }
}

/// Region data of a repository.
pub fn region_data(data: &[u8]) {
    let of = "cn-sd".parse().expect("an id");
    if let Ok(file) = RegionFile::parse(data, &of) {
        assert!(file.regions.iter().all(|region| of.covers(&region.id)));
        let mut tree = RegionTree::default();
        tree.add(file.clone());
        for region in &file.regions {
            let _ = (tree.units_for(&region.id), tree.hotline(&region.id), tree.children(&region.id).count());
        }
    }
}

/// A document or receipt. Nobody here may sign one, so that none is ever taken.
pub fn document(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert!(Document::verify(text, &SHARED.trust_list, NOW).is_err());
    if let Ok(less) = Document::with_fields(text, &[]) {
        assert!(less.len() <= text.len() && text.starts_with(less.trim_end_matches('~')));
    }
}

/// A link to a mini-service: what is read is written again as it was meant.
pub fn link(data: &[u8]) {
    let Some(link) = std::str::from_utf8(data).ok().and_then(|text| text.parse::<MiniAppUri>().ok()) else { return };
    let again: MiniAppUri = link.to_string().parse().expect("what was just written");
    assert_eq!(again, link);
    assert!(link.page.is_none_or(|page| !page.split('/').any(|part| part == "..")));
}

/// A call of a page.
pub fn bridge(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(refusal) = BridgeCall::parse(text) {
        assert_eq!(refusal.code, "invalid_call");
    }
}

/// A takedown that a province lists: of nobody's service but one of its own or below it, and with a reason to read.
pub fn takedown(data: &[u8]) {
    let Ok(Value::Object(mut listed)) = serde_json::from_slice::<Value>(data) else { return };
    let path = listed.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
    let target = Target { path, sha256: [0; 32], length: 1, custom: listed.remove("custom") };
    if let Ok(takedown) = Takedown::from_target(&"cn-sd".parse().expect("a unit"), &target) {
        assert!(Takedown::is_path(&target.path) && Takedown::path(&takedown.service) == target.path);
        assert!(takedown.service.unit.to_string().starts_with("cn-sd"));
        assert!(takedown.withdrawn.reason.iter().count() > 0);
    }
}

/// What a registry tells all of its residents: each reason can be read.
pub fn announcement(data: &[u8]) {
    if let Ok(announcement) = Announcement::parse(data) {
        let again = serde_json::to_vec(&announcement).expect("plain JSON");
        assert_eq!(Announcement::parse(&again).expect("what was just written"), announcement);
        let outage = announcement.outage.iter().map(|own| &own.reason);
        assert!(outage.chain(announcement.update.iter().map(|own| &own.reason)).all(|reason| !reason.is_empty()));
    }
}

/// A nation's list of identity providers: each has an id of its own that is one plain word.
pub fn providers(data: &[u8]) {
    if let Ok(list) = IdentityProvider::parse_list(data) {
        let again = serde_json::to_vec(&list).expect("plain JSON");
        assert_eq!(IdentityProvider::parse_list(&again).expect("what was just written"), list);
        let ids: BTreeSet<&str> = list.iter().map(|own| own.id.as_str()).collect();
        assert!(ids.len() == list.len() && ids.iter().all(|id| !id.is_empty() && !id.contains('/')));
    }
}

/// A text of a publisher, as a screen shows it: one line of bounded length, the same when it is cleaned again.
pub fn text(data: &[u8]) {
    let Ok(written) = std::str::from_utf8(data) else { return };
    for longest in [1, 20, text::LONGEST] {
        let shown = text::shown(written, longest);
        assert!(
            shown.chars().count() <= longest
                && !shown.contains(|c: char| c.is_control() || "\u{202e}\u{2066}".contains(c))
        );
        assert_eq!(text::shown(&shown, longest), shown);
    }
}

/// A role of the registry. Nothing that the owner of the keys did not sign is ever taken.
pub fn metadata(data: &[u8]) {
    static REGISTRY: LazyLock<TrustedRepository> = LazyLock::new(|| {
        let files = registry();
        let mut trusted = TrustedRepository::from_root(&files["metadata/1.root.json"]).expect("a root");
        trusted.update_timestamp(&files["metadata/timestamp.json"], NOW).expect("a timestamp");
        trusted.update_snapshot(&files["metadata/1.snapshot.json"], NOW).expect("a snapshot");
        trusted.update_targets(&files["metadata/1.targets.json"], NOW).expect("targets");
        trusted
    });
    let mut trusted = REGISTRY.clone();
    // A root alone vouches for itself; everything else needs keys that nobody here has.
    let _ = TrustedRepository::from_root(data);
    assert!(trusted.update_root(data).is_err());
    assert!(!trusted.update_timestamp(data, NOW).is_ok_and(|newer| newer));
    let _ = trusted.update_snapshot(data, NOW);
    let _ = trusted.update_role("cn-sd.jinan", "targets", data, NOW);
    for target in trusted.role_targets("cn-sd.jinan").unwrap_or_default() {
        assert!(target.path.starts_with("cn-sd/jinan/"));
        let _ = Release::from_target("cn-sd.jinan", target);
    }
}

/// An address that a browser came back with after a login.
pub fn callback(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = onecity_core::callback_is_read(text);
    }
}

/// An ID token, and on the lines after it what a provider says of its keys.
pub fn id_token(data: &[u8]) {
    let (token, keys) = data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len()));
    let Ok(token) = std::str::from_utf8(token) else { return };
    let is_accepted = |keys: &[u8]| onecity_core::id_token_is_accepted(token, keys, ID_ISSUER, "app", "n", NOW);
    is_accepted(keys);
    if is_accepted(LOGIN.1.as_bytes()) {
        // Nobody can sign another one with that key.
        assert_eq!(
            token.rsplit_once('.').map(|(signed, _)| signed),
            LOGIN.0.rsplit_once('.').map(|(signed, _)| signed)
        );
    }
}

const ID_ISSUER: &str = "https://id.example";

/// A login's ID token, and the key of its provider.
static LOGIN: LazyLock<(String, String)> = LazyLock::new(|| {
    let key = SigningKey::from_slice(&[7; 32]).expect("a key");
    let point = key.verifying_key().to_sec1_point(false).to_bytes();
    let keys = json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "kid": "1",
        "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]),
    }] });
    let claims = json!({
        "iss": ID_ISSUER, "aud": "app", "sub": "lan", "nonce": "n", "iat": NOW, "exp": NOW + 300, "name": "Lan",
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "ES256", "kid": "1" })), part(&claims));
    let signature: Signature = key.sign(signed.as_bytes());
    (format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())), keys.to_string())
});

/// A small registry, signed with the same keys whenever it is made.
fn registry() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/registry/metadata");
    let files = std::fs::read_dir(&folder).expect("kept with the sources").map(|entry| entry.expect("an entry").path());
    files
        .map(|file| {
            let name = file.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            (format!("metadata/{name}"), std::fs::read(&file).expect("a file"))
        })
        .collect()
}

/// A package as `onecity pack` makes it.
fn small_package() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/registry/report.ma"))
        .expect("kept with the sources")
}

/// What fuzzing has kept for a parser.
pub fn kept(parser: &str) -> std::io::Result<Vec<Vec<u8>>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/corpus/{parser}.hex"));
    let text = std::fs::read_to_string(file)?;
    text.lines().map(|line| hex::decode(line).map_err(std::io::Error::other)).collect()
}

/// Writes what fuzzing begins with: the vectors, each in the form that its parser reads, and what was kept before.
pub fn write_seeds(folder: &Path) -> std::io::Result<()> {
    let mut seeds: Vec<(&str, Vec<u8>)> = Vec::new();
    for file in vector_files() {
        for step in file.vectors.iter().flat_map(|vector| &vector.steps) {
            seeds.push(("code", step.code.clone().into_bytes()));
            let bytes = step.code.strip_prefix("CQ1:").and_then(|text| base45::decode(text).ok());
            if let Some(bytes) = bytes {
                seeds.push(("cose", bytes.clone()));
                seeds.push(("presentation", bytes));
            }
            if let Ok(presentation) = Presentation::parse(&step.code) {
                seeds.push(("credential", presentation.credential().bytes().to_vec()));
            }
        }
    }
    for token in SHARED.status_lists.values() {
        let token = hex::decode(token).map_err(std::io::Error::other)?;
        seeds.push(("status_list", token.clone()));
        seeds.push(("cose", token));
    }
    seeds.push(("trust_list", serde_json::to_vec(&SHARED.trust_list)?));
    seeds.extend(registry().into_values().map(|bytes| ("metadata", bytes)));
    let package = small_package();
    let opened = Package::open(package.clone().into()).map_err(std::io::Error::other)?;
    seeds.push(("manifest", opened.read("manifest.json").ok().flatten().unwrap_or_default()));
    seeds.push(("package", package));
    let regions = json!({
        "regions": [
            { "id": "cn-sd/jinan", "kind": "city", "code": "370100", "names": { "zh": "济南市", "en": "Jinan" },
              "hotline": "12345", "zone": "Asia/Shanghai", "centre": { "latitude": 36.65, "longitude": 117.12 } },
            { "id": "cn-sd/jinan/lixia", "kind": "district", "code": "370102", "names": { "zh": "历下区" } },
        ],
        "circles": [{ "id": "cn-sd/~capital", "names": { "zh": "省会" }, "members": ["cn-sd/jinan"] }],
    });
    seeds.push(("region_data", regions.to_string().into_bytes()));
    let takedown =
        json!({ "path": "cn-sd/jinan/report/takedown.json", "custom": { "reason": { "en": "It was altered." } } });
    seeds.push(("takedown", takedown.to_string().into_bytes()));
    let providers = json!([{ "id": "shandong", "names": { "en": "Shandong" }, "issuer": "https://id.example", "client_id": "app" }]);
    seeds.push(("providers", providers.to_string().into_bytes()));
    let reason = json!({ "en": "Maintenance", "zh": "系统升级" });
    let announcement = json!({
        "outage": { "reason": reason, "until": 1_796_100_000 }, "update": { "platform": 2, "reason": reason },
    });
    seeds.push(("announcement", announcement.to_string().into_bytes()));
    seeds.push(("text", "Ngừng\u{202e} phục vụ\n\t停止服务 e\u{301}\u{301}".as_bytes().to_vec()));
    seeds.push(("callback", b"onecity://login?code=c&state=s&iss=https%3A%2F%2Fid.example".to_vec()));
    seeds.push(("id_token", format!("{}\n{}", LOGIN.0, LOGIN.1).into_bytes()));
    for (parser, _) in PARSERS {
        seeds.extend(kept(parser).unwrap_or_default().into_iter().map(|bytes| (parser, bytes)));
    }
    for (at, (target, bytes)) in seeds.into_iter().enumerate() {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("seed-{at}")), bytes)?;
    }
    Ok(())
}
