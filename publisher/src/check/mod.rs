//! Checking a folder that is to become a package: the rules that phones apply, and what they would do to its pages.

mod lines;
mod pages;
mod report;
mod sarif;
mod scripts;

use std::collections::BTreeMap;

use onecity_protocol::manifest::{MANIFEST_PATH, Manifest};
use onecity_protocol::package::examine_files;
use onecity_protocol::rules::{self, Finding, Place, Severity};

pub(crate) use pages::{Target, attribute, is_run, tokens};
pub use report::badge_page;
pub use sarif::sarif;

/// What a check found.
#[derive(Debug)]
pub struct Checked {
    /// The manifest, if it can be read.
    pub manifest: Option<Manifest>,
    /// By file, then by place; each at a line and column where there is one.
    pub findings: Vec<Finding>,
    /// How many files were looked at.
    pub files: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl Checked {
    /// How many findings are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.rule.severity == severity).count()
    }

    /// Whether it may be published: no errors, and with `strict` no warnings either.
    pub fn passes(&self, strict: bool) -> bool {
        self.count(Severity::Error) == 0 && (!strict || self.count(Severity::Warning) == 0)
    }
}

/// Checks the files of a folder or a package.
pub fn check(files: &BTreeMap<String, Vec<u8>>) -> Checked {
    let (manifest, mut findings) = examine_files(files);
    let origins = manifest.as_ref().map(|manifest| manifest.onecity.origins.clone()).unwrap_or_default();
    for (path, bytes) in files {
        let Ok(text) = std::str::from_utf8(bytes) else { continue };
        match path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).as_deref() {
            Some("html") => pages::examine(path, text, files, &mut findings),
            Some("js" | "mjs") => scripts::examine_script(path, text, &origins, &mut findings),
            Some("json") if path != MANIFEST_PATH => scripts::examine_data(path, text, &origins, &mut findings),
            Some("css") => scripts::examine_style(path, text, files, &mut findings),
            _ => {}
        }
    }
    if manifest.is_none() {
        // Which origins it declares is not known.
        findings.retain(|finding| finding.rule != &rules::UNDECLARED_ORIGIN);
    }
    for finding in &mut findings {
        lines::locate(finding, files);
    }
    let place = |finding: &Finding| match finding.place {
        Place::Line(line, column) => (line, column),
        _ => (0, 0),
    };
    findings
        .sort_by(|one, other| (&one.file, place(one), one.rule.id).cmp(&(&other.file, place(other), other.rule.id)));
    findings.dedup();
    Checked { manifest, findings, files: files.len(), bytes: files.values().map(Vec::len).sum() }
}

#[cfg(test)]
mod tests;
