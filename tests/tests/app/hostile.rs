//! Links, scanned texts and events that somebody else made.

use onecity_app::{Act, Event, Outcome as Of, Tab};

use crate::kit::{Outcome, Town};

#[tokio::test(flavor = "multi_thread")]
async fn a_link_from_outside_says_whose_it_is_before_it_opens() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.send(Event::Link { url: "onecity://miniapp/cn-sd.jinan:report".to_owned() }).await;
    resident.sees("打开这项服务").await?;
    resident.sees("济南市").await?;
    assert!(resident.phone().app().frame().sheet.expect("a sheet").grants, "a touch through a veil does nothing");
    resident.tap("打开").await?;
    resident.sees("出示卡码").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_scanned_and_is_nothing_of_ours_is_shown_and_never_opened() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    for text in [
        "https://evil.example/?steal=1",
        "tel:12345",
        "javascript:alert(1)",
        "onecity://login?code=somebody-else-s&state=x",
        "<b>bold</b>\u{202e}txet",
        &"9".repeat(5000),
    ] {
        resident.will_scan(text);
        resident.scans().await?;
        resident.sees("应用不会自动打开它").await?;
        assert!(!resident.reads().contains('\u{202e}'));
        assert_eq!(resident.did().into_iter().filter(|act| *act != Act::Scan).collect::<Vec<_>>(), [], "{text}");
        resident.tap("关闭").await?;
        resident.sees("搜索服务和地方").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_lead_nowhere_do_nothing() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    for url in ["", "https://evil.example/", "onecity://", "onecity://loginx?code=1", "onecity://miniapp/", "CQ1A:0x7"]
    {
        resident.send(Event::Link { url: url.to_owned() }).await;
        assert!(resident.phone().app().frame().sheet.is_none(), "{url}");
    }
    let long = format!("onecity://miniapp/cn-sd.jinan:report?{}", "a".repeat(1 << 20));
    resident.send(Event::Link { url: long }).await;
    assert!(resident.phone().app().frame().sheet.is_none(), "a megabyte");
    resident.sees("问题上报").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_s_answer_that_nobody_asked_for_logs_nobody_in() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.send(Event::Link { url: "onecity://login?code=stolen&state=forged".to_owned() }).await;
    resident.sees("这次登录已失效").await?;
    resident.back().await;
    resident.goes_to(Tab::Me).await;
    resident.sees("登录").await?;
    assert!(!resident.reads().contains("Persona"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_for_what_is_no_longer_on_the_screen_are_ignored() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    let below = resident.entry();
    resident.tap("搜索服务和地方").await?;
    let stack = resident.phone().app().frame().stack;
    for event in [
        Event::Tap { entry: below.clone(), key: "place".to_owned() },
        Event::Tap { entry: resident.entry(), key: "no such key".to_owned() },
        Event::Tap { entry: "9999".to_owned(), key: "find".to_owned() },
        Event::Tap { entry: "not a number".to_owned(), key: "find".to_owned() },
        Event::Choose { entry: resident.entry(), key: "find".to_owned(), option: "x".to_owned() },
        Event::Dismissed { entry: below.clone() },
        Event::Popped { to: "9999".to_owned() },
        Event::Submit { entry: below.clone(), key: "find".to_owned() },
        Event::Done { id: "unknown".to_owned(), outcome: Of::Done },
    ] {
        resident.send(event).await;
        assert_eq!(resident.phone().app().frame().stack, stack);
    }
    // To go back twice to one entry is to go back once.
    for _ in 0..2 {
        resident.send(Event::Popped { to: below.clone() }).await;
        assert_eq!(resident.phone().app().frame().stack, std::slice::from_ref(&below));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_touches_do_one_thing() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    let entry = resident.entry();
    let app = std::sync::Arc::clone(resident.phone().app());
    for _ in 0..2 {
        app.send(Event::Tap { entry: entry.clone(), key: "find".to_owned() });
    }
    resident.sees("这里的服务").await?;
    assert_eq!(resident.phone().app().frame().stack.len(), 2);
    Ok(())
}
