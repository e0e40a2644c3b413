//! A code as a picture, the way a gate's camera sees it: drawn to PNG, and read back by an independent decoder.

use std::io::Cursor;

use image::{GrayImage, ImageFormat, Luma};
use onecity_core::QrPicture;

/// Why a picture could not be drawn or read.
#[derive(Debug, thiserror::Error)]
#[error("the picture: {0}")]
pub struct PictureError(String);

/// White modules around the code; ISO/IEC 18004 asks for four.
const QUIET: u32 = 4;

/// Draws a code with some pixels to a module.
pub fn draw(picture: &QrPicture, scale: u32) -> Result<Vec<u8>, PictureError> {
    let side = (picture.width + 2 * QUIET) * scale;
    let image = GrayImage::from_fn(side, side, |x, y| {
        let module = |at: u32| (at / scale).checked_sub(QUIET).filter(|at| *at < picture.width);
        let dark = module(x).zip(module(y)).is_some_and(|(x, y)| picture.is_dark(x, y));
        Luma([if dark { 0 } else { 255 }])
    });
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png).map_err(|error| PictureError(error.to_string()))?;
    Ok(png.into_inner())
}

/// Reads the one code in a PNG.
pub fn read(png: &[u8]) -> Result<String, PictureError> {
    let image = image::load_from_memory(png).map_err(|error| PictureError(error.to_string()))?.to_luma8();
    let mut prepared = rqrr::PreparedImage::prepare(image);
    let grids = prepared.detect_grids();
    let [grid] = grids.as_slice() else {
        return Err(PictureError(format!("{} codes in it, one was expected", grids.len())));
    };
    let (_, text) = grid.decode().map_err(|error| PictureError(error.to_string()))?;
    Ok(text)
}
