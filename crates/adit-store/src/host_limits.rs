//! Limits of host names. They live with the zone, so that whoever has the name next does not inherit them.

use adit_core::{
    host_limits::{HostLimits, WrittenLimits},
    port::{Actor, ChangeNumber, LimitedHost, LimitedHostError, LimitedHosts},
};
use adit_model::{AccountId, HostPattern, ZoneId};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{
    engine::{Connection, Row},
    failure::{Cause, Failure},
    read::{change, read},
    row::{column, parsed, time},
    sql::query,
    store::Store,
    tx::{Audit, Object, Tx, counter},
};

#[async_trait]
impl LimitedHosts for Store {
    async fn host_limits(
        &self,
        account: AccountId,
        host: &HostPattern,
    ) -> Result<LimitedHost, LimitedHostError> {
        let found = read!(self, "look up limits of a host name", |reader| of_host(
            reader, account, host
        ));
        found.ok_or_else(|| LimitedHostError::NoZone(host.clone()))
    }

    async fn set_host_limits(
        &self,
        account: AccountId,
        host: HostPattern,
        limits: HostLimits,
        actor: &Actor,
    ) -> Result<(LimitedHost, ChangeNumber), LimitedHostError> {
        change!(self, "set limits of a host name", actor, |tx, actor| set(
            tx, account, host, limits, actor
        ))
    }
}

macro_rules! columns {
    () => {
        "host, requests_per_second, burst, concurrent_requests, max_request_body_bytes, modified_at"
    };
}

/// Every host name with limits. One that is unreadable is said and left out.
pub(crate) async fn all(connection: &mut Connection) -> Result<Vec<(HostPattern, HostLimits)>, Cause> {
    let rows = query(concat!("SELECT ", columns!(), " FROM host_limits"))
        .fetch_all(connection)
        .await?;
    let readable = |row: &Row| {
        limited(row)
            .inspect_err(|error| tracing::error!(%error, "limits of a host name are unreadable and left out"))
            .ok()
    };
    Ok(rows
        .iter()
        .filter_map(readable)
        .map(|one| (one.host, one.limits))
        .collect())
}

/// The limits of a name or wildcard.
pub(crate) async fn find(
    connection: &mut Connection,
    host: &HostPattern,
) -> Result<Option<LimitedHost>, Cause> {
    let row = query(concat!(
        "SELECT ",
        columns!(),
        " FROM host_limits WHERE host = $1"
    ))
    .bind(host.to_string())
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(limited).transpose()
}

/// Removes limits of a zone's names, `most` at most; the names.
pub(crate) async fn remove_some(tx: &mut Tx<'_>, zone: ZoneId, most: i64) -> Result<Vec<HostPattern>, Cause> {
    let rows = query("SELECT host FROM host_limits WHERE zone_id = $1 ORDER BY host LIMIT $2")
        .bind(zone.to_string())
        .bind(most)
        .fetch_all(&mut *tx.connection)
        .await?;
    if let Some(last) = rows.last() {
        query("DELETE FROM host_limits WHERE zone_id = $1 AND host <= $2")
            .bind(zone.to_string())
            .bind(column::<&str>(last, "host")?)
            .execute(&mut *tx.connection)
            .await?;
    }
    rows.iter().map(|row| parsed(row, "host")).collect()
}

/// The limits of a name of the account; `None` if the account has no zone for it.
async fn of_host(
    connection: &mut Connection,
    account: AccountId,
    host: &HostPattern,
) -> Result<Option<LimitedHost>, Cause> {
    // No other account has a zone above or below, so these limits are this account's.
    if zone_of(connection, account, host).await?.is_none() {
        return Ok(None);
    }
    let found = find(connection, host).await?;
    Ok(Some(found.unwrap_or_else(|| LimitedHost {
        host: host.clone(),
        limits: HostLimits::default(),
        modified_at: None,
    })))
}

/// The account's zone that has the name; of several, the one deepest down.
async fn zone_of(
    connection: &mut Connection,
    account: AccountId,
    host: &HostPattern,
) -> Result<Option<ZoneId>, Cause> {
    let above = host.base().ancestry().map(str::to_owned);
    let found = query("SELECT id FROM zones WHERE account_id = $1 AND name IN ")
        .bind(account.to_string())
        .push_list(above)
        .push(" ORDER BY length(name) DESC, id LIMIT 1")
        .fetch_optional(connection)
        .await?;
    found.as_ref().map(|row| parsed(row, "id")).transpose()
}

async fn set(
    tx: &mut Tx<'_>,
    account: AccountId,
    host: HostPattern,
    limits: HostLimits,
    actor: &Actor,
) -> Result<(LimitedHost, ChangeNumber), Failure<LimitedHostError>> {
    let zone = zone_of(tx.connection, account, &host).await?;
    let zone = zone.ok_or_else(|| Failure::Refused(LimitedHostError::NoZone(host.clone())))?;
    let before = find(tx.connection, &host).await?;
    let unchanged = match &before {
        Some(before) => before.limits == limits,
        None => limits.is_empty(),
    };
    let after = LimitedHost {
        host: host.clone(),
        limits,
        modified_at: Some(tx.now),
    };
    if unchanged {
        let as_it_was = before.unwrap_or(LimitedHost {
            modified_at: None,
            ..after
        });
        return Ok((as_it_was, counter(tx.connection, "change").await?));
    }
    write(tx, zone, &after).await?;
    let entry = Audit {
        account: Some(account),
        actor,
        action: "host_limits.update",
        object: host.to_string(),
    };
    let before = before.filter(|before| !before.limits.is_empty());
    let now = Some(&after).filter(|after| !after.limits.is_empty());
    tx.audit(entry.with(before.as_ref().map(state), now.map(state)))
        .await?;
    let change = tx.changed(Object::Limits(host)).await?;
    Ok((after, change))
}

/// A row even of no limits tells when they were taken away.
async fn write(tx: &mut Tx<'_>, zone: ZoneId, one: &LimitedHost) -> Result<(), Cause> {
    let number = |value: Option<u64>| value.and_then(|value| i64::try_from(value).ok());
    let limits = one.limits.written();
    query(
        "INSERT INTO host_limits (host, zone_id, requests_per_second, burst, concurrent_requests,
             max_request_body_bytes, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (host) DO UPDATE SET zone_id = excluded.zone_id,
             requests_per_second = excluded.requests_per_second, burst = excluded.burst,
             concurrent_requests = excluded.concurrent_requests,
             max_request_body_bytes = excluded.max_request_body_bytes, modified_at = excluded.modified_at",
    )
    .bind(one.host.to_string())
    .bind(zone.to_string())
    .bind(number(limits.requests_per_second))
    .bind(number(limits.burst))
    .bind(number(limits.concurrent_requests))
    .bind(number(limits.max_request_body_bytes))
    .bind(tx.now.unix_micros())
    .execute(&mut *tx.connection)
    .await?;
    Ok(())
}

fn limited(row: &Row) -> Result<LimitedHost, Cause> {
    let number =
        |name| Ok::<_, Cause>(column::<Option<i64>>(row, name)?.and_then(|value| u64::try_from(value).ok()));
    let written = WrittenLimits {
        requests_per_second: number("requests_per_second")?,
        burst: number("burst")?,
        concurrent_requests: number("concurrent_requests")?,
        max_request_body_bytes: number("max_request_body_bytes")?,
    };
    Ok(LimitedHost {
        host: parsed(row, "host")?,
        limits: HostLimits::read(written).map_err(|error| Cause::BadColumn(error.field))?,
        modified_at: Some(time(row, "modified_at")?),
    })
}

fn state(one: &LimitedHost) -> Value {
    let limits = one.limits.written();
    json!({
        "requests_per_second": limits.requests_per_second,
        "burst": limits.burst,
        "concurrent_requests": limits.concurrent_requests,
        "max_request_body_bytes": limits.max_request_body_bytes,
    })
}
