//! What a release would do, before it is signed: a great many phones that differ in what they have and in their secret
//! number are asked what they would open, by the very code that real ones decide with.

use std::collections::{BTreeMap, BTreeSet};

use onecity_protocol::manifest::Permission;
use onecity_protocol::trust::{CatalogueEntry, Offer, Release, RolloutSeed, WhyNot};
use ring::digest::{SHA256, digest};

/// What the phones come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsal {
    /// How many phones were asked.
    pub phones: u32,
    /// How many would open each version.
    pub opens: BTreeMap<u64, u32>,
    /// How many would open an older version than they have now.
    pub falls_back: u32,
    /// How many would change their version.
    pub changes: u32,
    /// How many could not open the service, by reason.
    pub left_out: BTreeMap<&'static str, u32>,
    /// Permissions that the newest version asks for and the one before did not.
    pub new_permissions: Vec<&'static str>,
    /// Origins likewise.
    pub new_origins: Vec<String>,
}

/// Asks `count` synthetic phones what they would open among a service's releases. Nine in ten have what was offered to
/// them before (`before`), one in ten has nothing yet; one in a hundred has an older app.
pub fn rehearse(before: &[Release], after: &[Release], count: u32) -> Rehearsal {
    let mut rehearsal = Rehearsal {
        phones: count,
        opens: BTreeMap::new(),
        falls_back: 0,
        changes: 0,
        left_out: BTreeMap::new(),
        new_permissions: Vec::new(),
        new_origins: Vec::new(),
    };
    for at in 0..count {
        let secret = digest(&SHA256, &[b"rehearsal", &at.to_be_bytes()[..]].concat());
        let seed = RolloutSeed::new(secret.as_ref().try_into().expect("SHA-256 is 32 bytes"));
        let platform = if at % 100 == 99 { 0 } else { u32::MAX };
        let offer = |installed| Offer { seed: &seed, platform, invitations: &[], installed };
        let has = if at % 10 == 9 { None } else { offer(None).choose(before).ok().map(|release| release.version_code) };
        match offer(has).choose(after) {
            Ok(release) => {
                *rehearsal.opens.entry(release.version_code).or_default() += 1;
                rehearsal.changes += u32::from(has.is_some_and(|has| has != release.version_code));
                rehearsal.falls_back += u32::from(has.is_some_and(|has| has > release.version_code));
            }
            Err(why) => {
                let reason = match why {
                    Some(WhyNot::Withdrawn(_)) => "withdrawn",
                    Some(WhyNot::Platform { .. }) => "the app is too old",
                    Some(WhyNot::Rollout { .. }) => "the rollout has not reached them",
                    Some(WhyNot::Paused) => "the rollout is paused",
                    None => "there is no release",
                };
                *rehearsal.left_out.entry(reason).or_default() += 1;
            }
        }
    }
    let offered = |releases: &[Release]| -> Option<CatalogueEntry> {
        let newest = releases.iter().filter(|release| release.entry.withdrawn.is_none()).max_by_key(|r| r.version_code);
        newest.map(|release| release.entry.clone())
    };
    if let Some(is) = offered(after) {
        let was = offered(before);
        let had: BTreeSet<Permission> = was.iter().flat_map(|entry| entry.permissions.iter().copied()).collect();
        let reached: BTreeSet<&String> = was.iter().flat_map(|entry| &entry.origins).collect();
        let asks = is.permissions.iter().filter(|permission| !had.contains(permission));
        rehearsal.new_permissions = asks.map(|permission| permission.name()).collect();
        rehearsal.new_origins = is.origins.iter().filter(|origin| !reached.contains(origin)).cloned().collect();
    }
    rehearsal
}
