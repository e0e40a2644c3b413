//! The whole story, and both nations in full.

use mock_server::journey::{self, Step};
use mock_server::{Phone, Server, WorldOptions};
use onecity_protocol::region::RegionId;
use onecity_publisher::{Extent, KeyRing, Lifetimes, Overlay, Repository, SigningKey, Template, Web, pack};

fn region(text: &str) -> RegionId {
    text.parse().expect("a region")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_phone_visits_every_city_and_passes_a_gate() {
    let mut steps = Vec::new();
    let summary = journey::run(WorldOptions::default(), 1, &mut |step: &Step| steps.push(step.clone())).await;
    let summary = summary.unwrap_or_else(|failed| panic!("{failed}"));
    assert_eq!(summary.cities, 17);
    assert_eq!(summary.steps, steps.len());
    assert!(steps.iter().any(|step| step.step == "visit cn-sd/zaozhuang"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_of_phones_takes_the_same_way_and_nothing_of_theirs_is_lost_or_doubled() {
    let mut steps = 0;
    let summary = journey::run(WorldOptions::default(), 12, &mut |_: &Step| steps += 1).await;
    let summary = summary.unwrap_or_else(|failed| panic!("{failed}"));
    assert_eq!((summary.phones, summary.cities, summary.steps), (12, 17, steps));
    assert!(summary.each.exchanges > 50, "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_tells_the_same_story() {
    let tell = |seed| async move {
        let mut told = Vec::new();
        let run = journey::run(WorldOptions { seed, ..WorldOptions::default() }, 1, &mut |step: &Step| {
            told.push(step.clone())
        })
        .await;
        run.unwrap_or_else(|failed| panic!("{failed}"));
        // Times, the free port and the length of a signature-bearing code are not part of the story.
        let same = |step: &&Step| !step.step.starts_with("start the server") && !step.step.contains("show a code");
        told.iter().filter(same).map(|step| format!("{}: {}", step.step, step.checked)).collect::<Vec<_>>()
    };
    let first = tell(7).await;
    assert_eq!(first, tell(7).await);
    assert_ne!(first, tell(8).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_can_hold_every_region_of_both_nations() {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let phone = Phone::new(&server.world(), &["en"]).expect("a phone");
    let mut latin = None;
    for nation in ["cn", "vn"].map(region) {
        phone.client().sync(&nation).await.expect("the nation");
        for first in phone.client().regions(&nation).await.expect("its regions") {
            phone.client().sync(&first.id).await.unwrap_or_else(|error| panic!("{}: {error}", first.id));
            latin = latin.or((first.id == region("cn-cq")).then_some(first.latin));
        }
        let count = phone.client().region_count(&nation).await.expect("counted");
        assert!(count >= 3_300, "{nation}: {count}");
    }
    assert_eq!(latin.as_deref(), Some("Chongqing"));
    let below = phone.client().regions(&region("cn-cq")).await.expect("its districts");
    assert!(below.iter().any(|district| district.id == region("cn-cq/yuzhong")), "a municipality goes straight down");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resident_reads_home_in_their_own_language() {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let expected =
        [("zh", "济南市", "问题上报"), ("vi", "Jinan", "Phản ánh hiện trường"), ("en", "Jinan", "Report a problem")];
    for (language, city, service) in expected {
        let phone = Phone::new(&server.world(), &[language]).expect("a phone");
        phone.client().sync(&region("cn-sd/jinan")).await.expect("synced");
        let home = phone.client().home(&region("cn-sd/jinan")).await.expect("a home screen");
        assert_eq!(home.region.name, city, "{language}");
        assert_eq!(home.region.hotline.as_deref(), Some("12345"));
        let report = home.services.iter().find(|card| card.id.app_id == "report").expect("published");
        assert_eq!(report.name, service);
        assert!(!report.summary.is_empty(), "{language}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tester_s_key_publishes_beside_the_city_s_own_and_takes_nothing_from_it() {
    let server = Server::start(WorldOptions::default()).await.expect("a world");
    let (world, jinan) = (server.world(), region("cn-sd/jinan"));
    let phone = Phone::new(&world, &["en"]).expect("a phone");
    let names = async || {
        assert!(phone.client().sync(&jinan).await.expect("synced").broken.is_empty());
        let home = phone.client().home(&jinan).await.expect("home");
        home.services.into_iter().map(|card| card.id.to_string()).collect::<std::collections::BTreeSet<_>>()
    };
    let before = names().await;
    let key = SigningKey::generate().expect("a key");
    let (unit, now) = ("cn-sd/jinan".parse().expect("a unit"), world.now());
    world.registry_mut(|registry| registry.entrust(&unit, key.public().clone(), now)).expect("entrusted");
    assert_eq!(names().await, before);
    let root = world.registry(|registry| registry.first_root(&region("cn-sd"))).expect("a root");
    let (address, ring) = (format!("{}/registry/cn-sd", world.origin()), KeyRing::new([key]));
    let publish = move || {
        let web = Web::new(&address).expect("an address");
        let files = web.mirror(&root, Extent::Unit(&unit), now, &|_| ()).expect("the registry");
        let mut draft = Repository::open(Overlay::new(files)).expect("opened");
        let package = Template::Pages.files("snow-plan", None).expect("a template");
        draft.publish(&unit, pack(&package).expect("packed"), 100).expect("published");
        draft.sign(&ring, now, &Lifetimes::default()).expect("signed");
        web.push(&draft.into_storage().into_fresh(), &|_, _| ()).expect("sent");
    };
    tokio::task::spawn_blocking(publish).await.expect("it ends");
    let more: Vec<String> = names().await.difference(&before).cloned().collect();
    assert_eq!(more, ["cn-sd/jinan/snow-plan"]);
    server.stop().await;
}
