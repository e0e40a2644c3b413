//! What a role may list and delegate, beside what its publisher's other roles do already.

use onecity_protocol::limits::REGISTRY_ROLES;
use onecity_protocol::trust::{Allowance, LimitExceeded, RoleUse};

use super::*;

impl<S: RegistryStorage> Repository<S> {
    /// Refuses a role that uses more than it may, or makes its publisher do so.
    pub(super) fn check_limits(&mut self, role: &str, draft: &RoleDraft) -> Result<(), PublishError> {
        let unit = self.unit(role);
        if !self.pinned.contains_key(role) && self.pinned.len() >= REGISTRY_ROLES {
            let (who, found) = (self.root.region.clone().into(), self.pinned.len() + 1);
            return Err(LimitExceeded { who, what: "roles in its registry", found, most: REGISTRY_ROLES }.into());
        }
        let mut allowance = Allowance::default();
        if let Some(publisher) = unit.publisher() {
            for other in self.roles_of(&publisher)?.into_iter().filter(|other| other != role) {
                let other = (self.unit(&other), self.used(&other)?);
                // One that is beyond the limits itself takes nothing from this one.
                let _ = allowance.add(&other.0, other.1);
            }
        }
        Ok(allowance.add(&unit, draft.used())?)
    }

    /// The roles with news that go beyond the limits, and why: the next snapshot does not take these in.
    pub(super) fn beyond_limits(&mut self) -> Result<BTreeMap<String, LimitExceeded>, PublishError> {
        let mut news = BTreeSet::new();
        let tree = self.tree()?;
        for role in &tree {
            if self.newest(role)? > self.pinned.get(role).copied().unwrap_or_default() {
                news.insert(self.unit(role).publisher());
            }
        }
        let delegated: BTreeSet<&String> = tree.iter().collect();
        let (mut beyond, mut allowance) = (BTreeMap::new(), Allowance::default());
        let mut roles = self.pinned.len();
        for publisher in news.iter().flatten() {
            for withdrawn in self.roles_of(publisher)?.into_iter().filter(|role| !delegated.contains(role)) {
                let _ = allowance.add(&self.unit(&withdrawn), RoleUse::default());
            }
        }
        for role in &tree {
            let unit = self.unit(role);
            if news.contains(&unit.publisher()) {
                let used = self.used(role)?;
                let new = !self.pinned.contains_key(role) && self.newest(role)? > 0;
                roles += usize::from(new);
                let registry = (!new || roles <= REGISTRY_ROLES).then_some(()).ok_or_else(|| LimitExceeded {
                    who: self.root.region.clone().into(),
                    what: "roles in its registry",
                    found: roles,
                    most: REGISTRY_ROLES,
                });
                if let Err(exceeded) = registry.and_then(|()| allowance.add(&unit, used)) {
                    beyond.insert(role.clone(), exceeded);
                }
            }
        }
        Ok(beyond)
    }

    fn unit(&self, role: &str) -> UnitId {
        UnitId::from_role(role).unwrap_or_else(|| self.root.region.clone().into())
    }

    fn used(&mut self, role: &str) -> Result<RoleUse, PublishError> {
        Ok(self.role(role)?.used())
    }

    /// The roles of a publisher, those too that are named by the snapshot and delegated to no more: a snapshot keeps
    /// every name (TUF 1.0 §5.5.5).
    fn roles_of(&mut self, publisher: &UnitId) -> Result<BTreeSet<String>, PublishError> {
        let own = |role: &String| UnitId::from_role(role).and_then(|unit| unit.publisher()).as_ref() == Some(publisher);
        let mut roles: BTreeSet<String> = self.tree_below(publisher.role())?.into_iter().collect();
        roles.extend(self.pinned.keys().filter(|role| own(role)).cloned());
        Ok(roles)
    }
}

impl RoleDraft {
    fn used(&self) -> RoleUse {
        let delegations = self.delegations.as_ref().map_or(0, |all| all.roles.len());
        RoleUse::of(self.bytes, delegations, self.targets.keys().map(String::as_str))
    }
}
