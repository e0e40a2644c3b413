//! The outbox, drafts, stored answers and the storage report against a back end in memory.

use std::sync::Arc;
use std::time::Duration;

use onecity_protocol::names::Names;
use onecity_store::{Owner, PendingReason, SubmissionState};
use reqwest::Method;
use serde_json::json;

use super::http_cache::RequestContext;
use super::submissions::NewSubmission;
use super::testing::{CITY, Kit, everything};
use crate::device::http::Outgoing;
use crate::device::testing::Reply;
use crate::error::{Error, Refusal};
use crate::views::{Freshness, SubmissionView};

fn new(title: &str) -> NewSubmission {
    NewSubmission {
        service: everything(),
        title: title.to_owned(),
        url: format!("{CITY}/reports"),
        body: json!({ "text": "a lamp is out" }),
        attachments: Vec::new(),
        fields: None,
    }
}

async fn hand_in(kit: &Kit, title: &str) -> SubmissionView {
    kit.submissions.submit(Owner::Phone, new(title)).await.expect("stored")
}

async fn state_of(kit: &Kit, id: &str) -> Option<SubmissionState> {
    let all = kit.submissions.list().await.expect("listed");
    all.into_iter().find(|own| own.id == id).map(|own| own.state)
}

#[tokio::test]
async fn what_was_handed_in_is_delivered_once_under_one_key_when_the_network_is_back() {
    let kit = Kit::new().await;
    let handed_in = hand_in(&kit, "Lamp").await;
    assert_eq!(kit.submissions.deliver().await, Ok(0));
    let waits = state_of(&kit, &handed_in.id).await;
    assert!(matches!(waits, Some(SubmissionState::Waiting { pending: Some(PendingReason::Network), .. })), "{waits:?}");
    assert_eq!(kit.submissions.waiting(&Owner::Phone).await, Ok(1));
    kit.bench().http.always("/reports", Reply::json(&json!({ "number": 7 })).with_status(201));
    assert_eq!(kit.submissions.deliver().await, Ok(1));
    assert_eq!(kit.submissions.deliver().await, Ok(0));
    assert!(matches!(state_of(&kit, &handed_in.id).await, Some(SubmissionState::Delivered { .. })));
    let posted = kit.bench().http.seen().into_iter().filter(|own| own.url.ends_with("/reports"));
    let keys: Vec<_> = posted.map(|own| own.header("idempotency-key").map(str::to_owned)).collect();
    assert!(keys.iter().all(|own| own.as_deref() == Some(&format!("\"{}\"", handed_in.id))), "{keys:?}");
}

#[tokio::test]
async fn a_city_s_no_is_kept_with_its_words_and_does_not_hold_up_what_comes_after() {
    let kit = Kit::new().await;
    kit.bench().http.lose("/reports");
    kit.bench().http.lose("/reports");
    let (first, second) = (hand_in(&kit, "One").await, hand_in(&kit, "Two").await);
    kit.submissions.deliver().await.expect("tried");
    let no = Reply::json(&json!({ "detail": "Name the street" })).with_status(422);
    kit.bench().http.always("/reports", Reply::status(201));
    kit.bench().http.once("/reports", no);
    kit.submissions.deliver().await.expect("delivered");
    let refused = state_of(&kit, &first.id).await;
    let said = "Name the street";
    assert!(matches!(&refused, Some(SubmissionState::Refused { reason, conflict: false, .. }) if reason == said));
    assert!(matches!(state_of(&kit, &second.id).await, Some(SubmissionState::Delivered { .. })));
}

#[tokio::test]
async fn a_clock_that_jumps_by_hours_during_each_try_makes_no_try_follow_at_once() {
    let kit = Kit::new().await;
    let clock = Arc::clone(&kit.bench().clock);
    // The phone sleeps through each try, and wakes with no network.
    kit.bench().http.serve(move |seen| {
        if seen.url.ends_with("/reports") {
            clock.skip(3 * 3_600_000);
        }
        None
    });
    hand_in(&kit, "Lamp").await;
    for _ in 0..3 {
        let tried = tokio::time::timeout(Duration::from_secs(20), kit.submissions.deliver());
        assert_eq!(tried.await.expect("it comes back"), Ok(0));
    }
    // One when it was handed in, and one for each time it was asked for.
    assert!((3..=4).contains(&kit.bench().http.count("/reports")), "{}", kit.bench().http.count("/reports"));
    assert_eq!(kit.submissions.waiting(&Owner::Phone).await, Ok(1));
}

#[tokio::test]
async fn what_no_city_has_is_taken_back_and_what_one_has_is_not() {
    let kit = Kit::new().await;
    let one = hand_in(&kit, "One").await;
    kit.submissions.deliver().await.expect("tried");
    let maybe = kit.submissions.cancel(&one.id).await.expect_err("the city may have it, and there is no network");
    assert!(matches!(maybe, Error::Refused { reason: Refusal::AlreadySent, .. }));
    kit.bench().http.always(&one.id, Reply::status(404));
    kit.submissions.cancel(&one.id).await.expect("the city says that it has no such");
    kit.bench().http.always("/reports", Reply::status(201));
    let two = hand_in(&kit, "Two").await;
    kit.submissions.deliver().await.expect("delivered");
    assert!(matches!(kit.submissions.cancel(&two.id).await, Err(Error::Refused { reason: Refusal::AlreadySent, .. })));
    assert!(matches!(kit.submissions.cancel("x").await, Err(Error::Refused { reason: Refusal::NotFound, .. })));
}

#[tokio::test]
async fn what_became_of_a_submission_is_asked_for_until_it_has_ended() {
    let kit = Kit::new().await;
    kit.bench().http.always("/reports", Reply::status(201));
    let one = hand_in(&kit, "One").await;
    kit.submissions.deliver().await.expect("delivered");
    let promised = json!({ "timeline": [{ "at": 4, "status": "received", "due": 9 }] });
    kit.bench().http.always(&one.id, Reply::json(&promised));
    assert_eq!(kit.submissions.update().await, Ok(1));
    let told = kit.submissions.list().await.expect("listed").remove(0).timeline;
    assert_eq!((told[0].due, told[0].text.as_str()), (Some(9), ""), "what the city promises is kept");
    let timeline = json!({ "timeline": [{ "at": 5, "status": "done", "text": "The lamp is on\u{7}" }] });
    kit.bench().http.always(&one.id, Reply::json(&timeline));
    assert_eq!(kit.submissions.update().await, Ok(1));
    assert_eq!(kit.submissions.update().await, Ok(0));
    assert_eq!(kit.bench().http.count(&one.id), 2, "nothing more will happen to it");
    let told = kit.submissions.list().await.expect("listed").remove(0).timeline;
    assert_eq!(told[0].text, "The lamp is on", "without what no screen can show");
    assert_eq!(kit.submissions.of_service(Owner::Phone, &everything()).await.expect("listed").len(), 1);
}

#[tokio::test]
async fn an_address_inside_somebody_s_own_network_is_handed_nothing() {
    let kit = Kit::new().await;
    let inside = NewSubmission { url: "https://192.168.1.1/reports".to_owned(), ..new("x") };
    assert!(matches!(kit.submissions.submit(Owner::Phone, inside).await, Err(Error::InvalidInput { .. })));
    assert!(kit.submissions.list().await.expect("listed").is_empty());
}

fn ask(kit: &Kit, path: &str) -> Outgoing {
    Outgoing::get(kit.identity.device().http.url(&format!("{CITY}{path}")).expect("a URL"))
}

fn nobody() -> RequestContext {
    RequestContext { owner: Owner::Phone, service: everything(), whom: None }
}

#[tokio::test]
async fn an_answer_is_fresh_then_asked_for_again_and_there_without_a_network() {
    let kit = Kit::new().await;
    let news = || Reply::bytes("news").header("cache-control", "max-age=60").header("etag", "\"1\"");
    kit.bench().http.once("/news", news());
    let answers = async || kit.http_cache.ask(&nobody(), ask(&kit, "/news")).await;
    assert_eq!(answers().await.expect("asked").freshness, Freshness::Fresh);
    assert_eq!(answers().await.expect("stored").body, b"news");
    assert_eq!(kit.bench().http.count("/news"), 1);
    kit.bench().clock.skip(120_000);
    kit.bench().http.once("/news", Reply::status(304).header("cache-control", "max-age=60").header("etag", "\"1\""));
    assert_eq!(answers().await.expect("not modified").body, b"news");
    kit.bench().clock.skip(120_000);
    let offline = answers().await.expect("the network is gone");
    assert!(matches!(offline.freshness, Freshness::Offline { .. }) && offline.body == b"news");
    assert!(matches!(kit.http_cache.ask(&nobody(), ask(&kit, "/never")).await, Err(Error::Network { .. })));
}

#[tokio::test]
async fn what_a_page_changes_is_not_answered_from_before() {
    let kit = Kit::new().await;
    kit.bench().http.once("/news", Reply::bytes("old").header("cache-control", "max-age=3600"));
    kit.http_cache.ask(&nobody(), ask(&kit, "/news")).await.expect("asked");
    kit.bench().http.once("/news", Reply::status(204));
    let change = Outgoing { method: Method::PUT, ..ask(&kit, "/news") };
    kit.http_cache.ask(&nobody(), change).await.expect("changed");
    kit.bench().http.once("/news", Reply::bytes("new"));
    assert_eq!(kit.http_cache.ask(&nobody(), ask(&kit, "/news")).await.expect("asked").body, b"new");
}

#[tokio::test]
async fn a_draft_is_kept_handed_to_another_phone_and_taken_over_once() {
    let (helper, elder) = (Kit::new().await, Kit::new().await);
    helper.identity.log_in("lan").await.expect("logged in");
    let of = helper.owner().await;
    let body = json!({ "street": "Quancheng Road" });
    helper.drafts.set(&of, &everything(), "Lamp".to_owned(), body).await.expect("stored");
    assert!(helper.drafts.get(&of, &everything()).await.expect("read").is_some());
    let names = Names::new().with("en", "Everything");
    let shown = helper.drafts.hand_over(&of, &everything(), names).await.expect("shown");
    let taken = elder.drafts.accept(&shown.link).await.expect("taken over");
    assert_eq!((taken.title.as_str(), taken.by.as_deref()), ("Lamp", Some("Persona lan")));
    let again = elder.drafts.accept(&shown.link).await.expect_err("once");
    assert!(matches!(again, Error::Refused { reason: Refusal::DraftExpired, .. }));
    assert_eq!(elder.identity.consents.disclosures().await.expect("listed").len(), 1, "written down on both phones");
    helper.drafts.set(&of, &everything(), String::new(), json!(null)).await.expect("cleared");
    assert!(helper.drafts.get(&of, &everything()).await.expect("read").is_none());
}

#[tokio::test]
async fn a_draft_that_is_old_too_large_or_not_there_is_refused() {
    let kit = Kit::new().await;
    let nothing = kit.drafts.hand_over(&Owner::Phone, &everything(), Names::new()).await.map(drop);
    assert!(matches!(nothing, Err(Error::Refused { reason: Refusal::NotFound, .. })));
    let large = json!("x".repeat(300 << 10));
    let refused = kit.drafts.set(&Owner::Phone, &everything(), "x".to_owned(), large).await;
    assert!(matches!(refused, Err(Error::Refused { reason: Refusal::Quota, .. })));
    kit.drafts.set(&Owner::Phone, &everything(), "x".to_owned(), json!({ "a": 1 })).await.expect("stored");
    let shown = kit.drafts.hand_over(&Owner::Phone, &everything(), Names::new()).await.expect("shown");
    let there = kit.drafts.accept(&shown.link).await.expect_err("a form is begun here");
    assert!(matches!(there, Error::Refused { reason: Refusal::DraftThere, .. }));
    kit.bench().clock.skip(3_600_000);
    let late = kit.drafts.accept(&shown.link).await.expect_err("an hour later");
    assert!(matches!(late, Error::Refused { reason: Refusal::DraftExpired, .. }));
    assert!(matches!(kit.drafts.accept("onecity://miniapp/x").await, Err(Error::InvalidInput { .. })));
}

#[tokio::test]
async fn the_report_names_what_each_service_has_and_counts_what_can_not_be_read() {
    let kit = Kit::new().await;
    kit.drafts.set(&Owner::Phone, &everything(), "x".to_owned(), json!({ "a": 1 })).await.expect("stored");
    let report = kit.storage.report().await.expect("counted");
    assert_eq!((report.services.len(), report.unreadable), (1, 0));
    let own = &report.services[0];
    assert_eq!((own.id.clone(), own.name.as_str()), (everything(), "Everything"));
    assert!(own.values > 0 && report.vault > 0 && report.catalogue > 0);
    let later = kit.identity.device().vault(|vault| vault.put(&Owner::Phone, "", &OfALaterApp(1)));
    later.await.expect("stored");
    assert_eq!(kit.storage.report().await.expect("counted").unreadable, 1);
}

/// A session as a later version of the app might store it.
#[derive(serde::Serialize, serde::Deserialize)]
struct OfALaterApp(u8);

impl onecity_store::Record for OfALaterApp {
    const KIND: &'static str = "session";
    const FORMAT: u8 = 200;
}
