//! How Chinese characters are read, without tones. Unpacked once, when the first service with a Chinese name is indexed.

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::ZlibDecoder;

use super::han;

/// What `build.rs` packed: the lists of readings, an empty line, and for each place of [`han`] the number of its list, first
/// all high bytes, then all low ones.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/readings.z"));

static READINGS: LazyLock<Readings> = LazyLock::new(|| Readings::unpack().expect("the build wrote it"));

struct Readings {
    lists: Vec<Vec<String>>,
    table: Vec<u16>,
}

impl Readings {
    fn unpack() -> Option<Self> {
        let mut plain = Vec::new();
        ZlibDecoder::new(PACKED).read_to_end(&mut plain).ok()?;
        let end = plain.windows(2).position(|pair| pair == b"\n\n")?;
        let lists = std::str::from_utf8(&plain[..end]).ok()?;
        let lists = lists.split('\n').map(|list| list.split(' ').map(str::to_owned).collect());
        let table = &plain[end + 2..];
        let (high, low) = table.split_at(table.len() / 2);
        let table = high.iter().zip(low).map(|(high, low)| u16::from_be_bytes([*high, *low])).collect();
        Some(Self { lists: std::iter::once(Vec::new()).chain(lists).collect(), table })
    }
}

/// The readings of a character, the usual one first; ü is written v, and then u. Empty for what has none.
pub(super) fn of(character: char) -> &'static [String] {
    let number = han::place(character).and_then(|place| READINGS.table.get(place));
    number.and_then(|number| READINGS.lists.get(usize::from(*number))).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_read_as_usual_first_and_then_in_its_other_ways() {
        assert_eq!(of('济'), ["ji"]);
        assert_eq!(of('重')[..2], ["zhong", "chong"]);
        assert_eq!(of('乐')[0], "le");
        assert!(of('乐').contains(&"yue".to_owned()));
        assert_eq!(of('女')[..2], ["nv", "nu"], "as a keyboard wants it, and as one sees it");
        // At the beginning and the end of blocks, where a table that is off by one would show.
        assert_eq!(
            (of('㐀'), of('一'), of('龥')),
            (&["qiu".to_owned()][..], &["yi".to_owned()][..], &["yu".to_owned()][..])
        );
        for without in ['a', 'ế', '\u{4dc0}', '\u{323af}', '\u{323b0}'] {
            assert_eq!(of(without), [""; 0], "{without}");
        }
    }
}
