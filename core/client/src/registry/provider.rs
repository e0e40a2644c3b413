//! Where one can log in, as the nation's registry says it.

use onecity_protocol::names::Names;
use serde::Deserialize;

use crate::error::Error;

/// An identity provider as the nation's repository lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Provider {
    /// One word.
    pub id: String,
    /// Names by language.
    pub names: Names,
    /// The issuer identifier, a URL.
    pub issuer: String,
    /// This app's id at the provider.
    pub client_id: String,
}

/// Reads the target `NATION/providers.json`.
pub(super) fn parse_providers(bytes: &[u8]) -> Result<Vec<Provider>, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::SignatureInvalid { what: format!("the list of identity providers: {error}") })
}
