//! Paying: the city's page in the browser, and a receipt that must be genuine and for this very order.

use onecity_core::Error;
use serde_json::{Value, json};
use url::Url;

use crate::kit::{Kit, jinan};

fn order(kit: &Kit, number: &str, amount: u64) -> Value {
    json!({ "order": number, "url": kit.url("/pay?order=ignored").replace("?order=ignored", ""), "amount": amount, "currency": "CNY" })
}

/// The address that the browser was opened at, as the city completes it with the order.
async fn browsed(kit: &Kit, number: &str, amount: u64) -> String {
    let opened = async || !kit.resident.browsed.lock().expect("held").is_empty();
    kit.resident.sees("the browser", opened).await;
    let mut url = Url::parse(&kit.resident.browsed.lock().expect("held").remove(0)).expect("a URL");
    url.query_pairs_mut()
        .append_pair("order", number)
        .append_pair("amount", &amount.to_string())
        .append_pair("currency", "CNY");
    url.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_paid_and_the_page_gets_a_verified_receipt() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    let paying = page.call("pay", order(&kit, "A-1", 1250));
    let paid = async {
        let url = browsed(&kit, "A-1", 1250).await;
        let form = reqwest::get(&url).await.expect("the page").text().await.expect("read");
        assert!(form.contains("12.50 CNY"), "the resident sees what they pay");
        let back = kit.world.pay(&url).expect("paid");
        assert!(back.starts_with("onecity://pay?"));
        kit.phone.client().finish_payment(&back).await.expect("genuine")
    };
    let (receipt, view) = tokio::join!(paying, paid);
    let receipt = receipt.expect("a receipt");
    assert_eq!((receipt["order"].as_str(), receipt["amount"].as_u64()), (Some("A-1"), Some(1250)));
    assert_eq!((view.payee.as_str(), view.currency.as_str()), ("Jinan", "CNY"));
    assert_eq!(page.call("receipt", json!({ "order": "A-1" })).await.expect("kept")["amount"], 1250);
    assert_eq!(page.call("pay", order(&kit, "A-1", 1250)).await.expect("paid already"), receipt, "nobody pays twice");
    let other = kit.opens("other").await;
    assert_eq!(other.call("receipt", json!({ "order": "A-1" })).await, Ok(json!(null)));
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_for_another_order_or_amount_or_by_a_stranger_is_worth_nothing() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    let paying = page.call("pay", order(&kit, "B-1", 500));
    let tried = async {
        let url = browsed(&kit, "B-1", 500).await;
        let client = kit.phone.client();
        let less = kit.world.pay(&url.replace("amount=500", "amount=5")).expect("signed");
        let other = kit.world.pay(&url.replace("order=B-1", "order=B-2")).expect("signed");
        let city = kit.world.pay(&url.replace("/cn-sd.jinan/", "/cn-sd.qingdao/")).expect("signed by the same issuer");
        let again = kit.world.pay(&url.replace("state=", "state=x")).expect("signed");
        let again = again.replace("state=x", "state=");
        for wrong in [less, other, city, again] {
            let refused = client.finish_payment(&wrong).await;
            assert!(matches!(refused, Err(Error::SignatureInvalid { .. })), "{refused:?}");
        }
        let right = kit.world.pay(&url).expect("signed");
        let claims = json!({ "vct": "residence_certificate", "sub": "B-1", "amount": 500, "currency": "CNY" });
        let another_kind = kit.world.document(&jinan(), claims, &json!({})).expect("signed");
        let (head, _) = right.split_once("receipt=").expect("a receipt");
        let refused = client.finish_payment(&format!("{head}receipt={another_kind}")).await;
        assert!(matches!(refused, Err(Error::SignatureInvalid { .. })), "{refused:?}");
        let refused = client.finish_payment(&right.replace("state=", "state=x")).await;
        assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
        client.finish_payment(&right).await.expect("genuine");
        assert!(client.finish_payment(&right).await.is_err(), "it counts once");
    };
    let (receipt, ()) = tokio::join!(paying, tried);
    receipt.expect("paid in the end");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_goes_with_the_account_that_began_it() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    let client = kit.phone.client();
    let back = tokio::select! {
        _ = page.call("pay", order(&kit, "C-1", 700)) => panic!("nobody has paid yet"),
        url = browsed(&kit, "C-1", 700) => kit.world.pay(&url).expect("paid"),
    };
    drop(page);
    client.logout(true).await.expect("logged out");
    kit.phone.log_in("shandong", "lan").await.expect("the same person again");
    let refused = client.finish_payment(&back).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    let page = kit.opens("everything").await;
    assert_eq!(page.call("receipt", json!({ "order": "C-1" })).await, Ok(json!(null)));
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resident_who_goes_back_has_paid_nothing_and_may_still_pay() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    let paying = page.call("pay", order(&kit, "E-1", 700));
    let tried = async {
        let url = browsed(&kit, "E-1", 700).await;
        let right = kit.world.pay(&url).expect("signed");
        let (head, _) = right.split_once("&receipt=").expect("a receipt");
        let refused = kit.phone.client().finish_payment(head).await;
        assert!(matches!(refused, Err(Error::Cancelled)), "{refused:?}");
        right
    };
    let (answer, right) = tokio::join!(paying, tried);
    assert_eq!(answer, Err("cancelled".to_owned()), "at once");
    kit.phone.client().finish_payment(&right).await.expect("paid after all");
    assert_eq!(page.call("receipt", json!({ "order": "E-1" })).await.expect("kept")["amount"], 700);
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_kept_though_the_app_ended_while_the_browser_was_open() {
    let kit = Kit::logged_in().await;
    let back = {
        let page = kit.opens("everything").await;
        // The page is gone once the browser is open, as when the app ends.
        let url = tokio::select! {
            biased;
            answer = page.call("pay", order(&kit, "C-1", 100)) => panic!("answered before anybody paid: {answer:?}"),
            url = browsed(&kit, "C-1", 100) => url,
        };
        kit.world.pay(&url).expect("paid")
    };
    let phone = kit.phone.restart().await.expect("another process");
    phone.client().finish_payment(&back).await.expect("genuine");
    let session = phone.client().open_service(&crate::kit::service("everything"), &jinan()).await.expect("opened");
    let page = crate::kit::Page { phone: &phone, session };
    assert_eq!(page.call("receipt", json!({ "order": "C-1" })).await.expect("kept")["amount"], 100);
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_none_opens_no_browser() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    for (member, value) in
        [("amount", json!(0)), ("currency", json!("yuan")), ("order", json!("")), ("order", json!("a b"))]
    {
        let mut wrong = order(&kit, "D-1", 100);
        wrong[member] = value;
        assert_eq!(page.call("pay", wrong).await, Err("invalid_call".to_owned()), "{member}");
    }
    let mut elsewhere = order(&kit, "D-1", 100);
    elsewhere["url"] = "https://pay.example/".into();
    assert_eq!(page.call("pay", elsewhere).await, Err("not_declared".to_owned()));
    assert!(kit.resident.browsed.lock().expect("held").is_empty());
    kit.server.stop().await;
}
