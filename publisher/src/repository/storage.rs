//! Where a repository's files are: in memory, in a folder, or in a folder with fresh files laid over it.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// A folder.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// This folder; it is made when the first file is written.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    fn place(&self, path: &str) -> io::Result<PathBuf> {
        let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0', ':']);
        if !path.split('/').all(plain) {
            return Err(io::Error::new(ErrorKind::InvalidInput, format!("{path} is no path of a repository")));
        }
        Ok(self.0.join(path))
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
        let place = self.place(path)?;
        let folder = place.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        if path != "metadata/timestamp.json"
            && let Ok(there) = std::fs::read(&place)
        {
            // Written once: caches have it, and a snapshot may name it.
            let other = || format!("{path} is there already with other content; start again on what is published now");
            return if there[..] == bytes[..] {
                Ok(())
            } else {
                Err(io::Error::new(ErrorKind::AlreadyExists, other()))
            };
        }
        // A web server that reads meanwhile sees the old file or the new one.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        #[cfg(unix)]
        std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        file.persist(place).map_err(|error| error.error)?;
        Ok(())
    }

    fn metadata_names(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.0.join("metadata")) {
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
