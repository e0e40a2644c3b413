//! What a shell tells the app. Events that concern a screen name its entry: what is no longer on the screen is ignored.

use serde::{Deserialize, Serialize};

use crate::effect::Outcome;
use crate::frame::Tab;

/// What happened in the shell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// Something was touched: a button, a row, a tile, a link.
    Tap {
        /// The screen or sheet it is on.
        entry: String,
        /// The block's key, or that of an action.
        key: String,
    },
    /// A field's text has changed. Text that an input method still composes is sent, too.
    Input {
        /// The screen or sheet it is on.
        entry: String,
        /// The field's key.
        key: String,
        /// All of its text.
        text: String,
        /// The shell's count of edits of this field.
        edit: u64,
        /// Whether an input method is composing.
        composing: bool,
    },
    /// The field's own key for going on was pressed.
    Submit {
        /// The screen or sheet it is on.
        entry: String,
        /// The field's key.
        key: String,
    },
    /// The field has lost the focus.
    Blur {
        /// The screen or sheet it is on.
        entry: String,
        /// The field's key.
        key: String,
    },
    /// An option was chosen, or a toggle was moved (`on`, `off`).
    Choose {
        /// The screen or sheet it is on.
        entry: String,
        /// The choice's key.
        key: String,
        /// The option's id.
        option: String,
    },
    /// A tile was moved before another, or to the end.
    Move {
        /// The screen it is on.
        entry: String,
        /// The tile's key.
        key: String,
        /// The key of the one that now comes after it.
        before: Option<String>,
    },
    /// The end of what is there is nearly in sight.
    NearEnd {
        /// The screen.
        entry: String,
    },
    /// The resident pulled the screen down, or asked otherwise for news.
    Refresh {
        /// The screen.
        entry: String,
    },
    /// A tab was chosen.
    Tab {
        /// Which.
        tab: Tab,
    },
    /// Back: the sheet, the page's history, the stack, the home tab, out of the app, in this order.
    Back,
    /// The platform's own navigation has gone back to this entry already.
    Popped {
        /// The entry that is now on top.
        to: String,
    },
    /// The resident has put a sheet away. What it asked counts as refused.
    Dismissed {
        /// The sheet.
        entry: String,
    },
    /// A link was opened, from outside or out of a page.
    Link {
        /// The address.
        url: String,
    },
    /// The app is on the screen.
    Shown,
    /// It is no longer: everything is saved.
    Hidden,
    /// What the platform says of itself and of the resident's choices.
    Environment {
        /// All of it.
        environment: Environment,
    },
    /// Whether there is a network.
    Network {
        /// As the platform says.
        online: bool,
    },
    /// Whether the page of a service can go back by itself.
    WebState {
        /// The service's entry.
        entry: String,
        /// As the web view says.
        can_go_back: bool,
    },
    /// The process that draws a page has ended.
    WebGone {
        /// The service's entry.
        entry: String,
    },
    /// What became of an effect.
    Done {
        /// Its id.
        id: String,
        /// What came of it.
        outcome: Outcome,
    },
}

impl Event {
    /// The entry it concerns.
    pub(crate) fn entry(&self) -> Option<&str> {
        match self {
            Self::Tap { entry, .. }
            | Self::Input { entry, .. }
            | Self::Submit { entry, .. }
            | Self::Blur { entry, .. }
            | Self::Choose { entry, .. }
            | Self::Move { entry, .. }
            | Self::NearEnd { entry }
            | Self::Refresh { entry }
            | Self::Dismissed { entry }
            | Self::WebState { entry, .. }
            | Self::WebGone { entry } => Some(entry),
            _ => None,
        }
    }
}

/// What the platform says of itself and of the resident's choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(default, deny_unknown_fields)]
pub struct Environment {
    /// The platform's languages as BCP 47 tags, best first. What the resident chose in the app comes before them.
    pub languages: Vec<String>,
    /// How far local time is ahead of UTC, in minutes.
    pub offset_minutes: i32,
    /// Whether a screen reader is on.
    pub screen_reader: bool,
    /// Whether the platform can say where the phone is.
    pub can_locate: bool,
    /// Whether there is a camera to scan with.
    pub can_scan: bool,
}

impl Default for Environment {
    fn default() -> Self {
        Self { languages: Vec::new(), offset_minutes: 0, screen_reader: false, can_locate: true, can_scan: true }
    }
}
