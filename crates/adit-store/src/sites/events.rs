//! The decisions about who is active in a site.

use std::time::Duration;

use adit_core::{
    ha::{Epoch, HaEvent},
    port::{Page, PageRequest},
};
use adit_model::{ConnectorId, TunnelKey};

use crate::{
    engine::{Connection, Row},
    failure::Cause,
    page,
    row::{column, number, parsed, time},
    sql::query,
    tx::Tx,
};

/// The most that are kept of a site.
const KEPT: u64 = 1000;

fn numbered(epoch: Epoch) -> Result<i64, Cause> {
    i64::try_from(epoch.0).map_err(|_| Cause::BadColumn("epoch"))
}

/// Keeps one; those beyond the newest go.
pub(super) async fn insert(tx: &mut Tx<'_>, key: TunnelKey, event: HaEvent) -> Result<(), Cause> {
    query(
        "INSERT INTO ha_events (account_id, tunnel_id, epoch, at, cause, from_connector, to_connector)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .bind(numbered(event.epoch)?)
    .bind(event.at.unix_micros())
    .bind(event.cause.as_str())
    .bind(event.from.map(|connector| connector.uuid()))
    .bind(event.to.map(|connector| connector.uuid()))
    .execute(&mut *tx.connection)
    .await?;
    query("DELETE FROM ha_events WHERE account_id = $1 AND tunnel_id = $2 AND epoch <= $3")
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .bind(numbered(Epoch(event.epoch.0.saturating_sub(KEPT)))?)
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}

/// Adds to one how long no traffic was.
pub(super) async fn note_gap(
    tx: &mut Tx<'_>,
    key: TunnelKey,
    epoch: Epoch,
    gap: Duration,
) -> Result<(), Cause> {
    query("UPDATE ha_events SET gap_us = $4 WHERE account_id = $1 AND tunnel_id = $2 AND epoch = $3")
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .bind(numbered(epoch)?)
        .bind(i64::try_from(gap.as_micros()).unwrap_or(i64::MAX))
        .execute(&mut *tx.connection)
        .await?;
    Ok(())
}

/// Part of a site's, newest first.
pub(super) async fn list(
    connection: &mut Connection,
    key: TunnelKey,
    page: PageRequest,
) -> Result<Page<HaEvent>, Cause> {
    let of = |text| query(text).bind(key.account.to_string()).bind(key.tunnel.uuid());
    let count = of("SELECT COUNT(*) FROM ha_events WHERE account_id = $1 AND tunnel_id = $2");
    let rows = of(
        "SELECT epoch, at, cause, from_connector, to_connector, gap_us FROM ha_events
         WHERE account_id = $1 AND tunnel_id = $2 ORDER BY epoch DESC",
    );
    page::page(connection, count, rows, page, event).await
}

fn event(row: &Row) -> Result<HaEvent, Cause> {
    let connector = |name| {
        let id = column::<Option<uuid::Uuid>>(row, name)?;
        Ok::<_, Cause>(id.map(ConnectorId::from_uuid))
    };
    let gap = column::<Option<i64>>(row, "gap_us")?
        .map(u64::try_from)
        .transpose()
        .map_err(|_| Cause::BadColumn("gap_us"))?;
    Ok(HaEvent {
        epoch: Epoch(number(row, "epoch")?),
        at: time(row, "at")?,
        cause: parsed(row, "cause")?,
        from: connector("from_connector")?,
        to: connector("to_connector")?,
        gap: gap.map(Duration::from_micros),
    })
}
