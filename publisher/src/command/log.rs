//! `onecity log`: who published what, by the signatures themselves.

use std::collections::BTreeSet;

use anstream::println;
use clap::Args;
use onecity_publisher::{Entry, Extent, history};
use serde_json::json;

use super::registry::RegistryArguments;
use super::terminal::{BAD, QUIET, styled};
use super::{CommandError, written};
use crate::Format;

#[derive(Args)]
#[command(
    after_help = "Every line is a file of the registry, signed by the keys that it names; exit code 1 if one does not verify.\n\n\
Examples:\n  onecity log --registry registry\n  onecity log --registry https://registry.example/cn-sd --root 1.root.json --role cn-sd.jinan"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    registry: RegistryArguments,
    /// One role alone, for example cn-sd.jinan.
    #[arg(long)]
    role: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    let mut registry = arguments.registry.open(Extent::History)?;
    let entries = history(&mut registry)?;
    let wanted = |entry: &&Entry| arguments.role.as_ref().is_none_or(|role| *role == entry.role);
    if let Some(role) = arguments.role.as_ref().filter(|role| !entries.iter().any(|entry| entry.role == **role)) {
        let roles: BTreeSet<&str> = entries.iter().map(|entry| entry.role.as_str()).collect();
        let roles: Vec<&str> = roles.into_iter().collect();
        return Err(CommandError::Usage(format!("there is no role {role}; there are {}", roles.join(", "))));
    }
    let mut all_verified = true;
    for Entry { signed, role, version, keys, verified, changes } in entries.iter().filter(wanted) {
        all_verified &= verified;
        if arguments.format == Format::Json {
            println!(
                "{}",
                json!({ "signed": signed, "role": role, "version": version, "keys": keys, "verified": verified, "changes": changes })
            );
            continue;
        }
        let keys: Vec<&str> = keys.iter().map(|key| &key[..key.len().min(12)]).collect();
        let word =
            if *verified { styled(QUIET, format_args!("by {}", keys.join(", "))) } else { styled(BAD, "NOT VERIFIED") };
        println!("{}  {role} {version}  {}  {word}", written(*signed), changes.join("; "));
    }
    Ok(all_verified)
}
