//! Generates the Kotlin, Swift and Python faces of `onecity-bindings` from its built library. A crate of its own, so
//! that what it needs does not rebuild the core. The library must not be stripped: the faces are read from it.

use camino::Utf8PathBuf;
use clap::{Parser, ValueEnum};
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate};

/// Generate a language's face of the core from the built library.
#[derive(Parser)]
struct Cli {
    /// The language.
    #[arg(long, value_enum)]
    language: Language,
    /// The folder to write to.
    #[arg(long)]
    out: Utf8PathBuf,
    /// The built library, for example target/release/libonecity_bindings.so
    library: Utf8PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Kotlin,
    Swift,
    Python,
}

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    let language = match cli.language {
        Language::Kotlin => TargetLanguage::Kotlin,
        Language::Swift => TargetLanguage::Swift,
        Language::Python => TargetLanguage::Python,
    };
    let options = GenerateOptions {
        languages: vec![language],
        source: cli.library,
        out_dir: cli.out,
        crate_filter: Some("onecity_bindings".to_owned()),
        ..GenerateOptions::default()
    };
    match generate(options) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "a command says why it failed")]
            {
                eprintln!("{error:#}");
            }
            std::process::ExitCode::FAILURE
        }
    }
}
