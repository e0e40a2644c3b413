//! Records whose fields are named: a list in the place of one is refused, though a derived reader would take it field by field.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads a record with its fields' names.
pub(crate) fn named<'de, D: Deserializer<'de>, T: DeserializeOwned>(reader: D) -> Result<T, D::Error> {
    let value = Value::deserialize(reader)?;
    if !value.is_object() {
        return Err(D::Error::custom("its fields must be named"));
    }
    serde_json::from_value(value).map_err(D::Error::custom)
}

/// The same, or nothing.
pub(crate) fn named_if_any<'de, D: Deserializer<'de>, T: DeserializeOwned>(reader: D) -> Result<Option<T>, D::Error> {
    /// A record with its fields' names.
    #[derive(Deserialize)]
    #[serde(bound = "T: DeserializeOwned")]
    struct Named<T>(#[serde(deserialize_with = "named")] T);
    Ok(Option::<Named<T>>::deserialize(reader)?.map(|Named(own)| own))
}
