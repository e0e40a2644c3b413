//! The command: serve the world, take a phone through the whole journey, or control a server that runs.

#![expect(clippy::print_stderr, reason = "a command speaks on its standard error")]

mod control;

use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use mock_server::journey::{self, Failed, Row, Step, Summary, Under};
use mock_server::soak::{self, SoakOptions};
use mock_server::{Capsule, Preset, Server, Settings, Tls, WorldError, WorldOptions, replay};
use tracing_subscriber::EnvFilter;

use control::{Control, Target};

/// The whole world of OneCity on one machine: identity providers, registry, issuers, city back ends and phones.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:\n  mock-server                      serve the world on port 8787\n  mock-server --port 0             serve it on a free port\n  mock-server journey              one phone through every city, step by step\n  mock-server journey --format json\n  mock-server journey --of hotline a service, from the phone to the city and back\n  mock-server --config world.toml  serve it as a file says, also when that is changed\n  mock-server fault flaky-metro    let something go wrong at the server that runs\n  mock-server clock --jump 1h      let an hour pass there\n  mock-server journal              see what arrived there\n  mock-server capsule > bug.json   all that happened there, as one file\n  mock-server replay bug.json      let it happen again\n  mock-server soak --phones 100 --minutes 10"
)]
struct Cli {
    /// The port on 127.0.0.1; 0 for a free one. Without it, 8787, or the one that the state is of.
    #[arg(long)]
    port: Option<u16>,
    /// Lets phones in the same network open the browser phone, too. Everybody in that network can then use the whole world.
    #[arg(long)]
    network: bool,
    /// The same seed gives the same personas, ids, step order and decisions; keys and signatures are always fresh.
    #[arg(long, default_value_t = 1, global = true)]
    seed: u64,
    /// Something to go wrong from the start; may be given several times.
    #[arg(long = "fault", value_enum, global = true)]
    faults: Vec<Preset>,
    /// Lets the one who holds a key publish as a unit: UNIT=FILE with the public key, as `onecity key public` prints it.
    #[arg(long = "entrust", value_name = "UNIT=FILE")]
    entrusted: Vec<String>,
    /// What the worlds are set to, as TOML; it is read again whenever it is changed.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Speaks HTTPS at the same port, too, with a certificate that is made for this machine; from other machines nothing else.
    #[arg(long)]
    tls: bool,
    /// The same with a certificate of one's own: a PEM file with its chain.
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "tls")]
    tls_certificate: Option<PathBuf>,
    /// Its private key, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Lets pages of another origin use the controls, as in http://localhost:3000; may be given several times.
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// Writes everything down in this file, at any instant, and goes on from there: keys, sessions, passes, submissions, clock, faults.
    /// Phones and gates never notice that another server answers.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Prints a line. Who reads no further has seen enough.
macro_rules! say {
    ($($text:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Control(Control),
    /// Let many phones go on while something goes wrong; exit code 1 if anything is lost, doubled or decided wrongly.
    Soak {
        /// How many phones.
        #[arg(long, default_value_t = 100)]
        phones: usize,
        /// For how many minutes.
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
    },
    /// Let a capsule's events happen again in another world; exit code 1 if something is decided otherwise.
    Replay {
        /// The file, as `capsule` prints it.
        file: PathBuf,
    },
    /// Take a phone through the whole story, or many at once, or residents through a service from the phone to the city and back; exit
    /// code 1 names the step that does not hold.
    Journey {
        /// How many phones.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), conflicts_with_all = ["of", "all"])]
        phones: u16,
        /// Of one service, or of several that belong together; may be given several times.
        #[arg(long, value_enum, value_name = "NAME")]
        of: Vec<Row>,
        /// Of all services, one after the other.
        #[arg(long, conflicts_with = "of")]
        all: bool,
        /// What gets in the way of a service.
        #[arg(long, value_enum, default_value_t = Under::Nothing)]
        under: Under,
        /// How to print the steps.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
}

/// Where the world is unless somebody says otherwise.
const USUAL_PORT: u16 = 8787;

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// One readable line a step.
    Text,
    /// One JSON object a line.
    Json,
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        match cli.command {
            Some(Command::Journey { phones, of, all, under, format }) => {
                let options = || WorldOptions { seed: cli.seed, faults: cli.faults.clone(), ..WorldOptions::default() };
                let rows = if all { Row::ALL.to_vec() } else { of };
                if rows.is_empty() {
                    travel(options(), phones.into(), format).await
                } else {
                    use_services(&rows, options, under, format).await
                }
            }
            Some(Command::Soak { phones, minutes }) => {
                let presets = if cli.faults.is_empty() { vec![Preset::FlakyMetro] } else { cli.faults };
                soak_phones(phones, minutes, presets, cli.seed).await
            }
            Some(Command::Replay { file }) => again(&file, cli.target.is_json()).await,
            Some(Command::Control(control)) => {
                // Who reads no further has seen enough.
                let prints = |said: &str| {
                    let mut out = std::io::stdout();
                    out.write_all(said.as_bytes()).and_then(|()| out.flush()).is_ok()
                };
                match control::run(&control, &cli.target, cli.seed, prints).await {
                    Ok(()) => ExitCode::SUCCESS,
                    Err(error) => {
                        eprintln!("{error}");
                        ExitCode::FAILURE
                    }
                }
            }
            None => {
                let is_written =
                    cli.state.as_ref().is_some_and(|file| file.metadata().is_ok_and(|file| file.len() > 0));
                let port = cli.port.unwrap_or(if is_written { 0 } else { USUAL_PORT });
                let (network, seed, faults, state) = (cli.network, cli.seed, cli.faults, cli.state);
                let admin_token = cli.target.token();
                let tls = match (cli.tls, cli.tls_certificate, cli.tls_key) {
                    (_, Some(certificate), Some(key)) => Some(Tls::Files { certificate, key }),
                    (is_wanted, ..) => is_wanted.then_some(Tls::Own),
                };
                let own = WorldOptions { port, network, seed, faults, ..WorldOptions::default() };
                let options = WorldOptions { admin_token, state, tls, origins: cli.origins, ..own };
                serve(options, &cli.entrusted, cli.config).await
            }
        }
    })
}

/// Gives a unit to the holder of a key, as the command line says it.
fn entrust(world: &mock_server::World, text: &str) -> Result<(), Box<dyn std::error::Error>> {
    let (unit, file) = text.split_once('=').ok_or("it is UNIT=FILE")?;
    let key = onecity_publisher::PublicKey::from_pem(&std::fs::read_to_string(file)?)?;
    Ok(world.entrust(&unit.parse()?, key)?)
}

/// What a file sets the worlds to, if there is one.
fn settings(path: Option<&PathBuf>) -> Result<Settings, mock_server::SettingsError> {
    path.map_or_else(|| Ok(Settings::default()), |path| Settings::read(path))
}

async fn serve(mut options: WorldOptions, entrusted: &[String], config: Option<PathBuf>) -> ExitCode {
    let network = options.network;
    let settings = match settings(config.as_ref()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    options.seed = settings.seed().unwrap_or(options.seed);
    options.additions = settings.additions();
    let server = match Server::start(options).await {
        Ok(server) => server,
        Err(error) => {
            eprintln!("The world can't start: {error}");
            if let WorldError::Port(port, _) = error {
                eprintln!("Is another server on port {port}? Try --port 0.");
            }
            return ExitCode::FAILURE;
        }
    };
    for unit in entrusted {
        if let Err(error) = entrust(&server.world(), unit) {
            eprintln!("--entrust {unit}: {error}");
            return ExitCode::FAILURE;
        }
    }
    if let Some(path) = config {
        if let Err(error) = settings.apply(server.worlds()) {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
        let shown = path.display().to_string();
        let says = move |followed: Result<(), mock_server::SettingsError>| match followed {
            Ok(()) => say!("{shown} was changed, and is followed"),
            Err(error) => eprintln!("{shown} was changed, and is not followed: {error}"),
        };
        tokio::spawn(mock_server::follow(path, std::sync::Arc::clone(server.worlds()), says));
    }
    let origin = server.world().origin().to_owned();
    say!("The world is up at {origin}");
    say!("  a phone           {origin}/phone");
    say!("  several phones    {origin}/phones");
    if network {
        match mock_server::network_address() {
            Some(address) => {
                let scheme = if server.authority().is_some() { "https" } else { "http" };
                say!("  on a real phone   {scheme}://{address}:{}/phone", server.address().port());
            }
            None => say!("  on a real phone   this machine is in no network"),
        }
        say!("  from elsewhere    the controls want this admin token: {}", server.admin_token());
    }
    if let Some((_, fingerprint)) = server.authority() {
        say!("  by https          {}", origin.replacen("http://", "https://", 1));
        say!("  its authority     {origin}/certificate.pem, SHA-256 {fingerprint}");
    }
    say!("  look around       {origin}/");
    say!("  the controls      {origin}/openapi.json");
    say!("  a phone's anchors {origin}/world.json");
    say!("  a registry        {origin}/registry/cn-sd/metadata/timestamp.json");
    say!("  a city's back end {origin}/city/cn-sd.jinan");
    say!("Ctrl-C ends it.");
    let ended = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminated() => {}
        }
    };
    server.run_until(ended).await;
    ExitCode::SUCCESS
}

async fn again(file: &std::path::Path, json: bool) -> ExitCode {
    let capsule = std::fs::File::open(file)
        .map_err(|error| error.to_string())
        .and_then(|file| Capsule::read(file).map_err(|error| error.to_string()));
    let outcome = match capsule {
        Ok(capsule) => replay(&capsule).await.map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            return ExitCode::FAILURE;
        }
    };
    let mut said = match json {
        true => serde_json::to_string_pretty(&outcome).unwrap_or_default(),
        false => outcome.to_string(),
    };
    said.push('\n');
    // Who reads no further has seen enough.
    let _ = std::io::stdout().write_all(said.as_bytes());
    if outcome.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Comes back when the system asks the process to end, as service managers do.
async fn terminated() {
    #[cfg(unix)]
    if let Ok(mut asked) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        asked.recv().await;
        return;
    }
    std::future::pending().await
}

async fn soak_phones(phones: usize, minutes: f64, presets: Vec<Preset>, seed: u64) -> ExitCode {
    let lasts = std::time::Duration::from_secs_f64(minutes.clamp(0.0, 10_000.0) * 60.0);
    match soak::run(SoakOptions { phones, lasts, presets, seed }).await {
        Ok(report) => {
            say!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
            if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn use_services(rows: &[Row], options: impl Fn() -> WorldOptions, under: Under, format: Format) -> ExitCode {
    for row in rows {
        let mut report = reports(format);
        match journey::row(*row, options(), under, &mut report).await {
            Ok(summary) => match format {
                Format::Text => {
                    let name = row.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
                    let seconds = std::time::Duration::from_millis(summary.ms).as_secs_f64();
                    say!("\n{name}: {} steps hold, {seconds:.1} s", summary.steps);
                }
                Format::Json => say!("{}", serde_json::json!(summary)),
            },
            Err(failed) => return does_not_hold(&failed, format),
        }
    }
    ExitCode::SUCCESS
}

/// Prints each step as it holds.
fn reports(format: Format) -> impl FnMut(&Step) {
    let bold = std::io::stdout().is_terminal();
    move |step: &Step| match format {
        Format::Text => say!("{}", line(step, bold)),
        Format::Json => say!("{}", serde_json::json!(step)),
    }
}

fn does_not_hold(failed: &Failed, format: Format) -> ExitCode {
    match format {
        Format::Text => eprintln!("\nfailed at «{}»: {}", failed.step, failed.why),
        Format::Json => say!("{}", serde_json::json!({ "failed": failed.step, "why": failed.why })),
    }
    ExitCode::FAILURE
}

async fn travel(options: WorldOptions, phones: usize, format: Format) -> ExitCode {
    let mut report = reports(format);
    match journey::run(options, phones, &mut report).await {
        Ok(summary) => {
            match format {
                Format::Text => {
                    let seconds = std::time::Duration::from_millis(summary.ms).as_secs_f64();
                    let Summary { steps, cities, services, phones, each, .. } = summary;
                    say!("\n{steps} steps hold: {cities} cities visited, {services} services opened, {seconds:.1} s");
                    if phones > 1 {
                        let memory = each.memory_kib.map(|kib| format!(", {kib} KiB")).unwrap_or_default();
                        say!("{phones} phones; for each {} ms, {} exchanges{memory}", each.ms, each.exchanges);
                    }
                }
                Format::Json => say!("{}", serde_json::json!(summary)),
            }
            ExitCode::SUCCESS
        }
        Err(failed) => does_not_hold(&failed, format),
    }
}

fn line(step: &Step, bold: bool) -> String {
    let (on, off) = if bold { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    format!("ok {:>5} ms  {on}{}{off}: {}", step.ms, step.step, step.checked)
}
