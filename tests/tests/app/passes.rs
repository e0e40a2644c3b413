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
    resident.tap("扫一扫").await?;
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
