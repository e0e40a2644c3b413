//! The first start: what is said before anything is processed, and choosing a home city.

use serde_json::json;

use crate::kit::{Outcome, Town, settles};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_of_any_server_before_the_resident_goes_on() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.resident();
    resident.sees("您的数据").await?;
    resident.sees("只在这部手机里").await?;
    let reads = resident.reads();
    assert!(!reads.contains("首页"), "no tabs yet: {reads}");
    // A link from outside is not followed either.
    resident.send(onecity_app::Event::Link { url: "onecity://miniapp/cn-sd.jinan:report".to_owned() }).await;
    resident.sees("您的数据").await?;
    assert_eq!(resident.phone().app().frame().stack.len(), 1);
    assert!(resident.phone().app().frame().sheet.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_city_is_chosen_down_from_the_nation_or_by_pinyin_or_by_its_district() -> Outcome {
    let town = Town::new().await;
    for (typed, found) in [("青岛", "青岛市"), ("qd", "青岛市"), ("weifang", "潍坊市"), ("市南", "市南区")]
    {
        let mut resident = town.resident();
        resident.tap("同意并继续").await?;
        resident.types("查找城市或区县", "shandong").await?;
        resident.tap("山东省").await?;
        resident.types("查找城市或区县", typed).await?;
        resident.tap(found).await?;
        resident.sees("问题上报").await?;
        let home = resident.screen().expect("a screen").head.title;
        assert_eq!(home, found);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_city_is_found_by_its_name_without_knowing_its_province() -> Outcome {
    let town = Town::new().await;
    for (typed, found, services) in
        [("青岛", "青岛市", "海水浴场"), ("weifang", "潍坊市", "问题上报"), ("haidian", "海淀区", "还没有发布服务")]
    {
        let mut resident = town.resident();
        resident.tap("同意并继续").await?;
        resident.sees("山东省").await?;
        resident.types("查找城市或区县", typed).await?;
        resident.tap(found).await?;
        resident.sees(services).await?;
        assert_eq!(resident.screen().expect("a screen").head.title, found);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_that_its_province_does_not_know_is_said_not_to_be_there_and_another_is_chosen() -> Outcome {
    let town = Town::new().await;
    let (nation, now) = ("cn".parse().expect("a region"), town.world.now());
    let gone = json!({ "id": "cn-sd/laiwu", "kind": "city", "code": "", "names": { "zh": "莱芜市", "en": "Laiwu" } });
    let file = json!({ "regions": [gone] }).to_string().into_bytes();
    let listed = town.world.registry_mut(|registry| {
        registry.change(&nation, now, |repository, _| repository.add_target("cn/places.json", file, None))
    });
    listed.expect("listed");
    let mut resident = town.resident();
    resident.tap("同意并继续").await?;
    resident.sees("山东省").await?;
    resident.types("查找城市或区县", "laiwu").await?;
    resident.tap("莱芜市").await?;
    resident.sees("没有找到").await?;
    resident.tap("切换城市").await?;
    resident.types("查找城市或区县", "jinan").await?;
    resident.tap("济南市").await?;
    resident.sees("问题上报").await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_for_the_names_of_cities_that_do_not_come() -> Outcome {
    let town = Town::new().await;
    let nation = "cn".parse().expect("a region");
    town.world.registry_mut(|registry| {
        let mut files = registry.files(&nation).expect("files").clone();
        let before = files.len();
        files.retain(|path, _| !path.ends_with("places.json"));
        assert_eq!(files.len(), before - 1);
        registry.serve_instead(&nation, files);
    });
    town.lan_of_jinan().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_place_of_the_phone_finds_the_city_once_the_resident_wants_that() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.resident();
    resident.tap("同意并继续").await?;
    resident.tap("用手机的位置查找").await?;
    // What it is for, before the platform asks; not now is no failure.
    resident.sees("只用来找到您所在的城市").await?;
    resident.tap("以后再说").await?;
    assert_eq!(resident.did(), [], "the platform was not asked");
    resident.tap("用手机的位置查找").await?;
    resident.tap("继续").await?;
    resident.sees("无法得知手机的位置").await?;
    let mut resident = town.resident();
    resident.stands_at(36.1, 120.3);
    resident.tap("同意并继续").await?;
    resident.tap("用手机的位置查找").await?;
    resident.tap("继续").await?;
    resident.sees("您附近").await?;
    resident.tap("青岛市").await?;
    resident.sees("问题上报").await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_nation_is_one_touch_away() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.speaking(&["vi-VN"]);
    resident.tap("Đồng ý và tiếp tục").await?;
    resident.sees("Hà Nội").await?;
    resident.tap("China").await?;
    resident.sees("Shandong").await?;
    resident.tap("Việt Nam").await?;
    resident.types("Tìm tỉnh", "ha noi").await?;
    resident.tap("Hà Nội").await?;
    resident.tap("Toàn").await?;
    resident.sees("Phản ánh hiện trường").await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_network_the_first_start_says_so_and_goes_on_when_there_is_one() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.resident();
    resident.sees("同意并继续").await?;
    resident.goes_offline().await;
    resident.tap("同意并继续").await?;
    resident.sees("连不上网络").await?;
    resident.goes_online().await;
    resident.tap("重试").await?;
    resident.tap("山东省").await?;
    resident.tap("济南市").await?;
    resident.sees("问题上报").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_was_ended_on_the_way_goes_on_from_there() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.resident();
    resident.tap("同意并继续").await?;
    resident.sees("山东省").await?;
    resident.restarts().await;
    resident.sees("您住在哪里").await?;
    resident.tap("山东省").await?;
    resident.tap("济南市").await?;
    resident.sees("问题上报").await?;
    resident.restarts().await;
    resident.sees("问题上报").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_elder_mode_is_on_the_first_screen_and_keeps_home_short() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.resident();
    resident.tap("长辈版").await?;
    settles(&mut resident, "山东省", "济南市").await?;
    resident.sees("拨打").await?;
    let frame = resident.phone().app().frame();
    assert!(frame.elder);
    let rows = resident.screen().expect("a screen").blocks;
    let rows = rows.iter().filter(|block| matches!(block.kind, onecity_app::Kind::Row { .. })).count();
    assert!((2..=6).contains(&rows), "{rows} entries");
    resident.tap("拨打").await?;
    resident.sees("常用").await?;
    resident.has_it_done(&onecity_app::Act::Dial { number: "12345".to_owned() }).await?;
    resident.tap("全部服务").await?;
    resident.sees("预约办事").await
}
