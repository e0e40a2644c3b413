//! The two files: in the background, put back, damaged, full, and opened twice.

use std::sync::Arc;
use std::time::Duration;

use mock_server::{Phone, Server};
use onecity_core::platform::{Platform, software};
use onecity_core::{Client, Error, PassSituation, Refusal, SubmissionState};
use onecity_protocol::credential::Audience;
use serde_json::json;

use crate::kit::{Kit, Page, jinan, platform, region, service};

#[tokio::test(flavor = "multi_thread")]
async fn in_the_background_no_file_is_held_and_calls_wait_until_the_app_is_back() {
    let kit = Kit::logged_in().await;
    let client = kit.phone.client();
    let page = kit.opens("everything").await;
    let url = kit.url("/reports");
    let busy = (0..7).map(|n| page.submit(&url, json!({ "n": n }))).collect::<Vec<_>>();
    let (kept, ()) = tokio::join!(futures_util::future::join_all(busy), async {
        client.suspend().await.expect("drained and closed");
        let config = kit.phone.config().clone();
        // Nothing holds the folder: another may open it.
        let held = onecity_store::FolderLock::take(&config.folder).expect("free");
        assert!(!config.folder.join("vault.sqlite-wal").exists(), "the log is written out");
        drop(held);
        let waits = client.account();
        tokio::pin!(waits);
        assert!(tokio::time::timeout(Duration::from_millis(100), &mut waits).await.is_err(), "it waits");
        client.suspend().await.expect("twice is once");
        client.resume().await.expect("back");
        assert!(waits.await.expect("answered").is_some());
        client.resume().await.expect("twice is once");
    });
    assert!(kept.iter().all(Result::is_ok), "nothing was torn in half: {kept:?}");
    client.deliver().await.expect("delivered");
    assert_eq!(client.submissions().await.expect("listed").len(), 7);
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_put_back_ends_sessions_asks_consents_again_and_sends_nothing_twice() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    page.call("login", json!({})).await.expect("agreed");
    kit.phone.client().add_pass(&region("cn-sd"), "transit", None).await.expect("a pass");
    let url = kit.url("/reports");
    kit.server.stop().await;
    let waiting = page.submit(&url, json!({ "n": 1 })).await.expect("kept with no network");
    drop(page);
    kit.phone.client().suspend().await.expect("closed");
    let copy = tempfile::tempdir().expect("a folder");
    for file in std::fs::read_dir(kit.phone.folder()).expect("listed") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), copy.path().join(file.file_name())).expect("copied");
    }
    kit.phone.client().resume().await.expect("back");
    kit.server.start();
    kit.phone.client().deliver().await.expect("delivered");
    assert_eq!(kit.world.submissions_taken(), 1);

    // The city forgets its keys in time; only its word that it has the submission keeps it from coming twice.
    let phone = kit.phone.restore(copy.path()).await.expect("the older copy");
    let client = phone.client();
    let account = client.account().await.expect("read").expect("still named");
    assert!(account.lapsed, "sessions end");
    assert!(client.consents().await.expect("listed").is_empty(), "consents are asked again");
    let pass = client.passes(&PassSituation::default()).await.expect("listed").remove(0);
    client.code(&pass.id, Audience::ANY).await.expect("passes go on");
    phone.log_in("shandong", "lan").await.expect("again");
    let session = client.open_service(&service("everything"), &jinan()).await.expect("opened");
    Page { phone: &phone, session }.call("login", json!({})).await.expect("agreed again");
    client.deliver().await.expect("asked");
    let all = client.submissions().await.expect("listed");
    let own = all.iter().find(|own| own.id == waiting).expect("there");
    let SubmissionState::Delivered { receipt, .. } = &own.state else { panic!("known: {:?}", own.state) };
    assert!(receipt["timeline"].is_array(), "the city was asked, not sent to");
    assert_eq!(kit.world.submissions_taken(), 1);
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_whose_key_is_gone_waits_for_the_resident_s_decision_and_comes_back() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    page.call("storage_set", json!({ "key": "k", "value": "kept" })).await.expect("kept");
    drop(page);
    let (config, right) = (kit.phone.config().clone(), kit.phone.platform().clone());
    kit.phone.client().suspend().await.expect("closed");
    let open = |platform: Platform| {
        let config = config.clone();
        tokio::task::spawn_blocking(move || Client::open(config, platform))
    };
    let other = software::platform();
    let refused = open(other.clone()).await.expect("no panic").err().expect("another key");
    assert_eq!(refused, Error::KeyInvalidated);
    Client::quarantine_vault(&config).expect("the resident goes on without it");
    let again = open(other.clone()).await.expect("no panic").expect("created again");
    assert!(again.accounts().await.expect("listed").is_empty());
    tokio::task::spawn_blocking(move || again.close()).await.expect("closed");
    assert!(!Client::restore_vault(&config, &software::platform()).expect("looked"));
    assert!(Client::restore_vault(&config, &right).expect("looked"));
    let back = open(right).await.expect("no panic").expect("the old one");
    assert_eq!(back.accounts().await.expect("listed").len(), 1);
    tokio::task::spawn_blocking(move || back.close()).await.expect("closed");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_catalogue_is_fetched_again_and_a_damaged_vault_is_kept_and_salvaged() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    for number in 0..40 {
        page.call("storage_set", json!({ "key": number.to_string(), "value": "v".repeat(2000) })).await.expect("kept");
    }
    drop(page);
    let config = kit.phone.config().clone();
    let client = kit.phone.client();
    client.suspend().await.expect("closed");
    let spoil = |name: &str, from: usize| {
        let path = config.folder.join(name);
        let mut bytes = std::fs::read(&path).expect("read");
        let from = bytes.len() * from / 10 / 4096 * 4096;
        let to = (from + 3 * 4096).min(bytes.len());
        bytes[from..to].fill(0x5a);
        std::fs::write(&path, bytes).expect("damaged");
    };
    spoil("catalogue.sqlite", 3);
    client.resume().await.expect("back");
    client.check_files().await.expect("created again where it is damaged");
    client.sync(&jinan()).await.expect("fetched again");
    assert!(!client.home(&jinan()).await.expect("home").services.is_empty());
    kit.opens("everything").await.call("storage_get", json!({ "key": "1" })).await.expect("the vault is as it was");

    client.suspend().await.expect("closed");
    std::fs::write(config.folder.join("vault.sqlite"), b"nothing like a database at all").expect("damaged");
    let refused = client.resume().await.expect_err("damaged");
    assert!(matches!(refused, Error::Refused { reason: Refusal::VaultDamaged, .. }), "{refused:?}");
    assert!(client.account().await.is_err(), "calls are told the same");
    assert!(config.folder.join("vault.sqlite").exists(), "it is kept");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_the_vault_hides_one_record_and_no_other() {
    let kit = Kit::logged_in().await;
    for holder in [None, Some("an")] {
        kit.phone.client().add_pass(&region("cn-sd"), "transit", holder).await.expect("a pass");
    }
    let path = kit.phone.folder().join("vault.sqlite");
    kit.phone.client().suspend().await.expect("closed");
    let mut bytes = std::fs::read(&path).expect("read");
    // Within a pass's sealed value: its record is the largest there is.
    let marker = b"pass";
    let at = bytes.windows(marker.len()).rposition(|window| window == marker).expect("a pass");
    bytes[at + 120] ^= 1;
    std::fs::write(&path, bytes).expect("flipped");
    kit.phone.client().resume().await.expect("back");
    let left = kit.phone.client().passes(&PassSituation::default()).await.expect("listed");
    assert_eq!(left.len(), 1, "the other pass opens its gate");
    kit.phone.client().code(&left[0].id, Audience::ANY).await.expect("a code");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_refused_and_the_first_goes_on() {
    let kit = Kit::logged_in().await;
    let config = kit.phone.config().clone();
    let second = Client::open(config, software::platform()).err().expect("held");
    assert!(matches!(second, Error::Refused { reason: Refusal::InUse, .. }), "{second:?}");
    kit.phone.client().account().await.expect("read").expect("there");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_without_room_keeps_the_pinned_city_and_fetches_the_rest_again() {
    let server = Server::start(mock_server::WorldOptions::default()).await.expect("a world");
    let world = server.world();
    let (resident, clock) = (Arc::default(), Arc::<software::MachineClock>::default());
    let phone = Phone::with_config(&world, &["en"], platform(&resident, &clock), |config| {
        config.package_budget = 75_000;
    });
    let phone = phone.expect("a phone");
    let client = phone.client();
    let cities = ["cn-sd/jinan", "cn-sd/qingdao", "cn-sd/yantai", "cn-sd/zibo"];
    client.pin(&jinan(), true).await.expect("pinned");
    for city in cities {
        client.sync(&region(city)).await.expect("synced");
        world.skip(60);
        clock.skip(60_000);
        for app_id in ["report", "appointments", "transit-pass"] {
            let id = onecity_core::ServiceId { unit: region(city).into(), app_id: app_id.to_owned() };
            client.open_service(&id, &region(city)).await.expect("opened");
        }
    }
    let report = client.storage().await.expect("counted");
    let total: u64 = report.services.iter().map(|own| own.packages).sum();
    assert!((40_000..=75_000).contains(&total), "{total} bytes");
    let there =
        |city: &str| report.services.iter().filter(|own| own.id.unit.to_string() == city && own.packages > 0).count();
    assert_eq!(there("cn-sd/jinan"), 3, "home stays");
    assert!(there("cn-sd/qingdao") == 0 && there("cn-sd/zibo") > 0, "the least recently used gave way");
    let id = onecity_core::ServiceId { unit: region("cn-sd/qingdao").into(), app_id: "report".to_owned() };
    client.open_service(&id, &region("cn-sd/qingdao")).await.expect("fetched again");
    server.stop().await;
}
