//! Reading zones: one, or part of a list.

use std::collections::BTreeMap;

use adit_core::{
    permission::{MOST_RESOURCES, Reach},
    port::{Page, PageRequest, Zone, ZoneFilter, ZoneOrder},
};
use adit_model::{AccountId, Hostname, ZoneId};

use crate::{
    engine::{Connection, Row},
    failure::Cause,
    page,
    reach::{self, Columns},
    row::{column, parsed, time},
    sql::{
        Query, query,
        text_match::{self, Conditions},
    },
};

macro_rules! columns {
    () => {
        "z.id, z.account_id, a.name AS account_name, z.name, z.paused, z.created_at, z.modified_at"
    };
}

macro_rules! zones {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM zones z JOIN accounts a ON a.id = z.account_id"
        )
    };
}

fn zone(row: &Row) -> Result<Zone, Cause> {
    Ok(Zone {
        id: parsed(row, "id")?,
        account: parsed(row, "account_id")?,
        account_name: column(row, "account_name")?,
        name: parsed(row, "name")?,
        paused: column(row, "paused")?,
        created_at: time(row, "created_at")?,
        modified_at: time(row, "modified_at")?,
    })
}

/// One zone.
pub(crate) async fn find(connection: &mut Connection, id: ZoneId) -> Result<Option<Zone>, Cause> {
    let row = query(concat!(zones!(), " WHERE z.id = $1"))
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(zone).transpose()
}

/// To whom these zones belong. A statement asks for a limited number of them, however many there are.
pub(super) async fn owners(
    connection: &mut Connection,
    zones: &[ZoneId],
) -> Result<BTreeMap<ZoneId, AccountId>, Cause> {
    let mut owners = BTreeMap::new();
    for zones in zones.chunks(MOST_RESOURCES) {
        let wanted = query("SELECT z.id, z.account_id FROM zones z WHERE z.id IN (NULL");
        let wanted = zones
            .iter()
            .fold(wanted, |query, zone| query.push(", ").push_bind(zone.to_string()));
        for row in wanted.push(")").fetch_all(&mut *connection).await? {
            owners.insert(parsed(&row, "id")?, parsed(&row, "account_id")?);
        }
    }
    Ok(owners)
}

/// The zone that a host name is in. A name has at most 127 labels, and so many names above it.
pub(super) async fn of_host(
    connection: &mut Connection,
    seen: &Reach,
    account: AccountId,
    host: &Hostname,
) -> Result<Option<Zone>, Cause> {
    let filter = ZoneFilter {
        account: Some(account),
        ..ZoneFilter::default()
    };
    let wanted = matching(query(concat!("SELECT ", columns!())), seen, &filter).push(" AND z.name IN (NULL");
    let wanted = host
        .ancestry()
        .fold(wanted, |query, name| query.push(", ").push_bind(name));
    // Of one account no two zones have the same name, so the order is total.
    let row = wanted
        .push(") ORDER BY length(z.name) DESC LIMIT 1")
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(zone).transpose()
}

/// The zone of this name.
pub(crate) async fn find_named(connection: &mut Connection, name: &Hostname) -> Result<Option<Zone>, Cause> {
    let row = query(concat!(zones!(), " WHERE z.name = $1"))
        .bind(name.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(zone).transpose()
}

/// Goes on with the rows of a list.
fn matching(query: Query, seen: &Reach, filter: &ZoneFilter) -> Query {
    let columns = Columns {
        account: "z.account_id",
        zone: Some("z.id"),
    };
    let query = query.push(" FROM zones z JOIN accounts a ON a.id = z.account_id WHERE ");
    let mut conditions = Conditions::default();
    if let Some(account) = filter.account {
        conditions.add(move |query| query.push("z.account_id = ").push_bind(account.to_string()));
    }
    if let Some(name) = &filter.name {
        conditions.add(|query| text_match::push_to_lower(query, "z.name", name));
    }
    if let Some(name) = &filter.account_name {
        conditions.add(|query| text_match::push(query, "a.name", name));
    }
    conditions.push_to(reach::push(query, seen, columns), filter.any)
}

/// The order of a list. Each is total, as ids differ.
const fn order(filter: &ZoneFilter) -> &'static str {
    match (filter.order, filter.reversed) {
        (ZoneOrder::Newest, false) => " ORDER BY z.created_at DESC, z.id",
        (ZoneOrder::Newest, true) => " ORDER BY z.created_at, z.id",
        (ZoneOrder::Name, false) => " ORDER BY z.name",
        (ZoneOrder::Name, true) => " ORDER BY z.name DESC",
        (ZoneOrder::Account, false) => " ORDER BY z.account_id, z.name",
        (ZoneOrder::Account, true) => " ORDER BY z.account_id DESC, z.name",
        (ZoneOrder::AccountName, false) => " ORDER BY a.name, z.name",
        (ZoneOrder::AccountName, true) => " ORDER BY a.name DESC, z.name",
    }
}

/// Part of the zones within reach.
pub(crate) async fn list(
    connection: &mut Connection,
    reach: &Reach,
    filter: &ZoneFilter,
    page: PageRequest,
) -> Result<Page<Zone>, Cause> {
    let count = matching(query("SELECT COUNT(*)"), reach, filter);
    let rows = matching(query(concat!("SELECT ", columns!())), reach, filter).push(order(filter));
    page::page(connection, count, rows, page, zone).await
}

#[cfg(test)]
mod tests {
    use adit_core::port::{Comparison, TextMatch};

    use super::*;
    use crate::open::tests::empty;

    #[tokio::test]
    async fn a_name_in_whatever_case_is_found_by_its_index() {
        let (mut connection, _directory) = empty().await;
        let filter = ZoneFilter {
            name: Some(TextMatch::new(Comparison::Equal, "Shop.Example")),
            ..ZoneFilter::default()
        };
        let list = matching(query("SELECT z.id"), &Reach::Everything, &filter);
        let steps = list.explained().fetch_all(&mut connection).await.unwrap();
        let steps: Vec<&str> = steps.iter().map(|step| column(step, "detail").unwrap()).collect();
        assert!(steps.iter().any(|step| step.contains("(name=?)")), "{steps:?}");
    }
}
