//! What the app says, by Fluent messages in `core/app/messages`, one file a language.
//!
//! A message is asked for by its id; a test holds the ids in the code against the files, and the files against each other.
//! Traditional Chinese is made from simplified Chinese by OpenCC's table when the tests write it, so that the app carries
//! no table.

use std::borrow::Cow;
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use serde::{Deserialize, Serialize};
use unic_langid::LanguageIdentifier;

/// A language that the app speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Language {
    /// Simplified Chinese.
    #[serde(rename = "zh-Hans")]
    ZhHans,
    /// Traditional Chinese.
    #[serde(rename = "zh-Hant")]
    ZhHant,
    /// Vietnamese.
    #[serde(rename = "vi")]
    Vi,
    /// English.
    #[serde(rename = "en")]
    En,
    /// For tests: English that is half as long again, with marks on its letters.
    #[serde(rename = "en-XA")]
    Long,
    /// For tests: English that is read from right to left.
    #[serde(rename = "ar-XB")]
    RightToLeft,
}

impl Language {
    /// Those that a resident can choose.
    pub const OFFERED: [Self; 4] = [Self::ZhHans, Self::ZhHant, Self::Vi, Self::En];

    /// As a BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::ZhHans => "zh-Hans",
            Self::ZhHant => "zh-Hant",
            Self::Vi => "vi",
            Self::En => "en",
            Self::Long => "en-XA",
            Self::RightToLeft => "ar-XB",
        }
    }

    /// What it calls itself.
    #[must_use]
    pub fn own_name(self) -> &'static str {
        match self {
            Self::ZhHans => "简体中文",
            Self::ZhHant => "繁體中文",
            Self::Vi => "Tiếng Việt",
            Self::En => "English",
            Self::Long => "[Ēńğļīşħ]",
            Self::RightToLeft => "\u{202e}English\u{202c}",
        }
    }

    /// The languages to ask others for, best first.
    #[must_use]
    pub fn wanted(self) -> Vec<String> {
        let tags: &[&str] = match self {
            Self::ZhHans => &["zh-Hans", "zh", "en"],
            Self::ZhHant => &["zh-Hant", "zh", "en"],
            Self::Vi => &["vi", "en"],
            Self::En | Self::Long | Self::RightToLeft => &["en"],
        };
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    /// The one that fits best of what a platform asks for; English if none does.
    ///
    /// Chinese is written in the script that the tag names, or else as where it is spoken (Unicode CLDR, likely subtags):
    /// Taiwan, Hong Kong and Macao have traditional characters.
    #[must_use]
    pub fn of(wanted: &[String]) -> Self {
        wanted.iter().find_map(|tag| Self::of_tag(tag)).unwrap_or(Self::En)
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let id: LanguageIdentifier = tag.parse().ok()?;
        match id.language.as_str() {
            "zh" | "yue" => {
                let traditional = match id.script.as_ref().map(|script| script.as_str()) {
                    Some(script) => script == "Hant",
                    None => id.region.is_some_and(|region| ["TW", "HK", "MO"].contains(&region.as_str())),
                };
                Some(if traditional { Self::ZhHant } else { Self::ZhHans })
            }
            "vi" => Some(Self::Vi),
            "en" if id.region.is_some_and(|region| region.as_str() == "XA") => Some(Self::Long),
            "en" => Some(Self::En),
            "ar" if id.region.is_some_and(|region| region.as_str() == "XB") => Some(Self::RightToLeft),
            _ => None,
        }
    }

    /// Whether it is read from right to left.
    #[must_use]
    pub fn is_right_to_left(self) -> bool {
        self == Self::RightToLeft
    }

    fn file(self) -> &'static str {
        match self {
            Self::ZhHans => include_str!("../messages/zh-Hans.ftl"),
            Self::ZhHant => include_str!("../messages/zh-Hant.ftl"),
            Self::Vi => include_str!("../messages/vi.ftl"),
            Self::En | Self::Long | Self::RightToLeft => include_str!("../messages/en.ftl"),
        }
    }
}

/// The messages of one language.
#[derive(Clone)]
pub(crate) struct Messages {
    language: Language,
    bundle: Arc<FluentBundle<FluentResource>>,
}

impl Messages {
    pub(crate) fn of(language: Language) -> Self {
        let id = language.tag().parse().expect("a tag of ours");
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        // What is put into a text keeps its own direction (Unicode UAX 9, isolates). Where all runs one way they would only
        // be in the way of those who copy or search.
        bundle.set_use_isolating(language.is_right_to_left());
        match language {
            Language::Long => bundle.set_transform(Some(lengthened)),
            Language::RightToLeft => bundle.set_transform(Some(turned)),
            _ => {}
        }
        let resource = FluentResource::try_new(language.file().to_owned()).map_err(|(_, errors)| errors);
        bundle.add_resource_overriding(resource.expect("the messages that come with this crate"));
        Self { language, bundle: Arc::new(bundle) }
    }

    pub(crate) fn language(&self) -> Language {
        self.language
    }

    /// A message.
    pub(crate) fn say(&self, id: &str) -> String {
        self.format(id, None)
    }

    /// A message with what belongs in it.
    pub(crate) fn with<'a>(&self, id: &str, values: impl IntoIterator<Item = (&'a str, FluentValue<'a>)>) -> String {
        self.format(id, Some(&values.into_iter().collect()))
    }

    fn format(&self, id: &str, values: Option<&FluentArgs<'_>>) -> String {
        let pattern = self.bundle.get_message(id).and_then(|message| message.value());
        let Some(pattern) = pattern else {
            // A test finds these; a resident who should meet one reads the id rather than nothing.
            tracing::error!(id, "no such message");
            return id.to_owned();
        };
        self.bundle.format_pattern(pattern, values, &mut Vec::new()).into_owned()
    }
}

/// Longer, and with letters that need their room above and below.
fn lengthened(text: &str) -> Cow<'_, str> {
    let marked = |c: char| match c {
        'a' => 'ā',
        'e' => 'ē',
        'i' => 'ī',
        'o' => 'ō',
        'u' => 'ū',
        'A' => 'Å',
        'E' => 'Ē',
        'g' => 'ğ',
        's' => 'ş',
        'n' => 'ñ',
        'y' => 'ý',
        other => other,
    };
    if text.trim().is_empty() {
        return Cow::Borrowed(text);
    }
    let more = "·".repeat(text.chars().count() / 2);
    Cow::Owned(text.chars().map(marked).chain(more.chars()).collect())
}

/// As a script would have it that is written from right to left.
fn turned(text: &str) -> Cow<'_, str> {
    if text.trim().is_empty() { Cow::Borrowed(text) } else { Cow::Owned(format!("\u{202e}{text}\u{202c}")) }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::{Path, PathBuf};

    use ferrous_opencc::OpenCC;
    use ferrous_opencc::config::BuiltinConfig;

    use super::*;

    const WRITTEN: [Language; 4] = [Language::ZhHans, Language::ZhHant, Language::Vi, Language::En];

    /// Ids with the names of what belongs in each message.
    fn messages(text: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut id = String::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, _)) = line.split_once(" =").filter(|_| !line.starts_with(' ')) {
                id = name.to_owned();
                assert!(!all.contains_key(&id), "{id} is there twice");
            }
            let names = line
                .split('$')
                .skip(1)
                .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>());
            all.entry(id.clone()).or_default().extend(names);
        }
        all.remove("");
        all
    }

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        entries
            .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
            .filter(|path| path.extension().is_some_and(|own| own == "rs"))
            .collect()
    }

    #[test]
    fn every_language_says_the_same_messages_with_the_same_things_in_them() {
        let english = messages(Language::En.file());
        for language in WRITTEN {
            let own = messages(language.file());
            let missing: Vec<_> = english.keys().filter(|id| !own.contains_key(*id)).collect();
            let more: Vec<_> = own.keys().filter(|id| !english.contains_key(*id)).collect();
            assert!(missing.is_empty() && more.is_empty(), "{}: lacks {missing:?}, has {more:?}", language.tag());
            for (id, names) in &own {
                // A count may go unsaid where a language needs no plural, never the other way round.
                assert!(names.is_subset(&english[id]), "{}: {id} wants {names:?}", language.tag());
            }
        }
    }

    #[test]
    fn every_message_is_asked_for_and_everything_asked_for_is_there() {
        let known = messages(Language::En.file());
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let code: String = sources(&here)
            .iter()
            .map(|path| std::fs::read_to_string(path).expect("a source"))
            .map(|text| text.split("#[cfg(test)]").next().unwrap_or_default().to_owned())
            .collect();
        let unused: Vec<_> = known.keys().filter(|id| !code.contains(&format!("\"{id}\""))).collect();
        assert!(unused.is_empty(), "nobody says {unused:?}");
        // What is asked for directly; ids out of tables are found by the screens' own tests.
        for start in [".say(\"", ".with(\"", "say(if ", "messages.with(\n"] {
            for rest in code.split(start).skip(1) {
                let id: String =
                    rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-' || c.is_ascii_digit()).collect();
                if start.ends_with('"') {
                    assert!(known.contains_key(&id), "there is no message {id}");
                }
            }
        }
    }

    #[test]
    fn traditional_characters_are_made_from_the_simplified_ones() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("messages/zh-Hant.ftl");
        let table = OpenCC::from_config(BuiltinConfig::S2t).expect("the table");
        let wanted = table.convert(Language::ZhHans.file());
        if std::env::var_os("ONECITY_WRITE_DOCS").is_some() {
            std::fs::write(&file, wanted).expect("written");
        } else {
            let there = std::fs::read_to_string(&file).expect("kept with the sources");
            assert!(there == wanted, "run ONECITY_WRITE_DOCS=1 cargo test -p onecity-app to write it again");
        }
    }

    #[test]
    fn a_resident_is_spoken_to_in_the_language_and_script_that_the_phone_asks_for() {
        let of = |tags: &[&str]| Language::of(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>()).tag();
        assert_eq!(of(&["zh-CN"]), "zh-Hans");
        assert_eq!(of(&["zh-Hant"]), "zh-Hant");
        assert_eq!(of(&["zh-TW"]), "zh-Hant");
        assert_eq!(of(&["zh-HK", "en"]), "zh-Hant");
        assert_eq!(of(&["zh-Hans-HK"]), "zh-Hans");
        assert_eq!(of(&["yue-Hant-HK"]), "zh-Hant");
        assert_eq!(of(&["vi-VN"]), "vi");
        assert_eq!(of(&["fr-FR", "vi"]), "vi");
        assert_eq!(of(&["fr-FR", "en-GB"]), "en");
        assert_eq!(of(&["nonsense--"]), "en");
        assert_eq!(of(&[]), "en");
        assert_eq!(of(&["en-XA"]), "en-XA");
        assert_eq!(of(&["ar-XB"]), "ar-XB");
    }

    #[test]
    fn counts_are_said_as_the_language_has_them() {
        let said =
            |language: Language, count: i64| Messages::of(language).with("time-minutes", [("count", count.into())]);
        assert_eq!(said(Language::En, 1), "1 minute ago");
        assert_eq!(said(Language::En, 14), "14 minutes ago");
        assert_eq!(said(Language::Vi, 1), "1 phút trước");
        assert_eq!(said(Language::ZhHans, 14), "14 分钟前");
        assert_eq!(said(Language::ZhHant, 14), "14 分鐘前");
    }

    #[test]
    fn what_is_put_into_a_text_is_kept_apart_only_where_directions_meet() {
        let with = |language| Messages::of(language).with("home-back", [("place", "济南市".into())]);
        assert_eq!(with(Language::En), "Back to 济南市");
        assert!(with(Language::RightToLeft).contains("\u{2068}济南市\u{2069}"));
    }

    #[test]
    fn the_pseudo_languages_show_texts_that_are_too_long_or_run_the_other_way() {
        let plain = Messages::of(Language::En).say("log-out-what");
        let long = Messages::of(Language::Long).say("log-out-what");
        assert!(long.chars().count() * 10 >= plain.chars().count() * 14, "{long}");
        assert!(Messages::of(Language::RightToLeft).say("cancel").starts_with('\u{202e}'));
    }
}
