//! Generates the Kotlin, Swift and Python faces of `onecity-bindings` from its built library, and lists what they hold. A
//! crate of its own, so that what it needs does not rebuild the core. The library must not be stripped: the faces are read
//! from it. It works in any folder: how the faces are named is built in.

mod api;
mod config;
mod python;

use anyhow::Result;
use camino::Utf8PathBuf;
use clap::{Parser, Subcommand, ValueEnum};
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate_with_bindgen_paths};

use config::BuiltIn;

/// Generate a language's face of the core from the built library, or list what it holds.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Generate a language's face.
    Generate {
        /// The language.
        #[arg(long, value_enum)]
        language: Language,
        /// The folder to write to.
        #[arg(long)]
        out: Utf8PathBuf,
        /// The built library, for example target/release/libonecity_bindings.so
        library: Utf8PathBuf,
    },
    /// List everything that another language can use, one line each: what a change of it would break.
    Api {
        /// The built library.
        library: Utf8PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Kotlin,
    Swift,
    Python,
}

fn main() -> std::process::ExitCode {
    let outcome = match Cli::parse().act {
        Act::Generate { language, out, library } => generate(language, out, library),
        Act::Api { library } => list(&library),
    };
    match outcome {
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

fn generate(language: Language, out: Utf8PathBuf, library: Utf8PathBuf) -> Result<()> {
    let (target, folder) = match language {
        Language::Kotlin => (TargetLanguage::Kotlin, out.clone()),
        Language::Swift => (TargetLanguage::Swift, out.clone()),
        Language::Python => (TargetLanguage::Python, out.join(python::PACKAGE)),
    };
    let built_in = BuiltIn::new()?;
    let options =
        GenerateOptions { languages: vec![target], source: library, out_dir: folder, ..GenerateOptions::default() };
    generate_with_bindgen_paths(options, built_in.paths())?;
    if let Language::Python = language {
        python::complete(&out)?;
    }
    Ok(())
}

fn list(library: &camino::Utf8Path) -> Result<()> {
    let built_in = BuiltIn::new()?;
    let listed = api::list(library, built_in.paths())?;
    #[expect(clippy::print_stdout, reason = "a command that lists")]
    {
        print!("{listed}");
    }
    Ok(())
}
