//! What a credential sees of accounts and zones, as a condition of a list.

use adit_core::permission::{Choice, Grant, Reach, Resource};

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

fn any(query: Query, resources: &[Resource], columns: Columns) -> Query {
    let query = resources.iter().fold(query.push("(1 = 0"), |query, resource| {
        one(query.push(" OR "), resource, columns)
    });
    query.push(")")
}

fn one(query: Query, resource: &Resource, columns: Columns) -> Query {
    match (resource, columns.zone) {
        (Resource::Account(account), _) => choice(query, columns.account, account),
        (Resource::Zone { of, zone }, Some(column)) => {
            let query = choice(query.push("("), column, zone);
            let query = match of {
                Some(of) => choice(query.push(" AND "), columns.account, of),
                None => query,
            };
            query.push(")")
        }
        (Resource::Zone { .. } | Resource::User(_), _) => query.push("1 = 0"),
    }
}

fn choice<T: ToString>(query: Query, column: &'static str, choice: &Choice<T>) -> Query {
    match choice {
        Choice::Every => query.push("1 = 1"),
        Choice::Only(id) => query.push(column).push(" = ").push_bind(id.to_string()),
    }
}
