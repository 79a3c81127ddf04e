//! Reading tunnels: one, or part of a list, with what makes their status.

use adit_core::{
    port::{ConnectorRecord, Page, PageRequest, Tunnel, TunnelFilter},
    status::{ConnectionFacts, FactFilter, MISSING_WINDOW},
};
use adit_model::{AccountId, Timestamp, TunnelId, TunnelKey};

use super::config_source;
use crate::{
    connectors,
    engine::{Connection, Row},
    failure::Cause,
    row::{column, number, optional_time, parsed, time, tunnel_key},
    sql::{Query, query},
};

/// The tunnels of a list: conditions on `t`, whose parameters [`bind_filter`] gives, `$12` on free.
/// A prefix is compared by `substr`, not LIKE, which ignores case in SQLite and needs its wildcards escaped.
macro_rules! matching {
    () => {
        " FROM tunnels t WHERE t.account_id = $1
            AND ($2 IS NULL OR t.tunnel_id = $2)
            AND ($3 IS NULL OR t.name = $3)
            AND ($4 IS NULL OR substr(t.name, 1, length($4)) = $4)
            AND ($5 IS NULL OR substr(t.name, 1, length($5)) <> $5)
            AND ($6 IS NULL OR (t.deleted_at IS NOT NULL) = $6)
            AND ($7 IS NULL OR (t.created_at <= $7 AND (t.deleted_at IS NULL OR t.deleted_at >= $7)))
            AND ($8 IS NULL OR t.ever_connected = $8)
            AND ($9 IS NULL OR (t.active_since IS NOT NULL) = $9)
            AND ($10 IS NULL OR EXISTS (
                SELECT 1 FROM connections past
                WHERE past.account_id = t.account_id AND past.tunnel_id = t.tunnel_id
                AND past.opened_at <= $10 AND (past.closed_at IS NULL OR past.closed_at > $10)))
            AND ($11 IS NULL OR (t.created_at <= $11 AND NOT EXISTS (
                SELECT 1 FROM connections past
                WHERE past.account_id = t.account_id AND past.tunnel_id = t.tunnel_id
                AND past.opened_at <= $11 AND (past.closed_at IS NULL OR past.closed_at > $11))))
            AND ($12 IS NULL OR ("
    };
}

/// Whether a connector of `t` with a live connection has an index that ended since the given parameter's time and is
/// not live again.
macro_rules! missing {
    ($since:literal) => {
        concat!(
            "EXISTS (
            SELECT 1 FROM connections gone
            WHERE gone.account_id = t.account_id AND gone.tunnel_id = t.tunnel_id AND gone.closed_at >= ",
            $since,
            "
            AND EXISTS (
                SELECT 1 FROM connections live
                WHERE live.account_id = gone.account_id AND live.tunnel_id = gone.tunnel_id
                AND live.connector_id = gone.connector_id AND live.closed_at IS NULL)
            AND NOT EXISTS (
                SELECT 1 FROM connections live
                WHERE live.account_id = gone.account_id AND live.tunnel_id = gone.tunnel_id
                AND live.connector_id = gone.connector_id AND live.closed_at IS NULL
                AND live.connection_index = gone.connection_index))"
        )
    };
}

const COUNT: &str = concat!(
    "SELECT COUNT(*) AS total",
    matching!(),
    missing!("$13"),
    ") = $12)"
);

const LIST: &str = concat!(
    "SELECT t.*, ",
    missing!("$13"),
    " AS missing",
    matching!(),
    missing!("$13"),
    ") = $12) ORDER BY t.created_at DESC, t.tunnel_id LIMIT $14 OFFSET $15"
);

fn bind_filter(query: Query, account: AccountId, filter: &TunnelFilter, now: Timestamp) -> Query {
    let facts = filter.status.map(FactFilter::from).unwrap_or_default();
    let prefix = |prefix: &Option<String>| prefix.clone().filter(|prefix| !prefix.is_empty());
    query
        .bind(account.to_string())
        .bind(filter.id.map(TunnelId::uuid))
        .bind(filter.name.as_deref())
        .bind(prefix(&filter.include_prefix))
        .bind(prefix(&filter.exclude_prefix))
        .bind(filter.deleted)
        .bind(filter.existed_at.map(Timestamp::unix_micros))
        .bind(facts.ever_connected)
        .bind(facts.connected)
        .bind(filter.was_active_at.map(Timestamp::unix_micros))
        .bind(filter.was_inactive_at.map(Timestamp::unix_micros))
        .bind(facts.missing)
        .bind(missing_since(now))
}

/// Part of an account's tunnels, newest first.
pub(crate) async fn list(
    connection: &mut Connection,
    account: AccountId,
    filter: &TunnelFilter,
    page: PageRequest,
    now: Timestamp,
) -> Result<Page<Tunnel>, Cause> {
    let total = bind_filter(query(COUNT), account, filter, now)
        .fetch_one(&mut *connection)
        .await?;
    let rows = bind_filter(query(LIST), account, filter, now)
        .bind(i64::from(page.per_page))
        .bind(i64::try_from(page.offset()).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    let mut items = rows.iter().map(tunnel).collect::<Result<Vec<_>, _>>()?;
    attach_connectors(connection, account, &mut items).await?;
    Ok(Page {
        items,
        total: number(&total, "total")?,
    })
}

const FIND: &str = concat!(
    "SELECT t.*, ",
    missing!("$3"),
    " AS missing FROM tunnels t WHERE t.account_id = $1 AND t.tunnel_id = $2"
);

/// One tunnel, deleted or not.
pub(crate) async fn find(
    connection: &mut Connection,
    key: TunnelKey,
    now: Timestamp,
) -> Result<Option<Tunnel>, Cause> {
    let row = query(FIND)
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .bind(missing_since(now))
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut found = [tunnel(&row)?];
    attach_connectors(connection, key.account, &mut found).await?;
    let [found] = found;
    Ok(Some(found))
}

async fn attach_connectors(
    connection: &mut Connection,
    account: AccountId,
    tunnels: &mut [Tunnel],
) -> Result<(), Cause> {
    let connected = tunnels.iter().filter(|tunnel| tunnel.active_since.is_some());
    let connected: Vec<TunnelId> = connected.map(|tunnel| tunnel.key.tunnel).collect();
    let mut connectors = connectors::live(connection, account, &connected).await?;
    for tunnel in tunnels {
        tunnel.connectors = connectors.remove(&tunnel.key.tunnel).unwrap_or_default();
    }
    Ok(())
}

fn missing_since(now: Timestamp) -> i64 {
    let window = i64::try_from(MISSING_WINDOW.as_micros()).unwrap_or(i64::MAX);
    now.unix_micros().saturating_sub(window)
}

fn tunnel(row: &Row) -> Result<Tunnel, Cause> {
    let (active_since, inactive_since) = (
        optional_time(row, "active_since")?,
        optional_time(row, "inactive_since")?,
    );
    let facts = ConnectionFacts {
        ever_connected: column(row, "ever_connected")?,
        connected: active_since.is_some(),
        missing: column(row, "missing")?,
    };
    Ok(Tunnel {
        key: tunnel_key(row)?,
        name: parsed(row, "name")?,
        config_source: config_source(row)?,
        created_at: time(row, "created_at")?,
        deleted_at: optional_time(row, "deleted_at")?,
        status: facts.status(),
        active_since,
        inactive_since,
        connectors: Vec::<ConnectorRecord>::new(),
    })
}
