//! What a phone waits for goes by its world's clock.

use mock_server::Phone;
use onecity_core::{Error, Refusal};
use onecity_protocol::region::RegionId;
use reqwest::Method;
use serde_json::json;

use crate::kit::Tester;

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_signed_all_the_time_stays_small_and_a_phone_of_long_ago_comes_up_to_date() {
    let tester = Tester::new().await;
    let (province, city) = ("cn-sd".parse().expect("a region"), "cn-sd/jinan".parse().expect("a region"));
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    phone.client().sync(&city).await.expect("synced");
    let sizes: Vec<usize> = (0..200)
        .map(|_| {
            let now = tester.world.now();
            tester.world.registry_mut(|registry| {
                registry.change(&province, now, |_, _| Ok(())).expect("signed");
                registry.files(&province).expect("files").len()
            })
        })
        .collect();
    let most = sizes.iter().max().expect("sizes");
    assert!(*most <= sizes[0] + 64, "what is old is forgotten: {sizes:?}");
    assert!(phone.client().sync(&city).await.expect("synced").broken.is_empty());
    let new = Phone::new(&tester.world, &["en"]).expect("a phone");
    assert!(new.client().sync(&city).await.expect("synced").broken.is_empty());
}

/// Asks until something is so.
async fn until(tester: &Tester, path: &str, is_so: impl Fn(&serde_json::Value) -> bool) {
    for _ in 0..20_000 {
        if is_so(&tester.read(path).await) {
            return;
        }
    }
    panic!("never: {path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tried_again_later_is_tried_when_it_is_later_in_the_world() {
    let tester = Tester::new().await;
    let jinan: RegionId = "cn-sd/jinan".parse().expect("a region");
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    phone.client().sync(&jinan).await.expect("synced");
    let home = phone.client().home(&jinan).await.expect("home");
    let report = home.services.iter().find(|own| own.id.app_id == "report").expect("a service");
    let session = phone.client().open_service(&report.id, &jinan).await.expect("it opens");
    tester.call(Method::PATCH, "/worlds/default/clock", Some(json!({ "speed": 0 }))).await;
    // An hour is to pass before the next try: longer than anybody waits for this test.
    let busy =
        json!({ "what": { "kind": "status", "status": 503, "retry_after": 3600 }, "on": { "path": "/city/**" } });
    tester.begins(busy).await;
    let url = format!("{}/city/cn-sd.jinan/reports", tester.world.origin());
    let params = json!({ "url": url, "title": "A lamp", "body": { "text": "out" } });
    let call = json!({ "method": "submit", "params": params }).to_string();
    phone.client().bridge(&session, &call).await.expect("kept");
    let tries = "/worlds/default/journal?method=POST&path=/city/*/reports";
    until(&tester, tries, |tries| tries.as_array().is_some_and(|all| all.len() == 1)).await;

    // The city is up again, and the time for the next try does not come while the clock stands still.
    tester.all_is_well().await;
    for _ in 0..100 {
        assert_eq!(tester.read(tries).await.as_array().map(Vec::len), Some(1));
    }
    let view = phone.client().submissions().await.expect("listed");
    assert!(format!("{:?}", view[0].state).contains("Waiting"), "{:?}", view[0].state);
    tester.call(Method::PATCH, "/worlds/default/clock", Some(json!({ "jump_seconds": 7200 }))).await;
    until(&tester, "/worlds/default/submissions", |all| all.as_array().is_some_and(|all| all.len() == 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_slept_for_a_month_asks_again_before_it_opens_what_it_never_opened() {
    let tester = Tester::new().await;
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    let jinan = "cn-sd/jinan".parse().expect("a region");
    phone.client().sync(&jinan).await.expect("synced");
    tester.world.skip(40 * 86_400);
    for service in ["cn-sd/hotline", "cn-sd/jinan/report"] {
        let service = service.parse().expect("a service");
        phone.client().open_service(&service, &jinan).await.expect("opened");
    }
    // Where nobody signs again, nothing new opens.
    tester.preset("freeze-attack").await;
    tester.world.skip(40 * 86_400);
    let never_opened = "cn-sd/jinan/appointments".parse().expect("a service");
    let refused = phone.client().open_service(&never_opened, &jinan).await.map(drop).expect_err("all has ended");
    let is_ended = matches!(refused, Error::Expired { .. } | Error::Refused { reason: Refusal::PhoneClock, .. });
    assert!(is_ended, "{refused:?}");
    phone.client().open_service(&"cn-sd/hotline".parse().expect("a service"), &jinan).await.expect("it is there");
}
