//! Until when a connected tunnel lacks something that should be there.

use adit_core::status::MISSING_WINDOW;
use adit_model::{Timestamp, TunnelKey, TunnelKind};

use crate::{engine::Connection, failure::Cause, sql::query};

/// Something is missing until the end of time: a standby that has not come.
const UNTIL_THERE: i64 = i64::MAX;

/// Until when, in microseconds since 1970; `None` if nothing is missing. Either a connector with a live connection has
/// an index that ended and is not live again, which counts for [`MISSING_WINDOW`]; or it is a site that has no standby
/// though one should take over. Only news of the tunnel's connections or its site's configuration change it.
pub(super) async fn until(
    connection: &mut Connection,
    tunnel: TunnelKey,
    kind: TunnelKind,
    now: Timestamp,
) -> Result<Option<i64>, Cause> {
    if kind == TunnelKind::WarpConnector && lacks_standby(connection, tunnel).await? {
        return Ok(Some(UNTIL_THERE));
    }
    let window = i64::try_from(MISSING_WINDOW.as_micros()).unwrap_or(i64::MAX);
    let newest: Option<i64> = query(
        "SELECT MAX(gone.closed_at) FROM connections gone
         WHERE gone.account_id = $1 AND gone.tunnel_id = $2 AND gone.closed_at >= $3
             AND gone.connector_id IN (
                 SELECT live.connector_id FROM connections live
                 WHERE live.account_id = $1 AND live.tunnel_id = $2 AND live.closed_at IS NULL)
             AND NOT EXISTS (
                 SELECT 1 FROM connections live
                 WHERE live.account_id = $1 AND live.tunnel_id = $2 AND live.closed_at IS NULL
                     AND live.connector_id = gone.connector_id
                     AND live.connection_index = gone.connection_index)",
    )
    .bind(tunnel.account.to_string())
    .bind(tunnel.tunnel.uuid())
    .bind(now.unix_micros().saturating_sub(window))
    .scalar(connection)
    .await?;
    Ok(newest.map(|closed_at| closed_at.saturating_add(window)))
}

async fn lacks_standby(connection: &mut Connection, tunnel: TunnelKey) -> Result<bool, Cause> {
    let lacks = query(
        "SELECT EXISTS (SELECT 1 FROM ha_state s
             WHERE s.account_id = $1 AND s.tunnel_id = $2 AND s.ha_mode <> 'disabled')
         AND (SELECT COUNT(DISTINCT live.connector_id) FROM connections live
             WHERE live.account_id = $1 AND live.tunnel_id = $2 AND live.closed_at IS NULL) < 2",
    )
    .bind(tunnel.account.to_string())
    .bind(tunnel.tunnel.uuid())
    .scalar(connection)
    .await?;
    Ok(lacks)
}
