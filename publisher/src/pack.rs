//! Packing a folder: the same files give the same bytes, no matter who packs them and when.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Why a folder could not be packed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PackError {
    #[error("{path}: {why}")]
    Read { path: String, why: std::io::Error },
    #[error("{0}: a symbolic link; it could publish a file from outside the folder")]
    Link(String),
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
            } else {
                let bytes = std::fs::read(entry.path()).map_err(|why| PackError::Read { path: path.clone(), why })?;
                files.insert(path, bytes);
            }
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
