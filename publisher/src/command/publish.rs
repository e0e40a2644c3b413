//! `onecity sign` and `onecity publish`: a package under a unit's key, into the registry.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anstream::println;
use clap::Args;
use onecity_protocol::region::UnitId;
use onecity_publisher::{Extent, Folder, RegistryStorage, RepositoryFiles};

use super::registry::{Draft, KeyArguments, Place, RegistryArguments, signed, write_bundle};
use super::terminal::{GOOD, styled};
use super::{CommandError, read_file};

#[derive(Args)]
#[command(
    after_help = "For keys that are kept on a machine without a network: sign there over a copy of the registry, carry the\n\
bundle over, and publish it from elsewhere.\n\n\
Examples:\n  onecity sign report-2.ma --unit cn-sd/jinan --key jinan.pem --registry registry --out bundle\n  onecity publish bundle --to https://registry.example/cn-sd"
)]
pub(crate) struct SignArguments {
    /// The package, as `onecity pack` makes it.
    package: PathBuf,
    /// Who publishes it, for example cn-sd/jinan or cn-sd/jinan/~transport.
    #[arg(long)]
    unit: UnitId,
    /// Percent of phones that are offered it at first.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: u8,
    #[command(flatten)]
    keys: KeyArguments,
    #[command(flatten)]
    registry: RegistryArguments,
    /// The folder to write what was signed into.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Args)]
#[command(after_help = "What was sent before a connection broke off is not sent again.\n\n\
Examples:\n  onecity publish report-2.ma --to registry --unit cn-sd/jinan --key jinan.pem --percent 10\n  onecity publish bundle --to https://registry.example/cn-sd")]
pub(crate) struct PublishArguments {
    /// A package, or a folder that `onecity sign` wrote.
    what: PathBuf,
    /// The registry: a folder, or the address of a server.
    #[arg(long, value_name = "DIR|URL")]
    to: String,
    /// For a package: who publishes it.
    #[arg(long)]
    unit: Option<UnitId>,
    /// For a package: a key to sign with; may be given several times.
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// For a package: percent of phones that are offered it at first.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: u8,
    /// For a package and a server: the registry's first root.json.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// For a package: sign though this machine's date does not fit the registry's.
    #[arg(long)]
    clock_is_right: bool,
}

/// Signs a package as a unit's next release.
fn sign_package(
    package: &Path,
    unit: &UnitId,
    percent: u8,
    keys: &KeyArguments,
    mut draft: Draft,
) -> Result<RepositoryFiles, CommandError> {
    let path = draft.publish(unit, read_file(package)?, percent)?;
    let (fresh, roles) = signed(draft, keys)?;
    let roles: Vec<String> = roles.iter().map(|(role, version)| format!("{role} {version}")).collect();
    println!("{}: {path}, offered to {percent} % of phones", styled(GOOD, format_args!("signed {}", roles.join(", "))));
    Ok(fresh)
}

pub(crate) fn run_sign(arguments: &SignArguments) -> Result<bool, CommandError> {
    let SignArguments { package, unit, percent, keys, registry, out } = arguments;
    let fresh = sign_package(package, unit, *percent, keys, registry.open(Extent::Unit(unit))?)?;
    write_bundle(out, &fresh)?;
    println!("{} files in {}", fresh.len(), out.display());
    Ok(true)
}

pub(crate) fn run_publish(arguments: &PublishArguments) -> Result<bool, CommandError> {
    let PublishArguments { what, to, unit, key, percent, root, clock_is_right } = arguments;
    let place = Place::to_write(to)?;
    let fresh = match unit {
        _ if what.is_dir() => read_bundle(what)?,
        None => {
            return Err(CommandError::Usage(
                "a package is published by a unit: give --unit UNIT and --key FILE".to_owned(),
            ));
        }
        Some(unit) => {
            if key.is_empty() {
                return Err(CommandError::Usage("a package is signed with --key FILE".to_owned()));
            }
            let keys = KeyArguments { key: key.clone(), clock_is_right: *clock_is_right };
            sign_package(what, unit, *percent, &keys, place.open(root.as_deref(), Extent::Unit(unit))?)?
        }
    };
    place.publish(&fresh)?;
    println!("{} files published to {to}", fresh.len());
    place.say_what_is_next();
    Ok(true)
}

fn read_bundle(folder: &Path) -> Result<RepositoryFiles, CommandError> {
    let files = onecity_publisher::read_folder(folder)?;
    let bundle: RepositoryFiles = files.into_iter().map(|(path, bytes)| (path, Arc::from(bytes))).collect();
    let plain = |path: &String| path.starts_with("metadata/") || path.starts_with("targets/");
    if bundle.is_empty()
        || !bundle.keys().all(plain)
        || Folder::new(folder).metadata_names().is_ok_and(|names| names.is_empty())
    {
        return Err(CommandError::Usage(format!("{} is no bundle that `onecity sign` wrote", folder.display())));
    }
    Ok(bundle)
}
