//! The identity parts against a provider in memory.

mod consents;
mod exchange;
mod login;
mod sessions;
mod time;

use std::sync::Arc;

use onecity_protocol::manifest::{Manifest, Permission};
use onecity_protocol::service::ServiceId;
use onecity_store::Owner;
use serde_json::json;

use crate::device::testing::{Bench, CountedKeys};
use crate::error::Error;
use crate::identity::Asking;
use crate::identity::testing::Identity;
use crate::platform::Platform;

fn counted() -> (Arc<CountedKeys>, Identity) {
    let keys = Arc::new(CountedKeys::default());
    let own = Arc::clone(&keys);
    (keys, Identity::new(Bench::with(|platform| Platform { keys: own, ..platform })))
}

fn report() -> ServiceId {
    "cn-sd/jinan/report".parse().expect("a service")
}

fn manifest() -> Manifest {
    let manifest = json!({
        "app_id": "report", "name": "Report", "icons": [{ "src": "icon.svg", "label": "an icon" }], "pages": ["index"],
        "platform_version": { "min_code": 1 }, "version": { "code": 1, "name": "1.0" },
        "req_permissions": [{ "name": "login" }, { "name": "documents" }],
        "onecity": { "category": "city", "origins": ["https://jinan.example"], "fields": ["name"] },
    });
    Manifest::parse(manifest.to_string().as_bytes()).expect("a manifest")
}

async fn agree(identity: &Identity, owner: &Owner, permission: Permission, fields: &[&str]) -> Result<(), Error> {
    let (service, manifest) = (report(), manifest());
    let asking = Asking {
        is_shown: &|| true,
        was_touched: &|| false,
        service: &service,
        publisher: "Jinan".to_owned(),
        manifest: &manifest,
        owner: owner.clone(),
        people: Vec::new(),
    };
    identity.consents.agreed(asking, permission, fields.iter().map(|own| (*own).to_owned()).collect()).await
}

async fn owner(identity: &Identity) -> Owner {
    identity.accounts.active_owner().await.expect("read")
}
