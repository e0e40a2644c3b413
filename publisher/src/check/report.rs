//! The badge page: a package against every rule, as a page for the person who has to decide about it.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use onecity_protocol::rules::{CATALOGUE, Finding, Place, Rule};

use super::Checked;

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8885; --good: #16794c; --bad: #b3261e; --warn: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --good: #5fd39a; --bad: #ff8a80; --warn: #ffc966; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { margin: 2.5rem 0 .5rem; font-size: 1.2rem; }
.badge { display: flex; gap: 1rem; align-items: center; border: 2px solid; border-radius: 12px; padding: 1rem; margin: 1.5rem 0; }
.badge strong { font-size: 1.3rem; } .badge .mark { font-size: 2.2rem; line-height: 1; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
table { border-collapse: collapse; width: 100%; table-layout: fixed; } td { overflow-wrap: anywhere; }
th:first-child { width: 4rem; } th:last-child { width: 5.5rem; }
td, th { text-align: left; vertical-align: top; padding: .5rem .6rem; border-bottom: 1px solid var(--line); }
code { font-size: .9em; overflow-wrap: anywhere; }
ul { padding-left: 1.1rem; margin: .3rem 0; } .quiet { opacity: .75; }
";

fn place(finding: &Finding) -> String {
    let file = if finding.file.is_empty() { "package" } else { &finding.file };
    match &finding.place {
        Place::Line(line, column) => format!("{file}:{line}:{column}"),
        Place::Member(member) => format!("{file}#{member}"),
        Place::Whole => file.to_owned(),
    }
}

/// A text whose parts between backticks are code.
fn words(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn row(rule: &Rule, findings: &[Finding]) -> Markup {
    let own: Vec<&Finding> = findings.iter().filter(|finding| finding.rule == rule).collect();
    let (class, word) = match (own.is_empty(), rule.severity) {
        (true, _) => ("good", "✓ holds"),
        (false, onecity_protocol::rules::Severity::Error) => ("bad", "✗ broken"),
        (false, _) => ("warn", "! look"),
    };
    html! {
        tr {
            td { a href=(rule.link) { (rule.id) } }
            td {
                (words(rule.text))
                @if !own.is_empty() {
                    ul { @for finding in &own { li { code { (place(finding)) } ": " (finding.what) } } }
                    p.quiet { "Mend it: " (words(rule.mend)) }
                }
            }
            td class=(class) { (word) }
        }
    }
}

/// The page, whole in one file.
pub fn badge_page(checked: &Checked) -> String {
    let name = checked.manifest.as_ref().map_or("Package", |manifest| &manifest.name);
    let version = checked.manifest.as_ref().map(|manifest| format!("{} {}", manifest.app_id, manifest.version.name));
    let (class, mark, verdict) = match (checked.passes(false), checked.passes(true)) {
        (true, true) => ("good", "✓", "Conforms, with nothing to mend"),
        (true, false) => ("warn", "✓", "Conforms, with something to look at"),
        _ => ("bad", "✗", "Does not conform yet"),
    };
    let groups = [
        ("Archive (W3C MiniApp Packaging)", "OC0"),
        ("Manifest (W3C MiniApp Manifest)", "OC1"),
        ("Contents (W3C MiniApp Packaging)", "OC2"),
        ("Pages (what a phone does with them)", "OC3"),
    ];
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (name) " – conformance" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (name) }
                @if let Some(version) = version { p.quiet { (version) " · " (checked.files) " files · " (checked.bytes) " bytes" } }
                div class={ "badge " (class) } {
                    span.mark aria-hidden="true" { (mark) }
                    div {
                        strong { (verdict) }
                        div {
                            (checked.count(onecity_protocol::rules::Severity::Error)) " errors, "
                            (checked.count(onecity_protocol::rules::Severity::Warning)) " warnings, "
                            (checked.count(onecity_protocol::rules::Severity::Note)) " notes, "
                            (CATALOGUE.len()) " rules"
                        }
                    }
                }
                @for (title, prefix) in groups {
                    h2 { (title) }
                    div { table {
                        thead { tr { th { "Rule" } th { "What it says" } th { "Here" } } }
                        tbody {
                            @for rule in CATALOGUE.iter().filter(|rule| rule.id.starts_with(prefix)) { (row(rule, &checked.findings)) }
                        }
                    } }
                }
            }
        }
    }
    .into_string()
}
