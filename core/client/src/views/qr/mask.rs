//! Which of its eight masks a QR code gets: the one that a camera reads best by ISO/IEC 18004:2015 §7.8.3. The encoder's
//! own choice takes ten times as long as this one, and longer than all else that showing a code takes.

use qrcode::Color;
use qrcode::canvas::{Canvas, MaskPattern};

const MASKS: [MaskPattern; 8] = [
    MaskPattern::Checkerboard,
    MaskPattern::HorizontalLines,
    MaskPattern::VerticalLines,
    MaskPattern::DiagonalLines,
    MaskPattern::LargeCheckerboard,
    MaskPattern::Fields,
    MaskPattern::Diamonds,
    MaskPattern::Meadow,
];

/// The modules of a drawn code under the mask with the fewest penalty points; of equals the first.
pub(super) fn masked(drawn: &Canvas, width: usize) -> Vec<Color> {
    let under = |mask| {
        let mut canvas = drawn.clone();
        canvas.apply_mask(mask);
        canvas.into_colors()
    };
    MASKS.map(under).into_iter().min_by_key(|modules| penalty(modules, width)).expect("there are eight")
}

/// The penalty points of §7.8.3.1, table 11.
fn penalty(modules: &[Color], width: usize) -> usize {
    let dark: Vec<bool> = modules.iter().map(|module| *module == Color::Dark).collect();
    let rows = (0..width).map(|y| line(dark[y * width..][..width].iter()));
    let columns = (0..width).map(|x| line(dark[x..].iter().step_by(width)));
    rows.chain(columns).sum::<usize>() + blocks(&dark, width) + imbalance(&dark)
}

/// Of one row or column: 3 points for five modules of one colour in a row and 1 for each further one (feature 1), and 40
/// for what looks like a finder pattern, dark and light as 1:1:3:1:1 with four light modules on a side (feature 3). The
/// quiet zone is light.
fn line<'m>(modules: impl Iterator<Item = &'m bool>) -> usize {
    const FINDER: u32 = 0b101_1101;
    const QUIET: [bool; 4] = [false; 4];
    let (mut points, mut run, mut before) = (0, 0, None);
    // The last 15 modules: four, the seven of the pattern, four.
    let mut last: u32 = 0;
    let mut look = |dark: bool| {
        last = last << 1 | u32::from(dark);
        let looks_like_finder = last >> 4 & 0x7f == FINDER && (last & 0xf == 0 || last >> 11 & 0xf == 0);
        if looks_like_finder { 40 } else { 0 }
    };
    for dark in modules {
        run = if before == Some(*dark) { run + 1 } else { 1 };
        before = Some(*dark);
        points += match run {
            0..=4 => 0,
            5 => 3,
            _ => 1,
        };
        points += look(*dark);
    }
    points + QUIET.into_iter().map(look).sum::<usize>()
}

/// 3 points for each square of two by two modules of one colour (feature 2).
fn blocks(dark: &[bool], width: usize) -> usize {
    let pairs = dark.chunks_exact(width).zip(dark[width..].chunks_exact(width));
    let squares = pairs.flat_map(|(upper, lower)| upper.windows(2).zip(lower.windows(2)));
    3 * squares.filter(|(upper, lower)| upper == lower && upper[0] == upper[1]).count()
}

/// 10 points for each whole 5 % that the share of dark modules is off one half (feature 4).
fn imbalance(dark: &[bool]) -> usize {
    let share = dark.iter().filter(|dark| **dark).count() * 100;
    share.abs_diff(dark.len() * 50) / (dark.len() * 5) * 10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(picture: &[&str]) -> Vec<Color> {
        let color = |c| if c == '#' { Color::Dark } else { Color::Light };
        picture.iter().flat_map(|row| row.chars()).map(color).collect()
    }

    fn of_line(picture: &str) -> usize {
        line(modules(&[picture]).iter().map(|module| *module == Color::Dark).collect::<Vec<_>>().iter())
    }

    #[test]
    fn runs_of_five_and_more_cost_by_their_length() {
        assert_eq!(of_line("#.#.#.#."), 0);
        assert_eq!(of_line("####.####"), 0);
        assert_eq!(of_line("#####.#"), 3);
        assert_eq!(of_line("#.......#"), 5);
        assert_eq!(of_line("########..........."), 6 + 9);
    }

    #[test]
    fn what_looks_like_a_finder_pattern_costs_forty_once_however_light_it_is_around() {
        assert_eq!(of_line("##.###.#.##"), 0, "nothing light on either side");
        assert_eq!(of_line("#.###.#"), 40, "the quiet zone is light");
        assert_eq!(of_line("##....#.###.#.#"), 40, "light before it");
        assert_eq!(of_line("#.#.###.#....##"), 40, "light after it");
        assert_eq!(of_line("##....#.###.#....##"), 40, "light on both sides");
        assert_eq!(of_line("##...#.###.#...##"), 0, "three light modules are too few");
    }

    #[test]
    fn squares_and_an_imbalance_cost_as_the_standard_says() {
        let of_blocks = |picture: &[&str]| {
            let dark: Vec<bool> = modules(picture).iter().map(|module| *module == Color::Dark).collect();
            blocks(&dark, picture[0].len())
        };
        assert_eq!(of_blocks(&["##", "##"]), 3);
        assert_eq!(of_blocks(&["#.", "##"]), 0);
        // 3 × (m − 1) × (n − 1) for a block of m × n.
        assert_eq!(of_blocks(&["####", "####", "####"]), 3 * 3 * 2);
        let off = |dark: usize, of: usize| imbalance(&(0..of).map(|at| at < dark).collect::<Vec<_>>());
        // Less than 5 % off costs nothing, from 5 % on 10, from 10 % on 20.
        assert_eq!(
            [50, 46, 54, 55, 45, 59, 41, 60, 0, 100].map(|dark| off(dark, 100)),
            [0, 0, 0, 10, 10, 10, 10, 20, 100, 100]
        );
    }

    #[test]
    fn the_mask_with_the_fewest_points_is_taken() {
        let mut drawn = Canvas::new(qrcode::Version::Normal(2), qrcode::EcLevel::L);
        drawn.draw_all_functional_patterns();
        drawn.draw_data(&[0; 34], &[0; 10]);
        let width = 25;
        let chosen = penalty(&masked(&drawn, width), width);
        let all = MASKS.map(|mask| {
            let mut canvas = drawn.clone();
            canvas.apply_mask(mask);
            penalty(&canvas.into_colors(), width)
        });
        assert_eq!(all.iter().min(), Some(&chosen), "{all:?}");
        assert!(all.iter().any(|points| *points > chosen), "they differ: {all:?}");
    }
}
