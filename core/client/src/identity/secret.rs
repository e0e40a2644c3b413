//! Text that lets its holder in: tokens and verifiers. It is wiped from memory, and never printed.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A token, or another text whose holder is let in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// The text, for where it is sent or hashed.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_stored_as_its_text_and_never_printed() {
        let secret = Secret::from("let me in".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret");
        let stored = serde_json::to_string(&secret).expect("written");
        assert_eq!(stored, "\"let me in\"");
        assert_eq!(serde_json::from_str::<Secret>(&stored).expect("read"), secret);
    }
}
