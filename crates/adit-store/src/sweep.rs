//! Retention: what is kept for a while and then removed.

use std::time::Duration;

use adit_core::port::StoreError;
use adit_model::{Timestamp, TunnelKey};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    failure::Cause,
    hosts, mesh, networks,
    row::tunnel_key,
    sql::query,
    tx::{Object, Tx, system},
    writer::Writer,
};

/// How long things are kept. The configuration's `retention.*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// A deleted tunnel, route, virtual network or subnet, and whose the addresses of a mesh were. Default 90 days.
    pub deleted_tunnels: Duration,
    /// An entry of the audit log. Default 90 days.
    pub audit: Duration,
    /// A connection that ended. Default 30 days.
    pub history: Duration,
    /// Versions of the configuration of a tunnel or a site, counted, the present one among them. Default 100.
    pub configurations: u32,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Retention {
    fn default() -> Self {
        Self {
            deleted_tunnels: DAY * 90,
            audit: DAY * 90,
            history: DAY * 30,
            configurations: 100,
        }
    }
}

/// What a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Deleted tunnels.
    pub tunnels: u64,
    /// Connections that ended, those of removed tunnels among them.
    pub connections: u64,
    /// Entries of the audit log.
    pub audit: u64,
    /// Deleted routes, virtual networks and subnets, but for those that went with a tunnel, and addresses that members
    /// of a mesh gave up.
    pub networks: u64,
}

/// The most rows of a kind that one write removes, so that other writers get their turn.
const AT_ONCE: i64 = 500;

/// Removes what is older than `retention` at `now`.
pub(crate) async fn run(writer: &Writer, retention: Retention, now: Timestamp) -> Result<Swept, StoreError> {
    let mut total = Swept::default();
    loop {
        let swept: Swept = writer
            .write("remove what is past its retention", move |mut tx| {
                Box::pin(async move { Ok(step(&mut tx, retention, now).await?) })
            })
            .await?;
        if swept == Swept::default() {
            return Ok(total);
        }
        total.tunnels += swept.tunnels;
        total.connections += swept.connections;
        total.audit += swept.audit;
        total.networks += swept.networks;
    }
}

async fn step(tx: &mut Tx<'_>, retention: Retention, now: Timestamp) -> Result<Swept, Cause> {
    let removed = tunnels(tx, before(now, retention.deleted_tunnels)).await?;
    Ok(Swept {
        tunnels: removed.tunnels as u64,
        connections: removed.connections + connections(tx, before(now, retention.history)).await?,
        audit: audit(tx, before(now, retention.audit)).await?,
        networks: networks::sweep(tx, before(now, retention.deleted_tunnels), AT_ONCE).await?
            + mesh::sweep(tx, before(now, retention.deleted_tunnels), AT_ONCE).await?,
    })
}

fn before(now: Timestamp, age: Duration) -> i64 {
    now.unix_micros()
        .saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
}

async fn connections(tx: &mut Tx<'_>, before: i64) -> Result<u64, Cause> {
    let done = query(
        "DELETE FROM connections WHERE connection_id IN
             (SELECT connection_id FROM connections WHERE closed_at < $1 ORDER BY closed_at LIMIT $2)",
    )
    .bind(before)
    .bind(AT_ONCE)
    .execute(&mut *tx.connection)
    .await?;
    if done > 0 {
        query(
            "DELETE FROM connectors WHERE run_at < $1 AND NOT EXISTS
                 (SELECT 1 FROM connections c WHERE c.account_id = connectors.account_id
                     AND c.tunnel_id = connectors.tunnel_id AND c.connector_id = connectors.connector_id)
                 AND NOT EXISTS
                 (SELECT 1 FROM mesh_members m WHERE m.account_id = connectors.account_id
                     AND m.kind = 'replica' AND m.member_id = connectors.connector_id)",
        )
        .bind(before)
        .execute(&mut *tx.connection)
        .await?;
    }
    Ok(done)
}

async fn audit(tx: &mut Tx<'_>, before: i64) -> Result<u64, Cause> {
    let done = query(
        "DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE at < $1 ORDER BY at LIMIT $2)",
    )
    .bind(before)
    .bind(AT_ONCE)
    .execute(&mut *tx.connection)
    .await?;
    Ok(done)
}

async fn tunnels(tx: &mut Tx<'_>, before: i64) -> Result<Removed, Cause> {
    let rows =
        query("SELECT account_id, tunnel_id FROM tunnels WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2")
            .bind(before)
            .bind(AT_ONCE)
            .fetch_all(&mut *tx.connection)
            .await?;
    let due = rows.iter().map(tunnel_key).collect::<Result<Vec<_>, _>>()?;
    remove(tx, &due).await
}

/// What a write removed of tunnels that are to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Removed {
    /// Tunnels that are gone.
    pub(crate) tunnels: usize,
    /// Connections that ended.
    pub(crate) connections: u64,
    /// Nothing is left of those that were to go.
    pub(crate) all: bool,
}

/// What a tunnel costs, beside a connection.
const TUNNEL: i64 = 5;

/// Removes tunnels for good, as many and as much of the last one's history as one write should. Their connectors go
/// with them; their records stay, and lead nowhere.
pub(crate) async fn remove(tx: &mut Tx<'_>, tunnels: &[TunnelKey]) -> Result<Removed, Cause> {
    let (mut removed, mut most) = (Removed::default(), AT_ONCE);
    for &tunnel in tunnels {
        if most <= 0 {
            return Ok(removed);
        }
        let connections = history(tx, tunnel, most).await?;
        removed.connections += connections;
        most = most.saturating_sub_unsigned(connections);
        if most <= 0 {
            return Ok(removed);
        }
        remove_one(tx, tunnel).await?;
        removed.tunnels += 1;
        most -= TUNNEL;
    }
    removed.all = true;
    Ok(removed)
}

/// Removes connections of a tunnel that ended.
async fn history(tx: &mut Tx<'_>, key: TunnelKey, most: i64) -> Result<u64, Cause> {
    let done = query(
        "DELETE FROM connections WHERE connection_id IN
             (SELECT connection_id FROM connections
             WHERE account_id = $1 AND tunnel_id = $2 AND closed_at IS NOT NULL LIMIT $3)",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .bind(most)
    .execute(&mut *tx.connection)
    .await?;
    Ok(done)
}

async fn remove_one(tx: &mut Tx<'_>, key: TunnelKey) -> Result<(), Cause> {
    let routes = hosts::of_tunnel(tx.connection, key).await?;
    query("DELETE FROM tunnels WHERE account_id = $1 AND tunnel_id = $2")
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .execute(&mut *tx.connection)
        .await?;
    let mut changed: Vec<_> = routes.into_iter().map(Object::Host).collect();
    changed.push(Object::Tunnel(key));
    tx.changed_all(&changed).await?;
    let object = key.tunnel.to_string();
    tx.audited(key.account, &system(), "tunnel.remove", object).await
}

/// How often old things are removed, and how long after the start for the first time.
const EVERY: Duration = Duration::from_secs(60 * 60);
const FIRST: Duration = Duration::from_secs(60);

/// Removes what is past its retention, again and again until told to stop.
pub(crate) async fn keep_sweeping(
    writer: Writer,
    retention: Retention,
    clock: Clock,
    stop: CancellationToken,
) {
    let mut wait = FIRST;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = EVERY;
        let swept = tokio::select! {
            () = stop.cancelled() => return,
            swept = run(&writer, retention, clock.now()) => swept,
        };
        match swept {
            Ok(swept) => tracing::debug!(
                swept.tunnels,
                swept.connections,
                swept.audit,
                swept.networks,
                "swept the store"
            ),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the store could not be swept"
                );
            }
        }
    }
}
