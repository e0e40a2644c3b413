//! A bug in one file, and the same again in another world.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mock_server::{
    Capsule, CityAnswer, Outcome, Phone, Preset, Rule, Spread, What, Where, World, WorldOptions, replay,
};
use onecity_protocol::credential::Audience;
use onecity_protocol::region::RegionId;
use reqwest::Method;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::kit::{self, Tester};

fn region(text: &str) -> RegionId {
    text.parse().expect("a region")
}

/// A day of a resident with much that goes wrong, and much that a tester does.
async fn a_bad_day(tester: &Tester) {
    let world = &tester.world;
    let late = What::Latency { delay: mock_server::Delay::LogNormal(Spread { median_ms: 5, sigma: 1.0 }) };
    world.faults.add(Rule::new(late).with_probability(0.5)).expect("a rule");
    let busy = What::Status { status: 503, retry_after: None };
    world.faults.add(Rule::new(busy).on(Where::path("/city/**")).with_probability(0.4)).expect("a rule");
    let phone = Phone::new(world, &["en"]).expect("a phone");
    phone.log_in("shandong", "lan").await.expect("logged in");
    phone.client().sync(&region("cn-sd/jinan")).await.expect("synced");
    let pass = phone.client().add_pass(&region("cn-sd"), "transit", None).await.expect("a pass");
    let code = phone.client().code(&pass.id, Audience::ANY).await.expect("a code").text;
    for decision in ["accepted", "already_accepted"] {
        assert_eq!(world.gates.check("metro-1", &code).await.expect("a gate").decision, decision);
    }
    world.gates.check("metro-1", "this is no code").await.expect("a gate");
    let challenge = tester.call(Method::POST, "/worlds/default/gates/clinic/challenge", None).await;
    assert!(challenge["text"].is_string());
    tester.call(Method::PUT, "/worlds/default/gates/mine", Some(json!({ "region": "cn-sd" }))).await;
    // Many at once: which of them is refused, the seed decides.
    let reports =
        (0..20).map(|number| tester.report(Box::leak(format!("report-{number}").into_boxed_str()), "pothole"));
    let answers = futures_util::future::join_all(reports).await;
    let taken = answers.iter().filter(|answer| answer.as_ref().is_ok_and(|own| own.status() == 201)).count();
    assert!((1..20).contains(&taken), "{taken}");
    let stub = json!({ "id": "books", "on": { "path": "/city/cn-sd.jinan/library" }, "times": 1,
        "answer": { "kind": "reply", "status": 418, "json": { "books": 3 } } });
    tester.call(Method::POST, "/worlds/default/stubs", Some(stub)).await;
    let _ = tester.ask("/city/cn-sd.jinan/library").await;
    let _ = tester.ask("/city/cn-sd.jinan/library").await;
    world.clock.jump(3_600_000);
    tester.call(Method::POST, "/worlds/default/tokens/expire", None).await;
    phone.client().sessions().await.expect("renewed");
    tester
        .call(Method::PUT, &format!("/worlds/default/passes/{}", pass.id), Some(json!({ "status": "revoked" })))
        .await;
    tester.call(Method::POST, "/worlds/default/gates/metro-1/fetch", None).await;
    let code = phone.client().code(&pass.id, Audience::ANY).await.expect("a code").text;
    let refused = world.gates.check("metro-1", &code).await.expect("a gate");
    assert_eq!(refused.reason.as_deref(), Some("revoked"));
    tester.call(Method::POST, "/worlds/default/registries/cn-sd/sign", None).await;
    phone.client().sync(&region("cn-sd/jinan")).await.expect("synced");
    world.faults.begin(Preset::RollbackAttack);
    phone.client().sync(&region("cn-sd/jinan")).await.expect_err("it sees through it");
    world.faults.end_all();
    world.faults.begin(Preset::LoseReply);
    let _ = tester.report("lost", "noise").await;
    world.faults.end_all();
    let mended = CityAnswer { picture: Some(kit::picture()), signed: true, ..CityAnswer::new("done", "Mended") };
    world.answer("lost", &mended).expect("the city has it");
    for path in ["", "/answers/1", "/answers/0"] {
        tester.ask(&format!("/city/cn-sd.qingdao/reports/lost{path}")).await.expect("answered");
    }
    world.rotate_identity_key();
    let other = Phone::new(world, &["vi"]).expect("a phone");
    other.log_in("vneid", "minh").await.expect("logged in");
    tester.call(Method::DELETE, "/worlds/default/sessions?persona=lan", None).await;
    phone.client().sessions().await.expect_err("its session has ended");
    // Somebody who gives up while nothing comes, while it is late, and while a real back end thinks; and somebody who sends nonsense.
    let gives_up = async |path: &str| {
        let url = format!("{}{path}", world.origin());
        let waits = std::time::Duration::from_millis(80);
        tokio::time::timeout(waits, tester.http.get(url).send()).await.expect_err("it gives up");
    };
    world.faults.begin(Preset::Silence);
    gives_up("/city/vn-hn").await;
    world.faults.end_all();
    world.faults.add(Rule::new(What::Latency { delay: mock_server::Delay::FixedMs(60_000) })).expect("a rule");
    gives_up("/city/vn-hn/transit").await;
    world.faults.end_all();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let thinks = json!({ "on": { "path": "/city/vn-hn/thinks" },
        "answer": { "kind": "pass-on", "to": format!("http://{}", silent.local_addr().expect("an address")) } });
    tester.call(Method::POST, "/worlds/default/stubs", Some(thinks)).await;
    gives_up("/city/vn-hn/thinks").await;
    let nonsense = tester.http.post(format!("{}/city/vn-hn/reports", world.origin()));
    let nonsense = nonsense.header("content-type", "application/json").body("{\"a\":");
    assert_eq!(nonsense.send().await.expect("answered").status(), 400);
    let url = format!("{}/idp/shandong/token", world.origin());
    let stranger = tester.http.post(url).header("content-type", "application/x-www-form-urlencoded");
    let stranger =
        stranger.body("grant_type=authorization_code&client_id=onecity-app&code=guessed&code_verifier=guessed");
    assert_eq!(stranger.send().await.expect("answered").status(), 400);
}

async fn again(capsule: &Value) -> Outcome {
    let capsule = Capsule::read(capsule.to_string().as_bytes()).expect("a capsule");
    replay(&capsule).await.expect("it happens again")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_day_comes_to_the_same_decisions_in_another_world() {
    let tester = Tester::with(WorldOptions::default().seed(11)).await;
    a_bad_day(&tester).await;
    let capsule = tester.read("/worlds/default/capsule").await;
    let Tester { server, .. } = tester;
    server.stop().await;
    let outcome = again(&capsule).await;
    assert_eq!(outcome.differences, []);
    assert!(outcome.exchanges > 60 && outcome.deeds > 15, "{outcome}");
    let events =
        |name: &str| capsule["events"].as_array().expect("events").iter().filter(|own| own["event"] == name).count();
    let unseen = capsule["events"].as_array().expect("events").iter().filter(|own| own["unseen"] == true).count();
    assert_eq!((events("given-up"), unseen), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_at_which_exchange_it_is_not_the_same() {
    let tester = Tester::with(WorldOptions::default().seed(11)).await;
    a_bad_day(&tester).await;
    let mut capsule = tester.read("/worlds/default/capsule").await;
    // As if the server that had the bug had taken what this one refuses.
    let events = capsule["events"].as_array_mut().expect("events");
    let refused = events.iter_mut().find(|own| own["exchange"]["status"] == 400).expect("one was refused");
    refused["exchange"]["status"] = 200.into();
    let number = refused["exchange"]["number"].clone();
    let outcome = again(&capsule).await;
    assert_eq!(outcome.differences.len(), 1, "{outcome}");
    let first = &outcome.differences[0];
    assert!(
        first.at.starts_with(&format!("exchange {number}, "))
            && first.then.starts_with("200")
            && first.now.starts_with("400"),
        "{first}"
    );

    // Another seed draws other lots.
    let mut capsule = tester.read("/worlds/default/capsule").await;
    capsule["world"]["seed"] = 12.into();
    assert!(!again(&capsule).await.differences.is_empty());
    // What is changed in a gate's decision is found, too.
    let mut capsule = tester.read("/worlds/default/capsule").await;
    let events = capsule["events"].as_array_mut().expect("events");
    let check = events.iter_mut().find(|own| own["deed"]["decision"] == "accepted").expect("one was accepted");
    check["deed"]["decision"] = "refused".into();
    let outcome = again(&capsule).await;
    assert!(outcome.differences[0].at.contains("metro-1"), "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_capsule_and_a_login_that_it_tells_of_holds_again() {
    let tester = Tester::new().await;
    let verifier = "a-verifier-that-nobody-else-knows-0123456789";
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let origin = tester.world.origin().to_owned();
    let asked = format!(
        "/idp/vneid/authorize?response_type=code&client_id=onecity-app&redirect_uri=onecity%3A%2F%2Flogin&scope=openid%20offline_access\
         &code_challenge={challenge}&code_challenge_method=S256&state=a-state&prompt=none&login_hint=minh"
    );
    let back = tester.ask(&asked).await.expect("answered");
    let back = reqwest::Url::parse(back.headers()["location"].to_str().expect("an address")).expect("an address");
    let code = back.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    let token = async |form: String| -> Value {
        let request = tester.http.post(format!("{origin}/idp/vneid/token"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form).send().await.expect("answered");
        assert_eq!(answer.status(), 200);
        serde_json::from_str(&answer.text().await.expect("whole")).expect("JSON")
    };
    let first = token(format!(
        "grant_type=authorization_code&client_id=onecity-app&redirect_uri=onecity%3A%2F%2Flogin&code={code}&code_verifier={verifier}"
    ))
    .await;
    let secret = |answer: &Value, name: &str| answer[name].as_str().expect("a secret").to_owned();
    let renewed = token(format!(
        "grant_type=refresh_token&client_id=onecity-app&refresh_token={}",
        secret(&first, "refresh_token")
    ))
    .await;
    let access = secret(&renewed, "access_token");
    let userinfo = tester.http.get(format!("{origin}/idp/vneid/userinfo")).bearer_auth(&access);
    let cookie = userinfo.header("cookie", "onecity_vneid=a-cookie-that-nobody-else-knows");
    assert_eq!(cookie.send().await.expect("answered").status(), 200);

    let capsule = tester.read("/worlds/default/capsule").await;
    let text = capsule.to_string();
    let mut secrets = vec![verifier.to_owned(), code, access, "a-cookie-that-nobody-else-knows".to_owned()];
    for answer in [&first, &renewed] {
        secrets.extend([secret(answer, "access_token"), secret(answer, "refresh_token")]);
    }
    secrets.push(secret(&first, "id_token"));
    for secret in &secrets {
        assert!(!text.contains(secret), "{secret} is in it");
    }
    assert!(text.contains("a-state") && text.contains(&challenge), "what is no secret is as it was");
    let outcome = again(&capsule).await;
    assert_eq!((outcome.exchanges, outcome.differences.as_slice()), (4, [].as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_ended_again_a_stub_s_secrets_are_words_and_nobody_is_asked_who_was_not_answered() {
    let tester = Tester::new().await;
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    phone.log_in("shandong", "lan").await.expect("logged in");
    let other = Phone::new(&tester.world, &["en"]).expect("a phone");
    tester.world.clock.jump(2000);
    other.log_in("shandong", "lan").await.expect("logged in");
    let sessions = other.client().sessions().await.expect("listed");
    let elsewhere = sessions.iter().find(|own| !own.current).expect("the first phone's");
    other.client().end_session(&elsewhere.id).await.expect("ended");
    phone.client().sessions().await.expect_err("it has ended");

    let stub = json!({ "on": { "path": "/city/vn-hn/keys", "headers": { "x-api-key": "a-key-of-staging" } },
        "answer": { "kind": "reply", "json": { "access_token": "a-token-of-staging" } } });
    tester.call(Method::POST, "/worlds/default/stubs", Some(stub)).await;
    let keyed = tester.http.get(format!("{}/city/vn-hn/keys", tester.world.origin()));
    assert_eq!(keyed.header("x-api-key", "a-key-of-staging").send().await.expect("answered").status(), 200);
    // A real back end that counts who asks.
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counts = std::sync::Arc::clone(&asked);
    let back_end = axum::Router::new().fallback(move || {
        counts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async { axum::Json(json!({ "books": 3 })) }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, back_end).await });
    let passes_on = json!({ "on": { "path": "/city/vn-hn/real/*" },
        "answer": { "kind": "pass-on", "to": format!("http://a-user:a-password@{address}") } });
    tester.call(Method::POST, "/worlds/default/stubs", Some(passes_on)).await;
    tester.ask("/city/vn-hn/real/books").await.expect("answered");
    let lost = json!({ "id": "lost", "what": { "kind": "lose-answer", "instead": "reset" }, "on": { "path": "/city/vn-hn/real/*" } });
    tester.begins(lost).await;
    tester.ask("/city/vn-hn/real/lost").await.expect_err("its answer is lost");
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 2);

    let capsule = tester.read("/worlds/default/capsule").await;
    let text = capsule.to_string();
    for secret in ["a-key-of-staging", "a-token-of-staging", "a-password", &elsewhere.id] {
        assert!(!text.contains(secret), "{secret} is in it");
    }
    let outcome = again(&capsule).await;
    assert_eq!(outcome.differences, []);
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 2, "nobody is asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capsule_that_somebody_has_made_up_ends_well_or_is_refused() {
    let tester = Tester::new().await;
    tester.ask("/city/vn-hn").await.expect("answered");
    let capsule = tester.read("/worlds/default/capsule").await;
    let changed = |change: fn(&mut Value)| {
        let mut capsule = capsule.clone();
        change(&mut capsule);
        Capsule::read(capsule.to_string().as_bytes())
    };
    let word = "secret-0123456789ab";
    assert_eq!(word.len(), 19);
    // A word that is made of itself, and one of many of itself.
    let circle = changed(|capsule| {
        capsule["made"] =
            json!({ "secret-0123456789ab": { "kind": "basic", "name": "x", "secret": "secret-0123456789ab" } });
        capsule["events"][0]["exchange"]["query"] = "a=secret-0123456789ab".into();
    });
    replay(&circle.expect("a capsule")).await.expect("it ends");
    let many = changed(|capsule| {
        let all: serde_json::Map<String, Value> = (0..12)
            .map(|number| {
                let next = format!("secret-{:012x}", number + 1);
                let claims: Vec<&str> = std::iter::repeat_n(next.as_str(), 40).collect();
                let made =
                    json!({ "kind": "jws", "head": {}, "key": "k", "private": false, "claims": claims, "holds": true });
                (format!("secret-{number:012x}"), made)
            })
            .collect();
        capsule["made"] = all.into();
        capsule["events"][0]["exchange"]["query"] = "a=secret-000000000000".into();
    });
    replay(&many.expect("a capsule")).await.expect("it ends");
    assert!(changed(|capsule| capsule["made"] = json!({ "w": { "kind": "jws", "head": [], "key": "k", "private": false, "claims": {}, "holds": true } })).is_err());
    let long = changed(|capsule| {
        capsule["events"][0]["exchange"]["request"]["bytes"] = u64::MAX.into();
        capsule["events"][0]["exchange"]["request"]["body"] = Value::Null;
    });
    replay(&long.expect("a capsule")).await.expect("it ends");
    for origin in ["x", "", "http://127.0.0.1:1/path", "file:///etc"] {
        let mut capsule = capsule.clone();
        capsule["world"]["web_origin"] = origin.into();
        let capsule = Capsule::read(capsule.to_string().as_bytes()).expect("a capsule");
        assert!(replay(&capsule).await.expect_err("refused").to_string().contains("address"), "{origin}");
    }
    let silent = changed(|capsule| {
        capsule["events"][0]["exchange"]["path"] = "/city/\u{1b}[2J".into();
        capsule["events"][0]["exchange"]["method"] = "not a method".into();
    });
    let outcome = replay(&silent.expect("a capsule")).await.expect("it ends");
    assert!(outcome.differences.len() == 1 && !outcome.to_string().contains('\u{1b}'), "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_capsule_or_can_t_happen_again_is_refused_by_name() {
    let read = |text: &str| Capsule::read(text.as_bytes()).expect_err("refused").to_string();
    assert!(read("").contains("no capsule") && read("{\"capsule\":2}").contains("no capsule"));
    for other in [1, 3] {
        assert!(read(&format!("{{\"capsule\":{other}}}")).contains(&format!("version {other}")));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("state");
    let tester = Tester::with(WorldOptions::default().state(&file)).await;
    tester.ask("/city/vn-hn").await.expect("answered");
    assert!(again(&tester.read("/worlds/default/capsule").await).await.differences.is_empty());
    let Tester { server, world, .. } = tester;
    server.stop().await;
    drop(world);
    let tester = Tester::with(WorldOptions::default().state(&file)).await;
    let capsule = tester.world.capsule();
    let refused = replay(&capsule).await.expect_err("refused");
    assert!(refused.to_string().contains("state file"), "{refused}");
    let tester = Tester::new().await;
    tester.ask("/city/vn-hn").await.expect("answered");
    tester.world.journal.clear();
    let refused = replay(&tester.world.capsule()).await.expect_err("refused");
    assert!(refused.to_string().contains("lost 1"), "{refused}");
    // A world that was reset is as it was at first.
    World::reset(&tester.world).expect("reset");
    tester.ask("/city/vn-hn").await.expect("answered");
    assert!(replay(&tester.world.capsule()).await.expect("again").differences.is_empty());

    // A world that was signed again before it was reset has versions that no other has.
    tester.world.sign_again(&region("cn-sd")).expect("signed");
    World::reset(&tester.world).expect("reset");
    let refused = replay(&tester.world.capsule()).await.expect_err("refused");
    assert!(refused.to_string().contains("signed before a reset"), "{refused}");

    // A file of a service that would lie elsewhere is written nowhere.
    let mut capsule = Tester::new().await.read("/worlds/default/capsule").await;
    capsule["services"] = json!({ "service-1": { "../../outside": "AAAA" } });
    let capsule = Capsule::read(capsule.to_string().as_bytes()).expect("a capsule");
    assert!(replay(&capsule).await.expect_err("refused").to_string().contains("no path"));
}
