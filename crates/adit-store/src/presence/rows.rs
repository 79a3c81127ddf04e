//! News of connections as rows, and what it does to their tunnels.

use std::collections::BTreeSet;

use adit_core::{
    port::{CloseReason, ConnectionClosed, ConnectionOpened},
    status::Activity,
};
use adit_model::TunnelKey;

use super::{
    Reporter, configured, missing,
    pending::{Batch, News},
};
use crate::{
    engine::Connection,
    failure::Cause,
    row::{optional_time, parsed, time, tunnel_key},
    sql::query,
    tx::Tx,
};

/// Writes news. News of a tunnel that is no longer kept is dropped.
pub(crate) async fn write(tx: &mut Tx<'_>, reporter: Reporter, batch: &Batch) -> Result<(), Cause> {
    let mut touched = BTreeSet::new();
    for News { opened, closed } in &batch.connections {
        if let Some(opened) = opened {
            open(tx.connection, reporter, opened).await?;
            touched.insert(opened.tunnel);
        }
        if let Some(closed) = closed {
            close(tx.connection, closed).await?;
            touched.insert(closed.tunnel);
        }
    }
    for answer in &batch.answers {
        configured::answered(tx.connection, answer).await?;
    }
    for local in &batch.local {
        configured::told(tx.connection, local).await?;
    }
    for tunnel in touched {
        observe(tx, tunnel).await?;
    }
    Ok(())
}

async fn open(
    connection: &mut Connection,
    reporter: Reporter,
    opened: &ConnectionOpened,
) -> Result<(), Cause> {
    let connector = &opened.connector;
    let features: Vec<String> = connector
        .features
        .iter()
        .take(32)
        .map(|text| bounded(text, MAX_TEXT))
        .collect();
    let (account, tunnel) = (opened.tunnel.account.to_string(), opened.tunnel.tunnel.uuid());
    query(
        "INSERT INTO connectors (account_id, tunnel_id, connector_id, version, arch, features, run_at, hostname)
         SELECT account_id, tunnel_id, $3, $4, $5, $6, $7, $8 FROM tunnels WHERE account_id = $1 AND tunnel_id = $2
         ON CONFLICT (account_id, tunnel_id, connector_id) DO UPDATE
             SET version = excluded.version, arch = excluded.arch, features = excluded.features,
                 hostname = excluded.hostname,
                 run_at = CASE WHEN excluded.run_at < connectors.run_at THEN excluded.run_at ELSE connectors.run_at END",
    )
    .bind(&account)
    .bind(tunnel)
    .bind(connector.id.uuid())
    .bind(bounded(&connector.version, MAX_TEXT))
    .bind(bounded(&connector.arch, MAX_TEXT))
    .bind(serde_json::Value::from(features).to_string())
    .bind(opened.opened_at.unix_micros())
    .bind(connector.hostname.as_deref().map(|name| bounded(name, MAX_HOSTNAME)))
    .execute(&mut *connection)
    .await?;
    query(
        "INSERT INTO connections (connection_id, account_id, tunnel_id, connector_id, connection_index, protocol,
             origin_ip, location, node_id, boot_id, opened_at)
         SELECT $4, account_id, tunnel_id, connector_id, $5, $6, $7, $8, $9, $10, $11 FROM connectors
         WHERE account_id = $1 AND tunnel_id = $2 AND connector_id = $3
         ON CONFLICT (connection_id) DO NOTHING",
    )
    .bind(&account)
    .bind(tunnel)
    .bind(connector.id.uuid())
    .bind(opened.connection.uuid())
    .bind(i64::from(opened.index.0))
    .bind(opened.protocol.to_string())
    .bind(opened.origin_ip.to_string())
    .bind(opened.location.as_str())
    .bind(reporter.node.uuid())
    .bind(reporter.boot.uuid())
    .bind(opened.opened_at.unix_micros())
    .execute(connection)
    .await?;
    Ok(())
}

/// The most characters of a peer's text, and of the name of its host.
const MAX_TEXT: usize = 64;
const MAX_HOSTNAME: usize = 255;

/// A peer's text as it is kept: at most so many characters, without control characters.
fn bounded(text: &str, most: usize) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(most)
        .collect()
}

async fn close(connection: &mut Connection, closed: &ConnectionClosed) -> Result<(), Cause> {
    query(
        "UPDATE connections SET closed_at = $4, close_reason = $5
         WHERE connection_id = $1 AND account_id = $2 AND tunnel_id = $3 AND closed_at IS NULL",
    )
    .bind(closed.connection.uuid())
    .bind(closed.tunnel.account.to_string())
    .bind(closed.tunnel.tunnel.uuid())
    .bind(closed.closed_at.unix_micros())
    .bind(closed.reason.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Closes what is open of a tunnel that is about to be deleted, before the edges say so.
pub(crate) async fn evict(tx: &mut Tx<'_>, tunnel: TunnelKey) -> Result<(), Cause> {
    query(
        "UPDATE connections SET closed_at = $3, close_reason = $4
         WHERE account_id = $1 AND tunnel_id = $2 AND closed_at IS NULL",
    )
    .bind(tunnel.account.to_string())
    .bind(tunnel.tunnel.uuid())
    .bind(tx.now.unix_micros())
    .bind(CloseReason::Evicted.as_str())
    .execute(&mut *tx.connection)
    .await?;
    observe(tx, tunnel).await
}

/// Brings a tunnel's row up to date with its connections, and with what its site should have. That of a deleted tunnel
/// stays as it was left.
pub(crate) async fn observe(tx: &mut Tx<'_>, tunnel: TunnelKey) -> Result<(), Cause> {
    let (account, id) = (tunnel.account.to_string(), tunnel.tunnel.uuid());
    let row = query(
        "SELECT t.kind, t.created_at, t.active_since, t.inactive_since,
             (SELECT MIN(c.opened_at) FROM connections c WHERE c.account_id = t.account_id
                 AND c.tunnel_id = t.tunnel_id AND c.closed_at IS NULL) AS oldest_live,
             (SELECT MAX(c.closed_at) FROM connections c WHERE c.account_id = t.account_id
                 AND c.tunnel_id = t.tunnel_id AND c.closed_at IS NOT NULL) AS last_closed
         FROM tunnels t WHERE t.account_id = $1 AND t.tunnel_id = $2 AND t.deleted_at IS NULL",
    )
    .bind(&account)
    .bind(id)
    .fetch_optional(&mut *tx.connection)
    .await?;
    let Some(row) = row else { return Ok(()) };
    let (oldest_live, last_closed) = (
        optional_time(&row, "oldest_live")?,
        optional_time(&row, "last_closed")?,
    );
    let before = match (
        optional_time(&row, "active_since")?,
        optional_time(&row, "inactive_since")?,
    ) {
        (Some(since), _) => Activity::Active(since),
        (None, Some(since)) => Activity::Inactive(since),
        (None, None) => Activity::Inactive(time(&row, "created_at")?),
    };
    let after = before.observe(oldest_live, last_closed);
    let missing_until = match after.active_since() {
        Some(_) => missing::until(tx.connection, tunnel, parsed(&row, "kind")?, tx.now).await?,
        None => None,
    };
    query(
        "UPDATE tunnels SET active_since = $3, inactive_since = $4, ever_connected = (ever_connected OR $5),
             missing_until = $6
         WHERE account_id = $1 AND tunnel_id = $2",
    )
    .bind(account)
    .bind(id)
    .bind(after.active_since().map(|since| since.unix_micros()))
    .bind(after.inactive_since().map(|since| since.unix_micros()))
    .bind(oldest_live.is_some() || last_closed.is_some())
    .bind(missing_until)
    .execute(&mut *tx.connection)
    .await?;
    Ok(())
}

/// Closes what earlier runs of this edge left open: nobody holds those connections any more.
pub(crate) async fn close_earlier_boots(tx: &mut Tx<'_>, reporter: Reporter) -> Result<(), Cause> {
    let left = query(
        "SELECT DISTINCT account_id, tunnel_id FROM connections
         WHERE node_id = $1 AND boot_id <> $2 AND closed_at IS NULL",
    )
    .bind(reporter.node.uuid())
    .bind(reporter.boot.uuid())
    .fetch_all(&mut *tx.connection)
    .await?;
    query(
        "UPDATE connections SET closed_at = $3, close_reason = $4
         WHERE node_id = $1 AND boot_id <> $2 AND closed_at IS NULL",
    )
    .bind(reporter.node.uuid())
    .bind(reporter.boot.uuid())
    .bind(tx.now.unix_micros())
    .bind(CloseReason::EdgeStopped.as_str())
    .execute(&mut *tx.connection)
    .await?;
    for row in &left {
        observe(tx, tunnel_key(row)?).await?;
    }
    Ok(())
}
