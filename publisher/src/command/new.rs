//! `onecity new`: a working mini-service to start from.

use std::path::PathBuf;

use anstream::println;
use clap::{Args, ValueEnum};
use onecity_publisher::Template;

use super::terminal::{QUIET, styled};
use super::{CommandError, write_files};

/// What to start from.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Pages to read.
    Pages,
    /// A form that is kept until the city has it, with or without a network.
    Form,
    /// A pass with a code to show at a gate.
    Pass,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  onecity new opening-hours\n  onecity new ask-us --template form --name 'Ask the city'"
)]
pub(crate) struct Arguments {
    /// The service's app_id, which is also its folder's name.
    app_id: String,
    /// What to start from.
    #[arg(long, value_enum, default_value = "pages")]
    template: Kind,
    /// Its name.
    #[arg(long)]
    name: Option<String>,
    /// The folder to make, if not one of the app_id's name.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    let template = match arguments.template {
        Kind::Pages => Template::Pages,
        Kind::Form => Template::Form,
        Kind::Pass => Template::Pass,
    };
    let files = template.files(&arguments.app_id, arguments.name.as_deref()).ok_or_else(|| {
        CommandError::Usage(
            "an app_id is 1 to 64 letters, digits, dots, hyphens or underscores and begins with a letter".to_owned(),
        )
    })?;
    let folder = arguments.dir.clone().unwrap_or_else(|| PathBuf::from(&arguments.app_id));
    write_files(&folder, &files)?;
    println!("{} files in {}", files.len(), folder.display());
    println!(
        "{}",
        styled(QUIET, format_args!("next: change the words in i18n/, then: onecity check {}", folder.display()))
    );
    Ok(true)
}
