//! The package of a mini-service: a ZIP after the W3C MiniApp Packaging draft, read as hostile input.
//!
//! ```text
//!   bytes ── archive ──> entries that lie as they should ── manifest, contents ──> Package
//!            (OC001–OC016)                                  (OC017, OC1xx, OC2xx)
//! ```
//!
//! A [`Package`] exists only if no rule of severity error is broken; what it then serves are the bytes of its files.

mod archive;
mod contents;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use archive::Archive;
pub use contents::{examine_files, media_type};

use crate::manifest::{MANIFEST_PATH, Manifest};
use crate::rules::{self, Finding};

/// The page API's path; the phone serves it, so that a package can't bring its own.
pub const PAGE_SCRIPT_PATH: &str = "onecity.js";
/// The media type of a package.
pub const PACKAGE_TYPE: &str = "application/miniapp-pkg+zip";

/// A package that has passed every rule.
#[derive(Clone)]
pub struct Package {
    archive: Archive,
    manifest: Manifest,
}

impl std::fmt::Debug for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Package({} {})", self.manifest.app_id, self.manifest.version.name)
    }
}

impl Package {
    /// Reads and checks a package: each byte of it.
    ///
    /// # Errors
    /// The first rule of severity error that it breaks, with the file.
    pub fn open(bytes: Arc<[u8]>) -> Result<Self, Finding> {
        let archive = Archive::read(bytes)?;
        let files = archive.read_all()?;
        let (manifest, findings) = examine_files(&files);
        match (manifest, findings.into_iter().find(Finding::refuses)) {
            (Some(manifest), None) => Ok(Self { archive, manifest }),
            (_, Some(refusal)) => Err(refusal),
            (None, None) => Err(Finding::new(&rules::MANIFEST_MISSING, MANIFEST_PATH, "not in the package")),
        }
    }

    /// Opens a package again whose bytes, by their hash, are those that [`Package::open`] has passed before: its
    /// layout and manifest are read, its files only when they are asked for.
    pub fn reopen(bytes: Arc<[u8]>) -> Result<Self, Finding> {
        let archive = Archive::read(bytes)?;
        let manifest = Manifest::parse(&archive.read_file(MANIFEST_PATH)?)?;
        Ok(Self { archive, manifest })
    }

    /// Everything that there is to say about a package: what can be said once its archive can be read, else why it
    /// can't.
    pub fn examine(bytes: Arc<[u8]>) -> Vec<Finding> {
        match Archive::read(bytes).and_then(|archive| archive.read_all()) {
            Ok(files) => examine_files(&files).1,
            Err(refusal) => vec![refusal],
        }
    }

    /// The checked manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The paths of all files.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.archive.paths()
    }

    /// A file's bytes; none if there is no such file.
    ///
    /// # Errors
    /// [`rules::DAMAGED`], which a package that was opened in full does not show.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Finding> {
        if !self.archive.has(path) {
            return Ok(None);
        }
        self.archive.read_file(path).map(Some)
    }
}

/// The languages that a package has texts in, by the files of its `i18n` folder.
pub fn languages(files: &BTreeMap<String, Vec<u8>>) -> BTreeSet<String> {
    let named = files.keys().filter_map(|path| path.strip_prefix("i18n/")?.strip_suffix(".json"));
    // `shared.zh.json` is Chinese, too.
    named.filter_map(|name| name.rsplit('.').next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;
    use std::io::{Cursor, Write};
    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

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
        archive_with(files, SimpleFileOptions::default())
    }

    fn archive_with(files: &[(&str, Vec<u8>)], options: SimpleFileOptions) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, bytes) in files {
            writer.start_file(*path, options).expect("a file");
            writer.write_all(bytes).expect("memory");
        }
        writer.finish().expect("an archive").into_inner()
    }

    /// The rule by which a package is refused.
    fn refused(bytes: Vec<u8>) -> &'static str {
        Package::open(bytes.into()).expect_err("refused").rule.name
    }

    fn with(path: &'static str, bytes: Vec<u8>) -> &'static str {
        let mut files = files();
        files.push((path, bytes));
        refused(archive(&files))
    }

    /// The archive with the bytes at each place of `found` replaced.
    fn altered(bytes: &[u8], found: &[u8], other: &[u8]) -> Vec<u8> {
        assert_eq!(found.len(), other.len());
        let mut bytes = bytes.to_vec();
        let places: Vec<usize> = (0..bytes.len() - found.len()).filter(|at| bytes[*at..].starts_with(found)).collect();
        assert!(!places.is_empty());
        places.into_iter().for_each(|at| bytes[at..at + found.len()].copy_from_slice(other));
        bytes
    }

    /// The place of the end record, and of the directory that it names.
    fn directory(bytes: &[u8]) -> (usize, usize) {
        let end = bytes.len() - 22;
        (end, u32::from_le_bytes(bytes[end + 16..end + 20].try_into().expect("four")) as usize)
    }

    #[test]
    fn a_package_serves_its_files() {
        let bytes: Arc<[u8]> = archive(&files()).into();
        for package in [Package::open(Arc::clone(&bytes)), Package::reopen(bytes)] {
            let package = package.expect("valid");
            assert_eq!(package.read("pages/index.html").expect("whole").as_deref(), Some(&b"<h1>Report</h1>"[..]));
            assert_eq!(package.read("secret"), Ok(None));
            assert_eq!(package.manifest().app_id, "report");
        }
    }

    #[test]
    fn a_path_that_leads_out_is_refused() {
        for path in ["../up", "/etc/x", "a\\b", "c:x", "a/./b", "a//b", "con.", "tab\t"] {
            assert_eq!(with(path, vec![1]), "path", "{path}");
        }
    }

    #[test]
    fn twins_by_case_and_by_normalization_are_refused() {
        assert_eq!(with("APP.JS", vec![b' ']), "twin");
        let mut files = files();
        files.push(("caf\u{e9}.js", vec![b' ']));
        files.push(("cafe\u{301}.js", vec![b' ']));
        assert_eq!(refused(archive(&files)), "twin");
    }

    #[test]
    fn two_entries_of_one_name_are_refused() {
        let mut files = files();
        files.push(("two.js", vec![b' ']));
        files.push(("owt.js", vec![b' ']));
        assert_eq!(refused(altered(&archive(&files), b"owt.js", b"two.js")), "twin");
    }

    #[test]
    fn bombs_are_refused_before_they_are_unpacked() {
        assert_eq!(with("bomb.txt", vec![b'0'; 5 << 20]), "ratio");
        assert_eq!(with("big.txt", vec![b'0'; 11 << 20]), "entry-size");
        assert_eq!(with("inner.txt", archive(&files())), "nested-archive");
        assert_eq!(with("inner.js", vec![0x1f, 0x8b, 8, 0]), "nested-archive");
        assert_eq!(refused(vec![0; limits::PACKAGE_BYTES + 1]), "package-size");
        let names: Vec<String> = (0..=limits::PACKAGE_FILES).map(|at| format!("{at}.txt")).collect();
        let many: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), Vec::new())).collect();
        assert_eq!(refused(archive(&many)), "too-many-entries");
    }

    #[test]
    fn bytes_that_belong_to_no_entry_are_refused() {
        let good = archive(&files());
        assert_eq!(refused([good.clone(), b"and more".to_vec()].concat()), "stray-bytes");
        assert_eq!(refused([b"#!/bin/sh\n".to_vec(), good.clone()].concat()), "stray-bytes");
        let mut gap = good.clone();
        let (end, start) = directory(&good);
        gap.splice(start..start, *b"hidden");
        gap[end + 6 + 16..end + 6 + 20].copy_from_slice(&u32::try_from(start + 6).expect("small").to_le_bytes());
        assert_eq!(refused(gap), "stray-bytes");
    }

    #[test]
    fn entries_that_overlap_or_stand_out_of_order_are_refused() {
        let good = archive(&files());
        let (_, start) = directory(&good);
        // The second entry of the directory is made to begin where the first one does.
        let first = 46 + "manifest.json".len();
        let mut shared = good.clone();
        shared[start + first + 42..start + first + 46].copy_from_slice(&[0; 4]);
        assert!(matches!(refused(shared), "overlap" | "out-of-order"));
        // The directory names the files in another order.
        let second = first + 46 + "app.js".len();
        let mut swapped = good.clone();
        swapped[start..start + second].rotate_left(first);
        assert!(matches!(refused(swapped), "out-of-order" | "stray-bytes"));
        // The entry itself has another name.
        let mut renamed = good;
        let at = renamed.windows(6).position(|window| window == b"app.js").expect("there");
        renamed[at] = b'b';
        assert_eq!(refused(renamed), "out-of-order");
    }

    #[test]
    fn encrypted_spanned_and_otherwise_packed_archives_are_refused() {
        let good = archive(&files());
        let (end, start) = directory(&good);
        let mut encrypted = good.clone();
        (encrypted[6], encrypted[start + 8]) = (encrypted[6] | 1, encrypted[start + 8] | 1);
        assert_eq!(refused(encrypted), "encrypted");
        let mut spanned = good.clone();
        spanned[end + 4] = 1;
        assert_eq!(refused(spanned), "spanned");
        let mut method = good;
        (method[8], method[start + 10]) = (14, 14);
        assert_eq!(refused(method), "method");
    }

    #[test]
    fn a_wrong_checksum_is_found_when_the_package_is_opened() {
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let good = archive_with(&files(), stored);
        Package::open(good.clone().into()).expect("valid");
        assert_eq!(refused(altered(&good, b"<h1>Report</h1>", b"<h1>Rapport</h>")), "damaged");
    }

    #[test]
    fn a_link_and_a_wrong_type_are_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("passwd.txt", "/etc/passwd", SimpleFileOptions::default()).expect("a link");
        assert_eq!(refused(writer.finish().expect("an archive").into_inner()), "link");
        assert_eq!(with("logo.png", b"<script>".to_vec()), "wrong-type");
        assert_eq!(with("text.js", vec![0xff, 0xfe]), "wrong-type");
    }

    #[test]
    fn an_archive_that_was_streamed_is_read() {
        // Anyone who packs into a pipe writes an entry's sizes behind it (APPNOTE §4.3.9).
        let mut stream = ZipWriter::new_stream(Vec::new());
        for (path, bytes) in files() {
            stream.start_file(path, SimpleFileOptions::default()).expect("a file");
            stream.write_all(&bytes).expect("memory");
        }
        let bytes = stream.finish().expect("an archive").into_inner();
        Package::open(bytes.into()).expect("valid");
    }

    #[test]
    fn what_the_manifest_names_must_be_there_and_nothing_that_it_does_not() {
        let without = |gone: &str| {
            let kept: Vec<_> = files().into_iter().filter(|(path, _)| *path != gone).collect();
            refused(archive(&kept))
        };
        assert_eq!(without("pages/index.html"), "page-missing");
        assert_eq!(without("icon.svg"), "icon-missing");
        assert_eq!(without("app.css"), "file-missing");
        assert_eq!(without("manifest.json"), "manifest-missing");
        assert_eq!(with("pages/old.html", b"<p>".to_vec()), "undeclared-page");
        assert_eq!(with("onecity.js", b"//".to_vec()), "page-api");
        assert_eq!(refused(b"not a zip".to_vec()), "not-a-zip");
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
