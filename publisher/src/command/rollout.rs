//! `onecity rollout`: who is offered a release that is published.

use clap::{Args, Subcommand};
use onecity_publisher::Change;

use super::CommandError;
use super::registry::{ChangeArguments, ServiceName};
use super::takedown::reasons;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  onecity rollout percent cn-sd/jinan/report@2 50 --registry registry --key jinan.pem\n  \
onecity rollout withdraw cn-sd/jinan/report@2 --reason 'en=It loses drafts' --reason 'zh=会丢失草稿' --registry registry --key jinan.pem\n  \
onecity rollout back cn-sd/jinan/report --reason 'en=It loses drafts' --registry registry --key jinan.pem"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Offer a release to so many percent of phones; a pause ends.
    Percent {
        /// Which release, UNIT/APP_ID@VERSION.
        service: ServiceName,
        /// 0 to 100.
        #[arg(value_parser = clap::value_parser!(u8).range(0..=100))]
        percent: u8,
        #[command(flatten)]
        common: ChangeArguments,
    },
    /// Let nobody new get a release; who has it keeps it.
    Pause {
        /// Which release, UNIT/APP_ID@VERSION.
        service: ServiceName,
        #[command(flatten)]
        common: ChangeArguments,
    },
    /// Offer a release to phones that type in an invitation; prints the code to hand out.
    Invite {
        /// Which release, UNIT/APP_ID@VERSION.
        service: ServiceName,
        #[command(flatten)]
        common: ChangeArguments,
    },
    /// Offer a release to nobody any more; phones fall back to the one before.
    Withdraw {
        /// Which release, UNIT/APP_ID@VERSION.
        service: ServiceName,
        /// Why, for residents, by language: LANGUAGE=TEXT.
        #[arg(long, required = true, value_name = "LANGUAGE=TEXT")]
        reason: Vec<String>,
        #[command(flatten)]
        common: ChangeArguments,
    },
    /// Withdraw the newest release and offer the one before to everybody.
    Back {
        /// Which service, UNIT/APP_ID.
        service: ServiceName,
        /// Why, for residents, by language: LANGUAGE=TEXT.
        #[arg(long, required = true, value_name = "LANGUAGE=TEXT")]
        reason: Vec<String>,
        #[command(flatten)]
        common: ChangeArguments,
    },
}

/// Ten letters and digits that are not taken for each other, 50 bits.
fn invitation() -> Result<String, CommandError> {
    const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let mut bytes = [0; 10];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .map_err(|_| CommandError::Usage("no random numbers".to_owned()))?;
    let letters: String = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    Ok(format!("{}-{}", &letters[..5], &letters[5..]))
}

pub(crate) fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    let (What::Percent { service, common, .. }
    | What::Pause { service, common }
    | What::Invite { service, common }
    | What::Withdraw { service, common, .. }
    | What::Back { service, common, .. }) = &arguments.what;
    let (unit, app_id) = (&service.unit, &service.app_id);
    common.make(unit, |draft| {
        let version =
            || service.version.ok_or_else(|| CommandError::Usage("name the release: UNIT/APP_ID@VERSION".to_owned()));
        let mut change = |change: Change| -> Result<u64, CommandError> {
            let version = version()?;
            draft.change(unit, app_id, version, change)?;
            Ok(version)
        };
        Ok(match &arguments.what {
            What::Percent { percent, .. } => {
                format!("{app_id} {} is offered to {percent} % of phones", change(Change::Percent(*percent))?)
            }
            What::Pause { .. } => format!("{app_id} {} is paused", change(Change::Pause)?),
            What::Invite { .. } => {
                let code = invitation()?;
                let version = change(Change::Invite(code.clone()))?;
                format!("{app_id} {version} is offered to phones that are told {code}")
            }
            What::Withdraw { reason, .. } => {
                format!("{app_id} {} is withdrawn", change(Change::Withdraw(reasons(reason)?))?)
            }
            What::Back { reason, .. } => {
                let (from, to) = draft.roll_back(unit, app_id, reasons(reason)?)?;
                format!("{app_id} goes back from {from} to {to}")
            }
        })
    })?;
    Ok(true)
}
