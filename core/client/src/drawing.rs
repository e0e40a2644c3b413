//! A code as a picture: modules for a shell to draw, or SVG.

use qrcode::render::svg;
use qrcode::{Color, EcLevel, QrCode};

use crate::error::Error;

/// The modules of a QR code, without a quiet zone: whoever draws it leaves four modules white around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrPicture {
    /// Modules on a side.
    pub width: u32,
    /// One bit a module, row by row, the highest bit first; 1 is dark.
    pub modules: Vec<u8>,
}

impl QrPicture {
    /// Draws a CQ1 text. Level L: at a fixed size on a screen fewer modules read better than stronger correction.
    pub fn of(text: &str) -> Result<Self, Error> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L).map_err(Error::internal)?;
        Ok(Self::of_modules(&code.to_colors(), code.width()))
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
    pub fn is_dark(&self, x: u32, y: u32) -> bool {
        let at = (y * self.width + x) as usize;
        self.modules[at / 8] >> (7 - at % 8) & 1 == 1
    }

    /// As an SVG image with its quiet zone, dark on white whatever the theme: scanners need the contrast.
    pub fn svg(&self) -> String {
        let colors: Vec<Color> = (0..self.width)
            .flat_map(|y| (0..self.width).map(move |x| (x, y)))
            .map(|(x, y)| if self.is_dark(x, y) { Color::Dark } else { Color::Light })
            .collect();
        qrcode::render::Renderer::<svg::Color<'_>>::new(&colors, self.width as usize, 4)
            .dark_color(svg::Color("#000"))
            .light_color(svg::Color("#fff"))
            .min_dimensions(320, 320)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packed_picture_is_the_code() {
        let code = QrCode::with_error_correction_level("CQ1:TEST", EcLevel::L).expect("short");
        let picture = QrPicture::of("CQ1:TEST").expect("short");
        assert_eq!(picture.width as usize, code.width());
        for (at, color) in code.to_colors().into_iter().enumerate() {
            let at = u32::try_from(at).expect("small");
            assert_eq!(picture.is_dark(at % picture.width, at / picture.width), color == Color::Dark);
        }
        assert!(picture.svg().starts_with("<?xml"));
    }
}
