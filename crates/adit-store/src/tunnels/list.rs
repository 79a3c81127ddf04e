//! Reading tunnels: one, or part of a list, with what makes their status.

use adit_core::{
    port::{ConnectorRecord, Page, PageRequest, Tunnel, TunnelFilter},
    status::{ConnectionFacts, FactFilter, MISSING_WINDOW},
};
use adit_model::{AccountId, Timestamp, TunnelId, TunnelKey, TunnelKind};

use super::{config_source, kind};
use crate::{
    connectors,
    engine::{Connection, Row},
    failure::Cause,
    row::{column, number, optional_time, parsed, time, tunnel_key},
    sql::{Query, query},
};

/// Whether a connector of `t` with a live connection has an index that ended since a time, which is pushed between the
/// two texts, and is not live again.
const MISSING: (&str, &str) = (
    "EXISTS (
        SELECT 1 FROM connections gone
        WHERE gone.account_id = t.account_id AND gone.tunnel_id = t.tunnel_id AND gone.closed_at >= ",
    "
        AND EXISTS (
            SELECT 1 FROM connections live
            WHERE live.account_id = gone.account_id AND live.tunnel_id = gone.tunnel_id
            AND live.connector_id = gone.connector_id AND live.closed_at IS NULL)
        AND NOT EXISTS (
            SELECT 1 FROM connections live
            WHERE live.account_id = gone.account_id AND live.tunnel_id = gone.tunnel_id
            AND live.connector_id = gone.connector_id AND live.closed_at IS NULL
            AND live.connection_index = gone.connection_index))",
);

fn push_missing(query: Query, now: Timestamp) -> Query {
    let (head, tail) = MISSING;
    query.push(head).push_bind(missing_since(now)).push(tail)
}

/// The columns of `t`, and `missing`.
fn select(now: Timestamp) -> Query {
    push_missing(query("SELECT t.*, "), now).push(" AS missing FROM tunnels t")
}

/// The condition that a tunnel is one of the account's and passes the filter.
fn push_matching(query: Query, account: AccountId, filter: &TunnelFilter, now: Timestamp) -> Query {
    let facts = filter.status.map(FactFilter::from).unwrap_or_default();
    let query = query
        .push(" WHERE t.account_id = ")
        .push_bind(account.to_string())
        .push_if(" AND t.tunnel_id = ", filter.id.map(TunnelId::uuid))
        .push_if(" AND t.name = ", filter.name.as_ref())
        .push_if(" AND t.ever_connected = ", facts.ever_connected);
    let query = push_kinds(query, &filter.kinds);
    let query = push_prefix(query, " = ", filter.include_prefix.as_deref());
    let query = push_prefix(query, " <> ", filter.exclude_prefix.as_deref());
    let query = push_known(
        query,
        filter.deleted,
        [" AND t.deleted_at IS NOT NULL", " AND t.deleted_at IS NULL"],
    );
    let query = push_known(
        query,
        facts.connected,
        [" AND t.active_since IS NOT NULL", " AND t.active_since IS NULL"],
    );
    let query = push_existed(query, filter.existed_at);
    let query = match filter.was_active_at {
        Some(at) => push_connected(query.push(" AND "), at),
        None => query,
    };
    let query = match filter.was_inactive_at {
        Some(at) => push_connected(push_existed(query, Some(at)).push(" AND NOT "), at),
        None => query,
    };
    match facts.missing {
        Some(true) => push_missing(query.push(" AND "), now),
        Some(false) => push_missing(query.push(" AND NOT "), now),
        None => query,
    }
}

fn push_kinds(query: Query, kinds: &[TunnelKind]) -> Query {
    let [first, others @ ..] = kinds else { return query };
    let query = query.push(" AND t.kind IN (").push_bind(first.as_str());
    let bind = |query: Query, kind: &TunnelKind| query.push(", ").push_bind(kind.as_str());
    others.iter().fold(query, bind).push(")")
}

/// A prefix is compared by `substr`, not LIKE, which ignores case in SQLite and needs its wildcards escaped.
fn push_prefix(query: Query, compared: &'static str, prefix: Option<&str>) -> Query {
    match prefix.filter(|prefix| !prefix.is_empty()) {
        Some(prefix) => query
            .push(" AND substr(t.name, 1, length(")
            .push_bind(prefix)
            .push("))")
            .push(compared)
            .push_bind(prefix),
        None => query,
    }
}

/// One of two conditions, if either is asked for.
fn push_known(query: Query, wanted: Option<bool>, [if_true, if_false]: [&'static str; 2]) -> Query {
    match wanted {
        Some(true) => query.push(if_true),
        Some(false) => query.push(if_false),
        None => query,
    }
}

/// That `t` was made at or before a time and not deleted before it.
fn push_existed(query: Query, at: Option<Timestamp>) -> Query {
    let Some(at) = at.map(Timestamp::unix_micros) else {
        return query;
    };
    query
        .push(" AND t.created_at <= ")
        .push_bind(at)
        .push(" AND (t.deleted_at IS NULL OR t.deleted_at >= ")
        .push_bind(at)
        .push(")")
}

/// That `t` had a connection at a time.
fn push_connected(query: Query, at: Timestamp) -> Query {
    query
        .push(
            "EXISTS (SELECT 1 FROM connections past
             WHERE past.account_id = t.account_id AND past.tunnel_id = t.tunnel_id AND past.opened_at <= ",
        )
        .push_bind(at.unix_micros())
        .push(" AND (past.closed_at IS NULL OR past.closed_at > ")
        .push_bind(at.unix_micros())
        .push("))")
}

/// Part of an account's tunnels, newest first.
pub(crate) async fn list(
    connection: &mut Connection,
    account: AccountId,
    filter: &TunnelFilter,
    page: PageRequest,
    now: Timestamp,
) -> Result<Page<Tunnel>, Cause> {
    let count = query("SELECT COUNT(*) AS total FROM tunnels t");
    let total = push_matching(count, account, filter, now)
        .fetch_one(&mut *connection)
        .await?;
    let rows = push_matching(select(now), account, filter, now)
        .push(" ORDER BY t.created_at DESC, t.tunnel_id LIMIT ")
        .push_bind(page.per_page)
        .push(" OFFSET ")
        .push_bind(i64::try_from(page.offset()).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    let mut items = rows.iter().map(tunnel).collect::<Result<Vec<_>, _>>()?;
    attach_connectors(connection, account, &mut items).await?;
    Ok(Page {
        items,
        total: number(&total, "total")?,
    })
}

/// One tunnel, deleted or not.
pub(crate) async fn find(
    connection: &mut Connection,
    key: TunnelKey,
    now: Timestamp,
) -> Result<Option<Tunnel>, Cause> {
    let row = select(now)
        .push(" WHERE t.account_id = ")
        .push_bind(key.account.to_string())
        .push(" AND t.tunnel_id = ")
        .push_bind(key.tunnel.uuid())
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
        kind: kind(row)?,
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
