//! Pools: tunnels of an account under one name.

use std::collections::BTreeMap;

use adit_core::port::{Actor, LoadBalancerError, Page, PageRequest, Pool, PoolTunnel};
use adit_model::{AccountId, PoolId, PoolName, TunnelId};
use serde_json::json;

use super::Refused;
use crate::{
    engine::{Connection, Row},
    failure::{Cause, Failure},
    page,
    row::{column, id, parsed, time},
    sql::{Query, query},
    tx::{Audit, Tx},
};

/// A pool whose tunnels are not read yet.
fn without_tunnels(row: &Row) -> Result<Pool, Cause> {
    Ok(Pool {
        id: parsed(row, "id")?,
        account: parsed(row, "account_id")?,
        name: parsed(row, "name")?,
        tunnels: Vec::new(),
        created_at: time(row, "created_at")?,
        modified_at: time(row, "modified_at")?,
    })
}

fn of_account(account: AccountId) -> Query {
    query("SELECT * FROM pools WHERE account_id = $1").bind(account.to_string())
}

async fn one(connection: &mut Connection, query: Query) -> Result<Option<Pool>, Cause> {
    let row = query.fetch_optional(&mut *connection).await?;
    let Some(mut pool) = row.as_ref().map(without_tunnels).transpose()? else {
        return Ok(None);
    };
    fill(connection, std::slice::from_mut(&mut pool)).await?;
    Ok(Some(pool))
}

/// One pool of an account.
pub(super) async fn find(
    connection: &mut Connection,
    account: AccountId,
    id: PoolId,
) -> Result<Option<Pool>, Cause> {
    let query = of_account(account).push(" AND id = ").push_bind(id.to_string());
    one(connection, query).await
}

/// The pool of that name.
pub(super) async fn find_named(
    connection: &mut Connection,
    account: AccountId,
    name: &PoolName,
) -> Result<Option<Pool>, Cause> {
    let query = of_account(account).push(" AND name = ").push_bind(name.as_str());
    one(connection, query).await
}

/// Part of an account's pools, newest first.
pub(super) async fn list(
    connection: &mut Connection,
    account: AccountId,
    page: PageRequest,
) -> Result<Page<Pool>, Cause> {
    let count = query("SELECT COUNT(*) FROM pools WHERE account_id = $1").bind(account.to_string());
    let rows = of_account(account).push(" ORDER BY created_at DESC, id");
    let mut found = page::page(&mut *connection, count, rows, page, without_tunnels).await?;
    fill(connection, &mut found.items).await?;
    Ok(found)
}

/// Reads the tunnels of these pools.
async fn fill(connection: &mut Connection, pools: &mut [Pool]) -> Result<(), Cause> {
    if pools.is_empty() {
        return Ok(());
    }
    let rows = query(
        "SELECT m.pool_id, t.tunnel_id, t.name, t.deleted_at FROM pool_members m
         JOIN tunnels t ON t.account_id = m.account_id AND t.tunnel_id = m.tunnel_id WHERE m.pool_id IN ",
    )
    .push_list(pools.iter().map(|pool| pool.id.to_string()))
    .push(" ORDER BY m.pool_id, t.created_at, t.tunnel_id")
    .fetch_all(connection)
    .await?;
    let mut tunnels = BTreeMap::<PoolId, Vec<PoolTunnel>>::new();
    for row in &rows {
        let tunnel = PoolTunnel {
            id: id(row, "tunnel_id", TunnelId::from_uuid)?,
            name: parsed(row, "name")?,
            deleted: column::<Option<i64>>(row, "deleted_at")?.is_some(),
        };
        tunnels.entry(parsed(row, "pool_id")?).or_default().push(tunnel);
    }
    for pool in pools {
        pool.tunnels = tunnels.remove(&pool.id).unwrap_or_default();
    }
    Ok(())
}

/// Removes a pool that nothing leads to.
pub(super) async fn delete(tx: &mut Tx<'_>, account: AccountId, id: PoolId, actor: &Actor) -> Refused<()> {
    let before = find(tx.connection, account, id)
        .await?
        .ok_or(Failure::Refused(LoadBalancerError::NoPool))?;
    let in_use: bool = query("SELECT EXISTS (SELECT 1 FROM load_balancers WHERE pool_id = $1)")
        .bind(id.to_string())
        .scalar(&mut *tx.connection)
        .await?;
    if in_use {
        return Err(Failure::Refused(LoadBalancerError::PoolInUse));
    }
    query("DELETE FROM pools WHERE id = $1")
        .bind(id.to_string())
        .execute(&mut *tx.connection)
        .await?;
    Ok(audit(tx, actor, "pool.delete", Some(&before), None).await?)
}

pub(super) async fn audit(
    tx: &mut Tx<'_>,
    actor: &Actor,
    action: &'static str,
    before: Option<&Pool>,
    after: Option<&Pool>,
) -> Result<(), Cause> {
    let Some(pool) = after.or(before) else {
        return Ok(());
    };
    let entry = Audit {
        account: Some(pool.account),
        actor,
        action,
        object: format!("{} {}", pool.id, pool.name),
    };
    let state = |pool: &Pool| {
        let tunnels: Vec<TunnelId> = pool.tunnels.iter().map(|tunnel| tunnel.id).collect();
        json!({"name": pool.name, "tunnels": tunnels})
    };
    tx.audit(entry.with(before.map(state), after.map(state))).await
}
