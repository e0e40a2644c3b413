//! The parts that mini-services stand on, with a registry, a provider and a back end in memory.

use std::sync::Arc;

use onecity_protocol::service::ServiceId;
use onecity_store::Owner;
use serde_json::{Value, json};

use super::{Drafts, HttpCache, MiniServices, Storage, Submissions};
use crate::device::testing::Bench;
use crate::identity::testing::Identity;
use crate::platform::Platform;
use crate::registry::testing::{FakeRegistry, package, unit};
use crate::wallet::{Documents, Passes, Payments};

/// The city's back end.
pub(crate) const CITY: &str = "https://jinan.example";

pub(crate) struct Kit {
    pub identity: Identity,
    _registry: FakeRegistry,
    pub http_cache: Arc<HttpCache>,
    pub submissions: Arc<Submissions>,
    pub drafts: Arc<Drafts>,
    pub storage: Arc<Storage>,
    pub services: Arc<MiniServices>,
}

pub(crate) fn everything() -> ServiceId {
    "cn-sd/jinan/everything".parse().expect("a service")
}

impl Kit {
    pub(crate) async fn new() -> Self {
        Self::with(|platform| platform).await
    }

    /// The same with other ports. Jinan publishes a service that may ask for everything.
    pub(crate) async fn with(ports: impl FnOnce(Platform) -> Platform) -> Self {
        let (bench, mut registry) = FakeRegistry::start(ports);
        let asks = ["login", "documents", "passes", "scan", "locate", "photos"];
        let asks: Vec<Value> = asks.iter().map(|name| json!({ "name": name })).collect();
        let members = json!({
            "req_permissions": asks,
            "onecity": { "category": "city", "names": { "en": "Everything" }, "origins": [CITY], "fields": ["name"] },
        });
        registry.province.publish(&unit("cn-sd/jinan"), package("everything", 1, &members), 100).expect("published");
        registry.publish();
        let part = registry.synced(&bench).await;
        let identity = Identity::new(bench);
        let (device, accounts) = (Arc::clone(identity.device()), Arc::clone(&identity.accounts));
        let http_cache = HttpCache::new(&device, &identity.sessions);
        let submissions = Submissions::new(&device, &accounts, &identity.consents, &identity.sessions);
        let drafts = Drafts::new(&device, &accounts, &identity.sessions);
        let services = Arc::new(MiniServices {
            registry: Arc::clone(&part),
            consents: Arc::clone(&identity.consents),
            sessions: Arc::clone(&identity.sessions),
            http_cache: Arc::clone(&http_cache),
            documents: Documents::new(&device, &part, &accounts),
            payments: Payments::new(&device, &part, &accounts),
            passes: Passes::new(&device, &accounts, &part, &identity.sessions),
            submissions: Arc::clone(&submissions),
            drafts: Arc::clone(&drafts),
            accounts: Arc::clone(&accounts),
            device: Arc::clone(&device),
        });
        let storage = Storage::new(&device, &accounts);
        Self { identity, _registry: registry, http_cache, submissions, drafts, storage, services }
    }

    pub(crate) fn bench(&self) -> &Bench {
        &self.identity.bench
    }

    pub(crate) async fn owner(&self) -> Owner {
        self.identity.accounts.active_owner().await.expect("read")
    }
}
