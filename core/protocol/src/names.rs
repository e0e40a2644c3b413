//! A text in several languages, and the choice of one for a resident.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::text::{LONGEST, shown};

/// Most languages that a text is read in.
const MAX_LANGUAGES: usize = 64;

/// A text by BCP 47 language tag, for example `{"zh": "济南市", "en": "Jinan"}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Names(BTreeMap<String, String>);

/// What is read is as a screen may show it ([`shown`]), in at most 64 languages: the rest is left out.
impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(texts: D) -> Result<Self, D::Error> {
        let all = BTreeMap::<String, String>::deserialize(texts)?.into_iter().take(MAX_LANGUAGES);
        Ok(Self(all.map(|(language, text)| (language, shown(&text, LONGEST))).collect()))
    }
}

impl Names {
    /// An empty set of names; [`Names::with`] adds to it.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same names with one more.
    pub fn with(mut self, language: &str, text: &str) -> Self {
        self.0.insert(language.to_owned(), text.to_owned());
        self
    }

    /// The text in the first of `languages` that is there, by RFC 4647 §3.4 lookup (`zh-Hans-CN` falls back to
    /// `zh-Hans`, then `zh`); then English, then whatever there is; empty only if there is nothing at all.
    pub fn best(&self, languages: &[String]) -> &str {
        languages
            .iter()
            .find_map(|language| self.lookup(language))
            .or_else(|| self.lookup("en"))
            .or_else(|| self.0.values().next().map(String::as_str))
            .unwrap_or("")
    }

    fn lookup(&self, language: &str) -> Option<&str> {
        let mut range = language.to_ascii_lowercase();
        loop {
            let found = self.0.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(&range));
            if let Some((_, text)) = found {
                return Some(text);
            }
            range.truncate(range.rfind('-')?);
        }
    }

    /// Every language with its text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(language, text)| (language.as_str(), text.as_str()))
    }

    /// Whether there is no name at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a text has the form of a BCP 47 language tag (RFC 5646 §2.1): a language of two or three letters, then
/// parts of at most eight letters and digits.
pub fn is_language_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    matches!(language.len(), 2 | 3)
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_publisher_wrote_is_read_as_a_line_in_so_many_languages() {
        let written: BTreeMap<String, String> =
            (0..1000).map(|number| (format!("a{number}"), "\u{202e}a\nlamp".repeat(10_000))).collect();
        let read: Names = serde_json::from_value(serde_json::to_value(written).expect("JSON")).expect("read");
        assert_eq!(read.iter().count(), MAX_LANGUAGES);
        let bounded = |text: &str| text.chars().count() == LONGEST && text.starts_with("a lampa lamp");
        assert!(read.iter().all(|(_, text)| bounded(text)));
    }

    #[test]
    fn a_resident_reads_the_closest_language_there_is() {
        let names = Names::new().with("zh", "济南市").with("en", "Jinan");
        let best = |languages: &[&str]| {
            let languages: Vec<String> = languages.iter().map(|l| (*l).to_owned()).collect();
            names.best(&languages).to_owned()
        };
        assert_eq!(best(&["zh-Hans-CN"]), "济南市");
        assert_eq!(best(&["vi", "zh"]), "济南市");
        assert_eq!(best(&["vi"]), "Jinan");
        assert_eq!(Names::new().best(&[]), "");
    }
}
