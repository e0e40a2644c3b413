//! `onecity repo`: a registry, for the one who runs it.

mod status;

use std::path::PathBuf;

use anstream::println;
use clap::{Args, Subcommand};
use onecity_protocol::credential::TrustList;
use onecity_protocol::json;
use onecity_protocol::region::{RegionFile, RegionId, UnitId};
use onecity_protocol::trust::{PROVIDERS_TARGET, REGIONS_TARGET, TRUST_LIST_TARGET};
use onecity_publisher::{Folder, Holders, KeyRing, Lifetimes, PublicKey, Repository, SigningKey, write_secret};

use super::registry::{KeyArguments, passphrase, same_root};
use super::terminal::{GOOD, QUIET, styled};
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
    /// List a file of the registry's own: regions.json, trust.json, providers.json.
    Add {
        /// The registry's folder.
        folder: PathBuf,
        /// Its path, for example cn-sd/regions.json.
        path: String,
        /// The file.
        file: PathBuf,
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

fn open(folder: &PathBuf) -> Result<Repository<Folder>, CommandError> {
    Ok(Repository::open(Folder::new(folder))?)
}

/// The same before something is signed: it must be the registry that the keys were made for, if that stands beside them.
fn open_to_sign(folder: &PathBuf, keys: &KeyArguments) -> Result<Repository<Folder>, CommandError> {
    let repository = open(folder)?;
    for root in keys.key.iter().map(|key| key.with_file_name(FIRST_ROOT)).filter(|root| root.exists()) {
        same_root(&repository, &root)?;
    }
    Ok(repository)
}

/// Files that every phone reads must be what they are called.
fn check_own_file(region: &RegionId, path: &str, bytes: &[u8]) -> Result<(), String> {
    match path.rsplit('/').next().unwrap_or_default() {
        REGIONS_TARGET => RegionFile::parse(bytes, region).map(drop).map_err(|error| error.to_string()),
        TRUST_LIST_TARGET => TrustList::parse(bytes).map(drop).map_err(|error| error.to_string()),
        PROVIDERS_TARGET => json::check(bytes).map_err(|error| error.to_string()),
        name => {
            Err(format!("{name} is no file of a registry: {REGIONS_TARGET}, {TRUST_LIST_TARGET} or {PROVIDERS_TARGET}"))
        }
    }
}

fn public_keys(files: &[PathBuf]) -> Result<Vec<PublicKey>, CommandError> {
    let read = |file: &PathBuf| {
        let pem = String::from_utf8_lossy(&read_file(file)?).into_owned();
        PublicKey::from_pem(&pem).map_err(|error| file_error(file)(error.to_string()))
    };
    files.iter().map(read).collect()
}

/// Signs what has changed; answers whether snapshot and timestamp were signed, too.
fn sign(mut repository: Repository<Folder>, ring: &KeyRing) -> Result<bool, CommandError> {
    let signed = repository.sign(ring, wall_clock(), &Lifetimes::default())?;
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
        What::Add { folder, path, file, keys } => {
            let mut repository = open_to_sign(folder, keys)?;
            let own = path.strip_prefix(repository.id().as_str()).is_some_and(|rest| rest.starts_with('/'));
            if !own {
                return Err(CommandError::Usage(format!("its path begins with {}/", repository.id())));
            }
            let bytes = read_file(file)?;
            check_own_file(repository.id(), path, &bytes).map_err(file_error(file))?;
            repository.add_target(path, bytes, None)?;
            sign(repository, &keys.ring()?)?;
        }
        What::Delegate { folder, unit, public, threshold, withdraw, keys } => {
            let mut repository = open_to_sign(folder, keys)?;
            let parent = if *withdraw {
                repository.withdraw_delegate(unit)?
            } else {
                repository.delegate(unit, &public_keys(public)?, *threshold)?
            };
            println!("{parent} {} {unit}", if *withdraw { "no longer delegates to" } else { "delegates to" });
            sign(repository, &keys.ring()?)?;
        }
        What::Rotate { folder, role, public, threshold, keys } => {
            let mut repository = open_to_sign(folder, keys)?;
            let (public, ring) = (public_keys(public)?, keys.ring()?);
            let threshold = threshold.or_else(|| repository.threshold(role)).unwrap_or(1);
            let version = repository.rotate(role, &public, threshold, &ring, wall_clock(), &Lifetimes::default())?;
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
            if !sign(open_to_sign(folder, keys)?, &keys.ring()?)? {
                let why = "the keys given may not sign snapshot and timestamp both; nothing was signed";
                return Err(CommandError::Usage(why.to_owned()));
            }
        }
        What::Status { folder, days, format } => return status::run(&mut open(folder)?, *days, *format),
    }
    Ok(true)
}

fn init(folder: &PathBuf, region: &RegionId, keys: &PathBuf, root_keys: u8, threshold: u8) -> Result<(), CommandError> {
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
    let storage = Folder::new(folder);
    let mut repository =
        Repository::create(region.clone(), storage, &holders, &ring, wall_clock(), &Lifetimes::default())?;
    repository.sign(&ring, wall_clock(), &Lifetimes::default())?;
    println!("{}: the registry of {region}", folder.display());
    // Beside the keys stands what they are for: a folder that somebody has altered is then known.
    let root = keys.join(FIRST_ROOT);
    std::fs::write(&root, repository.first_root()?).map_err(|error| file_error(&root)(error.to_string()))?;
    println!("{}: {} keys under one passphrase, and {FIRST_ROOT}", keys.display(), root_keys + 3);
    println!(
        "{}",
        styled(QUIET, "give each root key to another person, keep them offline; phones trust metadata/1.root.json")
    );
    Ok(())
}
