//! Which release of a service this phone is offered, and in plain words why one is not.

use std::sync::Arc;

use onecity_protocol::manifest::AccountKind;
use onecity_protocol::region::RegionId;
use onecity_protocol::trust::{Invitation, Offer, PhoneNumber, Release, WhyNot};
use onecity_store::{Owner, Record, Slot};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::client::Inner;
use crate::error::Error;
use crate::views::{Obstacle, ObstacleView, ServiceId};
use crate::words::{Word, word};

/// The version of the platform that manifests ask for in `platform_version.min_code`.
pub const PLATFORM: u32 = 1;

/// The phone's secret number, for the phone as a whole: neither a logout nor another account moves it in a rollout.
#[derive(Serialize, Deserialize)]
struct KeptNumber([u8; 32]);

impl Record for KeptNumber {
    const KIND: &'static str = "phone_number";
    const FORMAT: u8 = 1;
}

/// The invitations that the phone was told.
#[derive(Default, Serialize, Deserialize)]
struct KeptInvitations(Vec<Invitation>);

impl Record for KeptInvitations {
    const KIND: &'static str = "invitations";
    const FORMAT: u8 = 1;
}

/// Most invitations that are kept.
const MAX_INVITATIONS: usize = 64;

/// What decides which releases this phone is offered.
#[derive(Clone)]
pub struct Standing {
    number: PhoneNumber,
    invitations: Vec<Invitation>,
}

impl Standing {
    /// This phone's.
    pub async fn of(inner: &Arc<Inner>) -> Result<Self, Error> {
        let (number, invitations) = inner
            .vault(|vault| {
                let invitations = vault.get::<KeptInvitations>(&Owner::Phone, "")?.unwrap_or_default().0;
                if let Some(KeptNumber(number)) = vault.get(&Owner::Phone, "")? {
                    return Ok((Some(number), invitations));
                }
                let mut number = [0; 32];
                if SystemRandom::new().fill(&mut number).is_err() {
                    return Ok((None, invitations));
                }
                vault.put(&Owner::Phone, "", &KeptNumber(number))?;
                Ok((Some(number), invitations))
            })
            .await?;
        let number = number.ok_or_else(|| Error::internal("no random numbers"))?;
        Ok(Self { number: PhoneNumber::new(number), invitations })
    }

    fn offer(&self, installed: Option<u64>) -> Offer<'_> {
        Offer { number: &self.number, platform: PLATFORM, invitations: &self.invitations, installed }
    }

    /// The release of a service that this phone is offered, out of all there are.
    pub fn choose<'r>(&self, releases: &'r [Release], installed: Option<u64>) -> Result<&'r Release, Option<WhyNot>> {
        self.offer(installed).choose(releases)
    }

    /// Whether this phone is offered a release.
    pub fn is_offered(&self, release: &Release, installed: Option<u64>) -> bool {
        self.offer(installed).why_not(release).is_none()
    }
}

/// Keeps an invitation that the resident typed in.
pub async fn invite(inner: &Arc<Inner>, code: &str) -> Result<(), Error> {
    if code.chars().filter(char::is_ascii_alphanumeric).count() < 6 {
        return Err(Error::invalid("code", "an invitation has at least six letters and digits"));
    }
    let invitation = Invitation::of(code);
    inner
        .vault(move |vault| {
            let mut kept = vault.get::<KeptInvitations>(&Owner::Phone, "")?.unwrap_or_default();
            if !kept.0.contains(&invitation) {
                kept.0.truncate(MAX_INVITATIONS - 1);
                kept.0.insert(0, invitation);
                vault.put(&Owner::Phone, "", &kept)?;
            }
            Ok(())
        })
        .await
}

/// Why a service can't be opened in a region; none if it can.
pub async fn why_not(
    inner: &Arc<Inner>,
    service: &ServiceId,
    region: &RegionId,
) -> Result<Option<ObstacleView>, Error> {
    let languages = &inner.config.languages;
    let say = |obstacle, words| Ok(Some(ObstacleView { obstacle, words }));
    let tree = inner.tree_around(region).await?;
    if tree.get(region).is_none() {
        return say(Obstacle::Unknown, word(Word::SyncFirst, languages, &[]));
    }
    let publisher = tree.unit_name(&service.unit, languages);
    if !inner.units_for(region).await?.contains(&service.unit) {
        return say(Obstacle::Region, word(Word::OtherRegion, languages, &[&publisher]));
    }
    let (unit, app_id) = (service.unit.clone(), service.app_id.clone());
    let (releases, installed, broken) = inner
        .catalogue(move |catalogue| {
            let installed = catalogue.installed(&unit, &app_id, Slot::Current)?;
            Ok((catalogue.releases_of(&unit, &app_id)?, installed, catalogue.broken(&unit)?))
        })
        .await?;
    let has = installed.as_ref().map(|installed| installed.version_code);
    let standing = Standing::of(inner).await?;
    let offered = match standing.choose(&releases, has) {
        Ok(release) => release,
        Err(Some(WhyNot::Withdrawn(withdrawn))) => {
            let reason = withdrawn.reason.best(languages);
            return say(Obstacle::Withdrawn, word(Word::Withdrawn, languages, &[reason]));
        }
        Err(Some(WhyNot::Platform { .. })) => return say(Obstacle::Platform, word(Word::UpdateApp, languages, &[])),
        Err(Some(WhyNot::Rollout { percent })) => {
            return say(Obstacle::Rollout, word(Word::Rollout, languages, &[&percent.to_string()]));
        }
        Err(Some(WhyNot::Paused)) => return say(Obstacle::Rollout, word(Word::Paused, languages, &[])),
        Err(None) if broken.is_some() => {
            return say(Obstacle::Signature, word(Word::Broken, languages, &[&publisher]));
        }
        Err(None) => return say(Obstacle::Unknown, word(Word::NoSuchService, languages, &[&publisher])),
    };
    let logged_in = inner.account_view().await?.map(|account| account.kind);
    match (offered.card.account, logged_in) {
        (AccountKind::None, _) => {}
        (AccountKind::Person, Some(crate::views::AccountKind::Person)) => {}
        (AccountKind::Enterprise, Some(crate::views::AccountKind::Enterprise)) => {}
        (AccountKind::Person, _) => return say(Obstacle::Permission, word(Word::NeedsPerson, languages, &[])),
        (AccountKind::Enterprise, _) => return say(Obstacle::Permission, word(Word::NeedsEnterprise, languages, &[])),
    }
    if installed.is_none() && inner.net.is_offline() {
        return say(Obstacle::Network, word(Word::NeedsNetwork, languages, &[]));
    }
    Ok(None)
}
