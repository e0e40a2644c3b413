//! `onecity check`: a folder or a package against every rule.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anstream::println;
use clap::{Args, ValueEnum};
use onecity_protocol::package::Package;
use onecity_protocol::rules::{self, Finding, Place, Severity};
use onecity_publisher::{Checked, badge_page, check, pack, read_folder, sarif, write_whole};
use serde_json::json;

use super::terminal::{BAD, GOOD, LOOK, QUIET, styled};
use super::{CommandError, file_error, read_file};

/// How to print findings.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people: file, line and column, what is wrong, how to mend it.
    Text,
    /// One JSON object a finding, then one with the counts.
    Json,
    /// A SARIF 2.1.0 log, for code hosts and editors.
    Sarif,
}

#[derive(Args)]
#[command(after_help = "Exit code 0 if it may be published, 1 if not, 2 if it could not be looked at.\n\n\
Examples:\n  onecity check report\n  onecity check report --strict --format sarif > report.sarif\n  onecity check report.ma --report report.html")]
pub(crate) struct Arguments {
    /// The folder of a mini-service, or its package.
    path: PathBuf,
    /// Warnings count as errors.
    #[arg(long)]
    strict: bool,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Output,
    /// Writes a page that shows the package against each rule.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

/// The files of a folder or a package. A package that can't be opened is a finding.
pub(crate) fn files_of(path: &Path) -> Result<Result<BTreeMap<String, Vec<u8>>, Finding>, CommandError> {
    if path.is_dir() {
        let files = read_folder(path)?;
        // What a folder's archive would break is found by making it.
        let packed = pack(&files)?;
        return Ok(match broken_archive(&packed) {
            Some(finding) => Err(finding),
            None => Ok(files),
        });
    }
    let package: Arc<[u8]> = read_file(path)?.into();
    Ok(unpacked(package))
}

fn broken_archive(package: &[u8]) -> Option<Finding> {
    let first = Package::examine(package.into()).into_iter().find(|finding| finding.rule.id.starts_with("OC0"));
    first.filter(|finding| finding.refuses() && !files_say(finding))
}

/// Files against every rule, and the package that was made of them against those of archives.
pub(crate) fn checked_files(files: &BTreeMap<String, Vec<u8>>, package: &[u8]) -> Checked {
    broken_archive(package).map_or_else(|| check(files), refused)
}

fn refused(finding: Finding) -> Checked {
    Checked { manifest: None, findings: vec![finding], files: 0, bytes: 0 }
}

/// Whether the files' own check says it, with all the others.
fn files_say(finding: &Finding) -> bool {
    [&rules::WRONG_TYPE, &rules::NESTED].contains(&finding.rule)
}

fn unpacked(bytes: Arc<[u8]>) -> Result<BTreeMap<String, Vec<u8>>, Finding> {
    let package = Package::open(bytes)?;
    let paths: Vec<String> = package.paths().map(str::to_owned).collect();
    paths.into_iter().map(|path| Ok((path.clone(), package.read(&path)?.unwrap_or_default()))).collect()
}

fn checked(path: &Path) -> Result<Checked, CommandError> {
    Ok(match files_of(path)? {
        Ok(files) => check(&files),
        Err(finding) => refused(finding),
    })
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    let checked = checked(&arguments.path)?;
    let base = if arguments.path.is_dir() { arguments.path.display().to_string() } else { String::new() };
    match arguments.format {
        Output::Text => print_text(&checked, &base),
        Output::Json => print_json(&checked, arguments.strict),
        Output::Sarif => println!("{:#}", sarif(&checked.findings, if base.is_empty() { "." } else { &base })),
    }
    if let Some(report) = &arguments.report {
        write_whole(report, badge_page(&checked).as_bytes()).map_err(|error| file_error(report)(error.to_string()))?;
    }
    Ok(checked.passes(arguments.strict))
}

fn place(finding: &Finding, base: &str) -> String {
    let file = match (base.is_empty(), finding.file.is_empty()) {
        (_, true) => "package".to_owned(),
        (true, false) => finding.file.clone(),
        (false, false) => format!("{}/{}", base.trim_end_matches('/'), finding.file),
    };
    match &finding.place {
        Place::Whole => file,
        Place::Member(member) => format!("{file}#{member}"),
        Place::Line(line, column) => format!("{file}:{line}:{column}"),
    }
}

pub(crate) fn print_text(checked: &Checked, base: &str) {
    for finding in &checked.findings {
        let style = match finding.rule.severity {
            Severity::Error => BAD,
            Severity::Warning => LOOK,
            Severity::Note => QUIET,
        };
        let word = styled(style, format_args!("{} {}", finding.rule.severity, finding.rule.id));
        println!("{}: {word}: {}", place(finding, base), finding.what);
        println!("  {}", styled(QUIET, format_args!("mend: {}", finding.rule.mend)));
        println!("  {}", styled(QUIET, format_args!("rule: {} <{}>", finding.rule.source, finding.rule.link)));
    }
    let counts = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| {
        let count = checked.count(severity);
        format!("{count} {severity}{}", if count == 1 { "" } else { "s" })
    });
    let style = if checked.passes(true) {
        GOOD
    } else if checked.passes(false) {
        LOOK
    } else {
        BAD
    };
    println!("{} in {} files, {} bytes", styled(style, counts.join(", ")), checked.files, checked.bytes);
}

fn print_json(checked: &Checked, strict: bool) {
    for finding in &checked.findings {
        let (line, column) = match finding.place {
            Place::Line(line, column) => (Some(line), Some(column)),
            _ => (None, None),
        };
        let rule = finding.rule;
        println!(
            "{}",
            json!({
                "rule": rule.id, "name": rule.name, "severity": rule.severity, "file": finding.file, "line": line,
                "column": column, "what": finding.what, "mend": rule.mend, "source": rule.source, "link": rule.link,
            })
        );
    }
    println!(
        "{}",
        json!({
            "errors": checked.count(Severity::Error), "warnings": checked.count(Severity::Warning),
            "notes": checked.count(Severity::Note), "files": checked.files, "bytes": checked.bytes,
            "passes": checked.passes(strict),
        })
    );
}
