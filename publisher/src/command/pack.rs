//! `onecity pack`: a folder becomes a package, the same bytes no matter who packs it and when.

use std::path::{Path, PathBuf};

use anstream::println;
use clap::Args;
use onecity_publisher::{pack, read_folder, write_whole};
use ring::digest::{SHA256, digest};

use super::check::{checked_files, print_text};
use super::{CommandError, file_error};

#[derive(Args)]
#[command(after_help = "Examples:\n  onecity pack report\n  onecity pack report --out /tmp/report.ma --strict")]
pub(crate) struct Arguments {
    /// The folder of a mini-service.
    folder: PathBuf,
    /// The package to write, if not APP_ID-VERSION_CODE.ma here; it never lies in the folder itself.
    #[arg(long, value_name = "FILE.ma")]
    out: Option<PathBuf>,
    /// Warnings count as errors.
    #[arg(long)]
    strict: bool,
}

/// Whether a file that is to be written lies in a folder or below it.
fn lies_in(file: &Path, folder: &Path) -> bool {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let place = parent.canonicalize().and_then(|parent| Ok((parent, folder.canonicalize()?)));
    place.is_ok_and(|(parent, folder)| parent.starts_with(folder))
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    if !arguments.folder.is_dir() {
        return Err(file_error(&arguments.folder)("not a folder".to_owned()));
    }
    // Read once: what was checked is what is packed, whatever an editor saves meanwhile.
    let files = read_folder(&arguments.folder)?;
    let package = pack(&files)?;
    let checked = checked_files(&files, &package);
    let Some(manifest) = checked.manifest.as_ref().filter(|_| checked.passes(arguments.strict)) else {
        print_text(&checked, &arguments.folder.display().to_string());
        return Ok(false);
    };
    let name = PathBuf::from(format!("{}-{}.ma", manifest.app_id, manifest.version.code));
    let out = match &arguments.out {
        Some(out) if lies_in(out, &arguments.folder) => {
            let why = "inside the folder it would be packed itself the next time; write it elsewhere with --out";
            return Err(file_error(out)(why.to_owned()));
        }
        Some(out) => out.clone(),
        // In the folder itself, as with `onecity pack .`: beside it.
        None if lies_in(&name, &arguments.folder) => arguments.folder.join("..").join(name),
        None => name,
    };
    write_whole(&out, &package).map_err(|error| file_error(&out)(error.to_string()))?;
    println!(
        "{}: {} files, {} bytes, SHA-256 {}",
        out.display(),
        files.len(),
        package.len(),
        hex::encode(digest(&SHA256, &package))
    );
    Ok(true)
}
