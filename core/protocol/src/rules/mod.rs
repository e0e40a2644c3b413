//! Every rule that a manifest, a package or a page is held to, each with an id that never changes its meaning.
//!
//! Phone, server and publisher's tool apply the same rules: what breaks one of severity [`Severity::Error`] is refused
//! everywhere; a [`Severity::Warning`] is said by `onecity check`, and refused only with `--strict`.

mod catalogue;

use std::fmt;

use serde::Serialize;

pub use catalogue::*;

/// How bad it is to break a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// It opens, but residents will notice; refused by a strict check.
    Warning,
    /// It does not work: no phone opens the package, or does what the page asks for.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One rule.
#[derive(Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Rule {
    /// For example `OC009`; never given to another rule.
    pub id: &'static str,
    /// The same for people, for example `path`.
    pub name: &'static str,
    /// How bad it is to break it.
    pub severity: Severity,
    /// Where it comes from: a specification and section, or a decision of this project.
    pub source: &'static str,
    /// A link to that.
    pub link: &'static str,
    /// What it says.
    pub text: &'static str,
    /// Something that breaks it.
    pub example: &'static str,
    /// How to mend that.
    pub mend: &'static str,
}

/// Where in a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// The file as a whole, or the package.
    Whole,
    /// A member of a JSON file (RFC 6901).
    Member(String),
    /// Line and column, from 1.
    Line(usize, usize),
}

/// A rule that something breaks. As an error it is why a package or a manifest was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Finding {
    /// Which rule.
    pub rule: &'static Rule,
    /// The file in the package; empty for the package itself.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What was found there.
    pub what: String,
}

impl Finding {
    /// A finding about a file as a whole; an empty name stands for the package.
    pub fn new(rule: &'static Rule, file: &str, what: impl Into<String>) -> Self {
        Self { rule, file: printable(file), place: Place::Whole, what: what.into() }
    }

    /// The same, at a place.
    pub fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// Whether no phone opens what this was found in.
    pub fn refuses(&self) -> bool {
        self.rule.severity == Severity::Error
    }
}

/// A name from an archive, fit to be printed.
fn printable(name: &str) -> String {
    let shown: String = name.chars().take(200).collect();
    if shown.chars().any(char::is_control) { shown.escape_debug().collect() } else { shown }
}

impl std::error::Error for Finding {}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}", self.file)?;
            match &self.place {
                Place::Whole => {}
                Place::Member(pointer) => write!(f, "#{pointer}")?,
                Place::Line(line, column) => write!(f, ":{line}:{column}")?,
            }
            f.write_str(": ")?;
        }
        write!(f, "{} ({} {})", self.what, self.rule.id, self.rule.name)
    }
}

/// A rule by its id.
pub fn by_id(id: &str) -> Option<&'static Rule> {
    CATALOGUE.iter().copied().find(|rule| rule.id == id)
}

/// The catalogue as a page of Markdown, which is `docs/rules.md`.
#[cfg(test)]
pub(crate) fn markdown() -> String {
    use std::fmt::Write as _;
    let mut page = String::from(
        "# The rules of a mini-service\n\nWhat `onecity check`, a registry and every phone hold a package to. An error is \
         refused everywhere; a warning is refused by `onecity check --strict`; a note is only said.\n\n\
         | rule | severity | what it says |\n| --- | --- | --- |\n",
    );
    for rule in CATALOGUE {
        writeln!(
            page,
            "| [{} {}](#{}) | {} | {} |",
            rule.id,
            rule.name,
            rule.id.to_lowercase(),
            rule.severity,
            rule.text
        )
        .expect("a string");
    }
    for rule in CATALOGUE {
        write!(
            page,
            "\n## {}\n\n**{}** ({}). {}\n\n- Source: [{}]({})\n- Breaks it: {}\n- Mend it: {}\n",
            rule.id, rule.name, rule.severity, rule.text, rule.source, rule.link, rule.example, rule.mend
        )
        .expect("a string");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_rule_has_an_id_of_its_own_and_says_how_to_mend() {
        let ids: HashSet<_> = CATALOGUE.iter().map(|rule| rule.id).collect();
        let names: HashSet<_> = CATALOGUE.iter().map(|rule| rule.name).collect();
        assert_eq!((ids.len(), names.len()), (CATALOGUE.len(), CATALOGUE.len()));
        for rule in CATALOGUE {
            assert!(rule.id.starts_with("OC") && rule.link.starts_with("https://"), "{}", rule.id);
            assert!(!rule.text.is_empty() && !rule.example.is_empty() && !rule.mend.is_empty(), "{}", rule.id);
            assert_eq!(by_id(rule.id), Some(*rule));
        }
    }

    #[test]
    fn the_page_in_docs_is_the_catalogue() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rules.md");
        if std::env::var_os("ONECITY_WRITE_DOCS").is_some() {
            std::fs::write(path, markdown()).expect("written");
        }
        let kept = std::fs::read_to_string(path).expect("docs/rules.md");
        assert!(kept == markdown(), "run ONECITY_WRITE_DOCS=1 cargo test -p onecity-protocol to write it again");
    }
}
