//! How far a credential sees in lists: the same decision as [`may`](super::may), as a condition on what is listed.

use std::collections::BTreeSet;

use super::{Effect, PermissionGroup, Policy, Resource};

/// What a credential sees of accounts or zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    Everything,
    /// What at least one of these gives.
    These(Vec<Grant>),
}

/// What one group gives: something of `allow` that is nothing of `deny`. All are of the group's scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What it is granted on.
    pub allow: Vec<Resource>,
    /// From what it is taken away.
    pub deny: Vec<Resource>,
}

impl Reach {
    /// What these policies give where a call accepts these groups.
    #[must_use]
    pub fn of(policies: &[Policy], accepted: &[PermissionGroup]) -> Self {
        let grant = |&group: &PermissionGroup| {
            let with = |effect| {
                let policies = policies.iter();
                let those =
                    policies.filter(move |policy| policy.effect == effect && policy.groups.contains(&group));
                let resources = those.flat_map(|policy| policy.resources.iter().copied());
                // Each once: each becomes a condition.
                let resources: BTreeSet<Resource> = resources
                    .filter(|resource| resource.scope() == group.scope())
                    .collect();
                resources.into_iter().collect()
            };
            let (allow, deny): (Vec<_>, Vec<_>) = (with(Effect::Allow), with(Effect::Deny));
            (!allow.is_empty()).then_some(Grant { allow, deny })
        };
        let mut grants: Vec<Grant> = accepted.iter().filter_map(grant).collect();
        grants.dedup();
        Self::These(grants)
    }

    /// Whether it reaches nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Everything => false,
            Self::These(grants) => grants.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_model::AccountId;

    use super::*;
    use crate::permission::{ACCOUNT_READ, Choice, DNS_READ, ZONE_READ};

    #[test]
    fn only_resources_of_a_groups_scope_count() {
        let account = AccountId::random();
        let own = Policy::everything_in(account);
        let Reach::These(grants) = Reach::of(&own, ACCOUNT_READ) else {
            panic!("not everything")
        };
        assert_eq!(
            grants,
            [Grant {
                allow: vec![Resource::Account(Choice::Only(account))],
                deny: Vec::new(),
            }]
        );
        assert!(!Reach::of(&own, ZONE_READ).is_empty());
        let [of_account, _] = &own[..] else {
            panic!("two policies")
        };
        assert!(Reach::of(std::slice::from_ref(of_account), DNS_READ).is_empty());
    }
}
