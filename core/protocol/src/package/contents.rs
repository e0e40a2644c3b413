//! What a package's files must be among each other, whether they come from an archive or from a folder.

use std::collections::BTreeMap;

use super::{PAGE_SCRIPT_PATH, languages};
use crate::json;
use crate::limits::{ICON_BYTES, MANIFEST_BYTES};
use crate::manifest::{MANIFEST_PATH, Manifest};
use crate::names::is_language_tag;
use crate::rules::{self, Finding, Place};

/// How a file of a type begins.
enum Signature {
    /// Any text in UTF-8.
    Text,
    /// Text that holds this.
    TextWith(&'static str),
    /// One of these, at this offset.
    Bytes(usize, &'static [&'static [u8]]),
}

/// The types that a web view is served, by the ending of a name.
const TYPES: [(&str, &str, Signature); 24] = [
    ("html", "text/html; charset=utf-8", Signature::Text),
    ("js", "text/javascript; charset=utf-8", Signature::Text),
    ("mjs", "text/javascript; charset=utf-8", Signature::Text),
    ("css", "text/css; charset=utf-8", Signature::Text),
    ("json", "application/json", Signature::Text),
    ("geojson", "application/geo+json", Signature::Text),
    ("webmanifest", "application/manifest+json", Signature::Text),
    ("txt", "text/plain; charset=utf-8", Signature::Text),
    ("md", "text/plain; charset=utf-8", Signature::Text),
    ("xml", "application/xml", Signature::Text),
    ("map", "application/json", Signature::Text),
    ("svg", "image/svg+xml", Signature::TextWith("<svg")),
    ("png", "image/png", Signature::Bytes(0, &[b"\x89PNG\r\n\x1a\n"])),
    ("jpg", "image/jpeg", Signature::Bytes(0, &[b"\xff\xd8\xff"])),
    ("jpeg", "image/jpeg", Signature::Bytes(0, &[b"\xff\xd8\xff"])),
    ("gif", "image/gif", Signature::Bytes(0, &[b"GIF87a", b"GIF89a"])),
    ("webp", "image/webp", Signature::Bytes(8, &[b"WEBP"])),
    ("avif", "image/avif", Signature::Bytes(4, &[b"ftypavif", b"ftypavis"])),
    ("ico", "image/x-icon", Signature::Bytes(0, &[b"\0\0\x01\0", b"\x89PNG"])),
    ("woff2", "font/woff2", Signature::Bytes(0, &[b"wOF2"])),
    ("woff", "font/woff", Signature::Bytes(0, &[b"wOFF"])),
    ("mp3", "audio/mpeg", Signature::Bytes(0, &[b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"])),
    ("mp4", "video/mp4", Signature::Bytes(4, &[b"ftyp"])),
    ("wasm", "application/wasm", Signature::Bytes(0, &[b"\0asm"])),
];

/// How archives begin; what is in one can't be seen.
const ARCHIVES: [&[u8]; 9] = [
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\xfd7zXZ\0",
    b"BZh",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
];

fn by_ending(path: &str) -> Option<&'static (&'static str, &'static str, Signature)> {
    let ending = path.rsplit('/').next()?.rsplit_once('.')?.1.to_ascii_lowercase();
    TYPES.iter().find(|(known, _, _)| *known == ending)
}

/// The media type that a web view is told for a path.
pub fn media_type(path: &str) -> &'static str {
    by_ending(path).map_or("application/octet-stream", |(_, media_type, _)| media_type)
}

/// Everything that there is to say about the files of a package or of a folder that is to become one, and its manifest
/// if it can be read.
pub fn examine_files(files: &BTreeMap<String, Vec<u8>>) -> (Option<Manifest>, Vec<Finding>) {
    let mut findings: Vec<Finding> = files.iter().filter_map(|(path, bytes)| wrong_type(path, bytes)).collect();
    let Some(manifest) = files.get(MANIFEST_PATH) else {
        findings.push(Finding::new(&rules::MANIFEST_MISSING, MANIFEST_PATH, "not at the package's top"));
        return (None, findings);
    };
    let (manifest, said) = Manifest::examine(manifest);
    findings.extend(said);
    for path in ["app.js", "app.css"] {
        if !files.contains_key(path) {
            findings.push(Finding::new(&rules::FILE_MISSING, path, "not in the package"));
        }
    }
    if files.contains_key(PAGE_SCRIPT_PATH) {
        findings.push(Finding::new(&rules::PAGE_API, PAGE_SCRIPT_PATH, "the phone serves its own"));
    }
    for path in files.keys().filter(|path| path.starts_with("i18n/")) {
        let name = path.strip_prefix("i18n/").and_then(|name| name.strip_suffix(".json"));
        let tag = name.and_then(|name| name.rsplit('.').next());
        if !tag.is_some_and(is_language_tag) {
            findings.push(Finding::new(&rules::I18N_NAME, path, "not named by a language"));
        }
    }
    if let Some(manifest) = &manifest {
        against_manifest(manifest, files, &mut findings);
    }
    (manifest, findings)
}

fn against_manifest(manifest: &Manifest, files: &BTreeMap<String, Vec<u8>>, findings: &mut Vec<Finding>) {
    let mut say = |rule, member: String, what: String| {
        findings.push(Finding::new(rule, MANIFEST_PATH, what).at(Place::Member(member)));
    };
    let mut declared = Vec::new();
    for (file, member) in manifest.page_files() {
        if !files.contains_key(&file) {
            say(&rules::PAGE_MISSING, member, format!("{file} is not in the package"));
        }
        declared.push(file);
    }
    for (at, icon) in manifest.icons.iter().enumerate() {
        let member = format!("/icons/{at}/src");
        match files.get(&icon.src) {
            None => say(&rules::ICON_MISSING, member, format!("{} is not in the package", icon.src)),
            Some(bytes) if bytes.len() > ICON_BYTES => {
                say(&rules::ICONS, member, format!("{} bytes, of at most {ICON_BYTES}", bytes.len()));
            }
            Some(_) if !media_type(&icon.src).starts_with("image/") => {
                say(&rules::ICONS, member, format!("{} is not a picture", icon.src));
            }
            Some(_) => {}
        }
    }
    if let Some(seed) = &manifest.onecity.seed {
        let read = files.get(seed).filter(|bytes| bytes.len() <= MANIFEST_BYTES).map(|bytes| json::parse(bytes));
        if !matches!(read, Some(Ok(serde_json::Value::Object(_)))) {
            say(&rules::SEED, "/onecity/seed".to_owned(), format!("{seed} is not a JSON object of the package"));
        }
    }
    let names = &manifest.onecity.names;
    let mut wanted = languages(files);
    wanted.extend(manifest.lang.clone().filter(|_| !names.is_empty()));
    for language in wanted {
        let primary = language.split('-').next().unwrap_or(&language);
        for (member, texts) in [("names", names), ("descriptions", &manifest.onecity.descriptions)] {
            if !texts.iter().any(|(tag, _)| tag.split('-').next() == Some(primary)) {
                say(&rules::LANGUAGES, format!("/onecity/{member}"), format!("nothing in {language}"));
            }
        }
    }
    for path in files.keys().filter(|path| media_type(path).starts_with("text/html") && !declared.contains(path)) {
        findings.push(Finding::new(&rules::UNDECLARED_PAGE, path, "the manifest names no such page"));
    }
}

fn wrong_type(path: &str, bytes: &[u8]) -> Option<Finding> {
    let tar = bytes.get(257..262) == Some(b"ustar");
    if tar || ARCHIVES.iter().any(|begin| bytes.starts_with(begin)) {
        return Some(Finding::new(&rules::NESTED, path, "an archive in the archive"));
    }
    let Some((ending, media_type, signature)) = by_ending(path) else {
        return Some(Finding::new(&rules::UNKNOWN_TYPE, path, "no type that a web view knows"));
    };
    let right = match signature {
        Signature::Text => text(bytes).is_some(),
        Signature::TextWith(part) => text(bytes).is_some_and(|text| text.contains(part)),
        Signature::Bytes(at, begins) => {
            bytes.get(*at..).is_some_and(|rest| begins.iter().any(|begin| rest.starts_with(begin)))
        }
    };
    let what = || {
        format!("the name ends with .{ending}, and this is no {}", media_type.split(';').next().unwrap_or(media_type))
    };
    (!right).then(|| Finding::new(&rules::WRONG_TYPE, path, what()))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}
