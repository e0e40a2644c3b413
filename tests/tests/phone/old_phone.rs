//! A phone as an earlier version of the app left it, opened by today's: `old_files/phone_N`. The newest has a record of
//! every kind. When the format of a record was raised, write the next one before that is released:
//! `ONECITY_WRITE_OLD_FILES=1 cargo test -p onecity-tests --test phone a_phone_with_every_kind`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use onecity_core::platform::{
    Clock, CreatedKey, DeviceKeys, KeyPurpose, Platform, PlatformError, SecretStore, software,
};
use onecity_core::{
    Client, ClientConfig, DocumentStatus, Error, NationAnchor, PassSituation, PassStatus, Refusal, SubmissionState,
};
use onecity_protocol::credential::Audience;
use onecity_protocol::region::RegionId;
use onecity_tests::old_files::{self, Shift};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::kit::{Kit, Resident, jinan, region, service};

/// What is not in the two files: the key store, the time, and where trust begins. None of the keys is anybody's.
#[derive(Serialize, Deserialize)]
struct Around {
    /// The time at which the phone was left, in milliseconds.
    wall: i64,
    /// PKCS #8, in hexadecimal, by the key's id.
    keys: BTreeMap<String, String>,
    nations: Vec<Nation>,
    /// The vault's generation, as the key store remembers it.
    #[serde(default)]
    generation: u64,
    /// The link of the draft that was taken over.
    taken_over: String,
}

#[derive(Serialize, Deserialize)]
struct Nation {
    id: RegionId,
    url: String,
    root: String,
}

/// A key store that can be written down.
#[derive(Default)]
struct OpenKeys(Mutex<BTreeMap<String, String>>);

impl OpenKeys {
    fn pair(&self, id: &str) -> Result<EcdsaKeyPair, PlatformError> {
        let kept = self.0.lock().expect("held").get(id).cloned().ok_or(PlatformError::KeyInvalidated)?;
        let pkcs8 = hex::decode(kept).expect("hexadecimal");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8, &SystemRandom::new());
        Ok(pair.expect("a key"))
    }
}

#[async_trait]
impl DeviceKeys for OpenKeys {
    async fn create(&self, _: KeyPurpose, _: &[u8]) -> Result<CreatedKey, PlatformError> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
        let mut id = [0; 8];
        random.fill(&mut id).expect("random numbers");
        let id = hex::encode(id);
        self.0.lock().expect("held").insert(id.clone(), hex::encode(pkcs8.as_ref()));
        Ok(CreatedKey { id, attestation: Vec::new() })
    }
    async fn public_key(&self, id: &str) -> Result<Vec<u8>, PlatformError> {
        Ok(self.pair(id)?.public_key().as_ref().to_vec())
    }
    async fn sign(&self, id: &str, message: &[u8]) -> Result<Vec<u8>, PlatformError> {
        Ok(self.pair(id)?.sign(&SystemRandom::new(), message).expect("signed").as_ref().to_vec())
    }
    async fn delete(&self, id: &str) -> Result<(), PlatformError> {
        self.0.lock().expect("held").remove(id);
        Ok(())
    }
}

/// A clock that stands at the time when the phone was left.
struct Then(i64);

impl Clock for Then {
    fn wall(&self) -> i64 {
        self.0
    }
    fn since_boot_including_sleep(&self) -> i64 {
        1
    }
    fn boot_id(&self) -> String {
        "then".to_owned()
    }
}

fn platform(resident: &Arc<Resident>, keys: &Arc<OpenKeys>, secrets: &Arc<Shift>, wall: i64) -> Platform {
    Platform {
        keys: Arc::clone(keys) as _,
        secrets: Arc::clone(secrets) as Arc<dyn SecretStore>,
        clock: Arc::new(Then(wall)),
        consent: Arc::clone(resident) as _,
        host: Arc::clone(resident) as _,
        observer: Arc::clone(resident) as _,
    }
}

/// The phones that are kept, oldest first.
fn phones() -> Vec<PathBuf> {
    let numbered = (1..).map(|number| old_files::folder().join(format!("phone_{number}")));
    numbered.take_while(|folder| folder.exists()).collect()
}

/// The kinds of records that a vault holds, each with its format: the second byte of a sealed value.
fn kinds_in(vault: &Path) -> BTreeSet<(String, u8)> {
    let vault = Connection::open(vault).expect("opened");
    let mut kinds = vault.prepare("SELECT kind, value FROM sealed").expect("the table is there");
    let kind = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?[1]));
    kinds.query_map([], kind).expect("read").collect::<Result<_, _>>().expect("sealed values")
}

/// The kinds of records that today's app writes, as its source names them, each with its format.
fn kinds_of_today() -> BTreeSet<(String, u8)> {
    fn look(folder: &Path, kinds: &mut BTreeSet<(String, u8)>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_code = path.extension().is_some_and(|ending| ending == "rs");
            if path.is_dir() {
                look(&path, kinds);
            } else if is_code && !path.ends_with("tests.rs") && !path.ends_with("testing.rs") {
                let source = std::fs::read_to_string(&path).expect("readable");
                let code = source.split("#[cfg(test)]\n").next().unwrap_or_default();
                // Not the examples of the documentation.
                let lines: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
                for pair in lines.windows(2) {
                    let Some((_, kind)) = pair[0].split_once("const KIND: &'static str = \"") else { continue };
                    let Some((kind, _)) = kind.split_once('"') else { continue };
                    let format = pair[1].trim().trim_start_matches("const FORMAT: u8 = ").trim_end_matches(';');
                    kinds.insert((kind.to_owned(), format.parse().expect("the format follows the kind")));
                }
            }
        }
    }
    let mut kinds = BTreeSet::new();
    for part in ["core/client/src", "core/store/src"] {
        look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(part), &mut kinds);
    }
    kinds
}

/// Does everything on a phone that leaves something behind, and leaves it without a network. Answers with the link of the
/// draft that was taken over.
async fn live(kit: &Kit) -> String {
    let client = kit.phone.client();
    client.accept_invitation("K7QF2-M9XYZ").await.expect("kept");
    let settings = Some(r#"{"started":true,"home":"cn-sd/jinan"}"#.to_owned());
    client.keep_app_record(onecity_core::AppRecordOwner::Phone, "settings", settings).await.expect("kept");
    kit.phone.log_in("shandong", "minh").await.expect("logged in");
    let lan = kit.phone.log_in("shandong", "lan").await.expect("logged in");
    let page = kit.opens("everything").await;
    kit.resident.will(false);
    page.call("scan", json!({})).await.expect_err("refused, which is remembered");
    page.call("login", json!({})).await.expect("agreed");
    page.get(&kit.url("/me")).await.expect("known");
    page.get(&kit.url("")).await.expect("an answer to keep");
    page.call("storage_set", json!({ "key": "stop", "value": "Quancheng Square" })).await.expect("kept");

    let id = page.submit(&kit.url("/certificates"), json!({ "for": "school" })).await.expect("kept");
    client.deliver().await.expect("delivered");
    let all = client.submissions().await.expect("listed");
    let sent = all.iter().find(|own| own.id == id).expect("there");
    let SubmissionState::Delivered { receipt, .. } = &sent.state else { panic!("delivered: {sent:?}") };
    page.call("documents_keep", json!({ "document": receipt["document"] })).await.expect("genuine");

    let order = |number: &str| json!({ "order": number, "url": kit.url("/pay"), "amount": 1250, "currency": "CNY" });
    let browsed = async |number: &str| {
        let opened = async || !kit.resident.browsed.lock().expect("held").is_empty();
        kit.resident.sees("the browser", opened).await;
        let url = kit.resident.browsed.lock().expect("held").remove(0);
        format!("{url}&order={number}&amount=1250&currency=CNY")
    };
    let paid = async {
        let back = kit.world.pay(&browsed("A-1").await).expect("paid");
        client.finish_payment(&back).await.expect("genuine");
    };
    let (receipt, ()) = tokio::join!(page.call("pay", order("A-1")), paid);
    receipt.expect("paid");
    // The resident is still at the city's page when the phone is left.
    tokio::select! {
        _ = page.call("pay", order("B-1")) => panic!("nobody paid"),
        _ = browsed("B-1") => {}
    }

    let shandong = region("cn-sd");
    let own = client.add_pass(&shandong, "transit", None).await.expect("a pass");
    let child = client.add_pass(&shandong, "transit", Some("an")).await.expect("a pass");
    client.code(&own.id, Audience::ANY).await.expect("shown");
    client.begin_login("shandong", "onecity://login").await.expect("begun");

    kit.server.stop().await;
    client.remove_pass(&child.id).await.expect("removed; its issuer is told later");
    page.call("submit", json!({ "url": kit.url("/reports"), "title": "A lamp is out", "body": { "lamp": 7 } }))
        .await
        .expect("kept");
    let body = json!({ "street": "1 Example Road" });
    page.call("draft_set", json!({ "title": "Heating", "body": body })).await.expect("kept");
    page.call("draft_hand_over", json!({})).await.expect("shown");
    page.call("draft_set", json!({ "title": "Heating", "body": null })).await.expect("removed");
    let handed = kit.resident.handed.lock().expect("held").pop().expect("a code");
    client.accept_draft(&handed.link).await.expect("taken over");
    let accounts = client.accounts().await.expect("listed");
    let other = accounts.iter().find(|account| account.id != lan.id).expect("Minh's");
    client.switch_account(&other.id).await.expect("there");
    client.logout(false).await.expect("its provider is told later");
    client.switch_account(&lan.id).await.expect("back");
    handed.link
}

/// A phone on which everything was done, and what is around it.
async fn left(port: u16) -> (tempfile::TempDir, Around) {
    let (resident, keys) = (Arc::<Resident>::default(), Arc::<OpenKeys>::default());
    let secrets = Arc::<Shift>::default();
    let wall = software::platform().clock.wall();
    let kit = Kit::on(platform(&resident, &keys, &secrets, wall), resident, port).await;
    let taken_over = live(&kit).await;
    let nations = kit.world.anchors().expect("known");
    let nation = |anchor: NationAnchor| Nation {
        id: anchor.nation,
        url: anchor.url,
        root: String::from_utf8(anchor.root).expect("JSON"),
    };
    let nations = nations.into_iter().map(nation).collect();
    kit.phone.client().suspend().await.expect("closed");
    let folder = tempfile::tempdir().expect("a folder");
    copy(kit.phone.folder(), folder.path());
    let keys = keys.0.lock().expect("held").clone();
    (folder, Around { wall, keys, nations, generation: secrets.generation(), taken_over })
}

fn copy(from: &Path, to: &Path) {
    for name in ["catalogue.sqlite", "vault.sqlite"] {
        std::fs::copy(from.join(name), to.join(name)).expect("copied");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_with_every_kind_of_record_can_be_left_for_later_versions() {
    // A phone that is kept knows a port that no test's server is given: one below those that a system hands out.
    let wanted = std::env::var_os("ONECITY_WRITE_OLD_FILES").is_some();
    let (folder, around) = left(if wanted { 20_999 } else { 0 }).await;
    assert_eq!(
        kinds_in(&folder.path().join("vault.sqlite")),
        kinds_of_today(),
        "a record of every kind in its newest format"
    );
    if wanted {
        let kept = old_files::folder().join(format!("phone_{}", phones().len() + 1));
        std::fs::create_dir_all(&kept).expect("a folder");
        copy(folder.path(), &kept);
        std::fs::write(kept.join("around.json"), serde_json::to_vec_pretty(&around).expect("JSON")).expect("written");
    }
    still_has_everything(folder.path(), around).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_of_every_earlier_version_has_all_that_its_resident_trusted_to_it() {
    assert!(!phones().is_empty(), "one is kept: tests/old_files");
    for phone in phones() {
        let folder = tempfile::tempdir().expect("a folder");
        copy(&phone, folder.path());
        let around = std::fs::read(phone.join("around.json")).expect("kept");
        still_has_everything(folder.path(), serde_json::from_slice(&around).expect("as it was written")).await;
    }
    let newest = phones().pop().expect("one");
    assert_eq!(
        kinds_in(&newest.join("vault.sqlite")),
        kinds_of_today(),
        "the newest has a record of every kind in its newest format"
    );
}

async fn still_has_everything(folder: &Path, around: Around) {
    let resident = Arc::<Resident>::default();
    let keys = Arc::new(OpenKeys(Mutex::new(around.keys)));
    let secrets = Arc::new(Shift::at(around.generation));
    let (origin, _) = around.nations[0].url.split_once("/registry").expect("of the demo world");
    let origin = origin.to_owned();
    let anchor = |nation: Nation| NationAnchor { nation: nation.id, url: nation.url, root: nation.root.into_bytes() };
    let config = ClientConfig {
        folder: folder.to_owned(),
        languages: vec!["en".to_owned()],
        nations: around.nations.into_iter().map(anchor).collect(),
        allow_loopback: true,
        ..ClientConfig::default()
    };
    let client = Client::open(config, platform(&resident, &keys, &secrets, around.wall)).expect("it opens");
    assert_eq!(client.storage().await.expect("counted").unreadable, 0);

    let account = client.account().await.expect("read").expect("still logged in");
    assert_eq!((account.name.as_str(), account.lapsed), ("Persona Lan", false));
    assert_eq!(client.accounts().await.expect("listed").len(), 1, "Minh has logged out");

    let passes = client.passes(&PassSituation::default()).await.expect("listed");
    assert_eq!(passes.len(), 1, "the child's was removed");
    assert_eq!((passes[0].title.as_str(), passes[0].status), ("Transit pass", PassStatus::Good));
    assert!(passes[0].last_used.is_some(), "a code was shown");
    let code = client.code(&passes[0].id, Audience::ANY).await.expect("shown without a network");
    assert!(code.text.starts_with("CQ1:") && !code.time_unverified, "{}", code.text);
    assert!(code.issued > passes[0].last_used.expect("used"), "no second is signed for twice");

    let documents = client.documents().await.expect("listed");
    assert_eq!((documents.len(), documents[0].status), (1, DocumentStatus::Good));
    assert!(documents[0].fields.iter().any(|field| field.value == "Persona Lan"));

    let consents = client.consents().await.expect("listed");
    assert!(consents.iter().any(|own| own.given && own.permission == "login" && own.fields == ["name"]));
    let log = client.disclosures().await.expect("listed");
    for purpose in ["Log in", "Draft taken over"] {
        assert!(log.iter().any(|own| own.purpose == purpose), "{purpose}: {log:?}");
    }
    let submissions = client.submissions().await.expect("listed");
    let state = |title: &str| &submissions.iter().find(|own| own.title == title).expect("there").state;
    assert_eq!(submissions.len(), 2);
    assert!(matches!(state("A lamp is out"), SubmissionState::Waiting { .. } | SubmissionState::Delivered { .. }));

    let session = client.open_service(&service("everything"), &jinan()).await.expect("opens without a network");
    let call = async |method: &str, params: Value| -> Value {
        let call = json!({ "method": method, "params": params }).to_string();
        let answer = client.bridge(&session, &call).await.expect("an answer");
        serde_json::from_str::<Value>(&answer).expect("JSON")["result"].take()
    };
    assert_eq!(call("storage_get", json!({ "key": "stop" })).await, "Quancheng Square");
    let draft = call("draft_get", json!({})).await;
    assert_eq!((&draft["title"], &draft["by"]), (&json!("Heating"), &json!("Persona Lan")));
    assert_eq!(draft["body"], json!({ "street": "1 Example Road" }));
    assert_eq!(call("receipt", json!({ "order": "A-1" })).await["amount"], 1250);
    let again = client.accept_draft(&around.taken_over).await;
    assert!(matches!(again, Err(Error::Refused { reason: Refusal::DraftExpired, .. })), "once: {again:?}");
    let about = call("request", json!({ "method": "GET", "url": format!("{origin}/city/cn-sd.jinan") })).await;
    assert_eq!(
        (&about["body"]["city"]["id"], &about["freshness"]["state"]),
        (&json!("cn-sd/jinan"), &json!("offline"))
    );
    tokio::task::spawn_blocking(move || client.close()).await.expect("closed");
}
