//! Consents, and the log of what was shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use onecity_protocol::manifest::Permission;
use onecity_protocol::service::ServiceId;
use onecity_store::Owner;

use super::{agree, counted, manifest, report};
use crate::device::testing::{Bench, Resident};
use crate::error::{Error, Refusal};
use crate::identity::testing::Identity;
use crate::identity::{Asking, Extent, Learnt};
use crate::platform::Platform;
use crate::views::HolderView;

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
