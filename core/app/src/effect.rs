//! What only the platform can do. An effect is outstanding until the shell says what came of it, also when the process has
//! ended meanwhile.

use serde::{Deserialize, Serialize};

/// Something for the platform to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Effect {
    /// What [`crate::Event::Done`] names.
    pub id: String,
    /// What to do.
    #[serde(flatten)]
    pub act: Act,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Open an address in the system browser; if it comes back to one of the app's own addresses, that is the outcome.
    Browse {
        /// The address.
        url: String,
    },
    /// Scan a code.
    Scan,
    /// Take or choose a photo.
    Photo,
    /// Say where the phone is.
    Locate,
    /// Open the sheet for sharing.
    Share {
        /// What to share.
        text: String,
        /// An address with it.
        url: Option<String>,
    },
    /// Begin a call; the resident presses the last button.
    Dial {
        /// The number.
        number: String,
    },
    /// Show this app's own page in the platform's store, or how else it is updated.
    Update,
    /// Put a text on the clipboard.
    Copy {
        /// The text.
        text: String,
    },
    /// Have the page of an entry go back in its history.
    WebBack {
        /// The service's entry.
        entry: String,
    },
    /// Leave the app, as the platform does it.
    Leave,
}

impl Act {
    /// Whether something waits for its outcome. The others need no [`crate::Event::Done`].
    #[must_use]
    pub fn has_outcome(&self) -> bool {
        matches!(self, Self::Browse { .. } | Self::Scan | Self::Photo | Self::Locate | Self::Share { .. })
    }
}

/// What came of an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It was done.
    Done,
    /// The resident went back.
    Cancelled,
    /// The platform, or the resident in its settings, does not allow it.
    Denied,
    /// A text: what was scanned, or the address that the browser came back with.
    Text {
        /// The text.
        text: String,
    },
    /// Where the phone is.
    Position {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// Metres.
        accuracy: f64,
    },
    /// A photo.
    Photo {
        /// A file name.
        name: String,
        /// For example `image/jpeg`.
        media_type: String,
        /// Its bytes, at most 20 MiB.
        #[serde(with = "bytes")]
        bytes: Vec<u8>,
    },
}

/// Bytes as base64, since shells may send events as JSON.
mod bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)
    }
}
