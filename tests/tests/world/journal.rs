//! What has arrived, as a tester reads it.

use std::time::Duration;

use mock_server::Phone;
use reqwest::Method;
use serde_json::json;

use crate::kit::Tester;

#[tokio::test(flavor = "multi_thread")]
async fn a_login_can_be_followed_and_none_of_its_secrets_is_there() {
    let tester = Tester::new().await;
    let phone = Phone::new(&tester.world, &["en"]).expect("a phone");
    let callback = phone.callback("shandong", "lan").await.expect("a browser");
    phone.client().finish_login(&callback).await.expect("logged in");
    phone.client().sessions().await.expect("listed");
    let journal = tester.read("/worlds/default/journal?provider=shandong").await;
    let all = journal.as_array().expect("a list");
    let paths: Vec<&str> = all.iter().filter_map(|own| own["path"].as_str()).collect();
    for path in ["/idp/shandong/par", "/idp/shandong/authorize", "/idp/shandong/token", "/idp/shandong/sessions"] {
        assert!(paths.contains(&path), "{path} in {paths:?}");
    }
    let text = journal.to_string();
    let code = url::Url::parse(&callback).expect("an address");
    let code = code.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    assert!(!text.contains(&code), "the code is a word");
    // The word for the code is the same in the redirect and in the exchange.
    let redirect =
        all.iter().find_map(|own| own["response"]["headers"].as_array()?.iter().find(|own| own["name"] == "location"));
    let location = redirect.expect("a redirect")["value"].as_str().expect("a text");
    let word = location.split(['?', '&']).find_map(|part| part.strip_prefix("code=")).expect("a word");
    let token = all.iter().find(|own| own["path"] == "/idp/shandong/token").expect("an exchange");
    assert!(token["request"]["body"].as_str().is_some_and(|body| body.contains(&format!("code={word}"))), "{token}");
    for own in all {
        for header in own["request"]["headers"].as_array().into_iter().flatten() {
            let (name, value) = (header["name"].as_str().expect("a name"), header["value"].as_str().expect("a value"));
            if ["authorization", "dpop", "cookie"].contains(&name) {
                assert!(value.contains("secret-") && value.len() < 40, "{name}: {value}");
            }
        }
        let body = own["response"]["body"].as_str().unwrap_or_default();
        // As a value begins: within a key's coordinates anything may stand.
        let has_token = ["\"eyJ", "=eyJ", " eyJ"].iter().any(|begun| body.contains(begun)) || body.starts_with("eyJ");
        assert!(!has_token, "no token of any kind: {body}");
    }
    assert!(all.iter().any(|own| own["persona"] == "lan"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_what_is_expected_has_arrived_is_one_question() {
    let tester = Tester::new().await;
    for (number, category) in [("1", "pothole"), ("2", "noise"), ("3", "pothole")] {
        tester.report(number, category).await.expect("answered");
    }
    let asked = |least: u64, category: &str| {
        json!({
            "on": {
                "methods": ["POST"], "path": "/city/*/reports", "unit": "cn-sd/qingdao", "json": { "/category": category },
            },
            "status": 201, "at_least": least,
        })
    };
    for (least, category, holds, count) in [(2, "pothole", true, 2), (3, "pothole", false, 2), (1, "light", false, 0)] {
        let verdict = tester.call(Method::POST, "/worlds/default/journal/verify", Some(asked(least, category))).await;
        assert_eq!((&verdict["holds"], &verdict["count"]), (&json!(holds), &json!(count)), "{category}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_sees_each_exchange_as_it_happens_until_the_server_stops() {
    let tester = Tester::new().await;
    let url = format!("{}/worlds/default/journal/live?method=POST", tester.world.web_origin());
    let mut live = tester.http.get(url).header("onecity-admin", "1").send().await.expect("answered");
    assert_eq!(live.headers()["content-type"], "text/event-stream");
    tester.ask("/city/cn-sd.qingdao").await.expect("answered");
    tester.report("1", "pothole").await.expect("answered");
    let mut seen = String::new();
    while !seen.contains("\n\n") {
        seen.push_str(&String::from_utf8_lossy(&live.chunk().await.expect("an event").expect("goes on")));
    }
    assert!(seen.contains("event: exchange") && seen.contains("/city/cn-sd.qingdao/reports"), "{seen}");
    assert!(!seen.contains("\"GET\""), "only what is meant: {seen}");
    let stopped = tokio::time::timeout(Duration::from_secs(4), tester.server.stop()).await;
    stopped.expect("those who watch do not hold it up");
    assert!(live.chunk().await.is_ok_and(|rest| rest.is_none()), "a proper end");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_what_other_tools_read() {
    let tester = Tester::new().await;
    tester.report("1", "pothole").await.expect("answered");
    let har = tester.read("/worlds/default/journal/har?method=POST").await;
    let entry = &har["log"]["entries"][0];
    let url = format!("{}/city/cn-sd.qingdao/reports", tester.world.origin());
    assert_eq!((har["log"]["version"].as_str(), entry["request"]["url"].as_str()), (Some("1.2"), Some(url.as_str())));
    assert_eq!(entry["response"]["status"], 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_gave_up_on_is_there_and_says_when_it_came() {
    let tester = Tester::new().await;
    tester.begins(json!({ "what": { "kind": "latency", "delay": { "fixed_ms": 5000 } } })).await;
    let url = format!("{}/city/vn-hn", tester.world.origin());
    let given_up = tester.http.get(url).timeout(Duration::from_millis(200)).send().await.expect_err("too late");
    assert!(given_up.is_timeout());
    let arrived = async {
        loop {
            let journal = tester.read("/worlds/default/journal").await;
            if let Some(own) = journal.get(0) {
                return own.clone();
            }
        }
    };
    let own = tokio::time::timeout(Duration::from_secs(5), arrived).await.expect("written down");
    assert!(own["status"].is_null() && own["faults"] == json!(["rule-1"]), "{own}");
    assert!(own["took_ms"].as_u64().is_some_and(|took| took < 3000), "{own}");
}
