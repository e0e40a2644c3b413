//! Drafts: kept as they are filled in, and handed from a helper's phone to the resident's own.

use mock_server::Phone;
use onecity_core::{Error, Refusal, SubmissionState};
use serde_json::json;

use crate::kit::{Kit, Page, jinan, service};

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_was_begun_survives_the_app_s_end_and_goes_when_it_is_handed_in() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    let body = json!({ "street": "1 Example Road", "lamp": 7 });
    page.call("draft_set", json!({ "title": "A lamp", "body": body })).await.expect("kept");
    drop(page);
    let phone = kit.phone.restart().await.expect("another process");
    let session = phone.client().open_service(&service("everything"), &jinan()).await.expect("opened");
    let page = Page { phone: &phone, session };
    let draft = page.call("draft_get", json!({})).await.expect("kept");
    assert_eq!((&draft["body"], &draft["by"]), (&body, &json!(null)));
    let url = format!("{}/city/cn-sd.jinan/reports", kit.world.origin());
    page.submit(&url, body).await.expect("handed in");
    assert_eq!(page.call("draft_get", json!({})).await, Ok(json!(null)));
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relative_fills_a_form_in_and_the_elder_submits_it_as_herself() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    let body = json!({ "street": "1 Example Road", "phone": "none" });
    page.call("draft_set", json!({ "title": "Heating", "body": body })).await.expect("kept");
    page.call("draft_hand_over", json!({})).await.expect("shown");
    let shown = kit.resident.handed.lock().expect("held").pop().expect("a code");
    assert!(shown.picture.width > 20 && shown.link.starts_with("onecity://miniapp/cn-sd.jinan:everything#draft="));
    assert!(!shown.link.contains("token") && shown.link.len() < 1000);
    let scanned = mock_server::read(&mock_server::png(&shown.picture, 4).expect("a picture"))
        .expect("another phone's camera reads it");
    assert_eq!(scanned, shown.link);

    let elder = Phone::new(&kit.world, &["zh"]).expect("her phone");
    elder.log_in("shandong", "grandmother").await.expect("logged in");
    elder.client().sync(&jinan()).await.expect("synced");
    let draft = elder.client().accept_draft(&shown.link).await.expect("taken over");
    assert_eq!((draft.title.as_str(), draft.by.as_deref()), ("Heating", Some("Persona Lan")));
    let again = elder.client().accept_draft(&shown.link).await;
    assert!(matches!(again, Err(Error::Refused { reason: Refusal::DraftExpired, .. })), "once: {again:?}");
    let session = elder.client().open_service(&draft.service, &jinan()).await.expect("opened");
    let hers = Page { phone: &elder, session };
    let waiting = hers.call("draft_get", json!({})).await.expect("it waits");
    assert_eq!((&waiting["body"], waiting["by"].as_str()), (&body, Some("Persona Lan")));
    assert!(elder.client().submissions().await.expect("listed").is_empty(), "nothing is sent unseen");
    hers.call("login", json!({})).await.expect("agreed");
    hers.submit(&kit.url("/reports"), waiting["body"].clone()).await.expect("handed in");
    elder.client().deliver().await.expect("delivered");
    let sent = elder.client().submissions().await.expect("listed");
    let SubmissionState::Delivered { receipt, .. } = &sent[0].state else { panic!("delivered: {sent:?}") };
    let her_subject = hers.get(&kit.url("/me")).await.expect("known")["body"]["subject"].clone();
    assert_eq!(receipt["subject"], her_subject, "as herself");
    assert!(kit.phone.client().submissions().await.expect("listed").is_empty());

    let log = elder.client().disclosures().await.expect("listed");
    assert!(log.iter().any(|own| own.purpose == "接收代填表单" && own.verifier == "Persona Lan"));
    let log = kit.phone.client().disclosures().await.expect("listed");
    assert!(log.iter().any(|own| own.purpose == "Draft handed over" && own.fields == ["phone", "street"]), "{log:?}");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_taken_over_within_ten_minutes_and_a_made_up_one_never() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    assert_eq!(page.call("draft_hand_over", json!({})).await, Err("not_found".to_owned()));
    page.call("draft_set", json!({ "title": "t", "body": { "a": 1 } })).await.expect("kept");
    page.call("draft_hand_over", json!({})).await.expect("shown");
    let link = kit.resident.handed.lock().expect("held").pop().expect("a code").link;
    let (head, packed) = link.split_once("draft=").expect("a draft");
    let client = kit.phone.client();
    for wrong in ["", "A", "eJw", &packed[..packed.len() / 2], &format!("{packed}AAAA"), &"A".repeat(2000)] {
        let refused = client.accept_draft(&format!("{head}draft={wrong}")).await;
        assert!(matches!(refused, Err(Error::InvalidInput { .. })) || wrong.ends_with("AAAA"), "{wrong}: {refused:?}");
    }
    assert!(client.accept_draft("onecity://miniapp/cn-sd.jinan:everything").await.is_err());
    kit.skip(601);
    let late = client.accept_draft(&link).await;
    assert!(matches!(late, Err(Error::Refused { reason: Refusal::DraftExpired, .. })), "{late:?}");
    // One's own form is not written over by a code.
    page.call("draft_hand_over", json!({})).await.expect("shown");
    let link = kit.resident.handed.lock().expect("held").pop().expect("a code").link;
    let occupied = client.accept_draft(&link).await;
    assert!(matches!(occupied, Err(Error::Refused { reason: Refusal::DraftThere, .. })), "{occupied:?}");
    kit.phone.client().clear_service(&service("everything")).await.expect("cleared");
    let page = kit.opens("everything").await;
    let scattered = |count: u32| (0..count).map(|n| format!("{:x}", n.wrapping_mul(2_654_435_761))).collect::<String>();
    page.call("draft_set", json!({ "title": "t", "body": { "text": scattered(180) } })).await.expect("kept");
    page.call("draft_hand_over", json!({})).await.expect("the longest that is shown, or nearly");
    let shown = kit.resident.handed.lock().expect("held").pop().expect("a code");
    assert!((1_000..=1_273).contains(&shown.link.len()), "{}", shown.link.len());
    assert_eq!(mock_server::read(&mock_server::png(&shown.picture, 4).expect("a picture")).expect("read"), shown.link);
    let long = json!({ "text": (0..4000).map(|n| format!("{n:x}")).collect::<String>() });
    page.call("draft_set", json!({ "title": "t", "body": long })).await.expect("kept");
    assert_eq!(page.call("draft_hand_over", json!({})).await, Err("quota".to_owned()), "too long for a code");
    kit.server.stop().await;
}
