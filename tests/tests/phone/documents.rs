//! Documents: signed once, kept, shown, checked without a network, shared in part, and handed in again.

use mock_server::Phone;
use onecity_core::{DocumentStatus, Error, Refusal, SubmissionState};
use serde_json::{Value, json};

use crate::kit::{Kit, Page, jinan, region};

const YEAR: i64 = 365 * 86_400;

/// Has a certificate made by the city, and keeps it as its page would.
async fn certificate(kit: &Kit, page: &Page<'_>) -> (Value, String) {
    page.call("login", json!({})).await.expect("agreed");
    let id = page.submit(&kit.url("/certificates"), json!({ "for": "school" })).await.expect("kept");
    kit.phone.client().deliver().await.expect("delivered");
    let all = kit.phone.client().submissions().await.expect("listed");
    let SubmissionState::Delivered { receipt, .. } = &all.iter().find(|own| own.id == id).expect("there").state else {
        panic!("delivered: {all:?}")
    };
    let text = receipt["document"].as_str().expect("a signed document").to_owned();
    let kept = page.call("documents_keep", json!({ "document": text })).await.expect("genuine");
    (kept, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_kept_and_offered_to_the_next_service_after_consent() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    let (kept, text) = certificate(&kit, &page).await;
    assert_eq!(kept["type"], "residence_certificate");
    let shown = kit.phone.client().documents().await.expect("listed");
    assert_eq!((shown.len(), shown[0].status), (1, DocumentStatus::Good));
    assert!(shown[0].fields.iter().any(|field| field.name == "name" && field.value == "Persona Lan"));
    assert_eq!(shown[0].title, "Residence certificate (demo)");
    page.call("documents_keep", json!({ "document": text })).await.expect("the same one");
    assert_eq!(kit.phone.client().documents().await.expect("listed").len(), 1);

    let other = kit.opens("other").await;
    let ask = json!({ "types": ["residence_certificate"] });
    let hands_in = async |id: &Value| {
        let params = json!({ "url": kit.url("/reports"), "title": "Form", "body": { "a": 1 }, "documents": [id] });
        other.call("submit", params).await
    };
    assert_eq!(hands_in(&kept["id"]).await, Err("consent".to_owned()), "not before the resident agrees");
    kit.resident.will(false);
    assert_eq!(other.call("documents_request", ask.clone()).await, Err("consent".to_owned()));
    kit.resident.was_asked();
    kit.phone.client().touched(&other.session);
    let found = other.call("documents_request", ask.clone()).await.expect("agreed");
    assert_eq!(found[0]["title"], "Residence certificate (demo)");
    assert!(found[0].get("fields").is_none() && !found.to_string().contains("Lan"), "what it says is not the page's");
    assert_eq!(kit.resident.was_asked()[0].fields, ["residence_certificate"]);
    let id = hands_in(&found[0]["id"]).await.expect("handed in")["id"].clone();
    kit.phone.client().deliver().await.expect("delivered");
    let all = kit.phone.client().submissions().await.expect("listed");
    let own = all.iter().find(|own| *own.id == *id.as_str().expect("an id")).expect("there");
    let SubmissionState::Delivered { receipt, .. } = &own.state else { panic!("delivered: {:?}", own.state) };
    assert_eq!(receipt["received"]["documents"][0], text, "the city gets what its issuer signed");
    let log = kit.phone.client().disclosures().await.expect("listed");
    assert!(
        log.iter().any(|own| own.purpose == "Documents handed in" && own.fields == ["Residence certificate (demo)"])
    );
    assert_eq!(other.call("documents_request", json!({ "types": ["identity"] })).await, Ok(json!([])));
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_checked_by_another_phone_without_a_network_and_shows_what_was_left_in() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    let (kept, _) = certificate(&kit, &page).await;
    let checker = Phone::new(&kit.world, &["vi"]).expect("another phone");
    checker.client().sync(&jinan()).await.expect("synced");
    let client = kit.phone.client();
    client.share_document(kept["id"].as_str().expect("an id"), &["city".to_owned()]).await.expect("shared");
    let shared = kit.resident.shared.lock().expect("held").pop().expect("shared").text;
    kit.server.stop().await;
    let seen = checker.client().check_document(&region("cn-sd"), &shared).await.expect("genuine");
    let names: Vec<&str> = seen.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!((names, seen.status), (vec!["city"], DocumentStatus::Good));
    let altered = shared.replacen('~', "A~", 1);
    let refused = checker.client().check_document(&region("cn-sd"), &altered).await;
    assert!(matches!(refused, Err(Error::SignatureInvalid { .. })), "{refused:?}");
    assert!(checker.client().documents().await.expect("listed").is_empty(), "looking at it keeps nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_nobody_signed_or_that_has_expired_is_not_handed_in() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    let (kept, text) = certificate(&kit, &page).await;
    for wrong in ["", "a.b.c~", &text.replacen('.', "..", 1), &text[..text.len() - 2]] {
        assert_eq!(page.call("documents_keep", json!({ "document": wrong })).await, Err("not_genuine".to_owned()));
    }
    let claims = json!({ "vct": "driving_licence" });
    let unlisted = kit.world.document(&jinan(), claims, &json!({})).expect("signed");
    assert_eq!(page.call("documents_keep", json!({ "document": unlisted })).await, Err("not_genuine".to_owned()));
    let ask = json!({ "types": ["residence_certificate"] });
    page.call("documents_request", ask.clone()).await.expect("agreed");
    kit.skip(YEAR + 60);
    assert_eq!(kit.phone.client().documents().await.expect("listed")[0].status, DocumentStatus::Expired);
    let params = json!({ "url": kit.url("/reports"), "title": "F", "body": {}, "documents": [kept["id"]] });
    assert_eq!(page.call("submit", params).await, Err("document_expired".to_owned()));
    kit.phone.client().remove_document(kept["id"].as_str().expect("an id")).await.expect("removed");
    let gone = kit.phone.client().remove_document("00").await;
    assert!(matches!(gone, Err(Error::Refused { reason: Refusal::NotFound, .. })));
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_whose_issuer_can_not_be_found_is_kept_and_says_so() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    certificate(&kit, &page).await;
    kit.world.rotate_issuer_key("cn-sd").expect("rotated");
    kit.world.withdraw_old_issuer_keys("cn-sd").expect("withdrawn");
    kit.phone.client().sync(&region("cn-sd")).await.expect("synced");
    let shown = kit.phone.client().documents().await.expect("listed");
    assert_eq!((shown.len(), shown[0].status), (1, DocumentStatus::Unverified));
    kit.server.stop().await;
}
