//! The registry's part against repositories in memory.

use std::sync::Arc;

use onecity_protocol::names::Names;
use onecity_protocol::trust::Withdrawn;
use onecity_publisher::Change;
use serde_json::json;

use super::testing::{FakeRegistry, package, region, service, unit};
use super::{Opened, Registry};
use crate::device::ProgressSender;
use crate::device::testing::Bench;
use crate::error::{Error, Refusal};
use crate::views::{AccountKind, Freshness, Obstacle};

fn start() -> (Bench, FakeRegistry) {
    FakeRegistry::start(|platform| platform)
}

async fn sync(registry: &Registry) -> Result<super::SyncReport, Error> {
    registry.sync(&region("cn-sd/jinan"), &ProgressSender::silent()).await
}

async fn version(registry: &Arc<Registry>, id: &str) -> Result<u64, Error> {
    let Opened { installed, .. } = registry.open(&service(id), &region("cn-sd/jinan"), None).await?;
    Ok(installed.version_code)
}

#[tokio::test]
async fn a_first_sync_brings_regions_services_providers_and_the_trust_list() {
    let (bench, fake) = start();
    let registry = fake.synced(&bench).await;
    assert_eq!(registry.regions_below(region("cn-sd")).await.expect("listed").len(), 2);
    assert_eq!(registry.region_count(region("cn")).await.expect("counted"), 4);
    assert_eq!(registry.providers().await.expect("listed")[0].id, "cn/shandong");
    assert_eq!(registry.trust_list(&region("cn-sd")).await.expect("there").types[0].word, "transit");
    assert_eq!(registry.units_for(&region("cn-sd/jinan")).await.expect("listed").len(), 2);
    let home = registry.home(region("cn-sd/jinan"), None, 3).await.expect("shown");
    assert_eq!((home.services.len(), home.waiting, home.freshness), (2, 3, Freshness::Fresh));
}

#[tokio::test]
async fn what_was_never_synced_is_said_to_be_so() {
    let (bench, _fake) = start();
    let registry = Registry::new(&bench.device);
    let not_found = |own: Error| matches!(own, Error::Refused { reason: Refusal::NotFound, .. });
    assert!(not_found(registry.home(region("cn-sd/jinan"), None, 0).await.expect_err("unknown")));
    assert!(not_found(registry.trust_list(&region("cn-sd")).await.map(drop).expect_err("unknown")));
    let why = registry.why_not(&service("cn-sd/jinan/report"), &region("cn-sd/jinan"), None).await;
    assert_eq!(why.expect("read").map(|own| own.obstacle), Some(Obstacle::Unknown));
    assert!(not_found(registry.sync_nation(&region("vn")).await.expect_err("this app has no such anchor")));
}

#[tokio::test]
async fn a_sync_that_finds_nothing_new_is_one_request() {
    let (bench, fake) = start();
    let registry = fake.synced(&bench).await;
    let before = bench.http.seen().len();
    assert!(!sync(&registry).await.expect("synced").changed);
    assert_eq!(bench.http.seen().len(), before + 1);
}

#[tokio::test]
async fn without_a_network_a_sync_fails_and_what_was_there_stays() {
    let (bench, fake) = start();
    let registry = fake.synced(&bench).await;
    bench.http.lose("timestamp.json");
    assert!(matches!(sync(&registry).await, Err(Error::Network { .. })));
    let home = registry.home(region("cn-sd/jinan"), None, 0).await.expect("shown");
    assert!(matches!(home.freshness, Freshness::Offline { .. }) && home.services.len() == 2);
}

#[tokio::test]
async fn one_city_s_broken_news_hides_nothing_of_another() {
    let (bench, mut fake) = start();
    let registry = fake.synced(&bench).await;
    for city in ["cn-sd/jinan", "cn-sd/qingdao"] {
        fake.province.publish(&unit(city), package("news", 1, &json!({})), 100).expect("published");
    }
    fake.publish();
    fake.spoil("2.cn-sd.jinan.json");
    let report = sync(&registry).await.expect("synced");
    assert_eq!(report.broken.iter().map(|own| own.unit.to_string()).collect::<Vec<_>>(), ["cn-sd/jinan"]);
    let why = registry.why_not(&service("cn-sd/jinan/news"), &region("cn-sd/jinan"), None).await.expect("read");
    assert_eq!(why.map(|own| own.obstacle), Some(Obstacle::Signature));
    assert!(version(&registry, "cn-sd/jinan/report").await.is_err(), "nothing new installs");
}

#[tokio::test]
async fn a_service_opens_is_fetched_once_and_then_needs_no_network() {
    let (bench, fake) = start();
    let registry = fake.synced(&bench).await;
    assert_eq!(version(&registry, "cn-sd/jinan/report").await, Ok(1));
    let before = bench.http.seen().len();
    assert_eq!(version(&registry, "cn-sd/jinan/report").await, Ok(1));
    assert_eq!(bench.http.seen().len(), before);
    bench.http.lose(".ma");
    let refused = version(&registry, "cn-sd/jinan/parking").await.expect_err("never fetched");
    assert!(matches!(refused, Error::Network { .. }), "{refused}");
}

#[tokio::test]
async fn a_package_that_is_not_the_one_that_was_signed_for_does_not_open() {
    let (bench, fake) = start();
    let registry = fake.synced(&bench).await;
    fake.spoil(".ma");
    let refused = version(&registry, "cn-sd/jinan/report").await.expect_err("another package");
    assert!(matches!(refused, Error::SignatureInvalid { .. }), "{refused}");
}

#[tokio::test]
async fn a_withdrawn_service_says_why_in_the_resident_s_language() {
    let (bench, mut fake) = start();
    let registry = fake.synced(&bench).await;
    let reason = Withdrawn { reason: Names::new().with("en", "The office has closed") };
    let change = Change::Withdraw(reason);
    fake.province.change(&unit("cn-sd/jinan"), "report", 1, change).expect("withdrawn");
    fake.publish();
    sync(&registry).await.expect("synced");
    let why = registry.why_not(&service("cn-sd/jinan/report"), &region("cn-sd/jinan"), None).await.expect("read");
    let why = why.expect("it is withdrawn");
    assert_eq!(why.obstacle, Obstacle::Withdrawn);
    assert!(why.words.contains("The office has closed"));
    let refused = version(&registry, "cn-sd/jinan/report").await.expect_err("withdrawn");
    assert!(matches!(refused, Error::Refused { reason: Refusal::Withdrawn { .. }, .. }));
}

#[tokio::test]
async fn a_service_for_enterprises_asks_a_person_to_log_in_as_one() {
    let (bench, mut fake) = start();
    let members = json!({ "onecity": { "category": "city", "account": "enterprise", "names": { "en": "Tax" } } });
    fake.province.publish(&unit("cn-sd/jinan"), package("tax", 1, &members), 100).expect("published");
    fake.publish();
    let registry = fake.synced(&bench).await;
    let why = async |account| {
        let found = registry.why_not(&service("cn-sd/jinan/tax"), &region("cn-sd/jinan"), account).await;
        found.expect("read").map(|own| own.obstacle)
    };
    assert_eq!(why(Some(AccountKind::Enterprise)).await, None);
    assert_eq!(why(Some(AccountKind::Person)).await, Some(Obstacle::Permission));
    assert_eq!(why(None).await, Some(Obstacle::Permission));
    let elsewhere = registry.why_not(&service("cn-sd/jinan/tax"), &region("cn-sd/qingdao"), None).await;
    assert_eq!(elsewhere.expect("read").map(|own| own.obstacle), Some(Obstacle::Region));
}

#[tokio::test]
async fn a_release_that_is_not_for_everybody_needs_its_invitation() {
    let (bench, mut fake) = start();
    fake.province.publish(&unit("cn-sd/jinan"), package("pilot", 1, &json!({})), 0).expect("published");
    fake.publish();
    let registry = fake.synced(&bench).await;
    let why = registry.why_not(&service("cn-sd/jinan/pilot"), &region("cn-sd/jinan"), None).await.expect("read");
    assert_eq!(why.map(|own| own.obstacle), Some(Obstacle::Rollout));
    assert!(matches!(registry.invite("abc").await, Err(Error::InvalidInput { .. })));
    registry.invite("SPRING-2026").await.expect("kept");
}

#[tokio::test]
async fn services_are_found_paged_and_shown_with_their_icons() {
    let (bench, fake) = start();
    let registry = fake.synced(&bench).await;
    let found = registry.search("parking".to_owned(), region("cn-sd/jinan")).await.expect("searched");
    assert_eq!(found[0].id, service("cn-sd/jinan/parking"));
    assert!(registry.search("zzzzzz".to_owned(), region("cn-sd/jinan")).await.expect("searched").is_empty());
    let page = registry.services(region("cn-sd/jinan"), 1).await.expect("listed");
    assert_eq!((page.services.len(), page.next), (1, None));
    let icon = registry.icon(service("cn-sd/jinan/report")).await.expect("fetched").expect("it has one");
    assert_eq!(icon.media_type, "image/svg+xml");
    assert!(registry.icon(service("cn-sd/jinan/nothing")).await.expect("read").is_none());
}

#[tokio::test]
async fn a_city_is_priced_compared_and_taken_along() {
    let (bench, fake) = start();
    let registry = fake.synced(&bench).await;
    registry.sync(&region("cn-sd/qingdao"), &ProgressSender::silent()).await.expect("synced");
    let plan = registry.plan(&region("cn-sd/jinan")).await.expect("planned");
    assert!(plan.services.len() == 2 && plan.bytes_to_fetch > 0);
    let parity = registry.parity(&region("cn-sd/jinan"), &region("cn-sd/qingdao")).await.expect("compared");
    assert_eq!((parity.shared, parity.missing.len()), (1, 1));
    registry.prefetch(&region("cn-sd/jinan"), &[], &ProgressSender::silent()).await.expect("fetched");
    assert_eq!(registry.plan(&region("cn-sd/jinan")).await.expect("planned").bytes_to_fetch, 0);
    registry.pin(region("cn-sd/jinan"), true).await.expect("pinned");
    bench.http.lose(".ma");
    let failed = registry.prefetch(&region("cn-sd/qingdao"), &[], &ProgressSender::silent()).await;
    assert!(matches!(failed, Err(Error::Network { .. })));
}

#[tokio::test]
async fn a_provider_is_found_by_its_id_and_no_other() {
    let (bench, _fake) = start();
    let registry = Registry::new(&bench.device);
    for id in ["shandong", "cn/shandong"] {
        assert_eq!(registry.provider(id).await.expect("listed").client_id, "app");
    }
    assert!(matches!(registry.provider("vn/shandong").await.map(drop), Err(Error::InvalidInput { .. })));
    assert!(matches!(registry.provider("nowhere").await.map(drop), Err(Error::InvalidInput { .. })));
}

#[tokio::test]
async fn a_list_that_the_registry_has_taken_out_counts_no_more() {
    let (bench, mut fake) = start();
    let registry = fake.synced(&bench).await;
    registry.provider("cn/shandong").await.expect("listed");
    registry.current_trust_list(&region("cn-sd")).await.expect("listed");
    assert!(fake.nation.remove_target("cn/providers.json").expect("listed"));
    assert!(fake.province.remove_target("cn-sd/trust.json").expect("listed"));
    fake.publish();
    sync(&registry).await.expect("synced");
    registry.sync_nation(&region("cn")).await.expect("synced");
    assert!(matches!(registry.provider("cn/shandong").await, Err(Error::InvalidInput { .. })));
    let gone = registry.current_trust_list(&region("cn-sd")).await.map(drop);
    assert!(matches!(gone, Err(Error::Refused { reason: Refusal::NotFound, .. })), "{gone:?}");
}

#[tokio::test]
async fn a_list_ends_with_the_role_that_lists_it_though_the_timestamp_goes_on() {
    let (bench, mut fake) = start();
    let day = 86_400;
    fake.lifetimes.targets = 10 * day;
    fake.nation.add_target("cn/note.txt", b"x".to_vec(), None).expect("listed");
    fake.province.add_target("cn-sd/note.txt", b"x".to_vec(), None).expect("listed");
    fake.publish();
    let registry = fake.synced(&bench).await;
    registry.current_trust_list(&region("cn-sd")).await.expect("listed");
    assert!(fake.lifetimes.timestamp > 20 * day);
    bench.clock.skip(15 * day * 1000);
    let ended = registry.current_trust_list(&region("cn-sd")).await.map(drop);
    assert!(
        matches!(ended, Err(Error::Refused { reason: Refusal::PhoneClock, .. } | Error::Expired { .. })),
        "{ended:?}"
    );
    // It is signed again: by itself it counts again.
    fake.publish();
    registry.current_trust_list(&region("cn-sd")).await.expect("listed");
    registry.provider("cn/shandong").await.expect("listed");
}
