//! What screens are made of. A shell has one painter for each kind, and knows no screen.
//!
//! Text is final: in the resident's language, bounded, without control characters. Whatever a publisher wrote is text and
//! never markup.

use serde::Serialize;

use crate::icon::Icon;

/// A screen, or a sheet.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Screen {
    /// Its entry in the frame.
    pub entry: String,
    /// As in [`crate::Frame::epoch`].
    pub epoch: String,
    /// Nothing on it has changed since.
    pub revision: u64,
    /// What stands around the blocks.
    pub head: Head,
    /// In the order in which they are read.
    pub blocks: Vec<Block>,
}

/// What stands around a screen's blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Head {
    /// What the screen is called.
    pub title: String,
    /// A line below it.
    pub detail: Option<String>,
    /// Whether one can go back from here.
    pub back: bool,
    /// What a touch of the title does.
    pub title_action: Option<Action>,
    /// What stands at the top's other side.
    pub actions: Vec<Action>,
    /// The page of a service takes the blocks' place.
    pub web: Option<Web>,
}

/// The page of an open service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Web {
    /// Another for each time that the service is opened: a shell makes a new web view for it.
    pub session: String,
    /// The path to begin with.
    pub path: String,
    /// The host of the service's own origin.
    pub host: String,
}

/// Something that can be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Action {
    /// For [`crate::Event::Tap`].
    pub key: String,
    /// What it is called; a screen reader says it where only the icon is drawn.
    pub label: String,
    /// The name of its icon.
    pub icon: Option<Icon>,
}

/// A part of a screen.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Block {
    /// Stays the same while the part is the same thing to the resident.
    pub key: String,
    /// The revision that changed it last.
    pub revision: u64,
    /// The group that it belongs to: a [`Kind::Tiles`] or [`Kind::Rows`] somewhere before it.
    pub of: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
}

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Severity {
    Quiet,
    Good,
    Warn,
    Severe,
}

/// What a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The one act of the screen, within reach of a thumb.
    Primary,
    /// Another.
    Plain,
    /// Something is lost.
    Destructive,
    /// Opens a search: it looks like the field that it leads to.
    Find,
}

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum FieldKind {
    Plain,
    Search,
    /// Letters and digits without the keyboard's suggestions, such as an identity number.
    Number,
}

/// The text of a field. The shell owns it while the field has the focus.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct FieldText {
    /// What stands in it.
    pub text: String,
    /// The count of edits that this is. A shell takes a text over if it is not composing and has not counted further.
    pub edit: u64,
}

/// How text is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Tone {
    Body,
    Quiet,
}

/// An option of a choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Choosable {
    /// For [`crate::Event::Choose`].
    pub id: String,
    /// What it is called.
    pub label: String,
    /// The language of the label, where it is not the screen's.
    pub language: Option<String>,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// A fact with what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[expect(missing_docs, reason = "the names say it")]
pub struct Fact {
    pub label: String,
    pub value: String,
}

/// A QR code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Modules {
    /// Modules on each side, without the quiet zone.
    pub width: u32,
    /// Row by row, eight modules a byte, the first in the highest bit, as hexadecimal digits: set is dark.
    pub bits: String,
}

/// What a part is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// A heading of what follows.
    Heading {
        /// What it says.
        text: String,
    },
    /// A paragraph.
    Text {
        /// What it says.
        text: String,
        /// How it is set.
        tone: Tone,
    },
    /// Something to know before the rest.
    Notice {
        /// How much it matters.
        severity: Severity,
        /// What it says.
        text: String,
        /// What can be done about it.
        actions: Vec<Action>,
    },
    /// A group of tiles, which follow it.
    Tiles {
        /// What the group is called; a screen reader says it.
        label: String,
        /// Whether the resident can put them in another order.
        movable: bool,
    },
    /// A tile.
    Tile {
        /// What it is called.
        label: String,
        /// Whose it is, where that is not the place's own.
        mark: Option<String>,
        /// What [`crate::App::image`] has its picture under.
        image: Option<String>,
        /// Why it can't be used, if so. It can be touched all the same, and says why.
        disabled: Option<String>,
    },
    /// A group of rows, which follow it.
    Rows {
        /// What the group is called.
        label: String,
    },
    /// A row.
    Row {
        /// What it is called.
        title: String,
        /// A line below.
        detail: Option<String>,
        /// A few characters at the end.
        value: Option<String>,
        /// The name of an icon.
        icon: Option<Icon>,
        /// What [`crate::App::image`] has its picture under.
        image: Option<String>,
        /// Whether it is the one in use; none where that is no question.
        chosen: Option<bool>,
        /// Whether a touch does something.
        active: bool,
    },
    /// Text to fill in.
    Field {
        /// What to fill in.
        label: String,
        /// What stands there while it is empty.
        hint: String,
        /// What it takes.
        input: FieldKind,
        /// Its text.
        #[serde(flatten)]
        text: FieldText,
        /// What is wrong with it, and what to do.
        error: Option<String>,
    },
    /// One of several.
    Choice {
        /// What is chosen.
        label: String,
        /// Between what.
        options: Vec<Choosable>,
    },
    /// On or off.
    Toggle {
        /// What.
        label: String,
        /// What that means.
        detail: Option<String>,
        /// Whether it is on.
        on: bool,
    },
    /// A button.
    Button {
        /// What it does.
        label: String,
        /// How it counts.
        role: Role,
        /// Whether that is being done.
        busy: bool,
        /// Why it can't be used, if so.
        disabled: Option<String>,
    },
    /// Facts with what they are.
    Facts {
        /// In order.
        facts: Vec<Fact>,
    },
    /// A code to be read by others. Its field is white whatever the colours.
    Code {
        /// The picture; none where there is nothing to show.
        modules: Option<Modules>,
        /// What it is for a screen reader.
        label: String,
        /// Whose it is.
        holder: String,
        /// When it is replaced, in seconds since 1970; a shell counts down to it.
        deadline: Option<i64>,
        /// How long one lasts, in seconds.
        period: i64,
    },
    /// Something is being done.
    Progress {
        /// What.
        label: String,
        /// How much of it, from 0 to 1; none if nobody knows.
        part: Option<f32>,
    },
    /// Nothing is here yet.
    Empty {
        /// What will be here.
        text: String,
        /// The name of an icon.
        icon: Icon,
        /// The one act that fills it.
        action: Option<Action>,
    },
    /// The shape of what comes, while it is waited for.
    Waiting,
}

/// What has changed on a screen since a revision.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Changes {
    /// The screen's entry.
    pub entry: String,
    /// As in [`crate::Frame::epoch`].
    pub epoch: String,
    /// The state that the screen has with these changes.
    pub revision: u64,
    /// Whether this is the whole screen: what was known before is dropped.
    pub whole: bool,
    /// What stands around the blocks, if it changed.
    pub head: Option<Head>,
    /// The keys of all blocks in their order, if that changed.
    pub order: Option<Vec<String>>,
    /// The blocks that changed or are new.
    pub blocks: Vec<Block>,
}
