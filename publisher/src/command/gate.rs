//! `onecity gate`: the gate of `onecity-protocol` at the command line.

use std::path::PathBuf;

use clap::Args;
use onecity_protocol::credential::{
    Addressed, Audience, Decision, Gate, GatePolicy, StatusListToken, UnixTime, WithoutStatus,
};
use serde_json::json;

use super::shown::{self, Shown};
use super::{CommandError, file_error, read_file, read_trust_list, unhexed, wall_clock};
use crate::Format;

/// What a gate asks for, and what is shown to it.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  onecity gate --trust-list trust.json --status list-1.cwt photo.png\n  scanner | onecity gate --trust-list trust.json --status list-1.cwt --scope 37\n  onecity gate --trust-list trust.json 'CQ1:…' --at 1800000000 --format json\n\nThe gate has run for an hour when it sees the first code, and remembers what it accepted until the command ends."
)]
pub(crate) struct Arguments {
    /// Codes (CQ1:…), pictures of codes (PNG or JPEG), or - for the standard input, a code a line; nothing is the
    /// standard input.
    codes: Vec<String>,
    /// The trust list: the registry's UNIT/trust.json.
    #[arg(long, value_name = "FILE")]
    trust_list: PathBuf,
    /// A status list's token, as the issuer's server hands it out or in hexadecimal; may be given several times. Without any, the gate
    /// admits whatever is not expired, and says so.
    #[arg(long, value_name = "FILE")]
    status: Vec<PathBuf>,
    /// A type of pass that opens the gate; may be given several times. Any, if none is given.
    #[arg(long = "type", value_name = "NUMBER")]
    types: Vec<u64>,
    /// The scope that a pass must have.
    #[arg(long, value_name = "NUMBER")]
    scope: Option<u64>,
    /// The gate's own number.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    number: u32,
    /// Take only codes that are addressed to this gate.
    #[arg(long)]
    addressed: bool,
    /// The challenge that the gate shows at the moment, 1 to 2097151; codes must carry it.
    #[arg(long, value_name = "NUMBER", requires = "number", value_parser = clap::value_parser!(u32).range(1..1 << 21))]
    challenge: Option<u32>,
    /// The purpose that codes must be made for; 0 is a passage.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    purpose: u64,
    /// The least seconds between two passages of one pass.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=180))]
    interval: u8,
    /// For how many hours the gate stays open on an outdated status list.
    #[arg(long, value_name = "HOURS", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=24))]
    fail_open: u8,
    /// The gate's time in seconds since 1970, instead of this machine's clock.
    #[arg(long, value_name = "SECONDS")]
    at: Option<UnixTime>,
    /// How to print decisions.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(arguments: Arguments) -> Result<bool, CommandError> {
    let now = || arguments.at.unwrap_or_else(wall_clock);
    let mut gate = set_up(&arguments, now())?;
    let mut all_open = true;
    shown::each(&arguments.codes, |shown| {
        let Shown { source, text } = shown;
        let decided = text.map(|text| gate.check(&text, now()));
        all_open &= matches!(decided, Ok(Decision::Accepted(_) | Decision::AlreadyAccepted(_)));
        print(arguments.format, &source, &decided);
        Ok(())
    })?;
    Ok(all_open)
}

fn set_up(arguments: &Arguments, now: UnixTime) -> Result<Gate, CommandError> {
    let without = match (arguments.fail_open, arguments.status.is_empty()) {
        (0, true) => {
            eprintln!("onecity gate: without --status nobody is found to be revoked");
            WithoutStatus::FailOpen { hours: 24 }
        }
        (0, false) => WithoutStatus::FailClosed,
        (hours, _) => WithoutStatus::FailOpen { hours },
    };
    let mut policy = GatePolicy::of_types(arguments.types.iter().copied(), without);
    if arguments.types.is_empty() {
        policy.other_types = Some(without);
    }
    policy.scope = arguments.scope;
    policy.number = arguments.number;
    policy.purpose = arguments.purpose;
    policy.interval = arguments.interval;
    policy.addressed = match (arguments.challenge, arguments.addressed) {
        (Some(_), _) => Addressed::ThisMoment,
        (None, true) => Addressed::ThisGate,
        (None, false) => Addressed::AnyGate,
    };
    if policy.addressed != Addressed::AnyGate && policy.number == 0 {
        return Err(CommandError::Usage("--addressed and --challenge need the gate's --number".to_owned()));
    }
    let mut gate = Gate::new(read_trust_list(&arguments.trust_list)?, policy, now.saturating_sub(3600));
    for path in &arguments.status {
        let refused = |why: String| file_error(path)(why);
        let token = StatusListToken::parse(&unhexed(read_file(path)?)).map_err(|e| refused(e.to_string()))?;
        gate.set_status_list(token, now).map_err(|e| refused(e.to_string()))?;
    }
    if let Some(challenge) = arguments.challenge {
        let shown = gate.challenge(challenge, now);
        eprintln!("onecity gate: this gate shows {}", shown.unwrap_or(Audience::ANY));
    }
    Ok(gate)
}

fn print(format: Format, source: &str, decided: &Result<Decision, String>) {
    let (name, reason, detail) = match decided {
        Ok(Decision::Refused(refusal)) => ("refused", Some(refusal.name()), Some(refusal.to_string())),
        Ok(decision) => (decision.name(), None, None),
        Err(why) => ("unreadable", None, Some(why.clone())),
    };
    if format == Format::Json {
        let mut line = json!({ "source": source, "decision": name });
        if let Some(reason) = reason {
            line["reason"] = reason.into();
        }
        if let Some(detail) = detail {
            line["detail"] = detail.into();
        }
        if let Ok(Decision::Accepted(own) | Decision::AlreadyAccepted(own)) = decided {
            line["type"] = own.pass_type.into();
            line["scopes"] = own.scopes.clone().into();
            line["fare_class"] = own.fare_class.into();
            line["purpose"] = own.purpose.into();
            line["issuer"] = own.issuer.clone().into();
            line["status_unchecked"] = own.status_unchecked.into();
        }
        println!("{line}");
        return;
    }
    match (decided, detail) {
        (Ok(decision), Some(detail)) => println!("{source}: {decision}: {detail}"),
        (Ok(decision), None) => println!("{source}: {decision}"),
        (Err(why), _) => println!("{source}: unreadable: {why}"),
    }
}
