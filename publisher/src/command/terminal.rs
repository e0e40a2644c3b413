//! How a command speaks: colours and bars only where a person watches.

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const LOOK: Style = AnsiColor::Yellow.on_default();
pub(super) const QUIET: Style = Style::new().dimmed();

/// A text in a style; `anstream` takes the style away where nobody sees it.
pub(super) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A bar for long work, on the error output, which is silent where that is no terminal.
pub(super) fn bar(what: &str, total: u64, bytes: bool) -> ProgressBar {
    let shape = if bytes { "{msg} {wide_bar} {bytes}/{total_bytes}" } else { "{msg} {wide_bar} {pos}/{len}" };
    let style = ProgressStyle::with_template(shape).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_message(what.to_owned())
}

/// A sign of life for work of unknown length.
pub(super) fn spinner(what: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{spinner} {msg} {pos}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style).with_message(what.to_owned())
}
