//! A service under the app's own frame: consent, what its page asks of the phone, its menu, and why it does not open.

use onecity_app::{Act, Event, Tab};

use crate::kit::{Outcome, Town};

const ADD: &str = r#"{"method":"passes_add","params":{"pass_type":"transit"}}"#;

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
    let app = std::sync::Arc::clone(resident.phone().app());
    resident.sees("出示卡码").await?;
    let request = onecity_core::ResourceRequest::from("common/config.json");
    let config = app.resource(&resident.entry(), request).await.expect("its configuration");
    let config: serde_json::Value = serde_json::from_slice(&config.body).expect("JSON");
    let url = format!("{}/reports", config["backend"].as_str().expect("an address"));
    resident.goes_offline().await;
    let body = serde_json::json!({ "category": "lamp", "text": "路灯不亮" });
    let params = serde_json::json!({ "url": url, "title": "路灯不亮", "body": body });
    let call = serde_json::json!({ "method": "submit", "params": params });
    let answer = resident.page_calls(&call.to_string()).await?;
    assert!(answer.contains("result"), "{answer}");
    resident.back().await;
    resident.sees("1 项已保存").await?;
    let taken = town.world.submissions_taken();
    drop(app);
    let mut resident = resident.restarts().await;
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
    let request = onecity_core::ResourceRequest::from("common/config.json");
    let config = resident.phone().app().resource(&resident.entry(), request).await.expect("its configuration");
    let config: serde_json::Value = serde_json::from_slice(&config.body).expect("JSON");
    let backend = config["backend"].as_str().expect("an address");
    let pay = |order: &str| {
        let url = format!("{backend}/pay?order={order}&amount=1234550&currency=CNY");
        let params = serde_json::json!({ "order": order, "url": url, "amount": 1_234_550, "currency": "CNY" });
        serde_json::json!({ "method": "pay", "params": params }).to_string()
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
        let request = onecity_core::ResourceRequest::from("common/config.json");
        let config = resident.phone().app().resource(&resident.entry(), request).await.expect("its configuration");
        let config: serde_json::Value = serde_json::from_slice(&config.body).expect("JSON");
        let url = format!("{}/pay", config["backend"].as_str().expect("an address"));
        let params = serde_json::json!({ "order": "B-1", "url": url, "amount": amount, "currency": currency });
        let call = serde_json::json!({ "method": "pay", "params": params }).to_string();
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
