//! The versions of a site's configuration.

use adit_core::{
    ha::HaSetting,
    port::{Actor, CatalogError, ChangeNumber, SiteConfiguration},
};
use adit_model::{ConfigVersion, TunnelKey};

use super::live;
use crate::{
    engine::{Connection, Row},
    failure::{Cause, Failure},
    presence::rows,
    row::{column, number, parsed, time},
    sql::query,
    tx::{Object, Tx},
};

/// One version, while it is kept.
pub(super) async fn find(
    connection: &mut Connection,
    key: TunnelKey,
    version: ConfigVersion,
) -> Result<Option<SiteConfiguration>, Cause> {
    let row = query(
        "SELECT version, ha_mode, config, author, created_at FROM site_configurations
         WHERE account_id = $1 AND tunnel_id = $2 AND version = $3",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .bind(i64::from(version.0))
    .fetch_optional(connection)
    .await?;
    row.map(|row| configuration(&row)).transpose()
}

fn configuration(row: &Row) -> Result<SiteConfiguration, Cause> {
    let config = column::<Option<&str>>(row, "config")?
        .map(serde_json::from_str)
        .transpose()
        .map_err(|_| Cause::BadColumn("config"))?;
    Ok(SiteConfiguration {
        version: ConfigVersion(number(row, "version")?),
        setting: HaSetting::read(parsed(row, "ha_mode")?, config).map_err(|_| Cause::BadColumn("config"))?,
        author: column(row, "author")?,
        created_at: time(row, "created_at")?,
    })
}

/// What a new site starts with.
pub(super) async fn insert_first(
    tx: &mut Tx<'_>,
    key: TunnelKey,
    setting: &HaSetting,
    actor: &Actor,
) -> Result<(), Cause> {
    query(
        "INSERT INTO ha_state (account_id, tunnel_id, version, ha_mode, epoch) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .bind(0_i64)
    .bind(setting.mode().as_str())
    .bind(0_i64)
    .execute(&mut *tx.connection)
    .await?;
    insert(tx, key, 0, setting, actor).await
}

async fn insert(
    tx: &mut Tx<'_>,
    key: TunnelKey,
    version: i32,
    setting: &HaSetting,
    actor: &Actor,
) -> Result<(), Cause> {
    query(
        "INSERT INTO site_configurations (account_id, tunnel_id, version, ha_mode, config, author, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(key.account.to_string())
    .bind(key.tunnel.uuid())
    .bind(i64::from(version))
    .bind(setting.mode().as_str())
    .bind(
        setting
            .config()
            .map(|config| serde_json::Value::Object(config).to_string()),
    )
    .bind(&actor.name)
    .bind(tx.now.unix_micros())
    .execute(&mut *tx.connection)
    .await?;
    Ok(())
}

/// The next version; those beyond the newest `kept` go.
pub(super) async fn insert_next(
    tx: &mut Tx<'_>,
    key: TunnelKey,
    setting: HaSetting,
    kept: u32,
    actor: &Actor,
) -> Result<(SiteConfiguration, ChangeNumber), Failure<CatalogError>> {
    let row = live(tx.connection, key).await?;
    let row = row.ok_or(Failure::Refused(CatalogError::NoTunnel))?;
    let version = number::<i32>(&row, "version")?.saturating_add(1);
    insert(tx, key, version, &setting, actor).await?;
    query("DELETE FROM site_configurations WHERE account_id = $1 AND tunnel_id = $2 AND version <= $3")
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .bind(i64::from(version) - i64::from(kept.max(1)))
        .execute(&mut *tx.connection)
        .await?;
    query("UPDATE ha_state SET version = $3, ha_mode = $4 WHERE account_id = $1 AND tunnel_id = $2")
        .bind(key.account.to_string())
        .bind(key.tunnel.uuid())
        .bind(i64::from(version))
        .bind(setting.mode().as_str())
        .execute(&mut *tx.connection)
        .await?;
    rows::observe(tx, key).await?;
    tx.audited(
        key.account,
        actor,
        "site.configure",
        format!("{} version {version}: {}", key.tunnel, setting.mode()),
    )
    .await?;
    let change = tx.changed(Object::Tunnel(key)).await?;
    let configuration = SiteConfiguration {
        version: ConfigVersion(version),
        setting,
        author: actor.name.clone(),
        created_at: tx.now,
    };
    Ok((configuration, change))
}
