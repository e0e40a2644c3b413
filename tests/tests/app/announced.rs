//! What a province or nation tells all of its residents.

use mock_server::Resident;
use onecity_app::{Act, Event, Tab};
use onecity_protocol::names::Names;
use onecity_protocol::region::RegionId;
use onecity_protocol::trust::{Announcement, Outage, UpdateNeeded};

use crate::kit::{Outcome, Town, settles};

fn outage(zh: &str, until: Option<i64>) -> Announcement {
    let reason = Names::new().with("zh", zh).with("en", "Maintenance");
    Announcement { outage: Some(Outage { reason, until }), update: None }
}

fn update() -> Announcement {
    let reason = Names::new().with("zh", "旧版本不再安全");
    Announcement { outage: None, update: Some(UpdateNeeded { platform: 2, reason }) }
}

fn region(id: &str) -> RegionId {
    id.parse().expect("a region")
}

fn announces(town: &Town, id: &str, announcement: Option<&Announcement>) {
    town.world.announce(&region(id), announcement).expect("signed");
}

async fn looks_again(resident: &mut Resident) {
    let entry = resident.entry();
    resident.send(Event::Refresh { entry }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_stands_in_the_place_of_the_services_and_passes_go_on() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    resident.tap("乘车码").await?;
    let add = r#"{"method":"passes_add","params":{"pass_type":"transit"}}"#;
    let answer = resident.page_calls_and(add, &["同意"]).await?;
    assert!(answer.contains("result"), "{answer}");
    resident.back().await;
    announces(&town, "cn-sd", Some(&outage("系统升级", Some(town.world.now() + 2 * 3600))));
    looks_again(&mut resident).await;
    resident.sees("山东省通知：服务暂停至").await?;
    resident.sees("系统升级").await?;
    resident.sees("卡码照常使用").await?;
    assert!(!resident.reads().contains("问题上报"), "{}", resident.reads());
    resident.goes_offline().await;
    resident.tap("公共交通乘车码").await?;
    resident.holds_the_code_to_a_gate().await?;
    resident.back().await;
    resident.goes_online().await;
    // What works without the city can be used all the same.
    resident.tap("仍要查看服务").await?;
    resident.sees("问题上报").await?;
    resident.sees("系统升级").await?;
    resident.tap("问题上报").await?;
    resident.sees("出示卡码").await?;
    resident.back().await;
    // Read once is read, wherever the resident goes meanwhile.
    resident.goes_to(Tab::Passes).await;
    resident.goes_to(Tab::Home).await;
    resident.sees("问题上报").await?;
    // Another one is another thing to be told.
    announces(&town, "cn-sd", Some(&outage("线路故障", None)));
    looks_again(&mut resident).await;
    resident.sees("山东省通知：服务暂停使用。线路故障").await?;
    resident.sees_no_more("问题上报").await?;
    resident.sees("拨打 12345").await?;
    announces(&town, "cn-sd", None);
    resident.tap("重试").await?;
    resident.sees("问题上报").await?;
    resident.sees_no_more("线路故障").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_its_province_s_alone_and_over_when_it_was_said_to_be() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    announces(&town, "cn-sd", Some(&outage("系统升级", Some(town.world.now() + 7200))));
    looks_again(&mut resident).await;
    resident.sees("系统升级").await?;
    resident.tap("切换城市").await?;
    resident.tap("Viet Nam").await?;
    resident.tap("Ha Noi").await?;
    resident.tap("全部").await?;
    resident.sees("问题上报").await?;
    assert!(!resident.reads().contains("系统升级"), "{}", resident.reads());
    resident.tap("回到济南市").await?;
    resident.sees("系统升级").await?;
    town.world.skip(7201);
    // Also for a phone that has no network.
    resident.goes_offline().await;
    resident.send(Event::Shown).await;
    resident.sees("问题上报").await?;
    assert!(!resident.reads().contains("系统升级"), "{}", resident.reads());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_must_be_updated_opens_no_service_and_still_shows_its_passes() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    announces(&town, "cn-sd", Some(&update()));
    looks_again(&mut resident).await;
    resident.sees("山东省要求先更新应用").await?;
    resident.sees("旧版本不再安全").await?;
    resident.taps_key("update").await?;
    resident.has_it_done(&Act::Update).await?;
    resident.did();
    // There is no way round: a link leads to the same.
    let url = "onecity://miniapp/cn-sd.jinan:report".to_owned();
    resident.send(Event::Link { url }).await;
    resident.tap("打开").await?;
    resident.sees("山东省要求先更新应用：旧版本不再安全").await?;
    resident.taps_key("update").await?;
    resident.has_it_done(&Act::Update).await?;
    resident.back().await;
    resident.goes_to(Tab::Passes).await;
    resident.sees("登录").await?;
    announces(&town, "cn-sd", None);
    resident.goes_to(Tab::Home).await;
    looks_again(&mut resident).await;
    resident.tap("问题上报").await?;
    resident.sees("出示卡码").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_nation_announces_goes_before_what_the_province_does() -> Outcome {
    let town = Town::new().await;
    announces(&town, "cn-sd", Some(&outage("系统升级", None)));
    announces(&town, "cn", Some(&outage("全国演练", None)));
    let mut resident = town.resident();
    resident.tap("同意并继续").await?;
    resident.tap("山东省").await?;
    resident.tap("济南市").await?;
    resident.sees("中华人民共和国通知：服务暂停使用。全国演练").await?;
    // The nation's word is not waited for once it is over.
    announces(&town, "cn", None);
    resident.tap("重试").await?;
    resident.sees("山东省通知：服务暂停使用。系统升级").await?;
    // A phone that is new tells it in its own language, too.
    let mut other = town.speaking(&["vi"]);
    other.tap("Đồng ý và tiếp tục").await?;
    other.tap("Việt Nam").await?;
    other.tap("Hà Nội").await?;
    other.tap("Toàn").await?;
    other.sees("Phản ánh hiện trường").await?;
    assert!(!other.reads().contains("Maintenance"), "{}", other.reads());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_that_is_none_hides_nothing() -> Outcome {
    let town = Town::new().await;
    let add = |repository: &mut onecity_publisher::Repository<onecity_publisher::RepositoryFiles>| {
        repository.add_target("cn-sd/announcement.json", br#"{"outage":{"reason":{}}}"#.to_vec(), None)
    };
    let now = town.world.now();
    town.world
        .registry_mut(|registry| registry.change(&region("cn-sd"), now, |repository, _| add(repository)))
        .expect("signed");
    let mut resident = town.resident();
    settles(&mut resident, "山东省", "济南市").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_that_is_not_there_holds_up_no_takedown_and_is_asked_for_again() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    let withdrawn = onecity_protocol::trust::Withdrawn { reason: Names::new().with("zh", "会丢失草稿") };
    let (now, report) = (town.world.now(), "cn-sd/jinan/report".parse().expect("a service"));
    let (province, said) = (region("cn-sd"), serde_json::to_vec(&outage("系统升级", None)).expect("JSON"));
    town.world
        .registry_mut(|registry| {
            registry.change(&province, now, |repository, _| {
                repository.add_target("cn-sd/announcement.json", said, None)?;
                repository.take_down(&province.clone().into(), &report, &withdrawn)
            })
        })
        .expect("signed");
    let whole = town.world.registry(|registry| registry.files(&province).cloned()).expect("files");
    let mut without = whole.clone();
    without.retain(|path, _| !path.ends_with(".announcement.json"));
    assert_ne!(whole.len(), without.len());
    town.world.registry_mut(|registry| registry.serve_instead(&province, without));
    looks_again(&mut resident).await;
    let is_down = |screen: &onecity_app::Screen| {
        screen.blocks.iter().any(|block| {
            matches!(&block.kind, onecity_app::Kind::Tile { label, disabled: Some(_), .. } if label == "问题上报")
        })
    };
    resident.sees_that("the service, taken down", is_down).await?;
    assert!(!resident.reads().contains("系统升级"), "{}", resident.reads());
    town.world.registry_mut(|registry| registry.serve_instead(&province, whole));
    looks_again(&mut resident).await;
    resident.sees("系统升级").await
}
