//! What may take long: the screen after the touch says that something is happening, before anything has come, and the way back works.

use mock_server::{Preset, Resident};
use onecity_app::{Kind, Tab};

use crate::kit::{Outcome, Town};

/// Whether the screen says that something is happening. What has come already is shown, and needs no such sign.
fn says_that_it_works(resident: &Resident) -> bool {
    let blocks = resident.screen().expect("a screen").blocks;
    blocks
        .iter()
        .any(|block| matches!(block.kind, Kind::Waiting | Kind::Progress { .. } | Kind::Button { busy: true, .. }))
}

/// Touches something whose answer never comes.
async fn waits_after(resident: &mut Resident, label: &str) -> Outcome {
    resident.tap(label).await?;
    assert!(says_that_it_works(resident), "after {label}:\n{}", resident.reads());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_says_that_it_looks_for_places() -> Outcome {
    let town = Town::new().await;
    town.world.faults.begin(Preset::Silence);
    let mut resident = town.resident();
    waits_after(&mut resident, "同意并继续").await
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_resident_begins_says_that_it_works_and_can_be_left() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    resident.goes_to(Tab::Home).await;
    town.world.faults.begin(Preset::Silence);
    // A service that is not on the phone yet.
    waits_after(&mut resident, "问题上报").await?;
    resident.back().await;
    resident.sees("预约办事").await?;
    // A city that was never visited.
    resident.tap("切换城市").await?;
    waits_after(&mut resident, "青岛市").await?;
    resident.goes_to(Tab::Home).await;
    // The passes that a city offers.
    resident.goes_to(Tab::Passes).await;
    waits_after(&mut resident, "领取新卡").await?;
    resident.back().await;
    resident.sees("领取新卡").await?;
    // The end of a login: its provider is told.
    resident.goes_to(Tab::Me).await;
    resident.tap("退出登录").await?;
    waits_after(&mut resident, "退出登录").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_whose_provider_says_nothing_says_that_it_waits_and_is_left() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.goes_to(Tab::Me).await;
    resident.tap("登录").await?;
    resident.sees("山东").await?;
    town.world.faults.begin(Preset::Silence);
    waits_after(&mut resident, "山东").await?;
    resident.back().await;
    resident.sees("登录").await
}
