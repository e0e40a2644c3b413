//! `onecity repo status`.

use anstream::println;
use onecity_publisher::{Folder, Repository, RoleStatus};
use serde_json::json;

use crate::Format;
use crate::command::terminal::{BAD, GOOD, LOOK, styled};
use crate::command::{CommandError, wall_clock, written};

const DAY: i64 = 86_400;

pub(super) fn run(repository: &mut Repository<Folder>, days: i64, format: Format) -> Result<bool, CommandError> {
    let now = wall_clock();
    let all = repository.status(now)?;
    if format == Format::Text {
        println!("{:<28} {:>7} {:>8} {:>8}  {:<20} state", "role", "version", "services", "keys", "ends");
    }
    let mut well = true;
    for RoleStatus { role, version, expires, keys, threshold, services, pending, trouble } in &all {
        let ends_soon = *expires - now < days * DAY;
        let (style, state) = match trouble {
            Some(trouble) => (BAD, trouble.clone()),
            None if ends_soon => (LOOK, format!("ends within {days} days: sign it again")),
            None if *pending => (LOOK, "waits for the next snapshot".to_owned()),
            None => (GOOD, "good".to_owned()),
        };
        well &= trouble.is_none() && !ends_soon;
        if format == Format::Json {
            println!(
                "{}",
                json!({
                    "role": role, "version": version, "expires": expires, "keys": keys, "threshold": threshold,
                    "services": services, "pending": pending, "trouble": trouble, "ends_soon": ends_soon,
                })
            );
            continue;
        }
        let ends = written(*expires).split(' ').next().unwrap_or_default().to_owned();
        let holders = format!("{threshold} of {}", keys.len());
        println!("{role:<28} {version:>7} {services:>8} {holders:>8}  {ends:<20} {}", styled(style, state));
    }
    Ok(well)
}
