//! Reading tunnels: one, or part of a list, with what makes their status.

use adit_core::{
    port::{ConnectorRecord, Page, PageRequest, Tunnel, TunnelFilter},
    status::ConnectionFacts,
};
use adit_model::{AccountId, Timestamp, TunnelId, TunnelKey};

use super::{
    config_source, kind,
    matching::{Prefix, given, lost, matching, missing_since, without_standby},
    total::total,
};
use crate::{
    connectors,
    engine::{Connection, Row},
    failure::Cause,
    row::{column, optional_time, parsed, time, tunnel_key},
    sql::query,
};

/// A tunnel `t` with its status, `$1` being the time since which a lost connection counts.
const TUNNEL: &str = concat!(
    "SELECT t.*, (t.active_since IS NOT NULL AND (EXISTS (
        SELECT 1 FROM connections gone
        WHERE gone.account_id = t.account_id AND gone.tunnel_id = t.tunnel_id AND gone.closed_at >= $1
        AND",
    lost!(),
    ") OR EXISTS (
        SELECT 1 FROM ha_state s WHERE s.account_id = t.account_id AND s.tunnel_id = t.tunnel_id AND",
    without_standby!(),
    "))) AS missing FROM tunnels t WHERE t.account_id = "
);

/// Part of an account's tunnels, newest first.
pub(crate) async fn list(
    connection: &mut Connection,
    account: AccountId,
    filter: &TunnelFilter,
    page: PageRequest,
    now: Timestamp,
) -> Result<Page<Tunnel>, Cause> {
    let total = total(connection, account, filter, now).await?;
    if page.offset() >= total {
        return Ok(Page {
            items: Vec::new(),
            total,
        });
    }
    // Few are sorted; many are met on the way through all of them in order. The sign keeps SQLite from that way.
    let (prefix, order): (Prefix, _) = if total <= FEW && is_narrow(filter) {
        (Prefix::Range, " ORDER BY +t.created_at DESC, t.tunnel_id LIMIT ")
    } else {
        (Prefix::Text, " ORDER BY t.created_at DESC, t.tunnel_id LIMIT ")
    };
    let tunnels = query(TUNNEL)
        .bind(missing_since(now))
        .push_bind(account.to_string());
    let rows = matching(tunnels, account, filter, prefix, now)
        .push(order)
        .push_bind(i64::from(page.per_page))
        .push(" OFFSET ")
        .push_bind(i64::try_from(page.offset()).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    let mut items = rows.iter().map(tunnel).collect::<Result<Vec<_>, _>>()?;
    attach_connectors(connection, account, &mut items).await?;
    Ok(Page { items, total })
}

/// How many tunnels are sorted rather than met in order.
const FEW: u64 = 2000;

/// Whether an index finds the tunnels of a filter by something else than their state.
fn is_narrow(filter: &TunnelFilter) -> bool {
    filter.id.is_some() || filter.name.is_some() || given(filter.include_prefix.as_ref()).is_some()
}

/// One tunnel, deleted or not.
pub(crate) async fn find(
    connection: &mut Connection,
    key: TunnelKey,
    now: Timestamp,
) -> Result<Option<Tunnel>, Cause> {
    let row = query(TUNNEL)
        .bind(missing_since(now))
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
