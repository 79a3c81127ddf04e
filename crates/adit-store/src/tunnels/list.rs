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
    row::{column, optional_time, parsed, time, tunnel_key},
    sql::{Query, query},
};

/// A connection `gone` that ended since some time and whose connector, still live, has not got its index back.
macro_rules! lost {
    () => {
        " EXISTS (
            SELECT 1 FROM connections live
            WHERE live.account_id = gone.account_id AND live.tunnel_id = gone.tunnel_id
            AND live.connector_id = gone.connector_id AND live.closed_at IS NULL)
        AND NOT EXISTS (
            SELECT 1 FROM connections live
            WHERE live.account_id = gone.account_id AND live.tunnel_id = gone.tunnel_id
            AND live.connector_id = gone.connector_id AND live.closed_at IS NULL
            AND live.connection_index = gone.connection_index)"
    };
}

/// A site `s` whose standby takes over, if there were one: fewer than two replicas are connected.
macro_rules! without_standby {
    () => {
        " s.ha_mode <> 'disabled' AND (
            SELECT COUNT(DISTINCT live.connector_id) FROM connections live
            WHERE live.account_id = s.account_id AND live.tunnel_id = s.tunnel_id AND live.closed_at IS NULL) < 2"
    };
}

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

/// The tunnels of an account that lost a connection, and its sites without a standby. They are few, so a list is better filtered by this set than by
/// asking for each tunnel.
const LOST: [&str; 4] = [
    "(SELECT gone.tunnel_id FROM connections gone WHERE gone.account_id = ",
    " AND gone.closed_at >= ",
    concat!(
        " AND",
        lost!(),
        " UNION SELECT s.tunnel_id FROM ha_state s WHERE s.account_id = "
    ),
    concat!(" AND", without_standby!(), ")"),
];

/// Adds what the filter asks for to a statement that ends in a condition on `t`. Only what is asked for becomes part
/// of the statement, so that each combination finds its index; what an index is partial by is written out.
fn matching(mut query: Query, account: AccountId, filter: &TunnelFilter, now: Timestamp) -> Query {
    query = query
        .push_if(" AND t.tunnel_id = ", filter.id.map(TunnelId::uuid))
        .push_if(" AND t.name = ", filter.name.as_deref());
    query = of_kinds(query, &filter.kinds);
    if let Some(prefix) = given(filter.include_prefix.as_ref()) {
        query = query
            .push_if(" AND t.name < ", after_prefix(prefix))
            .push(" AND t.name >= ")
            .push_bind(prefix);
    }
    if let Some(prefix) = given(filter.exclude_prefix.as_ref()) {
        query = query
            .push(" AND (t.name < ")
            .push_bind(prefix)
            .push_if(" OR t.name >= ", after_prefix(prefix))
            .push(")");
    }
    query = query.push(either(
        filter.deleted,
        " AND t.deleted_at IS NOT NULL",
        " AND t.deleted_at IS NULL",
    ));
    if let Some(moment) = filter.existed_at.map(Timestamp::unix_micros) {
        query = existed_at(query, moment);
    }
    if let Some(moment) = filter.was_active_at.map(Timestamp::unix_micros) {
        query = connected_at(query.push(" AND"), moment);
    }
    if let Some(moment) = filter.was_inactive_at.map(Timestamp::unix_micros) {
        query = connected_at(existed_at(query, moment).push(" AND NOT"), moment);
    }
    let facts = filter.status.map(FactFilter::from).unwrap_or_default();
    query = query
        .push(either(
            facts.ever_connected,
            " AND t.ever_connected",
            " AND NOT t.ever_connected",
        ))
        .push(either(
            facts.connected,
            " AND t.active_since IS NOT NULL",
            " AND t.active_since IS NULL",
        ));
    if facts.missing.is_some() {
        let [of_account, since, lost, without_standby] = LOST;
        query = query
            .push(either(
                facts.missing,
                " AND t.tunnel_id IN ",
                " AND t.tunnel_id NOT IN ",
            ))
            .push(of_account)
            .push_bind(account.to_string())
            .push(since)
            .push_bind(missing_since(now))
            .push(lost)
            .push_bind(account.to_string())
            .push(without_standby);
    }
    query
}

/// Only tunnels of these kinds; of all if none is named.
fn of_kinds(query: Query, kinds: &[TunnelKind]) -> Query {
    let [first, others @ ..] = kinds else { return query };
    let query = query.push(" AND t.kind IN (").push_bind(first.as_str());
    others
        .iter()
        .fold(query, |query, kind| query.push(", ").push_bind(kind.as_str()))
        .push(")")
}

/// A prefix that restricts something.
fn given(prefix: Option<&String>) -> Option<&str> {
    prefix.map(String::as_str).filter(|prefix| !prefix.is_empty())
}

/// The text for a condition that may be asked for either way.
const fn either(wanted: Option<bool>, yes: &'static str, no: &'static str) -> &'static str {
    match wanted {
        Some(true) => yes,
        Some(false) => no,
        None => "",
    }
}

/// The first text, in the order of bytes, behind all that start with `prefix`; `None` if there is none.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut after = prefix.to_owned();
    while let Some(last) = after.pop() {
        // The range skips the surrogates, which are no characters.
        if let Some(next) = (last..=char::MAX).nth(1) {
            after.push(next);
            return Some(after);
        }
    }
    None
}

/// Goes on with whether `t` was made at or before a moment and not deleted before it.
fn existed_at(query: Query, moment: i64) -> Query {
    query
        .push(" AND t.created_at <= ")
        .push_bind(moment)
        .push(" AND (t.deleted_at IS NULL OR t.deleted_at >= ")
        .push_bind(moment)
        .push(")")
}

/// Goes on with whether `t` had a connection at a moment.
fn connected_at(query: Query, moment: i64) -> Query {
    query
        .push(
            " EXISTS (SELECT 1 FROM connections past
                WHERE past.account_id = t.account_id AND past.tunnel_id = t.tunnel_id AND past.opened_at <= ",
        )
        .push_bind(moment)
        .push(" AND (past.closed_at IS NULL OR past.closed_at > ")
        .push_bind(moment)
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
    let count = query("SELECT COUNT(*) FROM tunnels t WHERE t.account_id = $1").bind(account.to_string());
    let total: i64 = matching(count, account, filter, now)
        .scalar(&mut *connection)
        .await?;
    let tunnels = query(TUNNEL)
        .bind(missing_since(now))
        .push_bind(account.to_string());
    let rows = matching(tunnels, account, filter, now)
        .push(" ORDER BY t.created_at DESC, t.tunnel_id LIMIT ")
        .push_bind(i64::from(page.per_page))
        .push(" OFFSET ")
        .push_bind(i64::try_from(page.offset()).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    let mut items = rows.iter().map(tunnel).collect::<Result<Vec<_>, _>>()?;
    attach_connectors(connection, account, &mut items).await?;
    Ok(Page {
        items,
        total: u64::try_from(total).unwrap_or_default(),
    })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_with_a_prefix_are_exactly_those_of_its_range(prefix in "\\PC{1,3}", text in "\\PC{0,4}", rest: String) {
            for text in [&text, &format!("{prefix}{rest}")] {
                let below = after_prefix(&prefix).is_none_or(|after| *text < after);
                prop_assert_eq!(text.starts_with(&prefix), *text >= prefix && below, "{:?}", text);
            }
        }
    }

    #[test]
    fn the_range_of_a_prefix_ends_even_behind_the_last_characters() {
        assert_eq!(after_prefix("a").as_deref(), Some("b"));
        assert_eq!(after_prefix("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(after_prefix("\u{10ffff}"), None);
    }
}
