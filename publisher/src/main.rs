//! `onecity`: the command of a city's IT team and of a gate's vendor.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks on its standard output")]

mod command;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Check and understand the codes of OneCity's passes.
#[derive(Parser)]
#[command(name = "onecity", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Decide codes as a gate does; exit code 1 if any is refused.
    Gate(command::gate::Arguments),
    /// Explain every field of a code, or of a COSE message, in words.
    Inspect(command::inspect::Arguments),
}

/// How to print.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object for each thing that was looked at.
    Json,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Gate(arguments) => command::gate::run(arguments),
        Command::Inspect(arguments) => command::inspect::run(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("onecity: {error}");
            ExitCode::from(2)
        }
    }
}
