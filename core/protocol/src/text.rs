//! Texts that somebody else wrote, before a resident reads them: one line, of bounded length, that can't turn around what
//! stands beside it.

use serde::{Deserialize, Deserializer};

/// Longest text of a publisher that is shown, in characters.
pub const LONGEST: usize = 500;
/// Most marks on one letter: no language writes more.
const MOST_MARKS: usize = 4;

/// A text as a screen may show it: at most `longest` characters in one line. What it hides or turns is taken out: control
/// characters (Unicode's `Cc`), the bidirectional controls of UAX #9 §2, and invisible formatting characters. A text that
/// is too long ends with an ellipsis.
pub fn shown(text: &str, longest: usize) -> String {
    let (mut line, mut characters, mut marks, mut gap) = (String::new(), 0, 0, false);
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            gap = true;
            continue;
        }
        if is_hidden(c) {
            continue;
        }
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if marks > MOST_MARKS {
            continue;
        }
        let between = gap && !line.is_empty();
        if characters + usize::from(between) >= longest {
            if characters == longest {
                line.pop();
            }
            line.push('…');
            return line;
        }
        if between {
            line.push(' ');
            characters += 1;
        }
        gap = false;
        line.push(c);
        characters += 1;
    }
    line
}

/// For serde: a text of a publisher, as it may be shown.
pub(crate) fn line<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    Ok(shown(&String::deserialize(text)?, LONGEST))
}

/// Bidirectional controls, zero-width and other invisible formatting, and tag characters. The two joiners stay: scripts and
/// emoji need them.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Combining marks that can be piled up.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_hides_breaks_or_piles_up_is_taken_out() {
        for (written, read) in [
            ("Report\na lamp\r\n\r\n  now\t!", "Report a lamp now !"),
            ("pay \u{202e}gnp.exe\u{202c}", "pay gnp.exe"),
            ("a\u{2066}b\u{2069}c\u{200f}d\u{61c}e", "abcde"),
            ("in\u{200b}vis\u{feff}ible\u{e0041}", "invisible"),
            ("line\u{2028}and\u{2029}paragraph\u{85}", "line and paragraph"),
            ("bell\u{7}", "bell"),
            ("\u{0}", ""),
            ("e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}x", "e\u{301}\u{301}\u{301}\u{301}x"),
            // What languages write stays.
            ("Đỗ xe ở phường", "Đỗ xe ở phường"),
            ("e\u{302}\u{301}", "e\u{302}\u{301}"),
            ("停车缴费", "停车缴费"),
            ("👩\u{200d}👧", "👩\u{200d}👧"),
        ] {
            assert_eq!(shown(written, LONGEST), read, "{written:?}");
        }
    }

    #[test]
    fn a_text_of_any_length_takes_a_line_s_room() {
        assert_eq!(shown(&"x".repeat(150_000), LONGEST).chars().count(), LONGEST);
        assert_eq!(shown("abcdef", 4), "abc…");
        assert_eq!(shown("abcd", 4), "abcd");
        assert_eq!(shown("abc d", 4), "abc…");
    }
}
