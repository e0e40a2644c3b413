//! Passes: getting one, its code at a gate with no network, a gate's own sign, and deleting it.

use mock_server::{Resident, Unseen};
use onecity_app::Tab;
use onecity_protocol::credential::{Decision, Gate, GatePolicy, WithoutStatus};

use crate::kit::{Outcome, Town};

const ADD: &str = r#"{"method":"passes_add","params":{"pass_type":"transit"}}"#;

async fn with_a_pass(town: &Town) -> Result<Resident, Unseen> {
    let mut resident = town.lan_of_jinan().await?;
    resident.tap("乘车码").await?;
    let answer = resident.page_calls_and(ADD, &["同意"]).await?;
    assert!(answer.contains("result"), "{answer}");
    resident.back().await;
    resident.goes_to(Tab::Passes).await;
    resident.sees("公共交通乘车码").await?;
    Ok(resident)
}

/// A turnstile of Shandong that has no network.
fn gate(town: &Town) -> Gate {
    let list = town.world.trust_list(&"cn-sd".parse().expect("a region")).expect("a trust list");
    let policy =
        GatePolicy { scope: Some(37), number: 1, ..GatePolicy::of_types([1], WithoutStatus::FailOpen { hours: 24 }) };
    Gate::new(list, policy, town.world.now() - 3600)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_opens_a_gate_without_a_network_and_the_gate_refuses_it_the_second_time() -> Outcome {
    let town = Town::new().await;
    let mut resident = with_a_pass(&town).await?;
    resident.goes_offline().await;
    resident.tap("公共交通乘车码").await?;
    resident.sees("请将二维码对准闸机").await?;
    resident.sees("Persona Lan").await?;
    let mut gate = gate(&town);
    let code = resident.holds_the_code_to_a_gate().await?;
    assert!(matches!(gate.check(&code, town.world.now()), Decision::Accepted(_)));
    assert!(!matches!(gate.check(&code, town.world.now() + 4), Decision::Accepted(_)), "the second time");
    resident.back().await;
    resident.sees("刚刚").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_of_a_gate_is_scanned_and_the_code_is_for_that_gate_alone() -> Outcome {
    let town = Town::new().await;
    let mut resident = with_a_pass(&town).await?;
    resident.goes_to(Tab::Home).await;
    resident.will_scan("CQ1A:7");
    resident.scans().await?;
    resident.sees("选择要给这个闸机看的卡").await?;
    resident.tap("公共交通乘车码").await?;
    let code = resident.holds_the_code_to_a_gate().await?;
    let decision = gate(&town).check(&code, town.world.now());
    match decision {
        Decision::Refused(refusal) => assert_eq!(refusal.name(), "wrong_audience"),
        other => panic!("gate 1 took gate 7's code: {other:?}"),
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_pass_says_so_and_whom_to_ask() -> Outcome {
    let town = Town::new().await;
    let mut resident = with_a_pass(&town).await?;
    let id = resident.screen().expect("a screen").blocks.into_iter().find(|block| block.key.starts_with("pass/"));
    let id = id.expect("a pass").key.trim_start_matches("pass/").to_owned();
    assert!(town.world.set_pass_status(&id, 2), "the issuer knows it");
    let entry = resident.entry();
    resident.send(onecity_app::Event::Refresh { entry }).await;
    resident.sees("已停用，请咨询").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_is_deleted_after_it_was_said_what_that_means() -> Outcome {
    let town = Town::new().await;
    let mut resident = with_a_pass(&town).await?;
    resident.tap("公共交通乘车码").await?;
    resident.tap("删除这张卡").await?;
    resident.sees("签发机关也会注销它").await?;
    resident.tap("取消").await?;
    resident.tap("删除这张卡").await?;
    resident.tap("删除这张卡").await?;
    resident.sees("领取的卡会显示在这里").await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_login_the_tab_says_how_to_get_a_pass() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.goes_to(Tab::Passes).await;
    resident.sees("登录后可以领取").await?;
    resident.tap("登录").await?;
    resident.sees("选择登录方式").await
}

/// A pass that is got from the tab, without any service.
async fn gets(resident: &mut Resident, pass: &str, whose: &str) -> Outcome {
    resident.goes_to(Tab::Passes).await;
    resident.tap("领取新卡").await?;
    resident.tap(pass).await?;
    resident.sees("为谁领取").await?;
    resident.tap(whose).await?;
    resident.sees("已领取").await?;
    resident.sees("请将二维码对准闸机").await
}

/// From a code back to the tabs.
async fn leaves_the_code(resident: &mut Resident) -> Outcome {
    resident.back().await;
    resident.sees("领取新卡").await
}

/// The titles of the rows of a list, in order.
fn rows(resident: &Resident, list: &str) -> Vec<(String, Option<String>)> {
    let blocks = resident.screen().expect("a screen").blocks;
    let own = blocks.into_iter().filter(|block| block.of.as_deref() == Some(list));
    own.filter_map(|block| match block.kind {
        onecity_app::Kind::Row { title, detail, .. } => Some((title, detail)),
        _ => None,
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_is_got_from_the_tab_for_oneself_and_for_a_child() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    gets(&mut resident, "公共交通乘车码", "Persona Lan").await?;
    resident.sees("Persona Lan").await?;
    leaves_the_code(&mut resident).await?;
    gets(&mut resident, "公共交通乘车码", "Persona An").await?;
    resident.sees("Persona An").await?;
    let mut gate = gate(&town);
    let code = resident.holds_the_code_to_a_gate().await?;
    assert!(matches!(gate.check(&code, town.world.now()), Decision::Accepted(_)), "the child's opens the gate");
    // Somebody without others to care for is asked nothing.
    let mut other = town.of_jinan().await?;
    crate::kit::logs_in(&mut other, "minh").await?;
    other.goes_to(Tab::Passes).await;
    other.tap("领取新卡").await?;
    other.tap("公共交通乘车码").await?;
    other.sees("Persona Minh").await?;
    other.sees("请将二维码对准闸机").await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_network_getting_a_pass_says_so_and_nothing_is_lost() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    resident.goes_to(Tab::Passes).await;
    resident.tap("领取新卡").await?;
    resident.sees("就诊码").await?;
    resident.goes_offline().await;
    resident.tap("就诊码").await?;
    resident.sees("连不上网络").await?;
    resident.goes_online().await;
    resident.tap("就诊码").await?;
    resident.sees("为谁领取").await?;
    // Back leads to the choice before, and only then away.
    resident.back().await;
    resident.sees("公共交通乘车码").await?;
    resident.back().await;
    resident.sees("领取的卡会显示在这里").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pass_that_was_put_first_is_first_also_after_the_app_was_ended() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    gets(&mut resident, "公共交通乘车码", "Persona Lan").await?;
    leaves_the_code(&mut resident).await?;
    gets(&mut resident, "就诊码", "Persona Lan").await?;
    leaves_the_code(&mut resident).await?;
    for first in ["公共交通乘车码", "就诊码", "公共交通乘车码"] {
        resident.tap(first).await?;
        resident.tap("放在最前").await?;
        resident.sees("已放在最前").await?;
        leaves_the_code(&mut resident).await?;
        resident.sees_that("its place", |screen| screen.blocks.iter().any(|own| own.key.starts_with("pass/"))).await?;
        assert_eq!(rows(&resident, "passes")[0].0, first);
    }
    resident.restarts().await;
    resident.goes_to(Tab::Home).await;
    resident.sees("公共交通乘车码").await?;
    assert_eq!(rows(&resident, "passes")[0].0, "公共交通乘车码");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_gets_what_the_resident_agreed_to_once_and_the_phone_remembers_it() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    gets(&mut resident, "就诊码", "Persona Lan").await?;
    leaves_the_code(&mut resident).await?;
    resident.goes_to(Tab::Home).await;
    resident.will_scan("CQ1A:900");
    resident.scans().await?;
    // Home shows the pass, too: the choice for this sign is what is meant.
    resident.sees("选择要给这个闸机看的卡").await?;
    resident.tap("就诊码").await?;
    resident.sees("社区诊所").await?;
    resident.tap("挂号并出示健康档案").await?;
    // Exactly what the counter would learn.
    resident.sees("血型").await?;
    resident.tap("不同意").await?;
    resident.sees("再出示一次").await?;
    let redeem = async |code: String| {
        let url = format!("{}/issuer/cn-sd-health/redeem", town.world.origin());
        let request = reqwest::Client::new().post(url).bearer_auth(town.world.verifier_secret(900));
        let body = serde_json::json!({ "verifier": 900, "code": code }).to_string();
        let answer = request.header("content-type", "application/json").body(body).send().await.expect("answered");
        (answer.status().as_u16(), answer.text().await.expect("read"))
    };
    resident.tap("再出示一次").await?;
    resident.tap("同意").await?;
    resident.sees("只有这个柜台能用").await?;
    let code = resident.holds_the_code_to_a_gate().await?;
    let (status, answer) = redeem(code.clone()).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("penicillin"), "{answer}");
    assert_eq!(redeem(code).await.0, 400, "the second time");
    // From the grant and the code for the counter back to the tabs.
    resident.back().await;
    resident.back().await;
    resident.goes_to(Tab::Passes).await;
    resident.tap("就诊码").await?;
    resident.tap("出示记录").await?;
    resident.sees("社区诊所").await?;
    resident.sees("过敏史").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_was_shown_to_no_counter_says_so() -> Outcome {
    let town = Town::new().await;
    let mut resident = with_a_pass(&town).await?;
    resident.tap("公共交通乘车码").await?;
    resident.tap("出示记录").await?;
    resident.sees("过闸机不会留下记录").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_that_was_taken_back_has_nothing_issued_and_no_pass_is_issued_twice() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    crate::kit::logs_in(&mut resident, "minh").await?;
    resident.goes_to(Tab::Passes).await;
    resident.tap("领取新卡").await?;
    // Chosen and taken back while the issuer is asked for whom, twice, and then another.
    for _ in 0..2 {
        resident.tap("公共交通乘车码").await?;
        resident.back().await;
        // Where the answer was faster, it is being issued: the way back leads further.
        while rows(&resident, "offers").is_empty() {
            if resident.phone().app().frame().stack.len() > 1 {
                resident.back().await;
            } else {
                resident.tap("领取新卡").await?;
                resident.sees("就诊码").await?;
            }
        }
    }
    resident.tap("就诊码").await?;
    resident.sees("请将二维码对准闸机").await?;
    leaves_the_code(&mut resident).await?;
    // The same once more shows the one that is there.
    resident.tap("领取新卡").await?;
    resident.tap("就诊码").await?;
    resident.sees("您已经有这张卡").await?;
    leaves_the_code(&mut resident).await?;
    resident.sees_that("the passes", |screen| screen.blocks.iter().any(|own| own.key.starts_with("pass/"))).await?;
    let health = rows(&resident, "passes").into_iter().filter(|(title, _)| title == "就诊码").count();
    assert_eq!(health, 1);
    let transit = rows(&resident, "passes").into_iter().filter(|(title, _)| title == "公共交通乘车码").count();
    assert!(transit <= 1, "{transit} transit passes");
    Ok(())
}
