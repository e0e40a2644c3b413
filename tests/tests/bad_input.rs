//! What must be refused by name, with nothing lost that was kept before.

use std::sync::Arc;

use mock_server::{Phone, PhoneError, Preset, Server, World, WorldOptions};
use onecity_core::platform::{Clock, Platform, software};
use onecity_core::{AccountView, Client, ClientConfig, Error, Freshness, PassSituation, Refusal, ServiceId};
use onecity_protocol::credential::Audience;
use onecity_protocol::region::RegionId;
use onecity_publisher::RepositoryFiles;

const DAY: i64 = 86_400;

fn region(text: &str) -> RegionId {
    text.parse().expect("a region")
}

fn report_of(city: &str) -> ServiceId {
    ServiceId::new(region(city).into(), "report")
}

async fn world() -> (Server, Arc<World>, Phone) {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let world = server.world();
    let phone = Phone::new(&world, &["en"]).expect("a phone");
    (server, world, phone)
}

fn files(world: &World, repository: &str) -> RepositoryFiles {
    world.registry(|registry| registry.files(&region(repository)).cloned()).expect("a repository")
}

fn sign_anew(world: &World, repository: &str, as_of: i64) {
    world.registry_mut(|registry| registry.change(&region(repository), as_of, |_, _| Ok(()))).expect("signed");
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, PhoneError>) -> Refusal {
    match outcome {
        Err(PhoneError::Core(Error::Refused { reason, text, detail })) => {
            assert!(!text.is_empty() && !detail.is_empty(), "a refusal says what to do");
            reason
        }
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

async fn finish(phone: &Phone, callback: &str) -> Result<AccountView, PhoneError> {
    Ok(phone.client().finish_login(callback).await?)
}

/// A session that was there before a failed login is there afterwards, and works.
async fn still_logged_in(phone: &Phone) {
    let account = phone.client().account().await.expect("readable").expect("still logged in");
    assert_eq!(account.name, "Persona Lan");
    phone.client().sync(&region("cn-sd")).await.expect("synced");
    phone.client().add_pass(&region("cn-sd"), "transit", None).await.expect("the session works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_calls_itself_by_another_name_gets_nobody_logged_in() {
    let (server, world, phone) = world().await;
    phone.log_in("shandong", "lan").await.expect("logged in");
    world.faults.begin(Preset::WrongIssuer);
    assert_eq!(refused(phone.log_in("shandong", "minh").await), Refusal::WrongIssuer);
    world.faults.end(&Preset::WrongIssuer.name());
    still_logged_in(&phone).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_names_another_issuer_is_refused() {
    let (server, _, phone) = world().await;
    let callback = phone.callback("shandong", "lan").await.expect("a callback");
    let mixed_up = callback.replace("idp%2Fshandong", "idp%2Fvneid");
    assert_ne!(callback, mixed_up);
    assert_eq!(refused(finish(&phone, &mixed_up).await), Refusal::WrongIssuer);
    let callback = phone.callback("shandong", "lan").await.expect("a callback");
    let (nameless, _) = callback.split_once("&iss=").expect("this provider names itself");
    assert_eq!(refused(finish(&phone, nameless).await), Refusal::WrongIssuer);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_with_another_state_is_refused_and_counts_once() {
    let (server, _, phone) = world().await;
    phone.log_in("shandong", "lan").await.expect("logged in");
    let callback = phone.callback("shandong", "minh").await.expect("a callback");
    let forged = callback.replace("state=", "state=x");
    assert_eq!(refused(finish(&phone, &forged).await), Refusal::LoginState);
    still_logged_in(&phone).await;
    let account = finish(&phone, &callback).await.expect("the real answer still works");
    assert_eq!(account.name, "Persona Minh");
    assert_eq!(refused(finish(&phone, &callback).await), Refusal::LoginState);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_made_for_another_login_is_refused() {
    let (server, world, phone) = world().await;
    phone.log_in("shandong", "lan").await.expect("logged in");
    world.faults.begin(Preset::WrongNonce);
    assert_eq!(refused(phone.log_in("shandong", "minh").await), Refusal::WrongNonce);
    world.faults.end(&Preset::WrongNonce.name());
    still_logged_in(&phone).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_registry_installs_nothing_new_and_what_is_installed_opens() {
    let (server, world, phone) = world().await;
    let (jinan, service) = (region("cn-sd/jinan"), report_of("cn-sd/jinan"));
    phone.client().sync(&jinan).await.expect("synced");
    // Its provider tells the phone what time it is.
    phone.log_in("shandong", "lan").await.expect("logged in");
    drop(phone.client().open_service(&service, &jinan).await.expect("installed"));
    sign_anew(&world, "cn-sd", world.now() - 40 * DAY);
    let refused = phone.client().sync(&jinan).await.expect_err("expired");
    assert!(matches!(&refused, Error::Expired { what } if what.contains("timestamp")), "{refused}");
    assert!(refused.may_retry());
    let home = phone.client().home(&jinan).await.expect("the home screen is there");
    assert!(home.services.iter().any(|card| card.id == service && card.installed));
    phone.client().open_service(&service, &jinan).await.expect("what is installed opens");

    sign_anew(&world, "cn-sd", world.now());
    phone.client().sync(&jinan).await.expect("signed again, it syncs again");
    assert_eq!(phone.client().home(&jinan).await.expect("home").freshness, Freshness::Fresh);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_registry_is_refused_even_by_a_phone_that_lost_its_catalogue() {
    let (server, world, phone) = world().await;
    let jinan = region("cn-sd/jinan");
    let old = files(&world, "cn-sd");
    sign_anew(&world, "cn-sd", world.now());
    phone.client().sync(&jinan).await.expect("synced");
    let current = files(&world, "cn-sd");
    world.registry_mut(|registry| registry.serve_instead(&region("cn-sd"), old));
    let refused = phone.client().sync(&jinan).await.expect_err("rolled back");
    assert!(matches!(refused, Error::RollbackRejected { .. }), "{refused}");
    assert!(!phone.client().home(&jinan).await.expect("home").services.is_empty(), "nothing is lost");

    std::fs::write(phone.folder().join("catalogue.sqlite"), [7; 4096]).expect("damaged");
    let phone = phone.restart().await.expect("the catalogue is created again");
    let refused = phone.client().sync(&jinan).await.expect_err("the vault remembers");
    assert!(matches!(refused, Error::RollbackRejected { .. }), "{refused}");
    world.registry_mut(|registry| registry.serve_instead(&region("cn-sd"), current));
    phone.client().sync(&jinan).await.expect("the current registry is welcome");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_with_another_hash_is_refused_and_the_installed_one_stays() {
    let (server, world, phone) = world().await;
    let (jinan, qingdao) = (region("cn-sd/jinan"), region("cn-sd/qingdao"));
    phone.client().sync(&jinan).await.expect("synced");
    phone.client().sync(&qingdao).await.expect("synced");
    phone.client().open_service(&report_of("cn-sd/jinan"), &jinan).await.expect("installed");
    let good = files(&world, "cn-sd");
    let mut bad = good.clone();
    let packages = bad.iter_mut().filter(|(path, _)| path.ends_with(".ma"));
    assert!(packages.map(|(_, bytes)| Arc::make_mut(bytes)[100] ^= 1).count() > 48);
    world.registry_mut(|registry| registry.serve_instead(&region("cn-sd"), bad));
    let refused = phone.client().open_service(&report_of("cn-sd/qingdao"), &qingdao).await;
    assert!(matches!(refused, Err(Error::SignatureInvalid { what }) if what.contains("hash")));
    phone.client().open_service(&report_of("cn-sd/jinan"), &jinan).await.expect("the installed one opens");
    world.registry_mut(|registry| registry.serve_instead(&region("cn-sd"), good));
    phone.client().open_service(&report_of("cn-sd/qingdao"), &qingdao).await.expect("the right one installs");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_province_can_not_speak_for_another() {
    let (server, world, phone) = world().await;
    let ha_noi = region("vn-hn");
    phone.client().sync(&ha_noi).await.expect("synced");
    let spoofed = serde_json::json!({
        "names": { "en": "Spoofed" }, "category": "report", "min_platform": 1, "version": "99",
        "withdrawn": { "reason": { "en": "Spoofed" } },
    });
    world
        .registry_mut(|registry| {
            registry.change(&region("cn-sd"), world.now(), |shandong, _| {
                shandong.add_target("vn-hn/report/99.ma", b"not a package".to_vec(), Some(spoofed))
            })
        })
        .expect("signed");
    for _ in 0..2 {
        phone.client().sync(&region("cn-sd")).await.expect("the rest of the province is welcome");
    }
    let session = phone.client().open_service(&report_of("vn-hn"), &ha_noi).await.expect("Ha Noi's own service opens");
    assert_eq!(session.manifest().version.code, 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_province_that_the_nation_takes_out_is_offered_no_more() {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let (world, clock) = (server.world(), Arc::new(software::MachineClock::default()));
    let platform = Platform { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..software::platform() };
    let phone = Phone::with_platform(&world, &["en"], platform).expect("a phone");
    let jinan = region("cn-sd/jinan");
    phone.client().sync(&jinan).await.expect("synced");
    let withdraw = |registry: &mut mock_server::Registry| {
        registry.change(&region("cn"), world.now(), |nation, _| {
            assert!(nation.remove_target("cn/cn-sd/root.json")?);
            Ok(())
        })
    };
    world.registry_mut(withdraw).expect("signed");
    // A nation's list is relied on for six hours, so that a poll is one request.
    clock.skip(7 * 3600 * 1000);
    let refused = phone.client().sync(&jinan).await.expect_err("taken out");
    assert!(matches!(refused, Error::Refused { reason: Refusal::NotFound, .. }), "{refused}");
    assert!(phone.client().home(&jinan).await.expect("the region itself is there").services.is_empty());
    phone.client().sync(&region("cn-bj")).await.expect("other provinces are not affected");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_was_kept_too_long_installs_nothing_new() {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let clock = Arc::new(software::MachineClock::default());
    let platform = Platform { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..software::platform() };
    let phone = Phone::with_platform(&server.world(), &["en"], platform).expect("a phone");
    let (jinan, qingdao) = (region("cn-sd/jinan"), region("cn-sd/qingdao"));
    phone.client().sync(&jinan).await.expect("synced");
    phone.client().sync(&qingdao).await.expect("synced");
    phone.client().open_service(&report_of("cn-sd/jinan"), &jinan).await.expect("installed");
    clock.skip(31 * DAY * 1000);
    let refused = phone.client().open_service(&report_of("cn-sd/qingdao"), &qingdao).await;
    let reason = |refused: &Error| matches!(refused, Error::Refused { reason: Refusal::PhoneClock, .. });
    assert!(refused.as_ref().is_err_and(reason), "no server has confirmed that date");
    phone.client().open_service(&report_of("cn-sd/jinan"), &jinan).await.expect("what is installed opens");
    assert!(matches!(phone.client().home(&jinan).await.expect("home").freshness, Freshness::Stale { .. }));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_does_not_become_another_account_s() {
    let (server, _, phone) = world().await;
    let jinan = region("cn-sd/jinan");
    phone.log_in("shandong", "lan").await.expect("logged in");
    phone.client().sync(&jinan).await.expect("synced");
    let session = phone.client().open_service(&report_of("cn-sd/jinan"), &jinan).await.expect("opened");
    let set = r#"{"method":"storage_set","params":{"key":"draft","value":"hers"}}"#;
    let get = r#"{"method":"storage_get","params":{"key":"draft"}}"#;
    assert_eq!(phone.client().bridge(&session, set).await.expect("an answer"), r#"{"result":null}"#);
    phone.log_in("shandong", "minh").await.expect("logged in");
    assert!(phone.client().bridge(&session, get).await.expect("an answer").contains("login_required"));
    let his = phone.client().open_service(&report_of("cn-sd/jinan"), &jinan).await.expect("opened");
    assert_eq!(phone.client().bridge(&his, get).await.expect("an answer"), r#"{"result":null}"#);
    phone.log_in("shandong", "lan").await.expect("logged in");
    assert_eq!(phone.client().bridge(&session, get).await.expect("an answer"), r#"{"result":"hers"}"#);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_in_before_a_login_is_delivered_after_it() {
    let (server, world, phone) = world().await;
    let jinan = region("cn-sd/jinan");
    phone.client().sync(&jinan).await.expect("synced");
    let session = phone.client().open_service(&report_of("cn-sd/jinan"), &jinan).await.expect("opened");
    let (address, url) = (server.address(), format!("{}/city/cn-sd.jinan/reports", world.origin()));
    server.stop().await;
    let params = serde_json::json!({ "url": url, "title": "A lamp", "body": { "text": "out" } });
    let call = serde_json::json!({ "method": "submit", "params": params }).to_string();
    phone.client().bridge(&session, &call).await.expect("kept");
    phone.client().deliver().await.expect("tried");
    assert_eq!(phone.client().home(&jinan).await.expect("home").waiting, 1);
    let server = Server::restart(Arc::clone(&world), address).expect("the same port");
    phone.log_in("shandong", "lan").await.expect("logged in");
    phone.client().deliver().await.expect("tried");
    let all = phone.client().submissions().await.expect("listed");
    assert!(matches!(all[0].state, onecity_core::SubmissionState::Delivered { .. }), "{:?}", all[0].state);
    assert_eq!(world.submissions_taken(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_leaves_nothing_behind_and_the_next_login_begins_anew() {
    let (server, _, phone) = world().await;
    phone.log_in("shandong", "lan").await.expect("logged in");
    phone.client().sync(&region("cn-sd")).await.expect("synced");
    phone.client().add_pass(&region("cn-sd"), "transit", None).await.expect("a pass");
    phone.client().logout(false).await.expect("wiped");
    assert_eq!(phone.client().account().await.expect("readable"), None);
    phone.log_in("shandong", "lan").await.expect("logged in again");
    assert!(phone.client().passes(&PassSituation::default()).await.expect("listed").is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_city_s_broken_file_hides_no_other_city() {
    let (server, world, phone) = world().await;
    let mut files = files(&world, "cn-sd");
    files.insert("metadata/1.cn-sd.jinan.json".to_owned(), Arc::from(&b"{\"signed\":{},\"signatures\":[]}"[..]));
    world.registry_mut(|registry| registry.serve_instead(&region("cn-sd"), files));
    let report = phone.client().sync(&region("cn-sd/jinan")).await.expect("the province syncs");
    assert_eq!(report.broken.len(), 1);
    assert_eq!(report.broken[0].unit.to_string(), "cn-sd/jinan");
    let home = phone.client().home(&region("cn-sd/jinan")).await.expect("home");
    assert!(home.services.iter().any(|card| card.id.app_id == "hotline"), "the province's service is there");
    assert!(phone.client().sync(&region("cn-sd/qingdao")).await.expect("synced").broken.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_with_another_key_is_named_and_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = ClientConfig { folder: folder.path().to_owned(), ..ClientConfig::default() };
    let platform = software::platform();
    Client::open(config.clone(), platform.clone()).expect("a new vault").close();
    let before = std::fs::read(folder.path().join("vault.sqlite")).expect("a file");
    let thief = Platform { secrets: Arc::new(software::Secrets::default()), ..platform.clone() };
    assert_eq!(Client::open(config.clone(), thief).err(), Some(Error::KeyInvalidated));
    assert_eq!(std::fs::read(folder.path().join("vault.sqlite")).expect("a file"), before);
    Client::open(config, platform).expect("the right key opens it").close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reaches_no_origin_that_its_manifest_does_not_declare() {
    let (server, _, phone) = world().await;
    let jinan = region("cn-sd/jinan");
    phone.client().sync(&jinan).await.expect("synced");
    let session = phone.client().open_service(&report_of("cn-sd/jinan"), &jinan).await.expect("opened");
    for url in ["http://127.0.0.1:1/", "https://elsewhere.example/", "file:///etc/passwd", "http://10.0.0.1/"] {
        let call = format!(r#"{{"method":"request","params":{{"method":"GET","url":"{url}"}}}}"#);
        let answer = phone.client().bridge(&session, &call).await.expect("an answer");
        assert!(answer.contains("not_declared") || answer.contains("invalid_call"), "{url}: {answer}");
    }
    let asks = r#"{"method":"passes_list","params":{"pass_type":"transit"}}"#;
    let answer = phone.client().bridge(&session, asks).await.expect("an answer");
    assert!(answer.contains("not_declared"), "{answer}");
    let page = phone.client().resource(&session, "/pages/index/index.html?x#y").await.expect("a page");
    let policy = page.headers.iter().find(|header| header.name == "content-security-policy").expect("a policy");
    assert!(page.status == 200 && policy.value.contains("default-src 'none'"));
    assert_eq!(phone.client().resource(&session, "../../vault.sqlite").await.expect("an answer").status, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_submission_says_why_and_is_not_dropped() {
    let (server, world, phone) = world().await;
    let jinan = region("cn-sd/jinan");
    phone.client().sync(&jinan).await.expect("synced");
    let session = phone.client().open_service(&report_of("cn-sd/jinan"), &jinan).await.expect("opened");
    let url = format!("{}/city/cn-sd.jinan/reports", world.origin());
    let call = serde_json::json!({ "method": "submit", "params": { "url": url, "title": "Nothing", "body": {} } });
    phone.client().bridge(&session, &call.to_string()).await.expect("kept");
    phone.client().deliver().await.expect("tried");
    let all = phone.client().submissions().await.expect("listed");
    let state = &all.first().expect("not dropped").state;
    assert!(
        matches!(state, onecity_core::SubmissionState::Refused { reason, .. } if reason == "it is empty"),
        "{state:?}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lapsed_session_asks_for_a_login_and_the_pass_still_opens_the_gate() {
    let (server, world, phone) = world().await;
    phone.log_in("shandong", "lan").await.expect("logged in");
    phone.client().sync(&region("cn-sd")).await.expect("synced");
    let pass = phone.client().add_pass(&region("cn-sd"), "transit", None).await.expect("a pass");
    world.end_all_sessions();
    let refused = phone.client().add_pass(&region("cn-sd"), "transit", None).await.expect_err("the session has ended");
    assert!(matches!(refused, Error::LoginRequired { .. }), "{refused}");
    let account = phone.client().account().await.expect("readable").expect("the account stays");
    assert!(account.lapsed);
    phone.client().code(&pass.id, Audience::ANY).await.expect("a code needs no session");
    server.stop().await;
}
