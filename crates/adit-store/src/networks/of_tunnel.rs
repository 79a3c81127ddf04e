//! What leads to a tunnel, when the tunnel is to be deleted.

use adit_core::{
    lifecycle::{StillRouted, check_routes},
    port::{Actor, CatalogError},
};
use adit_model::{AccountId, HostnameRouteId, RouteId, TunnelKey};
use serde_json::json;

use super::audit_all;
use crate::{
    engine::Row,
    failure::{Cause, Failure},
    row::id,
    sql::query,
    tx::{Object, Tx},
};

/// Marks the live routes that lead to a tunnel deleted, if `cascade` lets them; else it refuses if there are any.
pub(crate) async fn delete_of_tunnel(
    tx: &mut Tx<'_>,
    key: TunnelKey,
    cascade: bool,
    actor: &Actor,
) -> Result<(), Failure<CatalogError>> {
    // If this is refused, the savepoint that the write runs in takes the routes back.
    let networks = delete(
        tx,
        key,
        "UPDATE ip_routes SET deleted_at = $3
             WHERE account_id = $1 AND tunnel_id = $2 AND deleted_at IS NULL RETURNING route_id",
        |account, row| Ok(Object::Route(account, id(row, "route_id", RouteId::from_uuid)?)),
    )
    .await?;
    let hostnames = delete(
        tx,
        key,
        "UPDATE hostname_routes SET deleted_at = $3
             WHERE account_id = $1 AND tunnel_id = $2 AND deleted_at IS NULL RETURNING hostname_route_id",
        |account, row| {
            let id = id(row, "hostname_route_id", HostnameRouteId::from_uuid)?;
            Ok(Object::HostnameRoute(account, id))
        },
    )
    .await?;
    let leading = StillRouted {
        networks: networks.len() as u64,
        hostnames: hostnames.len() as u64,
    };
    check_routes(leading, cascade).map_err(|error| Failure::Refused(error.into()))?;
    tx.changed_all(&[networks, hostnames].concat()).await?;
    for (count, action) in [
        (leading.networks, "route.delete_all"),
        (leading.hostnames, "hostname_route.delete_all"),
    ] {
        if count > 0 {
            let object = format!("{count} to tunnel {}", key.tunnel);
            let before = json!({"tunnel_id": key.tunnel, "routes": count});
            audit_all(tx, key.account, actor, action, object, before).await?;
        }
    }
    Ok(())
}

async fn delete(
    tx: &mut Tx<'_>,
    key: TunnelKey,
    statement: &'static str,
    gone: fn(AccountId, &Row) -> Result<Object, Cause>,
) -> Result<Vec<Object>, Cause> {
    let rows = query(statement)
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .bind(tx.now.unix_micros())
        .fetch_all(&mut *tx.connection)
        .await?;
    rows.iter().map(|row| gone(key.account, row)).collect()
}
