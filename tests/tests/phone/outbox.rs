//! What is handed in: once, in order, with photos, cancelled in time, and followed.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use mock_server::Preset;
use onecity_core::platform::Photo;
use onecity_core::{Error, PendingReason, Refusal, SubmissionState, SubmissionView};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::kit::{Kit, Page, jinan, manifest, publish, service};

async fn settled(kit: &Kit, id: &str) -> SubmissionView {
    kit.phone.client().deliver().await.expect("tried");
    let all = kit.phone.client().submissions().await.expect("listed");
    all.into_iter().find(|own| own.id == id).expect("there")
}

fn is_delivered(view: &SubmissionView) -> bool {
    matches!(view.state, SubmissionState::Delivered { .. })
}

fn photo(bytes: usize) -> Photo {
    let bytes = (0..bytes).map(|at| (at * 7 % 251) as u8).collect();
    Photo { name: "lamp/../out.jpg".to_owned(), media_type: "image/jpeg".to_owned(), bytes }
}

/// Hands a report in with a photo.
async fn with_photo(page: &Page<'_>, url: &str, photo: &Value) -> Result<String, String> {
    let params = json!({ "url": url, "title": "A lamp", "body": { "text": "out" }, "attachments": [photo["id"]] });
    Ok(page.call("submit", params).await?["id"].as_str().expect("an id").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_goes_with_a_report_and_goes_on_where_it_broke_off() {
    let kit = Kit::new().await;
    let page = kit.opens("everything").await;
    let reports = kit.url("/reports");
    *kit.resident.photo.lock().expect("held") = Some(photo(700_000));
    let picked = page.call("pick_photo", json!({})).await.expect("a photo");
    assert_eq!((picked["name"].as_str(), picked["size"].as_u64()), (Some("lamp_.._out.jpg"), Some(700_000)));
    let id = with_photo(&page, &reports, &picked).await.expect("kept");
    assert_eq!(with_photo(&page, &reports, &picked).await, Err("not_found".to_owned()), "a photo goes once");
    // The next answer that matters is lost, whatever has been sent by then.
    kit.world.faults.begin(Preset::LoseReply);
    let mut view = settled(&kit, &id).await;
    for _ in 0..4 {
        view = settled(&kit, &id).await;
    }
    assert!(is_delivered(&view), "{:?}", view.state);
    assert_eq!(view.attachments, 1);
    let received = kit.world.attachment(picked["id"].as_str().expect("an id")).expect("whole");
    assert_eq!(received, photo(700_000).bytes);
    assert_eq!(kit.world.submissions_taken(), 1);
    let SubmissionState::Delivered { receipt, .. } = &view.state else { panic!("delivered") };
    assert_eq!(receipt["received"]["attachments"][0]["media_type"], "image/jpeg");
    let storage = kit.phone.client().storage().await.expect("counted");
    assert!(storage.services.iter().all(|own| own.attachments == 0), "the phone does not keep what the city has");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_megabytes_go_with_the_app_ended_in_between() {
    let kit = Kit::new().await;
    *kit.resident.photo.lock().expect("held") = Some(photo(20 << 20));
    let (id, picked) = {
        let page = kit.opens("everything").await;
        let picked = page.call("pick_photo", json!({})).await.expect("a photo");
        kit.server.stop().await;
        let id = with_photo(&page, &kit.url("/reports"), &picked).await;
        kit.server.start();
        (id.expect("kept"), picked)
    };
    let phone = kit.phone.restart().await.expect("another process");
    phone.client().deliver().await.expect("tried");
    let all = phone.client().submissions().await.expect("listed");
    assert!(is_delivered(all.iter().find(|own| own.id == id).expect("there")));
    assert_eq!(kit.world.attachment(picked["id"].as_str().expect("an id")).expect("whole").len(), 20 << 20);
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_s_submissions_arrive_in_the_order_they_were_handed_in() {
    let kit = Kit::new().await;
    let page = kit.opens("everything").await;
    let other = kit.opens("other").await;
    let (reports, missing) = (kit.url("/reports"), format!("{}/nowhere", kit.world.origin()));
    kit.world.faults.begin(Preset::CityDown);
    let first = page.submit(&reports, json!({ "n": 1 })).await.expect("kept");
    let second = page.submit(&reports, json!({ "n": 2 })).await.expect("kept");
    let another = other.submit(&missing, json!({ "n": 3 })).await.expect("kept");
    kit.phone.client().deliver().await.expect("tried");
    let all = kit.phone.client().submissions().await.expect("listed");
    let of = |id: &str| all.iter().find(|own| own.id == id).expect("there").clone();
    assert!(matches!(of(&first).state, SubmissionState::Waiting { pending: Some(PendingReason::Network), .. }));
    assert!(matches!(of(&second).state, SubmissionState::Waiting { attempts: 0, .. }), "it waits for the first");
    assert!(of(&first).advice.expect("what to do").contains("by itself"));
    let SubmissionState::Refused { reason, conflict: false, .. } = of(&another).state else { panic!("refused") };
    assert!(!reason.is_empty() && of(&another).advice.is_some(), "another service does not wait");
    kit.world.faults.end(&Preset::CityDown.name());
    settled(&kit, &second).await;
    let view = settled(&kit, &second).await;
    assert!(is_delivered(&view));
    let all = page.call("submissions_list", json!({})).await.expect("listed");
    let states: Vec<&str> = all.as_array().expect("a list").iter().filter_map(|own| own["state"].as_str()).collect();
    assert_eq!(states, ["delivered", "delivered"], "a page sees its own alone");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_cancelled_before_it_is_sent_and_not_after() {
    let kit = Kit::new().await;
    let page = kit.opens("everything").await;
    let reports = kit.url("/reports");
    let client = kit.phone.client();
    let sent = page.submit(&reports, json!({ "n": 1 })).await.expect("kept");
    assert!(is_delivered(&settled(&kit, &sent).await));
    let refused = client.cancel_submission(&sent).await;
    assert!(matches!(refused, Err(Error::Refused { reason: Refusal::AlreadySent, .. })), "{refused:?}");
    // The city has it, and the phone has not heard.
    kit.world.faults.begin(Preset::LoseReply);
    let lost = page.submit(&reports, json!({ "n": 2 })).await.expect("kept");
    kit.resident.sees("the first try", async || kit.world.submissions_taken() == 2).await;
    let refused = client.cancel_submission(&lost).await;
    assert!(matches!(refused, Err(Error::Refused { reason: Refusal::AlreadySent, .. })), "{refused:?}");
    settled(&kit, &lost).await;

    kit.world.faults.begin(Preset::CityDown);
    let waiting = page.submit(&reports, json!({ "n": 3 })).await.expect("kept");
    client.deliver().await.expect("tried");
    assert!(client.cancel_submission(&waiting).await.is_err(), "nobody answers whether it came");
    kit.world.faults.end(&Preset::CityDown.name());
    client.cancel_submission(&waiting).await.expect("the city says that it has no such");
    client.deliver().await.expect("tried");
    assert_eq!(kit.world.submissions_taken(), 2);
    assert_eq!(client.submissions().await.expect("listed").len(), 2);
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_city_s_timeline_is_pulled_and_shown() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    page.call("login", json!({})).await.expect("agreed");
    let id = page.submit(&kit.url("/reports"), json!({ "n": 1 })).await.expect("kept");
    let view = settled(&kit, &id).await;
    let SubmissionState::Delivered { receipt, .. } = &view.state else { panic!("delivered: {:?}", view.state) };
    assert!(receipt["subject"].is_string(), "it went with the service's token");
    assert!(kit.world.progress(&id, "in_progress", "A crew is on its way\u{7}"));
    assert_eq!(kit.phone.client().update_submissions().await.expect("asked"), 1);
    let view = settled(&kit, &id).await;
    let told: Vec<&str> = view.timeline.iter().map(|entry| entry.status.as_str()).collect();
    assert_eq!(told, ["received", "in_progress"]);
    assert_eq!(view.timeline[1].text, "A crew is on its way");
    assert_eq!(kit.phone.client().update_submissions().await.expect("asked"), 0, "no news");
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_days_offline_lose_nothing_and_a_lapsed_login_or_consent_says_what_to_do() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    page.call("login", json!({})).await.expect("agreed");
    let reports = kit.url("/reports");
    kit.server.stop().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(page.submit(&reports, json!({ "n": number })).await.expect("kept with no network"));
    }
    kit.phone.client().deliver().await.expect("tried");
    kit.skip(30 * 86_400);
    kit.server.start();
    kit.world.end_all_sessions();
    kit.phone.client().deliver().await.expect("tried");
    let all = kit.phone.client().submissions().await.expect("listed");
    let first = all.iter().find(|own| own.id == ids[0]).expect("there");
    assert!(
        matches!(first.state, SubmissionState::Waiting { pending: Some(PendingReason::Login), .. }),
        "{:?}",
        first.state
    );
    assert!(first.advice.as_ref().expect("what to do").contains("logged in"));
    kit.phone.log_in("shandong", "lan").await.expect("again");
    kit.phone.client().revoke_consent(&service("everything"), "login").await.expect("taken back");
    kit.phone.client().deliver().await.expect("tried");
    let all = kit.phone.client().submissions().await.expect("listed");
    let first = all.iter().find(|own| own.id == ids[0]).expect("there");
    assert!(
        matches!(first.state, SubmissionState::Waiting { pending: Some(PendingReason::Consent), .. }),
        "{:?}",
        first.state
    );
    kit.opens("everything").await.call("login", json!({})).await.expect("agreed again");
    kit.phone.client().deliver().await.expect("tried");
    let all = kit.phone.client().submissions().await.expect("listed");
    assert!(all.iter().all(is_delivered));
    assert_eq!(kit.world.submissions_taken(), 5);
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_loses_nothing_that_waits_unless_the_resident_says_so() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    kit.server.stop().await;
    page.submit(&kit.url("/reports"), json!({ "n": 1 })).await.expect("kept");
    let client = kit.phone.client();
    let refused = client.logout(false).await;
    assert!(matches!(refused, Err(Error::Refused { reason: Refusal::StillWaiting, .. })), "{refused:?}");
    assert!(client.account().await.expect("read").is_some());
    kit.server.start();
    client.logout(false).await.expect("what waited is sent first");
    assert_eq!(kit.world.submissions_taken(), 1);

    kit.phone.log_in("shandong", "lan").await.expect("logged in");
    let page = kit.opens("everything").await;
    kit.server.stop().await;
    page.submit(&kit.url("/reports"), json!({ "n": 2 })).await.expect("kept");
    client.logout(true).await.expect("as the resident said");
    kit.server.start();
    client.deliver().await.expect("nothing is left");
    assert_eq!(kit.world.submissions_taken(), 1);
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_that_wants_to_know_who_it_is_refuses_what_came_without_a_login() {
    let kit = Kit::logged_in().await;
    let page = kit.opens("everything").await;
    let id = page.submit(&kit.url("/certificates"), json!({ "for": "school" })).await.expect("kept");
    let view = settled(&kit, &id).await;
    assert!(matches!(view.state, SubmissionState::Refused { .. }), "it holds nothing up: {:?}", view.state);
    kit.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_that_answers_nonsense_to_an_upload_has_not_taken_the_report() {
    let kit = Kit::new().await;
    let page = kit.opens("everything").await;
    *kit.resident.photo.lock().expect("held") = Some(photo(1_000));
    let picked = page.call("pick_photo", json!({})).await.expect("a photo");
    // A page that answers 200 to everything, which is no resumable upload.
    let params = json!({
        "url": format!("{}/city/cn-sd.jinan/hotline", kit.world.origin()), "title": "t", "body": { "a": 1 },
        "attachments": [picked["id"]],
    });
    let id = page.call("submit", params).await.expect("kept")["id"].as_str().expect("an id").to_owned();
    let view = settled(&kit, &id).await;
    assert!(!is_delivered(&view), "{:?}", view.state);
    kit.server.stop().await;
}

/// A city that answers what it is handed only once it is let go on, and says that it has nothing.
struct Late {
    asked: Mutex<Vec<Method>>,
    go_on: Semaphore,
}

impl Late {
    async fn start() -> (Arc<Self>, String) {
        let late = Arc::new(Self { asked: Mutex::default(), go_on: Semaphore::new(0) });
        let answer = async |State(late): State<Arc<Self>>, request: Request| {
            late.asked.lock().expect("held").push(request.method().clone());
            if request.method() == Method::GET {
                return StatusCode::NOT_FOUND;
            }
            // It is closed once the city goes on.
            let _ = late.go_on.acquire().await;
            StatusCode::CREATED
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let app = Router::new().fallback(answer).with_state(Arc::clone(&late));
        tokio::spawn(async move { axum::serve(listener, app).await.expect("served") });
        (late, origin)
    }

    fn posted(&self) -> usize {
        self.asked.lock().expect("held").iter().filter(|method| **method == Method::POST).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_city_does_not_answer_holds_no_other_up_and_taking_back_waits_for_nothing_else() {
    let kit = Kit::new().await;
    let (late, origin) = Late::start().await;
    publish(&kit.world, &manifest("late", 1, &origin), &[]);
    let client = kit.phone.client();
    client.sync(&jinan()).await.expect("synced");
    let (page, other) = (kit.opens("late").await, kit.opens("other").await);
    let mut waiting = Vec::new();
    for number in 0..4 {
        waiting.push(page.submit(&format!("{origin}/reports"), json!({ "n": number })).await.expect("kept"));
    }
    let state = async |id: &str| {
        let all = client.submissions().await.expect("listed");
        all.into_iter().find(|own| own.id == id).map(|own| own.state)
    };
    let arrives = async |id: &str| {
        let delivered = async || matches!(state(id).await, Some(SubmissionState::Delivered { .. }));
        kit.resident.sees("another service's is delivered", delivered).await;
    };
    // By itself, and while everything is being delivered.
    let first = other.submit(&kit.url("/reports"), json!({ "n": 1 })).await.expect("kept");
    arrives(&first).await;
    let all = client.deliver();
    let meanwhile = async {
        let second = other.submit(&kit.url("/reports"), json!({ "n": 2 })).await.expect("kept");
        arrives(&second).await;
        // Those behind the one on its way are taken back at once: nothing of them was sent.
        client.cancel_submission(&waiting[2]).await.expect("taken back");
        assert_eq!(late.posted(), 1, "one at a time, and it has no answer yet");
        late.go_on.close();
    };
    let (delivered, ()) = tokio::join!(all, meanwhile);
    delivered.expect("delivered");
    for (at, id) in waiting.iter().enumerate() {
        assert_eq!(matches!(state(id).await, Some(SubmissionState::Delivered { .. })), at != 2, "{at}");
    }
    assert_eq!(late.posted(), 3, "what was taken back never came");
    assert_eq!(kit.world.submissions_taken(), 2);
    kit.server.stop().await;
}
