//! Live connectors and their connections, as the API shows them.

use std::collections::BTreeMap;

use adit_core::port::{
    AppliedConfiguration, ConnectionRecord, ConnectorConfiguration, ConnectorRecord, RefusedConfiguration,
};
use adit_model::{AccountId, ConfigVersion, ConnectionId, ConnectionIndex, ConnectorId, TunnelId};

use crate::{
    engine::{Connection, Row},
    failure::Cause,
    row::{column, id, number, optional_time, parsed, time},
    sql::query,
};

/// How many tunnels one query asks for: as many as [`LIVE`] has places.
const AT_ONCE: usize = 16;

/// SQLite reads the tables of a CROSS JOIN in this order, and so nothing of connections that ended.
const LIVE: &str = "SELECT c.tunnel_id, c.connector_id, k.version, k.arch, k.features, k.hostname, k.run_at,
        k.applied_version, k.applied_at, k.refused_version, k.refused_text, k.refused_at,
        c.connection_id, c.connection_index, c.location, c.origin_ip, c.opened_at
    FROM connections c
    CROSS JOIN connectors k
    WHERE k.account_id = c.account_id AND k.tunnel_id = c.tunnel_id AND k.connector_id = c.connector_id
        AND c.closed_at IS NULL AND c.account_id = $1
        AND c.tunnel_id IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    ORDER BY c.tunnel_id, k.run_at, k.connector_id, c.connection_index, c.opened_at";

/// The live connectors of these tunnels of one account, oldest first.
pub(crate) async fn live(
    connection: &mut Connection,
    account: AccountId,
    tunnels: &[TunnelId],
) -> Result<BTreeMap<TunnelId, Vec<ConnectorRecord>>, Cause> {
    let mut connectors = BTreeMap::<TunnelId, Vec<ConnectorRecord>>::new();
    for some in tunnels.chunks(AT_ONCE) {
        let mut query = query(LIVE).bind(account.to_string());
        for place in 0..AT_ONCE {
            query = query.bind(some.get(place).map(|tunnel| tunnel.uuid()));
        }
        for row in query.fetch_all(&mut *connection).await? {
            let of_tunnel = connectors
                .entry(id(&row, "tunnel_id", TunnelId::from_uuid)?)
                .or_default();
            let connector = id(&row, "connector_id", ConnectorId::from_uuid)?;
            if of_tunnel.last().is_none_or(|last| last.id != connector) {
                of_tunnel.push(connector_record(&row, connector)?);
            }
            if let Some(last) = of_tunnel.last_mut() {
                last.connections.push(connection_record(&row)?);
            }
        }
    }
    Ok(connectors)
}

/// A connector, its connections to be added.
pub(crate) fn connector_record(row: &Row, id: ConnectorId) -> Result<ConnectorRecord, Cause> {
    Ok(ConnectorRecord {
        id,
        version: column(row, "version")?,
        arch: column(row, "arch")?,
        features: serde_json::from_str(column(row, "features")?).map_err(|_| Cause::BadColumn("features"))?,
        hostname: column(row, "hostname")?,
        run_at: time(row, "run_at")?,
        configuration: configuration(row)?,
        connections: Vec::new(),
    })
}

/// What the connector made of its tunnel's remote configuration.
fn configuration(row: &Row) -> Result<ConnectorConfiguration, Cause> {
    let applied = optional_time(row, "applied_at")?.map(|at| {
        Ok::<_, Cause>(AppliedConfiguration {
            version: ConfigVersion(number(row, "applied_version")?),
            at,
        })
    });
    let refused = optional_time(row, "refused_at")?.map(|at| {
        Ok::<_, Cause>(RefusedConfiguration {
            version: ConfigVersion(number(row, "refused_version")?),
            sentence: column(row, "refused_text")?,
            at,
        })
    });
    Ok(ConnectorConfiguration {
        applied: applied.transpose()?,
        refused: refused.transpose()?,
    })
}

/// A connection.
pub(crate) fn connection_record(row: &Row) -> Result<ConnectionRecord, Cause> {
    Ok(ConnectionRecord {
        id: id(row, "connection_id", ConnectionId::from_uuid)?,
        index: ConnectionIndex(number(row, "connection_index")?),
        location: parsed(row, "location")?,
        origin_ip: parsed(row, "origin_ip")?,
        opened_at: time(row, "opened_at")?,
    })
}
