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
            let below = self.tree_below(role.to_owned())?;
            // What is above a role, and beside it, takes its room first; what is below it does not: a city is never kept from
            // signing by its districts.
            for (other, used) in self.uses_of(&publisher)? {
                if !below.contains(&other) {
                    // One that is beyond the limits itself takes nothing from this one.
                    let _ = allowance.add(&self.unit(&other), used);
                }
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
        let (mut beyond, mut roles) = (BTreeMap::new(), self.pinned.len());
        for publisher in news {
            let uses = match &publisher {
                Some(publisher) => self.uses_of(publisher)?,
                None => vec![("targets".to_owned(), self.role("targets")?.used())],
            };
            let mut allowance = Allowance::default();
            for (role, used) in uses {
                let unit = self.unit(&role);
                let new = !self.pinned.contains_key(&role);
                roles += usize::from(new);
                let registry = (!new || roles <= REGISTRY_ROLES).then_some(()).ok_or_else(|| LimitExceeded {
                    who: self.root.region.clone().into(),
                    what: "roles in its registry",
                    found: roles,
                    most: REGISTRY_ROLES,
                });
                if let Err(exceeded) = registry.and_then(|()| allowance.add(&unit, used)) {
                    beyond.insert(role, exceeded);
                }
            }
        }
        Ok(beyond)
    }

    /// What a publisher's roles use, in the order in which they take its room: its own; those that were withdrawn, of which a
    /// snapshot keeps the name for ever (TUF 1.0 §5.5.5); then the others that were ever signed, parents before children.
    fn uses_of(&mut self, publisher: &UnitId) -> Result<Vec<(String, RoleUse)>, PublishError> {
        let tree = self.tree_below(publisher.role())?;
        let delegated: BTreeSet<&String> = tree.iter().collect();
        let of = |role: &String| UnitId::from_role(role).and_then(|unit| unit.publisher());
        let withdrawn =
            self.pinned.keys().filter(|role| of(role).as_ref() == Some(publisher) && !delegated.contains(role));
        let withdrawn: Vec<(String, RoleUse)> = withdrawn.map(|role| (role.clone(), RoleUse::default())).collect();
        let mut uses = Vec::new();
        for role in tree {
            let draft = self.role(&role)?;
            if draft.version > 0 {
                let used = draft.used();
                uses.push((role, used));
            }
        }
        let own = uses.first().map_or(0, |(role, _)| usize::from(*role == publisher.role()));
        uses.splice(own..own, withdrawn);
        Ok(uses)
    }

    fn unit(&self, role: &str) -> UnitId {
        UnitId::from_role(role).unwrap_or_else(|| self.root.region.clone().into())
    }
}

impl RoleDraft {
    fn used(&self) -> RoleUse {
        let delegations = self.delegations.as_ref().map_or(0, |all| all.roles.len());
        RoleUse::of(self.bytes, delegations, self.targets.keys().map(String::as_str))
    }
}
