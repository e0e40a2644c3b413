//! Which services a phone finds, which version of one opens, and why one does not.

use std::sync::Arc;

use onecity_core::{Error, Obstacle, Progress, ProgressListener, Refusal, ServiceId, Step};
use onecity_protocol::names::Names;
use onecity_protocol::trust::Withdrawn;
use onecity_publisher::{Change, Extent, Lifetimes, Overlay, Repository, Web};
use serde_json::json;
use tokio::sync::mpsc;

use crate::server::{Phone, Registry, id, now, package, package_with, service, unit};

/// Hears how long work goes.
pub(crate) struct Told(mpsc::UnboundedSender<Heard>);

#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Progress(Progress),
    End(Result<(), Error>),
}

impl ProgressListener for Told {
    fn progressed(&self, progress: Progress) {
        let _ = self.0.send(Heard::Progress(progress));
    }
    fn finished(&self, outcome: Result<(), Error>) {
        let _ = self.0.send(Heard::End(outcome));
    }
}

pub(crate) fn told() -> (Arc<Told>, mpsc::UnboundedReceiver<Heard>) {
    let (tell, hear) = mpsc::unbounded_channel();
    (Arc::new(Told(tell)), hear)
}

async fn prefetched(phone: &Phone, region: &str) -> Vec<Progress> {
    let (listener, mut hear) = told();
    let _task = phone.prefetch(&id(region), &[], listener);
    let mut all = Vec::new();
    loop {
        match hear.recv().await.expect("an end") {
            Heard::Progress(progress) => all.push(progress),
            Heard::End(outcome) => {
                outcome.expect("prefetched");
                return all;
            }
        }
    }
}

/// Opens a service, waits for the version behind it to arrive, and starts the app again.
async fn updates(phone: &mut Phone, which: &ServiceId) {
    phone.forget_changes().await;
    phone.opens(which, "cn-sd/jinan").await.expect("opened");
    phone.home_changes().await;
    phone.restart(|_| ());
}

fn shown(cards: &[onecity_core::ServiceCard]) -> Vec<String> {
    cards.iter().map(|card| card.id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn home_shows_a_city_its_departments_its_circles_and_its_province_nearest_first() {
    let registry = Registry::start().await;
    let phone = registry.phone();
    for region in ["cn-sd/jinan", "cn-sd/jinan/lixia", "cn-sd/qingdao"] {
        phone.sync(&id(region)).await.expect("synced");
    }
    let home = async |region: &str| shown(&phone.home(&id(region)).await.expect("home").services);
    let transport = ["cn-sd/jinan/~transport/parking", "cn-sd/jinan/~transport/report"];
    assert_eq!(home("cn-sd/jinan").await, ["cn-sd/jinan/report", transport[0], transport[1], "cn-sd/hotline"]);
    assert_eq!(home("cn-sd/jinan/lixia").await[..3], ["cn-sd/jinan/lixia/report", "cn-sd/jinan/report", transport[0]]);
    assert_eq!(home("cn-sd/qingdao").await, ["cn-sd/qingdao/report", "cn-sd/~coast/report", "cn-sd/hotline"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn search_finds_what_the_city_and_its_districts_offer_in_any_writing() {
    let registry = Registry::start().await;
    let phone = registry.phone();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    for text in ["停车", "tingche", "tc", "tra phi", "Trả phí", "parkng"] {
        let found = phone.search(text, &id("cn-sd/jinan")).await.expect("searched");
        assert!(found.iter().any(|card| card.id == service("cn-sd/jinan/~transport", "parking")), "{text}");
    }
    let found = shown(&phone.search("停车", &id("cn-sd/jinan")).await.expect("searched"));
    assert_eq!(found.first().map(String::as_str), Some("cn-sd/jinan/report"));
    assert!(found.contains(&"cn-sd/jinan/lixia/report".to_owned()), "a district of the home city");
    assert!(!found.iter().any(|card| card.starts_with("cn-sd/qingdao")), "another city was never synced");
    assert!(phone.search("zzzzzz", &id("cn-sd/jinan")).await.expect("searched").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_comes_behind_and_opens_at_the_next_start() {
    let mut registry = Registry::start().await;
    let (phone, report) = (registry.phone(), service("cn-sd/jinan", "report"));
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    assert_eq!(phone.opens(&report, "cn-sd/jinan").await.expect("opened"), 1);
    registry.province.publish(&unit("cn-sd/jinan"), package("report", 2), 100).expect("published");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    phone.forget_changes().await;
    assert_eq!(phone.opens(&report, "cn-sd/jinan").await.expect("opened"), 1, "the installed one opens at once");
    phone.home_changes().await;
    assert_eq!(phone.opens(&report, "cn-sd/jinan").await.expect("opened"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_never_comes_to_work_gives_way_to_the_last_good_one() {
    let mut registry = Registry::start().await;
    let (mut phone, report) = (registry.phone(), service("cn-sd/jinan", "report"));
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    let session = phone.open_service(&report, &id("cn-sd/jinan")).await.expect("opened");
    let reply = phone.bridge(&session, r#"{"method":"ready","params":{}}"#).await.expect("answered");
    assert_eq!(reply, r#"{"result":null}"#);
    drop(session);
    registry.province.publish(&unit("cn-sd/jinan"), package("report", 2), 100).expect("published");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    updates(&mut phone, &report).await;
    for _ in 0..2 {
        assert_eq!(phone.opens(&report, "cn-sd/jinan").await.expect("opened"), 2, "two tries");
    }
    for _ in 0..3 {
        assert_eq!(phone.opens(&report, "cn-sd/jinan").await.expect("opened"), 1, "it came back, and stays");
    }
    // A third version is tried, and says that it works.
    registry.province.publish(&unit("cn-sd/jinan"), package("report", 3), 100).expect("published");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    updates(&mut phone, &report).await;
    let session = phone.open_service(&report, &id("cn-sd/jinan")).await.expect("opened");
    phone.service_ready(&session).await.expect("noted");
    drop(session);
    for _ in 0..3 {
        assert_eq!(phone.opens(&report, "cn-sd/jinan").await.expect("opened"), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_version_gives_way_at_once_and_a_withdrawn_service_says_why() {
    let mut registry = Registry::start().await;
    let (phone, report) = (registry.phone(), service("cn-sd/jinan", "report"));
    registry.province.publish(&unit("cn-sd/jinan"), package("report", 2), 100).expect("published");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    assert_eq!(phone.opens(&report, "cn-sd/jinan").await.expect("opened"), 2);
    let why = Withdrawn { reason: Names::new().with("en", "it loses drafts").with("zh", "会丢失草稿") };
    registry.province.roll_back(&unit("cn-sd/jinan"), "report", why.clone()).expect("rolled back");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    assert_eq!(phone.opens(&report, "cn-sd/jinan").await.expect("opened"), 1, "forced");
    registry.province.change(&unit("cn-sd/jinan"), "report", 1, Change::Withdraw(why)).expect("withdrawn");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    let refused = phone.opens(&report, "cn-sd/jinan").await.expect_err("withdrawn");
    assert!(
        matches!(&refused, Error::Refused { reason: Refusal::Withdrawn { .. }, detail, .. } if detail.contains("it loses drafts"))
    );
    let home = phone.home(&id("cn-sd/jinan")).await.expect("home");
    assert_eq!(home.services[0].withdrawn.as_deref(), Some("it loses drafts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_reaches_invited_phones_first_and_then_everybody() {
    let mut registry = Registry::start().await;
    let (phone, invited) = (registry.phone(), registry.phone());
    let tram = service("cn-sd/jinan", "tram");
    registry.province.publish(&unit("cn-sd/jinan"), package("tram", 1), 0).expect("published");
    registry
        .province
        .change(&unit("cn-sd/jinan"), "tram", 1, Change::Invite("K7QF2-M9XYZ".to_owned()))
        .expect("invited");
    registry.publish();
    for phone in [&phone, &invited] {
        phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    }
    invited.accept_invitation("k7qf2 m9xyz").await.expect("kept");
    assert_eq!(invited.opens(&tram, "cn-sd/jinan").await.expect("opened"), 1);
    let why = phone.why_not(&tram, &id("cn-sd/jinan")).await.expect("answered").expect("not yet");
    assert_eq!(why.obstacle, Obstacle::Rollout);
    assert!(why.words.contains("0%"), "{}", why.words);
    assert!(phone.opens(&tram, "cn-sd/jinan").await.is_err());
    assert!(!shown(&phone.home(&id("cn-sd/jinan")).await.expect("home").services).contains(&tram.to_string()));
    registry.province.change(&unit("cn-sd/jinan"), "tram", 1, Change::Percent(100)).expect("raised");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    assert_eq!(phone.why_not(&tram, &id("cn-sd/jinan")).await.expect("answered"), None);
    assert_eq!(phone.opens(&tram, "cn-sd/jinan").await.expect("opened"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn why_not_says_what_is_in_the_way_and_what_to_do() {
    let mut registry = Registry::start().await;
    let phone = registry.phone();
    let person = json!({ "onecity": { "category": "city", "account": "person" } });
    let newer = json!({ "platform_version": { "min_code": 99 } });
    for (app_id, members) in [("mine", person), ("new", newer)] {
        let package = package_with(app_id, 1, members, &[]);
        registry.province.publish(&unit("cn-sd/jinan"), package, 100).expect("published");
    }
    registry.publish();
    let why = async |which: ServiceId| {
        let view = phone.why_not(&which, &id("cn-sd/jinan")).await.expect("answered");
        view.map(|view| {
            assert!(view.words.ends_with(['.', '!']), "{}", view.words);
            view.obstacle
        })
    };
    assert_eq!(why(service("cn-sd/jinan", "report")).await, Some(Obstacle::Unknown), "nothing was synced");
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    assert_eq!(why(service("cn-sd/jinan", "report")).await, None);
    assert_eq!(why(service("cn-sd/qingdao", "report")).await, Some(Obstacle::Region));
    assert_eq!(why(service("cn-sd/jinan", "nothing")).await, Some(Obstacle::Unknown));
    assert_eq!(why(service("cn-sd/jinan", "mine")).await, Some(Obstacle::Permission));
    assert_eq!(why(service("cn-sd/jinan", "new")).await, Some(Obstacle::Platform));
    registry.stop();
    assert!(phone.sync(&id("cn-sd/jinan")).await.is_err());
    assert_eq!(why(service("cn-sd/jinan", "report")).await, Some(Obstacle::Network));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trip_is_priced_fetched_and_opens_with_no_network() {
    let registry = Registry::start().await;
    let phone = registry.phone();
    for region in ["cn-sd/jinan", "cn-sd/qingdao"] {
        phone.sync(&id(region)).await.expect("synced");
    }
    let plan = phone.travel_plan(&id("cn-sd/qingdao")).await.expect("planned");
    let bytes: u64 = plan.services.iter().map(|service| service.bytes).sum();
    assert_eq!((plan.services.len(), plan.bytes_to_fetch), (3, bytes));
    let progress = prefetched(&phone, "cn-sd/qingdao").await;
    assert_eq!(progress.last(), Some(&Progress { step: Step::Packages, done: bytes, total: bytes }));
    assert_eq!(phone.travel_plan(&id("cn-sd/qingdao")).await.expect("planned").bytes_to_fetch, 0);
    let parity = phone.parity(&id("cn-sd/jinan"), &id("cn-sd/qingdao")).await.expect("compared");
    assert_eq!(parity.missing.len(), 1, "{:?}", parity.missing);
    assert_eq!(parity.missing[0].service.id.app_id, "parking");
    assert!(parity.missing[0].nearest.is_some(), "something of the same category");
    registry.stop();
    for app in ["cn-sd/qingdao/report", "cn-sd/~coast/report", "cn-sd/hotline"] {
        let (unit_id, app_id) = app.rsplit_once('/').expect("two parts");
        assert_eq!(phone.opens(&service(unit_id, app_id), "cn-sd/qingdao").await.expect("offline"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn icons_come_from_the_registry_and_stay() {
    let registry = Registry::start().await;
    let phone = registry.phone();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    let report = service("cn-sd/jinan", "report");
    let icon = phone.icon(&report).await.expect("fetched").expect("an icon");
    assert_eq!((icon.media_type.as_str(), icon.body.as_slice()), ("image/svg+xml", &b"<svg/>"[..]));
    registry.stop();
    assert_eq!(phone.icon(&report).await.expect("kept").expect("an icon"), icon);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_answers_until_a_page_writes_and_what_is_removed_stays_removed() {
    let mut registry = Registry::start().await;
    let phone = registry.phone();
    let members = json!({ "onecity": { "category": "city", "seed": "seed.json" } });
    let package = package_with("guide", 1, members, &[("seed.json", br#"{"lines": ["M1", "M2"]}"#)]);
    registry.province.publish(&unit("cn-sd/jinan"), package, 100).expect("published");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    let session = phone.open_service(&service("cn-sd/jinan", "guide"), &id("cn-sd/jinan")).await.expect("opened");
    let call = async |json: &str| phone.bridge(&session, json).await.expect("answered");
    let get = r#"{"method":"storage_get","params":{"key":"lines"}}"#;
    assert_eq!(call(get).await, r#"{"result":["M1","M2"]}"#);
    call(r#"{"method":"storage_set","params":{"key":"lines","value":["M3"]}}"#).await;
    assert_eq!(call(get).await, r#"{"result":["M3"]}"#);
    call(r#"{"method":"storage_set","params":{"key":"lines","value":null}}"#).await;
    assert_eq!(call(get).await, r#"{"result":null}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_of_a_thousand_services_is_shown_page_by_page() {
    let mut registry = Registry::start().await;
    let phone = registry.phone();
    for at in 0..450 {
        registry.province.publish(&unit("cn-sd/jinan"), package(&format!("s{at:03}"), 1), 100).expect("published");
    }
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    let home = phone.home(&id("cn-sd/jinan")).await.expect("home");
    let mut all = shown(&home.services);
    assert_eq!(all.len(), 200);
    let mut next = home.next;
    while let Some(from) = next {
        let page = phone.services(&id("cn-sd/jinan"), from).await.expect("a page");
        all.extend(shown(&page.services));
        next = page.next;
    }
    let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (454, 454));
}

#[tokio::test(flavor = "multi_thread")]
async fn staged_releases_one_after_the_other_lock_nobody_out() {
    let mut registry = Registry::start().await;
    let (phone, report) = (registry.phone(), service("cn-sd/jinan", "report"));
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    assert_eq!(phone.opens(&report, "cn-sd/jinan").await.expect("opened"), 1);
    for version in 2..=4 {
        registry.province.publish(&unit("cn-sd/jinan"), package("report", version), 0).expect("published");
        registry.publish();
        phone.sync(&id("cn-sd/jinan")).await.expect("synced");
        let fresh = registry.phone();
        fresh.sync(&id("cn-sd/jinan")).await.expect("synced");
        for phone in [&phone, &fresh] {
            assert_eq!(phone.opens(&report, "cn-sd/jinan").await.expect("opened"), 1, "what everybody is offered");
        }
    }
    registry.province.change(&unit("cn-sd/jinan"), "report", 4, Change::Percent(100)).expect("raised");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    phone.forget_changes().await;
    assert_eq!(phone.opens(&report, "cn-sd/jinan").await.expect("opened"), 1);
    phone.home_changes().await;
    assert_eq!(phone.opens(&report, "cn-sd/jinan").await.expect("opened"), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_whose_role_has_ended_reads_the_registry_and_signs_the_next_one() {
    let mut registry = Registry::start().await;
    // The online keys have signed all the time; the city's role has stood still.
    registry.publish_at(now() - 100 * 86_400);
    registry.publish_online_at(now());
    let (root, url, city) =
        (registry.province.first_root().expect("a root"), registry.url("cn-sd"), unit("cn-sd/jinan"));
    let read = move || {
        let web = Web::new(&url).expect("an address");
        let late = web.mirror(&root, Extent::Unit(&unit("cn-sd/jinan")), now() + 400 * 86_400, &|_| ());
        (web.mirror(&root, Extent::Unit(&unit("cn-sd/jinan")), now(), &|_| ()), late)
    };
    let (files, late) = tokio::task::spawn_blocking(read).await.expect("it ends");
    // A publisher whose clock is a year ahead is told so, by what the server says of the time.
    let late = late.expect_err("all has ended by that clock").to_string();
    assert!(late.contains("set the clock"), "{late}");
    let mut draft = Repository::open(Overlay::new(files.expect("verified"))).expect("opened");
    draft.publish(&city, package("more", 1), 100).expect("published");
    let signed = draft.sign(&registry.ring, now(), &Lifetimes::default()).expect("signed");
    assert!(signed.iter().any(|(role, _)| role == "cn-sd.jinan"), "{signed:?}");
}
