//! Host names that lead to pools of tunnels.

mod pools;
mod route;

use adit_core::{
    balancing::Balanced,
    port::{
        Actor, ChangeNumber, LoadBalancer, LoadBalancerError, LoadBalancers, NewBalancedRoute, Page,
        PageRequest, Pool, StoreError,
    },
};
use adit_model::{AccountId, HostPattern, LoadBalancerId, PoolId, ZoneId};
use async_trait::async_trait;
use serde_json::json;

use crate::{
    engine::{Connection, Row},
    failure::{Cause, Failure},
    page,
    read::{change, read},
    row::{parsed, time},
    sql::query,
    store::Store,
    tx::{Audit, Object, Tx},
    zones,
};

type Refused<T> = Result<T, Failure<LoadBalancerError>>;

#[async_trait]
impl LoadBalancers for Store {
    async fn balance_route(
        &self,
        new: NewBalancedRoute,
        actor: &Actor,
    ) -> Result<(Balanced, ChangeNumber), LoadBalancerError> {
        change!(self, "lead a host name to a pool", actor, |tx, actor| {
            route::balance(tx, new, actor)
        })
    }

    async fn load_balancers(
        &self,
        zone: ZoneId,
        page: PageRequest,
    ) -> Result<Page<LoadBalancer>, StoreError> {
        Ok(read!(self, "list load balancers", |reader| list(
            reader, zone, page
        )))
    }

    async fn load_balancer(
        &self,
        zone: ZoneId,
        id: LoadBalancerId,
    ) -> Result<Option<LoadBalancer>, StoreError> {
        Ok(read!(self, "look up a load balancer", |reader| find(
            reader, zone, id
        )))
    }

    async fn delete_load_balancer(
        &self,
        zone: ZoneId,
        id: LoadBalancerId,
        actor: &Actor,
    ) -> Result<ChangeNumber, LoadBalancerError> {
        change!(self, "delete a load balancer", actor, |tx, actor| delete(
            tx, zone, id, actor
        ))
    }

    async fn pools(&self, account: AccountId, page: PageRequest) -> Result<Page<Pool>, StoreError> {
        Ok(read!(self, "list pools", |reader| pools::list(
            reader, account, page
        )))
    }

    async fn pool(&self, account: AccountId, id: PoolId) -> Result<Option<Pool>, StoreError> {
        Ok(read!(self, "look up a pool", |reader| pools::find(
            reader, account, id
        )))
    }

    async fn delete_pool(
        &self,
        account: AccountId,
        id: PoolId,
        actor: &Actor,
    ) -> Result<(), LoadBalancerError> {
        change!(self, "delete a pool", actor, |tx, actor| pools::delete(
            tx, account, id, actor
        ))
    }
}

fn load_balancer(row: &Row) -> Result<LoadBalancer, Cause> {
    Ok(LoadBalancer {
        id: parsed(row, "id")?,
        zone: parsed(row, "zone_id")?,
        name: parsed(row, "name")?,
        pool: parsed(row, "pool_id")?,
        created_at: time(row, "created_at")?,
        modified_at: time(row, "modified_at")?,
    })
}

async fn find(
    connection: &mut Connection,
    zone: ZoneId,
    id: LoadBalancerId,
) -> Result<Option<LoadBalancer>, Cause> {
    let row = query("SELECT * FROM load_balancers WHERE zone_id = $1 AND id = $2")
        .bind(zone.to_string())
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(load_balancer).transpose()
}

async fn find_named(
    connection: &mut Connection,
    zone: ZoneId,
    name: &HostPattern,
) -> Result<Option<LoadBalancer>, Cause> {
    let row = query("SELECT * FROM load_balancers WHERE zone_id = $1 AND name = $2")
        .bind(zone.to_string())
        .bind(name.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(load_balancer).transpose()
}

async fn list(
    connection: &mut Connection,
    zone: ZoneId,
    page: PageRequest,
) -> Result<Page<LoadBalancer>, Cause> {
    let count = query("SELECT COUNT(*) FROM load_balancers WHERE zone_id = $1").bind(zone.to_string());
    let rows = query("SELECT * FROM load_balancers WHERE zone_id = $1 ORDER BY name").bind(zone.to_string());
    page::page(connection, count, rows, page, load_balancer).await
}

async fn delete(tx: &mut Tx<'_>, zone: ZoneId, id: LoadBalancerId, actor: &Actor) -> Refused<ChangeNumber> {
    let zone = zones::find(tx.connection, zone)
        .await?
        .ok_or(Failure::Refused(LoadBalancerError::NoZone))?;
    let before = find(tx.connection, zone.id, id)
        .await?
        .ok_or(Failure::Refused(LoadBalancerError::NoLoadBalancer))?;
    query("DELETE FROM load_balancers WHERE id = $1")
        .bind(id.to_string())
        .execute(&mut *tx.connection)
        .await?;
    audit(
        tx,
        zone.account,
        actor,
        "load_balancer.delete",
        Some(&before),
        None,
    )
    .await?;
    Ok(tx.changed(Object::Host(before.name)).await?)
}

async fn audit(
    tx: &mut Tx<'_>,
    account: AccountId,
    actor: &Actor,
    action: &'static str,
    before: Option<&LoadBalancer>,
    after: Option<&LoadBalancer>,
) -> Result<(), Cause> {
    let Some(one) = after.or(before) else {
        return Ok(());
    };
    let entry = Audit {
        account: Some(account),
        actor,
        action,
        object: format!("{} {}", one.id, one.name),
    };
    let state = |one: &LoadBalancer| json!({"zone_id": one.zone, "name": one.name.to_string(), "default_pools": [one.pool]});
    tx.audit(entry.with(before.map(state), after.map(state))).await
}
