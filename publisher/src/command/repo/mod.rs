//! `onecity repo`: a registry, for the one who runs it.

mod announce;
mod status;

use std::path::{Path, PathBuf};

use anstream::println;
use clap::{Args, Subcommand};
use onecity_protocol::credential::TrustList;
use onecity_protocol::identity_provider::IdentityProvider;
use onecity_protocol::region::{RegionFile, RegionId, UnitId};
use onecity_protocol::trust::{
    ANNOUNCEMENT_TARGET, Announcement, PLACES_TARGET, PROVIDERS_TARGET, REGIONS_TARGET, RepositoryEntry,
    TRUST_LIST_TARGET, TrustedRepository,
};
use onecity_publisher::{
    Folder, Holders, KeyRing, Lifetimes, PublicKey, Repair, Repository, SigningKey, Web, write_secret, write_whole,
};
use serde_json::Value;

use super::registry::{KeyArguments, folder_to_write, passphrase, same_root};
use super::terminal::{BAD, GOOD, QUIET, styled};
use super::{CommandError, file_error, read_file, wall_clock};
use crate::Format;

#[derive(Args)]
#[command(
    after_help = "A registry is static files: put the folder behind any web server or into any object store. All but\n\
metadata/timestamp.json may be cached for ever.\n\n\
Examples:\n  onecity repo init registry --region cn-sd --keys keys\n  onecity repo delegate registry cn-sd/jinan jinan.pub.pem --key keys/targets.pem\n  \
onecity repo timestamp registry --key keys/snapshot.pem --key keys/timestamp.pem\n  onecity repo status registry"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make a registry with fresh keys.
    Init {
        /// The registry's folder.
        folder: PathBuf,
        /// Its first-level region or nation.
        #[arg(long)]
        region: RegionId,
        /// The folder to write the keys into.
        #[arg(long, value_name = "DIR")]
        keys: PathBuf,
        /// How many keys hold the root, each to be given to another person.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=20))]
        root_keys: u8,
        /// How many of them must sign together.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=20))]
        threshold: u8,
    },
    /// List a file of the registry's own: regions.json, trust.json; for a nation places.json, providers.json, and the first root of
    /// each first-level region's registry.
    Add {
        /// The registry's folder.
        folder: PathBuf,
        /// Its path, for example cn-sd/regions.json, or cn/cn-sd/root.json.
        path: String,
        /// The file.
        file: PathBuf,
        /// For a first-level region's root: where that region's registry is, for example `https://registry.example/cn-sd`.
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        #[command(flatten)]
        keys: KeyArguments,
    },
    /// Tell all residents that services do not work for now, or that their app must be updated first; or that it is over.
    Announce {
        /// The registry's folder.
        folder: PathBuf,
        #[command(flatten)]
        what: announce::Arguments,
        #[command(flatten)]
        keys: KeyArguments,
    },
    /// Give a unit a role with keys of its own, give it other keys, or take the role away.
    Delegate {
        /// The registry's folder.
        folder: PathBuf,
        /// The unit, for example cn-sd/jinan, cn-sd/jinan/~transport or cn-sd/~jiaodong.
        unit: UnitId,
        /// The unit's public keys, as `onecity key public` prints them.
        #[arg(required_unless_present = "withdraw")]
        public: Vec<PathBuf>,
        /// How many of them must sign together.
        #[arg(long, default_value_t = 1)]
        threshold: usize,
        /// Take the role away; what it published is no longer offered.
        #[arg(long, conflicts_with = "public")]
        withdraw: bool,
        #[command(flatten)]
        keys: KeyArguments,
    },
    /// Give root, targets, snapshot or timestamp other keys: a new root, signed by the old root's keys and its own.
    Rotate {
        /// The registry's folder.
        folder: PathBuf,
        /// root, targets, snapshot or timestamp.
        role: String,
        /// All public keys that the role is to have.
        #[arg(long = "to", required = true, value_name = "FILE")]
        public: Vec<PathBuf>,
        /// How many of them must sign together, if not as many as now.
        #[arg(long)]
        threshold: Option<usize>,
        #[command(flatten)]
        keys: KeyArguments,
    },
    /// Take in what units have signed, and sign snapshot and timestamp; run it at every publication and every day.
    Timestamp {
        /// The registry's folder.
        folder: PathBuf,
        #[command(flatten)]
        keys: KeyArguments,
    },
    /// Make a registry whole again after a copy that broke off, a full disk, or writers that did not wait for each other.
    Repair {
        /// The registry's folder.
        folder: PathBuf,
        #[command(flatten)]
        keys: KeyArguments,
    },
    /// Who holds what, what ends when, what is wrong; exit code 1 if something is.
    Status {
        /// The registry's folder.
        folder: PathBuf,
        /// Say so if something ends within this many days.
        #[arg(long, default_value_t = 7)]
        days: i64,
        /// How to print.
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

/// The registry's first root as it is kept beside its keys.
const FIRST_ROOT: &str = "first-root.json";

fn open(folder: &Path) -> Result<Repository<Folder>, CommandError> {
    Ok(Repository::open(Folder::new(folder))?)
}

/// The same before something is signed: it must be the registry that the keys were made for, if that stands beside them.
fn open_to_sign(folder: &Path, keys: &KeyArguments) -> Result<Repository<Folder>, CommandError> {
    // Read under the lock: what is signed lies over what nobody else can be about to replace.
    let repository = Repository::open(existing_to_write(folder)?)?;
    same_first_root(&repository, keys)?;
    Ok(repository)
}

fn existing_to_write(folder: &Path) -> Result<Folder, CommandError> {
    if !folder.join("metadata").is_dir() {
        return Err(file_error(folder)("no registry; make one with: onecity repo init".to_owned()));
    }
    folder_to_write(folder)
}

fn same_first_root(repository: &Repository<Folder>, keys: &KeyArguments) -> Result<(), CommandError> {
    let kept = keys.key.iter().map(|key| key.with_file_name(FIRST_ROOT)).filter(|root| root.exists());
    kept.into_iter().try_for_each(|root| same_root(repository, &root))
}

/// A file that every phone reads must be what its path says, to the very code that reads it on a phone. Answers what the
/// registry says beside it.
fn check_own_file(region: &RegionId, path: &str, url: Option<&str>, bytes: &[u8]) -> Result<Option<Value>, String> {
    let own = path.strip_prefix(region.as_str()).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    if url.is_some() && !own.ends_with("/root.json") {
        return Err("only a first-level region's root.json has a --url".to_owned());
    }
    match own {
        REGIONS_TARGET => RegionFile::parse(bytes, region).map(drop).map_err(|error| error.to_string())?,
        PLACES_TARGET => RegionFile::parse_places(bytes, region).map(drop).map_err(|error| error.to_string())?,
        TRUST_LIST_TARGET => TrustList::parse(bytes).map(drop).map_err(|error| error.to_string())?,
        ANNOUNCEMENT_TARGET => Announcement::parse(bytes).map(drop).map_err(|error| error.to_string())?,
        PROVIDERS_TARGET => IdentityProvider::parse_list(bytes).map(drop).map_err(|error| error.to_string())?,
        other => {
            let first = other.strip_suffix("/root.json").and_then(|first| first.parse::<RegionId>().ok());
            let first = first.filter(|first| first.parent().as_ref() == Some(region) && first != region);
            let Some(first) = first.filter(|first| first.first_level().as_ref() == Some(first)) else {
                return Err(format!(
                    "{path} is no file of this registry: it lists {region}/{REGIONS_TARGET}, {region}/{TRUST_LIST_TARGET}, \
                     {region}/{PLACES_TARGET}, {region}/{PROVIDERS_TARGET}, {region}/{ANNOUNCEMENT_TARGET}, and a nation lists \
                     {region}/FIRST-LEVEL-REGION/root.json"
                ));
            };
            let root = TrustedRepository::from_root(bytes).map_err(|error| error.to_string())?;
            if root.root_version() != 1 {
                return Err("not the first root: phones begin with metadata/1.root.json".to_owned());
            }
            let url = url.ok_or("say where that registry is: --url URL")?;
            Web::new(url).map_err(|error| error.to_string())?;
            let entry = RepositoryEntry { region: first, url: url.trim_end_matches('/').to_owned() };
            return serde_json::to_value(entry).map(Some).map_err(|error| error.to_string());
        }
    }
    Ok(None)
}

fn public_keys(files: &[PathBuf]) -> Result<Vec<PublicKey>, CommandError> {
    let read = |file: &PathBuf| {
        let pem = String::from_utf8_lossy(&read_file(file)?).into_owned();
        PublicKey::from_pem(&pem).map_err(|error| file_error(file)(error.to_string()))
    };
    files.iter().map(read).collect()
}

/// Signs what has changed; answers whether snapshot and timestamp were signed, too.
fn sign(mut repository: Repository<Folder>, keys: &KeyArguments) -> Result<bool, CommandError> {
    let now = keys.clock(&repository)?;
    let signed = repository.sign(&keys.ring()?, now, &Lifetimes::default())?;
    if signed.is_empty() {
        return Ok(false);
    }
    let roles: Vec<String> = signed.iter().map(|(role, version)| format!("{role} {version}")).collect();
    println!("{}", styled(GOOD, format_args!("signed {}", roles.join(", "))));
    let online = signed.iter().any(|(role, _)| role == "timestamp");
    if !online {
        println!("{}", styled(QUIET, "phones see it once snapshot and timestamp are signed: onecity repo timestamp"));
    }
    Ok(online)
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    match &arguments.what {
        What::Init { folder, region, keys, root_keys, threshold } => {
            init(folder, region, keys, *root_keys, *threshold)?
        }
        What::Add { folder, path, file, url, keys } => {
            let mut repository = open_to_sign(folder, keys)?;
            let bytes = read_file(file)?;
            let custom = check_own_file(repository.id(), path, url.as_deref(), &bytes).map_err(file_error(file))?;
            repository.add_target(path, bytes, custom)?;
            sign(repository, keys)?;
        }
        What::Announce { folder, what, keys } => {
            let mut repository = open_to_sign(folder, keys)?;
            println!("{}", announce::run(&mut repository, what)?);
            sign(repository, keys)?;
        }
        What::Delegate { folder, unit, public, threshold, withdraw, keys } => {
            let mut repository = open_to_sign(folder, keys)?;
            let parent = if *withdraw {
                repository.withdraw_delegate(unit)?
            } else {
                repository.delegate(unit, &public_keys(public)?, *threshold)?
            };
            println!("{parent} {} {unit}", if *withdraw { "no longer delegates to" } else { "delegates to" });
            sign(repository, keys)?;
        }
        What::Rotate { folder, role, public, threshold, keys } => {
            let mut repository = open_to_sign(folder, keys)?;
            let (public, now) = (public_keys(public)?, keys.clock(&repository)?);
            let threshold = threshold.or_else(|| repository.threshold(role)).unwrap_or(1);
            let version = repository.rotate(role, &public, threshold, &keys.ring()?, now, &Lifetimes::default())?;
            println!(
                "{}",
                styled(
                    GOOD,
                    format_args!("root {version}: {role} has {} keys, {threshold} of which sign", public.len())
                )
            );
            println!(
                "{}",
                styled(QUIET, "phones follow once snapshot and timestamp are signed: onecity repo timestamp")
            );
        }
        What::Timestamp { folder, keys } => {
            if !sign(open_to_sign(folder, keys)?, keys)? {
                let why = "the keys given may not sign snapshot and timestamp both; nothing was signed";
                return Err(CommandError::Usage(why.to_owned()));
            }
        }
        What::Repair { folder, keys } => return repair(folder, keys),
        What::Status { folder, days, format } => return status::run(&mut open(folder)?, *days, *format),
    }
    Ok(true)
}

fn repair(folder: &Path, keys: &KeyArguments) -> Result<bool, CommandError> {
    let lifetimes = Lifetimes::default();
    let (repository, repair) =
        Repository::repair(existing_to_write(folder)?, &keys.ring()?, wall_clock(), &lifetimes, |repository| {
            same_first_root(repository, keys)
        })?;
    let Repair { signed_again, removed, missing } = &repair;
    for path in removed {
        println!("{path}: signed by nobody who may; moved to {}/removed", folder.display());
    }
    for path in missing {
        println!("{}", styled(BAD, format_args!("{path} is listed and not there: its unit publishes it again")));
    }
    match signed_again {
        Some(version) => println!("{}", styled(GOOD, format_args!("signed snapshot {version}, timestamp {version}"))),
        None => println!("snapshot and timestamp of {} fit together", repository.id()),
    }
    Ok(missing.is_empty())
}

fn init(folder: &Path, region: &RegionId, keys: &Path, root_keys: u8, threshold: u8) -> Result<(), CommandError> {
    if region.first_level().as_ref() != Some(region) && region.parent().is_some() {
        return Err(CommandError::Usage(format!("{region} has no registry of its own: its first-level region does")));
    }
    if folder.join("metadata").exists() {
        return Err(CommandError::Usage(format!("{} is a registry already", folder.display())));
    }
    let passphrase = passphrase("New passphrase for all keys")?;
    std::fs::create_dir_all(keys).map_err(|error| file_error(keys)(error.to_string()))?;
    let mut ring = KeyRing::default();
    let mut make = |name: &str| -> Result<PublicKey, CommandError> {
        let (key, file) = (SigningKey::generate()?, keys.join(format!("{name}.pem")));
        let pem = key.to_encrypted_pem(&passphrase)?;
        write_secret(&file, &pem).map_err(|error| file_error(&file)(error.to_string()))?;
        let public = key.public().clone();
        ring.add(key);
        Ok(public)
    };
    let root = (1..=root_keys).map(|at| make(&format!("root-{at}"))).collect::<Result<_, _>>()?;
    let holders = Holders {
        root,
        root_threshold: usize::from(threshold),
        targets: make("targets")?,
        snapshot: make("snapshot")?,
        timestamp: make("timestamp")?,
    };
    let storage = folder_to_write(folder)?;
    let mut repository =
        Repository::create(region.clone(), storage, &holders, &ring, wall_clock(), &Lifetimes::default())?;
    repository.sign(&ring, wall_clock(), &Lifetimes::default())?;
    println!("{}: the registry of {region}", folder.display());
    // Beside the keys stands what they are for: a folder that somebody has altered is then known.
    let root = keys.join(FIRST_ROOT);
    write_whole(&root, &repository.first_root()?).map_err(|error| file_error(&root)(error.to_string()))?;
    println!("{}: {} keys under one passphrase, and {FIRST_ROOT}", keys.display(), root_keys + 3);
    println!(
        "{}",
        styled(QUIET, "give each root key to another person, keep them offline; phones trust metadata/1.root.json")
    );
    Ok(())
}
