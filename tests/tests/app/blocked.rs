//! What stands in the way of everything, and the way out of it.

use std::path::Path;

use onecity_app::{Act, Tab};

use crate::kit::{Outcome, Town, logs_in, settles};

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_is_locked_opens_once_it_is_unlocked() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    resident.phone().secrets().set_locked(true);
    resident.restarts().await;
    resident.sees("请先解锁手机").await?;
    resident.tap("重试").await?;
    resident.sees("请先解锁手机").await?;
    resident.phone().secrets().set_locked(false);
    resident.tap("重试").await?;
    resident.sees("问题上报").await?;
    resident.goes_to(Tab::Me).await;
    resident.sees("Persona Lan").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_open_elsewhere_says_so_and_opens_when_the_other_is_closed() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.of_jinan().await?;
    let mut other = None;
    resident
        .restarts_after(|folder| {
            // As a second process of the app holds it.
            let lock = std::fs::File::create(folder.join("onecity.lock")).expect("made");
            lock.try_lock().expect("free");
            other = Some(lock);
        })
        .await;
    resident.sees("应用已在另一处打开").await?;
    resident.tap("重试").await?;
    resident.sees("应用已在另一处打开").await?;
    drop(other);
    resident.tap("重试").await?;
    resident.sees("问题上报").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_whose_key_is_gone_asks_twice_before_it_goes_on_without_its_data() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    resident.phone().secrets().set_lost(true);
    resident.restarts().await;
    resident.sees("手机的密钥变了").await?;
    resident.tap("从头开始").await?;
    resident.sees("登录、卡码、草稿和等待发送的内容都不再可用").await?;
    resident.tap("取消").await?;
    resident.sees_no_more("都不再可用").await?;
    // The key is there again: so is everything.
    resident.phone().secrets().set_lost(false);
    resident.tap("重试").await?;
    resident.sees("问题上报").await?;
    resident.goes_to(Tab::Me).await;
    resident.sees("Persona Lan").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_left_behind_once_the_resident_is_sure_and_all_begins_again() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    let spoil = |folder: &Path| std::fs::write(folder.join("vault.sqlite"), b"no database at all").expect("written");
    resident.restarts_after(spoil).await;
    resident.sees("私密数据无法读取").await?;
    resident.tap("从头开始").await?;
    resident.tap("确定从头开始").await?;
    settles(&mut resident, "山东省", "济南市").await?;
    resident.goes_to(Tab::Me).await;
    resident.sees("登录").await?;
    assert!(!resident.reads().contains("Persona Lan"), "{}", resident.reads());
    let kept = std::fs::read_dir(resident.phone().folder()).expect("read").filter_map(Result::ok);
    let kept: Vec<String> = kept.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    assert!(kept.iter().any(|name| name.starts_with("vault") && name != "vault.sqlite"), "{kept:?}");
    logs_in(&mut resident, "lan").await
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_a_newer_version_lead_to_the_update_and_stay_as_they_are() -> Outcome {
    let town = Town::new().await;
    let mut resident = town.lan_of_jinan().await?;
    let mut before = Vec::new();
    // SQLite's user version: 4 bytes at 60 of the first page (SQLite file format §1.3).
    let newer = |folder: &Path| {
        let file = folder.join("vault.sqlite");
        let mut bytes = std::fs::read(&file).expect("read");
        bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
        std::fs::write(file, &bytes).expect("written");
        before = bytes;
    };
    resident.restarts_after(newer).await;
    resident.sees("请更新应用").await?;
    resident.tap("更新应用").await?;
    resident.has_it_done(&Act::Update).await?;
    resident.tap("重试").await?;
    resident.sees("请更新应用").await?;
    assert!(!resident.reads().contains("从头开始"), "nothing is thrown away");
    assert_eq!(std::fs::read(resident.phone().folder().join("vault.sqlite")).expect("read"), before);
    Ok(())
}
