//! `onecity repo announce`: what all residents of a registry are told.

use clap::Args;
use jiff::Timestamp;
use onecity_protocol::trust::{ANNOUNCEMENT_TARGET, Announcement, Outage, UpdateNeeded};
use onecity_publisher::{Folder, Repository};

use crate::command::CommandError;
use crate::command::takedown::reasons;

#[derive(Args)]
#[group(required = true, multiple = true)]
pub(super) struct Arguments {
    /// Services do not work for now; why, for residents, by language: LANGUAGE=TEXT. Passes and what is on the phone go on.
    #[arg(long, value_name = "LANGUAGE=TEXT")]
    outage: Vec<String>,
    /// When they are expected back, for example 2027-03-01T06:00+08:00; phones say nothing from then on.
    #[arg(long, value_name = "TIME", requires = "outage")]
    until: Option<Timestamp>,
    /// Apps must be updated before they open a service; why, for residents, by language: LANGUAGE=TEXT.
    #[arg(long, value_name = "LANGUAGE=TEXT", requires = "platform")]
    update: Vec<String>,
    /// The oldest version of the platform that goes on working.
    #[arg(long, value_name = "VERSION", requires = "update", value_parser = clap::value_parser!(u32).range(1..))]
    platform: Option<u32>,
    /// Nothing is announced any more.
    #[arg(long, conflicts_with_all = ["outage", "until", "update", "platform"])]
    over: bool,
}

/// Lists what is to be announced, beside what is already; answers what was done.
pub(super) fn run(repository: &mut Repository<Folder>, arguments: &Arguments) -> Result<String, CommandError> {
    let Arguments { outage, until, update, platform, over } = arguments;
    let path = format!("{}/{ANNOUNCEMENT_TARGET}", repository.id());
    if *over {
        let was = repository.remove_target(&path)?;
        return Ok(if was { "nothing is announced any more" } else { "nothing was announced" }.to_owned());
    }
    // What is not named stays: an outage lifts no update.
    let kept = repository.own_file(&path)?.and_then(|bytes| Announcement::parse(&bytes).ok());
    let mut announcement = kept.unwrap_or_default();
    if !outage.is_empty() {
        let until = until.map(Timestamp::as_second);
        announcement.outage = Some(Outage { reason: reasons(outage)?.reason, until });
    }
    if let Some(platform) = *platform {
        announcement.update = Some(UpdateNeeded { platform, reason: reasons(update)?.reason });
    }
    let bytes = serde_json::to_vec(&announcement).expect("texts and numbers are JSON");
    Announcement::parse(&bytes).map_err(|error| CommandError::Usage(error.to_string()))?;
    repository.add_target(&path, bytes, None)?;
    let says = [announcement.outage.map(|_| "an outage"), announcement.update.map(|_| "that the app must be updated")];
    let says: Vec<&str> = says.into_iter().flatten().collect();
    Ok(format!("announced to all residents of {}: {}", repository.id(), says.join(", and ")))
}
