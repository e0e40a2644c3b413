//! What a mirror, a network, a city or a thief of keys can try, and does not get.

use std::sync::Arc;
use std::time::Instant;

use onecity_core::{Error, Refusal};
use onecity_publisher::{Lifetimes, Overlay, Repository, RepositoryFiles};
use serde_json::Value;

use crate::forged::{newest, signed_by_jinan};
use crate::server::{Phone, Registry, Wrong, id, now, package, service, unit};

const DAY: i64 = 86_400;

/// A phone that has synced Jinan and opened a service, and the registry of then, and of a release later.
pub(crate) async fn before_and_after() -> (Registry, Phone, RepositoryFiles) {
    let mut registry = Registry::start().await;
    let old = registry.files();
    registry.province.publish(&unit("cn-sd/jinan"), package("report", 2), 100).expect("published");
    registry.province.add_target("cn-sd/note.txt", b"x".to_vec(), None).expect("listed");
    registry.publish();
    let phone = registry.phone();
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    assert_eq!(opens(&phone).await, 2);
    (registry, phone, old)
}

pub(crate) async fn opens(phone: &Phone) -> u64 {
    phone.opens(&service("cn-sd/jinan", "report"), "cn-sd/jinan").await.expect("what is installed opens")
}

fn named(files: &RepositoryFiles, path: &str) -> Arc<[u8]> {
    Arc::clone(&files[path])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_of_any_role_is_refused_even_after_the_catalogue_was_lost() {
    let (registry, mut phone, old) = before_and_after().await;
    let current = registry.files();
    registry.serve("cn-sd", old.clone());
    assert!(matches!(phone.sync(&id("cn-sd/jinan")).await, Err(Error::RollbackRejected { .. })), "all of them");
    // One role at a time, under the name of the current one.
    for (new, older) in [
        ("metadata/2.snapshot.json", "metadata/1.snapshot.json"),
        ("metadata/2.targets.json", "metadata/1.targets.json"),
        ("metadata/2.cn-sd.jinan.json", "metadata/1.cn-sd.jinan.json"),
    ] {
        let mut mixed = current.clone();
        mixed.insert(new.to_owned(), named(&old, older));
        registry.serve("cn-sd", mixed);
        let fresh = registry.phone();
        match fresh.sync(&id("cn-sd/jinan")).await {
            Ok(report) => assert!(new.contains("jinan") && report.broken.len() == 1, "{new}"),
            Err(error) => assert!(matches!(error, Error::SignatureInvalid { .. }), "{new}: {error}"),
        }
    }
    registry.serve("cn-sd", old);
    phone.restart(|folder| {
        for file in ["catalogue.sqlite", "catalogue.sqlite-wal", "catalogue.sqlite-shm"] {
            let _ = std::fs::remove_file(folder.join(file));
        }
    });
    assert!(matches!(phone.sync(&id("cn-sd/jinan")).await, Err(Error::RollbackRejected { .. })), "the floors are kept");
    registry.serve("cn-sd", current);
    phone.sync(&id("cn-sd/jinan")).await.expect("the current registry is welcome");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_stands_still_is_refused_once_it_has_expired_and_what_is_installed_opens() {
    let (_registry, phone, _) = before_and_after().await;
    phone.clock.skip(31 * DAY * 1000);
    assert!(phone.sync(&id("cn-sd/jinan")).await.as_ref().is_err_and(blames_the_date));
    assert_eq!(opens(&phone).await, 2);
    let other = phone.opens(&service("cn-sd", "hotline"), "cn-sd/jinan").await;
    assert!(other.as_ref().is_err_and(blames_the_date), "nothing new installs");
    // Setting the clock back does not make it good again.
    phone.clock.set_wall_offset(-31 * DAY * 1000);
    assert_eq!(opens(&phone).await, 2);
}

/// No server has told this phone the time: its date may be wrong as well as what was published may be old.
fn blames_the_date(error: &Error) -> bool {
    matches!(error, Error::Refused { reason: Refusal::PhoneClock, .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_with_a_clock_a_year_ahead_says_so_and_goes_on_once_it_is_right() {
    let (registry, ..) = before_and_after().await;
    let phone = registry.phone();
    phone.clock.set_wall_offset(365 * DAY * 1000);
    let refused = phone.sync(&id("cn-sd/jinan")).await.expect_err("all has ended by that date");
    assert!(blames_the_date(&refused), "{refused:?}");
    let Error::Refused { text, .. } = &refused else { panic!("{refused}") };
    assert!(text.starts_with("Check the date"), "{text}");
    phone.clock.set_wall_offset(0);
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    assert_eq!(opens(&phone).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_with_a_clock_that_is_weeks_ahead_leaves_no_good_role_expired_once_it_is_right() {
    let (mut registry, began) = (Registry::start().await, now());
    let phone = registry.phone();
    // The province signs anew, the department does not: its role lasts until day 90.
    registry.province.renew(&unit("cn-sd")).expect("a role");
    registry.publish_at(began + 40 * DAY);
    registry.publish_online_at(began + 80 * DAY);
    phone.clock.skip(80 * DAY * 1000);
    for ahead in [19, 25] {
        phone.clock.set_wall_offset(ahead * DAY * 1000);
        let report = phone.sync(&id("cn-sd/jinan")).await.expect("the province's counts by that date");
        assert!(!report.broken.is_empty(), "by that date the department's has ended");
        phone.clock.set_wall_offset(0);
        let report = phone.sync(&id("cn-sd/jinan")).await.expect("synced");
        assert_eq!(report.broken, [], "{ahead} days ahead");
        phone.opens(&service("cn-sd/jinan/~transport", "report"), "cn-sd/jinan").await.expect("it installs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_do_not_belong_together_are_refused() {
    let (registry, _, old) = before_and_after().await;
    let mut mixed = registry.files();
    mixed.insert("metadata/2.snapshot.json".to_owned(), named(&old, "metadata/1.snapshot.json"));
    registry.serve("cn-sd", mixed);
    let fresh = registry.phone();
    assert!(matches!(fresh.sync(&id("cn-sd/jinan")).await, Err(Error::SignatureInvalid { .. })));
    assert!(fresh.home(&id("cn-sd/jinan")).await.map_or(true, |home| home.services.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_data_is_cut_off_for_every_kind_of_file() {
    let (registry, phone, _) = before_and_after().await;
    for end in ["timestamp.json", "2.root.json", "snapshot.json", "targets.json", "jinan.json", "regions.json"] {
        let mut files = registry.files();
        files.entry("metadata/2.root.json".to_owned()).or_insert_with(|| Arc::from(&b"{}"[..]));
        if end != "2.root.json" {
            files.remove("metadata/2.root.json");
        }
        registry.serve("cn-sd", files);
        registry.misbehave(Some(Wrong::Endless(end)));
        let fresh = registry.phone();
        let began = Instant::now();
        match fresh.sync(&id("cn-sd/jinan")).await {
            Ok(report) => assert!(end == "jinan.json" && !report.broken.is_empty(), "{end}"),
            Err(error) => {
                assert!(matches!(&error, Error::Network { why } if why.contains("larger than")), "{end}: {error}")
            }
        }
        assert!(began.elapsed().as_secs() < 20, "{end}");
    }
    registry.misbehave(Some(Wrong::Endless("1.ma")));
    let refused = phone.opens(&service("cn-sd", "hotline"), "cn-sd/jinan").await;
    assert!(matches!(refused, Err(Error::Network { why }) if why.contains("larger than")));
    assert_eq!(opens(&phone).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_not_waited_for() {
    let (registry, phone, _) = before_and_after().await;
    registry.misbehave(Some(Wrong::Stalls("timestamp.json", 1)));
    assert!(matches!(phone.sync(&id("cn-sd/jinan")).await, Err(Error::Network { .. })));
    registry.misbehave(Some(Wrong::Stalls("1.ma", 1)));
    assert!(matches!(phone.opens(&service("cn-sd", "hotline"), "cn-sd/jinan").await, Err(Error::Network { .. })));
    registry.misbehave(None);
    assert_eq!(phone.opens(&service("cn-sd", "hotline"), "cn-sd/jinan").await.expect("opened"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_of_another_length_or_hash_never_opens_and_the_right_one_does_afterwards() {
    let (registry, phone, _) = before_and_after().await;
    let good = registry.files();
    let altered = |change: &dyn Fn(&[u8]) -> Vec<u8>| {
        let own = |(path, bytes): (&String, &Arc<[u8]>)| {
            let bytes = if path.ends_with(".ma") { Arc::from(change(bytes)) } else { Arc::clone(bytes) };
            (path.clone(), bytes)
        };
        good.iter().map(own).collect::<RepositoryFiles>()
    };
    let hotline = service("cn-sd", "hotline");
    for change in [
        &(|bytes: &[u8]| bytes[..bytes.len() - 1].to_vec()) as &dyn Fn(&[u8]) -> Vec<u8>,
        &|bytes: &[u8]| [bytes, b"x"].concat(),
        &|bytes: &[u8]| bytes.iter().enumerate().map(|(at, byte)| if at == 50 { byte ^ 1 } else { *byte }).collect(),
    ] {
        registry.serve("cn-sd", altered(change));
        assert!(phone.opens(&hotline, "cn-sd/jinan").await.is_err());
    }
    registry.serve("cn-sd", good.clone());
    assert_eq!(phone.opens(&hotline, "cn-sd/jinan").await.expect("opened"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_was_swapped_on_the_phone_is_not_opened() {
    let (registry, mut phone, _) = before_and_after().await;
    registry.stop();
    let marker = b"version 2";
    phone.restart(|folder| {
        // The page is deflated in the package, so the package's own directory is altered: the name of a file in it.
        let path = folder.join("catalogue.sqlite");
        let mut bytes = std::fs::read(&path).expect("the catalogue");
        let places: Vec<usize> =
            bytes.windows(10).enumerate().filter(|(_, window)| window == b"index.html").map(|(at, _)| at).collect();
        assert!(!places.is_empty(), "{marker:?}");
        for at in places {
            bytes[at] = b'o';
        }
        std::fs::write(&path, bytes).expect("swapped");
    });
    assert!(
        phone.opens(&service("cn-sd/jinan", "report"), "cn-sd/jinan").await.is_err(),
        "it is not what was signed for"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_can_not_sign_for_another_nor_for_a_path_that_leads_out() {
    let (mut registry, phone, _) = before_and_after().await;
    for path in [
        "cn-sd/qingdao/report/9.ma",
        "cn-sd/jinan/../qingdao/9.ma",
        "cn-sd/jinan/report/../../9.ma",
        "/etc/passwd",
        "vn-hn/report/9.ma",
    ] {
        let files = signed_by_jinan(&registry, |signed| {
            let like = signed["targets"].as_object().and_then(|targets| targets.values().next().cloned()).expect("one");
            signed["targets"][path] = like;
        });
        registry.serve("cn-sd", files);
        phone.sync(&id("cn-sd/jinan")).await.expect("the rest is welcome");
        phone.sync(&id("cn-sd/qingdao")).await.expect("the rest is welcome");
        assert_eq!(
            phone.opens(&service("cn-sd/qingdao", "report"), "cn-sd/qingdao").await.expect("its own"),
            1,
            "{path}"
        );
        let home = phone.home(&id("cn-sd/jinan")).await.expect("home");
        assert_eq!(home.services.len(), 4, "{path}");
        registry.publish();
        phone.sync(&id("cn-sd/jinan")).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_with_a_member_twice_or_nested_deep_are_refused() {
    let (registry, _, _) = before_and_after().await;
    let good = registry.files();
    let text = String::from_utf8_lossy(&good["metadata/timestamp.json"]).into_owned();
    let twice = text.replacen("\"version\":", "\"version\":99,\"version\":", 1);
    let deep = format!("{{\"signed\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for bad in [twice, deep[..10_000].to_owned(), String::new(), "null".to_owned()] {
        let mut files = good.clone();
        files.insert("metadata/timestamp.json".to_owned(), Arc::from(bad.as_bytes()));
        registry.serve("cn-sd", files);
        let fresh = registry.phone();
        assert!(
            matches!(fresh.sync(&id("cn-sd/jinan")).await, Err(Error::SignatureInvalid { .. })),
            "{}",
            &bad[..bad.len().min(80)]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_key_signs_nothing_more() {
    let (mut registry, phone, _) = before_and_after().await;
    let stolen: Value = serde_json::from_slice(&registry.files()["metadata/2.cn-sd.jinan.json"]).expect("JSON");
    let city = registry.ring.generate().expect("a key");
    registry.province.delegate(&unit("cn-sd/jinan"), &[city], 1).expect("replaced");
    registry.province.renew(&unit("cn-sd/jinan")).expect("to be signed under the new key");
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("followed");
    assert_eq!(opens(&phone).await, 2);
    // The thief has the old key, and the server: the very version that the snapshot names, emptied.
    let mut signed = stolen["signed"].clone();
    (signed["version"], signed["targets"]) = (3.into(), serde_json::json!({}));
    let mut files = registry.files();
    let forged = registry.ring.sign_as_any(&signed, &stolen["signatures"]).expect("signed");
    files.insert("metadata/3.cn-sd.jinan.json".to_owned(), forged).expect("it was there");
    registry.serve("cn-sd", files);
    let fresh = registry.phone();
    let report = fresh.sync(&id("cn-sd/jinan")).await.expect("the rest is welcome");
    assert!(
        report.broken.iter().any(|own| own.unit.to_string() == "cn-sd/jinan" && own.why.contains("not genuine")),
        "{report:?}"
    );
    assert!(fresh.opens(&service("cn-sd/jinan", "report"), "cn-sd/jinan").await.is_err());
    let why = fresh.why_not(&service("cn-sd/jinan", "report"), &id("cn-sd/jinan")).await.expect("answered");
    assert_eq!(why.map(|why| why.obstacle), Some(onecity_core::Obstacle::Signature));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_root_frees_phones_from_versions_that_a_thief_raised_beyond_reach() {
    let (mut registry, mut phone, _) = before_and_after().await;
    // With the online keys, the thief signs a snapshot and a timestamp a million versions ahead.
    let files = registry.files();
    let ahead = |role: &str, path: &str| {
        let mut file: Value = serde_json::from_slice(&files[path]).expect("JSON");
        let mut signed = file["signed"].take();
        signed["version"] = 1_000_000.into();
        if role == "timestamp" {
            signed["meta"]["snapshot.json"] = serde_json::json!({ "version": 1_000_000 });
        }
        registry.ring.sign_as_any(&signed, &file["signatures"]).expect("signed")
    };
    let mut stolen = files.clone();
    stolen.insert("metadata/1000000.snapshot.json".to_owned(), ahead("snapshot", "metadata/2.snapshot.json"));
    stolen.insert("metadata/timestamp.json".to_owned(), ahead("timestamp", "metadata/timestamp.json"));
    registry.serve("cn-sd", stolen);
    phone.sync(&id("cn-sd/jinan")).await.expect("the keys are right");
    registry.serve("cn-sd", files);
    assert!(
        matches!(phone.sync(&id("cn-sd/jinan")).await, Err(Error::RollbackRejected { .. })),
        "stuck, as TUF has it"
    );
    for role in ["timestamp", "snapshot"] {
        let key = registry.ring.generate().expect("a key");
        registry.province.rotate(role, &[key], 1, &registry.ring, now(), &Lifetimes::default()).expect("rotated");
    }
    registry.publish();
    phone.sync(&id("cn-sd/jinan")).await.expect("free again");
    phone.restart(|_| ());
    phone.sync(&id("cn-sd/jinan")).await.expect("and stays so");
    assert_eq!(opens(&phone).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_asks_for_more_than_its_card_says_is_not_installed() {
    let (mut registry, phone, _) = before_and_after().await;
    let asking = serde_json::json!({
        "req_permissions": [{ "name": "passes", "reason": "for nothing" }],
        "onecity": { "category": "city", "origins": ["https://collector.example"] },
    });
    let greedy = crate::server::package_with("greedy", 1, asking, &[]);
    registry.province.publish(&unit("cn-sd/jinan"), greedy, 100).expect("published");
    registry.publish();
    let files = signed_by_jinan(&registry, |signed| {
        let card = &mut signed["targets"]["cn-sd/jinan/greedy/1.ma"]["custom"];
        card["permissions"] = serde_json::json!([]);
        card["origins"] = serde_json::json!([]);
    });
    registry.serve("cn-sd", files);
    phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    let refused = phone.opens(&service("cn-sd/jinan", "greedy"), "cn-sd/jinan").await.expect_err("refused");
    assert!(refused.to_string().contains("asks for more"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn delegations_that_run_in_a_circle_or_sideways_change_nothing() {
    let (registry, phone, _) = before_and_after().await;
    let role = |name: &str| newest(&registry.files(), name).1;
    // The department has the city's public key, which everybody has, and its own.
    let (city, mut own) = (role("cn-sd.jinan"), role("cn-sd.jinan.~transport"));
    let key_of = |role: &Value| role["signatures"][0]["keyid"].as_str().expect("a key").to_owned();
    let targets = role("targets");
    let listed = |id: &str| {
        let known =
            [&targets, &city].into_iter().find_map(|role| role["signed"]["delegations"]["keys"].get(id).cloned());
        known.expect("a key that somebody lists")
    };
    let (jinan, transport) = (key_of(&city), key_of(&own));
    let delegation = |name: &str, key: &str, path: &str| serde_json::json!({ "name": name, "keyids": [key], "threshold": 1, "terminating": true, "paths": [path] });
    let mut signed = own["signed"].take();
    signed["version"] = 2.into();
    signed["delegations"] = serde_json::json!({
        "keys": { &jinan: listed(&jinan), &transport: listed(&transport) },
        "roles": [
            delegation("cn-sd.jinan.~transport", &transport, "*/*/*/*"),
            delegation("cn-sd.jinan", &jinan, "none/*/*"),
            delegation("cn-sd.jinan.lixia", &transport, &format!("{}/*", "*?".repeat(500))),
        ],
    });
    let mut opened = Repository::open(Overlay::new(registry.files())).expect("opened");
    let file = registry.ring.sign_as_any(&signed, &own["signatures"]).expect("signed");
    opened.put_metadata("cn-sd.jinan.~transport", 2, file).expect("put");
    opened.sign(&registry.ring, now(), &Lifetimes::default()).expect("a registry that did not look");
    let mut all = registry.files();
    all.extend(opened.into_storage().into_fresh());
    registry.serve("cn-sd", all);
    for phone in [&phone, &registry.phone()] {
        let report = phone.sync(&id("cn-sd/jinan")).await.expect("synced");
        assert!(report.broken.is_empty(), "{report:?}");
        assert_eq!(phone.home(&id("cn-sd/jinan/lixia")).await.expect("home").services.len(), 5);
        assert_eq!(opens(phone).await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_target_that_can_not_be_read_spoils_nothing_else() {
    let (registry, phone, _) = before_and_after().await;
    let files = signed_by_jinan(&registry, |signed| {
        signed["targets"]["cn-sd/jinan/report/ma"] =
            serde_json::json!({ "length": 1, "hashes": { "sha256": "no hash" } });
    });
    registry.serve("cn-sd", files);
    let report = phone.sync(&id("cn-sd/jinan")).await.expect("synced");
    assert!(report.broken.is_empty());
    assert_eq!(opens(&phone).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nation_gives_a_province_that_lost_its_keys_a_new_root() {
    let (mut registry, mut phone, _) = before_and_after().await;
    let again = Registry::start().await;
    registry.lists("cn-sd", &again.province);
    phone.clock.skip(7 * 3600 * 1000);
    phone.sync(&id("cn-sd/jinan")).await.expect("the nation's word");
    phone.restart(|_| ());
    phone.sync(&id("cn-sd/jinan")).await.expect("and it stays");
    assert_eq!(phone.opens(&service("cn-sd/jinan/lixia", "report"), "cn-sd/jinan/lixia").await.expect("opened"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_province_that_was_taken_out_and_is_listed_again_with_another_root_starts_again() {
    let again = Registry::start().await;
    // The phone hears that it was taken out; or it loses its catalogue meanwhile, and hears of the new root alone.
    for hears in [true, false] {
        let (mut registry, mut phone, _) = before_and_after().await;
        if hears {
            assert!(registry.nation.remove_target("cn/cn-sd/root.json").expect("listed"));
            registry.publish();
            phone.clock.skip(7 * 3600 * 1000);
            let gone = phone.sync(&id("cn-sd/jinan")).await;
            assert!(matches!(gone, Err(Error::Refused { reason: Refusal::NotFound, .. })), "{gone:?}");
        } else {
            phone.restart(|folder| std::fs::remove_file(folder.join("catalogue.sqlite")).expect("there"));
        }
        registry.lists("cn-sd", &again.province);
        phone.clock.skip(7 * 3600 * 1000);
        phone.sync(&id("cn-sd/jinan")).await.expect("the nation's word");
        // Its own floors count from now on.
        phone.restart(|_| ());
        phone.sync(&id("cn-sd/jinan")).await.expect("and it stays");
        assert_eq!(phone.opens(&service("cn-sd/jinan/lixia", "report"), "cn-sd/jinan/lixia").await.expect("opened"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_has_ended_or_can_not_be_read_installs_nothing_new() {
    let (registry, phone, _) = before_and_after().await;
    phone.sync(&id("cn-sd/qingdao")).await.expect("synced");
    // A mirror keeps a city's newest file back: perhaps it says that a version was withdrawn.
    let mut later = Repository::open(registry.files()).expect("opened");
    later.renew(&unit("cn-sd/qingdao")).expect("a role");
    later.sign(&registry.ring, now(), &Lifetimes::default()).expect("signed");
    let mut files = later.into_storage();
    files.remove("metadata/2.cn-sd.qingdao.json").expect("it was there");
    registry.serve("cn-sd", files);
    let report = phone.sync(&id("cn-sd/qingdao")).await.expect("the rest is welcome");
    assert_eq!(report.broken.len(), 1);
    let refused = phone.opens(&service("cn-sd/qingdao", "report"), "cn-sd/qingdao").await;
    assert!(matches!(refused, Err(Error::SignatureInvalid { .. })), "{refused:?}");
    assert_eq!(phone.opens(&service("cn-sd/~coast", "report"), "cn-sd/qingdao").await.expect("another unit's"), 1);
    assert_eq!(opens(&phone).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_version_signed_again_with_other_bytes_is_not_taken_and_what_is_installed_stays() {
    let (registry, phone, _) = before_and_after().await;
    let files = signed_by_jinan(&registry, |signed| {
        signed["targets"]["cn-sd/jinan/report/2.ma"]["hashes"]["sha256"] = "0".repeat(64).into();
    });
    registry.serve("cn-sd", files);
    let report = phone.sync(&id("cn-sd/jinan")).await.expect("the rest is welcome");
    assert_eq!(report.broken.len(), 1);
    assert!(report.broken[0].why.contains("a change is a new version"), "{report:?}");
    assert_eq!(opens(&phone).await, 2, "the one that it has");
    assert_eq!(phone.opens(&service("cn-sd", "hotline"), "cn-sd/jinan").await.expect("another's"), 1);
}
