//! The readers of what a login brings back, for `tests/fuzz`: whatever the bytes are, nothing panics.

use url::Url;

use super::id_token::{Expected, ProviderKeys, verify};
use super::login::CallbackAnswer;

/// Whether an address that a browser came back with is read.
#[must_use]
pub fn callback_is_read(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| CallbackAnswer::read(&url).is_some())
}

/// Whether an ID token is accepted with the keys that a provider publishes.
#[must_use]
pub fn id_token_is_accepted(token: &str, keys: &[u8], issuer: &str, client_id: &str, nonce: &str, now: i64) -> bool {
    crate::install_providers();
    let Ok(keys) = serde_json::from_slice::<ProviderKeys>(keys) else { return false };
    verify(token, &keys, &Expected { issuer, client_id, nonce, now }).is_ok()
}
