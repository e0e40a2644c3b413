//! Counting what units use of a registry that others share, against [`limits`](crate::limits).

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::{
    PUBLISHER_BYTES, PUBLISHER_ROLES, PUBLISHER_SERVICES, REGISTRY_DELEGATIONS, ROLE_BYTES, UNIT_DELEGATIONS,
    UNIT_RELEASES, UNIT_SERVICES,
};
use crate::region::UnitId;

/// What one role uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoleUse {
    /// Bytes of its metadata.
    pub bytes: usize,
    /// Units that it delegates to.
    pub delegations: usize,
    /// Services of which it lists a release.
    pub services: usize,
    /// Releases that it lists.
    pub releases: usize,
}

impl RoleUse {
    /// Counts the releases among the paths of a role's targets.
    pub fn of<'a>(bytes: usize, delegations: usize, paths: impl Iterator<Item = &'a str>) -> Self {
        let (mut services, mut releases) = (BTreeSet::new(), 0);
        for (service, file) in paths.filter_map(|path| path.rsplit_once('/')) {
            if file.ends_with(".ma") {
                services.insert(service);
                releases += 1;
            }
        }
        Self { bytes, delegations, services: services.len(), releases }
    }
}

/// A unit or its publisher uses more than it may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{who} has {found} {what}, and may have {most}")]
#[expect(missing_docs, reason = "the message says it")]
pub struct LimitExceeded {
    pub who: UnitId,
    pub what: &'static str,
    pub found: usize,
    pub most: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct PublisherUse {
    roles: usize,
    services: usize,
    bytes: usize,
}

/// What publishers have used so far, role by role. A role counts once, and one that goes beyond a limit not at all: what
/// one unit lists too much of takes nothing from its neighbours.
#[derive(Debug, Clone, Default)]
pub struct Allowance(BTreeMap<UnitId, PublisherUse>);

impl Allowance {
    /// Adds a unit's role.
    ///
    /// # Errors
    /// [`LimitExceeded`] if the role, or its publisher with it, uses more than it may.
    pub fn add(&mut self, unit: &UnitId, role: RoleUse) -> Result<(), LimitExceeded> {
        let within = |who: &UnitId, what, found, most| {
            if found <= most { Ok(()) } else { Err(LimitExceeded { who: who.clone(), what, found, most }) }
        };
        let publisher = unit.publisher();
        let delegations = if publisher.is_some() { UNIT_DELEGATIONS } else { REGISTRY_DELEGATIONS };
        within(unit, "bytes of metadata", role.bytes, ROLE_BYTES)?;
        within(unit, "units below it", role.delegations, delegations)?;
        within(unit, "services", role.services, UNIT_SERVICES)?;
        within(unit, "releases", role.releases, UNIT_RELEASES)?;
        let Some(publisher) = publisher else { return Ok(()) };
        let before = self.0.get(&publisher).copied().unwrap_or_default();
        let sum = PublisherUse {
            roles: before.roles + 1,
            services: before.services + role.services,
            bytes: before.bytes + role.bytes,
        };
        within(&publisher, "roles with all below it", sum.roles, PUBLISHER_ROLES)?;
        within(&publisher, "services with all below it", sum.services, PUBLISHER_SERVICES)?;
        within(&publisher, "bytes of metadata with all below it", sum.bytes, PUBLISHER_BYTES)?;
        self.0.insert(publisher, sum);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(text: &str) -> UnitId {
        text.parse().expect("a unit")
    }

    #[test]
    fn a_role_uses_what_it_lists_and_a_takedown_is_no_release() {
        let paths = ["a/x/1.ma", "a/x/2.ma", "a/y/1.ma", "a/y/takedown.json", "trust.json"];
        let role = RoleUse::of(9, 3, paths.into_iter());
        assert_eq!(role, RoleUse { bytes: 9, delegations: 3, services: 2, releases: 3 });
    }

    #[test]
    fn every_limit_of_a_unit_may_be_reached_and_not_passed() {
        let full = RoleUse {
            bytes: ROLE_BYTES,
            delegations: UNIT_DELEGATIONS,
            services: UNIT_SERVICES,
            releases: UNIT_RELEASES,
        };
        let add = |role| Allowance::default().add(&unit("cn-sd/jinan"), role);
        assert_eq!(add(full), Ok(()));
        for (over, what) in [
            (RoleUse { bytes: full.bytes + 1, ..full }, "bytes of metadata"),
            (RoleUse { delegations: full.delegations + 1, ..full }, "units below it"),
            (RoleUse { services: full.services + 1, ..full }, "services"),
            (RoleUse { releases: full.releases + 1, ..full }, "releases"),
        ] {
            assert_eq!(add(over).expect_err("too much").what, what);
        }
        let province = RoleUse { delegations: REGISTRY_DELEGATIONS, ..full };
        assert_eq!(Allowance::default().add(&unit("cn-sd"), province), Ok(()));
        assert!(Allowance::default().add(&unit("cn-sd"), RoleUse { delegations: 5_000, ..full }).is_err());
    }

    #[test]
    fn what_a_city_has_too_much_of_counts_with_its_districts_and_leaves_the_next_city_alone() {
        let mut allowance = Allowance::default();
        let large = RoleUse { services: UNIT_SERVICES, ..RoleUse::default() };
        for below in ["", "/lixia", "/~transport", "/lixia/~parks"] {
            allowance.add(&unit(&format!("cn-sd/jinan{below}")), large).expect("fits");
        }
        let refused = allowance.add(&unit("cn-sd/jinan/shizhong"), large).expect_err("too many");
        assert_eq!((refused.who, refused.found, refused.most), (unit("cn-sd/jinan"), 5_120, PUBLISHER_SERVICES));
        // What was refused takes no room: a smaller one still fits, where there is any.
        let none = RoleUse { bytes: 1, ..RoleUse::default() };
        allowance.add(&unit("cn-sd/jinan/tianqiao"), none).expect("fits");
        allowance.add(&unit("cn-sd/qingdao"), large).expect("another publisher");
        allowance.add(&unit("cn-sd/~jiaodong"), large).expect("a circle");
        allowance.add(&unit("cn-sd"), large).expect("the province");
    }

    #[test]
    fn a_city_may_have_so_many_roles_below_it_and_no_more() {
        let mut allowance = Allowance::default();
        let small = RoleUse { bytes: 1, ..RoleUse::default() };
        for at in 0..PUBLISHER_ROLES {
            allowance.add(&unit(&format!("cn-sd/jinan/~d{at}")), small).expect("fits");
        }
        assert!(allowance.add(&unit("cn-sd/jinan/~more"), small).is_err());
        let bytes = RoleUse { bytes: ROLE_BYTES, ..RoleUse::default() };
        assert!((0..3).any(|at| allowance.add(&unit(&format!("cn-sd/qingdao/~d{at}")), bytes).is_err()));
    }
}
