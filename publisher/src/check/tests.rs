use super::*;
use crate::Template;

/// What is found in a new mini-service with some files replaced, as `FILE:LINE:COLUMN ID`.
fn found(changes: &[(&str, &str)]) -> Vec<String> {
    let mut files = Template::Pages.files("hours", None).expect("an app_id");
    for (path, text) in changes {
        files.insert((*path).to_owned(), text.as_bytes().to_vec());
    }
    let said = check(&files).findings.into_iter().map(|finding| match finding.place {
        Place::Line(line, column) => format!("{}:{line}:{column} {}", finding.file, finding.rule.id),
        _ => format!("{} {}", finding.file, finding.rule.id),
    });
    said.collect()
}

fn page(body: &str) -> Vec<String> {
    let head =
        "<!doctype html>\n<html lang=\"en\"><meta name=\"viewport\" content=\"width=device-width\"><title>T</title>\n";
    let text = format!("{head}{body}");
    let own = |said: String| said.strip_prefix("pages/index/index.html:").map(str::to_owned);
    found(&[("pages/index/index.html", &text)]).into_iter().filter_map(own).collect()
}

#[test]
fn every_template_passes_a_strict_check() {
    for template in [Template::Pages, Template::Form, Template::Pass] {
        let files = template.files("hours", Some("Hours")).expect("an app_id");
        let checked = check(&files);
        assert!(
            checked.passes(true),
            "{template:?}: {:?}",
            checked.findings.iter().map(ToString::to_string).collect::<Vec<_>>()
        );
        let package = crate::pack(&files).expect("packed");
        onecity_protocol::package::Package::open(package.into()).expect("every phone opens it");
    }
    assert!(Template::Pages.files("../up", None).is_none());
}

#[test]
fn what_a_phone_will_not_do_with_a_page_is_found_at_its_place() {
    assert_eq!(page("<script src=\"https://cdn.example/x.js\"></script>"), ["3:1 OC301"]);
    assert_eq!(page("<script>\nstart()</script>"), ["3:9 OC302"]);
    assert_eq!(page("<script src=\"index.js\"></script><p>text</p>"), Vec::<String>::new());
    assert_eq!(page("<style>p{}</style>"), ["3:8 OC303"]);
    assert_eq!(page("<p style=\"color:red\">x"), ["3:4 OC303"]);
    assert_eq!(page("<button onclick=\"send()\">x"), ["3:9 OC304"]);
    assert_eq!(page("<img src=\"/missing.png\" alt=\"\">"), ["3:1 OC305"]);
    assert_eq!(page("<iframe src=\"index.html\"></iframe>"), ["3:1 OC306"]);
    assert_eq!(page("<form action=\"/send\">"), ["3:1 OC307"]);
    assert_eq!(page("<img src=\"/common/icon.svg\">"), ["3:1 OC314"]);
    assert_eq!(page("<base href=\"/\">"), ["3:1 OC315"]);
    assert_eq!(
        page("<a href=\"https://city.example/\">x</a><a href=\"tel:12345\">y</a><a href=\"#z\">z</a>"),
        ["3:1 OC318"]
    );
    assert_eq!(
        page("<img alt=\"\" src=\"data:image/gif;base64,R0lGODlh\"><script src=\"/onecity.js\"></script>"),
        Vec::<String>::new()
    );
}

#[test]
fn what_a_page_lacks_is_said_once() {
    let said = found(&[("pages/index/index.html", "<html><p>x")]);
    assert_eq!(
        said,
        ["pages/index/index.html:1:1 OC312", "pages/index/index.html:1:1 OC313", "pages/index/index.html:1:1 OC316"]
    );
}

#[test]
fn a_member_of_the_manifest_is_found_at_its_line() {
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&Template::Pages.files("hours", None).expect("files")["manifest.json"]).expect("JSON");
    manifest["version"]["code"] = 0.into();
    let text = serde_json::to_string_pretty(&manifest).expect("JSON");
    let line = text.lines().position(|line| line.contains("\"code\"")).expect("there") + 1;
    assert_eq!(found(&[("manifest.json", &text)]), [format!("manifest.json:{line}:5 OC110")]);
    assert_eq!(found(&[("manifest.json", "{\n  \"app_id\": \"a\",\n}")])[0], "manifest.json:3:1 OC103");
}

#[test]
fn scripts_and_styles_that_will_not_work_are_warned_of() {
    let script = "\"use strict\";\neval('1');\nfetch(\"https://api.example/x\");\nlocalStorage.setItem('a', 'b');\nnavigator.serviceWorker.register('/sw.js');\n";
    let said = found(&[("pages/index/index.js", script)]);
    assert_eq!(
        said,
        [
            "pages/index/index.js:2:1 OC308",
            "pages/index/index.js:3:1 OC310",
            "pages/index/index.js:3:8 OC317",
            "pages/index/index.js:4:1 OC311",
            "pages/index/index.js:5:11 OC309",
        ]
    );
    let style = "p { background: url(https://cdn.example/a.png) }\n@import \"missing.css\";\n";
    assert_eq!(found(&[("extra.css", style)]), ["extra.css:1:21 OC301", "extra.css:2:10 OC305"]);
}

#[test]
fn the_badge_page_names_every_rule_and_escapes_what_it_shows() {
    let mut files = Template::Pages.files("hours", None).expect("files");
    files.insert("pages/<b>.html".to_owned(), b"<p>".to_vec());
    let page = badge_page(&check(&files));
    assert!(rules::CATALOGUE.iter().all(|rule| page.contains(rule.id)));
    assert!(!page.contains("pages/<b>") && page.contains("pages/&lt;b&gt;"));
}

#[test]
fn a_sarif_log_names_rules_and_places() {
    let files = BTreeMap::from([("manifest.json".to_owned(), b"{}".to_vec())]);
    let log = sarif(&check(&files).findings, "service");
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert!(results.iter().any(|result| result["ruleId"] == "OC104" && result["level"] == "error"));
    assert_eq!(results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "service/app.css");
}
