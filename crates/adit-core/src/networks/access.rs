//! Whose private networks an API token reaches.

use std::collections::BTreeSet;

use adit_model::AccountId;

use crate::{
    permission::{Choice, Effect, NETWORKS_REACH, Policy, Resource, Target, may},
    port::{ApiToken, TokenOwner},
};

/// The account into whose private networks a token leads its holder, if it may reach them: the one that it belongs to,
/// or, if it belongs to a user, the one that its policies name. One that names several, or all, leads nowhere: nothing
/// says which is meant.
#[must_use]
pub fn account_reached(token: &ApiToken) -> Option<AccountId> {
    let account = match &token.owner {
        TokenOwner::Account(account) | TokenOwner::Operator { account, .. } => *account,
        TokenOwner::User(_) => the_only_account(&token.policies)?,
    };
    may(&token.policies, NETWORKS_REACH, Target::Account(account)).then_some(account)
}

fn the_only_account(policies: &[Policy]) -> Option<AccountId> {
    let mut named = BTreeSet::new();
    let giving = |policy: &&Policy| {
        policy.effect == Effect::Allow && policy.groups.iter().any(|group| NETWORKS_REACH.contains(group))
    };
    for resource in policies
        .iter()
        .filter(giving)
        .flat_map(|policy| &policy.resources)
    {
        match resource {
            Resource::Account(Choice::Every) => return None,
            Resource::Account(Choice::Only(account)) => {
                named.insert(*account);
            }
            Resource::Zone { .. } | Resource::User(_) => {}
        }
    }
    let mut named = named.into_iter();
    named.next().filter(|_| named.next().is_none())
}

#[cfg(test)]
mod tests {
    use adit_model::{ApiTokenId, PolicyId, Timestamp, UserId};

    use super::*;
    use crate::{
        permission::{AddressRule, PermissionGroup},
        port::User,
    };

    fn token(owner: TokenOwner, policies: Vec<Policy>) -> ApiToken {
        let at = Timestamp::from_unix_micros(0).unwrap();
        ApiToken {
            id: ApiTokenId::random(),
            name: "t".to_owned(),
            owner,
            disabled: false,
            policies,
            addresses: AddressRule::default(),
            not_before: None,
            expires_at: None,
            created_at: at,
            modified_at: at,
            last_used_at: None,
        }
    }

    fn user() -> TokenOwner {
        TokenOwner::User(User {
            id: UserId::random(),
            email: "u@example.com".to_owned(),
        })
    }

    fn policy(effect: Effect, group: PermissionGroup, on: &[Choice<AccountId>]) -> Policy {
        Policy {
            id: PolicyId::random(),
            effect,
            groups: vec![group],
            resources: on.iter().copied().map(Resource::Account).collect(),
        }
    }

    #[test]
    fn an_accounts_token_reaches_its_account_if_it_has_the_group() {
        let own = AccountId::random();
        let with = |group| {
            let policies = vec![policy(Effect::Allow, group, &[Choice::Only(own)])];
            account_reached(&token(TokenOwner::Account(own), policies))
        };
        assert_eq!(with(PermissionGroup::NetworksRead), Some(own));
        assert_eq!(with(PermissionGroup::NetworksWrite), Some(own));
        assert_eq!(with(PermissionGroup::TunnelWrite), Some(own));
        assert_eq!(with(PermissionGroup::TunnelRead), None);
        assert_eq!(with(PermissionGroup::AccountSettingsWrite), None);
    }

    #[test]
    fn a_group_on_another_account_or_taken_away_leads_nowhere() {
        let (own, other) = (AccountId::random(), AccountId::random());
        let group = PermissionGroup::NetworksRead;
        let owner = TokenOwner::Account(own);
        let elsewhere = vec![policy(Effect::Allow, group, &[Choice::Only(other)])];
        assert_eq!(account_reached(&token(owner.clone(), elsewhere)), None);
        let taken = vec![
            policy(Effect::Allow, group, &[Choice::Every]),
            policy(Effect::Deny, group, &[Choice::Only(own)]),
        ];
        assert_eq!(account_reached(&token(owner, taken)), None);
    }

    #[test]
    fn a_users_token_reaches_the_one_account_that_it_names() {
        let (one, two) = (AccountId::random(), AccountId::random());
        let group = PermissionGroup::NetworksRead;
        let with = |on: &[Choice<AccountId>]| {
            account_reached(&token(user(), vec![policy(Effect::Allow, group, on)]))
        };
        assert_eq!(with(&[Choice::Only(one)]), Some(one));
        assert_eq!(with(&[Choice::Only(one), Choice::Only(two)]), None);
        assert_eq!(with(&[Choice::Every]), None);
        assert_eq!(with(&[]), None);
    }
}
