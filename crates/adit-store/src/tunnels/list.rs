//! Reading tunnels: one, or part of a list, with what makes their status.

use adit_core::{
    port::{ConnectorRecord, Page, PageRequest, Tunnel, TunnelFilter},
    status::ConnectionFacts,
};
use adit_model::{AccountId, Timestamp, TunnelId, TunnelKey, TunnelStatus};

use super::{
    matching::{Way, given, matching},
    total::total,
};
use crate::{
    connectors,
    engine::{Connection, Row},
    failure::Cause,
    page::limited,
    row::{column, optional_time, parsed, time, tunnel_key},
    sql::{Query, query},
};

/// The tunnels of an account.
fn tunnels(account: AccountId) -> Query {
    query("SELECT t.* FROM tunnels t WHERE t.account_id = $1").bind(account.to_string())
}

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
    let rows = page_of(account, filter, page, total, now)
        .fetch_all(&mut *connection)
        .await?;
    let mut items = rows
        .iter()
        .map(|row| tunnel(row, now))
        .collect::<Result<Vec<_>, _>>()?;
    attach_connectors(connection, account, &mut items).await?;
    Ok(Page { items, total })
}

/// The statement for a page of a list that has `total` tunnels.
fn page_of(
    account: AccountId,
    filter: &TunnelFilter,
    page: PageRequest,
    total: u64,
    now: Timestamp,
) -> Query {
    // Few are sorted; many are met on the way through all of them in order. The sign keeps SQLite from that way.
    let (way, order) = if total <= FEW && is_narrow(filter) {
        (Way::ByIndex, " ORDER BY +t.created_at DESC, t.tunnel_id")
    } else {
        (Way::InOrder, " ORDER BY t.created_at DESC, t.tunnel_id")
    };
    let rows = matching(tunnels(account), account, filter, way, now).push(order);
    limited(rows, page)
}

/// How many tunnels are sorted rather than met in order.
const FEW: u64 = 2000;

/// Whether an index finds the tunnels of a filter by something else than the order of the list.
fn is_narrow(filter: &TunnelFilter) -> bool {
    filter.id.is_some()
        || filter.name.is_some()
        || given(filter.include_prefix.as_ref()).is_some()
        || filter.was_active_at.is_some()
        || filter.status == Some(TunnelStatus::Degraded)
}

/// One tunnel, deleted or not.
pub(crate) async fn find(
    connection: &mut Connection,
    key: TunnelKey,
    now: Timestamp,
) -> Result<Option<Tunnel>, Cause> {
    let row = tunnels(key.account)
        .push(" AND t.tunnel_id = ")
        .push_bind(key.tunnel.uuid())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut found = [tunnel(&row, now)?];
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

fn tunnel(row: &Row, now: Timestamp) -> Result<Tunnel, Cause> {
    let (active_since, inactive_since) = (
        optional_time(row, "active_since")?,
        optional_time(row, "inactive_since")?,
    );
    let facts = ConnectionFacts {
        ever_connected: column(row, "ever_connected")?,
        connected: active_since.is_some(),
        missing: column::<Option<i64>>(row, "missing_until")?.is_some_and(|until| until >= now.unix_micros()),
    };
    Ok(Tunnel {
        key: tunnel_key(row)?,
        kind: parsed(row, "kind")?,
        name: parsed(row, "name")?,
        config_source: parsed(row, "config_source")?,
        created_at: time(row, "created_at")?,
        deleted_at: optional_time(row, "deleted_at")?,
        status: facts.status(),
        active_since,
        inactive_since,
        connectors: Vec::<ConnectorRecord>::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{open::tests::empty, row::column};

    const PAGE: PageRequest = PageRequest {
        page: 1,
        per_page: 100,
    };

    async fn plan(connection: &mut Connection, filter: &TunnelFilter, total: u64) -> String {
        let now = Timestamp::from_unix_micros(0).unwrap();
        let page = page_of(AccountId::random(), filter, PAGE, total, now);
        let steps = page.explained().fetch_all(connection).await.unwrap();
        let steps = steps.iter().map(|step| column::<&str>(step, "detail").unwrap());
        steps.collect::<Vec<_>>().join("\n")
    }

    #[tokio::test]
    async fn every_list_finds_its_index() {
        let (mut connection, _directory) = empty().await;
        let state = |status| TunnelFilter {
            status: Some(status),
            ..TunnelFilter::default()
        };
        let deleted = |deleted| TunnelFilter {
            deleted: Some(deleted),
            ..TunnelFilter::default()
        };
        let prefix = TunnelFilter {
            include_prefix: Some("a".to_owned()),
            ..TunnelFilter::default()
        };
        let name = TunnelFilter {
            name: Some("a".to_owned()),
            ..TunnelFilter::default()
        };
        let cases = [
            (TunnelFilter::default(), u64::MAX, "tunnels_newest_first"),
            (state(TunnelStatus::Inactive), u64::MAX, "tunnels_inactive"),
            (state(TunnelStatus::Down), u64::MAX, "tunnels_down"),
            (state(TunnelStatus::Healthy), u64::MAX, "tunnels_connected"),
            (state(TunnelStatus::Degraded), FEW + 1, "tunnels_connected"),
            (
                state(TunnelStatus::Degraded),
                FEW,
                "tunnels_missing (account_id=? AND missing_until>?)",
            ),
            (deleted(true), u64::MAX, "tunnels_gone"),
            (deleted(false), u64::MAX, "tunnels_live"),
            (
                prefix.clone(),
                FEW,
                "tunnels_by_name (account_id=? AND name>? AND name<?)",
            ),
            (prefix, FEW + 1, "tunnels_newest_first"),
            (name, 1, "tunnels_by_name (account_id=? AND name=?)"),
        ];
        for (filter, total, index) in cases {
            let plan = plan(&mut connection, &filter, total).await;
            assert!(plan.contains(index), "{filter:?}: {plan}");
            let sorts = plan.contains("ORDER BY");
            assert_eq!(sorts, total <= FEW && is_narrow(&filter), "{filter:?}: {plan}");
        }
    }
}
