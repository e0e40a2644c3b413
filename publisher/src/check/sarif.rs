//! Findings as SARIF 2.1.0, which code hosts and editors read.

use std::collections::BTreeSet;

use onecity_protocol::rules::{Finding, Place, Rule, Severity};
use serde_json::{Value, json};

fn level(rule: &Rule) -> &'static str {
    match rule.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// The findings as a SARIF log; `base` is the folder that their files are in.
pub fn sarif(findings: &[Finding], base: &str) -> Value {
    let ids: BTreeSet<&str> = findings.iter().map(|finding| finding.rule.id).collect();
    let rules = ids.into_iter().filter_map(onecity_protocol::rules::by_id).map(|rule| {
        json!({
            "id": rule.id, "name": rule.name, "helpUri": rule.link,
            "shortDescription": { "text": rule.text },
            "help": { "text": format!("{} Breaks it: {} Mend it: {}", rule.source, rule.example, rule.mend) },
            "defaultConfiguration": { "level": level(rule) },
        })
    });
    let results = findings.iter().map(|finding| {
        let file = if finding.file.is_empty() { "manifest.json" } else { finding.file.as_str() };
        let uri = format!("{}/{file}", base.trim_end_matches('/'));
        let mut location = json!({ "artifactLocation": { "uri": uri } });
        if let Place::Line(line, column) = finding.place {
            location["region"] = json!({ "startLine": line.max(1), "startColumn": column.max(1) });
        }
        json!({
            "ruleId": finding.rule.id, "level": level(finding.rule), "message": { "text": finding.what },
            "locations": [{ "physicalLocation": location }],
        })
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "onecity", "version": env!("CARGO_PKG_VERSION"), "rules": rules.collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    })
}
