//! `onecity key`: a publisher's keys.

use std::path::PathBuf;

use anstream::println;
use clap::{Args, Subcommand};
use onecity_publisher::{SigningKey, write_secret};

use super::registry::{passphrase, read_key};
use super::terminal::{QUIET, styled};
use super::{CommandError, file_error};

#[derive(Args)]
#[command(after_help = "A key is encrypted under a passphrase: it is asked for, or taken from ONECITY_PASSPHRASE.\n\n\
Examples:\n  onecity key new jinan.pem\n  onecity key public jinan.pem > jinan.pub.pem\n\n\
To rotate: make a new key, send its public half to the one who delegates to you (onecity repo delegate), sign with the new\n\
key from the moment they have published that, and destroy the old one.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make a P-256 key.
    New {
        /// The file to write.
        file: PathBuf,
    },
    /// Print a key's public half, to be given to the one who delegates.
    Public {
        /// The key's file.
        file: PathBuf,
    },
    /// Write a key again under another passphrase (ONECITY_NEW_PASSPHRASE, or typed in).
    Passphrase {
        /// The key's file.
        file: PathBuf,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    match &arguments.what {
        What::New { file } => {
            let key = SigningKey::generate()?;
            let pem = key.to_encrypted_pem(&passphrase("New passphrase")?)?;
            write_secret(file, &pem).map_err(|error| file_error(file)(error.to_string()))?;
            println!("{}: key {}", file.display(), key.public().id());
            println!("{}", styled(QUIET, "keep a copy apart; nobody can make it again"));
        }
        What::Public { file } => {
            let key = read_key(file, &passphrase("Passphrase")?)?;
            anstream::print!("{}", key.public().pem());
        }
        What::Passphrase { file } => {
            let key = read_key(file, &passphrase("Old passphrase")?)?;
            let new = match std::env::var("ONECITY_NEW_PASSPHRASE") {
                Ok(new) => new,
                Err(_) => rpassword::prompt_password("New passphrase: ").map_err(|_| {
                    CommandError::Usage(
                        "there is nobody to ask for the new passphrase; set ONECITY_NEW_PASSPHRASE".to_owned(),
                    )
                })?,
            };
            let pem = key.to_encrypted_pem(&new)?;
            let fresh = file.with_extension("new");
            let moved = write_secret(&fresh, &pem).and_then(|()| std::fs::rename(&fresh, file));
            moved.map_err(|error| file_error(file)(error.to_string()))?;
            println!("{}: under its new passphrase", file.display());
        }
    }
    Ok(true)
}
