//! A service is taken down by its city, or by its province: phones that are online obey at their next sync.

use onecity_core::{Error, Obstacle, Refusal};
use onecity_protocol::names::Names;
use onecity_protocol::trust::Withdrawn;
use onecity_publisher::{Lifetimes, Repository};

use crate::server::{Phone, Registry, id, now, package, service, unit};

fn why() -> Withdrawn {
    Withdrawn {
        reason: Names::new().with("en", "it sends photos to a stranger").with("zh", "照片被发给陌生人")
    }
}

async fn reads_why(phone: &Phone, unit: &str, app_id: &str, region: &str) {
    let which = service(unit, app_id);
    let refused = phone.opens(&which, region).await.expect_err("taken down");
    assert!(
        matches!(&refused, Error::Refused { reason: Refusal::Withdrawn { .. }, text, .. } if text.contains("photos to a stranger")),
        "{refused:?}"
    );
    let view = phone.why_not(&which, &id(region)).await.expect("answered").expect("it can't");
    assert_eq!(view.obstacle, Obstacle::Withdrawn);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_province_stops_a_city_s_service_at_the_next_sync_also_where_it_is_open_and_in_a_rollout() {
    let mut registry = Registry::start().await;
    let (city, report) = (unit("cn-sd/jinan"), service("cn-sd/jinan", "report"));
    registry.province.publish(&city, package("report", 2), 30).expect("published");
    registry.publish();
    let mut phone = registry.phone();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    let open = phone.open_service(&report, &id("cn-sd/jinan")).await.expect("opened");
    let other = phone.open_service(&service("cn-sd", "hotline"), &id("cn-sd/jinan")).await.expect("opened");
    registry.province.take_down(&unit("cn-sd"), &report, &why()).expect("above it");
    registry.publish();
    assert!(open.is_open(), "not before it is known");
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    assert!(!open.is_open() && other.is_open());
    let reply = phone.bridge(&open, r#"{"method":"info","params":{}}"#).await.expect("answered");
    assert!(reply.contains(r#""code":"closed""#), "{reply}");
    reads_why(&phone, "cn-sd/jinan", "report", "cn-sd/jinan").await;
    let home = phone.home(&id("cn-sd/jinan")).await.expect("home");
    let card = home.services.iter().find(|card| card.id == report).expect("who looks for it finds why");
    assert_eq!(card.withdrawn.as_deref(), Some("it sends photos to a stranger"));
    // Not by a newer version either, nor by a start without a network.
    registry.province.publish(&city, package("report", 3), 100).expect("published");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    reads_why(&phone, "cn-sd/jinan", "report", "cn-sd/jinan").await;
    drop((open, other));
    phone.restart(|_| ());
    reads_why(&phone, "cn-sd/jinan", "report", "cn-sd/jinan").await;
    registry.province.lift_takedown(&unit("cn-sd"), &report).expect("its own word");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    phone.opens(&report, "cn-sd/jinan").await.expect("it is offered again");
    assert_eq!(phone.why_not(&report, &id("cn-sd/jinan")).await.expect("answered"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_stops_its_department_s_service_and_no_other_of_the_same_name() {
    let mut registry = Registry::start().await;
    let phone = registry.phone();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    registry
        .province
        .take_down(&unit("cn-sd/jinan"), &service("cn-sd/jinan/~transport", "report"), &why())
        .expect("its department's");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    reads_why(&phone, "cn-sd/jinan/~transport", "report", "cn-sd/jinan").await;
    for (unit, app_id) in [("cn-sd/jinan", "report"), ("cn-sd/jinan/~transport", "parking"), ("cn-sd", "hotline")] {
        phone.opens(&service(unit, app_id), "cn-sd/jinan").await.expect("another service");
    }
    // A phone that never had it does not get it.
    let fresh = registry.phone();
    fresh.sync(&id("cn-sd/jinan")).await.expect("synced");
    reads_why(&fresh, "cn-sd/jinan/~transport", "report", "cn-sd/jinan").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_a_role_back_lifts_no_takedown_and_stops_none_from_above() {
    let mut registry = Registry::start().await;
    let phone = registry.phone();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    let (city, district) = (service("cn-sd/jinan", "report"), service("cn-sd/jinan/lixia", "report"));
    for which in [&city, &district] {
        phone.sync(&id("cn-sd/jinan/lixia")).await.expect("synced");
        phone.opens(which, "cn-sd/jinan/lixia").await.expect("installed");
    }
    registry.province.take_down(&unit("cn-sd/jinan"), &city, &why()).expect("its own");
    registry.province.take_down(&unit("cn-sd/jinan"), &district, &why()).expect("its district's");
    registry.publish();
    phone.sync(&id("cn-sd/jinan/lixia")).await.expect("synced");
    for unit in ["cn-sd/jinan", "cn-sd/jinan/lixia"] {
        reads_why(&phone, unit, "report", "cn-sd/jinan/lixia").await;
    }
    // A mirror loses the city's next file, whatever it says; the province takes another service down meanwhile.
    let transport = service("cn-sd/jinan/~transport", "parking");
    phone.opens(&transport, "cn-sd/jinan").await.expect("installed");
    let mut later = Repository::open(registry.files()).expect("opened");
    later.renew(&unit("cn-sd/jinan")).expect("a role");
    later.take_down(&unit("cn-sd"), &transport, &why()).expect("above it");
    later.sign(&registry.ring, now(), &Lifetimes::default()).expect("signed");
    let mut files = later.into_storage();
    files.remove("metadata/3.cn-sd.jinan.json").expect("it was there");
    registry.serve("cn-sd", files);
    for region in ["cn-sd/jinan", "cn-sd/jinan/lixia"] {
        let report = phone.sync(&id(region)).await.expect("the rest is welcome");
        assert_eq!(report.broken.iter().filter(|broken| broken.unit == unit("cn-sd/jinan")).count(), 1, "{report:?}");
    }
    for (unit, app_id) in
        [("cn-sd/jinan", "report"), ("cn-sd/jinan/lixia", "report"), ("cn-sd/jinan/~transport", "parking")]
    {
        reads_why(&phone, unit, app_id, "cn-sd/jinan/lixia").await;
    }
}
