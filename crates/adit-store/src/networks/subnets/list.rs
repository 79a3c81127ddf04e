//! Reading subnets.

use adit_core::{
    networks::{Family, Network, SubnetKind},
    port::{Page, PageRequest, Subnet, SubnetFilter, SubnetSelector},
};
use adit_model::{AccountId, SubnetId};

use super::super::{columns::network, filter};
use crate::{
    engine::{Connection, Row},
    failure::Cause,
    page,
    row::{column, id, number, optional_time, parsed, time},
    sql::{Query, query},
};

fn subnet(row: &Row) -> Result<Subnet, Cause> {
    Ok(Subnet {
        id: id(row, "subnet_id", SubnetId::from_uuid)?,
        kind: parsed(row, "kind")?,
        name: parsed(row, "name")?,
        network: network(row)?,
        comment: parsed(row, "comment")?,
        is_default: column(row, "is_default")?,
        used: number(row, "used")?,
        created_at: time(row, "created_at")?,
        deleted_at: optional_time(row, "deleted_at")?,
    })
}

/// Only those for devices overlap with addresses of members, and only live ones have given any.
const SELECT: &str = "SELECT o.*, (SELECT COUNT(*) FROM mesh_addresses a
        WHERE a.account_id = o.account_id AND a.family = o.family AND a.address >= o.first_address
            AND a.address <= o.last_address AND a.member_id IS NOT NULL AND o.deleted_at IS NULL) AS used
    FROM subnets o";

fn select(account: AccountId) -> Query {
    filter::of_account(query(SELECT), account)
}

/// The subnet with this id, deleted or not.
pub(crate) async fn with_id(
    connection: &mut Connection,
    account: AccountId,
    id: SubnetId,
) -> Result<Option<Subnet>, Cause> {
    let row = select(account)
        .push(" AND o.subnet_id = ")
        .push_bind(id.uuid())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(subnet).transpose()
}

/// The ranges of the live default ones, IPv4's first.
pub(crate) async fn default_ranges(
    connection: &mut Connection,
    account: AccountId,
) -> Result<[Option<Network>; 2], Cause> {
    let rows = query(
        "SELECT family, first_address, prefix_length FROM subnets
         WHERE account_id = $1 AND is_default AND deleted_at IS NULL",
    )
    .bind(account.to_string())
    .fetch_all(connection)
    .await?;
    let ranges = rows.iter().map(network).collect::<Result<Vec<_>, _>>()?;
    let of = |family| ranges.iter().copied().find(|range| range.family() == family);
    Ok([of(Family::V4), of(Family::V6)])
}

/// The accounts that have subnets.
pub(crate) async fn accounts(connection: &mut Connection) -> Result<Vec<AccountId>, Cause> {
    let mut accounts = Vec::new();
    query(
        "SELECT DISTINCT account_id FROM subnets WHERE is_default AND deleted_at IS NULL ORDER BY account_id",
    )
    .for_each(connection, |row| {
        accounts.extend(parsed::<AccountId>(&row, "account_id").ok())
    })
    .await?;
    Ok(accounts)
}

/// The live default one of a family.
pub(super) async fn default_of(
    connection: &mut Connection,
    account: AccountId,
    family: Family,
) -> Result<Option<Subnet>, Cause> {
    let row = select(account)
        .push(" AND o.deleted_at IS NULL AND o.is_default AND o.family = ")
        .push_bind(family.version())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(subnet).transpose()
}

/// The subnet that is meant: with an id also a deleted one.
pub(crate) async fn find(
    connection: &mut Connection,
    account: AccountId,
    selector: SubnetSelector,
) -> Result<Option<Subnet>, Cause> {
    match selector {
        SubnetSelector::Warp(id) => {
            let found = with_id(connection, account, id).await?;
            Ok(found.filter(|subnet| subnet.kind == SubnetKind::Warp))
        }
        SubnetSelector::Only(kind, family) => {
            let row = select(account)
                .push(" AND o.deleted_at IS NULL AND o.kind = ")
                .push_bind(kind.as_str())
                .push(" AND o.family = ")
                .push_bind(family.version())
                .fetch_optional(connection)
                .await?;
            row.as_ref().map(subnet).transpose()
        }
    }
}

fn matching(query: Query, wanted: &SubnetFilter) -> Query {
    let query = query
        .push_if(" AND o.name = ", wanted.name.as_deref())
        .push_if(" AND o.comment = ", wanted.comment.as_deref())
        .push_if(" AND o.family = ", wanted.family.map(|family| family.version()))
        .push_if(" AND o.is_default = ", wanted.is_default);
    let query = match wanted.network {
        Some(network) => query
            .push(" AND o.family = ")
            .push_bind(network.family().version())
            .push(" AND o.prefix_length = ")
            .push_bind(network.length())
            .push(" AND o.first_address = ")
            .push_bind(Network::sortable(network.first()).as_slice()),
        None => query,
    };
    let query = match &wanted.kinds {
        Some(kinds) => filter::one_of(query, " AND o.kind IN", kinds.iter().map(|kind| kind.as_str())),
        None => query,
    };
    let query = filter::deleted(query, wanted.deleted);
    filter::existed(query, wanted.existed_at)
}

/// Part of an account's subnets, newest first or oldest first.
pub(crate) async fn list(
    connection: &mut Connection,
    account: AccountId,
    wanted: &SubnetFilter,
    page: PageRequest,
) -> Result<Page<Subnet>, Cause> {
    let count = filter::of_account(query("SELECT COUNT(*) FROM subnets o"), account);
    let count = matching(count, wanted);
    // Those that an account starts with are equally old, so what they are comes next.
    let rows = matching(select(account), wanted).push(if wanted.oldest_first {
        " ORDER BY o.created_at, o.kind DESC, o.family, o.subnet_id"
    } else {
        " ORDER BY o.created_at DESC, o.kind DESC, o.family, o.subnet_id"
    });
    page::page(connection, count, rows, page, subnet).await
}
