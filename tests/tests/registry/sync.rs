//! How a phone keeps up with the registry: what it asks for, and what it does when that breaks off.

use std::time::Duration;

use onecity_core::{Error, Refusal, Step};
use onecity_publisher::Lifetimes;
use serde_json::json;

use crate::releases::{Heard, told};
use crate::server::{Phone, Registry, Wrong, id, now, package, package_with, repository, service, unit};

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_finds_nothing_new_is_one_request() {
    let mut registry = Registry::start().await;
    let phone = registry.phone();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    registry.asked();
    let report = phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    assert!(!report.changed);
    assert_eq!(registry.asked(), ["/cn-sd/metadata/timestamp.json"]);
    registry.province.publish(&unit("cn-sd/jinan/~transport"), package("tram", 1), 100).expect("published");
    registry.publish();
    registry.asked();
    assert!(phone.sync(&id("cn-sd/jinan")).await.expect("synced").changed);
    let roles: Vec<String> = registry.asked().into_iter().filter(|path| path.contains(".cn-sd.")).collect();
    assert_eq!(roles, ["/cn-sd/metadata/2.cn-sd.jinan.~transport.json"], "only the role that changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_roles_of_the_region_are_asked_for() {
    let registry = Registry::start().await;
    let phone = registry.phone();
    phone.sync(&id("cn-sd/qingdao")).await.expect("synced");
    let asked = registry.asked();
    assert!(
        asked.iter().any(|path| path.contains("cn-sd.qingdao")) && asked.iter().any(|path| path.contains("~coast"))
    );
    assert!(!asked.iter().any(|path| path.contains("jinan")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_root_is_followed_by_a_phone_that_only_polls() {
    let mut registry = Registry::start().await;
    let phone = registry.phone();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    let key = registry.ring.generate().expect("a key");
    let lifetimes = Lifetimes::default();
    registry.province.rotate("timestamp", &[key], 1, &registry.ring, now(), &lifetimes).expect("rotated");
    registry.province.publish(&unit("cn-sd/jinan"), package("tram", 1), 100).expect("published");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("followed");
    assert_eq!(phone.opens(&service("cn-sd/jinan", "tram"), "cn-sd/jinan").await.expect("opened"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_broke_off_goes_on_where_it_was() {
    let registry = Registry::start().await;
    let phone = registry.phone();
    registry.misbehave(Some(Wrong::Gone("lixia.json")));
    let report = phone.sync(&id("cn-sd/jinan")).await.expect("the others are there");
    assert_eq!(report.broken.len(), 1);
    assert!(phone.opens(&service("cn-sd/jinan", "report"), "cn-sd/jinan").await.is_ok());
    registry.misbehave(None);
    registry.asked();
    assert!(phone.sync(&id("cn-sd/jinan")).await.expect("synced").broken.is_empty());
    let roles: Vec<String> = registry.asked().into_iter().filter(|path| path.contains(".cn-sd.")).collect();
    assert_eq!(roles, ["/cn-sd/metadata/1.cn-sd.jinan.lixia.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_broke_off_goes_on_where_it_was() {
    let mut registry = Registry::start().await;
    let phone = registry.phone();
    let noise: Vec<u8> = (0..200_000_u32)
        .map(|at| b'a' + u8::try_from(at.wrapping_mul(2_654_435_761) >> 27).unwrap_or_default() % 26)
        .collect();
    let large = package_with("large", 1, serde_json::Value::Null, &[("noise.txt", &noise)]);
    let (half, length) = (large.len() / 2, large.len());
    registry.province.publish(&unit("cn-sd/jinan"), large, 100).expect("published");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    registry.misbehave(Some(Wrong::Stalls("1.ma", half)));
    let which = service("cn-sd/jinan", "large");
    assert!(matches!(phone.opens(&which, "cn-sd/jinan").await, Err(Error::Network { .. })));
    registry.asked();
    assert_eq!(phone.opens(&which, "cn-sd/jinan").await.expect("opened"), 1);
    let asked = registry.asked();
    let from: usize = asked[0]
        .rsplit_once("bytes=")
        .and_then(|(_, from)| from.strip_suffix('-'))
        .expect("a range")
        .parse()
        .expect("a number");
    assert!(from == half && half < length, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_tells_how_far_it_is_and_can_be_stopped() {
    let registry = Registry::start().await;
    let phone = registry.phone();
    let (listener, mut hear) = told();
    let task = phone.start_sync(&id("cn-sd/jinan"), listener);
    let mut last = None;
    while let Some(heard) = hear.recv().await {
        match heard {
            Heard::Progress(progress) => last = Some(progress),
            Heard::End(outcome) => {
                outcome.expect("synced");
                break;
            }
        }
    }
    let last = last.expect("progress");
    assert_eq!((last.step, last.done, last.total), (Step::Services, 4, 4));
    drop(task);
    let stopped = registry.phone();
    registry.misbehave(Some(Wrong::Stalls("lixia.json", 1)));
    let (listener, mut hear) = told();
    let task = stopped.start_sync(&id("cn-sd/jinan"), listener);
    hear.recv().await.expect("it has begun");
    task.cancel();
    while let Some(heard) = hear.recv().await {
        assert!(matches!(heard, Heard::Progress(_)), "nothing ends that was stopped");
    }
    registry.misbehave(None);
    stopped.sync(&id("cn-sd/jinan")).await.expect("the next one is not in its way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegate_that_was_withdrawn_is_offered_no_more() {
    let mut registry = Registry::start().await;
    let phone = registry.phone();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    let parking = service("cn-sd/jinan/~transport", "parking");
    assert!(phone.opens(&parking, "cn-sd/jinan").await.is_ok());
    registry.province.withdraw_delegate(&unit("cn-sd/jinan/~transport")).expect("withdrawn");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    assert!(phone.opens(&parking, "cn-sd/jinan").await.is_err());
    assert!(phone.search("parking", &id("cn-sd/jinan")).await.expect("searched").iter().all(|card| card.id != parking));
    assert!(phone.opens(&service("cn-sd/jinan", "report"), "cn-sd/jinan").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_counts_for_longer_when_the_one_above_it_is_signed_anew() {
    const DAY: i64 = 86_400;
    let (mut registry, began) = (Registry::start().await, now());
    let phone = registry.phone();
    let mut passed = 0;
    let mut at = async |registry: &mut Registry, day: i64, renewed: Option<&str>| {
        if let Some(renewed) = renewed {
            registry.province.renew(&unit(renewed)).expect("a role");
            registry.publish_at(began + day * DAY);
        } else {
            registry.publish_online_at(began + day * DAY);
        }
        phone.clock.skip((day - passed) * DAY * 1000);
        passed = day;
        phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    };
    at(&mut registry, 30, Some("cn-sd/jinan")).await;
    at(&mut registry, 40, Some("cn-sd")).await;
    // The province's first signature would have ended on day 90.
    at(&mut registry, 100, None).await;
    assert_eq!(phone.opens(&service("cn-sd/jinan", "report"), "cn-sd/jinan").await.expect("it still counts"), 1);
    let other = phone.opens(&service("cn-sd/jinan/~transport", "report"), "cn-sd/jinan").await;
    assert!(
        matches!(other, Err(Error::SignatureInvalid { .. } | Error::Refused { reason: Refusal::PhoneClock, .. })),
        "its own has ended: {other:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_province_whose_registry_does_not_answer_holds_no_other_up() {
    let mut registry = Registry::start().await;
    let mut hebei = repository("cn-he", &mut registry.ring);
    let regions =
        json!({ "regions": [{ "id": "cn-he", "kind": "province", "code": "0", "names": { "zh": "河北省" } }] });
    hebei.add_target("cn-he/regions.json", regions.to_string().into_bytes(), None).expect("listed");
    hebei.sign(&registry.ring, now(), &Lifetimes::default()).expect("signed");
    registry.lists("cn-he", &hebei);
    let phone = Phone::with_patience(registry.anchor(), Duration::from_secs(60));
    registry.misbehave(Some(Wrong::Stalls("/cn-sd/metadata/timestamp.json", 5)));
    let (shandong, hebei) = (id("cn-sd/jinan"), id("cn-he"));
    let mut silent = std::pin::pin!(phone.sync(&shandong));
    // Once it waits for that file, the other is synced beside it.
    let asked = async {
        while !registry.asked().iter().any(|path| path == "/cn-sd/metadata/timestamp.json") {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        outcome = &mut silent => panic!("it has no answer: {outcome:?}"),
        () = asked => {}
    }
    tokio::select! {
        outcome = &mut silent => panic!("it has no answer: {outcome:?}"),
        synced = phone.sync(&hebei) => drop(synced.expect("synced")),
    }
}
