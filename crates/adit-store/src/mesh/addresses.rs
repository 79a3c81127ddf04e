//! Which address is whose, and giving a member its own.

use std::net::IpAddr;

use adit_core::{
    mesh::{AddressSearch, MeshAddresses, MeshRanges, Next},
    networks::{Family, Network},
};
use adit_model::AccountId;

use super::{
    Refusal, Refused,
    members::{Member, address, v4, v6},
};
use crate::{
    engine::Connection,
    failure::{Cause, Failure},
    networks::default_subnets,
    row::column,
    sql::{Query, query},
    tx::Tx,
};

/// How many known addresses one question brings.
const AT_HAND: usize = 500;

/// The ranges of an account's mesh; `None` before anybody joined.
pub(super) async fn ranges(
    connection: &mut Connection,
    account: AccountId,
) -> Result<Option<MeshRanges>, Cause> {
    let [v4, v6] = default_subnets(connection, account).await?;
    Ok(v4.zip(v6).and_then(|(v4, v6)| MeshRanges::new(v4, v6)))
}

/// Gives a member, whose row is there, an address of each family.
pub(super) async fn give<E: Refusal>(tx: &mut Tx<'_>, member: Member) -> Refused<MeshAddresses, E> {
    let ranges = ranges(tx.connection, member.account).await?;
    let ranges = ranges.ok_or(Failure::Refused(E::NO_ADDRESS))?;
    let mut given = Vec::new();
    for range in ranges.networks() {
        let address = next_free(tx, member.account, range).await?;
        let address = address.ok_or(Failure::Refused(E::NO_ADDRESS))?;
        take(tx, member, range.family(), address).await?;
        given.push(address);
    }
    match given.as_slice() {
        [first, second] => Ok(MeshAddresses {
            v4: v4(*first)?,
            v6: v6(*second)?,
        }),
        _ => Err(Cause::BadColumn("address").into()),
    }
}

async fn next_free(tx: &mut Tx<'_>, account: AccountId, range: Network) -> Result<Option<IpAddr>, Cause> {
    let (mut search, family) = (AddressSearch::new(range), range.family());
    loop {
        match search.next() {
            Next::Highest(first, last) => {
                let query = known(account, family, first, last).push(" ORDER BY address DESC LIMIT 1");
                let found = addresses(tx.connection, query, family).await?;
                search.highest(found.first().copied());
            }
            Next::Lowest(first, last) => {
                let query = known(account, family, first, last).push(" ORDER BY address LIMIT ");
                let query = query.push_bind(i64::try_from(AT_HAND).unwrap_or(i64::MAX));
                let found = addresses(tx.connection, query, family).await?;
                search.lowest(&found, found.len() < AT_HAND);
            }
            Next::LongestFree(first, last) => {
                let query = known(account, family, first, last)
                    .push(" AND freed_at IS NOT NULL ORDER BY freed_at, address LIMIT 1");
                let found = addresses(tx.connection, query, family).await?;
                search.longest_free(found.first().copied());
            }
            Next::Found(address) => return Ok(Some(address)),
            Next::Full => return Ok(None),
        }
    }
}

/// The known addresses between these two.
fn known(account: AccountId, family: Family, first: IpAddr, last: IpAddr) -> Query {
    query("SELECT address FROM mesh_addresses WHERE account_id = ")
        .push_bind(account.to_string())
        .push(" AND family = ")
        .push_bind(family.version())
        .push(" AND address >= ")
        .push_bind(Network::sortable(first).as_slice())
        .push(" AND address <= ")
        .push_bind(Network::sortable(last).as_slice())
}

async fn addresses(connection: &mut Connection, query: Query, family: Family) -> Result<Vec<IpAddr>, Cause> {
    let rows = query.fetch_all(connection).await?;
    rows.iter()
        .map(|row| address(column(row, "address")?, family))
        .collect()
}

async fn take(tx: &mut Tx<'_>, member: Member, family: Family, address: IpAddr) -> Result<(), Cause> {
    let taken = query(
        "INSERT INTO mesh_addresses (account_id, family, address, kind, member_id) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (account_id, family, address) DO UPDATE
         SET kind = excluded.kind, member_id = excluded.member_id, freed_at = NULL
         WHERE mesh_addresses.member_id IS NULL",
    )
    .bind(member.account.to_string())
    .bind(family.version())
    .bind(Network::sortable(address).as_slice())
    .bind(member.kind.as_str())
    .bind(member.id)
    .execute(&mut *tx.connection)
    .await?;
    if taken == 1 {
        Ok(())
    } else {
        Err(Cause::BadColumn("address"))
    }
}

/// Forgets addresses that were given up before `before`, at most `most`; how many.
pub(crate) async fn sweep(tx: &mut Tx<'_>, before: i64, most: i64) -> Result<u64, Cause> {
    let removed = query(
        "DELETE FROM mesh_addresses WHERE (account_id, family, address) IN
         (SELECT account_id, family, address FROM mesh_addresses
         WHERE freed_at < $1 ORDER BY freed_at LIMIT $2)",
    )
    .bind(before)
    .bind(most)
    .execute(&mut *tx.connection)
    .await?;
    Ok(removed)
}
