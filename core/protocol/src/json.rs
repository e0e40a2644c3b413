//! JSON from strangers, read strictly: RFC 8259 §4 leaves open what two members of one name mean, and two readers that
//! answer differently are an attack. Here they are refused, and so is deep nesting.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, de};
use serde_json::{Map, Number, Value};

/// How deep arrays and objects may stand in each other.
pub const MAX_DEPTH: usize = 32;

/// Why JSON was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {why}")]
pub struct JsonError {
    /// What is wrong, without the place.
    pub why: String,
    /// From 1; 0 where it is not known.
    pub line: usize,
    /// From 1; 0 where it is not known.
    pub column: usize,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let whole = error.to_string();
        let why = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(why, _)| why);
        Self { why: why.to_owned(), line, column }
    }
}

/// Reads one JSON value and nothing behind it.
///
/// # Errors
/// Syntax, a member that stands twice in one object, or nesting deeper than [`MAX_DEPTH`].
///
/// ```
/// use onecity_protocol::json;
/// assert!(json::parse(br#"{"a": 1, "a": 2}"#).is_err());
/// ```
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    unmarked(bytes)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { room: MAX_DEPTH }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Whether [`parse`] would take it, without building anything: for what is large and comes from anybody.
pub fn check(bytes: &[u8]) -> Result<(), JsonError> {
    unmarked(bytes)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Bare { room: MAX_DEPTH }.deserialize(&mut reader)?;
    Ok(reader.end()?)
}

/// Reads a value of a type, by the same rules.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    check(bytes)?;
    Ok(serde_json::from_slice(bytes)?)
}

/// RFC 8259 §8.1: no byte order mark. Some editors write one, and show nothing of it.
fn unmarked(bytes: &[u8]) -> Result<(), JsonError> {
    if !bytes.starts_with("\u{FEFF}".as_bytes()) {
        return Ok(());
    }
    let why = "the file begins with a byte order mark, which JSON has not; save it as UTF-8 without one".to_owned();
    Err(JsonError { why, line: 1, column: 1 })
}

/// Reads and forgets; of an object it remembers the names until its end.
#[derive(Clone, Copy)]
struct Bare {
    room: usize,
}

impl<'de> DeserializeSeed<'de> for Bare {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bare {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = Self { room: deeper(self.room)? };
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = Self { room: deeper(self.room)? };
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if names.contains(&name) {
                return Err(twice(&name));
            }
            members.next_value_seed(inner)?;
            names.insert(name);
        }
        Ok(())
    }
}

fn deeper<E: de::Error>(room: usize) -> Result<usize, E> {
    room.checked_sub(1).ok_or_else(|| E::custom(format!("nested deeper than {MAX_DEPTH} levels")))
}

fn twice<E: de::Error>(name: &str) -> E {
    let shown: String = name.chars().take(64).collect();
    E::custom(format!("the member \"{shown}\" stands twice"))
}

#[derive(Clone, Copy)]
struct Strict {
    room: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = Self { room: deeper(self.room)? };
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = Self { room: deeper(self.room)? };
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(twice(&name));
            }
            object.insert(name, members.next_value_seed(inner)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_stands_twice_is_refused_with_its_place() {
        let refused = parse(b"{\"a\": 1,\n \"b\": {\"c\": 1, \"c\": 2}}").expect_err("twice");
        assert_eq!((refused.line, refused.why.as_str()), (2, "the member \"c\" stands twice"));
        assert!(parse(b"{\"a\": {\"a\": 1}, \"b\": [1, -2, 0.5, null, true, \"x\"]}").is_ok());
    }

    #[test]
    fn deep_and_broken_json_is_refused() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(parse(nested(200_000).as_bytes()).is_err());
        assert!(check(nested(MAX_DEPTH).as_bytes()).is_ok() && check(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(check(b"{\"a\": [1, 0.5, null, true, \"x\", {\"a\": -1}]}").is_ok());
        assert!(check(b"[{\"a\": 1, \"a\": 2}]").is_err());
        for wrong in ["", "{", "{} {}", "{\"a\":}", "nul", "\u{feff}{}", "{'a':1}"] {
            assert!(parse(wrong.as_bytes()).is_err() && check(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
