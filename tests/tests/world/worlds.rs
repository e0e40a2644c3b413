//! Worlds side by side.

use mock_server::Phone;
use onecity_protocol::region::RegionId;
use reqwest::Method;
use serde_json::json;

use crate::kit::Tester;

fn jinan() -> RegionId {
    "cn-sd/jinan".parse().expect("a region")
}

#[tokio::test(flavor = "multi_thread")]
async fn worlds_side_by_side_have_everything_of_their_own() {
    let tester = Tester::new().await;
    let view = tester.call(Method::POST, "/worlds", Some(json!({ "name": "second", "seed": 7 }))).await;
    let origin = format!("{}/w/second", tester.world.web_origin());
    assert_eq!((view["origin"].as_str(), &view["seed"]), (Some(origin.as_str()), &json!(7)));
    let second = tester.server.worlds().get("second").expect("it is there");

    // A phone lives there as in the first: login, services, a pass, a submission.
    let phone = Phone::new(&second, &["en"]).expect("a phone");
    phone.log_in("shandong", "lan").await.expect("logged in");
    phone.client().sync(&jinan()).await.expect("synced");
    let home = phone.client().home(&jinan()).await.expect("home");
    assert!(home.services.len() >= 3);
    let province = "cn-sd".parse().expect("a region");
    phone.client().add_pass(&province, "transit", None).await.expect("a pass");
    let service = home.services.iter().find(|own| own.id.app_id == "report").expect("a service");
    phone.client().open_service(&service.id, &jinan()).await.expect("it opens");

    for (what, there) in [("sessions", 1), ("passes", 1)] {
        let count =
            async |world: &str| tester.read(&format!("/worlds/{world}/{what}")).await.as_array().map_or(0, Vec::len);
        assert_eq!((count("second").await, count("default").await), (there, 0), "{what}");
    }
    assert_eq!(tester.read("/worlds/default/journal").await, json!([]));

    // Its clock and its faults are its own.
    tester.call(Method::PATCH, "/worlds/second/clock", Some(json!({ "jump_seconds": 86_400 }))).await;
    assert!(second.now() - tester.world.now() >= 86_000);
    tester.call(Method::PUT, "/worlds/second/presets/city-down", None).await;
    let status = async |base: &str| {
        tester.http.get(format!("{base}/city/cn-sd.jinan")).send().await.expect("answered").status().as_u16()
    };
    assert_eq!((status(&origin).await, status(tester.world.origin()).await), (503, 200));

    // Another world's phone is a stranger here: other keys.
    let elsewhere = Phone::with_config(&tester.world, &["en"], phone.platform().clone(), |config| {
        config.nations = config
            .nations
            .iter()
            .cloned()
            .map(|mut anchor| {
                anchor.url = anchor.url.replacen("/registry", "/w/second/registry", 1);
                anchor
            })
            .collect();
    });
    elsewhere.expect("a phone").client().sync(&jinan()).await.expect_err("its anchors are others");

    tester.call(Method::DELETE, "/worlds/second", None).await;
    let gone = tester.http.get(format!("{origin}/world.json")).send().await.expect("answered");
    assert_eq!(gone.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_world_s_well_known_addresses_stand_before_its_path_as_the_standards_have_it() {
    let tester = Tester::new().await;
    tester.call(Method::POST, "/worlds", Some(json!({ "name": "second" }))).await;
    let origin = tester.world.web_origin();
    for (address, member, issuer) in [
        ("/.well-known/oauth-authorization-server/w/second/idp/shandong", "issuer", "/w/second/idp/shandong"),
        ("/w/second/idp/shandong/.well-known/openid-configuration", "issuer", "/w/second/idp/shandong"),
        ("/.well-known/openid-credential-issuer/w/second/issuer/cn-sd", "credential_issuer", "/w/second/issuer/cn-sd"),
    ] {
        let document = tester.read(address).await;
        assert_eq!(document[member].as_str(), Some(format!("{origin}{issuer}").as_str()), "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_worlds_cost_little_and_each_answers() {
    let tester = Tester::new().await;
    for number in 0..1000 {
        tester.call(Method::POST, "/worlds", Some(json!({ "name": format!("w-{number}") }))).await;
    }
    assert_eq!(tester.read("/worlds").await.as_array().map(Vec::len), Some(1001));
    for number in [0, 500, 999] {
        let url = format!("{}/w/w-{number}/city/vn-hn", tester.world.web_origin());
        assert_eq!(tester.http.get(url).send().await.expect("answered").status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_world_that_was_taken_away_and_one_of_its_name_have_nothing_in_common() {
    let tester = Tester::new().await;
    tester.call(Method::POST, "/worlds", Some(json!({ "name": "ci" }))).await;
    let live = tester.control(Method::GET, "/worlds/ci/journal/live").send();
    let mut live = live.await.expect("answered");
    let before = tester.server.worlds().get("ci").expect("it is there").anchors().expect("anchors");
    tester.call(Method::DELETE, "/worlds/ci", None).await;
    let ended = tokio::time::timeout(std::time::Duration::from_secs(5), live.chunk()).await.expect("at once");
    assert!(ended.is_ok_and(|rest| rest.is_none()), "who watched it is told");
    tester.call(Method::POST, "/worlds", Some(json!({ "name": "ci" }))).await;
    let again = tester.server.worlds().get("ci").expect("it is there").anchors().expect("anchors");
    assert!(before.iter().zip(&again).all(|(one, other)| one.root != other.root));
}
