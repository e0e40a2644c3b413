//! `onecity import`: an existing static web app becomes a mini-service.

use std::path::PathBuf;

use anstream::println;
use clap::Args;
use onecity_publisher::{ImportOptions, check, import, named_origins, read_folder};

use super::check::print_text;
use super::terminal::{GOOD, LOOK, styled};
use super::{CommandError, file_error, write_files};

#[derive(Args)]
#[command(after_help = "Give the folder that a build made (dist/ of Vite, build/ of others), not its sources.\n\n\
Example:\n  npm run build && onecity import dist --app-id city-map --category maps --out city-map")]
pub(crate) struct Arguments {
    /// The web app's folder.
    folder: PathBuf,
    /// The service's identifier.
    #[arg(long)]
    app_id: String,
    /// Its name, if the app's own does not do.
    #[arg(long)]
    name: Option<String>,
    /// One word that groups services.
    #[arg(long, default_value = "services")]
    category: String,
    /// An origin that its back end is at; may be given several times.
    #[arg(long, value_name = "https://HOST")]
    origin: Vec<String>,
    /// The folder to write, if not one of the app_id's name.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    let options = ImportOptions {
        app_id: arguments.app_id.clone(),
        name: arguments.name.clone(),
        category: arguments.category.clone(),
        origins: arguments.origin.clone(),
    };
    if !arguments.folder.is_dir() {
        return Err(file_error(&arguments.folder)("not a folder".to_owned()));
    }
    let imported = import(read_folder(&arguments.folder)?, &options)?;
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from(&arguments.app_id));
    write_files(&out, &imported.files)?;
    println!("{} files in {}", imported.files.len(), out.display());
    for done in &imported.done {
        println!("  {} {done}", styled(GOOD, "done"));
    }
    let origins = named_origins(&imported.files);
    for origin in &origins {
        println!(
            "  {} {origin} is named in a script: give --origin {origin} if the service asks it for something",
            styled(LOOK, "look")
        );
    }
    let checked = check(&imported.files);
    print_text(&checked, &out.display().to_string());
    Ok(checked.passes(false))
}
