//! The icons that screens and shells name. How each is drawn stands in `core/app/look/icons.json`.

use serde::{Deserialize, Serialize};

/// An icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Icon {
    Add,
    Back,
    Check,
    Close,
    Down,
    Home,
    Info,
    Language,
    More,
    Pass,
    Person,
    Phone,
    Place,
    Scan,
    Search,
    Settings,
    Share,
    Shield,
    Star,
    StarFull,
    Trash,
    Travel,
    Warn,
}
