//! Where a repository's files are: in memory, in a folder, or in a folder with fresh files laid over it.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;

/// Files by their path below the repository's URL.
pub type RepositoryFiles = BTreeMap<String, Arc<[u8]>>;

/// Somewhere to read and write a repository's files.
pub trait RegistryStorage {
    /// A file; none if it is not there.
    fn read(&self, path: &str) -> io::Result<Option<Arc<[u8]>>>;
    /// Writes a file, whole or not at all.
    fn write(&mut self, path: &str, bytes: Arc<[u8]>) -> io::Result<()>;
    /// The names of the files below `metadata/`.
    fn metadata_names(&self) -> io::Result<Vec<String>>;
    /// Whether a file is there.
    fn has(&self, path: &str) -> io::Result<bool> {
        Ok(self.read(path)?.is_some())
    }
}

impl RegistryStorage for RepositoryFiles {
    fn read(&self, path: &str) -> io::Result<Option<Arc<[u8]>>> {
        Ok(self.get(path).cloned())
    }

    fn write(&mut self, path: &str, bytes: Arc<[u8]>) -> io::Result<()> {
        self.insert(path.to_owned(), bytes);
        Ok(())
    }

    fn metadata_names(&self) -> io::Result<Vec<String>> {
        Ok(self.keys().filter_map(|path| path.strip_prefix("metadata/")).map(str::to_owned).collect())
    }
}

impl RegistryStorage for Box<dyn RegistryStorage> {
    fn read(&self, path: &str) -> io::Result<Option<Arc<[u8]>>> {
        (**self).read(path)
    }
    fn write(&mut self, path: &str, bytes: Arc<[u8]>) -> io::Result<()> {
        (**self).write(path, bytes)
    }
    fn metadata_names(&self) -> io::Result<Vec<String>> {
        (**self).metadata_names()
    }
    fn has(&self, path: &str) -> io::Result<bool> {
        (**self).has(path)
    }
}

/// A folder. One that is written to is locked for as long as this is held: two publishers at once would each sign over
/// what the other is about to replace.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    lock: Option<Arc<File>>,
}

/// The file that is locked. Web servers may serve it: it is empty.
const LOCK: &str = ".lock";

impl Folder {
    /// This folder, to be read.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), lock: None }
    }

    /// This folder, to be read and written by nobody else meanwhile; it is made if it is not there. `waits` is called
    /// if somebody else is writing, before their end is waited for.
    pub fn to_write(path: impl Into<PathBuf>, waits: impl FnOnce()) -> io::Result<Self> {
        let path = path.into();
        std::fs::create_dir_all(&path)?;
        let file = File::options().create(true).truncate(false).write(true).open(path.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waits();
                file.lock()?;
            }
            // Some network folders know no locks. What is written once is still created by one only.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self { path, lock: Some(Arc::new(file)) })
    }

    /// Moves a file that nothing may name out of the way, to `removed/`.
    pub(crate) fn remove(&mut self, path: &str) -> io::Result<()> {
        let aside = self.writable(&format!("removed/{path}"))?;
        std::fs::create_dir_all(aside.parent().unwrap_or(Path::new(".")))?;
        std::fs::rename(self.place(path)?, aside)
    }

    fn writable(&self, path: &str) -> io::Result<PathBuf> {
        if self.lock.is_none() {
            return Err(io::Error::new(ErrorKind::PermissionDenied, format!("{} is only read", self.path.display())));
        }
        self.place(path)
    }

    fn place(&self, path: &str) -> io::Result<PathBuf> {
        let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0', ':']);
        if !path.split('/').all(plain) {
            return Err(io::Error::new(ErrorKind::InvalidInput, format!("{path} is no path of a repository")));
        }
        Ok(self.path.join(path))
    }
}

impl RegistryStorage for Folder {
    fn read(&self, path: &str) -> io::Result<Option<Arc<[u8]>>> {
        match std::fs::read(self.place(path)?) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, path: &str, bytes: Arc<[u8]>) -> io::Result<()> {
        let place = self.writable(path)?;
        // A web server that reads meanwhile sees the old file or the new one.
        let file = complete_file(place.parent().unwrap_or(Path::new(".")), &bytes)?;
        if path == "metadata/timestamp.json" {
            return file.persist(place).map(drop).map_err(|error| error.error);
        }
        // Written once: caches have it, and a snapshot may name it.
        match file.persist_noclobber(&place) {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
                if std::fs::read(&place)?[..] == bytes[..] {
                    return Ok(());
                }
                let why = format!("{path} is there already with other content; start again on what is published now");
                Err(io::Error::new(ErrorKind::AlreadyExists, why))
            }
            Err(error) => Err(error.error),
        }
    }

    fn metadata_names(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.path.join("metadata")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter(|name| !name.starts_with('.')).collect())
    }

    fn has(&self, path: &str) -> io::Result<bool> {
        Ok(self.place(path)?.is_file())
    }
}

/// Writes a file that others may read, whole or not at all: a full disk leaves what was there before.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    complete_file(folder, bytes)?.persist(path).map(drop).map_err(|error| error.error)
}

/// A file under a passing name, with all its bytes on the disk.
fn complete_file(folder: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    std::fs::create_dir_all(folder)?;
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    #[cfg(unix)]
    std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    Ok(file)
}

/// What is written stays apart from what was there: a release that is signed and not yet published.
pub struct Overlay<S> {
    below: S,
    fresh: RepositoryFiles,
}

impl<S: RegistryStorage> Overlay<S> {
    /// Over a repository.
    pub fn new(below: S) -> Self {
        Self { below, fresh: RepositoryFiles::new() }
    }

    /// What was written.
    pub fn into_fresh(self) -> RepositoryFiles {
        self.fresh
    }
}

impl<S: RegistryStorage> RegistryStorage for Overlay<S> {
    fn read(&self, path: &str) -> io::Result<Option<Arc<[u8]>>> {
        match self.fresh.get(path) {
            Some(bytes) => Ok(Some(Arc::clone(bytes))),
            None => self.below.read(path),
        }
    }

    fn write(&mut self, path: &str, bytes: Arc<[u8]>) -> io::Result<()> {
        self.fresh.write(path, bytes)
    }

    fn metadata_names(&self) -> io::Result<Vec<String>> {
        let mut names = self.below.metadata_names()?;
        names.extend(self.fresh.metadata_names()?);
        Ok(names)
    }

    fn has(&self, path: &str) -> io::Result<bool> {
        Ok(self.fresh.contains_key(path) || self.below.has(path)?)
    }
}
