//! The identity parts against a provider in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use onecity_protocol::manifest::{Manifest, Permission};
use onecity_protocol::service::ServiceId;
use onecity_store::Owner;
use reqwest::header::HeaderName;
use serde_json::json;

use super::testing::{FakeProvider, Identity, REDIRECT};
use super::{Asking, Extent, Learnt, OnBehalf, StepUp, Wish, distrust};
use crate::device::http::Outgoing;
use crate::device::testing::{Bench, CountedKeys, Reply, Resident};
use crate::error::{Error, Refusal};
use crate::platform::Platform;
use crate::views::HolderView;

fn counted() -> (Arc<CountedKeys>, Identity) {
    let keys = Arc::new(CountedKeys::default());
    let own = Arc::clone(&keys);
    (keys, Identity::new(Bench::with(|platform| Platform { keys: own, ..platform })))
}

fn report() -> ServiceId {
    "cn-sd/jinan/report".parse().expect("a service")
}

fn manifest() -> Manifest {
    let manifest = json!({
        "app_id": "report", "name": "Report", "icons": [{ "src": "icon.svg", "label": "an icon" }], "pages": ["index"],
        "platform_version": { "min_code": 1 }, "version": { "code": 1, "name": "1.0" },
        "req_permissions": [{ "name": "login" }, { "name": "documents" }],
        "onecity": { "category": "city", "origins": ["https://jinan.example"], "fields": ["name"] },
    });
    Manifest::parse(manifest.to_string().as_bytes()).expect("a manifest")
}

async fn agree(identity: &Identity, owner: &Owner, permission: Permission, fields: &[&str]) -> Result<(), Error> {
    let (service, manifest) = (report(), manifest());
    let asking = Asking {
        is_shown: &|| true,
        was_touched: &|| false,
        service: &service,
        publisher: "Jinan".to_owned(),
        manifest: &manifest,
        owner: owner.clone(),
        people: Vec::new(),
    };
    identity.consents.agreed(asking, permission, fields.iter().map(|own| (*own).to_owned()).collect()).await
}

async fn owner(identity: &Identity) -> Owner {
    identity.accounts.active_owner().await.expect("read")
}

#[tokio::test]
async fn a_login_ends_in_an_account_with_one_key() {
    let (keys, identity) = counted();
    let account = identity.log_in("lan").await.expect("logged in");
    assert_eq!((account.name.as_str(), account.active, account.lapsed), ("Persona lan", true, false));
    assert_eq!(keys.alive(), 1);
    assert_eq!(identity.sessions.list().await.expect("listed"), std::slice::from_ref(&account));
    assert_eq!(identity.sessions.active_view().await.expect("read"), Some(account));
    let again = identity.log_in("lan").await.expect("logged in again");
    assert_eq!((keys.alive(), again.active), (1, true), "the old session's key is gone");
}

#[tokio::test]
async fn nobody_is_logged_in_before_the_first_login() {
    let (_, identity) = counted();
    assert_eq!(identity.sessions.active_view().await.expect("read"), None);
    assert_eq!(owner(&identity).await, Owner::Phone);
    let refused = identity.sessions.access(None).await.map(drop);
    assert!(matches!(refused, Err(Error::LoginRequired { .. })));
    assert!(matches!(identity.accounts.named("x").await, Err(Error::Refused { reason: Refusal::NotFound, .. })));
}

#[tokio::test]
async fn an_answer_counts_once_and_only_for_a_login_that_was_begun_here() {
    let (keys, identity) = counted();
    let attempt =
        identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await.expect("begun");
    let callback = identity.provider.agree(&attempt.url);
    identity.sessions.finish(&callback).await.expect("logged in");
    for again in [callback.as_str(), "onecity://login?code=c&state=never-begun", "onecity://login"] {
        let refused = identity.sessions.finish(again).await.expect_err(again);
        assert!(matches!(refused, Error::Refused { reason: Refusal::LoginState, .. }), "{refused}");
    }
    assert_eq!(keys.alive(), 1);
}

#[tokio::test]
async fn a_login_that_fails_says_why_and_leaves_no_key() {
    let (keys, identity) = counted();
    type Case = (&'static str, serde_json::Value, fn(&Error) -> bool);
    let cases: [Case; 4] = [
        ("", json!({ "nonce": "another" }), |own| matches!(own, Error::Refused { reason: Refusal::WrongNonce, .. })),
        ("", json!({ "iss": "https://evil.example" }), |own| {
            matches!(own, Error::Refused { reason: Refusal::WrongIssuer, .. })
        }),
        ("", json!({ "exp": 100 }), |own| matches!(own, Error::SignatureInvalid { .. })),
        ("&error=access_denied", json!({}), |own| {
            matches!(own, Error::Refused { reason: Refusal::LoginDenied { .. }, .. })
        }),
    ];
    for (more, claims, expected) in cases {
        identity.provider.state.lock().expect("whole").claims = claims.clone();
        let attempt =
            identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await.expect("begun");
        let callback = format!("{}{more}", identity.provider.agree(&attempt.url));
        let refused = identity.sessions.finish(&callback).await.expect_err("refused");
        assert!(expected(&refused), "{claims} {more}: {refused}");
        assert_eq!(keys.alive(), 0, "{claims}");
    }
}

#[tokio::test]
async fn a_login_answer_that_can_not_be_read_is_no_fault_of_the_network() {
    let (keys, identity) = counted();
    let attempt =
        identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await.expect("begun");
    identity.bench.http.once("/token", Reply::bytes("<html>welcome to the hotel's network</html>"));
    let refused = identity.sessions.finish(&identity.provider.agree(&attempt.url)).await.expect_err("refused");
    assert!(matches!(refused, Error::BadAnswer { .. }) && !refused.may_retry(), "{refused}");
    assert_eq!(keys.alive(), 0);
}

#[tokio::test]
async fn a_full_disk_leaves_no_key_behind() {
    let (keys, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let of = owner(&identity).await;
    agree(&identity, &of, Permission::Login, &["name"]).await.expect("agreed");
    identity.bench.fill_disk().await;
    let begun = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await;
    assert!(matches!(begun, Err(Error::Refused { reason: Refusal::StorageFull, .. })), "{begun:?}");
    assert_eq!(keys.alive(), 1, "the session's own");
    let Owner::Account(account) = of else { panic!("somebody is logged in") };
    let whom = OnBehalf { account, service: report(), fields: vec!["name".to_owned()] };
    let url = identity.device().http.url("https://jinan.example/reports").expect("a URL");
    let sent = identity.sessions.send_on_behalf(&whom, Outgoing::get(url)).await;
    assert!(matches!(sent, Err(Error::Refused { reason: Refusal::StorageFull, .. })), "{:?}", sent.map(drop));
    assert_eq!(keys.alive(), 1, "the key for the service's token is gone again");
}

#[tokio::test]
async fn without_a_network_no_login_begins_and_no_key_is_left() {
    let (keys, identity) = counted();
    identity.bench.http.lose("/openid-configuration");
    let refused = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await;
    assert!(matches!(refused, Err(Error::Network { .. })) && keys.alive() == 0);
}

#[tokio::test]
async fn a_token_that_ends_is_renewed_once_however_many_ask() {
    let (_, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let before = identity.sessions.access(None).await.expect("granted").token;
    assert_eq!(identity.bench.http.count("/token"), 1, "it is good for a while");
    identity.bench.clock.skip(3_600_000);
    let asked = futures_util::future::join_all((0..8).map(|_| identity.sessions.access(None))).await;
    let tokens: Vec<_> = asked.into_iter().map(|own| own.expect("granted").token).collect();
    assert!(tokens.iter().all(|own| *own == tokens[0] && *own != before));
    assert_eq!(identity.bench.http.count("/token"), 2);
}

#[tokio::test]
async fn a_session_that_the_provider_has_ended_lapses_and_trouble_there_ends_nothing() {
    let (_, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    identity.bench.clock.skip(3_600_000);
    identity.provider.state.lock().expect("whole").down = true;
    assert!(matches!(identity.sessions.access(None).await.map(drop), Err(Error::Network { .. })));
    {
        let mut state = identity.provider.state.lock().expect("whole");
        (state.down, state.ended) = (false, true);
    }
    assert!(matches!(identity.sessions.access(None).await.map(drop), Err(Error::LoginRequired { .. })));
    let view = identity.sessions.active_view().await.expect("read").expect("still there");
    assert!(view.lapsed);
}

#[tokio::test]
async fn a_device_that_lost_its_keys_asks_for_a_login_and_for_nothing_worse() {
    let (keys, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    keys.lose_all();
    identity.bench.clock.skip(3_600_000);
    let refused = identity.sessions.access(None).await.map(drop).expect_err("no key");
    assert!(matches!(refused, Error::LoginRequired { .. }), "{refused}");
    identity.log_in("lan").await.expect("and that helps");
}

#[tokio::test]
async fn accounts_are_switched_and_one_that_is_not_here_is_refused() {
    let (_, identity) = counted();
    let lan = identity.log_in("lan").await.expect("logged in");
    let workshop = identity.log_in("workshop").await.expect("logged in");
    assert!(identity.sessions.switch(&lan.id).await.expect("switched").active);
    let active: Vec<bool> = identity.sessions.list().await.expect("listed").iter().map(|own| own.active).collect();
    assert_eq!(active, [true, false]);
    assert_ne!(lan.id, workshop.id);
    assert_eq!(identity.accounts.owners().await.expect("listed").len(), 3);
    assert!(identity.sessions.switch("nobody").await.is_err());
}

#[tokio::test]
async fn a_stronger_login_must_be_as_strong_as_asked_and_of_the_same_person() {
    let (_, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let account = identity.accounts.active().await.expect("read").expect("lan");
    let step_up = || Wish { number: None, step_up: Some(StepUp { account: account.clone(), acr: "face".to_owned() }) };
    let mut outcomes = Vec::new();
    for (subject, acr) in [("lan", None), ("workshop", Some("face")), ("lan", Some("face"))] {
        {
            let mut state = identity.provider.state.lock().expect("whole");
            (state.subject, state.acr) = (subject.to_owned(), acr.map(str::to_owned));
        }
        let attempt =
            identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), step_up()).await.expect("begun");
        assert!(attempt.url.contains("acr_values=face"));
        outcomes.push(identity.sessions.finish(&identity.provider.agree(&attempt.url)).await);
    }
    let denied =
        |own: &Result<_, Error>| matches!(own, Err(Error::Refused { reason: Refusal::LoginDenied { .. }, .. }));
    assert!(denied(&outcomes[0]) && denied(&outcomes[1]));
    assert_eq!(outcomes[2].as_ref().expect("strong enough").acr.as_deref(), Some("face"));
}

#[tokio::test]
async fn a_logout_removes_keys_and_records_and_tells_the_provider_when_it_can() {
    let (keys, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let account = identity.accounts.active().await.expect("read").expect("lan");
    identity.sessions.end(account).await.expect("ended");
    assert_eq!((keys.alive(), identity.sessions.list().await.expect("listed").len()), (0, 0));
    identity.bench.http.lose("/revoke");
    identity.sessions.tell_ended().await;
    identity.sessions.tell_ended().await;
    identity.sessions.tell_ended().await;
    assert_eq!(identity.bench.http.count("/revoke"), 2, "until it has heard, and no longer");
    let told = identity.bench.http.seen().into_iter().rfind(|own| own.url.ends_with("/revoke")).expect("told");
    assert_eq!(told.form("token").as_deref(), Some("refresh-1"));
}

#[tokio::test]
async fn a_provider_hears_of_each_session_that_the_same_person_s_next_login_takes_the_place_of() {
    let (keys, identity) = counted();
    for _ in 0..3 {
        identity.log_in("lan").await.expect("logged in");
        identity.sessions.tell_ended().await;
    }
    let told = identity.bench.http.seen().into_iter().filter(|own| own.url.ends_with("/revoke"));
    let tokens: Vec<_> = told.filter_map(|own| own.form("token")).collect();
    assert_eq!(tokens, ["refresh-1", "refresh-2"]);
    assert_eq!(keys.alive(), 1);
    // One that keeps no sessions apart might end the new one with the old one.
    let (_, identity) = counted();
    identity.provider.state.lock().expect("whole").metadata = json!({ "onecity_sessions_endpoint": "absent" });
    for _ in 0..3 {
        identity.log_in("lan").await.expect("logged in");
        identity.sessions.tell_ended().await;
    }
    assert_eq!(identity.bench.http.count("/revoke"), 0);
}

#[tokio::test]
async fn after_a_network_fault_at_the_provider_the_same_answer_of_the_browser_still_logs_in() {
    let (keys, identity) = counted();
    for fault in ["/token", "/keys"] {
        let begun = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await;
        let callback = identity.provider.agree(&begun.expect("begun").url);
        identity.bench.http.lose(fault);
        let lost = identity.sessions.finish(&callback).await.expect_err("no network");
        assert!(matches!(lost, Error::Network { .. }) && lost.may_retry(), "{fault}: {lost}");
        identity.bench.http.once("/token", Reply::status(503));
        assert!(identity.sessions.finish(&callback).await.expect_err("in trouble").may_retry(), "{fault}");
        identity.sessions.finish(&callback).await.expect("logged in");
        let again = identity.sessions.finish(&callback).await.expect_err("it counts once");
        assert!(matches!(again, Error::Refused { reason: Refusal::LoginState, .. }), "{again}");
    }
    assert_eq!(keys.alive(), 1);
}

#[tokio::test]
async fn an_answer_that_comes_twice_at_once_is_taken_to_the_provider_once() {
    let (_, identity) = counted();
    let begun = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await;
    let callback = identity.provider.agree(&begun.expect("begun").url);
    let (one, other) = tokio::join!(identity.sessions.finish(&callback), identity.sessions.finish(&callback));
    assert!(one.is_ok() != other.is_ok());
    assert_eq!(identity.bench.http.count("/token"), 1);
}

#[tokio::test]
async fn an_answer_at_another_place_leaves_the_attempt_to_its_own() {
    let (_, identity) = counted();
    let begun = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await;
    let callback = identity.provider.agree(&begun.expect("begun").url);
    let elsewhere = callback.replacen("onecity://login", "onecity://pay", 1);
    identity.sessions.finish(&elsewhere).await.expect_err("not a login's");
    let endless = format!("{callback}&x={}", "x".repeat(70_000));
    assert!(matches!(identity.sessions.finish(&endless).await, Err(Error::InvalidInput { .. })));
    identity.sessions.finish(&callback).await.expect("its own");
}

#[tokio::test]
async fn a_login_that_is_to_last_asks_for_the_resident_s_consent() {
    // OpenID Connect Core 1.0 §11: `offline_access` is ignored without it.
    let (_, identity) = counted();
    let begun = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await;
    let url = begun.expect("begun").url;
    assert!(url.contains("offline_access") && url.contains("prompt=consent"), "{url}");
}

#[tokio::test]
async fn after_a_restart_the_provider_of_the_account_in_use_tells_the_time() {
    let (_, identity) = counted();
    identity.sessions.make_sure_of_the_time().await;
    assert!(identity.bench.http.seen().is_empty(), "nobody is logged in: nobody is asked");
    identity.log_in("lan").await.expect("logged in");
    identity
        .bench
        .http
        .always("/openid-configuration", Reply::status(200).header("date", "Wed, 01 Jan 2031 00:00:00 GMT"));
    identity.sessions.make_sure_of_the_time().await;
    let read = identity.device().time.read().await;
    assert!(read.verified && read.now.abs_diff(1_924_992_000) <= 1);
    let asked = identity.bench.http.seen().len();
    identity.sessions.make_sure_of_the_time().await;
    assert_eq!(identity.bench.http.seen().len(), asked, "it is known now");
}

#[tokio::test]
async fn sessions_on_other_phones_are_listed_and_ended() {
    let (_, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let sessions = identity.sessions.elsewhere().await.expect("listed");
    assert_eq!(sessions.iter().map(|own| own.current).collect::<Vec<_>>(), [true, false]);
    identity.sessions.end_elsewhere("lost").await.expect("ended");
    let gone = identity.sessions.end_elsewhere("gone").await.expect_err("not there");
    assert!(matches!(gone, Error::Refused { reason: Refusal::NotFound, .. }));
}

#[tokio::test]
async fn only_a_provider_sets_the_clock() {
    let (_, identity) = counted();
    let before = identity.device().time.read().await;
    let date = "Wed, 01 Jan 2031 00:00:00 GMT";
    identity.bench.http.always("/news", Reply::status(200).header("date", date));
    let url = identity.device().http.url("https://jinan.example/news").expect("a URL");
    identity.device().http.send(Outgoing::get(url)).await.expect("answered");
    assert_eq!(identity.device().time.read().await.verified, before.verified, "a back end's date is not believed");
    identity.bench.http.once("/openid-configuration", Reply::status(404).header("date", date));
    let refused = identity.sessions.begin(FakeProvider::listed(), REDIRECT.to_owned(), Wish::default()).await;
    assert!(refused.is_err());
    let after = identity.device().time.read().await;
    assert!(after.verified && after.now.abs_diff(1_924_992_000) <= 1);
}

#[tokio::test]
async fn a_consent_is_asked_once_again_for_more_and_not_at_all_for_less() {
    let resident = Arc::new(Resident::default());
    let own = Arc::clone(&resident);
    let identity = Identity::new(Bench::with(|platform| Platform { consent: own, ..platform }));
    agree(&identity, &Owner::Phone, Permission::Documents, &["id_card"]).await.expect("agreed");
    agree(&identity, &Owner::Phone, Permission::Documents, &["id_card"]).await.expect("as before");
    agree(&identity, &Owner::Phone, Permission::Documents, &["licence"]).await.expect("agreed to more");
    let asked: Vec<_> = resident.asked.lock().expect("whole").iter().map(|own| own.fields.clone()).collect();
    assert_eq!(asked, [vec!["id_card".to_owned()], vec!["licence".to_owned(), "id_card".to_owned()]]);
    let listed = identity.consents.list().await.expect("listed");
    assert_eq!((listed.len(), listed[0].permission.as_str(), listed[0].fields.len()), (1, "documents", 2));
    identity.consents.remove(&Owner::Phone, &report(), "documents", |_| Ok(())).await.expect("removed");
    let fields = ["id_card".to_owned()];
    let asked = Extent { fields: &fields, people: &[], origins: &[] };
    let covers = identity.consents.covers(&report(), &Owner::Phone, Permission::Documents, asked).await;
    assert!(!covers.expect("read"));
}

#[tokio::test]
async fn a_resident_who_says_no_is_asked_once_more_after_a_touch_and_then_only_if_they_take_it_back() {
    let resident = Arc::new(Resident::default());
    resident.refuses.store(true, Ordering::SeqCst);
    let own = Arc::clone(&resident);
    let identity = Identity::new(Bench::with(|platform| Platform { consent: own, ..platform }));
    let (service, manifest, touched) = (report(), manifest(), AtomicBool::new(false));
    let asks = async |permission: Permission| {
        let asking = Asking {
            is_shown: &|| true,
            was_touched: &|| touched.swap(false, Ordering::SeqCst),
            service: &service,
            publisher: "Jinan".to_owned(),
            manifest: &manifest,
            owner: Owner::Phone,
            people: vec!["An".to_owned()],
        };
        let outcome = identity.consents.agreed(asking, permission, vec!["name".to_owned()]).await;
        let refused = |error: &Error| matches!(error, Error::Refused { reason: Refusal::Consent, .. });
        assert!(outcome.is_ok() || outcome.as_ref().is_err_and(refused));
        (outcome.is_ok(), resident.asked.lock().expect("whole").len())
    };
    let login = Permission::Login;
    // A touch before the question, and the one that answers it, are none after it.
    touched.store(true, Ordering::SeqCst);
    assert_eq!(asks(login).await, (false, 1));
    for _ in 0..60 {
        assert_eq!(asks(login).await, (false, 1), "nobody is asked again and again");
    }
    assert_eq!(asks(Permission::Documents).await, (false, 2), "another question is another one");
    touched.store(true, Ordering::SeqCst);
    assert_eq!(asks(login).await, (false, 3), "once more at a touch");
    for _ in 0..3 {
        touched.store(true, Ordering::SeqCst);
        assert_eq!(asks(login).await, (false, 3), "and no more");
    }
    let listed = identity.consents.list().await.expect("listed");
    assert!(listed.len() == 2 && listed.iter().all(|own| !own.given && own.people == ["An"]), "{listed:?}");
    identity.consents.remove(&Owner::Phone, &service, login.name(), |_| Ok(())).await.expect("taken back");
    resident.refuses.store(false, Ordering::SeqCst);
    assert_eq!(asks(login).await, (true, 4));
    assert_eq!(asks(login).await, (true, 4), "what was agreed to is not asked again");
    let asked = resident.asked.lock().expect("whole")[3].clone();
    assert_eq!((asked.people, asked.origins), (vec!["An".to_owned()], manifest.onecity.origins.clone()));
}

#[tokio::test]
async fn what_is_not_on_the_screen_asks_nobody() {
    let resident = Arc::new(Resident::default());
    let own = Arc::clone(&resident);
    let identity = Identity::new(Bench::with(|platform| Platform { consent: own, ..platform }));
    let (service, manifest) = (report(), manifest());
    let asking = Asking {
        is_shown: &|| false,
        was_touched: &|| true,
        service: &service,
        publisher: String::new(),
        manifest: &manifest,
        owner: Owner::Phone,
        people: Vec::new(),
    };
    let refused = identity.consents.agreed(asking, Permission::Login, Vec::new()).await.expect_err("hidden");
    assert!(matches!(refused, Error::Refused { reason: Refusal::Consent, .. }));
    assert!(resident.asked.lock().expect("whole").is_empty());
}

#[tokio::test]
async fn a_service_gets_a_token_of_its_own_and_only_under_a_consent_that_holds() {
    let (keys, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let of = owner(&identity).await;
    identity.bench.http.always("/reports", Reply::status(200));
    let Owner::Account(account) = of.clone() else { panic!("somebody is logged in") };
    let whom = OnBehalf { account, service: report(), fields: vec!["name".to_owned()] };
    let send = async || {
        let url = identity.device().http.url("https://jinan.example/reports").expect("a URL");
        identity.sessions.send_on_behalf(&whom, Outgoing::get(url)).await
    };
    let refused = send().await.map(drop).expect_err("nothing was agreed to");
    assert!(matches!(refused, Error::Refused { reason: Refusal::Consent, .. }));
    agree(&identity, &of, Permission::Login, &["name"]).await.expect("agreed");
    send().await.expect("sent");
    send().await.expect("sent");
    assert_eq!((identity.bench.http.count("/token"), keys.alive()), (2, 2), "one exchange, one more key");
    let seen = identity.bench.http.seen().into_iter().rfind(|own| own.url.ends_with("/reports")).expect("sent");
    assert_eq!(seen.header("authorization"), Some("DPoP access-2"), "never the session's token");
    let log = identity.consents.disclosures().await.expect("listed");
    assert_eq!((log.len(), log[0].fields.clone()), (1, vec!["name".to_owned()]), "written down once a day");
    identity.sessions.forget_services(&of, Some(&report())).await.expect("forgotten");
    assert_eq!(keys.alive(), 1);
}

#[tokio::test]
async fn what_each_service_learns_is_written_down_though_another_of_the_same_publisher_learnt_less() {
    let (_, identity) = counted();
    let (owner, other) = (Owner::Phone, "cn-sd/jinan/parking".parse().expect("a service"));
    for permission in [Permission::Login, Permission::Documents] {
        agree(&identity, &owner, permission, &["name"]).await.expect("agreed");
    }
    let (manifest, asked) = (manifest(), ["name", "phone"].map(str::to_owned).to_vec());
    let asking = Asking {
        is_shown: &|| true,
        was_touched: &|| false,
        service: &other,
        publisher: "Jinan".to_owned(),
        manifest: &manifest,
        owner: owner.clone(),
        people: Vec::new(),
    };
    identity.consents.agreed(asking, Permission::Login, asked).await.expect("agreed");
    let an = HolderView { id: "an".to_owned(), name: "An".to_owned(), relation: "child".to_owned() };
    let learns = async |service: &ServiceId, permission, holder: Option<&HolderView>, fields: &[&str]| {
        let fields = fields.iter().map(|own| (*own).to_owned()).collect();
        let origin = Some("https://jinan.example".to_owned());
        let learnt = Learnt { permission, origin, holder: holder.cloned(), fields };
        identity.consents.learnt(service, &owner, learnt).await.expect("written");
        identity.consents.disclosures().await.expect("listed").len()
    };
    let report = report();
    assert_eq!(learns(&report, Permission::Login, None, &[]).await, 1, "that somebody is there");
    assert_eq!(learns(&report, Permission::Login, None, &[]).await, 1, "the same, once");
    assert_eq!(learns(&report, Permission::Login, None, &["name"]).await, 2, "more");
    assert_eq!(learns(&report, Permission::Login, None, &[]).await, 2, "less than was said");
    assert_eq!(learns(&other, Permission::Login, None, &["name", "phone"]).await, 3, "another service");
    assert_eq!(learns(&other, Permission::Login, None, &["phone"]).await, 3);
    assert_eq!(learns(&report, Permission::Documents, None, &["name"]).await, 4, "for something else");
    assert_eq!(learns(&report, Permission::Login, Some(&an), &["name"]).await, 5, "of somebody else");
    identity.bench.clock.skip(86_400_000 + 1000);
    assert_eq!(learns(&report, Permission::Login, None, &["name"]).await, 6, "the next day");
}

#[tokio::test]
async fn an_origin_that_wants_a_stronger_login_says_so_by_name() {
    let (_, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let of = owner(&identity).await;
    agree(&identity, &of, Permission::Login, &["name"]).await.expect("agreed");
    let challenge = r#"DPoP error="insufficient_user_authentication", acr_values="face voice""#;
    identity.bench.http.always("/reports", Reply::status(401).header("www-authenticate", challenge));
    let Owner::Account(account) = of else { panic!("somebody is logged in") };
    let whom = OnBehalf { account, service: report(), fields: vec!["name".to_owned()] };
    let url = identity.device().http.url("https://jinan.example/reports").expect("a URL");
    let refused = identity.sessions.send_on_behalf(&whom, Outgoing::get(url)).await.map(drop);
    assert_eq!(refused, Err(Error::StepUpRequired { acr: "face".to_owned() }));
}

#[tokio::test]
async fn a_server_that_wants_its_nonce_gets_it_in_a_second_proof() {
    let (_, identity) = counted();
    let wants = Reply::json(&json!({ "error": "use_dpop_nonce" })).with_status(400).header("dpop-nonce", "n-1");
    identity.bench.http.once("/token", wants);
    identity.log_in("lan").await.expect("logged in");
    assert_eq!(identity.bench.http.count("/token"), 2);
}

#[tokio::test]
async fn handed_in_documents_are_in_the_log_only_if_they_were_agreed_to() {
    let (_, identity) = counted();
    let titles = || vec!["Identity card".to_owned()];
    identity.consents.handed_in(&report(), &Owner::Phone, titles()).await.expect("nothing to write");
    assert!(identity.consents.disclosures().await.expect("listed").is_empty());
    agree(&identity, &Owner::Phone, Permission::Documents, &["id_card"]).await.expect("agreed");
    identity.consents.handed_in(&report(), &Owner::Phone, titles()).await.expect("written");
    assert_eq!(identity.consents.disclosures().await.expect("listed")[0].fields, titles());
    let learnt = Learnt { permission: Permission::Login, origin: None, holder: None, fields: Vec::new() };
    let refused = identity.consents.learnt(&report(), &Owner::Phone, learnt).await;
    assert!(matches!(refused, Err(Error::Refused { reason: Refusal::Consent, .. })), "no login was agreed to");
}

#[tokio::test]
async fn an_older_copy_of_the_vault_is_not_believed_about_sessions_and_consents() {
    let (_, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let of = owner(&identity).await;
    agree(&identity, &of, Permission::Login, &["name"]).await.expect("agreed");
    identity.device().vault(distrust).await.expect("written");
    assert!(identity.sessions.active_view().await.expect("read").expect("still there").lapsed);
    assert!(identity.consents.list().await.expect("listed").is_empty());
}

#[tokio::test]
async fn neither_a_session_nor_what_may_use_it_is_ever_printed_with_its_tokens() {
    let (_, identity) = counted();
    identity.log_in("lan").await.expect("logged in");
    let (_, session) = identity.sessions.active().await.expect("read").expect("there");
    let printed = format!("{session:?}");
    assert!(!printed.contains("access-") && !printed.contains("refresh-"), "{printed}");
    let dpop = HeaderName::from_static("dpop");
    assert!(identity.bench.http.seen().iter().any(|own| own.headers.contains_key(&dpop)));
}
