//! The command line that the public TUF conformance suite drives, through the very code by which a phone follows the
//! registry. Exit code 0 if the command did what it says, else 1.
//!
//! ```text
//! tuf_client --metadata-dir DIR init ROOT.json
//! tuf_client --metadata-dir DIR --metadata-url URL refresh
//! tuf_client --metadata-dir DIR --metadata-url URL --target-name PATH… --target-base-url URL --target-dir DIR download
//! ```

#![expect(clippy::print_stderr, reason = "a command says what went wrong")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use onecity_core::platform::software;
use onecity_core::{Error, MetadataFolder, TufClient};

#[derive(Parser)]
struct Cli {
    /// Where trusted metadata are kept.
    #[arg(long)]
    metadata_dir: PathBuf,
    /// Where the repository's metadata are.
    #[arg(long, default_value = "")]
    metadata_url: String,
    /// A target path to download; may be given several times, for one client that downloads them all.
    #[arg(long)]
    target_name: Vec<String>,
    /// Where the repository's targets are.
    #[arg(long, default_value = "")]
    target_base_url: String,
    /// Where to put what was downloaded.
    #[arg(long, default_value = ".")]
    target_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Begin to trust a root.
    Init {
        /// The root's file.
        trusted_root: PathBuf,
    },
    /// Update the top-level metadata.
    Refresh,
    /// Download a target.
    Download,
}

async fn run(cli: Cli) -> Result<(), Error> {
    let folder = MetadataFolder::new(&cli.metadata_dir);
    let clock = std::sync::Arc::new(software::MachineClock::default());
    let client = || TufClient::new(MetadataFolder::new(&cli.metadata_dir), &cli.metadata_url, clock.clone());
    match &cli.command {
        Command::Init { trusted_root } => {
            let root = std::fs::read(trusted_root);
            folder.init(&root.map_err(|error| Error::Internal { what: error.to_string() })?)
        }
        Command::Refresh => client()?.refresh().await,
        Command::Download if cli.target_name.is_empty() => {
            Err(Error::Internal { what: "name what to download: --target-name PATH".to_owned() })
        }
        Command::Download => client()?.download(&cli.target_name, &cli.target_base_url, &cli.target_dir).await,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tuf_client: {error}");
            ExitCode::FAILURE
        }
    }
}
