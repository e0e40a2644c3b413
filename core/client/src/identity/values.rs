//! Single values in the shapes in which providers write them: what the standards allow, and what is known to occur.

use onecity_protocol::credential::UnixTime;
use onecity_protocol::text::shown;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny};
use serde_json::Value;

/// Longest word or name that is taken over, in characters.
const LONGEST: usize = 200;

/// A value of any shape, so that one that is not understood does not spoil the answer around it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Any {
    Whole(i64),
    Fraction(f64),
    Text(String),
    Other(IgnoredAny),
}

impl Any {
    fn number(&self) -> Option<i64> {
        match self {
            Self::Whole(number) => Some(*number),
            // What is too large for an integer becomes the largest one.
            #[expect(clippy::cast_possible_truncation, reason = "seconds; `as` saturates")]
            Self::Fraction(number) => Some(number.floor() as i64),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Other(_) => None,
        }
    }
}

/// A lifetime in seconds (RFC 6749 §5.1 `expires_in`): a number, or digits in a string as some write them. Anything else
/// counts as not said, which the standard allows.
pub(super) fn lifetime<'de, D: Deserializer<'de>>(value: D) -> Result<Option<i64>, D::Error> {
    Ok(Option::<Any>::deserialize(value)?.and_then(|value| value.number()))
}

/// A NumericDate (RFC 7519 §2): seconds since 1970, perhaps with a fraction.
pub(super) fn date<'de, D: Deserializer<'de>>(value: D) -> Result<UnixTime, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Whole(i64),
        Fraction(f64),
    }
    Ok(match Number::deserialize(value)? {
        Number::Whole(number) => number,
        #[expect(clippy::cast_possible_truncation, reason = "seconds; `as` saturates")]
        Number::Fraction(number) => number.floor() as i64,
    })
}

/// A word or a name, if it is a text of some length, as a screen may show it.
pub(super) fn text<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    let Some(Any::Text(text)) = Option::<Any>::deserialize(value)? else { return Ok(None) };
    Ok(Some(shown(&text, LONGEST)).filter(|clean| !clean.is_empty()))
}

/// One of the words that this app knows; another is passed over.
pub(super) fn known_word<'de, T: DeserializeOwned, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    let word = text(value)?;
    Ok(word.and_then(|word| serde_json::from_value(word.into()).ok()))
}

/// The members of a list that can be read; others are passed over (RFC 7517 §5 wants it of keys).
pub(super) fn readable<'de, T: DeserializeOwned, D: Deserializer<'de>>(value: D) -> Result<Vec<T>, D::Error> {
    let all = Vec::<Value>::deserialize(value)?;
    Ok(all.into_iter().filter_map(|own| serde_json::from_value(own).ok()).collect())
}

/// The words of an optional list (RFC 8414 §2); `null` is an empty one.
pub(super) fn list<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

/// An optional flag; `null` is no.
pub(super) fn flag<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}
