//! Passes as a resident sees them: issued, shown, renewed, revoked, lost and found, for oneself and for those in one's
//! care; and what a thief, a broken phone or a wrong clock can't do with them.

mod kit;

use std::sync::Arc;

use kit::*;
use mock_server::{Phone, Server, read};
use onecity_core::platform::{Clock, Platform, software};
use onecity_core::{Client, Error, PassSituation, PassStatus, Refusal, ServiceId};
use onecity_protocol::credential::{Addressed, Audience, Decision, GatePolicy, WithoutStatus};

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_says_in_the_resident_s_language_whose_it_is_and_where_it_is_good() {
    let (server, world, phone, _) = lan().await;
    let pass = transit(&phone).await;
    assert_eq!((pass.title.as_str(), pass.fare.as_deref()), ("Transit pass", Some("Adult")));
    assert_eq!(pass.valid_in, ["all of Shandong"]);
    assert_eq!((pass.holder, pass.status, pass.last_used), (None, PassStatus::Good, None));

    let chinese = Phone::new(&world, &["zh"]).expect("a phone");
    chinese.log_in("shandong", "lan").await.expect("logged in");
    chinese.client().sync(&region("cn-sd")).await.expect("synced");
    let pass = transit(&chinese).await;
    assert_eq!((pass.title.as_str(), pass.valid_in[0].as_str()), ("公共交通乘车码", "山东省全境"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_carries_the_passes_of_a_child_and_a_grandmother_beside_her_own() {
    let (server, world, phone, _) = lan().await;
    let client = phone.client();
    let shandong = region("cn-sd");
    let own = transit(&phone).await;
    let holders = client.pass_holders(&shandong, "transit").await.expect("listed");
    let relations: Vec<&str> = holders.iter().map(|holder| holder.relation.as_str()).collect();
    assert_eq!(relations, ["child", "parent"]);
    let child = client.add_pass(&shandong, "transit", Some("an")).await.expect("the child's");
    assert_eq!(
        (child.fare.as_deref(), child.holder.as_ref().map(|own| own.name.as_str())),
        (Some("Child"), Some("Persona An"))
    );
    let stranger = client.add_pass(&shandong, "transit", Some("minh")).await.expect_err("not in her care");
    assert!(matches!(stranger, Error::Refused { reason: Refusal::NotFound, .. }), "{stranger}");

    let mut gate = gate(&world);
    let (hers, its) = (code(&phone, &own).await, code(&phone, &child).await);
    assert!(gate.check(&hers.text, hers.issued).opens());
    match gate.check(&its.text, its.issued) {
        Decision::Accepted(admission) => assert_eq!(admission.fare_class, 2),
        other => panic!("{other}"),
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_of_several_issuers_come_in_the_order_in_which_they_are_wanted() {
    let (server, _, phone, _) = lan().await;
    let client = phone.client();
    client.sync(&region("vn-hn")).await.expect("synced");
    let transit = transit(&phone).await;
    let health = client.add_pass(&region("cn-sd"), "health", None).await.expect("another issuer's");
    let ha_noi = client.add_pass(&region("vn-hn"), "transit", None).await.expect("another region's");
    assert_ne!(transit.issuer, health.issuer);
    code(&phone, &health).await;
    // The last code is written in the background: an app that ends finishes that.
    let phone = phone.restart().await.expect("started again");
    let client = phone.client();
    let order = |region_id: Option<&str>, pass_type: Option<&str>| {
        let situation = PassSituation { region: region_id.map(region), pass_type: pass_type.map(str::to_owned) };
        async move { client.passes(&situation).await.expect("listed").into_iter().map(|pass| pass.id).collect::<Vec<_>>() }
    };
    assert_eq!(order(Some("cn-sd/jinan"), None).await, [&*health.id, &*transit.id, &*ha_noi.id]);
    assert_eq!(order(Some("cn-sd/jinan"), Some("transit")).await, [&*transit.id, &*ha_noi.id, &*health.id]);
    assert_eq!(order(Some("vn-hn"), None).await[0], ha_noi.id);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_are_renewed_together_before_they_expire_and_gates_never_notice() {
    let (server, world, phone, kit) = lan().await;
    let own = transit(&phone).await;
    let child = phone.client().add_pass(&region("cn-sd"), "transit", Some("an")).await.expect("the child's");
    assert!(phone.client().update_passes().await.expect("up to date").is_empty(), "nothing is due");
    assert_eq!(kit.keys.living(), 2);

    kit.skip(&world, 21 * DAY);
    assert!(passes(&phone).await.iter().all(|pass| pass.status == PassStatus::RenewalDue));
    let renewed = phone.client().update_passes().await.expect("renewed");
    assert_eq!(renewed.len(), 2);
    assert!(renewed.iter().all(|pass| pass.id != own.id && pass.id != child.id));
    let kept = passes(&phone).await;
    assert_eq!(kept.len(), 2, "each in the old one's place");
    assert!(kept.iter().any(|pass| pass.holder.as_ref().is_some_and(|holder| holder.id == "an")));
    assert_eq!(kit.keys.living(), 2, "the old keys are gone");
    let shown = code(&phone, &renewed[0]).await;
    assert!(gate(&world).check(&shown.text, world.now()).opens());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_was_away_for_a_month_says_so_and_gets_its_pass_back_when_online() {
    let (server, world, phone, kit) = lan().await;
    let pass = transit(&phone).await;
    kit.skip(&world, 31 * DAY);
    assert_eq!(passes(&phone).await[0].status, PassStatus::Expired);
    assert_eq!(refused(phone.client().code(&pass.id, Audience::ANY).await), Refusal::PassExpired);
    let renewed = phone.client().update_passes().await.expect("the session renews, and so does the pass");
    assert_eq!(renewed.len(), 1);
    code(&phone, &renewed[0]).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_leads_to_a_new_pass_and_without_a_network_to_a_sentence() {
    let (server, world, phone, kit) = lan().await;
    let pass = transit(&phone).await;
    kit.keys.lose_pass_keys();
    let shown = code(&phone, &pass).await;
    assert_ne!(shown.pass_id, pass.id, "issued again, to a new key");
    assert!(gate(&world).check(&shown.text, shown.issued).opens());

    kit.keys.lose_pass_keys();
    server.stop().await;
    // The code that was signed ahead is not due yet.
    assert_eq!(refused(phone.client().code(&shown.pass_id, Audience::ANY).await), Refusal::PassKeyGone);
    assert_eq!(passes(&phone).await[0].status, PassStatus::NeedsRenewal);
    assert_eq!(refused(phone.client().code(&shown.pass_id, Audience::ANY).await), Refusal::PassKeyGone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_pass_opens_nothing_any_more_not_even_from_a_copy_of_the_phone() {
    let (server, world, phone, kit) = lan().await;
    let pass = transit(&phone).await;
    let copied = code(&phone, &pass).await;
    let mut gate = gate(&world);
    phone.client().remove_pass(&pass.id).await.expect("deleted");
    assert!(passes(&phone).await.is_empty());
    assert_eq!(kit.keys.living(), 0);
    refresh(&mut gate, &world);
    assert_eq!(gate.check(&copied.text, copied.issued).to_string(), "refused reason=revoked");
    assert_eq!(refused(phone.client().code(&pass.id, Audience::ANY).await), Refusal::NotFound);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_was_deleted_offline_is_revoked_once_there_is_a_network() {
    let (server, world, phone, _) = lan().await;
    let pass = transit(&phone).await;
    let copied = code(&phone, &pass).await;
    let address = server.address();
    server.stop().await;
    phone.client().remove_pass(&pass.id).await.expect("deleted without a network");
    let server = Server::restart(Arc::clone(&world), address).expect("back");
    phone.client().update_passes().await.expect("the issuer is told");
    assert_eq!(gate(&world).check(&copied.text, copied.issued).to_string(), "refused reason=revoked");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_pass_is_refused_at_the_next_refresh_and_the_resident_is_told() {
    let (server, world, phone, _) = lan().await;
    let pass = transit(&phone).await;
    let mut gate = gate(&world);
    assert!(world.set_pass_status(&pass.id, 2));
    refresh(&mut gate, &world);
    let shown = code(&phone, &pass).await;
    assert_eq!(gate.check(&shown.text, shown.issued).to_string(), "refused reason=suspended");
    phone.client().update_passes().await.expect("heard");
    assert_eq!(passes(&phone).await[0].status, PassStatus::Suspended);
    assert_eq!(refused(phone.client().code(&pass.id, Audience::ANY).await), Refusal::PassSuspended);
    assert!(world.set_pass_status(&pass.id, 0));
    phone.client().update_passes().await.expect("heard");
    code(&phone, &pass).await;
    assert!(world.set_pass_status(&pass.id, 1));
    phone.client().update_passes().await.expect("heard");
    assert_eq!(refused(phone.client().code(&pass.id, Audience::ANY).await), Refusal::PassRevoked);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_s_new_key_refuses_no_honest_holder_and_a_withdrawn_one_is_gone_at_the_next_refresh() {
    let (server, world, phone, _) = lan().await;
    let shandong = region("cn-sd");
    let pass = transit(&phone).await;
    let mut gate = gate(&world);
    world.rotate_issuer_key("cn-sd").expect("rotated");
    gate.set_trust_list(world.trust_list(&shandong).expect("a list"));
    let old = code(&phone, &pass).await;
    assert!(gate.check(&old.text, old.issued).opens(), "what the old key signed stays good");
    phone.client().sync(&shandong).await.expect("the trust list came over the registry");
    let fresh = transit(&phone).await;
    refresh(&mut gate, &world);
    let shown = code(&phone, &fresh).await;
    assert!(gate.check(&shown.text, shown.issued).opens(), "what the new key signs is good at once");

    world.withdraw_old_issuer_keys("cn-sd").expect("withdrawn");
    gate.set_trust_list(world.trust_list(&shandong).expect("a list"));
    refresh(&mut gate, &world);
    let old = code(&phone, &pass).await;
    assert_eq!(gate.check(&old.text, old.issued).to_string(), "refused reason=unknown_issuer");
    phone.client().sync(&shandong).await.expect("synced");
    let renewed = phone.client().update_passes().await.expect("issued again");
    assert_eq!(renewed.len(), 1, "the one that the withdrawn key had signed");
    let shown = code(&phone, &renewed[0]).await;
    assert!(gate.check(&shown.text, shown.issued).opens());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_screen_shows_a_new_code_every_half_window_with_no_network_and_across_sleep() {
    let (server, world, phone, kit) = lan().await;
    let pass = transit(&phone).await;
    let mut gate = gate(&world);
    server.stop().await;
    let (screen, handle, let_go) = watch(phone.client(), &pass.id);
    let first = screen.codes(1).await.remove(0);
    assert_eq!((first.next - first.issued, first.time_unverified), (15, false));
    for round in 2..5 {
        kit.clock.skip(15_000);
        let shown = screen.codes(round).await.pop().expect("shown");
        assert!(gate.check(&shown.text, shown.issued).opens(), "code {round}");
    }
    // The phone slept an hour in a pocket.
    kit.clock.skip(3_600_000);
    let woken = screen.codes(5).await.pop().expect("shown");
    assert!(woken.issued.abs_diff(phone.client().time().await.expect("read").0) <= 1);
    assert!(gate.check(&woken.text, woken.issued).opens());
    handle.cancel();
    let _ = tokio::time::timeout(PATIENCE, let_go).await.expect("the watch lets go of its screen");
    assert_eq!(screen.codes.borrow().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_over_a_pass_that_ends_says_why() {
    let (server, world, phone, kit) = lan().await;
    let pass = transit(&phone).await;
    let (screen, _handle, _) = watch(phone.client(), &pass.id);
    screen.codes(1).await;
    kit.skip(&world, 31 * DAY);
    let error = screen.error().await;
    assert!(matches!(error, Error::Refused { reason: Refusal::PassExpired, .. }), "{error:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_is_renewed_while_it_is_shown_goes_on_being_shown() {
    let (server, world, phone, kit) = lan().await;
    let pass = transit(&phone).await;
    let (screen, _handle, _) = watch(phone.client(), &pass.id);
    screen.codes(1).await;
    kit.skip(&world, 21 * DAY);
    screen.codes(2).await;
    let renewed = phone.client().update_passes().await.expect("renewed").remove(0);
    kit.skip(&world, 15);
    let shown = screen.codes(3).await.pop().expect("shown");
    assert_eq!(shown.pass_id, renewed.id);
    assert!(gate(&world).check(&shown.text, world.now()).opens());
    let old = passes(&phone).await;
    assert_eq!((old.len(), old[0].id.as_str()), (1, renewed.id.as_str()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_a_little_makes_no_storm_of_signatures() {
    let (server, _, phone, kit) = lan().await;
    let pass = transit(&phone).await;
    // Three codes in one second: the last is signed for two seconds from now.
    for _ in 0..3 {
        code(&phone, &pass).await;
    }
    let (screen, _handle, _) = watch(phone.client(), &pass.id);
    let first = screen.codes(1).await.remove(0);
    kit.clock.skip(20_000);
    let second = screen.codes(2).await.remove(1);
    assert!(second.issued >= first.next, "the next code came when it was due, and none before it");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_is_never_renewed_with_the_session_of_somebody_else() {
    let (server, world, phone, kit) = lan().await;
    let pass = transit(&phone).await;
    kit.skip(&world, 21 * DAY);
    phone.log_in("shandong", "minh").await.expect("another resident's phone by now");
    assert!(passes(&phone).await.is_empty(), "passes are the account's");
    assert!(phone.client().update_passes().await.expect("nothing is due").is_empty());
    assert_eq!(refused(phone.client().code(&pass.id, Audience::ANY).await), Refusal::NotFound);
    assert_eq!(kit.keys.living(), 1, "the other resident's key is left alone");
    phone.log_in("shandong", "lan").await.expect("back");
    assert_eq!(phone.client().update_passes().await.expect("renewed").len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_and_deletions_at_the_same_time_leave_one_truth() {
    let (server, world, phone, kit) = lan().await;
    let (kept, deleted) = (transit(&phone).await, transit(&phone).await);
    kit.skip(&world, 21 * DAY);
    let client = phone.client();
    let (first, second, removed) =
        tokio::join!(client.update_passes(), client.update_passes(), client.remove_pass(&deleted.id),);
    let renewed = first.expect("updated").len() + second.expect("updated").len();
    // Deleted before its renewal, or not there any more under its old name after it.
    let left = passes(&phone).await;
    match removed {
        Ok(()) => assert_eq!((left.len(), renewed), (1, 1)),
        Err(Error::Refused { reason: Refusal::NotFound, .. }) => assert_eq!((left.len(), renewed), (2, 2)),
        Err(other) => panic!("{other}"),
    }
    assert_eq!(kit.keys.living(), left.len(), "a key for each pass, and no other");
    assert!(left.iter().all(|pass| pass.id != kept.id));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_code_is_signed_ahead_and_its_picture_is_what_a_camera_reads() {
    let (server, _, phone, kit) = lan().await;
    let pass = transit(&phone).await;
    let before = kit.keys.signed();
    let first = code(&phone, &pass).await;
    // Signing ahead happens in the background; then the key store may be slow or gone, and the screen does not wait.
    kit.keys.signed_at_least(before + 2).await;
    kit.keys.lose_pass_keys();
    kit.clock.skip(15_000);
    let next = code(&phone, &pass).await;
    assert_eq!((next.pass_id.as_str(), next.issued), (pass.id.as_str(), first.next));
    assert_eq!(read(&mock_server::png(&next.picture, 4).expect("drawn")).expect("read"), next.text);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_wall_clock_makes_no_wrong_code_and_a_restart_says_that_the_time_is_a_guess() {
    let (server, world, phone, kit) = lan().await;
    let pass = transit(&phone).await;
    for off in [-3_600_000, 3_600_000, 86_400_000 * 365] {
        kit.clock.set_wall_offset(off);
        let shown = code(&phone, &pass).await;
        assert!(!shown.time_unverified);
        assert!(gate(&world).check(&shown.text, world.now()).opens(), "wall clock off by {off} ms");
    }
    kit.clock.set_wall_offset(0);
    server.stop().await;
    // A reboot: the counter starts again, and only the wall clock with its last known offset is left.
    let rebooted = Arc::new(software::MachineClock::default());
    let phone = phone
        .restart_with(Platform { clock: rebooted as Arc<dyn Clock>, ..kit.platform.clone() })
        .await
        .expect("started");
    let shown = code(&phone, &pass).await;
    assert!(shown.time_unverified, "the screen warns");
    assert!(gate(&world).check(&shown.text, world.now()).opens());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_copied_to_another_phone_open_nothing() {
    let (server, world, phone, kit) = lan().await;
    let pass = transit(&phone).await;
    let elsewhere = tempfile::tempdir().expect("a folder");
    let copy = |name: &str| std::fs::copy(phone.folder().join(name), elsewhere.path().join(name)).map(drop);
    // With all of the files and even the secret store, the keys are in the other phone's hardware.
    for name in ["vault.sqlite", "vault.sqlite-wal", "catalogue.sqlite", "catalogue.sqlite-wal"] {
        let _ = copy(name);
    }
    let config = onecity_core::ClientConfig {
        folder: elsewhere.path().to_owned(),
        languages: vec!["en".to_owned()],
        nations: world.anchors().expect("anchors"),
        allow_loopback: true,
        ..onecity_core::ClientConfig::default()
    };
    assert!(matches!(Client::open(config.clone(), software::platform()), Err(Error::KeyInvalidated)));
    server.stop().await;
    let thief = Platform { secrets: Arc::clone(&kit.platform.secrets), ..software::platform() };
    let thief = Client::open(config, thief).expect("the secret store was copied, too");
    assert_eq!(refused(thief.code(&pass.id, Audience::ANY).await), Refusal::PassKeyGone);
    tokio::task::spawn_blocking(move || thief.close()).await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_restored_from_a_copy_repeats_no_code() {
    let (server, world, phone, kit) = lan().await;
    let pass = transit(&phone).await;
    let mut gate = gate(&world);
    let copy = tempfile::tempdir().expect("a folder");
    let phone = phone.restart().await.expect("files settled");
    for file in std::fs::read_dir(phone.folder()).expect("listed") {
        let file = file.expect("an entry");
        std::fs::copy(file.path(), copy.path().join(file.file_name())).expect("copied");
    }
    let before = code(&phone, &pass).await;
    assert!(gate.check(&before.text, before.issued).opens());
    let phone = phone.restore(copy.path()).await.expect("restored");
    kit.clock.skip(5_000);
    let after = code(&phone, &pass).await;
    assert!(after.issued > before.issued);
    assert!(gate.check(&after.text, after.issued).opens(), "the resident gets in");
    assert!(!gate.check(&before.text, after.issued).opens(), "and the old code does not");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_redeems_a_grant_once_and_the_resident_can_read_what_was_shown() {
    let (server, world, phone, kit) = lan().await;
    let client = phone.client();
    let health = client.add_pass(&region("cn-sd"), "health", None).await.expect("a card");
    let here = Audience::gate(CLINIC);
    let grant = client.grant(&health.id, here, 1).await.expect("agreed");
    let asked = kit.consent.asked.lock().expect("no panic").pop().expect("asked");
    assert_eq!(asked.service, "Community clinic (demo)");
    assert_eq!(asked.fields, ["name", "blood_type", "allergies"]);

    // The counter checks it as any gate does, and then trades it in.
    let policy = GatePolicy {
        number: CLINIC,
        addressed: Addressed::ThisGate,
        purpose: 1,
        ..GatePolicy::of_types([3], WithoutStatus::FailClosed)
    };
    assert!(gate_with(&world, policy).check(&grant.text, grant.issued).opens());
    assert_eq!(gate(&world).check(&grant.text, grant.issued).to_string(), "refused reason=wrong_audience");
    let redeem = |code: String, secret: String| {
        let url = format!("{}/issuer/cn-sd-health/redeem", world.origin());
        async move {
            let body = serde_json::json!({ "verifier": CLINIC, "code": code }).to_string();
            let request =
                reqwest::Client::new().post(url).bearer_auth(secret).header("content-type", "application/json");
            let answer = request.body(body).send().await.expect("answered");
            let status = answer.status().as_u16();
            let text = answer.text().await.expect("read");
            (status, serde_json::from_str::<serde_json::Value>(&text).expect("JSON"))
        }
    };
    let secret = world.verifier_secret(CLINIC);
    let (status, answer) = redeem(grant.text.clone(), "guessed".to_owned()).await;
    assert_eq!((status, &answer["error"]), (401, &"invalid_token".into()));
    let (status, answer) = redeem(grant.text.clone(), secret.clone()).await;
    assert_eq!((status, &answer["fields"]["name"]), (200, &"Persona Lan".into()));
    assert_eq!(answer["fields"]["allergies"], "penicillin");
    let (status, answer) = redeem(grant.text.clone(), secret.clone()).await;
    assert_eq!((status, &answer["error"]), (400, &"replayed".into()));
    let plain = code(&phone, &health).await;
    let (status, answer) = redeem(plain.text, secret).await;
    assert_eq!((status, &answer["error"]), (400, &"wrong_purpose".into()));

    let shown = client.disclosures().await.expect("listed");
    assert_eq!(shown.len(), 1);
    assert_eq!((shown[0].verifier.as_str(), shown[0].what.as_str()), ("Community clinic (demo)", "Health card"));
    let pass = shown[0].pass.as_ref().expect("from a pass");
    assert_eq!((&pass.region, &pass.pass_type), (&health.region, &health.pass_type));

    *kit.consent.no.lock().expect("no panic") = true;
    assert_eq!(refused(client.grant(&health.id, here, 1).await), Refusal::Consent);
    assert_eq!(refused(client.grant(&health.id, here, 2).await), Refusal::NotFound);
    assert_eq!(refused(client.grant(&health.id, Audience::gate(901), 1).await), Refusal::NotFound);
    assert_eq!(client.disclosures().await.expect("listed").len(), 1, "what was not agreed to was not shown");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_asks_twice_gets_the_same_pass_and_an_expired_one_is_renewed() {
    let (server, world, phone, kit) = lan().await;
    let jinan = region("cn-sd/jinan");
    phone.client().sync(&jinan).await.expect("synced");
    phone.client().add_pass(&region("cn-sd"), "transit", Some("an")).await.expect("the child's");
    let service = ServiceId { unit: jinan.clone().into(), app_id: "transit-pass".to_owned() };
    let page = phone.client().open_service(&service, &jinan).await.expect("opened");
    let ask = || async {
        let call = r#"{"method":"passes_add","params":{"pass_type":"transit"}}"#;
        let answer = phone.client().bridge(&page, call).await.expect("answered");
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        answer["result"]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    let first = ask().await;
    assert_eq!(ask().await, first);
    assert_eq!(passes(&phone).await.len(), 2, "the resident's and the child's");
    kit.skip(&world, 31 * DAY);
    assert_ne!(ask().await, first);
    let left = passes(&phone).await;
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|pass| pass.status == PassStatus::Good));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_barrier_with_a_changing_challenge_takes_only_codes_made_before_its_eyes() {
    let (server, world, phone, _) = lan().await;
    let pass = transit(&phone).await;
    let policy = GatePolicy { number: 12, addressed: Addressed::ThisMoment, ..GatePolicy::any() };
    let mut barrier = gate_with(&world, policy);
    let prepared = code(&phone, &pass).await;
    assert_eq!(barrier.check(&prepared.text, prepared.issued).to_string(), "refused reason=challenge_needed");
    let shown = barrier.challenge(4711, world.now()).expect("it has a number").to_string();
    let scanned: Audience = shown.parse().expect("what the phone scans");
    let fresh = phone.client().code(&pass.id, scanned).await.expect("a code");
    assert!(barrier.check(&fresh.text, fresh.issued).opens());
    server.stop().await;
}
