use serde_json::{Value, json};

use super::check::MEMBERS;
use super::*;
use crate::rules::Place;

fn sample() -> Value {
    json!({
        "app_id": "report", "name": "Report", "icons": [{"src": "common/icon.svg", "label": "Report"}],
        "pages": ["pages/index/index"], "platform_version": {"min_code": 1},
        "version": {"code": 1, "name": "1.0"},
        "onecity": {"category": "report", "origins": ["https://city.example"]}
    })
}

fn parse(value: &Value) -> Result<Manifest, Finding> {
    Manifest::parse(value.to_string().as_bytes())
}

/// The draft's own example with our members, and with `min_code` as the integer that the tables ask for.
fn draft_example() -> Value {
    json!({
        "dir": "ltr", "lang": "en-US", "app_id": "org.example.miniapp", "name": "MiniApp Demo",
        "short_name": "MiniApp", "version": {"name": "1.0.1", "code": 11}, "description": "A Simple MiniApp Demo",
        "icons": [{"label": "Red lightning", "src": "common/icons/icon.png", "sizes": "48x48"}],
        "platform_version": {"min_code": 1, "release_type": "Beta1", "target_code": 2},
        "pages": ["pages/index/index", "pages/detail/detail"],
        "window": {"background_color": "#ffffff", "fullscreen": false, "navigation_bar_text_style": "black",
            "navigation_bar_title_text": "My MiniApp", "navigation_bar_background_color": "#f8f8f8"},
        "widgets": [{"name": "widget", "min_code": 2, "path": "widgets/index/index"}],
        "req_permissions": [{"name": "passes", "reason": "To show your pass"}],
        "color_scheme": "light", "device_type": ["phone", "tv", "car"],
        "onecity": {"category": "demo"}
    })
}

#[test]
fn every_member_of_the_draft_is_read_and_written_again() {
    let (manifest, findings) = Manifest::examine(draft_example().to_string().as_bytes());
    assert_eq!(findings, []);
    let written = serde_json::to_value(manifest.expect("read")).expect("plain JSON");
    for (member, value) in draft_example().as_object().expect("an object") {
        if member != "onecity" {
            assert_eq!(&written[member], value, "{member}");
        }
    }
}

#[test]
fn a_wrong_member_is_named_with_its_rule_and_place() {
    let refused = |pointer: &str, value: Value| {
        let mut manifest = draft_example();
        *manifest.pointer_mut(pointer).expect("there") = value;
        let finding = parse(&manifest).expect_err("refused");
        let Place::Member(place) = &finding.place else { panic!("{finding}") };
        format!("{} {place}", finding.rule.id)
    };
    assert_eq!(refused("/app_id", json!("../up")), "OC106 /app_id");
    assert_eq!(refused("/version/code", json!(0)), "OC110 /version/code");
    assert_eq!(refused("/dir", json!("left")), "OC105 /dir");
    assert_eq!(refused("/platform_version/min_code", json!("1")), "OC105 /platform_version/min_code");
    assert_eq!(refused("/window", json!({"orientation": "up"})), "OC105 /window/orientation");
    assert_eq!(refused("/icons/0/src", json!(7)), "OC105 /icons/0/src");
    assert_eq!(refused("/req_permissions/0/name", json!("root")), "OC105 /req_permissions/0/name");
    assert_eq!(
        refused("/onecity", json!({"category": "a", "origins": ["https://a.example/b"]})),
        "OC112 /onecity/origins/0"
    );
    assert_eq!(refused("/onecity", json!({"category": "a", "origins": ["file:///etc"]})), "OC112 /onecity/origins/0");
    assert_eq!(refused("/icons", json!([])), "OC108 /icons");
    assert_eq!(refused("/pages", json!(["a", "a.html"])), "OC109 /pages/1");
    assert_eq!(refused("/window/background_color", json!("red")), "OC105 /window/background_color");
    assert_eq!(refused("/onecity", json!({"category": "Two words"})), "OC111 /onecity/category");
}

#[test]
fn each_required_member_is_missed_by_name() {
    for member in ["app_id", "name", "icons", "pages", "platform_version", "version", "onecity"] {
        let mut without = sample();
        without.as_object_mut().expect("an object").remove(member);
        let finding = parse(&without).expect_err("refused");
        assert_eq!(finding.rule.id, "OC104");
        assert!(finding.to_string().contains(member), "{finding}");
    }
}

#[test]
fn a_slip_of_the_pen_is_a_warning_with_a_guess() {
    let mut manifest = sample();
    manifest["req_premissions"] = json!([]);
    let (read, findings) = Manifest::examine(manifest.to_string().as_bytes());
    assert!(read.is_some());
    assert_eq!(findings.len(), 1);
    assert!(findings[0].to_string().contains("req_permissions"), "{}", findings[0]);
}

#[test]
fn a_huge_deep_or_ambiguous_manifest_is_refused_at_once() {
    let refused = |bytes: &[u8]| Manifest::parse(bytes).expect_err("refused").rule.id;
    assert_eq!(refused(&vec![b' '; 10 << 20]), "OC102");
    let deep = format!("{{\"window\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(refused(deep.as_bytes()), "OC103");
    let twice = sample().to_string().replacen("{", "{\"app_id\": \"other\",", 1);
    assert_eq!(refused(twice.as_bytes()), "OC103");
}

#[test]
fn a_reason_is_said_in_the_residents_language() {
    let mut manifest = sample();
    manifest["req_permissions"] = json!([{"name": "passes", "reason": "To show your pass"}]);
    manifest["onecity"]["reasons"] = json!({"passes": {"zh": "用于出示乘车码"}});
    let manifest = parse(&manifest).expect("valid");
    assert_eq!(manifest.reason(Permission::Passes, &["zh".to_owned()]), "用于出示乘车码");
    assert_eq!(parse(&draft_example()).expect("valid").reason(Permission::Passes, &[]), "To show your pass");
}

#[test]
fn the_schema_in_docs_is_made_from_these_types() {
    let mut schema = serde_json::to_value(schemars::schema_for!(Manifest)).expect("plain JSON");
    schema["title"] = json!("OneCity mini-service manifest");
    schema["description"] = json!(
        "A W3C MiniApp manifest with OneCity's own members. Made from the types in core/protocol/src/manifest/mod.rs."
    );
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).expect("plain JSON"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manifest.schema.json");
    if std::env::var_os("ONECITY_WRITE_DOCS").is_some() {
        std::fs::write(path, &text).expect("written");
    }
    let kept = std::fs::read_to_string(path).expect("docs/manifest.schema.json");
    assert!(kept == text, "run ONECITY_WRITE_DOCS=1 cargo test -p onecity-protocol to write it again");
    for member in MEMBERS.iter().filter(|member| !matches!(**member, "start_url" | "scope")) {
        assert!(schema["properties"][member].is_object(), "{member}");
    }
}
