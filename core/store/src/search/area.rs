//! Whose words are whose in the index.

use onecity_protocol::region::UnitId;
use ring::digest::{SHA256, digest};

/// Letters and digits of a mark: 48 bits, so that no two of a nation's publishers have the same.
const LENGTH: usize = 12;

/// A publisher's part of the index, by what each of its words begins with: a city's with all below it, or what a
/// first-level region itself offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Area([u8; LENGTH]);

impl Area {
    /// The area of a unit.
    pub(super) fn of(unit: &UnitId) -> Self {
        let name = unit.publisher().unwrap_or_else(|| unit.clone()).to_string();
        let mut mark = [0; LENGTH];
        hex::encode_to_slice(&digest(&SHA256, name.as_bytes()).as_ref()[..LENGTH / 2], &mut mark)
            .expect("twice as long");
        Self(mark)
    }

    /// What its words begin with.
    pub(super) fn mark(&self) -> &str {
        str::from_utf8(&self.0).expect("hexadecimal digits")
    }

    /// What is beyond all of its words: no digit comes after `f`.
    pub(super) fn end(&self) -> String {
        format!("{}\u{10ffff}", self.mark())
    }

    /// A word without the mark.
    pub(super) fn unmarked<'w>(&self, word: &'w str) -> &'w str {
        word.strip_prefix(self.mark()).unwrap_or(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_city_and_all_below_it_share_an_area_and_nobody_else_does() {
        let area = |unit: &str| Area::of(&unit.parse().expect("a unit"));
        for below in ["cn-sd/jinan/~transport", "cn-sd/jinan/lixia", "cn-sd/jinan/lixia/~parks"] {
            assert_eq!(area(below), area("cn-sd/jinan"), "{below}");
        }
        for other in ["cn-sd", "cn-sd/qingdao", "cn-sd/~jiaodong", "cn-jn/jinan", "vn-hn/hanoi"] {
            assert_ne!(area(other), area("cn-sd/jinan"), "{other}");
        }
    }
}
