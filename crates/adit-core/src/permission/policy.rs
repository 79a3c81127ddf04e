//! Policies: which groups are granted, or taken away, on what; and the decision that they lead to.

use adit_model::{AccountId, PolicyId, UserId, ZoneId};
use serde_json::{Map, Value, json};

use super::{Choice, PermissionGroup, Resource, ResourceError, Scope};

/// The most resources in all policies of a token together: each is a condition of what lists show it.
pub const MOST_RESOURCES: usize = 256;

/// Whether a policy gives or takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Gives.
    Allow,
    /// Takes away, whatever another policy gives.
    Deny,
}

/// Groups that an API token has, or has not, on resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its id.
    pub id: PolicyId,
    /// Whether it gives or takes away.
    pub effect: Effect,
    /// Which groups.
    pub groups: Vec<PermissionGroup>,
    /// On what. A group counts on resources of its scope only.
    pub resources: Vec<Resource>,
}

/// What a call acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An account and what it owns, or all its zones together.
    Account(AccountId),
    /// A zone.
    Zone {
        /// Which.
        zone: ZoneId,
        /// Its owner.
        account: AccountId,
    },
    /// A user.
    User(UserId),
}

/// Why a kept policy is not understood.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It has not the shape of one.
    #[error("not a policy")]
    WrongShape,
    /// It is about something unknown.
    #[error(transparent)]
    Resource(#[from] ResourceError),
}

/// Whether a call that accepts these groups may be made on `target`: at least one of them must be granted there and
/// not taken away.
#[must_use]
pub fn may(policies: &[Policy], accepted: &[PermissionGroup], target: Target) -> bool {
    let grants = |effect, group: PermissionGroup| {
        policies.iter().any(|policy| {
            policy.effect == effect
                && policy.groups.contains(&group)
                && policy
                    .resources
                    .iter()
                    .any(|resource| covers(resource, group.scope(), target))
        })
    };
    accepted
        .iter()
        .any(|&group| grants(Effect::Allow, group) && !grants(Effect::Deny, group))
}

/// Whether a group of this scope, granted on `resource`, counts on `target`.
fn covers(resource: &Resource, scope: Scope, target: Target) -> bool {
    match (scope, target, resource) {
        (Scope::Account, Target::Account(account) | Target::Zone { account, .. }, Resource::Account(own)) => {
            own.is(&account)
        }
        (Scope::Zone, Target::Zone { zone, account }, Resource::Zone { of, zone: own }) => {
            of.is_none_or(|of| of.is(&account)) && own.is(&zone)
        }
        (
            Scope::Zone,
            Target::Account(account),
            Resource::Zone {
                of,
                zone: Choice::Every,
            },
        ) => of.is_none_or(|of| of.is(&account)),
        (Scope::User, Target::User(user), Resource::User(own)) => own.is(&user),
        (Scope::Account | Scope::Zone | Scope::User, _, _) => false,
    }
}

/// Whether `wanted` gives nothing that `own` does not give.
#[must_use]
pub fn within(own: &[Policy], wanted: &[Policy]) -> bool {
    let given = |group: PermissionGroup, resource: &Resource| {
        let of = |effect| {
            own.iter()
                .filter(move |policy| policy.effect == effect && policy.groups.contains(&group))
                .flat_map(|policy| &policy.resources)
        };
        of(Effect::Allow).any(|own| own.contains(resource))
            && !of(Effect::Deny).any(|own| own.meets(resource))
    };
    let counts = |group: PermissionGroup, resource: &&Resource| resource.scope() == group.scope();
    wanted
        .iter()
        .filter(|policy| policy.effect == Effect::Allow)
        .all(|policy| {
            policy.groups.iter().all(|&group| {
                let mut resources = policy.resources.iter().filter(|resource| counts(group, resource));
                resources.all(|resource| given(group, resource))
            })
        })
}

impl Resource {
    /// Which groups count on it.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        match self {
            Self::Account(_) => Scope::Account,
            Self::Zone { .. } => Scope::Zone,
            Self::User(_) => Scope::User,
        }
    }
}

fn groups_of(scope: Scope) -> Vec<PermissionGroup> {
    let all = PermissionGroup::ALL.iter().copied();
    all.filter(|group| group.scope() == scope).collect()
}

impl Policy {
    fn allow(groups: Vec<PermissionGroup>, resource: Resource) -> Self {
        Self {
            id: PolicyId::random(),
            effect: Effect::Allow,
            groups,
            resources: vec![resource],
        }
    }

    /// Everything in an account and its zones.
    #[must_use]
    pub fn everything_in(account: AccountId) -> Vec<Self> {
        let own = Choice::Only(account);
        vec![
            Self::allow(groups_of(Scope::Account), Resource::Account(own)),
            Self::allow(
                groups_of(Scope::Zone),
                Resource::Zone {
                    of: Some(own),
                    zone: Choice::Every,
                },
            ),
        ]
    }

    /// What the operator's token may do: everything in its own account, and administer all others, which is to say
    /// accounts, zones and API tokens themselves, but not what connects or is reached through them.
    #[must_use]
    pub fn of_operator(account: AccountId, user: UserId) -> Vec<Self> {
        let mut policies = Self::everything_in(account);
        policies.push(Self::allow(
            vec![
                PermissionGroup::AccountSettingsWrite,
                PermissionGroup::AccountSettingsRead,
                PermissionGroup::AccountApiTokensWrite,
                PermissionGroup::AccountApiTokensRead,
            ],
            Resource::Account(Choice::Every),
        ));
        policies.push(Self::allow(
            vec![PermissionGroup::ZoneWrite, PermissionGroup::ZoneRead],
            Resource::Zone {
                of: None,
                zone: Choice::Every,
            },
        ));
        policies.push(Self::allow(
            groups_of(Scope::User),
            Resource::User(Choice::Only(user)),
        ));
        policies
    }

    /// Whether it says the same as another, whatever their ids.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        (self.effect, &self.groups, &self.resources) == (other.effect, &other.groups, &other.resources)
    }

    /// Writes it as JSON to keep.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let groups: Vec<&str> = self.groups.iter().map(|group| group.id()).collect();
        let effect = self.effect.as_str();
        json!({"id": self.id, "effect": effect, "groups": groups, "resources": Resource::write(&self.resources)})
    }

    /// Reads what [`Policy::to_json`] wrote. A group that this version does not have is left out.
    ///
    /// # Errors
    /// [`PolicyError`] if it is none.
    pub fn from_json(value: &Value) -> Result<Self, PolicyError> {
        let text = |field: &str| {
            value
                .get(field)
                .and_then(Value::as_str)
                .ok_or(PolicyError::WrongShape)
        };
        let groups = value
            .get("groups")
            .and_then(Value::as_array)
            .ok_or(PolicyError::WrongShape)?;
        let resources: &Map<_, _> = value
            .get("resources")
            .and_then(Value::as_object)
            .ok_or(PolicyError::WrongShape)?;
        Ok(Self {
            id: text("id")?.parse().map_err(|_| PolicyError::WrongShape)?,
            effect: Effect::named(text("effect")?).ok_or(PolicyError::WrongShape)?,
            groups: groups
                .iter()
                .filter_map(|id| PermissionGroup::with_id(id.as_str()?))
                .collect(),
            resources: Resource::read(resources)?,
        })
    }
}

impl Effect {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }

    /// The effect of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Allow, Self::Deny]
            .into_iter()
            .find(|effect| effect.as_str() == name)
    }
}

#[cfg(test)]
mod tests;
