//! A code as a gate's camera sees it: drawn as an image, and read back from it by an independent decoder.

use image::{GrayImage, ImageFormat, Luma};
use onecity_core::QrPicture;

/// Why a picture could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the picture: {0}")]
pub struct PictureError(String);

/// A code as a PNG with its quiet zone, so many pixels a module. Below 3, many cameras fail.
pub fn png(picture: &QrPicture, pixels_per_module: u32) -> Result<Vec<u8>, PictureError> {
    let pixels = picture.side() * pixels_per_module;
    let color = |x, y| {
        let dark = picture.is_dark_within(x / pixels_per_module, y / pixels_per_module);
        Luma([if dark { 0 } else { u8::MAX }])
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let drawn = GrayImage::from_fn(pixels, pixels, color).write_to(&mut bytes, ImageFormat::Png);
    drawn.map_err(|error| PictureError(error.to_string()))?;
    Ok(bytes.into_inner())
}

/// A text's code as an SVG.
pub(crate) fn svg(text: &str) -> Result<String, PictureError> {
    Ok(QrPicture::of(text).map_err(|error| PictureError(error.to_string()))?.svg())
}

/// Largest picture that is read, in pixels a side, and the most memory that it may take.
const LARGEST: u32 = 4096;
const MOST_MEMORY: u64 = 128 << 20;

/// Reads the one code in a PNG.
pub fn read(png: &[u8]) -> Result<String, PictureError> {
    let wrong = |error: image::ImageError| PictureError(error.to_string());
    let mut reader = image::ImageReader::new(std::io::Cursor::new(png));
    reader.set_format(ImageFormat::Png);
    let mut limits = image::Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LARGEST), Some(LARGEST));
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    let image = reader.decode().map_err(wrong)?.to_luma8();
    let mut prepared = rqrr::PreparedImage::prepare(image);
    let grids = prepared.detect_grids();
    let [grid] = grids.as_slice() else {
        return Err(PictureError(format!("{} codes in it, one was expected", grids.len())));
    };
    let (_, text) = grid.decode().map_err(|error| PictureError(error.to_string()))?;
    Ok(text)
}
