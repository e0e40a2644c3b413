//! Makes CQ1's test vectors again: `cargo run -p onecity-tests --bin vectors`. With `--seeds FOLDER` it writes what
//! fuzzing begins with instead.

#![expect(clippy::print_stdout, reason = "a command speaks on its standard output")]

use std::path::{Path, PathBuf};

use clap::Parser;

/// Make CQ1's test vectors again.
#[derive(Parser)]
struct Cli {
    /// Write what fuzzing begins with to this folder instead.
    #[arg(long)]
    seeds: Option<PathBuf>,
}

fn main() -> std::io::Result<()> {
    if let Some(seeds) = Cli::parse().seeds {
        return onecity_tests::parsers::write_seeds(&seeds);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/cq1");
    std::fs::create_dir_all(&folder)?;
    for (name, text) in onecity_tests::vectors::files() {
        std::fs::write(folder.join(&name), &text)?;
        println!("{name}: {} bytes", text.len());
    }
    Ok(())
}
