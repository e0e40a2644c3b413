//! The words that a text is found by, and the words that a resident's typing stands for. Both sides fold alike.

use std::collections::BTreeSet;
use std::ops::Bound;

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

use onecity_protocol::limits::{INDEXED_NAME_BYTES, INDEXED_TEXT_BYTES};

use super::{han, readings};

/// Longest word in the index, in characters.
const MAX_WORD: usize = 32;
/// Longest stretch of characters that is taken in.
const MAX_RUN: usize = 64;
/// Most other readings of a run of characters that are taken in.
const MAX_READINGS: usize = 4;

/// A text without its marks: `Đăng ký` is `dang ky`. Unicode does not decompose đ.
pub(super) fn fold(text: &str) -> String {
    let categories = CodePointMapData::<GeneralCategory>::new();
    let is_mark = |c: &char| GeneralCategoryGroup::Mark.contains(categories.get(*c));
    let plain = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let letters = plain.chars().filter(|c| !is_mark(c)).flat_map(char::to_lowercase);
    letters.map(|c| if c == 'đ' { 'd' } else { c }).collect()
}

/// A stretch of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// Chinese characters.
    Han(Vec<char>),
    /// Letters and digits.
    Word(String),
}

/// The stretches of a folded text.
pub(super) fn runs(text: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    for c in fold(text).chars() {
        match (runs.last_mut(), han::place(c).is_some(), c.is_alphanumeric()) {
            (Some(Run::Han(run)), true, _) => run.push(c),
            (_, true, _) => runs.push(Run::Han(vec![c])),
            (Some(Run::Word(word)), false, true) if !word.is_empty() => word.push(c),
            (_, false, true) => runs.push(Run::Word(c.to_string())),
            // What stands between ends a stretch.
            _ => runs.push(Run::Word(String::new())),
        }
    }
    runs.retain(|run| !matches!(run, Run::Word(word) if word.is_empty()));
    runs
}

/// The words of an entry's text, as far as there is room for them: the first ones count.
#[derive(Debug)]
pub(super) struct Terms {
    words: BTreeSet<String>,
    /// Bytes that are left.
    room: usize,
}

impl Terms {
    /// For the names of an entry.
    pub(super) fn of_names() -> Self {
        Self { words: BTreeSet::new(), room: INDEXED_NAME_BYTES }
    }

    /// For everything else that it says.
    pub(super) fn of_others() -> Self {
        Self { words: BTreeSet::new(), room: INDEXED_TEXT_BYTES }
    }

    /// A name or keyword: found by its characters, its pinyin from any syllable on, and its initials.
    pub(super) fn add_name(&mut self, text: &str) {
        let runs = runs(text);
        let words: Vec<&str> =
            runs.iter().filter_map(|run| if let Run::Word(word) = run { Some(word.as_str()) } else { None }).collect();
        // Vietnamese is often typed without spaces.
        for at in 0..words.len().saturating_sub(1).min(MAX_RUN) {
            self.add(words[at..].concat());
        }
        for run in &runs {
            match run {
                Run::Word(word) => self.add(word.clone()),
                Run::Han(characters) => {
                    self.add_characters(characters);
                    self.add_pinyin(characters);
                }
            }
        }
    }

    /// A sentence: found by its words and characters.
    pub(super) fn add_text(&mut self, text: &str) {
        for run in runs(text) {
            match run {
                Run::Word(word) => self.add(word),
                Run::Han(characters) => self.add_characters(&characters),
            }
        }
    }

    fn add(&mut self, word: String) {
        let word = if word.chars().count() <= MAX_WORD { word } else { word.chars().take(MAX_WORD).collect() };
        // The space between two words counts, too.
        let bytes = word.len() + 1;
        if bytes <= self.room && self.words.insert(word) {
            self.room -= bytes;
        }
    }

    /// All words, each behind a mark.
    pub(super) fn marked(&self, mark: &str) -> String {
        let mut all = String::with_capacity(self.words.iter().map(|word| mark.len() + word.len() + 1).sum());
        for word in &self.words {
            if !all.is_empty() {
                all.push(' ');
            }
            all.push_str(mark);
            all.push_str(word);
        }
        all
    }

    /// Pairs of neighbours, and the last one alone; the others begin a pair.
    fn add_characters(&mut self, characters: &[char]) {
        for pair in characters.windows(2) {
            self.add(pair.iter().collect());
        }
        if let Some(last) = characters.last() {
            self.add(last.to_string());
        }
    }

    fn add_pinyin(&mut self, characters: &[char]) {
        for reading in read_aloud(&characters[..characters.len().min(MAX_RUN)]) {
            for at in 0..reading.len() {
                self.add(reading[at..].concat());
                let initials: String = reading[at..].iter().filter_map(|syllable| syllable.chars().next()).collect();
                self.add(initials);
            }
        }
    }
}

/// How characters are read: first each as it mostly is, then with one of them read in another way.
fn read_aloud(characters: &[char]) -> Vec<Vec<&'static str>> {
    let usual: Vec<&'static str> =
        characters.iter().filter_map(|c| readings::of(*c).first()).map(String::as_str).collect();
    if usual.len() != characters.len() {
        return Vec::new();
    }
    let mut all = vec![usual.clone()];
    for (at, character) in characters.iter().enumerate() {
        for other in readings::of(*character).iter().skip(1) {
            if all.len() <= MAX_READINGS {
                let mut reading = usual.clone();
                reading[at] = other;
                if !all.contains(&reading) {
                    all.push(reading);
                }
            }
        }
    }
    all
}

/// What the beginning of a word stands for.
pub(super) enum Beginnings<'a> {
    /// Every word that begins so.
    Any,
    /// This very word.
    Whole,
    /// Every word that begins like one of those that it may have meant.
    Of(&'a dyn Fn(&str) -> Vec<String>),
}

/// What a resident typed.
#[derive(Debug)]
pub(super) struct Query(Vec<Part>);

#[derive(Debug)]
enum Part {
    /// As it stands in the index.
    Whole(String),
    /// The beginning of a word.
    Beginning(String),
}

impl Query {
    /// Of a text.
    pub(super) fn of(text: &str) -> Self {
        let mut parts = Vec::new();
        for run in runs(text) {
            match run {
                Run::Word(word) => parts.push(Part::Beginning(word.chars().take(MAX_WORD).collect())),
                Run::Han(characters) if characters.len() == 1 => parts.push(Part::Beginning(characters[0].to_string())),
                Run::Han(characters) => {
                    parts.extend(characters.windows(2).map(|pair| Part::Whole(pair.iter().collect())))
                }
            }
        }
        Self(parts)
    }

    /// Whether nothing can be looked for.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether everything that was typed stands among some words.
    pub(super) fn fits(&self, terms: &Terms) -> bool {
        self.0.iter().all(|part| match part {
            Part::Whole(word) => terms.words.contains(word),
            Part::Beginning(word) => {
                let from = (Bound::Included(word.as_str()), Bound::Unbounded);
                terms.words.range::<str, _>(from).next().is_some_and(|next| next.starts_with(word.as_str()))
            }
        })
    }

    /// Whether there is a word long enough that one letter can be wrong in it.
    pub(super) fn may_have_slipped(&self) -> bool {
        self.0
            .iter()
            .any(|part| matches!(part, Part::Beginning(word) if word.is_ascii() && word.len() >= super::slip::SHORTEST))
    }

    /// As an FTS5 expression over the words that begin with a mark. Empty if one of the parts stands for no word.
    pub(super) fn to_fts(&self, mark: &str, beginnings: &Beginnings<'_>) -> String {
        let mut parts = Vec::new();
        for part in &self.0 {
            match (part, beginnings) {
                // A word is letters and digits alone: nothing in it means anything to FTS5 within quotes.
                (Part::Whole(word), _) | (Part::Beginning(word), Beginnings::Whole) => {
                    parts.push(format!("\"{mark}{word}\""));
                }
                (Part::Beginning(word), Beginnings::Any) => parts.push(format!("\"{mark}{word}\" *")),
                (Part::Beginning(word), Beginnings::Of(meant)) => {
                    let words: Vec<String> = meant(word).iter().map(|word| format!("\"{mark}{word}\" *")).collect();
                    if words.is_empty() {
                        return String::new();
                    }
                    parts.push(format!("({})", words.join(" OR ")));
                }
            }
        }
        parts.join(" AND ")
    }
}
