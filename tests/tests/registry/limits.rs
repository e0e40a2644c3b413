//! A city that uses more of a registry and of phones than it may, and its neighbours.

use serde_json::Value;

use crate::attacks::{before_and_after, opens};
use crate::forged::{newest, signed_by, signed_unseen};
use crate::server::{id, service, unit};

#[tokio::test(flavor = "multi_thread")]
async fn a_delegation_of_countless_patterns_hides_its_unit_with_what_lies_below_and_nothing_else() {
    let (registry, phone, _) = before_and_after().await;
    let patterns: Vec<String> = (0..17).map(|at| format!("cn-sd/jinan/a{at}/*")).collect();
    let files = signed_by(&registry, "targets", |signed| {
        let roles = signed["delegations"]["roles"].as_array_mut().expect("delegations");
        let city = roles.iter_mut().find(|role| role["name"] == "cn-sd.jinan").expect("a city");
        city["paths"] = serde_json::json!(patterns);
    });
    registry.serve("cn-sd", files);
    let report = phone.sync(&id("cn-sd/jinan")).await.expect("the rest is welcome");
    let all_below = report.broken.iter().all(|broken| id("cn-sd/jinan").covers(broken.unit.region()));
    assert!(report.broken.len() == 3 && all_below, "{report:?}");
    assert_eq!(phone.opens(&service("cn-sd", "hotline"), "cn-sd/jinan").await.expect("the province's"), 1);
    assert!(phone.sync(&id("cn-sd/qingdao")).await.expect("synced").broken.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_that_goes_beyond_a_limit_stays_as_it_was_and_its_neighbour_notices_nothing() {
    type Change = fn(&mut Value);
    let beyond: [(Change, &str); 3] = [
        (|signed| departments(signed, 256), "cn-sd/jinan has 257 units below it, and may have 256"),
        (|signed| services(signed, "cn-sd/jinan", 1_024), "cn-sd/jinan has 1025 services, and may have 1024"),
        (|signed| releases(signed, "cn-sd/jinan/report", 3_100), "cn-sd/jinan has 3102 releases, and may have 3072"),
    ];
    for (change, why) in beyond {
        let (registry, phone, _) = before_and_after().await;
        let (_, good) = newest(&registry.files(), "cn-sd.jinan");
        registry.serve("cn-sd", signed_unseen(&registry, "cn-sd.jinan", change));
        let report = phone.sync(&id("cn-sd/jinan")).await.expect("the rest is welcome");
        let jinan = report.broken.iter().find(|broken| broken.unit == unit("cn-sd/jinan")).expect("told");
        assert!(jinan.why.contains(why), "{}", jinan.why);
        assert_eq!(opens(&phone).await, 2, "what was there stays");
        let neighbour = phone.sync(&id("cn-sd/qingdao")).await.expect("synced");
        assert!(neighbour.broken.is_empty(), "{why}: {neighbour:?}");
        assert_eq!(phone.opens(&service("cn-sd/qingdao", "report"), "cn-sd/qingdao").await.expect("opens"), 1);
        // Once it is within the limits again, the city is heard as before.
        let again = signed_unseen(&registry, "cn-sd.jinan", |signed| {
            for part in ["targets", "delegations"] {
                signed[part] = good["signed"][part].clone();
            }
        });
        registry.serve("cn-sd", again);
        let report = phone.sync(&id("cn-sd/jinan")).await.expect("synced");
        assert!(report.broken.is_empty(), "{why}: {report:?}");
    }
}

/// Departments of Jinan, all under one key.
fn departments(signed: &mut Value, count: usize) {
    let roles = signed["delegations"]["roles"].as_array_mut().expect("delegations");
    let transport = roles.iter().find(|role| role["name"] == "cn-sd.jinan.~transport").expect("a department").clone();
    roles.retain(|role| role["name"] != "cn-sd.jinan.lixia");
    roles.extend((0..count).map(|at| {
        let mut another = transport.clone();
        another["name"] = format!("cn-sd.jinan.~d{at}").into();
        another["paths"] = serde_json::json!([format!("cn-sd/jinan/~d{at}/*/*")]);
        another
    }));
}

/// More services with the release that a role lists already.
fn services(signed: &mut Value, unit: &str, count: usize) {
    list(signed, (0..count).map(|at| format!("{unit}/s{at}/1.ma")));
}

/// More releases of one service.
fn releases(signed: &mut Value, service: &str, count: usize) {
    list(signed, (10..count + 10).map(|at| format!("{service}/{at}.ma")));
}

fn list(signed: &mut Value, paths: impl Iterator<Item = String>) {
    let targets = signed["targets"].as_object_mut().expect("targets");
    let one = targets.values().next().expect("a release").clone();
    targets.extend(paths.map(|path| (path, one.clone())));
}
