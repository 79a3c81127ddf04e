//! What leads to a tunnel, when the tunnel is to be deleted.

use adit_core::{
    lifecycle::{StillRouted, check_routes},
    port::{Actor, CatalogError},
};
use adit_model::TunnelKey;

use crate::{
    failure::{Cause, Failure},
    sql::query,
    tx::Tx,
};

/// Marks the live routes that lead to a tunnel deleted, if `cascade` lets them; else it refuses if there are any.
pub(crate) async fn delete_of_tunnel(
    tx: &mut Tx<'_>,
    key: TunnelKey,
    cascade: bool,
    actor: &Actor,
) -> Result<(), Failure<CatalogError>> {
    // If this is refused, the savepoint that the write runs in takes the routes back.
    let leading = StillRouted {
        networks: delete(
            tx,
            key,
            "UPDATE ip_routes SET deleted_at = $3
             WHERE account_id = $1 AND tunnel_id = $2 AND deleted_at IS NULL",
        )
        .await?,
        hostnames: delete(
            tx,
            key,
            "UPDATE hostname_routes SET deleted_at = $3
             WHERE account_id = $1 AND tunnel_id = $2 AND deleted_at IS NULL",
        )
        .await?,
    };
    check_routes(leading, cascade).map_err(|error| Failure::Refused(error.into()))?;
    for (count, action) in [
        (leading.networks, "route.delete_all"),
        (leading.hostnames, "hostname_route.delete_all"),
    ] {
        if count > 0 {
            let object = format!("{count} to tunnel {}", key.tunnel);
            tx.audited(key.account, actor, action, object).await?;
        }
    }
    Ok(())
}

async fn delete(tx: &mut Tx<'_>, key: TunnelKey, statement: &'static str) -> Result<u64, Cause> {
    let count = query(statement)
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .bind(tx.now.unix_micros())
        .execute(&mut *tx.connection)
        .await?;
    Ok(count)
}
