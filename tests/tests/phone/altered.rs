//! Somebody can write to the app's folder: what they change in the two files, and what the phone makes of it.

use std::collections::BTreeMap;
use std::path::Path;

use mock_server::Phone;
use onecity_core::platform::Platform;
use onecity_core::{Client, ClientConfig, Lifecycle, PassSituation, RegionView, ServiceCard};
use rusqlite::Connection;
use serde_json::json;

use crate::kit::{Kit, jinan, manifest, publish, region, service};

/// What a resident sees of a phone and what the phone believes, by a name for each: only what is there.
type Seen = BTreeMap<String, String>;

/// Two documents: one that the province's issuer signed, and one that another world's did.
struct Documents {
    genuine: String,
    foreign: String,
}

async fn look(client: &Client, documents: &Documents) -> Seen {
    let mut seen = Seen::new();
    let mut see = |name: String, what: Option<String>| drop(what.map(|what| seen.insert(name, what)));
    if let Ok(home) = client.home(&jinan()).await {
        see("hotline".to_owned(), home.region.hotline.clone());
        see("city".to_owned(), Some(format!("{:?}", RegionView { hotline: None, ..home.region })));
        for card in home.services {
            let installed = card.installed;
            // A service that is to be fetched anew is no lie.
            let card = ServiceCard { installed: false, ..card };
            see(format!("card {}", card.id), Some(format!("{card:?}")));
            see(format!("installed {}", card.id), installed.then(|| "yes".to_owned()));
        }
    }
    for found in client.search("everything", &jinan()).await.unwrap_or_default() {
        see(format!("found {}", found.id), Some(found.name));
    }
    for region in client.regions(&region("cn-sd")).await.unwrap_or_default() {
        see(format!("region {}", region.id), Some(format!("{region:?}")));
    }
    for provider in client.providers().await.unwrap_or_default() {
        let login = client.begin_login(&provider.id, "onecity://login").await;
        let host = login.ok().and_then(|login| Some(login.url.split_once("/idp")?.0.to_owned()));
        see(format!("login at {}", provider.id), host);
        see(format!("provider {}", provider.id), Some(provider.name));
    }
    if let Ok(session) = client.open_service(&service("everything"), &jinan()).await {
        let page = client.resource(&session, "index.html").await.map(|page| page.body).unwrap_or_default();
        see("page".to_owned(), Some(String::from_utf8_lossy(&page).into_owned()));
        client.lifecycle(&session, Lifecycle::Unloaded);
    }
    for (name, document) in [("genuine", &documents.genuine), ("foreign", &documents.foreign)] {
        let checked = client.check_document(&region("cn-sd"), document).await.ok();
        see(format!("document {name}"), checked.map(|document| format!("{:?}", document.status)));
    }
    seen
}

/// Lan's certificate, out of a world.
async fn certificate(kit: &Kit) -> String {
    let page = kit.opens("everything").await;
    page.call("login", json!({})).await.expect("agreed");
    let id = page.submit(&kit.url("/certificates"), json!({ "for": "school" })).await.expect("kept");
    kit.phone.client().deliver().await.expect("delivered");
    let all = kit.phone.client().submissions().await.expect("listed");
    let own = all.into_iter().find(|own| own.id == id).expect("there");
    let onecity_core::SubmissionState::Delivered { receipt, .. } = own.state else { panic!("delivered") };
    receipt["document"].as_str().expect("a document").to_owned()
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("listed") {
        let entry = entry.expect("a file");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

/// The tables of a catalogue that hold rows of its own, each with its columns: not those within the search index.
fn tables(catalogue: &Path) -> Vec<(String, Vec<(String, String)>)> {
    let db = Connection::open(catalogue).expect("opened");
    let mut query = db
        .prepare(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT GLOB 'sqlite_*'",
        )
        .expect("listed");
    let names: Vec<String> =
        query.query_map([], |row| row.get(0)).expect("listed").collect::<Result<_, _>>().expect("names");
    let columns = |table: String| {
        let mut query = db.prepare("SELECT name, type FROM pragma_table_info(?1)").expect("listed");
        let rows = query.query_map([&table], |row| Ok((row.get(0)?, row.get(1)?))).expect("listed");
        let columns = rows.collect::<Result<_, _>>().expect("columns");
        (table, columns)
    };
    names.into_iter().map(columns).collect()
}

/// A phone whose files somebody edits while it is off, one copy after another.
struct Target {
    _kit: Kit,
    files: tempfile::TempDir,
    config: ClientConfig,
    platform: Platform,
    documents: Documents,
    before: Seen,
}

impl Target {
    async fn new(foreign: &Kit) -> Self {
        let kit = Kit::logged_in().await;
        let documents = Documents { genuine: certificate(&kit).await, foreign: certificate(foreign).await };
        let (config, platform) = (kit.phone.config().clone(), kit.phone.platform().clone());
        kit.phone.client().sync(&region("vn")).await.expect("synced");
        let before = look(kit.phone.client(), &documents).await;
        for name in ["page", "document genuine", "login at cn/shandong", "card cn-sd/jinan/everything"] {
            assert!(before.contains_key(name), "{name}: {before:?}");
        }
        assert!(!before.contains_key("document foreign"));
        kit.phone.client().suspend().await.expect("closed");
        let files = tempfile::tempdir().expect("a folder");
        copy(kit.phone.folder(), files.path());
        Self { _kit: kit, files, config, platform, documents, before }
    }

    /// The phone is opened on edited files: whatever it shows and believes is what it did before, or is not there; and
    /// after a sync all of it is there again.
    async fn survives(&self, what: &str, edit: impl FnOnce(&Path)) {
        let folder = tempfile::tempdir().expect("a folder");
        copy(self.files.path(), folder.path());
        edit(folder.path());
        let config = ClientConfig { folder: folder.path().to_owned(), ..self.config.clone() };
        let platform = self.platform.clone();
        let opened = tokio::task::spawn_blocking(move || Client::open(config, platform)).await.expect("no panic");
        let client = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
        let seen = look(&client, &self.documents).await;
        for (name, what_it_is) in &seen {
            assert_eq!(self.before.get(name), Some(what_it_is), "{what}: {name}");
        }
        // Twice: what the second finds altered takes along what the first has fetched.
        for place in [jinan(), region("vn"), jinan(), region("vn")] {
            client.sync(&place).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        let again = look(&client, &self.documents).await;
        // What was installed is fetched when it is opened; the search index names services, and says nothing of them.
        let there = |name: &str| !name.starts_with("installed") && !name.starts_with("found");
        let fetched = |seen: &Seen| seen.clone().into_iter().filter(|(name, _)| there(name)).collect::<Seen>();
        assert_eq!(fetched(&again), fetched(&self.before), "{what}: after a sync");
        tokio::task::spawn_blocking(move || client.close()).await.expect("closed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_altered_column_of_the_catalogue_opens_anything_unsigned_or_logs_in_elsewhere() {
    let foreign = Kit::logged_in().await;
    let target = Target::new(&foreign).await;
    let mut altered = 0;
    for (table, columns) in tables(&target.files.path().join("catalogue.sqlite")) {
        for (column, kind) in columns {
            let others: &[&str] = match kind.as_str() {
                "INTEGER" => &["{} + 1", "4102444800", "0"],
                "TEXT" => &["{} || 'x'", "replace({}, 'a', 'b')", "(SELECT max({}) FROM {table})", "''"],
                _ => &["CAST(substr({}, 2) AS BLOB)", "zeroblob(length({}))", "NULL"],
            };
            for other in others {
                let value = other.replace("{table}", &table).replace("{}", &column);
                let statement = format!("UPDATE OR IGNORE {table} SET {column} = {value}");
                target
                    .survives(&statement, |folder| {
                        let db = Connection::open(folder.join("catalogue.sqlite")).expect("opened");
                        db.pragma_update(None, "foreign_keys", false).expect("set");
                        // Some may not be null; the others are.
                        altered += db.execute(&statement, []).unwrap_or_default();
                    })
                    .await;
            }
        }
    }
    assert!(altered > 100, "{altered} rows were altered");
    foreign.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_of_another_world_and_any_table_of_it_is_worth_nothing() {
    let foreign = Kit::logged_in().await;
    let mut evil = manifest("everything", 1, foreign.world.origin());
    evil["version"] = json!({ "code": 2, "name": "2.0" });
    publish(&foreign.world, &evil, &[("index.html", b"<!doctype html><title>foreign</title>")]);
    foreign.phone.client().sync(&jinan()).await.expect("synced");
    let target = Target::new(&foreign).await;
    foreign.phone.client().suspend().await.expect("closed");
    let from = foreign.phone.folder().join("catalogue.sqlite");
    let replace = |folder: &Path, tables: &[&str]| {
        let db = Connection::open(folder.join("catalogue.sqlite")).expect("opened");
        db.execute("ATTACH ?1 AS other", [from.to_str().expect("a path")]).expect("at hand");
        for table in tables {
            let statements = format!("DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM other.{table};");
            db.execute_batch(&format!("PRAGMA foreign_keys = OFF; {statements}")).expect("replaced");
        }
    };
    target
        .survives("the whole file", |folder| {
            std::fs::copy(&from, folder.join("catalogue.sqlite")).expect("replaced");
        })
        .await;
    let all = tables(&from);
    for (table, _) in &all {
        target.survives(table, |folder| replace(folder, &[table])).await;
    }
    for some in [
        &["repository", "metadata"][..],
        &["version", "blob"],
        &["release", "version", "blob", "unit"],
        &["file", "blob"],
    ] {
        target.survives(&some.join(" and "), |folder| replace(folder, some)).await;
    }
    foreign.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_in_either_file_does_not_run() {
    let foreign = Kit::logged_in().await;
    let target = Target::new(&foreign).await;
    for name in ["sqliteXevil", "evil"] {
        target
            .survives(name, |folder| {
                let db = Connection::open(folder.join("catalogue.sqlite")).expect("opened");
                db.execute_batch(&format!(
                    "CREATE TRIGGER {name} AFTER UPDATE ON repository
                     BEGIN UPDATE repository SET url = 'https://evil.example'; END"
                ))
                .expect("created");
            })
            .await;
    }
    foreign.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_copy_of_the_vault_put_back_ends_sessions_and_brings_no_consent_back() {
    // What the attacker does with an older copy and the newest file: the number in it, and a record out of it.
    for (older_file, edit) in [
        (true, "UPDATE generation SET number = 1000000"),
        (true, "INSERT OR REPLACE INTO sealed SELECT * FROM other.sealed WHERE kind = 'generation'"),
        (false, "INSERT OR IGNORE INTO sealed SELECT * FROM other.sealed WHERE kind = 'consent'"),
    ] {
        let kit = Kit::logged_in().await;
        let page = kit.opens("everything").await;
        page.call("login", json!({})).await.expect("agreed");
        kit.phone.client().add_pass(&region("cn-sd"), "transit", None).await.expect("a pass");
        drop(page);
        kit.phone.client().suspend().await.expect("closed");
        let (older, edited) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        copy(kit.phone.folder(), older.path());
        kit.phone.client().resume().await.expect("back");
        kit.phone.client().revoke_consent(&service("everything"), "login").await.expect("taken back");
        kit.phone.client().suspend().await.expect("closed");
        let newest = kit.phone.folder();
        let (base, other) = if older_file { (older.path(), newest) } else { (newest, older.path()) };
        copy(base, edited.path());
        let db = Connection::open(edited.path().join("vault.sqlite")).expect("opened");
        let other = other.join("vault.sqlite");
        db.execute("ATTACH ?1 AS other", [other.to_str().expect("a path")]).expect("at hand");
        db.execute_batch(edit).expect("edited");
        drop(db);
        kit.phone.client().resume().await.expect("back");
        let phone: Phone = kit.phone.restore(edited.path()).await.expect("the edited copy");
        let client = phone.client();
        assert!(client.consents().await.expect("listed").is_empty(), "{edit}");
        assert!(client.account().await.expect("read").expect("named").lapsed, "{edit}");
        let passes = client.passes(&PassSituation::default()).await.expect("listed");
        assert_eq!(passes.len(), 1, "what gives nobody anything stays");
        kit.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_reaches_a_vault_that_was_put_aside() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    page.call("draft_set", json!({ "title": "Heating", "body": { "street": "1 Example Road" } })).await.expect("kept");
    drop(page);
    kit.phone.client().suspend().await.expect("closed");
    let (config, platform) = (kit.phone.config().clone(), kit.phone.platform().clone());
    // Put aside twice: salvaged after damage, and left for a new one.
    Client::recover_vault(&config).expect("salvaged");
    Client::quarantine_vault(&config).expect("aside");
    kit.phone.client().resume().await.expect("begun anew");
    kit.phone.client().sync(&jinan()).await.expect("synced");
    kit.phone.log_in("shandong", "lan").await.expect("logged in");
    kit.phone.client().logout(true).await.expect("logged out");
    kit.phone.client().suspend().await.expect("closed");
    for _ in 0..2 {
        assert!(Client::restore_vault(&config, &platform).expect("looked"));
        kit.phone.client().resume().await.expect("back");
        assert!(kit.phone.client().accounts().await.expect("listed").is_empty(), "nobody is logged in");
        kit.phone.client().sync(&jinan()).await.expect("synced");
        let page = kit.opens("everything").await;
        assert_eq!(page.call("draft_get", json!({})).await.unwrap_or_default(), json!(null), "no draft is left");
        drop(page);
        kit.phone.client().suspend().await.expect("closed");
    }
    kit.server.stop().await;
}
