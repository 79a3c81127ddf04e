//! How many tunnels a list has.

use adit_core::{port::TunnelFilter, status::FactFilter};
use adit_model::{AccountId, Timestamp, TunnelStatus};

use super::matching::{Prefix, given, matching, of_kinds};
use crate::{engine::Connection, failure::Cause, sql::query};

/// How many tunnels of an account pass a filter: from the counters where they can tell, counted otherwise.
pub(super) async fn total(
    connection: &mut Connection,
    account: AccountId,
    filter: &TunnelFilter,
    now: Timestamp,
) -> Result<u64, Cause> {
    if !is_of_states(filter) {
        return counted(connection, account, filter, now).await;
    }
    let facts = filter.status.map(FactFilter::from).unwrap_or_default();
    match facts.missing {
        None => of_states(connection, account, filter, facts).await,
        Some(true) => counted(connection, account, filter, now).await,
        // Which of the connected ones lost a connection is all that the counters do not tell.
        Some(false) => {
            let degraded = TunnelFilter {
                status: Some(TunnelStatus::Degraded),
                ..filter.clone()
            };
            let connected = of_states(connection, account, filter, facts).await?;
            let degraded = counted(connection, account, &degraded, now).await?;
            Ok(connected.saturating_sub(degraded))
        }
    }
}

/// Whether a filter asks for nothing that the counters do not know.
fn is_of_states(filter: &TunnelFilter) -> bool {
    let TunnelFilter {
        id,
        name,
        kinds: _,
        include_prefix,
        exclude_prefix,
        deleted: _,
        existed_at,
        was_active_at,
        was_inactive_at,
        status: _,
    } = filter;
    id.is_none()
        && name.is_none()
        && given(include_prefix.as_ref()).is_none()
        && given(exclude_prefix.as_ref()).is_none()
        && existed_at.is_none()
        && was_active_at.is_none()
        && was_inactive_at.is_none()
}

async fn of_states(
    connection: &mut Connection,
    account: AccountId,
    filter: &TunnelFilter,
    facts: FactFilter,
) -> Result<u64, Cause> {
    let totals = query(
        "SELECT CAST(COALESCE(SUM(t.total), 0) AS BIGINT) FROM tunnel_totals t WHERE t.account_id = $1",
    )
    .bind(account.to_string())
    .push_if(" AND t.deleted = ", filter.deleted)
    .push_if(" AND t.ever_connected = ", facts.ever_connected)
    .push_if(" AND t.connected = ", facts.connected);
    let total: i64 = of_kinds(totals, &filter.kinds).scalar(connection).await?;
    Ok(u64::try_from(total).unwrap_or_default())
}

async fn counted(
    connection: &mut Connection,
    account: AccountId,
    filter: &TunnelFilter,
    now: Timestamp,
) -> Result<u64, Cause> {
    let facts = filter.status.map(FactFilter::from).unwrap_or_default();
    let of_account = if facts.missing.is_some() {
        COUNT_CONNECTED
    } else {
        "SELECT COUNT(*) FROM tunnels t WHERE t.account_id = $1"
    };
    let count = query(of_account).bind(account.to_string());
    let count = matching(count, account, filter, Prefix::Range, now);
    let count = if facts.missing.is_some() {
        count.push(CONNECTED_ORDER).push_bind(i64::MAX).push(") t")
    } else {
        count
    };
    let total: i64 = count.scalar(connection).await?;
    Ok(u64::try_from(total).unwrap_or_default())
}

/// Counting connected tunnels: the order, which nobody sees, leads SQLite to the index of connected tunnels. Left to
/// itself it asks all of the account's.
const COUNT_CONNECTED: &str =
    "SELECT COUNT(*) FROM (SELECT t.tunnel_id FROM tunnels t WHERE t.account_id = $1";
const CONNECTED_ORDER: &str = " ORDER BY t.created_at DESC, t.tunnel_id LIMIT ";
