//! The registry that a command works on: a folder, or a server; and the keys that it signs with.

use std::path::{Path, PathBuf};

use anstream::println;
use clap::Args;
use onecity_protocol::region::UnitId;
use onecity_publisher::{
    Extent, Folder, Ingest, Ingested, KeyRing, Lifetimes, Overlay, RegistryStorage, Repository, RepositoryFiles,
    SigningKey, Web,
};

use super::terminal::{QUIET, bar, spinner, styled};
use super::{CommandError, read_file, wall_clock};

/// Where a registry is.
#[derive(Args, Clone)]
pub(super) struct RegistryArguments {
    /// The registry: a folder, or the address of a server such as `https://registry.example/cn-sd`.
    #[arg(long, value_name = "DIR|URL")]
    pub registry: String,
    /// The registry's first root.json, which trust in a server begins with; given by the one who runs it.
    #[arg(long, value_name = "FILE")]
    pub root: Option<PathBuf>,
}

/// The keys to sign with.
#[derive(Args, Clone)]
pub(super) struct KeyArguments {
    /// A key to sign with, as `onecity key new` makes it; may be given several times.
    #[arg(long, value_name = "FILE", required = true)]
    pub key: Vec<PathBuf>,
}

impl KeyArguments {
    pub(super) fn ring(&self) -> Result<KeyRing, CommandError> {
        let passphrase = passphrase("Passphrase")?;
        let keys = self.key.iter().map(|path| read_key(path, &passphrase));
        Ok(KeyRing::new(keys.collect::<Result<Vec<_>, _>>()?))
    }
}

pub(super) fn read_key(path: &Path, passphrase: &str) -> Result<SigningKey, CommandError> {
    let pem = String::from_utf8_lossy(&read_file(path)?).into_owned();
    SigningKey::from_encrypted_pem(&pem, passphrase).map_err(|error| super::file_error(path)(error.to_string()))
}

/// From ONECITY_PASSPHRASE, or typed in without being shown.
pub(super) fn passphrase(prompt: &str) -> Result<String, CommandError> {
    if let Ok(passphrase) = std::env::var("ONECITY_PASSPHRASE") {
        return Ok(passphrase);
    }
    rpassword::prompt_password(format!("{prompt}: "))
        .map_err(|_| CommandError::Usage("there is nobody to ask for a passphrase; set ONECITY_PASSPHRASE".to_owned()))
}

/// A registry to read, whose changes stay apart until they are delivered.
pub(super) type Draft = Repository<Overlay<Box<dyn RegistryStorage>>>;

fn is_address(place: &str) -> bool {
    place.starts_with("https://") || place.starts_with("http://")
}

impl RegistryArguments {
    /// Opens the registry, as much of it as `extent` says.
    pub(super) fn open(&self, extent: Extent<'_>) -> Result<Draft, CommandError> {
        let storage: Box<dyn RegistryStorage> = if is_address(&self.registry) {
            let root = self.root.as_deref().ok_or_else(|| {
                CommandError::Usage("a server is trusted from its first root.json on: give --root FILE".to_owned())
            })?;
            let (root, spinner) = (read_file(root)?, spinner("reading the registry"));
            let told = |files: usize| spinner.set_position(files as u64);
            let files = Web::new(&self.registry)?.mirror(&root, extent, wall_clock(), &told)?;
            spinner.finish_and_clear();
            Box::new(files)
        } else {
            Box::new(Folder::new(&self.registry))
        };
        let repository = Repository::open(Overlay::new(storage))?;
        if let Some(root) = &self.root {
            same_root(&repository, root)?;
        }
        Ok(repository)
    }
}

/// Publishes signed files: into a registry's folder or at a server, either of which checks them as phones do.
pub(super) fn publish(place: &str, signed: &RepositoryFiles) -> Result<(), CommandError> {
    let total = signed.values().map(|bytes| bytes.len() as u64).sum();
    let bar = bar("publishing", total, true);
    if is_address(place) {
        let told = |done: u64, total: u64| {
            bar.set_length(total);
            bar.set_position(done);
        };
        Web::new(place)?.push(signed, &told)?;
    } else {
        let mut repository = Repository::open(Folder::new(place))?;
        let mut ingest = Ingest::default();
        for (path, bytes) in signed.iter().filter(|(path, _)| path.starts_with("metadata/")) {
            if repository.storage().read(path).is_ok_and(|there| there.as_ref() == Some(bytes)) {
                // Published before: after a break the same may be done again.
                continue;
            }
            let mut taken = ingest.take(&mut repository, path, bytes.clone())?;
            while let Ingested::Wanted(wanted) = taken {
                let Some(path) = wanted.first() else { break };
                let missing =
                    || CommandError::Usage(format!("what was signed lists {path}, which is not in the bundle"));
                let bytes = signed.get(path).ok_or_else(missing)?;
                taken = ingest.take(&mut repository, path, bytes.clone())?;
                bar.inc(bytes.len() as u64);
            }
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Writes signed files into a folder of their own, to be carried elsewhere and published from there.
pub(super) fn write_bundle(folder: &Path, signed: &RepositoryFiles) -> Result<(), CommandError> {
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CommandError::Usage(format!("{} is there already and not empty", folder.display())));
    }
    let mut storage = Folder::new(folder);
    for (path, bytes) in signed {
        storage.write(path, bytes.clone()).map_err(|error| CommandError::Usage(format!("{path}: {error}")))?;
    }
    Ok(())
}

/// In a folder nothing is seen before the online keys have signed.
pub(super) fn say_what_is_next(place: &str) {
    if !is_address(place) {
        println!("{}", styled(QUIET, "phones see it once snapshot and timestamp are signed: onecity repo timestamp"));
    }
}

/// Whether a registry begins with the root that was given by the one who runs it.
pub(super) fn same_root<S: RegistryStorage>(repository: &Repository<S>, root: &Path) -> Result<(), CommandError> {
    if read_file(root)?[..] == repository.first_root()?[..] {
        return Ok(());
    }
    let why = "the registry does not begin with this root: it is another registry, or somebody has altered it";
    Err(super::file_error(root)(why.to_owned()))
}

/// Signs a draft and answers the fresh files.
pub(super) fn signed(mut draft: Draft, ring: &KeyRing) -> Result<(RepositoryFiles, Vec<(String, u64)>), CommandError> {
    let signed = draft.sign(ring, wall_clock(), &Lifetimes::default())?;
    Ok((draft.into_storage().into_fresh(), signed))
}

/// A service, or with a version one of its releases: `cn-sd/jinan/report@3`.
#[derive(Clone)]
pub(super) struct ServiceName {
    pub unit: UnitId,
    pub app_id: String,
    pub version: Option<u64>,
}

impl std::str::FromStr for ServiceName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "a service is named as UNIT/APP_ID or UNIT/APP_ID@VERSION, for example cn-sd/jinan/report@3".to_owned();
        let (path, version) = match text.split_once('@') {
            Some((path, version)) => (path, Some(version.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let (unit, app_id) = path.rsplit_once('/').ok_or_else(wrong)?;
        let unit = unit.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { unit, app_id: app_id.to_owned(), version })
    }
}
