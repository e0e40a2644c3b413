//! A code as a gate's camera sees it: read back from its picture by an independent decoder.

/// Why a picture could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the picture: {0}")]
pub struct PictureError(String);

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
