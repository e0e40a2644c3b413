//! Which release of a service this phone is offered, and in plain words why one is not.

use onecity_protocol::manifest::AccountKind as Needed;
use onecity_protocol::region::RegionId;
use onecity_protocol::service::ServiceId;
use onecity_protocol::trust::{Invitation, Offer, Release, RolloutSeed, WhyNot};
use onecity_store::{Owner, Record, Slot};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use super::lookup::Registry;
use crate::error::Error;
use crate::views::messages::{Message, message};
use crate::views::{AccountKind, Obstacle, ObstacleView};

/// The version of the platform that manifests ask for in `platform_version.min_code`.
pub(crate) const PLATFORM: u32 = 1;

/// The phone's rollout seed, for the phone as a whole: neither a logout nor another account moves it in a rollout.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredSeed([u8; 32]);

impl Record for StoredSeed {
    const KIND: &'static str = "phone_number";
    const FORMAT: u8 = 1;
}

/// The invitations that the phone was told.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct KeptInvitations(Vec<Invitation>);

impl Record for KeptInvitations {
    const KIND: &'static str = "invitations";
    const FORMAT: u8 = 1;
}

/// Most invitations that are kept.
const MAX_INVITATIONS: usize = 64;

/// What decides which releases this phone is offered.
#[derive(Clone)]
pub(super) struct Eligibility {
    seed: RolloutSeed,
    invitations: Vec<Invitation>,
}

impl Eligibility {
    fn offer(&self, installed: Option<u64>) -> Offer<'_> {
        Offer { seed: &self.seed, platform: PLATFORM, invitations: &self.invitations, installed }
    }

    /// The release of a service that this phone is offered, out of all there are.
    pub(super) fn choose<'r>(
        &self,
        releases: &'r [Release],
        installed: Option<u64>,
    ) -> Result<&'r Release, Option<WhyNot>> {
        self.offer(installed).choose(releases)
    }

    /// Whether this phone is offered a release.
    pub(super) fn is_offered(&self, release: &Release, installed: Option<u64>) -> bool {
        self.offer(installed).why_not(release).is_none()
    }
}

impl Registry {
    /// What decides which releases this phone is offered.
    pub(super) async fn eligibility(&self) -> Result<Eligibility, Error> {
        let (seed, invitations) = self
            .device
            .vault(|vault| {
                let invitations = vault.get::<KeptInvitations>(&Owner::Phone, "")?.unwrap_or_default().0;
                if let Some(StoredSeed(seed)) = vault.get(&Owner::Phone, "")? {
                    return Ok((Some(seed), invitations));
                }
                let mut seed = [0; 32];
                if SystemRandom::new().fill(&mut seed).is_err() {
                    return Ok((None, invitations));
                }
                vault.put(&Owner::Phone, "", &StoredSeed(seed))?;
                Ok((Some(seed), invitations))
            })
            .await?;
        let seed = seed.ok_or_else(|| Error::internal("no random numbers"))?;
        Ok(Eligibility { seed: RolloutSeed::new(seed), invitations })
    }

    /// Keeps an invitation that the resident typed in.
    pub(crate) async fn invite(&self, code: &str) -> Result<(), Error> {
        if code.chars().filter(char::is_ascii_alphanumeric).count() < 6 {
            return Err(Error::invalid("code", "an invitation has at least six letters and digits"));
        }
        let invitation = Invitation::of(code);
        self.device
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
    pub(crate) async fn why_not(
        &self,
        service: &ServiceId,
        region: &RegionId,
        logged_in: Option<AccountKind>,
    ) -> Result<Option<ObstacleView>, Error> {
        let languages = &self.device.languages();
        let say = |obstacle, words| Ok(Some(ObstacleView { obstacle, words }));
        let tree = self.tree_around(region).await?;
        if tree.get(region).is_none() {
            return say(Obstacle::Unknown, message(Message::SyncFirst, languages, &[]));
        }
        if let Some(update) = self.must_update(region).await? {
            return say(Obstacle::Platform, message(Message::UpdateFirst, languages, &[&update.by, &update.reason]));
        }
        // A publisher of elsewhere is named by what lies around itself.
        let of = service.unit.region();
        let publisher = match of.covers(region) {
            true => tree.unit_name(&service.unit, languages),
            false => self.tree_around(of).await?.unit_name(&service.unit, languages),
        };
        if !self.units_for(region).await?.contains(&service.unit) {
            return say(Obstacle::Region, message(Message::OtherRegion, languages, &[&publisher]));
        }
        let own = service.clone();
        let (releases, installed, broken) = self
            .device
            .catalogue(move |catalogue| {
                let installed = catalogue.installed(&own, Slot::Current)?;
                Ok((catalogue.releases_of(&own)?, installed, catalogue.broken(&own.unit)?))
            })
            .await?;
        let has = installed.as_ref().map(|installed| installed.version_code);
        let eligibility = self.eligibility().await?;
        let offered = match eligibility.choose(&releases, has) {
            Ok(release) => release,
            Err(Some(WhyNot::Withdrawn(withdrawn))) => {
                let reason = withdrawn.reason.best(languages);
                return say(Obstacle::Withdrawn, message(Message::Withdrawn, languages, &[reason]));
            }
            Err(Some(WhyNot::Platform { .. })) => {
                return say(Obstacle::Platform, message(Message::UpdateApp, languages, &[]));
            }
            Err(Some(WhyNot::Rollout { percent })) => {
                return say(Obstacle::Rollout, message(Message::Rollout, languages, &[&percent.to_string()]));
            }
            Err(Some(WhyNot::Paused)) => return say(Obstacle::Rollout, message(Message::Paused, languages, &[])),
            Err(None) if broken.is_some() => {
                return say(Obstacle::Signature, message(Message::Broken, languages, &[&publisher]));
            }
            Err(None) => return say(Obstacle::Unknown, message(Message::NoSuchService, languages, &[&publisher])),
        };
        match (offered.entry.account, logged_in) {
            (Needed::None, _) => {}
            (Needed::Person, Some(AccountKind::Person)) => {}
            (Needed::Enterprise, Some(AccountKind::Enterprise)) => {}
            (Needed::Person, _) => return say(Obstacle::Permission, message(Message::NeedsPerson, languages, &[])),
            (Needed::Enterprise, _) => {
                return say(Obstacle::Permission, message(Message::NeedsEnterprise, languages, &[]));
            }
        }
        if installed.is_none() && self.device.http.is_offline() {
            return say(Obstacle::Network, message(Message::NeedsNetwork, languages, &[]));
        }
        Ok(None)
    }
}
