//! A service of Jinan that may ask a phone for everything.

use std::collections::BTreeMap;

use mock_server::World;
use onecity_publisher::pack;
use serde_json::{Value, json};

/// The manifest of a service that may ask for everything.
pub(crate) fn manifest(app_id: &str, code: u64, origin: &str) -> Value {
    let permissions = ["login", "passes", "documents", "scan", "locate", "photos"];
    let asks = permissions.map(|name| json!({ "name": name, "reason": format!("needed for {name}") }));
    json!({
        "app_id": app_id, "name": "Everything", "icons": [{ "src": "icon.svg", "label": "an icon" }],
        "pages": ["index", "second"], "platform_version": { "min_code": 1 },
        "version": { "code": code, "name": format!("{code}.0") }, "req_permissions": asks,
        "onecity": { "category": "demo", "origins": [origin], "fields": ["name"] },
    })
}

/// Publishes a service of Jinan.
pub(crate) fn publish(world: &World, manifest: &Value, more: &[(&str, &[u8])]) {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::from([
        ("manifest.json".to_owned(), manifest.to_string().into_bytes()),
        ("app.js".to_owned(), Vec::new()),
        ("app.css".to_owned(), Vec::new()),
        ("icon.svg".to_owned(), b"<svg/>".to_vec()),
        ("index.html".to_owned(), b"<!doctype html><title>t</title><script src=\"/onecity.js\"></script>".to_vec()),
        ("second.html".to_owned(), b"<!doctype html><title>t</title>".to_vec()),
    ]);
    files.extend(more.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())));
    let package = pack(&files).expect("packed");
    let (province, city) = ("cn-sd".parse().expect("a region"), "cn-sd/jinan".parse().expect("a unit"));
    let published = world.registry_mut(|registry| {
        registry.change(&province, world.now(), |repository, _| repository.publish(&city, package, 100).map(drop))
    });
    published.expect("published");
}
