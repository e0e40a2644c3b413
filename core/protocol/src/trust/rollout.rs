//! Which of a service's releases a phone is offered: by each release's entry, and by a seed that only the phone knows.

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::entry::{Release, Withdrawn};

/// How many steps a percentage is cut into, so that tenths of a percent would still be one.
const STEPS: u32 = 10_000;

/// To whom a release is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Percent of phones, 0 to 100.
    pub percent: u8,
    /// While set, phones that have the release keep it, and no others get it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// Digests of invitation codes: a phone that was told one of the codes gets the release whatever the percentage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invited: Vec<Invitation>,
}

impl Default for Rollout {
    fn default() -> Self {
        Self { percent: 100, paused: false, invited: Vec::new() }
    }
}

impl Rollout {
    /// Whether everybody is offered the release.
    pub fn is_everybody(&self) -> bool {
        *self == Self::default()
    }
}

/// What an entry says of an invitation code: 128 bits of its SHA-256, in hexadecimal. Codes are random, so that nobody
/// finds one by trying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Invitation(String);

impl Invitation {
    /// Of a code as people type it: case, spaces and hyphens do not count.
    pub fn of(code: &str) -> Self {
        let plain: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
        let mut context = Context::new(&SHA256);
        context.update(b"onecity/invitation\0");
        context.update(plain.as_bytes());
        Self(hex::encode(&context.finish().as_ref()[..16]))
    }
}

/// A phone's secret 32 bytes. They decide the phone's place in every rollout and are never sent anywhere.
#[derive(Clone)]
pub struct RolloutSeed([u8; 32]);

impl std::fmt::Debug for RolloutSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RolloutSeed(secret)")
    }
}

impl RolloutSeed {
    /// From 32 random bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// Whether a percentage reaches this phone. Each release has its own order of phones, so that no phone is always
    /// the first; for one release, a phone that a percentage reaches is reached by every larger one.
    pub(crate) fn is_reached(&self, role: &str, app_id: &str, version_code: u64, percent: u8) -> bool {
        let mut context = Context::new(&SHA256);
        context.update(b"onecity/rollout\0");
        context.update(&self.0);
        for part in [role.as_bytes(), app_id.as_bytes(), &version_code.to_be_bytes()] {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let digest = context.finish();
        let number = u64::from_be_bytes(digest.as_ref()[..8].try_into().expect("a digest is 32 bytes"));
        number % u64::from(STEPS) < u64::from(percent) * u64::from(STEPS) / 100
    }
}

/// What decides which release a phone gets.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// The phone's secret.
    pub seed: &'a RolloutSeed,
    /// The version of its platform.
    pub platform: u32,
    /// The invitations that it was told.
    pub invitations: &'a [Invitation],
    /// The version that it has.
    pub installed: Option<u64>,
}

/// Why a phone is not offered a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyNot {
    /// It was withdrawn.
    Withdrawn(Withdrawn),
    /// It needs a newer platform.
    Platform {
        /// At least this one.
        needed: u32,
    },
    /// Its rollout has not reached this phone.
    Rollout {
        /// Percent of phones that it has reached.
        percent: u8,
    },
    /// Its rollout is paused.
    Paused,
}

impl Offer<'_> {
    /// Why this phone is not offered a release; none if it is.
    pub fn why_not(&self, release: &Release) -> Option<WhyNot> {
        let entry = &release.entry;
        if let Some(withdrawn) = entry.taken_down.as_ref().or(entry.withdrawn.as_ref()) {
            return Some(WhyNot::Withdrawn(withdrawn.clone()));
        }
        if entry.min_platform > self.platform {
            return Some(WhyNot::Platform { needed: entry.min_platform });
        }
        let rollout = &entry.rollout;
        let has_it = self.installed == Some(release.version_code);
        if has_it || self.invitations.iter().any(|invitation| rollout.invited.contains(invitation)) {
            return None;
        }
        if rollout.paused {
            return Some(WhyNot::Paused);
        }
        let role = release.unit.role();
        let reached = self.seed.is_reached(&role, &release.app_id, release.version_code, rollout.percent);
        (!reached).then_some(WhyNot::Rollout { percent: rollout.percent })
    }

    /// The newest of a service's releases that this phone is offered. A withdrawn one gives way to the one before it,
    /// which is how a release is rolled back.
    ///
    /// # Errors
    /// Why the newest is not offered, if none is; `None` if there is no release.
    pub fn choose<'r>(&self, releases: impl IntoIterator<Item = &'r Release>) -> Result<&'r Release, Option<WhyNot>> {
        let mut newest_first: Vec<&Release> = releases.into_iter().collect();
        newest_first.sort_unstable_by_key(|release| std::cmp::Reverse(release.version_code));
        let mut first_reason = None;
        for release in newest_first {
            match self.why_not(release) {
                None => return Ok(release),
                Some(reason) => {
                    first_reason.get_or_insert(reason);
                }
            }
        }
        Err(first_reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Names;
    use crate::trust::{CatalogueEntry, Target};

    fn release(version_code: u64, change: impl FnOnce(&mut CatalogueEntry)) -> Release {
        let mut entry = CatalogueEntry::titled(Names::new().with("en", "Report"), "report");
        change(&mut entry);
        let target =
            Target { path: format!("cn-sd/jinan/report/{version_code}.ma"), sha256: [0; 32], length: 1, custom: None };
        Release {
            unit: "cn-sd/jinan".parse().expect("a unit"),
            app_id: "report".to_owned(),
            version_code,
            entry,
            target,
        }
    }

    fn phones(count: u32) -> impl Iterator<Item = RolloutSeed> {
        (0..count).map(|at| {
            let mut secret = [7; 32];
            secret[..4].copy_from_slice(&at.to_be_bytes());
            RolloutSeed::new(secret)
        })
    }

    fn chosen(seed: &RolloutSeed, installed: Option<u64>, releases: &[Release]) -> Result<u64, Option<WhyNot>> {
        let offer = Offer { seed, platform: 1, invitations: &[], installed };
        offer.choose(releases).map(|release| release.version_code)
    }

    #[test]
    fn a_tenth_of_the_phones_are_reached_by_ten_percent_and_stay_reached() {
        let releases = |percent| [release(1, |_| ()), release(2, |entry| entry.rollout.percent = percent)];
        let reached = |percent: u8| -> Vec<bool> {
            phones(2_000).map(|phone| chosen(&phone, Some(1), &releases(percent)) == Ok(2)).collect()
        };
        let (tenth, half) = (reached(10), reached(50));
        let count = |reached: &[bool]| reached.iter().filter(|reached| **reached).count();
        assert!((140..260).contains(&count(&tenth)), "{}", count(&tenth));
        assert!((900..1_100).contains(&count(&half)), "{}", count(&half));
        assert!(tenth.iter().zip(&half).all(|(early, late)| !early || *late));
        assert_eq!((count(&reached(0)), count(&reached(100))), (0, 2_000));
    }

    #[test]
    fn another_release_reaches_other_phones_first() {
        let first =
            |version| -> Vec<bool> { phones(500).map(|phone| phone.is_reached("r", "a", version, 20)).collect() };
        assert_ne!(first(2), first(3));
    }

    #[test]
    fn whoever_has_a_release_keeps_it_when_its_rollout_shrinks_or_pauses() {
        let phone = phones(1).next().expect("one");
        let shrunk = [release(1, |_| ()), release(2, |entry| entry.rollout.percent = 0)];
        assert_eq!((chosen(&phone, Some(2), &shrunk), chosen(&phone, Some(1), &shrunk)), (Ok(2), Ok(1)));
        let paused = [release(1, |_| ()), release(2, |entry| entry.rollout.paused = true)];
        assert_eq!((chosen(&phone, Some(2), &paused), chosen(&phone, None, &paused)), (Ok(2), Ok(1)));
    }

    #[test]
    fn a_withdrawn_release_gives_way_to_the_one_before_it() {
        let phone = phones(1).next().expect("one");
        let withdrawn = Withdrawn { reason: Names::new().with("en", "it loses drafts") };
        let bad = release(2, |entry| entry.withdrawn = Some(withdrawn.clone()));
        assert_eq!(chosen(&phone, Some(2), &[release(1, |_| ()), bad.clone()]), Ok(1));
        assert_eq!(chosen(&phone, Some(2), &[bad]), Err(Some(WhyNot::Withdrawn(withdrawn))));
        assert_eq!(chosen(&phone, None, &[]), Err(None));
    }

    #[test]
    fn an_invited_phone_gets_it_whatever_the_percentage() {
        let code = "K7QF-2M9X";
        let only = release(2, |entry| {
            entry.rollout = Rollout { percent: 0, paused: true, invited: vec![Invitation::of(code)] }
        });
        let phone = phones(1).next().expect("one");
        let told = [Invitation::of("k7qf 2m9x")];
        let offer = Offer { seed: &phone, platform: 1, invitations: &told, installed: None };
        assert_eq!(offer.why_not(&only), None);
        assert_eq!(chosen(&phone, None, &[only]), Err(Some(WhyNot::Paused)));
    }
}
