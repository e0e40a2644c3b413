//! The ZIP archive, read as hostile: the `zip` crate unpacks, and what it leaves open is decided here.

use std::collections::{BTreeMap, HashSet};
use std::io::{Cursor, Read};
use std::sync::Arc;

use icu_normalizer::ComposingNormalizerBorrowed;
use zip::{CompressionMethod, ZipArchive};

use crate::limits::{FILE_BYTES, PACKAGE_BYTES, PACKAGE_FILES, PACKING_RATIO, UNPACKED_BYTES};
use crate::manifest::MANIFEST_PATH;
use crate::rules::{self, Finding};

type Zip = ZipArchive<Cursor<Arc<[u8]>>>;

/// An archive whose entries lie as they should.
#[derive(Clone)]
pub(super) struct Archive {
    zip: Zip,
    index: BTreeMap<String, usize>,
}

impl Archive {
    /// Reads the directory and checks the layout; no file is unpacked yet.
    pub(super) fn read(bytes: Arc<[u8]>) -> Result<Self, Finding> {
        if bytes.len() > PACKAGE_BYTES {
            let what = format!("{} bytes, of at most {PACKAGE_BYTES}", bytes.len());
            return Err(Finding::new(&rules::PACKAGE_SIZE, "", what));
        }
        let directory = end_of_directory(&bytes)?;
        let mut zip = ZipArchive::new(Cursor::new(Arc::clone(&bytes))).map_err(not_a_zip)?;
        if zip.has_duplicate_names() {
            return Err(Finding::new(&rules::TWIN, "", "two entries of one name"));
        }
        check_layout(&mut zip, &bytes, directory)?;
        let index = check_entries(&mut zip)?;
        Ok(Self { zip, index })
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.index.contains_key(path)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.index.keys().map(String::as_str)
    }

    /// One file, unpacked, its checksum checked.
    pub(super) fn read_file(&self, path: &str) -> Result<Vec<u8>, Finding> {
        let absent = || Finding::new(&rules::MANIFEST_MISSING, MANIFEST_PATH, "not in the package");
        let at = *self.index.get(path).ok_or_else(absent)?;
        let damaged = || Finding::new(&rules::DAMAGED, path, "its size or checksum is not the one in the directory");
        // The archive's clone shares its bytes and its directory; it is only a place to seek.
        let mut zip = self.zip.clone();
        let entry = zip.by_index(at).map_err(|_| damaged())?;
        let size = entry.size();
        let mut bytes = Vec::with_capacity(usize::try_from(size.min(FILE_BYTES)).unwrap_or_default());
        // One byte more than declared is enough to see that the declaration was a lie.
        entry.take(size + 1).read_to_end(&mut bytes).map_err(|_| damaged())?;
        if bytes.len() as u64 == size { Ok(bytes) } else { Err(damaged()) }
    }

    /// All files, unpacked; their declared sizes have been bounded before.
    pub(super) fn read_all(&self) -> Result<BTreeMap<String, Vec<u8>>, Finding> {
        self.paths().map(|path| Ok((path.to_owned(), self.read_file(path)?))).collect()
    }
}

fn not_a_zip(error: impl ToString) -> Finding {
    Finding::new(&rules::NOT_A_ZIP, "", error.to_string())
}

fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes[at..at + width].iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// Where the directory begins, by an end record (APPNOTE §4.3.16) that must be the file's last 22 bytes: whatever
/// else a reader might find by searching backwards is not what was signed for.
fn end_of_directory(bytes: &[u8]) -> Result<u64, Finding> {
    let record = bytes.last_chunk::<22>().ok_or_else(|| not_a_zip("shorter than an empty archive"))?;
    if !record.starts_with(b"PK\x05\x06") {
        let searchable = bytes.windows(4).any(|window| window == b"PK\x05\x06");
        return Err(if searchable {
            Finding::new(&rules::STRAY_BYTES, "", "bytes behind the directory")
        } else {
            not_a_zip("no directory at its end")
        });
    }
    if number(record, 4, 2) != 0 || number(record, 6, 2) != 0 || number(record, 8, 2) != number(record, 10, 2) {
        return Err(Finding::new(&rules::SPANNED, "", "a part of an archive of several files"));
    }
    if number(record, 10, 2) > PACKAGE_FILES as u64 {
        return Err(Finding::new(&rules::TOO_MANY_ENTRIES, "", format!("{} entries", number(record, 10, 2))));
    }
    let (size, start) = (number(record, 12, 4), number(record, 16, 4));
    let fits = start + size + record.len() as u64 == bytes.len() as u64 && record[20..] == [0, 0];
    if fits { Ok(start) } else { Err(Finding::new(&rules::STRAY_BYTES, "", "bytes before or behind the directory")) }
}

/// What an entry's own header says (APPNOTE §4.3.7), beside what the directory says of it.
struct LocalHeader<'a> {
    described_later: bool,
    crc: u64,
    packed: u64,
    size: u64,
    name: &'a [u8],
}

impl<'a> LocalHeader<'a> {
    const LENGTH: usize = 30;

    fn read(bytes: &'a [u8], start: u64) -> Option<Self> {
        let header = bytes.get(usize::try_from(start).ok()?..)?;
        if header.len() < Self::LENGTH || !header.starts_with(b"PK\x03\x04") {
            return None;
        }
        let name = Self::LENGTH..Self::LENGTH + usize::try_from(number(header, 26, 2)).ok()?;
        Some(Self {
            described_later: number(header, 6, 2) & 8 != 0,
            crc: number(header, 14, 4),
            packed: number(header, 18, 4),
            size: number(header, 22, 4),
            name: header.get(name)?,
        })
    }
}

/// The entries must follow each other from the first byte on, in the order of the directory and up to it: nothing can
/// then hide in between, and no byte belongs to two entries. Behind an entry may stand its descriptor (§4.3.9), if its
/// header says so, and it must say what the directory says.
fn check_layout(zip: &mut Zip, bytes: &[u8], directory: u64) -> Result<(), Finding> {
    if zip.offset() != 0 || zip.central_directory_start() != directory {
        return Err(Finding::new(&rules::STRAY_BYTES, "", "bytes before the first entry or behind the last"));
    }
    let mut expected = 0;
    for at in 0..zip.len() {
        let entry = zip.by_index_raw(at).map_err(not_a_zip)?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let refuse = |rule, what: &str| Err(Finding::new(rule, &name, what));
        let start = entry.header_start();
        if start != expected {
            return if start > expected {
                refuse(&rules::STRAY_BYTES, "bytes before this entry that belong to none")
            } else if at > 0 && entry.data_start().is_some_and(|data| data + entry.compressed_size() <= expected) {
                refuse(&rules::OUT_OF_ORDER, "this entry stands elsewhere than the directory's order says")
            } else {
                refuse(&rules::OVERLAP, "this entry begins within another")
            };
        }
        let Some(header) = LocalHeader::read(bytes, start) else {
            return refuse(&rules::OUT_OF_ORDER, "there is no entry where the directory says");
        };
        let (crc, packed, size) = (u64::from(entry.crc32()), entry.compressed_size(), entry.size());
        let told = (header.crc, header.packed, header.size);
        if header.name != entry.name_raw() || (!header.described_later && told != (crc, packed, size)) {
            return refuse(&rules::OUT_OF_ORDER, "the entry itself says another name or size than the directory");
        }
        let data = entry.data_start().unwrap_or(u64::MAX);
        let end = data.saturating_add(packed);
        if end > directory {
            return refuse(&rules::OVERLAP, "this entry reaches into the directory");
        }
        expected = end + if header.described_later { descriptor(bytes, end, [crc, packed, size]) } else { 0 };
    }
    match expected.cmp(&directory) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => {
            Err(Finding::new(&rules::STRAY_BYTES, "", "bytes between the last entry and the directory"))
        }
        std::cmp::Ordering::Greater => {
            Err(Finding::new(&rules::OVERLAP, "", "the last entry reaches into the directory"))
        }
    }
}

/// The length of a descriptor that says what the directory says; 0 if there is none.
fn descriptor(bytes: &[u8], end: u64, told: [u64; 3]) -> u64 {
    let Some(rest) = usize::try_from(end).ok().and_then(|end| bytes.get(end..)) else { return 0 };
    let signed: u64 = if rest.starts_with(b"PK\x07\x08") { 4 } else { 0 };
    let fields = rest.get(usize::try_from(signed).unwrap_or_default()..).unwrap_or_default();
    let says = fields.len() >= 12 && [0, 4, 8].map(|at| number(fields, at, 4)) == told;
    if says { signed + 12 } else { 0 }
}

fn check_entries(zip: &mut Zip) -> Result<BTreeMap<String, usize>, Finding> {
    let mut index = BTreeMap::new();
    let mut folded = HashSet::new();
    let mut total = 0_u64;
    for at in 0..zip.len() {
        let entry = zip.by_index_raw(at).map_err(not_a_zip)?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let refuse = |rule, what: &str| Err(Finding::new(rule, &name, what));
        let path = name.strip_suffix('/').filter(|_| entry.is_dir()).unwrap_or(&name);
        if !is_path(path) {
            return refuse(&rules::PATH, "not a name that every phone can have");
        }
        if entry.is_symlink() {
            return refuse(&rules::LINK, "a symbolic link");
        }
        if entry.is_dir() {
            if entry.size() > 0 {
                return refuse(&rules::STRAY_BYTES, "a folder with bytes of its own");
            }
            continue;
        }
        if entry.encrypted() {
            return refuse(&rules::ENCRYPTED, "encrypted");
        }
        if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return refuse(&rules::METHOD, "packed with something other than store or deflate");
        }
        total = total.saturating_add(entry.size());
        if entry.size() > FILE_BYTES || total > UNPACKED_BYTES {
            return refuse(&rules::ENTRY_SIZE, &format!("{} bytes; {total} with all before it", entry.size()));
        }
        if entry.size() > 64 << 10 && entry.size() / PACKING_RATIO > entry.compressed_size() {
            return refuse(&rules::RATIO, &format!("{} bytes packed into {}", entry.size(), entry.compressed_size()));
        }
        if !folded.insert(fold(&name)) {
            return refuse(&rules::TWIN, "another file's name, but for case or Unicode normalization");
        }
        index.insert(name, at);
    }
    Ok(index)
}

/// What file systems that fold case and normalize make of a name.
fn fold(name: &str) -> String {
    let normalizer = ComposingNormalizerBorrowed::new_nfkc();
    let lower: String = normalizer.normalize(name).chars().flat_map(char::to_lowercase).collect();
    normalizer.normalize(&lower).into_owned()
}

/// W3C MiniApp Packaging's file names, with the decision that only a trailing dot is forbidden in a name.
pub(super) fn is_path(path: &str) -> bool {
    let segment = |part: &str| {
        !part.is_empty()
            && !part.ends_with('.')
            && part.len() <= 255
            && !part.chars().any(|c| c.is_control() || "\\:*?\"<>|\u{fffd}".contains(c))
    };
    path.len() <= 1024 && path.split('/').all(segment)
}
