//! Consents, the tokens that follow from them, and the log of what was disclosed.

use onecity_core::platform::ConsentRequest;
use serde_json::json;

use crate::kit::{Kit, jinan, manifest, publish, region, service};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_learns_who_asks_once_the_resident_agrees_and_exactly_what_was_agreed() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    let me = kit.url("/me");
    assert_eq!(page.get(&me).await.expect("an answer")["status"], 401, "nobody knows who asks");
    assert_eq!(kit.resident.was_asked(), []);
    kit.resident.will(false);
    assert_eq!(page.call("login", json!({})).await, Err("consent".to_owned()));
    assert_eq!(page.get(&me).await.expect("an answer")["status"], 401);
    let asked = kit.resident.was_asked();
    let expected = ConsentRequest {
        service: "Everything".to_owned(),
        publisher: "Jinan".to_owned(),
        permission: "login".to_owned(),
        reason: "needed for login".to_owned(),
        fields: vec!["name".to_owned()],
        people: Vec::new(),
        origins: vec![kit.world.origin().to_owned()],
    };
    assert_eq!(asked, [expected]);
    kit.phone.client().touched(&page.session);
    assert_eq!(page.call("login", json!({})).await, Ok(json!({ "fields": ["name"] })));
    let known = page.get(&me).await.expect("an answer");
    assert_eq!(known["body"]["fields"], json!({ "name": "Persona Lan" }));
    page.call("login", json!({})).await.expect("asked once");
    assert_eq!(kit.resident.was_asked().len(), 1);

    let client = kit.phone.client();
    let consents = client.consents().await.expect("listed");
    assert_eq!((consents[0].permission.as_str(), consents[0].fields.as_slice()), ("login", &["name".to_owned()][..]));
    let log = client.disclosures().await.expect("listed");
    assert_eq!(log.len(), 1);
    assert_eq!((log[0].what.as_str(), log[0].purpose.as_str()), ("Everything", "Log in"));
    assert!(log[0].verifier.contains(kit.world.origin()), "{}", log[0].verifier);

    client.revoke_consent(&service("everything"), "login").await.expect("taken back");
    assert_eq!(page.get(&me).await.expect("an answer")["status"], 401, "not even from what was kept");
    assert!(client.consents().await.expect("listed").is_empty());
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_which_passes_a_page_saw_and_whose_and_that_it_learnt_the_place() {
    let kit = Kit::logged_in().await;
    let client = kit.phone.client();
    for holder in [None, Some("an")] {
        client.add_pass(&region("cn-sd"), "transit", holder).await.expect("a pass");
    }
    let page = kit.opens("everything").await;
    for _ in 0..2 {
        let listed = page.call("passes_list", json!({ "pass_type": "transit" })).await.expect("listed");
        assert_eq!(listed.as_array().map(Vec::len), Some(2));
        page.call("locate", json!({})).await.expect("there");
    }
    let log = client.disclosures().await.expect("listed");
    let seen = |purpose: &str, child: bool| {
        let all = log.iter().filter(|own| own.purpose == purpose && own.holder.is_some() == child);
        all.map(|own| (own.what.as_str(), own.verifier.as_str(), own.fields.as_slice())).collect::<Vec<_>>()
    };
    let titles = ["Transit pass".to_owned()];
    assert_eq!(seen("Passes seen", false), [("Everything", "Jinan", &titles[..])]);
    assert_eq!(seen("Passes seen", true), [("Everything", "Jinan", &titles[..])], "of the child, by name");
    assert_eq!(seen("Location seen", false), [("Everything", "Jinan", &["location".to_owned()][..])]);
    assert_eq!(log.len(), 3, "the same once a day");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_know_the_same_resident_by_different_names_and_keys() {
    let kit = Kit::logged_in().await;
    let mut subjects = Vec::new();
    for app_id in ["everything", "other"] {
        let page = kit.opens(app_id).await;
        page.call("login", json!({})).await.expect("agreed");
        subjects.push(page.get(&kit.url("/me")).await.expect("an answer")["body"]["subject"].clone());
    }
    assert_ne!(subjects[0], subjects[1]);
    let keys = kit.world.service_keys();
    assert_eq!(keys.len(), 2, "nor does a key link them");
    kit.skip(400);
    let page = kit.opens("everything").await;
    let again = page.call("request", json!({ "method": "GET", "url": kit.url("/me") })).await.expect("a new token");
    assert_eq!(again["body"]["subject"], subjects[0], "the same each time");
    assert!(kit.world.service_keys().is_subset(&keys), "nor does the same service get a new one");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_asks_for_more_asks_again() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    page.call("login", json!({})).await.expect("agreed");
    kit.resident.was_asked();
    let mut newer = manifest("everything", 2, kit.world.origin());
    newer["onecity"]["fields"] = json!(["name", "phone_number"]);
    publish(&kit.world, &newer, &[]);
    let client = kit.phone.client();
    client.sync(&jinan()).await.expect("synced");
    // The new version is fetched behind the old one, and opens at the next start.
    kit.resident
        .sees("the new version", async || kit.opens("everything").await.session.manifest().version.code == 2)
        .await;
    let page = kit.opens("everything").await;
    assert_eq!(page.get(&kit.url("/me")).await.expect("an answer")["status"], 401, "not on the old consent");
    kit.resident.will(false);
    assert_eq!(page.call("login", json!({})).await, Err("consent".to_owned()));
    assert_eq!(kit.resident.was_asked()[0].fields, ["name", "phone_number"]);
    assert_eq!(page.call("login", json!({})).await, Err("consent".to_owned()), "not again by itself");
    assert!(kit.resident.was_asked().is_empty());
    client.touched(&page.session);
    page.call("login", json!({})).await.expect("agreed");
    let body = page.get(&kit.url("/me")).await.expect("an answer")["body"].clone();
    assert!(body["fields"]["phone_number"].is_string(), "{body}");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clearing_a_service_takes_its_values_answers_consents_and_tokens_and_no_other_s() {
    let kit = Kit::logged_in().await;
    for app_id in ["everything", "other"] {
        let page = kit.opens(app_id).await;
        page.call("login", json!({})).await.expect("agreed");
        page.get(&kit.url("/me")).await.expect("an answer");
        page.call("storage_set", json!({ "key": "k", "value": "v".repeat(1000) })).await.expect("kept");
    }
    let client = kit.phone.client();
    let of = |report: &onecity_core::StorageView, app_id: &str| {
        report.services.iter().find(|own| own.id.app_id == app_id).cloned()
    };
    let before = client.storage().await.expect("counted");
    let own = of(&before, "everything").expect("listed");
    assert!(own.packages > 500 && own.values > 1000 && own.answers > 50, "{own:?}");
    assert!(before.vault > 0 && before.catalogue > 0);
    client.clear_service(&service("everything")).await.expect("cleared");
    let after = client.storage().await.expect("counted");
    assert_eq!(of(&after, "everything"), None);
    assert_eq!(of(&after, "other"), of(&before, "other"));
    let consents = client.consents().await.expect("listed");
    assert!(consents.iter().all(|own| own.service.app_id == "other"));
    let page = kit.opens("everything").await;
    assert_eq!(page.call("storage_get", json!({ "key": "k" })).await, Ok(json!(null)));
    assert_eq!(page.get(&kit.url("/me")).await.expect("an answer")["status"], 401);
    kit.server.stop().await;
}
