//! A phone that has not heard of a registry for 200 days: what was trusted goes on, and nobody is newly trusted.

use onecity_core::{DocumentStatus, Error, Freshness, Refusal};
use serde_json::{Value, json};
use url::Url;

use crate::kit::{Kit, jinan, region};

const DAY: i64 = 86_400;

fn certificate() -> Value {
    json!({ "vct": "residence_certificate", "title": "Residence certificate (demo)" })
}

/// Lets 200 days pass, after which the registries say what they said before.
fn frozen_for_200_days(kit: &Kit) {
    let ids = ["cn", "cn-sd"].map(region);
    let before = ids.map(|id| (kit.world.registry(|registry| registry.files(&id).cloned()).expect("served"), id));
    kit.skip(200 * DAY);
    for (files, id) in before {
        kit.world.registry_mut(|registry| registry.serve_instead(&id, files));
    }
}

/// The registries are signed again.
fn thawed(kit: &Kit) {
    kit.skip(2 * DAY);
}

/// The list is too old, whether or not somebody has confirmed the date by which it is.
fn is_too_old<T>(outcome: Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Expired { .. } | Error::Refused { reason: Refusal::PhoneClock, .. }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_or_document_is_not_newly_trusted_by_a_list_that_has_ended_and_what_is_on_the_phone_goes_on() {
    let kit = Kit::logged_in().await;
    let client = kit.phone.client();
    let page = kit.opens("everything").await;
    let signed = |name: &str| kit.world.document(&jinan(), certificate(), &json!({ "name": name })).expect("signed");
    let kept = signed("Lan");
    page.call("documents_keep", json!({ "document": kept })).await.expect("genuine");
    let order = json!({ "order": "A-1", "url": kit.url("/pay"), "amount": 1250, "currency": "CNY" });
    let paying = page.call("pay", order);
    let late = async {
        let browsed = async || !kit.resident.browsed.lock().expect("held").is_empty();
        kit.resident.sees("the browser", browsed).await;
        let mut url = Url::parse(&kit.resident.browsed.lock().expect("held").remove(0)).expect("a URL");
        url.query_pairs_mut().append_pair("order", "A-1").append_pair("amount", "1250").append_pair("currency", "CNY");
        frozen_for_200_days(&kit);
        let receipt = kit.world.pay(url.as_str()).expect("paid");
        assert!(is_too_old(client.finish_payment(&receipt).await), "a receipt");
        let new = signed("Minh");
        assert!(is_too_old(client.check_document(&region("cn-sd"), &new).await), "somebody else's document");
        assert!(is_too_old(client.add_pass(&jinan(), "transit", None).await), "a pass of an issuer that may be gone");
        // What was trusted before goes on.
        kit.opens("everything").await;
        let home = client.home(&jinan()).await.expect("home");
        assert!(!home.services.is_empty() && matches!(home.freshness, Freshness::Stale { .. }), "{:?}", home.freshness);
        let documents = client.documents().await.expect("listed");
        assert_eq!((documents.len(), documents[0].status), (1, DocumentStatus::Good));
        // The registry is back: the list is asked for by itself.
        thawed(&kit);
        client.check_document(&region("cn-sd"), &new).await.expect("genuine");
        client.finish_payment(&receipt).await.expect("nothing was lost")
    };
    let (receipt, _) = tokio::join!(paying, late);
    assert_eq!(receipt.expect("a receipt")["order"], "A-1");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_not_logged_in_with_by_a_list_that_has_ended_unless_only_the_phone_s_date_says_so() {
    let kit = Kit::new().await;
    let client = kit.phone.client();
    // The phone's date alone is wrong: the login sets it right.
    kit.clock.set_wall_offset(200 * DAY * 1000);
    kit.phone.log_in("cn/shandong", "lan").await.expect("logged in");
    kit.clock.set_wall_offset(0);
    frozen_for_200_days(&kit);
    let refused = client.begin_login("cn/shandong", "onecity://login").await;
    assert!(matches!(refused, Err(Error::Expired { .. })), "{refused:?}");
    // What was trusted before goes on.
    assert!(client.account().await.expect("read").is_some());
    thawed(&kit);
    kit.phone.log_in("cn/shandong", "lan").await.expect("by a new list");
    kit.server.stop().await;
}
