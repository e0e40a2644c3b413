//! The frame around the screens: which are on the stack, which sheet lies above them, the tabs, and what is said to all.

use serde::{Deserialize, Serialize};

use crate::block::Severity;
use crate::icon::Icon;

/// What is on the phone's screen, but for what the screens say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Frame {
    /// Another one means that the app was started again: nothing that was read before counts.
    pub epoch: String,
    /// It grows with every change.
    pub revision: u64,
    /// How many events have been applied.
    pub applied: u64,
    /// The language of all that is said, as a BCP 47 tag.
    pub language: String,
    /// Whether that is read from right to left.
    pub right_to_left: bool,
    /// Whether the elder mode is on.
    pub elder: bool,
    /// Light, dark, or as the platform has it.
    pub scheme: Scheme,
    /// What going back is called.
    pub back: String,
    /// The tabs; none on screens that have no others beside them.
    pub tabs: Vec<TabItem>,
    /// The entries of the stack, the lowest first. Each can be read, so that a shell can show what lies below.
    pub stack: Vec<String>,
    /// The sheet above them.
    pub sheet: Option<Sheet>,
    /// What is said on every screen.
    pub banners: Vec<Banner>,
    /// What is said once, and goes by itself.
    pub notice: Option<Passing>,
}

/// A tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Tab {
    Home,
    Passes,
    Me,
}

/// A tab as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct TabItem {
    pub tab: Tab,
    pub label: String,
    /// The name of its icon.
    pub icon: Icon,
    pub selected: bool,
}

/// A sheet above the screens. Its blocks are read like a screen's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Sheet {
    /// Its entry.
    pub entry: String,
    /// It grants something: a shell ignores touches while another app draws over it, and for its first 500 ms.
    pub grants: bool,
}

/// What is said on every screen until it no longer holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct Banner {
    pub key: String,
    pub severity: Severity,
    pub text: String,
}

/// What is said once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Passing {
    /// Another for each.
    pub key: String,
    /// What is said.
    pub text: String,
}

/// Light or dark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Scheme {
    #[default]
    Platform,
    Light,
    Dark,
}
