//! Deleted things of private networks that are past their retention.

use crate::{failure::Cause, sql::query, tx::Tx};

/// Removes at most `most` of each kind that were deleted before `before`; how many it removed. What leads to a tunnel
/// or lies in a virtual network that is removed goes with it.
pub(crate) async fn sweep(tx: &mut Tx<'_>, before: i64, most: i64) -> Result<u64, Cause> {
    let mut removed = 0;
    for statement in [
        "DELETE FROM ip_routes WHERE (account_id, route_id) IN (SELECT account_id, route_id FROM ip_routes
         WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2)",
        "DELETE FROM hostname_routes WHERE (account_id, hostname_route_id) IN
         (SELECT account_id, hostname_route_id FROM hostname_routes
         WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2)",
        "DELETE FROM virtual_networks WHERE (account_id, virtual_network_id) IN
         (SELECT account_id, virtual_network_id FROM virtual_networks
         WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2)",
        "DELETE FROM subnets WHERE (account_id, subnet_id) IN (SELECT account_id, subnet_id FROM subnets
         WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2)",
    ] {
        removed += query(statement)
            .bind(before)
            .bind(most)
            .execute(&mut *tx.connection)
            .await?;
    }
    Ok(removed)
}
