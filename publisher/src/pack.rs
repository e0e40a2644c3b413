//! Packing a folder: the same files give the same bytes, no matter who packs them and when.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Most files that are read of a folder, and their bytes together: more than a package or a bundle may have.
const MAX_FILES: usize = 8192;
const MAX_BYTES: usize = 512 << 20;

/// Why a folder could not be packed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PackError {
    #[error("{path}: {why}")]
    Read { path: String, why: std::io::Error },
    #[error("{0}: a symbolic link; it could publish a file from outside the folder")]
    Link(String),
    #[error("{0}: no plain file; a pipe or a device would never end")]
    NoFile(String),
    #[error(
        "{path}: {files} files and {bytes} bytes so far; a package has at most {MAX_FILES} files and {MAX_BYTES} bytes"
    )]
    TooMuch { path: String, files: usize, bytes: usize },
    #[error("{0}: the name is not Unicode")]
    Name(String),
    #[error("the archive: {0}")]
    Archive(#[from] zip::result::ZipError),
    #[error("the archive: {0}")]
    Write(#[from] std::io::Error),
}

/// Every file of a folder and those below it, by its path with `/`. Hidden files are left out.
pub fn read_folder(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, PackError> {
    let mut files = BTreeMap::new();
    let mut total = 0;
    let mut folders = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let failed = |why| PackError::Read { path: prefix.clone(), why };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().into_string();
            let name = name.map_err(|name| PackError::Name(name.to_string_lossy().into_owned()))?;
            if name.starts_with('.') {
                continue;
            }
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_symlink() {
                return Err(PackError::Link(path));
            }
            if kind.is_dir() {
                folders.push((entry.path(), format!("{path}/")));
                continue;
            }
            if !kind.is_file() {
                return Err(PackError::NoFile(path));
            }
            // The wrong folder is found out before its gigabytes are in memory.
            let read = |at: &Path| {
                let mut bytes = Vec::new();
                std::fs::File::open(at)?.take((MAX_BYTES - total + 1) as u64).read_to_end(&mut bytes)?;
                Ok(bytes)
            };
            let bytes = read(&entry.path()).map_err(|why| PackError::Read { path: path.clone(), why })?;
            total += bytes.len();
            if total > MAX_BYTES || files.len() == MAX_FILES {
                return Err(PackError::TooMuch { path, files: files.len(), bytes: total });
            }
            files.insert(path, bytes);
        }
    }
    Ok(files)
}

/// Packs files: sorted by path, deflated, without dates or permissions of this machine.
pub fn pack(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, PackError> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        writer.start_file(path.as_str(), options)?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}
