//! A code as a picture: modules for a shell to draw, SVG, or text for a terminal.
//!
//! Every form but the bare modules brings its quiet zone and is dark on white whatever the theme: in a dark theme the
//! white frame stays, since scanners need both the contrast and the margin (ISO/IEC 18004 §6.3.8).

mod mask;

use qrcode::bits::encode_auto;
use qrcode::canvas::Canvas;
use qrcode::ec::construct_codewords;
use qrcode::render::svg;
use qrcode::{Color, EcLevel};

use crate::error::Error;

/// White modules around the code.
const QUIET: u32 = 4;

/// What a terminal writes on: text can only be lighter or darker than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// Light text on a dark ground: what most terminals show.
    Dark,
    /// Dark text on a light ground.
    Light,
}

/// The modules of a QR code, without a quiet zone: leave four modules white around it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct QrPicture {
    /// Modules on a side.
    pub width: u32,
    /// One bit a module, row by row, the highest bit first; 1 is dark.
    pub modules: Vec<u8>,
}

impl QrPicture {
    /// Draws a CQ1 text. Level L: at a fixed size on a screen fewer modules read better than stronger correction.
    pub fn of(text: &str) -> Result<Self, Error> {
        let bits = encode_auto(text.as_bytes(), EcLevel::L).map_err(Error::internal)?;
        let version = bits.version();
        let (data, correction) =
            construct_codewords(&bits.into_bytes(), version, EcLevel::L).map_err(Error::internal)?;
        let mut drawn = Canvas::new(version, EcLevel::L);
        drawn.draw_all_functional_patterns();
        drawn.draw_data(&data, &correction);
        let width = usize::from(version.width().unsigned_abs());
        Ok(Self::of_modules(&mask::masked(&drawn, width), width))
    }

    /// Packs modules that an encoder has laid out, row by row.
    pub fn of_modules(colors: &[Color], width: usize) -> Self {
        let pack = |bits: &[Color]| {
            bits.iter().enumerate().fold(0_u8, |byte, (at, color)| byte | u8::from(*color == Color::Dark) << (7 - at))
        };
        let modules = colors.chunks(8).map(pack).collect();
        Self { width: u32::try_from(width).expect("a QR code has at most 177 modules a side"), modules }
    }

    /// Whether a module is dark.
    pub(crate) fn is_dark(&self, x: u32, y: u32) -> bool {
        let at = (y * self.width + x) as usize;
        self.modules[at / 8] >> (7 - at % 8) & 1 == 1
    }

    /// Whether a module is dark, counted with the quiet zone.
    pub fn is_dark_within(&self, x: u32, y: u32) -> bool {
        let module = |at: u32| at.checked_sub(QUIET).filter(|at| *at < self.width);
        module(x).zip(module(y)).is_some_and(|(x, y)| self.is_dark(x, y))
    }

    /// Modules on a side, with the quiet zone.
    pub fn side(&self) -> u32 {
        self.width + 2 * QUIET
    }

    /// How many pixels a module may take in a square of so many pixels a side: a whole number, since a module that
    /// falls between pixels blurs. 0 if the square is too small; below 3, many cameras fail.
    pub fn pixels_per_module(&self, square: u32) -> u32 {
        square / self.side()
    }

    /// As an SVG image with its quiet zone.
    pub fn svg(&self) -> String {
        let colors: Vec<Color> = (0..self.width)
            .flat_map(|y| (0..self.width).map(move |x| (x, y)))
            .map(|(x, y)| if self.is_dark(x, y) { Color::Dark } else { Color::Light })
            .collect();
        qrcode::render::Renderer::<svg::Color<'_>>::new(&colors, self.width as usize, QUIET)
            .dark_color(svg::Color("#000"))
            .light_color(svg::Color("#fff"))
            .min_dimensions(320, 320)
            .build()
    }

    /// As text for a terminal, two modules in a character.
    pub fn terminal(&self, background: Background) -> String {
        let mut text = String::new();
        for y in (0..self.side()).step_by(2) {
            for x in 0..self.side() {
                // A row below the last is quiet as well.
                let inked = |y: u32| self.is_dark_within(x, y) == (background == Background::Light);
                text.push(match (inked(y), inked(y + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packed_picture_is_the_code() {
        let code = qrcode::QrCode::with_error_correction_level("CQ1:TEST", EcLevel::L).expect("short");
        let picture = QrPicture::of_modules(&code.to_colors(), code.width());
        for (at, color) in code.to_colors().into_iter().enumerate() {
            let at = u32::try_from(at).expect("small");
            assert_eq!(picture.is_dark(at % picture.width, at / picture.width), color == Color::Dark);
        }
        let drawn = QrPicture::of("CQ1:TEST").expect("short");
        assert_eq!(drawn.width, picture.width, "the smallest version that it fits in");
        assert!(drawn.svg().starts_with("<?xml"));
    }

    #[test]
    fn a_terminal_shows_white_paper_on_either_ground() {
        let picture = QrPicture::of("CQ1:TEST").expect("short");
        let (dark, light) = (picture.terminal(Background::Dark), picture.terminal(Background::Light));
        assert!(dark.starts_with("████") && light.starts_with("    "));
        assert_eq!(dark.lines().count() as u32, (picture.width + 8).div_ceil(2));
        assert!(dark.lines().all(|line| line.chars().count() as u32 == picture.width + 8));
    }

    #[test]
    fn modules_take_whole_pixels() {
        let picture = QrPicture::of("CQ1:TEST").expect("short");
        assert_eq!(picture.width, 21);
        assert_eq!((picture.pixels_per_module(28), picture.pixels_per_module(29)), (0, 1));
        assert_eq!(picture.pixels_per_module(1080), 37);
    }
}
