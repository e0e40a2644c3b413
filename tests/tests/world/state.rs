//! A world that is written down: another server goes on with it, and phones never notice.

use std::path::Path;

use mock_server::{Phone, Preset, Server, StateError, WorldError, WorldOptions};
use onecity_protocol::credential::Audience;
use onecity_protocol::region::RegionId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::Tester;

const HOUR: i64 = 3_600_000;

fn written(file: &Path) -> WorldOptions {
    WorldOptions::default().seed(7).state(file)
}

/// Everything of a world that a tester can see and that is to stay.
async fn seen(tester: &Tester, world: &str) -> Value {
    let mut all = serde_json::Map::new();
    for part in ["sessions", "passes", "submissions", "faults", "stubs", "personas", "gates"] {
        let mut value = tester.read(&format!("/worlds/{world}/{part}")).await;
        // What a gate said before is not written down.
        value.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut).for_each(|own| {
            own.remove("log");
        });
        all.insert(part.to_owned(), value);
    }
    all.insert("speed".to_owned(), tester.read(&format!("/worlds/{world}/clock")).await["speed"].clone());
    all.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_goes_on_with_everything_and_phones_never_notice() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("world.state");
    let tester = Tester::with(written(&file)).await;
    let (jinan, province): (RegionId, RegionId) =
        ("cn-sd/jinan".parse().expect("a region"), "cn-sd".parse().expect("a region"));
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    phone.log_in("shandong", "lan").await.expect("logged in");
    phone.client().sync(&jinan).await.expect("synced");
    let pass = phone.client().add_pass(&province, "transit", None).await.expect("a pass");
    let revoked = phone.client().add_pass(&province, "health", None).await.expect("a pass");
    tester
        .call(Method::PUT, &format!("/worlds/default/passes/{}", revoked.id), Some(json!({ "status": "revoked" })))
        .await;
    tester.call(Method::PATCH, "/worlds/default/clock", Some(json!({ "jump_seconds": 7200, "speed": 0 }))).await;
    let code = phone.client().code(&pass.id, Audience::ANY).await.expect("a code").text;
    let check = async |tester: &Tester, gate: &str, code: &str| {
        let said = json!({ "code": code });
        let passage = tester.call(Method::POST, &format!("/worlds/default/gates/{gate}/check"), Some(said)).await;
        (passage["decision"].as_str().expect("a word").to_owned(), passage["reason"].clone())
    };
    assert_eq!(check(&tester, "metro-1", &code).await.0, "accepted");
    assert_eq!(tester.report("first", "pothole").await.expect("answered").status(), 201);
    tester.world.progress("first", "in_progress", "somebody is on the way");
    tester
        .begins(json!({ "id": "once", "what": { "kind": "reset" }, "on": { "path": "/city/vn-hn" }, "times": 1 }))
        .await;
    tester.ask("/city/vn-hn").await.expect_err("it strikes once");
    let stub = json!({ "id": "books", "on": { "path": "/city/cn-sd.jinan/library" },
        "answer": { "kind": "reply", "json": { "books": 3 } } });
    tester.call(Method::POST, "/worlds/default/stubs", Some(stub)).await;
    tester.call(Method::DELETE, "/worlds/default/gates/clinic", None).await;
    tester.call(Method::POST, "/worlds", Some(json!({ "name": "second", "seed": 9 }))).await;
    tester.call(Method::POST, "/worlds", Some(json!({ "name": "third" }))).await;
    tester.call(Method::DELETE, "/worlds/third", None).await;
    tester.call(Method::PUT, "/worlds/second/presets/city-down", None).await;
    tester.world.rotate_issuer_key("cn-sd").expect("rotated");
    tester.world.rotate_identity_key();
    let (now, before, other) =
        (tester.world.clock.milliseconds(), seen(&tester, "default").await, seen(&tester, "second").await);
    let anchors = tester.world.anchors().expect("anchors");
    let address = tester.server.address();

    // It is found at the same address, though nobody says so, with the same seed.
    let tester = next_server(tester, &file).await;
    assert_eq!((tester.server.address(), tester.world.seed()), (address, 7));
    assert_eq!(seen(&tester, "default").await, before);
    assert_eq!(seen(&tester, "second").await, other);
    assert!(tester.server.worlds().get("third").is_err(), "what was ended stays ended");
    assert_eq!(tester.world.clock.milliseconds(), now, "it is frozen as it was");
    let roots = |anchors: Vec<onecity_core::NationAnchor>| anchors.into_iter().map(|own| own.root).collect::<Vec<_>>();
    assert_eq!(roots(tester.world.anchors().expect("anchors")), roots(anchors));

    // The phone's session, registry and passes are as before. Its own clock is the old world's, which has gone on.
    phone.client().sessions().await.expect("its session goes on");
    phone.client().sync(&jinan).await.expect("no rollback");
    let status = tester.world.pass_status(&revoked.id);
    assert_eq!(status.map(|status| format!("{status:?}")).as_deref(), Some("Invalid"), "it stays revoked");
    assert_eq!(check(&tester, "metro-1", &code).await.0, "already_accepted", "it remembers whom it let in");
    assert_eq!(tester.report("first", "noise").await.expect("answered").status(), 422, "the number is taken");
    tester.ask("/city/vn-hn").await.expect("the fault has struck as often as it may");
    let books = tester.ask("/city/cn-sd.jinan/library").await.expect("answered");
    assert_eq!(books.text().await.expect("whole"), r#"{"books":3}"#);

    // What is reset stays reset.
    tester.call(Method::POST, "/worlds/default/reset", None).await;
    let before = seen(&tester, "default").await;
    let tester = next_server(tester, &file).await;
    assert_eq!(seen(&tester, "default").await, before);
    phone.client().sync(&jinan).await.expect("no rollback");
}

/// Ends a server and starts the next on its file.
async fn next_server(tester: Tester, file: &Path) -> Tester {
    let Tester { server, world, .. } = tester;
    server.stop().await;
    drop(world);
    Tester::with(WorldOptions::default().state(file)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_gate_refused_it_refuses_after_a_stop_and_no_code_of_a_second_is_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("world.state");
    let tester = Tester::with(written(&file)).await;
    let province: RegionId = "cn-sd".parse().expect("a region");
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    phone.log_in("shandong", "lan").await.expect("logged in");
    phone.client().sync(&"cn-sd/jinan".parse().expect("a region")).await.expect("synced");
    let mut passes = Vec::new();
    for holder in [None, Some("an"), Some("grandmother")] {
        passes.push(phone.client().add_pass(&province, "transit", holder).await.expect("a pass").id);
    }
    tester.call(Method::PATCH, "/worlds/default/clock", Some(json!({ "speed": 0 }))).await;
    let code = async |pass: &str| phone.client().code(pass, Audience::ANY).await.expect("a code").text;
    let check = async |tester: &Tester, code: &str| {
        let said = json!({ "code": code });
        let passage = tester.call(Method::POST, "/worlds/default/gates/metro-1/check", Some(said)).await;
        passage["reason"].as_str().or(passage["decision"].as_str()).expect("a word").to_owned()
    };
    // Two in one second, each written down by itself, and one in the next.
    let shown = [code(&passes[0]).await, code(&passes[1]).await];
    for code in &shown {
        assert_eq!(check(&tester, code).await, "accepted");
    }
    tester.world.clock.jump(1000);
    let third = code(&passes[2]).await;
    assert_eq!(check(&tester, &third).await, "accepted");
    // Its list says that one is revoked; the next list is forged, and it does not take it.
    tester
        .call(Method::PUT, &format!("/worlds/default/passes/{}", passes[2]), Some(json!({ "status": "revoked" })))
        .await;
    tester.call(Method::POST, "/worlds/default/gates/metro-1/fetch", None).await;
    let forged = json!({ "id": "forged", "what": { "kind": "bad-signature", "of": "status-list" } });
    tester.begins(forged).await;
    let view = tester.call(Method::POST, "/worlds/default/gates/metro-1/fetch", None).await;
    assert!(view["trouble"].is_string(), "{view}");

    let tester = next_server(tester, &file).await;
    for code in &shown {
        assert_eq!(check(&tester, code).await, "already_accepted");
    }
    assert_eq!(check(&tester, &code(&passes[2]).await).await, "revoked", "it goes on with the list that it took");
}

#[tokio::test(flavor = "multi_thread")]
async fn registries_go_on_to_be_signed_when_they_are_due() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("world.state");
    let tester = Tester::with(written(&file)).await;
    let weihai = "cn-sd/weihai".parse().expect("a region");
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    phone.client().sync(&weihai).await.expect("synced");
    let tester = next_server(tester, &file).await;
    // Longer than anything but a root counts.
    for _ in 0..2 {
        tester.world.clock.jump(100 * 24 * HOUR);
        let other = Phone::new(&tester.world, &["en"]).expect("a phone");
        other.client().sync(&weihai).await.expect("nothing has ended");
        let home = other.client().home(&weihai).await.expect("home");
        let coast = home.services.iter().filter(|own| own.id.app_id == "coast").count();
        assert_eq!(coast, 1, "also a circle's");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_id_is_one_stub_and_a_world_that_was_ended_can_begin_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("world.state");
    let tester = Tester::with(written(&file)).await;
    let origin = tester.world.origin().to_owned();
    let passes_on = json!({ "id": "real", "on": { "path": "/city/vn-hn/real/*" }, "answer": { "kind": "pass-on",
        "to": format!("{origin}/city/vn-hn"), "strip": "/city/vn-hn/real", "record": true } });
    tester.call(Method::POST, "/worlds/default/stubs", Some(passes_on)).await;
    tester.ask("/city/vn-hn/real/transit").await.expect("answered");
    let stubs = tester.read("/worlds/default/stubs").await;
    let recorded = stubs.as_array().expect("stubs").iter().find(|own| own["recorded"] == true).expect("recorded");
    let same = json!({ "id": recorded["id"], "on": { "path": "/city/vn-hn/other" }, "answer": { "kind": "reply", "body": "x" } });
    tester.call(Method::POST, "/worlds/default/stubs", Some(same)).await;
    let ids = |stubs: &Value| -> Vec<String> {
        stubs.as_array().expect("stubs").iter().map(|own| own["id"].as_str().expect("an id").to_owned()).collect()
    };
    let before = ids(&tester.read("/worlds/default/stubs").await);
    for _ in 0..3 {
        tester.call(Method::POST, "/worlds", Some(json!({ "name": "again" }))).await;
        let report =
            tester.http.post(format!("{origin}/w/again/city/vn-hn/reports")).header("idempotency-key", "\"one\"");
        let report = report.header("content-type", "application/json").body("{\"a\":1}");
        assert_eq!(report.send().await.expect("answered").status(), 201);
        tester.call(Method::DELETE, "/worlds/again", None).await;
    }
    tester.call(Method::POST, "/worlds", Some(json!({ "name": "again", "seed": 5 }))).await;
    // As it is routed, so it is written down.
    tester.call(Method::PUT, "/worlds/%61gain/presets/city-down", None).await;
    let tester = next_server(tester, &file).await;
    assert_eq!(ids(&tester.read("/worlds/default/stubs").await), before);
    let world = tester.read("/worlds/again").await;
    assert_eq!((&world["seed"], &world["faults"]), (&json!(5), &json!(1)));
    assert_eq!(tester.read("/worlds/again/submissions").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn time_goes_on_while_no_server_runs_at_the_speed_it_had() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("world.state");
    let tester = Tester::with(written(&file)).await;
    tester.world.clock.jump(HOUR);
    tester.world.clock.run_at(3600.0);
    let Tester { server, world, .. } = tester;
    server.stop().await;
    let before = world.clock.milliseconds();
    let stopped = std::time::Instant::now();
    drop(world);
    // Something takes its time while no server runs.
    let other = Server::start(WorldOptions::default()).await.expect("a world");
    other.world().registry(|registry| assert!(!registry.is_empty()));
    let without = i64::try_from(stopped.elapsed().as_millis()).expect("a while");
    let tester = Tester::with(written(&file)).await;
    let after = tester.world.clock.milliseconds() - before;
    let all = i64::try_from(stopped.elapsed().as_millis()).expect("a while");
    assert!(
        without > 0 && (without * 3600..=(all + 50) * 3600).contains(&after),
        "{after} ms of the world in {without} to {all} ms"
    );
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_can_t_be_gone_on_with_is_refused_by_name_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    let start = async |options: WorldOptions| match Server::start(options).await {
        Ok(_) => panic!("it is refused"),
        Err(error) => error,
    };
    std::fs::write(
        place("letter"),
        "Dear Sir or Madam, this is no state at all, but a letter of some length.".repeat(20),
    )
    .expect("written");
    let letter = std::fs::read(place("letter")).expect("read");
    assert!(matches!(start(written(&place("letter"))).await, WorldError::State(StateError::Foreign(_))));
    assert_eq!(std::fs::read(place("letter")).expect("read"), letter);
    let db = rusqlite::Connection::open(place("other")).expect("opened");
    db.execute_batch("CREATE TABLE notes (text TEXT)").expect("made");
    drop(db);
    assert!(matches!(start(written(&place("other"))).await, WorldError::State(StateError::Foreign(_))));
    assert!(matches!(start(written(&place("no/folder"))).await, WorldError::State(StateError::File(..))));

    let server = Server::start(written(&place("world"))).await.expect("a world");
    let port = server.address().port();
    assert!(matches!(start(written(&place("world"))).await, WorldError::State(StateError::InUse(_))));
    server.world().faults.begin(Preset::CityDown);
    server.stop().await;
    let elsewhere = start(written(&place("world")).port(port ^ 1)).await;
    assert!(elsewhere.to_string().contains(&format!("127.0.0.1:{port}")), "{elsewhere}");

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(place("world")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else reads its keys");
    }
    let change = |sql: &str| {
        let db = rusqlite::Connection::open(place("world")).expect("opened");
        db.execute_batch(sql).expect("changed");
    };
    for part in ["issuers", "faults", "gates", "provider-secrets", "repositories", "published", "server"] {
        std::fs::copy(place("world"), place("before")).expect("copied");
        change(&format!("UPDATE entries SET value = x'7b' WHERE part = '{part}'"));
        let damaged = start(written(&place("world"))).await;
        assert!(matches!(&damaged, WorldError::State(StateError::Damaged(what)) if what == part), "{part}: {damaged}");
        std::fs::copy(place("before"), place("world")).expect("copied");
    }
    change("DELETE FROM entries WHERE part = 'files' AND key LIKE 'cn-sd %root.json'");
    assert!(matches!(start(written(&place("world"))).await, WorldError::State(StateError::Damaged(_))));
    std::fs::copy(place("before"), place("world")).expect("copied");
    change("PRAGMA user_version = 1");
    assert!(matches!(start(written(&place("world"))).await, WorldError::State(StateError::Older(_))));
    change("PRAGMA user_version = 3");
    assert!(matches!(start(written(&place("world"))).await, WorldError::State(StateError::Newer(_))));
}
