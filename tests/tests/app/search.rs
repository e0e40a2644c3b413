//! Search as one types.

use onecity_app::Event;

use crate::kit::{Outcome, Town};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_finds_services_places_and_the_app_s_own_settings() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.tap("搜索服务和地方").await?;
    resident.sees("这里的服务").await?;
    for (typed, found) in [("chengche", "乘车码"), ("wtsb", "问题上报"), ("青岛", "青岛市"), ("长辈", "长辈版")]
    {
        resident.types("搜索", typed).await?;
        resident.sees(found).await?;
    }
    resident.tap("长辈版").await?;
    resident.sees("已切换到长辈版").await?;
    assert!(resident.phone().app().frame().elder);
    resident.types("搜索", "zzzzqqq").await?;
    resident.sees("没有找到").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_method_is_never_disturbed() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.tap("搜索服务和地方").await?;
    resident.sees("这里的服务").await?;
    let entry = resident.entry();
    let input = |text: &str, edit: u64, composing: bool| Event::Input {
        entry: entry.clone(),
        key: "find".to_owned(),
        text: text.to_owned(),
        edit,
        composing,
    };
    let submit = || Event::Submit { entry: entry.clone(), key: "find".to_owned() };
    // As pinyin is composed: search does not stall, and the key for going on only ends the composition.
    for (at, text) in ["t", "ti", "ting", "ting che"].into_iter().enumerate() {
        resident.send(input(text, at as u64 + 1, true)).await;
    }
    resident.send(input("chengche", 5, true)).await;
    resident.sees("乘车码").await?;
    resident.send(submit()).await;
    assert_eq!(resident.entry(), entry, "still on the search");
    resident.send(input("乘车", 6, false)).await;
    // An edit that was overtaken changes nothing.
    resident.send(input("che", 3, true)).await;
    let text = |resident: &mock_server::Resident| {
        resident.screen().expect("a screen").blocks.iter().find_map(|block| match &block.kind {
            onecity_app::Kind::Field { text, .. } => Some((text.text.clone(), text.edit)),
            _ => None,
        })
    };
    assert_eq!(text(&resident), Some(("乘车".to_owned(), 6)));
    resident.sees("乘车码").await?;
    resident.send(submit()).await;
    resident.sees("出示卡码").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_is_still_there_after_the_process_was_ended() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.tap("搜索服务和地方").await?;
    resident.types("搜索", "wtsb").await?;
    resident.sees("问题上报").await?;
    resident.restarts().await;
    resident.sees("wtsb").await?;
    resident.sees("问题上报").await?;
    resident.back().await;
    resident.sees("搜索服务和地方").await
}
