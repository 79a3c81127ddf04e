//! The replicas of a site, connected or not.

use adit_core::port::ConnectorRecord;
use adit_model::{ConnectorId, Timestamp, TunnelKey};

use crate::{
    connectors::{connection_record, connector_record},
    engine::Connection,
    failure::Cause,
    row::{column, id},
    sql::query,
};

/// Those that are linked or connected, or were connected at or after a time; oldest first.
pub(super) async fn since(
    connection: &mut Connection,
    key: TunnelKey,
    since: Timestamp,
) -> Result<Vec<ConnectorRecord>, Cause> {
    let rows = query(
        "SELECT k.connector_id, k.version, k.arch, k.features, k.hostname, k.run_at,
             k.applied_version, k.applied_at, k.refused_version, k.refused_text, k.refused_at,
             c.connection_id, c.connection_index, c.location, c.origin_ip, c.opened_at
         FROM connectors k
         LEFT JOIN connections c ON c.account_id = k.account_id AND c.tunnel_id = k.tunnel_id
             AND c.connector_id = k.connector_id AND c.closed_at IS NULL
         WHERE k.account_id = $1 AND k.tunnel_id = $2
             AND (c.connection_id IS NOT NULL OR k.run_at >= $3 OR EXISTS (
                 SELECT 1 FROM mesh_members m
                 WHERE m.account_id = k.account_id AND m.kind = 'replica' AND m.member_id = k.connector_id
                     AND m.tunnel_id = k.tunnel_id) OR EXISTS (
                 SELECT 1 FROM connections past
                 WHERE past.account_id = k.account_id AND past.tunnel_id = k.tunnel_id
                     AND past.connector_id = k.connector_id AND past.closed_at >= $3))
         ORDER BY k.run_at, k.connector_id, c.connection_index, c.opened_at, c.connection_id",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .bind(since.unix_micros())
    .fetch_all(connection)
    .await?;
    let mut replicas = Vec::<ConnectorRecord>::new();
    for row in rows {
        let connector = id(&row, "connector_id", ConnectorId::from_uuid)?;
        if replicas.last().is_none_or(|last| last.id != connector) {
            replicas.push(connector_record(&row, connector)?);
        }
        let connected = column::<Option<uuid::Uuid>>(&row, "connection_id")?.is_some();
        if let Some(last) = replicas.last_mut().filter(|_| connected) {
            last.connections.push(connection_record(&row)?);
        }
    }
    Ok(replicas)
}
