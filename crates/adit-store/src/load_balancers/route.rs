//! Leading a host name to a pool.

use adit_core::{
    balancing::{Balanced, Outcome, PresentPool, plan_balanced},
    port::{
        Actor, ChangeNumber, LoadBalancer, LoadBalancerError, MOST_POOL_TUNNELS, NewBalancedRoute, Pool, Zone,
    },
};
use adit_model::{AccountId, HostPattern, LoadBalancerId, PoolId, PoolName, TunnelId};

use super::{Refused, audit, find_named, pools};
use crate::{
    failure::{Cause, Failure},
    hosts,
    sql::query,
    tx::{Object, Tx, counter},
    zones,
};

/// Makes the pool if it is missing, puts the tunnel into it, and leads the host name to it.
pub(super) async fn balance(
    tx: &mut Tx<'_>,
    new: NewBalancedRoute,
    actor: &Actor,
) -> Refused<(Balanced, ChangeNumber)> {
    let zone = check(tx, &new).await?;
    let pool = pools::find_named(tx.connection, zone.account, &new.pool).await?;
    let balancer = find_named(tx.connection, zone.id, &new.name).await?;
    let has_tunnel = |pool: &Pool| pool.tunnels.iter().any(|tunnel| tunnel.id == new.tunnel);
    let present = pool.as_ref().map(|pool| PresentPool {
        id: pool.id,
        has_tunnel: has_tunnel(pool),
    });
    let planned = plan_balanced(present, balancer.as_ref().map(|balancer| balancer.pool));

    let mut names = Vec::new();
    let pool = match pool {
        Some(pool) if planned.pool == Outcome::Unchanged => pool.id,
        Some(pool) => {
            names = hosts::of_pool(tx.connection, pool.id).await?;
            join(tx, &pool, new.tunnel, actor).await?;
            pool.id
        }
        None => make_pool(tx, zone.account, new.pool, new.tunnel, actor).await?,
    };
    if planned.load_balancer != Outcome::Unchanged {
        lead(tx, &zone, balancer, new.name.clone(), pool, actor).await?;
        names.push(new.name);
    }
    let change = tell(tx, names).await?;
    Ok((planned, change))
}

/// The zone, if the host name may lead from it to the tunnel.
async fn check(tx: &mut Tx<'_>, new: &NewBalancedRoute) -> Refused<Zone> {
    let zone = zones::find(tx.connection, new.zone)
        .await?
        // A name outside its zone would be a way into the host names of another account.
        .filter(|zone| zone.name.covers(new.name.base()))
        .ok_or(Failure::Refused(LoadBalancerError::NoZone))?;
    let live: bool = query(
        "SELECT EXISTS (SELECT 1 FROM tunnels
         WHERE account_id = $1 AND tunnel_id = $2 AND kind = 'cfd_tunnel' AND deleted_at IS NULL)",
    )
    .bind(zone.account.to_string())
    .bind(new.tunnel.uuid())
    .scalar(&mut *tx.connection)
    .await?;
    if !live {
        return Err(Failure::Refused(LoadBalancerError::NoTunnel));
    }
    // Zones of an account may lie in each other, so that two of them cover the name.
    let taken: bool = query(
        "SELECT EXISTS (SELECT 1 FROM dns_records WHERE name = $1)
             OR EXISTS (SELECT 1 FROM quick_tunnels WHERE host = $1)
             OR EXISTS (SELECT 1 FROM load_balancers WHERE name = $1 AND zone_id <> $2)",
    )
    .bind(new.name.to_string())
    .bind(zone.id.to_string())
    .scalar(&mut *tx.connection)
    .await?;
    if taken {
        return Err(Failure::Refused(LoadBalancerError::HostTaken));
    }
    Ok(zone)
}

async fn make_pool(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: PoolName,
    tunnel: TunnelId,
    actor: &Actor,
) -> Refused<PoolId> {
    let id = PoolId::from_bytes(*tx.ids.next().as_bytes());
    query("INSERT INTO pools (id, account_id, name, created_at, modified_at) VALUES ($1, $2, $3, $4, $4)")
        .bind(id.to_string())
        .bind(account.to_string())
        .bind(name.as_str())
        .bind(tx.now.unix_micros())
        .execute(&mut *tx.connection)
        .await?;
    add(tx, account, id, tunnel).await?;
    let after = pools::find(tx.connection, account, id).await?;
    pools::audit(tx, actor, "pool.create", None, after.as_ref()).await?;
    Ok(id)
}

/// Puts a tunnel into a pool, in which deleted ones make room.
async fn join(tx: &mut Tx<'_>, before: &Pool, tunnel: TunnelId, actor: &Actor) -> Refused<()> {
    let live = before.tunnels.iter().filter(|tunnel| !tunnel.deleted).count();
    if u32::try_from(live).is_ok_and(|live| live >= MOST_POOL_TUNNELS) {
        return Err(Failure::Refused(LoadBalancerError::PoolFull));
    }
    for gone in before.tunnels.iter().filter(|tunnel| tunnel.deleted) {
        query("DELETE FROM pool_members WHERE pool_id = $1 AND tunnel_id = $2")
            .bind(before.id.to_string())
            .bind(gone.id.uuid())
            .execute(&mut *tx.connection)
            .await?;
    }
    add(tx, before.account, before.id, tunnel).await?;
    query("UPDATE pools SET modified_at = $2 WHERE id = $1")
        .bind(before.id.to_string())
        .bind(tx.now.unix_micros())
        .execute(&mut *tx.connection)
        .await?;
    let after = pools::find(tx.connection, before.account, before.id).await?;
    pools::audit(tx, actor, "pool.update", Some(before), after.as_ref()).await?;
    Ok(())
}

async fn add(tx: &mut Tx<'_>, account: AccountId, pool: PoolId, tunnel: TunnelId) -> Result<(), Cause> {
    query("INSERT INTO pool_members (pool_id, account_id, tunnel_id) VALUES ($1, $2, $3)")
        .bind(pool.to_string())
        .bind(account.to_string())
        .bind(tunnel.uuid())
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}

/// Leads a host name to a pool, with the load balancer that it has or a new one.
async fn lead(
    tx: &mut Tx<'_>,
    zone: &Zone,
    before: Option<LoadBalancer>,
    name: HostPattern,
    pool: PoolId,
    actor: &Actor,
) -> Result<(), Cause> {
    let account = zone.account;
    if let Some(before) = before {
        let after = LoadBalancer {
            pool,
            modified_at: tx.now,
            ..before.clone()
        };
        query("UPDATE load_balancers SET pool_id = $2, modified_at = $3 WHERE id = $1")
            .bind(after.id.to_string())
            .bind(after.pool.to_string())
            .bind(after.modified_at.unix_micros())
            .execute(&mut *tx.connection)
            .await?;
        let action = "load_balancer.update";
        return audit(tx, account, actor, action, Some(&before), Some(&after)).await;
    }
    let made = LoadBalancer {
        id: LoadBalancerId::from_bytes(*tx.ids.next().as_bytes()),
        zone: zone.id,
        name,
        pool,
        created_at: tx.now,
        modified_at: tx.now,
    };
    insert(tx, &made).await?;
    audit(tx, account, actor, "load_balancer.create", None, Some(&made)).await
}

async fn insert(tx: &mut Tx<'_>, made: &LoadBalancer) -> Result<(), Cause> {
    query(
        "INSERT INTO load_balancers (id, zone_id, name, pool_id, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $5)",
    )
    .bind(made.id.to_string())
    .bind(made.zone.to_string())
    .bind(made.name.to_string())
    .bind(made.pool.to_string())
    .bind(made.created_at.unix_micros())
    .execute(&mut *tx.connection)
    .await?;
    Ok(())
}

/// Tells readers of the names that lead to other tunnels now.
async fn tell(tx: &mut Tx<'_>, mut names: Vec<HostPattern>) -> Result<ChangeNumber, Cause> {
    if names.is_empty() {
        return counter(tx.connection, "change").await;
    }
    names.sort();
    names.dedup();
    let names: Vec<_> = names.into_iter().map(Object::Host).collect();
    tx.changed_all(&names).await
}
