//! Logging in, staying logged in, several accounts, and logging out.

use std::sync::Arc;

use mock_server::{Phone, Preset};
use onecity_core::platform::{Platform, software};
use onecity_core::{AppRecordOwner, Error, PassSituation, Refusal};
use onecity_protocol::credential::{Audience, Status};
use serde_json::{Value, json};

use crate::kit::{Kit, Page, jinan, region, service};

const DAY: i64 = 86_400;
const STRONG: &str = "urn:onecity:acr:strong";

/// Something that needs a session which is good now.
async fn session_works(phone: &Phone) -> Result<(), Error> {
    phone.client().sessions().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn several_accounts_live_side_by_side_and_none_sees_another_s() {
    let kit = Kit::logged_in().await;
    let client = kit.phone.client();
    client.add_pass(&region("cn-sd"), "transit", None).await.expect("a pass");
    let lan = client.account().await.expect("read").expect("Lan");
    let workshop = kit.phone.log_in("shandong", "workshop").await.expect("logged in");
    assert!(workshop.kind == onecity_core::AccountKind::Enterprise && workshop.active);
    assert!(client.passes(&PassSituation::default()).await.expect("listed").is_empty());
    let page = kit.opens("everything").await;
    page.call("storage_set", json!({ "key": "k", "value": "the workshop's" })).await.expect("kept");
    let names: Vec<(String, bool)> =
        client.accounts().await.expect("listed").into_iter().map(|own| (own.name, own.active)).collect();
    assert_eq!(names, [("Persona Lan".to_owned(), false), ("Persona Workshop Ltd".to_owned(), true)]);

    // What the app keeps of one is never written down as another's.
    let of = |id: &str| AppRecordOwner::Account(Some(id.to_owned()));
    client.keep_app_record(of(&workshop.id), "place", Some("the workshop's".to_owned())).await.expect("kept");
    for late in [of(&lan.id), AppRecordOwner::Account(None)] {
        let refused = client.keep_app_record(late, "place", Some("late".to_owned())).await;
        assert!(matches!(refused, Err(Error::Refused { reason: Refusal::NotFound, .. })), "{refused:?}");
    }
    assert_eq!(client.app_record(of(&workshop.id), "place").await.expect("read").as_deref(), Some("the workshop's"));

    client.switch_account(&lan.id).await.expect("switched");
    assert_eq!(client.app_record(of(&lan.id), "place").await.expect("read"), None);
    assert_eq!(client.passes(&PassSituation::default()).await.expect("listed").len(), 1);
    let page = kit.opens("everything").await;
    assert_eq!(page.call("storage_get", json!({ "key": "k" })).await, Ok(json!(null)));
    client.logout(false).await.expect("wiped");
    assert_eq!(client.account().await.expect("read"), None);
    let left = client.accounts().await.expect("listed");
    assert_eq!(left.len(), 1, "the other account is untouched");
    client.switch_account(&left[0].id).await.expect("switched");
    let page = kit.opens("everything").await;
    assert_eq!(page.call("storage_get", json!({ "key": "k" })).await, Ok(json!("the workshop's")));
    let unknown = client.switch_account(&lan.id).await;
    assert!(matches!(unknown, Err(Error::Refused { reason: Refusal::NotFound, .. })));
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_with_a_slip_is_named_before_anybody_is_asked_and_a_right_one_stays_out_of_the_address() {
    let kit = Kit::new().await;
    let client = kit.phone.client();
    let begin = |number: &'static str| client.begin_login_as("shandong", "onecity://login", number);
    let slip = begin("110105194912310021").await.expect_err("mistyped");
    assert!(matches!(&slip, Error::InvalidInput { field, .. } if field == "number"), "{slip}");
    assert!(!slip.to_string().contains("1949"));
    let attempt = begin("11010519491231002X").await.expect("begun");
    assert!(attempt.url.contains("request_uri=") && !attempt.url.contains("1101"), "{}", attempt.url);
    let page = reqwest::get(&attempt.url).await.expect("the provider's page").text().await.expect("read");
    assert!(page.contains("11010519491231002X"), "the provider need not ask again");
    // The national eID takes no pushed requests: it has to ask.
    let attempt = client.begin_login_as("vneid", "onecity://login", "001190012345").await.expect("begun");
    assert!(!attempt.url.contains("001190012345"));
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_renewal_costs_nothing() {
    let kit = Kit::logged_in().await;
    kit.skip(400);
    kit.world.faults.begin(Preset::LoseRefresh);
    assert!(matches!(session_works(&kit.phone).await, Err(Error::Network { .. })));
    kit.skip(20);
    session_works(&kit.phone).await.expect("the same successor is given again");
    kit.skip(400);
    session_works(&kit.phone).await.expect("and goes on");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_replay_ends_the_session_and_says_so_and_passes_go_on() {
    let kit = Kit::logged_in().await;
    let pass = kit.phone.client().add_pass(&region("cn-sd"), "transit", None).await.expect("a pass");
    kit.skip(400);
    kit.world.faults.begin(Preset::LoseRefresh);
    assert!(session_works(&kit.phone).await.is_err());
    kit.skip(120);
    assert!(matches!(session_works(&kit.phone).await, Err(Error::LoginRequired { .. })));
    let account = kit.phone.client().account().await.expect("read").expect("still there");
    assert!(account.lapsed);
    kit.phone.client().code(&pass.id, Audience::ANY).await.expect("the pass works without a session");
    kit.phone.log_in("shandong", "lan").await.expect("again");
    assert_eq!(kit.phone.client().passes(&PassSituation::default()).await.expect("listed").len(), 1);
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_that_need_a_renewal_at_once_renew_once() {
    let kit = Arc::new(Kit::logged_in().await);
    kit.skip(400);
    let all = (0..10).map(|_| {
        let kit = Arc::clone(&kit);
        tokio::spawn(async move { session_works(&kit.phone).await })
    });
    for one in all.collect::<Vec<_>>() {
        one.await.expect("no panic").expect("one renewal serves all: a second would have ended the session");
    }
    kit.skip(400);
    session_works(&kit.phone).await.expect("the session lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_survives_the_app_s_end_while_the_browser_is_open() {
    let kit = Kit::new().await;
    let callback = kit.phone.callback("shandong", "lan").await.expect("the browser comes back");
    let phone = kit.phone.restart().await.expect("another process");
    assert_eq!(phone.client().finish_login(&callback).await.expect("logged in").name, "Persona Lan");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_its_nonce_in_the_proof_gets_it() {
    let kit = Kit::new().await;
    kit.world.faults.begin(Preset::DpopNonce);
    for provider in ["shandong", "vneid"] {
        kit.phone.log_in(provider, "lan").await.expect("logged in");
        session_works(&kit.phone).await.expect("a resource takes it, too");
    }
    kit.skip(400);
    session_works(&kit.phone).await.expect("and when the nonce has changed, and the session is renewed");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_or_has_changed_its_key_or_a_wrong_clock_end_nothing() {
    let kit = Kit::logged_in().await;
    kit.world.faults.begin(Preset::IdpDown);
    kit.skip(400);
    assert!(matches!(session_works(&kit.phone).await, Err(error) if error.may_retry()));
    assert!(!kit.phone.client().account().await.expect("read").expect("there").lapsed);
    kit.world.faults.end(&Preset::IdpDown.name());
    kit.world.rotate_identity_key();
    session_works(&kit.phone).await.expect("the session does not hang on the key");
    kit.phone.log_in("shandong", "minh").await.expect("a login is verified with the new one");
    kit.clock.set_wall_offset(-400 * DAY * 1000);
    session_works(&kit.phone).await.expect("a server has told the time");
    kit.server.stop().await;

    let kit = Kit::new().await;
    kit.clock.set_wall_offset(3 * 365 * DAY * 1000);
    kit.phone.log_in("shandong", "lan").await.expect("even the first login, three years ahead");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_session_is_announced_a_week_ahead() {
    let kit = Kit::logged_in().await;
    let account = async || kit.phone.client().account().await.expect("read").expect("there");
    let ends = account().await.ends.expect("the provider says when");
    assert!(!account().await.ends_soon);
    kit.skip(84 * DAY);
    let soon = account().await;
    assert!(soon.ends_soon && !soon.lapsed && soon.ends == Some(ends));
    kit.skip(7 * DAY);
    let over = account().await;
    assert!(over.lapsed && !over.ends_soon);
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stronger_login_is_asked_for_and_must_be_the_same_resident_s() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    page.call("login", json!({})).await.expect("agreed");
    let strong = kit.url("/strong");
    assert_eq!(page.get(&strong).await, Err("step_up_required".to_owned()));
    let client = kit.phone.client();
    let attempt = client.begin_step_up(STRONG, "onecity://login").await.expect("begun");
    let callback = kit.phone.browse(&attempt.url, "minh").await.expect("somebody else");
    let refused = client.finish_login(&callback).await;
    assert!(matches!(refused, Err(Error::Refused { reason: Refusal::LoginDenied { .. }, .. })), "{refused:?}");
    assert_eq!(client.accounts().await.expect("listed").len(), 1, "and gets no account by it");
    let attempt = client.begin_step_up(STRONG, "onecity://login").await.expect("begun");
    let callback = kit.phone.browse(&attempt.url, "lan").await.expect("the resident");
    let account = client.finish_login(&callback).await.expect("stronger");
    assert_eq!(account.acr.as_deref(), Some(STRONG));
    let page = kit.opens("everything").await;
    assert_eq!(page.get(&strong).await.expect("now it answers")["status"], 200);
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_phone_s_session_is_found_and_ended_from_another() {
    let kit = Kit::logged_in().await;
    let other = Phone::new(&kit.world, &["en"]).expect("another phone");
    other.log_in("shandong", "lan").await.expect("logged in");
    other.log_in("shandong", "minh").await.expect("somebody else's, too");
    let sessions = kit.phone.client().sessions().await.expect("listed");
    assert_eq!(sessions.len(), 2, "the resident's own alone: {sessions:?}");
    assert!(sessions.iter().all(|own| own.device.starts_with("OneCity/")));
    let lost = sessions.iter().find(|own| !own.current).expect("the other's").id.clone();
    kit.phone.client().end_session(&lost).await.expect("ended");
    assert_eq!(kit.phone.client().sessions().await.expect("listed").len(), 1);
    let accounts = other.client().accounts().await.expect("listed");
    let lan = accounts.iter().find(|own| own.name == "Persona Lan").expect("there");
    other.client().switch_account(&lan.id).await.expect("switched");
    assert!(matches!(session_works(&other).await, Err(Error::LoginRequired { .. })));
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_has_lost_its_keys_asks_for_a_login_and_keeps_the_rest() {
    let kit = Kit::logged_in().await;
    let me = kit.url("/me");
    let page = kit.opens("everything").await;
    page.call("login", json!({})).await.expect("agreed");
    page.get(&me).await.expect("known");
    page.call("storage_set", json!({ "key": "k", "value": "kept" })).await.expect("kept");
    drop(page);
    let platform = Platform { keys: Arc::new(software::Keys::default()), ..kit.phone.platform().clone() };
    let phone = kit.phone.restart_with(platform).await.expect("the vault opens as before");
    assert!(matches!(session_works(&phone).await, Err(Error::LoginRequired { .. })));
    phone.log_in("shandong", "lan").await.expect("again");
    session_works(&phone).await.expect("with a new key");
    let session = phone.client().open_service(&service("everything"), &jinan()).await.expect("opened");
    let page = Page { phone: &phone, session };
    assert_eq!(page.call("storage_get", json!({ "key": "k" })).await, Ok(json!("kept")));
    kit.world.skip(120);
    kit.clock.skip(120_000);
    assert_eq!(page.get(&me).await.expect("an answer")["status"], 200, "the service has a new key, too");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_back_and_forth_ends_no_session() {
    let kit = Kit::logged_in().await;
    for days in [400, -800, 30, 370] {
        // The provider's clock and the phone's go together; the tokens' times do not.
        kit.skip(days * DAY);
        if session_works(&kit.phone).await.is_err() {
            kit.phone.log_in("shandong", "lan").await.expect("a login sets it right");
        }
        session_works(&kit.phone).await.expect("and it goes on");
    }
    assert_eq!(kit.phone.client().accounts().await.expect("listed").len(), 1);
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_revokes_at_once_and_without_a_network_as_soon_as_there_is_one() {
    let kit = Kit::logged_in().await;
    let pass = kit.phone.client().add_pass(&region("cn-sd"), "transit", None).await.expect("a pass");
    let status = |world: &mock_server::World| world.pass_status(&pass.id);
    kit.phone.client().logout(false).await.expect("wiped");
    assert_eq!(status(&kit.world), Some(Status::Invalid), "its issuer has revoked the pass");
    // What is told after the answer.
    kit.phone.client().deliver().await.expect("told");
    assert_eq!(kit.world.sessions(), 0);

    kit.phone.log_in("shandong", "lan").await.expect("logged in");
    kit.server.stop().await;
    kit.phone.client().logout(false).await.expect("wiped without a network");
    assert!(kit.phone.client().accounts().await.expect("listed").is_empty());
    assert_eq!(kit.world.sessions(), 1);
    kit.server.start();
    kit.phone.client().deliver().await.expect("told");
    assert_eq!(kit.world.sessions(), 0);
    kit.phone.client().sync(&jinan()).await.expect("the phone goes on");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nations_may_have_one_word_for_a_provider_and_neither_stands_in_for_the_other() {
    let kit = Kit::new().await;
    let client = kit.phone.client();
    let lists = |list: Value| {
        let changed = kit.world.registry_mut(|registry| {
            registry.change(&region("vn"), kit.world.now(), |repository, _| {
                repository.add_target("vn/providers.json", list.to_string().into_bytes(), None)
            })
        });
        changed.expect("signed");
    };
    let foreign = json!([{ "id": "shandong", "names": {}, "issuer": "https://elsewhere.example", "client_id": "app" }]);
    lists(foreign);
    client.sync(&region("vn-hn")).await.expect("synced");
    let ids: Vec<String> = client.providers().await.expect("listed").into_iter().map(|own| own.id).collect();
    assert!(ids.contains(&"cn/shandong".to_owned()) && ids.contains(&"vn/shandong".to_owned()), "{ids:?}");
    let unclear = client.begin_login("shandong", "onecity://login").await;
    assert!(matches!(unclear, Err(Error::InvalidInput { .. })), "{unclear:?}");
    let lan = kit.phone.log_in("cn/shandong", "lan").await.expect("the nation's own");
    assert_eq!(lan.provider, "cn/shandong");
    // A list that can't be read, for a phone that has neither: the other nation's is there.
    lists(json!([{ "id": "Two Words" }]));
    let new = Phone::new(&kit.world, &["en"]).expect("a phone");
    new.log_in("shandong", "lan").await.expect("logged in");
    kit.server.stop().await;
}
