//! Where residents can log in: what a nation's repository lists as `NATION/providers.json`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::json;
use crate::names::Names;

/// Most providers that a nation lists.
const MAX_PROVIDERS: usize = 64;
/// Longest id, in characters.
const MAX_ID: usize = 64;

/// An identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityProvider {
    /// One word of small letters, digits and hyphens, at most 64; a nation gives it to one provider.
    pub id: String,
    /// Names by language.
    pub names: Names,
    /// The issuer identifier, a URL (OpenID Connect Discovery 1.0 §3).
    pub issuer: String,
    /// This app's id at the provider.
    pub client_id: String,
}

/// Why a list of providers was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the list of identity providers: {0}")]
pub struct ProvidersError(String);

impl IdentityProvider {
    /// Reads the target `NATION/providers.json`.
    pub fn parse_list(bytes: &[u8]) -> Result<Vec<Self>, ProvidersError> {
        let value = json::parse(bytes).map_err(|error| ProvidersError(error.to_string()))?;
        let all: Vec<Self> = serde_json::from_value(value).map_err(|error| ProvidersError(error.to_string()))?;
        if all.len() > MAX_PROVIDERS {
            return Err(ProvidersError(format!("more than {MAX_PROVIDERS}")));
        }
        let of_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let mut ids = BTreeSet::new();
        for id in all.iter().map(|own| own.id.as_str()) {
            if id.is_empty() || id.len() > MAX_ID || !id.chars().all(of_word) {
                return Err(ProvidersError("an id is small letters, digits and hyphens, at most 64".to_owned()));
            }
            if !ids.insert(id) {
                return Err(ProvidersError(format!("{id} is there twice")));
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_list_is_read_and_what_is_none_is_refused() {
        let listed = br#"[{"id":"a","names":{"en":"A"},"issuer":"https://a.example","client_id":"app","more":1}]"#;
        assert_eq!(IdentityProvider::parse_list(listed).expect("read")[0].issuer, "https://a.example");
        let with = |ids: &[&str]| {
            let one = |id: &&str| json!({ "id": id, "names": {}, "issuer": "https://a.example", "client_id": "app" });
            IdentityProvider::parse_list(Value::from_iter(ids.iter().map(one)).to_string().as_bytes())
        };
        assert_eq!(with(&["a", "b-2"]).expect("read").len(), 2);
        for ids in [&["a", "a"][..], &["cn/a"], &[""], &["A"], &["a\u{202e}"], &[&"a".repeat(65)]] {
            assert!(with(ids).is_err(), "{ids:?}");
        }
        for nonsense in [&b"{}"[..], b"[{}]", b"", b"[{\"id\":1}]"] {
            assert!(IdentityProvider::parse_list(nonsense).is_err());
        }
    }
}
