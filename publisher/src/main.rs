//! `onecity`: the command of a city's IT team, of the one who runs a registry, and of a gate's vendor.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks on its standard output")]

mod command;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

/// Publish a city's mini-services, and check the codes of its passes.
#[derive(Parser)]
#[command(
    name = "onecity",
    version,
    after_help = "From nothing to a published service:\n  onecity new report --template form\n  onecity check report\n  \
onecity pack report\n  onecity key new jinan.pem\n  onecity publish report-1.ma --to registry --unit cn-sd/jinan --key jinan.pem\n\n\
docs/publishing.md goes through all of it."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a working mini-service to start from.
    New(command::new::Arguments),
    /// Check a folder or a package against every rule.
    Check(command::check::Arguments),
    /// Make a package of a folder: the same bytes no matter who does it.
    Pack(command::pack::Arguments),
    /// Make a mini-service of an existing static web app.
    Import(command::import::Arguments),
    /// Make and show a publisher's keys.
    Key(command::key::Arguments),
    /// Ask thousands of synthetic phones what a release would do.
    Rehearse(command::rehearse::Arguments),
    /// Sign a package as a unit's next release, to be published from elsewhere.
    Sign(command::publish::SignArguments),
    /// Publish a package, or what was signed elsewhere.
    Publish(command::publish::PublishArguments),
    /// Change who is offered a release: percent, pause, invite, withdraw, go back.
    Rollout(command::rollout::Arguments),
    /// Take a service down at once, in all its versions; or lift that.
    Takedown(command::takedown::Arguments),
    /// Show who published what, verified.
    Log(command::log::Arguments),
    /// Run a registry: init, delegate, rotate, timestamp, status.
    Repo(command::repo::Arguments),
    /// Decide codes as a gate does; exit code 1 if any is refused.
    Gate(command::gate::Arguments),
    /// Explain every field of a code, or of a COSE message, in words.
    Inspect(command::inspect::Arguments),
    /// Print completions for a shell, to be sourced or put where it looks for them.
    #[command(after_help = "Example:\n  onecity completions bash > /etc/bash_completion.d/onecity")]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
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
        Command::New(arguments) => command::new::run(&arguments),
        Command::Check(arguments) => command::check::run(&arguments),
        Command::Pack(arguments) => command::pack::run(&arguments),
        Command::Import(arguments) => command::import::run(&arguments),
        Command::Key(arguments) => command::key::run(&arguments),
        Command::Rehearse(arguments) => command::rehearse::run(&arguments),
        Command::Sign(arguments) => command::publish::run_sign(&arguments),
        Command::Publish(arguments) => command::publish::run_publish(&arguments),
        Command::Rollout(arguments) => command::rollout::run(&arguments),
        Command::Takedown(arguments) => command::takedown::run(&arguments),
        Command::Log(arguments) => command::log::run(&arguments),
        Command::Repo(arguments) => command::repo::run(&arguments),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "onecity", &mut std::io::stdout());
            Ok(true)
        }
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
