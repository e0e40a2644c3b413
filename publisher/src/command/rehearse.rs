//! `onecity rehearse`: what a release would do, before it is signed.

use std::path::PathBuf;

use anstream::println;
use clap::Args;
use onecity_protocol::region::UnitId;
use onecity_publisher::{Extent, rehearse};
use serde_json::json;

use super::registry::RegistryArguments;
use super::terminal::{BAD, QUIET, styled};
use super::{CommandError, read_file};
use crate::Format;

#[derive(Args)]
#[command(after_help = "Example:\n  onecity rehearse report-2.ma --unit cn-sd/jinan --percent 10 --registry registry")]
pub(crate) struct Arguments {
    /// The package that is to be released.
    package: PathBuf,
    /// Who would publish it.
    #[arg(long)]
    unit: UnitId,
    /// Percent of phones that would be offered it.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: u8,
    /// How many phones to ask.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    phones: u32,
    #[command(flatten)]
    registry: RegistryArguments,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    let unit = &arguments.unit;
    let mut draft = arguments.registry.open(Extent::Unit(unit))?;
    let before = draft.releases(unit)?;
    let path = draft.publish(unit, read_file(&arguments.package)?, arguments.percent)?;
    let app_id = path.rsplit('/').nth(1).unwrap_or_default().to_owned();
    let own = |releases: Vec<onecity_protocol::trust::Release>| -> Vec<onecity_protocol::trust::Release> {
        releases.into_iter().filter(|release| release.app_id == app_id).collect()
    };
    let rehearsal = rehearse(&own(before), &own(draft.releases(unit)?), arguments.phones);
    if arguments.format == Format::Json {
        println!(
            "{}",
            json!({
                "release": path, "percent": arguments.percent, "phones": rehearsal.phones, "opens": rehearsal.opens,
                "changes": rehearsal.changes, "falls_back": rehearsal.falls_back, "left_out": rehearsal.left_out,
                "new_permissions": rehearsal.new_permissions, "new_origins": rehearsal.new_origins,
            })
        );
        return Ok(true);
    }
    println!("{path}, offered to {} % of phones; {} phones were asked:", arguments.percent, rehearsal.phones);
    for (version, count) in &rehearsal.opens {
        println!("  {count:>6} open version {version}");
    }
    for (reason, count) in &rehearsal.left_out {
        println!("  {count:>6} can't open it: {reason}");
    }
    println!("  {:>6} change their version, {} fall back to an older one", rehearsal.changes, rehearsal.falls_back);
    for permission in &rehearsal.new_permissions {
        println!(
            "{}",
            styled(BAD, format_args!("  asks for a new permission: {permission}; every resident is asked to agree"))
        );
    }
    for origin in &rehearsal.new_origins {
        println!("{}", styled(BAD, format_args!("  reaches a new origin: {origin}")));
    }
    if rehearsal.new_permissions.is_empty() && rehearsal.new_origins.is_empty() {
        println!("{}", styled(QUIET, "  no new permissions, no new origins"));
    }
    Ok(true)
}
