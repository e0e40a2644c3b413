//! `onecity takedown`: a service is offered to nobody from now on, by its own unit or one above it.

use clap::Args;
use onecity_protocol::names::{Names, is_language_tag};
use onecity_protocol::region::UnitId;
use onecity_protocol::service::ServiceId;
use onecity_protocol::trust::Withdrawn;

use super::CommandError;
use super::registry::ChangeArguments;

#[derive(Args)]
#[command(
    after_help = "Phones obey at their next sync, in whatever rollout they are; residents read the reason. A city may take down its\n\
departments' services and a province its cities', each with its own key. At a server it holds at once; in a folder it\n\
does once snapshot and timestamp are signed.\n\n\
Examples:\n  onecity takedown cn-sd/jinan/report --reason 'en=It loses drafts' --reason 'zh=会丢失草稿' --registry registry --key jinan.pem\n  \
onecity takedown cn-sd/jinan/report --by cn-sd --reason 'en=It loses drafts' --registry registry --key keys/targets.pem\n  \
onecity takedown cn-sd/jinan/report --lift --registry registry --key jinan.pem"
)]
pub(crate) struct Arguments {
    /// Which service, UNIT/APP_ID.
    service: ServiceId,
    /// Who takes it down, if not its own unit: one above it.
    #[arg(long, value_name = "UNIT")]
    by: Option<UnitId>,
    /// Why, for residents, by language: LANGUAGE=TEXT.
    #[arg(long, required_unless_present = "lift", value_name = "LANGUAGE=TEXT")]
    reason: Vec<String>,
    /// Offer it again.
    #[arg(long, conflicts_with = "reason")]
    lift: bool,
    #[command(flatten)]
    change: ChangeArguments,
}

/// Reasons as they were typed in.
pub(super) fn reasons(texts: &[String]) -> Result<Withdrawn, CommandError> {
    let mut reason = Names::new();
    for text in texts {
        let (language, text) = text.split_once('=').ok_or_else(|| {
            CommandError::Usage("a reason is LANGUAGE=TEXT, for example 'en=It loses drafts'".to_owned())
        })?;
        if !is_language_tag(language) || text.trim().is_empty() {
            return Err(CommandError::Usage(format!("{language}={text}: a language tag such as en or zh, and a text")));
        }
        reason = reason.with(language, text);
    }
    Ok(Withdrawn { reason })
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    let Arguments { service, by, reason, lift, change } = arguments;
    let by = by.as_ref().unwrap_or(&service.unit);
    change.make(by, |draft| {
        if *lift {
            draft.lift_takedown(by, service)?;
            return Ok(format!("{service} is offered again"));
        }
        draft.take_down(by, service, &reasons(reason)?)?;
        Ok(format!("{service} is taken down, in all versions"))
    })?;
    Ok(true)
}
