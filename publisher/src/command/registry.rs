//! The registry that a command works on: a folder, or a server; and the keys that it signs with.

use std::path::{Path, PathBuf};

use anstream::{eprintln, println};
use clap::Args;
use onecity_protocol::credential::UnixTime;
use onecity_protocol::region::UnitId;
use onecity_publisher::{
    Extent, Folder, Ingest, Ingested, KeyRing, Lifetimes, Overlay, RegistryStorage, Repository, RepositoryFiles,
    SigningKey, Web,
};

use super::terminal::{GOOD, QUIET, bar, spinner, styled};
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
    /// Sign though this machine's date does not fit the registry's.
    #[arg(long)]
    pub clock_is_right: bool,
}

impl KeyArguments {
    /// The time to sign at, if it can be right.
    pub(super) fn clock<S: RegistryStorage>(&self, repository: &Repository<S>) -> Result<UnixTime, CommandError> {
        let now = wall_clock();
        if !self.clock_is_right {
            repository.check_clock(now)?;
        }
        Ok(now)
    }

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

/// A registry whose changes stay apart until they are published.
pub(super) type Draft = Repository<Overlay<Box<dyn RegistryStorage>>>;

/// Where a registry is.
pub(super) enum Place {
    /// A folder; if it is to be written, nobody else writes to it meanwhile.
    Folder(Folder),
    /// A server's address.
    Server(String),
}

fn is_address(place: &str) -> bool {
    place.starts_with("https://") || place.starts_with("http://")
}

/// A registry's folder, for this command alone.
pub(super) fn folder_to_write(path: &Path) -> Result<Folder, CommandError> {
    let waits = || {
        eprintln!("{}: another command writes to this registry; waiting for its end", path.display());
    };
    Folder::to_write(path, waits).map_err(|error| super::file_error(path)(error.to_string()))
}

impl Place {
    /// To be read only.
    pub(super) fn to_read(place: &str) -> Self {
        if is_address(place) { Self::Server(place.to_owned()) } else { Self::Folder(Folder::new(place)) }
    }

    /// To be published to: from the reading of what is there until the end, nobody else publishes into a folder.
    pub(super) fn to_write(place: &str) -> Result<Self, CommandError> {
        if is_address(place) {
            return Ok(Self::Server(place.to_owned()));
        }
        if !Path::new(place).join("metadata").is_dir() {
            return Err(super::file_error(Path::new(place))(
                "no registry; make one with: onecity repo init".to_owned(),
            ));
        }
        Ok(Self::Folder(folder_to_write(Path::new(place))?))
    }

    /// Opens the registry, as much of it as `extent` says. A server is trusted from `root` on.
    pub(super) fn open(&self, root: Option<&Path>, extent: Extent<'_>) -> Result<Draft, CommandError> {
        let storage: Box<dyn RegistryStorage> = match self {
            Self::Server(address) => {
                let root = root.ok_or_else(|| {
                    CommandError::Usage("a server is trusted from its first root.json on: give --root FILE".to_owned())
                })?;
                let (root, spinner) = (read_file(root)?, spinner("reading the registry"));
                let told = |files: usize| spinner.set_position(files as u64);
                let files = Web::new(address)?.mirror(&root, extent, wall_clock(), &told)?;
                spinner.finish_and_clear();
                Box::new(files)
            }
            Self::Folder(folder) => Box::new(folder.clone()),
        };
        let repository = Repository::open(Overlay::new(storage))?;
        if let Some(root) = root {
            same_root(&repository, root)?;
        }
        Ok(repository)
    }

    /// Publishes signed files: into a registry's folder or at a server, either of which checks them as phones do.
    pub(super) fn publish(&self, signed: &RepositoryFiles) -> Result<(), CommandError> {
        let total = signed.values().map(|bytes| bytes.len() as u64).sum();
        let bar = bar("publishing", total, true);
        match self {
            Self::Server(address) => {
                let told = |done: u64, total: u64| {
                    bar.set_length(total);
                    bar.set_position(done);
                };
                Web::new(address)?.push(signed, &told)?;
            }
            Self::Folder(folder) => {
                let mut repository = Repository::open(folder.clone())?;
                let mut ingest = Ingest::default();
                for (path, bytes) in signed.iter().filter(|(path, _)| path.starts_with("metadata/")) {
                    if repository.storage().read(path).is_ok_and(|there| there.as_ref() == Some(bytes)) {
                        // Published before: after a break the same may be done again.
                        continue;
                    }
                    let mut taken = ingest.take(&mut repository, path, bytes.clone(), wall_clock())?;
                    while let Ingested::Wanted(wanted) = taken {
                        let Some(path) = wanted.first() else { break };
                        let missing =
                            || CommandError::Usage(format!("what was signed lists {path}, which is not in the bundle"));
                        let bytes = signed.get(path).ok_or_else(missing)?;
                        taken = ingest.take(&mut repository, path, bytes.clone(), wall_clock())?;
                        bar.inc(bytes.len() as u64);
                    }
                }
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// In a folder nothing is seen before the online keys have signed.
    pub(super) fn say_what_is_next(&self) {
        if matches!(self, Self::Folder(_)) {
            println!(
                "{}",
                styled(QUIET, "phones see it once snapshot and timestamp are signed: onecity repo timestamp")
            );
        }
    }
}

impl RegistryArguments {
    /// Opens the registry to read it.
    pub(super) fn open(&self, extent: Extent<'_>) -> Result<Draft, CommandError> {
        Place::to_read(&self.registry).open(self.root.as_deref(), extent)
    }
}

/// Writes signed files into a folder of their own, to be carried elsewhere and published from there.
pub(super) fn write_bundle(folder: &Path, signed: &RepositoryFiles) -> Result<(), CommandError> {
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CommandError::Usage(format!("{} is there already and not empty", folder.display())));
    }
    let mut storage = folder_to_write(folder)?;
    for (path, bytes) in signed {
        storage.write(path, bytes.clone()).map_err(|error| CommandError::Usage(format!("{path}: {error}")))?;
    }
    Ok(())
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
pub(super) fn signed(
    mut draft: Draft,
    keys: &KeyArguments,
) -> Result<(RepositoryFiles, Vec<(String, u64)>), CommandError> {
    let now = keys.clock(&draft)?;
    let signed = draft.sign(&keys.ring()?, now, &Lifetimes::default())?;
    Ok((draft.into_storage().into_fresh(), signed))
}

/// What a unit does to a registry: signs a change, and publishes it or keeps it to be carried there.
#[derive(Args)]
pub(super) struct ChangeArguments {
    #[command(flatten)]
    keys: KeyArguments,
    #[command(flatten)]
    registry: RegistryArguments,
    /// Writes what was signed into a folder instead of publishing it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl ChangeArguments {
    /// Changes a unit's role, as `change` does and says it.
    pub(super) fn make(
        &self,
        unit: &UnitId,
        change: impl FnOnce(&mut Draft) -> Result<String, CommandError>,
    ) -> Result<(), CommandError> {
        let RegistryArguments { registry, root } = &self.registry;
        let place = if self.out.is_some() { Place::to_read(registry) } else { Place::to_write(registry)? };
        let mut draft = place.open(root.as_deref(), Extent::Unit(unit))?;
        let said = change(&mut draft)?;
        let (fresh, _) = signed(draft, &self.keys)?;
        match &self.out {
            Some(out) => {
                write_bundle(out, &fresh)?;
                println!("signed, and not yet published: {} files in {}", fresh.len(), out.display());
            }
            None => {
                place.publish(&fresh)?;
                println!("{}", styled(GOOD, said));
                place.say_what_is_next();
            }
        }
        Ok(())
    }
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
