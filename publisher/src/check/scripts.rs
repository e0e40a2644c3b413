//! What a phone will not let a script or a style sheet do. Scripts are searched, not understood: what is found is a
//! warning, since nobody can tell whether it ever runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use onecity_protocol::json;
use onecity_protocol::rules::{self, Finding, Place, Rule};
use regex::Regex;

use super::lines::Lines;
use super::pages::Target;

type Pattern = (LazyLock<Regex>, &'static Rule, &'static str);

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of this file")
}

static PATTERNS: [Pattern; 5] = [
    (LazyLock::new(|| regex(r"\b(?:eval\s*\(|new\s+Function\s*\()")), &rules::EVAL, "code made from text is not run"),
    (LazyLock::new(|| regex(r"serviceWorker\s*\.\s*register\s*\(")), &rules::WORKER, "a service worker does not run"),
    (
        LazyLock::new(|| {
            regex(
                r#"\b(?:new\s+(?:WebSocket|EventSource|XMLHttpRequest|RTCPeerConnection)\b|sendBeacon\s*\(|fetch\s*\(\s*["'`]https?:)"#,
            )
        }),
        &rules::CONNECTION,
        "this does not reach the network",
    ),
    (
        LazyLock::new(|| regex(r"\b(?:localStorage|sessionStorage|indexedDB)\s*[.\[]|\bdocument\s*\.\s*cookie\b")),
        &rules::VOLATILE,
        "what is stored here is gone when the service closes",
    ),
    (
        LazyLock::new(|| regex(r"\bnavigator\s*\.\s*sendBeacon\b")),
        &rules::CONNECTION,
        "this does not reach the network",
    ),
];

static COMMENT: LazyLock<Regex> = LazyLock::new(|| regex(r"(?s)/\*.*?\*/"));
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| regex(r#"["'`](https?://[^"'`\s<>\\]+)"#));
static LOADED: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"url\(\s*["']?([^"')]+)["']?\s*\)|@import\s+["']([^"']+)["']"#));

/// Names of formats that look like addresses and are never asked for.
const NAMESPACES: [&str; 2] = ["http://www.w3.org", "https://www.w3.org"];

/// The text with blanks in place of its block comments, so that all else stays where it is.
fn without_comments(text: &str) -> String {
    COMMENT
        .replace_all(text, |comment: &regex::Captures<'_>| {
            comment[0]
                .chars()
                .map(|c| if c == '\n' { "\n".to_owned() } else { " ".repeat(c.len_utf8()) })
                .collect::<String>()
        })
        .into_owned()
}

/// Looks at a script.
pub(super) fn examine_script(path: &str, text: &str, origins: &[String], findings: &mut Vec<Finding>) {
    let text = &without_comments(text);
    let lines = Lines::of(text);
    for (pattern, rule, what) in &PATTERNS {
        for found in pattern.find_iter(text) {
            findings.push(Finding::new(rule, path, *what).at(lines.place(found.start())));
        }
    }
    examine_addresses(path, text, &lines, origins, findings);
}

/// Looks at a file of data.
pub(super) fn examine_data(path: &str, text: &str, origins: &[String], findings: &mut Vec<Finding>) {
    if let Err(error) = json::check(text.as_bytes()) {
        findings.push(Finding::new(&rules::JSON_FILE, path, error.why).at(Place::Line(error.line, error.column)));
    }
    examine_addresses(path, text, &Lines::of(text), origins, findings);
}

fn examine_addresses(path: &str, text: &str, lines: &Lines<'_>, origins: &[String], findings: &mut Vec<Finding>) {
    let mut said = BTreeSet::new();
    for found in ADDRESS.captures_iter(text).filter_map(|found| found.get(1)) {
        let Ok(url) = url::Url::parse(found.as_str()) else { continue };
        let origin = url.origin().ascii_serialization();
        if !NAMESPACES.contains(&origin.as_str()) && !origins.contains(&origin) && said.insert(origin.clone()) {
            let what = format!("{origin} is not one of the origins that the manifest declares");
            findings.push(Finding::new(&rules::UNDECLARED_ORIGIN, path, what).at(lines.place(found.start())));
        }
    }
}

/// Looks at a style sheet.
pub(super) fn examine_style(path: &str, text: &str, files: &BTreeMap<String, Vec<u8>>, findings: &mut Vec<Finding>) {
    let text = &without_comments(text);
    let lines = Lines::of(text);
    for captured in LOADED.captures_iter(text) {
        let Some(target) = captured.get(1).or_else(|| captured.get(2)) else { continue };
        let say = |rule, what: String| Finding::new(rule, path, what).at(lines.place(target.start()));
        match Target::of(path, target.as_str().trim()) {
            Target::Elsewhere => findings.push(say(&rules::EXTERNAL, format!("{} is not loaded", target.as_str()))),
            Target::Here(file) if !files.contains_key(&file) => {
                findings.push(say(&rules::BROKEN_LINK, format!("{file} is not in the package")));
            }
            Target::Here(_) | Target::Nothing => {}
        }
    }
}
