//! A registry in memory: a nation, and a province of two cities with an issuer's trust list, signed as a publisher does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use onecity_protocol::credential::{Issuer, PassType, TrustList, sample};
use onecity_protocol::names::Names;
use onecity_protocol::region::{RegionId, UnitId};
use onecity_protocol::service::ServiceId;
use onecity_publisher::{Holders, KeyRing, Lifetimes, Repository, RepositoryFiles, pack};
use serde_json::{Value, json};

use super::lookup::Registry;
use crate::device::NationAnchor;
use crate::device::testing::{Bench, Reply};
use crate::platform::Clock;

const BASE: &str = "https://registry.example";
/// Where the province's issuer is.
pub(crate) const ISSUER: &str = "https://issuer.example";

pub(crate) fn region(text: &str) -> RegionId {
    text.parse().expect("a region")
}

pub(crate) fn unit(text: &str) -> UnitId {
    text.parse().expect("a unit")
}

pub(crate) fn service(text: &str) -> ServiceId {
    text.parse().expect("a service")
}

/// A package of a service, with members of its manifest replaced.
pub(crate) fn package(app_id: &str, code: u64, members: &Value) -> Vec<u8> {
    let mut manifest = json!({
        "app_id": app_id, "name": app_id, "icons": [{ "src": "icon.svg", "label": "an icon" }], "pages": ["index"],
        "platform_version": { "min_code": 1 }, "version": { "code": code, "name": format!("{code}.0") },
        "onecity": { "category": "city", "names": { "zh": "服务", "vi": "Dịch vụ", "en": app_id } },
    });
    for (name, value) in members.as_object().into_iter().flatten() {
        manifest[name] = value.clone();
    }
    let files: BTreeMap<String, Vec<u8>> = [
        ("manifest.json", manifest.to_string().into_bytes()),
        ("app.js", Vec::new()),
        ("app.css", Vec::new()),
        ("icon.svg", b"<svg/>".to_vec()),
        ("index.html", format!("<p>version {code}</p>").into_bytes()),
    ]
    .map(|(path, bytes)| (path.to_owned(), bytes))
    .into();
    pack(&files).expect("packed")
}

/// Repositories, their keys, and the phone's part that reads them.
pub(crate) struct FakeRegistry {
    pub nation: Repository<RepositoryFiles>,
    pub province: Repository<RepositoryFiles>,
    pub issuer: sample::World,
    ring: KeyRing,
    served: Arc<Mutex<BTreeMap<String, Arc<[u8]>>>>,
    clock: Arc<crate::platform::software::MachineClock>,
    pub lifetimes: Lifetimes,
}

fn repository(id: &str, ring: &mut KeyRing, now: i64) -> Repository<RepositoryFiles> {
    let mut key = || ring.generate().expect("a key");
    let holders = Holders { root: vec![key()], root_threshold: 1, targets: key(), snapshot: key(), timestamp: key() };
    let created = Repository::create(region(id), RepositoryFiles::new(), &holders, ring, now, &Lifetimes::default());
    created.expect("created")
}

impl FakeRegistry {
    /// A registry, and a bench whose phone knows it.
    pub(crate) fn start(ports: impl FnOnce(crate::platform::Platform) -> crate::platform::Platform) -> (Bench, Self) {
        crate::device::install_providers();
        let now = crate::platform::software::MachineClock::default().wall() / 1000;
        let mut ring = KeyRing::default();
        let mut nation = repository("cn", &mut ring, now);
        let mut province = repository("cn-sd", &mut ring, now);
        for delegate in ["cn-sd/jinan", "cn-sd/qingdao"] {
            let key = ring.generate().expect("a key");
            province.delegate(&unit(delegate), &[key], 1).expect("delegated");
            province
                .publish(&unit(delegate), package("report", 1, &json!({ "name": delegate })), 100)
                .expect("published");
        }
        province.publish(&unit("cn-sd/jinan"), package("parking", 1, &json!({})), 100).expect("published");
        let issuer = sample::World::new().expect("an issuer");
        let of = |id: &str, kind: &str, zh: &str| json!({ "id": id, "kind": kind, "code": "0", "names": { "zh": zh, "en": id } });
        let regions = json!({
            "regions": [of("cn-sd/jinan", "city", "济南市"), of("cn-sd/qingdao", "city", "青岛市")], "circles": [],
        });
        province.add_target("cn-sd/regions.json", regions.to_string().into_bytes(), None).expect("listed");
        let trust = serde_json::to_vec(&trust_list(&issuer)).expect("written");
        province.add_target("cn-sd/trust.json", trust, None).expect("listed");
        let root = province.first_root().expect("a root").to_vec();
        let entry = json!({ "region": "cn-sd", "url": format!("{BASE}/cn-sd") });
        nation.add_target("cn/cn-sd/root.json", root, Some(entry)).expect("listed");
        let top = json!({ "regions": [of("cn", "nation", "中国"), of("cn-sd", "province", "山东省")] });
        nation.add_target("cn/regions.json", top.to_string().into_bytes(), None).expect("listed");
        let provider = json!([{ "id": "shandong", "names": { "en": "Shandong" }, "issuer": "https://id.example", "client_id": "app" }]);
        nation.add_target("cn/providers.json", provider.to_string().into_bytes(), None).expect("listed");
        let anchor = NationAnchor {
            nation: region("cn"),
            url: format!("{BASE}/cn"),
            root: nation.first_root().expect("a root").to_vec(),
        };
        let bench = Bench::configured(ports, |config| crate::device::ClientConfig { nations: vec![anchor], ..config });
        let served = Arc::new(Mutex::new(BTreeMap::<String, Arc<[u8]>>::new()));
        let files = Arc::clone(&served);
        bench.http.serve(move |seen| {
            let path = seen.url.strip_prefix(BASE)?;
            let found = files.lock().expect("whole").get(path).cloned();
            Some(found.map_or_else(|| Reply::status(404), |bytes| Reply::bytes(bytes.to_vec())))
        });
        let mut registry = Self {
            nation,
            province,
            issuer,
            ring,
            served,
            clock: Arc::clone(&bench.clock),
            lifetimes: Lifetimes::default(),
        };
        registry.publish();
        (bench, registry)
    }

    /// Signs what has changed and serves it, as of the phone's time.
    pub(crate) fn publish(&mut self) {
        let now = self.clock.wall() / 1000;
        let mut served = self.served.lock().expect("whole");
        served.clear();
        for (id, repository) in [("cn", &mut self.nation), ("cn-sd", &mut self.province)] {
            repository.sign(&self.ring, now, &self.lifetimes).expect("signed");
            served
                .extend(repository.storage().iter().map(|(path, bytes)| (format!("/{id}/{path}"), Arc::clone(bytes))));
        }
    }

    /// Breaks a served file whose path ends like this.
    pub(crate) fn spoil(&self, path_end: &str) {
        let mut served = self.served.lock().expect("whole");
        let spoilt = served.iter_mut().filter(|(path, _)| path.ends_with(path_end));
        spoilt.for_each(|(_, bytes)| *bytes = b"spoilt".to_vec().into());
    }

    /// The phone's part, with Shandong synced.
    pub(crate) async fn synced(&self, bench: &Bench) -> Arc<Registry> {
        let registry = Registry::new(&bench.device);
        let report = registry.sync(&region("cn-sd/jinan"), &crate::device::ProgressSender::silent()).await;
        assert!(report.expect("synced").broken.is_empty());
        registry
    }
}

/// The province's trust list: the sample issuer's key for transit passes, and for certificates.
fn trust_list(issuer: &sample::World) -> TrustList {
    let types = vec![PassType { id: 1, word: "transit".to_owned(), names: Names::new().with("en", "Transit pass") }];
    let signs = ["certificate", "receipt"].map(str::to_owned).to_vec();
    let issuers = vec![Issuer { url: ISSUER.to_owned(), names: Names::new().with("en", "Sample issuer"), signs }];
    TrustList::new(format!("{ISSUER}/status"), types, issuers, vec![issuer.trusted_key()])
}
