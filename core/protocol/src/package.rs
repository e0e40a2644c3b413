//! The package of a mini-service: a ZIP after the W3C MiniApp Packaging draft, read as hostile input.
//!
//! A [`Package`] exists only if every rule here has held; what it then serves are the bytes of its files.

use std::collections::{BTreeMap, HashSet};
use std::io::{Cursor, Read};
use std::sync::Arc;

use zip::{CompressionMethod, ZipArchive};

use crate::manifest::{Manifest, ManifestError};

/// Most files in a package.
pub const MAX_ENTRIES: usize = 2_000;
/// Largest package, in bytes.
pub const MAX_PACKAGE: usize = 20 << 20;
/// Largest file in it, in bytes.
pub const MAX_ENTRY: u64 = 10 << 20;
/// All files together, in bytes.
pub const MAX_TOTAL: u64 = 50 << 20;
/// How many times smaller than itself a file of more than 64 KiB may be packed.
const MAX_RATIO: u64 = 200;
/// The page API's path; the phone serves it, so that a package can't bring its own.
pub const PAGE_SCRIPT_PATH: &str = "onecity.js";

/// Why a package was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PackageError {
    #[error("the package is larger than {MAX_PACKAGE} bytes")]
    TooLarge,
    #[error("the package is not a ZIP archive that can be read: {0}")]
    NotAZip(String),
    #[error("the archive has bytes before, between or after its entries that belong to none")]
    StrayBytes,
    #[error("two entries share the same bytes")]
    Overlap,
    #[error("more than {MAX_ENTRIES} files")]
    TooManyEntries,
    #[error("{0}: a file is at most {MAX_ENTRY} bytes, and all together {MAX_TOTAL}")]
    EntryTooLarge(String),
    #[error("{0}: packed more than {MAX_RATIO} times smaller than itself")]
    Ratio(String),
    #[error("{0}: a path is relative, without . or .., backslash, colon or control characters")]
    Path(String),
    #[error("{0}: there is another entry of this name, or one that differs in case only")]
    Twin(String),
    #[error("{0}: a symbolic link")]
    Link(String),
    #[error("{0}: encrypted")]
    Encrypted(String),
    #[error("{0}: packed with something other than store or deflate")]
    Method(String),
    #[error("{0}: damaged: its checksum or size is wrong")]
    Damaged(String),
    #[error("{0} is missing")]
    Missing(String),
    #[error("{0}")]
    Manifest(#[from] ManifestError),
}

/// A package that has passed every rule.
#[derive(Clone)]
pub struct Package {
    archive: ZipArchive<Cursor<Arc<[u8]>>>,
    index: BTreeMap<String, usize>,
    manifest: Manifest,
}

impl std::fmt::Debug for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Package({} {})", self.manifest.app_id, self.manifest.version.name)
    }
}

impl Package {
    /// Reads and checks a package.
    ///
    /// # Errors
    /// Names the first rule that it breaks, and the file.
    pub fn open(bytes: Arc<[u8]>) -> Result<Self, PackageError> {
        if bytes.len() > MAX_PACKAGE {
            return Err(PackageError::TooLarge);
        }
        let end = end_of_directory(&bytes)?;
        let mut archive =
            ZipArchive::new(Cursor::new(bytes)).map_err(|error| PackageError::NotAZip(error.to_string()))?;
        if archive.len() > MAX_ENTRIES {
            return Err(PackageError::TooManyEntries);
        }
        check_layout(&mut archive, end)?;
        let index = check_entries(&mut archive)?;
        let manifest = Manifest::parse(&read_entry(&mut archive, &index, "manifest.json")?)?;
        let package = Self { archive, index, manifest };
        package.check_contents()?;
        Ok(package)
    }

    /// The checked manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The paths of all files.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.index.keys().map(String::as_str)
    }

    /// A file's bytes.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, PackageError> {
        // The archive's clone shares its bytes and its directory; it is only a place to seek.
        read_entry(&mut self.archive.clone(), &self.index, path)
    }

    fn check_contents(&self) -> Result<(), PackageError> {
        let needed = ["app.js", "app.css"].into_iter().map(str::to_owned);
        let pages = self.manifest.pages.iter().map(|page| format!("{page}.html"));
        let icons = self.manifest.icons.iter().map(|icon| icon.src.clone());
        match needed.chain(pages).chain(icons).find(|path| !self.index.contains_key(path)) {
            Some(path) => Err(PackageError::Missing(path)),
            None => Ok(()),
        }
    }
}

type Archive = ZipArchive<Cursor<Arc<[u8]>>>;

fn not_a_zip(error: impl ToString) -> PackageError {
    PackageError::NotAZip(error.to_string())
}

/// Where the directory begins, by an end record (APPNOTE §4.3.16) that must be the file's last 22 bytes: whatever
/// else a reader might find by searching backwards is not what was signed for.
fn end_of_directory(bytes: &[u8]) -> Result<u64, PackageError> {
    let record = bytes.last_chunk::<22>().ok_or_else(|| not_a_zip("shorter than an empty archive"))?;
    if !record.starts_with(b"PK\x05\x06") {
        let searchable = bytes.windows(4).any(|window| window == b"PK\x05\x06");
        return Err(if searchable { PackageError::StrayBytes } else { not_a_zip("no directory at its end") });
    }
    let field = |at: usize| u64::from(u32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]));
    let (size, start) = (field(12), field(16));
    let fits = start + size + record.len() as u64 == bytes.len() as u64 && record[20..] == [0, 0];
    if fits { Ok(start) } else { Err(PackageError::StrayBytes) }
}

/// The entries must follow each other from the first byte on, up to the directory: nothing can then hide in between,
/// and no byte belongs to two entries.
fn check_layout(archive: &mut Archive, directory: u64) -> Result<(), PackageError> {
    const LONGEST_DESCRIPTOR: u64 = 24;
    if archive.offset() != 0 || archive.central_directory_start() != directory {
        return Err(PackageError::StrayBytes);
    }
    let mut spans = Vec::with_capacity(archive.len());
    for at in 0..archive.len() {
        let entry = archive.by_index_raw(at).map_err(not_a_zip)?;
        let data = entry.data_start().ok_or(PackageError::StrayBytes)?;
        spans.push((entry.header_start(), data.saturating_add(entry.compressed_size())));
    }
    spans.sort_unstable();
    let mut expected = 0;
    for (start, end) in spans.into_iter().chain([(directory, directory)]) {
        if start < expected || end < start {
            return Err(PackageError::Overlap);
        }
        let descriptor = if expected == 0 { 0 } else { LONGEST_DESCRIPTOR };
        if start - expected > descriptor {
            return Err(PackageError::StrayBytes);
        }
        expected = end;
    }
    Ok(())
}

fn check_entries(archive: &mut Archive) -> Result<BTreeMap<String, usize>, PackageError> {
    if archive.has_duplicate_names() {
        return Err(PackageError::Twin("an entry".to_owned()));
    }
    let mut index = BTreeMap::new();
    let mut folded = HashSet::new();
    let mut total = 0_u64;
    for at in 0..archive.len() {
        let entry = archive.by_index_raw(at).map_err(not_a_zip)?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        if entry.is_dir() {
            continue;
        }
        if !is_path(&name) {
            return Err(PackageError::Path(name));
        }
        if entry.is_symlink() {
            return Err(PackageError::Link(name));
        }
        if entry.encrypted() {
            return Err(PackageError::Encrypted(name));
        }
        if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return Err(PackageError::Method(name));
        }
        total = total.saturating_add(entry.size());
        if entry.size() > MAX_ENTRY || total > MAX_TOTAL {
            return Err(PackageError::EntryTooLarge(name));
        }
        if entry.size() > 64 << 10 && entry.size() / MAX_RATIO > entry.compressed_size() {
            return Err(PackageError::Ratio(name));
        }
        if !folded.insert(name.to_lowercase()) {
            return Err(PackageError::Twin(name));
        }
        index.insert(name, at);
    }
    Ok(index)
}

/// W3C MiniApp Packaging's file names, with the decision that only a trailing dot is forbidden in a name.
fn is_path(path: &str) -> bool {
    let segment = |part: &str| {
        !part.is_empty()
            && !part.ends_with('.')
            && part.len() <= 255
            && !part.chars().any(|c| c.is_control() || "\\:*?\"<>|\u{fffd}".contains(c))
    };
    path.len() <= 1024 && path.split('/').all(segment)
}

fn read_entry(archive: &mut Archive, index: &BTreeMap<String, usize>, path: &str) -> Result<Vec<u8>, PackageError> {
    let at = *index.get(path).ok_or_else(|| PackageError::Missing(path.to_owned()))?;
    let damaged = || PackageError::Damaged(path.to_owned());
    let entry = archive.by_index(at).map_err(|_| damaged())?;
    let size = entry.size();
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(MAX_ENTRY)).unwrap_or_default());
    // One byte more than declared is enough to see that the declaration was a lie.
    entry.take(size + 1).read_to_end(&mut bytes).map_err(|_| damaged())?;
    if bytes.len() as u64 == size { Ok(bytes) } else { Err(damaged()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    const MANIFEST: &str = r#"{"app_id":"report","name":"Report","icons":[{"src":"icon.svg"}],
        "pages":["pages/index"],"platform_version":{"min_code":1},"version":{"code":1,"name":"1"},
        "onecity":{"category":"report"}}"#;

    fn files() -> Vec<(&'static str, Vec<u8>)> {
        let text = |text: &str| text.as_bytes().to_vec();
        vec![
            ("manifest.json", text(MANIFEST)),
            ("app.js", text("//")),
            ("app.css", text("/**/")),
            ("icon.svg", text("<svg/>")),
            ("pages/index.html", text("<h1>Report</h1>")),
        ]
    }

    fn archive(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, bytes) in files {
            writer.start_file(*path, SimpleFileOptions::default()).expect("a file");
            writer.write_all(bytes).expect("memory");
        }
        writer.finish().expect("an archive").into_inner()
    }

    fn refused(bytes: Vec<u8>) -> PackageError {
        Package::open(bytes.into()).expect_err("refused")
    }

    fn with(path: &'static str, bytes: Vec<u8>) -> PackageError {
        let mut files = files();
        files.push((path, bytes));
        refused(archive(&files))
    }

    #[test]
    fn a_package_serves_its_files() {
        let package = Package::open(archive(&files()).into()).expect("valid");
        assert_eq!(package.read("pages/index.html").expect("there"), b"<h1>Report</h1>");
        assert_eq!(package.read("secret"), Err(PackageError::Missing("secret".to_owned())));
        assert_eq!(package.manifest().app_id, "report");
    }

    #[test]
    fn a_path_that_leads_out_is_refused() {
        for path in ["../up", "/etc/x", "a\\b", "c:x", "a/./b", "a//b"] {
            assert!(matches!(with(path, vec![1]), PackageError::Path(_)), "{path}");
        }
    }

    #[test]
    fn a_twin_a_bomb_and_a_gap_are_refused() {
        assert!(matches!(with("APP.JS", vec![1]), PackageError::Twin(_)));
        assert!(matches!(with("bomb", vec![0; 5 << 20]), PackageError::Ratio(_)));
        let mut trailing = archive(&files());
        trailing.extend_from_slice(b"and more");
        assert_eq!(refused(trailing), PackageError::StrayBytes);
        let mut prepended = b"#!/bin/sh\n".to_vec();
        prepended.extend(archive(&files()));
        assert_eq!(refused(prepended), PackageError::StrayBytes);
    }

    #[test]
    fn what_the_manifest_names_must_be_there() {
        let without: Vec<_> = files().into_iter().filter(|(path, _)| *path != "pages/index.html").collect();
        assert_eq!(refused(archive(&without)), PackageError::Missing("pages/index.html".to_owned()));
        assert!(matches!(refused(archive(&[])), PackageError::Missing(_) | PackageError::NotAZip(_)));
        assert!(matches!(refused(b"not a zip".to_vec()), PackageError::NotAZip(_)));
    }

    #[test]
    fn no_single_flipped_byte_makes_it_panic() {
        let good = archive(&files());
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0xff;
            if let Ok(package) = Package::open(bytes.into()) {
                let paths: Vec<String> = package.paths().map(str::to_owned).collect();
                for path in paths {
                    let _ = package.read(&path);
                }
            }
        }
    }
}
