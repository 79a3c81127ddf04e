use PermissionGroup as Group;

use super::*;
use crate::permission::{
    CFD_READ, CFD_WRITE, DNS_READ, DNS_WRITE, HOST_ROUTE, USER_TOKENS_WRITE, ZONE_WRITE,
};

fn policy(effect: Effect, groups: &[Group], resources: &[Resource]) -> Policy {
    Policy {
        id: PolicyId::random(),
        effect,
        groups: groups.to_vec(),
        resources: resources.to_vec(),
    }
}

struct World {
    account: AccountId,
    zone: ZoneId,
}

impl World {
    fn new() -> Self {
        Self {
            account: AccountId::random(),
            zone: ZoneId::random(),
        }
    }

    fn account(&self) -> Target {
        Target::Account(self.account)
    }

    fn zone(&self) -> Target {
        Target::Zone {
            zone: self.zone,
            account: self.account,
        }
    }
}

#[test]
fn a_group_counts_where_it_was_granted_and_nowhere_else() {
    let (here, there) = (World::new(), World::new());
    let own = [policy(
        Effect::Allow,
        &[Group::TunnelRead],
        &[Resource::Account(Choice::Only(here.account))],
    )];
    assert!(may(&own, CFD_READ, here.account()));
    assert!(!may(&own, CFD_WRITE, here.account()));
    assert!(!may(&own, CFD_READ, there.account()));
    assert!(!may(&own, DNS_READ, here.zone()));
    assert!(!may(&[], CFD_READ, here.account()));
    let everywhere = [policy(
        Effect::Allow,
        &[Group::TunnelRead],
        &[Resource::Account(Choice::Every)],
    )];
    assert!(may(&everywhere, CFD_READ, there.account()));
}

#[test]
fn a_zone_is_named_by_itself_among_all_or_among_those_of_its_account() {
    let (here, there) = (World::new(), World::new());
    for (of, zone, reaches_others) in [
        (None, Choice::Only(here.zone), false),
        (None, Choice::Every, true),
        (Some(Choice::Only(here.account)), Choice::Every, false),
        (Some(Choice::Only(here.account)), Choice::Only(here.zone), false),
        (Some(Choice::Every), Choice::Every, true),
    ] {
        let own = [policy(
            Effect::Allow,
            &[Group::DnsWrite],
            &[Resource::Zone { of, zone }],
        )];
        assert!(may(&own, DNS_WRITE, here.zone()), "{of:?} {zone:?}");
        assert_eq!(
            may(&own, DNS_WRITE, there.zone()),
            reaches_others,
            "{of:?} {zone:?}"
        );
    }
    let of_account = [policy(
        Effect::Allow,
        &[Group::DnsWrite],
        &[Resource::Account(Choice::Only(here.account))],
    )];
    assert!(
        !may(&of_account, DNS_WRITE, here.zone()),
        "the account is not its zones"
    );
}

#[test]
fn making_a_zone_needs_power_over_all_zones_of_the_account() {
    let here = World::new();
    let on = |of, zone| {
        [policy(
            Effect::Allow,
            &[Group::ZoneWrite],
            &[Resource::Zone { of, zone }],
        )]
    };
    assert!(may(
        &on(Some(Choice::Only(here.account)), Choice::Every),
        ZONE_WRITE,
        here.account()
    ));
    assert!(may(&on(None, Choice::Every), ZONE_WRITE, here.account()));
    assert!(!may(
        &on(None, Choice::Only(here.zone)),
        ZONE_WRITE,
        here.account()
    ));
}

#[test]
fn groups_of_the_account_lead_its_zones_to_its_tunnels() {
    let here = World::new();
    let own = [policy(
        Effect::Allow,
        &[Group::TunnelWrite],
        &[Resource::Account(Choice::Only(here.account))],
    )];
    assert!(may(&own, HOST_ROUTE, here.zone()));
    assert!(!may(&own, HOST_ROUTE, World::new().zone()));
}

#[test]
fn what_is_denied_is_denied_whatever_allows_it_and_nothing_else_is() {
    let (here, there) = (World::new(), World::new());
    let own = [
        policy(
            Effect::Deny,
            &[Group::TunnelWrite],
            &[Resource::Account(Choice::Only(here.account))],
        ),
        policy(
            Effect::Allow,
            &[Group::TunnelWrite, Group::TunnelRead],
            &[Resource::Account(Choice::Every)],
        ),
    ];
    assert!(!may(&own, CFD_WRITE, here.account()));
    assert!(may(&own, CFD_READ, here.account()), "reading is left");
    assert!(may(&own, CFD_WRITE, there.account()));
}

#[test]
fn a_users_groups_count_on_that_user() {
    let user = UserId::random();
    let own = [policy(
        Effect::Allow,
        &[Group::ApiTokensWrite],
        &[Resource::User(Choice::Only(user))],
    )];
    assert!(may(&own, USER_TOKENS_WRITE, Target::User(user)));
    assert!(!may(&own, USER_TOKENS_WRITE, Target::User(UserId::random())));
}

#[test]
fn the_operator_administers_all_accounts_and_acts_in_its_own() {
    let (here, there, user) = (World::new(), World::new(), UserId::random());
    let own = Policy::of_operator(here.account, user);
    assert!(may(&own, CFD_WRITE, here.account()) && may(&own, DNS_WRITE, here.zone()));
    assert!(!may(&own, CFD_READ, there.account()) && !may(&own, DNS_READ, there.zone()));
    assert!(may(&own, ZONE_WRITE, there.account()) && may(&own, USER_TOKENS_WRITE, Target::User(user)));
}

#[test]
fn nobody_gives_away_what_it_has_not() {
    let (here, there) = (World::new(), World::new());
    let own = Policy::everything_in(here.account);
    let wants = |groups: &[Group], resource| [policy(Effect::Allow, groups, &[resource])];
    let account = |world: &World| Resource::Account(Choice::Only(world.account));
    let zones = |world: &World, zone| Resource::Zone {
        of: Some(Choice::Only(world.account)),
        zone,
    };
    assert!(within(&own, &wants(&[Group::TunnelWrite], account(&here))));
    assert!(within(
        &own,
        &wants(&[Group::DnsWrite], zones(&here, Choice::Only(here.zone)))
    ));
    assert!(!within(&own, &wants(&[Group::TunnelWrite], account(&there))));
    assert!(!within(
        &own,
        &wants(&[Group::TunnelWrite], Resource::Account(Choice::Every))
    ));
    assert!(!within(
        &own,
        &wants(&[Group::DnsWrite], zones(&there, Choice::Every))
    ));
    let flat = Resource::Zone {
        of: None,
        zone: Choice::Only(here.zone),
    };
    assert!(
        !within(&own, &wants(&[Group::DnsWrite], flat)),
        "it may be anyone's zone"
    );

    let mut less = own.clone();
    less.push(policy(
        Effect::Deny,
        &[Group::TunnelWrite],
        &[Resource::Account(Choice::Every)],
    ));
    assert!(!within(&less, &wants(&[Group::TunnelWrite], account(&here))));
    assert!(within(
        &less,
        &[policy(Effect::Deny, &[Group::TunnelWrite], &[account(&there)])]
    ));
}

#[test]
fn a_policy_is_kept_as_json() {
    let all = Policy::of_operator(AccountId::random(), UserId::random());
    for policy in all {
        assert_eq!(Policy::from_json(&policy.to_json()).unwrap(), policy);
    }
    for bad in [
        json!(null),
        json!({}),
        json!({"id": "x", "effect": "allow", "groups": [], "resources": {}}),
    ] {
        assert!(Policy::from_json(&bad).is_err(), "{bad}");
    }
}
