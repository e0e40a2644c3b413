//! A service under the app's own frame: consent, what its page asks of the phone, its menu, and why it does not open.

use mock_server::{Resident, Unseen};
use onecity_app::{Act, Event, Tab};
use serde_json::{Value, json};

use crate::everything::{manifest, publish};
use crate::kit::{Outcome, Town, logs_in};

const ADD: &str = r#"{"method":"passes_add","params":{"pass_type":"transit"}}"#;

/// A service that may ask for everything is open, and Lan has agreed that it knows her. Answers where its back end is.
async fn opens_everything(town: &Town, resident: &mut Resident) -> Result<String, Unseen> {
    publish(&town.world, &manifest("everything", 1, town.world.origin()), &[]);
    let entry = resident.entry();
    resident.send(Event::Refresh { entry }).await;
    resident.tap("Everything").await?;
    resident.sees("出示卡码").await?;
    let answer = resident.page_calls_and(r#"{"method":"login","params":{}}"#, &["同意"]).await?;
    assert!(answer.contains("result"), "{answer}");
    Ok(format!("{}/city/cn-sd.jinan", town.world.origin()))
}

/// Where the open page's back end is.
async fn backend(resident: &Resident) -> String {
    let request = onecity_core::ResourceRequest::from("common/config.json");
    let config = resident.phone().app().resource(&resident.entry(), request).await.expect("its configuration");
    let config: Value = serde_json::from_slice(&config.body).expect("JSON");
    config["backend"].as_str().expect("an address").to_owned()
}

/// The first text of this name, wherever it is.
fn find(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Object(all) => {
            let own = all.get(name).and_then(Value::as_str).map(str::to_owned);
            own.or_else(|| all.values().find_map(|value| find(value, name)))
        }
        Value::Array(all) => all.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_frame_says_whose_a_service_is() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.tap("问题上报").await?;
    resident.sees("出示卡码").await?;
    let head = resident.screen().expect("a screen").head;
    assert_eq!((head.title.as_str(), head.detail.as_deref()), ("问题上报", Some("济南市")));
    let web = head.web.expect("a page");
    let request = onecity_core::ResourceRequest::from(web.path.as_str());
    let page = resident.phone().app().resource(&resident.entry(), request).await.expect("its first page");
    assert_eq!(page.status, 200);
    resident.tap("更多").await?;
    resident.sees("cn-sd/jinan").await
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_is_refused_granted_listed_and_taken_back() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    resident.tap("乘车码").await?;
    let answer = resident.page_calls_and(ADD, &["不同意"]).await?;
    assert!(answer.contains("consent"), "{answer}");
    // Put away is refused, too.
    let entry = resident.entry();
    resident.phone().app().touched(&entry);
    let app = std::sync::Arc::clone(resident.phone().app());
    let asking = tokio::spawn(async move { app.bridge(&entry, ADD).await });
    resident.sees("请求您的同意").await?;
    assert!(resident.phone().app().frame().sheet.expect("a sheet").grants);
    resident.dismisses().await;
    let answer = asking.await.expect("asked").expect("answered");
    assert!(answer.contains("consent"), "{answer}");
    resident.back().await;
    resident.goes_to(Tab::Me).await;
    resident.tap("我的授权").await?;
    resident.tap("乘车码").await?;
    resident.tap("允许它再问").await?;
    resident.sees("已收回").await?;
    resident.goes_to(Tab::Home).await;
    resident.tap("乘车码").await?;
    let answer = resident.page_calls_and(ADD, &["同意"]).await?;
    assert!(answer.contains("result"), "{answer}");
    resident.back().await;
    resident.goes_to(Tab::Me).await;
    resident.tap("我的授权").await?;
    resident.sees("已同意").await?;
    resident.tap("乘车码").await?;
    resident.tap("收回同意").await?;
    resident.sees("已收回").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_was_sent_without_a_network_waits_and_arrives_once() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.tap("问题上报").await?;
    resident.sees("出示卡码").await?;
    let url = format!("{}/reports", backend(&resident).await);
    resident.goes_offline().await;
    let body = json!({ "category": "lamp", "text": "路灯不亮" });
    let params = json!({ "url": url, "title": "路灯不亮", "body": body });
    let call = json!({ "method": "submit", "params": params });
    let answer = resident.page_calls(&call.to_string()).await?;
    assert!(answer.contains("result"), "{answer}");
    resident.back().await;
    resident.sees("1 项已保存").await?;
    let taken = town.world.submissions_taken();
    resident.restarts().await;
    resident.goes_online().await;
    resident.sees("问题上报").await?;
    resident.sees_no_more("项已保存").await?;
    assert_eq!(town.world.submissions_taken(), taken + 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_open_here_says_why_and_what_to_do() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.send(Event::Link { url: "onecity://miniapp/vn-hn:report".to_owned() }).await;
    resident.sees("打开这项服务").await?;
    resident.tap("取消").await?;
    resident.sees("问题上报").await?;
    // Never fetched, and no network.
    resident.goes_offline().await;
    resident.tap("预约办事").await?;
    resident.sees("首次打开需要网络").await?;
    // With a network it opens by itself.
    resident.goes_online().await;
    resident.sees("出示卡码").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_stronger_login_may_see_asks_for_one_and_then_shows_it() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    let backend = opens_everything(&town, &mut resident).await?;
    let asks =
        json!({ "method": "request", "params": { "method": "GET", "url": format!("{backend}/strong") } }).to_string();
    let answer = resident.page_calls(&asks).await?;
    assert!(answer.contains("step_up_required"), "{answer}");
    // Somebody else who comes back is not taken for Lan.
    resident.is(Some("minh"));
    resident.sees("需要更高级别的身份验证").await?;
    resident.tap("登录").await?;
    resident.sees("登录没有成功").await?;
    resident.is(Some("lan"));
    resident.tap("重试").await?;
    resident.sees("已登录").await?;
    resident.sees("出示卡码").await?;
    let answer = resident.page_calls(&asks).await?;
    assert!(answer.contains("\"status\":200"), "{answer}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_handed_over_by_a_code_and_waits_on_the_other_phone() -> Outcome {
    let town = Town::new().await;
    let mut helper = town.lan_of_jinan().await?;
    helper.tap("问题上报").await?;
    helper.sees("出示卡码").await?;
    let kept = json!({ "method": "draft_set", "params": { "title": "路灯", "body": { "text": "路灯不亮" } } });
    helper.page_calls(&kept.to_string()).await?;
    let app = std::sync::Arc::clone(helper.phone().app());
    let entry = helper.entry();
    let showing = tokio::spawn(async move { app.bridge(&entry, r#"{"method":"draft_hand_over","params":{}}"#).await });
    helper.sees("交给另一部手机").await?;
    let code = helper.holds_the_code_to_a_gate().await?;
    helper.tap("完成").await?;
    showing.await.expect("shown").expect("answered");

    let mut elder = town.of_jinan().await?;
    logs_in(&mut elder, "grandmother").await?;
    elder.will_scan(&code);
    elder.scans().await?;
    elder.sees("已收到 Persona Lan 填好的表单").await?;
    elder.sees("问题上报").await?;
    let waits = elder.page_calls(r#"{"method":"draft_get","params":{}}"#).await?;
    assert!(waits.contains("路灯不亮"), "{waits}");
    elder.back().await;
    // A code counts once.
    elder.will_scan(&code);
    elder.scans().await?;
    elder.sees("这份草稿的二维码已失效").await?;
    elder.sees("搜索服务和地方").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_that_was_taken_while_the_app_was_ended_is_offered_to_the_page_that_asks_next() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    opens_everything(&town, &mut resident).await?;
    let app = std::sync::Arc::clone(resident.phone().app());
    let entry = resident.entry();
    let asking = tokio::spawn(async move { app.bridge(&entry, r#"{"method":"pick_photo","params":{}}"#).await });
    resident.tap("同意").await?;
    let mut happened = resident.phone().happened();
    let id = loop {
        let photo = resident.phone().take_effects().into_iter().find(|effect| effect.act == Act::Photo);
        match photo {
            Some(photo) => break photo.id,
            None => happened.changed().await.expect("the phone is there"),
        }
    };
    resident.restarts().await;
    drop(asking.await);
    resident.sees("出示卡码").await?;
    let bytes = vec![0xff, 0xd8, 0xff, 0xe0];
    let taken = onecity_app::Outcome::Photo { name: "lamp.jpg".to_owned(), media_type: "image/jpeg".to_owned(), bytes };
    resident.send(Event::Done { id, outcome: taken }).await;
    resident.sees("照片已保留").await?;
    // Put away, it stays for the next time.
    let pick = r#"{"method":"pick_photo","params":{}}"#;
    let answer = resident.page_calls_and(pick, &["取消"]).await?;
    assert!(!answer.contains("result"), "{answer}");
    let answer = resident.page_calls_and(pick, &["用这张照片"]).await?;
    assert!(answer.contains("result"), "{answer}");
    // Once used, the camera is asked again.
    let app = std::sync::Arc::clone(resident.phone().app());
    let entry = resident.entry();
    let asking = tokio::spawn(async move { app.bridge(&entry, r#"{"method":"pick_photo","params":{}}"#).await });
    resident.has_it_done(&Act::Photo).await?;
    asking.abort();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_scanned_is_checked_and_an_altered_one_is_only_text() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    let url = format!("{}/certificates", opens_everything(&town, &mut resident).await?);
    let submit = json!({ "method": "submit", "params": { "url": url, "title": "证明", "body": { "for": "school" } } });
    resident.page_calls(&submit.to_string()).await?;
    let delivered = async {
        loop {
            let all = resident.page_calls(r#"{"method":"submissions_list","params":{}}"#).await?;
            let all: Value = serde_json::from_str(&all).expect("JSON");
            if let Some(document) = find(&all, "document") {
                break Ok::<_, Unseen>(document);
            }
            tokio::task::yield_now().await;
        }
    };
    let document = tokio::time::timeout(std::time::Duration::from_secs(20), delivered).await.expect("delivered")?;
    resident.back().await;
    // Anybody may check it, also without a network.
    let mut clerk = town.of_jinan().await?;
    clerk.goes_offline().await;
    clerk.will_scan(&document);
    clerk.scans().await?;
    clerk.sees("真实有效").await?;
    clerk.sees("Persona Lan").await?;
    clerk.tap("关闭").await?;
    let altered = document.replacen(&document[document.len() / 2..document.len() / 2 + 1], "#", 1);
    clerk.will_scan(&altered);
    clerk.scans().await?;
    clerk.sees("不是").await?;
    assert!(!clerk.reads().contains("真实有效"), "{}", clerk.reads());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn back_goes_through_the_page_s_own_history_first() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.tap("问题上报").await?;
    resident.sees("出示卡码").await?;
    let entry = resident.entry();
    resident.send(Event::WebState { entry: entry.clone(), can_go_back: true }).await;
    resident.back().await;
    resident.has_it_done(&Act::WebBack { entry: entry.clone() }).await?;
    assert_eq!(resident.entry(), entry, "the service is still open");
    resident.send(Event::WebState { entry, can_go_back: false }).await;
    resident.back().await;
    resident.sees("搜索服务和地方").await?;
    resident.back().await;
    resident.has_it_done(&Act::Leave).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_process_ended_can_be_opened_again() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.tap("问题上报").await?;
    resident.sees("出示卡码").await?;
    let entry = resident.entry();
    let before = resident.screen().expect("a screen").head.web.expect("a page").session;
    resident.send(Event::WebGone { entry }).await;
    resident.sees("填写的内容已保存").await?;
    resident.tap("重新打开").await?;
    resident.sees("出示卡码").await?;
    assert_ne!(resident.screen().expect("a screen").head.web.expect("a page").session, before, "a new web view");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_keeps_is_cleared_after_it_was_said_what_that_means() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.tap("问题上报").await?;
    resident.sees("出示卡码").await?;
    let set = r#"{"method":"storage_set","params":{"key":"street","value":"Example Road"}}"#;
    resident.page_calls(set).await?;
    resident.tap("更多").await?;
    resident.tap("清除它保存的数据").await?;
    resident.sees("等待发送的内容不会删除").await?;
    resident.tap("清除它保存的数据").await?;
    resident.sees("已清除").await?;
    let get = r#"{"method":"storage_get","params":{"key":"street"}}"#;
    let answer = resident.page_calls(get).await?;
    assert!(!answer.contains("Example Road"), "{answer}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_payment_page_opens_the_app_says_who_asks_for_how_much() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    resident.tap("问题上报").await?;
    resident.sees("出示卡码").await?;
    let backend = backend(&resident).await;
    let pay = |order: &str| {
        let url = format!("{backend}/pay?order={order}&amount=1234550&currency=CNY");
        let params = json!({ "order": order, "url": url, "amount": 1_234_550, "currency": "CNY" });
        json!({ "method": "pay", "params": params }).to_string()
    };
    resident.did();
    let refused = resident.page_calls_and(&pay("A-1"), &["取消"]).await?;
    assert!(refused.contains("cancelled"), "{refused}");
    assert_eq!(resident.did(), [], "no browser was opened");
    let paid = resident.page_calls_and(&pay("A-2"), &["去付款"]).await?;
    assert!(paid.contains("1234550"), "{paid}");
    resident.sees("已付款给").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_paid_is_written_as_the_resident_s_language_writes_money() -> Outcome {
    let town = Town::new().await;
    for (language, go_on, cities, service, amount, currency, written) in [
        ("zh-Hans-CN", "同意并继续", ["山东省", "济南市"], "问题上报", 1_234_550, "CNY", "¥12,345.50"),
        ("vi-VN", "Đồng ý và tiếp tục", ["Hà Nội", "Toàn"], "Phản ánh hiện trường", 30_000, "VND", "30.000 ₫"),
        ("en", "Agree and go on", ["Shandong", "Jinan"], "Report a problem", 5, "KWD", "KWD 0.005"),
    ] {
        let mut resident = town.speaking(&[language]);
        resident.tap(go_on).await?;
        for city in cities {
            resident.tap(city).await?;
        }
        resident.tap(service).await?;
        resident.sees_that("a page", |screen| screen.head.web.is_some()).await?;
        let url = format!("{}/pay", backend(&resident).await);
        let params = json!({ "order": "B-1", "url": url, "amount": amount, "currency": currency });
        let call = json!({ "method": "pay", "params": params }).to_string();
        let app = std::sync::Arc::clone(resident.phone().app());
        let entry = resident.entry();
        let calling = tokio::spawn(async move { app.bridge(&entry, &call).await });
        resident.sees(written).await?;
        resident.dismisses().await;
        let answer = calling.await.expect("asked").expect("answered");
        assert!(answer.contains("cancelled"), "{answer}");
    }
    Ok(())
}
