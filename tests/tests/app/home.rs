//! Home: what is there, going to another city and coming back, favourites, and being without a network.

use onecity_app::{Event, Kind, Tab};

use crate::kit::{Outcome, Town};

#[tokio::test(flavor = "multi_thread")]
async fn home_shows_what_the_city_its_circle_and_its_province_publish_and_whose_it_is() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    for there in ["济南市", "问题上报", "预约办事", "12345 热线", "出行", "办事", "生活"] {
        resident.sees(there).await?;
    }
    let screen = resident.screen().expect("a screen");
    let mark = |wanted: &str| {
        screen.blocks.iter().find_map(|block| match &block.kind {
            Kind::Tile { label, mark, .. } if label == wanted => Some(mark.clone()),
            _ => None,
        })
    };
    assert_eq!(mark("问题上报"), Some(None), "the city's own needs no mark");
    assert_eq!(mark("12345 热线"), Some(Some("山东省".to_owned())));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_city_is_two_touches_away_and_says_what_is_missing_there() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.tap("切换城市").await?;
    resident.tap("青岛市").await?;
    resident.sees("海水浴场").await?;
    resident.sees("您在外地").await?;
    resident.tap("回到济南市").await?;
    resident.sees("预约办事").await?;
    assert!(!resident.reads().contains("海水浴场"));
    assert_eq!(resident.screen().expect("a screen").head.title, "济南市");
    resident.tap("切换城市").await?;
    resident.tap("Viet Nam").await?;
    resident.tap("Ha Noi").await?;
    resident.tap("全部").await?;
    resident.sees("济南市有的").await?;
    resident.tap("济南市有的").await?;
    resident.sees("相近").await?;
    resident.tap("下载（").await?;
    resident.sees("没有网络也能打开").await?;
    resident.goes_offline().await;
    resident.back().await;
    resident.sees("没有网络").await
}

#[tokio::test(flavor = "multi_thread")]
async fn favourites_stand_first_in_the_resident_s_own_order_and_survive_the_process() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    for service in ["问题上报", "预约办事", "12345 热线"] {
        resident.tap(service).await?;
        resident.tap("更多").await?;
        resident.tap("加入收藏").await?;
        resident.sees("取消收藏").await?;
        resident.tap("关闭").await?;
        resident.back().await;
        resident.sees("收藏").await?;
    }
    let is_favourite = |block: &&onecity_app::Block| block.of.as_deref() == Some("favourites");
    let favourites = |resident: &mock_server::Resident| -> Vec<(String, String)> {
        let blocks = resident.screen().expect("a screen").blocks;
        let tiles = blocks.into_iter().filter(|block| block.of.as_deref() == Some("favourites"));
        tiles
            .filter_map(|block| match block.kind {
                Kind::Tile { label, .. } => Some((block.key, label)),
                _ => None,
            })
            .collect()
    };
    let labels = |resident: &mock_server::Resident| -> Vec<String> {
        favourites(resident).into_iter().map(|(_, label)| label).collect()
    };
    resident.sees_that("three favourites", |screen| screen.blocks.iter().filter(is_favourite).count() == 3).await?;
    assert_eq!(labels(&resident), ["问题上报", "预约办事", "12345 热线"]);
    let keys: Vec<String> = favourites(&resident).into_iter().map(|(key, _)| key).collect();
    let entry = resident.entry();
    let (key, before) = (keys[2].clone(), Some(keys[0].clone()));
    resident.send(Event::Move { entry, key, before }).await;
    assert_eq!(labels(&resident), ["12345 热线", "问题上报", "预约办事"]);
    resident.restarts().await;
    resident.sees_that("three favourites", |screen| screen.blocks.iter().filter(is_favourite).count() == 3).await?;
    assert_eq!(labels(&resident), ["12345 热线", "问题上报", "预约办事"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_network_home_says_since_when_and_shows_what_it_has() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.goes_offline().await;
    resident.sees("没有网络").await?;
    resident.sees("问题上报").await?;
    resident.restarts().await;
    resident.goes_offline().await;
    resident.sees("没有网络").await?;
    resident.sees("问题上报").await?;
    resident.goes_online().await;
    resident.sees_no_more("没有网络").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_that_publishes_nothing_says_so_and_offers_another() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    resident.tap("切换城市").await?;
    // Open in one's own province, and yet another is found by its name.
    resident.sees("滨州市").await?;
    resident.types("查找城市或区县", "anhui").await?;
    resident.tap("安徽省").await?;
    resident.tap("合肥市").await?;
    resident.sees("这里还没有发布服务").await?;
    resident.goes_to(Tab::Home).await;
    resident.sees("切换城市").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_used_in_other_cities_says_whose_it_is_by_name() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    for (steps, service) in
        [(&["青岛市"][..], "all/cn-sd/qingdao/report"), (&["Viet Nam", "Ha Noi", "全部"][..], "all/vn-hn/transit-pass")]
    {
        resident.tap("切换城市").await?;
        for step in steps {
            resident.tap(step).await?;
        }
        resident.taps_key(service).await?;
        resident.sees("出示卡码").await?;
        resident.back().await;
    }
    resident.tap("回到济南市").await?;
    resident.sees("预约办事").await?;
    let marks = |screen: &onecity_app::Screen| {
        let recent = screen.blocks.iter().filter(|block| block.of.as_deref() == Some("recent"));
        let marks = recent.filter_map(|block| match &block.kind {
            Kind::Tile { mark, .. } => mark.clone(),
            _ => None,
        });
        marks.eq(["Ha Noi".to_owned(), "青岛市".to_owned()])
    };
    resident.sees_that("whose they are", marks).await
}
