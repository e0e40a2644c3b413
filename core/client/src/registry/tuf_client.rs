//! The phone's updater for any TUF repository and a folder: what `examples/tuf_client` runs.
//! A command has nothing else to do meanwhile: its folder is read and written where the call stands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use onecity_protocol::credential::UnixTime;
use onecity_protocol::trust::{HashedFile, TrustedRepository, metadata_name};
use onecity_store::KeptMetadata;

use super::updater::{MetadataStorage, Updater};
use crate::device::http::{Network, Outgoing};
use crate::device::{Http, Timeouts};
use crate::error::Error;
use crate::platform::Clock;

/// Largest target that is downloaded, in bytes.
const MAX_TARGET: u64 = 64 << 20;

/// A folder that holds each role's metadata under its own name: `root.json`, `timestamp.json`, …
#[derive(Debug, Clone)]
pub struct MetadataFolder(PathBuf);

impl MetadataFolder {
    /// This folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Puts the root there that trust begins with.
    pub fn init(&self, root: &[u8]) -> Result<(), Error> {
        TrustedRepository::from_root(root)?;
        std::fs::create_dir_all(&self.0).map_err(Error::internal)?;
        self.write("root", root)
    }

    fn file(&self, role: &str) -> PathBuf {
        self.0.join(format!("{}.json", metadata_name(role)))
    }

    fn write(&self, role: &str, bytes: &[u8]) -> Result<(), Error> {
        let (file, fresh) = (self.file(role), self.file(&format!("{role}.part")));
        std::fs::write(&fresh, bytes).and_then(|()| std::fs::rename(&fresh, file)).map_err(Error::internal)
    }

    fn read(&self, role: &str) -> Result<Option<Vec<u8>>, Error> {
        match std::fs::read(self.file(role)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::internal(error)),
        }
    }
}

/// The version that metadata say they are, which verification holds them to.
fn version_of(bytes: &[u8]) -> u64 {
    let file: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    file["signed"]["version"].as_u64().unwrap_or_default()
}

impl MetadataStorage for MetadataFolder {
    async fn load(&mut self) -> Result<Vec<KeptMetadata>, Error> {
        let entries = std::fs::read_dir(&self.0).map_err(Error::internal)?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let files = names.filter_map(|name| Some((percent_decoded(name.strip_suffix(".json")?)?, name)));
        let kept = files.filter_map(|(role, name)| {
            let bytes = std::fs::read(self.0.join(name)).ok()?;
            Some(KeptMetadata { version: version_of(&bytes), role, bytes })
        });
        Ok(kept.collect())
    }

    async fn keep(&mut self, kept: &KeptMetadata) -> Result<(), Error> {
        self.write(&kept.role, &kept.bytes)
    }

    async fn keep_root(&mut self, kept: &KeptMetadata, new_keys: bool) -> Result<(), Error> {
        if new_keys {
            for role in ["timestamp", "snapshot"] {
                let _ = std::fs::remove_file(self.file(role));
            }
        }
        self.write("root", &kept.bytes)
    }
}

fn percent_decoded(name: &str) -> Option<String> {
    let mut parts = name.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

/// A TUF client (The Update Framework 1.0 §5) over a folder.
pub struct TufClient {
    http: Http,
    folder: MetadataFolder,
    metadata_url: String,
    now: UnixTime,
}

impl TufClient {
    /// For a repository's metadata, as of the time of a clock. Plain HTTP is allowed to this very machine alone.
    pub fn new(folder: MetadataFolder, metadata_url: &str, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        crate::device::install_providers();
        let now = clock.wall() / 1000;
        let http = Http::new(true, Arc::new(Network::new(true, None, Timeouts::default())?));
        Ok(Self { http, folder, metadata_url: metadata_url.to_owned(), now })
    }

    async fn update(&self) -> Result<Updater<'_, MetadataFolder>, Error> {
        let root =
            self.folder.read("root")?.ok_or_else(|| Error::invalid("metadata", "there is no root.json: init"))?;
        let folder = self.folder.clone();
        let mut updater = Updater::begin(&self.http, &self.metadata_url, &root, folder, self.now).await?;
        updater.refresh().await?;
        Ok(updater)
    }

    /// Brings the folder's top-level metadata up to date.
    pub async fn refresh(&self) -> Result<(), Error> {
        self.update().await.map(drop)
    }

    /// Downloads targets into a folder, as of one update, those that are not there already. A file is named after the whole
    /// target path.
    pub async fn download(&self, paths: &[String], base_url: &str, folder: &Path) -> Result<(), Error> {
        let mut updater = self.update().await?;
        for path in paths {
            let target =
                updater.find(path).await?.ok_or_else(|| Error::invalid("target", "the repository does not list it"))?;
            let file = folder.join(metadata_name(path));
            if std::fs::read(&file).is_ok_and(|bytes| target.check(&bytes).is_ok()) {
                continue;
            }
            let served = target.served_as(updater.trusted().is_consistent());
            let url = format!("{}/{served}", base_url.trim_end_matches('/'));
            let bytes = self.fetch(&url, &target).await?;
            std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, bytes)).map_err(Error::internal)?;
        }
        Ok(())
    }

    async fn fetch(&self, url: &str, target: &HashedFile) -> Result<Vec<u8>, Error> {
        if target.length() > MAX_TARGET {
            return Err(Error::invalid("target", format!("larger than {MAX_TARGET} bytes")));
        }
        let limit = usize::try_from(target.length()).map_err(Error::internal)?;
        let (bytes, outcome) = self.http.download(Outgoing::get(self.http.url(url)?).limit(limit), Vec::new()).await;
        let status = outcome?;
        if !status.is_success() {
            return Err(Error::network(format!("the repository answered {}", status.as_u16())));
        }
        target.check(&bytes)?;
        Ok(bytes)
    }
}
