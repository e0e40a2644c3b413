//! `onecity pack`: a folder becomes a package, the same bytes no matter who packs it and when.

use std::path::PathBuf;

use anstream::println;
use clap::Args;
use onecity_publisher::{pack, read_folder};
use ring::digest::{SHA256, digest};

use super::check::{checked, print_text};
use super::{CommandError, file_error};

#[derive(Args)]
#[command(after_help = "Examples:\n  onecity pack report\n  onecity pack report --out /tmp/report.ma --strict")]
pub(crate) struct Arguments {
    /// The folder of a mini-service.
    folder: PathBuf,
    /// The package to write, if not APP_ID-VERSION_CODE.ma here.
    #[arg(long, value_name = "FILE.ma")]
    out: Option<PathBuf>,
    /// Warnings count as errors.
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    if !arguments.folder.is_dir() {
        return Err(file_error(&arguments.folder)("not a folder".to_owned()));
    }
    let checked = checked(&arguments.folder)?;
    let files = read_folder(&arguments.folder)?;
    let Some(manifest) = checked.manifest.as_ref().filter(|_| checked.passes(arguments.strict)) else {
        print_text(&checked, &arguments.folder.display().to_string());
        return Ok(false);
    };
    let package = pack(&files)?;
    let name = || PathBuf::from(format!("{}-{}.ma", manifest.app_id, manifest.version.code));
    let out = arguments.out.clone().unwrap_or_else(name);
    std::fs::write(&out, &package).map_err(|error| file_error(&out)(error.to_string()))?;
    println!(
        "{}: {} files, {} bytes, SHA-256 {}",
        out.display(),
        files.len(),
        package.len(),
        hex::encode(digest(&SHA256, &package))
    );
    Ok(true)
}
