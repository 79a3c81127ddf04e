//! How many tunnels a list has.

use adit_core::{port::TunnelFilter, status::FactFilter};
use adit_model::{AccountId, Timestamp, TunnelStatus};

use super::matching::{Way, after_prefix, given, matching, of_kinds};
use crate::{engine::Connection, failure::Cause, page, sql::query};

/// Names on each side of a prefix's that are counted, so as not to count those between.
const MANY: i64 = 2000;

/// How many tunnels of an account pass a filter: from the counters where they can tell, counted otherwise.
pub(super) async fn total(
    connection: &mut Connection,
    account: AccountId,
    filter: &TunnelFilter,
    now: Timestamp,
) -> Result<u64, Cause> {
    let rest = TunnelFilter {
        include_prefix: None,
        exclude_prefix: None,
        ..filter.clone()
    };
    let (include, exclude) = (
        given(filter.include_prefix.as_ref()),
        given(filter.exclude_prefix.as_ref()),
    );
    if !is_of_states(&rest) || (include.is_some() && exclude.is_some()) {
        return counted(connection, account, filter, now).await;
    }
    if let Some(prefix) = include {
        return with_prefix(connection, account, &rest, prefix, now).await;
    }
    let all = of_states(connection, account, &rest, now).await?;
    let Some(prefix) = exclude else { return Ok(all) };
    let without = with_prefix(connection, account, &rest, prefix, now).await?;
    Ok(all.saturating_sub(without))
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
        && include_prefix.is_none()
        && exclude_prefix.is_none()
        && existed_at.is_none()
        && was_active_at.is_none()
        && was_inactive_at.is_none()
}

/// Those in some state.
async fn of_states(
    connection: &mut Connection,
    account: AccountId,
    filter: &TunnelFilter,
    now: Timestamp,
) -> Result<u64, Cause> {
    let facts = filter.status.map(FactFilter::from).unwrap_or_default();
    match facts.missing {
        None => from_counters(connection, account, filter, facts).await,
        Some(true) => counted(connection, account, filter, now).await,
        // Which of the connected ones lack something is all that the counters do not tell.
        Some(false) => {
            let degraded = TunnelFilter {
                status: Some(TunnelStatus::Degraded),
                ..filter.clone()
            };
            let connected = from_counters(connection, account, filter, facts).await?;
            let degraded = counted(connection, account, &degraded, now).await?;
            Ok(connected.saturating_sub(degraded))
        }
    }
}

async fn from_counters(
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
    page::counted(connection, of_kinds(totals, &filter.kinds)).await
}

/// Those in some state whose names start with a prefix.
async fn with_prefix(
    connection: &mut Connection,
    account: AccountId,
    rest: &TunnelFilter,
    prefix: &str,
    now: Timestamp,
) -> Result<u64, Cause> {
    if let Some(outside) = outside(connection, account, rest, prefix, MANY, now).await? {
        let all = of_states(connection, account, rest, now).await?;
        return Ok(all.saturating_sub(outside));
    }
    let filter = TunnelFilter {
        include_prefix: Some(prefix.to_owned()),
        ..rest.clone()
    };
    counted(connection, account, &filter, now).await
}

/// Those in some state whose names do not start with a prefix; `None` if on a side there are `many`, so that those that
/// do are counted as soon.
async fn outside(
    connection: &mut Connection,
    account: AccountId,
    rest: &TunnelFilter,
    prefix: &str,
    many: i64,
    now: Timestamp,
) -> Result<Option<u64>, Cause> {
    let sides = [
        Some((" AND t.name < ", prefix.to_owned())),
        after_prefix(prefix).map(|after| (" AND t.name >= ", after)),
    ];
    let mut outside = 0;
    for (is_beyond, border) in sides.into_iter().flatten() {
        let beyond = |select| {
            let of_account = query(select).bind(account.to_string());
            of_account.push(is_beyond).push_bind(border.as_str())
        };
        let names = beyond("SELECT COUNT(*) FROM (SELECT t.name FROM tunnels t WHERE t.account_id = $1")
            .push(" LIMIT ")
            .push_bind(many)
            .push(") met");
        if names.scalar::<i64>(connection).await? == many {
            return Ok(None);
        }
        let passing = matching(beyond(COUNT), account, rest, Way::ByIndex, now);
        outside += page::counted(connection, passing).await?;
    }
    Ok(Some(outside))
}

async fn counted(
    connection: &mut Connection,
    account: AccountId,
    filter: &TunnelFilter,
    now: Timestamp,
) -> Result<u64, Cause> {
    let of_account = query(COUNT).bind(account.to_string());
    let passing = matching(of_account, account, filter, Way::ByIndex, now);
    page::counted(connection, passing).await
}

const COUNT: &str = "SELECT COUNT(*) FROM tunnels t WHERE t.account_id = $1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open::tests::empty;

    #[tokio::test]
    async fn names_beyond_a_prefix_are_counted_while_they_are_few() {
        let (mut connection, _directory) = empty().await;
        let account = AccountId::random();
        query("INSERT INTO accounts (id, name, created_at) VALUES ($1, 'one', 0)")
            .bind(account.to_string())
            .execute(&mut connection)
            .await
            .unwrap();
        for name in ["a", "b1", "b2", "c", "d"] {
            query(
                "INSERT INTO tunnels (account_id, tunnel_id, name, config_source, config_version, sealed_secret,
                     created_at, ever_connected, inactive_since)
                 VALUES ($1, $2, $3, 'local', 0, $4, 0, $5, 0)",
            )
            .bind(account.to_string())
            .bind(uuid::Uuid::new_v4())
            .bind(name)
            .bind(Vec::new())
            .bind(false)
            .execute(&mut connection)
            .await
            .unwrap();
        }
        let now = Timestamp::from_unix_micros(0).unwrap();
        let rest = TunnelFilter::default();
        for (prefix, many, expected) in [
            ("b", 3, Some(3)),
            ("b", 2, None),
            ("c", 3, None),
            ("", 1, Some(0)),
        ] {
            let outside = outside(&mut connection, account, &rest, prefix, many, now).await;
            assert_eq!(outside.unwrap(), expected, "{prefix} {many}");
        }
        for (prefix, expected) in [("b", 2), ("c", 1), ("x", 0)] {
            let with = with_prefix(&mut connection, account, &rest, prefix, now).await;
            assert_eq!(with.unwrap(), expected, "{prefix}");
        }
    }
}
