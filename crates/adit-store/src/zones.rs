//! Zones: the domains under which accounts put public host names.

use adit_core::permission::Reach;
use adit_core::port::{Actor, Page, PageRequest, StoreError, Zone, ZoneFilter};
use adit_model::{AccountId, Hostname, ZoneId};

use crate::{
    engine::{Connection, Row},
    failure::{Cause, Failure},
    reach::{self, Columns},
    row::{column, parsed, time},
    sql::{Query, query},
    tx::{Audit, Tx},
};

/// Why a zone was not made.
#[derive(Debug, thiserror::Error)]
pub enum ZoneError {
    /// The account has this zone already.
    #[error("the zone {0} exists already")]
    Exists(Hostname),
    /// A zone equal to, above or below it belongs to another account.
    #[error("the domain {0} overlaps a zone of another account")]
    Overlaps(Hostname),
    /// No such account.
    #[error("account not found")]
    NoAccount,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

macro_rules! columns {
    () => {
        "z.id, z.account_id, a.name AS account_name, z.name, z.created_at"
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
        created_at: time(row, "created_at")?,
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
    reach::push(query, seen, columns)
        .push_if(
            " AND z.account_id = ",
            filter.account.map(|account| account.to_string()),
        )
        .push_if(" AND z.name = ", filter.name.as_ref().map(Hostname::as_str))
}

/// Part of the zones within reach, newest first.
pub(crate) async fn list(
    connection: &mut Connection,
    reach: &Reach,
    filter: &ZoneFilter,
    page: PageRequest,
) -> Result<Page<Zone>, Cause> {
    let total: i64 = matching(query("SELECT COUNT(*)"), reach, filter)
        .scalar(connection)
        .await?;
    let rows = matching(query(concat!("SELECT ", columns!())), reach, filter)
        .push(" ORDER BY z.created_at DESC, z.id LIMIT ")
        .push_bind(page.per_page)
        .push(" OFFSET ")
        .push_bind(i64::try_from(page.offset()).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    let items = rows.iter().map(zone).collect::<Result<_, _>>()?;
    Ok(Page {
        items,
        total: u64::try_from(total).unwrap_or_default(),
    })
}

/// Makes a zone.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: Hostname,
    actor: &Actor,
) -> Result<Zone, Failure<ZoneError>> {
    let account_name: Option<String> = query("SELECT name FROM accounts WHERE id = $1")
        .bind(account.to_string())
        .optional_scalar(&mut *tx.connection)
        .await?;
    let account_name = account_name.ok_or(Failure::Refused(ZoneError::NoAccount))?;
    if overlaps_anothers(tx.connection, account, &name).await? {
        return Err(Failure::Refused(ZoneError::Overlaps(name)));
    }
    if find_named(tx.connection, &name).await?.is_some() {
        return Err(Failure::Refused(ZoneError::Exists(name)));
    }
    let id = ZoneId::random();
    query("INSERT INTO zones (id, account_id, name, created_at, modified_at) VALUES ($1, $2, $3, $4, $4)")
        .bind(id.to_string())
        .bind(account.to_string())
        .bind(name.as_str())
        .bind(tx.now.unix_micros())
        .execute(&mut *tx.connection)
        .await?;
    let object = format!("{id} {name}");
    tx.audit(Audit {
        account: Some(account),
        actor,
        action: "zone.create",
        object,
    })
    .await?;
    Ok(Zone {
        id,
        account,
        account_name,
        name,
        created_at: tx.now,
    })
}

/// Whether another account has a zone equal to, above or below `name`.
async fn overlaps_anothers(
    connection: &mut Connection,
    account: AccountId,
    name: &Hostname,
) -> Result<bool, Cause> {
    for above in name.ancestry() {
        let taken: bool = query("SELECT EXISTS (SELECT 1 FROM zones WHERE name = $1 AND account_id <> $2)")
            .bind(above)
            .bind(account.to_string())
            .scalar(&mut *connection)
            .await?;
        if taken {
            return Ok(true);
        }
    }
    let below =
        query("SELECT EXISTS (SELECT 1 FROM zones WHERE name LIKE $1 ESCAPE '!' AND account_id <> $2)")
            .bind(pattern_below(name))
            .bind(account.to_string())
            .scalar(connection)
            .await?;
    Ok(below)
}

/// The LIKE pattern of every name below `name`. A host name may hold `_`, which LIKE takes for any character.
fn pattern_below(name: &Hostname) -> String {
    format!("%.{}", name.as_str().replace('_', "!_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_underscore_in_a_domain_is_no_wildcard() {
        assert_eq!(pattern_below(&"a_b.example".parse().unwrap()), "%.a!_b.example");
    }
}
