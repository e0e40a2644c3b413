//! What is shown to a gate: codes as arguments, as pictures, or line by line on the standard input.

use std::io::{BufRead, Read};
use std::path::Path;

use super::{CommandError, read_file};

/// Longest line of the standard input that is looked at, in bytes.
const MAX_LINE: u64 = 4096;
/// Most pixels on a side of a picture.
const MAX_SIDE: u32 = 12_000;

/// Something that was shown: where it came from, and the text that was read, or why none was.
pub(super) struct Shown {
    pub source: String,
    pub text: Result<String, String>,
}

/// Each argument is a code, a picture's path, or `-` for the standard input; none is the standard input. What is shown
/// is looked at one after the other.
pub(super) fn each(
    arguments: &[String],
    mut look: impl FnMut(Shown) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    if arguments.is_empty() {
        return lines(&mut look);
    }
    for argument in arguments {
        if argument == "-" {
            lines(&mut look)?;
        } else if argument.starts_with("CQ1:") || !looks_like_a_file(argument) {
            look(Shown { source: "argument".to_owned(), text: Ok(argument.clone()) })?;
        } else {
            for text in picture(Path::new(argument))? {
                look(Shown { source: argument.clone(), text })?;
            }
        }
    }
    Ok(())
}

/// A code that was mistyped is looked at as a code; what has a picture's ending, or is there, is a file.
fn looks_like_a_file(argument: &str) -> bool {
    let path = Path::new(argument);
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    path.exists() || matches!(ending.as_str(), "png" | "jpg" | "jpeg")
}

fn lines(look: &mut impl FnMut(Shown) -> Result<(), CommandError>) -> Result<(), CommandError> {
    let mut input = std::io::stdin().lock();
    for number in 1_usize.. {
        let mut line = Vec::new();
        let read = input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(CommandError::Input)?;
        if read == 0 {
            break;
        }
        if read as u64 == MAX_LINE && line.last() != Some(&b'\n') {
            input.skip_until(b'\n').map_err(CommandError::Input)?;
        }
        let text = String::from_utf8(line).map_err(|_| "the line is not text".to_owned());
        // What a scanner puts at the end of a line is not the code's.
        let text = text.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
        if text.as_ref().is_ok_and(String::is_empty) {
            continue;
        }
        look(Shown { source: format!("line {number}"), text })?;
    }
    Ok(())
}

/// All codes in a picture.
fn picture(path: &Path) -> Result<Vec<Result<String, String>>, CommandError> {
    let error = super::file_error(path);
    let bytes = read_file(path)?;
    let mut reader =
        image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format().map_err(|e| error(e.to_string()))?;
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    reader.limits(limits);
    let image = reader.decode().map_err(|e| error(format!("not a picture that can be read: {e}")))?.to_luma8();
    let mut prepared = rqrr::PreparedImage::prepare(image);
    let grids = prepared.detect_grids();
    if grids.is_empty() {
        return Ok(vec![Err("there is no QR code in the picture, or it is too small or blurred".to_owned())]);
    }
    let read = |grid: &rqrr::Grid<_>| match grid.decode() {
        Ok((_, text)) => Ok(text),
        Err(e) => Err(format!("the QR code can't be read: {e}")),
    };
    Ok(grids.iter().map(read).collect())
}
