//! What a credential sees of accounts and zones, as a condition of a list.

use std::collections::BTreeSet;

use adit_core::permission::{Choice, Grant, Reach, Resource};
use adit_model::{AccountId, ZoneId};

use crate::sql::Query;

/// The columns by which a list is limited: both fixed texts.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    /// The id of the account, or of the zone's account.
    pub(crate) account: &'static str,
    /// The id of the zone, in a list of zones.
    pub(crate) zone: Option<&'static str>,
}

/// Goes on with a condition that holds for what is within reach.
pub(crate) fn push(query: Query, reach: &Reach, columns: Columns) -> Query {
    let grants = match reach {
        Reach::Everything => return query.push("1 = 1"),
        Reach::These(grants) => grants,
    };
    let query = query.push("(1 = 0");
    let query = grants.iter().fold(query, |query, Grant { allow, deny }| {
        let query = any(query.push(" OR ("), allow, columns);
        any(query.push(" AND NOT "), deny, columns).push(")")
    });
    query.push(")")
}

/// Goes on with whether it is one of these. Lists, not alternatives one by one: SQLite nests those, and not deeply.
fn any(query: Query, resources: &[Resource], columns: Columns) -> Query {
    let Some(named) = Named::of(resources, columns) else {
        return query.push("1 = 1");
    };
    let mut query = query.push("(1 = 0");
    if !named.accounts.is_empty() {
        query = query
            .push(" OR ")
            .push(columns.account)
            .push(" IN ")
            .push_list(named.accounts);
    }
    let Some(zone) = columns.zone else {
        return query.push(")");
    };
    if !named.zones.is_empty() {
        query = query.push(" OR ").push(zone).push(" IN ").push_list(named.zones);
    }
    if !named.zones_of.is_empty() {
        query = query.push(" OR (").push(zone).push(", ").push(columns.account);
        query = query.push(") IN (VALUES ");
        let pair = |(query, between): (Query, &'static str), (zone, account): (String, String)| {
            (query.push(between).push_list([zone, account]), ", ")
        };
        query = named.zones_of.into_iter().fold((query, ""), pair).0.push(")");
    }
    query.push(")")
}

/// What resources name, each once.
#[derive(Default)]
struct Named {
    accounts: BTreeSet<String>,
    zones: BTreeSet<String>,
    /// Zones that only count in an account.
    zones_of: BTreeSet<(String, String)>,
}

impl Named {
    /// `None` if one of the resources is everything that is listed.
    fn of(resources: &[Resource], columns: Columns) -> Option<Self> {
        let mut named = Self::default();
        for resource in resources {
            match (*resource, columns.zone) {
                (Resource::Account(Choice::Every), _) => return None,
                (Resource::Account(Choice::Only(account)), _) => {
                    named.accounts.insert(account.to_string());
                }
                (Resource::Zone { of, zone }, Some(_)) => named.add_zone(of, zone)?,
                (Resource::Zone { .. } | Resource::User(_), _) => {}
            }
        }
        Some(named)
    }

    fn add_zone(&mut self, of: Option<Choice<AccountId>>, zone: Choice<ZoneId>) -> Option<()> {
        match (of, zone) {
            (None | Some(Choice::Every), Choice::Every) => return None,
            (None | Some(Choice::Every), Choice::Only(zone)) => self.zones.insert(zone.to_string()),
            (Some(Choice::Only(account)), Choice::Every) => self.accounts.insert(account.to_string()),
            (Some(Choice::Only(account)), Choice::Only(zone)) => {
                self.zones_of.insert((zone.to_string(), account.to_string()))
            }
        };
        Some(())
    }
}
