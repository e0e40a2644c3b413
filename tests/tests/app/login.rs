//! Logging in and out, in every way that it can go.

use mock_server::Preset;
use onecity_app::{Act, Event, Outcome as Of, Tab};

use crate::kit::{Outcome, Town};

/// A page asks for a transit pass.
const ADD: &str = r#"{"method":"passes_add","params":{"pass_type":"transit"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn one_login_is_for_every_city() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    resident.goes_to(Tab::Me).await;
    resident.sees("Persona Lan").await?;
    resident.goes_to(Tab::Home).await;
    resident.tap("切换城市").await?;
    resident.tap("Viet Nam").await?;
    resident.tap("Ha Noi").await?;
    resident.tap("全部").await?;
    resident.sees("问题上报").await?;
    resident.goes_to(Tab::Me).await;
    resident.sees("Persona Lan").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_cancelled_or_fails_says_what_to_do_and_can_be_begun_again() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.goes_to(Tab::Me).await;
    resident.tap("登录").await?;
    resident.tap("山东").await?;
    resident.sees("登录已取消").await?;
    resident.is(Some("lan"));
    town.world.faults.begin(Preset::WrongNonce);
    resident.tap("山东").await?;
    resident.sees("收到的答复属于另一次登录").await?;
    town.world.faults.end(&Preset::WrongNonce.name());
    resident.tap("山东").await?;
    resident.sees("已登录：Persona Lan").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_goes_on_although_the_process_was_ended_while_the_browser_was_open() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.goes_to(Tab::Me).await;
    resident.tap("登录").await?;
    // The shell never hears what came of the browser: the process ends first.
    let app = std::sync::Arc::clone(resident.phone().app());
    let mut happened = resident.phone().happened();
    resident.sees("山东").await?;
    let entry = resident.entry();
    let provider =
        resident.screen().expect("a screen").blocks.into_iter().find(|block| block.key.starts_with("provider/cn"));
    app.send(Event::Tap { entry, key: provider.expect("a provider").key });
    let url = loop {
        let browse = resident.phone().take_effects().into_iter().find_map(|effect| match effect.act {
            Act::Browse { url } => Some((effect.id, url)),
            _ => None,
        });
        match browse {
            Some(found) => break found,
            None => happened.changed().await.expect("the app runs"),
        }
        app.frame();
    };
    drop(app);
    resident.restarts().await;
    let browser = mock_server::Phone::new(&town.world, &["en"]).expect("a browser");
    let text = browser.browse(&url.1, "lan").await.expect("came back");
    resident.send(Event::Done { id: url.0, outcome: Of::Text { text } }).await;
    resident.sees("已登录：Persona Lan").await
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_switched_and_nothing_of_one_is_seen_by_another() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    resident.tap("问题上报").await?;
    resident.tap("更多").await?;
    resident.tap("加入收藏").await?;
    resident.tap("关闭").await?;
    resident.back().await;
    resident.sees("收藏").await?;
    resident.goes_to(Tab::Me).await;
    resident.is(Some("minh"));
    resident.tap("添加账户").await?;
    resident.tap("山东").await?;
    resident.sees("已登录：Persona Minh").await?;
    resident.goes_to(Tab::Home).await;
    resident.sees_no_more("收藏").await?;
    resident.goes_to(Tab::Me).await;
    resident.tap("Persona Lan").await?;
    resident.goes_to(Tab::Home).await;
    resident.sees("收藏").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_says_what_is_lost_and_asks_twice_where_something_waits() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    resident.goes_to(Tab::Me).await;
    resident.tap("退出登录").await?;
    resident.sees("会从这部手机删除").await?;
    resident.tap("取消").await?;
    resident.tap("退出登录").await?;
    resident.tap("退出登录").await?;
    resident.sees("已退出登录").await?;
    resident.sees_no_more("Persona Lan").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_can_t_be_right_is_said_at_its_field_and_stays_there() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.is(Some("lan"));
    resident.goes_to(Tab::Me).await;
    resident.tap("登录").await?;
    resident.tap("先填写证件号码").await?;
    resident.types("身份证号", "1101 0119 9003 0779 x3").await?;
    resident.tap("山东").await?;
    resident.sees("号码不正确").await?;
    resident.sees("1101 0119 9003 0779 x3").await?;
    // Set as it is written on the card once the field has lost the focus.
    let entry = resident.entry();
    resident.send(Event::Blur { entry, key: "number".to_owned() }).await;
    resident.sees("1101011990030779X3").await?;
    resident.types("身份证号", "").await?;
    resident.tap("山东").await?;
    resident.sees("已登录").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_needs_a_login_has_the_resident_log_in_and_opens_again_as_theirs() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.is(Some("lan"));
    resident.tap("乘车码").await?;
    let answer = resident.page_calls_and(ADD, &["同意"]).await?;
    assert!(answer.contains("login_required"), "{answer}");
    resident.sees("需要您登录后继续").await?;
    // The page that the sheet lies above.
    let frame = resident.phone().app().frame();
    let page = resident.phone().app().screen(frame.stack.last().expect("a page")).expect("a page");
    let before = page.head.web.expect("a page").session;
    resident.tap("登录").await?;
    resident.tap("山东").await?;
    resident.sees("已登录").await?;
    let is_new = |screen: &onecity_app::Screen| screen.head.web.as_ref().is_some_and(|web| web.session != before);
    resident.sees_that("the page, opened again", is_new).await?;
    // What was agreed to as nobody is asked of Lan.
    let answer = resident.page_calls_and(ADD, &["同意"]).await?;
    assert!(answer.contains("result"), "{answer}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_has_ended_is_said_on_every_screen() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    town.world.end_all_sessions();
    resident.tap("乘车码").await?;
    let answer = resident.page_calls_and(ADD, &["同意"]).await?;
    assert!(answer.contains("login_required"), "{answer}");
    resident.tap("以后再说").await?;
    resident.sees("登录已过期").await?;
    resident.back().await;
    resident.sees("登录已过期").await
}
