//! What a resident waits for: the home screen, and what a search finds.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mock_server::{Phone, Server, WorldOptions};
use onecity_core::{Client, ClientConfig, platform::software};
use onecity_protocol::limits::{KEYWORDS, PUBLISHER_BYTES, PUBLISHER_ROLES, PUBLISHER_SERVICES};
use onecity_protocol::names::Names;
use onecity_protocol::region::{RegionId, UnitId};
use onecity_protocol::trust::{CatalogueEntry, Release, Target, target_path};
use onecity_publisher::synthetic;
use onecity_store::{Catalogue, SecretStore, TakenDown, Unsealed, Vault, VerifiedRole};

use crate::{Figure, against, median, micros, side_by_side, stated};

/// Open both files, find who is logged in, and show the home screen of a city of 1,000 services, as at the start of the
/// app: bounded by reading and checking both files' schemas, then by reading 200 cards.
pub(crate) fn cold_start_home() -> Figure {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let phone = runtime.block_on(async {
        let server = Server::start(WorldOptions::default()).await.expect("a world");
        let phone = Phone::new(&server.world(), &["zh"]).expect("a phone");
        phone.log_in("shandong", "lan").await.expect("logged in");
        phone.client().suspend().await.expect("closed");
        server.stop().await;
        phone
    });
    fill(phone.folder(), &phone.platform().secrets, 1, 1);
    let city = "cn-aa/city-0".parse().expect("a region");
    let times = (0..60)
        .map(|_| {
            let began = Instant::now();
            let client = Client::open(phone.config().clone(), phone.platform().clone()).expect("a phone");
            let home = runtime.block_on(client.home(&city)).expect("a home screen");
            let took = began.elapsed();
            assert!(home.account.is_some() && home.services.len() == 200);
            client.close();
            took
        })
        .collect();
    stated("cold_start_home", (micros(median(times)) / 100.0).round() / 10.0, "ms", Some(50.0))
}

/// Puts made-up cities into a phone's catalogue, each with 50 services of its own, five departments of 100 and five
/// districts of 90, as a sync would leave them there.
pub(crate) fn fill(folder: &Path, secrets: &Arc<dyn SecretStore>, provinces: usize, cities: usize) {
    let mut catalogue = catalogue(folder, secrets);
    let mut number = 0;
    for province in 0..provinces {
        let first = format!(
            "cn-{}{}",
            char::from(b'a' + u8::try_from(province / 26).expect("few")),
            char::from(b'a' + u8::try_from(province % 26).expect("few"))
        );
        let cities: Vec<String> = (0..cities).map(|city| format!("{first}/city-{city}")).collect();
        for city in &cities {
            let own = [(city.clone(), 50)];
            let departments = (0..5).map(|at| (format!("{city}/~department-{at}"), 100));
            let districts = (0..5).map(|at| (format!("{city}/district-{at}"), 90));
            let roles: Vec<VerifiedRole> = own
                .into_iter()
                .chain(departments)
                .chain(districts)
                .map(|(unit, services)| {
                    role(&unit, services, || {
                        number += 1;
                        synthetic::entry(number)
                    })
                })
                .collect();
            catalogue.keep_roles(&first.parse().expect("an id"), &roles).expect("kept");
        }
        keep_regions(&mut catalogue, &first, &cities);
    }
}

fn catalogue(folder: &Path, secrets: &Arc<dyn SecretStore>) -> Catalogue {
    let vault = Vault::open(&folder.join("vault.sqlite"), Arc::clone(secrets)).expect("opened");
    let key = vault.catalogue_key().expect("derived");
    let catalogue = Catalogue::open(&folder.join("catalogue.sqlite"), &key, Unsealed::Refuse).expect("opened");
    vault.close().expect("closed");
    catalogue
}

/// A unit's role with so many services.
fn role(unit: &str, services: usize, mut entry: impl FnMut() -> CatalogueEntry) -> VerifiedRole {
    let unit: UnitId = unit.parse().expect("a unit");
    let releases = (0..services).map(|at| {
        let app_id = format!("s{at}");
        let target = Target { path: target_path(&unit, &app_id, 1), sha256: [0; 32], length: 1, custom: None };
        Release { unit: unit.clone(), app_id, version_code: 1, entry: entry(), target }
    });
    VerifiedRole { releases: releases.collect(), unit, version: 1, expires: 0, taken_down: TakenDown::new() }
}

fn keep_regions(catalogue: &mut Catalogue, first: &str, cities: &[String]) {
    let region =
        |id: &str, kind: &str| serde_json::json!({ "id": id, "kind": kind, "code": "0", "names": { "zh": id } });
    let mut regions = vec![region(first, "province")];
    regions.extend(cities.iter().map(|city| region(city, "city")));
    let file = serde_json::json!({ "regions": regions }).to_string();
    let id: RegionId = first.parse().expect("an id");
    let file = onecity_protocol::region::RegionFile::parse(file.as_bytes(), &id).expect("regions");
    catalogue.keep_regions(&id, &file).expect("kept");
}

/// Puts a city into a phone's catalogue that uses every limit of a publisher fully, and has for keywords what residents
/// type, whole and begun: it wants to be in everybody's way.
fn fill_with_a_greedy_city(folder: &Path, secrets: &Arc<dyn SecretStore>) {
    let city = "cn-aa/greedy";
    let units = std::iter::once(city.to_owned()).chain((1..PUBLISHER_ROLES).map(|at| format!("{city}/~d{at}")));
    let typed: Vec<&str> = TYPED.iter().flatten().copied().collect();
    let mut next = 0;
    let mut entry = || {
        let names = Names::new().with("zh", typed[next % typed.len()]);
        let mut entry = CatalogueEntry::titled(names, "transport");
        while keyword_room(&entry) && entry.keywords.len() < KEYWORDS {
            let begun = typed[next % typed.len()];
            let word = if next % 3 == 0 { begun.to_owned() } else { format!("{begun}{next}") };
            entry.keywords.push(word);
            next += 1;
        }
        entry
    };
    let roles: Vec<VerifiedRole> =
        units.map(|unit| role(&unit, PUBLISHER_SERVICES / PUBLISHER_ROLES, &mut entry)).collect();
    assert_eq!(roles.iter().map(|role| role.releases.len()).sum::<usize>(), PUBLISHER_SERVICES);
    catalogue(folder, secrets).keep_roles(&"cn-aa".parse().expect("an id"), &roles).expect("kept");
}

/// Whether an entry of [`PUBLISHER_SERVICES`] may have another keyword, in a publisher's bytes of metadata.
fn keyword_room(entry: &CatalogueEntry) -> bool {
    // What a target is beside its entry: its path, hash and length.
    const OF_A_TARGET: usize = 250;
    let bytes = serde_json::to_vec(entry).expect("plain JSON").len();
    bytes + OF_A_TARGET < PUBLISHER_BYTES / PUBLISHER_SERVICES
}

/// A phone with such a catalogue.
pub(crate) fn phone(provinces: usize, cities: usize) -> (tempfile::TempDir, Client) {
    phone_with(|folder, secrets| fill(folder, secrets, provinces, cities))
}

fn phone_with(fill: impl Fn(&Path, &Arc<dyn SecretStore>)) -> (tempfile::TempDir, Client) {
    let folder = tempfile::tempdir().expect("a folder");
    let platform = software::platform();
    fill(folder.path(), &platform.secrets);
    let config =
        ClientConfig { folder: folder.path().to_owned(), languages: vec!["zh".to_owned()], ..ClientConfig::default() };
    let client = Client::open(config, platform).expect("a phone");
    (folder, client)
}

/// The home screen of a city of 1,000 services: 200 cards of the 550 that it and its departments offer.
pub(crate) fn home_1000_services() -> Figure {
    let (_folder, client) = phone(1, 1);
    let client = Arc::new(client);
    let city = "cn-aa/city-0".parse().expect("a region");
    let times = (0..200).map(|_| {
        let began = Instant::now();
        let home = client.runtime().block_on(client.home(&city)).expect("home");
        assert_eq!((home.services.len(), home.next), (200, Some(200)));
        began.elapsed()
    });
    stated("home_1000_services", (micros(median(times.collect())) / 100.0).round() / 10.0, "ms", None)
}

/// What residents type: for each of ten subjects Chinese, one character of it, pinyin whole and half, initials,
/// Vietnamese with and without marks, English, and each of pinyin and Vietnamese with a slip.
const TYPED: [[&str; 11]; 10] = [
    ["停车缴费", "停", "tingche", "ting", "tcjf", "đỗ xe", "do xe", "parking", "tingceh", "parkign", "停车"],
    ["公交查询", "公", "gongjiao", "gongj", "gjcx", "xe buýt", "xe buyt", "bus", "gongjaio", "lookpu", "公交"],
    ["医院预约", "医", "yiyuan", "yiyua", "yyyy", "bệnh viện", "benh vien", "hospital", "yiyaun", "hopsital", "医院"],
    ["社保申请", "社", "shebao", "sheb", "sbsq", "bảo hiểm", "bao hiem", "social", "shebaao", "socail", "社保"],
    ["户口办理", "户", "hukou", "huko", "hkbl", "hộ khẩu", "ho khau", "residence", "hukuo", "residnce", "户口"],
    ["驾照年检", "驾", "jiazhao", "jiazh", "jznj", "giấy phép", "giay phep", "driving", "jaizhao", "drivng", "驾照"],
    ["水费提醒", "水", "shuifei", "shuif", "sftx", "tiền nước", "tien nuoc", "water", "shuifie", "watre", "水费"],
    [
        "图书馆地图",
        "图",
        "tushuguan",
        "tushu",
        "tsgdt",
        "thư viện",
        "thu vien",
        "library",
        "tushugaun",
        "libary",
        "图书馆",
    ],
    ["护照登记", "护", "huzhao", "huzh", "hzdj", "hộ chiếu", "ho chieu", "passport", "huzhoa", "pasport", "护照"],
    [
        "疫苗公告",
        "疫",
        "yimiao",
        "yimi",
        "ymgg",
        "tiêm chủng",
        "tiem chung",
        "vaccination",
        "yimaio",
        "vacination",
        "疫苗",
    ],
];

fn search_p99(client: &Client, rounds: usize) -> Duration {
    let city = "cn-aa/city-0".parse().expect("a region");
    let typed: Vec<&str> = TYPED.iter().flatten().copied().collect();
    let find = |text: &str| client.runtime().block_on(client.search(text, &city)).expect("searched");
    for text in &typed {
        assert!(!find(text).is_empty(), "{text} finds nothing");
    }
    let mut times: Vec<Duration> = (0..rounds)
        .flat_map(|_| &typed)
        .map(|text| {
            let began = Instant::now();
            find(text);
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

/// Among 20,000 entries of one province: the slowest one in a hundred of [`TYPED`], the best 50 as cards.
pub(crate) fn search_province_p99() -> Figure {
    let (_folder, client) = phone(1, 20);
    let p99 = (micros(search_p99(&client, 10)) / 10.0).round() / 100.0;
    stated("search_province_p99", p99, "ms", Some(10.0))
}

/// The same among 600,000, which no phone has.
pub(crate) fn search_600k_p99() -> Figure {
    let (_folder, client) = phone(34, 18);
    stated("search_600k_p99", (micros(search_p99(&client, 1)) / 10.0).round() / 100.0, "ms", None)
}

/// The other cities of a province like Shandong, which has 16.
const NEIGHBOURS: usize = 15;

/// A phone of a province with a city that uses every limit fully, and one of a province without it.
fn beside_a_greedy_city() -> [(tempfile::TempDir, Client); 2] {
    let beside = phone_with(|folder, secrets| {
        fill(folder, secrets, 1, NEIGHBOURS);
        fill_with_a_greedy_city(folder, secrets);
    });
    [beside, phone(1, NEIGHBOURS)]
}

/// The home screen of a city of 1,000 services beside such a city, against without it.
pub(crate) fn hostile_city_home_ratio() -> Figure {
    let [(_one, beside), (_other, without)] = beside_a_greedy_city();
    let city: RegionId = "cn-aa/city-0".parse().expect("a region");
    let home = |client: &Client| {
        let home = client.runtime().block_on(client.home(&city)).expect("home");
        assert_eq!(home.services.len(), 200);
    };
    let times = side_by_side(200, |_| home(&beside), |_| home(&without));
    against("hostile_city_home_ratio", "without that city", 1.2, times)
}

/// All that residents type, searched for from a city of 1,000 services beside such a city, against without it.
pub(crate) fn hostile_city_search_ratio() -> Figure {
    let [(_one, beside), (_other, without)] = beside_a_greedy_city();
    let city: RegionId = "cn-aa/city-0".parse().expect("a region");
    let search = |client: &Client| {
        let searched = |text: &&str| client.runtime().block_on(client.search(text, &city)).expect("searched").len();
        let found: usize = TYPED.iter().flatten().map(searched).sum();
        assert!(found > 0, "{found}");
    };
    let times = side_by_side(30, |_| search(&beside), |_| search(&without));
    against("hostile_city_search_ratio", "without that city", 1.2, times)
}
