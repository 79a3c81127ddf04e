//! Tunnels: making, finding, listing and deleting them.

use adit_core::{
    port::{
        Actor, CatalogError, ChangeNumber, ConnectorRecord, NewTunnel, Page, PageRequest, Tunnel,
        TunnelFilter,
    },
    status::{ConnectionFacts, FactFilter, MISSING_WINDOW},
};
use adit_model::{
    AccountId, ConfigSource, ConfigVersion, Timestamp, TunnelId, TunnelKey, TunnelSecret, TunnelStatus,
};
use sqlx::query::Query;

use crate::{
    connectors,
    engine::{Connection, Database, Row},
    failure::{Cause, Failure},
    hosts,
    row::{column, id, optional_time, parsed, time},
    seal::Sealer,
    tx::{Audit, Object, Tx, counter},
};

type Arguments = <Database as sqlx::Database>::Arguments;

/// The tunnels of a list: conditions on `t`, whose parameters [`bind_filter`] gives, `$10` to `$12` free.
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
            AND ($10 IS NULL OR ("
    };
}

/// Whether a connector of `t` with a live connection has an index that ended since `$11` and is not live again.
macro_rules! missing {
    () => {
        "EXISTS (
            SELECT 1 FROM connections gone
            WHERE gone.account_id = t.account_id AND gone.tunnel_id = t.tunnel_id AND gone.closed_at >= $11
            AND EXISTS (
                SELECT 1 FROM connections live
                WHERE live.account_id = gone.account_id AND live.tunnel_id = gone.tunnel_id
                AND live.connector_id = gone.connector_id AND live.closed_at IS NULL)
            AND NOT EXISTS (
                SELECT 1 FROM connections live
                WHERE live.account_id = gone.account_id AND live.tunnel_id = gone.tunnel_id
                AND live.connector_id = gone.connector_id AND live.closed_at IS NULL
                AND live.connection_index = gone.connection_index))"
    };
}

const COUNT: &str = concat!("SELECT COUNT(*)", matching!(), missing!(), ") = $10)");

const LIST: &str = concat!(
    "SELECT t.*, ",
    missing!(),
    " AS missing",
    matching!(),
    missing!(),
    ") = $10) ORDER BY t.created_at DESC, t.tunnel_id LIMIT $12 OFFSET $13"
);

fn bind_filter<'q>(
    query: Query<'q, Database, Arguments>,
    account: AccountId,
    filter: &'q TunnelFilter,
    now: Timestamp,
) -> Query<'q, Database, Arguments> {
    let facts = filter.status.map(FactFilter::from).unwrap_or_default();
    let prefix = |prefix: &'q Option<String>| prefix.as_deref().filter(|prefix| !prefix.is_empty());
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
        .bind(facts.missing)
        .bind(missing_since(now))
}

fn missing_since(now: Timestamp) -> i64 {
    let window = i64::try_from(MISSING_WINDOW.as_micros()).unwrap_or(i64::MAX);
    now.unix_micros().saturating_sub(window)
}

/// Part of an account's tunnels, newest first.
pub(crate) async fn list(
    connection: &mut Connection,
    account: AccountId,
    filter: &TunnelFilter,
    page: PageRequest,
    now: Timestamp,
) -> Result<Page<Tunnel>, Cause> {
    let total = bind_filter(sqlx::query(COUNT), account, filter, now)
        .fetch_one(&mut *connection)
        .await?;
    let rows = bind_filter(sqlx::query(LIST), account, filter, now)
        .bind(i64::from(page.per_page))
        .bind(i64::try_from(page.offset()).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    let mut items = rows.iter().map(tunnel).collect::<Result<Vec<_>, _>>()?;
    let connected: Vec<TunnelId> = items
        .iter()
        .filter(|item| item.active_since.is_some())
        .map(|item| item.key.tunnel)
        .collect();
    let mut connectors = connectors::live(connection, account, &connected).await?;
    for item in &mut items {
        item.connectors = connectors.remove(&item.key.tunnel).unwrap_or_default();
    }
    Ok(Page {
        items,
        total: u64::try_from(sqlx::Row::try_get::<i64, _>(&total, 0)?).unwrap_or_default(),
    })
}

/// One tunnel, deleted or not.
pub(crate) async fn find(
    connection: &mut Connection,
    key: TunnelKey,
    now: Timestamp,
) -> Result<Option<Tunnel>, Cause> {
    let filter = TunnelFilter {
        id: Some(key.tunnel),
        ..TunnelFilter::default()
    };
    let page = list(
        connection,
        key.account,
        &filter,
        PageRequest { page: 1, per_page: 1 },
        now,
    )
    .await?;
    Ok(page.items.into_iter().next())
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
        key: TunnelKey {
            account: parsed(row, "account_id")?,
            tunnel: id(row, "tunnel_id", TunnelId::from_uuid)?,
        },
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

/// The column `config_source`.
pub(crate) fn config_source(row: &Row) -> Result<ConfigSource, Cause> {
    match column::<&str>(row, "config_source")? {
        "local" => Ok(ConfigSource::Local),
        "cloudflare" => Ok(ConfigSource::Cloudflare),
        _ => Err(Cause::BadColumn("config_source")),
    }
}

const fn config_source_name(source: ConfigSource) -> &'static str {
    match source {
        ConfigSource::Local => "local",
        ConfigSource::Cloudflare => "cloudflare",
    }
}

/// Makes a tunnel with a given id.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    sealer: &Sealer,
    tunnel: TunnelId,
    new: NewTunnel,
    actor: &Actor,
) -> Result<(Tunnel, ChangeNumber), Failure<CatalogError>> {
    let key = TunnelKey {
        account: new.account,
        tunnel,
    };
    if name_is_taken(tx.connection, &new).await? {
        return Err(Failure::Refused(CatalogError::NameTaken(new.name)));
    }
    let created_at = tx.now.unix_micros();
    sqlx::query(
        "INSERT INTO tunnels (account_id, tunnel_id, name, config_source, config_version, sealed_secret,
             created_at, ever_connected, inactive_since)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7)",
    )
    .bind(key.account.to_string())
    .bind(tunnel.uuid())
    .bind(new.name.as_str())
    .bind(config_source_name(new.config_source))
    .bind(i64::from(ConfigVersion::default().0))
    .bind(sealer.seal_secret(&new.secret, key)?)
    .bind(created_at)
    .bind(false)
    .execute(&mut *tx.connection)
    .await?;
    let object = format!("{tunnel} {}", new.name);
    tx.audit(Audit {
        account: Some(key.account),
        actor,
        action: "tunnel.create",
        object,
    })
    .await?;
    let change = tx.changed(Object::Tunnel(key)).await?;
    let tunnel = Tunnel {
        key,
        name: new.name,
        config_source: new.config_source,
        created_at: tx.now,
        deleted_at: None,
        status: TunnelStatus::Inactive,
        active_since: None,
        inactive_since: Some(tx.now),
        connectors: Vec::new(),
    };
    Ok((tunnel, change))
}

async fn name_is_taken(connection: &mut Connection, new: &NewTunnel) -> Result<bool, Cause> {
    let taken = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM tunnels WHERE account_id = $1 AND name = $2 AND deleted_at IS NULL)",
    )
    .bind(new.account.to_string())
    .bind(new.name.as_str())
    .fetch_one(connection)
    .await?;
    Ok(taken)
}

/// Marks a tunnel deleted, if it is not. Its public routes stay.
pub(crate) async fn delete(
    tx: &mut Tx<'_>,
    key: TunnelKey,
    actor: &Actor,
) -> Result<(Tunnel, ChangeNumber), Failure<CatalogError>> {
    let found = find(tx.connection, key, tx.now).await?;
    let mut tunnel = found.ok_or(Failure::Refused(CatalogError::NoTunnel))?;
    if tunnel.deleted_at.is_some() {
        return Ok((tunnel, counter(tx.connection, "change").await?));
    }
    sqlx::query("UPDATE tunnels SET deleted_at = $3 WHERE account_id = $1 AND tunnel_id = $2")
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .bind(tx.now.unix_micros())
        .execute(&mut *tx.connection)
        .await?;
    tunnel.deleted_at = Some(tx.now);
    let object = format!("{} {}", key.tunnel, tunnel.name);
    tx.audit(Audit {
        account: Some(key.account),
        actor,
        action: "tunnel.delete",
        object,
    })
    .await?;
    let change = tx.changed(Object::Tunnel(key)).await?;
    Ok((tunnel, change))
}

/// Tells readers of the routes that wait for a tunnel of this id: its records may be older than itself.
pub(crate) async fn routes_changed(tx: &mut Tx<'_>, key: TunnelKey) -> Result<Option<ChangeNumber>, Cause> {
    let mut last = None;
    for pattern in hosts::of_tunnel(tx.connection, key).await? {
        last = Some(tx.changed(Object::Host(pattern)).await?);
    }
    Ok(last)
}

/// The secret of a live tunnel.
pub(crate) async fn secret(
    connection: &mut Connection,
    sealer: &Sealer,
    key: TunnelKey,
) -> Result<Option<TunnelSecret>, Cause> {
    let row = sqlx::query(
        "SELECT sealed_secret FROM tunnels WHERE account_id = $1 AND tunnel_id = $2 AND deleted_at IS NULL",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .fetch_optional(connection)
    .await?;
    row.map(|row| sealer.open_secret(column(&row, "sealed_secret")?, key))
        .transpose()
}
