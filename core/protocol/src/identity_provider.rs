//! Where residents can log in: what a nation's repository lists as `NATION/providers.json`.

use serde::{Deserialize, Serialize};

use crate::json;
use crate::names::Names;

/// Most providers that a nation lists.
const MAX_PROVIDERS: usize = 64;

/// An identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityProvider {
    /// One word.
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
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_what_is_none_is_refused() {
        let listed = br#"[{"id":"a","names":{"en":"A"},"issuer":"https://a.example","client_id":"app","more":1}]"#;
        assert_eq!(IdentityProvider::parse_list(listed).expect("read")[0].issuer, "https://a.example");
        for nonsense in [&b"{}"[..], b"[{}]", b"", b"[{\"id\":1}]"] {
            assert!(IdentityProvider::parse_list(nonsense).is_err());
        }
    }
}
