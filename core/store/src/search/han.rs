//! Which characters count as Chinese, and where each stands in the table of their readings. `build.rs` writes that table.

/// The blocks of Chinese characters: extension A, the common ones, those for compatibility, extensions B to H.
const BLOCKS: [(u32, u32); 4] = [(0x3400, 0x4dbf), (0x4e00, 0x9fff), (0xf900, 0xfaff), (0x20000, 0x323af)];

/// Every place of the table, in order.
#[allow(dead_code, reason = "only build.rs writes the whole table")]
pub(crate) fn all() -> impl Iterator<Item = u32> {
    BLOCKS.into_iter().flat_map(|(first, last)| first..=last)
}

/// A character's place in the table; none for what is not Chinese.
#[allow(dead_code, reason = "only the search looks up one place")]
pub(crate) fn place(character: char) -> Option<usize> {
    let mut before = 0;
    for (first, last) in BLOCKS {
        if (first..=last).contains(&u32::from(character)) {
            return Some((before + u32::from(character) - first) as usize);
        }
        before += last - first + 1;
    }
    None
}
